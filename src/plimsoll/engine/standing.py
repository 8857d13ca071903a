"""Steps 6 and 7: forecasts, and when due the auction that sets the standing programme."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.rules import conviction as conviction_of
from plimsoll.alpha.terms import terms_of
from plimsoll.capital import scenarios as scenario_sets
from plimsoll.capital.competition import AuctionInputs, hold
from plimsoll.core.decision import AuctionRecord, Carried, HeldPair, Programme, Share, StopState
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.restraint import Restraint, RiskEvent
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.core.state import State
from plimsoll.costs.model import estimate
from plimsoll.engine.asking import Answers, ask, due
from plimsoll.engine.book import Book
from plimsoll.engine.desk import Desk
from plimsoll.engine.lifecycle import Following, noted
from plimsoll.engine.outlook import Regime
from plimsoll.risk import freshness, pairs, stops

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Standing:
    """Steps 6-7: the programme in force, and the auction if one was held, with the scenarios it was held on.

    ``target`` and ``confidence`` are (N,): weights of NAV, and the highest confidence behind each, NaN without one.
    ``following`` are the strategies, with what the auction added to their evidence; None where they are not followed.
    """

    programme: Programme | None
    target: Floats
    confidence: Floats
    stops: tuple[StopState, ...]
    pairs: tuple[HeldPair, ...]
    auction: AuctionRecord | None
    openings: tuple[tuple[int, str], ...]
    scenarios: ScenarioSet | None
    events: tuple[RiskEvent, ...]
    following: Following | None = None


def stand(
    view: View,
    state: State,
    desk: Desk,
    book: Book,
    regime: Regime,
    restraint: Restraint,
    limits: LimitSet,
    stop_states: tuple[StopState, ...],
    alike: tuple[HeldPair, ...],
    stale: Floats,
    following: Following | None = None,
) -> Standing:
    """The programme in force after this session: a new one when an auction is due, else the standing one.

    ``alike`` are the pairs that move alike among what is held or wanted; an auction adds those among its bidders.
    """
    carried = state.carried
    programme = carried.programme
    asked = due(view, state, desk) if book.known else None
    if asked is None:
        target, confidence = target_of(programme, desk), _confidence(programme, desk)
        return Standing(programme, target, confidence, stop_states, alike, None, carried.openings, None, (), following)
    shares = _present_shares(programme, book, desk)
    answers = ask(view, desk, shares, programme, asked)
    columns = _columns(answers, book, desk)
    held_pairs = pairs.update(view, pairs.concerned(view, columns, alike), alike, desk.policy)
    limits = replace(limits, pairs=pairs.limits(held_pairs, view.symbols, limits.weight_max, desk.policy))
    lifted = stops.lift(stop_states, view, desk.policy)
    scenarios = scenario_sets.build(view, columns, desk.policy, stressed=True)
    one_way = _one_way_cost(view, desk, book, columns, regime)
    result = hold(
        AuctionInputs(
            view=view,
            forecasts=tuple(answers.forecasts),
            limits=limits,
            scenarios=scenarios,
            held=book.weights,
            shares=shares,
            nav=book.nav,
            adv=desk.depth(view.now("adv")),
            quality=view.certified("quality")[-1],
            blocked=_blocked(view, desk, regime, restraint, stale, lifted, columns),
            confidence_min=max(desk.policy.forecast.confidence_min, restraint.confidence_min),
            stage_caps={} if following is None else following.caps,
            decay=None if following is None else following.decay,
            buy_cost=one_way,
            round_trip=2.0 * one_way,
            kept=answers.kept,
            targets=frozenset(answers.targets),
            holding={s.name: terms_of(s, desk.policy).holding_sessions for s in desk.strategies},
        ),
        desk.policy,
    )
    mu, conviction = _expectations(answers, result.shares, desk.policy.auction.horizon)
    fresh = Programme(view.day, result.shares, result.confidence, mu, conviction)
    events = (*answers.events, *_scaled(view, result.record), *_concentration(view, result.record, desk))
    openings = _openings(view, carried, result.shares, book, desk)
    if following is not None:
        following = noted(following, answers, view, desk.policy)
    return Standing(
        fresh,
        target_of(fresh, desk),
        _confidence(fresh, desk),
        lifted,
        held_pairs,
        result.record,
        openings,
        scenarios,
        events,
        following,
    )


def _expectations(
    answers: Answers, shares: tuple[Share, ...], horizon: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Highest expected return at ``horizon`` sessions and largest conviction (annual Sharpe) per bought symbol."""
    bought = {(s.strategy, s.symbol) for s in shares}
    mu: dict[str, float] = {}
    conviction: dict[str, float] = {}
    for name, said in answers.all:
        for f in said:
            if (name, f.symbol) in bought:
                mu[f.symbol] = max(mu.get(f.symbol, -np.inf), f.mu * horizon / f.horizon)
                strength = conviction_of(f.mu, f.sigma, f.horizon) if f.sigma > 0 else np.inf  # certainty is suspect
                conviction[f.symbol] = max(conviction.get(f.symbol, 0.0), strength)
    return mu, conviction


def _scaled(view: View, auction: AuctionRecord) -> tuple[RiskEvent, ...]:
    """Target portfolios that a limit let in at part of their size only, with the scale and the limit's name."""
    return tuple(
        RiskEvent(view.date, "TARGET_SCALED", "INFO", t.scale, 1.0, f"{t.strategy}: {t.limit}")
        for t in auction.targets
        if t.scale < 1.0
    )


def _columns(answers: Answers, book: Book, desk: Desk) -> NDArray[np.int64]:
    wanted = {desk.column[f.symbol] for _, said in answers.forecasts for f in said if f.symbol in desk.column}
    return np.array(sorted(wanted | {int(c) for c in book.columns}), dtype=np.int64)


def _present_shares(programme: Programme | None, book: Book, desk: Desk) -> tuple[Share, ...]:
    """The held weights attributed to the strategies whose programme bought them, pro rata."""
    if programme is None:
        return ()
    target = target_of(programme, desk)
    present = []
    for share in programme.shares:
        column = desk.column[share.symbol]
        if target[column] > 0.0 and book.weights[column] > 0.0:
            weight = float(share.weight / target[column] * book.weights[column])
            present.append(Share(share.strategy, share.symbol, weight))
    return tuple(present)


def target_of(programme: Programme | None, desk: Desk) -> Floats:
    """(N,) target weights of a programme, fractions of NAV; zeros without one."""
    target = np.zeros(len(desk.symbols))
    if programme is not None:
        for share in programme.shares:
            target[desk.column[share.symbol]] += share.weight
    return target


def _confidence(programme: Programme | None, desk: Desk) -> Floats:
    confidence = np.full(len(desk.symbols), np.nan)
    if programme is not None:
        for symbol, value in programme.confidence.items():
            confidence[desk.column[symbol]] = value
    return confidence


def _blocked(
    view: View,
    desk: Desk,
    regime: Regime,
    restraint: Restraint,
    stale: Floats,
    stop_states: tuple[StopState, ...],
    columns: NDArray[np.int64],
) -> dict[int, str]:
    """Columns whose bids may not exceed what is held, with the reason.

    A drawdown halt is not among them: auctions run during a halt and the book takes only their reductions (R4).
    """
    eligible = view.now("eligible")
    stopped = {desk.column[s.symbol] for s in stop_states if s.cap < stops.UNCAPPED}
    blocked: dict[int, str] = {}
    for c in (int(c) for c in columns):
        if not desk.instruments[c].tradable:
            blocked[c] = "NOT_TRADABLE"
        elif eligible[c] == 0.0:
            blocked[c] = "NOT_ACTIVE"
        elif stale[c] != 0.0:
            blocked[c] = freshness.reason_of(stale[c]) or "STALE_BAR"
        elif c in stopped:
            blocked[c] = "STOP_CAP"
        elif desk.crypto[c] and restraint.no_new_crypto:
            blocked[c] = "LADDER_NO_CRYPTO"
        elif desk.crypto[c] and regime.figure.stress:
            blocked[c] = "REGIME_NO_CRYPTO"
    return blocked


def _one_way_cost(view: View, desk: Desk, book: Book, columns: NDArray[np.int64], regime: Regime) -> Floats:
    """(N,) cost fraction of an order of one band of NAV (A7); NaN where liquidity is unknown, which bars entry."""
    reference = book.nav / 100.0 * desk.policy.shaping.band_nav
    one_way = np.full(len(desk.symbols), np.nan)
    priced = estimate(
        tuple(desk.kinds[c] for c in columns),
        np.full(columns.size, reference),
        view.now("adv")[columns],
        view.now("sigma")[columns],
        regime.state,
        desk.policy.costs,
        tuple(desk.symbols[c] for c in columns),
        book.prices[columns],
    )
    one_way[columns] = np.where(priced.known, priced.total, np.nan)
    return one_way


def _concentration(view: View, auction: AuctionRecord, desk: Desk) -> tuple[RiskEvent, ...]:
    """The alarm of A4: one symbol with too large an Euler share of the programme's CVaR, among several."""
    parts: dict[str, float] = {}
    for bid in auction.bids:
        if bid.weight > 0.0:
            parts[bid.symbol] = parts.get(bid.symbol, 0.0) + bid.cvar_share
    total, limit = sum(parts.values()), desk.policy.cvar.euler_alarm
    if len(parts) < desk.policy.cvar.euler_holdings or not total > 0.0:
        return ()
    symbol = max(parts, key=lambda s: (parts[s], s))
    share = parts[symbol] / total
    return () if share <= limit else (RiskEvent(view.date, "TAIL_CONCENTRATION", "WARNING", share, limit, symbol),)


def _openings(
    view: View, carried: Carried, shares: tuple[Share, ...], book: Book, desk: Desk
) -> tuple[tuple[int, str], ...]:
    """Opening bids of the last sessions, for CORRELATED_WINS (G2)."""
    window = desk.policy.vetoes.wins_sessions
    recent = [o for o in carried.openings if view.sessions.sessions_between(o[0], view.row) < window]
    opened = dict.fromkeys(s.symbol for s in shares if s.weight > 0.0 and book.weights[desk.column[s.symbol]] == 0.0)
    return (*recent, *((view.day, symbol) for symbol in opened))

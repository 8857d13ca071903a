"""Step 7: when due, the auction that sets the standing programme."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.rules import conviction as conviction_of
from plimsoll.alpha.terms import terms_of
from plimsoll.capital import scenarios as scenario_sets
from plimsoll.capital.competition import AuctionInputs, hold
from plimsoll.core.decision import AuctionRecord, Carried, HeldPair, Share, StopState, TargetPortfolio
from plimsoll.core.panel import View
from plimsoll.core.restraint import RiskEvent
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.costs.model import estimate
from plimsoll.engine.answers import Answers
from plimsoll.engine.asking import present_shares
from plimsoll.engine.book import MarkedBook, target_of
from plimsoll.engine.context import CycleContext
from plimsoll.engine.desk import Desk
from plimsoll.engine.lifecycle import Following, noted
from plimsoll.risk import freshness, pairs, stops

Floats = NDArray[np.float64]


class Standing(msgspec.Struct, frozen=True, eq=False):
    """The programme in force, and the auction if one was held, with the scenarios it was held on.

    ``target`` and ``confidence`` are (N,): weights of NAV, and the highest confidence behind each, NaN without one.
    ``following`` are the strategies, with what the auction added to their evidence; None where they are not followed.
    """

    programme: TargetPortfolio | None
    target: Floats
    confidence: Floats
    stops: tuple[StopState, ...]
    pairs: tuple[HeldPair, ...]
    auction: AuctionRecord | None
    openings: tuple[tuple[int, str], ...]
    scenarios: ScenarioSet | None
    events: tuple[RiskEvent, ...]
    following: Following | None = None


def stand(context: CycleContext, answers: Answers | None) -> Standing:
    """The programme in force after this session: that of an auction among ``answers``, without them the standing one.

    The pairs that move alike among what is held or wanted are known; an auction adds those among its bidders.
    """
    carried, desk = context.state.carried, context.desk
    if answers is not None:
        return _auctioned(context, answers)
    target, confidence = target_of(carried.programme, desk), _confidence(carried.programme, desk)
    return Standing(
        carried.programme, target, confidence, context.stops.stops, context.pairs, None, carried.openings, None, (),
        context.following,
    )  # fmt: skip


def _auctioned(context: CycleContext, answers: Answers) -> Standing:
    """Step 7: the programme that the forecasts' auction gives."""
    view, desk, book, following = context.view, context.desk, context.book, context.following
    columns = _columns(answers, book, desk)
    held_pairs = pairs.update(view, pairs.concerned(view, columns, context.pairs), context.pairs, desk.policy)
    lifted = stops.lift(context.stops.stops, view, desk.policy)
    scenarios = scenario_sets.build(view, columns, desk.policy, stressed=True)
    result = hold(_inputs(context, answers, columns, held_pairs, lifted, scenarios), desk.policy)
    mu, conviction = _expectations(answers, result.shares, desk.policy.auction.horizon)
    fresh = TargetPortfolio(view.day, result.shares, result.confidence, mu, conviction)
    return Standing(
        programme=fresh,
        target=target_of(fresh, desk),
        confidence=_confidence(fresh, desk),
        stops=lifted,
        pairs=held_pairs,
        auction=result.record,
        openings=_openings(view, context.state.carried, result.shares, book, desk),
        scenarios=scenarios,
        events=(*answers.events, *_scaled(view, result.record), *_concentration(view, result.record, desk)),
        following=None if following is None else noted(following, answers, view, desk.policy),
    )


def _inputs(
    context: CycleContext,
    answers: Answers,
    columns: NDArray[np.int64],
    held_pairs: tuple[HeldPair, ...],
    lifted: tuple[StopState, ...],
    scenarios: ScenarioSet,
) -> AuctionInputs:
    """What the auction is held on: bids, limits with the bidders' pairs, scenarios, costs and who may not grow."""
    view, desk, book, policy = context.view, context.desk, context.book, context.desk.policy
    following, limits = context.following, context.limits
    one_way = _one_way_cost(context, columns)
    return AuctionInputs(
        view=view,
        forecasts=tuple(answers.forecasts),
        limits=msgspec.structs.replace(limits, pairs=pairs.limits(held_pairs, view.symbols, limits.weight_max, policy)),
        scenarios=scenarios,
        held=book.weights,
        shares=present_shares(context.state.carried.programme, book, desk),
        nav=book.nav,
        adv=desk.depth(view.now("adv")),
        quality=view.certified("quality")[-1],
        blocked=_blocked(context, lifted, columns),
        confidence_min=max(policy.forecast.confidence_min, context.restraint.confidence_min),
        stage_caps={} if following is None else following.caps,
        decay=None if following is None else following.decay,
        buy_cost=one_way,
        round_trip=2.0 * one_way,
        kept=answers.kept,
        targets=frozenset(answers.targets),
        holding={s.name: terms_of(s, policy).holding_sessions for s in desk.strategies},
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


def _columns(answers: Answers, book: MarkedBook, desk: Desk) -> NDArray[np.int64]:
    wanted = {desk.column[f.symbol] for _, said in answers.forecasts for f in said if f.symbol in desk.column}
    return np.array(sorted(wanted | {int(c) for c in book.columns}), dtype=np.int64)


def _confidence(programme: TargetPortfolio | None, desk: Desk) -> Floats:
    confidence = np.full(len(desk.symbols), np.nan)
    if programme is not None:
        for symbol, value in programme.confidence.items():
            confidence[desk.column[symbol]] = value
    return confidence


def _blocked(context: CycleContext, stop_states: tuple[StopState, ...], columns: NDArray[np.int64]) -> dict[int, str]:
    """Columns whose bids may not exceed what is held, with the reason.

    A drawdown halt is not among them: auctions run during a halt and the book takes only their reductions (R4).
    """
    view, desk, restraint, stale = context.view, context.desk, context.restraint, context.stale
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
        elif desk.crypto[c] and context.regime.figure.stress:
            blocked[c] = "REGIME_NO_CRYPTO"
    return blocked


def _one_way_cost(context: CycleContext, columns: NDArray[np.int64]) -> Floats:
    """(N,) cost fraction of an order of one band of NAV (A7); NaN where liquidity is unknown, which bars entry."""
    view, desk, book = context.view, context.desk, context.book
    reference = book.nav / 100.0 * desk.policy.shaping.band_nav
    one_way = np.full(len(desk.symbols), np.nan)
    priced = estimate(
        tuple(desk.kinds[c] for c in columns),
        np.full(columns.size, reference),
        view.now("adv", columns),
        view.now("sigma", columns),
        context.regime.state,
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
    view: View, carried: Carried, shares: tuple[Share, ...], book: MarkedBook, desk: Desk
) -> tuple[tuple[int, str], ...]:
    """Opening bids of the last sessions, for CORRELATED_WINS (G2)."""
    window = desk.policy.vetoes.wins_sessions
    recent = [o for o in carried.openings if view.sessions.sessions_between(o[0], view.row) < window]
    opened = dict.fromkeys(s.symbol for s in shares if s.weight > 0.0 and book.weights[desk.column[s.symbol]] == 0.0)
    return (*recent, *((view.day, symbol) for symbol in opened))

"""Step 7: when due, the auction that sets the target portfolio."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.rules import conviction as conviction_of
from plimsoll.alpha.terms import terms_of
from plimsoll.capital import scenarios as scenario_sets
from plimsoll.capital.competition import AuctionInputs, run_auction
from plimsoll.core.decision import AuctionRecord, Carried, HeldPair, Share, StopState, TargetPortfolio
from plimsoll.core.panel import View
from plimsoll.core.restraint import RiskEvent
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.costs.model import estimate
from plimsoll.engine.answers import Answers
from plimsoll.engine.asking import present_shares
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.context import CycleContext
from plimsoll.engine.lifecycle import StrategyEvidence, with_answers
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import freshness, pairs, stops

Floats = NDArray[np.float64]


class Rebalance(msgspec.Struct, frozen=True, eq=False):
    """The target portfolio in force, and the auction if one was held, with its scenarios.

    ``target`` and ``confidence`` are (N,): weights of NAV, and the highest confidence behind each, NaN without one.
    ``following`` is the strategies' evidence, with the auction's added; None when lifecycle tracking is off.
    """

    portfolio: TargetPortfolio | None
    target: Floats
    confidence: Floats
    stops: tuple[StopState, ...]
    pairs: tuple[HeldPair, ...]
    auction: AuctionRecord | None
    openings: tuple[tuple[int, str], ...]
    scenarios: ScenarioSet | None
    events: tuple[RiskEvent, ...]
    following: StrategyEvidence | None = None


def rebalance(context: CycleContext, answers: Answers | None) -> Rebalance:
    """The target portfolio in force after this session: that of an auction among ``answers``, else the
    present one.

    The pairs that move alike among held and targeted symbols are known; an auction adds those among its bidders.
    """
    carried, run = context.state.carried, context.run
    if answers is not None:
        return _auctioned(context, answers)
    standing = run.standing(carried.portfolio)
    return Rebalance(
        carried.portfolio, standing.target, standing.confidence, context.stops.stops, context.pairs, None,
        carried.openings, None, (), context.following,
    )  # fmt: skip


def _auctioned(context: CycleContext, answers: Answers) -> Rebalance:
    """The target portfolio from an auction of the forecasts."""
    view, run, book, following = context.view, context.run, context.book, context.following
    columns = _columns(answers, book, run)
    held_pairs = pairs.update(view, pairs.concerned(view, columns, context.pairs), context.pairs, run.policy)
    lifted = stops.lift(context.stops.stops, view, run.policy)
    scenarios = scenario_sets.build(view, columns, run.policy, stressed=True)
    result = run_auction(_inputs(context, answers, columns, held_pairs, lifted, scenarios), run.policy)
    mu, conviction = _expectations(answers, result.shares, run.policy.auction.horizon)
    fresh = TargetPortfolio(view.day, result.shares, result.confidence, mu, conviction)
    standing = run.standing(fresh)
    return Rebalance(
        portfolio=fresh,
        target=standing.target,
        confidence=standing.confidence,
        stops=lifted,
        pairs=held_pairs,
        auction=result.record,
        openings=_openings(view, context.state.carried, result.shares, book, run),
        scenarios=scenarios,
        events=(*answers.events, *_scaled(view, result.record), *_concentration(view, result.record, run)),
        following=None if following is None else with_answers(following, answers, view, run.policy),
    )


def _inputs(
    context: CycleContext,
    answers: Answers,
    columns: NDArray[np.int64],
    held_pairs: tuple[HeldPair, ...],
    lifted: tuple[StopState, ...],
    scenarios: ScenarioSet,
) -> AuctionInputs:
    """The auction's inputs: bids, limits with bidders' pairs, scenarios, costs and the symbols that may not grow."""
    view, run, book, policy = context.view, context.run, context.book, context.run.policy
    following, limits = context.following, context.limits
    one_way = _one_way_cost(context, columns)
    return AuctionInputs(
        view=view,
        forecasts=tuple(answers.forecasts),
        limits=msgspec.structs.replace(limits, pairs=pairs.limits(held_pairs, run.column, limits.weight_max, policy)),
        scenarios=scenarios,
        held=book.weights,
        shares=present_shares(context.state.carried.portfolio, book, run),
        nav=book.nav,
        adv=run.depth(view.now("adv")),
        quality=view.certified("quality")[-1],
        blocked=_blocked(context, lifted, columns),
        confidence_min=max(policy.forecast.confidence_min, context.restraint.confidence_min),
        stage_caps={} if following is None else following.caps,
        decay=None if following is None else following.decay,
        buy_cost=one_way,
        round_trip=2.0 * one_way,
        kept=answers.kept,
        targets=frozenset(answers.targets),
        holding={s.name: terms_of(s, policy).holding_sessions for s in run.strategies},
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
    """Target portfolios admitted at part of their size only, with the scale and the limit's name."""
    return tuple(
        RiskEvent(view.date, "TARGET_SCALED", "INFO", t.scale, 1.0, f"{t.strategy}: {t.limit}")
        for t in auction.targets
        if t.scale < 1.0
    )


def _columns(answers: Answers, book: MarkedBook, run: RunContext) -> NDArray[np.int64]:
    wanted = {run.column[f.symbol] for _, said in answers.forecasts for f in said if f.symbol in run.column}
    return np.array(sorted(wanted | {int(c) for c in book.columns}), dtype=np.int64)


def _blocked(context: CycleContext, stop_states: tuple[StopState, ...], columns: NDArray[np.int64]) -> dict[int, str]:
    """Columns whose bids may not exceed the present weight, with the reason.

    A drawdown halt is not among them: auctions run during a halt and only their reductions are traded (R4).
    """
    view, run, restraint, stale = context.view, context.run, context.restraint, context.stale
    eligible = view.now("eligible")
    stopped = {run.column[s.symbol] for s in stop_states if s.cap < stops.UNCAPPED}
    blocked: dict[int, str] = {}
    for c in (int(c) for c in columns):
        if not run.instruments[c].tradable:
            blocked[c] = "NOT_TRADABLE"
        elif eligible[c] == 0.0:
            blocked[c] = "NOT_ACTIVE"
        elif stale[c] != 0.0:
            blocked[c] = freshness.reason_of(stale[c]) or "STALE_BAR"
        elif c in stopped:
            blocked[c] = "STOP_CAP"
        elif run.crypto[c] and restraint.no_new_crypto:
            blocked[c] = "LADDER_NO_CRYPTO"
        elif run.crypto[c] and context.regime.figure.stress:
            blocked[c] = "REGIME_NO_CRYPTO"
    return blocked


def _one_way_cost(context: CycleContext, columns: NDArray[np.int64]) -> Floats:
    """(N,) cost fraction of an order of one band of NAV (A7); NaN where liquidity is unknown, which bars entry."""
    view, run, book = context.view, context.run, context.book
    reference = book.nav / 100.0 * run.policy.shaping.band_nav
    one_way = np.full(len(run.symbols), np.nan)
    priced = estimate(
        tuple(run.kinds[c] for c in columns),
        np.full(columns.size, reference),
        view.now("adv", columns),
        view.now("sigma", columns),
        context.regime.state,
        run.policy.costs,
        tuple(run.symbols[c] for c in columns),
        book.prices[columns],
    )
    one_way[columns] = np.where(priced.known, priced.total, np.nan)
    return one_way


def _concentration(view: View, auction: AuctionRecord, run: RunContext) -> tuple[RiskEvent, ...]:
    """Concentration alarm: one symbol's Euler share of the target portfolio's CVaR is too large, among several (A4)."""
    parts: dict[str, float] = {}
    for bid in auction.bids:
        if bid.weight > 0.0:
            parts[bid.symbol] = parts.get(bid.symbol, 0.0) + bid.cvar_share
    total, limit = sum(parts.values()), run.policy.cvar.euler_alarm
    if len(parts) < run.policy.cvar.euler_holdings or not total > 0.0:
        return ()
    symbol = max(parts, key=lambda s: (parts[s], s))
    share = parts[symbol] / total
    return () if share <= limit else (RiskEvent(view.date, "TAIL_CONCENTRATION", "WARNING", share, limit, symbol),)


def _openings(
    view: View, carried: Carried, shares: tuple[Share, ...], book: MarkedBook, run: RunContext
) -> tuple[tuple[int, str], ...]:
    """Opening bids of the last sessions, for CORRELATED_WINS (G2)."""
    window = run.policy.vetoes.wins_sessions
    recent = [o for o in carried.openings if view.sessions.sessions_between(o[0], view.row) < window]
    opened = dict.fromkeys(s.symbol for s in shares if s.weight > 0.0 and book.weights[run.column[s.symbol]] == 0.0)
    return (*recent, *((view.day, symbol) for symbol in opened))

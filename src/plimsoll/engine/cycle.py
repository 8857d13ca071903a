"""One decision cycle: the steps in their order (E1).

``decide(view, state, run)`` is pure. Backtest, paper and live are shells around it. Its steps, in this order:

1 mark the account (``book``) and bring the strategies' evidence up to the close (``lifecycle``) · 2 observe the regime
(``outlook``) · 3 drawdown ladder · 4 stops · 5 freshness and data governance (``data_bars``), correlation of positions,
limits in force (``limits``) · 6 forecasts, when due (``asking``) · 7 auction, when due: scenarios, pairs, screen,
cost, solve, new target portfolio (``rebalance``) · 8 gates on the current positions: effects of a breach
(``held_book``) · 9 desired = target portfolio under the ladder's ceiling and stops (``desired``) · 10 shape, 11 measure
and judge by the gates, 12 vetoes, 13 scale the increases and repeat (``proposal``) · 14 causes of increases not
made (``causes``) · 15 mode, record and intents (``record``).
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from plimsoll.core.decision import Carried, HeldPair, Plan
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.restraint import Health, RiskEvent
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.core.state import State
from plimsoll.engine.asking import asked
from plimsoll.engine.book import MarkedBook, mark, target_of
from plimsoll.engine.causes import causes_of
from plimsoll.engine.context import CycleContext
from plimsoll.engine.data_bars import data_bars
from plimsoll.engine.desired import desired_weights
from plimsoll.engine.held_book import HeldBook, judge_held
from plimsoll.engine.lifecycle import gather_evidence
from plimsoll.engine.limits import limits_at
from plimsoll.engine.outlook import Regime, observe
from plimsoll.engine.proposal import Scenes, propose
from plimsoll.engine.rebalance import Rebalance, rebalance
from plimsoll.engine.record import record
from plimsoll.engine.run_context import RunContext
from plimsoll.measures.linear import combine
from plimsoll.risk import comovement, ladder, modes, pairs, stops

UNREAD = Health(None, None, data_fresh=False)  # a check that is not read must not pass


def decide(view: View, state: State, run: RunContext) -> Plan:
    """The decision of one session: a record to journal and the intents inside it.

    A function of (view, state, run) alone. It never raises for market data, strategies or solvers: whatever
    cannot be shown safe becomes a refusal with a reason.
    """
    context = observed(view, state, run)  # 1 to 5
    answers = asked(context)  # 6
    rebalanced = rebalance(context, answers)  # 7
    if rebalanced.pairs is not context.pairs:
        context = replace(context, limits=_with_pairs(context, rebalanced.pairs))
    scenes = Scenes(context, rebalanced)
    held = judge_held(context, scenes.tails)  # 8
    if held.frozen:
        context = replace(context, frozen=(*context.frozen, *held.frozen))
    wish = desired_weights(context, rebalanced, held.scale)  # 9
    proposal = propose(context, rebalanced, held, wish, scenes)  # 10 to 13
    causes = causes_of(context, rebalanced, held, wish, proposal, scenes)  # 14
    carried, events = _carried(context, rebalanced, held)  # 15
    return Plan(record(context, rebalanced, wish, proposal, causes, carried, events))


def observed(view: View, state: State, run: RunContext) -> CycleContext:
    """Steps 1 to 5: the account, the market and everything that restrains the session before a forecast is made."""
    policy, before = run.policy, state.carried
    book = mark(view, state, run)  # 1
    following = gather_evidence(view, state, run, book)
    regime = observe(view, before, run)  # 2
    rungs = _ladder(view, state, run, book, regime)  # 3
    stop = stops.step(before.stops, view, book.weights, state.average_cost, policy)  # 4
    stale = view.now("freshness.reason")  # 5
    frozen = tuple(data_bars(view, book, stale, run))
    together, alike = _correlation(view, state, run, book)
    if together.reduce_only:
        frozen = (*frozen, "CORRELATION_ALIKE")
    if state.killed:
        frozen = (*frozen, "KILL_SWITCH")
    lifetime = 1.0 - book.nav / rungs.state.lifetime_peak
    limits = limits_at(view, run, alike, drawdown_lifetime=lifetime, stress=regime.figure.stress, caps=state.caps)
    return CycleContext(
        view, state, run, book, following, regime, rungs, stop, stale, together, alike, limits, frozen
    )  # fmt: skip


def _ladder(view: View, state: State, run: RunContext, book: MarkedBook, regime: Regime) -> ladder.LadderStep:
    """Step 3. Without a NAV the ladder does not change."""
    before = state.carried.ladder
    if not book.known:
        return ladder.blind(before, run.policy.ladder)
    return ladder.step(
        before,
        book.nav,
        view.day,
        book.gross,
        _health(view, state, run, book, regime),
        run.policy.ladder,
        lambda day: view.sessions.sessions_between(day, view.row),
    )


def _health(view: View, state: State, run: RunContext, book: MarkedBook, regime: Regime) -> Health:
    """Health checks for re-entry (R5); computed only while a rung waits for them."""
    carried = state.carried
    if not ladder.waiting(carried.ladder, run.policy.ladder):
        return UNREAD
    target = target_of(carried.portfolio, run)
    columns = np.flatnonzero(target)
    volatility = None
    sessions = run.policy.ladder.volatility_sessions
    if carried.portfolio is not None and view.row >= sessions:
        recent = combine(view.indicator("return")[-sessions:, columns], target[columns])
        volatility = float(np.std(recent, ddof=1) * np.sqrt(SESSIONS_A_YEAR)) if columns.size else 0.0
    reasons = view.now("freshness.reason")
    fresh = not (reasons[columns].any() or reasons[book.columns].any())
    return Health(volatility, regime.figure.crisis, bool(fresh), clear=not carried.halted and book.known)


def _correlation(
    view: View, state: State, run: RunContext, book: MarkedBook
) -> tuple[comovement.ComovementStep, tuple[HeldPair, ...]]:
    """The alarm on the portfolio's correlation, and the pairs of held or targeted symbols that move alike (R6).

    Every session; an auction adds its bidders. Without a NAV nothing is observed, and both stay unchanged.
    """
    carried, policy = state.carried, run.policy
    if not book.known:
        return comovement.ComovementStep(carried.comovement, ()), carried.pairs
    live = state.lots != 0
    if carried.portfolio is not None:
        live[run.standing(carried.portfolio).columns] = True
    columns = pairs.concerned(view, live.nonzero()[0], carried.pairs)
    measured = pairs.measured(view, columns, policy.correlation)
    alike = pairs.update(view, columns, carried.pairs, policy, measured)
    return comovement.step(view, book.columns, book.weights, carried.comovement, policy, (columns, measured)), alike


def _with_pairs(context: CycleContext, alike: tuple[HeldPair, ...]) -> LimitSet:
    """The limits with those on further pairs: an auction's bidders may move alike too (R6)."""
    limits = context.limits
    return replace(limits, pairs=pairs.limits(alike, context.run.column, limits.weight_max, context.run.policy))


def _carried(context: CycleContext, rebalanced: Rebalance, held: HeldBook) -> tuple[Carried, tuple[RiskEvent, ...]]:
    """State carried to the next session, mode included (R9), and this session's events, in order."""
    before, following = context.state.carried, rebalanced.following
    frozen, halted = bool(context.frozen), bool(held.halted)
    mode = modes.next_mode(before.mode, context.ladder.state, context.restraint, frozen=frozen, halted=halted)
    carried = Carried(
        ladder=context.ladder.state,
        mode=mode,
        portfolio=rebalanced.portfolio,
        stops=rebalanced.stops,
        pairs=rebalanced.pairs,
        stress_sessions=context.regime.stress_sessions,
        breach_closes=held.breach_closes,
        halted=held.halted,
        openings=rebalanced.openings,
        comovement=context.comovement.state,
        lifecycle=None if following is None else following.state,
    )
    events = (
        *context.regime.events, *context.ladder.events, *context.stops.events, *context.comovement.events,
        *rebalanced.events, *(() if following is None else following.events), *held.events(context),
    )  # fmt: skip
    if mode != before.mode:
        events = (*events, RiskEvent(context.view.date, "MODE_CHANGED", "INFO", scope=f"{before.mode}>{mode}"))
    return carried, events

"""One decision cycle: the only file that knows the order of the rooms (E1).

``decide(view, state, desk)`` is pure. Backtest, paper and live are shells around it. Its steps, in this order:

1 mark the account (``book``) and bring the strategies' evidence up to the close (``lifecycle``) · 2 observe the regime
(``outlook``) · 3 drawdown ladder · 4 stops · 5 freshness and data governance (``data_bars``), correlation of the book,
limits in force (``limits``) · 6 forecasts, when due (``asking``) · 7 auction, when due: scenarios, pairs, screen,
cost, solve, new programme (``standing``) · 8 the held book before the gates: what a breach imposes (``held_book``) ·
9 desired = programme under the ladder's ceiling and stops (``wish``) · 10 shape, 11 measure and judge by the gates,
12 vetoes, 13 scale the increases and repeat (``proposal``) · 14 why what was wanted was not done (``causes``) · 15
mode, record and intents (``record``).
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
from plimsoll.engine.desk import Desk
from plimsoll.engine.held_book import HeldBook, judge_held
from plimsoll.engine.lifecycle import follow
from plimsoll.engine.limits import limits_at
from plimsoll.engine.outlook import Regime, observe
from plimsoll.engine.proposal import Scenes, propose
from plimsoll.engine.record import record
from plimsoll.engine.standing import Standing, stand
from plimsoll.engine.wish import desired_weights
from plimsoll.measures.linear import combine
from plimsoll.risk import comovement, ladder, modes, pairs, stops

UNREAD = Health(None, None, data_fresh=False)  # what nobody reads must not pass either


def decide(view: View, state: State, desk: Desk) -> Plan:
    """The decision of one session: a record to journal and the intents inside it.

    A function of (view, state, desk) alone. It never raises for market data, strategies or solvers: whatever
    cannot be shown safe becomes a refusal with a reason.
    """
    context = observed(view, state, desk)  # 1 to 5
    answers = asked(context)  # 6
    standing = stand(context, answers)  # 7
    if standing.pairs is not context.pairs:
        context = replace(context, limits=_with_pairs(context, standing.pairs))
    scenes = Scenes(context, standing)
    held = judge_held(context, scenes.tails)  # 8
    if held.frozen:
        context = replace(context, frozen=(*context.frozen, *held.frozen))
    wish = desired_weights(context, standing, held.scale)  # 9
    proposal = propose(context, standing, held, wish, scenes)  # 10 to 13
    causes = causes_of(context, standing, held, wish, proposal, scenes)  # 14
    carried, events = _carried(context, standing, held)  # 15
    return Plan(record(context, standing, wish, proposal, causes, carried, events))


def observed(view: View, state: State, desk: Desk) -> CycleContext:
    """Steps 1 to 5: the account, the market and everything that restrains the session before a forecast is made."""
    policy, before = desk.policy, state.carried
    book = mark(view, state, desk)  # 1
    following = follow(view, state, desk, book)
    regime = observe(view, before, desk)  # 2
    rungs = _ladder(view, state, desk, book, regime)  # 3
    stop = stops.step(before.stops, view, book.weights, state.average_cost, policy)  # 4
    stale = view.now("freshness.reason")  # 5
    frozen = tuple(data_bars(view, book, stale, desk))
    together, alike = _correlation(view, state, desk, book)
    if together.reduce_only:
        frozen = (*frozen, "CORRELATION_ALIKE")
    lifetime = 1.0 - book.nav / rungs.state.lifetime_peak
    limits = limits_at(view, desk, alike, drawdown_lifetime=lifetime, stress=regime.figure.stress)
    return CycleContext(
        view, state, desk, book, following, regime, rungs, stop, stale, together, alike, limits, frozen
    )  # fmt: skip


def _ladder(view: View, state: State, desk: Desk, book: MarkedBook, regime: Regime) -> ladder.LadderStep:
    """Step 3. Without a NAV the ladder stands as it is."""
    before = state.carried.ladder
    if not book.known:
        return ladder.blind(before, desk.policy.ladder)
    return ladder.step(
        before,
        book.nav,
        view.day,
        book.gross,
        _health(view, state, desk, book, regime),
        desk.policy.ladder,
        lambda day: view.sessions.sessions_between(day, view.row),
    )


def _health(view: View, state: State, desk: Desk, book: MarkedBook, regime: Regime) -> Health:
    """Re-entry checks (R5); computed only while a rung waits for them."""
    carried = state.carried
    if not ladder.waiting(carried.ladder, desk.policy.ladder):
        return UNREAD
    target = target_of(carried.programme, desk)
    columns = np.flatnonzero(target)
    volatility = None
    sessions = desk.policy.ladder.volatility_sessions
    if carried.programme is not None and view.row >= sessions:
        recent = combine(view.indicator("return")[-sessions:, columns], target[columns])
        volatility = float(np.std(recent, ddof=1) * np.sqrt(SESSIONS_A_YEAR)) if columns.size else 0.0
    concerned = np.union1d(columns, book.columns)
    fresh = not view.now("freshness.reason", concerned).any()
    return Health(volatility, regime.figure.crisis, bool(fresh), clear=not carried.halted and book.known)


def _correlation(
    view: View, state: State, desk: Desk, book: MarkedBook
) -> tuple[comovement.ComovementStep, tuple[HeldPair, ...]]:
    """The alarm on the book's correlation, and which pairs of what is held or wanted move alike (R6).

    Every session; bidders join at an auction. Without a NAV nothing is observed, and both stay as they were.
    """
    carried, policy = state.carried, desk.policy
    if not book.known:
        return comovement.ComovementStep(carried.comovement, ()), carried.pairs
    live = state.lots != 0
    if carried.programme is not None:
        live[[desk.column[s.symbol] for s in carried.programme.shares]] = True
    columns = pairs.concerned(view, live.nonzero()[0], carried.pairs)
    measured = pairs.correlations(view, columns, policy.correlation)
    alike = pairs.update(view, columns, carried.pairs, policy, measured)
    at = np.searchsorted(columns, book.columns)
    own = measured[at[:, np.newaxis], at]
    return comovement.step(view, book.columns, book.weights, carried.comovement, policy, own), alike


def _with_pairs(context: CycleContext, alike: tuple[HeldPair, ...]) -> LimitSet:
    """The limits with those on other pairs: an auction's bidders may move alike too (R6)."""
    limits = context.limits
    return replace(limits, pairs=pairs.limits(alike, context.desk.symbols, limits.weight_max, context.desk.policy))


def _carried(context: CycleContext, standing: Standing, held: HeldBook) -> tuple[Carried, tuple[RiskEvent, ...]]:
    """What the next session begins with, its mode included (R9), and this session's events, in order."""
    before, following = context.state.carried, standing.following
    frozen, halted = bool(context.frozen), bool(held.halted)
    mode = modes.next_mode(before.mode, context.ladder.state, context.restraint, frozen=frozen, halted=halted)
    carried = Carried(
        ladder=context.ladder.state,
        mode=mode,
        programme=standing.programme,
        stops=standing.stops,
        pairs=standing.pairs,
        stress_sessions=context.regime.stress_sessions,
        breach_closes=held.breach_closes,
        halted=held.halted,
        openings=standing.openings,
        comovement=context.comovement.state,
        lifecycle=None if following is None else following.state,
    )
    events = (
        *context.regime.events, *context.ladder.events, *context.stops.events, *context.comovement.events,
        *standing.events, *(() if following is None else following.events), *held.events(context),
    )  # fmt: skip
    if mode != before.mode:
        events = (*events, RiskEvent(context.view.date, "MODE_CHANGED", "INFO", scope=f"{before.mode}>{mode}"))
    return carried, events

"""One decision cycle: the only file that knows the order of the rooms (E1).

``decide(view, state, desk)`` is pure. Backtest, paper and live are shells around it. The order:

1 mark (``book``) and bring the strategies' evidence up to the close (``lifecycle``) · 2 observe the regime
(``outlook``) · 3 ladder and mode · 4 stops · 5 freshness, data governance and the book's correlation ·
6 forecasts · 7 when due: screen, cost, adjust, solve, new programme (``standing``) · 8 desired = programme under the
ladder's ceiling and stops (``wish``) · 9 shape · 10 measure once · 11 gates · 12 vetoes · 13 scale the increases,
round again, measure again (``proposal``); what was wanted and not done is told why (``causes``) · 14 decisions,
record, intents (``record``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Carried, HeldPair, Plan
from plimsoll.core.panel import View
from plimsoll.core.restraint import Health, RiskEvent
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.core.state import State
from plimsoll.core.verdict import Action, Verdict
from plimsoll.engine.book import Book, mark
from plimsoll.engine.causes import causes_of
from plimsoll.engine.data_bars import data_bars
from plimsoll.engine.desk import Desk
from plimsoll.engine.lifecycle import follow
from plimsoll.engine.limits import limits_at
from plimsoll.engine.outlook import Regime, observe
from plimsoll.engine.proposal import Judge, Scenes, propose
from plimsoll.engine.record import record
from plimsoll.engine.standing import stand, target_of
from plimsoll.engine.wish import Situation, wish_for
from plimsoll.measures.linear import combine
from plimsoll.risk import comovement, freshness, gates, ladder, modes, pairs, stops

Floats = NDArray[np.float64]
UNREAD = Health(None, None, data_fresh=False)  # what nobody reads must not pass either


def decide(view: View, state: State, desk: Desk) -> Plan:
    """The decision of one session: a record to journal and the intents inside it.

    A function of (view, state, desk) alone. It never raises for market data, strategies or solvers: whatever
    cannot be shown safe becomes a refusal with a reason.
    """
    policy, before = desk.policy, state.carried
    book = mark(view, state, desk)
    following = follow(view, state, desk, book)
    regime = observe(view, before, desk)
    step = _ladder(view, state, desk, book, regime)
    stop = stops.step(before.stops, view, book.weights, state.average_cost, policy)
    stale = view.now("freshness.reason")
    frozen = tuple(data_bars(view, book, stale, desk))
    together, alike = (
        comovement.ComovementStep(before.comovement, ()),
        before.pairs,
    )  # without a NAV nothing is observed
    if book.known:
        columns, measured, alike = _pairs(view, state, desk, book)
        at = np.searchsorted(columns, book.columns)
        own = measured[at[:, np.newaxis], at]
        together = comovement.step(view, book.columns, book.weights, before.comovement, policy, own)
    if together.reduce_only:
        frozen = (*frozen, "CORRELATION_ALIKE")

    lifetime = 1.0 - book.nav / step.state.lifetime_peak
    episode = 1.0 - book.nav / step.state.episode_peak
    limits = limits_at(view, desk, alike, drawdown_lifetime=lifetime, stress=regime.figure.stress)
    standing = stand(view, state, desk, book, regime, step.restraint, limits, stop.stops, alike, stale, following)
    if standing.pairs is not alike:
        limits = replace(limits, pairs=pairs.limits(standing.pairs, view.symbols, limits.weight_max, policy))

    scenes = Scenes(view, desk, book, standing)
    cvar_held = scenes.tails.of_book(book.weights)
    judge = Judge(view, desk, book, limits, cvar_held, episode, lifetime)
    held = judge.rest()
    held_verdict = gates.judge_held(held, limits, policy)
    breach = held_verdict.action is Action.LIQUIDATE
    closes = _breach_closes(before.breach_closes, book, stale) if breach else 0
    halted = _halted(before.halted, held_verdict, closes, policy.cvar.halt_closes)
    if halted:
        frozen = (*frozen, "HALTED")
    if held_verdict.action >= Action.FREEZE:
        frozen = (*frozen, *dict.fromkeys(f.reason for f in held_verdict.findings))  # a code may stand at both horizons

    book_scale = gates.book_scale(held, limits) if breach else 1.0
    situation = Situation(view, desk, book, standing, step.restraint, regime, stale, frozen)
    wish = wish_for(situation, step.events, book_scale)
    proposal = propose(judge, state, standing, wish, held, held_verdict, scenes)
    causes = causes_of(situation, judge, state, wish, held_verdict, proposal, scenes)

    mode = modes.next_mode(before.mode, step.state, step.restraint, frozen=bool(frozen), halted=bool(halted))
    events = (*regime.events, *step.events, *stop.events, *together.events, *standing.events)
    if standing.following is not None:
        events = (*events, *standing.following.events)
    if halted and not before.halted:
        events = (*events, RiskEvent(view.date, halted, "CRITICAL", float(closes), float(policy.cvar.halt_closes)))
    if mode != before.mode:
        events = (*events, RiskEvent(view.date, "MODE_CHANGED", "INFO", scope=f"{before.mode}>{mode}"))
    carried = Carried(
        ladder=step.state,
        mode=mode,
        programme=standing.programme,
        stops=standing.stops,
        pairs=standing.pairs,
        stress_sessions=regime.stress_sessions,
        breach_closes=closes,
        halted=halted,
        openings=standing.openings,
        comovement=together.state,
        lifecycle=None if standing.following is None else standing.following.state,
    )
    return Plan(
        record(
            view=view,
            state=state,
            desk=desk,
            book=book,
            regime=regime,
            restraint=step.restraint,
            standing=standing,
            wish=wish,
            proposal=proposal,
            causes=causes,
            limits=limits,
            carried=carried,
            events=events,
        )
    )


def _ladder(view: View, state: State, desk: Desk, book: Book, regime: Regime) -> ladder.LadderStep:
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


def _health(view: View, state: State, desk: Desk, book: Book, regime: Regime) -> Health:
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
    fresh = not view.now("freshness.reason")[concerned].any()
    return Health(volatility, regime.figure.crisis, bool(fresh), clear=not carried.halted and book.known)


def _pairs(view: View, state: State, desk: Desk, book: Book) -> tuple[NDArray[np.int64], Floats, tuple[HeldPair, ...]]:
    """What is held or wanted, its correlation, and which pairs move alike: every session; bidders join later (R6)."""
    carried, rules = state.carried, desk.policy
    wanted = () if carried.programme is None else carried.programme.shares
    live = np.union1d(book.columns, np.array([desk.column[s.symbol] for s in wanted], dtype=np.int64))
    columns = pairs.concerned(view, live, carried.pairs)
    measured = pairs.correlations(view, columns, rules.correlation)
    return columns, measured, pairs.update(view, columns, carried.pairs, rules, measured)


def _breach_closes(before: int, book: Book, stale: Floats) -> int:
    """Closes above a hard CVaR limit in a row; one without any bar to sell on does not count (R3)."""
    return before + int(bool((stale[book.columns] != freshness.STALE).any()))


def _halted(before: str, verdict: Verdict, closes: int, closes_max: int) -> str:
    """Why the book is halted, "" when it is not; a halt stands until a person resumes (R3, G7)."""
    if before:
        return before
    if closes >= closes_max:
        return "CVAR_HALT"
    reasons = {f.reason for f in verdict.findings}
    return next((r for r in ("GROSS_HALT", "CVAR_UNKNOWN") if r in reasons), "")

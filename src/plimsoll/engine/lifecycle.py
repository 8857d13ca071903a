"""Strategy lifecycle: the evidence a session adds, and the resulting stage and decay (G5, G6).

Before the auction the session is marked, forecasts whose horizon is over are scored against outcomes, and on the last
session of a month every strategy is judged, so that the month's auction already uses the result. After the auction
its forecasts and failures are recorded. All of it follows from the journal: ``core.track`` folds the same evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat

import msgspec
import numpy as np

from plimsoll.core.dates import day_number
from plimsoll.core.lifecycle import DECOMMISSIONED, INCUBATING, Judgement, Lifecycle, StrategySession
from plimsoll.core.panel import View
from plimsoll.core.policy import Admission, Policy
from plimsoll.core.restraint import RiskEvent
from plimsoll.core.sessions import risk_free_return
from plimsoll.core.state import State
from plimsoll.core.track import Held, Track, held_values
from plimsoll.engine.answers import Answers
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.run_context import RunContext
from plimsoll.governance import lifecycle, model_health

_NEW = Admission()
_SEVERITIES = {"STRATEGY_PROMOTED": "INFO", "STRATEGY_DEMOTED": "WARNING"}  # any other event takes all capital away


@dataclass(frozen=True, eq=False, slots=True)
class StrategyEvidence:
    """The strategies of a session before its auction: their stages, and the evidence added so far."""

    track: Track
    state: Lifecycle
    said: StrategySession
    events: tuple[RiskEvent, ...]

    @property
    def caps(self) -> dict[str, float]:
        """Capital by strategy, fraction of NAV, gross (A3)."""
        return dict(zip(self.state.strategies, self.state.cap, strict=True))

    @property
    def decay(self) -> dict[str, float]:
        """Decay factor by strategy (A2)."""
        return dict(zip(self.state.strategies, self.state.decay, strict=True))


def gather_evidence(view: View, state: State, run: RunContext, book: MarkedBook) -> StrategyEvidence | None:
    """The strategies before this session's auction; None when lifecycle tracking is off."""
    policy = run.policy
    if not policy.lifecycle.enabled:
        return None
    before, track = state.carried.lifecycle, state.track
    if track is None:
        track = Track.begin(tuple(s.name for s in run.strategies))
    risk_free = _risk_free(view, policy)
    held: Held = ()
    if book.known:
        symbols = [run.symbols[c] for c in book.columns.tolist()]
        held = held_values(symbols, book.weights[book.columns].tolist(), book.nav)
    track = track.mark_to_market(held, book.nav if book.known else 0, risk_free)
    said = StrategySession(track.contribution, risk_free, matured=_matured(view, track, run))
    track = track.record(said)
    if before is None:
        return StrategyEvidence(track, _admitted(track.strategies, view.day, policy), said, ())
    now = _aged(before, track, said, policy)
    now, events = _readmitted(now, view, policy)
    if events:  # judged today: no evidence counts since
        anew = [s for s, name in enumerate(now.strategies) if any(e.scope == name for e in events)]
        track = track.restart(anew, anew)
    if view.sessions.last_of_month[view.row]:
        now, judged, more = _judged(now, track, view, policy)
        said, events = msgspec.structs.replace(said, judged=judged), events + more
    return StrategyEvidence(track, _valued(now, policy), said, events)


def with_answers(
    following: StrategyEvidence,
    answers: Answers,
    view: View,
    policy: Policy,
) -> StrategyEvidence:
    """The strategies after an auction. Target weights count as forecasts without a return: nothing contradicts them."""
    columns, place = view.column, {name: s for s, name in enumerate(following.state.strategies)}
    price = view.now("price")
    made = tuple(
        (place[name], f.symbol, float(f.mu), int(f.horizon))
        for name, said in answers.forecasts
        if not answers.failed[name]
        for f in said
        if f.symbol in columns and np.isfinite(price[columns[f.symbol]])
    )
    failed = tuple(answers.failed[name] for name in following.state.strategies)
    said = msgspec.structs.replace(following.said, made=made, failed=failed)
    track = following.track.record(StrategySession(failed=failed))
    state, events = following.state, list(following.events)
    spoke = {s for s, _, _, _ in made}
    stale = tuple(0 if s in spoke else n for s, n in enumerate(state.stale))
    rules = policy.lifecycle
    failures = [track.failures(s, rules.error_cycles) for s in range(len(failed))]
    suspended = tuple(lifecycle.suspended(n, rules) for n in failures)
    for s, name in enumerate(state.strategies):
        if suspended[s] != state.suspended[s]:
            kind, severity = ("STRATEGY_SUSPENDED", "CRITICAL") if suspended[s] else ("STRATEGY_RESTORED", "INFO")
            rate = failures[s] / rules.error_cycles
            events.append(RiskEvent(view.date, kind, severity, rate, rules.error_rate_max, name))
    state = _valued(msgspec.structs.replace(state, stale=stale, suspended=suspended), policy)
    return replace(following, state=state, said=said, events=tuple(events))


def _admitted(names: tuple[str, ...], day: int, policy: Policy) -> Lifecycle:
    """Every strategy at its first stage. Admission counts as the first validation of its model (G6)."""
    n, admissions = len(names), policy.lifecycle.admissions
    stages = tuple(lifecycle.first_stage(admissions.get(name, _NEW), policy.lifecycle) for name in names)
    none = (0,) * n
    fresh = Lifecycle(
        strategies=names,
        stage=stages,
        since=(day,) * n,
        suspended=(False,) * n,
        age=none,
        error=(None,) * n,
        flipped=(False,) * n,
        idle=none,
        stale=none,
        decay=(1.0,) * n,
        cap=(0.0,) * n,
    )
    return _valued(fresh, policy)


def _aged(before: Lifecycle, track: Track, said: StrategySession, policy: Policy) -> Lifecycle:
    """One session older: age, staleness, idleness, and the forecast error where forecasts matured."""
    places, window, rows = range(len(before.strategies)), policy.lifecycle.idle_window, track.daily.size
    last = track.cumulated()
    reach = track.daily.row(rows - 1 - window)[2 * len(places) :] if rows > window else (0.0,) * len(places)
    idle = [
        0 if last[s] > reach[s] or rows - track.admitted[s] < window else before.idle[s] + 1 for s in places
    ]  # fmt: skip
    error = before.error
    if said.matured:
        whose = {m[0] for m in said.matured}
        error = tuple(
            model_health.forecast_error(track.outcomes(s), policy.health) if s in whose else e
            for s, e in enumerate(error)
        )
    return msgspec.structs.replace(
        before,
        age=tuple([n + 1 for n in before.age]),
        stale=tuple([n + 1 for n in before.stale]),
        idle=tuple(idle),
        error=error,
    )


def _readmitted(now: Lifecycle, view: View, policy: Policy) -> tuple[Lifecycle, tuple[RiskEvent, ...]]:
    """Decommissioned strategies that a person readmits as of this session: they incubate, with a fresh record."""
    events = []
    for s, name in enumerate(now.strategies):
        if now.stage[s] != DECOMMISSIONED or name not in policy.lifecycle.admissions:
            continue
        admission = policy.lifecycle.admissions[name]
        if any(now.since[s] < day_number(date) <= view.day for date in admission.readmitted):
            now = _put(now, s, stage=INCUBATING, since=view.day, age=0, idle=0, error=None, flipped=False)
            now = _put(now, s, suspended=False)
            events.append(RiskEvent(view.date, "STRATEGY_READMITTED", "WARNING", scope=name))
    return now, tuple(events)


def _judged(
    now: Lifecycle, track: Track, view: View, policy: Policy
) -> tuple[Lifecycle, tuple[Judgement, ...], tuple[RiskEvent, ...]]:
    """The monthly judgement of every strategy and the walk-forward check of its model."""
    rules, health = policy.lifecycle, policy.health
    judged, events = [], []
    stage, since, age, flipped = list(now.stage), list(now.since), list(now.age), list(now.flipped)
    n, compared = len(now.strategies), health.flip_recent + health.flip_before
    daily = track.daily.since(track.daily.size - max(rules.window, compared))
    for s, name in enumerate(now.strategies):
        own = daily[max(len(daily) - min(track.session - track.start[s], rules.window), 0) :]
        results = track.results(s, rules.window)
        evidence = lifecycle.weigh(own[:, s], own[:, n + s], results, now.error[s], rules)
        check = model_health.check(track.outcomes(s), track.session, health)
        verdict = lifecycle.judge(now.stage[s], evidence, rules.admissions.get(name, _NEW), rules)
        judged.append(
            Judgement(
                name, now.stage[s], verdict.stage, evidence.sessions, evidence.sharpe, evidence.psr, evidence.below,
                evidence.trades, evidence.signals, evidence.profit_factor, evidence.drawdown,
                check.correlation, check.bound, check.passed,
            )
        )  # fmt: skip
        flipped[s] = model_health.flipped(daily[-compared:, s], health)
        if check.passed:
            age[s] = 0
        if verdict.reason:
            severity = _SEVERITIES.get(verdict.reason, "CRITICAL")
            events.append(RiskEvent(view.date, verdict.reason, severity, verdict.measured, verdict.limit, name))
            stage[s], since[s] = verdict.stage, view.day
    now = msgspec.structs.replace(
        now, stage=tuple(stage), since=tuple(since), age=tuple(age), flipped=tuple(flipped)
    )  # fmt: skip
    return now, tuple(judged), tuple(events)


def _put(now: Lifecycle, place: int, **values: object) -> Lifecycle:
    """The columns with one strategy's values replaced."""
    columns = {}
    for name, value in values.items():
        column = list(getattr(now, name))
        column[place] = value
        columns[name] = tuple(column)
    return msgspec.structs.replace(now, **columns)


def _valued(now: Lifecycle, policy: Policy) -> Lifecycle:
    """Decay and capital for the bids."""
    health, rules = policy.health, policy.lifecycle
    decay = map(model_health.decay, now.age, now.error, now.flipped, repeat(health))
    cap = map(lifecycle.capital, now.stage, now.idle, now.suspended, repeat(rules))
    return msgspec.structs.replace(now, decay=tuple(decay), cap=tuple(cap))


def _risk_free(view: View, policy: Policy) -> float | None:
    """The risk-free return since the session before, as known then; None where it is unknown (U4, U6)."""
    rate = _rate(view, view.row - 1, policy)
    days = view.sessions.days
    return None if rate is None else risk_free_return(rate, float(days[view.row] - days[view.row - 1]))


def _rate(view: View, row: int, policy: Policy) -> float | None:
    """Annual risk-free rate known at a row, as a fraction."""
    if row < 0:
        return None
    percent = float(view.macro(policy.cash.series, row))
    return percent / 100.0 if np.isfinite(percent) else None


def _matured(view: View, track: Track, run: RunContext) -> tuple[tuple[int, int, float, float], ...]:
    """Forecasts whose horizon ends at this session, with the outcome in excess of the account's cash return.

    The outcome is of the total-return index from close to close. Cash earns the account's rate: the risk-free rate less
    its spread, never below zero, zero where that rate is unknown. An asset without a price at either end has no
    outcome.
    """
    due = [p for p in track.pending if p.made + p.horizon == track.session]
    if not due:
        return ()
    price, found = view.indicator("price"), []
    days = view.sessions.days
    for p in due:
        row, column = view.row - p.horizon, run.column[p.symbol]
        rate = _rate(view, row, run.policy)
        cash = risk_free_return(max((rate or 0.0) - run.policy.cash.spread, 0.0), float(days[view.row] - days[row]))
        outcome = float(price[view.row, column] / price[row, column]) - 1.0 - cash
        if np.isfinite(outcome):
            found.append((p.place, p.made, p.mu, outcome))
    return tuple(found)

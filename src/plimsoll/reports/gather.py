"""Load all inputs of a report: journal, snapshot and policy of a run (G3, D14)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
import numpy as np
from msgspec.structs import replace

from plimsoll import __version__
from plimsoll.alpha import registry
from plimsoll.core.events import Genesis
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.core.ports import Journal, RunCatalogue, RunReader, SnapshotStore
from plimsoll.core.protections import without_mandate
from plimsoll.core.runs import BESIDE, RunSummary
from plimsoll.engine.history import history_of
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.measures.performance import Metrics
from plimsoll.reports.recorded import recorded
from plimsoll.reports.report_data import Hurdle, ReportData
from plimsoll.reports.reproduce import command
from plimsoll.reports.result import measured, result_of
from plimsoll.reports.worth import Worth

HURDLES = (0.0, 0.05, 0.1, 0.2, 0.4)  # values of the hurdle shown in a report (A3)
Progress = Callable[[int, int], None]


def gather(
    reader: RunReader, runs: RunCatalogue, snapshots: SnapshotStore, present: Callable[[], Policy]
) -> ReportData:
    """The inputs of a report on the run that ``reader`` reads; ``runs`` has it and its comparison runs.

    ``present`` makes the policy in force now, for a run whose own was not stored; if its hash is not the run's, the
    report says so.

    Raises
    ------
    InputError
        The run's snapshot or policy is missing.
    CorruptionError
        The journal, the stored policy or the snapshot was altered.
    UsageError
        The run holds no decided session.
    """
    found, run = recorded(reader.events()), reader.run
    genesis, decided = found.genesis, reader.decisions_hash
    panel = snapshots.open(genesis.snapshot)
    stored = runs.policy(run, genesis.policy)
    policy = present() if stored is None else stored
    panel = panel.resolved(policy.limits.plain_symbols_are)
    history = history_of(panel, policy)
    first = panel.sessions.row_at_or_after(genesis.start)
    result = result_of(
        run=run,
        genesis=genesis,
        history=history,
        policy=policy,
        tally=found.tally,
        first=first,
        decisions_hash=decided,
        worth=_worth(runs, run, decided),
        without_mandate=_without_mandate(runs, genesis, history, policy) if found.tally.mandate_ended else None,
    )
    made_by = command(runs, run, genesis, policy, result.refused_forecasts)
    result = replace(result, command=made_by, journal=reader.proof)
    return ReportData(
        run=found,
        result=result,
        history=history,
        policy=policy,
        policy_known=stored is not None or policy_hash(policy) == genesis.policy,  # what is stored was checked by hash
        first=first,
        proof=reader.proof,
        command=result.command,
        version=__version__,
        tries=_tries(runs, run),
    )


def _without_mandate(runs: RunCatalogue, genesis: Genesis, history: History, policy: Policy) -> Metrics | None:
    """Metrics of the comparison run without a mandate's end, where it was kept (R5)."""
    free = without_mandate(policy)
    wanted = (policy_hash(free), genesis.snapshot, genesis.code, genesis.start, genesis.end, genesis.operator)
    for name in sorted((n for n in runs.names() if BESIDE in n), reverse=True):
        told = runs.summary(name)
        if told.records is None or _given(told) != wanted:  # without an end: made before ends of such runs were kept
            continue
        with runs.open(name) as reader:
            found = recorded(reader.events())
        if _given(found.genesis) == wanted:
            first = history.panel.sessions.row_at_or_after(found.genesis.start)
            return measured(history, free, found.tally, first)
    return None


def _given(of: Genesis | RunSummary) -> tuple[str, ...]:
    return of.policy, of.snapshot, of.code, of.start, of.end, of.operator


class _Stored(msgspec.Struct):
    decisions_hash: str
    worth: Worth | None = None


def _worth(runs: RunCatalogue, run: str, decided: str) -> Worth | None:
    """The stored comparison with ungoverned portfolios: strategies are not called again for a report."""
    stored = runs.result(run)
    if stored is None:
        return None
    try:
        known = msgspec.json.decode(stored, type=_Stored)
    except ValueError:  # msgspec's errors are ValueErrors; a report needs no stored result
        return None
    return known.worth if known.decisions_hash == decided else None


def _tries(runs: RunCatalogue, run: str) -> int:
    """How many backtests of the home that ended, this one or earlier ones, decided differently."""
    ended = [s for s in map(runs.summary, runs.names()) if s.mode == "backtest" and s.decisions_hash and s.run < run]
    return len({s.decisions_hash for s in ended} | {runs.summary(run).decisions_hash})


def at_hurdles(
    m: ReportData, journal: Callable[[], AbstractContextManager[Journal]], progress: Progress | None = None
) -> tuple[Hurdle, ...]:
    """The run's span again at each of ``HURDLES``, in a new ``journal`` each; a few seconds each (A3)."""
    genesis = m.run.genesis
    span = Span(m.first, m.history.panel.sessions.row_at_or_before(genesis.end))
    found = []
    for done, hurdle in enumerate(HURDLES, 1):
        policy = replace(m.policy, auction=replace(m.policy.auction, hurdle_sharpe=hurdle))
        run_context = RunContext(policy, registry.load(policy.strategies.enabled), m.history.panel.instruments)
        history = history_of(m.history.panel, policy, run_context.strategies)
        with journal() as kept:
            tally = run_backtest(history, run_context, span, kept, capital=genesis.capital, operator=genesis.operator)
        figures = measured(history, policy, tally, span.first)
        found.append(Hurdle(hurdle, figures, float(np.mean(tally.gross))))
        if progress is not None:
            progress(done, len(HURDLES))
    return tuple(found)

"""From a home and a run's name to what a report is made of: journal, snapshot and policy, read back (G3, D14)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from msgspec.structs import replace

from plimsoll import __version__
from plimsoll.alpha import registry
from plimsoll.core.errors import InputError
from plimsoll.core.events import Genesis
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.core.protections import without_mandate
from plimsoll.engine.history import history_of
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.market import snapshot
from plimsoll.measures.performance import Metrics
from plimsoll.reports.recorded import recorded
from plimsoll.reports.report_data import Hurdle, ReportData
from plimsoll.reports.reproduce import command
from plimsoll.reports.result import measured, result_of
from plimsoll.reports.worth import Worth
from plimsoll.store.home import Home
from plimsoll.store.journal import SqliteJournal

HURDLES = (0.0, 0.05, 0.1, 0.2, 0.4)  # what A3 asks a report to show
Progress = Callable[[int, int], None]


def gather(home: Home, run: str, present: Callable[[], Policy]) -> ReportData:
    """What a report of ``run`` is made of.

    ``present`` makes the policy in force now. It stands in for a run whose own was not stored; if its hash is not the
    run's, the material says so.

    Raises
    ------
    InputError
        The run's snapshot or policy is not there.
    CorruptionError
        The journal, the stored policy or the snapshot is not what was written.
    UsageError
        The run holds no decided session.
    """
    found = recorded(events := home.read(run))
    genesis = found.genesis
    folder = home.snapshots / genesis.snapshot
    if not folder.is_dir():
        raise InputError(f"The snapshot {genesis.snapshot} of run {run!r} is not in {home.path}", "Restore its folder")
    panel = snapshot.load(folder)
    stored = home.policy(run, genesis.policy)
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
        decisions_hash=events.decisions_hash,
        worth=_worth(home, run, events.decisions_hash),
        without_mandate=_without_mandate(home, genesis, history, policy) if found.tally.mandate_ended else None,
    )
    made_by = command(home, run, genesis, policy, result.refused_forecasts)
    result = replace(result, command=made_by, journal=events.proof)
    return ReportData(
        run=found,
        result=result,
        history=history,
        policy=policy,
        policy_known=stored is not None or policy_hash(policy) == genesis.policy,  # what is stored was checked by hash
        first=first,
        proof=events.proof,
        command=result.command,
        version=__version__,
        tries=_tries(home, run),
    )


def _without_mandate(home: Home, genesis: Genesis, history: History, policy: Policy) -> Metrics | None:
    """Metrics of the run beside this one that had no mandate to end, where it was kept (R5)."""
    free = without_mandate(policy)
    digest = policy_hash(free)
    for path in sorted(home.runs.glob("backtest-without-mandate-*.db"), reverse=True):
        if home.ending(path.stem).problem:  # made before ends of such runs were kept
            continue
        one = next(home.read(path.stem), None)
        if not isinstance(one, Genesis) or (one.policy, one.snapshot, one.code) != (
            digest,
            genesis.snapshot,
            genesis.code,
        ):
            continue
        if (one.start, one.end, one.operator) == (genesis.start, genesis.end, genesis.operator):
            tally = recorded(home.read(path.stem)).tally
            return measured(history, free, tally, history.panel.sessions.row_at_or_after(one.start))
    return None


class _Stored(msgspec.Struct):
    decisions_hash: str
    worth: Worth | None = None


def _worth(home: Home, run: str, decided: str) -> Worth | None:
    """What the run's result said that governance was worth: the strategies are not asked again for a report."""
    stored = home.result(run)
    if stored is None:
        return None
    try:
        known = msgspec.json.decode(stored, type=_Stored)
    except ValueError:  # msgspec's errors are ValueErrors; a report needs no stored result
        return None
    return known.worth if known.decisions_hash == decided else None


def _tries(home: Home, run: str) -> int:
    """How many backtests of the home that ended, this one or earlier ones, decided differently."""
    ended = [s for s in home.summaries() if s.mode == "backtest" and s.decisions_hash and s.run < run]
    return len({s.decisions_hash for s in ended} | {home.summary(run).decisions_hash})


def at_hurdles(m: ReportData, progress: Progress | None = None) -> tuple[Hurdle, ...]:
    """The run's span again at each of ``HURDLES``, its journals thrown away; a few seconds each (A3)."""
    genesis = m.run.genesis
    span = Span(m.first, m.history.panel.sessions.row_at_or_before(genesis.end))
    found = []
    for done, hurdle in enumerate(HURDLES, 1):
        policy = replace(m.policy, auction=replace(m.policy.auction, hurdle_sharpe=hurdle))
        run_context = RunContext(policy, registry.load(policy.strategies.enabled), m.history.panel.instruments)
        history = history_of(m.history.panel, policy, run_context.strategies)
        with TemporaryDirectory() as folder, SqliteJournal(Path(folder) / "run.db", durable=False) as kept:
            tally = run_backtest(history, run_context, span, kept, capital=genesis.capital, operator=genesis.operator)
        figures = measured(history, policy, tally, span.first)
        found.append(Hurdle(hurdle, figures, float(np.mean(tally.gross))))
        if progress is not None:
            progress(done, len(HURDLES))
    return tuple(found)

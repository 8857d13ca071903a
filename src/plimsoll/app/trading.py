"""Runs: a backtest over certified history, and recorded sessions traded on paper (E1, E4, X7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.app.keeping import Begun, keeping, new_run
from plimsoll.app.wiring import (
    earlier_snapshot,
    granted_caps,
    journal_of,
    run_context_of,
    runs_of,
    simulated_exchange,
    snapshots_of,
    stage_2,
)
from plimsoll.core.money import cents

if TYPE_CHECKING:
    from plimsoll.app.workspace import Progress, Workspace
    from plimsoll.core.events import Genesis
    from plimsoll.core.panel import Panel
    from plimsoll.core.policy import Policy
    from plimsoll.core.ports import RunCatalogue
    from plimsoll.reports.result import BacktestResult


def backtest(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Decide every session of the span over the certified snapshot, journaled, and return the result (E4).

    The first error of a strategy ends it with ``StrategyFailed`` (file and line in the message) unless ``keep_going``:
    then the strategy's positions are kept until it answers again. A run whose mandate ended also has the figures of the
    same run without the mandate's end (R5). ``tag`` is a person's name for the run.
    """
    from plimsoll.core.protections import without_mandate
    from plimsoll.engine.history import history_of
    from plimsoll.engine.recorded import run_backtest
    from plimsoll.engine.span import genesis_of, span_of
    from plimsoll.reports.result import measured, result_of
    from plimsoll.reports.worth import worth_of

    policy = workspace.load().policy
    home, panel = stage_2(workspace, policy)
    _benchmark_there(workspace, policy, panel)
    run_context = run_context_of(policy, panel)
    history = history_of(panel, policy, run_context.strategies)
    span = span_of(history, start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    genesis = genesis_of(history, run_context, span, capital=capital, mode="backtest", operator=operator)
    runs = runs_of(workspace)
    with home.lock(), keeping(runs, workspace, policy, genesis, tag) as kept:
        with journal_of(runs, kept.run, durable=False) as journal:
            tally = run_backtest(
                history, run_context, span, journal, capital=capital, operator=operator, keep_going=keep_going,
                progress=progress,
            )  # fmt: skip
            decided, anchor = journal.decisions_hash, journal.anchor
        unbounded = None
        if tally.mandate_ended:
            free = without_mandate(policy)
            again = new_run(runs, "backtest-without-mandate", free)
            with journal_of(runs, again, durable=False) as journal:
                longer = run_backtest(
                    history,
                    run_context_of(free, panel),
                    span,
                    journal,
                    capital=capital,
                    operator=operator,
                    progress=progress,
                )
                ended = journal.anchor
            unbounded = measured(history, free, longer, span.first)
            kept.beside(again, free, ended, unbounded)
        result = result_of(
            run=kept.run, genesis=genesis, history=history, policy=policy, tally=tally, first=span.first,
            decisions_hash=decided, without_mandate=unbounded,
            worth=worth_of(history, run_context, tally, span.first, capital),
        )  # fmt: skip
        return kept.finish(result, anchor, policy, tally)


def trade_recorded(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    restart_every: int = 0,
    resume: str | None = None,
    continue_run: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Trade recorded sessions on a paper account through the durable shell; the decisions are the backtest's (E1).

    ``resume`` names an interrupted run: it continues from its journal, under its own policy and to its own end, on the
    snapshot it decides on (X7). ``continue_run`` names one that continues on the home's current snapshot (or the
    workspace's), to that one's last session: restatements of sessions already decided are journaled and reported.
    ``keep_going`` as in a backtest; a run stopped by a strategy can be resumed.
    """
    from dataclasses import replace

    from plimsoll.alpha.registry import load
    from plimsoll.engine.history import history_of
    from plimsoll.engine.paper import PaperSession
    from plimsoll.engine.span import genesis_of, span_of
    from plimsoll.reports.result import result_of
    from plimsoll.reports.worth import worth_of

    begun = _begun(workspace, resume, continue_run, start, end)
    if begun is not None and continue_run is None:
        workspace = replace(workspace, snapshot=begun.snapshot)
        end = end or max(begun.genesis.end, begun.summary.end)
    policy = workspace.load().policy if begun is None else begun.policy
    home, panel = stage_2(workspace, policy)
    _benchmark_there(workspace, policy, panel)
    history = history_of(panel, policy, load(policy.strategies.enabled))
    span = span_of(history, start if begun is None else begun.genesis.start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    run_context = run_context_of(policy, panel)
    genesis = genesis_of(history, run_context, span, capital=capital, mode="paper", operator=operator)
    held = None if begun is None else begun.held
    runs = runs_of(workspace)
    with home.lock(), keeping(runs, workspace, policy, genesis, tag, begun) as kept:
        session = PaperSession(
            lambda: history_of(stage_2(workspace, policy)[1], policy, load(policy.strategies.enabled)),
            lambda found: run_context_of(policy, found.panel),
            span,
            lambda: journal_of(runs, kept.run, durable=True, held=held),
            simulated_exchange,
            capital=capital,
            operator=operator,
            restart_every=restart_every,
            keep_going=keep_going,
            earlier=None if continue_run is None else lambda name: earlier_snapshot(workspace.home, policy, name),
            grants=lambda session: granted_caps(home, policy, session),
            progress=progress,
        )
        tally = session.run()
        with journal_of(runs, kept.run, durable=True) as journal:
            decided, anchor = journal.decisions_hash, journal.anchor
        result = result_of(
            run=kept.run, genesis=genesis, history=history, policy=policy, tally=tally, first=span.first,
            decisions_hash=decided, worth=worth_of(history, run_context, tally, span.first, capital),
        )  # fmt: skip
        return kept.finish(result, anchor, policy, tally)


def _benchmark_there(workspace: Workspace, policy: Policy, panel: Panel) -> None:
    """``UsageError`` for a benchmark named on the command line that is not there; a policy's is optional (D19)."""
    from difflib import get_close_matches

    from plimsoll.core.errors import UsageError

    name = policy.backtest.benchmark
    if "backtest.benchmark" not in workspace.changes or name in panel.column:
        return
    near = get_close_matches(name.upper(), panel.symbols, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    shown = ", ".join(panel.symbols[:12]) + (", …" if len(panel.symbols) > 12 else "")
    raise UsageError(f"--benchmark {name} is not in the snapshot", f"{meant}It holds {shown}")


def _begun(
    workspace: Workspace, resume: str | None, continue_run: str | None, start: str | None, end: str | None
) -> Begun | None:
    """The paper run to be continued, None where a new one begins; ``last`` is the last unfinished where it is resumed,
    else the newest. ``UsageError`` where it cannot be continued as asked.
    """
    from plimsoll.core.errors import CorruptionError, InputError, UsageError
    from plimsoll.core.policy import policy_hash

    named = resume if continue_run is None else continue_run
    if named is None:
        return None
    if continue_run is not None and resume is not None:
        raise UsageError(
            "--resume and --continue are given", "Resume a run on its own snapshot, or continue it on this"
        )
    runs = runs_of(workspace)
    if named == "last":
        named = runs.newest("paper") if end is not None or continue_run else runs.last_unfinished("paper")
    run = runs.find(named)
    ending = runs.ending(run)
    if ending.problem:
        raise CorruptionError(f"run {run!r} cannot be continued: {ending.problem}", "Restore it from a backup")
    genesis, snapshot, decided = _where_it_is(runs, run)
    if start is not None or workspace.changes:
        raise UsageError(
            f"run {run!r} has its own span and policy",
            "Leave out --start and what changes its policy (--strategy, --capital, --operator, --lifecycle)",
        )
    if end is not None and end < (decided if continue_run else max(genesis.end, decided)):
        raise UsageError(
            f"run {run!r} has its own span: it goes to {genesis.end}" + (f", decided to {decided}" if decided else ""),
            "Give a later --end, or none",
        )
    if continue_run is None and snapshot not in snapshots_of(workspace.home).hashes():
        raise InputError(
            f"the snapshot {snapshot} of run {run!r} is not in {runs.place}",
            f"Restore its folder, or continue it: plimsoll trade --mode paper --recorded --continue {run}",
        )
    policy = runs.policy(run, genesis.policy)
    if policy is None:
        raise UsageError(f"the policy of run {run!r} was not stored", "Start a new run")
    if (workspace.policy_files or workspace.profile) and policy_hash(workspace.load().policy) != genesis.policy:
        raise UsageError(
            f"run {run!r} keeps the policy it began with, and --policy or --profile gives another",
            "Leave them out, or start a new run under the other policy",
        )
    return Begun(runs.summary(run), genesis, policy, ending.anchor, snapshot, decided)


def _where_it_is(runs: RunCatalogue, run: str) -> tuple[Genesis, str, str]:
    """A paper run's genesis, the snapshot it decides on and its last decision, read from its journal."""
    from plimsoll.core.decision import CycleRecord
    from plimsoll.core.errors import UsageError
    from plimsoll.core.events import DataPublished

    with runs.open(run) as reader:
        genesis = reader.genesis
        if genesis.mode != "paper":
            raise UsageError(f"run {run!r} is not a paper run", "See 'plimsoll runs'; repeat a backtest instead")
        snapshot, decided = genesis.snapshot, ""
        for event in reader.events():
            if isinstance(event, DataPublished):
                snapshot = event.snapshot
            elif isinstance(event, CycleRecord):
                decided = event.session
    return genesis, snapshot, decided

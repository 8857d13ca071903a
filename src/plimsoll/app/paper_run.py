"""A paper run of a home: as it was begun, and as it goes on, on recorded sessions (E1, X7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plimsoll.app.keeping import Begun, Kept
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
    from plimsoll.core.panel import History, Panel
    from plimsoll.core.policy import Policy
    from plimsoll.core.ports import RunCatalogue
    from plimsoll.engine.paper import PaperSession
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.span import Span
    from plimsoll.engine.tally import RunTally
    from plimsoll.reports.result import BacktestResult
    from plimsoll.store.home import Home


@dataclass(frozen=True)
class PaperRun:
    """A paper run on a snapshot: what it is made of, and the session that trades it."""

    workspace: Workspace
    begun: Begun | None
    policy: Policy
    home: Home
    history: History
    run_context: RunContext
    span: Span
    genesis: Genesis
    continues: bool

    @property
    def capital(self) -> int:
        """Initial cents."""
        return cents(self.policy.account.capital)

    def session(
        self, run: str, *, restart_every: int = 0, keep_going: bool = False, progress: Progress | None = None
    ) -> PaperSession:
        """What trades it under the name ``run``; its snapshot is read again at each restart."""
        from plimsoll.alpha.registry import load
        from plimsoll.engine.history import history_of
        from plimsoll.engine.paper import PaperSession

        workspace, policy, runs = self.workspace, self.policy, runs_of(self.workspace)
        return PaperSession(
            lambda: history_of(stage_2(workspace, policy)[1], policy, load(policy.strategies.enabled)),
            lambda found: run_context_of(policy, found.panel),
            self.span,
            lambda: journal_of(runs, run, durable=True, held=None if self.begun is None else self.begun.held),
            simulated_exchange,
            capital=self.capital,
            operator=self.policy.backtest.operator,
            restart_every=restart_every,
            keep_going=keep_going,
            earlier=(lambda name: earlier_snapshot(workspace.home, policy, name)) if self.continues else None,
            grants=lambda session: granted_caps(self.home, policy, session),
            progress=progress,
        )


def paper_run(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    resume: str | None = None,
    continue_run: str | None = None,
) -> PaperRun:
    """A new paper run over a span of recorded sessions, one to be resumed on its own snapshot, or one to be continued
    on the home's current one. ``UsageError`` where it cannot go on as asked.
    """
    from plimsoll.alpha.registry import load
    from plimsoll.engine.history import history_of
    from plimsoll.engine.span import genesis_of, span_of

    begun = _begun(workspace, resume, continue_run, start, end)
    if begun is not None and continue_run is None:
        workspace = replace(workspace, snapshot=begun.snapshot)
        end = end or max(begun.genesis.end, begun.summary.end)
    policy = workspace.load().policy if begun is None else begun.policy
    home, panel = stage_2(workspace, policy)
    benchmark_there(workspace, policy, panel)
    history = history_of(panel, policy, load(policy.strategies.enabled))
    span = span_of(history, start if begun is None else begun.genesis.start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    run_context = run_context_of(policy, panel)
    genesis = genesis_of(history, run_context, span, capital=capital, mode="paper", operator=operator)
    return PaperRun(workspace, begun, policy, home, history, run_context, span, genesis, continue_run is not None)


def finished(paper: PaperRun, kept: Kept, tally: RunTally) -> BacktestResult:
    """The result of a run that is over, stored with its summary and the end of its journal."""
    from plimsoll.reports.result import result_of
    from plimsoll.reports.worth import worth_of

    with journal_of(runs_of(paper.workspace), kept.run, durable=True) as journal:
        decided, anchor = journal.decisions_hash, journal.anchor
    first = paper.span.first
    result = result_of(
        run=kept.run, genesis=paper.genesis, history=paper.history, policy=paper.policy, tally=tally, first=first,
        decisions_hash=decided, worth=worth_of(paper.history, paper.run_context, tally, first, paper.capital),
    )  # fmt: skip
    return kept.finish(result, anchor, paper.policy, tally)


def benchmark_there(workspace: Workspace, policy: Policy, panel: Panel) -> None:
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

"""Finished runs: list, compare, verify, read and prune them; resume a halted paper account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from plimsoll.app.wiring import home_of, instant, journal_of, runs_of, server_verified

if TYPE_CHECKING:
    from plimsoll.analysis.parity import Parity
    from plimsoll.app.workspace import Workspace
    from plimsoll.core.events import Event
    from plimsoll.core.ports import RunCatalogue, RunReader
    from plimsoll.core.runs import AuditReport, RunSummary
    from plimsoll.operate.resume import Resumed
    from plimsoll.reports.result import BacktestResult
    from plimsoll.reports.versus import Versus
    from plimsoll.store.pruning import Pruned

_PATIENCE = 10.0  # longest answer of a store outside trading, seconds


def runs(workspace: Workspace) -> tuple[RunSummary, ...]:
    """Every run of the home, oldest name first.

    The figures are those of each run's summary, checked against its stored result: ``status`` is ``altered`` where they
    differ, and ``reason`` explains it where there is no result to check them against.
    """
    found = runs_of(workspace)
    return tuple(_listed(found, name) for name in found.names())


def summary(workspace: Workspace, run: str | None = None) -> RunSummary:
    """One run in a line, the last finished one by default."""
    found = runs_of(workspace)
    return found.summary(found.find(run))


def read(workspace: Workspace, run: str | None = None) -> RunReader:
    """A run's journal to read from, the last finished run's by default; use it in a ``with`` (G3)."""
    return runs_of(workspace).open(run)


class _Figures(msgspec.Struct):
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    max_drawdown: float | None
    sharpe: float | None


class _Stored(msgspec.Struct):
    """The part of a stored result that its summary repeats."""

    run: str
    decisions_hash: str
    sessions: int
    metrics: _Figures


def _listed(found: RunCatalogue, name: str) -> RunSummary:
    from msgspec.structs import replace

    from plimsoll.core.errors import InputError

    summary = found.summary(name)
    if summary.run != name:
        return replace(summary, run=name, status="altered", reason=f"its summary belongs to the run {summary.run}")
    try:
        stored = found.result(name)
    except InputError as error:  # a link, a folder: its figures cannot be checked, and other runs are still listed
        return replace(summary, status="altered", reason=error.problem)
    return _held_against_result(summary, stored)


def _held_against_result(summary: RunSummary, stored: bytes | None) -> RunSummary:
    from msgspec.structs import asdict, replace

    if not summary.finished:
        return summary
    if stored is None:
        return replace(summary, reason=summary.reason or "no stored result to check its figures against")
    try:
        found = msgspec.json.decode(stored, type=_Stored)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return replace(summary, status="altered", reason="its stored result is damaged")
    told = {"run": found.run, "decisions_hash": found.decisions_hash, "sessions": found.sessions} | asdict(
        found.metrics
    )
    if sha256(stored).hexdigest() != summary.result_hash or any(getattr(summary, k) != v for k, v in told.items()):
        return replace(summary, status="altered", reason="summary and stored result are not of one run")
    return summary


def result(workspace: Workspace, run: str | None = None) -> BacktestResult | None:
    """The whole result of a run, the last finished one's by default; None where none was stored.

    ``CorruptionError`` where the stored one is damaged, was altered or belongs to another journal, or that journal was
    altered; ``journal`` of the result has the verified end (G3).
    """
    from plimsoll.core.errors import CorruptionError
    from plimsoll.reports.result import BacktestResult

    kept = runs_of(workspace)
    name = kept.find(run)
    stored = kept.result(name)
    if stored is None:
        return None
    try:
        found = msgspec.json.decode(stored, type=BacktestResult)
    except ValueError:  # msgspec's errors are ValueErrors
        raise CorruptionError(f"the stored result of run {name} is damaged", "Restore it from a backup") from None
    known = kept.summary(name)
    with kept.open(name) as reader:
        proof, decided = reader.proof, reader.decisions_hash
    if found.run != name or (known.finished and found.decisions_hash != decided):
        raise CorruptionError(f"the stored result of run {name} is not its own", "Restore it from a backup")
    if known.finished and sha256(stored).hexdigest() != known.result_hash:
        raise CorruptionError(
            f"the stored result of run {name} was altered after the run",
            "Restore it from a backup; `plimsoll report` recomputes the figures from the journal",
        )
    return msgspec.structs.replace(found, journal=proof)


def journaled(workspace: Workspace, run: str | None = None) -> tuple[Event, ...]:
    """Every event of a run's journal, the last run's by default, genesis first; proven to the last (G3)."""
    with read(workspace, run) as reader:
        return tuple(reader.events())


def compare(workspace: Workspace, a: str, b: str) -> Versus:
    """Two finished runs side by side: policy, data, code, figures, and their returns paired (O10)."""
    from plimsoll.core.errors import UsageError
    from plimsoll.reports.versus import versus

    kept = runs_of(workspace)
    names = (kept.find(a), kept.find(b))
    found: list[BacktestResult] = []
    for name in names:
        one = result(workspace, name)
        if one is None:
            summary = kept.summary(name)
            why = "was made before results were stored" if summary.finished else f"is {summary.status}"
            raise UsageError(f"run {name} {why}: there is nothing to compare", "Run it again")
        found.append(one)
    tags = (kept.summary(names[0]).tag, kept.summary(names[1]).tag)
    policies = (kept.policy(names[0], found[0].policy), kept.policy(names[1], found[1].policy))
    return versus(found[0], found[1], tags, policies)


def audit_verify(workspace: Workspace, run: str | None = None, store: str | None = None) -> AuditReport:
    """Recompute the hash chain of a run's journal; for none, of the last run's and of the governor's account (G3).

    The account is in the home, or in the Redis server at ``store``.
    """
    from plimsoll.core.errors import UsageError
    from plimsoll.core.runs import AuditReport
    from plimsoll.store.governor_audit import verify_file

    home, kept = home_of(workspace), runs_of(workspace)
    account = store or home.governor.exists() or home.governor_anchor.exists()
    if run is None and not account and not kept.names():
        raise UsageError(
            f"{home.path} holds no run and no governor's account: there is nothing to verify",
            "Run 'plimsoll backtest' or 'plimsoll govern' first, or give --home, or --store for an account in a server",
        )
    if run is not None or not account:
        return kept.audit(run)
    verified = server_verified(home, store, _PATIENCE) if store else verify_file(home.governor)
    found = kept.audit() if kept.names() else AuditReport(True, 0)
    return msgspec.structs.replace(found, ok=found.ok and verified.ok, governor=verified)


def resume(
    workspace: Workspace, by: str, reason: str, run: str | None = None, positions: Mapping[str, int] | None = None
) -> Resumed:
    """Lift the halt, or approve the re-entry, of a recorded paper account, the newest by default (R5, G7); with
    ``positions``, lots by symbol, lift the freeze of these alone (X6).
    """
    from plimsoll.operate.resume import resume as signed

    kept = runs_of(workspace)
    named = kept.newest("paper") if run in (None, "last") else kept.find(run)
    home = home_of(workspace)
    with home.trading(), home.lock():
        said, end = signed(kept, named, by, reason, lambda: journal_of(kept, named, durable=True), positions)
        summary = kept.summary(named)
        if not positions:
            summary = msgspec.structs.replace(summary, halted=f"signed by {by}: goes on with the next session")
        if summary.records is not None:
            summary = msgspec.structs.replace(summary, records=end.records, head=end.head)
        kept.finish(summary)
    return said


def prune(
    workspace: Workspace,
    *,
    keep: int | None = None,
    older_than: int | None = None,
    unfinished: bool = False,
    force: bool = False,
    agreed: Callable[[Pruned], bool] = lambda _: False,
) -> Pruned:
    """Remove the runs that match all filters, once ``agreed`` has accepted the list; what was, or would be, removed."""
    from msgspec.structs import replace

    from plimsoll.store import pruning

    kept = runs_of(workspace)
    found = pruning.chosen(kept, instant(), keep=keep, older_than=older_than, unfinished=unfinished, force=force)
    if not found.runs or not agreed(found):
        return found
    with home_of(workspace).lock():
        pruning.remove(kept, found.runs)
    return replace(found, done=True)


def parity(workspace: Workspace, run_a: str, run_b: str) -> Parity:
    """Where two runs part, session by session, and why (E1)."""
    from plimsoll.analysis.parity import parity as compared

    kept = runs_of(workspace)
    with kept.open(run_a) as a, kept.open(run_b) as b:
        return compared(a.run, a.events(), b.run, b.events())

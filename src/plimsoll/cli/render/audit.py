"""The check of journals and of the governor's record, and its repair, as text for a person (G3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console
from plimsoll.core.runs import JOURNAL_FORMAT

if TYPE_CHECKING:
    from plimsoll.account.repair import Repaired
    from plimsoll.core.runs import AuditReport


def render_audit(report: AuditReport) -> None:
    """Whether the chain is intact, and if not where it breaks."""
    out = console()
    if report.governor is not None:
        account = report.governor
        found = f"{account.entries} entries, head {account.head[:16]}" if account.ok else escape(account.problem)
        bad = "" if account.ok else f"; first bad entry {account.first_bad}, see 'plimsoll audit repair'"
        out.print(f"governor's account: {'ok' if account.ok else 'NOT OK'}: {found}{bad}")
        if not report.records and not report.problem:
            return
    if report.ok or not report.problem:
        end = "" if report.anchored else "; the run has not ended, so no anchor outside the journal confirms its end"
        outdated = 0 < report.format < JOURNAL_FORMAT
        old = f"; of format {report.format}, which this version can verify but not read" if outdated else ""
        out.print(f"ok: {report.records} records, head {report.head[:16]}{end}{old}")
    else:
        out.print(f"NOT OK: {escape(report.problem)}; first bad record {report.first_bad} of {report.records}")


def render_repair(done: Repaired) -> None:
    """The damage of the governor's account and the repair."""
    out = console()
    if done.action == "none":
        out.print("The governor's account is intact.")
        return
    out.print(f"found: {escape(done.problem)}")
    if done.action == "rebuild":
        out.print(f"rebuilt from its record of {done.entries} entries; nothing is lost")
    else:
        known = f"{done.lost} entries are lost" if done.lost else "later ones are lost"
        out.print(f"restarted with {done.entries} entries; {known}. Only reductions pass: send a snapshot of the")
        out.print("venue's positions, then begin the next session. Orders open there may be unknown here: cancel them")

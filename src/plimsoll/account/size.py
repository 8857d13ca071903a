"""Position size growing to the cap: the present step and the approval of the next (H7, P5)."""

from __future__ import annotations

import msgspec

from plimsoll.account.files import AccountFiles
from plimsoll.account.governed_account import whole_record
from plimsoll.account.record import AccountRecord, Record
from plimsoll.account.record_rules import Signatory
from plimsoll.core.account_record import Size
from plimsoll.core.errors import CheckFailed, said
from plimsoll.core.money import dollars
from plimsoll.governor.graduation import Progress, SizeRequirement, progress


class SizeReport(msgspec.Struct, frozen=True):
    """An account's present size step, in dollars.

    ``size`` is None where size is not graduated, ``next`` where there is no further step. ``since`` is the start of the
    evidence, ``sessions`` the number since then; ``ready`` whether a person may grant the step.
    """

    graduated: bool
    size: str | None
    next: str | None
    steps: tuple[str, ...]
    since: str
    sessions: int
    evidence: tuple[SizeRequirement, ...]
    ready: bool


def status(home: AccountFiles) -> SizeReport:
    """The present step; reads only, also while the governor runs."""
    return _report(_progress(whole_record(home)))


def approve(home: AccountFiles, by: Signatory, reason: str) -> SizeReport:
    """Grant the next step, from the next session on.

    ``CheckFailed`` (exit 3) lists the missing evidence, or the persons who may sign.
    """
    record = AccountRecord(home)
    read = whole_record(home)
    record.check_copy(read)
    why = said(reason, "--reason")
    found = _progress(read)
    if found.size is None:
        raise CheckFailed(
            "the size of this account is not graduated", "A live account's is; see 'plimsoll limits show'"
        )
    if found.next is None:
        raise CheckFailed(f"${dollars(found.size)} is the last step", "'plimsoll limits sign' changes the caps")
    missing = [item for item in found.evidence if not item.met]
    if missing:
        told = "; ".join(f"{item.name}: {item.found}, needed {item.needed}" for item in missing)
        raise CheckFailed(
            f"${dollars(found.next)} cannot be granted yet: {told}",
            f"Continue at ${dollars(found.size)}; evidence is counted since {found.since}",
        )
    after = record.append(Size(step=dollars(found.next), reason=why), by)
    return _report(_progress(after))


def _progress(record: Record) -> Progress:
    return progress(e.body for e in record.entries)


def _report(found: Progress) -> SizeReport:
    return SizeReport(
        graduated=found.size is not None,
        size=None if found.size is None else dollars(found.size),
        next=None if found.next is None else dollars(found.next),
        steps=tuple(dollars(step) for step in found.steps),
        since=found.since,
        sessions=len(found.run),
        evidence=found.evidence if found.next is not None else (),
        ready=found.ready,
    )

"""Repair a lost or altered governor's account from its record, by a person (H2, X6).

Where the record is in order to its end and reaches the last entry that the home has seen, state and facts follow from
it. Otherwise the last entries are lost, with their orders and fills: the account can then only be restarted from the
rest, explicitly, and adds no risk until the venue has reported its positions and another session has begun.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import msgspec

from plimsoll.account.files import AccountFiles
from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import Signatory
from plimsoll.account.track_record import TrackRecord, day_of
from plimsoll.core.account_record import Repair
from plimsoll.core.errors import CheckFailed, said
from plimsoll.governor.state import Lost, row
from plimsoll.store.governor_repair import Broken


class Repaired(msgspec.Struct, frozen=True):
    """The problem and the action: ``none``, ``rebuild`` or ``restart``. ``entries`` are in the record now,
    ``lost`` are known to be missing.
    """

    action: str
    problem: str
    entries: int
    lost: int


def repair(
    home: AccountFiles, by: Signatory | None, reason: str, wall: Callable[[], int], *, restart: bool = False
) -> Repaired:
    """Repair the account of a home; with ``restart`` also where entries are lost.

    ``CheckFailed`` (exit 3) where entries are lost without ``restart``, or the action needs a valid signature. ``wall``
    is the time in microseconds since 1970.
    """
    broken, record = Broken(home.governor), AccountRecord(home)
    found = broken.look()
    if found is None:
        return Repaired("none", "", 0, 0)
    lost = max(found.seen - found.entries, 0)
    if not found.whole and not restart:
        missing = f"{lost} entries after it, or more," if lost else "what came after it"
        raise CheckFailed(
            f"{found.problem}. The record is in order to entry {found.entries}; {missing} cannot be told from it: "
            "orders that are open and positions that are held may be missing",
            "Restore governor.db, governor.db-wal and governor.anchor from a copy that is not older, or begin again "
            "from there, reductions only: plimsoll audit repair --restart --person P --key FILE --reason TEXT",
        )
    action: Literal["rebuild", "restart"] = "rebuild" if found.whole else "restart"
    known = record.read()
    if known.entries:
        why = said(reason, "--reason") if by is not None else reason
        record.append(Repair(action=action, entries=found.entries, lost=lost, problem=found.problem, reason=why), by)
    more = []
    if not found.whole:
        day = next((json.loads(text)[0] for kind, _, text in broken.state if kind == "account" and text), -1)
        day = max(day, TrackRecord(home, lambda _: None).day, day_of(known.session), day_of(known.begun))
        live = known.limits is not None and known.limits[1].mode == "live"
        more = [row("lost", "", Lost(day, wall() if live else 0))]
    return Repaired(action, found.problem, broken.rebuild(more), lost)

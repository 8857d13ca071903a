"""Where two runs part, session by session, and why: data, timing, an instruction, a fill, a cost, the decision (E1).

Pure; of each run only its verified events are read. Two runs that decide the same have no difference, whatever their
names, modes and machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import (
    Approval,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Event,
    KillChanged,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
)
from plimsoll.core.order import Fill

Cause = Literal["data", "timing", "instruction", "fill", "cost", "decision", "account"]
MEANS: dict[Cause, str] = {
    "data": "the runs decided on different data: another snapshot, a restatement, a changed certification",
    "timing": "only one of them decided on this session",
    "instruction": "a person or the kill switch acted in one of them, or otherwise",
    "fill": "orders of the session filled in other quantities, or ended in another way",
    "cost": "the same quantities filled at other prices or commissions",
    "decision": "the decision differs although data, instructions and fills were the same",
    "account": "the decision differs because an earlier difference left another account",
}
"""What each cause means."""


class Gap(msgspec.Struct, frozen=True):
    """A session on which two runs differ. ``nav_a`` and ``nav_b`` in whole cents at its close; ``detail`` names symbols
    and figures.
    """

    session: str
    cause: Cause
    detail: str
    nav_a: int | None = None
    nav_b: int | None = None


class Parity(msgspec.Struct, frozen=True):
    """The comparison of two runs over the sessions of both. ``first`` is the first difference, which explains the
    ``account`` ones after it; ``causes`` counts sessions by cause.
    """

    run_a: str
    run_b: str
    sessions: int
    same: int
    causes: dict[str, int]
    first: Gap | None
    gaps: tuple[Gap, ...]


@dataclass
class _Session:
    """What a run's journal says of a session."""

    snapshot: str = ""
    data: list[Event] = field(default_factory=list)
    instructions: list[Event] = field(default_factory=list)
    fills: dict[str, list[Fill]] = field(default_factory=dict)
    ends: list[tuple[str, str, int]] = field(default_factory=list)
    record: CycleRecord | None = None


def parity(run_a: str, a: Iterable[Event], run_b: str, b: Iterable[Event]) -> Parity:
    """Compare two runs by their events."""
    ours, theirs = _sessions(a), _sessions(b)
    gaps = tuple(_gaps(ours, theirs))
    causes: dict[str, int] = {}
    for gap in gaps:
        causes[gap.cause] = causes.get(gap.cause, 0) + 1
    total = len(ours.keys() | theirs.keys())
    return Parity(run_a, run_b, total, total - len(gaps), causes, gaps[0] if gaps else None, gaps)


def _sessions(events: Iterable[Event]) -> dict[str, _Session]:
    """The journal by the session that each decision closes: everything since the one before belongs to it."""
    found: dict[str, _Session] = {}
    now, snapshot = _Session(), ""
    for event in events:
        match event:
            case CycleRecord():
                now.record, now.snapshot = event, snapshot
                found[event.session] = now
                now = _Session()
            case DataPublished():
                snapshot = event.snapshot
            case DataRestated() | CertificationChanged():
                now.data.append(event)
            case Approval() | KillChanged():
                now.instructions.append(event)
            case Fill():
                now.fills.setdefault(event.symbol, []).append(event)
            case OrderExpired() | OrderCancelled():
                now.ends.append((event.id, event.reason, event.lots))
            case OrderRejected():
                now.ends.append((event.id, event.reason, 0))
            case OrderDenied():
                now.ends.append((event.id, " ".join(event.reasons), 0))
            case _:
                pass
    return found


def _gaps(ours: dict[str, _Session], theirs: dict[str, _Session]) -> Iterator[Gap]:
    parted = False
    for session in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(session), theirs.get(session)
        if a is None or b is None or a.record is None or b.record is None:
            yield Gap(session, "timing", f"only the {'second' if a is None else 'first'} run decided on it")
            continue
        found = _difference(a, b, parted)
        if found is not None:
            parted = True
            yield Gap(session, *found, a.record.nav, b.record.nav)


def _difference(a: _Session, b: _Session, parted: bool) -> tuple[Cause, str] | None:
    """The first cause that applies, in the order in which one brings about the next."""
    if _plain(a.data) != _plain(b.data):
        return "data", f"{len(a.data)} notices of changed data in the first, {len(b.data)} in the second"
    if _plain(a.instructions) != _plain(b.instructions):
        return "instruction", f"{_told(a.instructions)} in the first, {_told(b.instructions)} in the second"
    for symbol in sorted(a.fills.keys() | b.fills.keys()):
        lots = [sum(one.lots for one in side.fills.get(symbol, ())) for side in (a, b)]
        if lots[0] != lots[1]:
            return (
                "account" if parted else "fill",
                f"{symbol}: {lots[0]:+d} lots filled in the first, {lots[1]:+d} in the second",
            )
    if not parted and a.ends != b.ends:
        return "fill", f"{len(a.ends)} orders ended unfilled in the first, {len(b.ends)} in the second, or otherwise"
    for symbol in sorted(a.fills):
        paid = [[(f.price, f.commission) for f in side.fills[symbol]] for side in (a, b)]
        if paid[0] != paid[1]:
            return "cost", f"{symbol}: {_paid(paid[0])} in the first, {_paid(paid[1])} in the second"
    if _decided(a) == _decided(b):
        return None
    if a.snapshot != b.snapshot:
        return "data", f"snapshot {a.snapshot[:12]} in the first, {b.snapshot[:12]} in the second"
    return ("account" if parted else "decision"), _what_differs(a, b)


def _decided(side: _Session) -> bytes:
    """A decision without what names the run and the code that made it."""
    made = msgspec.to_builtins(side.record)
    for name in ("code", "snapshot", "id", "intents"):
        made.pop(name, None)
    orders = () if side.record is None else side.record.intents
    made["orders"] = [(o.symbol, o.lots, o.type, o.time_in_force, o.reduce_only) for o in orders]
    return msgspec.json.encode(made, order="sorted")


def _what_differs(a: _Session, b: _Session) -> str:
    one, two = (msgspec.json.decode(_decided(side)) for side in (a, b))
    return "differs in " + ", ".join(sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name)))


def _plain(events: Iterable[Event]) -> list[object]:
    """Events without the session they are dated by, which a person's act may have of the day before."""
    told = [msgspec.to_builtins(event) for event in events]
    return [{name: value for name, value in one.items() if name not in ("session", "snapshot")} for one in told]


def _told(events: list[Event]) -> str:
    return ", ".join(type(event).__name__ for event in events) or "nothing"


def _paid(paid: list[tuple[float, int]]) -> str:
    return ", ".join(f"{price:.4f} + {commission / 100:.2f}" for price, commission in paid)

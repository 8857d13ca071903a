"""Sentences on what a run was told between two sessions: its data and the account's caps (D14, E1, H1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plimsoll.analysis.wording import counted
from plimsoll.core.events import (
    ActionsInDoubt,
    ActionsRestated,
    CapsGranted,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Notice,
    RowsChanged,
    ValueChanged,
)
from plimsoll.core.money import dollars

_NAMED = 8
_COLUMNS = {  # what a person calls columns of a snapshot
    "fresh": "presence of a bar",
    "sound": "certification",
    "quality": "quality score",
    "ended": "end of the series",
    "late": "lateness of data",
}


def sentences(event: Notice) -> Iterator[str]:
    """A notice in words, without full stops; nothing of a run's first snapshot, which changes nothing."""
    match event:
        case DataPublished() if event.session:
            yield f"after {event.session} the run continued on snapshot {event.snapshot[:16]}, ending on {event.last}"
            if event.added:
                yield f"{_some(event.added)} joined the run after {event.session}"
        case DataRestated():
            yield (
                f"snapshot {event.snapshot[:16]} restates sessions that were already decided, up to {event.session}: "
                f"{_changes(event.changes)}; past decisions stay, later ones use the new rows"
            )
        case CertificationChanged():
            yield (
                f"snapshot {event.snapshot[:16]} changes the certification of sessions already decided, up to "
                f"{event.session}: {_changes(event.changes)}"
            )
        case ActionsRestated():
            yield _booked(event)
        case ActionsInDoubt():
            yield (
                f"a split or dividend of {event.symbol} before {event.session} became known and is not booked, because "
                f"{event.reason}: nothing is added to the position until a person signs for it with plimsoll resume "
                f"--position {event.symbol}=LOTS"
            )
        case CapsGranted():
            yield _granted(event)
        case _:
            return


def _booked(event: ActionsRestated) -> str:
    known = [f"the split of {s.session} by {s.ratio:.10g}" for s in event.splits]
    known += [f"{dollars(cents)} USD for {session}" for session, cents in event.paid.items()]
    return (
        f"splits and dividends of {event.symbol} that became known after {event.session} were booked then: "
        f"{_some(known)}; the account holds {counted(event.lots, 'lot')} from there on, and "
        "orders decided on other lots were void"
    )


def _granted(event: CapsGranted) -> str:
    since = f"after {event.session}" if event.session else "from its start"
    named = "".join(f", of {symbol} {dollars(cap)}" for symbol, cap in sorted(event.positions.items()))
    return (
        f"{since} the run traded under the caps of entry {event.version} of the account's record, in USD: loss "
        f"{dollars(event.loss)}, order {dollars(event.trade)}, turnover {dollars(event.turnover)}, position "
        f"{dollars(event.position)}{named}"
    )


def _changes(changes: Sequence[RowsChanged]) -> str:
    return _some([_change(c) for c in changes], "; ")


def _change(c: RowsChanged) -> str:
    if not c.rows:
        return c.name
    of = f" of {', '.join(_COLUMNS.get(name, name) for name in c.fields)}" if c.fields else ""
    return f"{c.name} {counted(c.rows, 'row')}{of} from {c.since}{_most(c.largest)}"


def _most(largest: Sequence[ValueChanged]) -> str:
    """The largest change of each column, with its date and both values."""
    each = (
        f"{_COLUMNS.get(v.field, v.field)} of {v.session} from {_value(v.before)} to {_value(v.after)}" for v in largest
    )
    return f" (largest: {', '.join(each)})" if largest else ""


def _value(value: float | bool | None) -> str:
    if value is None:
        return "none"
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:.10g}"


def _some(names: Sequence[str], between: str = ", ") -> str:
    shown = between.join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"

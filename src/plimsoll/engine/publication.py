"""Continue a run on a new snapshot: check that it holds the sessions already decided on, and journal every
difference (E1, D14).

Nothing is decided twice: state is folded from the journal, and an old decision is replayed on the snapshot that its own
record names. A restated past is a dated event, since later decisions use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.events import (
    CertificationChanged,
    DataEvent,
    DataPublished,
    DataRestated,
    Genesis,
    RowsChanged,
    SeriesDigest,
    ValueChanged,
)
from plimsoll.core.panel import FIELDS, Certified, Panel
from plimsoll.engine.derived_dividends import errors

Pair = tuple[NDArray[Any], NDArray[Any]]
_BARS = (*(name for name in FIELDS if name != "index"), "fresh")  # the index follows from the others, up to its level
_DATED = tuple(f.name for f in fields(Certified))
_CALENDAR_REMEDY = "Ingest the history the run was begun with into this home, or start a new run"


def published(panel: Panel, session: str = "", *, digests: bool = False) -> DataPublished:
    """The event by which a run takes up ``panel`` after ``session``; with ``digests`` of its rows where another
    snapshot may follow.
    """
    dates = panel.sessions.dates
    known = DataPublished(session, panel.snapshot, panel.symbols, dates[0], dates[-1])
    return _with_digests(known, panel) if digests else known


def succession(
    before: DataPublished | None, old: Panel | None, panel: Panel, genesis: Genesis, decided: str
) -> tuple[DataEvent, ...]:
    """The events by which a run that decided up to ``decided`` on the snapshot of ``before`` takes up ``panel``.

    Without ``before``, as in a journal without such events, the old snapshot is the genesis's.

    First the restatements of rows already decided on, then the snapshot itself. ``old`` is the snapshot of ``before``,
    None where it is gone: the digests in ``before`` then show which rows' fields differ, though not where.
    where.

    Raises
    ------
    UsageError
        The snapshot ends before the run's last decision.
    InputError
        It lacks symbols, sessions or history of the run, has another lot size for a symbol, is synthetic where the
        run's data are not; or nothing is left to compare it with.
    """
    if before is None and old is not None:
        before = published(old)
    if before is None or (old is None and not before.calendar):
        raise InputError(
            f"the snapshot {genesis.snapshot} that the run decided on is gone, and its journal holds no digest of it",
            "Restore its folder from a backup, or start a new run",
        )
    _acceptable(before, panel, genesis, decided)
    _same_sessions(before, old, panel, decided)
    _same_lots(before, old, panel)
    restated, judged = _by_digest(before, panel) if old is None else _by_row(before, old, panel, decided)
    now = published(panel, decided, digests=True)
    return (
        *((DataRestated(decided, panel.snapshot, restated),) if restated else ()),
        *((CertificationChanged(decided, panel.snapshot, judged),) if judged else ()),
        replace(now, added=_added(before, panel), rebased=_rebased(before, old, panel, decided)),
    )


def _added(before: DataPublished, panel: Panel) -> tuple[str, ...]:
    known = set(before.symbols)
    return tuple(s for s in panel.symbols if s not in known)


def _acceptable(before: DataPublished, panel: Panel, genesis: Genesis, decided: str) -> None:
    """Refuse a snapshot on which no run can continue."""
    last = panel.sessions.dates[-1]
    if last < decided:
        raise UsageError(
            f"the snapshot {panel.snapshot[:16]} ends on {last}, before the run's last decision on {decided}",
            "Ingest newer data, or name a newer snapshot with --snapshot",
        )
    missing = [s for s in before.symbols if s not in panel.column]
    if missing:
        raise InputError(
            f"the snapshot {panel.snapshot[:16]} lacks {', '.join(missing)}, which the run decides on",
            "Ingest a source that holds them (a series that ended stays in it), or start a new run without them",
        )
    if panel.synthetic != genesis.synthetic:
        kinds = ("recorded", "synthetic") if panel.synthetic else ("synthetic", "recorded")
        raise InputError(
            f"the run's data are {kinds[0]}, those of snapshot {panel.snapshot[:16]} are {kinds[1]}",
            "Continue it in the home of its own data",
        )


def _span(panel: Panel, first: str, last: str) -> slice:
    """Rows from one session to another, both included."""
    return slice(panel.sessions.row_at_or_after(first), panel.sessions.row_at_or_before(last) + 1)


def _same_sessions(before: DataPublished, old: Panel | None, panel: Panel, decided: str) -> None:
    """Refuse another calendar over the sessions of the run's data: its rows would be other days."""
    begins = panel.sessions.dates[0]
    if begins > before.first:
        raise InputError(
            f"the snapshot {panel.snapshot[:16]} begins on {begins}, the run's data on {before.first}", _CALENDAR_REMEDY
        )
    if old is not None:
        own, new = (p.sessions.days[_span(p, before.first, decided)] for p in (old, panel))
        same = np.array_equal(own, new)
    else:
        same = _digest(panel.sessions.days[_span(panel, before.first, before.last)]) == before.calendar
    if not same:
        raise InputError(
            f"the snapshot {panel.snapshot[:16]} has other sessions up to {decided} than the run decided on",
            _CALENDAR_REMEDY,
        )


def _same_lots(before: DataPublished, old: Panel | None, panel: Panel) -> None:
    """Refuse a symbol whose lot size has changed."""
    own = {s.symbol: s.lots_per_unit for s in before.series}
    if old is not None:
        own = {i.symbol: i.lots_per_unit for i in old.instruments}
    for i in panel.instruments:
        if own.get(i.symbol, i.lots_per_unit) != i.lots_per_unit:
            raise InputError(
                f"{i.symbol} is counted in {i.lots_per_unit} lots a unit now, the run holds it in {own[i.symbol]}",
                "Restore the instrument in the universe file, or start a new run",
            )


def _by_row(
    before: DataPublished, old: Panel, panel: Panel, decided: str
) -> tuple[tuple[RowsChanged, ...], tuple[RowsChanged, ...]]:
    """Rows up to the last decision that differ, of prices, macro series and certification.

    Dividends that both snapshots derive from adj_close differ where the decimals of the sources do not explain it.
    """
    own, new = _span(old, before.first, decided), _span(panel, before.first, decided)
    dates = old.sessions.dates[own]
    mine = [old.column[s] for s in before.symbols]
    theirs = [panel.column[s] for s in before.symbols]

    def told(names: tuple[str, ...], a: object, b: object) -> tuple[RowsChanged, ...]:
        values = {n: (getattr(a, n)[own][:, mine], getattr(b, n)[new][:, theirs]) for n in names}
        unlike = {n: _unlike(*pair) for n, pair in values.items()}
        if "dividend" in unlike:
            unlike["dividend"] &= ~rounded(*values["dividend"])
        return tuple(_differences(before.symbols, unlike, values, dates))

    def rounded(was: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.bool_]:
        slack = np.zeros(was.shape)
        for column in np.flatnonzero((was != now).any(axis=0)).tolist():
            of_old, of_new = errors(old, before.symbols[column])[own], errors(panel, before.symbols[column])[new]
            slack[:, column] = np.where((of_old > 0.0) & (of_new > 0.0), of_old + of_new, 0.0)
        return np.asarray(np.abs(now - was) <= slack)

    series = tuple(_series(name, _macro(old, name)[own], _macro(panel, name)[new], dates) for name in old.macro_names)
    return told(_BARS, old, panel) + tuple(one for one in series if one.rows), told(
        _DATED, old.certified, panel.certified
    )


def _by_digest(before: DataPublished, panel: Panel) -> tuple[tuple[RowsChanged, ...], tuple[RowsChanged, ...]]:
    """Differences anywhere in the rows of a snapshot that is gone."""
    rows = _span(panel, before.first, before.last)
    bars = [s.symbol for s in before.series if s.bars != _bars(panel, s.symbol, rows)]
    macro = [name for name, known in before.macro.items() if known != _digest(_macro(panel, name)[rows])]
    judged = [s.symbol for s in before.series if s.certified != _certified(panel, s.symbol, rows)]
    return tuple(map(RowsChanged, bars + macro)), tuple(map(RowsChanged, judged))


def _series(name: str, was: NDArray[np.float64], now: NDArray[np.float64], dates: list[str]) -> RowsChanged:
    """The rows of a macro series that differ, if any."""
    rows = ~_alike(was, now)
    if not rows.any():
        return RowsChanged(name)
    return RowsChanged(name, *_where(rows, dates), largest=(_largest("value", rows, was, now, dates),))


def _differences(
    symbols: tuple[str, ...], unlike: dict[str, NDArray[np.bool_]], values: dict[str, Pair], dates: list[str]
) -> Iterator[RowsChanged]:
    any_field = np.logical_or.reduce(list(unlike.values()))
    for column in np.flatnonzero(any_field.any(axis=0)).tolist():
        names = tuple(name for name, rows in unlike.items() if rows[:, column].any())
        pairs = {name: (values[name][0][:, column], values[name][1][:, column]) for name in names}
        largest = tuple(_largest(n, unlike[n][:, column], was, now, dates) for n, (was, now) in pairs.items())
        yield RowsChanged(symbols[column], *_where(any_field[:, column], dates), names, largest)


def _largest(
    name: str, rows: NDArray[np.bool_], was: NDArray[Any], now: NDArray[Any], dates: list[str]
) -> ValueChanged:
    """The largest change among ``rows``; a value that appeared or disappeared comes first."""
    at = np.flatnonzero(rows)
    size = np.abs(now[at].astype(np.float64) - was[at].astype(np.float64))
    row = int(at[int(np.argmax(np.where(size == size, size, np.inf)))])
    before, after = (None if one[row] != one[row] else one[row].item() for one in (was, now))
    return ValueChanged(name, dates[row], before, after)


def _where(rows: NDArray[np.bool_], dates: list[str]) -> tuple[int, str]:
    return int(np.count_nonzero(rows)), dates[int(np.argmax(rows))]


def _unlike(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.bool_]:
    return np.zeros(a.shape, dtype=np.bool_) if a.tobytes() == b.tobytes() else ~_alike(a, b)


def _alike(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where two arrays are equal; absent values equal each other."""
    return np.asarray((a == b) | ((a != a) & (b != b)))


def _macro(panel: Panel, name: str) -> NDArray[np.float64]:
    """(T,) a macro series; absent throughout where the panel has none of that name."""
    if name not in panel.macro_names:
        return np.full(len(panel.sessions), np.nan)
    return panel.macro[:, panel.macro_names.index(name)]


def _rebased(before: DataPublished, old: Panel | None, panel: Panel, decided: str) -> dict[str, float]:
    """New index level over the old one on the last row that both have, where they differ (U1)."""
    if old is None:
        at, levels = before.last, {s.symbol: s.level for s in before.series}
    else:
        at = decided
        levels = dict(zip(old.symbols, _levels(old, at), strict=True))
    now = dict(zip(panel.symbols, _levels(panel, at), strict=True))
    both = ((s, levels[s], now[s]) for s in before.symbols)
    return {s: new / was for s, was, new in both if was > 0.0 and new > 0.0 and new != was}


def _levels(panel: Panel, at: str) -> list[float]:
    """Forward index of every symbol at its last bar up to a session; 0 without one."""
    rows = panel.index[: panel.sessions.row_at_or_before(at) + 1]
    known = np.isfinite(rows)
    last = rows.shape[0] - 1 - np.argmax(known[::-1], axis=0)
    found: list[float] = np.where(known.any(axis=0), rows[last, np.arange(rows.shape[1])], 0.0).tolist()
    return found


def _with_digests(event: DataPublished, panel: Panel) -> DataPublished:
    rows = slice(0, len(panel.sessions))
    levels = _levels(panel, event.last)
    series = tuple(
        SeriesDigest(i.symbol, _bars(panel, i.symbol, rows), _certified(panel, i.symbol, rows), level, i.lots_per_unit)
        for i, level in zip(panel.instruments, levels, strict=True)
    )
    macro = {name: _digest(_macro(panel, name)) for name in panel.macro_names}
    return replace(event, calendar=_digest(panel.sessions.days), series=series, macro=macro)


def _bars(panel: Panel, symbol: str, rows: slice) -> str:
    column = panel.column[symbol]
    return _digest(*(getattr(panel, name)[rows, column] for name in _BARS))


def _certified(panel: Panel, symbol: str, rows: slice) -> str:
    column = panel.column[symbol]
    return _digest(*(getattr(panel.certified, name)[rows, column] for name in _DATED))


def _digest(*columns: NDArray[np.generic]) -> str:
    """32 characters of a hash of some columns; every absent value hashes alike, whatever its bits."""
    made = hashlib.blake2b(digest_size=16)
    for values in columns:
        if values.dtype.kind == "f":
            values = np.where(values != values, np.nan, values)
        made.update(np.ascontiguousarray(values).tobytes())
    return made.hexdigest()

"""The certified panel and the point-in-time view of it (D14, F2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray

from plimsoll.core.instrument import Instrument
from plimsoll.core.sessions import Sessions

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FIELDS = ("open", "high", "low", "close", "volume", "dividend", "split", "index")


UNEXPLAINED = ("UNEXPLAINED_JUMP", "SPLIT_SUSPECTED")
"""Flags of moves that look like no market's: booked as the file tells them, and told as such (D10)."""


class Flag(msgspec.Struct, frozen=True):
    """A dated quality finding: ``reason`` is a code of ``core.reasons``; ``day`` the first date it concerns.

    ``detail`` is one sentence with the supporting figures, where there are any; for a person, never parsed.
    """

    reason: str
    severity: str  # "note" or "hard"
    day: str
    last_day: str
    count: int
    detail: str = ""


class Certification(msgspec.Struct, frozen=True):
    """Certification of one symbol as of the snapshot's end (D10, D11); ``Certified`` has the state on earlier dates.

    ``missing_pct`` and ``score`` are fractions; ``active_from`` is the first date on which the symbol was ACTIVE,
    empty when it never was.
    """

    symbol: str
    state: str  # ACTIVE, DEGRADED, QUARANTINED
    rows: int
    expected: int
    missing_pct: float
    score: float
    reasons: tuple[str, ...]
    flags: tuple[Flag, ...] = ()
    provider: str = ""
    first: str = ""
    last: str = ""
    ended: bool = False
    active_from: str = ""

    @property
    def unexplained(self) -> tuple[Flag, ...]:
        """Moves that no action, second source or person explained, so that no risk may be added (D10)."""
        return tuple(f for f in self.flags if f.severity == "hard" and f.reason in UNEXPLAINED)


@dataclass(frozen=True, eq=False)
class Certified:
    """Certification of each symbol at each session's close, from nothing dated later; (T, N) each (D10).

    ``sound``: no hard flag, share of expected sessions and score accepted. ``quality``: the score in [0, 1], NaN
    before the first bar. ``ended``: the series is known to have ended, its calendar's others going on (D9). ``late``:
    it stopped together with others or as the only one, which means late data, not an end.
    """

    sound: Bools
    quality: Floats
    ended: Bools
    late: Bools


class RowActions(msgspec.Struct, frozen=True):
    """Columns with a corporate action on a row: a split, a dividend, a series known to have ended before."""

    split: tuple[int, ...] = ()
    dividend: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()

    @property
    def columns(self) -> tuple[int, ...]:
        """All of them, a column once for each of its actions."""
        return self.split + self.dividend + self.ended


@dataclass(frozen=True, eq=False)
class Panel:
    """Certified history: one (T, N) float64 array per field, rows NYSE sessions, columns symbols, NaN = no bar.

    ``open high low close`` are traded prices; ``volume`` is in the instrument's own unit; ``dividend`` is cash
    per unit on its ex-date row (0 otherwise); ``split`` new units per old on its row (1 otherwise); ``index``
    the total-return forward index, 1.0 at the first bar (U1). ``macro`` is (T, S): each series as known at the
    decision of that row (D18). Bars of other calendars are folded into the next session's row (U5).
    ``fresh`` is False where the symbol's own calendar expected a newer bar than the row holds (D15).
    ``dated`` is certification by session; a panel without it (a snapshot of format 1) uses its final certification on
    every date.
    """

    sessions: Sessions
    instruments: tuple[Instrument, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    dividend: Floats
    split: Floats
    index: Floats
    fresh: NDArray[np.bool_]
    certifications: tuple[Certification, ...]
    macro: Floats
    macro_names: tuple[str, ...]
    snapshot: str  # content hash
    synthetic: bool
    derived_universe: bool = True
    dated: Certified | None = None
    plain: tuple[str, ...] = ()

    def resolved(self, plain_symbols_are: Literal["fund", "stock"]) -> Panel:
        """The panel as a run's policy reads it: plain symbols are funds or stocks (D2). Its hash stays the snapshot's,
        and ``plain`` keeps the plain columns.
        """
        plain = tuple(i.symbol for i in self.instruments if i.kind == "plain")
        if not plain:
            return self
        return replace(self, instruments=tuple(i.resolved(plain_symbols_are) for i in self.instruments), plain=plain)

    @cached_property
    def certified(self) -> Certified:
        """Certification by session for decisions: ``dated`` where the snapshot has it."""
        return self.dated if self.dated is not None else _undated(self)

    def first(self, rows: int) -> Panel:
        """The panel after its first ``rows`` sessions, 0 < rows < T; certifications are those of its end."""
        s = self.sessions
        cut = {name: getattr(self, name)[:rows] for name in (*FIELDS, "fresh", "macro")}
        dated = self.dated and Certified(*(getattr(self.dated, f.name)[:rows] for f in fields(Certified)))
        sessions = Sessions(s.days[:rows], s.opens[:rows], s.closes[:rows], int(s.days[rows]))
        return replace(self, sessions=sessions, dated=dated, **cut)

    @cached_property
    def tradable(self) -> Bools:
        """(N,) tradable columns: an index is not (D2)."""
        return np.array([i.tradable for i in self.instruments], dtype=np.bool_)

    @cached_property
    def undated(self) -> tuple[Instrument, ...]:
        """The instruments without their membership dates, which lie in the future of some decisions (D16)."""
        return tuple(replace_struct(i, members=()) if i.members else i for i in self.instruments)

    @cached_property
    def funds(self) -> Bools:
        """(N,) columns that are funds."""
        return np.array([i.kind == "fund" for i in self.instruments], dtype=np.bool_)

    @cached_property
    def calendars(self) -> NDArray[np.int64]:
        """(N,) number of each column's calendar, those of one calendar alike."""
        names = sorted({i.calendar for i in self.instruments})
        return np.array([names.index(i.calendar) for i in self.instruments], dtype=np.int64)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(i.symbol for i in self.instruments)

    @cached_property
    def column(self) -> dict[str, int]:
        """Column of each symbol."""
        return {s: i for i, s in enumerate(self.symbols)}

    @cached_property
    def halted(self) -> NDArray[np.bool_]:
        """(T, N) rows whose own bar shows no trading (D10).

        No volume, where the symbol had some before, and one price all session. A bar without volume but with a price
        change has lost its volume; currencies and indices have none.
        """
        had = np.cumsum(self.volume > 0.0, axis=0) > 0
        counted = np.array([i.kind not in ("fx", "index") for i in self.instruments], dtype=np.bool_)
        return np.asarray(had & (self.volume == 0.0) & (self.high == self.low) & counted)

    @cached_property
    def actions(self) -> dict[int, RowActions]:
        """Rows with a corporate action on a holding before the session trades (D9, D12)."""
        over = self.certified.ended
        ended = np.zeros(self.close.shape, dtype=np.bool_)
        ended[1:] = over[:-1]  # as known at the decision before this row (D9)
        ended[2:] &= ~over[:-2]
        kinds = (
            np.isfinite(self.split) & (self.split > 0.0) & (self.split != 1.0),
            np.isfinite(self.dividend) & (self.dividend != 0.0),
            ended,
        )
        rows = np.flatnonzero(np.logical_or.reduce(kinds).any(axis=1)).tolist()
        return {r: RowActions(*(tuple(np.flatnonzero(happens[r]).tolist()) for happens in kinds)) for r in rows}

    @cached_property
    def last_row(self) -> NDArray[np.int64]:
        """Row of each symbol's last bar, -1 without any; a series that ends early has ended after it (D9)."""
        has = np.isfinite(self.close)
        last = len(self.sessions) - 1 - np.argmax(has[::-1], axis=0)
        return np.where(has.any(axis=0), last, -1)


def _undated(panel: Panel) -> Certified:
    """The panel's final certifications on every row; an ended series counts as ended from its last bar on."""
    shape = panel.close.shape
    sound, ended = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    quality = np.full(shape, np.nan)
    for one in panel.certifications:
        column = panel.column.get(one.symbol)
        if column is None:
            continue
        sound[:, column] = one.state == "ACTIVE"
        quality[:, column] = one.score
        if one.ended and shape[0]:
            # a bar of another calendar folds into the next session's row, hence "at or after" (U5)
            last = panel.sessions.row_at_or_after(one.last) if one.last else int(panel.last_row[column])
            ended[last + 1 :, column] = True
    return Certified(sound, quality, ended, np.zeros(shape, dtype=np.bool_))


Factor = Callable[[Panel], Floats]
Value = TypeVar("Value")
_FEW = 3  # most figures of a row kept as plain floats


@dataclass(frozen=True, eq=False)
class History:
    """A panel with its causal indicator arrays, each computed once (F2) and shared by every view.

    ``catalogue`` maps a name to a pure causal function of the panel with T as its first axis. The memo stores only
    values: computing on demand or beforehand gives the same bits.
    """

    panel: Panel
    catalogue: dict[str, Factor]
    _memo: dict[str, Floats] = field(default_factory=dict, repr=False)
    _lists: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)
    _blocks: dict[str, tuple[object, int, Sequence[Any]]] = field(default_factory=dict, init=False, repr=False)

    def array(self, name: str) -> Floats:
        """The whole array of one indicator, T first. ``KeyError`` for an unknown name."""
        values = self._memo.get(name)
        if values is None:
            if name not in self.catalogue:
                raise KeyError(self._unknown(name))
            values = self.catalogue[name](self.panel)
            values.setflags(write=False)
            self._memo[name] = values
        return values

    def _unknown(self, name: str) -> str:
        """What to say to whoever asks for an indicator there is none of."""
        from difflib import get_close_matches  # only for an error

        known = sorted(n for n in self.catalogue if "." not in n)
        near = get_close_matches(str(name), known, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return f"no indicator {name!r}; {meant}There are {', '.join(known)}"

    def figures(self, name: str) -> list[Any]:
        """A (T,), (T, 2) or (T, 3) indicator as plain floats, which cost less than small arrays."""
        values = self._lists.get(name)
        if values is None:
            array = self.array(name)
            if array.ndim > 1 and array.shape[1] > _FEW:
                raise KeyError(f"{name} is not one value per row")
            values = array.tolist() if array.ndim == 1 else list(map(tuple, array.tolist()))
            self._lists[name] = values
        return values

    def with_array(self, name: str, values: Floats) -> History:
        """The same history with other values for one indicator; no other indicator is derived from them."""
        values.setflags(write=False)
        return History(self.panel, self.catalogue, {**self._memo, name: values})


class View(msgspec.Struct, frozen=True, eq=False):
    """Everything known at the decision of ``row`` and nothing later.

    Every array ends at that row and is read-only, without a reference to the array it is a window of: nothing that a
    view offers can be indexed past its row. ``view.bars("close")[-1]`` is the decision session's own bar. Only the
    calendar reaches further: future market hours are no look-ahead.
    """

    _history: History
    row: int

    @property
    def date(self) -> str:
        """The session's ISO date."""
        return self._history.panel.sessions.dates[self.row]

    @property
    def day(self) -> int:
        """The session's day number."""
        return int(self._history.panel.sessions.days[self.row])

    @property
    def sessions(self) -> Sessions:
        """The calendar, sessions to come included."""
        return self._history.panel.sessions

    @property
    def snapshot(self) -> str:
        """Content hash of the certified snapshot."""
        return self._history.panel.snapshot

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Columns, without their membership dates: ``listed`` has the members at this session."""
        return self._history.panel.undated

    @property
    def symbols(self) -> tuple[str, ...]:
        """Column names."""
        return self._history.panel.symbols

    @property
    def column(self) -> Mapping[str, int]:
        """Column of each symbol."""
        return MappingProxyType(self._history.panel.column)

    @property
    def listed(self) -> Bools:
        """(N,) members of the universe at this session (D16)."""
        return np.array([i.listed(self.date) for i in self._history.panel.instruments], dtype=np.bool_)

    @property
    def tradable(self) -> Bools:
        """(N,) tradable columns: an index is not (D2)."""
        return self._history.panel.tradable

    @property
    def funds(self) -> Bools:
        """(N,) columns that are funds."""
        return self._history.panel.funds

    @property
    def calendars(self) -> NDArray[np.int64]:
        """(N,) number of each column's calendar, those of one calendar alike."""
        return self._history.panel.calendars

    def bars(self, name: str) -> Floats:
        """(row + 1, N) window of a panel field (``open`` … ``index``). ``KeyError`` for an unknown name."""
        if name not in FIELDS:
            raise KeyError(name)
        return _window(getattr(self._history.panel, name), self.row)

    def indicator(self, name: str) -> Floats:
        """(row + 1, …) window of an indicator. ``KeyError`` for an unknown name."""
        return _window(self._history.array(name), self.row)

    def now(self, name: str, columns: NDArray[np.int64] | None = None) -> Floats:
        """The indicator's value at this row: (N,), (k,) of some ``columns``, or a scalar for a (T,) indicator.

        ``KeyError`` for an unknown name.
        """
        values = self._history._memo.get(name)
        if values is None:
            values = self._history.array(name)
        row: Floats = values[self.row].copy() if columns is None else values[self.row, columns]
        return row

    def figure(self, name: str) -> Any:
        """The value at this row of a (T,) indicator as a plain float, of a (T, 2) or (T, 3) one as a tuple of them.

        ``KeyError`` for any other.
        """
        return self._history.figures(name)[self.row]

    def certified(self, name: Literal["sound", "quality", "ended", "late"]) -> NDArray[Any]:
        """(row + 1, N) window of certification at each session's close (``Certified``)."""
        return _window(getattr(self._history.panel.certified, name), self.row)

    def macro(self, name: str, row: int | None = None) -> float:
        """Value of a macro series known at this row, or an earlier one; NaN when there is none."""
        values = self.macro_history(name)
        return float(values[-1 if row is None else row])

    def macro_history(self, name: str) -> Floats:
        """(row + 1,) a macro series as known at each session; NaN throughout for an unknown one."""
        panel = self._history.panel
        if name not in panel.macro_names:
            return np.full(self.row + 1, np.nan)
        return _window(panel.macro[:, panel.macro_names.index(name)], self.row)


_AHEAD = 16  # most rows computed in one call


def in_blocks(
    view: View, kind: str, key: object, rows: Callable[[History, int, int], Sequence[Value]], *, at_once: int = 1
) -> Value:
    """The value of a causal function at the view's row, computed for several rows in one call.

    ``rows(history, first, last)`` gives the values of rows ``first`` to ``last - 1``, each a function of ``key`` and of
    nothing after its own row, and the same bits whatever the block. A block has ``at_once`` rows, fewer where fewer of
    the last one were used. While row after row is requested for the same ``key``, blocks grow up to ``_AHEAD`` rows;
    one block of each ``kind`` is cached, and like any memo it changes no value.
    """
    history, row = view._history, view.row
    known = history._blocks.get(kind)
    size = at_once if known is None else min(max(row - known[1], 1), at_once)
    if known is not None and known[0] == key:
        first, values = known[1], known[2]
        if first <= row < first + len(values):
            found: Value = values[row - first]
            return found
        if row == first + len(values):
            size = max(min(2 * len(values), _AHEAD), at_once)
    values = rows(history, row, min(row + size, len(history.panel.sessions)))
    history._blocks[kind] = (key, row, values)
    return values[0]


def history_behind(view: View) -> History:
    """All of a view's history, later rows included: for analysis after the fact, never for a decision."""
    return view._history


def _window(values: NDArray[Any], row: int) -> NDArray[Any]:
    """Rows up to ``row``, read-only, not copied. Passed as a capsule, the window has no ``base`` to follow."""
    window: NDArray[Any] = np.from_dlpack(values[: row + 1])
    window.flags.writeable = False
    return window

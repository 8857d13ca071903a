"""Pages kept until their reading is complete: their content, and rows read back a symbol at a time (D13).

A page is written once, whole: eight bytes with the length of its contents, the contents, then day numbers and columns
of each symbol and series as they are in memory. So an interrupted reading goes on behind its last page, and a reading
of any size is put together without being held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import COLUMNS, Bars, MacroSeries
from plimsoll.core.errors import CorruptionError
from plimsoll.core.instrument import Instrument
from plimsoll.market.findings import Finding
from plimsoll.market.provider import Page, RawSource

_LENGTH = 8  # bytes, little-endian, in front of the contents
_WIDTH = 8  # bytes of every number
_CHUNK = 1 << 20
_REMEDY = "Run the command again: what was read is read once more"
T = TypeVar("T", Bars, MacroSeries)


class RowsAt(NamedTuple):
    """Where the numbers of one symbol or series begin behind the contents, in bytes, and how many rows it has."""

    offset: int
    rows: int


@dataclass(frozen=True, eq=False, slots=True)
class SymbolReading:
    """What a whole reading holds of one symbol; ``unadjusted`` where it has neither adjusted prices nor actions."""

    bars: Bars
    findings: tuple[Finding, ...]
    unadjusted: bool


class _KeptFinding(msgspec.Struct, frozen=True, array_like=True):
    reason: str
    severity: str
    days: list[int]
    detail: str
    known: list[int] | None


class _KeptSource(msgspec.Struct, frozen=True, array_like=True):
    name: str
    sha256: str
    size: int
    kept: bool


class _Contents(msgspec.Struct, frozen=True):
    number: int
    cursor: str
    last: bool
    whole: bool
    bars: dict[str, RowsAt]
    macro: dict[str, RowsAt]
    failures: dict[str, tuple[str, str]]
    others: list[str]
    notes: list[str]
    raw: list[_KeptSource]
    instruments: list[Instrument]
    findings: dict[str, list[_KeptFinding]]
    unadjusted: list[str]


class PageContents:
    """A page without its figures: the fields of ``provider.Page`` of the same names, ``bars`` and ``macro`` as the
    places of their rows. ``raw`` names what it was made from; ``content`` of it is None where the archive holds no
    bytes.
    """

    def __init__(self, told: _Contents, body: int) -> None:
        self._body = body  # where the numbers begin in the file
        self.number, self.cursor, self.last, self.whole = told.number, told.cursor, told.last, told.whole
        self.bars: Mapping[str, RowsAt] = told.bars
        self.macro: Mapping[str, RowsAt] = told.macro
        self.failures: Mapping[str, tuple[str, str]] = told.failures
        self.others, self.unadjusted = frozenset(told.others), frozenset(told.unadjusted)
        self.notes, self.instruments = tuple(told.notes), tuple(told.instruments)
        self.raw = tuple(RawSource(r.name, r.sha256, r.size, b"" if r.kept else None) for r in told.raw)
        self.findings = {name: tuple(_finding(one) for one in found) for name, found in told.findings.items()}

    def rows_of(self, symbol: str, file: BinaryIO) -> Bars:
        """The rows of a symbol, from the file of this page."""
        day, *columns = self._numbers(file, self.bars[symbol], 1, len(COLUMNS))
        return Bars(day.view(np.int64), *columns)

    def series_of(self, name: str, file: BinaryIO) -> MacroSeries:
        """The observations of a series, from the file of this page."""
        day, known, value = self._numbers(file, self.macro[name], 2, 1)
        return MacroSeries(day.view(np.int64), value, known.view(np.int64))

    def _numbers(self, file: BinaryIO, at: RowsAt, days: int, columns: int) -> list[NDArray[np.float64]]:
        file.seek(self._body + at.offset)
        count = (days + columns) * at.rows
        data = file.read(count * _WIDTH)
        if len(data) != count * _WIDTH:
            raise CorruptionError("A page that was read is cut short", _REMEDY)
        return list(np.frombuffer(data, dtype=np.float64).reshape(days + columns, at.rows))


def contents(page: Page) -> PageContents:
    """What a page holds, before it is kept."""
    return PageContents(_told(page), 0)


def pieces(page: Page) -> Iterator[bytes]:
    """A page as it is kept, in pieces of one symbol's size."""
    head = msgspec.msgpack.encode(_told(page))
    yield len(head).to_bytes(_LENGTH, "little")
    yield head
    for bars in page.bars.values():
        yield _packed([bars.day], [getattr(bars, name) for name in COLUMNS])
    for series in page.macro.values():
        yield _packed([series.day, series.known], [series.value])


def opened(file: BinaryIO, sha256: str) -> PageContents:
    """What a kept page holds, once all its bytes are proven to be those that were written.

    Raises ``CorruptionError`` where they are not.
    """
    digest = hashlib.sha256()
    for piece in _read(file):
        digest.update(piece)
    if digest.hexdigest() != sha256:
        raise CorruptionError("A page that was read is no longer what was kept", _REMEDY)
    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH), "little")
    return PageContents(msgspec.msgpack.decode(file.read(length), type=_Contents), _LENGTH + length)


def joined(parts: Iterable[T]) -> T:
    """The rows of one symbol or series from several pages as one, in the order of the pages."""
    found = list(parts)
    if len(found) == 1:
        return found[0]
    kind = type(found[0])
    names = ("day", *COLUMNS) if isinstance(found[0], Bars) else ("day", "value", "known")
    return kind(**{name: np.concatenate([getattr(one, name) for one in found]) for name in names})


def _told(page: Page) -> _Contents:
    bars: dict[str, RowsAt] = {}
    macro: dict[str, RowsAt] = {}
    offset = 0
    for symbol, rows in page.bars.items():
        bars[symbol] = RowsAt(offset, len(rows))
        offset += (1 + len(COLUMNS)) * len(rows) * _WIDTH
    for name, series in page.macro.items():
        macro[name] = RowsAt(offset, len(series))
        offset += 3 * len(series) * _WIDTH
    return _Contents(
        number=page.number,
        cursor=page.cursor,
        last=page.last,
        whole=page.whole,
        bars=bars,
        macro=macro,
        failures=dict(page.failures),
        others=sorted(page.others),
        notes=list(page.notes),
        raw=[_KeptSource(r.name, r.sha256, r.size, r.content is not None) for r in page.raw],
        instruments=list(page.instruments),
        findings={name: [_kept(one) for one in found] for name, found in page.findings.items()},
        unadjusted=sorted(page.unadjusted),
    )


def _packed(days: list[NDArray[np.int64]], columns: list[NDArray[np.float64]]) -> bytes:
    whole = [np.ascontiguousarray(day, dtype="<i8").tobytes() for day in days]
    return b"".join([*whole, *(np.ascontiguousarray(column, dtype="<f8").tobytes() for column in columns)])


def _read(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _kept(one: Finding) -> _KeptFinding:
    known = None if one.known is None else one.known.tolist()
    return _KeptFinding(one.reason, one.severity, one.days.tolist(), one.detail, known)


def _finding(one: _KeptFinding) -> Finding:
    known = None if one.known is None else np.array(one.known, dtype=np.int64)
    return Finding(one.reason, one.severity, np.array(one.days, dtype=np.int64), one.detail, known)

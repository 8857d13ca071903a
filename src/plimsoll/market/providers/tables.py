"""A file's bytes as a table, or an ``InputError`` that says what the bytes are instead.

Nothing is repaired here: text cells stay text until ``cells`` parses them, so that every refusal can name its
line and value. The bounds are on what is read into memory, against bombs and runaway files.
"""

from __future__ import annotations

import csv
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
BYTES_MAX = 2 << 30
HEADER_BYTES_MAX = 1 << 16

# The one name of each column, with what vendors call it. Yahoo's "Stock Splits" is not a ``split``: its prices are
# split-adjusted already, and applying the ratio again would count it twice.
ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "instrument"),
    "date": ("date", "day", "session", "timestamp", "datetime", "time", "ts", "trade_date", "observation_date"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj", "adj.close"),
    "volume": ("volume", "vol"),
    "dividend": ("dividend", "dividends", "dividend_amount"),
    "split": ("split", "split_ratio", "split_coefficient", "split_factor"),
    "series": ("series", "series_id"),
    "value": ("value",),
    "published": ("published", "published_at", "release_date"),
}
_CANONICAL = {alias: name for name, aliases in ALIASES.items() for alias in aliases}


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table with canonical column names. ``ignored`` are columns nothing here reads; ``text`` a CSV's text."""

    frame: pl.DataFrame
    ignored: tuple[str, ...]
    text: str | None = None
    separator: str = ","
    note: str = ""

    def place(self, row: int) -> str:
        """Where a row stands: its line in a CSV (a quoted text may span several), else its number."""
        if self.text is None:
            return f"row {row + 1}"
        reader = csv.reader(io.StringIO(self.text), delimiter=self.separator)
        next(reader)
        for index, _ in enumerate(reader):  # a blank line is a row without cells
            if index == row:
                return f"line {reader.line_num}"
        return f"row {row + 1}"


def is_table(name: str) -> bool:
    """Whether a file's name ends as one that can be read here."""
    return name.lower().endswith(CSV_ENDINGS + PARQUET_ENDINGS)


def stem(path: Path) -> str:
    """A file's name without its ending: the symbol of a file that names none."""
    name = path.name
    for ending in sorted(CSV_ENDINGS + PARQUET_ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def parse(name: str, data: bytes) -> Table:
    """The table in ``data``, read as ``name`` ends.

    Raises
    ------
    InputError, without the file's name, where the bytes are not such a table.
    """
    if not data:
        raise InputError("is empty", "Write it again")
    return _parquet(data) if name.lower().endswith(PARQUET_ENDINGS) else _csv(data)


def _parquet(data: bytes) -> Table:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        detail = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"is not a readable Parquet file ({detail})", "It is cut short or damaged; fetch it again"
        ) from None
    return _named(frame, frame.columns)


def _csv(data: bytes) -> Table:
    import polars as pl

    text, note = _text(_unpacked(data))
    separator, names = _header(text)
    _whole_last_line(text, separator, len(names))
    try:
        frame = pl.read_csv(
            io.BytesIO(text.encode()),
            separator=separator,
            infer_schema=False,
            has_header=False,
            skip_rows=0,
            new_columns=[f"c{i}" for i in range(len(names))],
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
        raise InputError(*_ragged(text, separator, len(names), str(error))) from None
    frame = frame.slice(1)
    if frame.is_empty():
        raise InputError("holds a header and no rows", "Write it again")
    return _named(frame, names, text, separator, note)


def _unpacked(data: bytes) -> bytes:
    """The bytes inside a gzip file, of every member it has; other bytes as they are."""
    if data[:2] != b"\x1f\x8b":
        return data
    whole = bytearray()
    while data:
        engine = zlib.decompressobj(wbits=31)
        try:
            whole += engine.decompress(data, BYTES_MAX + 1 - len(whole))
        except zlib.error:
            raise InputError("is a damaged gzip file", "Fetch it again") from None
        if len(whole) > BYTES_MAX:
            raise InputError(f"unpacks to more than {BYTES_MAX >> 20} MiB", "Split it")
        if not engine.eof:
            raise InputError("is a gzip file cut short", "Fetch it again")
        data = engine.unused_data
    return bytes(whole)


def _text(data: bytes) -> tuple[str, str]:
    note = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("is UTF-16 text", "Save it as UTF-8")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise InputError(f"line {line} holds a NUL byte", "The file is damaged or binary; fetch it again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, note = data.decode("latin-1"), "is not UTF-8 and was read as Latin-1"
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip("\n")
    if not text.strip():
        raise InputError("is empty", "Write it again")
    if text.lstrip()[0] in "<{[":
        raise InputError("is not CSV but a web page, XML or JSON", "Fetch the data itself")
    return text, note


def _header(text: str) -> tuple[str, list[str]]:
    end = text.find("\n", 0, HEADER_BYTES_MAX)
    if end < 0:
        if len(text) > HEADER_BYTES_MAX:
            raise InputError(f"has a first line longer than {HEADER_BYTES_MAX >> 10} KiB", "It is not a table")
        end = len(text)
    line = text[:end]
    separator = max(",;\t|", key=line.count)
    return separator, next(csv.reader([line], delimiter=separator))


def _whole_last_line(text: str, separator: str, width: int) -> None:
    last = text.rpartition("\n")[2]
    if '"' not in last and 0 < last.count(separator) + 1 < width:
        line = text.count("\n") + 1
        found = last.count(separator) + 1
        raise InputError(
            f"ends in the middle of line {line}: {found} of {width} fields", "It is cut short; fetch it again"
        )


def _ragged(text: str, separator: str, width: int, detail: str) -> tuple[str, str]:
    try:
        reader = csv.reader(io.StringIO(text), delimiter=separator)
        for record in reader:
            if len(record) > width:
                problem = f"line {reader.line_num} has {len(record)} fields where the header has {width}"
                return problem, "Quote texts that hold the separator; write 1234.5, not 1.234,5 or 1,234.5"
    except csv.Error as error:
        detail = str(error)
    return f"is not a readable CSV file ({detail.splitlines()[0][:120] if detail else 'no detail'})", "Mend it"


def _named(
    frame: pl.DataFrame, names: list[str], text: str | None = None, separator: str = ",", note: str = ""
) -> Table:
    """The frame with canonical names; a column that two headers claim is refused, an exact name wins."""
    plain = [n.strip().strip('"').lower().replace(" ", "_").replace("-", "_") for n in names]
    chosen: dict[str, int] = {}
    for index, name in enumerate(plain):
        target = _CANONICAL.get(name)
        if target is None:
            continue
        if target in chosen and (name == target) == (plain[chosen[target]] == target):
            twice = f"{names[chosen[target]]!r} and {names[index]!r}"
            raise InputError(f"has two columns for {target}: {twice}", "Keep one")
        if target not in chosen or name == target:
            chosen[target] = index
    columns = frame.columns
    picked = frame.select(frame[columns[index]].alias(target) for target, index in chosen.items())
    ignored = tuple(names[i] for i in range(len(names)) if i not in chosen.values())
    return Table(picked, ignored, text, separator, note)

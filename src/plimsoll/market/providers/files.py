"""The ``files`` provider: a folder of CSV or Parquet files, or one long table (D3, D12, D18).

Values are not repaired: order, duplicates and missing values are for certification to judge. What cannot be a bar at
all ends as a failure of its symbol that names file, line, value and remedy, and leaves every other symbol alone.
Whatever is assumed or left out is a note. ``tables`` finds the columns, ``rows`` reads bars, ``series`` macro
observations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from plimsoll.core import unpacking
from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError, UsageError
from plimsoll.market.providers import rows, series, tables
from plimsoll.market.providers.batch import FileBatch, Progress, RawSource
from plimsoll.market.providers.cells import legible, some
from plimsoll.market.providers.reading import Asked, Reading, label

__all__ = ["Asked", "FileBatch", "RawSource", "read"]


def read(
    source: Path,
    *,
    symbol: str | None = None,
    tickers: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    progress: Progress | None = None,
    asked: Asked | None = None,
) -> FileBatch:
    """Everything a file or folder holds.

    Parameters
    ----------
    source : a CSV (also gzipped) or Parquet file, or a folder of them, with one row a bar; the columns and their names
        are in ``columns.ALIASES``. A table with series, date, value (and optionally published) is macro, and so is
        FRED's own (observation_date and a column a series). Inside a folder a file without symbol column is named by
        its stem.
    symbol : of the one file that has no symbol column, or one symbol only in it.
    tickers : only these symbols; macro series are kept unless ``tickers`` names some of them.
    start, end : days since 1970-01-01, inclusive; bars outside are not judged. Macro observations before ``start`` are
        kept: they are what is known at ``start``.
    progress : called after each file.
    asked : forms of dates, names of columns, decimal sign and aliases the user gave.

    Returns
    -------
    FileBatch : rows in the order of the file; ``adj_close`` is ``close`` where the source has neither adjusted prices
        nor actions (noted).

    Raises
    ------
    InputError where the source does not exist, is empty, or nothing in it can be used.
    UsageError for a span that ends before it starts, tickers none of which is there, and a ``symbol`` too few or too
        many.
    """
    if start is not None and end is not None and start > end:
        raise UsageError(f"The start {iso_day(start)} is after the end {iso_day(end)}", "Exchange them")
    reading = Reading(frozenset(), start, end, asked or Asked())
    reading.tickers = frozenset(reading.identity(t) for t in tickers)
    paths, ignored = _paths(source)
    if symbol is not None and len(paths) > 1:
        raise UsageError(f"{_where(source)} holds {len(paths)} files", "A symbol can be given for a single file only")
    name = reading.identity(symbol) if symbol is not None else None
    for done, path in enumerate(paths, 1):
        _read_file(path, name, source.is_dir(), reading)
        if progress is not None:
            progress(label(path), done, len(paths))
    if ignored:
        reading.notes.append(f"ignored, neither CSV nor Parquet: {some(ignored)}")
    return _batch(source, reading)


def _paths(source: Path) -> tuple[list[Path], list[str]]:
    try:
        if source.is_file():
            return [source], []
        if not source.is_dir():
            what = "is neither a file nor a folder" if source.exists() else "does not exist"
            raise InputError(f"{_where(source)} {what}", "Give a CSV or Parquet file, or a folder of them")
        files = sorted(p for p in source.iterdir() if p.is_file() and not p.name.startswith("."))
        paths = [p for p in files if tables.is_table(p.name) and not _only_words(p)]
    except (OSError, ValueError) as error:
        raise InputError(f"{_where(source)} cannot be read ({error})", "Check the path and its permissions") from None
    if not paths:
        raise InputError(
            f"{_where(source)} holds no CSV or Parquet file", "Put one file per symbol there, or one long table"
        )
    return paths, [p.name for p in files if p not in paths]


def _only_words(path: Path) -> bool:
    """A text file in a folder that is no table: a licence, a list of notes."""
    if not tables.may_be_words(path.name):
        return False
    with path.open("rb") as file:
        start = file.read(4096)
    return not start.startswith(b"\x1f\x8b") and not tables.begins_as_table(start)


def _batch(source: Path, reading: Reading) -> FileBatch:
    found = reading.bars.keys() | reading.failures.keys() | reading.macro.keys()
    absent = sorted(reading.tickers - found)
    if absent and not reading.tickers & found:
        raise UsageError(
            f"{_where(source)} holds none of {some(absent)}", "See the symbols it holds by leaving tickers out"
        )
    for ticker in absent:
        reading.fail(
            ticker, f"{ticker} is not in {legible(source.name)}", "Take it out of the tickers, or add its file"
        )
    if not reading.bars and not reading.macro:
        reasons = "; ".join(message for _, message in list(reading.failures.values())[:3])
        if not reasons:
            raise InputError(f"{_where(source)} holds no rows in the range asked for", "Widen --start and --end")
        raise InputError(f"{_where(source)} holds nothing usable: {reasons}", "")
    named = reading.tickers & reading.macro.keys()
    macro = {k: v for k, v in reading.macro.items() if not named or k in named}
    return FileBatch(
        bars=dict(sorted(reading.bars.items())),
        macro=dict(sorted(macro.items())),
        failures=dict(sorted(reading.failures.items())),
        raw=tuple(reading.raw),
        notes=tuple(reading.notes),
        findings={k: v for k, v in sorted(reading.findings.items()) if k in reading.bars},
        unadjusted=frozenset(reading.unadjusted & reading.bars.keys()),
    )


def _read_file(path: Path, symbol: str | None, in_folder: bool, reading: Reading) -> None:
    """Read one file into ``reading``; whatever is wrong with it as a whole is its one failure."""
    key = symbol or _named_by_stem(path, reading) or label(path)
    try:
        table = _table(path, reading)
        stem = None if not in_folder or _has_names(table) else reading.identity(tables.stem(path))
        if table.series or ("value" in table.frame.columns and "close" not in table.frame.columns):
            series.read(path, table, symbol, stem, reading)
        else:
            rows.read(path, table, symbol, stem, reading)
    except UsageError:
        raise
    except InputError as error:
        if reading.wanted(key) or key == label(path):
            reading.fail(key, f"{label(path)} {error.problem}", error.remedy)


def _has_names(table: tables.Table) -> bool:
    """Whether the table itself says whose rows they are."""
    return bool(table.series) or "symbol" in table.frame.columns or "series" in table.frame.columns


def _table(path: Path, reading: Reading) -> tables.Table:
    try:
        if path.stat().st_size > unpacking.BYTES_MAX:
            raise InputError(f"is larger than {unpacking.BYTES_MAX >> 20} MiB", "Split it")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", "Check its permissions") from None
    reading.raw.append(RawSource(path.name, hashlib.sha256(data).hexdigest(), len(data), path))
    return tables.parse(path.name, data, reading.asked.columns)


def _named_by_stem(path: Path, reading: Reading) -> str | None:
    try:
        return reading.identity(tables.stem(path))
    except InputError:
        return None


def _where(source: Path) -> str:
    return legible(str(source))

"""The ``files`` provider: a folder of CSV or Parquet files, or one long table (D3, D12, D18).

Values are not repaired: order, duplicates and missing values are for certification to judge. What cannot be a
bar at all, a word for a price, a 30th of February, ends as a failure of its symbol that names file, line, value
and remedy, and leaves every other symbol alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError, UsageError
from plimsoll.market import calendars
from plimsoll.market.bars import Bars
from plimsoll.market.instruments import canonical
from plimsoll.market.providers import cells, tables
from plimsoll.market.providers.batch import FileBatch, MacroSeries, Progress, RawSource

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FileBatch", "MacroSeries", "RawSource", "read"]

UNREADABLE = "UNREADABLE"
PRICES = ("open", "high", "low", "close")
REQUIRED = ("date", *PRICES)

# Days from the stamp of an observation to the end of the day it may be used on, by the usual step between stamps,
# where the file has no ``published`` column. Daily series come out the next day. Weekly ones (claims dated
# Saturday, indices dated Friday) within the following week. Monthly ones are stamped on the FIRST of their month
# and come out until the middle of the next (CPI: day 40 to 46); quarterly GDP a month after its quarter's end.
# Later is safe, earlier is look-ahead; a step that is longer, or unknown, waits for the longest.
LAGS: tuple[tuple[float, int], ...] = ((4, 1), (10, 7), (45, 50), (100, 135), (float("inf"), 500))


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and from which file each symbol came."""

    tickers: frozenset[str]
    start: int | None
    end: int | None
    bars: dict[str, Bars] = field(default_factory=dict)
    macro: dict[str, MacroSeries] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    raw: list[RawSource] = field(default_factory=list)

    def fail(self, key: str, problem: str, remedy: str) -> None:
        """Record a symbol's or file's failure; the first one stands, and its bars are withdrawn."""
        self.bars.pop(key, None)
        self.failures.setdefault(key, (UNREADABLE, f"{problem}. {remedy}" if remedy else problem))

    def wanted(self, symbol: str) -> bool:
        """Whether the symbol was asked for."""
        return not self.tickers or symbol in self.tickers


def read(
    source: Path,
    *,
    symbol: str | None = None,
    tickers: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    progress: Progress | None = None,
) -> FileBatch:
    """Everything a file or folder holds.

    Parameters
    ----------
    source : a CSV (also gzipped) or Parquet file, or a folder of them. A table has the columns symbol, date, open,
        high, low, close, adj_close, volume and optionally dividend and split, in any order and case; one with
        series, date, value (and optionally published) is macro. Inside a folder a file without symbol column is
        named by its stem.
    symbol : of the one file that has no symbol column.
    tickers : only these symbols; macro series are kept unless ``tickers`` names some of them.
    start, end : days since 1970-01-01, inclusive. Macro observations before ``start`` are kept: they are what is
        known at ``start``.
    progress : called after each file.

    Returns
    -------
    FileBatch : rows in the order of the file; ``adj_close`` is ``close`` where the source has neither adjusted
        prices nor actions (noted).

    Raises
    ------
    InputError where the source does not exist, is empty, or nothing in it can be used.
    UsageError for a span that ends before it starts, tickers none of which is there, and a ``symbol`` too few or
        too many.
    """
    if start is not None and end is not None and start > end:
        raise UsageError(f"The start {iso_day(start)} is after the end {iso_day(end)}", "Exchange them")
    reading = _Reading(frozenset(canonical(t) for t in tickers), start, end)
    paths, ignored = _paths(source)
    if symbol is not None and len(paths) > 1:
        raise UsageError(f"{_where(source)} holds {len(paths)} files", "A symbol can be given for a single file only")
    name = canonical(symbol) if symbol is not None else None
    for done, path in enumerate(paths, 1):
        _read_file(path, name, source.is_dir(), reading)
        if progress is not None:
            progress(_label(path), done, len(paths))
    if ignored:
        reading.notes.append(f"ignored, neither CSV nor Parquet: {_some(ignored)}")
    return _batch(source, reading)


def _paths(source: Path) -> tuple[list[Path], list[str]]:
    try:
        if source.is_file():
            return [source], []
        if not source.is_dir():
            what = "is neither a file nor a folder" if source.exists() else "does not exist"
            raise InputError(f"{_where(source)} {what}", "Give a CSV or Parquet file, or a folder of them")
        files = sorted(p for p in source.iterdir() if p.is_file() and not p.name.startswith("."))
    except (OSError, ValueError) as error:
        raise InputError(f"{_where(source)} cannot be read ({error})", "Check the path and its permissions") from None
    paths = [p for p in files if tables.is_table(p.name)]
    if not paths:
        raise InputError(
            f"{_where(source)} holds no CSV or Parquet file", "Put one file per symbol there, or one long table"
        )
    return paths, [p.name for p in files if not tables.is_table(p.name)]


def _batch(source: Path, reading: _Reading) -> FileBatch:
    found = reading.bars.keys() | reading.failures.keys() | reading.macro.keys()
    absent = sorted(reading.tickers - found)
    if absent and not reading.tickers & found:
        raise UsageError(
            f"{_where(source)} holds none of {_some(absent)}", "See the symbols it holds by leaving tickers out"
        )
    for ticker in absent:
        reading.fail(
            ticker, f"{ticker} is not in {cells.legible(source.name)}", "Take it out of the tickers, or add its file"
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
    )


def _read_file(path: Path, symbol: str | None, in_folder: bool, reading: _Reading) -> None:
    """Read one file into ``reading``; whatever is wrong with it as a whole is its one failure."""
    key = symbol or _named_by_stem(path) or _label(path)
    try:
        table = _table(path, reading)
        if "value" in table.frame.columns and "close" not in table.frame.columns:
            _read_macro(path, table, symbol, in_folder, reading)
        else:
            _read_bars(path, table, symbol, in_folder, reading)
    except UsageError:
        raise
    except InputError as error:
        if reading.wanted(key) or key == _label(path):
            reading.fail(key, f"{_label(path)} {error.problem}", error.remedy)


def _table(path: Path, reading: _Reading) -> tables.Table:
    try:
        if path.stat().st_size > tables.BYTES_MAX:
            raise InputError(f"is larger than {tables.BYTES_MAX >> 20} MiB", "Split it")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", "Check its permissions") from None
    reading.raw.append(RawSource(path.name, hashlib.sha256(data).hexdigest(), len(data), path))
    table = tables.parse(path.name, data)
    if table.frame.width and table.frame.is_empty():
        raise InputError("holds no rows", "Write it again")
    if table.note:
        reading.notes.append(f"{_label(path)} {table.note}")
    if table.ignored:
        reading.notes.append(f"{_label(path)}: ignored columns {_some(table.ignored)}")
    return table


def _named_by_stem(path: Path) -> str | None:
    try:
        return canonical(tables.stem(path))
    except InputError:
        return None


def _owner(path: Path, table: tables.Table, column: str, symbol: str | None, in_folder: bool) -> str | None:
    """The one symbol of a file without a symbol column; None where it has one."""
    if column in table.frame.columns:
        if symbol is not None:
            raise UsageError(f"{_label(path)} has a {column} column", "Leave the symbol out; choose with tickers")
        return None
    if symbol is not None:
        return symbol
    if not in_folder:
        raise UsageError(f"{_label(path)} has no {column} column", "Give its symbol, for example --symbol SPY")
    return canonical(tables.stem(path))


def _require(table: tables.Table, columns: Sequence[str]) -> None:
    lacking = [c for c in columns if c not in table.frame.columns]
    if lacking:
        found = _some([*table.frame.columns, *table.ignored])
        raise InputError(f"lacks {_some(lacking)}; its columns are {found}", "Name them in the first line")


def _read_bars(path: Path, table: tables.Table, symbol: str | None, in_folder: bool, reading: _Reading) -> None:
    import polars as pl

    _require(table, REQUIRED)
    owner = _owner(path, table, "symbol", symbol, in_folder)
    frame, faults, clock = _parsed(table)
    names = pl.repeat(owner, len(frame), dtype=pl.String, eager=True) if owner else _symbols(table, path, reading)
    frame = frame.with_columns(names.alias("symbol"), pl.int_range(len(frame), eager=True).alias("row"))
    empty = frame.select(pl.all_horizontal(pl.col(PRICES).is_null())).to_series()
    faults = [cells.Fault(f.column, f.mask & ~_blank(table, empty), f.cells, f.explain) for f in faults]
    _fail_rows(path, table, frame, faults, reading)
    if empty.any():
        reading.notes.append(f"{_label(path)}: dropped {empty.sum()} rows without any price")
    if clock is not None:
        _refuse_intraday(path, frame.filter(~empty), reading)
    kept = frame.filter(~empty & names.is_not_null())
    if reading.start is not None:
        kept = kept.filter(pl.col("date") >= reading.start)
    if reading.end is not None:
        kept = kept.filter(pl.col("date") <= reading.end)
    for (name,), group in kept.partition_by("symbol", as_dict=True, maintain_order=True).items():
        _keep(str(name), group, path, reading)
    _note_actions(path, table, reading)


def _blank(table: tables.Table, empty: pl.Series) -> pl.Series:
    """Rows without price or date: separators only."""
    date = table.frame["date"]
    return empty & (date.is_null() | (date.cast(str).str.strip_chars() == ""))


def _parsed(table: tables.Table) -> tuple[pl.DataFrame, list[cells.Fault], pl.Series | None]:
    """The frame with ``date`` as day numbers and every figure as float64, its faults, and times of day."""
    import polars as pl

    source = table.frame
    day, clock, faults = cells.days(source["date"])
    missing = day.is_null()
    for fault in faults:
        missing = missing & ~fault.mask
    if missing.any():
        faults.append(cells.Fault("date", missing, source["date"], lambda _: ("the date is missing", "Give one")))
    outside = ((day < calendars.FIRST) | (day > calendars.HORIZON)).fill_null(False)
    if outside.any():
        faults.append(cells.Fault("date", outside, source["date"], _outside))
    columns = [day.alias("date")]
    for name in (*PRICES, "adj_close", "volume", "dividend", "split"):
        if name in source.columns:
            values, wrong = cells.numbers(source[name])
            columns.append(values.alias(name))
            faults += wrong
    if clock is not None:
        columns.append(clock.alias("clock"))
    return pl.DataFrame(columns), faults, clock


def _outside(cell: str) -> tuple[str, str]:
    span = f"{iso_day(calendars.FIRST)} to {iso_day(calendars.HORIZON)}"
    return f"{cells.shown(cell)} is outside the calendars' span, {span}", "Correct the date"


def _symbols(table: tables.Table, path: Path, reading: _Reading) -> pl.Series:
    """The canonical symbol of each row; null, with a failure recorded, where it has none or is not wanted."""
    import polars as pl

    column = table.frame["symbol"]
    if column.dtype.is_nested():
        raise InputError(f"column symbol holds {column.dtype}, not text", "Write plain text")
    text = column.cast(pl.String)
    known: dict[str, str | None] = {}
    spelling: dict[str, str] = {}
    for raw in text.drop_nulls().unique(maintain_order=True).to_list():
        known[raw] = _one_identity(raw, spelling, path, reading)
    absent = text.is_null()
    if absent.any():
        place = table.place(int(absent.arg_true()[0]))
        reading.fail(
            _label(path), f"{_label(path)} {place} names no symbol ({absent.sum()} such rows)", "Fill the column"
        )
    return text.replace_strict(known, return_dtype=pl.String) if known else text


def _one_identity(raw: str, spelling: dict[str, str], path: Path, reading: _Reading) -> str | None:
    try:
        name = canonical(raw)
    except InputError as error:
        reading.fail(cells.shown(raw), f"{_label(path)}: {error.problem}", error.remedy)
        return None
    if not reading.wanted(name):
        return None
    if name in spelling:
        both = f"{cells.shown(spelling[name])} and {cells.shown(raw)}"
        reading.fail(name, f"{_label(path)} holds one symbol under two names, {both}", "Keep one of them")
    spelling[name] = raw
    return name


def _fail_rows(
    path: Path, table: tables.Table, frame: pl.DataFrame, faults: list[cells.Fault], reading: _Reading
) -> None:
    """One failure for each symbol with a faulty cell: the first one."""
    for fault in faults:
        rows = frame.filter(fault.mask).unique("symbol", keep="first", maintain_order=True)
        for name, row in rows.select("symbol", "row").iter_rows():
            if name is not None:
                problem, remedy = fault.sentence(row)
                reading.fail(name, f"{_label(path)} {table.place(row)}, {fault.column}: {problem}", remedy)


def _refuse_intraday(path: Path, frame: pl.DataFrame, reading: _Reading) -> None:
    """Daily bars only (D8): more than two times of day a date, on average, is an intraday file."""
    import polars as pl

    counts = frame.group_by("symbol").agg(pl.struct("date", "clock").n_unique().alias("n"), pl.col("date").n_unique())
    for name, n, dates in counts.select("symbol", "n", "date").iter_rows():
        if name is not None and n > 2 * dates:
            reading.fail(name, f"{_label(path)} holds intraday bars: {n} rows on {dates} dates", "Give daily bars")


def _keep(name: str, group: pl.DataFrame, path: Path, reading: _Reading) -> None:
    if not reading.wanted(name) or name in reading.failures:
        return
    if reading.origin.setdefault(name, _label(path)) != _label(path):
        both = f"{reading.origin[name]} and {_label(path)}"
        reading.fail(name, f"{name} is in two files, {both}", "Keep one of them")
        return
    reading.bars[name] = _bars(group)


def _bars(group: pl.DataFrame) -> Bars:
    columns = group.columns
    nothing = np.full(len(group), np.nan)

    def figures(name: str, absent: float = np.nan) -> NDArray[np.float64]:
        if name not in columns:
            return nothing.copy()
        return np.array(group[name].fill_null(absent).to_numpy(), dtype=np.float64)

    close = figures("close")
    actions = "dividend" in columns or "split" in columns
    split = figures("split", 1.0)
    split[split == 0.0] = 1.0  # vendors write 0 for "none"
    return Bars(
        day=np.array(group["date"].to_numpy(), dtype=np.int64),
        open=figures("open"),
        high=figures("high"),
        low=figures("low"),
        close=close,
        adj_close=figures("adj_close") if "adj_close" in columns or actions else close.copy(),
        volume=figures("volume"),
        dividend=figures("dividend", 0.0),
        split=split,
    )


def _note_actions(path: Path, table: tables.Table, reading: _Reading) -> None:
    columns = table.frame.columns
    if not {"adj_close", "dividend", "split"} & set(columns):
        reading.notes.append(f"{_label(path)} has neither adj_close nor actions: returns are of close")


def _read_macro(path: Path, table: tables.Table, symbol: str | None, in_folder: bool, reading: _Reading) -> None:
    import polars as pl

    _require(table, ("date", "value"))
    source = table.frame
    owner = _owner(path, table, "series", symbol, in_folder)
    names = (
        pl.repeat(owner, len(source), dtype=pl.String, eager=True)
        if owner
        else source["series"].cast(pl.String).str.strip_chars()
    )
    day, _, faults = cells.days(source["date"])
    value, wrong = cells.numbers(source["value"])
    columns = [names.alias("symbol"), day.alias("date"), value.alias("value")]
    if "published" in source.columns:
        published, _, late = cells.days(source["published"])
        columns.append(published.alias("known"))
        faults += late
    frame = pl.DataFrame(columns).with_row_index("row")
    _fail_rows(path, table, frame, faults + wrong, reading)
    kept = frame.drop_nulls()
    if reading.end is not None:
        kept = kept.filter(pl.col("date") <= reading.end)
    for (name,), group in kept.partition_by("symbol", as_dict=True, maintain_order=True).items():
        if name not in reading.failures:
            _keep_macro(str(name), group, path, reading)


def _keep_macro(name: str, group: pl.DataFrame, path: Path, reading: _Reading) -> None:
    if not name or len(name) > 64 or not name.isascii() or not name.isprintable():
        reading.fail(cells.shown(name), f"{_label(path)}: {cells.shown(name)} is not a series name", "Use plain ASCII")
        return
    if reading.origin.setdefault(name, _label(path)) != _label(path):
        reading.macro.pop(name, None)
        reading.fail(name, f"{name} is in two files, {reading.origin[name]} and {_label(path)}", "Keep one of them")
        return
    ordered = group.unique([c for c in group.columns if c != "row"], maintain_order=True).sort(
        "date", maintain_order=True
    )
    day = np.array(ordered["date"].to_numpy(), dtype=np.int64)
    twice = np.flatnonzero(np.diff(day) == 0)
    if twice.size:
        problem = f"{_label(path)}: {name} has two values on {iso_day(int(day[twice[0]]))}"
        reading.fail(name, problem, "Keep one vintage a date")
        return
    known = np.array(ordered["known"].to_numpy(), dtype=np.int64) if "known" in ordered.columns else day + _lag(day)
    early = np.flatnonzero(known < day)
    if early.size:
        problem = f"{_label(path)}: {name} of {iso_day(int(day[early[0]]))} is published before its own date"
        reading.fail(name, problem, "Correct the published column")
        return
    reading.macro[name] = MacroSeries(day, np.array(ordered["value"].to_numpy(), dtype=np.float64), known)


def _lag(day: NDArray[np.int64]) -> int:
    step = float(np.median(np.diff(day))) if day.size > 1 else float("inf")
    return next(lag for longest, lag in LAGS if step <= longest)


def _where(source: Path) -> str:
    return cells.legible(str(source))


def _label(path: Path) -> str:
    return cells.legible(path.name)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(cells.legible(n) for n in list(names)[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"

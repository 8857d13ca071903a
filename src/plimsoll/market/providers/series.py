"""Macro series from a table: long (series, date, value) or FRED's own layout, one column a series (D18)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import MacroSeries
from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.policy import DataPolicy
from plimsoll.market.cells import Fault, shown, some
from plimsoll.market.providers import dates, numerals
from plimsoll.market.providers.reading import Reading, fail_rows, label, owner, require
from plimsoll.market.providers.tables import Table

if TYPE_CHECKING:
    import polars as pl

# The group of a series without a ``published`` column, by the largest usual step between its stamps in calendar days.
# How long after its stamp each group is known is policy (``data.lag_daily`` and so on).
_STEPS = (4.0, 10.0, 45.0, 100.0, float("inf"))


def read(path: Path, table: Table, symbol: str | None, stem: str | None, reading: Reading) -> None:
    """Add the series of one table to ``reading``; what is wrong with a series is its failure."""
    for text in table.notes:
        reading.note(path, text)
    if table.series:
        _read_wide(path, table, symbol, reading)
        return
    import polars as pl

    require(table, ("date", "value"))
    source = table.frame
    one = owner(path, table, "series", symbol, stem)
    names = (
        pl.Series("symbol", [one]).new_from_index(0, len(source))
        if one
        else source["series"].cast(pl.String).str.strip_chars()
    )
    _read_long(path, table, source.with_columns(names.alias("series")), reading)


def _read_wide(path: Path, table: Table, symbol: str | None, reading: Reading) -> None:
    import polars as pl

    names = list(table.series)
    if symbol is not None:
        if len(names) > 1 and symbol not in names:
            raise UsageError(
                f"{label(path)} holds the series {some(names)}", "Leave the symbol out; choose with tickers"
            )
        names = [symbol if symbol in names else names[0]]
    reading.note(path, f"read as macro series, one column each: {some([symbol] if symbol else names)}")
    for name in names:
        frame = table.frame.select("date", pl.col(name).alias("value"), "row")
        known = symbol if symbol is not None else name
        _read_long(path, table, frame.with_columns(pl.lit(known).alias("series")), reading)


def _read_long(path: Path, table: Table, source: pl.DataFrame, reading: Reading) -> None:
    import polars as pl

    read_days = dates.days(source["date"], reading.asked.dates)
    figures, wrong, notes = numerals.figures({"value": source["value"]}, reading.asked.decimal)
    for text in (*read_days.notes, *notes):
        reading.note(path, text)
    faults: list[Fault] = [*read_days.faults, *wrong]
    columns = [
        source["series"].alias("symbol"), source["row"], read_days.day.alias("date"), figures["value"].alias("value"),
    ]  # fmt: skip
    if "published" in source.columns:
        published = dates.days(source["published"], reading.asked.dates)
        columns.append(published.day.alias("known"))
        faults += published.faults
    frame = pl.DataFrame(columns)
    fail_rows(path, table, frame, faults, reading)
    infinite = frame.filter(pl.col("value").is_infinite())
    if len(infinite):
        reading.note(
            path,
            f"{len(infinite)} infinite values of {some(infinite['symbol'].unique(maintain_order=True))} were left out",
        )
    kept = frame.drop_nulls().filter(~pl.col("value").is_infinite())
    if reading.end is not None:
        kept = kept.filter(pl.col("date") <= reading.end)
    for (name,), group in kept.partition_by("symbol", as_dict=True, maintain_order=True).items():
        if name not in reading.failures:
            _keep(str(name), group, path, reading)


def _keep(name: str, group: pl.DataFrame, path: Path, reading: Reading) -> None:
    if not name or len(name) > 64 or not name.isascii() or not name.isprintable():
        reading.fail(shown(name), f"{label(path)}: {shown(name)} is not a series name", "Use plain ASCII")
        return
    reading.seen.add(name)
    try:
        reading.macro[name] = _series(group, reading.asked.data)
    except InputError as error:
        reading.fail(name, f"{label(path)}: {name} {error.problem}", error.remedy)


def _series(group: pl.DataFrame, policy: DataPolicy) -> MacroSeries:
    ordered = group.unique([c for c in group.columns if c != "row"], maintain_order=True).sort(
        "date", maintain_order=True
    )
    day = np.array(ordered["date"].to_numpy(), dtype=np.int64)
    twice = np.flatnonzero(np.diff(day) == 0)
    if twice.size:
        raise InputError(f"has two values on {iso_day(int(day[twice[0]]))}", "Keep one vintage a date")
    known = (
        np.array(ordered["known"].to_numpy(), dtype=np.int64) if "known" in ordered.columns else day + _lag(day, policy)
    )
    early = np.flatnonzero(known < day)
    if early.size:
        raise InputError(
            f"of {iso_day(int(day[early[0]]))} is published before its own date", "Correct the published column"
        )
    return MacroSeries(day, np.array(ordered["value"].to_numpy(), dtype=np.float64), known)


def _lag(day: NDArray[np.int64], policy: DataPolicy) -> int:
    """Days from a stamp to the end of the day it may be used on, by the usual step between stamps."""
    step = float(np.median(np.diff(day))) if day.size > 1 else float("inf")
    lags = (policy.lag_daily, policy.lag_weekly, policy.lag_monthly, policy.lag_quarterly, policy.lag_longer)
    return next(lag for longest, lag in zip(_STEPS, lags, strict=True) if step <= longest)

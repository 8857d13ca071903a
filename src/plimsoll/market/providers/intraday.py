"""Detection of files of intraday bars, which are refused by name (D8)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.core.dates import iso_day
from plimsoll.market.providers.reading import Reading, label

if TYPE_CHECKING:
    import polars as pl

_REMEDY = (
    "Only daily bars are certified: make one bar a day of them (first open, highest high, lowest low, last close, "
    "summed volume), or fetch daily bars"
)
# Of the rows of a daily file: two times of day are daylight saving, one more day in fifty a live quote or half a day.
_USUAL_SHARE = 0.95
_TWICE_SHARE = 0.02


def refuse_intraday(path: Path, frame: pl.DataFrame, reading: Reading) -> None:
    """Fail each symbol with several times on one date, or with times that no daily file has.

    Parameters
    ----------
    frame : columns symbol, date and, where the file has any, clock (seconds of day).
    """
    import polars as pl

    known = frame.filter(pl.col("symbol").is_not_null() & pl.col("date").is_not_null() & pl.col("inside"))
    timed = "clock" in known.columns
    moment = pl.col("clock").fill_null(0) if timed else pl.col("close")
    counts = known.group_by("symbol", "date").agg(moment.n_unique().alias("n"))
    each = counts.group_by("symbol", maintain_order=True).agg(
        pl.col("n").sum().alias("bars"), pl.len().alias("dates"), pl.col("n").max().alias("most"),
        pl.col("date").sort_by("n").last().alias("when"),
    )  # fmt: skip
    for name, bars, dates, most, when in each.iter_rows():
        extra = bars - dates
        if extra > max(1, _TWICE_SHARE * dates) and (timed or bars > 2 * dates):
            step = f", one {_spacing(known.filter(pl.col('symbol') == name))}" if timed else ""
            reading.fail(
                name,
                f"{label(path)} holds intraday bars of {name}{step}: {bars} rows on {dates} dates, {most} of them on "
                f"{iso_day(int(when))}",
                _REMEDY,
            )
        elif timed and not _steady(known.filter(pl.col("symbol") == name)["clock"]):
            reading.fail(
                name,
                f"{label(path)} gives the rows of {name} at many times of day, one row a date: an intraday "
                "file, thinned",
                _REMEDY,
            )


def _steady(clock: pl.Series) -> bool:
    """Whether nearly all rows are stamped at one of two times of day."""
    counted = clock.fill_null(0).value_counts(sort=True)["count"]
    return bool(counted.head(2).sum() >= _USUAL_SHARE * len(clock) or len(clock) - counted.head(2).sum() <= 1)


def _spacing(rows: pl.DataFrame) -> str:
    """``every 30 minutes``: the usual distance of two bars of a day."""
    import polars as pl

    ordered = rows.sort("date", "clock")
    gaps = ordered.select((pl.col("clock").diff().over("date")).alias("gap"))["gap"].drop_nulls()
    gaps = gaps.filter(gaps > 0)
    seconds = int(gaps.median() or 0) if len(gaps) else 0  # type: ignore[arg-type]
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= size:
            count = round(seconds / size)
            return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    return "at irregular times"

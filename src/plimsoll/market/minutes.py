"""Intraday bars from Parquet, by symbol and source, with the rows left out and their reasons (H4, H8).

Vendors disagree with the calendar: bars outside trading hours, minutes that are missing, days that are cut. A bar is
kept when it lies inside its session's own hours, half-days included, its prices are positive and consistent and it is
the only one of its time; the rest is counted. Nothing is filled in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plimsoll.core.errors import InputError
from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.core.unpacking import whole
from plimsoll.market import parquet
from plimsoll.market.calendars import nyse_sessions

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
_COLUMNS = frozenset(("symbol", "ts", *PRICES, "volume", "interval", "source"))
_ROUNDING = 1e-6  # of price: single precision in the file
_STEPS = {"1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600}
_DAY = 86_400
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, eq=False, slots=True)
class Recording:
    """Bars of one symbol from one source. ``dropped`` counts what was left out, by its defect."""

    source: str
    bars: IntradayBars
    dropped: dict[str, int]


def read(path: Path) -> tuple[Recording, ...]:
    """Every recording of a Parquet file, by symbol, step and source.

    The file has ``symbol``, ``ts`` (the bar's start, with a time zone), open, high, low, close and ``volume``, and may
    have ``interval`` (1m, 5m, …; else the commonest distance of two bars) and ``source``.

    Raises
    ------
    InputError : it cannot be read, lacks a column, or a column has another type.
    """
    import polars as pl

    try:
        frame = parquet.read(whole(path), _COLUMNS.__contains__)
    except InputError as error:
        raise InputError(f"{path} {error.problem}", f"{error.remedy}; give a Parquet file of intraday bars") from None
    _check(path, frame)
    for name, value in (("interval", ""), ("source", path.stem)):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(value).alias(name))
    keys = ["symbol", "interval", "source"]
    groups = sorted(frame.group_by(keys), key=lambda one: tuple(str(part) for part in one[0]))
    return tuple(_recording(path, [str(part) for part in key], rows.sort("ts")) for key, rows in groups)


def _check(path: Path, frame: pl.DataFrame) -> None:
    import polars as pl

    missing = [name for name in ("symbol", "ts", *PRICES, "volume") if name not in frame.columns]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}", "Name them so, one row a bar")
    when = frame.schema["ts"]
    if not isinstance(when, pl.Datetime) or when.time_zone is None:
        raise InputError(f"{path}: ts is {when}, not an instant with a time zone", "Store it as a UTC timestamp")
    wrong = [name for name in (*PRICES, "volume") if not frame.schema[name].is_numeric()]
    if wrong:
        raise InputError(f"{path}: {', '.join(wrong)} are not numbers", "Store them as numbers")
    if frame.is_empty():
        raise InputError(f"{path} has no bars", "Give a file with bars")


def _recording(path: Path, key: list[str], rows: pl.DataFrame) -> Recording:
    import polars as pl

    symbol, interval, source = key
    start = rows["ts"].dt.convert_time_zone("UTC").dt.epoch("s").to_numpy().astype(np.int64)
    gaps, counts = np.unique(np.diff(start), return_counts=True)
    step = _STEPS.get(interval, int(gaps[np.argmax(counts)]) if gaps.size else 60)
    if not 0 < step < _DAY:
        raise InputError(f"{path}: the bars of {symbol} do not follow each other", "Give one row a bar")
    values = {name: rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (*PRICES, "volume")}
    sessions = nyse_sessions(int(start[0]) // _DAY - 1, int(start[-1]) // _DAY + 1)
    at = np.searchsorted(sessions.opens, start, side="right") - 1
    row = np.maximum(at, 0)
    inside = (at >= 0) & (start + step <= sessions.closes[row]) if len(sessions) else np.zeros(start.size, np.bool_)
    once = np.concatenate([[True], start[1:] != start[:-1]]) & np.concatenate([start[1:] != start[:-1], [True]])
    kept, dropped = np.ones(start.size, np.bool_), {}
    for defect, good in (("outside hours", inside), ("bad prices", _sound(values)), ("same time twice", once)):
        dropped[defect] = int((kept & ~good).sum())
        kept &= good
    picked = row[kept]
    return Recording(
        source,
        IntradayBars(
            symbol=symbol,
            step=step,
            start=start[kept],
            day=sessions.days[picked],
            opened=sessions.opens[picked],
            closes=sessions.closes[picked],
            **{name: v[kept] for name, v in values.items()},
        ),
        {defect: count for defect, count in dropped.items() if count},
    )


def _sound(values: dict[str, Floats]) -> np.ndarray:
    """Where prices are finite, positive and ordered low <= open, close <= high, and volume is not negative."""
    o, h, low, c = (values[name] for name in PRICES)
    slack = 1.0 + _ROUNDING
    with np.errstate(invalid="ignore"):
        ordered = (low <= np.minimum(o, c) * slack) & (np.maximum(o, c) <= h * slack)
        return np.asarray(ordered & (low > 0.0) & (h < np.inf) & (values["volume"] >= 0.0))


def choose(found: tuple[Recording, ...], path: Path, symbol: str, source: str | None) -> Recording:
    """The recording of a symbol: of the source named, else the one with the shortest bars, most of them first."""
    mine = [r for r in found if r.bars.symbol == symbol]
    if not mine:
        known = ", ".join(dict.fromkeys(r.bars.symbol for r in found))
        raise InputError(f"{path} has no bars of {symbol!r}", f"Give one of: {known}")
    named = [r for r in mine if source is None or r.source == source]
    if not named:
        known = ", ".join(r.source for r in mine)
        raise InputError(f"{path} has no bars of {symbol} from {source!r}", f"Give one of: {known}")
    return min(named, key=_preference)


def _preference(one: Recording) -> tuple[int, int, str]:
    return one.bars.step, -len(one.bars), one.source


@dataclass(frozen=True, slots=True)
class Jump:
    """A bar whose prices are further from the close before it than anything explains: ``ratio`` is one over the other.

    ``split`` is the ratio of small numbers it is near to where a session begins with it, "" where it is near to none.
    """

    start: int  # UTC seconds
    ratio: float
    split: str


def unexplained(bars: IntradayBars, bound: float, *, units: int, near: float) -> Jump | None:
    """The first bar that is further than ``bound``, a fraction, from the close before it; None where there is none.

    The bound is for one session's distance and grows with the square root of the sessions between two bars, as a price
    does that nobody recorded meanwhile. ``units`` are the largest numbers of a split, ``near`` how near its ratio is.
    """
    before = bars.close[:-1]
    apart = np.sqrt(np.maximum(1.0, np.diff(bars.day) * SESSIONS_A_YEAR / _DAYS_A_YEAR))
    ratios = np.column_stack([getattr(bars, name)[1:] / before for name in PRICES])
    log = np.log(ratios)
    with np.errstate(divide="ignore"):  # a bound of 1 bars no fall
        rise, fall = np.log1p(bound), np.log1p(-bound)
    beyond = (log > rise * apart[:, np.newaxis]) | (log < fall * apart[:, np.newaxis])
    rows = np.flatnonzero(beyond.any(axis=1))
    if not rows.size:
        return None
    row = int(rows[0])
    ratio = float(ratios[row, int(np.argmax(np.where(beyond[row], np.abs(log[row]), 0.0)))])
    first = bool(bars.first_of_session[row + 1])
    return Jump(int(bars.start[row + 1]), ratio, _split(float(ratios[row, 0]), units, near) if first else "")


def _split(ratio: float, units: int, near: float) -> str:
    numbers = range(1, units + 1)
    found = ((abs(ratio * new / old - 1.0), f"{new}:{old}") for new in numbers for old in numbers if new != old)
    distance, name = min(found, default=(np.inf, ""))
    return name if distance <= near else ""


def sessions_of(bars: IntradayBars) -> Iterator[slice]:
    """The rows of each session, in order."""
    edges = [*np.flatnonzero(bars.first_of_session).tolist(), len(bars)]
    for a, b in itertools.pairwise(edges):
        yield slice(a, b)

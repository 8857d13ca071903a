"""Dates as people and vendors write them, as days since 1970-01-01 (D3).

One column counts in one form. Day before month or month before day is decided by a date that can be read in one way
only; a column without such a date is refused with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError, UsageError
from plimsoll.market.cells import ABSENT, Fault, shown

if TYPE_CHECKING:
    import polars as pl

_TIME = r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?)"
_ZONE = r"(?: ?(?:Z|UTC|GMT|E[SD]T|[+-]\d{2}:?\d{2}))"
_EPOCHS = {"epoch-s": (9, 10, 1), "epoch-ms": (12, 13, 10**3), "epoch-us": (15, 16, 10**6), "epoch-ns": (18, 19, 10**9)}
_DAY_SECONDS = 86_400
_EXCEL_EPOCH = 25_569  # 1970-01-01 as Excel counts days
_MONTHS = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_WEEKDAY = r"^(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"

# Forms in the order they are tried: label, pattern of the date part, strptime format of what the pattern gives.
_FORMS: tuple[tuple[str, str, str], ...] = (
    ("YYYY-MM-DD", r"^(\d{4}-\d{2}-\d{2})", "%Y-%m-%d"),
    ("YYYY/MM/DD", r"^(\d{4}/\d{1,2}/\d{1,2})", "%Y/%m/%d"),
    ("YYYY.MM.DD", r"^(\d{4}\.\d{1,2}\.\d{1,2})", "%Y.%m.%d"),
    ("YYYYMMDD", r"^(\d{8})", "%Y%m%d"),
)
NAMED = ("iso", "ymd", "dmy", "mdy", *_EPOCHS, "excel")
"""What ``--dates`` may be besides a strptime format."""

_PARTS = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})"
_SHORT_YEAR = re.compile(r"^(\d{1,2})([/.-])(\d{1,2})\2\d{2}$")
_REMEDY = "Write dates as YYYY-MM-DD, or say their form with --dates, for example --dates dmy"


class Days:
    """A column of dates: ``day`` (days since 1970-01-01, null where absent or at fault), ``clock`` (seconds of day
    where any cell has a time of day other than midnight, else None), ``faults`` and ``notes``.
    """

    def __init__(
        self, day: pl.Series, clock: pl.Series | None, faults: list[Fault] | None = None, notes: list[str] | None = None
    ) -> None:
        self.day, self.clock = day, clock
        self.faults, self.notes = faults or [], notes or []


def days(column: pl.Series, form: str | None = None) -> Days:
    """Read a column of dates.

    Dates are taken as written: an instant with a zone is its local date there. Epoch numbers are UTC.

    Parameters
    ----------
    form : a name of ``NAMED``, or a strptime format; absent, the column has to show its form.

    Raises
    ------
    InputError for a column whose type holds no dates, or whose dates can be read in two ways. UsageError for a
    ``form`` that is none.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.Date:
        return Days(column.cast(pl.Int32).cast(pl.Int64), None)
    if isinstance(kind, pl.Datetime):
        local = column.dt.replace_time_zone(None)
        seconds = local.dt.epoch("s")
        return Days(local.dt.date().cast(pl.Int32).cast(pl.Int64), _clock(seconds % _DAY_SECONDS))
    if kind.is_float() and column.drop_nulls().drop_nans().eq(column.drop_nulls().drop_nans().round()).all():
        column = column.fill_nan(None).cast(pl.Int64, strict=False).alias(column.name)
        kind = column.dtype
    if isinstance(kind, (pl.Categorical, pl.Enum)) or kind.is_integer():
        column = column.cast(pl.String).alias(column.name)
    if column.dtype != pl.String:
        raise InputError(f"column {column.name} holds {kind}, not dates", "Write dates as YYYY-MM-DD")
    text = column.str.strip_chars()
    absent = text.is_null() | text.str.to_lowercase().is_in(ABSENT)
    read = _asked(text, form) if form is not None else _shown(text, absent)
    clock = read.clock if read.clock is not None else _clock_of(text)
    wrong = read.day.is_null() & ~absent
    for fault in read.faults:
        wrong = wrong & ~fault.mask
    faults = [*read.faults, Fault(column.name, wrong, column, _not_a_date(form))] if wrong.any() else read.faults
    return Days(read.day, clock, faults, read.notes)


def _asked(text: pl.Series, form: str) -> Days:
    """Every cell in the form the user named."""
    import polars as pl

    if form in _EPOCHS:
        return _epoch(text, _EPOCHS[form][2])
    if form == "excel":
        serial = text.str.extract(r"^(\d{4,6})(?:\.0*)?$", 1).cast(pl.Int64, strict=False)
        return Days(serial - _EXCEL_EPOCH, None)
    if form in ("dmy", "mdy"):
        return Days(_by_parts(text, form), None)
    if form in ("iso", "ymd"):
        return Days(_first(text, [(_date(text, pattern, layout)) for _, pattern, layout in _FORMS]), None)
    if "%" not in form:
        raise UsageError(
            f"{form!r} is not a form of dates", f"Give one of {', '.join(NAMED)}, or a format like %d.%m.%Y"
        )
    try:
        stamps = text.str.to_datetime(form, strict=False) if "%H" in form or "%I" in form else None
        day = (stamps.dt.date() if stamps is not None else text.str.to_date(form, strict=False)).cast(pl.Int32)
    except (pl.exceptions.PolarsError, ValueError) as error:
        detail = str(error).splitlines()[0][:80]
        raise UsageError(f"{form!r} is not a form of dates ({detail})", "Give a format like %d.%m.%Y") from None
    clock = None if stamps is None else _clock(stamps.dt.epoch("s") % _DAY_SECONDS)
    return Days(day.cast(pl.Int64), clock)


def _shown(text: pl.Series, absent: pl.Series) -> Days:
    """The form that the column itself shows; a second form beside it is a fault."""
    import polars as pl

    zoned = text.str.contains(f"{_TIME}{_ZONE}$").fill_null(False)
    found: list[tuple[str, pl.Series]] = []
    rest = ~absent
    clock: pl.Series | None = None
    notes: list[str] = []
    for label, pattern, layout in _FORMS:
        if not rest.any():
            break
        rest = _take(found, rest, _date(text, pattern, layout), label)
    if rest.any():
        parts, note, both = _day_or_month_first(text, rest)
        notes += note
        rest = _take(found, rest, parts, "day/month/year" if both == "dmy" else "month/day/year")
        rest = _take(found, rest, _month_names(text), "dates with names of months")
    for label, (_, _, per_second) in _EPOCHS.items():
        if rest.any():
            counted = _epoch(text, per_second, label)
            rest = _take(found, rest, counted.day, label)
            if counted.clock is not None and found[-1:] and found[-1][0] == label:
                clock = counted.clock
    day = _first(text, [series for _, series in found])
    kinds = [
        (label + (" with a zone" if zone else ""), (series.is_not_null() & (zoned if zone else ~zoned)))
        for label, series in found
        for zone in (False, True)
    ]
    present = [(label, mask) for label, mask in kinds if mask.any()]
    faults: list[Fault] = []
    if len(present) > 1:
        present.sort(key=lambda one: int(one[1].arg_true()[0]))
        mixed = pl.select(pl.any_horizontal([pl.lit(mask) for _, mask in present[1:]])).to_series()
        faults.append(Fault(text.name, mixed, text, _mixture([label for label, _ in present])))
    return Days(day, clock, faults, notes)


def _take(found: list[tuple[str, pl.Series]], rest: pl.Series, values: pl.Series, label: str) -> pl.Series:
    """Add what of ``values`` no earlier form has read; returns the cells still unread."""
    import polars as pl

    mine = rest & values.is_not_null()
    if not mine.any():
        return rest
    found.append((label, pl.select(pl.when(mine).then(values).otherwise(None)).to_series()))
    return rest & ~mine


def _first(text: pl.Series, series: list[pl.Series]) -> pl.Series:
    import polars as pl

    if not series:
        return pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    return pl.select(pl.coalesce([pl.lit(one) for one in series])).to_series().cast(pl.Int64)


def _date(text: pl.Series, pattern: str, layout: str) -> pl.Series:
    import polars as pl

    part = text.str.extract(f"{pattern}(?:{_TIME}{_ZONE}?)?$", 1)
    return part.str.to_date(layout, strict=False).cast(pl.Int32).cast(pl.Int64)


def _day_or_month_first(text: pl.Series, rest: pl.Series) -> tuple[pl.Series, list[str], str]:
    """Dates in three numbers with the year last, by the order that one of them proves."""
    import polars as pl

    pattern = f"{_PARTS}(?:{_TIME}{_ZONE}?)?$"
    candidates = text.filter(rest)
    first = candidates.str.extract(pattern, 1).cast(pl.Int64, strict=False)
    second = candidates.str.extract(pattern, 2).cast(pl.Int64, strict=False)
    nothing = pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    if first.drop_nulls().is_empty():
        return nothing, [], "dmy"
    day_first, month_first = int((first > 12).sum()), int((second > 12).sum())
    if not day_first and not month_first:
        cell = str(candidates.filter(first.is_not_null() & (first != second).fill_null(True)).first() or candidates[0])
        a, b, year = (cell.replace(".", "/").replace("-", "/").split(" ")[0]).split("/")
        raise InputError(
            f"dates such as {shown(cell)} can be read as {year[:4]}-{b:0>2}-{a:0>2} (day first) "
            f"or {year[:4]}-{a:0>2}-{b:0>2} (month first), and no date of the file decides it",
            "Say which with --dates dmy or --dates mdy",
        )
    order = "dmy" if day_first >= month_first else "mdy"
    proof = first > 12 if order == "dmy" else second > 12
    cell = str(candidates.filter(proof.fill_null(False))[0])
    words = "day/month/year" if order == "dmy" else "month/day/year"
    return _by_parts(text, order), [f"dates were read as {words}, which {shown(cell)} shows"], order


def _by_parts(text: pl.Series, order: str) -> pl.Series:
    import polars as pl

    pattern = f"{_PARTS}(?:{_TIME}{_ZONE}?)?$"
    first, second, year = (text.str.extract(pattern, i) for i in (1, 2, 3))
    day, month = (first, second) if order == "dmy" else (second, first)
    joined = pl.select(
        pl.concat_str([pl.lit(year), pl.lit(month).str.zfill(2), pl.lit(day).str.zfill(2)], separator="-")
    ).to_series()
    return joined.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int32).cast(pl.Int64)


def _month_names(text: pl.Series) -> pl.Series:
    """``02-Jan-2020``, ``2 January 2020``, ``Jan 02, 2020``, ``02-Jan-20`` (1969 to 2068)."""
    import polars as pl

    tail = f"(?:{_TIME}{_ZONE}?)?$"
    after = rf"{_WEEKDAY}(\d{{1,2}})(?:st|nd|rd|th)?[ /.-]*({_MONTHS})[ ,/.-]*(\d{{4}}){tail}"
    short = rf"{_WEEKDAY}(\d{{1,2}})[ /.-]({_MONTHS})[ /.-](\d{{2}}){tail}"
    before = rf"{_WEEKDAY}({_MONTHS}) *(\d{{1,2}})(?:st|nd|rd|th)?,? +(\d{{4}}){tail}"
    out = []
    for pattern, where in ((after, (1, 2, 3)), (before, (2, 1, 3)), (short, (1, 2, 3))):
        day, month, year = (text.str.extract(pattern, i) for i in where)
        if pattern is short:
            year = year.str.replace(r"^([0-5]\d|6[0-8])$", "20$1").str.replace(r"^(\d\d)$", "19$1")
        joined = pl.select(
            pl.concat_str(
                [pl.lit(year), pl.lit(month).str.slice(0, 3).str.to_titlecase(), pl.lit(day).str.zfill(2)],
                separator="-",
            )
        ).to_series()
        out.append(joined.str.to_date("%Y-%b-%d", strict=False).cast(pl.Int32).cast(pl.Int64))
    return _first(text, out)


def _epoch(text: pl.Series, per_second: int, label: str | None = None) -> Days:
    import polars as pl

    if label is not None:
        low, high, _ = _EPOCHS[label]
        pattern = rf"^(\d{{{low},{high}}})(?:\.0*)?$"
    else:
        pattern = r"^(-?\d+)(?:\.\d*)?$"
    count = text.str.extract(pattern, 1).cast(pl.Int64, strict=False)
    seconds = count // per_second
    return Days(seconds // _DAY_SECONDS, _clock(seconds % _DAY_SECONDS))


def _clock_of(text: pl.Series) -> pl.Series | None:
    """Seconds of day of the times written in a column, None where every one is midnight or there is none."""
    if not (text.str.len_bytes() > 10).any():
        return None
    return clock(text.str.extract(rf"({_TIME}){_ZONE}?$", 1).str.strip_chars_start("T "))


def clock(text: pl.Series) -> pl.Series | None:
    """Times of day such as ``09:30``, ``09:30:00``, ``9:30 PM``, ``093000`` and ``930`` as seconds; see ``Days``."""
    import polars as pl

    text = text.cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
    packed = text.str.extract(r"^(\d{1,6})$", 1)
    long = (packed.str.len_bytes() > 4).any()
    padded = packed.str.zfill(6) if long else packed.str.zfill(4) + "00"
    parts = pl.select(
        pl.when(packed.is_not_null()).then(padded.str.replace(r"^(\d\d)(\d\d)(\d\d)$", "$1:$2:$3")).otherwise(text)
    ).to_series()
    pattern = r"(\d{1,2}):(\d{2})(?::(\d{2}))?"
    hour, minute, second = (parts.str.extract(pattern, i).cast(pl.Int64, strict=False).fill_null(0) for i in (1, 2, 3))
    later = parts.str.contains(r"[Pp][Mm]").fill_null(False) & (hour < 12)
    midnight = parts.str.contains(r"[Aa][Mm]").fill_null(False) & (hour == 12)
    hour = hour + 12 * later.cast(pl.Int64) - 12 * midnight.cast(pl.Int64)
    return _clock(hour * 3600 + minute * 60 + second)


def _clock(seconds: pl.Series) -> pl.Series | None:
    return seconds if seconds.max() else None


def _mixture(kinds: list[str]) -> Callable[[str], tuple[str, str]]:
    def explain(cell: str) -> tuple[str, str]:
        return f"{shown(cell)} mixes {kinds[1]} into {kinds[0]}", "Write every date as YYYY-MM-DD"

    return explain


def _not_a_date(form: str | None) -> Callable[[str], tuple[str, str]]:
    """What to say of a cell that is no date, or none of the ``form`` the user named."""

    def explain(cell: str) -> tuple[str, str]:
        problem = f"{shown(cell)} is not a date" + (f" of the form {form} (--dates)" if form is not None else "")
        short = _SHORT_YEAR.match(cell.strip())
        if short is not None:
            parts = ("%m", "%d") if form == "mdy" or (form is None and int(short[3]) > 12) else ("%d", "%m")
            return problem, f"Its year has two digits: say --dates {parts[0]}{short[2]}{parts[1]}{short[2]}%y"
        if form is None:
            return problem, _REMEDY
        return problem, f"Correct the cell, or give another form: one of {', '.join(NAMED)}, or a format like %d.%m.%Y"

    return explain

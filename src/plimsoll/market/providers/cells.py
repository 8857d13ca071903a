"""Columns of cells as numbers and days, with the rows that are neither (D10).

Absent is not wrong: an empty cell, ``N/A``, ``null``, ``NaN``, ``-`` or FRED's ``.`` is a missing value. A cell
that holds something else than a number or a date is a ``Fault``, and its symbol fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

ABSENT = ("", "n/a", "na", "#n/a", "null", "none", "nan", "-", "--", ".")

_DATE = r"^(\d{4}-\d{2}-\d{2})"
_TIME = r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)"
_ZONE = r"(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))"
_EPOCHS = (
    (9, 10, "seconds", 1),
    (12, 13, "milliseconds", 10**3),
    (15, 16, "microseconds", 10**6),
    (18, 19, "nanoseconds", 10**9),
)
_DAY_SECONDS = 86_400


@dataclass(frozen=True, eq=False, slots=True)
class Fault:
    """Rows (``mask``) whose cell in ``column`` cannot be used, and what to say of such a cell's text."""

    column: str
    mask: pl.Series
    cells: pl.Series
    explain: Callable[[str], tuple[str, str]]

    def sentence(self, row: int) -> tuple[str, str]:
        """The problem with a row's cell, and its remedy."""
        cell = self.cells[row]
        return self.explain("" if cell is None else str(cell))


def numbers(column: pl.Series) -> tuple[pl.Series, list[Fault]]:
    """A column as float64 with null where absent; infinite cells and text that is no number are faults.

    Raises
    ------
    InputError for a column whose type holds no numbers (lists, structs, dates, truth values).
    """
    import polars as pl

    name, kind = column.name, column.dtype
    if isinstance(kind, (pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        values = text.cast(pl.Float64, strict=False)
        absent = text.is_null() | text.str.to_lowercase().is_in(ABSENT) if values.null_count() else text.is_null()
        wrong = values.is_null() & ~absent
    elif kind.is_numeric():
        values = column.cast(pl.Float64)
        wrong = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    elif kind == pl.Null:
        return column.cast(pl.Float64), []
    else:
        raise InputError(f"column {name} holds {kind}, not numbers", "Write plain numbers")
    values = values.fill_nan(None)
    wrong = wrong | values.is_infinite().fill_null(False)
    return values, [Fault(name, wrong, column, _not_a_number)] if wrong.any() else []


def days(column: pl.Series) -> tuple[pl.Series, pl.Series | None, list[Fault]]:
    """A column as days since 1970-01-01 (int64), its times of day where it has any, and its faults.

    Dates are taken as written: an instant with a zone is its local date there. Epoch numbers are UTC, and one
    column counts in one unit.

    Raises
    ------
    InputError for a column whose type holds no dates.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.Date:
        return column.cast(pl.Int32).cast(pl.Int64), None, []
    if isinstance(kind, pl.Datetime):
        local = column.dt.replace_time_zone(None)
        clock = local.dt.time()
        midnight = (clock == pl.Series([0]).cast(pl.Time)[0]).all()
        return local.dt.date().cast(pl.Int32).cast(pl.Int64), None if midnight else clock.cast(pl.String), []
    if isinstance(kind, (pl.Categorical, pl.Enum)) or kind.is_integer():
        column = column.cast(pl.String).alias(column.name)
    if column.dtype != pl.String:
        raise InputError(f"column {column.name} holds {kind}, not dates", "Write dates as YYYY-MM-DD")
    return _text_days(column)


def _text_days(column: pl.Series) -> tuple[pl.Series, pl.Series | None, list[Fault]]:
    import polars as pl

    text = column.str.strip_chars()
    absent = text.is_null() | text.str.to_lowercase().is_in(ABSENT)
    day = text.str.extract(f"{_DATE}(?:{_TIME}{_ZONE}?)?$", 1).str.to_date("%Y-%m-%d", strict=False)
    form = pl.select(pl.when(day.is_not_null()).then(pl.lit("dates"))).to_series()
    number = day.cast(pl.Int32).cast(pl.Int64)
    clock: pl.Series | None = None
    if (form.is_null() & ~absent).any():
        number, form = _other_forms(text, number, form)
    if (text.str.len_bytes() > 10).any():
        clock = text.str.extract(r"[T ](\d{2}:\d{2}(?::\d{2})?)", 1).fill_null("00:00")
        zoned = text.str.contains(f"{_TIME}{_ZONE}$").fill_null(False)
        label = pl.select(
            pl.when(form.is_not_null() & zoned).then(form + pl.lit(" with a zone")).otherwise(form)
        ).to_series()
        form = label
        clock = None if clock.str.replace_all("[0:]", "").str.len_bytes().max() == 0 else clock
    wrong = form.is_null() & ~absent
    faults = [Fault(column.name, wrong, column, _not_a_date)] if wrong.any() else []
    kinds = form.drop_nulls().unique(maintain_order=True).to_list()
    if len(kinds) > 1:
        mixed = (form != kinds[0]).fill_null(False)
        faults.append(Fault(column.name, mixed, column, _mixture(kinds)))
    return number, clock, faults


def _other_forms(text: pl.Series, number: pl.Series, form: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Fill in what is not an ISO date: YYYY/MM/DD, YYYYMMDD and epoch numbers."""
    import polars as pl

    def take(values: pl.Series, label: str) -> None:
        nonlocal number, form
        new = form.is_null() & values.is_not_null()
        number = pl.select(pl.when(new).then(values).otherwise(number)).to_series()
        form = pl.select(pl.when(new).then(pl.lit(label)).otherwise(form)).to_series()

    slashed = text.str.extract(r"^(\d{4}/\d{2}/\d{2})$", 1).str.to_date("%Y/%m/%d", strict=False)
    take(slashed.cast(pl.Int32).cast(pl.Int64), "dates with slashes")
    compact = text.str.extract(r"^(\d{8})$", 1).str.to_date("%Y%m%d", strict=False)
    take(compact.cast(pl.Int32).cast(pl.Int64), "dates as YYYYMMDD")
    for low, high, unit, per_second in _EPOCHS:
        count = text.str.extract(rf"^(\d{{{low},{high}}})$", 1).cast(pl.Int64, strict=False)
        take(count // (per_second * _DAY_SECONDS), f"epoch {unit}")
    return number, form


def _mixture(kinds: list[str]) -> Callable[[str], tuple[str, str]]:
    def explain(cell: str) -> tuple[str, str]:
        return f"{shown(cell)} mixes {kinds[1]} into {kinds[0]}", "Write every date as YYYY-MM-DD"

    return explain


def _not_a_date(cell: str) -> tuple[str, str]:
    return f"{shown(cell)} is not a date", "Write dates as YYYY-MM-DD"


def _not_a_number(cell: str) -> tuple[str, str]:
    text = cell.strip()
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        return f"{shown(cell)} has thousands separators", "Write 1234.5"
    if re.fullmatch(r"[+-]?[\d.]*,\d+", text):
        return f"{shown(cell)} has a decimal comma", "Write 1234.5"
    if re.fullmatch(r"[+-]?inf(inity)?", text, re.IGNORECASE):
        return f"{shown(cell)} is infinite", "Leave the cell empty or correct it"
    return f"{shown(cell)} is not a number", "Leave the cell empty or correct it"


def shown(cell: str) -> str:
    """A cell's text fit for a message: quoted, ASCII, and short."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


def legible(name: str) -> str:
    """A file's or column's name fit for a message: as it is, unless it could mislead a terminal."""
    return name if name.isascii() and name.isprintable() else ascii(name)

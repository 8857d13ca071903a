"""Days as whole numbers since 1970-01-01, and as ISO text (U5)."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date

from plimsoll.core.errors import UsageError

SESSIONS_A_YEAR = 252  # annualisation of anything on the NYSE grid (U4)
_FIRST = date(1970, 1, 1).toordinal()


def day_number(iso: str) -> int:
    """Days since 1970-01-01 of an ISO date; ``UsageError`` for other text.

    >>> day_number("1970-01-02")
    1
    """
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", iso, re.ASCII):
            raise ValueError
        return date.fromisoformat(iso).toordinal() - _FIRST
    except ValueError:
        raise UsageError(f"{iso!r} is not a date", f"Give it as YYYY-MM-DD{_meant(iso)}") from None


def _meant(text: str) -> str:
    """``: did you mean 2025-07-31?`` for a date in another notation, where it is unambiguous; else nothing."""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)|(\d{4})\D(\d\d?)\D(\d\d?)|(\d\d?)\D(\d\d?)\D(\d{4})", text.strip())
    if found is None:
        return ""
    parts = [int(n) for n in found.groups() if n is not None]
    orders = [parts] if found[9] is None else [[parts[2], parts[1], parts[0]], [parts[2], parts[0], parts[1]]]
    days = set()
    for year, month, day in orders:
        with suppress(ValueError):
            days.add(date(year, month, day).isoformat())
    return f": did you mean {days.pop()}?" if len(days) == 1 else ""


def iso_day(number: int) -> str:
    """ISO date of days since 1970-01-01; a day before the year 1 or after 9999 is given by its number.

    >>> iso_day(1)
    '1970-01-02'
    """
    try:
        return date.fromordinal(_FIRST + int(number)).isoformat()
    except (ValueError, OverflowError):
        return f"day {number}"

"""The session calendar as a value: built once by Stage 1, stored in the manifest (D9, D14)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.errors import UsageError

EPOCH = np.datetime64("1970-01-01", "D")


def day_number(iso: str) -> int:
    """Days since 1970-01-01 of an ISO date; ``UsageError`` names a text that is not one.

    >>> day_number("1970-01-02")
    1
    """
    try:
        day: np.datetime64 = np.datetime64(iso, "D")
    except ValueError:
        day = np.datetime64("NaT", "D")  # refused below
    if np.isnat(day) or len(iso) != 10:
        raise UsageError(f"{iso!r} is not a date", f"Give it as YYYY-MM-DD{_meant(iso)}")
    return int((day - EPOCH).astype(np.int64))


def _meant(text: str) -> str:
    """``: did you mean 2025-07-31?`` for a date written another way, where only one day can be meant; else nothing."""
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
    """ISO date of days since 1970-01-01.

    >>> iso_day(1)
    '1970-01-02'
    """
    return str(EPOCH + np.timedelta64(int(number), "D"))


@dataclass(frozen=True, eq=False)
class Sessions:
    """Consecutive NYSE sessions, the rows of every panel (U5).

    ``days`` are days since 1970-01-01, int64, strictly increasing; ``opens`` and ``closes`` are UTC seconds of
    each session (half-days and DST included); ``next_day`` is the session after the last one, so that the last
    row knows whether it ends a month.
    """

    days: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    next_day: int

    def __len__(self) -> int:
        return int(self.days.size)

    @cached_property
    def dates(self) -> list[str]:
        """ISO date per row."""
        return np.datetime_as_string(EPOCH + self.days.astype("m8[D]")).tolist()  # type: ignore[no-any-return]

    @cached_property
    def last_of_month(self) -> NDArray[np.bool_]:
        """True where the next session lies in another calendar month."""
        following = np.append(self.days[1:], self.next_day)
        months = (EPOCH + self.days.astype("m8[D]")).astype("M8[M]")
        return np.asarray(months != (EPOCH + following.astype("m8[D]")).astype("M8[M]"))

    @cached_property
    def first_of_month(self) -> NDArray[np.bool_]:
        """True where the session before lies in another calendar month, and on the first row."""
        return np.append(True, self.last_of_month[:-1])[: self.days.size]

    @cached_property
    def _morrows(self) -> list[str]:
        """ISO date of the day after each session."""
        return np.datetime_as_string(EPOCH + (self.days + 1).astype("m8[D]")).tolist()  # type: ignore[no-any-return]

    def decided_at(self, row: int) -> str:
        """The instant a daily cycle decides: 00:00 UTC of the day after the session (U5)."""
        return f"{self._morrows[row]}T00:00:00Z"

    def row_at_or_after(self, iso: str) -> int:
        """First row on or after the date; ``len(self)`` when there is none."""
        return int(np.searchsorted(self.days, day_number(iso), side="left"))

    def row_at_or_before(self, iso: str) -> int:
        """Last row on or before the date; -1 when there is none."""
        return int(np.searchsorted(self.days, day_number(iso), side="right")) - 1

    def sessions_between(self, day: int, row: int) -> int:
        """Sessions from ``day`` (days since 1970) to ``row``: 0 when ``row`` is that day's own row."""
        return row - int(np.searchsorted(self.days, day, side="left"))

"""The session calendar as a value: built once by Stage 1, stored in the manifest (D9, D14)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import SESSIONS_A_YEAR as SESSIONS_A_YEAR
from plimsoll.core.dates import day_number

EPOCH = np.datetime64("1970-01-01", "D")


@overload
def risk_free_return(rate: float, days: float) -> float: ...


@overload
def risk_free_return(rate: NDArray[np.float64], days: NDArray[np.int64]) -> NDArray[np.float64]: ...


def risk_free_return(rate: Any, days: Any) -> Any:
    """Return of a bill at the annual ``rate`` over calendar ``days``, as a fraction: actual days over 365 (U4).

    >>> round(bill_return(0.0365, 3), 12)
    0.0003
    """
    return rate / 365.0 * days


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
        """Decision time of a daily cycle: 00:00 UTC of the day after the session (U5)."""
        return f"{self._morrows[row]}T00:00:00Z"

    @cached_property
    def _row_of(self) -> dict[str, int]:
        """Row of each session's date."""
        return {date: row for row, date in enumerate(self.dates)}

    def row_at_or_after(self, iso: str) -> int:
        """First row on or after the date; ``len(self)`` when there is none."""
        row = self._row_of.get(iso)
        if row is not None:
            return row
        return int(np.searchsorted(self.days, day_number(iso), side="left"))

    def row_at_or_before(self, iso: str) -> int:
        """Last row on or before the date; -1 when there is none."""
        return int(np.searchsorted(self.days, day_number(iso), side="right")) - 1

    def sessions_between(self, day: int, row: int) -> int:
        """Sessions from ``day`` (days since 1970) to ``row``: 0 when ``row`` is that day's own row."""
        return row - int(np.searchsorted(self.days, day, side="left"))

"""Trading calendars from a maintained library, as day numbers and as the core's ``Sessions`` (D9).

Everything here is a function of its arguments: the library's own default span follows the wall clock, so an
explicit one is always given. Days beyond ``HORIZON`` are refused, because holidays so far ahead are projections.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError
from plimsoll.core.sessions import Sessions

Days = NDArray[np.int64]

FIRST = day_number("1950-01-01")
HORIZON = day_number("2035-12-31")

# Names of the library behind each of ours. The library's CBOE calendar keeps the four days of September 2001 on
# which no US equity market opened, so CBOE days are those it shares with the NYSE.
CALENDARS: dict[str, tuple[str, ...]] = {
    "XNYS": ("XNYS",),
    "24/7": (),
    "24/5": (),
    "CMES": ("CMES",),
    "CBOE": ("XCBF", "XNYS"),
}

_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_BLOCK_YEARS = 20


def expected_days(calendar: str, first_day: int, last_day: int) -> Days:
    """Days on which a bar is expected, from ``first_day`` to ``last_day`` inclusive.

    Parameters
    ----------
    calendar : a key of ``CALENDARS``; 24/7 is every day, 24/5 Monday to Friday.
    first_day, last_day : days since 1970-01-01; none is expected when the first is after the last.

    Returns
    -------
    int64, strictly increasing day numbers.

    Raises
    ------
    InputError for an unknown calendar or a day outside ``FIRST`` to ``HORIZON``.
    """
    sources = _sources(calendar)
    if first_day > last_day:
        return np.empty(0, np.int64)
    _inside(first_day)
    _inside(last_day)
    if not sources:
        days = np.arange(first_day, last_day + 1, dtype=np.int64)
        return days if calendar == "24/7" else days[(days + _EPOCH_WEEKDAY) % 7 < 5]
    days = _library_days(sources[0], first_day, last_day)
    for other in sources[1:]:
        days = np.intersect1d(days, _library_days(other, first_day, last_day))
    return days


def nyse_sessions(first_day: int, last_day: int) -> Sessions:
    """NYSE sessions from ``first_day`` to ``last_day``, with opens and closes in UTC seconds (U5, D9).

    Half-days and daylight saving are in ``opens`` and ``closes``; ``next_day`` is the session after the last
    one, or after ``last_day`` when the span holds none.

    Raises
    ------
    InputError for a span outside ``FIRST`` to ``HORIZON`` (its last two weeks are kept for ``next_day``).
    """
    _inside(first_day)
    _inside(last_day + 14)
    schedule = _calendar("XNYS", _block(first_day)).schedule
    days = _day_numbers(schedule.index)
    rows = slice(int(np.searchsorted(days, first_day)), int(np.searchsorted(days, last_day, side="right")))
    return Sessions(
        days=days[rows].copy(),
        opens=_seconds(schedule["open"])[rows].copy(),
        closes=_seconds(schedule["close"])[rows].copy(),
        next_day=int(days[rows.stop]),
    )


def _sources(calendar: str) -> tuple[str, ...]:
    try:
        return CALENDARS[calendar]
    except KeyError:
        known = ", ".join(CALENDARS)
        raise InputError(f"{calendar!r} is not a calendar", f"Give one of: {known}") from None


def _inside(day: int) -> None:
    if not FIRST <= day <= HORIZON:
        span = f"{iso_day(FIRST)} to {iso_day(HORIZON)}"
        found = iso_day(day) if abs(day) < 3_000_000 else f"day number {day}"
        raise InputError(f"{found} is outside the calendars' span, {span}", "Correct the date or the range")


def _block(first_day: int) -> int:
    """First year of the 20-year block that a span starts in, so that few calendars are ever built."""
    year = int(iso_day(first_day)[:4])
    return year - (year - 1950) % _BLOCK_YEARS


def _library_days(name: str, first_day: int, last_day: int) -> Days:
    days = _day_numbers(_calendar(name, _block(first_day)).sessions)
    return days[np.searchsorted(days, first_day) : np.searchsorted(days, last_day, side="right")].copy()


@lru_cache(maxsize=16)
def _calendar(name: str, first_year: int) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(name, start=f"{first_year}-01-01", end=iso_day(HORIZON))


def _day_numbers(index: Any) -> Days:
    return np.asarray(index.to_numpy().astype("M8[D]").astype(np.int64))


def _seconds(column: Any) -> Days:
    return np.asarray(column.dt.tz_localize(None).to_numpy().astype("M8[s]").astype(np.int64))

"""Distribution of returns: trailing returns, tails of session returns, and exceedances of the previous day's VaR.

References
----------
Kupiec (1995), "Techniques for verifying the accuracy of risk measurement models", Journal of Derivatives 3(2): the
proportion-of-failures test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.sessions import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

TRAILING = ("MTD", "QTD", "YTD", "1 year", "3 years", "5 years", "10 years", "since inception")
_ROWS_A_TAIL = 20  # fewer returns hold less than one loss in twenty


def trailing(curve: Floats, dates: Sequence[str]) -> dict[str, float | None]:
    """Returns up to the last close over the spans of ``TRAILING``, as fractions, annualised beyond one year.

    ``curve`` is (T,) on the closes of ``dates``. A span begins at the last close before its month, quarter or year, or
    on or before the same day k years ago; its return is None where the curve begins later. A span of k years is
    annualised over k years, the whole curve over its sessions at 252 a year unless it has fewer than 252 returns.
    """
    end = date.fromisoformat(dates[-1])
    starts = {
        "MTD": end.replace(day=1),
        "QTD": end.replace(month=(end.month - 1) // 3 * 3 + 1, day=1),
        "YTD": end.replace(month=1, day=1),
    }
    found: dict[str, float | None] = {
        name: _since(curve, dates, start.isoformat(), before=True) for name, start in starts.items()
    }
    for name in TRAILING[3:-1]:
        years = int(name.split()[0])
        gain = _since(curve, dates, _years_before(end, years).isoformat(), before=False)
        found[name] = None if gain is None else (1.0 + gain) ** (1.0 / years) - 1.0
    whole, sessions = float(curve[-1] / curve[0]), curve.size - 1
    found[TRAILING[-1]] = whole ** min(SESSIONS_A_YEAR / sessions, 1.0) - 1.0 if sessions else None
    return found


def _since(curve: Floats, dates: Sequence[str], start: str, *, before: bool) -> float | None:
    """Return since the last close before ``start``, or on or before it."""
    rows = [i for i, d in enumerate(dates) if d < start or (not before and d == start)]
    return float(curve[-1] / curve[rows[-1]] - 1.0) if rows else None


def _years_before(day: date, years: int) -> date:
    """The same day of the year ``years`` before; 28 February for the 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def tail_ratio(returns: Floats) -> float | None:
    """The 95th percentile of (T,) returns over the absolute 5th, linearly interpolated; None below 20 returns."""
    if returns.size < _ROWS_A_TAIL:
        return None
    low, high = np.quantile(returns, [0.05, 0.95]).tolist()
    return high / -low if low < 0.0 else None


def value_at_risk(returns: Floats, confidence: float = 0.95) -> float | None:
    """Historical value at risk of one session from (T,) returns, linearly interpolated, a positive fraction; None where
    the tail of ``1 - confidence`` holds less than one observation.
    """
    if returns.size * (1.0 - confidence) < 1.0 - 1e-9:
        return None
    return float(-np.quantile(returns, 1.0 - confidence))


class Exceedances(msgspec.Struct, frozen=True):
    """How often a session lost more than the historical VaR of the ``window`` sessions before it.

    ``expected`` is (1 - confidence) times ``sessions``; ``probability`` the p-value of Kupiec's likelihood ratio
    (1 degree of freedom): the chance of a count at least this far from it under independent exceedances.
    """

    confidence: float
    window: int
    sessions: int
    seen: int
    expected: float
    probability: float


def exceedances(returns: Floats, confidence: float, window: int) -> Exceedances | None:
    """Losses of (T,) returns beyond the historical VaR of the ``window`` returns before each; None with too short a
    history, or where the tail of a window holds less than one return.
    """
    sessions = returns.size - window
    if sessions < 1 or window * (1.0 - confidence) < 1.0 - 1e-9:
        return None
    views = np.lib.stride_tricks.sliding_window_view(returns[:-1], window)
    known = np.quantile(views, 1.0 - confidence, axis=1)
    seen = int(np.count_nonzero(returns[window:] < known))
    return Exceedances(
        confidence, window, sessions, seen, sessions * (1.0 - confidence), kupiec(seen, sessions, 1.0 - confidence)
    )


def kupiec(seen: int, sessions: int, share: float) -> float:
    """p-value of Kupiec's proportion-of-failures test of ``seen`` exceedances when their true share is ``share``."""

    def likelihood(p: float) -> float:
        return sum(n * math.log(q) for n, q in ((seen, p), (sessions - seen, 1.0 - p)) if n)

    ratio = 2.0 * (likelihood(seen / sessions) - likelihood(share))
    return math.erfc(math.sqrt(max(ratio, 0.0) / 2.0))

"""Usual overnight gap, range and volume before a day, from the past alone, to judge its move (D10).

Every figure of row t is of rows before t, so a finding made with it stays the same when later rows arrive (D11).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.dates import iso_day
from plimsoll.core.policy import DataPolicy

Days = NDArray[np.int64]
Mask = NDArray[np.bool_]

_ENOUGH = 20  # moves behind a standard deviation
_NORMAL_MAD = 1.4826  # standard deviations per median absolute deviation of normal returns


@dataclass(frozen=True, eq=False, slots=True)
class Moves:
    """Natural logarithms of one symbol's moves, (n,) each, NaN on the first row and where a price is absent.

    ``close`` close over the previous close; ``gap`` open over the previous close, the close's move where there is no
    open; ``low`` low over the previous close; ``span`` high over low of the same bar. ``usual_range`` and the median
    behind ``relative_volume`` are of the rows before.
    """

    close: Floats
    gap: Floats
    low: Floats
    span: Floats
    volume: Floats
    policy: DataPolicy

    def scale(self, row: int) -> float:
        """Robust standard deviation of the gaps before ``row``; see ``_scale``."""
        return self._scale(self.gap, row)

    def close_scale(self, row: int) -> float:
        """Robust standard deviation of the closes' moves before ``row``; see ``_scale``."""
        return self._scale(self.close, row)

    def _scale(self, values: Floats, row: int) -> float:
        """From the median size of the moves before; ``gap_scale_young`` while there are too few to say, and never
        below ``gap_scale_min``.
        """
        window = values[max(0, row - self.policy.evidence_sessions) : row]
        window = np.abs(window[np.isfinite(window)])
        if window.size < _ENOUGH:
            return self.policy.gap_scale_young
        return max(float(np.median(window)) * _NORMAL_MAD, self.policy.gap_scale_min)

    def drift(self, row: int) -> float:
        """Median gap before ``row``; 0 while there are too few."""
        return self._median(self.gap, row) if row > _ENOUGH else 0.0

    def usual_range(self, row: int) -> float:
        """Median high-to-low of the bars before ``row``; 0 without any."""
        return self._median(self.span, row)

    def relative_volume(self, row: int) -> float:
        """Volume of ``row`` over the median before it; NaN where either is absent or nothing traded."""
        usual = self._median(np.where(self.volume > 0.0, self.volume, np.nan), row)
        return float(self.volume[row]) / usual if usual > 0.0 and self.volume[row] > 0.0 else float("nan")

    def _median(self, values: Floats, row: int) -> float:
        window = values[max(0, row - self.policy.evidence_sessions) : row]
        window = window[np.isfinite(window)]
        return float(np.median(window)) if window.size else 0.0


def moves(bars: Bars, policy: DataPolicy) -> Moves:
    """The moves of bars in date order."""
    size = len(bars)
    close, gap, low = np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        close[1:] = np.log(bars.close[1:] / bars.close[:-1])
        gap[1:] = np.log(bars.open[1:] / bars.close[:-1])
        low[1:] = np.log(bars.low[1:] / bars.close[:-1])
        span = np.log(bars.high / bars.low)
    return Moves(close, np.where(np.isfinite(gap), gap, close), low, span, bars.volume, policy)


def on(day: int) -> str:
    """The ISO date of a day number, for the sentence of a finding."""
    return iso_day(int(day))


def first_days(days: Days) -> str:
    """The days of a finding as a person would list them: three, and how many more."""
    shown = ", ".join(on(int(day)) for day in days[:3])
    return shown if days.size <= 3 else f"{shown} and {days.size - 3} more"

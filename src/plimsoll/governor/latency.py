"""Latency as a safety rule: a governor that decides late is no longer in control (H5).

It has no clock: its caller reports how long each decision took, journal included.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from statistics import median

from plimsoll.governor.limits import Pace


class LatencyMonitor:
    """Durations of the last decisions, microseconds."""

    def __init__(self, pace: Pace) -> None:
        self._latency = pace
        self._spent: deque[int] = deque(maxlen=max(pace.window, pace.recent))

    def add(self, micros: int) -> None:
        """Record the duration of one decision."""
        self._spent.append(micros)

    def clear(self) -> None:
        """Clear the durations."""
        self._spent.clear()

    @property
    def median(self) -> int | None:
        """Median of the last ``window`` durations, rounded up; None before that many were measured."""
        found = self._last(self._latency.window)
        return None if len(found) < self._latency.window else -(-int(2 * median(found)) // 2)

    @property
    def slow(self) -> int:
        """How many of the last ``recent`` decisions took too long."""
        return sum(micros > self._latency.longest for micros in self._last(self._latency.recent))

    @property
    def too_slow(self) -> bool:
        """Whether trading has to stop. The median counts from ``window`` decisions on, slow ones from the first."""
        typical = self.median
        return self.slow >= self._latency.slow or (typical is not None and typical > self._latency.longest)

    def _last(self, count: int) -> list[int]:
        return list(islice(reversed(self._spent), count))

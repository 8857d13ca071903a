"""Detection of steps of a live account's machine clock, by comparison with a monotonic one (H2, X0)."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.governor.limits import SECOND

_SPAN = 60 * SECOND
_DRIFT = 1_000  # a slewed clock drifts by up to 0.05 %


class MachineClock:
    """The time in microseconds since 1970 from ``wall``, compared with ``steady``, which only counts microseconds and
    is never set.

    The two diverge where the machine's clock was set, or the machine slept. Neither shows which of its times were
    right, so everything based on them starts again. Intervals of at most a minute are compared: a clock being slewed
    moves less than ``step`` in one.
    """

    def __init__(self, wall: Callable[[], int], steady: Callable[[], int], step: int) -> None:
        self._wall, self._steady, self._step = wall, steady, step
        self._from = wall(), steady()

    def now(self) -> int:
        """The time."""
        return self._wall()

    def stepped(self) -> int:
        """How far the clock was set since the last call, microseconds, forward or back; 0 where it was not."""
        wall, steady = self._wall(), self._steady()
        ran = steady - self._from[1]
        moved = wall - self._from[0] - ran
        if abs(moved) <= self._step + ran // _DRIFT:
            if ran >= _SPAN:
                self._from = wall, steady
            return 0
        self._from = wall, steady
        return moved

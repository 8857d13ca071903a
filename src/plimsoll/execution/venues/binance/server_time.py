"""The venue's clock, estimated from questions about its time (L26).

A request is refused when its time lies more than a second ahead of the venue's, or further back than its window. So an
estimate may be behind by a slow answer, but is never more than 0.9 s ahead, however unequal the two ways are.
"""

from __future__ import annotations

from plimsoll.core.ports import Clock

_AHEAD_MAX = 900_000
_ERROR_MIN = 50_000
_OLD = 600 * 1_000_000


class ServerTime:
    """The venue's time, carried forward by a clock that nobody sets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = 0  # the venue's time at ``_taken`` by our steady clock, microseconds
        self._taken = 0
        self._trip = -1

    @property
    def known(self) -> bool:
        """Whether it was ever estimated."""
        return self._trip >= 0

    @property
    def old(self) -> bool:
        """Whether it has to be estimated again: clocks drift."""
        return not self.known or self._clock.steady() - self._taken > _OLD

    @property
    def skew(self) -> int:
        """How far the machine's clock is behind the venue's, microseconds; 0 before the first estimate."""
        return self.now() - self._clock.now() if self.known else 0

    @property
    def error(self) -> int:
        """How far the estimate may be off, microseconds."""
        return max(self._trip, _ERROR_MIN)

    def estimate(self, trips: list[tuple[int, int, int]]) -> None:
        """From questions: when each was sent and answered by our steady clock, and the venue's time in milliseconds.

        The quickest decides: its middle, and never more than 0.9 s after the time that the venue said.
        """
        sent, got, told = min(trips, key=lambda trip: trip[1] - trip[0])
        self._trip = got - sent
        self._at, self._taken = told * 1000 + min(self._trip // 2, _AHEAD_MAX), got

    def now(self) -> int:
        """The venue's time, microseconds since 1970; the machine's before the first estimate."""
        return self._at + self._clock.steady() - self._taken if self.known else self._clock.now()

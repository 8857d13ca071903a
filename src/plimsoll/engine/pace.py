"""Clocks of recorded sessions: the machine's time, or a recorded time that passes at any speed (E1, E2)."""

from __future__ import annotations

import asyncio
from math import inf

_MICROS = 1e6


class ReplayClock:
    """A clock that starts at a recorded time. Waiting moves it on, ``speed`` times as fast as the machine's.

    With a ``speed`` of infinity nothing waits. It is for one waiter: whatever else happens takes no recorded time.
    """

    def __init__(self, start: int, speed: float = inf) -> None:
        self._now, self._start, self._speed = start, start, speed

    def now(self) -> int:
        """Recorded microseconds since 1970, UTC."""
        return self._now

    def steady(self) -> int:
        """Recorded microseconds since the start."""
        return self._now - self._start

    async def sleep(self, micros: int) -> None:
        """Wait, and be that much later."""
        await asyncio.sleep(max(micros, 0) / _MICROS / self._speed)
        self._now += max(micros, 0)

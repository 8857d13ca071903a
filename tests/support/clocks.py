"""A clock that stands until it is moved, and wakes those who wait in the order of their times."""

from __future__ import annotations

import asyncio
import heapq

_TURNS = 20  # of the event loop, until everyone who was woken has done what follows from it


class MovedClock:
    """Microseconds since 1970; ``until`` moves it from waiter to waiter."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> int:
        return self._now

    def steady(self) -> int:
        return self._now

    async def sleep(self, micros: int) -> None:
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (self._now + max(micros, 0), self._count, woken))
        await woken

    async def until(self, at: int) -> None:
        """Let time pass, and everything happen that waits for it."""
        await self._turns()
        while self._waiters and self._waiters[0][0] <= at:
            due, _, woken = heapq.heappop(self._waiters)
            if not woken.done():
                self._now = max(self._now, due)
                woken.set_result(None)
                await self._turns()
        self._now = max(self._now, at)
        await self._turns()

    async def _turns(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

"""Virtual time: it jumps to the next waiter, in order, and the same way each time (E1)."""

from __future__ import annotations

import asyncio
import contextlib

from plimsoll.engine.virtual_time import VirtualClock, VirtualLoop

HOUR = 3_600_000_000


def test_time_jumps_to_the_next_waiter_and_waiters_wake_in_the_order_of_their_times() -> None:
    clock, seen = VirtualClock(1_000), list[tuple[str, int]]()

    async def waits(name: str, micros: int) -> None:
        await clock.sleep(micros)
        seen.append((name, clock.now()))

    async def main() -> None:
        await asyncio.gather(waits("late", 1000 * HOUR), waits("soon", 1), waits("noon", 12 * HOUR))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert seen == [("soon", 1_001), ("noon", 1_000 + 12 * HOUR), ("late", 1_000 + 1000 * HOUR)]


def test_a_time_out_is_virtual_and_a_call_in_a_thread_is_made_at_once() -> None:
    async def main() -> tuple[str, int]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 86_400.0)
        return "over", await asyncio.get_running_loop().run_in_executor(None, lambda: 7)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == ("over", 7)

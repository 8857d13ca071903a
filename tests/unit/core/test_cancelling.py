"""A task is cancelled until it has ended, even where one cancellation is swallowed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from plimsoll.core.cancelling import ended


@pytest.mark.parametrize("swallows", [0, 1, 3])
def test_a_task_that_swallows_cancellations_ends_all_the_same(swallows: int) -> None:
    async def stubborn() -> None:
        for _ in range(swallows):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def whole() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(ended(task), 5)
        return task.cancelled()

    assert asyncio.run(whole())


def test_tasks_that_ended_by_themselves_are_left_and_their_errors_are_read() -> None:
    async def whole() -> None:
        async def broken() -> None:
            raise ValueError

        async def done() -> int:
            return 1

        tasks = [asyncio.create_task(broken()), asyncio.create_task(done())]
        await asyncio.wait(tasks)
        await ended(*tasks)
        await ended()

    asyncio.run(whole())

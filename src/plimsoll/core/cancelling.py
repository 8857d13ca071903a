"""Tasks that are cancelled until they have ended."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN = 0.05  # seconds to the next attempt


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each has ended, whatever it ended with.

    Once is not enough: before Python 3.12 ``asyncio.wait_for`` swallows a cancellation that arrives together with the
    result it waits for, and a loop around it goes on.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # read, so that nothing complains of it

"""Virtual time for many tasks: recorded sessions pass through the live loop as fast as they can be (E1).

``VirtualLoop`` is an event loop in which nothing waits: when every task does, time jumps to the next timer. Calls
handed to another thread run at once in this one, so that the same inputs give the same events in the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any


class _Jumping(selectors.BaseSelector):
    """A selector that moves time forward where the loop would wait for a timer."""

    def __init__(self) -> None:
        self._inner, self.now = selectors.DefaultSelector(), 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer at all: only a signal or a socket can wake the loop
            return self._inner.select(None)
        ready = self._inner.select(0)
        if not ready and timeout > 0.0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time`` jumps to the next timer when every task waits."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # noqa: ARG002
        """Call ``func`` here and now: a future with its result or error."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


class VirtualClock:
    """The clock of a ``VirtualLoop``, from ``start`` on, microseconds since 1970."""

    def __init__(self, start: int) -> None:
        self._start, self._passed = start, 0

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return self._start + self.steady()

    def steady(self) -> int:
        """Microseconds since the start; whole ones, so that a wait ends where it was asked to."""
        self._passed = max(self._passed, round(asyncio.get_running_loop().time() * 1e6))
        return self._passed

    async def sleep(self, micros: int) -> None:
        """Wait; other tasks run first, however short it is."""
        await asyncio.sleep(micros / 1e6)

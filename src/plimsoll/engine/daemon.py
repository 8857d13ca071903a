"""The daemon: recorded sessions in their own time, a kill switch, fresh data, and an end that loses nothing (E2, X10).

An asyncio loop keeps the time; the engine, its journal and its governor run in one worker thread, so that a slow disk
never delays the kill switch or the heartbeat. The decisions are the backtest's: the shell, the driver and the exchange
are those of a recorded paper session (``engine.paper``), and only when they are called is decided here.

A session is opened at its opening time and decided on after its close. On each tick the kill switch is read; a change
is journaled before anything else is done, and is an input of the run like any other, so that a restart repeats it where
it came. Two kinds of waiting are bounded by the tick: for the next session, and for a newer snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from plimsoll.core.events import KillChanged
from plimsoll.core.kill import KillState
from plimsoll.core.ports import Clock
from plimsoll.engine.driver import RunState
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.recorded import RecordedShell, Repeated

T = TypeVar("T")
SECOND = 1_000_000
HEARTBEAT = 5 * SECOND


class DaemonMoment(msgspec.Struct, frozen=True):
    """Where a daemon is, for its heartbeat and for ``plimsoll status``. Times in microseconds since 1970, UTC.

    ``waiting`` says for what; ``uptime`` is in seconds of the daemon's clock; ``model_errors`` and ``fallbacks`` are
    counted over the run's decisions since the start.
    """

    now: int
    uptime: int
    waiting: str
    symbols: int = 0
    cycles: int = 0
    model_errors: int = 0
    fallbacks: int = 0
    session: str = ""
    kill: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The heartbeat in its documented form (E2)."""
        return (
            f"HEARTBEAT | uptime={self.uptime}s | symbols={self.symbols} | cycles={self.cycles} | "
            f"model_errors={self.model_errors} | arima_fb={self.fallbacks}"
        )


class Outside(Protocol):
    """What a daemon reads and tells outside the engine. Each call is short and never raises."""

    def kill_state(self) -> KillState:
        """The kill switch now."""
        ...

    def newer(self) -> bool:
        """Whether there is a snapshot that the run does not decide on yet; ingests where it is to."""
        ...

    def beat(self, moment: DaemonMoment) -> None:
        """Take note that the daemon is alive, and where it is."""
        ...

    def decided(self, state: RunState) -> None:
        """Take note of a decision."""
        ...


class Daemon:
    """Trades the sessions of ``paper`` at their times by ``clock``.

    Parameters
    ----------
    paper : the run, as it stands on its newest snapshot; asked again after each newer snapshot.
    outside : the kill switch, newer data, and who is told.
    worker : one thread, in which everything of the engine runs.
    tick : microseconds between two looks at the kill switch while waiting.
    refresh : microseconds between two looks for newer data; 0 ends the daemon where the data end.
    """

    def __init__(
        self,
        paper: Callable[[], PaperSession],
        outside: Outside,
        clock: Clock,
        worker: Executor,
        tick: int = SECOND,
        refresh: int = 0,
    ) -> None:
        self._paper, self._outside, self._clock, self._worker = paper, outside, clock, worker
        self._tick, self._refresh = tick, refresh
        self._started, self._beaten = clock.steady(), -HEARTBEAT
        self._stopping = self._over = False
        self._cycles = self._errors = self._symbols = 0
        self._session, self._kill = "", KillState()

    def stop(self) -> None:
        """End after the step in progress; everything done by then is durable. Safe from a signal handler."""
        self._stopping = True

    async def run(self) -> None:
        """Trade until the data end, the mandate ends or ``stop``; start-up is recovery."""
        while not self._stopping:
            left = await self._trade()
            if left:
                continue
            if self._over or not self._refresh:
                return
            while not self._stopping and not await self._in_worker(self._outside.newer):
                await self._until(self._clock.now() + self._refresh, "newer data")

    async def _trade(self) -> bool:
        """The sessions of the snapshot in use, to the next start; whether there are more on the same snapshot."""
        paper = await self._in_worker(self._paper)
        start = paper.started()
        begun = await self._in_worker(start.__enter__)
        shell, state, done = begun.shell, begun.state, 0
        try:
            self._symbols = len(state.account.symbols)
            while not self._stopping and (row := paper.next_row(shell, state)) is not None:
                if begun.most and done >= begun.most:
                    return True
                state = await self._day(shell, state, begun.repeated, row)
                await self._in_worker(partial(paper.checked, state))
                done += 1
            self._over = state.over
            return False
        finally:
            await self._in_worker(partial(start.__exit__, None, None, None))

    async def _day(self, shell: RecordedShell, state: RunState, repeated: Repeated, row: int) -> RunState:
        """One session; left in the middle where the daemon is stopped, for the next start to end."""
        sessions = shell.driver.history.panel.sessions
        self._session = sessions.dates[row]
        if state.last is not None:
            state = await self._wait(shell, state, repeated, int(sessions.opens[row]) * SECOND, "the open")
            if self._stopping:
                return state
            state = await self._in_worker(partial(shell.open, state, row))
        state = await self._wait(shell, state, repeated, int(sessions.closes[row]) * SECOND, "the close")
        if self._stopping:
            return state
        state = await self._in_worker(partial(shell.close, state, row))
        self._cycles += 1
        if state.last is not None:
            self._errors += sum(event.kind == "STRATEGY_ERROR" for event in state.last.events)
        await self._in_worker(partial(self._outside.decided, state))
        return state

    async def _wait(self, shell: RecordedShell, state: RunState, repeated: Repeated, at: int, for_: str) -> RunState:
        """Wait until a time, and take every change of the kill switch to the run, at least once."""
        while True:
            for change in self._changes(state, repeated):
                state = await self._in_worker(partial(shell.told, state, change))
            if self._stopping or self._clock.now() >= at:
                return state
            await self._until(min(at, self._clock.now() + self._longest), for_, once=True)

    def _changes(self, state: RunState, repeated: Repeated) -> Sequence[KillChanged]:
        """What the run has to be told of the kill switch: what its interrupted session was told, then what is new."""
        if repeated.pending is not None:
            return (repeated.pending,) if isinstance(repeated.pending, KillChanged) else ()
        now = self._kill = self._outside.kill_state()
        account = state.account
        if (now.sources, now.flatten) == (account.killed, account.flatten):
            return ()
        session = account.session or self._session  # the last decision's, the same after a restart
        return (KillChanged(session, now.sources, now.reason, now.by, now.cancel_all, now.flatten),)

    async def _until(self, at: int, for_: str, *, once: bool = False) -> None:
        """Wait until a time, tick by tick; ``once`` for one tick."""
        while not self._stopping:
            self._beat(for_)
            left = at - self._clock.now()
            if left <= 0:
                return
            await self._clock.sleep(min(left, self._longest))
            if once:
                return

    @property
    def _longest(self) -> int:
        """The longest single wait."""
        return max(self._tick, 1)

    def _beat(self, for_: str) -> None:
        now = self._clock.steady()
        if now - self._beaten < HEARTBEAT:
            return
        self._beaten = now
        up = (now - self._started) // SECOND
        self._outside.beat(
            DaemonMoment(self._clock.now(), up, for_, self._symbols, self._cycles, self._errors, 0, self._session,
                   self._kill.sources)
        )  # fmt: skip

    def _in_worker(self, act: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._worker, act)

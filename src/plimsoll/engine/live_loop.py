"""The live loop: the driver between a clock, a venue with a connection and people (E1, E2, X7).

Start-up is recovery: the journal is folded, each open order is asked about, and the venue's account is compared, before
anything is sent. One task takes all inputs, one after another; a step's events are durable before its commands are
carried out, by the one worker thread in which the journal and the governor live. The kill switch has a task of its own
and is asked again before every order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.core.errors import PlimsollError
from plimsoll.core.events import Approval, CancelRequested, DaemonReport, Event, KillChanged, VenueSnapshot
from plimsoll.core.inputs import (
    Cancel,
    Command,
    CommandResult,
    Input,
    Notify,
    OrderHappened,
    Query,
    SessionClosed,
    SessionOpened,
    Submit,
)
from plimsoll.core.order import Order
from plimsoll.core.venue import Accepted, Denied, Unknown, VenueEvent
from plimsoll.engine.agenda import SessionAct
from plimsoll.engine.driver import Driver, RunState
from plimsoll.engine.live_ports import LiveStatus, Surroundings, soon
from plimsoll.engine.operator import SIMULATED, Signer
from plimsoll.engine.recovery import Recovered

if TYPE_CHECKING:
    from plimsoll.core.ports import Clock

_ERRORS_MAX = 5  # consecutive cycle errors before safe mode (E3)
_CLEAN = 10  # clean cycles that end it
_LIVE = ("SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED")
_ANSWER = 10.0  # longest wait for one answer, seconds


class LiveLoop:
    """Trades the sessions of ``agenda`` on an account, from what its journal holds (``found``) until they are over or
    it is stopped.
    """

    def __init__(
        self, driver: Driver, around: Surroundings, clock: Clock, agenda: Iterable[SessionAct], signer: Signer
    ) -> None:
        self._driver, self._around, self._clock, self._signer = driver, around, clock, signer
        self._agenda = iter(agenda)
        self._inbox: asyncio.Queue[VenueEvent | None] = asyncio.Queue()
        self._stopping: str = ""
        self._wake, self._stopped = asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Lock()  # one step at a time, from the state to its events on disk
        self._clean, self._errors, self._safe = 0, 0, False
        self._cycles, self._model_errors = 0, 0
        self._reconciled, self._beat, self._begun = 0, -(10**18), 0
        self._gaps = 0
        self._shown: VenueSnapshot | None = None
        self.state: RunState

    # life

    def stop(self, why: str) -> None:
        """End soon, by the exit policy: entries are cancelled, protection stays (L27)."""
        self._stopping = self._stopping or why
        self._wake.set()
        self._stopped.set()

    async def run(self, found: Recovered) -> str:
        """Recover, then trade; returns why it ended: ``over``, or what ``stop`` was told."""
        self._begun = self._clock.steady()
        await self._recovered(found)
        helpers = [self._spawn(self._listen()), self._spawn(self._watch())]
        try:
            await self._through()
        finally:
            await self._ended()
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return self._stopping or "over"

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._died)
        return task

    def _died(self, task: asyncio.Task[None]) -> None:
        """A background task that ends by itself stops everything: nobody would notice what it noticed."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._around.log("critical", "task_died", error=f"{type(error).__name__}: {error}")
            self.stop(f"a background task died: {type(error).__name__}")

    # recovery

    async def _recovered(self, found: Recovered) -> None:
        """The state of the journal, the venue's word on every open order, and its account; then a report (X7)."""
        self.state = RunState(found.state, found.last, _session(found))
        connected = await self._around.venue.connect(0)
        if not isinstance(connected, Accepted):
            raise PlimsollError(
                f"{self._around.name} cannot be connected: {connected}", "Nothing was sent; see its log"
            )
        counts = {"open": 0, "asked": 0, "sent_again": 0, "cancelled": 0}
        for id, one in list(self.state.account.working.items()):
            counts["open"] += one.status != "NEW"
            if one.status == "SUBMITTED" and self._around.again:
                counts["sent_again"] += 1
                await self._do(Submit(one.order))
            elif one.status != "NEW":
                counts["asked"] += 1
                await self._do(Query(id))
        if not await self._reconcile(forced=True):
            raise PlimsollError(
                f"{self._around.name} does not answer for its account: positions are unknown",
                "No order is sent before the first reconciliation; start again when it answers",
            )
        if found.last is not None and not self._around.again:
            counts["cancelled"] = await self._cancel_entries("ORPHAN")
        await self._kill_seen()
        report = DaemonReport(self._session(), self._clock.now(), "recovered", self._open(), counts)
        await self._write((report,))
        self._around.log("info", "recovered", open_orders=len(report.open_orders), **counts)

    # the loop

    async def _through(self) -> None:
        """Carry out what is due, one thing after another, with a tick between."""
        due = self._next()
        while not self._stopping and due is not None and not self.state.over:
            now = self._clock.now()
            await self._drain()
            if due.at <= now:
                if await self._guarded(self._act(due)) or self._done(due):
                    due = self._next()
                else:  # nothing is passed over: it is tried again a tick later
                    await self._wait(self._around.timing.tick)
            else:
                await self._tick()
                await self._wait(min(self._around.timing.tick, due.at - now))

    def _next(self) -> SessionAct | None:
        """The next act that is not done: what the journal shows to be decided or begun is passed over."""
        dates, last = self._driver.history.panel.sessions.dates, self.state.last
        for due in self._agenda:
            session = dates[due.row]
            if last is not None and session <= last.session:
                continue
            if last is None and due.act != "decide":
                continue  # a run's first session has no orders yet
            if due.act == "send" and self.state.session == session:
                continue
            return due
        return None

    def _done(self, due: SessionAct) -> bool:
        """Whether the journal has what an act that failed was to do: it may not be done again."""
        session, last = self._driver.history.panel.sessions.dates[due.row], self.state.last
        if due.act == "send":
            return self.state.session == session
        return due.act == "decide" and last is not None and last.session == session

    async def _wait(self, micros: int) -> None:
        """Wait, but no longer than until the venue or a person says something."""
        self._wake.clear()
        if self._inbox.qsize() or self._stopping:
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(micros))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (sleeping, waking):
                one.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    async def _act(self, due: SessionAct) -> None:
        session = self._driver.history.panel.sessions.dates[due.row]
        match due.act:
            case "send":
                await self._send(session)
            case "open":
                self._around.open(due.row)
                await asyncio.sleep(0)
                await self._settled()
            case "decide":
                await self._decide(session)

    async def _send(self, session: str) -> None:
        """Bookings of a session, then the orders decided before it."""
        async with self._turn:
            before = self.state
            step = self._driver.step(before, SessionOpened(session))
            opened = DaemonReport(session, self._clock.now(), "session_opened")
            await self._write((opened, *step.events))
            self.state = step.state
        await self._in_worker(lambda: self._around.opened(before, step.events))
        await self._carry_out(step.commands)

    async def _decide(self, session: str) -> None:
        """A signature if one is due, the account compared, then the decision."""
        signed = None if self.state.last is None else self._signer(self.state.last, session)
        if signed is not None:
            await self.told(signed)
        await self._reconcile()
        await self.told(SessionClosed(session))
        self._cycles += 1
        last = self.state.last
        assert last is not None  # it was just made
        self._model_errors += sum(e.kind == "STRATEGY_ERROR" for e in last.events)
        self._around.log(
            "info", "cycle", session=session, nav=last.nav / 100, mode=last.carried.mode, orders=len(last.intents)
        )
        self._show("running")

    async def told(self, told: Input) -> None:
        """Step the run: its events become durable, then its commands are carried out."""
        async with self._turn:
            step = self._driver.step(self.state, told)
            await self._write(step.events)
            self.state = step.state
        await self._carry_out(step.commands)

    async def _carry_out(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Notify):
                self._around.log(command.severity, "notice", text=command.text)
            else:
                await self._do(command)

    async def _do(self, command: Submit | Cancel | Query) -> None:
        venue = self._around.venue
        match command:
            case Submit(order):
                barred = self._barred(order)
                if barred:
                    answer: Any = Denied(barred)
                else:
                    answer = await self._ask(venue.submit(order))
                await self.told(CommandResult(order.id, answer))
            case Cancel(id):
                answer = await self._ask(venue.cancel(id))
                self._around.log("info", "cancel", id=id, answer=type(answer).__name__)
            case Query(id):
                await self.told(CommandResult(id, await self._ask(venue.query(id))))

    async def _ask(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """A venue's answer; ``Unknown`` after ten seconds, or a second after the daemon was told to end."""
        task, stopped = asyncio.ensure_future(asked), asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait((task, stopped), timeout=_ANSWER, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and self._stopping:
            await asyncio.wait((task,), timeout=1.0)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        return Unknown("TIMED_OUT")

    def _barred(self, order: Order) -> tuple[str, ...]:
        """Why nothing may grow now; asked of the kill switch itself, not of what was seen of it (X10)."""
        if self._stopping:
            return ("STOPPING",)
        if order.reduce_only:
            return ()
        if self.state.account.killed or self._around.kill().sources:
            return ("KILL_SWITCH",)
        off, target = self._around.disabled(), self.state.account.carried.portfolio
        if off and target is not None and any(s.symbol == order.symbol and s.strategy in off for s in target.shares):
            return ("STRATEGY_DISABLED",)
        return ("SAFE_MODE",) if self._safe else ()

    # the venue's word

    async def _listen(self) -> None:
        async for event in self._around.venue.events():
            self._inbox.put_nowait(event)
            self._wake.set()

    async def _drain(self) -> None:
        while self._inbox.qsize():
            event = self._inbox.get_nowait()
            if event is not None:
                await self.told(OrderHappened(event))

    async def _settled(self) -> None:
        """Take in what a recorded market has said of an open, in full."""
        while True:
            await self._drain()
            for _ in range(4):
                await asyncio.sleep(0)
            if not self._inbox.qsize():
                return

    async def _reconcile(self, *, forced: bool = False) -> bool:
        """Compare the account with the venue's; False where it does not answer, which is never taken for flat (X6)."""
        await self._settled()
        told = await self._ask(self._around.venue.snapshot())
        if isinstance(told, Unknown):
            self._around.log("error", "reconcile_unanswered", reason=told.reason)
            return False
        async with self._turn:
            step = self._driver.step(self.state, told)
            if forced or step.events != (told,):
                await self._write(step.events)
                self.state = step.state
        await self._carry_out(step.commands)
        self._reconciled = self._clock.now()
        self._shown = told
        return True

    # ticks

    async def _tick(self) -> None:
        """What time alone makes due: the account compared, a heartbeat, what a person asked for."""
        now, timing, health = self._clock.now(), self._around.timing, self._around.venue.health
        if health.gaps != self._gaps or now - self._reconciled >= timing.reconcile:
            self._gaps = health.gaps
            await self._guarded(self._reconcile())
        if now - self._beat >= timing.heartbeat:
            self._beat = now
            self._heartbeat()

    def _heartbeat(self) -> None:
        uptime = (self._clock.steady() - self._begun) // 1_000_000
        symbols = len(self._driver.run.symbols)
        text = (
            f"HEARTBEAT | uptime={uptime} | symbols={symbols} | cycles={self._cycles} | "
            f"model_errors={self._model_errors} | arima_fb=0"
        )
        self._around.log("info", "heartbeat", text=text)
        self._show("running")

    def _show(self, state: str) -> None:
        at, health = self._around, {self._around.name: self._around.venue.health}
        now, kill = self._clock.now(), self.state.account.killed
        done, safe = self._cycles, self._safe
        at.alive(LiveStatus(at.run, at.mode, at.pid, at.wall(), now, state, kill, self._reconciled, done, safe, health))

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Whether it went well. A cycle's error is counted instead of ending the loop; more than five in a row mean
        safe mode (E3). What a person has to correct ends it.
        """
        try:
            await work
        except PlimsollError:
            raise
        except Exception as error:
            self._errors, self._clean = self._errors + 1, 0
            self._around.log("error", "cycle_error", error=f"{type(error).__name__}: {error}", in_a_row=self._errors)
            failed = True
            if self._errors > _ERRORS_MAX and not self._safe:
                self._safe = True
                self._around.log("critical", "safe_mode", text="on: nothing may grow until 10 cycles were clean")
        else:
            failed = False
            self._errors, self._clean = 0, self._clean + 1
            if self._safe and self._clean >= _CLEAN:
                self._safe = False
                self._around.log("warning", "safe_mode", text="off")
        return not failed

    # the kill switch

    async def _watch(self) -> None:
        """See the kill switch within a tick, whatever the loop is busy with."""
        while True:
            await self._kill_seen()
            await self._clock.sleep(self._around.timing.watch)

    async def _kill_seen(self) -> None:
        """Tell the run of a change of the kill switch, and send the cancellations that follow all at once. Where the
        journal refuses, entries are cancelled all the same, and the loop ends (G7, X10).
        """
        now, account = self._around.kill(), self.state.account
        if (now.sources, now.flatten) == (account.killed, account.flatten):
            return
        self._around.log("critical" if now.sources else "warning", "kill", sources=list(now.sources), reason=now.reason)
        change = KillChanged(self._session(), now.sources, now.reason, now.by, now.cancel_all, now.flatten)
        try:
            async with self._turn:
                step = self._driver.step(self.state, change)
                await self._write(step.events)
                self.state = step.state
            ids = [one.id for one in step.commands if isinstance(one, Cancel)]
        except PlimsollError as error:
            self._around.log("critical", "kill_not_journaled", error=error.problem)
            ids = self._entries()
            self.stop("the journal cannot be written")
        await asyncio.gather(*(soon(self._around.venue.cancel(id), 1.0) for id in ids))
        if not now.sources:
            await self._reconcile(forced=True)
        self._show("running")

    def _entries(self) -> list[str]:
        """Orders that could grow a position."""
        open_orders = self.state.account.working.items()
        return [id for id, one in open_orders if one.status in _LIVE and not one.order.reduce_only]

    async def _cancel_entries(self, reason: str, *, seconds: float = 1.0) -> int:
        """Ask that every order that could grow a position be cancelled, while the journal is told if it can be: a
        cancellation is the one command that does not wait for the disk.
        """
        ids = self._entries()
        if ids:
            asked = (soon(self._around.venue.cancel(id), seconds) for id in ids)
            await asyncio.gather(self._requested(ids, reason), *asked)
        return len(ids)

    async def _requested(self, ids: Iterable[str], reason: str) -> None:
        try:
            async with self._turn:
                working = self.state.account.working
                now = [id for id in ids if id in working and working[id].status in _LIVE]
                events = tuple(CancelRequested(self._session(), id, reason) for id in now)
                await self._write(events)
                self.state = self.state.after(events)
        except PlimsollError as error:
            self._around.log("critical", "cancel_not_journaled", error=error.problem)

    # the end

    async def _ended(self) -> None:
        """Cancel entries where a person or a signal ended it, journal what is left at the venue, and leave (L27)."""
        limit = self._around.timing.exit / 1e6
        try:
            if self._stopping:
                await self._cancel_entries("STOPPED", seconds=limit / 4)
                await self._last_words(limit / 4)
            why = self._stopping or "over"
            left = DaemonReport(self._session(), self._clock.now(), "stopped", self._open(), text=why)
            await self._write((left,))
            self._around.log("info", "stopped", why=why, open_orders=list(left.open_orders))
        except PlimsollError as error:
            self._around.log("critical", "stop_not_journaled", error=error.problem)
        await soon(self._around.venue.close(), limit / 4)
        self._show("stopped")

    async def _last_words(self, seconds: float) -> None:
        """What a venue tells of the cancellations, as far as it comes in time."""
        while self._open("PENDING_CANCEL"):
            event = await soon(self._inbox.get(), seconds)
            if event is None or isinstance(event, Unknown):
                return
            await self.told(OrderHappened(event))

    def _in_worker(self, call: Callable[[], object]) -> Awaitable[object]:
        return asyncio.get_running_loop().run_in_executor(self._around.worker, call)

    async def _write(self, events: tuple[Event, ...]) -> None:
        if events:
            await self._in_worker(lambda: self._around.write(events))

    def _open(self, status: str = "") -> tuple[str, ...]:
        return tuple(
            id for id, one in self.state.account.working.items() if one.status != "NEW" and status in ("", one.status)
        )

    def _session(self) -> str:
        last = self.state.last
        return self.state.session or ("" if last is None else last.session)


def _session(found: Recovered) -> str:
    """The session that a journal is in: the one begun since its last decision, if any."""
    begun = [e.session for e in found.since if isinstance(e, DaemonReport) and e.kind == "session_opened"]
    return begun[-1] if begun else ("" if found.last is None else found.last.session)


def signed_once(signer: Signer, since: Iterable[Event]) -> Signer:
    """A recorded operator who does not sign a session again that the journal has a signature for."""
    signed = {e.session for e in since if isinstance(e, Approval) and e.by == SIMULATED}
    return lambda last, session: None if session in signed else signer(last, session)

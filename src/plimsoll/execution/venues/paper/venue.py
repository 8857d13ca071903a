"""The paper venue behind the port of every live venue: a connection, in this process, to an exchange (X1, X5)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from plimsoll.core.events import VenueSnapshot
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueHealth
from plimsoll.core.order import Order
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Clock
from plimsoll.core.state import State
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, VenueEvent, VenueRules
from plimsoll.execution.venues.paper.exchange import PaperExchange
from plimsoll.execution.venues.paper.hours import FOR_EVER, Halts, Hours, always


class PaperVenue:
    """A connection to a paper account; several may share one ``exchange``.

    ``restore`` makes the exchange before the first connection, which is refused without one.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        session_of: Callable[[int], str],
        exchange: PaperExchange | None = None,
    ) -> None:
        self.exchange = exchange
        self._instruments, self._clock, self._session_of = instruments, clock, session_of
        self._since = 0
        self._told: deque[VenueEvent] = deque()
        self._woken = asyncio.Event()
        self._connected = False
        self._heard = 0

    def restore(
        self, state: State, policy: Policy, *, hours: Hours = always, halts: Halts | None = None
    ) -> PaperExchange:
        """The account as a run's journal gives it, its working orders resting; a new run's is its opening state."""
        self.exchange = PaperExchange.restored(
            state, self._instruments, policy, self._session_of, hours=hours, halts=halts
        )
        return self.exchange

    @property
    def rules(self) -> VenueRules:
        """What it takes; nothing before it has an account."""
        return VenueRules("paper", frozenset()) if self.exchange is None else self.exchange.rules

    @property
    def health(self) -> VenueHealth:
        """The stream is in this process, so it is never cut and misses nothing."""
        return VenueHealth(self._connected, self._heard, text="" if self._connected else "not connected")

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Hear of the account's events from now on."""
        if self.exchange is None:
            return Refused("ACCOUNT", "the paper venue was given no account")
        self._since, self._heard = since, self._clock.now()
        if not self._connected:
            self._connected = True
            self.exchange.listeners.append(self._hear)
        self.exchange.advance(self._heard)
        return Accepted()

    async def close(self) -> None:
        """Hear no more; orders stay as they are."""
        if self._connected and self.exchange is not None:
            self.exchange.listeners.remove(self._hear)
        self._connected = False
        self._woken.set()

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Submit an order. The same id twice is one order."""
        if not self._connected or self.exchange is None:
            return Refused("NOT_CONNECTED", "the paper venue is not connected")
        answer = self.exchange.submit(order, self._clock.now())
        self._woken.set()
        return answer

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Request cancellation of an order."""
        if not self._connected or self.exchange is None:
            return Unknown("NOT_CONNECTED")
        return self.exchange.cancel(id, self._clock.now())

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        if not self._connected or self.exchange is None:
            return Unknown("NOT_CONNECTED")
        return self.exchange.query(id, self._clock.now())

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        if not self._connected or self.exchange is None:
            return Unknown("NOT_CONNECTED")
        return self.exchange.snapshot(self._since, self._clock.now())

    async def events(self) -> AsyncIterator[VenueEvent]:
        """Events as they happen, until it is closed. While somebody waits for them, time passes for the exchange."""
        while self._connected and self.exchange is not None:
            self._woken.clear()
            self.exchange.advance(self._clock.now())
            while self._told:
                yield self._told.popleft()
            if self._connected and not self._woken.is_set():
                await self._until(self.exchange.due())

    def _hear(self, event: VenueEvent) -> None:
        self._heard = self._clock.now()
        self._told.append(event)
        self._woken.set()

    async def _until(self, due: int) -> None:
        """Wait for an event, or until something is due."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._woken.wait())]
        if due < FOR_EVER:
            waits.append(asyncio.ensure_future(self._clock.sleep(max(due - self._clock.now(), 0))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

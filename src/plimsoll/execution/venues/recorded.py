"""The venue of recorded sessions as one that lives in time: it opens when told to, and its stream goes on (X1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from msgspec.structs import replace

from plimsoll.core.events import CashFlow, Split, VenueSnapshot
from plimsoll.core.live_venue import VenueHealth
from plimsoll.core.order import Fill, Order
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, VenueEvent
from plimsoll.execution.venues.simulated import SimulatedVenue


class RecordedVenue:
    """A simulated venue with a connection. ``session`` is the one of a snapshot before the first open."""

    rules = SimulatedVenue.rules

    def __init__(self, venue: SimulatedVenue, session: str) -> None:
        self._venue, self._session = venue, session
        self._more = asyncio.Event()
        self._connected = False

    @property
    def health(self) -> VenueHealth:
        """It is never broken."""
        return VenueHealth(subscribed=self._connected)

    async def connect(self, since: int) -> Accepted | Refused | Unknown:  # noqa: ARG002
        """Connect."""
        self._connected = True
        return Accepted()

    async def close(self) -> None:
        """Disconnect; orders stay."""
        self._connected = False

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Rest an order until the next open."""
        return await self._venue.submit(order)

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Cancel a resting order."""
        answer = await self._venue.cancel(id)
        self._more.set()
        return answer

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        return await self._venue.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        told = await self._venue.snapshot()
        if isinstance(told, VenueSnapshot) and not told.session:
            return replace(told, session=self._session)
        return told

    async def events(self) -> AsyncIterator[VenueEvent]:
        """Order events as they happen; the stream does not end."""
        while True:
            async for event in self._venue.events():
                yield event
            self._more.clear()
            await self._more.wait()

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book account events before an open that are not orders."""
        self._venue.booked(event)

    def open(self, row: int) -> None:
        """Fill resting orders at the open of ``row``."""
        self._venue.open(row)
        self._more.set()

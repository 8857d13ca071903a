"""The governor in front of a venue: the only object that holds one (X1, H1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from plimsoll.core.events import OrderRejected, VenueSnapshot
from plimsoll.core.live_venue import LiveVenue, VenueHealth
from plimsoll.core.order import Order
from plimsoll.core.venue import (
    Absent,
    Accepted,
    Denied,
    Gate,
    OrderReport,
    Refused,
    Unknown,
    Venue,
    VenueEvent,
    VenueRules,
)

Work = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Makes a call, in another thread or here, and returns its result."""


async def _here(call: Callable[[], Any]) -> Any:
    return call()


class GovernedVenue:
    """A venue behind a gate: a refused order never reaches it, and the gate books each venue event before anyone else
    sees it. A cancellation is never barred. ``work`` calls the gate where its store may wait: in a thread of its own.
    """

    def __init__(self, venue: Venue, gate: Gate, work: Work | None = None) -> None:
        self._venue, self._gate, self._work = venue, gate, work or _here

    @property
    def rules(self) -> VenueRules:
        """Order kinds and sizes that the venue accepts."""
        return self._venue.rules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown | Denied:
        """Ask the gate and submit the order if it admits it; if the venue then refuses it, its room is returned."""
        reasons: tuple[str, ...] = await self._work(lambda: self._gate.admit(order))
        if reasons:
            return Denied(reasons)
        answer = await self._venue.submit(order)
        if isinstance(answer, Refused):
            rejected = OrderRejected(order.session, order.id, answer.reason, answer.text)
            await self._work(lambda: self._gate.booked(rejected))
        return answer

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask the venue to cancel an order."""
        return await self._venue.cancel(id)

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        return await self._venue.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The venue's snapshot of the whole account."""
        return await self._venue.snapshot()

    async def events(self) -> AsyncIterator[VenueEvent]:
        """The venue's events, each booked by the gate first."""
        async for event in self._venue.events():
            await self._work(partial(self._gate.booked, event))
            yield event


class GovernedLiveVenue(GovernedVenue):
    """A venue with a connection behind a gate."""

    def __init__(self, venue: LiveVenue, gate: Gate, work: Work | None = None) -> None:
        super().__init__(venue, gate, work)
        self._live = venue

    @property
    def health(self) -> VenueHealth:
        """State of the venue's event stream."""
        return self._live.health

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Connect the venue."""
        return await self._live.connect(since)

    async def close(self) -> None:
        """Close its connections; orders stay as they are."""
        await self._live.close()

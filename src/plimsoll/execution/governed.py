"""The governor in front of a venue: the only object that holds one (X1, H1)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from plimsoll.core.events import OrderRejected, VenueSnapshot
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


class GovernedVenue:
    """A venue behind a gate: a refused order never reaches it, and the gate books each venue event before anyone else
    sees it. A cancellation is never barred.
    """

    def __init__(self, venue: Venue, gate: Gate) -> None:
        self._venue, self._gate = venue, gate

    @property
    def rules(self) -> VenueRules:
        """Order kinds and sizes that the venue accepts."""
        return self._venue.rules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown | Denied:
        """Ask the gate and submit the order if it admits it; if the venue then refuses it, its room is returned."""
        reasons = self._gate.admit(order)
        if reasons:
            return Denied(reasons)
        answer = await self._venue.submit(order)
        if isinstance(answer, Refused):
            self._gate.booked(OrderRejected(order.session, order.id, answer.reason, answer.text))
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
            self._gate.booked(event)
            yield event

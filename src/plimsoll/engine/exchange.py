"""Send orders of recorded sessions through a venue's port, one by one, as a live session does (X1, X2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from plimsoll.core.events import CashFlow, Event, Split
from plimsoll.core.inputs import Cancel, CommandResult, OrderCommand, Query, Submit
from plimsoll.core.order import Fill, Order
from plimsoll.core.state import State
from plimsoll.core.venue import Absent, Answer, OrderReport, Unknown, VenueEvent
from plimsoll.engine.driver import RunState

if TYPE_CHECKING:
    import asyncio


class OrderPort(Protocol):
    """A venue, or a gate before it, as orders see it."""

    async def submit(self, order: Order) -> Answer:
        """Hand over an order."""
        ...

    async def cancel(self, id: str) -> Answer:
        """Ask that an order be cancelled."""
        ...

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """Order events not reported yet."""
        ...


class RecordedMarket(Protocol):
    """The recorded side of a simulated venue: events that no order asks for."""

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book account events before an open that are not orders."""
        ...

    def open(self, row: int) -> None:
        """Fill resting orders at the open of ``row``."""
        ...


class ThroughPort:
    """An exchange that hands each order to a venue and reads the venue's events, in the event loop of ``runner``.

    ``market`` opens the venue's sessions; ``venue`` may be the same object, or a gate before it.
    """

    def __init__(self, venue: OrderPort, market: RecordedMarket, runner: asyncio.Runner) -> None:
        self._venue, self._market, self._loop = venue, market, runner

    def opened(self, _state: RunState, events: Sequence[Event]) -> None:
        """Book on the venue's account what was booked on ours."""
        for event in events:
            if isinstance(event, CashFlow | Split | Fill):
                self._market.booked(event)

    def done(self, command: OrderCommand) -> CommandResult:
        """Carry out a command at the venue and wait for the answer."""
        match command:
            case Submit(order):
                return CommandResult(order.id, self._loop.run(self._venue.submit(order)))
            case Cancel(id):
                return CommandResult(id, self._loop.run(self._venue.cancel(id)))
            case Query(id):
                return CommandResult(id, self._loop.run(self._venue.query(id)))

    def filled(self, row: int, _account: State) -> Iterator[VenueEvent]:
        """Open the session at the venue, and yield each event as it comes."""
        self._market.open(row)
        stream = self._venue.events()
        while (event := self._loop.run(_next(stream))) is not None:
            yield event


async def _next(stream: AsyncIterator[VenueEvent]) -> VenueEvent | None:
    """The next event of a stream; None at its end for now."""
    return await anext(stream, None)

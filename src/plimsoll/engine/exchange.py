"""Orders of recorded sessions through a venue's port, one by one, as a live session sends them (X1, X2)."""

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
    """A venue, or what stands before it, as far as orders are sent to it and heard of."""

    async def submit(self, order: Order) -> Answer:
        """Hand over an order."""
        ...

    async def cancel(self, id: str) -> Answer:
        """Ask that an order be cancelled."""
        ...

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """What became of an order."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """What happened to orders and was not told yet."""
        ...


class RecordedMarket(Protocol):
    """The recorded side of a simulated venue: what happens there without anybody's asking."""

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book what happens to the account before an open and is no order."""
        ...

    def open(self, row: int) -> None:
        """Fill what rests at the open of ``row``."""
        ...


class ThroughPort:
    """An exchange that hands each order to a venue and reads what the venue tells, in the event loop of ``runner``.

    ``market`` is what makes the venue's sessions happen; ``venue`` may be it, or stand before it.
    """

    def __init__(self, venue: OrderPort, market: RecordedMarket, runner: asyncio.Runner) -> None:
        self._venue, self._market, self._loop = venue, market, runner

    def opened(self, _state: RunState, events: Sequence[Event]) -> None:
        """Let the venue's account have what was booked to ours."""
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
        """Open the session at the venue, and tell each event as it comes."""
        self._market.open(row)
        stream = self._venue.events()
        while (event := self._loop.run(_next(stream))) is not None:
            yield event


async def _next(stream: AsyncIterator[VenueEvent]) -> VenueEvent | None:
    """The next event of a stream; None at its end for now."""
    return await anext(stream, None)

"""The venue of recorded sessions behind the common venue port: it rests orders and fills them at an open (X1, X5).

Fills, prices and reasons come from ``execution.matching``, which a backtest calls directly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from plimsoll.core.events import CashFlow, FeeReported, FillCorrected, OrderExpired, OrderRestated, Split, VenueSnapshot
from plimsoll.core.order import Fill, Order, WorkingOrder
from plimsoll.core.state import State
from plimsoll.core.venue import (
    Absent,
    Accepted,
    OrderReport,
    Refused,
    Unknown,
    VenueEvent,
)
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.matching import RULES, TIMES, TYPES, Matcher, VenueAccount, venue_name
from plimsoll.execution.venues.book import VenueBook


class SimulatedVenue:
    """An account at a venue that fills at recorded opens. Its own ``ledger`` is in lots and cents.

    ``working`` are orders already resting, as recovered from a journal (``restored``): the same orders at the same open
    fill the same way, so a rebuilt venue repeats itself.
    """

    rules = RULES

    def __init__(self, matcher: Matcher, ledger: Ledger, working: dict[str, WorkingOrder] | None = None) -> None:
        self._matcher, self._book = matcher, VenueBook(RULES.name, ledger, working)

    @classmethod
    def restored(cls, matcher: Matcher, state: State) -> SimulatedVenue:
        """The venue rebuilt from ``state``: every submitted order that has not ended rests there."""
        ledger = Ledger({"USD": state.cash}, dict(zip(state.symbols, state.lots.tolist(), strict=True)))
        return cls(matcher, ledger, {id: one for id, one in state.working.items() if one.status != "NEW"})

    @property
    def ledger(self) -> Ledger:
        """The account, in lots and cents."""
        return self._book.ledger

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Rest an order until the next open. The same id twice is one order."""
        if not self._book.knows(order.id):
            if order.symbol not in self._matcher.history.panel.column:
                return Refused("UNKNOWN_SYMBOL", order.symbol)
            if order.type not in TYPES or order.time_in_force not in TIMES:
                return Refused("ORDER_KIND", f"{order.type} {order.time_in_force}")
            self._book.rest(order)
        return Accepted(venue_name(order.id))

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Cancel a resting order; the event has its remaining quantity."""
        return self._book.cancel(id)

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        return self._book.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        return self._book.snapshot()

    async def events(self) -> AsyncIterator[VenueEvent]:
        """Order events not reported yet."""
        for event in self._book.told():
            yield event

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book account events before an open that are not orders: income, splits, an ended series (D9)."""
        match event:
            case CashFlow():
                self.ledger.paid(event.cents)
            case Split():
                self.ledger.restated(event.symbol, event.lots, event.ratio)
            case Fill():
                self.ledger.fill(self._book.entry(event))

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Inject and report an event outside any open: a further execution, a correction, a bust, a separate fee."""
        self._book.amend(event)

    def open(self, row: int) -> None:
        """Fill resting orders at the open of ``row``, oldest first, after the events in ``booked``."""
        book = self._book
        book.begin(self._matcher.history.panel.sessions.dates[row])
        orders = [one.order for one in book.resting.values()]
        for event in self._matcher.opened(orders, row, VenueAccount(self.ledger.cash(), self.ledger.holdings)):
            match event:
                case OrderRestated():
                    book.restate(event)
                case Fill():
                    book.fill(event)
                case OrderExpired():
                    book.tell(event)
                    book.end(event.id, "EXPIRED")

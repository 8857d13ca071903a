"""The venue of recorded sessions, behind the port of every venue: it rests orders and fills them at an open (X1, X5).

What it fills, at what price and why not, is ``execution.matching``'s; a backtest asks that directly.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator

from plimsoll.core.events import CashFlow, OrderCancelled, OrderExpired, OrderRestated, Split, VenueSnapshot
from plimsoll.core.order import Fill, Order, OrderType, TimeInForce, WorkingOrder
from plimsoll.core.state import State
from plimsoll.core.venue import (
    Absent,
    Accepted,
    Combination,
    OrderReport,
    Refused,
    Unknown,
    VenueEvent,
    VenueRules,
)
from plimsoll.core.working import filled
from plimsoll.execution.matching import Matcher, VenueAccount, book_of

_TYPES: tuple[OrderType, ...] = ("market",)
_TIMES: tuple[TimeInForce, ...] = ("opg", "day")
_KINDS = ("fund", "stock", "crypto", "fx")
RULES = VenueRules(
    "simulated",
    frozenset(
        Combination(type, time, kind, fractional)
        for type in _TYPES
        for time in _TIMES
        for kind in _KINDS
        for fractional in (False, True)
    ),
)


class SimulatedVenue:
    """An account at a venue that fills at recorded opens. It holds cash and lots of its own and answers at once.

    ``account`` is what the account holds to begin with, ``working`` the orders that rest already, as a state recovered
    from a journal has them (``restored``): the same orders at the same open are filled the same, so a venue that is
    made again repeats itself.
    """

    rules = RULES

    def __init__(self, matcher: Matcher, account: VenueAccount, working: dict[str, WorkingOrder] | None = None) -> None:
        self._matcher, self._account = matcher, account
        self._resting = dict(working or {})
        self._ended: dict[str, OrderReport] = {}
        self._executions: list[str] = []
        self._told: deque[VenueEvent] = deque()
        self._session = ""

    @classmethod
    def restored(cls, matcher: Matcher, state: State) -> SimulatedVenue:
        """The venue as ``state`` knows it: what was submitted and has not ended rests there."""
        return cls(matcher, book_of(state), {id: one for id, one in state.working.items() if one.status != "NEW"})

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Rest an order until the next open. The same id twice is one order."""
        if order.id not in self._resting and order.id not in self._ended:
            if order.symbol not in self._matcher.history.panel.column:
                return Refused("UNKNOWN_SYMBOL", order.symbol)
            if order.type not in _TYPES or order.time_in_force not in _TIMES:
                return Refused("ORDER_KIND", f"{order.type} {order.time_in_force}")
            self._resting[order.id] = WorkingOrder(order, "ACCEPTED", venue_id=_name(order.id))
        return Accepted(_name(order.id))

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Cancel a resting order; the event says what was left of it."""
        found = self._resting.pop(id, None)
        if found is None:
            return Refused("ORDER_CLOSED" if id in self._ended else "UNKNOWN_ORDER", id)
        self._ended[id] = OrderReport(id, "CANCELLED", found.filled, _name(id))
        self._told.append(OrderCancelled(self._session or found.order.session, id, found.remaining))
        return Accepted(_name(id))

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """What became of an order."""
        found = self._resting.get(id)
        if found is not None:
            return OrderReport(id, "PARTIALLY_FILLED" if found.filled else "ACCEPTED", found.filled, _name(id))
        return self._ended.get(id, Absent())

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        held = {symbol: lots for symbol, lots in self._account.lots.items() if lots}
        return VenueSnapshot(self._session, self._account.cash, held, tuple(self._resting), tuple(self._executions))

    async def events(self) -> AsyncIterator[VenueEvent]:
        """What happened to orders and was not told yet."""
        while self._told:
            yield self._told.popleft()

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book what happens to the account before an open and is no order: income, splits, an ended series (D9)."""
        match event:
            case CashFlow():
                self._account.cash += event.cents
            case Split():
                self._account.lots[event.symbol] = event.lots
            case Fill():
                self._account.traded(event)

    def open(self, row: int) -> None:
        """Fill what rests at the open of ``row``, oldest first, after what was ``booked`` before it."""
        self._session, self._executions = self._matcher.history.panel.sessions.dates[row], []
        orders = [one.order for one in self._resting.values()]
        for event in self._matcher.opened(orders, row, self._account):
            self._told.append(event)
            match event:
                case OrderRestated():
                    continue
                case Fill():
                    self._executions.append(event.execution)
                    self._traded(event)
                case OrderExpired():
                    found = self._resting.pop(event.id)
                    self._ended[event.id] = OrderReport(event.id, "EXPIRED", found.filled, _name(event.id))

    def _traded(self, done: Fill) -> None:
        before = self._resting[done.id]
        after = filled(self._resting, done.id, done.lots)
        if done.id not in after:
            self._ended[done.id] = OrderReport(done.id, "FILLED", before.filled + done.lots, _name(done.id))
        self._resting = dict(after)


def _name(id: str) -> str:
    """The venue's own name of an order: it follows from ours, so that a venue made again gives the same."""
    return hashlib.sha256(f"simulated|{id}".encode()).hexdigest()[:16]

"""The venue of recorded sessions behind the common venue port: it rests orders and fills them at an open (X1, X5).

Fills, prices and reasons come from ``execution.matching``, which a backtest calls directly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from msgspec.structs import replace

from plimsoll.core.events import (
    CashFlow,
    FeeReported,
    FillCorrected,
    OrderCancelled,
    OrderExpired,
    OrderRestated,
    Split,
    VenueSnapshot,
)
from plimsoll.core.order import Fill, Order, Status, WorkingOrder
from plimsoll.core.state import State
from plimsoll.core.venue import (
    Absent,
    Accepted,
    OrderReport,
    Refused,
    Unknown,
    VenueEvent,
)
from plimsoll.core.working import filled
from plimsoll.execution.ledger import Ledger, LedgerEntry
from plimsoll.execution.matching import RULES, TIMES, TYPES, Matcher, VenueAccount, venue_name


class SimulatedVenue:
    """An account at a venue that fills at recorded opens. Its own ``ledger`` is in lots and cents.

    ``working`` are orders already resting, as recovered from a journal (``restored``): the same orders at the same open
    fill the same way, so a rebuilt venue repeats itself.
    """

    rules = RULES

    def __init__(self, matcher: Matcher, ledger: Ledger, working: dict[str, WorkingOrder] | None = None) -> None:
        self.ledger = ledger
        self._matcher = matcher
        self._resting = dict(working or {})
        self._ended: dict[str, OrderReport] = {}
        self._executions: dict[tuple[str, str], Fill] = {}
        self._corrections: list[FillCorrected] = []
        self._fees: list[FeeReported] = []
        self._told: deque[VenueEvent] = deque()
        self._session = ""

    @classmethod
    def restored(cls, matcher: Matcher, state: State) -> SimulatedVenue:
        """The venue rebuilt from ``state``: every submitted order that has not ended rests there."""
        ledger = Ledger({"USD": state.cash}, dict(zip(state.symbols, state.lots.tolist(), strict=True)))
        return cls(matcher, ledger, {id: one for id, one in state.working.items() if one.status != "NEW"})

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Rest an order until the next open. The same id twice is one order."""
        if order.id not in self._resting and order.id not in self._ended:
            if order.symbol not in self._matcher.history.panel.column:
                return Refused("UNKNOWN_SYMBOL", order.symbol)
            if order.type not in TYPES or order.time_in_force not in TIMES:
                return Refused("ORDER_KIND", f"{order.type} {order.time_in_force}")
            self._resting[order.id] = WorkingOrder(order, "ACCEPTED", venue_id=venue_name(order.id))
        return Accepted(venue_name(order.id))

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Cancel a resting order; the event has its remaining quantity."""
        found = self._resting.get(id)
        if found is None:
            return Refused("ORDER_CLOSED" if id in self._ended else "UNKNOWN_ORDER", id)
        self._end(found, "CANCELLED", found.filled)
        self._told.append(OrderCancelled(self._session or found.order.session, id, found.remaining))
        return Accepted(venue_name(id))

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        found = self._resting.get(id)
        if found is not None:
            return OrderReport(id, "PARTIALLY_FILLED" if found.filled else "ACCEPTED", found.filled, venue_name(id))
        return self._ended.get(id, Absent())

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        executed = tuple(self._executions.values())
        return VenueSnapshot(
            self._session, self.ledger.cash(), self.ledger.holdings, tuple(self._resting), executed,
            tuple(self._corrections), tuple(self._fees),
        )  # fmt: skip

    async def events(self) -> AsyncIterator[VenueEvent]:
        """Order events not reported yet."""
        while self._told:
            yield self._told.popleft()

    def booked(self, event: CashFlow | Split | Fill) -> None:
        """Book account events before an open that are not orders: income, splits, an ended series (D9)."""
        match event:
            case CashFlow():
                self.ledger.paid(event.cents)
            case Split():
                self.ledger.restated(event.symbol, event.lots)
            case Fill():
                self.ledger.fill(_entry(event))

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Inject and report an event outside any open: a further execution, a correction, a bust, a separate fee."""
        match event:
            case Fill():
                self._execute(event)
                self._recount(event, None)
            case FeeReported():
                self.ledger.fee(event.of, event.source, event.cents, event.currency)
                self._fees.append(event)
            case FillCorrected(symbol=symbol, execution=execution, fill=now):
                was = self._executions.pop((symbol, execution), None)
                self.ledger.correct((RULES.name, symbol, execution), None if now is None else _entry(now))
                self._corrections.append(event)
                if now is not None:
                    self._executions[symbol, now.execution] = now
                self._recount(now, was)
        self._told.append(event)

    def open(self, row: int) -> None:
        """Fill resting orders at the open of ``row``, oldest first, after the events in ``booked``."""
        self._session = self._matcher.history.panel.sessions.dates[row]
        self._executions, self._corrections, self._fees = {}, [], []
        orders = [one.order for one in self._resting.values()]
        account = VenueAccount(self.ledger.cash(), self.ledger.holdings)
        for event in self._matcher.opened(orders, row, account):
            self._told.append(event)
            found = self._resting[event.id]
            match event:
                case OrderRestated():
                    self._resting[event.id] = replace(found, order=replace(found.order, lots=event.lots))
                case Fill():
                    self._execute(event)
                    after = filled(self._resting, event.id, event.lots)
                    if event.id not in after:
                        self._end(found, "FILLED", found.filled + event.lots)
                    else:
                        self._resting[event.id] = after[event.id]
                case OrderExpired():
                    self._end(found, "EXPIRED", found.filled)

    def _execute(self, done: Fill) -> None:
        self._executions[done.symbol, done.execution] = done
        self.ledger.fill(_entry(done))

    def _recount(self, now: Fill | None, was: Fill | None) -> None:
        """Report the valid executions of an order."""
        for done, sign in ((now, 1), (was, -1)):
            if done is not None and (ended := self._ended.get(done.id)) is not None:
                self._ended[done.id] = replace(ended, filled=ended.filled + sign * done.lots)
            elif done is not None and (rests := self._resting.get(done.id)) is not None:
                self._resting[done.id] = replace(rests, filled=rests.filled + sign * done.lots)

    def _end(self, order: WorkingOrder, status: Status, done: int) -> None:
        id = order.order.id
        del self._resting[id]
        self._ended[id] = OrderReport(id, status, done, venue_name(id))


def _entry(done: Fill) -> LedgerEntry:
    return LedgerEntry((RULES.name, done.symbol, done.execution), done.id, done.lots, done.notional, done.commission)

"""What a simulated venue keeps of its orders and executions, and tells of them: the same for all of them (X1, X3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec.structs import replace

from plimsoll.core.events import FeeReported, FillCorrected, OrderCancelled, OrderRestated, VenueSnapshot
from plimsoll.core.order import Fill, Order, Status, WorkingOrder
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, VenueEvent
from plimsoll.core.working import filled
from plimsoll.execution.ledger import Ledger, LedgerEntry
from plimsoll.execution.matching import venue_name

_Made = tuple[str, str, str]  # exchange, symbol and id of an execution


class VenueBook:
    """The orders that rest and those that ended, what was executed, and what is to be told of all that.

    The account is ``ledger``, in lots and cents. ``name`` is the venue's.
    """

    def __init__(self, name: str, ledger: Ledger, working: dict[str, WorkingOrder] | None = None) -> None:
        self.ledger, self.session = ledger, ""
        self.resting = dict(working or {})
        self._name = name
        self._ended: dict[str, OrderReport] = {}
        self._executions: dict[_Made, Fill] = {}
        self._corrections: list[FillCorrected] = []
        self._fees: list[FeeReported] = []
        self._told: deque[VenueEvent] = deque()

    def begin(self, session: str) -> None:
        """Begin a session: snapshots show what is executed from here on."""
        self.session = session
        self._executions, self._corrections, self._fees = {}, [], []

    # orders

    def knows(self, id: str) -> bool:
        """Whether an order was ever taken."""
        return id in self.resting or id in self._ended

    def rest(self, order: Order) -> None:
        """Keep an order as one that may fill."""
        self.resting[order.id] = WorkingOrder(order, "ACCEPTED", venue_id=venue_name(order.id))

    def restate(self, told: OrderRestated) -> None:
        """A resting order is one of other lots now."""
        found = self.resting[told.id]
        self.resting[told.id] = replace(found, order=replace(found.order, lots=told.lots))
        self._told.append(told)

    def cancel(self, id: str) -> Accepted | Refused:
        """Cancel a resting order; the event has its remaining quantity."""
        found = self.resting.get(id)
        if found is None:
            return Refused("ORDER_CLOSED" if id in self._ended else "UNKNOWN_ORDER", id)
        self.end(id, "CANCELLED")
        self._told.append(OrderCancelled(self.session or found.order.session, id, found.remaining))
        return Accepted(venue_name(id))

    def end(self, id: str, status: Status) -> None:
        """A resting order ended, as far as it is filled."""
        self._ended[id] = OrderReport(id, status, self.resting.pop(id).filled, venue_name(id))

    def query(self, id: str) -> OrderReport | Absent:
        """The present status of an order."""
        found = self.resting.get(id)
        if found is not None:
            return OrderReport(id, "PARTIALLY_FILLED" if found.filled else "ACCEPTED", found.filled, venue_name(id))
        return self._ended.get(id, Absent())

    # executions

    def fill(self, done: Fill) -> None:
        """A resting order is executed, in part or as a whole, which ends it."""
        self._execute(done)
        self._told.append(done)
        found, after = self.resting[done.id], filled(self.resting, done.id, done.lots)
        if done.id in after:
            self.resting[done.id] = after[done.id]
        else:
            self.resting[done.id] = replace(found, filled=found.filled + done.lots)
            self.end(done.id, "FILLED")

    def amend(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Do what no order asked for, and tell it: one more execution, a correction, a bust, a fee charged apart."""
        match event:
            case Fill():
                self._execute(event)
                self._recount(event, None)
            case FeeReported():
                self.ledger.fee(event.of, event.source, event.cents, event.currency)
                self._fees.append(event)
            case FillCorrected(symbol=symbol, execution=execution, fill=now):
                was = self._executions.pop((event.exchange, symbol, execution), None)
                key = (event.exchange or self._name, symbol, execution)
                self.ledger.correct(key, None if now is None else self.entry(now))
                self._corrections.append(event)
                if now is not None:
                    self._executions[now.exchange, symbol, now.execution] = now
                self._recount(now, was)
        self._told.append(event)

    def entry(self, done: Fill) -> LedgerEntry:
        """An execution as the ledger books it."""
        key = (done.exchange or self._name, done.symbol, done.execution)
        return LedgerEntry(key, done.id, done.lots, done.notional, done.commission)

    def _execute(self, done: Fill) -> None:
        self._executions[done.exchange, done.symbol, done.execution] = done
        self.ledger.fill(self.entry(done))

    def _recount(self, now: Fill | None, was: Fill | None) -> None:
        """Report the valid executions of an order."""
        for done, sign in ((now, 1), (was, -1)):
            if done is not None and (ended := self._ended.get(done.id)) is not None:
                self._ended[done.id] = replace(ended, filled=ended.filled + sign * done.lots)
            elif done is not None and (rests := self.resting.get(done.id)) is not None:
                self.resting[done.id] = now_rests = replace(rests, filled=rests.filled + sign * done.lots)
                if now_rests.remaining * now_rests.order.lots <= 0:
                    self.end(done.id, "FILLED")

    # what is told

    def tell(self, event: VenueEvent) -> None:
        """Something is to be told."""
        self._told.append(event)

    def told(self) -> Iterator[VenueEvent]:
        """What happened and was not told yet."""
        while self._told:
            yield self._told.popleft()

    def snapshot(self) -> VenueSnapshot:
        """The whole account."""
        return VenueSnapshot(
            self.session, self.ledger.cash(), self.ledger.holdings, tuple(self.resting),
            tuple(self._executions.values()), tuple(self._corrections), tuple(self._fees),
        )  # fmt: skip

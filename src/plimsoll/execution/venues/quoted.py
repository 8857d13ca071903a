"""The venue of quotes, behind the port of every venue: orders fill at the bid and the ask of now (X1, X5).

It knows no bars and no clock: who plays a session says what the market is, what time it is, and when a minute passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import numpy as np

from plimsoll.core.events import FeeReported, FillCorrected, VenueSnapshot
from plimsoll.core.money import notional_cents
from plimsoll.core.order import Fill, Order, OrderType, TimeInForce, WorkingOrder
from plimsoll.core.venue import Absent, Accepted, Combination, OrderReport, Refused, Unknown, VenueEvent, VenueRules
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.matching import venue_name
from plimsoll.execution.venues.book import VenueBook

_TYPES: tuple[OrderType, ...] = ("market", "limit")
_TIMES: tuple[TimeInForce, ...] = ("opg", "day", "gtc")
_KINDS = ("fund", "stock", "crypto", "fx")
_MINUTES_MOST = 2  # until an order that can fill begins to
RULES = VenueRules(
    "quoted",
    frozenset(
        Combination(type, time, kind, fractional)
        for type in _TYPES
        for time in _TIMES
        for kind in _KINDS
        for fractional in (False, True)
    ),
)


class QuotedVenue:
    """An account at a venue that fills at quotes, a minute or two after an order came, in ``parts`` as often as that
    says. Its own ``ledger`` is in lots and cents; every order rests until it fills or is cancelled.

    Executions are numbered by symbol and exchange, as many venues do, so that their ids repeat. ``draw`` decides what
    is left to chance.
    """

    rules = RULES

    def __init__(
        self,
        ledger: Ledger,
        lots_per_unit: Mapping[str, int],
        draw: np.random.Generator,
        *,
        parts: float = 0.0,
        exchanges: Sequence[str] = ("",),
    ) -> None:
        self.closed: set[str] = set()  # symbols in which nothing trades for the moment
        self.made: dict[tuple[str, str, str], Fill] = {}  # by exchange, symbol and id: as it was first executed
        self._book, self._unit, self._draw = VenueBook(RULES.name, ledger), lots_per_unit, draw
        self._parts, self._exchanges = parts, exchanges
        self._quotes: dict[str, tuple[float, float]] = {}
        self._from: dict[str, int] = {}  # the minute from which on an order fills
        self._count: Counter[tuple[str, str]] = Counter()
        self._minute = self._at = 0

    # the port

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Rest an order. The same id twice is one order."""
        if not self._book.knows(order.id):
            if order.symbol not in self._quotes:
                return Refused("UNKNOWN_SYMBOL", order.symbol)
            if order.symbol in self.closed:
                return Refused("NOT_TRADING", order.symbol)
            if order.type not in _TYPES or order.time_in_force not in _TIMES:
                return Refused("ORDER_KIND", f"{order.type} {order.time_in_force}")
            self._book.rest(order)
            self._from[order.id] = self._minute + int(self._draw.integers(1, _MINUTES_MOST + 1))
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

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Do what no order asked for, and tell it: one more execution, a correction, a bust, a fee charged apart."""
        if isinstance(event, Fill):
            self.made[event.exchange, event.symbol, event.execution] = event
        self._book.amend(event)

    # what happens there

    @property
    def ledger(self) -> Ledger:
        """The account, in lots and cents."""
        return self._book.ledger

    def begin(self, session: str) -> None:
        """Begin a session: snapshots show what is executed from here on."""
        self._book.begin(session)

    def clock(self, at: int) -> None:
        """It is this instant, microseconds since 1970."""
        self._at = at

    def quoted(self, symbol: str, bid: float, ask: float) -> None:
        """The market is here, USD."""
        self._quotes[symbol] = bid, ask

    def minute(self, *, whole: bool = False) -> None:
        """A minute passes: what can fill does, ``whole`` and at once where that is asked."""
        self._minute += 1
        for id, one in [*self._book.resting.items()]:
            if whole or (self._from[id] <= self._minute and self._marketable(one)):
                self._fill(one, one.remaining if whole else self._part(one.remaining))

    def traded(self, symbol: str, lots: int, execution: str) -> None:
        """Somebody else trades the account, at the market."""
        self.amended(self._executed("", symbol, lots, execution, "EXTERNAL"))

    def moved(self, symbol: str, lots: int) -> None:
        """Units come or go without a trade."""
        self.ledger.restated(symbol, self.ledger.held(symbol) + lots)

    def split(self, symbol: str, new: int, old: int) -> None:
        """``old`` units became ``new`` ones; open orders are cancelled."""
        self.close(symbol)
        self.ledger.restated(symbol, self.ledger.held(symbol) * new // old)

    def end(self, symbol: str) -> None:
        """A symbol trades no longer, and what is held of it is gone."""
        self.close(symbol)
        self.closed.add(symbol)
        self.ledger.restated(symbol, 0)

    def close(self, symbol: str | None = None) -> None:
        """Cancel what rests, of one symbol where it is named."""
        for id, one in [*self._book.resting.items()]:
            if symbol is None or one.order.symbol == symbol:
                self._book.cancel(id)

    # details

    def _marketable(self, one: WorkingOrder) -> bool:
        order = one.order
        if order.symbol in self.closed:
            return False
        if order.limit is None:
            return True
        bid, ask = self._quotes[order.symbol]
        return ask <= order.limit if order.lots > 0 else bid >= order.limit

    def _part(self, lots: int) -> int:
        """What of a rest fills now."""
        most = abs(lots)
        if self._parts <= 0.0 or self._draw.random() >= self._parts or most < 3:
            return lots
        part = max(most * int(self._draw.integers(1, 99)) // 100, 1)
        return part if lots > 0 else -part

    def _fill(self, one: WorkingOrder, lots: int) -> None:
        exchange = self._exchanges[int(self._draw.integers(len(self._exchanges)))]
        self._count[one.order.symbol, exchange] += 1
        execution = f"x{self._count[one.order.symbol, exchange]}"  # the same in another symbol, and elsewhere
        done = self._executed(one.order.id, one.order.symbol, lots, execution, "ORDER", exchange)
        self.made[exchange, done.symbol, execution] = done
        self._book.fill(done)

    def _executed(self, id: str, symbol: str, lots: int, execution: str, reason: str, exchange: str = "") -> Fill:
        price = self._quotes[symbol][lots > 0]
        notional = notional_cents(lots, self._unit[symbol], price)
        return Fill(
            id, execution, self._book.session, symbol, lots, price, notional, 0, 0, 0, reason, self._at, exchange
        )

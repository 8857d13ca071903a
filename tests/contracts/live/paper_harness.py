"""The paper venue and, for a server, its exchange: the account in this process that its adapters connect to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self

from tests.contracts.live.harness import Fault, Held

from clocks import MovedClock
from plimsoll.core.events import OrderExpired, OrderRejected
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveQuote
from plimsoll.core.money import notional_cents
from plimsoll.core.order import Fill, Order, reason_of
from plimsoll.core.policy import Policy
from plimsoll.core.venue import Accepted, Refused
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.paper.exchange import PaperExchange
from plimsoll.execution.venues.paper.quotes import PaperFeed, PushedQuotes
from plimsoll.execution.venues.paper.venue import PaperVenue

SPY = Instrument("SPY", "fund", "XNYS")
NO_LINE = "it is in the adapter's own process: there is no line on which this could happen"
NO_KEYS = "it has no keys and no clock of its own"


def session_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()


class Control(PaperExchange):
    """The exchange, with hands on its account. What it is told to do is done beside its own matching."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__(Ledger({"USD": 100_000_00}), {"SPY": SPY}, Policy(), session_of)
        self.posts = self.cancels = 0
        self._clock, self._orders, self._count = clock, {}, 0
        self._refusal: Refused | None = None
        self.feeds: list[PushedQuotes] = []

    # what the adapter calls

    def submit(self, order: Order, now: int) -> Accepted | Refused:
        if self._refusal is not None:
            self.posts += 1
            refused, self._refusal = self._refusal, None
            return refused
        answer = super().submit(order, now)
        if isinstance(answer, Accepted):
            self.posts += 1
            self._orders.setdefault(order.id, order)
        return answer

    def cancel(self, id: str, now: int) -> Accepted | Refused:
        self.cancels += 1
        return super().cancel(id, now)


class Server:
    """The switches of the suite."""

    def __init__(self, exchange: Control, clock: MovedClock) -> None:
        self.exchange, self._clock, self._count = exchange, clock, 0

    @property
    def posts(self) -> int:
        return self.exchange.posts

    @property
    def cancels(self) -> int:
        return self.exchange.cancels

    @property
    def orders(self) -> dict[str, Held]:
        found = {}
        for id, order in self.exchange._orders.items():
            report = self.exchange.book.query(id)
            found[id] = Held(
                id, order.symbol, float(order.lots), float(report.filled), id in self.exchange.book.resting
            )
        return found

    @property
    def position(self) -> float:
        return float(self.exchange.book.ledger.held("SPY"))

    @property
    def cash(self) -> float:
        return self.exchange.book.ledger.cash() / 100

    def fault(self, name: Fault) -> None:
        raise NotImplementedError(NO_KEYS if name in ("no_auth", "clock_ahead") else NO_LINE)

    def mend(self) -> None:
        """Nothing is broken."""

    async def quote(self, bid: float, ask: float) -> None:
        quote = LiveQuote("SPY", round(bid * 1e12), round(ask * 1e12), self._clock.now())
        for feed in self.exchange.feeds:
            feed.push(quote)

    def _done(self, id: str, lots: int, price: float) -> Fill:
        self._count += 1
        now = self._clock.now()
        notional = notional_cents(lots, 1, price)
        name, reason = f"x{self._count:05}", reason_of(id)
        return Fill(id, name, session_of(now), "SPY", lots, price, notional, 0, 0, 0, reason, now)

    async def fill(self, client_id: str, quantity: float, price: float) -> str:
        sign = 1 if self.exchange._orders[client_id].lots > 0 else -1
        done = self._done(client_id, sign * round(quantity), price)
        self.exchange.book.fill(done)
        self.exchange.tell()
        return done.execution

    async def cancel(self, client_id: str) -> None:
        self.exchange.book.cancel(client_id)
        self.exchange.tell()

    async def expire(self, client_id: str) -> None:
        rest = self.exchange.book.resting[client_id].remaining
        self.exchange.book.tell(OrderExpired("", client_id, rest, "TIME_IN_FORCE"))
        self.exchange.book.end(client_id, "EXPIRED")
        self.exchange.tell()

    async def reject(self, client_id: str) -> None:
        self.exchange.book.tell(OrderRejected("", client_id, "UNKNOWN_REFUSAL"))
        self.exchange.book.end(client_id, "REJECTED")
        self.exchange.tell()

    async def refuse_next(self, code: str, text: str) -> None:
        self.exchange._refusal = Refused(code, text)

    async def foreign_order(self, quantity: float) -> str:
        order = Order("web-1", "", "SPY", round(quantity), False, 100.0, "limit", 90.0, time_in_force="gtc")
        self.exchange.submit(order, self._clock.now())
        return order.id

    async def foreign_fill(self, quantity: float, price: float) -> None:
        self.exchange.book.amend(self._done("web-2", round(quantity), price))
        self.exchange.tell()


class Harness:
    """One exchange, and adapters that are connected to it."""

    name = "paper"
    symbol = "SPY"
    lots = 1
    unit = 1
    price = 100.0
    instrument = SPY
    refused = ("NOT_TRADING", "SPY does not trade", "NOT_TRADING")
    cannot: Mapping[str, str] = {
        "a_refusal_that_no_table_lists_is_never_sent_again": "it refuses with our reasons, which are all known",
    }
    canary = ""
    since = 0

    def __init__(self) -> None:
        self._clock = MovedClock(1_767_366_000_000_000)  # 2026-01-02, 15:00 UTC
        self._exchange = Control(self._clock)
        self.server = Server(self._exchange, self._clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to stop."""

    def venue(self) -> PaperVenue:
        return PaperVenue({"SPY": SPY}, self._clock, session_of, self._exchange)

    def feed(self) -> PaperFeed:
        source = PushedQuotes(self._clock)
        self._exchange.feeds.append(source)
        return PaperFeed(source, self.venue(), self._clock)

"""Alpaca's adapter with the loopback server beside it, for the conformance suite of live venues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self

from tests.contracts.live.harness import Fault, Held
from tests.servers.alpaca_account import Refusal
from tests.servers.alpaca_server import KEY, SECRET, AlpacaServer

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess
from plimsoll.execution.venues.alpaca.quotes import AlpacaQuotes
from plimsoll.execution.venues.alpaca.stream import StreamPace
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # 20:00 in New York: orders for both auctions are taken
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACE = StreamPace(
    question=100_000, silence=1_000_000, event=600_000, look=20_000, first=10_000, longest=80_000, settle=30_000,
    arrival=60_000,
)  # fmt: skip


class SettableClock:
    """Runs with the machine's steady clock from a fixed date on."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def steady(self) -> int:
        return int((time.monotonic() - self._began) * 1e6)

    def now(self) -> int:
        return (START - EPOCH) // timedelta(microseconds=1) + self.steady()

    def date(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.now())

    async def sleep(self, micros: int) -> None:
        await asyncio.sleep(micros / 1e6)


class SteppedClock(SettableClock):
    """Stands still, but for the steps it is made to take."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def steady(self) -> int:
        return self._at

    async def sleep(self, micros: int) -> None:
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._at + micros, until))
        await until

    async def step(self, seconds: float) -> None:
        """Go on by so much, with everything that waits for a time on the way, each at its time."""
        end = self._at + int(seconds * 1e6)
        while due := [one for one in self._waiting if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self._waiting.remove(first)
            self._at = max(self._at, first[0])
            if not first[1].done():
                first[1].set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self._at = end


def session_of(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).date().isoformat()


class Control:
    """The server's switches in the suite's words."""

    def __init__(self, server: AlpacaServer, symbol: str) -> None:
        self.server, self._symbol = server, symbol

    @property
    def posts(self) -> int:
        return self.server.posts

    @property
    def cancels(self) -> int:
        return self.server.cancels

    @property
    def orders(self) -> dict[str, Held]:
        return {
            one.client_id: Held(
                one.client_id, one.symbol, float(one.quantity or 0), float(one.filled),
                one.status in ("new", "accepted", "partially_filled", "pending_cancel"),
            )
            for one in self.server.account.book.values()
        }  # fmt: skip

    @property
    def position(self) -> float:
        return float(self.server.account.held.get(self._symbol, 0))

    @property
    def cash(self) -> float:
        return float(self.server.account.cash)

    def fault(self, name: Fault) -> None:
        self.server.fault(name)

    def mend(self) -> None:
        self.server.mend()

    async def quote(self, bid: float, ask: float) -> None:
        await self.server.quote(self._symbol, bid, ask)

    async def fill(self, client_id: str, quantity: float, price: float) -> str:
        order = self.server.account.find(client_id)
        return self.server.account.fill(order.id, Decimal(repr(quantity)), Decimal(repr(price)))

    async def cancel(self, client_id: str) -> None:
        self.server.account.end(self.server.account.find(client_id).id, "canceled", "canceled")

    async def expire(self, client_id: str) -> None:
        self.server.account.end(self.server.account.find(client_id).id, "expired", "expired")

    async def reject(self, client_id: str) -> None:
        self.server.account.end(
            self.server.account.find(client_id).id, "rejected", "rejected", reason="not accepted by the exchange"
        )

    async def refuse_next(self, code: str, text: str) -> None:
        status = int(code[:3]) if code.isdigit() else 422  # a code of theirs begins with its HTTP status
        self.server.refuse = Refusal(status, int(code) if len(code) > 3 else None, text)

    async def foreign_order(self, quantity: float) -> str:
        return self.server.account.foreign(self._symbol, Decimal(repr(quantity)))

    async def foreign_fill(self, quantity: float, price: float) -> None:
        id = self.server.account.foreign(self._symbol, Decimal(repr(quantity)))
        self.server.account.fill(id, abs(Decimal(repr(quantity))), Decimal(repr(price)))


class Harness:
    """A server and adapters for it."""

    name = "alpaca"
    symbol = "AAPL"
    lots = 1000
    unit = 1000
    price = 190.0
    instrument = Instrument("AAPL", "stock", "XNYS", lots_per_unit=1000)
    refused = ("40310000", "insufficient buying power", "FUNDS")
    cannot: Mapping[str, str] = {
        "an_order_that_lost_its_reduce_only_mark_does_not_stand": "orders at Alpaca have no such mark",
    }
    canary = SECRET
    since = 0

    def __init__(self, *, binary: bool = True, clock: SettableClock | None = None) -> None:
        self.clock = clock or SettableClock()
        self.pace = StreamPace() if clock else PACE
        self.loopback = AlpacaServer(self.clock.date, binary=binary)
        self.loopback.account.cash = Decimal(1_000_000)
        self.server = Control(self.loopback, self.symbol)
        self.instruments = {
            "AAPL": self.instrument,
            "BRK-B": Instrument("BRK-B", "stock", "XNYS", lots_per_unit=1000),
            "WHOLE": Instrument("WHOLE", "fund", "XNYS", lots_per_unit=1000),
            "HALTED": Instrument("HALTED", "stock", "XNYS"),
            "NOWHERE": Instrument("NOWHERE", "stock", "XNYS"),
            "SOL-USD": Instrument("SOL-USD", "crypto", "24/7", lots_per_unit=100),
            "BTC-USD": Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000, aliases={"alpaca": "BTC/USD"}),
        }
        self.open: list[AlpacaVenue | AlpacaQuotes] = []

    async def __aenter__(self) -> Self:
        await self.loopback.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.open:
            await one.close()
        await self.loopback.stop()

    def access(self, timeout: float = 0.5) -> VenueAccess:
        server = self.loopback
        return VenueAccess(server.url, server.stream_url, server.data_url, KEY, SECRET, timeout)

    def feed(self) -> AlpacaQuotes:
        made = AlpacaQuotes(self.access(), self.instruments, self.clock, self.pace)
        self.open.append(made)
        return made

    def venue(self) -> AlpacaVenue:
        made = AlpacaVenue(self.access(), self.instruments, self.clock, session_of, self.pace)
        self.open.append(made)
        return made

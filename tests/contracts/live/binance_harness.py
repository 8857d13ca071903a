"""Binance spot beside its loopback server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self

from tests.servers.binance_server import KEY, SECRET, BinanceServer

from plimsoll.app.live_venues import WallClock
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess
from plimsoll.execution.venues.binance.make import spot
from plimsoll.execution.venues.binance.quotes import BinanceQuotes
from plimsoll.execution.venues.binance.venue import BinanceVenue

UNIT = 10**8


def date_of_micros(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()


BITCOIN = Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=UNIT, aliases={"binance": "BTCUSDT"})


class Harness:
    name = "binance"
    symbol = "BTC-USD"
    lots = 1000
    unit = UNIT
    price = 60_000.0
    instrument = BITCOIN
    refused = ("-2010", "Account has insufficient balance for requested action.", "FUNDS")
    cannot: Mapping[str, str] = {
        "an_order_that_lost_its_reduce_only_mark_does_not_stand": "orders in the spot market have no such mark",
    }
    canary = SECRET

    def __init__(self) -> None:
        self.server = BinanceServer()
        self.since = time.time_ns() // 1000 - 3_600_000_000
        self._made: list[BinanceVenue | BinanceQuotes] = []

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._made:
            await one.close()
        await self.server.stop()

    def access(self, timeout: float = 0.4) -> VenueAccess:
        server = self.server
        return VenueAccess(server.rest_url, server.stream_url, server.data_url, KEY, SECRET, timeout)

    def _both(self) -> tuple[BinanceVenue, BinanceQuotes]:
        made = spot(self.access(), {BITCOIN.symbol: BITCOIN}, WallClock(), date_of_micros)
        self._made += made
        return made

    def venue(self) -> BinanceVenue:
        return self._both()[0]

    def feed(self) -> BinanceQuotes:
        return self._both()[1]

"""Binance's USD-M futures beside their loopback server."""

from __future__ import annotations

from collections.abc import Mapping

from tests.contracts.live import binance_harness
from tests.servers.binance_futures_server import BinanceFuturesServer

from plimsoll.app.live_venues import WallClock
from plimsoll.core.instrument import Instrument
from plimsoll.execution.venues.binance.make import futures
from plimsoll.execution.venues.binance.quotes import BinanceQuotes
from plimsoll.execution.venues.binance.venue import BinanceVenue

UNIT = 10**6
PERPETUAL = Instrument("BTC-PERP", "crypto", "24/7", lots_per_unit=UNIT, aliases={"binance_futures": "BTCUSDT"})


class Harness(binance_harness.Harness):
    name = "binance_futures"
    symbol = "BTC-PERP"
    lots = 1000
    unit = UNIT
    instrument = PERPETUAL
    refused = ("-2019", "Margin is insufficient.", "FUNDS")
    cannot: Mapping[str, str] = {}

    def __init__(self) -> None:
        super().__init__()
        self.server = BinanceFuturesServer()

    def _both(self) -> tuple[BinanceVenue, BinanceQuotes]:
        made = futures(self.access(), {PERPETUAL.symbol: PERPETUAL}, WallClock(), binance_harness.date_of_micros)
        self._made += made
        return made

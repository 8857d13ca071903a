"""Makes Binance's venues and their quotes from an account's access (X1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.ports import Clock
from plimsoll.execution.venues.binance.client import BinanceClient
from plimsoll.execution.venues.binance.futures import Futures
from plimsoll.execution.venues.binance.futures_stream import FuturesAccountDialect
from plimsoll.execution.venues.binance.quotes import BinanceQuotes
from plimsoll.execution.venues.binance.spot import Spot
from plimsoll.execution.venues.binance.spot_stream import SpotAccountDialect
from plimsoll.execution.venues.binance.stream import Stream
from plimsoll.execution.venues.binance.venue import BinanceVenue


def spot(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: Callable[[int], str]
) -> tuple[BinanceVenue, BinanceQuotes]:
    """The spot market, not connected yet."""
    market = Spot()
    client = BinanceClient(access, clock, market.name, market.paths.time)
    stream = Stream(SpotAccountDialect(client, access.stream_url), clock, access.timeout)
    venue = BinanceVenue(market, client, stream, instruments, clock, session_of, access.timeout)
    return venue, BinanceQuotes(access.data_url, market.name, instruments, clock, access.timeout)


def futures(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: Callable[[int], str]
) -> tuple[BinanceVenue, BinanceQuotes]:
    """USD-M perpetual futures, not connected yet."""
    market = Futures()
    client = BinanceClient(access, clock, market.name, market.paths.time)
    dialect = FuturesAccountDialect(client, access.stream_url, clock, 2 * access.timeout)
    stream = Stream(dialect, clock, access.timeout)
    venue = BinanceVenue(market, client, stream, instruments, clock, session_of, access.timeout)
    return venue, BinanceQuotes(access.data_url, market.name, instruments, clock, access.timeout)

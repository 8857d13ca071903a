"""Bid and ask of symbols from the market streams (H2, L25). The connection ends every day, and is made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveQuote, VenueHealth
from plimsoll.core.ports import Clock
from plimsoll.core.quantity import ONE
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.venues.binance.client import BinanceFailure
from plimsoll.execution.venues.binance.listing import market_of
from plimsoll.execution.venues.binance.stream import Stream

_MOST = 10**18


class _Answer(msgspec.Struct):
    result: list[str] | None = None
    error: msgspec.Raw | None = None


class _Ticker(msgspec.Struct):
    s: str = ""
    b: str = ""
    a: str = ""
    E: int = 0


class _Dialect:
    """Subscribes to names, and asks which stand."""

    def __init__(self, url: str) -> None:
        self._url, self.names = url, list[str]()

    async def address(self) -> str | BinanceFailure:
        return f"{self._url}/ws"

    def subscription(self, number: int) -> bytes | None:
        return msgspec.json.encode({"method": "SUBSCRIBE", "params": self.names, "id": number})

    def acknowledged(self, answer: bytes) -> str:
        try:
            told = msgspec.json.decode(answer, type=_Answer)
        except msgspec.DecodeError:
            return "an unreadable answer to the subscription"
        return "" if told.error is None else "the venue refuses the subscription"

    async def question(self, number: int) -> bytes | BinanceFailure | None:
        return msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": number})

    def confirms(self, answer: bytes) -> bool:
        try:
            return set(self.names) <= set(msgspec.json.decode(answer, type=_Answer).result or ())
        except msgspec.DecodeError:
            return False

    def ended(self, message: bytes) -> bool:
        return False


class BinanceQuotes:
    """The best bid and ask, the newest of each symbol. Spot tells no time of them: it is the time they came."""

    def __init__(
        self, url: str, venue: str, instruments: Mapping[str, Instrument], clock: Clock, timeout: float
    ) -> None:
        self._clock, self._timeout = clock, timeout
        self._markets = {m: one.symbol for one in instruments.values() if (m := market_of(one, venue))}
        self._dialect = _Dialect(url)
        self._stream = Stream(self._dialect, clock, timeout)
        self._newest: dict[str, LiveQuote] = {}
        self._came = asyncio.Event()
        self._over = False

    @property
    def health(self) -> VenueHealth:
        """State of the stream."""
        return self._stream.health

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Connect anew with exactly these symbols."""
        names = {symbol: market for market, symbol in self._markets.items()}
        if unknown := [symbol for symbol in symbols if symbol not in names]:
            return Refused("UNKNOWN_SYMBOL", ", ".join(unknown))
        await self._stream.close()
        self._dialect.names = [f"{names[symbol].lower()}@bookTicker" for symbol in symbols]
        return await self._stream.open(self._hear)

    async def quotes(self) -> AsyncIterator[LiveQuote]:
        """Quotes as they come; of a slow receiver's only the newest are kept."""
        while True:
            await self._came.wait()
            self._came.clear()
            newest, self._newest = self._newest, {}
            for quote in newest.values():
                yield quote
            if self._over:
                return

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.close()
        self._over = True
        self._came.set()

    def _hear(self, message: bytes) -> bool:
        try:
            told = msgspec.json.decode(message, type=_Ticker)
        except msgspec.DecodeError:
            return False
        symbol = self._markets.get(told.s)
        if symbol is not None:
            at = told.E * 1000 or self._clock.now()
            self._newest[symbol] = LiveQuote(symbol, _price(told.b), _price(told.a), at)
            self._came.set()
        return True


def _price(text: str) -> int:
    """A price in 1e-12 USD; 0 for what is none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return 0
    return int(value * ONE) if value.is_finite() and 0 < value < _MOST else 0

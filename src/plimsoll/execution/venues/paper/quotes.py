"""Quotes of the paper venue: of any feed, pushed ones, or recorded bars; the exchange sees what the reader does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from plimsoll.core.instrument import Instrument
from plimsoll.core.intraday import IntradayBars
from plimsoll.core.live_venue import LiveQuote, QuoteFeed, VenueHealth
from plimsoll.core.policy import CostPolicy
from plimsoll.core.ports import Clock
from plimsoll.core.quantity import ONE
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.venues.paper.hours import MICROS
from plimsoll.execution.venues.paper.venue import PaperVenue


class PushedQuotes:
    """A feed of the quotes that ``push`` is given; the newest of each symbol is kept for the reader."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanted: frozenset[str] = frozenset()
        self._newest: dict[str, LiveQuote] = {}
        self._woken = asyncio.Event()
        self._open = False
        self._heard = 0

    @property
    def health(self) -> VenueHealth:
        """Subscribed until it is closed."""
        return VenueHealth(self._open, self._heard)

    def push(self, quote: LiveQuote) -> None:
        """Give it a quote."""
        if quote.symbol in self._wanted:
            self._heard = self._clock.now()
            self._newest.pop(quote.symbol, None)
            self._newest[quote.symbol] = quote
            self._woken.set()

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Receive these symbols from now on."""
        self._wanted, self._open = frozenset(symbols), True
        return Accepted()

    async def quotes(self) -> AsyncIterator[LiveQuote]:
        """Quotes as they come, until it is closed."""
        while self._open:
            self._woken.clear()
            while self._newest:
                yield self._newest.pop(next(iter(self._newest)))
            if self._open and not self._woken.is_set():
                await self._woken.wait()

    async def close(self) -> None:
        """Give no more quotes."""
        self._open = False
        self._woken.set()


class RecordedQuotes:
    """A feed of recorded intraday bars: open, low and high (the one nearer to the open first) and close of each bar, in
    quarters of its time, with the half spread of the cost model's slippage (C1). It follows the clock.
    """

    def __init__(
        self, bars: Sequence[IntradayBars], instruments: Mapping[str, Instrument], costs: CostPolicy, clock: Clock
    ) -> None:
        self._clock = clock
        self._open = False
        self._heard = 0
        self._all = sorted(
            (quote for one in bars for quote in _of(one, costs.kinds[instruments[one.symbol].kind].slippage)),
            key=lambda q: (q.at, q.symbol),
        )
        self._wanted: frozenset[str] = frozenset()

    @property
    def health(self) -> VenueHealth:
        """Subscribed until it is closed, or at its end."""
        return VenueHealth(self._open, self._heard)

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Receive these symbols from now on."""
        self._wanted, self._open = frozenset(symbols), True
        return Accepted()

    async def quotes(self) -> AsyncIterator[LiveQuote]:
        """Quotes at their times, from now on; ends with the recording."""
        began = self._clock.now()
        for quote in self._all:
            if quote.at < began or quote.symbol not in self._wanted:
                continue
            if (rest := quote.at - self._clock.now()) > 0:
                await self._clock.sleep(rest)
            if not self._open:
                return
            self._heard = quote.at
            yield quote

    async def close(self) -> None:
        """Give no more quotes."""
        self._open = False


def _of(bars: IntradayBars, half: float) -> list[LiveQuote]:
    """The quotes of every bar."""
    made = []
    columns = (bars.start, bars.open, bars.high, bars.low, bars.close)
    for start, first, high, low, last in zip(*(c.tolist() for c in columns), strict=True):
        inner = (low, high) if first - low <= high - first else (high, low)
        for quarter, price in enumerate((first, *inner, last)):
            at = start * MICROS + bars.step * MICROS * quarter // 4
            made.append(LiveQuote(bars.symbol, round(price * (1 - half) * ONE), round(price * (1 + half) * ONE), at))
    return made


class PaperFeed:
    """A feed whose quotes the paper venue's exchange sees just before its reader does."""

    def __init__(self, source: QuoteFeed, venue: PaperVenue, clock: Clock) -> None:
        self.source = source
        self._venue, self._clock = venue, clock

    @property
    def health(self) -> VenueHealth:
        """That of its source."""
        return self.source.health

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Subscribe its source."""
        return await self.source.subscribe(symbols)

    async def quotes(self) -> AsyncIterator[LiveQuote]:
        """The source's quotes."""
        async for quote in self.source.quotes():
            if self._venue.exchange is not None:
                self._venue.exchange.quoted(quote, self._clock.now())
            yield quote

    async def close(self) -> None:
        """Close its source."""
        await self.source.close()

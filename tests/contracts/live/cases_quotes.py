"""Quotes: as they are, with what they are; after a break they come again (L25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contracts.live.desk import PATIENCE, Desk, case

from plimsoll.core.live_venue import LiveQuote, QuoteFeed
from plimsoll.core.venue import Accepted


@asynccontextmanager
async def _subscribed(desk: Desk) -> AsyncIterator[tuple[QuoteFeed, AsyncIterator[LiveQuote]]]:
    """The harness's quotes of its symbol."""
    feed = desk.harness.feed()
    try:
        answer = await feed.subscribe((desk.harness.symbol,))
        assert isinstance(answer, Accepted), answer
        yield feed, feed.quotes()
    finally:
        await feed.close()


async def _next(quotes: AsyncIterator[LiveQuote], bid: float, ask: float) -> LiveQuote:
    """The quote with these prices, where others of before may come first."""
    async with asyncio.timeout(PATIENCE):
        async for quote in quotes:
            if (quote.bid, quote.ask) == (round(bid * 1e12), round(ask * 1e12)):
                return quote
    raise AssertionError("the quotes ended by themselves")


@case
async def a_quote_arrives_as_it_is(desk: Desk) -> None:
    price = desk.harness.price
    async with _subscribed(desk) as (feed, quotes):
        assert feed.health.subscribed
        await desk.server.quote(price - 1, price + 1)
        quote = await _next(quotes, price - 1, price + 1)
        assert (quote.symbol, quote.type) == (desk.harness.symbol, "live") and quote.at > 0
        assert feed.health.heard > 0


@case
async def a_crossed_quote_is_passed_on(desk: Desk) -> None:
    price = desk.harness.price
    async with _subscribed(desk) as (_, quotes):
        await desk.server.quote(price + 2, price - 2)
        quote = await _next(quotes, price + 2, price - 2)
        assert quote.bid > quote.ask


@case
async def a_side_that_is_absent_is_zero(desk: Desk) -> None:
    price = desk.harness.price
    async with _subscribed(desk) as (_, quotes):
        await desk.server.quote(0.0, price + 1)
        assert (await _next(quotes, 0.0, price + 1)).bid == 0


@case
async def a_slow_reader_gets_the_newest_quote(desk: Desk) -> None:
    price = desk.harness.price
    async with _subscribed(desk) as (_, quotes):
        for n in range(50):
            await desk.server.quote(price - 3, price + n + 1)
        await _next(quotes, price - 3, price + 50)


@case
async def quotes_come_again_after_a_break(desk: Desk) -> None:
    price = desk.harness.price
    async with _subscribed(desk) as (feed, quotes):
        await desk.server.quote(price - 1, price + 1)
        await _next(quotes, price - 1, price + 1)
        desk.server.fault("quotes_cut")
        await desk.until(lambda: feed.health.gaps == 1 and feed.health.subscribed, "the quotes again")
        await desk.server.quote(price - 2, price + 2)
        await _next(quotes, price - 2, price + 2)


@case
async def a_feed_that_is_closed_ends(desk: Desk) -> None:
    async with _subscribed(desk) as (feed, quotes):
        reading = asyncio.create_task(anext(quotes, None))
        await asyncio.sleep(0)
        await feed.close()
        async with asyncio.timeout(PATIENCE):
            await reading
        assert not feed.health.subscribed

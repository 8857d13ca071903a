"""Alpaca's quotes: exact, as they are, and with their kind (L25)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal

from aiohttp import web
from tests.contracts.live.alpaca_harness import PACE, Harness
from tests.servers.alpaca_server import KEY, SECRET

from plimsoll.core.live_venue import LiveQuote, VenueAccess
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.venues.alpaca.quotes import ERRORS, AlpacaQuotes
from plimsoll.execution.venues.alpaca.wire import as_price


def play(work: Callable[[Harness, AlpacaQuotes], Awaitable[None]]) -> None:
    async def running() -> None:
        async with Harness() as h:
            await work(h, h.feed())

    asyncio.run(running())


async def until(h: Harness, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await h.clock.sleep(5_000)


async def newest(feed: AlpacaQuotes) -> LiveQuote:
    async with asyncio.timeout(5):
        return await anext(feed.quotes())


def test_the_latest_quote_is_there_before_the_stream_says_anything() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        await h.loopback.quote("BRK.B", 489.123456789012, 489.5)
        assert await feed.subscribe(["BRK-B", "AAPL"]) == Accepted()
        quote = await newest(feed)
        assert (quote.symbol, quote.bid, quote.ask, quote.type) == (
            "BRK-B",
            489123456789012,
            489_500_000_000_000,
            "live",
        )
        assert ("GET", "/v2/stocks/quotes/latest") in h.loopback.requests
        await h.server.quote(190.01, 190.02)
        assert (await newest(feed)).symbol == "AAPL"

    play(work)


def test_prices_that_cannot_be_are_passed_on_or_zero() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        await feed.subscribe(["AAPL"])
        for bid, ask, expected in (
            (-1, 0, (-(10**12), 0)), (None, "NaN", (0, 0)), (191, 190, (191 * 10**12, 190 * 10**12)),
            (True, {}, (0, 0)), (1e-12, 1e40, (1, 0)),
        ):  # fmt: skip
            await h.loopback.quote("AAPL", bid, ask)
            quote = await newest(feed)
            assert (quote.bid, quote.ask) == expected
        await h.loopback.say_data("NaN")
        await h.loopback.say_data(json.dumps([{"T": "t", "S": "AAPL", "p": 1}, {"T": "weather"}]))
        await until(h, lambda: "1 messages could not be read" in feed.health.text)
        assert feed.health.subscribed

    play(work)


def test_errors_have_their_meaning_and_final_ones_are_refusals() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        h.loopback.on.add("symbol_limit")
        answer = await feed.subscribe(["AAPL"])
        assert answer == Refused("RULE", "405: the data stream says: more symbols than the subscription allows")
        h.loopback.mend()
        h.loopback.fault("no_auth")
        answer = await feed.subscribe(["AAPL"])
        assert isinstance(answer, Refused) and answer.reason == "AUTH"
        h.loopback.mend()
        assert await feed.subscribe(["AAPL"]) == Accepted()
        await h.loopback.say_data('[{"T":"error","code":406,"msg":"connection limit exceeded"}]')
        await until(h, lambda: feed.health.gaps == 1)
        await until(h, lambda: feed.health.subscribed)
        assert not feed.health.text

    play(work)
    assert set(range(400, 410)) == set(ERRORS)


def test_every_error_of_the_stream_is_named() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        for code, meaning in ERRORS.items():
            assert feed.message(json.dumps([{"T": "error", "code": code, "msg": "x"}])).endswith(meaning)
        assert feed.message('[{"T":"error","code":599,"msg":"new"}]') == "599: the data stream says: new"

    play(work)


def test_a_subscription_that_is_not_acknowledged_is_unknown() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        h.loopback.on.add("data_silent")
        assert isinstance(await feed.subscribe(["AAPL"]), Unknown)
        h.loopback.mend()
        await feed.subscribe(["AAPL"])
        h.loopback.on.add("data_silent")
        answer = await feed.subscribe(["BRK-B"])
        assert isinstance(answer, Unknown) and "acknowledged" in answer.reason

    play(work)


def test_after_a_break_every_symbol_is_subscribed_again() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        await feed.subscribe(["AAPL"])
        await feed.subscribe(["BRK-B"])
        h.loopback.cut_data()
        await until(h, lambda: feed.health.gaps == 1 and feed.health.subscribed)
        for symbol in ("AAPL", "BRK.B"):
            await h.loopback.quote(symbol, 1, 2)
        assert {(await newest(feed)).symbol, (await newest(feed)).symbol} == {"AAPL", "BRK-B"}

    play(work)


def test_latest_quotes_without_an_answer_are_told_and_the_stream_goes_on() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        async def page(request: web.Request) -> web.Response:
            return web.Response(status=status, text="<html>")

        h.loopback.replaced["/v2/stocks/quotes/latest"] = page
        status = 200
        assert await feed.subscribe(["AAPL"]) == Accepted()
        assert "no answer (UNREADABLE)" in feed.health.text
        status = 500
        assert await feed.subscribe(["BRK-B"]) == Accepted()
        assert "no answer (500)" in feed.health.text
        await h.server.quote(5, 6)
        assert (await newest(feed)).bid == 5 * 10**12

    play(work)


def test_a_symbol_that_is_not_acknowledged_is_named() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        h.loopback.unacknowledged.add("BRK.B")
        answer = await feed.subscribe(["AAPL", "BRK-B"])
        assert answer == Unknown("NOT_SUBSCRIBED: not acknowledged: BRK.B")

    play(work)


def test_the_latest_quote_never_goes_back_behind_the_stream() -> None:
    async def work(h: Harness, feed: AlpacaQuotes) -> None:
        await feed.subscribe(["AAPL"])
        await h.server.quote(190.01, 190.02)
        assert (await newest(feed)).bid == 190_010_000_000_000
        h.loopback.quotes["AAPL"] = {**h.loopback.quotes["AAPL"], "t": "2026-11-24T00:59:00Z", "bp": 1, "ap": 2}
        await h.loopback.quote("BRK.B", 3, 4)
        await feed.subscribe(["BRK-B"])
        assert (await newest(feed)).symbol == "BRK-B"
        await h.server.quote(5, 6)
        assert (await newest(feed)).bid == 5 * 10**12

    play(work)


def test_a_delayed_feed_says_so_and_addresses_follow_from_the_streams() -> None:
    h = Harness()
    access = VenueAccess("", "", "wss://stream.data.alpaca.markets/v2/delayed_sip", KEY, SECRET)
    feed = AlpacaQuotes(access, h.instruments, h.clock, PACE)
    assert (feed._kind, feed._rest, feed._feed) == ("delayed", "https://data.alpaca.markets", "delayed_sip")
    assert AlpacaQuotes(h.access(), h.instruments, h.clock)._kind == "live"


def test_a_price_is_cut_at_twelve_decimals() -> None:
    assert as_price(Decimal("0.0000000000019")) == 1 and as_price(Decimal("-1")) == -(10**12)
    assert as_price(None) == as_price(Decimal("Infinity")) == as_price(Decimal("1e40")) == 0

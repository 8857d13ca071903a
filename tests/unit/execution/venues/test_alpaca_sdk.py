"""Alpaca's official SDK and our adapter see one account: orders, positions, fills, events (X1)."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.contracts.live.alpaca_harness import Harness, session_of
from tests.servers.alpaca_server import KEY, SECRET
from tests.unit.execution.venues.test_alpaca_orders import order, play

from plimsoll.app.live_venues import WallClock, live_venue
from plimsoll.core.errors import InputError
from plimsoll.core.events import VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.venue import Accepted, OrderReport, Refused, Unknown
from plimsoll.execution.venues.alpaca.quotes import AlpacaQuotes
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue


@pytest.fixture
def sdk() -> Iterator[Any]:
    """The SDK's clients; it warns about its own use of its libraries."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield importlib.import_module("alpaca.trading.client").TradingClient


def test_the_official_client_and_ours_see_one_account(sdk: Any) -> None:
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        client = sdk(KEY, SECRET, url_override=h.loopback.url)
        client._retry = 0

        async def ask(name: str, *args: Any) -> Any:
            return await asyncio.to_thread(getattr(client, name), *args)

        ours = await venue.submit(order(lots=5500))
        assert isinstance(ours, Accepted)
        await h.server.fill(order().id, 2.25, 189.49)
        theirs = await ask("get_order_by_client_id", order().id)
        assert (str(theirs.id), theirs.symbol, theirs.qty, theirs.filled_qty) == (ours.venue_id, "AAPL", "5.5", "2.25")
        assert (theirs.side.value, theirs.type.value, theirs.time_in_force.value) == ("buy", "limit", "day")
        request = LimitOrderRequest(
            symbol="BRK.B", qty=3, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=480.5,
            client_order_id="from-the-website",
        )  # fmt: skip
        placed = await ask("submit_order", request)
        h.loopback.account.fill(str(placed.id), Decimal(3), Decimal("480.25"))
        told = await venue.snapshot()
        assert isinstance(told, VenueSnapshot)
        positions = {one.symbol: Decimal(one.qty) for one in await ask("get_all_positions")}
        assert positions == {"AAPL": Decimal("2.25"), "BRK.B": Decimal(3)}
        assert told.positions == {"AAPL": 2250, "BRK-B": 3000}
        account = await ask("get_account")
        assert Decimal(account.cash) * 100 // 1 == told.cash
        assert told.orders == (order().id,)
        assert [str(one.client_order_id) for one in await ask("get_orders")] == list(told.orders)
        rows = await asyncio.to_thread(client.get, "/account/activities/FILL")
        fills = {(f.execution, f.lots, f.price, f.id) for f in told.executions}
        assert fills == {
            (row["id"].split("::")[1], int(Decimal(row["qty"]) * 1000), float(row["price"]),
             order().id if row["order_id"] == ours.venue_id else row["order_id"])
            for row in rows
        }  # fmt: skip
        await ask("cancel_order_by_id", ours.venue_id)
        found = await venue.query(order().id)
        assert isinstance(found, OrderReport) and (found.status, found.filled) == ("CANCELLED", 2250)
        assert (await ask("get_clock")).is_open and (await ask("get_asset", "AAPL")).fractionable

    play(work)


def test_the_official_streams_hear_what_ours_hear(sdk: Any) -> None:
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.stream import TradingStream

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        updates: list[Any] = []
        quotes: list[Any] = []

        async def update(one: Any) -> None:
            updates.append(one)

        async def quote(one: Any) -> None:
            quotes.append(one)

        trading = TradingStream(KEY, SECRET, url_override=h.loopback.stream_url)
        trading.subscribe_trade_updates(update)
        data = StockDataStream(KEY, SECRET, url_override=h.loopback.data_url)
        data.subscribe_quotes(quote, "AAPL")
        tasks = [asyncio.ensure_future(one._run_forever()) for one in (trading, data)]
        feed = h.feed()
        await feed.subscribe(["AAPL"])
        async with asyncio.timeout(5):
            while len(h.loopback._watchers) < 2 or not all(one[2] for one in h.loopback._watchers):
                await h.clock.sleep(5_000)
            while sum(one.listening for one in h.loopback._listeners) < 2:
                await h.clock.sleep(5_000)
            await h.server.quote(189.99, 190.01)
            await venue.submit(order())
            execution = await h.server.fill(order().id, 5.0, 189.5)
            mine = await anext(feed.quotes())
            while len(updates) < 2 or not quotes:
                await h.clock.sleep(5_000)
            async for event in venue.events():
                if isinstance(event, Fill):
                    break
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await trading.close()
        await data.close()
        assert [one.event for one in updates] == ["new", "fill"]
        assert event.execution == execution == str(updates[1].execution_id)
        assert (event.lots, event.price) == (updates[1].qty * 1000, updates[1].price)
        assert (quotes[0].bid_price, quotes[0].ask_price) == (mine.bid / 1e12, mine.ask / 1e12)

    play(work)


def test_no_key_or_secret_is_told_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    said: list[object] = []

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        feed = h.feed()
        said.extend([await feed.subscribe(["AAPL"]), await venue.submit(order()), repr(h.access()), repr(vars(venue))])
        for number, fault in enumerate(("no_auth", "unknown_error", "stream_silent", "down")):
            h.loopback.fault(fault)
            said.extend([await venue.submit(order(number + 1)), await venue.snapshot(), await h.venue().connect(0)])
            said.extend([await h.feed().subscribe(["AAPL"]), venue.health, feed.health])
            h.loopback.mend()
        h.loopback.push({"stream": KEY + SECRET, "data": {}})
        await h.loopback.say_data(f'[{{"T":"error","code":999,"msg":"{SECRET} {KEY}"}}]')
        await h.clock.sleep(50_000)
        said.extend([venue.health, feed.health])

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("plimsoll").setLevel(logging.DEBUG)
        play(work)
    text = "".join(map(repr, said)) + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert SECRET not in text and KEY not in text


def test_no_redirection_is_followed() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def elsewhere(request: web.Request) -> web.Response:
            scheme = "ws" if request.path == "/v2/iex" else "http"
            return web.Response(status=307, headers={"Location": f"{scheme}://127.0.0.1:{h.loopback.port}/elsewhere"})

        for path in ("/v2/account", "/v2/orders", "/v2/iex"):
            h.loopback.replaced[path] = elsewhere
        assert isinstance(await venue.snapshot(), Unknown)
        assert isinstance(await venue.submit(order()), Unknown)
        assert isinstance(await h.feed().subscribe(["AAPL"]), Unknown)
        assert not [path for _, path in h.loopback.requests if path == "/elsewhere"]

    play(work)


def test_an_official_client_with_wrong_keys_is_refused_like_ours(sdk: Any) -> None:
    from alpaca.common.exceptions import APIError

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        with pytest.raises(APIError, match="not authorized"):
            await asyncio.to_thread(sdk("x", "y", url_override=h.loopback.url).get_account)
        h.loopback.fault("no_auth")
        assert isinstance(await h.venue().connect(0), Refused)

    play(work)


def test_the_maker_makes_both_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    h = Harness()
    venue, feed = live_venue("alpaca")(h.access(), h.instruments, WallClock(), session_of)
    assert isinstance(venue, AlpacaVenue) and isinstance(feed, AlpacaQuotes)
    assert venue.rules.name == "alpaca" and venue.rules.takes and not venue.health.subscribed
    for name in [name for name in sys.modules if name.startswith("plimsoll.execution.venues.alpaca")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(InputError, match="libraries that are not installed") as error:
        live_venue("alpaca")(h.access(), h.instruments, WallClock(), session_of)
    assert "plimsoll[live]" in str(error.value.remedy)

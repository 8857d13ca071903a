"""Orders at Alpaca, through the real HTTP stack and a server that shares no code (X2, L12, L15-L17, L28)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import product
from typing import Any, get_args

import pytest
from aiohttp import ClientSession, web
from tests.contracts.live.alpaca_harness import Harness, SteppedClock
from tests.servers.alpaca_server import KEY, SECRET

from plimsoll.core.order import Order, OrderType, TimeInForce, client_id
from plimsoll.core.venue import Absent, Accepted, Combination, OrderReport, Refused, Unknown
from plimsoll.execution.refusals import refusal, table
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue

Work = Callable[[Harness, AlpacaVenue], Awaitable[None]]


def play(work: Work, **harness: Any) -> None:
    """Do something with a connected adapter."""

    async def connected() -> None:
        async with Harness(**harness) as h:
            venue = h.venue()
            assert await venue.connect(h.clock.now()) == Accepted()
            await work(h, venue)

    asyncio.run(connected())


def order(number: int = 0, **parts: Any) -> Order:
    symbol = parts.pop("symbol", "AAPL")
    known = {"lots": 5000, "type": "limit", "limit": 189.5, "time_in_force": "day"} | parts
    id = client_id("account", "2026-11-24", symbol, "buy", number)
    return Order(id, "2026-11-24", symbol, reduce_only=False, reference=190.0, **known)


def test_an_order_is_one_order_however_often_it_is_submitted() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        first, again = await venue.submit(order()), await venue.submit(order())
        [placed] = h.loopback.account.book.values()
        assert first == again == Accepted(placed.id)
        assert (placed.client_id, placed.symbol, placed.side, placed.quantity) == (order().id, "AAPL", "buy", 5)
        assert (placed.type, placed.tif, placed.limit, placed.stop) == ("limit", "day", "189.5", None)
        assert await venue.query(order().id) == OrderReport(order().id, "ACCEPTED", 0, placed.id)

    play(work)


@pytest.mark.parametrize("fault", ["no_answer", "unknown_error", "not_json", "empty_answer"])
def test_an_order_that_the_venue_may_have_is_unknown_and_sent_once(fault: Any) -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault(fault)
        assert isinstance(await venue.submit(order()), Unknown)
        assert isinstance(await venue.query(order().id), OrderReport)
        assert isinstance(await venue.submit(order()), Accepted), "what was sent is asked for"
        assert h.loopback.posts == 1

    play(work)


def test_an_order_that_never_arrived_is_absent_only_after_a_second_look() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("lost")
        assert await venue.submit(order()) == Unknown("NO_ANSWER")
        assert isinstance(h.clock, SteppedClock)
        answer = asyncio.ensure_future(venue.query(order().id))
        asked = [("GET", "/v2/orders:by_client_order_id")]
        async with asyncio.timeout(5):
            while h.loopback.requests[-1:] != asked:
                await asyncio.sleep(0.002)
        for _ in range(9):
            await h.clock.step(1)
            await asyncio.sleep(0.002)
        assert not answer.done() and h.loopback.requests[-2:-1] != asked, "it may still be on its way"
        await h.clock.step(1)
        assert await answer == Absent()
        assert [r for r in h.loopback.requests if "client" in r[1]] == asked * 2
        assert h.loopback.posts == 1

    play(work, clock=SteppedClock())


def test_an_order_that_is_not_visible_for_a_moment_is_not_absent() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())
        [placed] = h.loopback.account.book.values()
        h.loopback.hidden.add(placed.id)
        h.loopback.after_read = lambda path: h.loopback.hidden.clear()
        assert await venue.query(order().id) == OrderReport(order().id, "ACCEPTED", 0, placed.id)

    play(work)


def test_without_the_stream_nothing_is_absent() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("stream_silent")
        await asyncio.sleep(0)
        h.loopback.fault("stream_cut")
        while venue.health.subscribed:
            await h.clock.sleep(1000)
        assert isinstance(await venue.query(order().id), Unknown)

    play(work)


def test_busy_is_refused_with_a_class_that_may_be_retried_and_waits_as_the_venue_says() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("busy")
        answer = await venue.submit(order())
        assert isinstance(answer, Refused) and answer.reason == "RATE"
        assert refusal("alpaca", answer.text.partition(":")[0]).retry
        assert isinstance(await venue.submit(order()), Accepted), "it was not taken, so it may be sent again"
        h.loopback.retry_after = "7"
        h.loopback.fault("busy")
        await venue.submit(order(1))
        count = len(h.loopback.requests)
        stopped = await venue.submit(order(2))
        assert isinstance(stopped, Refused) and "7 s" in stopped.text and len(h.loopback.requests) == count

    play(work)


def test_only_alpacas_own_words_say_that_an_order_is_not_there() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def page(request: web.Request) -> web.Response:
            return web.Response(status=status, text=text)

        for path in ("/v2/orders:by_client_order_id", "/v2/orders"):
            h.loopback.replaced[path] = page
        for number, (status, text) in enumerate(PAGES):
            answer = await venue.query(order(number).id)
            assert isinstance(answer, Unknown), (status, text, answer)
        status, text = 403, "<html>blocked</html>"
        assert isinstance(await venue.submit(order()), Unknown), "a proxy's page does not say that it was not passed on"
        status, text = 302, ""
        assert isinstance(await venue.submit(order(1)), Unknown)
        assert not h.loopback.account.book

    play(work)


PAGES = [
    (404, "<html>nothing here</html>"),
    (404, ""),
    (404, "{}"),
    (404, '{"message": "no route matched"}'),
    (200, "{}"),
]


def test_an_answer_of_another_order_is_none() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def other(request: web.Request) -> web.Response:
            body = await request.json()
            told = h.loopback.account.checked(body).json() | changed
            return web.json_response(told)

        h.loopback.replaced["/v2/orders"] = other
        wrong: list[dict[str, object]] = [
            {"client_order_id": "x"}, {"symbol": "BRK.B"}, {"side": "sell"}, {"qty": "5.0005"},
            {"qty": "4"}, {"qty": None},
        ]  # fmt: skip
        for number, changed in enumerate(wrong):
            answer = await venue.submit(order(number))
            assert isinstance(answer, Unknown) and "ANSWER_DIFFERS" in answer.reason, changed
        changed = {"status": "rejected"}
        assert await venue.submit(order(9)) == Refused("VENUE_REJECTED", "Alpaca rejected the order")
        changed = {"qty": 5, "status": "filled"}
        assert isinstance(await venue.submit(order(10)), Accepted)

    play(work)


def test_an_answer_that_never_ends_is_none() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse()
            await answer.prepare(request)
            while not h.loopback.ended:
                await answer.write(b" ")
                await asyncio.sleep(0.05)
            return answer

        h.loopback.replaced["/v2/orders"] = endless
        async with asyncio.timeout(5):
            assert await venue.submit(order()) == Unknown("NO_ANSWER")

    play(work)


def test_an_order_of_before_is_absent_only_after_a_second_look_too() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        assert isinstance(h.clock, SteppedClock)
        answer = asyncio.ensure_future(venue.query(order().id))
        async with asyncio.timeout(5):
            while not h.loopback.requests[-1][1].endswith("client_order_id"):
                await asyncio.sleep(0.002)
        for _ in range(4):
            await h.clock.step(1)
            await asyncio.sleep(0.005)
        assert not answer.done()
        await h.clock.step(1)
        assert await answer == Absent()

    play(work, clock=SteppedClock())


def test_a_duplicate_is_evidence_that_the_first_arrived() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())
        other = h.venue()  # a process started again, which does not know that it was sent
        await other.connect(0)
        assert await other.submit(order()) == Accepted(next(iter(h.loopback.account.book)))
        assert h.loopback.posts == 2 and len(h.loopback.account.book) == 1

    play(work)


def test_an_id_that_another_order_has_is_unknown() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())
        other = h.venue()
        await other.connect(0)
        answer = await other.submit(order(lots=4000))
        assert isinstance(answer, Unknown) and "another order" in answer.reason

    play(work)


def test_every_refusal_of_the_table_is_told_as_it_says() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        for number, row in enumerate(table("alpaca")):
            await h.server.refuse_next(row.code, f"Words, {row.text.title()} and more")
            answer = await venue.submit(order(number))
            if row.cls in ("OUTCOME_UNKNOWN", "DUPLICATE"):
                assert isinstance(answer, Unknown), row
            else:
                assert isinstance(answer, Refused) and answer.reason == row.cls, (row, answer)
                assert answer.text.startswith(f"{row.code}: Words")
            assert not row.retry or row.cls in ("RATE", "BUSY")
            assert h.loopback.posts == number + 1

    play(work)


UNLISTED = [("42219999", "something new"), ("42210000", "words nobody knows"), ("418", "a teapot")]


def test_a_refusal_that_is_not_listed_is_never_retried() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        for number, (code, text) in enumerate(UNLISTED):
            await h.server.refuse_next(code, text)
            answer = await venue.submit(order(number))
            assert isinstance(answer, Refused) and answer.reason == "UNKNOWN_REFUSAL" and answer.text.startswith(code)
            assert h.loopback.posts == number + 1

    play(work)


def test_a_server_error_is_unknown_whatever_its_body_says() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await h.server.refuse_next("59910000", "insufficient buying power")
        assert isinstance(await venue.submit(order()), Unknown)

    play(work)


def test_a_quantity_held_by_orders_names_them() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.account.held["AAPL"], h.loopback.account.marks["AAPL"] = Decimal(8), Decimal(190)
        await venue.submit(order(0, lots=-8000))
        [resting] = h.loopback.account.book
        answer = await venue.submit(order(1, lots=-5000))
        assert isinstance(answer, Refused) and answer.reason == "HELD"
        assert "held_for_orders 8" in answer.text and resting in answer.text

    play(work)


FORBIDDEN = {
    "TICK": [
        order(limit=189.505), order(limit=1.0001), order(limit=0.99995), order(type="stop", limit=None, stop=1.005)
    ],
    "PRICE": [
        order(limit=None), order(limit=float("nan")), order(limit=-1.0), order(limit=1e30),
        order(type="stop", limit=None),
    ],
    "ORDER_KIND": [
        order(lots=5500, time_in_force="gtc"), order(lots=5500, time_in_force="opg"),
        order(type="stop", limit=None, stop=180.0, time_in_force="ioc"),
        order(symbol="BTC-USD", lots=1000, limit=60_000.0), order(symbol="BTC-USD", lots=1000, type="stop", stop=5e4,
        time_in_force="gtc"),
    ],
    "NOT_FRACTIONABLE": [order(symbol="WHOLE", lots=5500)],
    "NOT_TRADABLE": [order(symbol="HALTED")],
    "NOT_SHORTABLE": [
        order(symbol="BTC-USD", lots=-1000, limit=60_000.0, time_in_force="gtc"), order(lots=-5500),
    ],
    "UNKNOWN_SYMBOL": [order(symbol="NOWHERE"), order(symbol="SPY")],
    "NOTIONAL_MIN": [order(lots=5, limit=189.5)],
}  # fmt: skip


def test_our_filters_refuse_before_the_wire_and_name_themselves() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        for name, orders in FORBIDDEN.items():
            for one in orders:
                answer = await venue.submit(one)
                assert isinstance(answer, Refused), one
                assert name in (answer.reason, answer.text.partition(":")[0]), (one, answer)
        assert h.loopback.posts == 0

    play(work)


def test_the_tick_is_that_of_the_orders_own_price() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        prices = (0.9999, 1.0, 1.01, 189.5, 0.0001)
        for number, price in enumerate(prices):
            assert isinstance(await venue.submit(order(number, limit=price)), Accepted), price
        assert [one.limit for one in h.loopback.account.book.values()] == ["0.9999", "1.0", "1.01", "189.5", "0.0001"]

    play(work)


def test_orders_for_the_auctions_are_taken_at_their_hours() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        opening = order(time_in_force="opg", type="market", limit=None)
        assert isinstance(await venue.submit(opening), Accepted)
        h.clock._began -= 18 * 3600  # 14:00 the next day
        refused = await venue.submit(order(1, time_in_force="opg", type="market", limit=None))
        assert refused == Refused("SESSION", "opg orders are taken from 19:00 to 09:28 New York time")
        assert isinstance(await venue.submit(order(2, time_in_force="cls")), Accepted)
        h.clock._began -= 2 * 3600
        assert isinstance(await venue.submit(order(3, time_in_force="cls")), Refused)

    play(work)


def test_symbols_and_fractions_are_spelt_as_alpaca_does() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        crypto = order(1, symbol="BTC-USD", lots=12_345, limit=60_000.5, time_in_force="gtc")
        for one in (order(symbol="BRK-B", lots=-1), order(symbol="BRK-B", lots=250), crypto):
            await venue.submit(one)
        placed = [(o.symbol, o.quantity, o.side) for o in h.loopback.account.book.values()]
        assert placed == [("BRK.B", Decimal("0.25"), "buy"), ("BTC/USD", Decimal("1.2345"), "buy")]

    play(work)


def test_a_cancellation_is_a_request_and_an_ended_order_says_so() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        answer = await venue.submit(order())
        assert await venue.cancel(order().id) == answer
        gone = await venue.cancel(order().id)
        assert isinstance(gone, Refused) and gone.reason == "GONE"
        assert isinstance(await venue.cancel(order(1).id), Refused), "never there"
        other = h.venue()  # which has to ask for the venue's id first
        await other.connect(0)
        await venue.submit(order(2))
        assert isinstance(await other.cancel(order(2).id), Accepted)
        assert h.loopback.cancels == 3

    play(work)


def test_no_connection_is_unknown_and_wrong_keys_are_refused() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("no_auth")
        for answer in (await venue.submit(order()), await h.venue().connect(0), await venue.cancel(order().id)):
            assert isinstance(answer, Refused) and answer.reason == "AUTH" and SECRET not in answer.text
        h.loopback.mend()
        h.loopback.fault("down")
        assert isinstance(await venue.submit(order(1)), Unknown)
        assert isinstance(await h.venue().connect(0), Unknown)

    play(work)


def test_an_account_that_may_not_trade_sends_nothing() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.account.more = {"trading_blocked": True}
        other = h.venue()
        assert await other.connect(0) == Accepted()
        assert await other.submit(order()) == Refused("RULE", "ACCOUNT: the account is not allowed to trade")
        assert not other.rules.takes and "not allowed to trade" in other.health.text
        assert await h.venue().submit(order()) == Refused("NOT_CONNECTED", "the order rules are not known yet")
        assert h.loopback.posts == 0

    play(work)


def test_the_server_takes_what_our_rules_take_and_nothing_else() -> None:
    """Type by time in force by kind by fraction, every cell, at a server with its own idea of them (L16)."""

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        keys = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
        taken = set()
        async with ClientSession(headers=keys) as session:
            for type, tif, symbol, quantity in product(
                get_args(OrderType), get_args(TimeInForce), ("AAPL", "BTC/USD"), ("2", "1.5")
            ):
                body = {"symbol": symbol, "qty": quantity, "side": "buy", "type": type, "time_in_force": tif}
                async with session.post(h.loopback.url + "/v2/orders", json=body) as answer:
                    told = await answer.json()
                    kinds = ("crypto",) if "/" in symbol else ("stock", "fund")
                    if answer.status == 200:
                        taken |= {Combination(type, tif, kind, quantity == "1.5") for kind in kinds}
                    else:
                        row = refusal("alpaca", str(told["code"]), told["message"])
                        assert row.cls == "FILTER", told
        assert taken == venue.rules.takes

    play(work)


def test_rules_are_data_by_symbol_and_are_read_again_with_a_new_session() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        rules = venue.rules
        assert (rules.lots_min, rules.lots_step) == ({"BTC-USD": 1}, {"WHOLE": 1000})
        assert rules.ticks == {"": ((0, 10**8), (10**12, 10**10)), "BTC-USD": ((0, 5 * 10**11),)}
        h.loopback.account.assets["AAPL"]["tradable"] = False
        await venue.snapshot()
        await venue.submit(order())
        assert h.loopback.posts == 1, "in the same session it is the venue that refuses"
        h.clock._began -= 24 * 3600
        await venue.snapshot()
        answer = await venue.submit(order(1))
        assert isinstance(answer, Refused) and answer.text.startswith("NOT_TRADABLE")
        assert h.loopback.posts == 1

    play(work)


def test_the_sizes_of_coins_are_filters() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.account.assets["BTC/USD"] |= {"min_order_size": "0.00105", "min_trade_increment": "0.0005"}
        other = h.venue()
        await other.connect(0)
        assert (other.rules.lots_min["BTC-USD"], other.rules.lots_step["BTC-USD"]) == (11, 5)
        for lots, name in ((10, "LOTS_MIN"), (11, "LOTS_STEP"), (15, "")):
            coins = order(lots, symbol="BTC-USD", lots=lots, limit=60_000.0, time_in_force="gtc")
            answer = await other.submit(coins)
            assert answer.text.startswith(name + ":") if isinstance(answer, Refused) else not name

    play(work)

"""The parts of the adapter by themselves: wire samples, the table of refusals, filters, clock, budget, secrets."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from tests.contracts.live.binance_harness import BITCOIN, Harness
from tests.servers.binance_server import KEY, SECRET
from tests.unit.execution.venues.test_binance_spot import order, run

from plimsoll.app.live_venues import live_venue
from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.venue import Accepted, Combination, Unknown
from plimsoll.execution.refusals import refusal, table
from plimsoll.execution.venues.binance.budget import Budget
from plimsoll.execution.venues.binance.client import BinanceClient
from plimsoll.execution.venues.binance.filters import Intended, broken, parsed_filters
from plimsoll.execution.venues.binance.listing import exchange_info, fee_of, fill_of, listings, venue_rules
from plimsoll.execution.venues.binance.server_time import ServerTime
from plimsoll.execution.venues.binance.spot import Spot
from plimsoll.execution.venues.binance.venue import BinanceVenue
from plimsoll.execution.venues.binance.wire import order_row, order_rows, spot_trades

NEW = """{"subscriptionId": 0, "event": {"e": "executionReport", "E": 1499405658658, "s": "ETHBTC",
 "c": "mUvoqJxFIILMdfAW5iGSOW", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "0.10264410",
 "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153,
 "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": null, "T": 1499405658657, "t": -1, "v": 3,
 "I": 8641984, "w": true, "m": false, "M": false, "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000",
 "Q": "0.00000000", "W": 1499405658657, "V": "NONE"}}"""
TRADE = """{"e": "executionReport", "E": 1709654401000, "s": "ETHUSDT", "c": "x-TD67BGP9-T0000000000000", "S": "BUY",
 "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "2500.00000000", "P": "0.00000000", "x": "TRADE", "X": "FILLED",
 "r": "NONE", "i": 12345678, "l": "1.00000000", "z": "1.00000000", "L": "2500.00000000", "n": "0.00100000", "N": "ETH",
 "T": 1709654401000, "t": 98765432, "w": false, "m": true, "O": 1709654400000, "Z": "2500.00000000", "C": ""}"""
POSITION = """{"subscriptionId": 0, "event": {"e": "outboundAccountPosition", "E": 1564034571105, "u": 1564034571073,
 "B": [{"a": "ETH", "f": "10000.000000", "l": "0.000000"}]}}"""
ACK = b"""{"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
 "transactTime": 1507725176595}"""
CANCEL = b"""{"symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
 "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, "price": "2.00000000", "origQty": "1.00000000",
 "executedQty": "0.00000000", "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY"}"""
INFO = {
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}],
    "symbols": [{
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
             "tickSize": "0.01000000"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 5},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": True, "avgPriceMins": 5},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "112.21108820",
             "stepSize": "0.00000000"},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_POSITION", "maxPosition": "10"},
        ],
    }],
}  # fmt: skip


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1_000_000_000

    def now(self) -> int:
        return self.at

    def steady(self) -> int:
        return self.at

    async def sleep(self, micros: int) -> None:
        self.at += micros


def test_samples_of_the_wire_are_read() -> None:
    new, trade = Spot().report(NEW.encode()), Spot().report(TRADE.encode())
    assert new is not None and trade is not None and trade.trade is not None and new.trade is None
    assert (new.client_id, new.kind, new.order_id, new.quantity) == ("mUvoqJxFIILMdfAW5iGSOW", "NEW", 4293153, 1)
    made = trade.trade
    assert (made.id, made.quantity, made.price, made.value, made.fee) == (
        98765432, 1, 2500, 2500, Decimal("0.001"),
    )  # fmt: skip
    assert Spot().report(POSITION.encode()) is None
    assert order_row(ACK).order_id == 28 and order_row(CANCEL).orig_client_order_id == "myOrder1"
    ether = Instrument("ETH-USD", "crypto", "24/7", lots_per_unit=10**6, aliases={"binance": "ETHUSDT"})
    told = msgspec.json.encode(INFO).replace(b"BTC", b"ETH")
    listing = listings([ether], exchange_info(told))[0]["ETH-USD"]
    fill, fee = (
        fill_of(listing, made, trade.client_id, "2024-03-05"),
        fee_of(listing, made, "2024-03-05", {"ETH": listing}),
    )
    assert fill is not None and fee is not None
    assert (fill.lots, fill.notional, fill.commission, fill.execution) == (10**6, 250_000, 0, "98765432")
    apart = fee_of(listing, made, "2024-03-05", {})
    assert apart is not None and (apart.currency, apart.amount, apart.symbol) == ("ETH", 10**9, "")
    other = fee_of(listing, made, "2024-03-05", {"ETH": msgspec.structs.replace(listing, symbol="ETH-EUR")})
    assert other is not None and (other.of, other.symbol) == ("ETHUSDT 98765432", "ETH-EUR")
    assert (fee.of, fee.currency, fee.amount, fee.symbol) == ("98765432", "ETH", 10**9, "ETH-USD")


def test_a_cancellation_has_the_id_of_its_order() -> None:
    told = json.loads(NEW)["event"] | {"c": "of-the-cancellation", "C": "of-the-order", "x": "CANCELED"}
    assert Spot().report(json.dumps(told).encode()).client_id == "of-the-order"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"symbol": 1}', b"\xff", b'[{"id": 1}]'])
def test_what_is_no_answer_is_none(body: bytes) -> None:
    assert order_row(body) is None
    assert not order_rows(body) and not spot_trades(body) and exchange_info(body) is None


def test_rules_are_data_from_the_venues_own_description() -> None:
    found, wrong = listings([BITCOIN], exchange_info(msgspec.json.encode(INFO)))
    rules = venue_rules("binance", found)
    assert wrong == "" and rules.lots_min == {"BTC-USD": 1000} == rules.lots_step
    assert rules.notional_min == {"BTC-USD": 1000} and rules.ticks == {"BTC-USD": ((0, 10**10),)}
    kinds = {(one.type, one.time_in_force) for one in rules.takes}
    assert kinds == {
        ("market", "day"), ("market", "ioc"), ("market", "gtc"), ("limit", "gtc"), ("limit", "ioc"), ("limit", "fok"),
        ("stop_limit", "gtc"),
    }  # fmt: skip
    assert Combination("market", "opg", "crypto") not in rules.takes


@pytest.mark.parametrize(
    ("instrument", "named"),
    [
        ({"aliases": {"binance": "XYZUSDT"}}, "lists no XYZUSDT"),
        ({"lots_per_unit": 10_000}, "the step 0.00001 of BTCUSDT is no whole number of its lots of 0.0001"),
        ({"aliases": {}}, "no instrument has an alias"),
    ],
)
def test_a_symbol_that_cannot_be_traded_is_named(instrument: dict, named: str) -> None:
    one = msgspec.structs.replace(BITCOIN, **instrument)
    assert named in listings([one], exchange_info(msgspec.json.encode(INFO)))[1]


@pytest.mark.parametrize(
    ("intended", "named"),
    [
        ({}, ""),
        ({"price": "59999.999"}, "PRICE_FILTER"),
        ({"price": "0"}, "PRICE_FILTER"),
        ({"price": "1000000.01"}, "PRICE_FILTER"),
        ({"price": "300000.01"}, "PERCENT_PRICE_BY_SIDE"),
        ({"price": "300000.00"}, ""),
        ({"price": "11999.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({"stop": "11999.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000015"}, "LOT_SIZE"),
        ({"quantity": "0.00000"}, "LOT_SIZE"),
        ({"quantity": "9000.00001", "buys": False}, "LOT_SIZE"),
        ({"quantity": "112.21109", "price": None}, "MARKET_LOT_SIZE"),
        ({"quantity": "0.00016"}, "NOTIONAL"),
        ({"quantity": "0.00016", "price": None}, "NOTIONAL"),
        ({"quantity": "0.00017"}, ""),
        ({"open": 200}, "MAX_NUM_ORDERS"),
        ({"stop": "60000", "algo": 5}, "MAX_NUM_ALGO_ORDERS"),
        ({"held": "9.9995"}, "MAX_POSITION"),
        ({"held": "9.9995", "buys": False}, ""),
    ],
)
def test_each_filter_at_its_edge(intended: dict, named: str) -> None:
    given = {"buys": True, "quantity": "0.001", "price": "60000", "average": "60000", **intended}
    exact = {n: Decimal(v) if isinstance(v, str) else v for n, v in given.items()}
    told = broken(parsed_filters(INFO["symbols"][0]["filters"]), Intended(**exact))
    assert told.partition(":")[0] == named


def test_every_refusal_has_a_sentence_and_is_found_by_its_words() -> None:
    rows = table("binance")
    for row in rows:
        assert row.sentence and row.text == row.text.lower()
        assert refusal("binance", row.code, f"The venue says {row.text.upper()}!") == row
        assert not row.retry or row.cls in ("RATE", "BUSY", "CLOCK")
    for before, after in pairwise(rows):  # a row without words stands behind those of its code that have some
        assert before.code != after.code or before.text
    assert refusal("binance", "-424242", "?").cls == "UNKNOWN_REFUSAL"


ROWS = [row for row in table("binance") if row.cls not in ("GONE", "DUPLICATE", "OUTCOME_UNKNOWN")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code} {row.text}")
def test_every_row_has_a_case_at_the_server(row: object) -> None:
    """Each refusal reaches the caller as its class, from one request."""

    async def work(h: Harness, venue: BinanceVenue) -> None:
        await h.server.refuse_next(row.code, f"Venue: {row.text}.")
        answer = await venue.submit(order())
        assert answer.reason == row.cls and h.server.posts == 1

    run(work)


@pytest.mark.parametrize("code", [r.code for r in table("binance") if r.cls == "OUTCOME_UNKNOWN"])
def test_every_unknown_outcome_is_unknown(code: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await h.server.refuse_next(code, "")
        assert await venue.submit(order()) == Unknown(code)

    run(work)


@pytest.mark.parametrize("there", [0, 100_000, 1_000_000, 1_900_000])
@pytest.mark.parametrize("back", [0, 100_000, 1_000_000, 1_900_000])
def test_the_estimate_is_never_a_second_ahead(there: int, back: int) -> None:
    """However unequal the ways to the venue and back are: a request is stamped before it travels."""
    clock, skew = Hands(), 7_000_000
    time = ServerTime(clock)
    sent = clock.at
    told = (sent + there + skew) // 1000
    clock.at += there + back
    time.estimate([(sent, clock.at, told), (sent, clock.at + 1, told)])
    ahead = time.now() - (clock.at + skew)
    assert -max(2000, back) <= ahead < 1_000_000
    assert not time.old
    clock.at += 601 * 1_000_000
    assert time.old


def test_a_wider_window_is_a_mistake_of_the_configuration() -> None:
    access = VenueAccess("http://127.0.0.1:1", "", key="k", secret="s")
    assert BinanceClient(access, Hands(), "binance", "/t").window == 5000
    for window in (5001, 60_000, 0):
        with pytest.raises(InputError, match="recvWindow"):
            BinanceClient(access, Hands(), "binance", "/t", window)


def test_a_ban_lasts_as_long_as_the_venue_says() -> None:
    clock = Hands()
    budget = Budget(clock)
    budget.limit = 1000
    budget.note(200, {"X-MBX-USED-WEIGHT-1M": "799"})
    assert budget.allows("order")
    budget.note(200, {"x-mbx-used-weight-1m": "800"})
    assert not budget.allows("order") and budget.allows("cancel")
    clock.at += 60_000_000
    assert budget.allows("read")
    budget.note(418, {"retry-after": "300"})
    clock.at += 299_000_000
    assert not budget.allows("cancel")
    clock.at += 1_000_000
    assert budget.allows("cancel")


def test_no_secret_is_in_any_log_error_text_or_address(caplog: pytest.LogCaptureFixture) -> None:
    said: list[object] = []

    async def work(h: Harness, venue: BinanceVenue) -> None:
        for fault in ("unknown_error", "not_json", "no_auth", "down"):
            h.server.fault(fault)
            said.extend([await venue.submit(order(f"{fault:x<32}")), await venue.snapshot(), venue.health])
            if fault == "no_auth":
                said.append(await h.venue().connect(0))
                h.server.mend()
        said.extend([venue, h.access(), venue._client, venue._stream])
        assert not any(KEY in url or SECRET in url for url in h.server.urls)

    caplog.set_level(logging.DEBUG)
    with caplog.at_level(logging.DEBUG, "websockets"), caplog.at_level(logging.DEBUG, "httpcore"):
        run(work)
    ours = [r for r in caplog.records if not r.name.startswith("aiohttp")]  # the server's log of its own requests
    whole = "\n".join([*map(repr, said), *map(str, said), *(r.getMessage() for r in ours)])
    assert said and not any(word in whole for word in (KEY, SECRET, "signature="))


def test_the_venue_is_made_by_its_name() -> None:
    async def work() -> None:
        access = VenueAccess("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1", KEY, SECRET, 0.2)
        venue, feed = live_venue("binance")(access, {BITCOIN.symbol: BITCOIN}, Hands(), lambda _: "2026-01-01")
        assert not isinstance(await venue.connect(0), Accepted)
        await venue.close()
        await feed.close()

    asyncio.run(work())
    with pytest.raises(InputError):
        live_venue("nowhere")


def test_what_is_below_a_lot_is_told_apart() -> None:
    listing = listings([BITCOIN], exchange_info(msgspec.json.encode(INFO)))[0]["BTC-USD"]
    coarse = msgspec.structs.replace(listing, lot=Decimal("0.00001"))
    assert coarse.lots(Decimal("0.000019")) == (1, Decimal("0.000009"))
    assert coarse.lots(Decimal("-0.000019")) == (-1, Decimal("-0.000009"))
    made = Spot().report(TRADE.replace("ETH", "BTC").replace('"l": "1.00000000"', '"l": "0.00001900"').encode()).trade
    assert fill_of(coarse, made, "o", "d") is None and fill_of(listing, made, "o", "d").lots == 1900

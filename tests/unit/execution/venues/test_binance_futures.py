"""USD-M futures: positions that cost no cash, reductions, funding, and a stream behind a key that others share."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.contracts.live.binance_futures_harness import UNIT, Harness
from tests.unit.core.test_fees import flat
from tests.unit.execution.venues.test_binance_spot import ID, heard
from tests.unit.execution.venues.test_binance_stream import until

from plimsoll.core.events import FeeReported, OrderAccepted, OrderCancelled, VenueSnapshot
from plimsoll.core.order import Fill, Order
from plimsoll.core.state import apply
from plimsoll.core.venue import Accepted, Refused
from plimsoll.execution.oms import believed
from plimsoll.execution.reconcile import reconciled
from plimsoll.execution.refusals import table
from plimsoll.execution.venues.binance.futures import Futures
from plimsoll.execution.venues.binance.venue import BinanceVenue
from plimsoll.execution.venues.binance.wire import futures_trades

TRADE = """{"e": "ORDER_TRADE_UPDATE", "T": 1568879465651, "E": 1568879465651, "o": {"s": "BTCUSDT", "c": "TEST",
 "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.001", "p": "7100.50", "ap": "7100.50", "sp": "0", "x": "TRADE",
 "X": "PARTIALLY_FILLED", "i": 8886774, "l": "0.001", "z": "0.001", "L": "7100.50", "N": "USDT", "n": "0.01000000",
 "T": 1568879465651, "t": 12345678, "b": "0", "a": "0", "m": true, "R": false, "wt": "CONTRACT_PRICE", "ot": "LIMIT",
 "ps": "LONG", "cp": false, "AP": "0", "cr": "0", "pP": false, "si": 0, "ss": 0, "rp": "12.34", "V": "EXPIRE_TAKER"}}"""


def order(id: str = ID, units: float = 0.01, **changed: object) -> Order:
    given = {"type": "limit", "limit": 60000.0, "time_in_force": "gtc", "reduce_only": False, **changed}
    return Order(id, "2026-01-02", "BTC-PERP", round(units * UNIT), reference=60000.0, **given)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Harness, BinanceVenue]]:
    async with Harness() as harness:
        venue = harness.venue()
        assert isinstance(await venue.connect(harness.server.now * 1000 - 60_000_000), Accepted)
        yield harness, venue


def run(work: Callable) -> None:
    async def whole() -> None:
        async with connected() as both:
            await work(*both)

    asyncio.run(whole())


def test_the_sample_of_the_wire_is_read() -> None:
    report = Futures().report(TRADE.encode())
    assert report is not None and report.trade is not None
    assert (report.client_id, report.status, report.executed) == ("TEST", "PARTIALLY_FILLED", Decimal("0.001"))
    assert (report.trade.id, report.trade.value, report.trade.fee) == (
        12345678, Decimal("7.1005"), Decimal("0.01"),
    )  # fmt: skip
    assert Futures().report(json.dumps({"e": "ACCOUNT_UPDATE", "a": {}}).encode()) is None
    with pytest.raises(Exception, match="missing required field"):
        Futures().report(b'{"e": "ORDER_TRADE_UPDATE", "o": {}}')
    assert futures_trades(b"{}") is None


@pytest.mark.parametrize("asset", ["USDT", "BNB"])
def test_the_books_are_the_venues_through_a_long_a_short_and_funding(asset: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.account.balances["BNB"] = Decimal(1)
        h.server.account.fee = (Decimal("0.0005"), asset)
        state = replace(flat(), symbols=("BTC-PERP",))
        await venue.submit(order())
        await h.server.fill(ID, 0.003, 60_001.3)
        await h.server.fill(ID, 0.007, 59_998.7)
        await venue.submit(order("b" * 32, -0.025, limit=60_500.0))
        await h.server.fill("b" * 32, 0.025, 60_511.9)
        h.server.fund("-0.37512345")
        h.server.fund("0.10000001")
        for event in await heard(venue, 5 if asset == "USDT" else 8):
            if not isinstance(event, OrderAccepted):
                told = believed(state, event)
                assert told == event
                state = apply(state, told)
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot)
        assert snapshot.positions == {"BTC-PERP": -15_000} == {"BTC-PERP": round(h.server.position * UNIT)}
        plan = reconciled(state, snapshot, {"BTC-PERP": 60_000.0})
        assert [e.source for e in plan.events if isinstance(e, FeeReported)] == ["funding BTCUSDT"] * 2
        assert len(plan.events) == 2 and plan.commands == ()
        for event in plan.events:
            state = apply(state, event)
        assert abs(state.cash - snapshot.cash) <= 1

    run(work)


def test_a_reduction_says_so_and_one_that_was_not_taken_as_one_is_cancelled() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        refused = await venue.submit(order("a" * 32, -0.01, reduce_only=True))
        assert isinstance(refused, Refused) and refused.reason == "HELD"
        await h.server.foreign_fill(0.05, 60_000.0)
        assert isinstance(await venue.submit(order("b" * 32, -0.01, reduce_only=True)), Accepted)
        assert h.server.account.orders[-1].reduce_only and not venue.health.text
        h.server.drops_reduce_only = True
        refused = await venue.submit(order("c" * 32, -0.01, reduce_only=True))
        assert isinstance(refused, Refused) and refused.reason == "REDUCE_ONLY_LOST"
        assert not h.server.orders["c" * 32].open and h.server.cancels == 1
        assert "reduce-only" in venue.health.text
        events = await heard(venue, 4)
        assert isinstance(events[0], Fill) and isinstance(events[-1], OrderCancelled)

    run(work)


def test_an_account_in_hedge_mode_is_refused_by_name() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.hedge = True
        refused = await h.venue().connect(0)
        assert isinstance(refused, Refused) and "hedge mode" in refused.text

    run(work)


def test_another_client_may_delete_the_key_that_all_share() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await h.server.delete_key({})
        await until(lambda: venue.health.gaps == 1)
        assert h.server.keys == 2
        await venue.submit(order())
        (event,) = await heard(venue, 1)
        assert isinstance(event, OrderAccepted)
        await venue.close()
        assert "DELETE /fapi/v1/listenKey" not in h.server.asked

    run(work)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"limit": 63_000.1}, "PERCENT_PRICE"),
        ({"limit": 60_000.05}, "PRICE_FILTER"),
        ({"units": 0.0, "limit": 60_000.0}, "LOT_SIZE"),
        ({"units": 0.001, "limit": 49_999.9}, "NOTIONAL"),
        ({"units": -0.001, "limit": 57_000.0}, ""),
        ({"units": -0.001, "limit": 56_999.9}, "PERCENT_PRICE"),
        ({"units": -0.001, "limit": 90_000.0}, ""),
    ],
)
def test_filters_of_futures_are_judged_here(changed: dict, named: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        answer = await venue.submit(order(**changed))
        assert (answer.text if isinstance(answer, Refused) else "").startswith(named)
        assert h.server.posts == (not named)

    run(work)


def test_stops_are_another_service_and_not_taken() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        answer = await venue.submit(order(type="stop", stop=50_000.0, limit=None))
        assert isinstance(answer, Refused) and answer.reason == "ORDER_KIND" and h.server.posts == 0

    run(work)


ROWS = [row for row in table("binance_futures") if row.cls not in ("GONE", "DUPLICATE", "OUTCOME_UNKNOWN")]


def test_every_row_has_a_case_at_the_server() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.retry_after = "0"
        for number, row in enumerate(ROWS):
            await h.server.refuse_next(row.code, row.text)
            answer = await venue.submit(order(f"{number:032}"))
            assert answer.reason == row.cls and h.server.posts == number + 1

    run(work)


def test_a_duplicate_is_evidence_that_the_first_arrived() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        again = h.venue()
        await again.connect(0)
        assert isinstance(await again.submit(order()), Accepted) and len(h.server.orders) == 1

    run(work)


def test_executions_older_than_one_question_may_reach_are_found() -> None:
    async def work() -> None:
        async with Harness() as h:
            venue, server = h.venue(), h.server
            await venue.connect(server.now * 1000 - 20 * 86_400_000_000)
            for _ in range(2):
                await server.foreign_fill(0.05, 60_000.0)
            await heard(venue, 2)
            server.account.trades[0].time -= 10 * 86_400_000
            snapshot = await venue.snapshot()
            assert isinstance(snapshot, VenueSnapshot) and len(snapshot.executions) == 2
            assert server.asked.count("GET /fapi/v1/userTrades") == 3  # two spans, and what is newer

    asyncio.run(work())


def test_an_account_that_never_traded_is_asked_for_what_is_kept_and_no_more() -> None:
    async def work() -> None:
        async with Harness() as h:
            venue = h.venue()
            await venue.connect(0)
            for asked in (26, 27):
                assert isinstance(await venue.snapshot(), VenueSnapshot)
                assert h.server.asked.count("GET /fapi/v1/userTrades") == asked

    asyncio.run(work())

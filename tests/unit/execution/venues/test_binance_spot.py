"""The adapter against a server that shares no code with it: every order once, every answer what it says (X1, X2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from tests.contracts.live.binance_harness import UNIT, Harness

from plimsoll.app.live_venues import WallClock
from plimsoll.core.events import OrderAccepted, OrderCancelled, VenueSnapshot
from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.order import Fill, Order
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, VenueEvent
from plimsoll.execution.venues.binance import account_reader
from plimsoll.execution.venues.binance.client import BinanceClient
from plimsoll.execution.venues.binance.venue import BinanceVenue

ID = "0123456789abcdef0123456789abcdef"


def order(id: str = ID, units: float = 0.001, **changed: object) -> Order:
    given = {"type": "limit", "limit": 60000.0, "time_in_force": "gtc", **changed}
    return Order(id, "2026-01-02", "BTC-USD", round(units * UNIT), units < 0, 60000.0, **given)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Harness, BinanceVenue]]:
    async with Harness() as harness:
        venue = harness.venue()
        assert isinstance(await venue.connect(0), Accepted)
        yield harness, venue


async def heard(venue: BinanceVenue, count: int) -> list[VenueEvent]:
    events: list[VenueEvent] = []
    async with asyncio.timeout(3):
        async for event in venue.events():
            events.append(event)
            if len(events) == count:
                break
    return events


def run(work: Callable) -> None:
    async def whole() -> None:
        async with connected() as both:
            await work(*both)

    asyncio.run(whole())


def test_an_order_lives_from_its_placing_to_its_cancellation() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        answer = await venue.submit(order())
        assert isinstance(answer, Accepted)
        await h.server.fill(ID, 0.0004, 59_999.5)
        found = await venue.query(ID)
        assert found == OrderReport(ID, "PARTIALLY_FILLED", 40_000, answer.venue_id)
        assert isinstance(await venue.cancel(ID), Accepted)
        accepted, fill, cancelled = await heard(venue, 3)
        assert accepted == OrderAccepted(accepted.session, ID, answer.venue_id)
        assert isinstance(fill, Fill)
        assert (fill.lots, fill.price, fill.notional, fill.id) == (40_000, 59_999.5, 2400, ID)
        assert cancelled == OrderCancelled(cancelled.session, ID, 60_000)
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot)
        assert snapshot.executions == (fill,)  # the same from the stream and from answers
        assert snapshot.positions == {"BTC-USD": round(h.server.position * UNIT)} and snapshot.orders == ()
        assert snapshot.cash == int(h.server.cash * 100)
        assert h.server.posts == 1 and h.server.cancels == 1

    run(work)


@pytest.mark.parametrize("fault", ["no_answer", "unknown_error", "not_json", "empty_answer"])
def test_an_order_that_was_taken_without_an_answer_is_unknown_and_sent_once(fault: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault(fault)
        assert isinstance(await venue.submit(order()), Unknown)
        assert isinstance(await venue.submit(order()), Accepted)  # asked, not sent
        assert h.server.posts == 1
        report = await venue.query(ID)
        assert isinstance(report, OrderReport) and report.status == "ACCEPTED"

    run(work)


def test_an_order_that_never_arrived_is_absent_only_after_its_window() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("lost")
        assert isinstance(await venue.submit(order()), Unknown)
        asked = len(h.server.asked)
        assert await venue.query(ID) == Absent()
        assert h.server.asked[asked:].count("GET /api/v3/order") == 2
        assert isinstance(await venue.submit(order()), Refused) and h.server.posts == 1

    run(work)


REFUSED = [
    ("-2010", "Account has insufficient balance for requested action.", "FUNDS"),
    ("-2010", "Market is closed.", "SESSION"),
    ("-2010", "Order would trigger immediately.", "RULE"),
    ("-1013", "Filter failure: LOT_SIZE", "FILTER"),
    ("-1013", "Filter failure: SOMETHING_NEW", "FILTER"),
    ("-1015", "Too many new orders; current limit is 50 orders per 10 SECOND.", "RATE"),
    ("-1008", "Server is currently overloaded with other requests.", "BUSY"),
    ("-1021", "Timestamp for this request is outside of the recvWindow.", "CLOCK"),
    ("-2015", "Invalid API-key, IP, or permissions for action.", "AUTH"),
    ("-9876", "Something that nobody has ever seen.", "UNKNOWN_REFUSAL"),
]


@pytest.mark.parametrize(("code", "text", "reason"), REFUSED)
def test_a_refusal_has_our_reason_and_the_venues_words(code: str, text: str, reason: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await h.server.refuse_next(code, text)
        answer = await venue.submit(order())
        assert isinstance(answer, Refused)
        assert answer.reason == reason and code in answer.text and text in answer.text
        assert h.server.posts == 1 and not h.server.orders

    run(work)


def test_a_business_refusal_beside_an_unknown_order_is_no_answer() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("events_lost")
        h.server.fault("unknown_error")
        assert isinstance(await venue.submit(order()), Unknown)
        await h.server.refuse_next("-2010", "Account has insufficient balance for requested action.")
        assert await venue.submit(order("b" * 32)) == Unknown("REFUSED_AFTER_UNKNOWN")
        assert isinstance(await venue.query(ID), OrderReport)
        assert await venue.query("b" * 32) == Absent()
        await h.server.refuse_next("-2010", "Account has insufficient balance for requested action.")
        assert isinstance(await venue.submit(order("c" * 32)), Refused)

    run(work)


def test_a_duplicate_is_evidence_that_the_first_arrived() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        again = h.venue()  # a process that was started again, and knows nothing
        await again.connect(0)
        assert isinstance(await again.submit(order()), Accepted)
        assert len(h.server.orders) == 1

    run(work)


def test_cancelling_a_filled_order_says_what_became_of_it() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        await h.server.fill(ID, 0.001, 60000.0)
        answer = await venue.cancel(ID)
        assert isinstance(answer, Refused) and answer.reason == "GONE" and "FILLED" in answer.text
        assert isinstance(await venue.cancel("f" * 32), Refused)

    run(work)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"units": 0.0010001}, "LOT_SIZE"),
        ({"limit": 60000.001}, "PRICE_FILTER"),
        ({"limit": 400_000.0}, "PERCENT_PRICE_BY_SIDE"),
        ({"units": 0.00005}, "NOTIONAL"),
        ({"units": 101.0, "type": "market", "limit": None}, "MARKET_LOT_SIZE"),
    ],
)
def test_a_filter_is_judged_here_and_named(changed: dict, named: str) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        answer = await venue.submit(order(**changed))
        assert isinstance(answer, Refused)
        assert answer.reason == "FILTER" and answer.text.startswith(named)
        assert h.server.posts == 0

    run(work)


def test_nothing_is_asked_before_the_time_the_venue_named() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.retry_after = "60"
        h.server.fault("busy")
        refused = await venue.submit(order())
        assert isinstance(refused, Refused) and refused.reason == "RATE"
        asked = len(h.server.asked)
        assert isinstance(await venue.submit(order("b" * 32)), Refused)
        assert isinstance(await venue.snapshot(), Unknown) and len(h.server.asked) == asked
        assert "60 s" in venue.health.text

    run(work)


def test_of_the_weight_a_part_is_kept_for_cancellations() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        h.server.weight = 5000
        await venue.query(ID)
        refused = await venue.submit(order("b" * 32))
        assert isinstance(refused, Refused) and refused.reason == "RATE"
        assert isinstance(await venue.cancel(ID), Accepted)

    run(work)


def test_a_clock_that_is_a_minute_off_is_no_matter() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("clock_ahead")
        refused = await venue.submit(order())
        assert isinstance(refused, Refused) and refused.reason == "CLOCK"
        assert isinstance(await venue.submit(order()), Accepted)
        assert "behind" in venue.health.text

    run(work)


def test_a_position_at_its_limit_is_judged_with_open_purchases() -> None:
    async def work() -> None:
        async with Harness() as h:
            h.server.account.filters.append({"filterType": "MAX_POSITION", "maxPosition": "1.002"})
            venue = h.venue()
            await venue.connect(0)
            assert isinstance(await venue.snapshot(), VenueSnapshot)
            assert isinstance(await venue.submit(order()), Accepted)  # 1 is held, 0.001 to come
            assert isinstance(await venue.submit(order("b" * 32)), Accepted)
            refused = await venue.submit(order("c" * 32))
            assert isinstance(refused, Refused) and refused.text.startswith("MAX_POSITION") and h.server.posts == 2

    asyncio.run(work())


def test_executions_come_page_after_page_and_are_never_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_reader, "_PAGE", 3)

    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        for _ in range(7):
            await h.server.fill(ID, 0.0001, 60_000.0)
        await heard(venue, 8)
        before = h.server.asked.count("GET /api/v3/myTrades")
        for count in (7, 7, 8):
            if count == 8:
                await h.server.foreign_fill(-0.0002, 60_000.0)
                await heard(venue, 1)
            snapshot = await venue.snapshot()
            assert isinstance(snapshot, VenueSnapshot)
            assert [f.execution for f in snapshot.executions] == [str(t.id) for t in h.server.account.trades]
            assert len(snapshot.executions) == count
        assert h.server.asked.count("GET /api/v3/myTrades") - before == 5  # three pages, then what is new

    run(work)


def test_a_question_is_asked_again_where_only_the_clock_was_wrong() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("clock_ahead")
        assert isinstance(await venue.snapshot(), VenueSnapshot)

    run(work)


@pytest.mark.parametrize(
    ("status", "body", "code", "certain"),
    [
        (403, b"<html>", "403", True),  # the firewall stands before everything
        (401, b"<html>", "HTTP_401", False),  # a page of somebody between is no word of the venue's
        (502, b"bad gateway", "HTTP_502", False),
        (503, b'{"code": -1008, "msg": "Server is currently overloaded"}', "-1008", True),
        (503, b'{"code": -2010, "msg": "Account has insufficient balance"}', "-2010", False),
        (418, b"", "418", True),
        (429, b'{"code": -1003, "msg": "Too much request weight used"}', "-1003", True),
        (302, b"", "HTTP_302", False),
    ],
)
def test_only_the_venues_own_word_is_certain(status: int, body: bytes, code: str, certain: bool) -> None:
    access = VenueAccess("http://127.0.0.1:1", "")
    failure = BinanceClient(access, WallClock(), "binance", "/api/v3/time")._failure(status, body)
    assert (failure.code, failure.certain) == (code, certain)


@pytest.mark.parametrize(("times", "found"), [(1, True), (4, True), (5, False)])
def test_an_account_that_moves_is_read_again_and_is_unknown_when_it_never_stands_still(times: int, found: bool) -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("events_lost")
        read, left = h.server.page, times

        def moving(params: dict) -> list:
            nonlocal left
            rows, left = read(params), left - 1
            if left >= 0:
                sold = h.server._foreign("SELL", Decimal("0.01"))
                h.server.account.execute(sold, sold.quantity, Decimal(60_000))
            return rows

        h.server.page = moving
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot) == found
        if isinstance(snapshot, VenueSnapshot):
            assert len(snapshot.executions) == times
            assert snapshot.positions == {"BTC-USD": UNIT - times * 1_000_000}
        else:
            assert snapshot == Unknown("MOVING")

    run(work)


def test_an_order_that_was_accepted_is_never_absent() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await venue.submit(order())
        h.server.account.orders.clear()  # a stale answer
        assert await venue.query(ID) == Unknown("NOT_FOUND")

    run(work)


def test_a_request_that_never_left_is_absent_at_once() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("down")
        assert await venue.submit(order()) == Unknown("NO_CONNECTION")
        h.server.mend()
        assert await venue.query(ID) == Absent()
        assert h.server.asked.count("GET /api/v3/order") == 1 and h.server.posts == 0

    run(work)

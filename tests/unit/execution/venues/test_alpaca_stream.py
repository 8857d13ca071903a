"""Alpaca's trading stream: what it tells, and when it is believed (L1, L23)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.live.alpaca_harness import Harness, SteppedClock
from tests.unit.execution.venues.test_alpaca_orders import order, play

from plimsoll.core.events import (
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
)
from plimsoll.core.order import Fill
from plimsoll.core.venue import Unknown, VenueEvent
from plimsoll.execution.figures import impossible
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue


async def heard(venue: AlpacaVenue, count: int) -> list[VenueEvent]:
    """The next events of the stream."""
    found: list[VenueEvent] = []
    async with asyncio.timeout(5):
        async for event in venue.events():
            found.append(event)
            if len(found) == count:
                break
    return found


async def until(h: Harness, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("binary", [True, False], ids=["paper", "live"])
def test_an_orders_life_is_told_in_either_kind_of_frame(binary: bool) -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        id = order().id
        await venue.submit(order())
        [placed] = h.loopback.account.book.values()
        execution = await h.server.fill(id, 1.5, 189.49)
        await venue.cancel(id)
        accepted, fill, cancelled = await heard(venue, 3)
        assert accepted == OrderAccepted("2026-11-24", id, placed.id)
        assert isinstance(fill, Fill) and fill.at % 1000 == 0
        assert (fill.id, fill.execution, fill.session, fill.symbol) == (id, execution, "2026-11-24", "AAPL")
        assert (fill.lots, fill.price, fill.notional, fill.commission) == (1500, 189.49, 28424, 0)
        assert fill.notional * 10**10 + fill.rest == 284_235 * 10**9, "284.235 USD, exactly"
        assert cancelled == OrderCancelled("2026-11-24", id, 3500)

    play(work, binary=binary)


def test_sales_ends_and_changes_are_signed_like_their_order() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        ids = [order(n, lots=-2000).id for n in range(5)]
        for n in range(5):
            await venue.submit(order(n, lots=-2000))
        await heard(venue, 5)
        server = h.loopback.account
        await h.server.fill(ids[0], 0.5, 190.0)
        await h.server.expire(ids[0])
        await h.server.reject(ids[1])
        server.end(server.find(ids[2]).id, "replaced", "replaced")
        server.find(ids[3]).quantity = Decimal(4)
        server.end(server.find(ids[3]).id, "new", "restated")
        server.end(server.find(ids[4]).id, "done_for_day", "done_for_day")
        await h.server.cancel(ids[4])
        fill, *rest = await heard(venue, 6)
        assert isinstance(fill, Fill) and (fill.lots, fill.notional) == (-500, -9500)
        assert rest == [
            OrderExpired("2026-11-24", ids[0], -1500),
            OrderRejected("2026-11-24", ids[1], "VENUE_REJECTED", "not accepted by the exchange"),
            OrderCancelled("2026-11-24", ids[2], -2000, "REPLACED_AT_VENUE"),
            OrderRestated("2026-11-24", ids[3], -4000),
            OrderCancelled("2026-11-24", ids[4], -2000),
        ]

    play(work)


def test_busts_and_corrections_are_the_same_on_the_stream_and_in_a_snapshot() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        id = order().id
        await venue.submit(order())
        bad = await h.server.fill(id, 1.0, 189.0)
        wrong = await h.server.fill(id, 2.0, 100.0)
        h.loopback.account.bust(bad)
        right = h.loopback.account.correct(wrong, Decimal("189.5"))
        _, _, before, bust, correction = await heard(venue, 5)
        assert bust == FillCorrected("2026-11-24", "AAPL", bad, None, id=id)
        assert isinstance(correction, FillCorrected) and correction.execution == wrong
        assert correction.fill is not None and isinstance(before, Fill)
        assert (correction.fill.execution, correction.fill.notional, correction.fill.lots) == (right, 37_900, 2000)
        told = await venue.snapshot()
        assert not isinstance(told, Unknown)
        assert len(told.corrections) == 2 and bust in told.corrections and correction in told.corrections
        assert told.executions == ()
        assert (told.positions, told.cash) == ({"AAPL": 2000}, 100_000_000 - 37_900)

    play(work)


def test_a_cut_connection_is_replaced_and_counts_as_a_gap() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        before = venue.health
        assert before.subscribed and before.gaps == 0 and before.text == ""
        h.loopback.fault("stream_cut")
        await until(h, lambda: venue.health.gaps == 1)
        await until(h, lambda: venue.health.subscribed)
        await venue.submit(order())
        assert isinstance((await heard(venue, 1))[0], OrderAccepted)
        assert venue.health.gaps == 1 and venue.health.heard > before.heard and venue.health.text == ""

    play(work)


async def stepped(h: Harness, seconds: float) -> None:
    """Let time pass by the second, each with what comes over the network meanwhile."""
    assert isinstance(h.clock, SteppedClock)
    for _ in range(int(seconds)):
        await h.clock.step(1)
        for _ in range(5):
            await asyncio.sleep(0.001)


def test_a_silent_stream_is_noticed_within_fifteen_seconds_although_its_socket_is_open() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("stream_silent")
        await stepped(h, 5)
        assert not h.loopback.questions and venue.health.subscribed
        await stepped(h, 5)
        assert h.loopback.questions == 1 and venue.health.gaps == 0, "it was asked first"
        await stepped(h, 2)
        assert (venue.health.subscribed, venue.health.gaps) == (False, 1) and "answer" in venue.health.text
        h.loopback.mend()
        await reconnected(h, venue)
        assert venue.health.gaps == 1

    play(work, clock=SteppedClock())


async def reconnected(h: Harness, venue: AlpacaVenue) -> None:
    for _ in range(200):
        await stepped(h, 1)
        if venue.health.subscribed:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the stream does not come back")


def test_a_quiet_stream_that_answers_is_kept() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        for count in (1, 2, 3):
            first = venue.health.heard
            await stepped(h, 6)
            await until(h, lambda first=first: venue.health.heard > first)  # type: ignore[misc]
            assert h.loopback.questions == count
        assert venue.health.gaps == 0 and venue.health.subscribed

    play(work, clock=SteppedClock())


def test_an_own_order_without_an_event_makes_a_new_session() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("events_lost")
        await venue.submit(order())
        for _ in range(12):
            first = venue.health.heard
            await stepped(h, 1)
            if h.loopback.questions and venue.health.heard == first and not venue.health.gaps:
                await asyncio.sleep(0.01)
        assert venue.health.gaps == 1
        await reconnected(h, venue)
        await stepped(h, 4)
        assert venue.health.gaps == 1, "once"

    play(work, clock=SteppedClock())


class Waits(SteppedClock):
    """Remembers for how long it was waited, and passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[int] = []

    async def sleep(self, micros: int) -> None:
        task = asyncio.current_task()
        if task is not None and "_watch" in repr(task.get_coro()):
            await super().sleep(micros)  # for ever: nobody steps
        self.waits.append(micros)
        await asyncio.sleep(0)


def test_an_own_order_with_an_event_keeps_the_session_whichever_comes_first() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())  # the server tells it before it answers
        assert isinstance((await heard(venue, 1))[0], OrderAccepted)
        h.loopback.fault("events_lost")
        await venue.submit(order(1))
        h.loopback.mend()
        placed = list(h.loopback.account.book.values())
        h.loopback.tell("pending_new", placed[1])
        await until(h, lambda: not venue._awaited)
        for _ in range(14):
            first = venue.health.heard
            await stepped(h, 1)
            async with asyncio.timeout(5):
                while h.loopback.questions and venue.health.heard <= first and venue._line._asked:
                    await asyncio.sleep(0.002)
        assert venue.health.gaps == 0

    play(work, clock=SteppedClock())


def test_delays_between_attempts_grow_to_their_longest() -> None:
    clock = Waits()

    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("down")
        await until(h, lambda: len(clock.waits) >= 9)
        assert venue.health.gaps == 1 and "down" in venue.health.text

    play(work, clock=clock)
    assert clock.waits[:8] == [500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000, 30_000_000, 30_000_000]


def test_a_subscription_that_is_not_acknowledged_is_none() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.on.add("no_listen")
        answer = await h.venue().connect(0)
        assert isinstance(answer, Unknown) and "NOT_SUBSCRIBED" in answer.reason
        await until(h, lambda: venue.health.gaps == 1)  # the next question has the same answer
        assert not venue.health.subscribed

    play(work)


def test_what_cannot_be_read_counts_as_a_gap_and_unknown_kinds_are_told() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.fault("garbage_event")
        await until(h, lambda: venue.health.gaps == 1)
        await venue.submit(order())
        placed = next(iter(h.loopback.account.book.values()))
        h.loopback.tell("trade_dream", placed)
        h.loopback.tell("fill", placed, execution_id="x", qty="0.0001", price="1", timestamp="2026-11-24T01:00:00Z")
        h.loopback.tell("fill", placed, execution_id="x", qty="NaN", price="1", timestamp="2026-11-24T01:00:00Z")
        h.loopback.tell("fill", placed)
        h.loopback.push({"stream": "trade_updates", "data": {"event": 1}})
        h.loopback.push({"stream": "weather", "data": {}})
        for event in ("canceled", "expired", "restated"):
            of = {**placed.json(), "qty": None}
            h.loopback.push({"stream": "trade_updates", "data": {"event": event, "order": of}})
            of = {**placed.json(), "filled_qty": None, "qty": "0.0001"}
            h.loopback.push({"stream": "trade_updates", "data": {"event": event, "order": of}})
        h.loopback.account.end(placed.id, "expired", "expired")
        assert [type(one) for one in await heard(venue, 2)] == [OrderAccepted, OrderExpired]
        health = venue.health
        assert health.gaps == 11 and health.subscribed
        for text in ("'trade_dream'", "0.0001 AAPL is not of whole lots", "cannot be read", "'weather'"):
            assert text in health.text

    play(work)


def test_orders_of_other_people_have_the_venues_id() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        id = await h.server.foreign_order(3.0)
        await h.server.foreign_fill(-2.0, 190.0)
        first, second, fill = await heard(venue, 3)
        assert first == OrderAccepted("2026-11-24", id, id)
        assert isinstance(second, OrderAccepted) and isinstance(fill, Fill) and fill.id == second.id == second.venue_id
        told = await venue.snapshot()
        assert not isinstance(told, Unknown) and told.orders == (id,) and told.executions == (fill,)
        assert isinstance(await venue.cancel(id), type(await venue.submit(order())))

    play(work)


def test_events_end_when_it_is_closed_and_no_task_stays() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        reader = asyncio.ensure_future(anext(aiter(venue.events()), None))
        await asyncio.sleep(0)
        await venue.close()
        assert await reader is None and not venue.health.subscribed

    play(work)


def test_a_sample_of_alpacas_documentation_is_read() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.push(json.loads(SAMPLE))
        [fill] = await heard(venue, 1)
        assert isinstance(fill, Fill)
        assert (fill.symbol, fill.lots, fill.price, fill.notional) == ("SOL-USD", -179_086, 105.8988475, -18_965_001)
        assert fill.id == "a5be8f5e-fdfa-41f5-a644-7a74fe947a8f" and fill.at == 1_650_390_305_024_000
        assert fill.execution == "2f63ea93-423d-4169-b3f6-3fdafc10c418" and fill.session == "2022-04-19"

    play(work)


SAMPLE = """{"stream": "trade_updates", "data": {"event": "fill",
"execution_id": "2f63ea93-423d-4169-b3f6-3fdafc10c418",
"order": {"asset_class": "crypto", "client_order_id": "4642fd68-d59a-47d7-a9ac-e22f536828d1", "filled_qty": "1790.86",
"id": "a5be8f5e-fdfa-41f5-a644-7a74fe947a8f", "limit_price": null, "notional": null, "order_class": "",
"qty": "1790.86", "side": "sell", "status": "filled", "submitted_at": "2022-04-19T13:45:04.980944666-04:00",
"symbol": "SOLUSD",
"time_in_force": "gtc", "type": "market"}, "position_qty": "0", "price": "105.8988475", "qty": "1790.86",
"timestamp": "2022-04-19T17:45:05.024916716Z"}}"""


WORDS = st.sampled_from(
    ["event", "order", "stream", "trade_updates", "fill", "canceled", "trade_bust", "restated", "rejected", "buy",
     "sell", "AAPL", "1e999999", "-0.0001", "NaN", "2026-11-24T01:00:00Z", "listening", "data", "0" * 40]
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=5) | WORDS
ORDERS = st.fixed_dictionaries(
    {"id": WORDS, "symbol": st.just("AAPL") | VALUES, "side": st.just("buy") | VALUES, "status": WORDS},
    optional={"qty": VALUES, "filled_qty": VALUES, "client_order_id": VALUES},
)
UPDATES = st.fixed_dictionaries(
    {"event": WORDS, "order": ORDERS | VALUES},
    optional={"price": VALUES, "qty": VALUES, "execution_id": VALUES, "timestamp": VALUES},
)
MESSAGES = st.fixed_dictionaries({"stream": WORDS, "data": UPDATES | VALUES}) | VALUES


VENUE = Harness().venue()


@settings(max_examples=100)
@given(MESSAGES | st.binary(max_size=20))
def test_no_message_breaks_the_reader(message: object) -> None:
    venue = VENUE
    venue.message(message if isinstance(message, bytes) else json.dumps(message).encode())
    assert all(impossible(event) in ("", "TEXT", "LOTS", "PRICE", "MONEY") for event in venue._events)

"""The stream proves that it works, is made again when it does not, and every gap is counted (L1, L23)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.contracts.live.binance_harness import Harness
from tests.unit.core.test_fees import flat
from tests.unit.execution.venues.test_binance_spot import ID, heard, order, run

from plimsoll.core.events import OrderAccepted, OrderExpired, OrderRejected, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.state import apply
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.oms import believed
from plimsoll.execution.reconcile import reconciled
from plimsoll.execution.venues.binance.venue import BinanceVenue


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(4):
        while not true():
            await asyncio.sleep(0.005)


def test_a_cut_stream_is_made_again_and_counts_one_gap() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        assert venue.health.subscribed and venue.health.heard and venue.health.gaps == 0
        h.server.fault("stream_cut")
        await until(lambda: venue.health.gaps == 1)
        assert venue.health.subscribed and venue.health.text == ""
        await venue.submit(order())
        (event,) = await heard(venue, 1)
        assert isinstance(event, OrderAccepted)

    run(work)


def test_a_silent_stream_is_found_though_its_socket_is_open() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("stream_silent")
        await until(lambda: not venue.health.subscribed)
        assert venue.health.text and venue.health.gaps == 0
        h.server.mend()
        await until(lambda: venue.health.subscribed)
        assert venue.health.gaps == 1

    run(work)


def test_what_the_stream_never_told_is_asked_and_told() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("events_lost")
        assert isinstance(await venue.submit(order()), Accepted)
        await h.server.fill(ID, 0.0004, 60000.0)
        await h.server.expire(ID)
        fill, expired = await heard(venue, 2)
        assert isinstance(fill, Fill) and fill.lots == 40_000
        assert expired == OrderExpired(expired.session, ID, 60_000, "ENDED_AT_VENUE")
        h.server.mend()
        await until(lambda: venue.health.gaps == 1)

    run(work)


def test_events_may_come_twice_in_reverse_or_as_garbage() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("events_twice")
        await venue.submit(order())
        one, two = await heard(venue, 2)
        assert one == two
        h.server.mend()
        h.server.fault("events_reversed")
        await h.server.fill(ID, 0.0004, 60000.0)
        await h.server.fill(ID, 0.0005, 60001.0)
        late, early = await heard(venue, 2)
        assert isinstance(late, Fill) and isinstance(early, Fill) and (late.lots, early.lots) == (50_000, 40_000)
        h.server.fault("garbage_event")
        await until(lambda: venue.health.gaps == 1)
        await h.server.reject(ID)
        (event,) = await heard(venue, 1)
        assert isinstance(event, OrderRejected)

    run(work)


def test_foreign_orders_and_trades_are_told_like_ours() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        id = await h.server.foreign_order(0.002)
        await h.server.foreign_fill(-0.1, 60000.0)
        placed, sold = await heard(venue, 2)
        assert isinstance(placed, OrderAccepted) and placed.id == id
        assert isinstance(sold, Fill) and sold.lots == -10_000_000 and sold.id not in h.server.orders[id].client_id
        snapshot = await venue.snapshot()
        assert snapshot.orders == (id,) and snapshot.executions == (sold,)
        assert snapshot.positions == {"BTC-USD": 90_000_000}

    run(work)


def test_the_venue_may_end_a_subscription() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        await h.server.tell({"e": "eventStreamTerminated", "E": 1})
        await until(lambda: venue.health.gaps == 1)

    run(work)


def test_an_account_without_an_answer_is_unknown_and_keys_that_are_refused_are_refused() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.fault("snapshot_fails")
        assert isinstance(await venue.snapshot(), Unknown)
        h.server.mend()
        h.server.fault("no_auth")
        other = h.venue()
        assert isinstance(await other.connect(0), Refused)
        h.server.mend()
        h.server.fault("down")
        assert isinstance(await h.venue().connect(0), Unknown)
        assert isinstance(await venue.submit(order()), Unknown) and h.server.posts == 0
        h.server.mend()
        assert isinstance(await venue.submit(order()), Refused)

    run(work)


def test_quotes_come_with_a_price_or_none_and_again_after_a_break() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        feed = h.feed()
        assert isinstance(await feed.subscribe(["BTC-USD"]), Accepted)
        quotes = feed.quotes()
        await h.server.quote(59_990.5, 60_010.25)
        quote = await anext(quotes)
        assert (quote.symbol, quote.bid, quote.ask) == ("BTC-USD", 59_990_500_000_000_000, 60_010_250_000_000_000)
        h.server.fault("stream_cut")
        await until(lambda: feed.health.gaps == 1)
        await h.server.quote(0, float("nan"))
        quote = await anext(quotes)
        assert (quote.bid, quote.ask) == (0, 0) and quote.type == "live"
        assert isinstance(await feed.subscribe(["ETH-USD"]), Refused)

    run(work)


@pytest.mark.parametrize("asset", ["USDT", "base", "BNB"])
def test_units_and_cash_are_the_venues_whatever_asset_pays_the_fee(asset: str) -> None:

    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.account.balances = {"USDT": Decimal(100_000), "BNB": Decimal(1)}
        h.server.account.fee = (Decimal("0.001"), asset)
        state = flat()
        await venue.submit(order())
        await h.server.fill(ID, 0.00037, 60_001.37)
        await h.server.fill(ID, 0.00063, 60_002.11)
        for event in await heard(venue, 3 if asset == "USDT" else 5):
            if not isinstance(event, OrderAccepted):
                told = believed(state, event)
                assert told == event
                state = apply(state, told)
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot)
        plan = reconciled(state, snapshot, {"BTC-USD": 60_000.0})
        assert plan.events == () and plan.commands == ()
        assert state.cash == snapshot.cash and state.lots.tolist() == [snapshot.positions["BTC-USD"]]
        assert set(state.charged) == {"USDT": set(), "base": {"BTC"}, "BNB": {"BNB"}}[asset]

    run(work)


def test_a_connection_that_answers_without_its_subscription_is_given_up() -> None:
    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server._user.clear()
        await until(lambda: venue.health.gaps == 1)
        await venue.submit(order())
        assert len(await heard(venue, 1)) == 1

    run(work)

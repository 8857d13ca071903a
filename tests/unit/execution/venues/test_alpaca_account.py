"""Snapshots of Alpaca's account: one instant, exact, complete (X6, L3-L5, L7-L9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.contracts.live.alpaca_harness import Harness
from tests.unit.execution.venues.test_alpaca_orders import order, play

from plimsoll.core.events import FeeReported, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.venue import Refused, Unknown
from plimsoll.execution.venues.alpaca.orders import cents_of, reported
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue
from plimsoll.execution.venues.alpaca.wire import (
    AccountRow,
    ErrorBody,
    MarketClock,
    PositionRow,
    Said,
    WireOrder,
    decoded,
    micros,
    stamp,
)


async def snapshot(venue: AlpacaVenue) -> VenueSnapshot:
    found = await venue.snapshot()
    assert isinstance(found, VenueSnapshot), found
    return found


def test_positions_are_exact_lots_and_a_fraction_of_one_is_named() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        held = {"AAPL": "0.1234", "BRK.B": "-2.5", "BTC/USD": "1.23456789", "WHOLE": "7"}
        h.loopback.account.held = {symbol: Decimal(quantity) for symbol, quantity in held.items()}
        h.loopback.account.marks = dict.fromkeys(held, Decimal(10))
        told = await snapshot(venue)
        assert told.positions == {"AAPL": 123, "BRK-B": -2500, "BTC-USD": 12345, "WHOLE": 7000}
        text = venue.health.text
        assert "AAPL: 0.1234 held, of which 0.4 of a lot" in text and "BTCUSD: 1.23456789 held, of which 0.6789" in text
        assert "WHOLE" not in text
        h.loopback.account.held = {}
        assert (await snapshot(venue)).positions == {} and not venue.health.text

    play(work)


def test_cash_is_one_field_and_what_overlaps_it_is_refused() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.account.cash = Decimal("1234.5678")
        assert (await snapshot(venue)).cash == 123_456
        h.loopback.account.more = {"equity": "1236.1"}
        answer = await venue.snapshot()
        assert isinstance(answer, Unknown) and answer.reason.startswith("EQUITY_DIFFERS")
        h.loopback.account.more = {"cash": "NaN"}
        assert isinstance(await venue.snapshot(), Unknown)

    play(work)


def test_an_account_that_moves_while_it_is_read_is_read_again() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        moves: list[str] = []

        def moved(path: str) -> None:
            if path == "/v2/positions" and len(moves) < 2:
                moves.append(path)
                h.loopback.account.cash += 100

        h.loopback.after_read = moved
        told = await snapshot(venue)
        assert told.cash == 100_020_000 and len(moves) == 2
        always = iter(range(100))
        h.loopback.after_read = lambda path: h.loopback.account.__setattr__(
            "cash", h.loopback.account.cash + next(always)
        )
        answer = await venue.snapshot()
        assert isinstance(answer, Unknown) and "changed" in answer.reason

    play(work)


def test_an_event_while_it_is_read_makes_it_be_read_again() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())
        times = 0

        def told(path: str) -> None:
            nonlocal times
            if path == "/v2/positions":
                times += 1
                venue._count += times == 1

        h.loopback.after_read = told
        await snapshot(venue)
        assert times == 2

    play(work)


def test_executions_are_complete_over_pages_and_begin_with_their_time() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order(lots=250_000))
        ids = [await h.server.fill(order().id, 1.0, 189.5) for _ in range(205)]
        other = h.venue()  # which heard nothing of them
        await other.connect(0)
        told = await snapshot(other)
        assert sorted(fill.execution for fill in told.executions) == sorted(ids)
        assert {fill.id for fill in told.executions} == {order().id}
        streamed = {fill.execution: fill for fill in (await snapshot(venue)).executions}
        assert {fill.execution: fill for fill in told.executions} == streamed, "the same, heard or read"
        asked = [path for method, path in h.loopback.requests if path == "/v2/account/activities"]
        assert len(asked) == 6
        cut = sorted(fill.at for fill in told.executions)[100]
        late = h.venue()
        await late.connect(cut)
        expected = {fill.execution for fill in told.executions if fill.at >= cut}
        assert {fill.execution for fill in (await snapshot(late)).executions} == expected

    play(work)


def test_an_execution_that_the_record_names_otherwise_is_not_booked_twice() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        await venue.submit(order())
        await h.server.fill(order().id, 2.0, 189.5)
        h.loopback.account.activities[0]["id"] = "20261124010000000::00000000-0000-0000-0000-000000000000"
        async for event in venue.events():
            if isinstance(event, Fill):
                break
        assert (await snapshot(venue)).executions == (event,)
        assert "has the id" in venue.health.text

    play(work)


def test_open_orders_are_complete_over_pages() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        for _ in range(1100):
            h.loopback.account.foreign("AAPL", Decimal(1))
        assert set((await snapshot(venue)).orders) == set(h.loopback.account.book)

    play(work)


def test_fees_are_apart_from_fills_and_coins_are_paid_in_coins() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        taf = h.loopback.account.charge(Decimal("0.02"), "TAF fee for proceed of 10 shares")
        fine = h.loopback.account.charge(Decimal("0.013"), "REG fee")
        coins = {"id": "20261124000000000::c", "activity_type": "CFEE", "date": "2026-11-24", "net_amount": "0"}
        h.loopback.account.activities.append({**coins, "symbol": "BTCUSD", "qty": "-0.0000195", "price": "60000"})
        back = h.loopback.account.charge(Decimal(1), "a mistake")
        h.loopback.account.activities[-1]["status"] = "canceled"
        day, source = "2026-11-24", "alpaca FEE"
        assert set((await snapshot(venue)).fees) == {
            FeeReported(day, taf, 2, source),
            FeeReported(day, fine, 1, source, amount=13_000_000_000),
            FeeReported(day, coins["id"], 0, "alpaca CFEE", "BTC", 19_500_000, "BTC-USD", 10**8),
            FeeReported(day, back, 100, source),
            FeeReported(day, f"{back} canceled", -100, source),
        }

    play(work)


UNREADABLE = ["<html>", "{}", '[{"symbol": "AAPL", "qty": "NaN"}]', '[{"symbol": "AAPL"}]', "[[]]"]


def test_fees_of_days_before_are_not_told_whatever_the_venue_lists() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def everything(request: web.Request) -> web.Response:
            days = ("2026-11-23", "2026-11-24", "2026-11-25")
            rows = [{"id": day, "activity_type": "FEE", "date": day, "net_amount": "-1"} for day in days]
            return web.json_response(rows)

        h.loopback.replaced["/v2/account/activities"] = everything
        assert [fee.of for fee in (await snapshot(venue)).fees] == ["2026-11-24", "2026-11-25"]

    play(work)


def test_what_cannot_be_read_is_never_flat() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        async def positions(request: web.Request) -> web.Response:
            return web.Response(text=wrong)

        h.loopback.replaced["/v2/positions"] = positions
        for wrong in UNREADABLE:
            answer = await venue.snapshot()
            assert isinstance(answer, Unknown) and answer.reason.startswith("UNREADABLE"), wrong

    play(work)


def test_the_venues_clock_is_compared() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        assert not venue.health.text
        h.loopback.fault("clock_ahead")
        await venue.query(order().id)
        assert any(f"clock is {seconds} s ahead" in venue.health.text for seconds in (59, 60))

    play(work)


def test_an_account_in_another_currency_is_refused() -> None:
    async def work(h: Harness, venue: AlpacaVenue) -> None:
        h.loopback.account.more = {"currency": "EUR"}
        answer = await h.venue().connect(0)
        assert isinstance(answer, Refused) and "EUR" in answer.text

    play(work)


def test_money_and_times_are_exact() -> None:
    assert cents_of(Decimal("284.235")) == (28_424, -5 * 10**9)
    assert cents_of(Decimal("-0.000000000001")) == (0, -1)
    assert micros("2022-04-28T14:07:04.451999999-04:00") == 1_651_169_224_451_000
    assert micros("2022-04-28T18:07:04Z") == 1_651_169_224_000_000
    assert stamp(1_651_169_224_451_000) == "2022-04-28T18:07:04.451Z"
    for wrong in (None, "", "2022-04-28", "2022-04-28T25:00:00Z", "2022-04-28T18:07:04"):
        assert micros(wrong) is None


SAMPLES: dict[str, tuple[str, Any, Any]] = {
    "account": (
        '{"account_blocked":false,"accrued_fees":"0","cash":"-23140.2","currency":"USD","daytrade_count":0,'
        '"equity":"103820.56","long_market_value":"126960.76","short_market_value":"0","shorting_enabled":true,'
        '"status":"ACTIVE","trade_suspended_by_user":false,"trading_blocked":false}',
        AccountRow,
        lambda one: (one.cash, one.equity) == (Decimal("-23140.2"), Decimal("103820.56")),
    ),
    "clock": (
        '{"timestamp":"2022-04-28T14:07:04.451420928-04:00","is_open":true,"next_open":"2022-04-29T09:30:00-04:00"}',
        MarketClock,
        lambda one: micros(one.timestamp) == 1_651_169_224_451_000,
    ),
    "order with a number": (
        '{"id":"61e69015","client_order_id":"eb9e2aaa","symbol":"AAPL","qty":1,"filled_qty":"0","side":"buy",'
        '"status":"accepted","notional":null,"commission":1.25}',
        WireOrder,
        lambda one: one.qty == 1 and one.filled_qty == 0,
    ),
    "order of a value": (
        '{"id":"61e69015","symbol":"AAPL","notional":"500","qty":null,"filled_qty":"0","side":"buy","status":"new"}',
        WireOrder,
        lambda one: one.qty is None and one.notional == 500,
    ),
    "positions": (
        '[{"symbol":"AAPL","qty":"5","side":"long","avg_entry_price":"100.0","usd":{"cost_basis":"500.0"}}]',
        list[PositionRow],
        lambda rows: rows[0].qty == 5,
    ),
    "refusal": ('{"code":40310000,"message":"insufficient buying power"}', ErrorBody, lambda one: one.code == 40310000),
    "authorized": (
        '{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}',
        Said,
        lambda one: one.stream == "authorization",
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_the_documentation_are_read(name: str) -> None:
    text, kind, true = SAMPLES[name]
    assert true(decoded(text.encode(), kind))


def test_a_status_that_is_unknown_is_no_report() -> None:
    h = Harness()
    venue = h.venue()
    wire = WireOrder("1", "AAPL", "sell", "dreaming", filled_qty=Decimal(1))
    assert reported(wire, "x", venue._symbols) == "status 'dreaming'"
    for status, expected in (
        ("new", "PARTIALLY_FILLED"),
        ("replaced", "CANCELLED"),
        ("done_for_day", "PARTIALLY_FILLED"),
        ("held", "ACCEPTED"),
    ):
        wire.status, wire.filled_qty = status, Decimal(expected == "PARTIALLY_FILLED")
        found = reported(wire, "x", venue._symbols)
        assert not isinstance(found, str) and found.status == expected and found.filled <= 0

"""A venue that misbehaves: each fault by itself, and what the venue behind it knows (X2, X3, H8)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.events import FillCorrected, OrderCancelled, OrderExpired, VenueSnapshot
from plimsoll.core.order import Fill, Order
from plimsoll.core.symbols import held_as
from plimsoll.core.venue import Absent, Accepted, OrderReport, Unknown, VenueEvent
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.faulty import NOBODYS, QUIET, Faults, FaultyVenue, spellings
from plimsoll.execution.venues.quoted import QuotedVenue

COIN = "BTC-USD"


class Pair:
    """A faulty venue, and the one behind it."""

    def __init__(self, faults: Faults, seed: int = 0, parts: float = 0.0) -> None:
        ledger = Ledger({"USD": 0})
        self.inner = QuotedVenue(ledger, {"S": 1, COIN: 1}, np.random.default_rng(seed), parts=parts)
        for symbol in ("S", COIN):
            self.inner.quoted(symbol, 99.0, 101.0)
        self.inner.begin("2026-03-02")
        self.venue = FaultyVenue(self.inner, faults, seed)

    def send(self, id: str, lots: int, symbol: str = "S", limit: float | None = None) -> object:
        kind = "market" if limit is None else "limit"
        return done(
            self.venue.submit(Order(id, "2026-03-02", symbol, lots, False, 100.0, kind, limit, time_in_force="gtc"))
        )

    def hears(self, minutes: int = 1) -> list[VenueEvent]:
        """What is told over some minutes."""

        async def read() -> list[VenueEvent]:
            return [event async for event in self.venue.events()]

        heard: list[VenueEvent] = []
        for _ in range(minutes):
            self.inner.minute()
            heard += done(read())
        return heard


def done(asked: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asked)


def fills(events: list[VenueEvent]) -> list[Fill]:
    return [event for event in events if isinstance(event, Fill)]


@pytest.mark.parametrize("lots", [10, -10])
def test_a_price_that_cannot_be_is_told_as_if_a_gain_and_put_right_while_the_venue_knew_it_all_along(lots: int) -> None:
    pair = Pair(replace(QUIET, absurd=1.0, patience=2))
    pair.send("a", lots)
    events = pair.hears(6)
    first, then = events
    assert isinstance(first, Fill) and isinstance(then, FillCorrected) and then.fill is not None
    true = 101.0 if lots > 0 else 99.0
    assert first.price == pytest.approx(true / 100 if lots > 0 else true * 100)
    assert (then.execution, then.id) == (first.execution, "a")
    assert then.fill == replace(first, price=true, execution=then.fill.execution)
    assert pair.inner.made["", "S", first.execution].price == true
    assert pair.inner.ledger.holdings == {"S": lots} and pair.inner.ledger.cash() == -round(lots * true * 100)


def test_patience_is_how_many_readings_something_wrong_stands() -> None:
    for patience in (0, 1, 3):
        pair = Pair(replace(QUIET, busted=1.0, patience=patience))
        pair.send("a", 5)
        readings = [pair.hears() for _ in range(8)]
        (told,) = [n for n, events in enumerate(readings) if fills(events)]
        (busted,) = [n for n, events in enumerate(readings) if any(isinstance(e, FillCorrected) for e in events)]
        assert busted - told == patience
        assert pair.inner.ledger.holdings == {}


def test_what_is_recounted_never_exceeds_its_order() -> None:
    changes = set()
    for seed in range(8):
        pair = Pair(replace(QUIET, recounted=1.0), seed, parts=0.7)
        pair.send("a", 1000)
        events = pair.hears(60)
        right = [e.fill for e in events if isinstance(e, FillCorrected) and e.fill is not None]
        pairs = list(zip(right, fills(events), strict=True))
        assert all(0 < abs(one.price / was.price - 1.0) <= 0.01 for one, was in pairs)
        assert sum(one.lots for one, _ in pairs) == pair.inner.ledger.held("S") <= 1000
        changes |= {one.lots > was.lots for one, was in pairs} | {one.lots < was.lots for one, was in pairs}
    assert changes == {True, False}


def test_a_venue_stops_orders_of_its_own_will() -> None:
    pair = Pair(replace(QUIET, stopped=1.0))
    pair.send("a", 5, limit=1.0)
    assert pair.hears(4) == [OrderCancelled("2026-03-02", "a", 5)]
    report = done(pair.inner.query("a"))
    assert isinstance(report, OrderReport) and report.status == "CANCELLED"


def test_a_cancellation_that_is_not_true_is_confirmed_and_fills() -> None:
    pair = Pair(replace(QUIET, untrue=1.0))
    pair.send("a", -5, limit=102.0)
    assert isinstance(done(pair.venue.cancel("a")), Accepted)
    assert pair.hears() == [OrderCancelled("2026-03-02", "a", -5)]
    pair.inner.quoted("S", 102.0, 103.0)
    assert [one.lots for one in fills(pair.hears(2))] == [-5]
    assert not isinstance(done(pair.venue.cancel("a")), Accepted)  # it is filled, and the venue says so
    assert pair.hears() == []


def test_the_end_of_an_order_that_filled_whole_is_told_too_but_not_that_of_a_part() -> None:
    pair = Pair(replace(QUIET, end_told=1.0), parts=0.9)
    pair.send("a", 1000)
    events = pair.hears(100)
    assert len(fills(events)) > 1
    assert [e for e in events if not isinstance(e, Fill)] == [OrderExpired("2026-03-02", "a", 0, "FILLED")]


def test_something_told_is_told_again_as_it_was() -> None:
    pair = Pair(replace(QUIET, again=1.0))
    pair.send("a", 5)
    events = fills(pair.hears(6))
    assert len(events) > 2 and len(set(events)) == 1


def test_symbols_are_spelled_in_ways_that_are_one_name_and_what_is_told_again_is_the_same() -> None:
    pair = Pair(replace(QUIET, respelt=1.0, again=1.0))
    pair.send("a", 5, COIN)
    events = fills(pair.hears(40))
    assert {event.symbol for event in events} > {COIN}
    assert {held_as(event.symbol) for event in events} == {COIN}
    assert len({replace(event, symbol="") for event in events}) == 1
    assert {held_as(way) for way in spellings("S01-USD")} == {"S01-USD"} and spellings("S")[0] == "S"


def test_a_snapshot_may_show_an_order_that_nobody_sent() -> None:
    pair = Pair(replace(QUIET, strange=1.0))
    pair.send("a", 5)
    found = done(pair.venue.snapshot())
    assert isinstance(found, VenueSnapshot) and found.orders == ("a", NOBODYS)
    pair.venue.calm = True
    assert done(pair.venue.snapshot()).orders == ("a",)


def test_an_order_may_not_arrive_or_only_its_answer_be_lost() -> None:
    lost, answer = Pair(replace(QUIET, never_arrives=1.0)), Pair(replace(QUIET, answer_lost=1.0))
    for pair in (lost, answer):
        assert isinstance(pair.send("a", 5), Unknown)
    assert isinstance(done(lost.venue.query("a")), Absent) and not lost.hears(3)
    assert isinstance(done(answer.venue.query("a")), OrderReport) and len(answer.hears(3)) == 1
    assert isinstance(done(Pair(replace(QUIET, query_unanswered=1.0)).venue.query("a")), Unknown)


def test_once_calm_everything_late_is_told_and_everything_wrong_put_right() -> None:
    pair = Pair(replace(QUIET, late=1.0, busted=1.0, patience=50))
    pair.send("a", 5)
    assert pair.hears(4) == []
    pair.venue.calm = True
    assert [type(event) for event in pair.hears()] == [Fill, FillCorrected]
    pair.venue.calm = False
    assert pair.hears(4) == [] and pair.inner.ledger.holdings == {}

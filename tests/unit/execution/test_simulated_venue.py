"""The simulated venue behind the port of every venue tells what the matcher says, once, and holds the same account."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from plimsoll.core.decision import Carried
from plimsoll.core.events import CashFlow, OrderCancelled, OrderSubmitted, Split, VenueSnapshot
from plimsoll.core.order import Order
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, VenueEvent
from plimsoll.engine.history import history_of
from plimsoll.execution.matching import Matcher, book_of
from plimsoll.execution.venues.simulated import SimulatedVenue

ROW = 300


@pytest.fixture(scope="module")
def matcher(make_market: Any) -> Matcher:
    panel: Panel = make_market(1, 320)
    return Matcher(history_of(panel, Policy()), Policy())


def account(matcher: Matcher, **held: int) -> State:
    symbols = matcher.history.panel.symbols
    lots = np.array([held.get(s, 0) for s in symbols], dtype=np.int64)
    return State(symbols, lots, np.full(len(symbols), 90.0), 5_000_000, Carried(ladder=LadderState(1, 1)))


def orders(matcher: Matcher) -> list[Order]:
    session = matcher.history.panel.sessions.dates[ROW - 1]
    return [Order("s", session, "SPY", -30, True, 1.0), Order("g", session, "GLD", 90_000, False, 1.0)]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def told(venue: SimulatedVenue) -> list[VenueEvent]:
    return [event async for event in venue.events()]


def test_what_rests_fills_at_the_open_as_the_matcher_says_and_is_told_once(matcher: Matcher) -> None:
    async def traded() -> None:
        state = account(matcher, SPY=50)
        venue, sent = SimulatedVenue.restored(matcher, state), orders(matcher)
        answers = [await venue.submit(order) for order in (*sent, *sent)]
        assert all(isinstance(a, Accepted) for a in answers) and answers[:2] == answers[2:]
        assert await venue.query("s") == OrderReport("s", "ACCEPTED", 0, answers[0].venue_id)
        assert await told(venue) == []
        venue.open(ROW)
        books = book_of(state)
        expected = matcher.opened(sent, ROW, books)
        assert await told(venue) == expected and await told(venue) == []
        assert len(expected) == 3  # the sale, the part that cash pays for, and why the rest is not
        venue.open(ROW + 1)
        assert await told(venue) == []
        found = await venue.snapshot()
        assert isinstance(found, VenueSnapshot)
        assert (found.cash, found.orders) == (books.cash, ())
        assert found.positions == {s: lots for s, lots in books.lots.items() if lots}
        assert (await venue.query("s")).status == "FILLED" and (await venue.query("g")).status == "EXPIRED"
        assert await venue.submit(sent[0]) == answers[0]  # an order that ended does not rest again
        assert (await venue.snapshot()).orders == ()

    run(traded())


def test_a_venue_made_again_from_the_state_repeats_itself(matcher: Matcher) -> None:
    state = account(matcher, SPY=50)
    first = SimulatedVenue.restored(matcher, state)

    async def trade() -> tuple[list[VenueEvent], list[VenueEvent]]:
        journaled = state
        for order in orders(matcher):
            journaled = apply(apply(journaled, order), OrderSubmitted(order.session, order.id))
            await first.submit(order)
        again = SimulatedVenue.restored(matcher, journaled)
        for venue in (first, again):
            venue.open(ROW)
        return await told(first), await told(again)

    one, other = run(trade())
    assert one and one == other


def test_a_resting_order_is_cancelled_by_an_event_and_an_unknown_one_refused(matcher: Matcher) -> None:
    async def cancelled() -> None:
        venue, (sale, _) = SimulatedVenue.restored(matcher, account(matcher, SPY=50)), orders(matcher)
        assert await venue.cancel("s") == Refused("UNKNOWN_ORDER", "s")
        assert await venue.query("s") == Absent()
        await venue.submit(sale)
        assert isinstance(await venue.cancel("s"), Accepted)
        assert await told(venue) == [OrderCancelled(sale.session, "s", -30)]
        assert await venue.cancel("s") == Refused("ORDER_CLOSED", "s")
        venue.open(ROW)
        assert await told(venue) == []

    run(cancelled())


def test_what_it_does_not_take_is_refused_with_a_reason(matcher: Matcher) -> None:
    async def refused() -> None:
        venue = SimulatedVenue.restored(matcher, account(matcher))
        assert await venue.submit(Order("x", "2020-01-02", "NONE", 1, False, 1.0)) == Refused("UNKNOWN_SYMBOL", "NONE")
        limit = Order("y", "2020-01-02", "SPY", 1, False, 1.0, type="limit", limit=1.0)
        assert await venue.submit(limit) == Refused("ORDER_KIND", "limit opg")

    run(refused())


def test_income_and_splits_reach_the_venues_account(matcher: Matcher) -> None:
    async def booked() -> None:
        venue = SimulatedVenue.restored(matcher, account(matcher, SPY=50))
        venue.booked(CashFlow("2020-01-02", "dividend", "SPY", 150))
        venue.booked(Split("2020-01-02", "SPY", 100, 2.0))
        found = await venue.snapshot()
        assert (found.cash, found.positions) == (5_000_150, {"SPY": 100})

    run(booked())

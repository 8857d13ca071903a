"""The governor before a venue: what it refuses never arrives, and it hears of everything first (X1, H1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from plimsoll.core.events import Event, OrderAccepted, OrderExpired, VenueSnapshot
from plimsoll.core.order import Order
from plimsoll.core.venue import (
    Absent,
    Accepted,
    Denied,
    OrderReport,
    Refused,
    Unknown,
    VenueEvent,
    VenueRules,
)
from plimsoll.execution.governed import GovernedVenue


class Book:
    """A venue and a gate that keep what reached them, in one list."""

    rules = VenueRules("book", frozenset())

    def __init__(self) -> None:
        self.seen: list[str] = []

    def admit(self, order: Order) -> tuple[str, ...]:
        self.seen.append(f"asked {order.id}")
        return ("TRADE_LIMIT",) if order.lots > 10 else ()

    def booked(self, event: Event) -> None:
        self.seen.append(f"booked {type(event).__name__}")

    async def submit(self, order: Order) -> Accepted | Refused:
        self.seen.append(f"sent {order.id}")
        return Refused("NO_SUCH_SYMBOL") if order.symbol == "ZZZ" else Accepted("v1")

    async def cancel(self, id: str) -> Accepted:
        self.seen.append(f"cancelled {id}")
        return Accepted("v1")

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        return Absent()

    async def snapshot(self) -> VenueSnapshot | Unknown:
        return Unknown("closed")

    async def events(self) -> AsyncIterator[VenueEvent]:
        for event in (OrderAccepted("2024-03-04", "a"), OrderExpired("2024-03-04", "a", 10)):
            self.seen.append(f"happened {type(event).__name__}")
            yield event


def order(name: str, lots: int, symbol: str = "AAA") -> Order:
    return Order(name, "2024-03-01", symbol, lots, lots < 0, 100.0)


def test_what_the_gate_refuses_never_reaches_the_venue_and_what_it_admits_does_once_it_was_asked() -> None:
    book = Book()
    venue = GovernedVenue(book, book)
    assert asyncio.run(venue.submit(order("large", 11))) == Denied(("TRADE_LIMIT",))
    assert asyncio.run(venue.submit(order("a", 10))) == Accepted("v1")
    assert book.seen == ["asked large", "asked a", "sent a"]


def test_what_the_venue_refuses_gives_back_the_room_that_the_gate_kept_for_it() -> None:
    book = Book()
    assert asyncio.run(GovernedVenue(book, book).submit(order("a", 10, "ZZZ"))) == Refused("NO_SUCH_SYMBOL")
    assert book.seen == ["asked a", "sent a", "booked OrderRejected"]


def test_a_cancellation_is_never_barred_and_answers_come_through() -> None:
    book = Book()
    venue = GovernedVenue(book, book)
    assert asyncio.run(venue.cancel("a")) == Accepted("v1")
    assert asyncio.run(venue.query("a")) == Absent()
    assert asyncio.run(venue.snapshot()) == Unknown("closed")
    assert venue.rules is book.rules
    assert book.seen == ["cancelled a"]


def test_the_gate_has_booked_an_event_before_anybody_hears_of_it() -> None:
    book = Book()

    async def hear() -> None:
        async for event in GovernedVenue(book, book).events():
            book.seen.append(f"heard {type(event).__name__}")

    asyncio.run(hear())
    assert book.seen == [
        "happened OrderAccepted", "booked OrderAccepted", "heard OrderAccepted",
        "happened OrderExpired", "booked OrderExpired", "heard OrderExpired",
    ]  # fmt: skip

"""The venue port: commands, answers and order types (X1, X2).

One port for the simulated, the recorded and every real venue. Only ``execution.governed`` has access to one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from plimsoll.core.events import (
    Event,
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    VenueSnapshot,
)
from plimsoll.core.order import Fill, Order, OrderType, Status, TimeInForce


class Accepted(msgspec.Struct, frozen=True):
    """The venue has the order, or the request to cancel it."""

    venue_id: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The venue refused it: one of our codes and the venue's own words."""

    reason: str
    text: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """No answer, or one that cannot be parsed: the venue may have the order or not."""

    reason: str


class Denied(msgspec.Struct, frozen=True):
    """The governor refused it, for these reason codes; no venue saw it (H1)."""

    reasons: tuple[str, ...]


Answer = Accepted | Refused | Unknown | Denied
"""Possible answers to an order submitted to a venue, or to the governor before it."""


class OrderReport(msgspec.Struct, frozen=True):
    """A venue's status report of one order: ``filled`` lots, signed."""

    id: str
    status: Status
    filled: int
    venue_id: str = ""


class Absent(msgspec.Struct, frozen=True):
    """The venue reports that it never had the order."""


VenueEvent = (
    OrderAccepted | OrderRejected | OrderCancelled | OrderExpired | OrderRestated | Fill | FillCorrected | FeeReported
)  # fmt: skip
"""Events in a venue's stream; the receiver handles repetition, delay and disorder."""


class Combination(msgspec.Struct, frozen=True):
    """A kind of order that a venue accepts: type, time in force, kind of instrument, and whether in fractions."""

    type: OrderType
    time_in_force: TimeInForce
    kind: str
    fractional: bool = False


class VenueRules(msgspec.Struct, frozen=True):
    """A venue's order rules as data (L16, L17): combinations, and by symbol the smallest order in lots and in cents,
    the step of its lots, and the ticks of its prices: pairs of the price from which a tick holds and the tick, 1e-12
    USD, ascending.

    The entry of "" holds for every symbol without its own.
    """

    name: str
    takes: frozenset[Combination]
    lots_min: dict[str, int] = msgspec.field(default_factory=dict)
    notional_min: dict[str, int] = msgspec.field(default_factory=dict)
    lots_step: dict[str, int] = msgspec.field(default_factory=dict)
    ticks: dict[str, tuple[tuple[int, int], ...]] = msgspec.field(default_factory=dict)


class Gate(Protocol):
    """The gate before a venue: the governor (H1)."""

    def admit(self, order: Order) -> tuple[str, ...]:
        """Reason codes that refuse an order, none to admit it; durable before it returns."""
        ...

    def booked(self, event: Event) -> None:
        """Book an event of an order or of the account."""
        ...


class Venue(Protocol):
    """Destination of orders (X1). It returns answers and never raises for market or network faults."""

    @property
    def rules(self) -> VenueRules:
        """What it takes."""
        ...

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Submit an order. The same id twice is one order."""
        ...

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Request cancellation of an order; only an event confirms it."""
        ...

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        ...

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """Order events as they happen; ends where a recorded venue has no more for now."""
        ...

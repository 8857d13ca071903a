"""The protocol of a venue: commands it accepts, answers it gives, order types it takes (X1, X2).

One port for the simulated, the recorded and every real venue. ``execution.governed`` is the only thing that holds one.
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
    """The venue does not take it: a code of ours and the venue's own words."""

    reason: str
    text: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """No answer, or none that can be understood: it may have it or not."""

    reason: str


class Denied(msgspec.Struct, frozen=True):
    """The governor refused it, for these reason codes; no venue saw it (H1)."""

    reasons: tuple[str, ...]


Answer = Accepted | Refused | Unknown | Denied
"""What an order handed to a venue, or to the governor before it, may be answered."""


class OrderReport(msgspec.Struct, frozen=True):
    """What a venue says of one order: ``filled`` lots, signed."""

    id: str
    status: Status
    filled: int
    venue_id: str = ""


class Absent(msgspec.Struct, frozen=True):
    """The venue says that it never had the order."""


VenueEvent = (
    OrderAccepted | OrderRejected | OrderCancelled | OrderExpired | OrderRestated | Fill | FillCorrected | FeeReported
)  # fmt: skip
"""What a venue's stream may carry; what it tells twice, late or out of order is the receiver's to sort out."""


class Combination(msgspec.Struct, frozen=True):
    """A kind of order that a venue takes: type, time in force, kind of instrument, and whether in fractions."""

    type: OrderType
    time_in_force: TimeInForce
    kind: str
    fractional: bool = False


class VenueRules(msgspec.Struct, frozen=True):
    """What a venue takes, as data: combinations, and by symbol the smallest lots, step of lots and notional in cents.

    ``lots_min`` and ``notional_min`` of "" hold for every symbol without its own.
    """

    name: str
    takes: frozenset[Combination]
    lots_min: dict[str, int] = msgspec.field(default_factory=dict)
    notional_min: dict[str, int] = msgspec.field(default_factory=dict)


class Gate(Protocol):
    """What stands before a venue: the governor (H1)."""

    def admit(self, order: Order) -> tuple[str, ...]:
        """Reason codes against an order, none where it may leave; durable before it is answered."""
        ...

    def booked(self, event: Event) -> None:
        """Book what happened to an order or to the account."""
        ...


class Venue(Protocol):
    """Where orders are sent (X1). It answers; it never raises for what a market or a network does."""

    rules: VenueRules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Hand over an order. The same id twice is one order."""
        ...

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask that an order be cancelled; only an event says that it was."""
        ...

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """What became of an order."""
        ...

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to orders, as it happens; ends where a recorded venue has no more to tell for now."""
        ...

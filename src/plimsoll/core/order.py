"""Orders, the states they go through and the fills that come back (X2, X3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

OrderType = Literal["market", "limit", "stop", "stop_limit"]
TimeInForce = Literal["day", "opg", "cls", "gtc", "ioc", "fok"]
_ID_LENGTH = 32
_HEX = frozenset("0123456789abcdef")
Status = Literal[
    "NEW", "SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN",
    "FILLED", "CANCELLED", "EXPIRED", "REJECTED", "DENIED",
]  # fmt: skip

TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        "NEW": frozenset({"SUBMITTED", "DENIED", "EXPIRED"}),
        "SUBMITTED": frozenset(get_args(Status)) - {"NEW", "SUBMITTED"},
        "ACCEPTED": frozenset({"PARTIALLY_FILLED", "FILLED", "PENDING_CANCEL", "CANCELLED", "EXPIRED", "UNKNOWN"}),
        "PARTIALLY_FILLED": frozenset(
            {"PARTIALLY_FILLED", "FILLED", "PENDING_CANCEL", "CANCELLED", "EXPIRED", "UNKNOWN"}
        ),
        "PENDING_CANCEL": frozenset({"PENDING_CANCEL", "CANCELLED", "FILLED", "EXPIRED", "UNKNOWN"}),
        "UNKNOWN": frozenset({"ACCEPTED", "PARTIALLY_FILLED", "REJECTED", "FILLED", "CANCELLED", "EXPIRED"}),
        "FILLED": frozenset(),
        "CANCELLED": frozenset(),
        "EXPIRED": frozenset(),
        "REJECTED": frozenset(),
        "DENIED": frozenset(),
    }
)
"""Allowed next statuses of an order (X2). Anything else is quarantined. Only evidence from the venue leaves UNKNOWN,
and no timer ends an order."""
OPEN: frozenset[Status] = frozenset(s for s, after in TRANSITIONS.items() if after)
"""Statuses in which an order may still fill; PENDING_CANCEL and UNKNOWN count as exposure like the others."""


STATUS_MEANS: Mapping[Status, str] = MappingProxyType(
    {
        "NEW": "decided and journaled, not sent yet",
        "SUBMITTED": "sent to the governor and the venue; no answer yet",
        "ACCEPTED": "the venue accepted it",
        "PARTIALLY_FILLED": "partly executed",
        "PENDING_CANCEL": "its cancellation was requested; it may still fill",
        "UNKNOWN": "the venue's answer is missing; the venue is queried, and nothing is sent again before it answers",
        "FILLED": "fully executed",
        "CANCELLED": "the venue cancelled the rest",
        "EXPIRED": "its time in force ended; the event says why it did not fill",
        "REJECTED": "the venue refused it",
        "DENIED": "the governor refused it, so no venue saw it",
    }
)
"""Meaning of each status."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order; the only order type in the system (X2). It is journaled before any venue sees it.

    ``session`` is the session of its decision, ``lots`` signed (negative sells), ``reduce_only`` an order that may
    only bring a position towards zero, ``reference`` the decision session's close as traded. ``limit`` and ``stop``
    are prices in USD where the type has them. ``parent`` is the order it is part of, ``part`` its number and
    ``generation`` counts replacements; ``id`` follows from these (``client_id``).
    """

    id: str
    session: str
    symbol: str
    lots: int
    reduce_only: bool
    reference: float
    type: OrderType = "market"
    limit: float | None = None
    stop: float | None = None
    time_in_force: TimeInForce = "opg"
    parent: str = ""
    part: int = 0
    generation: int = 0


class WorkingOrder(msgspec.Struct, frozen=True):
    """An order that may still fill. ``filled`` is signed like its lots; ``venue_id`` is the venue's own id for it."""

    order: Order
    status: Status = "NEW"
    filled: int = 0
    venue_id: str = ""

    @property
    def remaining(self) -> int:
        """Lots not filled yet, signed."""
        return self.order.lots - self.filled


class Fill(msgspec.Struct, frozen=True, omit_defaults=True):
    """An execution. Money in whole cents: ``notional`` is signed like ``lots`` at the fill price, the three costs
    are positive; slippage and impact are already inside the price and are stated for attribution.

    ``at`` is when it was made, microseconds since 1970, and ``exchange`` where, as far as its venue says so: an id of
    an execution is one of its symbol and exchange. ``rest`` is what was spent beyond the whole cents of ``notional``
    and ``commission``, 1e-12 USD, where the venue's money is finer than a cent.
    """

    id: str
    execution: str
    session: str
    symbol: str
    lots: int
    price: float
    notional: int
    commission: int
    slippage: int
    impact: int
    reason: str = msgspec.field(default_factory=lambda: "ORDER")  # by a call, so that it is always written
    at: int = 0
    exchange: str = ""
    rest: int = 0


def client_id(account: str, session: str, symbol: str, side: str, part: int = 0, generation: int = 0) -> str:
    """The permanent id of an order: a hash of its content, never random (X2); 32 characters."""
    text = f"{account}|{session}|{symbol}|{side}|{part}|{generation}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_ours(id: str) -> bool:
    """Whether an order's id has the form of ``client_id``: every order made here has, parts and replacements too.

    >>> is_ours(client_id("a", "2026-01-02", "SPY", "buy")), is_ours("web_1003")
    (True, False)
    """
    return len(id) == _ID_LENGTH and _HEX.issuperset(id)


def reason_of(id: str) -> str:
    """The reason of an execution that a venue tells: of an order made here, or of somebody else's (X3)."""
    return "ORDER" if is_ours(id) else "EXTERNAL"

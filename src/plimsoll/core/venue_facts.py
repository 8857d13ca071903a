"""Reports of an account by a venue or a person, other than fills and ends of orders (X3, X6, H2).

Quantities are signed where a side is not given, in 1e-12 units; prices in 1e-12 USD; times in microseconds since 1970,
UTC. A price has two forms, rounded down and up, which differ only where it had more than twelve decimals. Every fact
has an id of its own, so that a repeated one counts once, and one repeated with other content is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """An execution was corrected: ``replaced_by`` replaces ``execution``."""

    order: str
    execution: str
    replaced_by: str
    quantity: int
    price_down: int
    price_up: int
    venue: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Bust:
    """An execution was cancelled by the venue, as if it had never happened."""

    order: str
    execution: str
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """``old`` units became ``new`` ones: 1 and 10 for a reverse split of one for ten.

    ``again`` marks a further split within a day of another.
    """

    id: str
    symbol: str
    new: int
    old: int
    at: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash per unit held, USD; a short position pays it.

    ``again`` marks a further dividend within a day of another.
    """

    id: str
    symbol: str
    amount: int
    at: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class External:
    """An external trade of the account, not an order of this governor: by hand, by another program, by the venue."""

    id: str
    symbol: str
    sign: int
    quantity: int
    price_down: int
    price_up: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """A position ended without a market: settled at a price, or written off at 0.

    ``quantity`` is the settled part, signed as held; all of it where None. ``act`` is the number of the
    signed entry, 0 without one.
    """

    id: str
    symbol: str
    price: int
    quantity: int | None = None
    at: int = 0
    act: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Units moved in (positive) or out of the account without a trade."""

    id: str
    symbol: str
    quantity: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A venue's report of all positions, where an unnamed symbol is zero, and of open orders."""

    id: str
    at: int
    positions: Mapping[str, int]
    orders: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee in USD that a venue reported apart from an execution; negative for a rebate."""

    id: str
    amount: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class SignedPrice:
    """A person's confirmation of a symbol's price."""

    id: str
    symbol: str
    bid: int
    ask: int


@dataclass(frozen=True, slots=True)
class SignedPosition:
    """A person's confirmation of a position."""

    id: str
    symbol: str
    quantity: int


Act = Settlement | SignedPrice | SignedPosition
Fact = Correction | Bust | Split | Dividend | External | Transfer | Snapshot | Fee | Act


def act_id(number: int) -> str:
    """The id of the statement in entry ``number`` of the account's record; no venue id contains a space."""
    return f"act {number}"

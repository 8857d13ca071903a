"""Reports of an account by a venue or a person besides fills and the ends of orders (X3, X6, H2).

Quantities are signed where a side is not given, in 1e-12 units; prices in 1e-12 USD; times in microseconds since 1970,
UTC. A price has two forms, rounded down and up, which differ only where it had more than twelve decimals. Every fact
has an id of its own, so that one told twice counts once, and one told again with other content is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """An execution was other than it was told: ``replaced_by`` takes the place of ``execution``."""

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
    """An execution was cancelled by the venue, as if it had never been."""

    order: str
    execution: str
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """``old`` units became ``new`` ones: 1 and 10 for a reverse split of one for ten.

    ``again`` says that it is another one than the split told within a day of it.
    """

    id: str
    symbol: str
    new: int
    old: int
    at: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Dividend:
    """So much for each unit held, USD; a short position pays it.

    ``again`` says that it is another one than the dividend told within a day of it.
    """

    id: str
    symbol: str
    amount: int
    at: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class External:
    """A trade of the account that no order of this governor made: by hand, by another program, by the venue."""

    id: str
    symbol: str
    sign: int
    quantity: int
    price_down: int
    price_up: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """A holding ended without a market: settled at a price, or written off at 0.

    ``quantity`` is how much of it, signed as it was held; all of it where it is None. ``act`` is the number of the
    entry that signs it, 0 where none does.
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
    """What the venue says is held, whole: a symbol that is not named is held at 0; and which orders are open."""

    id: str
    at: int
    positions: Mapping[str, int]
    orders: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SignedPrice:
    """A person says which price of a symbol is right."""

    id: str
    symbol: str
    bid: int
    ask: int


@dataclass(frozen=True, slots=True)
class SignedPosition:
    """A person says how much is held of a symbol."""

    id: str
    symbol: str
    quantity: int


Act = Settlement | SignedPrice | SignedPosition
Fact = Correction | Bust | Split | Dividend | External | Transfer | Snapshot | Act


def act_id(number: int) -> str:
    """The id of what entry ``number`` of the account's record signs; no id of a venue has a space in it."""
    return f"act {number}"

"""What a store keeps of the governor's account, value by value (H2).

Quantities are in 1e-12 units, prices in 1e-12 USD, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plimsoll.core.ports import Row
from plimsoll.governor.limits import SECOND, Ruling

MINUTE = 60 * SECOND
AHEAD_MAX = MINUTE  # how far a time may lie ahead of the clock it is held against and still be believed
FAR_FUTURE = 1 << 80  # later than any instant


class StoredValue(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """What a store keeps as the list of its fields."""


SPLIT = "split"  # why a price is in doubt that jumped between two sessions as if by a split


class Quote(StoredValue, frozen=True):
    """Top of book. ``derived`` names what made it of the last print, a ``split`` or ``dividend``: none is at it yet."""

    bid: int
    ask: int
    at: int
    derived: str = ""


class Doubt(StoredValue, frozen=True):
    """What makes a symbol's worth unknown until it is explained: a price nobody can believe yet, and why (U6, H2).

    ``why`` is ``jump``, ``split``, ``crossed`` or ``refused`` (``governor.prices``). ``bid`` and ``ask`` are the
    doubted ones, 0 where there is none. While they stand beside the last known quote, the worse of the two counts: what
    is held is marked at the price that loses more, what is open at the dearer one. ``at`` is the time of that print,
    ``since`` of the first one that was doubted for the same reason.
    """

    why: str
    bid: int
    ask: int
    at: int
    since: int = 0


class Lost(StoredValue, frozen=True):
    """An account that a person began again without its last entries: what happened in them is not known (X6).

    Nothing adds risk until the venue has told what is held, in a snapshot after ``at``, and a session after that of
    ``day`` has begun, since what this one lost and traded is not known either. ``told`` says that the first is done.
    """

    day: int
    at: int
    told: bool = False


class OpenOrder(StoredValue, frozen=True):
    """An admitted order. ``price`` is the dearest it would have filled at when it was admitted: the ask, or its limit.
    What is not ``filled`` stays reserved.

    ``paid`` is what a unit counts at in the turnover, at least: for a market order with a reserve above ``price``,
    because what it fills at stays in the session's turnover whatever the price does afterwards (H2). ``number`` counts
    the account's admitted orders from 1.
    """

    id: str
    symbol: str
    sign: int
    quantity: int
    price: int
    filled: int = 0
    number: int = 0
    paid: int = 0

    @property
    def rest(self) -> int:
        """What may still fill."""
        return max(self.quantity - self.filled, 0)

    @property
    def counted(self) -> int:
        """What a unit of it counts at in the turnover, at least."""
        return max(self.price, self.paid)


class SplitAt(StoredValue, frozen=True):
    """At an instant ``old`` units of a symbol became ``new`` ones."""

    at: int
    new: int
    old: int
    id: str
    again: bool = False


class Moves(StoredValue, frozen=True):
    """How often a position moved, and the latest time that any of it happened."""

    count: int = 0
    latest: int = -1


class Due(StoredValue, frozen=True):
    """A dividend of the session: its cash counts as far as the price of what was held has fallen since (H2).

    ``mark`` is the bid and ask of before it, together.
    """

    quantity: int
    mark: int
    cash: int


class Came(StoredValue, frozen=True):
    """Units that came without a trade, or left where ``quantity`` is negative, while their price was not fresh.

    ``worth`` is twice what they counted at. What the next believed quote says they are worth beyond that is no gain,
    because the price may have been lost in a crash and true before they came (U6).
    """

    quantity: int
    worth: int


class Account(StoredValue, frozen=True):
    """Counters of the session. ``day`` counts from 1970 and is -1 before the first session.

    ``cash`` is the signed flow of the session's fills; ``base`` twice the value the positions began the session with
    (twice, because a mid is half a sum). ``admitted`` counts orders for life. ``slow`` is 1 in the session whose
    decisions were too slow and 2 in later ones until a health check; ``unchecked`` holds after a halt, until one.
    ``first`` is the number of the session's first order; ``restricted`` names the orders that filled more than they
    asked for in it. ``opened`` is the last time seen before the session began.
    """

    day: int = -1
    equity: int = 0
    clock: int = 0
    turnover: int = 0
    cash: int = 0
    base: int = 0
    halted: bool = False
    restricted: tuple[str, ...] = ()
    admitted: int = 0
    first: int = 1
    slow: int = 0
    unchecked: bool = False
    opened: int = -1


class AdmittedOrder(StoredValue, frozen=True):
    """An admitted order as the throttles remember it."""

    at: int
    symbol: str
    sign: int
    quantity: int


_write = msgspec.json.Encoder().encode
DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "caps": msgspec.json.Decoder(dict[str, Any]),
    "lost": msgspec.json.Decoder(Lost),
    "policy": msgspec.json.Decoder(Ruling),
    "account": msgspec.json.Decoder(Account),
    "quote": msgspec.json.Decoder(Quote),
    "doubt": msgspec.json.Decoder(Doubt),
    "told": msgspec.json.Decoder(int),
    "foreign": msgspec.json.Decoder(tuple[str, ...]),
    "split": msgspec.json.Decoder(tuple[SplitAt, ...]),
    "moves": msgspec.json.Decoder(Moves),
    "due": msgspec.json.Decoder(Due),
    "came": msgspec.json.Decoder(Came),
    "open": msgspec.json.Decoder(OpenOrder),
    "recent": msgspec.json.Decoder(AdmittedOrder),
    "position": msgspec.json.Decoder(int),
}


def encode(value: Any) -> str:
    """Whole numbers, texts and lists of them as JSON."""
    return _write(value).decode()


def row(kind: str, key: str, value: Any) -> Row:
    """A value as a store keeps it."""
    return kind, key, None if value is None else _write(value).decode()

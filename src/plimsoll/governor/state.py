"""The stored values of a governor's account (H2).

Quantities are in 1e-12 units, prices in 1e-12 USD, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plimsoll.core.ports import Row
from plimsoll.governor.limits import SECOND, Ruling

MINUTE = 60 * SECOND
AHEAD_MAX = MINUTE  # how far ahead of the clock a believed time may be
FAR_FUTURE = 1 << 80  # later than any instant


class StoredValue(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A record stored as the list of its fields."""


SPLIT = "split"  # reason of a doubt: a jump between two sessions as by a split


class Quote(StoredValue, frozen=True):
    """Top of book. ``derived`` is the action that adjusted the last print, ``split`` or ``dividend``; else empty."""

    bid: int
    ask: int
    at: int
    derived: str = ""


class Doubt(StoredValue, frozen=True):
    """A reason that a symbol's value is unknown until explained: a price not believed yet (U6, H2).

    ``why`` is ``jump``, ``split``, ``crossed`` or ``refused`` (``governor.prices``). ``bid`` and ``ask`` are the
    doubted ones, 0 without one. While they stand beside the last known quote, the worse of the two counts: positions
    are marked at the price that loses more, open orders at the higher one. ``at`` is the time of that print, ``since``
    of the first one doubted for the same reason.
    """

    why: str
    bid: int
    ask: int
    at: int
    since: int = 0


class Lost(StoredValue, frozen=True):
    """An account that a person began again without its last entries, whose content is unknown (X6).

    No new risk until the venue has reported positions in a snapshot after ``at``, and a session after that of ``day``
    has begun, since this one's loss and turnover are unknown too. ``told`` means that the snapshot has arrived.
    """

    day: int
    at: int
    told: bool = False


class OpenOrder(StoredValue, frozen=True):
    """An admitted order. ``price`` is the highest fill price at its admission: the ask, or its limit. The rest not
    ``filled`` stays reserved.

    ``paid`` is its unit price in the turnover, at least: for a market order with a reserve above ``price``, because its
    fill price stays in the session's turnover whatever the price does afterwards (H2). ``number`` counts the account's
    admitted orders from 1.
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
        """Quantity that may still fill."""
        return max(self.quantity - self.filled, 0)

    @property
    def counted(self) -> int:
        """Its unit price in the turnover, at least."""
        return max(self.price, self.paid)


class SplitAt(StoredValue, frozen=True):
    """At an instant ``old`` units of a symbol became ``new`` ones."""

    at: int
    new: int
    old: int
    id: str
    again: bool = False


class Moves(StoredValue, frozen=True):
    """Number of moves of a position, and the latest time of any."""

    count: int = 0
    latest: int = -1


class Due(StoredValue, frozen=True):
    """A dividend of the session: its cash counts as far as the price of the position has fallen since (H2).

    ``mark`` is the sum of bid and ask before it.
    """

    quantity: int
    mark: int
    cash: int


class Came(StoredValue, frozen=True):
    """Units transferred in, or out where ``quantity`` is negative, while their price was not fresh.

    ``worth`` is twice their booked value. Value above it at the next believed quote is no gain, because the price may
    have been lost in a crash and valid before they came (U6).
    """

    quantity: int
    worth: int


class Account(StoredValue, frozen=True):
    """Counters of the session. ``day`` counts from 1970 and is -1 before the first session.

    ``cash`` is the signed flow of the session's fills; ``base`` twice the value of the positions at its start (twice,
    because a mid is half a sum). ``admitted`` counts orders for life. ``slow`` is 1 in the session whose decisions were
    too slow and 2 in later ones until a health check; ``unchecked`` is set after a halt, until one. ``first`` is the
    number of the session's first order; ``restricted`` are the orders that filled beyond their quantity in it.
    ``opened`` is the last time seen before the session began.
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
    """An admitted order, as the throttles remember it."""

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
    """A value in its stored form."""
    return kind, key, None if value is None else _write(value).decode()

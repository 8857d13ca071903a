"""What a venue's refusal means, as data: (venue, code, sub-text) to class, retry and a sentence (X2, L17, L28).

A venue's text is only evidence, and a code that is not listed is ``UNKNOWN_REFUSAL``: no retry, the symbol frozen, an
alert. One JSON file a venue lies beside this module.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Class = Literal[
    "DUPLICATE",  # an order with this id is there: evidence that the first one arrived
    "FILTER",  # a quantity, price or value outside the venue's rules
    "FUNDS",  # cash, buying power or borrow
    "HELD",  # the quantity is held by other orders, or not there
    "RULE",  # a regulation or the account's status
    "SESSION",  # the market or symbol is closed or halted
    "CLOCK",  # the request's time
    "RATE",  # too many requests; the venue certainly did not take it
    "AUTH",  # keys or permissions
    "GONE",  # the order is unknown or has ended: ask, it may be filled
    "OUTCOME_UNKNOWN",  # the venue may have taken it
    "BUSY",  # the venue certainly did not take it, and may later
    "UNKNOWN_REFUSAL",
]


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table. ``text`` is a part of the venue's words, lower case, "" for any; ``retry`` only where the
    venue certainly did not take the order. ``sentence`` tells an operator what happened and what to do.
    """

    code: str
    cls: Class = msgspec.field(name="class")
    sentence: str
    text: str = ""
    retry: bool = False


UNLISTED = Refusal(
    "",
    "UNKNOWN_REFUSAL",
    "The venue refused the order with a code that is not listed; the symbol is frozen until a person looks",
)


def refusal(venue: str, code: str, text: str = "") -> Refusal:
    """The row of a venue's refusal: the first of its code whose sub-text is in the venue's words; else ``UNLISTED``."""
    words = text.lower()
    return next((row for row in table(venue) if row.code == code and row.text in words), UNLISTED)


@cache
def table(venue: str) -> tuple[Refusal, ...]:
    """Every row of a venue, the most specific sub-text of a code first."""
    found = files(__name__).joinpath(f"{venue}.json").read_bytes()
    return msgspec.json.decode(found, type=tuple[Refusal, ...])

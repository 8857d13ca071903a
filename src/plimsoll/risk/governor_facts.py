"""How facts with an id of their own are booked: trades of others, and whatever else a venue reports (X3, X6, H2).

Each is booked once. Told again with the same content it is answered as before, with other content it is refused.
Pure functions: whole numbers in, a ``Change`` out, which the governor makes durable as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import External, Fact
from plimsoll.risk.governor_book import encode
from plimsoll.risk.governor_executions import Change, Known, moved

_decode: Callable[[str], Any] = json.loads


def told(known: Known, fact: Fact) -> Change | tuple[str, ...]:
    """What a fact changes, or what it was answered with before. ``InputError`` where it cannot be booked."""
    content = [type(fact).__name__.lower(), *msgspec.to_builtins(fact).values()]
    *_, name = content[:2]
    before = known.fact("fact", name)
    if before is not None:
        same, reasons = _decode(before)
        if same != content:
            raise InputError(f"fact {name} was told before with other content", "Give each fact an id of its own")
        return tuple(reasons)
    match fact:
        case External():
            change = _external(known, fact)
        case _:
            raise InputError(f"a {content[0]} cannot be told yet")
    change.new["fact", name] = encode([content, change.reasons])
    return change


def _external(known: Known, told: External) -> Change:
    """A trade that no order here made is adopted: it counts in every limit (X3)."""
    if told.quantity <= 0 or told.price_down <= 0:
        raise InputError("a trade needs a positive quantity and price")
    worst = told.price_up if told.sign > 0 else told.price_down
    change = Change(
        turnover=told.quantity * told.price_up,
        cash=-told.sign * told.quantity * worst,
        reasons=("EXTERNAL",),
    )
    moved(change, known, told.symbol, told.sign * told.quantity, told.price_up)
    return change

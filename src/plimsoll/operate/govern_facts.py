"""What a venue reports besides fills and the ends of orders, as lines of the governor's protocol (X3, H2)."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.core.quantity import parsed
from plimsoll.core.venue_facts import Bust, Correction, External, Fact
from plimsoll.operate.govern_lines import Line, id_of, instant_of, side_of, symbol_of


def fact_of(said: Line) -> Fact:
    """The fact of a line; ``InputError`` where it cannot be read."""
    return _FACTS[str(said["type"])](said)


def venue_of(said: Line) -> str:
    """The venue an execution is of; "" where the account has one only."""
    return id_of(said, "venue") if "venue" in said else ""


def prices_of(said: Line) -> tuple[int, int]:
    """A price rounded down and up."""
    return parsed(said["price"], "price", exact=False), parsed(said["price"], "price", exact=False, up=True)


def _correction(said: Line) -> Correction:
    return Correction(
        id_of(said, "id"),
        id_of(said, "exec"),
        id_of(said, "by"),
        parsed(said["qty"], "qty", exact=True),
        *prices_of(said),
        venue=venue_of(said),
        at=instant_of(said),
    )


def _bust(said: Line) -> Bust:
    instant_of(said)
    return Bust(id_of(said, "id"), id_of(said, "exec"), venue_of(said))


def _external(said: Line) -> External:
    quantity = parsed(said["qty"], "qty", exact=True)
    return External(id_of(said, "id"), symbol_of(said), side_of(said), quantity, *prices_of(said), at=instant_of(said))


_FACTS: dict[str, Callable[[Line], Fact]] = {
    "correct": _correction,
    "bust": _bust,
    "external": _external,
}
FACTS = tuple(_FACTS)

"""Protocol lines of a venue's reports other than fills and ends of orders (X3, H2)."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.core.errors import InputError
from plimsoll.core.quantity import parsed, plain, shown, signed
from plimsoll.core.venue_facts import Bust, Correction, Dividend, External, Fact, Settlement, Snapshot, Split, Transfer
from plimsoll.governor.book import Book
from plimsoll.governor.protocol_lines import Line, id_in, id_of, instant_of, side_of, symbol_in, symbol_of


def fact_of(said: Line) -> Fact:
    """The fact of a line; ``InputError`` where it cannot be read."""
    return _FACTS[str(said["type"])](said)


def venue_of(said: Line) -> str:
    """The venue of an execution; "" where the account has only one."""
    return id_of(said, "venue") if "venue" in said else ""


def prices_of(said: Line) -> tuple[int, int]:
    """A price rounded down and up."""
    return parsed(said["price"], "price", exact=False), parsed(said["price"], "price", exact=False, up=True)


def disputed(book: Book) -> dict[str, dict[str, str]]:
    """Symbols for which the venue reports another position than counted, with both."""
    return {
        symbol: {"counted": plain(book.positions.get(symbol, 0)), "told": plain(said)}
        for symbol, said in sorted(book.told.items())
    }


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


def _split(said: Line) -> Split:
    new, old = (parsed(said[name], name, exact=True) for name in ("new", "old"))
    return Split(id_of(said, "id"), symbol_of(said), new, old, instant_of(said), _again(said))


def _dividend(said: Line) -> Dividend:
    amount = parsed(said["amount"], "amount", exact=False, up=True)
    return Dividend(id_of(said, "id"), symbol_of(said), amount, instant_of(said), _again(said))


def _again(said: Line) -> bool:
    again = said.get("again", False)
    if not isinstance(again, bool):
        raise InputError(f"again must be true or false, not {shown(again)}")
    return again


def _settlement(said: Line) -> Settlement:
    return Settlement(
        id_of(said, "id"),
        symbol_of(said),
        signed(said["price"], "price"),
        signed(said["qty"], "qty") if "qty" in said else None,
        instant_of(said),
        _number(said["act"], "act") if "act" in said else 0,
    )


def _transfer(said: Line) -> Transfer:
    return Transfer(id_of(said, "id"), symbol_of(said), signed(said["qty"], "qty"), instant_of(said))


def _snapshot(said: Line) -> Snapshot:
    held, orders = said["positions"], said.get("orders")
    if not isinstance(held, dict):
        raise InputError(f"positions must be an object of quantities by symbol, not {shown(held)}")
    if orders is not None and not isinstance(orders, list):
        raise InputError(f"orders must be a list of ids, not {shown(orders)}")
    positions: dict[str, int] = {}
    for name, quantity in held.items():
        symbol = symbol_in(name)  # a venue may spell a symbol in two ways: the position is the sum
        positions[symbol] = positions.get(symbol, 0) + signed(quantity, f"the position of {symbol}")
    named = None if orders is None else frozenset(id_in(order, "an order's id") for order in orders)
    return Snapshot(id_of(said, "id"), instant_of(said), positions, named)


def _number(value: object, name: str) -> int:
    """A whole number, such as the number of an entry."""
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
        raise InputError(f"{name} must be a whole number, not {shown(value)}")
    return int(value)


_FACTS: dict[str, Callable[[Line], Fact]] = {
    "correct": _correction,
    "bust": _bust,
    "external": _external,
    "split": _split,
    "dividend": _dividend,
    "settle": _settlement,
    "transfer": _transfer,
    "snapshot": _snapshot,
}
FACTS = tuple(_FACTS)

"""Changes of an account from one message, and the moves of positions, in whatever order messages arrive (X3, X6, H2).

Every move of a position is stored with the time at which it happened, so that a split or snapshot that arrives late
can still separate earlier moves from later ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from plimsoll.core.errors import CorruptionError
from plimsoll.governor.book import Book
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.state import Moves, Quote, SplitAt, encode

CONTESTED = -1  # in place of a snapshot's time: fills of one execution for two orders contradict
_decode: Callable[[str], Any] = json.loads


@dataclass(slots=True)
class Change:
    """Effects of one message: rows of the state, facts to replace or add, and the session's sums.

    ``gainless`` means that the account's value may not rise by it: cash beyond that is left out (H2).
    """

    puts: list[tuple[str, str, Any]] = field(default_factory=list)
    facts: dict[tuple[str, str], str] = field(default_factory=dict)
    new: dict[tuple[str, str], str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    turnover: int = 0
    cash: int = 0
    restricted: tuple[str, ...] | None = None
    gainless: bool = False


class Known(Protocol):
    """The account's book and the facts in its store, as booking sees them."""

    @property
    def book(self) -> Book:
        """The account."""
        ...

    @property
    def limits(self) -> GovernorLimits:
        """The limits in force."""
        ...

    @property
    def live(self) -> int | None:
        """The time of a live account's machine; None where times are recorded."""
        ...

    def fact(self, kind: str, key: str) -> str | None:
        """A fact; None where there is none."""
        ...

    def stood(self, kind: str, key: str) -> bool:
        """Record that a fact exists where a new one was expected."""
        ...


def scaled(quantity: int, splits: Sequence[SplitAt], at: int) -> int:
    """A signed quantity of an instant in present units; a fraction below 1e-12 is rounded against the account."""
    for split in splits:
        if split.at > at:
            quantity = quantity * split.new // split.old
    return quantity


def ordered(quantity: int, splits: Sequence[SplitAt], at: int) -> int:
    """The same in an order's units: converted by splits into more units, but not by reverse splits, because it is
    unknown whether the venue adjusts its orders, and the larger rest counts.
    """
    return scaled(quantity, [split for split in splits if split.new > split.old], at)


def moved(
    change: Change,
    known: Known,
    symbol: str,
    quantity: int,
    at: int,
    price: int = 0,
    order: tuple[str, int] = ("", 0),
) -> None:
    """Move a position by an event of an instant, in present units, and the part of it due to an order.

    The venue's reported position moves too, unless its snapshot was later: then only the counted one does, and when
    both agree again the dispute ends (X6). A symbol without a quote takes the trade's price as its last known one, and
    stale. the last known one, and stale.
    """
    book = known.book
    held = book.positions.get(symbol, 0) + quantity
    change.puts.append(("position", symbol, held or None))
    moves = book.moves.get(symbol, Moves())
    count = moves.count + 1
    entry = [at, quantity, len(book.splits.get(symbol, ())), moves.latest, *order]
    change.new["move", f"{symbol} {count}"] = encode(entry)
    change.puts.append(("moves", symbol, Moves(count, max(moves.latest, at))))
    told = book.told.get(symbol)
    if told is not None:
        told += quantity if at > told_at(known, symbol) else 0
        change.puts.append(("told", symbol, None if told == held else told))
    if price and symbol not in book.quotes:
        change.puts.append(("quote", symbol, Quote(price, price, 0)))


def moved_since(known: Known, symbol: str, at: int) -> tuple[int, dict[str, int]]:
    """Moves of a position after an instant, in whatever order they arrived, and each order's part of them."""
    book = known.book
    moves, splits = book.moves.get(symbol, Moves()), book.splits.get(symbol, ())
    count, latest = moves.count, moves.latest
    total, orders = 0, dict[str, int]()
    while count and latest > at:
        text = known.fact("move", f"{symbol} {count}")
        if text is None:
            raise CorruptionError(f"the store lacks move {count} of {symbol}", "Restore it from a backup")
        when, quantity, since, latest, order, filled = _decode(text)
        if when > at:
            total += scaled(quantity, splits[since:], when)
            if order:
                orders[order] = orders.get(order, 0) + ordered(filled, splits[since:], when)
        count -= 1
    return total, orders


def told_at(known: Known, symbol: str) -> int:
    """Time of the snapshot that contradicts a symbol's counted position; ``CONTESTED``, which is before every move,
    where two fills contradict each other.
    """
    return int(known.fact("snapshot", symbol) or 0)

"""What one message changes of an account, and how a position moves, whenever its message comes (X3, X6, H2).

Every move of a position is remembered with the time it happened, so that a split or a snapshot that is told late still
tells what came before it from what came after.
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

CONTESTED = -1  # instead of a snapshot's time, where two orders' fills of one execution contradict each other
_decode: Callable[[str], Any] = json.loads


@dataclass(slots=True)
class Change:
    """What a message changes: rows of the state, facts that are replaced or must be new, and the session's sums.

    ``gainless`` says that the account may not be worth more for it: cash beyond that is left out (H2).
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
    """What there is to book on: the account's book, and the facts its store keeps."""

    @property
    def book(self) -> Book:
        """The account."""
        ...

    @property
    def limits(self) -> GovernorLimits:
        """What it is held to."""
        ...

    @property
    def live(self) -> int | None:
        """The time of a live account's machine; None where times are recorded."""
        ...

    def fact(self, kind: str, key: str) -> str | None:
        """A fact; None where there is none."""
        ...

    def stood(self, kind: str, key: str) -> bool:
        """Whether a fact was found where a new one was to be."""
        ...


def scaled(quantity: int, splits: Sequence[SplitAt], at: int) -> int:
    """A signed quantity of an instant in the units of now; a fraction below 1e-12 goes against the account."""
    for split in splits:
        if split.at > at:
            quantity = quantity * split.new // split.old
    return quantity


def ordered(quantity: int, splits: Sequence[SplitAt], at: int) -> int:
    """The same in the units an order is counted in: those of a split into more, but not of one into fewer, because
    nobody knows whether the venue adjusts its orders, and the larger rest counts.
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
    """Move a position by what happened at an instant, in units of now, by so much of an order where one did it.

    What a snapshot told of the symbol moves with it, unless the snapshot was later: then only what was counted does,
    and where both are the same again the dispute ends (X6). Where the symbol was never quoted the price of the trade is
    the last known one, and stale.
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
    """What moved a position after an instant, in whatever order it was told, and how much of each order that was."""
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
    """The time of the snapshot that contradicts what was counted of a symbol; ``CONTESTED``, before all that moves it,
    where two fills contradict each other.
    """
    return int(known.fact("snapshot", symbol) or 0)

"""Quotes that are kept in memory until the next change is written, and what of one must be written at once (H2, U6).

A quote comes far more often than anything else. What a crash takes of them no start relies on: a quote that a store
kept is not fresh until it comes anew.
"""

from __future__ import annotations

from typing import Any

from plimsoll.core.errors import InputError
from plimsoll.governor.book import Book
from plimsoll.governor.clock import in_session, outrun, seen
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.prices import confirmed, earlier, judged, no_gain
from plimsoll.governor.staged import Staged
from plimsoll.governor.state import Doubt, Quote


def put_quote(
    staged: Staged, limits: GovernorLimits, symbol: str, quote: Quote, live: int | None, *, new: bool = True
) -> Doubt | None:
    """Put what a quote changes; what is left in doubt of it, None where it is believed.

    What was transferred at an unknown price is settled by a ``new`` quote, because that has to be written at once.
    ``InputError`` when it is out of order, or not of the session.
    """
    book = staged.book
    if not in_session(book, quote.at):
        raise InputError("the time is outside the session, or none has begun")
    doubt = book.doubts.get(symbol)
    if outrun(book, symbol, quote.at, live):
        raise InputError("the quote is older than the last one of its symbol")
    believed, left = judged(book, limits, symbol, quote)
    base = book.account.base
    if believed is not None:
        base += no_gain(book, symbol, believed) if new else 0
        if new and symbol in book.came:
            staged.put("came", symbol, None)
        last = book.quotes.get(symbol)
        before = confirmed(book, limits, symbol, believed)
        if before is not None:
            staged.put("doubt", symbol, None)
            staged.put("quote", symbol, before)
            staged.mark(limits)
        if last is not None:
            staged.remember("earlier", symbol, (earlier(book, symbol, last, believed.at), believed))
        staged.put("quote", symbol, believed)
    if left != doubt:
        staged.put("doubt", symbol, left)
    staged.mark(limits, clock=max(seen(book, live), quote.at), base=base)
    return left


def decisive(book: Book, symbol: str) -> tuple[object, ...]:
    """What of a quote must not be forgotten: a halt, why its symbol is in doubt, and what of it is no gain."""
    doubt = book.doubts.get(symbol)
    return book.account.halted, "" if doubt is None else doubt.why, book.account.base, book.came.get(symbol)


class UnsavedQuotes:
    """Quotes, and the times seen with them, that are to be written with the next change.

    ``pressing`` says: with the next contact, because what others wrote made more of them.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Any] = {}
        self._pressing = False

    def keep(self, staged: Staged) -> None:
        """Keep what was put, to be written with the next change."""
        self._rows.update(staged.state)
        staged.forget()

    def beside(self, staged: Staged) -> dict[tuple[str, str], Any]:
        """What is to be written with what was put; nothing where nothing else has to be written."""
        if staged.state or staged.facts or staged.new or self._pressing:
            return {**self._rows, **staged.state}
        return staged.state

    def written(self) -> None:
        """They are durable."""
        self._rows, self._pressing = {}, False

    def put_again(self, staged: Staged, limits: GovernorLimits, live: int | None) -> None:
        """Put them on top of what others wrote: a newer quote is never replaced."""
        rows, self._rows = self._rows, {}
        for (kind, symbol), value in rows.items():
            before = decisive(staged.book, symbol)
            if kind == "quote":
                try:
                    put_quote(staged, limits, symbol, value, live, new=False)
                except InputError:  # they know a later one, or began another session
                    staged.undo()
            elif kind == "doubt" and not outrun(staged.book, symbol, value.at, live):
                staged.put(kind, symbol, value)
            self._pressing = self._pressing or decisive(staged.book, symbol) != before
            self.keep(staged)

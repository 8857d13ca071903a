"""Quotes kept in memory until the next change is written, and the effects of a quote that are written at once (H2, U6).

Quotes are by far the most frequent messages. After a start a stored quote is not fresh until received again, but the
first print is judged against it. So a quote, or a doubted one, is written at once where the symbol has no written one,
or is further from it than half of the bound beyond which a print is in doubt: a crash loses no price by more than that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from plimsoll.core.errors import InputError
from plimsoll.governor.book import Book
from plimsoll.governor.clock import in_session, outrun, seen
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.prices import confirmed, earlier, judged, near, no_gain
from plimsoll.governor.staged import Staged
from plimsoll.governor.state import Doubt, Quote


def put_quote(
    staged: Staged, limits: GovernorLimits, symbol: str, quote: Quote, live: int | None, *, new: bool = True
) -> Doubt | None:
    """Stage a quote's changes; returns the remaining doubt, None where it is believed.

    Units transferred at an unknown price are settled by a ``new`` quote, because that must be written at once.
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
            staged.put("quote", symbol, before)
            staged.mark(limits)
        before_it = believed if last is None else earlier(book, symbol, last, believed.at)
        if before_it is not None:
            staged.remember("earlier", symbol, (before_it, believed))
        staged.put("quote", symbol, believed)
    if left != doubt:
        staged.put("doubt", symbol, left)
    staged.mark(limits, clock=max(seen(book, live), quote.at), base=base)
    return left


def decisive(book: Book, symbol: str) -> tuple[object, ...]:
    """The effects of a quote that must be durable: a halt, a doubt about its symbol, and gains that do not count."""
    doubt = book.doubts.get(symbol)
    return book.account.halted, "" if doubt is None else doubt.why, book.account.base, book.came.get(symbol)


Prices = tuple[Quote | None, Doubt | None]


def prices_of(book: Book, symbol: str) -> Prices:
    """The believed quote of a symbol, and the doubted one."""
    return book.quotes.get(symbol), book.doubts.get(symbol)


class UnsavedQuotes:
    """Quotes, and times seen with them, to be written with the next change.

    ``pressing`` means at the next contact with the store, because other processes' writes added to them. ``written`` is
    the stored quote and the stored doubt of each symbol with an unsaved one, None where none is stored.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Any] = {}
        self._written: dict[str, Prices] = {}
        self._pressing = False

    def strayed(self, book: Book, limits: GovernorLimits, symbol: str, last: Prices) -> bool:
        """Whether the prices of a symbol must be written: one of them has no stored one, or is too far from it.

        ``last`` are the prices before: the believed quote, and the doubted one.
        """
        half = limits.jumps.of(symbol) // 2
        stored = self._written.get(symbol, last)
        return any(
            now is not None and (then is None or not near(then, now, half))
            for now, then in zip(prices_of(book, symbol), stored, strict=True)
        )

    def keep(self, staged: Staged, symbol: str, last: Prices) -> None:
        """Keep a symbol's staged quote, to be written with the next change; ``last`` are the prices before it."""
        self._written.setdefault(symbol, last)
        self._rows.update(staged.state)
        staged.forget()

    def beside(self, staged: Staged) -> dict[tuple[str, str], Any]:
        """Rows to be written with the staged ones; none where nothing else has to be written."""
        if staged.state or staged.new or self._pressing:  # no fact is replaced without a row
            return {**self._rows, **staged.state}
        return staged.state

    def written(self) -> None:
        """Mark them as durable."""
        self._rows, self._written, self._pressing = {}, {}, False

    def put_again(self, staged: Staged, limits: GovernorLimits, live: int | None, heard: frozenset[str]) -> None:
        """Apply them over other processes' writes, which were of the symbols ``heard``: a newer quote is never
        replaced, nor a price of the same time that a fact adjusted, and no doubt comes back that others ended.
        """
        rows, self._rows = self._rows, {}
        written, self._written = self._written, {}
        for (kind, symbol), value in rows.items():
            book = staged.book
            before, last = decisive(book, symbol), prices_of(book, symbol)
            if symbol not in heard:
                last = written.get(symbol, last)
            known = book.quotes.get(symbol)
            if kind == "quote":
                adjusted = known is not None and known.derived and value.at <= known.at
                if not adjusted:
                    with suppress(InputError):  # others have a later one, or began another session
                        put_quote(staged, limits, symbol, value, live, new=False)
            elif kind == "doubt":
                ended = symbol in heard and symbol not in book.doubts
                if not ended and not outrun(book, symbol, value.at, live):
                    staged.put(kind, symbol, value)
            strays = self.strayed(book, limits, symbol, last)
            self._pressing = self._pressing or strays or decisive(book, symbol) != before
            self.keep(staged, symbol, last)

"""What one message changes of the governor's copy of an account before it is durable, and how it is taken back (H2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace as changed

from plimsoll.core.ports import Row
from plimsoll.governor.book import Book
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.use import believed_loss_of, stage_of


class Staged:
    """An account's book with the changes that are still to be written: put first, taken back if they cannot be.

    Attributes
    ----------
    book : the copy, with what was put.
    state : rows of the state to be written, by kind and key.
    facts, new : facts that replace others, and those that must find nothing, by kind and key.
    """

    def __init__(self) -> None:
        self.book = Book()
        self._before: list[tuple[str, str, Any]] = []
        self.forget()

    def put(self, kind: str, key: str, value: Any) -> None:
        """Set or take away (None) a thing of the book; it is to be written."""
        self.remember(kind, key, value)
        self.state[kind, key] = value

    def remember(self, kind: str, key: str, value: Any) -> None:
        """The same of what no store keeps."""
        self._before.append((kind, key, self.book.put(kind, key, value)))

    def mark(self, limits: GovernorLimits, **changes: Any) -> None:
        """Change the account, and halt its session for good where its loss at believed prices reaches the halt (R4).

        At a price in doubt the stage shows the halt, for as long as the doubt stands.
        """
        before = self.book.account
        self.put("account", "", changed(before, **changes))
        if not before.halted and stage_of(self.book, limits, believed_loss_of(self.book)) == "halt":
            self.put("account", "", changed(self.book.account, halted=True))

    def undo(self) -> None:
        """Take back what was put."""
        for kind, key, value in reversed(self._before):
            self.book.put(kind, key, value)
        self.forget()

    def forget(self) -> None:
        """What was put stays: it is written, or kept to be."""
        self._before.clear()
        self.state: dict[tuple[str, str], Any] = {}
        self.facts: dict[tuple[str, str], str] = {}
        self.new: dict[tuple[str, str], str] = {}

    def learn(self, rows: Iterable[Row]) -> None:
        """Put what other governors of the account wrote."""
        found = list(rows)
        self.book.absorb(found)
        self.book.unheard -= {key for kind, key, _ in found if kind == "quote"}

    def reload(self, rows: Iterable[Row]) -> None:
        """Begin anew from the whole state."""
        before, book = self.book, Book()
        self.book = book
        book.aged = before.aged
        book.absorb(sorted(rows, key=lambda r: (r[0], len(r[1]), r[1])))
        book.unheard = {s for s in before.unheard if book.quotes.get(s) == before.quotes.get(s)}

"""Staged changes of the governor's copy of an account, before they are durable, and their undo (H2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace as changed

from plimsoll.core.ports import Row
from plimsoll.governor.book import Book
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.use import believed_loss_of, stage_of


class Staged:
    """An account's book with changes still to be written: applied first, undone if the write fails.

    Attributes
    ----------
    book : the copy, with the staged changes.
    state : rows of the state to be written, by kind and key.
    facts, new : facts that replace others, and those that must be new, by kind and key.
    heard : symbols whose prices other processes wrote, as last learnt.
    """

    def __init__(self) -> None:
        self.book = Book()
        self.heard: frozenset[str] = frozenset()
        self._before: list[tuple[str, str, Any]] = []
        self.forget()

    def put(self, kind: str, key: str, value: Any) -> None:
        """Set or remove (None) a value of the book; it is to be written."""
        self.remember(kind, key, value)
        self.state[kind, key] = value

    def remember(self, kind: str, key: str, value: Any) -> None:
        """The same for a value that is not stored."""
        self._before.append((kind, key, self.book.put(kind, key, value)))

    def mark(self, limits: GovernorLimits, **changes: Any) -> None:
        """Change the account, and halt its session for good where its loss at believed prices reaches the halt (R4).

        At a price in doubt the ladder's stage is the halt as long as the doubt lasts.
        """
        self.put("account", "", changed(self.book.account, **changes))
        if stage_of(self.book, limits, believed_loss_of(self.book)) == "halt":
            self.put("account", "", changed(self.book.account, halted=True))

    def undo(self) -> None:
        """Undo the staged changes."""
        for kind, key, value in reversed(self._before):
            self.book.put(kind, key, value)
        self.forget()

    def forget(self) -> None:
        """Accept the staged changes: they are written, or kept to be written."""
        self._before.clear()
        self.state: dict[tuple[str, str], Any] = {}
        self.facts: dict[tuple[str, str], str] = {}
        self.new: dict[tuple[str, str], str] = {}

    def learn(self, rows: Iterable[Row]) -> None:
        """Apply the writes of other governors of the account."""
        found = list(rows)
        self.book.absorb(found)
        self.heard = frozenset(key for kind, key, _ in found if kind in ("quote", "doubt"))

    def reload(self, rows: Iterable[Row]) -> None:
        """Reload the whole state."""
        before, book = self.book, Book()
        self.book = book
        book.aged = before.aged
        book.absorb(sorted(rows, key=lambda r: (r[0], len(r[1]), r[1])))
        self.heard = frozenset((*book.quotes, *book.doubts))
        book.unheard = set(before.unheard)

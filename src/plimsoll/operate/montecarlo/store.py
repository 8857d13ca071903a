"""A state store in memory, and one around any store that dies before, within or after a write (H2, H8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from plimsoll.core.ports import StateStore

Row = tuple[str, str, str | None]
MOMENTS = ("before", "within", "after")


class Crash(BaseException):
    """The process dies here: nothing that runs in it may catch this and go on."""


class MemoryStateStore:
    """Rows in memory, all or none at each write."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], str] = {}

    def load(self, kind: str) -> Iterable[tuple[str, str]]:
        """Every key and text of a kind, in the order they were first written."""
        return [(key, text) for (of, key), text in self._rows.items() if of == kind]

    def get(self, kind: str, key: str) -> str | None:
        """One text; None when there is none."""
        return self._rows.get((kind, key))

    def write(self, rows: Sequence[Row]) -> None:
        """Make the rows stay, all or none."""
        written = dict(self._rows)
        for kind, key, text in rows:
            if text is None:
                written.pop((kind, key), None)
            else:
                written[kind, key] = text
        self._rows = written


class _Torn(Sequence[Row]):
    """Rows of which the writer sees half, and then dies."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        yield from self._rows[: (len(self._rows) + 1) // 2]
        raise Crash


class MortalStore:
    """A store whose process dies at a chosen write, or whose disk fails; ``reopen`` is what a restart finds."""

    def __init__(self, open_: Callable[[], StateStore]) -> None:
        self._open, self._store = open_, open_()
        self.dies_in = 0  # writes until then; 0 is never
        self.moment = "before"
        self.broken = False

    def reopen(self) -> None:
        """Start again on what is durable, with a disk that works."""
        self._store, self.broken, self.dies_in = self._open(), False, 0

    def load(self, kind: str) -> Iterable[tuple[str, str]]:
        """As the store within."""
        return self._store.load(kind)

    def get(self, kind: str, key: str) -> str | None:
        """As the store within."""
        self._works()
        return self._store.get(kind, key)

    def write(self, rows: Sequence[Row]) -> None:
        """As the store within, until it is time to die."""
        self._works()
        self.dies_in -= 1
        if self.dies_in != 0:
            self.dies_in = max(self.dies_in, 0)
            return self._store.write(rows)
        if self.moment == "before":
            raise Crash
        self._store.write(_Torn(rows) if self.moment == "within" else rows)
        raise Crash

    def _works(self) -> None:
        if self.broken:
            raise OSError("the disk is gone")

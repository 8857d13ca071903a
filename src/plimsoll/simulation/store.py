"""A state store whose process dies before, within or after a write, or whose disk fails (H2, H8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path as File
from typing import overload

from plimsoll.core.ports import Conflict, Fact, Row, StateStore

MOMENTS = ("before", "within", "after")


class Crash(BaseException):
    """The process dies here: nothing inside it may catch this and continue."""


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
        return max(len(self._rows), 1)

    def __iter__(self) -> Iterator[Row]:
        yield from self._rows[: (len(self._rows) + 1) // 2]
        raise Crash


class MortalStore:
    """A store whose process dies at a chosen write; ``reopen`` returns the state that a restart finds.

    ``torn`` means that the inner store may be left in the middle of a write: it must undo its part of it.
    ``file`` is the path of a durable one, with its log beside it, and ``close`` closes it.
    """

    def __init__(
        self,
        open_: Callable[[], StateStore],
        *,
        torn: bool,
        file: File | None = None,
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self._open, self._store, self._torn, self._file, self._close = open_, open_(), torn, file, close
        self.dies_in = 0  # writes until then; 0 is never
        self.moment = "before"
        self.broken = False  # the disk is gone
        self.busy = False  # another process always writes first

    def twin(self) -> MortalStore:
        """The store of another process on the same account."""
        return MortalStore(self._open, torn=False)

    def copy(self) -> dict[File, bytes]:
        """A copy of its files as they are, without files that the home keeps beside them."""
        if self._file is None:
            return {}
        files = (self._file, self._file.with_name(f"{self._file.name}-wal"))
        return {file: file.read_bytes() for file in files if file.exists()}

    def put_back(self, copy: dict[File, bytes]) -> None:
        """The process ends and its files are replaced by a copy; ``PlimsollError`` where a start refuses them."""
        self._close()
        for name in ("", "-wal", "-shm"):
            if self._file is not None:
                self._file.with_name(f"{self._file.name}{name}").unlink(missing_ok=True)
        for file, content in copy.items():
            file.write_bytes(content)
        self.reopen()

    def reopen(self) -> None:
        """Restart on the durable state, with a working disk."""
        self._store, self.dies_in, self.broken, self.busy = self._open(), 0, False, False

    def load(self) -> Iterable[Row]:
        """As the inner store."""
        return self._store.load()

    def get(self, kind: str, key: str) -> str | None:
        """As the inner store."""
        self._works()
        return self._store.get(kind, key)

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """As the inner store, until it is time to die."""
        self._works()
        if self.busy:
            return Conflict()
        dying = self.dies_in == 1
        self.dies_in = max(self.dies_in - 1, 0)
        if not dying:
            return self._store.write(state, facts, new)
        if self.moment == "after":
            self._store.write(state, facts, new)
        elif self.moment == "within" and self._torn:
            self._store.write(_Torn(state), facts, new)
        raise Crash

    def _works(self) -> None:
        if self.broken:
            raise OSError("the disk is gone")

"""The governor's account in one SQLite file, behind ``core.ports.StateStore`` (H2, H6).

Every write is one transaction, flushed through the write-ahead log before it returns (synchronous FULL): it survives
a killed process and, where the disk keeps its word, a power cut. The file is locked for one process while it is open,
and the lock goes with the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError, PlimsollError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (
    kind TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID
"""
_PUT = """
INSERT INTO state (kind, key, text, seq) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET text = excluded.text
"""
_TAKE = "DELETE FROM state WHERE kind = ? AND key = ?"
_GET = "SELECT text FROM state WHERE kind = ? AND key = ?"
_LOAD = "SELECT key, text FROM state WHERE kind = ? ORDER BY seq, key"


class SqliteStateStore:
    """One account's state; created when absent, in a folder that must exist.

    Raises
    ------
    HomeBusy : another process has the account open.
    InputError, CorruptionError : the file cannot be opened, or is not such a file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with self._clearly():
            self._connection = apsw.Connection(str(self.path))
        try:
            with self._clearly():
                self._prepare()
        except PlimsollError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        for words in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {words}").get  # noqa: B018 - runs it to its end
        self._connection.execute("BEGIN EXCLUSIVE")
        self._connection.execute(_SCHEMA)
        newest: Any = self._connection.execute("SELECT coalesce(max(seq), 0) FROM state").get
        self._seq = int(newest)
        self._connection.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; everything written is durable already."""
        self._connection.close()

    def load(self, kind: str) -> Iterator[tuple[str, str]]:
        """Every key and text of a kind, in the order they were first written."""
        with self._clearly():
            rows: Any = self._connection.execute(_LOAD, (kind,)).fetchall()
        yield from rows

    def get(self, kind: str, key: str) -> str | None:
        """One text; None when there is none."""
        with self._clearly():
            row: Any = self._connection.execute(_GET, (kind, key)).fetchone()
        return None if row is None else str(row[0])

    def write(self, rows: Sequence[tuple[str, str, str | None]]) -> None:
        """Make the rows durable before returning, all or none."""
        with self._clearly():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for kind, key, text in rows:
                    if text is None:
                        self._connection.execute(_TAKE, (kind, key))
                    else:
                        self._seq += 1
                        self._connection.execute(_PUT, (kind, key, text, self._seq))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        """SQLite's errors as what a person can mend."""
        try:
            yield
        except apsw.BusyError:
            raise HomeBusy(f"{self.path} is held by another process", "Stop it, or give another --home") from None
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise CorruptionError(f"{self.path} is damaged: {error}", "Restore it from a backup") from None
        except apsw.Error as error:
            raise InputError(f"{self.path} cannot be used: {error}", "Check the disk and its permissions") from None

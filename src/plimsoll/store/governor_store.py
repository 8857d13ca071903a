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
from plimsoll.core.ports import Conflict, Fact, Row

VERSION = 2  # of the tables and of what is in them
_SCHEMA = """
CREATE TABLE state (kind TEXT, key TEXT, text TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE TABLE fact (kind TEXT, key TEXT, text TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
"""
_TAKE = "DELETE FROM state WHERE kind = ? AND key = ?"
_PUT = "INSERT OR REPLACE INTO state VALUES (?, ?, ?)"
_RECORD = "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)"
_ADD = "INSERT INTO fact VALUES (?, ?, ?)"
_GET = "SELECT text FROM fact WHERE kind = ? AND key = ?"


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
        version: Any = self._connection.pragma("user_version")
        if version == 0 and not self._connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            self._connection.execute(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            version = VERSION
        self._connection.execute("COMMIT")
        if version != VERSION:
            raise InputError(
                f"{self.path} is an account of version {version}, and this is version {VERSION}",
                "Close its orders with the version that wrote it, and use another --home",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; everything written is durable already."""
        self._connection.close()

    def load(self) -> list[Row]:
        """The whole state."""
        with self._clearly():
            rows: Any = self._connection.execute("SELECT kind, key, text FROM state").fetchall()
        return list(rows)

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none."""
        with self._clearly():
            row: Any = self._connection.execute(_GET, (kind, key)).fetchone()
        return None if row is None else str(row[0])

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Make everything durable before returning, all or nothing; only facts that are not new stand against it."""
        if not (state or facts or new):
            return None
        run, run_each = self._connection.execute, self._connection.executemany
        try:  # not ``_clearly``: every order waits for this, and a generator's context takes as long as a row
            run("BEGIN IMMEDIATE")
            try:
                if new:
                    run_each(_ADD, new)
                if facts:
                    run_each(_RECORD, facts)
                if state:
                    run_each(_TAKE, [row[:2] for row in state if row[2] is None])
                    run_each(_PUT, [row for row in state if row[2] is not None])
                run("COMMIT")
            except apsw.ConstraintError:
                run("ROLLBACK")
                found = {(kind, key): self.get(kind, key) for kind, key, _ in new}
                return Conflict(standing={key: text for key, text in found.items() if text is not None})
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise
        except apsw.Error as error:
            raise self._clear(error) from None
        return None

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise self._clear(error) from None

    def _clear(self, error: apsw.Error) -> PlimsollError:
        """SQLite's error as what a person can mend."""
        if isinstance(error, apsw.BusyError):
            return HomeBusy(f"{self.path} is held by another process", "Stop it, or give another --home")
        if isinstance(error, apsw.NotADBError | apsw.CorruptError):
            return CorruptionError(f"{self.path} is damaged: {error}", "Restore it from a backup")
        return InputError(f"{self.path} cannot be used: {error}", "Check the disk and its permissions")

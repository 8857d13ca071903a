"""The journal: one SQLite file a run, append-only, each record chained to the one before it (G3).

A record's hash is SHA-256 over ``plimsoll.journal.v2|seq|prev|kind|payload`` (``store.codec`` makes the payload), so
that a foreign verifier needs SQLite, SHA-256 and nothing else. The one row of ``head`` is rewritten in the transaction
that commits records and holds their count and last hash. ``store/journal_chain.py`` lists the tampering this reveals.

This module writes; ``store/run_reader.py`` reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from plimsoll.core.errors import CorruptionError, PlimsollError
from plimsoll.core.events import Event
from plimsoll.core.runs import Anchor, Ending
from plimsoll.store import codec
from plimsoll.store.journal_chain import proven_rows, resumable
from plimsoll.store.journal_file import ORIGIN, SCHEMA, event_of, record_hash

_INSERT = "INSERT INTO journal (seq, kind, payload, prev, hash) VALUES (?, ?, ?, ?, ?)"
_SET_HEAD = "INSERT INTO head (id, count, hash) VALUES (1, ?1, ?2) ON CONFLICT DO UPDATE SET count = ?1, hash = ?2"
_CYCLES = "SELECT CAST(payload AS BLOB) FROM journal WHERE kind = 'cycle' ORDER BY seq"


class SqliteJournal:
    """The journal of one run, open for appending; continues an existing file after checking its head.

    Parameters
    ----------
    path : file of the run; created when absent, in a folder that must exist.
    durable : True commits each append with a full flush before it returns (paper, live); False gathers appends
        until ``commit`` or ``close`` (backtest, where a crash costs only a repeatable run).
    patience_ms : how long to wait for another process that holds the file.
    held : a record that an existing file must contain, which ``events`` verifies.

    Raises
    ------
    PlimsollError : the file cannot be opened, written or is locked. After a failed write every later append
        raises too: an action that cannot be recorded may not be taken (G7).
    CorruptionError : an existing file whose head was altered.
    """

    def __init__(self, path: Path | str, durable: bool, *, patience_ms: int = 1000, held: Anchor | None = None) -> None:
        self.path, self._held = Path(path), held
        self._durable = durable
        self._refusal = ""  # why no more records are accepted
        self._open = False  # a transaction is under way
        self._whole = True  # False inside a write: an interrupt there leaves it so, and what it began is rolled back
        self._anchor = self._committed = Anchor(0, ORIGIN)
        self._decisions: Any = hashlib.sha256()  # None once it has to be read from the file
        with self._or_halt():
            self._connection = apsw.Connection(str(self.path))
        try:
            with self._or_halt():
                self._connection.set_busy_timeout(patience_ms)
                self._prepare()
        except BaseException:
            self._connection.close()
            raise
        self._cursor = self._connection.cursor()

    def __len__(self) -> int:
        return self._anchor.records

    @property
    def anchor(self) -> Anchor:
        """Count and last hash, to be kept elsewhere; ``ORIGIN`` before the first record."""
        return self._anchor

    @property
    def decisions_hash(self) -> str:
        """SHA-256 over the payloads of the cycle records so far, in order."""
        if self._decisions is None:
            return _decisions_of(self._connection)
        return str(self._decisions.hexdigest())

    def append(self, event: Event) -> str:
        """Record an event and return the new head; a durable journal has flushed it by then."""
        return self.append_many((event,))

    def append_many(self, events: Iterable[Event]) -> str:
        """Record several events in one commit; all or none. In a batch they join the commit under way."""
        self._check_writable()
        seq, head = self._anchor.records, self._anchor.head
        rows: list[tuple[int, str, str, str, str]] = []
        decided: list[bytes] = []
        for event in events:
            kind, payload = codec.encode(event)
            if (kind == "genesis") != (seq == 0):
                raise PlimsollError(f"{self.path} accepts its genesis first and only once, found {kind!r}")
            seq, prev = seq + 1, head
            head = record_hash(seq, prev, kind, payload)
            rows.append((seq, kind, payload.decode(), prev, head))
            if kind == "cycle":
                decided.append(payload)
        if not rows:
            return head
        self._whole = False
        try:
            self._insert(rows)
            self._anchor = Anchor(seq, head)
            if self._durable:
                self._commit()
        except apsw.Error as error:
            raise self._halted(error) from None
        self._whole = True
        if self._decisions is not None:
            for payload in decided:
                self._decisions.update(payload)
        return head

    def events(self) -> Iterator[Event]:
        """Every event from the first, decoded, each verified before it is returned.

        ``CorruptionError`` naming the first altered record, also when the last is not where this journal ends.
        """
        if not len(self):
            return
        for row in proven_rows(self._connection, self.path, Ending(self._held), self._anchor):
            yield event_of(row, self.path)

    def commit(self) -> None:
        """Make everything appended so far durable."""
        self._check_writable()
        self._whole = False
        with self._or_halt():
            self._commit()
        self._whole = True

    def close(self) -> None:
        """Commit and close the file, leaving one plain file behind. Closing twice is harmless.

        A write that was interrupted is not committed: the file ends at the commit before it, or at its own.
        """
        if self._refusal == "it is closed":
            return
        try:
            if self._whole and not self._refusal:
                self.commit()
                with suppress(apsw.BusyError):  # somebody reads it and will fold the write-ahead log in
                    self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            self._refusal = "it is closed"
            self._connection.close()

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        if self._connection.execute("SELECT count(*) FROM sqlite_schema").get:
            self._continue()
        if self._durable:
            self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
            self._connection.execute("PRAGMA synchronous = FULL")
        else:  # appended pages need no copy before they are written, so the plain mode is the fast one
            self._connection.execute("PRAGMA synchronous = NORMAL")
        if not self._connection.execute("SELECT count(*) FROM sqlite_schema").get:
            with self._connection:
                self._connection.execute(SCHEMA).fetchall()

    def _continue(self) -> None:
        """Take up an existing journal once its last records and its head row agree."""
        problem, self._anchor = resumable(self._connection, self.path)
        if problem:
            raise CorruptionError(f"{self.path} cannot be continued: {problem}", "Run 'plimsoll audit verify'")
        self._committed = self._anchor
        self._decisions = None

    def _insert(self, rows: list[tuple[int, str, str, str, str]]) -> None:
        if not self._open:
            self._cursor.execute("BEGIN IMMEDIATE")
            self._open = True
        if len(rows) == 1:
            self._cursor.execute(_INSERT, rows[0])
        else:
            self._cursor.executemany(_INSERT, rows)

    def _commit(self) -> None:
        if self._open:
            self._cursor.execute(_SET_HEAD, (self._anchor.records, self._anchor.head))
            self._cursor.execute("COMMIT")
            self._open = False
            self._committed = self._anchor

    def _check_writable(self) -> None:
        refusal = self._refusal or ("" if self._whole else "a write was interrupted")
        if refusal:
            raise PlimsollError(f"The journal {self.path} accepts no more records: {refusal}", "Trading halts")

    @contextmanager
    def _or_halt(self) -> Iterator[None]:
        """Halt on a failed write."""
        try:
            yield
        except apsw.Error as error:
            raise self._halted(error) from None

    def _halted(self, error: apsw.Error) -> PlimsollError:
        """Refuse everything after a failed write, back at the last commit; returns the error to raise."""
        self._refusal = str(error)
        self._anchor, self._decisions = self._committed, None
        if self._open:
            self._open = False
            with suppress(apsw.Error):  # SQLite has often rolled back by itself
                self._connection.execute("ROLLBACK")
        return PlimsollError(
            f"The journal {self.path} cannot be written ({error})",
            "Check the disk, the permissions and that no other process holds the run; trading halts until then",
        )


def _decisions_of(connection: apsw.Connection) -> str:
    digest = hashlib.sha256()
    row: Any
    for row in connection.execute(_CYCLES):
        digest.update(row[0])
    return digest.hexdigest()

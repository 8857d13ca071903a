"""The governor's account in one SQLite file, behind ``core.ports.StateStore`` (H2, H6).

Every write is one transaction, flushed through the write-ahead log before it returns (synchronous FULL): it survives
a killed process and, where the disk honours flushes, a power cut. The file is locked for one process while it is open,
and the lock goes with the process.

With each write goes an entry of the record (``governor_record``), in the same transaction, and then the home's anchor.
Opening checks the tables' own words, every row of the state and every fact against the digests of the last entry, the
last ``CHECKED`` entries of the chain, and the anchor. A fact is looked up by the number of the entry that contains its
text, which is checked against the entry after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from plimsoll.core.errors import HomeBusy, InputError, PlimsollError
from plimsoll.core.ports import Conflict, Fact, Row
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import Replay
from plimsoll.store.governor_record import WHOLE, Chain, altered, fact_at, fact_digest, seal

VERSION = 3  # of the tables and of what is in them
CHECKED = 100_000  # entries before the anchor that opening follows; those before them are checked when they are read
_TABLES = (
    "CREATE TABLE state (kind TEXT, key TEXT, text TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE fact (kind TEXT, key TEXT, entry INTEGER NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE record (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
)
_TAKE = "DELETE FROM state WHERE kind = ? AND key = ?"
_PUT = "INSERT OR REPLACE INTO state VALUES (?, ?, ?)"
_POINT = "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)"
_ADD = "INSERT INTO fact VALUES (?, ?, ?)"
_WHERE = "SELECT entry FROM fact WHERE kind = ? AND key = ?"
_APPEND = "INSERT INTO record VALUES (?, ?)"
_ENTRIES = "SELECT text FROM record WHERE number IN (?, ?) ORDER BY number"


class SqliteStateStore:
    """One account's state; created when absent, in a folder that must exist. Its anchor is beside it.

    Raises
    ------
    HomeBusy : another process has the account open.
    CorruptionError : the file is not a governor's account, was altered, or is behind its anchor.
    InputError : it cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._anchor = Anchor(self.path.with_suffix(".anchor"))
        if self.path.is_symlink():  # SQLite would follow it, and keep its log beside what it points to
            raise InputError(f"{self.path} is a symbolic link, which is not followed", f"rm {self.path}")
        with self._clearly():
            self._connection = apsw.Connection(str(self.path))
        try:
            with self._clearly():
                self._prepare()
                self._chain = self._verified()
        except PlimsollError:
            self.close()
            raise

    def _prepare(self) -> None:
        for words in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {words}").get  # noqa: B018 - runs it to its end
        self._connection.execute("BEGIN EXCLUSIVE")
        version: Any = self._connection.pragma("user_version")
        if version == 0 and not self._connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            seen = self._anchor.read()
            if seen is not None and seen.number:
                raise altered(f"{self.path} holds none, and this home has seen {seen.number} entries of it")
            for words in _TABLES:
                self._connection.execute(words)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            account = secrets.token_hex(32)
            self._anchor.begin(Seen(account, 0, account))
        elif version != VERSION:
            raise InputError(
                f"{self.path} is an account of version {version}, and this is version {VERSION}",
                "Close its orders with the version that wrote it, begin another --home, and report its positions: a "
                "transfer each",
            )
        self._connection.execute("COMMIT")

    def _verified(self) -> Chain:
        """The chain to continue, once the stored content is checked against it."""
        run = self._connection.execute
        tables = tuple(words for (words,) in run("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY rowid"))
        if tables != _TABLES:
            raise altered("its tables are not those that were made")
        seen = self._anchor.read()
        if seen is None:
            raise altered(f"{self._anchor.path} is missing, so the account cannot be distinguished from an older copy")
        last = self._followed(seen)
        chain = Chain(seen.account)
        if last:
            chain.resume(last, run("SELECT kind, key, text FROM state"))
        elif run("SELECT 1 FROM state UNION SELECT 1 FROM fact").fetchone():
            raise altered("it has a state and no record")
        known: Any = run("SELECT count(*) FROM fact").get
        total = sum(fact_digest(*fact) for fact in run("SELECT kind, key, entry FROM fact"))
        if (known, total % WHOLE) != (chain.known, chain.facts):
            raise altered(f"its facts are not those that entry {chain.number} of its record left")
        self._anchor.begin(Seen(seen.account, chain.number, chain.head))
        return chain

    def _followed(self, seen: Seen) -> str:
        """The last entry, each of the last ones checked against its predecessor, and the chain against the anchor."""
        run = self._connection.execute
        first: Any = run("SELECT text FROM record WHERE number = 1").get
        end: Any = run("SELECT max(number) FROM record").get or 0
        if end < seen.number:
            raise altered(f"it ends with entry {end}, and this home has seen entry {seen.number}")
        if end and (first is None or not first.startswith(f'["{seen.account}",1,')):
            raise altered("it is another account than this home's, or its first entry was altered")
        begin, last, head = max(min(end, seen.number) - CHECKED, 0), "", ""
        entries = run("SELECT number, text FROM record WHERE number > ? ORDER BY number", (begin,))
        for number, (at, text) in enumerate(entries, begin + 1):
            # an entry begins with its predecessor's hash and its own number: no need to read more of it
            if at != number or not text.startswith(f'["{head or text[2:66]}",{number},'):
                raise altered(f"entry {number} of its record does not follow the one before it")
            last, head = text, seal(text)
            if number == seen.number and head != seen.head:
                raise altered(f"entry {number} of its record is not the one this home has seen")
        return last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything written is durable already."""
        self._connection.close()
        self._anchor.close()

    def load(self) -> list[Row]:
        """The whole state, checked against the record's last entry."""
        with self._clearly():
            rows: Any = self._connection.execute("SELECT kind, key, text FROM state").fetchall()
            if self._chain.number:
                self._chain.resume(self._entries(self._chain.number)[0], rows)
        return list(rows)

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none. ``CorruptionError`` when it is not as it was written."""
        with self._clearly():
            found: Any = self._connection.execute(_WHERE, (kind, key)).fetchone()
            if found is None:
                return None
            return fact_at(self._entries(found[0]), found[0], self._chain.head, kind, key)

    def _entries(self, number: int) -> list[str]:
        """An entry and, where there is one, the entry after it."""
        found: Any = self._connection.execute(_ENTRIES, (number, number + 1)).fetchall()
        return [text for (text,) in found]

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Make everything durable before returning, all or nothing; a fact that exists is a conflict."""
        if not (state or facts or new):
            return None
        run, run_each = self._connection.execute, self._connection.executemany
        try:  # not ``_clearly``: every order waits for this, and a generator's context takes as long as a row
            run("BEGIN IMMEDIATE")
            try:
                number = self._chain.number + 1
                if new:
                    run_each(_ADD, [(kind, key, number) for kind, key, _ in new])
                replaced = []
                for kind, key, _ in facts:
                    before: Any = run(_WHERE, (kind, key)).fetchone()
                    if before is not None:
                        replaced.append((kind, key, before[0]))
                    run(_POINT, (kind, key, number))
                if gone := [row[:2] for row in state if row[2] is None]:
                    run_each(_TAKE, gone)
                if kept := [row for row in state if row[2] is not None]:
                    run_each(_PUT, kept)
                step = self._chain.next(state, (*facts, *new), replaced)
                run(_APPEND, (number, step.text))
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
        self._chain.take(step)
        self._anchor.move(step.number, step.head)
        return None

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise self._clear(error) from None
        except (UnicodeDecodeError, TypeError, AttributeError) as error:  # a text that is none any more
            raise altered(f"{self.path} is damaged ({error})") from None

    def _clear(self, error: apsw.Error) -> PlimsollError:
        """SQLite's error as what a person can mend."""
        if isinstance(error, apsw.BusyError):
            return HomeBusy(f"{self.path} is held by another process", "Stop it, or give another --home")
        if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.SQLError | apsw.ConstraintError):
            return altered(f"{self.path} is damaged ({error})")
        return InputError(f"{self.path} cannot be used: {error}", "Check the disk and its permissions")


def create(path: Path, found: Replay, more: Sequence[Row]) -> Chain:
    """A new file at ``path``, flushed, with a record's result, and ``more`` rows in a last entry; returns its chain."""
    chain = found.chain if found.chain.number else Chain(secrets.token_hex(32))
    texts, state = list(found.texts), {**found.state, **{(kind, key): text for kind, key, text in more}}
    if more:
        step = chain.next(more, ())
        chain.take(step)
        texts.append(step.text)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN EXCLUSIVE")
        for words in _TABLES:
            connection.execute(words)
        connection.executemany(_APPEND, enumerate(texts, start=1))
        connection.executemany(_PUT, [(*at, text) for at, text in state.items() if text is not None])
        connection.executemany(_ADD, [(*at, number) for at, number in found.facts.items()])
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except apsw.Error as error:
        raise InputError(f"{path} cannot be written: {error}", "Check the disk and its permissions") from None
    finally:
        connection.close()
    return chain

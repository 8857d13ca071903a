"""The file of a journal: its format, its tables, the hash of a record, and a read-only view (G3).

A journal states its format as the ``user_version`` of its SQLite file, and the format is part of every hash, so that it
cannot be changed afterwards. A journal of an older format can be verified, but not read: ``OldJournal`` names the
command that makes the run again.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw
import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError, InputError, OldJournal, PlimsollError
from plimsoll.core.events import KINDS, Event
from plimsoll.core.order import Order
from plimsoll.core.runs import JOURNAL_FORMAT as FORMAT
from plimsoll.core.runs import Anchor
from plimsoll.store import codec

KINDS_OF = {1: frozenset({"genesis", "cycle", "intent", "fill", "cash", "split", "approval"}), FORMAT: frozenset(KINDS)}
ORIGIN = "0" * 64  # the previous hash of the first record
SCHEMA = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TRIGGER journal_in_order BEFORE INSERT ON journal
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
    BEGIN SELECT raise(ABORT, 'the journal takes only its next record'); END;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
"""
_BLOBS = "CAST(kind AS BLOB), CAST(payload AS BLOB), CAST(prev AS BLOB), CAST(hash AS BLOB)"  # any may be damaged
ROWS = f"SELECT seq, {_BLOBS} FROM journal"


class JournalRow(NamedTuple):
    """One record as stored in the file."""

    seq: int
    kind: str
    payload: bytes
    prev: str
    hash: str


def record_hash(seq: int, prev: str, kind: str, payload: bytes, of: int = FORMAT) -> str:
    """SHA-256 of a record of a journal of a format: over format, number, the hash before it, kind and payload."""
    return hashlib.sha256(f"plimsoll.journal.v{of}|{seq}|{prev}|{kind}|".encode() + payload).hexdigest()


def opened(path: Path) -> apsw.Connection:
    """One view of the file, for reading only, to be closed: a run may be writing it. ``InputError`` where none is.

    A process that was killed leaves a log of what it was writing, which a reader without the right to write cannot
    apply. It is applied once here; SQLite's own locks tell it from that of a process that still writes.
    """
    if not path.is_file():
        raise InputError(f"There is no journal at {path}", "See 'plimsoll runs'")
    try:
        return _view(path)
    except (apsw.ReadOnlyError, apsw.CantOpenError):
        _recover(path)
        return _view(path)


def begun(connection: apsw.Connection) -> bool:
    """Whether a journal has a first record: a process may be killed before it writes one."""
    made = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('journal', 'head')").get
    return made == 2 and bool(connection.execute("SELECT EXISTS (SELECT * FROM journal)").get)


def _view(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?mode=ro", flags=flags)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # only a read makes the view
    except BaseException:
        connection.close()
        raise
    return connection


def _recover(path: Path) -> None:
    """Bring a file to its last commit: SQLite does it on the first read by whoever may write."""
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(1000)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.IOError):
        raise PlimsollError(
            f"{path} was being written when its process ended, and cannot be completed where it may not be written",
            "Copy the home to where it may be written, and read the copy",
        ) from None


@contextmanager
def told(path: Path) -> Iterator[None]:
    """The error for a batch that is being written at this moment."""
    try:
        yield
    except apsw.BusyError:
        raise PlimsollError(f"{path} is being written by a running process", "Wait until it ends") from None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """For readers: a file that is not a database is a corrupt journal."""
    try:
        with told(path):
            yield
    except apsw.Error as error:
        raise CorruptionError(f"{path} is not a readable journal ({error})", "Restore it from a backup") from None


def rows(connection: apsw.Connection, query: str) -> Iterator[JournalRow]:
    """The records found by a query that begins with ``ROWS``, unchecked."""
    row: Any
    for row in connection.execute(query):
        yield JournalRow(row[0], _text(row[1]), bytes(row[2] or b""), _text(row[3]), _text(row[4]))


def head_row(connection: apsw.Connection) -> Anchor | None:
    """Count and last hash from the head row."""
    row: Any = connection.execute("SELECT count, CAST(hash AS BLOB) FROM head").fetchone()
    return None if row is None else Anchor(row[0], _text(row[1]))


def stated(connection: apsw.Connection) -> int:
    """The stated format of a journal; format 1 states none."""
    return int(connection.pragma("user_version")) or 1


def refuse_another_format(connection: apsw.Connection, path: Path) -> None:
    """``OldJournal`` for a journal of an older format, ``InputError`` for an unknown one."""
    found = stated(connection)
    if found == FORMAT or not begun(connection):
        return
    problem = f"the journal {path} is of format {found}, and this version of plimsoll reads format {FORMAT}"
    if found not in KINDS_OF:
        raise InputError(problem, "Upgrade plimsoll; 'plimsoll audit verify' says whether the file is damaged")
    raise OldJournal(problem, _rebuilt_by(connection, path))


def event_of(row: JournalRow, path: Path) -> Event:
    """A record's event; ``CorruptionError`` where it is invalid."""
    try:
        return codec.decode(row.kind, row.payload)
    except (KeyError, ValueError) as error:  # msgspec's errors are ValueErrors
        problem = f"Record {row.seq} of {path} is no event ({error})"
        raise CorruptionError(problem, "Run 'plimsoll audit verify'") from None


class _Decided(msgspec.Struct):
    """The part of a decision that later decisions need."""

    intents: tuple[Order, ...]


_DECIDED = msgspec.json.Decoder(_Decided)


def orders_of(row: JournalRow, path: Path) -> tuple[Order, ...]:
    """The orders in a decision's record; decoding only them saves most of the work of reading a journal."""
    try:
        return _DECIDED.decode(row.payload).intents
    except msgspec.ValidationError:  # a figure that was not finite
        event = event_of(row, path)
        return event.intents if isinstance(event, CycleRecord) else ()


class _Began(msgspec.Struct):
    """The fields common to all formats of a genesis."""

    mode: str
    start: str
    end: str
    snapshot: str


def _rebuilt_by(connection: apsw.Connection, path: Path) -> str:
    """The command that makes a run of an older format again, on its snapshot and under the policy stored beside it."""
    first = next(rows(connection, f"{ROWS} WHERE seq = 1"), None)
    try:
        began = msgspec.json.decode(b"" if first is None else first.payload, type=_Began)
    except ValueError:  # msgspec's errors are ValueErrors
        return "Make the run again"
    words = ["plimsoll", "--home", str(path.parent.parent)]
    words += ["backtest"] if began.mode == "backtest" else ["trade", "--mode", "paper", "--recorded"]
    words += ["--start", began.start, "--end", began.end, "--snapshot", began.snapshot[:16]]
    words += ["--policy", str(path.with_suffix(".policy.json"))]
    return f"Make the run again: {shlex.join(words)}"


def _text(value: Any) -> str:
    """Stored text; damaged bytes become a text that equals no valid one."""
    return bytes(value or b"").decode("utf-8", "replace")

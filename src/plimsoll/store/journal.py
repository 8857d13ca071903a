"""The journal: one SQLite file a run, append-only, each record chained to the one before it (G3).

A record's hash is SHA-256 over ``domain|seq|prev|kind|payload`` (``store.codec`` makes the payload), so a foreign
verifier needs SQLite, SHA-256 and nothing else. The one row of ``head`` is rewritten in the transaction that
commits records and holds their count and last hash.

What the chain shows by itself: any altered, inserted, reordered or missing record before the last. What the head
row adds: a cut tail, or records added after it. What neither can show: a file rewritten as a whole, chain and
head included. That needs the head kept elsewhere (``Anchor``: the run's summary, a report, another machine).

Whoever uses a journal reads it through ``read`` or ``proven``: nothing is given that was not verified first.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw
import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.core.events import KINDS, Event, Genesis, Proof
from plimsoll.store import codec
from plimsoll.store.governor_audit import AccountAudit

DOMAIN = "plimsoll.journal.v1"
ORIGIN = "0" * 64  # what the first record names as the hash before it
_SCHEMA = """
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
_INSERT = "INSERT INTO journal (seq, kind, payload, prev, hash) VALUES (?, ?, ?, ?, ?)"
_SET_HEAD = "INSERT INTO head (id, count, hash) VALUES (1, ?1, ?2) ON CONFLICT DO UPDATE SET count = ?1, hash = ?2"
_BLOBS = "CAST(kind AS BLOB), CAST(payload AS BLOB), CAST(prev AS BLOB), CAST(hash AS BLOB)"  # any may be damaged
_ROWS = f"SELECT seq, {_BLOBS} FROM journal"
_LAST = f"SELECT * FROM ({_ROWS} ORDER BY seq DESC LIMIT 2) ORDER BY 1"
_CYCLES = "SELECT CAST(payload AS BLOB) FROM journal WHERE kind = 'cycle' ORDER BY seq"
_NEXT_CYCLE = "SELECT seq, payload ->> 'session' FROM journal WHERE kind = 'cycle' AND seq >= ? ORDER BY seq LIMIT 1"
_CYCLE_BEFORE = "SELECT seq FROM journal WHERE kind = 'cycle' AND seq < ? ORDER BY seq DESC LIMIT 1"
_LAST_CYCLE = "SELECT payload ->> 'session' FROM journal WHERE kind = 'cycle' ORDER BY seq DESC LIMIT 1"
_NEVER = "~"  # sorts after every ISO date


class Anchor(msgspec.Struct, frozen=True):
    """A head kept outside the journal: how many records there were, and the hash of the last."""

    records: int
    head: str


class Ending(msgspec.Struct, frozen=True):
    """What is known outside a journal of where it ends.

    ``anchor`` is its end where ``final``; else a record it held once and has to hold still, since a run that is
    being made has no end yet. ``problem`` says why an end that should be known is not.
    """

    anchor: Anchor | None = None
    final: bool = False
    problem: str = ""


class AuditReport(msgspec.Struct, frozen=True):
    """What a verification found. ``records`` is what the file holds (0 when it cannot be read); ``first_bad`` the
    sequence number of the first record that is not what was written, or is not there; ``head`` the last good hash.
    ``anchored`` says whether the end is the one that is kept outside the journal: a run that has not ended has none.
    ``governor`` is of the governor's account, where the home was asked as a whole and has one; ``ok`` is of both.
    """

    ok: bool
    records: int
    first_bad: int | None = None
    problem: str = ""
    head: str = ""
    anchored: bool = False
    governor: AccountAudit | None = None


class Passage(msgspec.Struct, frozen=True):
    """One session of a journal: its decision, the decision before it, and the events between its neighbours.

    ``pre_open`` lies between the two decisions (fills of the orders of ``before``, dividends, signatures), ``after``
    between this one and the next: its orders and what became of them. ``payload`` is the decision as journaled,
    ``prev`` the hash of the record before it.
    """

    genesis: Genesis
    before: CycleRecord | None
    pre_open: tuple[Event, ...]
    record: CycleRecord
    payload: bytes
    prev: str
    after: tuple[Event, ...]


_UNKNOWN = Ending()


class SqliteJournal:
    """The journal of one run, open for appending; continues an existing file after checking its head.

    Parameters
    ----------
    path : file of the run; created when absent, in a folder that must exist.
    durable : True commits each append with a full flush before it returns (paper, live); False gathers appends
        until ``commit`` or ``close`` (backtest, where a crash costs only a repeatable run).
    patience_ms : how long to wait for another process that holds the file.
    held : a record that an existing file has to hold, which ``events`` proves.

    Raises
    ------
    PlimsollError : the file cannot be opened, written or is locked. After a failed write every later append
        raises too: what cannot be recorded may not be done (G7).
    CorruptionError : an existing file whose head is not what was written.
    """

    def __init__(self, path: Path | str, durable: bool, *, patience_ms: int = 1000, held: Anchor | None = None) -> None:
        self.path, self._held = Path(path), held
        self._durable = durable
        self._refusal = ""  # why nothing more is taken
        self._open = False  # a transaction is under way
        self._anchor = self._committed = Anchor(0, ORIGIN)
        self._decisions: Any = hashlib.sha256()  # None once it has to be read from the file
        with self._or_halt():
            self._connection = apsw.Connection(str(self.path))
        try:
            with self._or_halt():
                self._connection.set_busy_timeout(patience_ms)
                self._prepare()
        except PlimsollError:
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
                raise PlimsollError(f"{self.path} takes its genesis first and only once, found {kind!r}")
            seq, prev = seq + 1, head
            head = _hash(seq, prev, kind, payload)
            rows.append((seq, kind, payload.decode(), prev, head))
            if kind == "cycle":
                decided.append(payload)
        if not rows:
            return head
        try:
            self._insert(rows)
            self._anchor = Anchor(seq, head)
            if self._durable:
                self._commit()
        except apsw.Error as error:
            raise self._halted(error) from None
        if self._decisions is not None:
            for payload in decided:
                self._decisions.update(payload)
        return head

    def events(self) -> Iterator[Event]:
        """Every event from the first, decoded, each proven to be what was written before it is given.

        ``CorruptionError`` naming the first record that is not, also when the last is not where this journal ends.
        """
        if not len(self):
            return
        for row in _proven(self._connection, self.path, Ending(self._held), self._anchor):
            yield _event(row, self.path)

    def commit(self) -> None:
        """Make everything appended so far durable."""
        self._check_writable()
        with self._or_halt():
            self._commit()

    def close(self) -> None:
        """Commit and let go of the file, leaving one plain file behind. Closing twice is harmless."""
        if self._refusal == "it is closed":
            return
        try:
            if not self._refusal:
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
                self._connection.execute(_SCHEMA).fetchall()

    def _continue(self) -> None:
        """Take up an existing journal once its last records and its head row agree."""
        problem, self._anchor = _head(self._connection)
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
        if self._refusal:
            raise PlimsollError(f"The journal {self.path} takes no more records: {self._refusal}", "Trading halts")

    @contextmanager
    def _or_halt(self) -> Iterator[None]:
        """Halt on a failed write."""
        try:
            yield
        except apsw.Error as error:
            raise self._halted(error) from None

    def _halted(self, error: apsw.Error) -> PlimsollError:
        """Refuse everything after a failed write, back at the last commit; what the caller is to raise."""
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


def verify(path: Path | str, ending: Ending = _UNKNOWN) -> AuditReport:
    """Recompute the whole chain of a journal and compare it with its head row and with what is known of its end.

    Whatever the file holds is a report, also when it is missing or unreadable; only a batch that is being written
    at this moment raises ``PlimsollError``. Reads only.
    """
    try:
        with _reading(Path(path)) as connection:
            return _audit(connection, ending)
    except InputError as error:
        return AuditReport(False, 0, 1, error.problem)
    except apsw.Error as error:
        return AuditReport(False, 0, 1, f"{path} is not a readable journal ({error})")


class Reading:
    """The events of a journal file from the first, decoded, each proven to be what was written before it is given.

    What is hashed is what is given, in one pass over one view of the file; nothing is opened for writing. The end is
    proven before the last iteration ends, so that whoever reads to the end has used nothing else. ``CorruptionError``
    names the first record that is not what was written.
    """

    def __init__(self, path: Path | str, ending: Ending = _UNKNOWN) -> None:
        self._path, self._ending = Path(path), ending
        self._decisions = hashlib.sha256()
        self._last = Anchor(0, ORIGIN)
        self._whole = False
        self._events = self._read()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    @property
    def proof(self) -> Proof:
        """What the reading rests on, once it is at its end."""
        if not self._whole:
            raise ValueError(f"{self._path} was not read to its end")
        return Proof(self._last.records, self._last.head, _anchored(self._ending))

    @property
    def decisions_hash(self) -> str:
        """SHA-256 over the payloads of the cycle records that were read, in order."""
        return self._decisions.hexdigest()

    def _read(self) -> Iterator[Event]:
        with _open(self._path) as connection:
            for row in _proven(connection, self._path, self._ending):
                if row.kind == "cycle":
                    self._decisions.update(row.payload)
                self._last = Anchor(row.seq, row.hash)
                yield _event(row, self._path)
        self._whole = True


def read(path: Path | str, ending: Ending = _UNKNOWN) -> Reading:
    """Every event of a journal file, proven and decoded, without opening it for writing."""
    return Reading(path, ending)


class Proven:
    """A journal whose whole chain was verified, in the view of the file that is read from here (``proven``).

    ``decisions_hash`` is SHA-256 over the payloads of its cycle records, in order.
    """

    def __init__(self, connection: apsw.Connection, path: Path, proof: Proof, decisions_hash: str) -> None:
        self._connection, self._path = connection, path
        self.proof, self.decisions_hash = proof, decisions_hash

    def genesis(self) -> Genesis:
        """The first record."""
        found = _event(next(_rows(self._connection, f"{_ROWS} WHERE seq = 1")), self._path)
        if not isinstance(found, Genesis):
            raise CorruptionError(f"{self._path} does not begin with its genesis", "Run 'plimsoll audit verify'")
        return found

    def last_decided(self) -> str | None:
        """ISO date of the newest decision; None while there is none."""
        found: Any = self._connection.execute(_LAST_CYCLE).get
        return None if found is None else str(found)

    def passage(self, session: str) -> Passage | None:
        """The journal around the decision of an ISO date; None when nothing was decided on it.

        Decisions follow one another in time, so the session is found by bisection.
        """
        return _passage(self._connection, self._path, session)


@contextmanager
def proven(path: Path | str, ending: Ending = _UNKNOWN) -> Iterator[Proven]:
    """Verify a whole journal, then read parts of it; ``CorruptionError`` names the first record that is not right."""
    with _open(Path(path)) as connection:
        last, decisions = Anchor(0, ORIGIN), hashlib.sha256()
        for row in _proven(connection, Path(path), ending):
            last = Anchor(row.seq, row.hash)
            if row.kind == "cycle":
                decisions.update(row.payload)
        proof = Proof(last.records, last.head, _anchored(ending))
        yield Proven(connection, Path(path), proof, decisions.hexdigest())


def until(path: Path | str, passage: Passage) -> Iterator[Event]:
    """Every event before the decision of a passage, from the genesis on, proven to be those it follows from."""
    head = ORIGIN
    with _open(Path(path)) as connection:
        for row in _proven(connection, Path(path), _UNKNOWN):
            if row.prev == passage.prev:
                return
            head = row.hash
            yield _event(row, Path(path))
    raise CorruptionError(f"{path} ends at {head[:16]}, before {passage.record.session}", "Restore it from a backup")


def _passage(connection: apsw.Connection, path: Path, session: str) -> Passage | None:
    last: Any = connection.execute("SELECT max(seq) FROM journal").get
    seq, found = _next_cycle(connection, 1 + bisect_left(
        range(1, (last or 0) + 1), session, key=lambda n: _next_cycle(connection, n)[1]
    ))  # fmt: skip
    if found != session:
        return None
    before: Any = connection.execute(_CYCLE_BEFORE, (seq,)).get
    following, _ = _next_cycle(connection, seq + 1)
    first, start = before or 1, seq if before is None else before
    rows = list(_rows(connection, f"{_ROWS} WHERE seq BETWEEN {first} AND {following - 1} ORDER BY seq"))
    events = [(row.seq, _event(row, path)) for row in rows]
    genesis = _event(next(_rows(connection, f"{_ROWS} WHERE seq = 1")), path)
    record = next(event for n, event in events if n == seq)
    prior = next((event for n, event in events if n == before), None)
    if not (isinstance(genesis, Genesis) and isinstance(record, CycleRecord)):
        raise CorruptionError(f"{path} is not a journal of decisions", "Run 'plimsoll audit verify'")
    return Passage(
        genesis=genesis,
        before=prior if isinstance(prior, CycleRecord) else None,
        pre_open=tuple(event for n, event in events if start < n < seq),
        record=record,
        payload=next(row.payload for row in rows if row.seq == seq),
        prev=next(row.prev for row in rows if row.seq == seq),
        after=tuple(event for n, event in events if n > seq),
    )


def _next_cycle(connection: apsw.Connection, seq: int) -> tuple[int, str]:
    """Place and date of the first decision at or after record ``seq``; past the end there is none."""
    row: Any = connection.execute(_NEXT_CYCLE, (seq,)).fetchone()
    if row is not None:
        return int(row[0]), str(row[1])
    last: Any = connection.execute("SELECT max(seq) FROM journal").get
    return int(last or 0) + 1, _NEVER


class _Row(NamedTuple):
    seq: int
    kind: str
    payload: bytes
    prev: str
    hash: str


def _text(value: Any) -> str:
    """Stored text; damaged bytes become a text that equals nothing written."""
    return bytes(value or b"").decode("utf-8", "replace")


@contextmanager
def _reading(path: Path) -> Iterator[apsw.Connection]:
    if not path.is_file():
        raise InputError(f"There is no journal at {path}", "See 'plimsoll runs'")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?mode=ro", flags=flags)
    try:
        connection.execute("BEGIN")  # one view of the file: a run may be writing it
        yield connection
    except apsw.BusyError:
        raise PlimsollError(f"{path} is being written by a running process", "Wait until it ends") from None
    finally:
        connection.close()


@contextmanager
def _open(path: Path) -> Iterator[apsw.Connection]:
    """A view of the file for whoever uses what it holds: a file that is no database is a corrupt journal."""
    try:
        with _reading(path) as connection:
            yield connection
    except apsw.Error as error:
        raise CorruptionError(f"{path} is not a readable journal ({error})", "Restore it from a backup") from None


def _rows(connection: apsw.Connection, query: str) -> Iterator[_Row]:
    row: Any
    for row in connection.execute(query):
        yield _Row(row[0], _text(row[1]), bytes(row[2] or b""), _text(row[3]), _text(row[4]))


def _hash(seq: int, prev: str, kind: str, payload: bytes) -> str:
    return hashlib.sha256(f"{DOMAIN}|{seq}|{prev}|{kind}|".encode() + payload).hexdigest()


def _problem(row: _Row, seq: int, prev: str) -> str:
    """What is wrong with a row that should be record ``seq`` after hash ``prev``; "" when nothing is."""
    if row.seq != seq:
        return f"record {seq} is missing"
    if row.prev != prev:
        return f"record {seq} does not follow the record before it"
    if row.kind not in KINDS or (row.kind == "genesis") != (seq == 1):
        return f"record {seq} is of a kind that may not stand there ({row.kind!r})"
    if row.hash != _hash(seq, prev, row.kind, row.payload):
        return f"record {seq} is not what was written"
    return ""


class _Broken(Exception):
    """Where a chain is not what was written; ``head`` is the last good hash."""

    def __init__(self, first_bad: int, problem: str, head: str) -> None:
        self.first_bad, self.problem, self.head = first_bad, problem, head


def _chain(connection: apsw.Connection, ending: Ending, end: Anchor | None = None) -> Iterator[_Row]:
    """Every row, once it is proven to follow the one before it; ``_Broken`` at the first that does not.

    The end has to be the one the head row tells (``end`` where a writer knows it better) and the one that is kept.
    """
    found, kept = Anchor(0, ORIGIN), ending.anchor
    try:
        for row in _rows(connection, _ROWS + " ORDER BY seq"):
            problem = _problem(row, found.records + 1, found.head)
            if not problem and kept is not None and kept.records == row.seq and kept.head != row.hash:
                problem = f"the anchor names another record {row.seq}"
            if problem:
                raise _Broken(found.records + 1, problem, found.head)
            found = Anchor(row.seq, row.hash)
            yield row
        told = end or _head_row(connection)
    except apsw.BusyError:
        raise  # no finding: somebody writes
    except apsw.Error as error:
        n = found.records + 1
        raise _Broken(n, f"record {n} cannot be read ({error})", found.head) from None
    if found.records == 0:
        raise _Broken(1, "the journal holds no records", found.head)
    bad, problem = _against(found, told, "head row")
    if not problem and kept is not None and (ending.final or kept.records > found.records):
        bad, problem = _against(found, kept, "anchor")
    if not problem and ending.problem:
        bad, problem = found.records + 1, f"its end cannot be proven: {ending.problem}"
    if problem:
        raise _Broken(bad, problem, found.head)


def _proven(connection: apsw.Connection, path: Path, ending: Ending, end: Anchor | None = None) -> Iterator[_Row]:
    """The chain for whoever uses what it holds: ``CorruptionError`` where it breaks."""
    try:
        yield from _chain(connection, ending, end)
    except _Broken as error:
        raise CorruptionError(
            f"the journal {path} is not what was written: {error.problem}",
            "Restore it from a backup; 'plimsoll audit verify' shows what is whole",
        ) from None


def _audit(connection: apsw.Connection, ending: Ending) -> AuditReport:
    total = int(connection.execute("SELECT count(*) FROM journal").get)
    head = ORIGIN
    try:
        for row in _chain(connection, ending):
            head = row.hash
    except _Broken as error:
        return AuditReport(False, total, error.first_bad, error.problem, error.head)
    return AuditReport(True, total, None, "", head, _anchored(ending))


def _anchored(ending: Ending) -> bool:
    return ending.final and ending.anchor is not None


def _against(found: Anchor, kept: Anchor | None, name: str) -> tuple[int, str]:
    """First bad record and the problem when a whole chain ends elsewhere than the kept head says; "" if not."""
    if kept is None:
        return found.records + 1, f"the {name} is missing"
    if kept.records != found.records:
        bad = min(kept.records, found.records) + 1
        return bad, f"the {name} counts {kept.records} records, the file holds {found.records}"
    return found.records, "" if kept.head == found.head else f"the {name} names another last record"


def _head_row(connection: apsw.Connection) -> Anchor | None:
    row: Any = connection.execute("SELECT count, CAST(hash AS BLOB) FROM head").fetchone()
    return None if row is None else Anchor(row[0], _text(row[1]))


def _head(connection: apsw.Connection) -> tuple[str, Anchor]:
    """What speaks against continuing this journal ("" nothing), and its head, from its last two records."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not {"journal", "head"} <= tables:
        return "it is an SQLite file but not a journal", Anchor(0, ORIGIN)
    last = list(_rows(connection, _LAST))
    kept = _head_row(connection)
    if not last:
        return ("the head row counts records that are gone" if kept else ""), Anchor(0, ORIGIN)
    before = Anchor(last[0].seq, last[0].hash) if len(last) == 2 else Anchor(0, ORIGIN)
    found = Anchor(last[-1].seq, last[-1].hash)
    problem = _problem(last[-1], before.records + 1, before.head)
    return problem or ("" if kept == found else "the head row names another last record"), found


def _decisions_of(connection: apsw.Connection) -> str:
    digest = hashlib.sha256()
    row: Any
    for row in connection.execute(_CYCLES):
        digest.update(row[0])
    return digest.hexdigest()


def _event(row: _Row, path: Path) -> Event:
    try:
        return codec.decode(row.kind, row.payload)
    except (KeyError, ValueError) as error:  # msgspec's errors are ValueErrors
        problem = f"Record {row.seq} of {path} is no event ({error})"
        raise CorruptionError(problem, "Run 'plimsoll audit verify'") from None

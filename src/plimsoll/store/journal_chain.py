"""Verification: the chain of a journal recomputed, and its end checked against the one kept elsewhere (G3).

The chain by itself reveals any altered, inserted, reordered or missing record before the last. The head row adds: a cut
tail, or records added after it. Neither reveals a file rewritten as a whole, chain and head included: that needs the
head kept elsewhere (``Anchor``: the run's summary, a report, another machine).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.runs import JOURNAL_FORMAT as FORMAT
from plimsoll.core.runs import Anchor, AuditReport, Ending
from plimsoll.store.journal_file import (
    KINDS_OF,
    ORIGIN,
    ROWS,
    JournalRow,
    head_row,
    opened,
    record_hash,
    refuse_another_format,
    rows,
    stated,
    told,
)

UNKNOWN = Ending()
_LAST = f"SELECT * FROM ({ROWS} ORDER BY seq DESC LIMIT 2) ORDER BY 1"


def verify(path: Path | str, ending: Ending = UNKNOWN) -> AuditReport:
    """Recompute the whole chain of a journal and compare it with its head row and with its known end.

    Any content of the file gives a report, also when it is missing or unreadable; only a batch that is being written
    at this moment raises ``PlimsollError``. Reads only.
    """
    try:
        with told(Path(path)), closing(opened(Path(path))) as connection:
            return _audit(connection, ending)
    except InputError as error:
        return AuditReport(False, 0, 1, error.problem)
    except apsw.Error as error:
        return AuditReport(False, 0, 1, f"{path} is not a readable journal ({error})")


def proven_rows(
    connection: apsw.Connection, path: Path, ending: Ending, end: Anchor | None = None
) -> Iterator[JournalRow]:
    """The verified chain, for readers: ``CorruptionError`` where it breaks."""
    try:
        yield from _chain(connection, ending, end)
    except _Broken as error:
        raise CorruptionError(
            f"the journal {path} was altered: {error.problem}",
            "Restore it from a backup; 'plimsoll audit verify' shows which part is intact",
        ) from None


def resumable(connection: apsw.Connection, path: Path) -> tuple[str, Anchor]:
    """The reason not to continue this journal ("" for none), and its head, from its last two records.

    ``OldJournal`` for one of an older format.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not {"journal", "head"} <= tables:
        return "it is an SQLite file but not a journal", Anchor(0, ORIGIN)
    refuse_another_format(connection, path)
    last = list(rows(connection, _LAST))
    kept = head_row(connection)
    if not last:
        return ("the head row counts records that are gone" if kept else ""), Anchor(0, ORIGIN)
    before = Anchor(last[0].seq, last[0].hash) if len(last) == 2 else Anchor(0, ORIGIN)
    found = Anchor(last[-1].seq, last[-1].hash)
    problem = _problem(last[-1], before.records + 1, before.head, FORMAT)
    return problem or ("" if kept == found else "the head row names another last record"), found


def anchored(ending: Ending) -> bool:
    """Whether a known end of a journal is its end, and not an earlier record."""
    return ending.final and ending.anchor is not None


def _audit(connection: apsw.Connection, ending: Ending) -> AuditReport:
    if not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        return AuditReport(False, 0, 1, "the journal holds no records")  # killed before its tables were made
    total = int(connection.execute("SELECT count(*) FROM journal").get)
    head, found = ORIGIN, stated(connection)
    try:
        for row in _chain(connection, ending):
            head = row.hash
    except _Broken as error:
        return AuditReport(False, total, error.first_bad, error.problem, error.head, format=found)
    return AuditReport(True, total, None, "", head, anchored(ending), format=found)


class _Broken(Exception):
    """Where a chain is not what was written; ``head`` is the last good hash."""

    def __init__(self, first_bad: int, problem: str, head: str) -> None:
        self.first_bad, self.problem, self.head = first_bad, problem, head


def _chain(connection: apsw.Connection, ending: Ending, end: Anchor | None = None) -> Iterator[JournalRow]:
    """Every row, once it is verified to follow the one before it; ``_Broken`` at the first that does not.

    The end must match the head row (``end`` where a writer knows it better) and the one kept elsewhere.
    """
    found, kept = Anchor(0, ORIGIN), ending.anchor
    try:
        of = stated(connection)
        if of not in KINDS_OF:
            raise _Broken(1, f"it states format {of}, which this version does not know", ORIGIN)
        for row in rows(connection, ROWS + " ORDER BY seq"):
            problem = _problem(row, found.records + 1, found.head, of)
            if not problem and kept is not None and kept.records == row.seq and kept.head != row.hash:
                problem = f"the anchor names another record {row.seq}"
            if problem:
                raise _Broken(found.records + 1, problem, found.head)
            found = Anchor(row.seq, row.hash)
            yield row
        told = end or head_row(connection)
    except apsw.BusyError:
        raise  # not a finding: the file is being written
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


def _against(found: Anchor, kept: Anchor | None, name: str) -> tuple[int, str]:
    """First bad record and the problem when a chain does not end at the kept head; "" if it does."""
    if kept is None:
        return found.records + 1, f"the {name} is missing"
    if kept.records != found.records:
        bad = min(kept.records, found.records) + 1
        return bad, f"the {name} counts {kept.records} records, the file holds {found.records}"
    return found.records, "" if kept.head == found.head else f"the {name} names another last record"


def _problem(row: JournalRow, seq: int, prev: str, of: int) -> str:
    """The fault of a row that should be record ``seq`` after hash ``prev`` of a journal of format ``of``; ""
    without one.
    """
    if row.seq != seq:
        return f"record {seq} is missing"
    if row.prev != prev:
        return f"record {seq} does not follow the record before it"
    if row.kind not in KINDS_OF[of] or (row.kind == "genesis") != (seq == 1):
        return f"record {seq} is of a kind that may not stand there ({row.kind!r})"
    if row.hash != record_hash(seq, prev, row.kind, row.payload, of):
        return f"record {seq} is not what was written"
    return ""

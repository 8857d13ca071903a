"""A run read from its journal file, behind ``core.ports.RunReader``: everything returned is verified first (G3).

The chain is recomputed once, whole, in the view of the file from which everything is then read; that is the cheap part.
Only requested records are decoded: decisions are in time order, so a session is found by bisection.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError, InputError, UsageError
from plimsoll.core.events import Event, Genesis, Proof
from plimsoll.core.runs import Anchor, Ending, Passage
from plimsoll.store.journal_chain import UNKNOWN, anchored, proven_rows
from plimsoll.store.journal_file import (
    ORIGIN,
    ROWS,
    JournalRow,
    begun,
    event_of,
    opened,
    orders_of,
    readable,
    refuse_another_format,
    rows,
)

_NEXT_CYCLE = "SELECT seq, payload ->> 'session' FROM journal WHERE kind = 'cycle' AND seq >= ? ORDER BY seq LIMIT 1"
_CYCLE_BEFORE = "SELECT seq FROM journal WHERE kind = 'cycle' AND seq < ? ORDER BY seq DESC LIMIT 1"
_LAST_CYCLE = "SELECT payload ->> 'session' FROM journal WHERE kind = 'cycle' ORDER BY seq DESC LIMIT 1"
_FOLLOWED = "SELECT payload ->> 'strategies' IS NOT NULL FROM journal WHERE seq = ?"
_NEVER = "~"  # sorts after every ISO date


class SqliteRunReader:
    """One view of a run's journal file, from here until ``close``.

    Parameters
    ----------
    path : the journal's file.
    run : the run's name, the file's by default.
    ending : the known end of the journal.

    Raises
    ------
    InputError : there is no such file. ``OldJournal`` where it is of an older format.
    CorruptionError : a requested record cannot be verified; names the first one.
    """

    def __init__(self, path: Path | str, run: str = "", ending: Ending = UNKNOWN) -> None:
        self._path, self._ending = Path(path), ending
        self.run = run or self._path.stem
        self._verified: tuple[Proof, str] | None = None
        with readable(self._path):
            self._connection = opened(self._path)
            try:
                self._refuse_unbegun()
                refuse_another_format(self._connection, self._path)
            except BaseException:
                self._connection.close()
                raise

    def _refuse_unbegun(self) -> None:
        """A run that was killed before its first record decided nothing; only a known end says that there was one."""
        if self._ending.anchor is None and not self._ending.problem and not begun(self._connection):
            raise InputError(
                f"run {self.run!r} ended before its first record: nothing was decided in it",
                "Start it again; 'plimsoll runs prune --unfinished --yes' removes what is left of it",
            )

    @property
    def genesis(self) -> Genesis:
        """The run's inputs: the first record, verified; the others are verified when they are read."""
        with readable(self._path):
            found = event_of(next(proven_rows(self._connection, self._path, self._ending)), self._path)
        if not isinstance(found, Genesis):
            raise CorruptionError(f"{self._path} does not begin with its genesis", "Run 'plimsoll audit verify'")
        return found

    @property
    def proof(self) -> Proof:
        """The head to which the whole chain was verified."""
        return self._proven()[0]

    @property
    def decisions_hash(self) -> str:
        """SHA-256 over the payloads of all decisions, in order."""
        return self._proven()[1]

    @property
    def last_decided(self) -> str | None:
        """ISO date of the newest decision; None while there is none."""
        self._proven()
        with readable(self._path):
            found: Any = self._connection.execute(_LAST_CYCLE).get
        return None if found is None else str(found)

    def events(self) -> Iterator[Event]:
        """Every event from the genesis on. The end is verified before the last iteration ends: the first reading hashes
        and returns the same bytes in one pass.
        """
        with readable(self._path):
            if self._verified is None:
                for row in self._verifying():
                    yield event_of(row, self._path)
            else:
                for row in rows(self._connection, f"{ROWS} ORDER BY seq"):
                    yield event_of(row, self._path)

    def session(self, date: str) -> Passage | None:
        """The journal around the decision of an ISO date; None without a decision on it."""
        self._proven()
        with readable(self._path):
            seq = self._decided(date)
            return None if seq is None else self._passage(seq)

    def before(self, date: str) -> Iterator[Event]:
        """Events that determine the account just before the decision of an ISO date, genesis first.

        The last decision before it carries the state; of earlier ones only the orders are given, as events. All are
        given whole where lifecycle tracking is on, since the strategies' evidence is a sum over all. ``UsageError``
        without a decision on that date.
        """
        self._proven()
        with readable(self._path):
            seq = self._decided(date)
            if seq is None:
                raise UsageError(f"There is no decision on {date} in run {self.run}", "See 'plimsoll runs'")
            last: Any = self._connection.execute(_CYCLE_BEFORE, (seq,)).get
            followed = last is not None and bool(self._connection.execute(_FOLLOWED, (last,)).get)
            for row in rows(self._connection, f"{ROWS} WHERE seq < {seq} ORDER BY seq"):
                if row.kind != "cycle" or followed or row.seq == last:
                    yield event_of(row, self._path)
                else:
                    yield from orders_of(row, self._path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _proven(self) -> tuple[Proof, str]:
        with readable(self._path):
            if self._verified is None:
                for _ in self._verifying():
                    pass
        assert self._verified is not None  # the chain was whole, or it was not left
        return self._verified

    def _verifying(self) -> Iterator[JournalRow]:
        """Every record as it is verified; the verified end is kept."""
        last, decisions = Anchor(0, ORIGIN), hashlib.sha256()
        for row in proven_rows(self._connection, self._path, self._ending):
            if row.kind == "cycle":
                decisions.update(row.payload)
            last = Anchor(row.seq, row.hash)
            yield row
        self._verified = Proof(last.records, last.head, anchored(self._ending)), decisions.hexdigest()

    def _decided(self, date: str) -> int | None:
        """The record of the decision of a date."""
        last: Any = self._connection.execute("SELECT max(seq) FROM journal").get
        place = bisect_left(range(1, (last or 0) + 1), date, key=lambda n: self._next_cycle(n)[1])
        seq, found = self._next_cycle(1 + place)
        return seq if found == date else None

    def _next_cycle(self, seq: int) -> tuple[int, str]:
        """Place and date of the first decision at or after record ``seq``; past the end there is none."""
        row: Any = self._connection.execute(_NEXT_CYCLE, (seq,)).fetchone()
        if row is not None:
            return int(row[0]), str(row[1])
        last: Any = self._connection.execute("SELECT max(seq) FROM journal").get
        return int(last or 0) + 1, _NEVER

    def _passage(self, seq: int) -> Passage:
        before: Any = self._connection.execute(_CYCLE_BEFORE, (seq,)).get
        following, _ = self._next_cycle(seq + 1)
        first, start = before or 1, seq if before is None else before
        found = list(rows(self._connection, f"{ROWS} WHERE seq BETWEEN {first} AND {following - 1} ORDER BY seq"))
        events = {row.seq: event_of(row, self._path) for row in found}
        record, prior = events[seq], events.get(before)
        if not isinstance(record, CycleRecord):
            raise CorruptionError(f"{self._path} is not a journal of decisions", "Run 'plimsoll audit verify'")
        row = next(row for row in found if row.seq == seq)
        return Passage(
            genesis=self.genesis,
            before=prior if isinstance(prior, CycleRecord) else None,
            pre_open=tuple(event for n, event in events.items() if start < n < seq),
            record=record,
            payload=row.payload,
            prev=row.prev,
            after=tuple(event for n, event in events.items() if n > seq),
        )

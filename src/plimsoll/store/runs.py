"""The runs of a home, behind ``core.ports.RunCatalogue``: their journals, summaries, results and policies in files.

The last run is determined by the runs' own records: when each ended, or began where it did not end. Files may be
copied, restored and touched in any order.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from plimsoll.core.errors import CorruptionError, InputError, PlimsollError, UsageError
from plimsoll.core.policy import Policy
from plimsoll.core.runs import BESIDE, DAEMON_TAG, TAG_MAX, Anchor, AuditReport, Ending, RunSummary
from plimsoll.store.home import Home
from plimsoll.store.journal_chain import verify
from plimsoll.store.journal_file import begun, opened, readable
from plimsoll.store.own_files import read_own, write_whole
from plimsoll.store.run_reader import SqliteRunReader

_POLICY = ".policy.json"
_RESULT = ".result.json"
_SUFFIXES = (".json", _POLICY, _RESULT, ".db", ".db-journal", ".db-wal", ".db-shm")
_LISTED = 8  # names an error lists before it only counts
_INSTANT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(-\d+)?$")  # in the name of a run


class RunFiles:
    """Files of the runs of a home. ``tell`` receives notes for a person on the choice of a run."""

    def __init__(self, home: Home, tell: Callable[[str], None] = lambda _: None) -> None:
        self._home, self.tell = home, tell
        self._runs = home.runs
        self.place = str(home.path)

    def journal(self, run: str) -> Path:
        """Path of a run's journal, whether or not it exists. ``UsageError`` for what cannot be a run's name."""
        if not run or run.startswith(".") or Path(run).name != run:
            raise UsageError(f"{run!r} is not the name of a run", "See 'plimsoll runs'")
        return self._runs / f"{run}.db"

    def find(self, run: str | None = None) -> str:
        """The run of that name, tag or unambiguous prefix of a name; the last finished one, or a daemon's, for none and
        ``last``.

        A comparison run (R5) is found by its name alone; an interrupted one is never the last, and ``tell`` receives a
        note that it was passed over. ``UsageError`` for none or several.
        """
        if run is None or run == "last":
            return self._last()
        if self.journal(run).exists() or self._summary(run).exists():
            return run
        names = self.names()
        tagged = [] if len(run) > TAG_MAX else [n for n in names if self.summary(n).tag == run]
        found = tagged or [n for n in names if n.startswith(run) and BESIDE not in n]
        if len(found) == 1:
            return found[0]
        if found:
            more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
            raise UsageError(
                f"{run!r} is {'the tag' if tagged else 'the beginning'} of {len(found)} runs",
                f"Name one of {', '.join(found[-_LISTED:])}{more}",
            )
        from difflib import get_close_matches  # only for an error

        near = get_close_matches(run, names, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"There is no run {run!r} in {self.place}", f"{meant}See 'plimsoll runs'")

    def newest(self, mode: str) -> str:
        """The newest run of a mode, however it ended; ``UsageError`` where there is none."""
        return self._newest(mode, lambda _: True, f"holds no {mode} run")

    def last_unfinished(self, mode: str) -> str:
        """The newest run of a mode that is not finished; ``UsageError`` where there is none."""
        return self._newest(mode, lambda summary: not summary.finished, f"holds no unfinished {mode} run")

    def _newest(self, mode: str, wanted: Callable[[RunSummary], bool], none: str) -> str:
        known = ((name, self.summary(name)) for name in self.names() if self.journal(name).exists())
        met = [(when(s, name), name) for name, s in known if s.mode == mode and wanted(s)]
        if not met:
            raise UsageError(f"{self.place} {none}", "See 'plimsoll runs'")
        return max(met)[1]

    def _last(self) -> str:
        names = self.names()
        if not names:
            raise UsageError(f"{self.place} holds no runs", "Run 'plimsoll backtest' first")
        told = {name: self.summary(name) for name in [n for n in names if BESIDE not in n] or names}
        passed: list[RunSummary] = []
        for name in sorted(told, key=lambda n: (when(told[n], n), n), reverse=True):
            ends = told[name].tag != DAEMON_TAG  # a daemon's run goes on, and is read as far as it is
            if told[name].finished or not ends or self._damaged(name):  # a reader reports a damaged one
                for one in passed:
                    self.tell(f"{one.run} is {one.status} and was passed over; the last finished run is {name}")
                return name
            passed.append(told[name])
        newest = passed[0]
        raise UsageError(
            f"{self.place} holds no finished run; {newest.run} is {newest.status}",
            "Run it again, or name it with --run to see how far it got",
        )

    def names(self) -> tuple[str, ...]:
        """Every run by name."""
        found = {p.stem for p in self._runs.glob("*.db")} | {p.stem for p in self._summaries()}
        return tuple(sorted(found))

    def files(self, run: str) -> tuple[Path, ...]:
        """A run's stored files, its report included."""
        stem = self.journal(run)
        beside = (stem.with_suffix(suffix) for suffix in _SUFFIXES)
        return tuple(p for p in (*beside, self._home.reports / f"{run}.html") if p.exists())

    def finish(self, summary: RunSummary, result: bytes = b"") -> None:
        """Write a run's summary, the anchor of its journal included, and before it the JSON of its whole result."""
        self._home.folder(self._runs)
        if result:
            write_whole(self.journal(summary.run).with_suffix(_RESULT), result)
            summary = msgspec.structs.replace(summary, result_hash=hashlib.sha256(result).hexdigest())
        write_whole(self._summary(summary.run), msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")

    def result(self, run: str) -> bytes | None:
        """The JSON of a run's whole result; None where none was stored."""
        path = self.journal(run).with_suffix(_RESULT)
        if not path.is_file():
            return None
        return read_own(path)

    def keep_policy(self, run: str, policy: Policy) -> None:
        """Store the policy of a run before it begins, as the canonical JSON its hash is of (G4)."""
        self._home.folder(self._runs)
        write_whole(self._policy(run), msgspec.json.encode(policy, order="sorted"))

    def policy_file(self, run: str) -> str:
        """The value of ``--policy`` that names the policy of a run."""
        return str(self._policy(run))

    def policy(self, run: str, digest: str) -> Policy | None:
        """The policy of a run, whose SHA-256 is in its journal; None when none was stored.

        ``CorruptionError`` when the stored one differs, ``InputError`` when this version cannot read it.
        """
        path = self._policy(run)
        if not path.is_file():
            return None
        stored = read_own(path)
        if hashlib.sha256(stored).hexdigest() != digest:
            raise CorruptionError(f"{path} is not the policy the run's journal names", "Restore it from a backup")
        try:
            return msgspec.json.decode(stored, type=Policy)
        except msgspec.ValidationError as error:
            remedy = "Use the version of plimsoll that made the run"
            raise InputError(f"{path} was written for another version of the policy ({error})", remedy) from None

    def summaries(self) -> tuple[RunSummary, ...]:
        """Every run by name; one without a valid summary, as far as its journal shows."""
        return tuple(self.summary(name) for name in self.names())

    def summary(self, run: str) -> RunSummary:
        """One run's summary; from its journal's genesis when it has none."""
        try:
            found = msgspec.json.decode(read_own(self._summary(run)), type=RunSummary)
        except (OSError, InputError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
            found = self._from_journal(run)
        ended = "finished" if found.finished else "interrupted"
        status = ended if found.status in ("", "finished") else found.status  # one that is both is not finished
        if status == "running" and not self._held(run):
            status = "interrupted"  # its process is gone
        return found if status == found.status else msgspec.structs.replace(found, status=status)

    def _damaged(self, run: str) -> bool:
        path = self._summary(run)
        try:
            return path.is_file() and msgspec.json.decode(read_own(path), type=RunSummary) is None
        except (OSError, InputError, ValueError, RecursionError):
            return True

    def _held(self, run: str) -> bool:
        """Whether the process that took the lock for ``run`` is alive: it wrote the summary after the lock."""
        lock = self._home.path / ".lock"
        try:
            since = lock.stat().st_mtime_ns
            os.kill(int(read_own(lock)), 0)
        except PermissionError:  # another user's, and alive
            pass
        except (OSError, InputError, ValueError, OverflowError):
            return False
        return self._summary(run).stat().st_mtime_ns >= since

    def audit(self, run: str | None = None) -> AuditReport:
        """Verify a run's journal (the last run's by default) to its end, against its summary's anchor."""
        name = self.find(run)
        return verify(self.journal(name), self.ending(name))

    def open(self, run: str | None = None) -> SqliteRunReader:
        """A run by the names that ``find`` accepts, open for reading: its end is checked against its summary."""
        name = self.find(run)
        return SqliteRunReader(self.journal(name), name, self.ending(name))

    def ending(self, run: str) -> Ending:
        """The end of a run's journal as its summary keeps it; for a resumed run, a record it must contain.

        A missing summary proves nothing: it is written before the first record. A damaged one is ``CorruptionError``.
        """
        path = self._summary(run)
        if not path.exists():
            return Ending(problem=f"{path}, which keeps it, is not there")
        try:
            known = msgspec.json.decode(read_own(path), type=RunSummary)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise CorruptionError(
                f"{path} is damaged: the end of the journal cannot be checked against it", "Restore it from a backup"
            ) from None
        if known.run != run:
            raise CorruptionError(
                f"{path} belongs to the run {known.run}", "Restore the files of both runs from a backup"
            )
        if known.records is not None:
            return Ending(Anchor(known.records, known.head), known.finished)
        if known.finished or self.journal(run).with_suffix(_RESULT).exists():
            return Ending(problem=f"the run was finished, and {path} does not keep it")
        return Ending()

    def nothing_begun(self, run: str) -> bool:
        """Whether a run was killed before its first record: nothing was decided, so there is nothing to keep."""
        path = self.journal(run)
        try:
            ending = self.ending(run)
            if ending.anchor is not None or ending.problem:
                return False
            if not path.exists():
                return True
            with readable(path), closing(opened(path)) as connection:
                return not begun(connection)
        except PlimsollError:
            return False

    def _policy(self, run: str) -> Path:
        return self.journal(run).with_suffix(_POLICY)

    def _summaries(self) -> Iterator[Path]:
        return (p for p in self._runs.glob("*.json") if not p.name.endswith((_POLICY, _RESULT)))

    def _summary(self, run: str) -> Path:
        return self.journal(run).with_suffix(".json")

    def _from_journal(self, run: str) -> RunSummary:
        try:
            with SqliteRunReader(self.journal(run)) as reader:
                first = reader.genesis
        except PlimsollError:
            return RunSummary(run, "unreadable", "", "", "", "", 0, (), False, finished=False)
        return RunSummary(
            run, first.mode, first.start, first.end, first.snapshot, first.policy, first.capital, first.strategies,
            first.synthetic, finished=False, operator=first.operator, code=first.code,
        )  # fmt: skip


def when(summary: RunSummary, run: str) -> tuple[str, int]:
    """When a run ended, or began where it did not end, for sorting: from its record, else its name."""
    said = summary.ended or summary.begun
    named = None if said else _INSTANT.search(run)
    if named is None:
        return said, 0
    year, month, day, hour, minute, second, number = named.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}", -int(number or 0)

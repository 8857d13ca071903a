"""A journal whose process is killed at any moment is read by every reader, and goes on with all that was durable (G3).

Every call by which SQLite changes a file is a moment: what lies on disk before it is what ``kill -9`` would leave.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.core.events import CashFlow, Event, Genesis
from plimsoll.core.runs import Anchor, Ending
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.journal_chain import verify
from plimsoll.store.run_reader import SqliteRunReader

GENESIS = Genesis("paper", 10_000_000, ("GLD", "SPY"), "snap", "pol", "code", "2020-01-02", "2020-12-31", "paper",
                  ("core_trend",), "never", True)  # fmt: skip
EVENTS: tuple[Event, ...] = (GENESIS, *(CashFlow("2020-01-03", "dividend" * 900, "SPY", n) for n in range(2)))


class Moments:
    """Copies of a folder as it lay before every change of a file in it, with the records that were durable by then."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self.kept, self.durable = folder, kept, 0
        self.at: list[tuple[Path, int]] = []
        self.last: tuple[dict[str, bytes], int] | None = None

    def now(self) -> None:
        lies = {p.name: p.read_bytes() for p in self.folder.iterdir()}, self.durable
        if lies == self.last:
            return  # a call that makes durable changes no byte
        self.last, where = lies, self.kept / str(len(self.at))
        shutil.copytree(self.folder, where)
        self.at.append((where / "run.db", self.durable))


class Watched(apsw.VFSFile):
    moments: Moments

    def xWrite(self, data: bytes, offset: int) -> None:
        self.moments.now()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self.moments.now()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self.moments.now()
        super().xSync(flags)


class Watching(apsw.VFS):
    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        super().__init__("watching", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        file = Watched("unix", name, flags)
        file.moments = self._moments
        return file

    def xDelete(self, name: str, sync: bool) -> None:
        self._moments.now()
        super().xDelete(name, sync)


@pytest.fixture(params=[True, False], ids=["durable", "batch"])
def moments(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moments]:
    """A whole life of a journal: begun, written, closed, taken up, closed again."""
    folder = tmp_path / "live"
    folder.mkdir()
    found = Moments(folder, tmp_path / "at")
    watching = Watching(found)
    # a log kept in memory, since the file methods that can be watched share none between processes
    exclusive = [lambda connection: connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()]
    monkeypatch.setattr(apsw, "connection_hooks", exclusive)
    try:
        for part in (EVENTS[:2], EVENTS[2:]):
            with SqliteJournal(folder / "run.db", request.param) as journal:
                for event in part:
                    journal.append(event)
                    if request.param:
                        found.durable += 1
                journal.commit()
                found.durable = len(journal)
    finally:
        watching.unregister()
        monkeypatch.undo()
    yield found


def test_what_a_kill_leaves_is_read_and_continued_from_what_was_durable(moments: Moments) -> None:
    logs = set()
    assert len(moments.at) > 10
    for path, durable in moments.at:
        logs |= {p.name for p in path.parent.iterdir() if p.stat().st_size}
        known = Ending() if durable == 0 else Ending(Anchor(0, ""))
        try:
            with SqliteRunReader(path, ending=known) as reader:
                events = tuple(reader.events())
        except InputError as error:
            assert durable == 0 and "nothing was decided" in error.problem, path
            events = ()
        assert events == EVENTS[: len(events)] and len(events) >= durable, path
        report = verify(path)
        assert (report.ok, report.records) == (bool(events), len(events)), path
        with SqliteJournal(path, durable=False) as journal:
            assert len(journal) == len(events)
            for event in EVENTS[len(events) :]:
                journal.append(event)
        with SqliteRunReader(path) as reader:
            assert tuple(reader.events()) == EVENTS
    assert "run.db-journal" in logs


def test_a_run_that_is_known_to_have_records_and_has_none_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    path.touch()
    with pytest.raises(InputError, match="nothing was decided"), SqliteRunReader(path):
        pass
    with pytest.raises(CorruptionError), SqliteRunReader(path, ending=Ending(Anchor(3, "f" * 64))) as reader:
        tuple(reader.events())


def test_where_nothing_may_be_written_the_error_says_what_to_do(
    moments: Moments, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, told = apsw.Connection, 0

    def never_writes(name: str, flags: int = 0) -> apsw.Connection:
        uri = name if "mode=ro" in name else f"file:{name}?mode=ro"
        return view(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)

    monkeypatch.setattr(apsw, "Connection", never_writes)
    for path, _ in moments.at:
        try:
            with SqliteRunReader(path) as reader:
                assert tuple(reader.events()) == EVENTS[: reader.proof.records]
        except InputError:
            pass
        except PlimsollError as error:
            assert not isinstance(error, CorruptionError) and "Copy the home" in error.remedy
            told += 1
    assert told > 0

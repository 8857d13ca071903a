"""A power cut at any write of the governor's file: what was answered is there, whatever the disk did with the rest.

SQLite runs on a file system that records every write and flush. At each point of the recording the disk is rebuilt as
a power cut could have left it: what was flushed is there, each later write is there, missing, or torn at a sector. The
governor must open it, and know every decision that was answered before that point (H2). Its anchor is there as it was
after the last answer, the most it can ask of the store.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.governor.governor import Decision, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_store import SqliteStateStore

SECTOR = 512
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)
Op = tuple[str, str, int, bytes]  # what, which file, where, the bytes
Log = list[Op | Decision]
ANCHOR = "governor.anchor"


def anchored(path: Path, log: Log) -> None:
    """Write down what the anchor says now."""
    log.append(("anchor", ANCHOR, 0, path.with_name(ANCHOR).read_bytes()))


class RecordedFile(apsw.VFSFile):
    """Passes everything on and writes down what changes the disk."""

    def __init__(self, log: Log, name: apsw.URIFilename | str, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._log, self._path = log, name.filename() if isinstance(name, apsw.URIFilename) else name

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._log.append(("write", self._path, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._log.append(("truncate", self._path, size, b""))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._log.append(("sync", self._path, 0, b""))


class RecordedDisk(apsw.VFS):
    """SQLite's default file system while it is registered."""

    def __init__(self, log: Log) -> None:
        super().__init__("recorded", "unix", makedefault=True)
        self._log = log

    def xOpen(self, name: apsw.URIFilename | str, flags: list[int]) -> RecordedFile:
        return RecordedFile(self._log, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        super().xDelete(name, sync)
        self._log.append(("delete", name, 0, b""))


@contextmanager
def recorded(log: Log) -> Iterator[None]:
    disk = RecordedDisk(log)
    try:
        yield
    finally:
        disk.unregister()


def intent(n: int) -> OrderIntent:
    return OrderIntent(f"o{n}", "S", 1, (1 + n % 3) * 20 * 10**12, NOON)


def run(path: Path, log: Log) -> None:
    """Orders one by one and together, and a checkpoint in between: the file is closed and opened again."""
    for part in range(2):
        with SqliteStateStore(path) as store:
            governor = Governor(store, MICRO)
            if not part:
                governor.begin(DAY, 100_000)
                governor.quote("S", Quote(1_000_000_000_000, 1_000_000_000_000, NOON))
            for n in range(5):
                log.append(governor.decide(intent(10 * part + n)))
                anchored(path, log)
            log += governor.decide_many([intent(10 * part + n) for n in range(5, 10)])
            anchored(path, log)


def left_by_a_cut(ops: list[Op], draw: random.Random, chance: float) -> dict[str, bytearray]:
    """The files after a power cut: flushed writes are kept, of the others each with this chance, some of them torn.

    The first flush of a new file flushes its folder, and with it what was deleted before.
    """
    last = {op[1]: n for n, op in enumerate(ops) if op[0] == "sync"}
    fresh, flushed = {op[1] for op in ops}, -1
    for n, (what, path, _, _) in enumerate(ops):
        if what == "delete":
            fresh.add(path)
        elif what == "sync" and path in fresh:
            fresh.discard(path)
            flushed = n
    files: dict[str, bytearray] = {}
    for n, (what, path, where, data) in enumerate(ops):
        safe = n <= (flushed if what == "delete" else last.get(path, -1))
        if what == "sync" or not (safe or draw.random() < chance):
            continue
        if what == "delete":
            files.pop(path, None)
            continue
        content = files.setdefault(path, bytearray())
        if what == "truncate":
            del content[where:]
        else:
            if not safe and draw.random() < 0.5:
                data = data[: SECTOR * draw.randrange(1 + len(data) // SECTOR)]
            content.extend(bytes(max(where + len(data) - len(content), 0)))
            content[where : where + len(data)] = data
    return files


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_an_answered_decision_survives_a_power_cut_at_any_write(tmp_path: Path, chance: float) -> None:
    log: Log = []
    with recorded(log):
        run(tmp_path / "governor.db", log)
    draw = random.Random(7)
    answered: list[Decision] = []
    ops: list[Op] = []
    cuts, anchor = 0, b""
    for entry in log:
        if isinstance(entry, Decision):
            answered.append(entry)
        elif entry[0] == "anchor":
            anchor = entry[3]
        else:
            ops.append(entry)
        if not anchor:
            continue
        cuts += 1
        folder = tmp_path / f"cut-{cuts}"
        folder.mkdir()
        for path, content in left_by_a_cut(ops, draw, chance).items():
            (folder / Path(path).name).write_bytes(content)
        (folder / ANCHOR).write_bytes(anchor)
        with SqliteStateStore(folder / "governor.db") as store:
            governor = Governor(store, MICRO)
            for decision in answered:
                assert store.get("intent", decision.id) is not None, f"cut {cuts}: {decision.id} is gone"
            assert {d.id for d in answered if d.decision == "ADMIT"} <= set(governor.orders)
            assert governor.decide_many([intent(int(d.id[1:])) for d in answered]) == answered
    assert cuts > 60 and {d.decision for d in answered} == {"ADMIT", "REFUSE"}


def test_without_its_flushes_the_same_recording_loses_answers_and_is_refused(tmp_path: Path) -> None:
    log: Log = []
    with recorded(log):
        run(tmp_path / "governor.db", log)
    ops = [e for e in log if not isinstance(e, Decision) and e[0] != "anchor"]
    ops = [e for e in ops if not (e[0] == "sync" and e[1].endswith("-wal"))]
    anchors = [e[3] for e in log if not isinstance(e, Decision) and e[0] == "anchor"]
    (tmp_path / "cut").mkdir()
    for path, content in left_by_a_cut(ops, random.Random(7), 0.0).items():
        (tmp_path / "cut" / Path(path).name).write_bytes(content)
    (tmp_path / "cut" / ANCHOR).write_bytes(anchors[-1])
    with pytest.raises(CorruptionError, match=r"this home has seen \d+ entries"):
        SqliteStateStore(tmp_path / "cut" / "governor.db")

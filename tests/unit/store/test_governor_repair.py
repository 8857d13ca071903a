"""A repair that is cut off at any step can be made again, and loses nothing that its record tells (H2)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import GovernorFile, verify_file
from plimsoll.store.governor_repair import Broken, Damage
from plimsoll.store.governor_store import SqliteStateStore


class Killed(Exception):
    """The process ends here."""


def damaged(folder: Path) -> Path:
    """An account of three entries, whose state was edited afterwards."""
    path = folder / "governor.db"
    with SqliteStateStore(path) as store:
        store.write([("position", "S", "1")], (), [("intent", "a", "first")])
        store.write([("position", "S", "2"), ("position", "T", "5")], [("closed", "a", "old")])
        store.write([("position", "T", None)], [("closed", "a", "new")], [("intent", "b", "second")])
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE state SET text = '9'")
        file.commit()
    return path


def test_a_repair_killed_at_any_rename_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, steps = Path.replace, 0
    for life in range(10):
        folder = tmp_path / str(life)
        folder.mkdir()
        path = damaged(folder)
        left = life

        def mortal(self: Path, target: Path | str) -> Path:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return real(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", mortal)
            broken = Broken(path)
            assert broken.look() is not None
            try:
                broken.rebuild([])
            except Killed:
                steps += 1
                with pytest.raises(CorruptionError):
                    SqliteStateStore(path)
        again = Broken(path)
        if again.look() is not None:
            again.rebuild([])
        with SqliteStateStore(path) as store:
            assert store.load() == [("position", "S", "2")]
            assert [store.get("intent", "a"), store.get("closed", "a"), store.get("intent", "b")] == [
                "first", "new", "second"
            ]  # fmt: skip
        assert [file.name for file in folder.glob("*.damaged-*")]
        assert not list(folder.glob("*.rebuilt*")) and not list(folder.glob("*.new"))
    assert steps >= 3


def test_what_the_record_does_not_reach_is_said_and_what_is_added_follows_it(tmp_path: Path) -> None:
    path = damaged(tmp_path)
    anchor = Anchor(tmp_path / "governor.anchor")
    seen = anchor.read()
    assert seen is not None
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM record WHERE number = 3")
        file.commit()
    broken = Broken(path)
    found = broken.look()
    assert found is not None and (found.entries, found.seen, found.whole) == (2, 3, False)
    assert sorted(broken.state) == [("position", "S", "2"), ("position", "T", "5")]
    assert broken.rebuild([("lost", "", "[1,0]")]) == 3
    after = anchor.read()
    assert after is not None and after.account == seen.account and after.number == 3 and after.head != seen.head
    with SqliteStateStore(path) as store:
        assert ("lost", "", "[1,0]") in store.load() and store.get("closed", "a") == "old"
    assert Broken(path).look() is None


def test_where_nothing_is_left_another_account_begins(tmp_path: Path) -> None:
    path = damaged(tmp_path)
    seen = Anchor(tmp_path / "governor.anchor").read()
    path.write_bytes(b"nothing" * 1000)
    broken = Broken(path)
    found = broken.look()
    assert found is not None and (found.entries, found.whole) == (0, False)
    assert broken.rebuild([("lost", "", "[1,0]")]) == 1
    after = Anchor(tmp_path / "governor.anchor").read()
    assert seen is not None and after is not None and after.account != seen.account
    with SqliteStateStore(path) as store:
        assert store.load() == [("lost", "", "[1,0]")]


def test_a_home_without_an_account_has_nothing_to_repair(tmp_path: Path) -> None:
    assert Broken(tmp_path / "governor.db").look() is None


# what is said of each damage


def edited(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        for words in statements:
            file.execute(words)
        file.commit()


def mended(path: Path) -> None:
    edited(path, "UPDATE state SET text = '2'")


def anchored(path: Path, number: int) -> None:
    """The anchor at an earlier entry, as a power cut leaves it."""
    anchor = Anchor(path.with_suffix(".anchor"))
    seen = anchor.read()
    assert seen is not None
    with closing(sqlite3.connect(path)) as file:
        previous = file.execute("SELECT substr(text, 3, 64) FROM record WHERE number = ?", (number + 1,)).fetchone()[0]
    anchor.begin(Seen(seen.account, number, previous))
    anchor.close()


GARBLED = "UPDATE record SET text = 'x' WHERE number = 3"
ANCHOR_LOST = "the anchor of this home is missing: the end of the record is unknown"
ANCHOR_BAD = "the governor's account was lost or altered: {}.anchor is damaged"
MISSING = "governor.db is missing"


def no_anchor(path: Path) -> None:
    path.with_suffix(".anchor").unlink()


def bad_anchor(path: Path) -> None:
    path.with_suffix(".anchor").write_bytes(b"")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ((), Damage("position S is '9', and entry 2 left '2'", 3, 3, whole=True)),
        ((mended,), None),
        ((mended, no_anchor), Damage(ANCHOR_LOST, 3, 0, whole=False)),
        ((mended, bad_anchor), Damage(ANCHOR_BAD, 3, 0, whole=False)),
        ((lambda path: path.unlink(),), Damage(MISSING, 0, 3, whole=False)),
        ((lambda path: path.unlink(), bad_anchor), Damage(MISSING, 0, 0, whole=False)),
        ((lambda path: path.unlink(), no_anchor), None),
        ((lambda path: anchored(path, 0), lambda path: path.unlink()), None),
        (
            (lambda path: anchored(path, 2), lambda path: edited(path, GARBLED)),
            Damage("entry 3: the governor's account was lost or altered", 2, 2, whole=False),
        ),
        (
            (lambda path: edited(path, "DELETE FROM record WHERE number = 3"),),
            Damage("the record ends with entry 2, this home has seen 3", 2, 3, whole=False),
        ),
    ],
)
def test_each_damage_is_told_with_how_much_of_the_record_is_left(
    tmp_path: Path, changes: tuple[Callable[[Path], object], ...], found: Damage | None
) -> None:
    path = damaged(tmp_path)
    for change in changes:
        change(path)
    told = Broken(path).look()
    if told is None or found is None:
        assert told is found
        return
    assert told.problem.startswith(found.problem.format(tmp_path / "governor"))
    assert (told.entries, told.seen, told.whole) == (found.entries, found.seen, found.whole)


def test_nothing_is_known_of_an_account_that_was_not_looked_at(tmp_path: Path) -> None:
    path = damaged(tmp_path)
    assert Broken(path).state == []
    path.unlink()
    broken = Broken(path)
    assert broken.look() is not None and broken.state == []
    assert broken.rebuild([("lost", "", "[1,0]")]) == 1


def test_a_file_is_let_go_whatever_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, closed, real = damaged(tmp_path), [], GovernorFile.close

    def close(self: GovernorFile) -> None:
        closed.append(self)
        real(self)

    monkeypatch.setattr(GovernorFile, "close", close)
    Broken(path).look()
    verify_file(path)
    assert len(closed) == 2


def in_use() -> list[int]:
    """The numbers of open files."""
    found = []
    for number in range(256):
        with suppress(OSError):
            os.fstat(number)
            found.append(number)
    return found


def test_a_repair_moves_every_damaged_file_aside_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = damaged(tmp_path)
    before = path.read_bytes()
    for name in ("governor", "governor.db-shm", "governor.rebuilt", "governor.rebuilt-wal", "governor.rebuilt-journal"):
        (tmp_path / name).write_text(name)
    files = in_use()
    for number in (1, 2, 3):
        if number > 1:
            edited(path, "UPDATE state SET text = '9'")
        (tmp_path / "governor.db-wal").write_text(f"log {number}")
        broken = Broken(path)
        assert broken.look() is not None and broken.rebuild([]) == 3
        assert Broken(path).look() is None
    assert in_use() == files
    assert (tmp_path / "governor.db.damaged-1").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "governor", "governor.anchor", "governor.db",
        "governor.db.damaged-1", "governor.db.damaged-1-shm",
        "governor.db.damaged-1-wal", "governor.db.damaged-2", "governor.db.damaged-2-wal", "governor.db.damaged-3",
        "governor.db.damaged-3-wal",
    ]  # fmt: skip
    assert [(tmp_path / f"governor.db.damaged-{n}-wal").read_text() for n in (1, 2, 3)] == ["log 1", "log 2", "log 3"]
    assert (tmp_path / "governor").read_text() == "governor"

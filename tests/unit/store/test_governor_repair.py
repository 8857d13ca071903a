"""A repair that is cut off at any step can be made again, and loses nothing that its record tells (H2)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.store.governor_anchor import Anchor
from plimsoll.store.governor_repair import Broken
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

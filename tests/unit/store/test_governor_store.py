"""What the governor's file refuses, and what it is after a write that failed (H2, H6)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError
from plimsoll.store import governor_store
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import Replay
from plimsoll.store.governor_record import seal
from plimsoll.store.governor_store import SqliteStateStore, create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "governor.db"


def written(path: Path, entries: int = 5) -> Path:
    with SqliteStateStore(path) as store:
        for n in range(entries):
            store.write([("position", "S", str(n))], (), [("intent", str(n), "x")])
    return path


def edited(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        for words in statements:
            file.execute(words)
        file.commit()


def seen_until(path: Path, number: int, head: str = "") -> None:
    """The home's anchor at an earlier entry."""
    anchor = Anchor(path.with_suffix(".anchor"))
    seen = anchor.read()
    assert seen is not None
    with closing(sqlite3.connect(path)) as file:
        (text,) = file.execute("SELECT text FROM record WHERE number = ?", (number,)).fetchone()
    anchor.begin(Seen(seen.account, number, head or seal(text)))
    anchor.close()


def test_an_opening_follows_as_many_entries_as_is_documented(path: Path) -> None:
    written(path)
    page = (Path(__file__).resolve().parents[3] / "docs" / "governor.md").read_text(encoding="utf-8")
    assert f"the last {governor_store.CHECKED:,} entries against one another" in page


def test_a_file_that_was_refused_is_let_go(path: Path) -> None:
    written(path)
    edited(path, "UPDATE state SET text = '9'")
    with pytest.raises(CorruptionError) as refused:
        SqliteStateStore(path)
    edited(path, "UPDATE state SET text = '4'")
    with SqliteStateStore(path) as store:
        assert store.load() == [("position", "S", "4")]
    assert refused.value.problem


def test_a_store_that_is_closed_has_let_go_of_file_and_anchor(path: Path) -> None:
    def in_use() -> int:
        return sum(1 for number in range(256) if _is_open(number))

    before = in_use()
    written(path)
    assert in_use() == before


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_an_empty_file_of_another_version_is_not_taken_for_a_new_account(path: Path) -> None:
    edited(path, "PRAGMA user_version = 9")
    with pytest.raises(InputError, match="is an account of version 9, and this is version 3"):
        SqliteStateStore(path)


@pytest.mark.parametrize(
    "words", ["INSERT INTO state VALUES ('position', 'S', '1')", "INSERT INTO fact VALUES ('intent', 'a', 1)"]
)
def test_what_lies_in_an_account_that_was_never_written_is_noticed(path: Path, words: str) -> None:
    written(path, 0)
    edited(path, words)
    with pytest.raises(CorruptionError, match="it has a state and no record"):
        SqliteStateStore(path)


@pytest.mark.parametrize(
    "words", ["DELETE FROM record WHERE number = 1", "UPDATE record SET text = 'x' || text WHERE number = 1"]
)
def test_a_first_entry_that_is_gone_or_altered_is_named(path: Path, words: str) -> None:
    edited(written(path), words)
    with pytest.raises(CorruptionError, match="it is another account than this home's, or its first entry was altered"):
        SqliteStateStore(path)


def test_the_entry_that_was_seen_is_among_those_that_are_followed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governor_store, "CHECKED", 1)
    written(path, 6)
    seen_until(path, 3)
    SqliteStateStore(path).close()
    seen_until(path, 3, "b" * 64)
    with pytest.raises(CorruptionError, match="entry 3 of its record is not the one this home has seen"):
        SqliteStateStore(path)


def test_a_state_that_is_altered_under_an_open_account_is_noticed_when_it_is_read(path: Path) -> None:
    with SqliteStateStore(written(path)) as store:
        store._connection.execute("UPDATE state SET text = '9'")
        with pytest.raises(CorruptionError, match="its state is not the one"):
            store.load()


def test_facts_alone_are_written_too(path: Path) -> None:
    with SqliteStateStore(path) as store:
        assert store.write((), [("closed", "a", "1")]) is None
        assert store.get("closed", "a") == "1"
        assert store.write(()) is None
        assert store.write((), [("closed", "a", "2")], [("intent", "a", "3")]) is None
    with SqliteStateStore(path) as store:
        assert (store.get("closed", "a"), store.get("intent", "a")) == ("2", "3")


def test_a_write_that_breaks_leaves_nothing_and_the_next_one_passes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStateStore(path) as store:
        store.write([("position", "S", "1")])
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(type(store._chain), "next", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            store.write([("position", "S", "2")])
        assert store.load() == [("position", "S", "1")]
        pages = store._connection.pragma("page_count")
        store._connection.pragma("max_page_count", pages)
        with pytest.raises(InputError, match=r"governor\.db cannot be used.*Check the disk and its permissions"):
            store.write([("position", "S", "3" * 100_000)])
        store._connection.pragma("max_page_count", 10_000)
        assert store.write([("position", "S", "4")]) is None
    with SqliteStateStore(path) as store:
        assert store.load() == [("position", "S", "4")]


def test_who_holds_it_is_to_be_stopped(path: Path) -> None:
    with (
        SqliteStateStore(path),
        pytest.raises(HomeBusy, match=r"held by another process\. Stop it, or give another --home"),
    ):
        SqliteStateStore(path)


def test_a_file_is_made_from_a_record_with_rows_that_come_and_go(path: Path) -> None:
    chain = create(path, Replay(), [("position", "S", "1"), ("position", "T", None)])
    anchor = Anchor(path.with_suffix(".anchor"))
    anchor.begin(Seen(chain.account, chain.number, chain.head))
    anchor.close()
    with SqliteStateStore(path) as store:
        assert store.load() == [("position", "S", "1")]
    with pytest.raises(InputError, match=r"cannot be written: .*Check the disk and its permissions") as refused:
        create(path, Replay(), [])
    with SqliteStateStore(path) as store:  # and let go
        assert store.load() == [("position", "S", "1")]
    assert refused.value.problem

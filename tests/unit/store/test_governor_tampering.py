"""Nothing is taken from the governor's file, put into it or altered in it without its next opening saying so (H2).

Every row of every table is edited and deleted, the file's bytes are flipped region by region, its log is lost, and it
is exchanged for older and for other ones. An account that opens nevertheless must say what it said before.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import governor_store, policy_file
from plimsoll.store.governor_store import SqliteStateStore

DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)
UNIT = 10**12


def act(folder: Path, orders: range) -> None:
    """Orders of one symbol in one session: of three, one is filled, one stays open and one is cancelled."""
    with SqliteStateStore(folder / "governor.db") as store:
        governor = Governor(store, MICRO)
        governor.begin(DAY, 100_000)
        governor.quote("S", Quote(UNIT, UNIT, NOON))
        for n in orders:
            assert governor.decide(OrderIntent(f"o{n}", "S", 1, (1 + n % 2) * UNIT, NOON)).decision == "ADMIT"
            if n % 3 == 0:
                governor.fill(Execution(f"o{n}", f"x{n}", (1 + n % 2) * UNIT, UNIT, UNIT))
            elif n % 3 == 1:
                governor.close(f"o{n}")


def told(folder: Path) -> tuple[object, ...]:
    """Everything the account says."""
    with SqliteStateStore(folder / "governor.db") as store:
        rows = sorted(store.load())
        facts = [store.get(kind, f"{name}{n}") for kind, name in (("intent", "o"), ("closed", "o")) for n in range(8)]
        return rows, facts


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk").mkdir()
    act(tmp_path / "desk", range(6))
    return tmp_path / "desk"


def test_every_row_that_is_edited_deleted_or_added_is_noticed(desk: Path, tmp_path: Path) -> None:
    changes = []
    with closing(sqlite3.connect(desk / "governor.db")) as known:
        for table, where, columns in (
            ("state", ("kind", "key"), ("kind", "key", "text")),
            ("fact", ("kind", "key"), ("kind", "key", "entry")),
            ("record", ("number",), ("number", "text")),
        ):
            at = " AND ".join(f"{name} = ?" for name in where)
            for row in known.execute(f"SELECT {', '.join(where)} FROM {table}").fetchall():
                changes.append((f"DELETE FROM {table} WHERE {at}", row))
                for column in columns:
                    to = f"{column} + 1000" if column in ("entry", "number") else f"{column} || '0'"
                    changes.append((f"UPDATE {table} SET {column} = {to} WHERE {at}", row))
    changes += [
        ("INSERT INTO state VALUES ('position', 'T', '1')", ()),
        ("INSERT INTO fact VALUES ('intent', 'o99', 3)", ()),
        ("INSERT INTO record VALUES (99, '')", ()),
        ("INSERT INTO record SELECT max(number) + 1, text FROM record", ()),
        ("DELETE FROM state", ()),
        ("DELETE FROM fact", ()),
        ("DELETE FROM record", ()),
        ("DROP TABLE fact", ()),
        ("CREATE TABLE more (text TEXT)", ()),
        ("CREATE INDEX quick ON state (text)", ()),
    ]
    assert len(changes) > 100
    for n, (words, values) in enumerate(changes):
        copy = tmp_path / f"copy-{n}"
        shutil.copytree(desk, copy)
        with closing(sqlite3.connect(copy / "governor.db")) as edited:
            assert edited.execute(words, values).rowcount != 0
            edited.commit()
        with pytest.raises(CorruptionError, match="lost or altered"):
            SqliteStateStore(copy / "governor.db")
        shutil.rmtree(copy)


def test_a_flipped_bit_is_noticed_or_changes_nothing(desk: Path, tmp_path: Path) -> None:
    before, raw = told(desk), (desk / "governor.db").read_bytes()
    draw = random.Random(7)
    noticed = 0
    places = [*range(200), *(draw.randrange(start, start + 64) for start in range(200, len(raw) - 64, 64))]
    copy = tmp_path / "copy"
    copy.mkdir()
    for place in places:
        flipped = bytearray(raw)
        flipped[place] ^= 1 << draw.randrange(8)
        for file in copy.iterdir():
            file.unlink()
        (copy / "governor.db").write_bytes(flipped)
        shutil.copy(desk / "governor.anchor", copy)
        try:
            assert told(copy) == before, place
        except (CorruptionError, InputError):
            noticed += 1
    assert noticed > 50


def test_a_lost_log_an_older_copy_and_a_missing_anchor_are_refused(desk: Path, tmp_path: Path) -> None:
    old = (desk / "governor.db").read_bytes()
    seen = (desk / "governor.anchor").read_bytes()
    store = SqliteStateStore(desk / "governor.db")
    late = Governor(store, MICRO)
    late.quote("S", Quote(UNIT, UNIT, NOON))
    late.decide(OrderIntent("late", "S", 1, UNIT, NOON))
    shutil.copytree(desk, tmp_path / "killed")  # with its log, as a killed process leaves it
    store.close()

    def refused(words: str, change: Callable[[Path], object]) -> None:
        shutil.copytree(tmp_path / "killed", tmp_path / "copy")
        change(tmp_path / "copy")
        with pytest.raises(CorruptionError, match=words):
            SqliteStateStore(tmp_path / "copy" / "governor.db")
        shutil.rmtree(tmp_path / "copy")

    assert "late" in str(told(shutil.copytree(tmp_path / "killed", tmp_path / "fine"))[0])
    refused(
        r"holds none, and this home has seen \d+ entries|ends with entry", lambda at: (at / "governor.db-wal").unlink()
    )
    refused(r"ends with entry \d+, and this home has seen", lambda at: [
        (at / "governor.db-wal").unlink(), (at / "governor.db").write_bytes(old)
    ])  # fmt: skip
    refused("anchor is missing", lambda at: (at / "governor.anchor").unlink())
    refused("is damaged", lambda at: (at / "governor.anchor").write_bytes(b""))
    refused("is damaged", lambda at: (at / "governor.anchor").write_bytes(seen.replace(b"0001", b"0002")))
    refused("seen", lambda at: [(at / name).unlink() for name in ("governor.db", "governor.db-wal")])
    # a crash between a write and its anchor leaves the store ahead, which is no loss
    (tmp_path / "fine" / "governor.anchor").write_bytes(seen)
    assert "late" in str(told(tmp_path / "fine")[0])
    assert (tmp_path / "fine" / "governor.anchor").read_bytes() != seen


def test_the_account_of_another_home_and_a_copy_that_went_its_own_way_are_refused(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    act(tmp_path / "other", range(8))
    shutil.copytree(desk, tmp_path / "fork")
    act(desk, range(6, 7))
    act(tmp_path / "fork", range(7, 9))
    for where, words in (("other", "another account"), ("fork", "is not the one this home has seen")):
        shutil.copy(tmp_path / where / "governor.db", desk / "governor.db")
        with pytest.raises(CorruptionError, match=words):
            SqliteStateStore(desk / "governor.db")


def test_entries_too_old_to_be_followed_at_each_opening_are_held_to_when_they_are_read(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governor_store, "CHECKED", 3)
    with closing(sqlite3.connect(desk / "governor.db")) as known:
        (number,) = known.execute("SELECT entry FROM fact WHERE kind = 'intent' AND key = 'o1'").fetchone()
        known.execute("UPDATE record SET text = replace(text, 'ADMIT', 'REFUS') WHERE number = ?", (number,))
        known.commit()
    with SqliteStateStore(desk / "governor.db") as store:
        assert store.get("intent", "o5") is not None
        with pytest.raises(CorruptionError, match="intent o1 is not as entry"):
            store.get("intent", "o1")
        governor = Governor(store, MICRO)
        assert governor.decide(OrderIntent("o1", "S", 1, 2 * UNIT, NOON)).reasons == ("STORE_LOST",)


def test_an_account_that_was_begun_and_never_written_opens_again(tmp_path: Path) -> None:
    for _ in range(2):
        with SqliteStateStore(tmp_path / "governor.db") as store:
            assert store.load() == []
    (tmp_path / "governor.db").unlink()
    with SqliteStateStore(tmp_path / "governor.db") as store:
        assert store.write([("position", "S", "1")]) is None
    with SqliteStateStore(tmp_path / "governor.db") as store, pytest.raises(PlimsollError):
        (tmp_path / "elsewhere").mkdir()
        store._anchor._descriptor = -1  # the anchor cannot be written
        store.write([("position", "S", "2")])


def test_neither_the_file_is_a_link_nor_its_anchor_a_pipe(desk: Path, tmp_path: Path) -> None:
    (desk / "governor.db").rename(tmp_path / "elsewhere.db")
    (desk / "governor.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(InputError, match=r"governor\.db is a symbolic link"):
        told(desk)
    (tmp_path / "elsewhere.db").rename(desk / "governor.db")
    told(desk)
    (desk / "governor.anchor").unlink()
    os.mkfifo(desk / "governor.anchor")
    with pytest.raises(InputError, match=r"governor\.anchor cannot be read"):
        told(desk)

"""What is told of an account that is not as its record says, to the letter (H2, G3)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plimsoll.core.errors import HomeBusy, InputError
from plimsoll.core.runs import AccountAudit
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import GovernorFile, audited, replay, verify_file
from plimsoll.store.governor_record import Chain
from plimsoll.store.governor_store import SqliteStateStore

NAME = "a" * 64


@dataclass
class Lying:
    """An account as it lies."""

    entries: list[tuple[int, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=lambda: [NAME])
    state: list[tuple[str, str, str]] = field(default_factory=list)
    made: list[tuple[str, str, int]] = field(default_factory=list)

    def texts(self) -> Iterator[tuple[int, str]]:
        yield from self.entries

    def rows(self) -> Iterable[tuple[str, str, str]]:
        return self.state

    def facts(self) -> Iterable[tuple[str, str, int]]:
        return self.made


def lying(name: str = NAME) -> Lying:
    """Three entries: a row that comes, changes and stays, one that comes and goes, a fact that is made anew."""
    found, chain = Lying(heads=[name]), Chain(name)
    for state, facts, replaced in (
        ([("position", "S", "1"), ("position", "T", "5")], [("intent", "a", "first")], []),
        ([("position", "S", "2")], [("closed", "a", "old")], []),
        ([("position", "T", None)], [("closed", "a", "new")], [("closed", "a", 2)]),
    ):
        step = chain.next(state, facts, replaced)
        chain.take(step)
        found.entries.append((step.number, step.text))
        found.heads.append(step.head)
    found.state = [("position", "S", "2")]
    found.made = [("intent", "a", 1), ("closed", "a", 3)]
    return found


def seen(account: Lying, number: int) -> Seen:
    return Seen(account.heads[0], number, account.heads[number])


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_account_that_is_as_its_record_says_is_in_order(number: int) -> None:
    one = lying()
    assert audited(one, seen(one, number)) == AccountAudit(True, 3, head=one.heads[3])


def test_an_account_that_was_not_begun_is_in_order() -> None:
    for anchor in (Seen(NAME, 0, NAME), None):
        found = audited(Lying(), anchor)
        assert (found.ok, found.entries, found.first_bad, found.problem) == (True, 0, None, "")


def test_an_account_that_another_home_began_is_none_of_ours_only_once_something_was_seen() -> None:
    one = lying()
    assert audited(one, Seen("b" * 64, 0, "b" * 64)).ok
    assert audited(one, Seen("b" * 64, 1, one.heads[1])) == AccountAudit(
        False, 0, 1, "entry 1: it begins another account than this home's", NAME
    )


def bad(one: Lying, entries: int, first: int, problem: str) -> AccountAudit:
    return AccountAudit(False, entries, first, problem, one.heads[entries])


def test_what_is_wrong_with_an_entry_is_said_and_nothing_after_it_is_taken() -> None:
    for change, problem in (
        (lambda at, text: (at, text + " "), "its digests do not match its changes"),
        (lambda at, text: (at, text.replace('"2"', '"3"')), "its digests do not match its changes"),
        (lambda at, text: (at + 1, text), "it does not follow entry 1"),
        (lambda at, text: (at, '["' + "b" * 64 + text[66:]), "it does not follow entry 1"),
        (lambda at, text: (at, text.replace(",2,", ",3,", 1)), "it does not follow entry 1"),
    ):
        one = lying()
        one.entries[1] = change(*one.entries[1])
        found = replay(one, None, keep=True)
        assert (found.chain.number, found.texts) == (1, [one.entries[0][1]])
        assert audited(one, seen(one, 1)) == bad(one, 1, 2, f"entry 2: {problem}"), problem


def test_an_entry_that_is_none_is_told_with_its_error() -> None:
    one = lying()
    one.entries[2] = (3, "[]")
    found = audited(one, seen(one, 3))
    assert (found.entries, found.first_bad) == (2, 3)
    assert found.problem.startswith("entry 3: the governor's account was lost or altered: an entry of its record")


def test_a_record_that_went_its_own_way_or_ends_too_early_is_told() -> None:
    one = lying()
    other = Seen(NAME, 2, "c" * 64)
    assert audited(one, other) == bad(one, 1, 2, "entry 2: it is not the one this home has seen")
    del one.entries[2]
    assert audited(one, seen(one, 3)) == bad(one, 2, 3, "the record ends with entry 2, this home has seen 3")
    assert audited(one, None) == bad(one, 2, 2, "the anchor of this home is missing: the end of the record is unknown")


@pytest.mark.parametrize("part", ["texts", "rows"])
def test_what_cannot_be_read_is_told(part: str) -> None:
    one = lying()

    def broken() -> Iterator[tuple[int, str]]:
        yield from one.entries[:2] if part == "texts" else ()
        raise TypeError("no text")

    setattr(one, part, broken)
    if part == "texts":
        assert audited(one, seen(one, 3)) == bad(one, 2, 3, "entry 3: it cannot be read (no text)")
    else:
        assert audited(one, seen(one, 3)) == bad(one, 3, 3, "its state cannot be read (no text)")


def test_a_row_or_fact_that_the_record_did_not_leave_is_told_with_the_entry_that_did() -> None:
    one = lying()
    for state, made, first, problem in (
        ([("position", "S", "1")], one.made, 2, "position S is '1', and entry 2 left '2'"),
        ([], one.made, 2, "position S is None, and entry 2 left '2'"),
        ([*one.state, ("position", "T", "5")], one.made, 3, "position T is '5', and entry 3 left None"),
        ([*one.state, ("quote", "S", "5")], one.made, 0, "quote S is '5', and entry 0 left None"),
        (one.state, [("intent", "a", 2), *one.made[1:]], 1,
         "intent a is stored as of entry 2, and entry 1 made it last"),
        (one.state, [*one.made, ("intent", "b", 2)], 0,
         "intent b is stored as of entry 2, and entry 0 made it last"),
        (one.state, [*one.made, one.made[0]], 0, "intent a is stored as of entry 1, and entry 0 made it last"),
        (one.state, one.made[:1], 3, "closed a of entry 3 is missing"),
    ):  # fmt: skip
        one.state, kept, one.made, made_before = state, one.state, made, one.made
        assert audited(one, seen(one, 3)) == bad(one, 3, first, problem)
        one.state, one.made = kept, made_before


def test_of_several_rows_the_first_by_name_is_told() -> None:
    one = lying()
    one.state += [("position", name, "1") for name in "ZYXWVUQPONMLKJIHGFEDCBA"]
    assert audited(one, seen(one, 3)).problem.startswith("position A is")


def test_the_texts_are_kept_only_where_they_are_asked_for() -> None:
    one = lying()
    assert replay(one, None).texts == []
    found = replay(one, None, keep=True)
    assert found.texts == [text for _, text in one.entries]
    assert (found.problem, found.state) == ("", {("position", "S"): "2"})
    assert found.changed == {("position", "S"): 2, ("position", "T"): 3}


# the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with SqliteStateStore(tmp_path / "governor.db") as store:
        store.write([("position", "S", "1")], (), [("intent", "a", "first")])
        store.write([("position", "S", "2")])
    return tmp_path / "governor.db"


def test_a_file_is_held_while_it_is_looked_at_and_let_go_afterwards(path: Path) -> None:
    file = GovernorFile(path)
    with pytest.raises(HomeBusy):
        SqliteStateStore(path)
    with pytest.raises(HomeBusy, match=r"governor\.db is held by another process"):
        GovernorFile(path)
    assert list(file.rows()) == [("position", "S", "2")] and list(file.facts()) == [("intent", "a", 1)]
    assert [number for number, _ in file.texts()] == [1, 2]
    with pytest.raises(HomeBusy):
        SqliteStateStore(path)
    file.close()
    with SqliteStateStore(path) as store:
        with pytest.raises(HomeBusy, match="held by another"):
            verify_file(path)
        assert store.load() == [("position", "S", "2")]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"governor\.db cannot be opened"):
        GovernorFile(tmp_path / "governor.db")
    assert not list(tmp_path.iterdir())


def test_nothing_of_a_file_or_beside_it_is_changed_by_looking(path: Path, tmp_path: Path) -> None:
    with SqliteStateStore(path) as store:
        store.write([("position", "T", "3")])
        shutil.copytree(tmp_path, tmp_path / "killed", ignore=shutil.ignore_patterns("killed"))
    folder = tmp_path / "killed"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert "governor.db-wal" in before
    assert verify_file(folder / "governor.db").entries == 3
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_home_is_verified_with_its_anchor(path: Path) -> None:
    head = Anchor(path.with_suffix(".anchor")).read()
    assert head is not None
    assert verify_file(path) == AccountAudit(True, 2, head=head.head)
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM record WHERE number = 2")
        file.commit()
    found = verify_file(path)
    assert (found.ok, found.entries, found.first_bad) == (False, 1, 2)
    GovernorFile(path).close()  # it was let go
    path.unlink()
    missing = "governor.db is missing, and this home has seen {} entries of it: give --store if a server holds it"
    assert verify_file(path) == AccountAudit(False, 0, 1, missing.format(2))
    path.with_suffix(".anchor").write_bytes(b"")
    damaged = verify_file(path)
    assert (damaged.ok, damaged.entries, damaged.first_bad) == (False, 0, 1) and "is damaged" in damaged.problem
    path.with_suffix(".anchor").unlink()
    assert verify_file(path) == AccountAudit(False, 0, 1, missing.format(0))

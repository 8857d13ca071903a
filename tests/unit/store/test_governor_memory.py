"""The account in memory keeps its own record as the real stores do, and notices what is altered (H2, H6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.core.ports import Conflict
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore
from plimsoll.store.governor_record import parsed


def written() -> MemoryStateStore:
    store = MemoryStateStore()
    store.write([("position", "S", "1")], (), [("intent", "a", "first")])
    store.write((), [("closed", "a", "old")])
    return store


def test_a_record_begins_with_a_name_as_long_as_any_other() -> None:
    assert parsed(written().account.record[0]).previous == "0" * 64


def test_facts_alone_are_written_too() -> None:
    store = written()
    assert store.get("closed", "a") == "old" and len(store.account.record) == 2
    assert store.write(()) is None and len(store.account.record) == 2


def test_who_never_looked_is_told_everything() -> None:
    other = MemoryStateStore(written().account)
    assert other.write([("position", "T", "2")]) == Conflict([("position", "S", "1")], standing={})
    assert other.write([("position", "T", "2")]) is None
    assert MemoryStateStore(other.account).load() == [("position", "S", "1"), ("position", "T", "2")]


@pytest.mark.parametrize(
    ("change", "problem", "loads"),
    [
        (lambda a: a.state.update({("position", "S"): "2"}), "its state is not the one", False),
        (lambda a: a.facts.pop(("closed", "a")), "facts are missing", False),
        (lambda a: a.facts.update({("intent", "a"): "second"}), "intent a is not as entry 1 of its record", True),
        (lambda a: a.entries.pop(("intent", "a")), "intent a is not as entry 0 of its record", True),
        (lambda a: a.entries.update({("intent", "a"): 2}), "intent a is not as entry 2 of its record", True),
    ],
)
def test_what_was_altered_is_noticed(change: Callable[[MemoryAccount], object], problem: str, loads: bool) -> None:
    account = written().account
    change(account)
    store = MemoryStateStore(account)
    if loads:
        store.load()
    else:
        with pytest.raises(CorruptionError, match=problem):
            store.load()
    if "state" not in problem:
        with pytest.raises(CorruptionError, match=problem):
            store.get("intent", "a")

"""Dying at a write leaves all of it or nothing, in memory and on disk (H2, H8)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.core.ports import StateStore
from plimsoll.simulation.store import MOMENTS, Crash, MortalStore
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore
from plimsoll.store.governor_store import SqliteStateStore

ROWS = [("position", "A", "1"), ("position", "B", "2"), ("position", "C", "3")]


def in_memory(_: Path) -> tuple[Callable[[], StateStore], bool]:
    account = MemoryAccount()
    return lambda: MemoryStateStore(account), False


def on_disk(folder: Path) -> tuple[Callable[[], StateStore], bool]:
    held: list[SqliteStateStore] = []

    def reopen() -> StateStore:
        while held:
            held.pop().close()
        held.append(SqliteStateStore(folder / "a.db"))
        return held[0]

    return reopen, True


@pytest.mark.parametrize("kind", [in_memory, on_disk])
@pytest.mark.parametrize("moment", MOMENTS)
def test_all_or_nothing(
    kind: Callable[[Path], tuple[Callable[[], StateStore], bool]], moment: str, tmp_path: Path
) -> None:
    open_, torn = kind(tmp_path)
    store = MortalStore(open_, torn=torn)
    store.write([("caps", "", "{}")], [("exec", "x", "1")])
    store.dies_in, store.moment = 2, moment
    store.write([("quote", "A", "1")])
    with pytest.raises(Crash):
        store.write(ROWS, [], [("intent", "i", "1")])
    store.reopen()
    found = {(kind_, key): text for kind_, key, text in store.load()}
    written = {(kind_, key): text for kind_, key, text in ROWS} if moment == "after" else {}
    assert found == {("caps", ""): "{}", ("quote", "A"): "1"} | written
    assert store.get("intent", "i") == ("1" if moment == "after" else None)
    store.write(ROWS)  # and it goes on


def test_a_store_that_is_lost_or_busy_is_so_until_it_is_opened_again(tmp_path: Path) -> None:
    open_, torn = in_memory(tmp_path)
    store = MortalStore(open_, torn=torn)
    store.broken = True
    for act in (lambda: store.write(ROWS), lambda: store.get("intent", "i")):
        with pytest.raises(OSError, match="gone"):
            act()
    store.reopen()
    store.busy = True
    assert store.write(ROWS) is not None
    store.reopen()
    assert store.write(ROWS) is None

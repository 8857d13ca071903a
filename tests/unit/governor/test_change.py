"""How a position moves, and what of it is told from what after an instant (X3, X6)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plimsoll.core.venue_facts import External, SignedPosition, Snapshot, Split, Transfer
from plimsoll.governor.change import moved_since, ordered, scaled
from plimsoll.governor.governor import Governor, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import SplitAt
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore
from plimsoll.store.governor_record import read

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), quote_age=10**15)


def opened(store: MemoryStateStore | None = None) -> Governor:
    governor = Governor(store or MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, NOON))
    return governor


def trade(governor: Governor, name: str, units: int, at: int) -> None:
    governor.tell(External(name, "S", units // abs(units), abs(units) * UNIT, 10 * UNIT, 10 * UNIT, at=at))


def test_a_quantity_is_converted_by_the_splits_of_after_its_instant_only() -> None:
    splits = (SplitAt(5, 3, 1, "a"), SplitAt(9, 1, 2, "b"))
    assert [scaled(10, splits, at) for at in (4, 5, 8, 9)] == [15, 5, 5, 10]
    assert [ordered(10, splits, at) for at in (4, 5, 8, 9)] == [30, 10, 10, 10]
    assert scaled(-5, splits, 5) == -3  # a fraction goes against the account


def test_a_position_that_is_closed_leaves_no_row_behind() -> None:
    store = MemoryStateStore()
    governor = opened(store)
    trade(governor, "in", 3, NOON)
    assert ("position", "S") in store.account.state
    trade(governor, "out", -3, NOON + 1)
    assert ("position", "S") not in store.account.state and governor.positions == {}


def test_a_position_that_a_person_signed_gives_a_symbol_no_price() -> None:
    governor = opened()
    governor.tell(Snapshot("venue", NOON, {"T": 2 * UNIT}))
    governor.tell(SignedPosition("act-1", "T", 2 * UNIT))
    assert governor.positions == {"T": 2 * UNIT} and list(governor.quotes) == ["S"]


def test_what_is_told_late_of_the_instant_of_a_snapshot_was_in_it() -> None:
    governor = opened()
    trade(governor, "after", 5, NOON + 6)
    trade(governor, "at", 2, NOON + 5)
    assert moved_since(governor, "S", NOON + 4) == (7 * UNIT, {})
    assert moved_since(governor, "S", NOON + 5) == (5 * UNIT, {})
    assert moved_since(governor, "S", NOON + 6) == (0, {})
    governor.tell(Snapshot("venue", NOON + 5, {"S": 2 * UNIT}))
    assert not governor.book.told


@pytest.mark.parametrize("at", [-1, -5 * SECOND])
def test_a_split_of_before_1970_converts_nothing_that_was_held_since(at: int) -> None:
    governor = opened()
    trade(governor, "in", 3, NOON)
    governor.tell(Split("old", "S", 2, 1, at))
    assert governor.positions == {"S": 3 * UNIT}
    governor.tell(Transfer("older", "S", UNIT, at - 1))
    assert governor.positions == {"S": 5 * UNIT}


def test_what_is_kept_of_a_snapshot_is_all_that_makes_it_the_same_one() -> None:
    governor = opened()
    governor.tell(Snapshot("venue", NOON, {"T": 2, "S": 1}, frozenset({"w", "v"})))
    assert json.loads(governor.fact("fact", "venue") or "") == [
        ["snapshot", "venue", [["S", 1], ["T", 2]], ["v", "w"], NOON],
        ["POSITION_DISPUTED", "FOREIGN_ORDER"],
    ]


def test_a_snapshot_writes_its_symbols_in_their_order_and_no_row_of_what_is_not_foreign() -> None:
    store = MemoryStateStore()
    governor = opened(store)
    governor.tell(Snapshot("venue", NOON, dict.fromkeys("HGFEDCBA", UNIT), frozenset()))
    assert [key for kind, key, _ in read(store.account.record[-1]).state if kind == "told"] == list("ABCDEFGH")
    assert ("foreign", "") not in store.account.state

"""Splits and dividends told late, beside transfers, disputes and prices that are not fresh, by hand (X3, H2, U6)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import (
    Dividend,
    External,
    Fee,
    Settlement,
    SignedPosition,
    SignedPrice,
    Snapshot,
    Split,
    Transfer,
)
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import Came, Doubt
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore
from plimsoll.store.governor_record import read

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(
    limits_of(policy_file.load("micro").policy), quote_age=0, move_bps=0, repeats_minute=99
)  # each later transfer meets a stale price


def at(seconds: int) -> int:
    return NOON + seconds * SECOND


def holding(units: int, price: int = 10, store: MemoryStateStore | None = None) -> Governor:
    governor = Governor(store or MemoryStateStore(), MICRO)
    governor.begin(DAY, 10_000_000)
    governor.quote("S", Quote(price * UNIT, price * UNIT, NOON))
    if units:
        trade(governor, "h", units, at(1))
    return governor


def trade(governor: Governor, name: str, units: int, when: int) -> None:
    governor.tell(External(name, "S", units // abs(units), abs(units) * UNIT, 10 * UNIT, 10 * UNIT, at=when))


def came(governor: Governor) -> tuple[int, int]:
    """Units that came at a stale price, and twice what they counted at, in dollars."""
    found = governor.book.came["S"]
    return found.quantity // UNIT, found.worth // (UNIT * UNIT)


# splits


def test_a_split_that_leaves_nothing_of_a_holding_leaves_no_row() -> None:
    store = MemoryStateStore()
    governor = holding(0, store=store)
    governor.tell(External("h", "S", 1, 1, 10 * UNIT, 10 * UNIT, at=at(1)))
    governor.tell(Split("f", "S", 1, 3, at(5)))
    assert governor.positions == {} and ("position", "S") not in store.account.state


def test_what_a_venue_said_before_a_split_is_converted_by_both_its_numbers() -> None:
    governor = holding(4)
    governor.tell(Snapshot("venue", at(5), {"S": 6 * UNIT}))
    governor.tell(Split("f", "S", 3, 2, at(10)))
    assert (governor.positions, governor.book.told) == ({"S": 6 * UNIT}, {"S": 9 * UNIT})


@pytest.mark.parametrize(
    ("moves", "units", "worth"),
    [
        ((("m", 2, 20),), 2, 20),  # after the split: two new units, worth five each, twice 10
        ((("m", 2, 5),), 4, 40),  # before it: four, worth what two were
        ((("m", 1, 5), ("n", 2, 20)), 4, 40),
        ((("m", -2, 20),), -2, -20),
        ((("m", -1, 5), ("n", -2, 20)), -4, -40),
        ((("m", 2, 5), ("n", -1, 20)), 3, 30),
    ],
)
def test_what_came_at_a_stale_price_is_converted_where_it_came_before_the_split(
    moves: tuple[tuple[str, int, int], ...], units: int, worth: int
) -> None:
    governor = holding(4)
    for name, quantity, second in moves:
        governor.tell(Transfer(name, "S", quantity * UNIT, at(second)))
    trade(governor, "after", 3, at(21))
    governor.tell(Split("f", "S", 2, 1, at(10)))
    assert came(governor) == (units, worth)
    assert governor.positions["S"] == (4 * 2 + 3 + sum(q * (2 if t < 10 else 1) for _, q, t in moves)) * UNIT


def test_three_for_two_converts_what_came_and_what_is_due() -> None:
    governor = holding(4)
    governor.tell(Transfer("m", "S", 2 * UNIT, at(5)))
    governor.tell(Dividend("d", "S", UNIT, at(6)))
    governor.tell(Split("f", "S", 3, 2, at(10)))
    assert came(governor) == (3, 36)
    due = governor.book.dues["S"]
    assert (due.quantity, due.mark, due.cash) == (9 * UNIT, 20 * UNIT * 2 // 3, 6 * UNIT * UNIT)


def working(governor: Governor, names: str) -> None:
    """Sales of a holding, which leave at any price, however stale."""
    for name in names:
        assert governor.decide(OrderIntent(name, "S", -1, UNIT, NOON)).decision == "ADMIT"


def test_orders_are_converted_in_the_order_of_their_names() -> None:
    store = MemoryStateStore()
    governor = holding(9, store=store)
    working(governor, "hgfedcba")
    governor.tell(Split("f", "S", 2, 1, at(10)))
    rows = [key for kind, key, _ in read(store.account.record[-1]).state if kind == "open"]
    assert rows == list("abcdefgh")


def test_a_closed_order_that_filled_after_a_split_is_converted_by_the_next_one_too() -> None:
    """Of a sale of 1, 0.5 filled after a split of 2 for 1 that is told later, and another one follows: of 4, 1."""
    governor = holding(9)
    working(governor, "a")
    governor.fill(Execution("a", "x", UNIT // 2, 10 * UNIT, 10 * UNIT, at=at(15)))
    governor.close("a")
    governor.tell(Split("f", "S", 2, 1, at(10)))
    governor.tell(Split("g", "S", 2, 1, at(20), again=True))
    assert governor.fill(Execution("a", "y", 3 * UNIT, 2 * UNIT, 2 * UNIT, at=at(25))) == ()
    assert "OVERFILL" in governor.fill(Execution("a", "z", 1, 2 * UNIT, 2 * UNIT, at=at(25)))


def test_a_split_of_before_the_last_price_makes_no_transfer_dearer() -> None:
    governor = holding(4)
    governor.tell(Transfer("m", "S", 2 * UNIT, at(20)))
    governor.tell(Split("f", "S", 2, 1, at(-5)))
    assert governor.book.came["S"] == Came(2 * UNIT, 2 * 20 * UNIT * UNIT)
    assert governor.quotes["S"].bid == 10 * UNIT and governor.positions["S"] == 6 * UNIT


def test_a_split_told_twice_within_a_day_is_one_unless_either_says_that_it_is_another() -> None:
    day = 86_400
    for first, second, days, refused in (
        (False, False, -1, True), (False, False, 0, True), (False, False, 1, True), (False, False, 2, False),
        (False, False, -2, False), (True, False, 0, False), (False, True, 0, False), (True, True, 1, False),
    ):  # fmt: skip
        governor = holding(1)
        governor.tell(Split("f", "S", 2, 1, at(10), again=first))
        if refused:
            with pytest.raises(InputError, match=r"a split of S, 2 for 1, was reported as f for 2026-03-02|told as f"):
                governor.tell(Split("g", "S", 3, 1, at(10 + days * day), again=second))
        else:
            assert governor.tell(Split("g", "S", 3, 1, at(10 + days * day), again=second)) == ()


# dividends


def test_a_dividend_lowers_both_sides_and_says_so_and_what_came_before_it_with_them() -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 10_000_000)
    governor.quote("S", Quote(10 * UNIT, 11 * UNIT, NOON))
    trade(governor, "h", 4, at(1))
    governor.tell(Transfer("m", "S", 2 * UNIT, at(5)))
    assert came(governor) == (2, 42)
    governor.tell(Dividend("d", "S", UNIT, at(10)))
    assert governor.quotes["S"] == Quote(9 * UNIT, 10 * UNIT, NOON, "dividend")
    assert came(governor) == (2, 38)
    due = governor.book.dues["S"]
    assert (due.quantity, due.mark, due.cash) == (6 * UNIT, 21 * UNIT, 6 * UNIT * UNIT)
    governor.tell(Dividend("e", "S", UNIT, at(11), again=True))
    due = governor.book.dues["S"]
    assert (due.quantity, due.mark, due.cash) == (6 * UNIT, 21 * UNIT, 12 * UNIT * UNIT)
    governor.tell(Split("f", "S", 2, 1, at(12)))
    assert governor.quotes["S"].derived == "split"
    governor.tell(Dividend("g", "S", UNIT // 2, at(13), again=True))
    assert governor.quotes["S"] == Quote(35 * UNIT // 10, 4 * UNIT, NOON, "split")


@pytest.mark.parametrize(("when", "units"), [(-1, 5), (0, 4)])
def test_a_dividend_is_of_what_was_held_a_microsecond_before_it(when: int, units: int) -> None:
    governor = holding(4)
    trade(governor, "more", 1, at(10) + when)
    governor.tell(Dividend("d", "S", UNIT, at(10)))
    assert governor.book.dues["S"].cash == units * UNIT * UNIT


def test_the_smallest_holding_is_paid_a_dividend_too() -> None:
    governor = holding(0)
    governor.tell(External("h", "S", 1, 1, 10 * UNIT, 10 * UNIT, at=at(1)))
    governor.tell(Dividend("d", "S", UNIT, at(10)))
    assert governor.book.dues["S"].cash == UNIT


def test_units_that_left_at_a_stale_price_are_worth_no_less_for_a_dividend() -> None:
    governor = holding(4)
    governor.tell(Transfer("m", "S", -2 * UNIT, at(5)))
    governor.tell(Dividend("d", "S", UNIT, at(10)))
    assert governor.book.came["S"] == Came(-2 * UNIT, -40 * UNIT * UNIT)


def test_a_dividend_leaves_a_price_of_at_least_the_smallest() -> None:
    wide = replace(MICRO, jumps=replace(MICRO.jumps, plain=20_000))
    governor = Governor(MemoryStateStore(), wide)
    governor.begin(DAY, 10_000_000)
    governor.quote("S", Quote(5, 15, NOON))
    governor.tell(External("h", "S", 1, UNIT, 10, 10, at=at(1)))
    governor.tell(Dividend("d", "S", 9, at(5)))
    assert governor.quotes["S"] == Quote(1, 6, NOON, "dividend")


def test_a_dividend_of_nothing_held_says_nothing_of_the_next_one() -> None:
    governor = holding(0)
    assert governor.tell(Dividend("d", "S", UNIT, at(5))) == ()
    trade(governor, "h", 1, at(6))
    assert governor.tell(Dividend("e", "S", UNIT, at(7))) == () and governor.quotes["S"].bid == 9 * UNIT


def test_a_doubted_price_that_a_split_explains_is_believed_and_no_other() -> None:
    for cents, explained in ((500, True), (520, True), (700, False)):
        governor = holding(4)
        quote = Quote(cents * UNIT // 100, cents * UNIT // 100, at(86_400))
        assert governor.quote("S", quote) is not None
        governor.tell(Split("f", "S", 2, 1, at(80_000)))
        assert ("S" not in governor.doubts) is explained
        assert (governor.quotes["S"] == quote) is explained


def test_a_doubt_without_a_price_is_explained_by_nothing() -> None:
    governor = Governor(MemoryStateStore(), replace(MICRO, jumps=replace(MICRO.jumps, plain=20_000)))
    governor.begin(DAY, 10_000_000)
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, NOON))
    governor.quote("S", Quote(0, 0, at(5)))
    governor.tell(Split("f", "S", 2, 1, at(10)))
    assert governor.doubts["S"] == Doubt("refused", 0, 0, at(5), at(5))


# what people sign, and what ends


def test_a_signed_price_is_of_the_later_of_doubt_and_price() -> None:
    governor = holding(4)
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, at(9)))
    governor.stepped()
    governor.quote("S", Quote(0, 0, at(5)))
    governor.tell(SignedPrice("act 1", "S", 8 * UNIT, 9 * UNIT))
    assert governor.quotes["S"] == Quote(8 * UNIT, 9 * UNIT, at(9)) and not governor.doubts


@pytest.mark.parametrize(("quoted", "moved"), [(0, 50), (60, 60)])
def test_a_signed_position_moved_when_it_was_told_or_when_anything_was_seen_last(quoted: int, moved: int) -> None:
    governor = holding(4)
    governor.tell(Snapshot("venue", at(50), {"S": UNIT}))
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, at(quoted)))
    governor.tell(SignedPosition("act 1", "S", 2 * UNIT))
    assert json.loads(governor.fact("move", "S 2") or "")[:2] == [at(moved), -2 * UNIT]


@pytest.mark.parametrize(("new", "old"), [(1, 0), (0, 1), (-1, 1), (1, -1), (3, 3)])
def test_a_split_is_of_two_different_positive_numbers(new: int, old: int) -> None:
    with pytest.raises(InputError, match="two different positive numbers"):
        holding(4).tell(Split("f", "S", new, old, at(5)))


@pytest.mark.parametrize(("held", "quantity"), [(0, 1), (0, None), (4, -1), (4, 5), (-4, 1), (4, 0)])
def test_what_is_not_held_cannot_be_settled(held: int, quantity: int | None) -> None:
    with pytest.raises(InputError, match=r"there is no such (holding|position) to settle"):
        holding(held).tell(Settlement("x", "S", UNIT, None if quantity is None else quantity * UNIT))


def test_the_smallest_holding_is_settled_on_its_own_side_only() -> None:
    governor = holding(0)
    governor.tell(External("h", "S", 1, 1, 10 * UNIT, 10 * UNIT, at=at(1)))
    with pytest.raises(InputError, match="to settle"):
        governor.tell(Settlement("x", "S", UNIT, -1))
    governor.tell(Settlement("x", "S", UNIT, 1))
    assert governor.positions == {}


# transfers and snapshots


def test_what_left_and_was_never_quoted_has_no_worth_to_keep() -> None:
    governor = holding(0)
    governor.tell(Transfer("m", "T", -2 * UNIT, at(5)))
    assert governor.positions == {"T": -2 * UNIT} and not governor.book.came and governor.account.cash == 0
    with pytest.raises(InputError, match="never quoted"):
        governor.tell(Transfer("n", "T", UNIT, at(5)))
    governor.tell(Split("f", "T", 1, 3, at(9)))
    assert governor.tell(Transfer("rest", "T", 1, at(5))) == ()  # less than the smallest unit is left of it


def test_what_leaves_while_nothing_is_bid_is_worth_the_last_price() -> None:
    governor = holding(4)
    governor.quote("S", Quote(0, 0, at(5)))
    before = governor.account.cash
    governor.tell(Transfer("m", "S", -2 * UNIT, at(5)))
    assert governor.account.cash - before == 20 * UNIT * UNIT


def test_the_first_instant_that_is_counted_is_a_time_like_any_other() -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(0, 1_000_000)
    assert governor.tell(Snapshot("before", -1, {})) == ("SNAPSHOT_OLD",)
    assert governor.tell(Snapshot("at", 0, {})) == ()


def test_the_smallest_fee_is_a_loss_and_the_smallest_rebate_no_gain() -> None:
    for amount, cash in ((1, -UNIT), (-1, 0), (-UNIT, 0)):
        governor = holding(0)
        governor.tell(Fee("fee", amount, at(5)))
        assert governor.account.cash == cash

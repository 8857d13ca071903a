"""One execution told of two orders, with corrections and busts of either, by hand (X3, H2)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import Bust, Correction, Snapshot, Split
from plimsoll.governor.executions import Booked, converted
from plimsoll.governor.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import OpenOrder, SplitAt, encode
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)
DISPUTED = ("POSITION_DISPUTED",)


def desk() -> Governor:
    """Orders "b" and "c" to buy 12 and 9, "s" to sell 3, at a quote of one dollar."""
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    for name, sign, units in (("b", 1, 12), ("c", 1, 9), ("s", -1, 3)):
        assert governor.decide(OrderIntent(name, "S", sign, units * UNIT, NOON)).decision == "ADMIT"
    return governor


def fill(governor: Governor, order: str, execution: str, units: int, cents: int = 100, at: int = NOON):
    return governor.fill(Execution(order, execution, units * UNIT, cents * UNIT // 100, cents * UNIT // 100, at=at))


def correct(governor: Governor, order: str, old: str, new: str, units: int, cents: int = 100, at: int = NOON):
    price = cents * UNIT // 100
    return governor.tell(Correction(order, old, new, units * UNIT, price, price, at=at))


def readings(governor: Governor) -> tuple[int, int]:
    """What was counted, and what else may be held."""
    held = governor.positions.get("S", 0)
    return held // UNIT, governor.book.told.get("S", held) // UNIT


def disputed() -> Governor:
    """7 bought by b, or 3 sold by s."""
    governor = desk()
    assert fill(governor, "b", "w", 7) == ()
    assert fill(governor, "s", "w", 3) == DISPUTED
    assert readings(governor) == (-3, 7)
    return governor


# what the other reading is


def test_what_gives_way_is_the_last_of_its_corrections_and_stays_in_the_turnover_at_its_dearest() -> None:
    for (units, cents), (later, dearer), dearest in (((3, 100), (2, 105), 300), ((2, 100), (3, 105), 315)):
        governor = desk()
        fill(governor, "s", "w", units, cents)
        correct(governor, "s", "w", "w.2", later, dearer)
        assert governor.account.turnover == dearest * CENT
        assert fill(governor, "b", "w", 7) == DISPUTED
        assert readings(governor) == (7, -later)
        assert governor.account.turnover == (dearest + 700) * CENT


def test_a_second_dispute_of_a_symbol_is_counted_on_top_of_the_first() -> None:
    governor = disputed()
    fill(governor, "b", "v", 2)
    assert readings(governor) == (-1, 9)
    assert fill(governor, "c", "v", 4) == DISPUTED
    assert readings(governor) == (1, 9)


def test_a_dispute_of_a_snapshot_stays_what_the_venue_said() -> None:
    governor = desk()
    fill(governor, "b", "w", 7)
    governor.tell(Snapshot("venue", NOON + 5, {"S": 1 * UNIT}))
    assert readings(governor) == (7, 1)
    assert fill(governor, "s", "w", 3, at=NOON + 9) == DISPUTED
    assert readings(governor) == (-3, -2)  # both moved with the last word
    assert fill(governor, "c", "u", 4, at=NOON + 9) == ()
    assert readings(governor) == (1, 2)


def test_what_moves_in_a_dispute_of_a_snapshot_moves_what_the_venue_said() -> None:
    governor = desk()
    fill(governor, "b", "w", 7)
    governor.tell(Snapshot("venue", NOON + 5, {"S": 1 * UNIT}))
    fill(governor, "s", "w", 3, at=NOON + 9)
    governor.tell(Bust("s", "w"))
    assert readings(governor) == (0, 1)


def test_two_readings_that_come_to_the_same_are_no_dispute() -> None:
    governor = desk()
    fill(governor, "s", "y", 3)
    fill(governor, "b", "w", 3)
    assert fill(governor, "c", "w", 3) == DISPUTED
    assert governor.positions == {} and governor.book.told == {}
    governor = disputed()
    correct(governor, "s", "w", "w.2", 2)
    fill(governor, "c", "y", 2)
    governor.tell(Bust("b", "w"))
    assert governor.positions == {} and governor.book.told == {}


# what moves beside a dispute moves both readings


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda g: fill(g, "c", "y", 2), (-1, 9)),
        (lambda g: (fill(g, "c", "y", 2), correct(g, "c", "y", "y.2", 5)), (2, 12)),
        (lambda g: (fill(g, "c", "y", 2), g.tell(Bust("c", "y"))), (-3, 7)),
        (lambda g: (correct(g, "c", "y", "y.2", 5), fill(g, "c", "y", 2)), (2, 12)),
        (lambda g: (g.tell(Bust("c", "y")), fill(g, "c", "y", 2)), (-3, 7)),
    ],
)
def test_other_executions_move_both_readings(change, wanted: tuple[int, int]) -> None:
    governor = disputed()
    change(governor)
    assert readings(governor) == wanted


def test_a_correction_of_what_gave_way_moves_the_other_reading_by_the_difference() -> None:
    governor = disputed()
    for old, new, units in (("w", "w.2", 6), ("w.2", "w.3", 9), ("w.3", "w.4", 5)):
        correct(governor, "b", old, new, units)
        assert readings(governor) == (-3, units)


def test_the_bust_of_the_wrong_one_leaves_what_the_right_one_was_corrected_to() -> None:
    """Busted is what gave way; the last word, which was corrected since, was right."""
    governor = disputed()
    correct(governor, "s", "w", "w.2", 2)
    assert readings(governor) == (-2, 7)
    governor.tell(Bust("b", "w"))
    assert readings(governor) == (-2, -2) and not governor.book.told


# what arrives late


def test_an_execution_that_gave_way_before_it_was_told_itself_goes_on_giving_way() -> None:
    governor = desk()
    correct(governor, "s", "w", "w.2", 2)
    assert fill(governor, "b", "w", 7) == DISPUTED
    assert readings(governor) == (7, -2)
    assert fill(governor, "s", "w", 3)[-1] == "CORRECTED"
    assert readings(governor) == (7, -2)
    governor.tell(Bust("b", "w"))
    assert readings(governor) == (0, -2)
    fill(governor, "s", "w", 3)  # told again it counts, as what it was corrected to
    assert readings(governor) == (-2, -2) and not governor.book.told


@pytest.mark.parametrize("execution", ["w", "w.2"])
def test_what_was_told_of_another_order_is_kept_beside_a_correction(execution: str) -> None:
    """The venue busted it for s, and corrects it for b: both were said, and a late fill of s is none."""
    governor = desk()
    assert governor.tell(Bust("s", execution)) == ("BUSTED",)
    assert correct(governor, "b", "w", "w.2", 6) == ()
    assert readings(governor) == (6, 6)
    assert fill(governor, "s", execution, 3) == ("BUSTED",)
    assert readings(governor) == (6, 6)
    assert governor.tell(Bust("s", execution)) == ("BUSTED",)


def test_an_execution_that_counts_for_another_order_is_neither_corrected_nor_busted_for_this_one() -> None:
    governor = desk()
    fill(governor, "s", "w", 3)
    for message in (
        Correction("b", "w", "w.2", UNIT, UNIT, UNIT),
        Correction("b", "y", "w", UNIT, UNIT, UNIT),
        Bust("b", "w"),
    ):
        with pytest.raises(InputError, match=r"w was booked before for order s. If it is of b, bust it for s first"):
            governor.tell(message)
    assert readings(governor) == (-3, -3)


# chains


def test_a_longer_chain_keeps_its_dearest_in_the_turnover_and_forgets_no_bust() -> None:
    for busted in (False, True):
        governor = desk()
        fill(governor, "b", "x", 1)
        correct(governor, "b", "x", "x.2", 9)
        if busted:
            governor.tell(Bust("b", "x.2"))
        correct(governor, "b", "x.2", "x.3", 2)
        correct(governor, "b", "x.3", "x.4", 3)
        assert readings(governor)[0] == (0 if busted else 3)
        assert governor.account.turnover == 900 * CENT


@pytest.mark.parametrize("execution", ["x", "x.2", "x.3", "x.4"])
def test_the_bust_of_any_of_a_chain_busts_all_of_it(execution: str) -> None:
    governor = desk()
    fill(governor, "b", "x", 1)
    for old, new in (("x", "x.2"), ("x.2", "x.3"), ("x.3", "x.4")):
        correct(governor, "b", old, new, 2)
    governor.tell(Bust("b", execution))
    assert governor.positions == {} and governor.orders["b"].filled == 0


def test_a_chain_that_the_store_lacks_a_link_of_says_so() -> None:
    store = MemoryStateStore()
    governor = Governor(store, MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    governor.decide(OrderIntent("b", "S", 1, 9 * UNIT, NOON))
    kept = encode(Booked("b", 5, UNIT, by="x.2", at=NOON))
    store.write((), (), [("exec", "S x", kept)])
    with pytest.raises(InputError, match=r"the store lacks execution S x\.2.*Restore it from a backup"):
        governor.tell(Bust("b", "x"))


def test_the_smallest_correction_is_to_a_unit_at_a_unit() -> None:
    governor = desk()
    fill(governor, "b", "x", 1)
    governor.tell(Correction("b", "x", "x.2", 1, 1, 1))
    assert governor.positions == {"S": 1}


def test_a_correction_says_when_its_trade_was_made_where_nothing_else_did() -> None:
    for second, held in ((5, 4), (10, 2), (15, 2)):
        governor = desk()
        governor.tell(Split("f", "S", 2, 1, NOON + 10))
        correct(governor, "b", "x", "x.2", 2, 50, at=NOON + second)
        assert readings(governor)[0] == held


def test_what_was_told_in_an_earlier_session_and_is_tied_in_a_later_one_is_in_no_turnover_twice() -> None:
    governor = desk()
    fill(governor, "b", "y.2", 6)
    governor.begin(DAY + 1, 1_000_000)
    assert correct(governor, "b", "y", "y.2", 6) == ()
    assert governor.account.turnover == 0 and readings(governor)[0] == 6


@pytest.mark.parametrize(("told", "left"), [(4, 22), (5, 22), (6, 20), (7, 20)])
def test_an_order_is_converted_by_what_filled_from_the_instant_of_a_split_on(told: int, left: int) -> None:
    """2 of 12 bought at the fifth microsecond and the rest cancelled; then 2 for 1: of 24, 2 or 4 are filled."""
    governor = desk()
    fill(governor, "b", "x", 2, at=NOON + 5)
    governor.close("b")
    governor.tell(Split("f", "S", 2, 1, NOON + told))
    assert "OVERFILL" not in fill(governor, "b", "y", left, 50, at=NOON + 9)
    assert "OVERFILL" in fill(governor, "b", "z", 1, 50, at=NOON + 9)


# orders


def test_a_split_makes_an_order_as_large_and_as_dear_as_the_venue_may_count_it() -> None:
    order = OpenOrder("b", "S", 1, 11, 11, 4, number=3, paid=13)
    for (new, old), quantity, filled, price, paid in (
        ((1, 3), 11, 4, 33, 39), ((2, 3), 11, 4, 17, 20), ((3, 2), 17, 6, 11, 13), ((3, 1), 33, 12, 11, 13),
    ):  # fmt: skip
        found = converted(order, SplitAt(5, new, old, "f"), 0)
        assert (found.quantity, found.filled, found.price, found.paid) == (quantity, filled, price, paid)
        assert (found.id, found.number) == ("b", 3)
    assert converted(order, SplitAt(5, 3, 1, "f"), 3).filled == 3 + 3
    sale = converted(replace_sign(order), SplitAt(5, 3, 2, "f"), 1)
    assert (sale.quantity, sale.filled) == (17, 1 + 5)


def replace_sign(order: OpenOrder) -> OpenOrder:
    return OpenOrder(order.id, order.symbol, -1, order.quantity, order.price, order.filled, order.number, order.paid)


def test_an_order_that_is_closed_again_writes_nothing_and_a_foreign_one_leaves_no_row() -> None:
    store = MemoryStateStore()
    governor = Governor(store, MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    governor.decide(OrderIntent("b", "S", 1, UNIT, NOON))
    governor.close("b")
    entries = len(store.account.record)
    governor.close("b")
    assert len(store.account.record) == entries
    governor.tell(Snapshot("venue", NOON, {}, frozenset({"w", "v"})))
    governor.close("w")
    assert governor.book.foreign == ("v",) and ("foreign", "") in store.account.state
    governor.close("v")
    assert governor.book.foreign == () and ("foreign", "") not in store.account.state


def test_two_orders_that_a_split_leaves_in_order_restrict_no_longer() -> None:
    """Filled by one unit of 1e-12 too many, until a split of before it is told that made each order one larger."""
    governor = desk()
    for name in ("d", "e"):
        assert governor.decide(OrderIntent(name, "S", 1, 5_000, NOON)).decision == "ADMIT"
    for name in ("d", "e"):
        assert governor.fill(Execution(name, f"x{name}", 5_001, UNIT, UNIT, at=NOON + 9)) == ("OVERFILL",)
    assert governor.account.restricted == ("d", "e")
    governor.tell(Split("f", "S", 10_001, 10_000, NOON + 5))
    assert governor.account.restricted == ()


def test_an_order_that_filled_too_much_says_so_only_where_more_of_it_filled() -> None:
    governor = desk()
    assert fill(governor, "s", "x", 5) == ("OVERFILL",)
    assert correct(governor, "s", "x", "x.2", 5, 99) == ()
    assert correct(governor, "s", "x.2", "x.3", 4) == ()
    assert correct(governor, "s", "x.3", "x.4", 5) == ("OVERFILL",)
    assert governor.account.restricted == ("s",)


def test_a_trade_across_a_reverse_split_moves_units_or_an_order_or_both() -> None:
    """An order may still be in the old units, so what fills of it and what that makes of the position differ."""
    governor = desk()
    governor.tell(Split("f", "S", 1, 10, NOON + 10))
    governor.fill(Execution("b", "small", 5, UNIT, UNIT, at=NOON + 5))  # half of a unit of 1e-12
    assert governor.positions == {} and governor.orders["b"].filled == 5
    fill(governor, "c", "x", 5, 1000, at=NOON + 15)
    assert readings(governor)[0] == 5
    correct(governor, "c", "x", "x.2", 5, 1000, at=NOON + 5)
    assert governor.positions == {"S": UNIT // 2} and governor.orders["c"].filled == 5 * UNIT


def test_two_trades_of_an_earlier_session_that_turn_out_to_be_one_are_no_turnover_of_this_one() -> None:
    governor = desk()
    fill(governor, "b", "y", 6, 101)
    fill(governor, "b", "y.2", 5, 100)
    governor.begin(DAY + 1, 1_000_000)
    correct(governor, "b", "y", "y.2", 5, 100)
    assert governor.account.turnover == 0 and readings(governor)[0] == 5


def test_what_was_never_quoted_is_worth_what_the_last_of_a_chain_paid() -> None:
    governor = desk()
    assert governor.decide(OrderIntent("t", "T", 1, 2 * UNIT, NOON)).reasons == ("NO_QUOTE",)
    correct(governor, "t", "x", "x.2", 2, 99)
    assert governor.quotes["T"] == Quote(99 * UNIT // 100, 99 * UNIT // 100, 0)


def test_what_is_not_said_of_an_execution_is_nothing() -> None:
    governor = desk()
    assert governor.fill(Execution("b", "x", UNIT, UNIT, UNIT)) == ()
    assert Execution("b", "x", 1, 1, 1) == Execution("b", "x", 1, 1, 1, venue="", at=0)
    assert Booked("b") == Booked("b", 0, 0, (), 0, 0, -1, False, "", "", 0, None)
    kept = json.loads(governor.fact("exec", "S x") or "")
    assert kept == ["b", UNIT, UNIT, [], -UNIT * UNIT, 0, DAY, False, "", "", UNIT, None]

"""Parts of a large order: they add up, none is too small, and nothing too small is left (X4, L18)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.order import Order
from plimsoll.core.policy import ExecutionPolicy
from plimsoll.execution.slicing import due, next_lots, part_of, sellable, slices

POLICY = ExecutionPolicy()


def test_an_order_is_split_above_50000_dollars_or_one_percent_of_volume() -> None:
    assert [slices(v, 1e9, POLICY) for v in (1.0, 50_000.0, 50_000.01, 150_000.0, 250_000.0, 1e9)] == [1, 1, 2, 3, 5, 5]
    assert [slices(v, 1e6, POLICY) for v in (10_000.0, 10_001.0, 49_000.0)] == [1, 2, 5]
    assert slices(60_000.0, float("nan"), POLICY) == 2
    assert slices(float("nan"), 1e9, POLICY) == 5  # what cannot be valued is not sent at once


@given(
    lots=st.integers(-10_000, 10_000).filter(bool),
    parts=st.integers(1, 8),
    least=st.integers(0, 900),
    step=st.integers(1, 60),
    filled=st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8),
)
def test_whatever_fills_no_part_and_no_rest_is_below_the_smallest_order(
    lots: int, parts: int, least: int, step: int, filled: list[float]
) -> None:
    """Each part is decided from what is left of the parent, so that a part that was filled short changes the next."""
    sign, left = (1 if lots > 0 else -1), lots
    smallest = max(-(-max(least, 1) // step) * step, 1)
    for number in range(parts, 0, -1):
        part = next_lots(left, number, least, step)
        assert part * sign > 0 and abs(part) <= abs(left)
        if abs(left) >= smallest:
            assert abs(part) >= smallest
            assert abs(left - part) == 0 or abs(left - part) >= smallest
        else:
            assert part == left
        if part != left:
            assert part % step == 0
        if number == 1:
            assert part == left
        left -= sign * min(int(filled[number - 1] * abs(part)) // step * step, abs(part))
        if not left:
            break


@given(st.integers(1, 10_000), st.integers(1, 5))
def test_filled_parts_add_up_and_are_alike(lots: int, parts: int) -> None:
    left, sent = lots, []
    while left:
        sent.append(next_lots(left, parts - len(sent), 1))
        left -= sent[-1]
    assert sum(sent) == lots and len(sent) <= parts and max(sent) - min(sent) <= 1


@given(st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 50))
def test_a_reduction_leaves_nothing_that_cannot_be_sold_and_never_turns_the_position(
    held: int, lots: int, least: int
) -> None:
    sold = sellable(held, lots, least)
    after = held + sold
    assert after * held >= 0 and abs(after) <= abs(held)
    if held * lots < 0:
        assert after == 0 or abs(after) >= least or abs(held) < least
        assert abs(sold) >= min(abs(lots), abs(held))
    else:
        assert sold == 0


def test_parts_are_five_minutes_apart() -> None:
    assert [due(1_000_000, n, POLICY) for n in range(3)] == [1_000_000, 301_000_000, 601_000_000]


def test_a_childs_id_is_its_parents_and_its_numbers() -> None:
    parent = Order("p", "s", "SPY", 100, False, 100.0)
    one, two = part_of(parent, 50, 0), part_of(parent, 50, 1)
    assert one == part_of(parent, 50, 0) and len({one.id, two.id, parent.id}) == 3
    assert (one.parent, two.part, one.lots) == ("p", 1, 50)

"""Limits that an order may not pass, on the tick of their own price (X4, L12, L13, L20)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.order import Order
from plimsoll.core.policy import ExecutionPolicy
from plimsoll.execution.collar import collar, collared, on_tick, replacement

POLICY = ExecutionPolicy()
STOCK = ((0, 10**8), (10**12, 10**10))  # 0.0001 below 1 USD, 0.01 from there on


def order(lots: int, reduce_only: bool) -> Order:
    return Order("a", "s", "SPY", lots, reduce_only, 100.0)


def test_an_entry_keeps_its_collar_and_an_exit_widens_to_the_market() -> None:
    assert {collar(False, waited, POLICY) for waited in (0.0, 60.0, 1e6)} == {0.001}
    assert [collar(True, w, POLICY) for w in (0.0, 59.9, 60.0, 119.9, 120.0, 179.9, 180.0, 1e9)] == [
        0.001, 0.001, 0.005, 0.005, 0.02, 0.02, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("price", "buys", "expected"),
    [
        (0.99994, True, 0.9999), (0.99994, False, 1.0), (0.9999, True, 0.9999), (1.0, True, 1.0), (1.0, False, 1.0),
        (1.0001, True, 1.0), (1.0001, False, 1.01), (100.019, True, 100.01), (100.011, False, 100.02),
    ],
)  # fmt: skip
def test_the_tick_is_that_of_the_orders_own_price(price: float, buys: bool, expected: float) -> None:
    assert on_tick(price, buys, STOCK) == expected


@given(
    mid=st.integers(2_000, 10**9).map(lambda n: n / 10_000),
    lots=st.sampled_from([-7, 7]),
    reduce_only=st.booleans(),
    waited=st.floats(0.0, 179.0),
)
def test_no_rounding_passes_the_collar(mid: float, lots: int, reduce_only: bool, waited: float) -> None:
    sent = collared(order(lots, reduce_only), mid, waited, POLICY, STOCK)
    distance = collar(reduce_only, waited, POLICY)
    assert sent.type == "limit" and sent.limit is not None and distance is not None
    edge = Fraction(mid) * (1 + (1 if lots > 0 else -1) * Fraction(distance))
    near = Fraction(1, 10**11)  # a price is a whole number of 1e-12 USD
    assert (Fraction(sent.limit) <= edge + near) if lots > 0 else (Fraction(sent.limit) >= edge - near)
    tick = Fraction(1, 100) if sent.limit >= 1.0 else Fraction(1, 10_000)
    assert abs(Fraction(sent.limit) - edge) < tick + near or edge < 1 < Fraction(sent.limit) + tick
    steps = Fraction(round(sent.limit * 10**12), 10**12) / tick
    assert steps.denominator == 1


def test_an_exit_whose_collars_ran_out_goes_at_the_market() -> None:
    sent = collared(order(-7, True), 100.0, 180.0, POLICY, STOCK)
    assert (sent.type, sent.limit, sent.lots) == ("market", None, -7)


def test_a_replacement_is_of_the_next_generation_for_what_the_ledger_says() -> None:
    first = order(-10, True)
    second = replacement(first, -4)
    third = replacement(second, -1)
    assert (second.lots, second.generation, second.parent) == (-4, 1, "a")
    assert (third.lots, third.generation, third.parent) == (-1, 2, "a")
    assert len({first.id, second.id, third.id}) == 3 and second == replacement(first, -4)

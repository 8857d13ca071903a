"""The governor in the path of a run's orders: what it admits, what it counts, what it is told (H1, X1)."""

from __future__ import annotations

import math

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.events import CashFlow, OrderExpired, Split
from plimsoll.core.order import Fill, Order
from plimsoll.core.policy import Account, GovernorPolicy, Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.governor.limits import limits_of
from plimsoll.governor.order_gate import OrderGate
from plimsoll.store.governor_memory import MemoryStateStore

POLICY = Policy(account=Account(capital=100_000.0), governor=GovernorPolicy(trade=5_000, position=8_000))
MONDAY, TUESDAY, WEDNESDAY = "2024-03-04", "2024-03-05", "2024-03-06"
LOTS = {"AAA": 1, "BBB": 10_000}


def gate(policy: Policy = POLICY) -> OrderGate:
    return OrderGate(MemoryStateStore(), limits_of(policy), LOTS)


def order(name: str, lots: int, symbol: str = "AAA", session: str = "2024-03-01") -> Order:
    return Order(name, session, symbol, lots, lots < 0, 100.0)


def fill(of: Order, price: float, session: str = MONDAY, lots: int | None = None) -> Fill:
    done = of.lots if lots is None else lots
    return Fill(of.id, f"x{of.id}", session, of.symbol, done, price, round(done * price * 100), 0, 0, 0)


def test_an_order_at_each_cap_passes_and_one_above_it_does_not() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    assert one.admit(order("a", 51)) == ("TRADE_LIMIT",)
    assert one.admit(order("b", 50)) == ()
    assert one.admit(order("c", 31)) == ("POSITION_LIMIT",)
    assert one.admit(order("d", 30)) == ()
    assert one.admit(order("d", 30)) == ()  # the same order again is the same answer, and counts once
    assert one.governor.use("AAA").position == 8_000 * 100 * CENT


def test_what_ends_an_order_gives_its_room_back_and_what_fills_is_held() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    first = order("a", 50)
    assert one.admit(first) == ()
    one.booked(fill(first, 100.5, lots=20))
    one.booked(OrderExpired(MONDAY, "a", 30, "PARTICIPATION"))
    assert one.governor.positions == {"AAA": 20 * ONE}
    assert not one.governor.orders
    assert one.admit(order("b", 50)) == ()


def test_a_holding_of_10_at_400_after_ten_for_one_is_100_at_40_on_the_day_and_an_order_waits_over_it() -> None:
    one = gate(Policy(account=Account(capital=100_000.0)))
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 400.0})
    buy = order("a", 10)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 400.0))
    one.opened(TUESDAY, 10_000_000, {"AAA": 10}, {"AAA": 400.0})
    one.booked(Split(TUESDAY, "AAA", 100, 10.0))
    assert one.governor.positions == {"AAA": 100 * ONE}
    assert one.governor.use("AAA").position == 4_000 * 100 * CENT
    assert one.admit(order("b", 5, session=MONDAY)) == ()  # five of the old units
    assert one.governor.orders["b"].quantity == 50 * ONE
    assert one.governor.use("AAA").position == 6_000 * 100 * CENT


def test_a_fraction_that_a_split_pays_in_cash_leaves_the_account() -> None:
    one = gate(Policy(account=Account(capital=100_000.0)))
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 10.0})
    buy = order("a", 25)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 10.0))
    one.opened(TUESDAY, 10_000_000, {"AAA": 25}, {"AAA": 10.0})
    one.booked(Split(TUESDAY, "AAA", 2, 0.1))
    assert one.governor.positions == {"AAA": 2 * ONE}


def test_a_dividend_is_no_loss_and_leaves_the_price_usable() -> None:
    one = gate(Policy(account=Account(capital=100_000.0)))
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    buy = order("a", 50)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 100.0))
    one.opened(TUESDAY, 10_000_000, {"AAA": 50}, {"AAA": 100.0})
    one.booked(CashFlow(TUESDAY, "dividend", "AAA", 20_000))
    assert one.governor.loss == 0
    assert one.governor.quotes["AAA"].bid == 96 * ONE
    assert one.admit(order("b", 10)) == ()


def test_positions_that_differ_from_the_runs_freeze_the_symbol_until_they_agree() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0, "BBB": 50.0})
    one.opened(TUESDAY, 10_000_000, {"AAA": 7}, {"AAA": 100.0, "BBB": 50.0})
    assert one.admit(order("a", 1)) == ("POSITION_DISPUTED",)
    assert one.admit(order("b", 10_000, "BBB")) == ()
    one.booked(OrderExpired(TUESDAY, "b", 10_000))
    one.opened(WEDNESDAY, 10_000_000, {}, {"AAA": 100.0, "BBB": 50.0})
    assert one.admit(order("c", 1)) == ()


def test_an_account_that_begins_with_a_run_taken_up_holds_what_the_run_does_and_admits_the_same() -> None:
    kept, again = gate(), gate()
    kept.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    buy = order("a", 50)
    assert kept.admit(buy) == ()
    kept.booked(fill(buy, 100.0))
    for one in (kept, again):
        one.opened(TUESDAY, 10_000_000, {"AAA": 50}, {"AAA": 100.0})
    assert again.governor.positions == kept.governor.positions
    assert again.governor.use("AAA") == kept.governor.use("AAA")
    for lots in (31, 30, 1):
        assert again.admit(order(f"b{lots}", lots)) == kept.admit(order(f"b{lots}", lots))


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -1.0])
def test_without_a_price_nothing_is_bought_and_everything_may_be_sold(price: float) -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0, "BBB": 50.0})
    buy = order("a", 50)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 100.0))
    one.opened(TUESDAY, 10_000_000, {"AAA": 50}, {"AAA": price, "BBB": 50.0})
    assert "LOSS_UNKNOWN" in one.admit(order("b", 10_000, "BBB"))
    assert one.admit(order("c", -50)) == ()


def test_a_session_that_lost_its_cap_by_the_close_is_over_at_the_next_open() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    buy = order("a", 50)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 100.0))
    one.opened(TUESDAY, 9_950_000, {"AAA": 50}, {"AAA": 90.0})
    assert one.governor.loss == 0  # Monday's, and the stated equity has it
    assert one.admit(order("b", 10)) == ()


def test_more_orders_than_a_second_allows_are_spaced_not_refused() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    assert [one.admit(order(f"o{n}", 1 + n % 3)) for n in range(15)] == [()] * 15


def test_an_order_of_a_lot_that_no_fixed_point_holds_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="AAA has 3 lots a unit"):
        OrderGate(MemoryStateStore(), limits_of(POLICY), {"AAA": 3})

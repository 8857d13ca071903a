"""Round trips worked by hand, and the money that none of them may lose."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.dates import iso_day
from plimsoll.core.events import CashFlow, Split
from plimsoll.core.order import Fill
from plimsoll.measures.trades import Close, RoundTrip, profit_factor, round_trips, share, won

FIRST = 20_000


def day(n: int) -> str:
    return iso_day(FIRST + n)


def trade(n: int, lots: int, dollars: float, commission: int = 0, symbol: str = "SPY", **costs: int) -> Fill:
    notional = round(lots * dollars * 100)
    return Fill("i", "e", day(n), symbol, lots, dollars, notional, commission, costs.get("slippage", 0),
                costs.get("impact", 0))  # fmt: skip


def test_a_trip_from_entry_to_exit_earns_what_it_received_less_what_it_paid() -> None:
    (t,) = round_trips([trade(0, 10, 100.0, 100, slippage=7), trade(5, -10, 110.0, 110, impact=3)])
    assert (t.symbol, t.entered, t.exited, t.lots, t.fills) == ("SPY", day(0), day(5), 10, 2)
    assert t.profit == t.realised == 10_000 - 210 and t.costs == 100 + 7 + 110 + 3
    assert t.invested == 100_100 and t.gain == pytest.approx(9_790 / 100_100)
    assert (t.days, t.mean_days, t.worst, t.best) == (5, 5.0, None, None)


def test_a_reduction_is_no_round_trip_and_what_is_added_belongs_to_it() -> None:
    fills = [trade(0, 10, 100.0), trade(1, 10, 110.0), trade(2, -5, 120.0), trade(9, -15, 100.0)]
    (t,) = round_trips(fills)
    assert (t.entered, t.exited, t.lots, t.fills) == (day(0), day(9), 20, 4)
    assert t.profit == 60_000 + 150_000 - 100_000 - 110_000
    # first in, first out: 5 lots 2 days, 5 of the first purchase 9 days, 10 of the second 8 days
    assert t.mean_days == pytest.approx((5 * 2 + 5 * 9 + 10 * 8) / 20)


def test_an_open_trip_counts_what_is_held_and_what_it_has_realised_first_in_first_out() -> None:
    fills = [trade(0, 10, 100.0), trade(1, 10, 110.0), trade(2, -5, 120.0)]
    (t,) = round_trips(fills, closes=[Close(day(2), "SPY", 15 * 12_500)])
    assert t.exited == "" and t.realised == 5 * 2_000  # 120 against the 100 of the lots bought first
    assert t.profit == 5 * 12_000 + 15 * 12_500 - 100_000 - 110_000
    assert won([t]) is None and profit_factor([t]) is None


def test_worst_and_best_are_of_closes_within_the_trip_dividends_included() -> None:
    fills = [trade(0, 10, 100.0), trade(3, -10, 101.0)]
    values = [Close(day(0), "SPY", 99_000), Close(day(1), "SPY", 95_000), Close(day(2), "SPY", 104_000)]
    (t,) = round_trips(fills, flows=[CashFlow(day(2), "dividend", "SPY", 500)], closes=[*values])
    assert t.worst == pytest.approx(-0.05) and t.best == pytest.approx(0.045)
    assert (t.profit, t.income, t.result) == (1_000, 500, 1_500)


def test_a_dividend_belongs_to_the_trip_that_held_over_its_ex_date() -> None:
    fills = [trade(0, 10, 100.0), trade(3, -10, 101.0), trade(5, 10, 90.0)]
    flows = [CashFlow(day(3), "dividend", "SPY", 200), CashFlow(day(6), "dividend", "SPY", 300),
             CashFlow(day(4), "interest", "", 999)]  # fmt: skip
    first, second = round_trips(fills, flows=flows)
    assert (first.income, second.income) == (200, 300)


def test_a_split_changes_lots_and_not_what_was_paid() -> None:
    fills = [trade(0, 10, 100.0), trade(2, -20, 55.0), trade(3, -10, 40.0)]
    (t,) = round_trips(fills, [Split(day(2), "SPY", 30, 3.0)])
    assert t.profit == 110_000 + 40_000 - 100_000 and t.lots == 30
    assert t.mean_days == pytest.approx((20 * 2 + 10 * 3) / 30)


def test_a_position_that_a_split_leaves_without_a_lot_has_ended_with_its_cash() -> None:
    fills = [trade(0, 1, 1.0), trade(9, 5, 20.0)]
    gone, back = round_trips(fills, [Split(day(4), "SPY", 0, 0.1)], [CashFlow(day(4), "lieu", "SPY", 90)])
    assert (gone.exited, gone.profit, gone.income) == (day(4), -100, 90)
    assert (back.entered, back.exited) == (day(9), "")


def test_a_fill_across_zero_ends_one_trip_and_begins_another() -> None:
    fills = [trade(0, -10, 100.0, 10), trade(1, 15, 90.0, 15), trade(2, -5, 95.0)]
    short, long = round_trips(fills)
    assert (short.lots, short.profit) == (-10, 10_000 - 20)
    assert (long.lots, long.profit, long.entered) == (5, 2_500 - 5, day(1))
    assert short.exited == long.entered


def test_symbols_do_not_mix() -> None:
    fills = [trade(0, 10, 100.0), trade(1, 10, 200.0, symbol="GLD"), trade(2, -10, 210.0, symbol="GLD")]
    assert [(t.symbol, t.exited != "") for t in round_trips(fills)] == [("SPY", False), ("GLD", True)]


def test_shares_that_gained_and_gains_over_losses_are_of_closed_trips() -> None:
    prices = [100, 130, 100, 90, 100, 100, 100, 120, 100]  # the last is bought and not sold
    found = round_trips([trade(n, 1 - 2 * (n % 2), p) for n, p in enumerate(prices)])
    assert won(found) == pytest.approx(2 / 4) and profit_factor(found) == pytest.approx(50 / 10)
    assert profit_factor(found[:1]) is None and profit_factor([]) is None and won([]) is None


@st.composite
def histories(draw: st.DrawFn) -> list[Fill]:
    orders = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["A", "B"]), st.integers(-30, 30).filter(bool), st.integers(1, 90_000),
                st.integers(0, 99),
            ),
            max_size=25,
        )
    )  # fmt: skip
    return [trade(i, lots, cents / 100, fee, symbol) for i, (symbol, lots, cents, fee) in enumerate(orders)]


@given(histories())
def test_nothing_is_lost(fills: list[Fill]) -> None:
    """Whatever the rounding: profits of all trips are the cash that came and went and what is held at the end."""
    held = {s: sum(f.lots for f in fills if f.symbol == s) for s in ("A", "B")}
    closes = [Close(day(99), s, lots * 777) for s, lots in held.items() if lots]
    found = round_trips(fills, closes=closes)
    assert sum(t.profit for t in found) == sum(c.value for c in closes) - sum(f.notional + f.commission for f in fills)
    assert sum(t.costs for t in found) == sum(f.commission for f in fills)
    assert sum(not t.exited for t in found) == sum(lots != 0 for lots in held.values())


@given(histories())
def test_trips_of_a_symbol_follow_each_other(fills: list[Fill]) -> None:
    for symbol in ("A", "B"):
        own: list[RoundTrip] = [t for t in round_trips(fills) if t.symbol == symbol]
        assert all(a.exited and a.exited <= b.entered for a, b in pairwise(own))
        flat = sum(1 for i, f in enumerate(fills) if f.symbol == symbol and _ends(fills[: i + 1], symbol))
        assert sum(t.exited != "" for t in own) == flat


def _ends(fills: list[Fill], symbol: str) -> bool:
    """Whether the last fill left the symbol flat or crossed zero."""
    lots = [f.lots for f in fills if f.symbol == symbol]
    before, after = sum(lots[:-1]), sum(lots)
    return before * after < 0 or (after == 0 and before != 0)


@given(st.integers(-(10**9), 10**9), st.integers(1, 500), st.integers(1, 500))
def test_a_share_is_exact_half_to_even(cents: int, part: int, whole: int) -> None:
    assert share(cents, part, whole) == round(Fraction(cents * part, whole))

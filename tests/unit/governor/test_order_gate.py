"""The governor in the path of a run's orders: what it admits, what it counts, what it is told (H1, X1)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError
from plimsoll.core.events import (
    CashFlow,
    FeeReported,
    FillCorrected,
    OrderCancelled,
    OrderExpired,
    OrderRestated,
    Split,
)
from plimsoll.core.order import Fill, Order
from plimsoll.core.policy import Account, GovernorPolicy, Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.core.venue_facts import Bust, Correction, Dividend, External, Fee, Settlement, Snapshot
from plimsoll.core.venue_facts import Split as SplitFact
from plimsoll.governor import order_gate
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
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


def test_an_order_that_opens_a_symbol_over_a_reverse_split_is_counted_in_new_units_and_leaves_nothing_open() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 5.0})
    one.booked(Split(MONDAY, "AAA", 0, 0.1))
    assert one.admit(order("a", 505)) == ()
    assert one.governor.orders["a"].quantity == 50 * ONE
    assert one.governor.use("AAA").position == 2_500 * 100 * CENT
    one.booked(OrderRestated(MONDAY, "a", 50))
    one.booked(fill(order("a", 50), 50.0))
    assert not one.governor.orders and one.governor.positions == {"AAA": 50 * ONE}
    assert one.admit(order("b", 500)) == ()


def test_an_order_that_rests_over_a_reverse_split_is_what_the_venue_restates_it_to() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 5.0})
    assert one.admit(order("a", 505)) == ()
    one.booked(Split(MONDAY, "AAA", 0, 0.1))
    assert one.governor.orders["a"].quantity == 505 * ONE  # the larger one, as long as the venue has not said
    one.booked(OrderRestated(MONDAY, "a", 50))
    assert one.governor.orders["a"].quantity == 50 * ONE
    one.booked(fill(order("a", 50), 50.0))
    assert not one.governor.orders and one.governor.positions == {"AAA": 50 * ONE}


def test_an_order_below_one_lot_after_a_split_ends_at_the_venue_and_one_that_was_never_sent_is_no_error() -> None:
    one = gate()
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 5.0})
    one.booked(Split(MONDAY, "AAA", 0, 0.1))
    assert one.admit(order("a", 9)) == ()
    one.booked(OrderExpired(MONDAY, "a", 9, "BELOW_ONE_LOT"))
    one.booked(OrderExpired(MONDAY, "never sent", 9, "DUST"))
    one.booked(OrderRestated(MONDAY, "never sent", 9))
    assert not one.governor.orders


def test_splits_and_dividends_of_two_days_in_a_row_are_two_and_a_dividend_beyond_belief_is_a_loss() -> None:
    one = gate(Policy(account=Account(capital=100_000.0)))
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 400.0})
    buy = order("a", 10)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 400.0))
    one.opened(TUESDAY, 10_000_000, {"AAA": 10}, {"AAA": 400.0})
    one.booked(Split(TUESDAY, "AAA", 20, 2.0))
    one.booked(CashFlow(TUESDAY, "dividend", "AAA", 2_000))
    one.opened(WEDNESDAY, 10_000_000, {"AAA": 20}, {"AAA": 199.0})
    one.booked(Split(WEDNESDAY, "AAA", 40, 2.0))
    one.booked(Split(WEDNESDAY, "AAA", 40, 1.00000001))
    one.booked(CashFlow(WEDNESDAY, "dividend", "AAA", 4_000))
    assert one.governor.positions == {"AAA": 40 * ONE} and one.governor.loss == 0
    assert one.governor.quotes["AAA"].bid == 985 * ONE // 10
    one.booked(CashFlow(WEDNESDAY, "dividend", "AAA", 40 * 9_000))
    assert one.governor.quotes["AAA"].bid == 985 * ONE // 10


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


@pytest.mark.parametrize("lots", [3, 0, -1, -4, 10 * ONE])
def test_an_order_of_a_lot_that_no_fixed_point_holds_is_an_error_that_names_it(lots: int) -> None:
    with pytest.raises(InputError, match=f"AAA has {lots} lots a unit"):
        OrderGate(MemoryStateStore(), limits_of(POLICY), {"AAA": lots})


ROOMY = Policy(account=Account(capital=100_000.0))


def bought(lots: int, price: float, then: list[int] | None = None) -> tuple[OrderGate, Fill]:
    """A gate that opened on Monday and holds an execution of AAA, in two orders where two are given."""
    one = gate(ROOMY)
    one.opened(MONDAY, 10_000_000, {}, {"AAA": price})
    first = None
    for n, part in enumerate([lots, *(then or [])]):
        buy = order(f"a{n}", part)
        assert one.admit(buy) == ()
        one.booked(fill(buy, price))
        first = first or fill(buy, price)
    assert first is not None
    return one, first


def corrected(of: Fill, lots: int, price: float, execution: str = "", number: int = 0) -> FillCorrected:
    now = Fill(of.id, execution or of.execution, of.session, of.symbol, lots, price, round(lots * price * 100), 0, 0, 0)
    return FillCorrected(TUESDAY, of.symbol, of.execution, now, number)


def test_a_correction_and_a_bust_reach_the_account_and_are_counted_once() -> None:
    one, done = bought(10, 100.0)
    assert one.governor.loss == 0
    for _ in range(2):
        one.booked(corrected(done, 9, 101.0))  # in place, under the execution's own id
        assert one.governor.positions == {"AAA": 9 * ONE}
        assert one.governor.loss == 9 * 100 * CENT
    one.booked(corrected(done, 8, 100.0, number=1))
    one.booked(corrected(done, 9, 101.0))  # an earlier one, told late
    assert one.governor.positions == {"AAA": 8 * ONE}
    one.booked(corrected(done, 7, 100.0, "y"))
    assert one.governor.positions == {"AAA": 7 * ONE}
    for _ in range(2):
        one.booked(FillCorrected(MONDAY, "AAA", "y", None))
        assert one.governor.positions == {}
    one.booked(done)  # and the execution that was corrected away is told again
    assert one.governor.positions == {} and one.governor.loss == 0


def test_a_correction_told_after_a_split_is_in_the_units_of_its_executions_day() -> None:
    """10 at 400 became 100 at 40; they were 9, so 90 are held, and the run's 90 are not disputed."""
    one, done = bought(10, 400.0)
    one.opened(TUESDAY, 10_000_000, {"AAA": 10}, {"AAA": 400.0})
    one.booked(Split(TUESDAY, "AAA", 100, 10.0))
    one.booked(corrected(done, 9, 400.0))
    assert one.governor.positions == {"AAA": 90 * ONE}
    one.opened(WEDNESDAY, 10_000_000, {"AAA": 90}, {"AAA": 40.0})
    assert not one.governor.book.told
    one.booked(OrderCancelled(WEDNESDAY, "a0", 10))
    assert one.admit(order("b", 1)) == ()


@pytest.mark.parametrize(("busted", "others", "left"), [(5, [20], 2), (20, [5], 0), (9, [12], 1)])
def test_after_a_bust_over_a_reverse_split_the_account_holds_the_whole_lots_that_the_run_does(
    busted: int, others: list[int], left: int
) -> None:
    one, done = bought(busted, 10.0, others)
    one.opened(TUESDAY, 10_000_000, {"AAA": busted + sum(others)}, {"AAA": 10.0})
    one.booked(Split(TUESDAY, "AAA", 2, 0.1))
    one.booked(FillCorrected(TUESDAY, "AAA", done.execution, None))
    assert one.governor.positions == ({"AAA": left * ONE} if left else {})


def test_a_fill_told_a_session_late_is_in_its_own_sessions_units() -> None:
    one = gate(ROOMY)
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 400.0})
    buy = order("a", 10)
    assert one.admit(buy) == ()
    one.booked(fill(buy, 400.0, lots=6))
    one.opened(TUESDAY, 10_000_000, {"AAA": 6}, {"AAA": 400.0})
    one.booked(Split(TUESDAY, "AAA", 60, 10.0))
    one.booked(Fill("a", "late", MONDAY, "AAA", 4, 400.0, 160_000, 0, 0, 0))
    assert one.governor.positions == {"AAA": 100 * ONE}


def test_a_fee_is_a_loss_once_and_a_rebate_no_gain() -> None:
    one, done = bought(10, 100.0)
    for _ in range(2):
        one.booked(FeeReported(MONDAY, done.execution, 250, "statement"))
        assert one.governor.loss == 250 * CENT
    one.booked(FeeReported(MONDAY, done.execution, 900, "statement", "EUR"))
    one.booked(FeeReported(MONDAY, done.execution, -400, "rebate"))
    assert one.governor.loss == 250 * CENT
    one.booked(FeeReported(MONDAY, done.execution, 0, "nothing"))
    assert not one.governor.knows(f"fee nothing {done.execution}")


def test_a_fee_in_units_of_the_position_leaves_it_by_whole_lots_once() -> None:
    one, done = bought(10, 100.0)
    for of, amount, held in ((done.execution, 1, 9), ("b", 3, 9), ("c", ONE, 8), ("c", ONE, 8)):
        one.booked(FeeReported(MONDAY, of, 0, "venue", "AAA", amount, "AAA", ONE))
        assert one.governor.positions == {"AAA": held * ONE}
    assert one.governor.loss == 0


# what the governor is told, word for word


class Heard(Governor):
    """Notes what it is told."""

    said: list[Any]

    def begin(self, day: int, equity: int, *more: Any) -> None:
        self.said.append(("begin", day, equity))
        super().begin(day, equity, *more)

    def quote(self, symbol: str, quote: Quote) -> Any:
        self.said.append((symbol, quote.bid, quote.ask, quote.at))
        return super().quote(symbol, quote)

    def decide(self, intent: OrderIntent) -> Any:
        self.said.append(intent)
        return super().decide(intent)

    def fill(self, execution: Execution) -> Any:
        self.said.append(execution)
        return super().fill(execution)

    def tell(self, fact: Any) -> Any:
        self.said.append(fact)
        return super().tell(fact)

    def close(self, order_id: str) -> None:
        self.said.append(("close", order_id))
        super().close(order_id)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> tuple[OrderGate, list[Any]]:
    monkeypatch.setattr(order_gate, "Governor", Heard)
    one = OrderGate(MemoryStateStore(), replace(limits_of(Policy()), orders_second=3), {**LOTS, "CCC": ONE, "DDD": 1})
    one.governor.said = said = []  # type: ignore[attr-defined]
    return one, said


def told(said: list[Any]) -> list[Any]:
    found, said[:] = list(said), []
    return found


def instant(session: str, clock: str, ticks: int) -> int:
    hours, minutes = clock.split(":")
    return (day_number(session) * 86_400 + int(hours) * 3_600 + int(minutes) * 60) * SECOND + ticks


APART = 333_334  # microseconds: three a second, and no faster


def test_every_word_of_two_sessions(heard: tuple[OrderGate, list[Any]]) -> None:
    one, said = heard
    odd = 0.1234567890123456
    prices = {"BBB": 50.0, "AAA": 100.0, "CCC": odd, "DDD": 0.0, "nan": math.nan, "inf": math.inf, "less": -0.5}
    one.opened(MONDAY, -5, {}, prices)
    day = day_number(MONDAY)

    def then(ticks: int) -> int:
        return instant(MONDAY, "14:30", ticks)

    assert told(said) == [
        ("begin", day, 0),
        ("AAA", 100 * ONE, 100 * ONE, then(1)),
        ("BBB", 50 * ONE, 50 * ONE, then(2)),
        ("CCC", 123456789012, 123456789012, then(3)),
        Snapshot(f"open {MONDAY}", then(4), {}, frozenset()),
    ]
    for symbol, lots, paid in (("BBB", 5_000, 50.0), ("AAA", 30, 100.0)):
        one.booked(Fill("", f"bought {symbol}", MONDAY, symbol, lots, paid, 0, 0, 0, 0, "OTHER"))
    assert told(said) == [
        External("bought BBB", "BBB", 1, ONE // 2, 50 * ONE, 50 * ONE, then(5)),
        External("bought AAA", "AAA", 1, 30 * ONE, 100 * ONE, 100 * ONE, then(6)),
    ]
    sale = replace_limit(order("s", -2), odd)
    assert one.admit(sale) != () and one.admit(order("one", -1)) == ()
    assert one.admit(order("buy", 1, "CCC")) != ()
    assert told(said) == [
        OrderIntent("s", "AAA", -1, 2 * ONE, then(6 + APART), 123456789012),
        OrderIntent("one", "AAA", -1, ONE, then(6 + 2 * APART)),
        OrderIntent("buy", "CCC", 1, 1, then(6 + 3 * APART)),
    ]
    now = 6 + 3 * APART
    one.booked(fill(order("one", -1), 100.0 + odd / 1000))
    for lots in (-2, -1, 1, 2):
        other = Fill("", f"by hand {lots}", MONDAY, "AAA", lots, 100.0 + odd / 1000, lots * 10_000, 0, 0, 0, "OTHER")
        one.booked(other)
    one.booked(OrderExpired(MONDAY, "buy", 1))
    price = round((100.0 + odd / 1000) * ONE)
    assert told(said) == [
        Execution("one", "xone", ONE, price, price, at=then(now + 1)),
        *(
            External(f"by hand {lots}", "AAA", lots // abs(lots), abs(lots) * ONE, price, price, then(now + 2 + n))
            for n, lots in enumerate((-2, -1, 1, 2))
        ),
        ("close", "buy"),
    ]
    now += 5
    one.booked(CashFlow(MONDAY, "dividend", "CCC", 100))  # none is held
    one.booked(CashFlow(MONDAY, "dividend", "AAA", 0))
    one.booked(CashFlow(MONDAY, "dividend", "AAA", -1))
    one.booked(CashFlow(MONDAY, "interest", "AAA", 100))
    one.booked(CashFlow(MONDAY, "dividend", "AAA", 1))
    assert told(said) == [
        Dividend(f"dividend {MONDAY} AAA", "AAA", ONE * ONE // 100 // (29 * ONE), then(now + 1), again=True),
        ("AAA", 100 * ONE - ONE // 2900, 100 * ONE - ONE // 2900, then(now + 2)),
    ]
    now += 2
    one.booked(Split(MONDAY, "BBB", 9_999, 2.0))
    one.booked(Split(MONDAY, "CCC", 0, 0.5))  # none is held, so nothing is paid instead
    assert told(said) == [
        SplitFact(f"split {MONDAY} BBB", "BBB", 2, 1, then(now + 1), again=True),
        ("BBB", 25 * ONE, 25 * ONE, then(now + 2)),
        Settlement(f"in lieu {MONDAY} BBB", "BBB", 25 * ONE, ONE // 10_000),
        SplitFact(f"split {MONDAY} CCC", "CCC", 1, 2, then(now + 3), again=True),
        ("CCC", 246913578024, 246913578024, then(now + 4)),
    ]
    now += 4
    one.admit(replace_limit(order("waits", -3, "BBB"), 52.0))
    assert told(said) == [OrderIntent("waits", "BBB", -1, 6 * ONE // 10_000, then(now + APART), 26 * ONE)]

    one.opened(TUESDAY, 10_000_000, {"BBB": 9_999, "AAA": 0}, {"AAA": 200.0, "BBB": 25.0})

    def late(ticks: int) -> int:
        return instant(MONDAY, "21:00", ticks)

    def next_day(ticks: int) -> int:
        return instant(TUESDAY, "14:30", ticks)

    assert told(said) == [
        ("AAA", 200 * ONE, 200 * ONE, late(1)),
        ("AAA", 200 * ONE, 200 * ONE, late(2)),  # it jumped, and is said again
        ("BBB", 25 * ONE, 25 * ONE, late(3)),
        ("begin", day + 1, 10_000_000),
        ("AAA", 200 * ONE, 200 * ONE, next_day(1)),
        ("BBB", 25 * ONE, 25 * ONE, next_day(2)),
        Snapshot(f"open {TUESDAY}", next_day(3), {"BBB": 9_999 * ONE // 10_000}, frozenset()),
    ]
    one.admit(replace_limit(order("after", -3, "BBB"), 26.0))
    assert told(said) == [OrderIntent("after", "BBB", -1, 3 * ONE // 10_000, next_day(3 + APART), 26 * ONE)]


def replace_limit(order: Order, limit: float) -> Order:
    return Order(order.id, order.session, order.symbol, order.lots, order.reduce_only, 100.0, limit=limit)


@pytest.mark.parametrize(
    ("ratio", "new", "old"), [(0.0001, 1, 10_000), (1 / 10_001, 1, 10_000), (0.3333333, 1, 3), (1.5, 3, 2)]
)
def test_a_stored_ratio_is_one_of_whole_numbers(
    heard: tuple[OrderGate, list[Any]], ratio: float, new: int, old: int
) -> None:
    one, said = heard
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    told(said)
    one.booked(Split(MONDAY, "AAA", 0, ratio))
    (split,) = one.governor.book.splits["AAA"]
    assert (split.new, split.old) == (new, old)


def test_every_word_of_corrections_and_of_what_is_told_late(heard: tuple[OrderGate, list[Any]]) -> None:
    one, said = heard
    one.opened(MONDAY, 10_000_000, {}, {"AAA": 100.0})
    buy, sale, other = order("a", 10), order("s", -4), order("r", -3)
    for each, done in ((buy, 10), (sale, -4)):
        assert one.admit(each) == ()
        one.booked(fill(each, 100.0, lots=done))
    assert one.admit(other) == ()
    now = one._now
    told(said)

    def then(ticks: int) -> int:
        return now + ticks

    price = 995 * ONE // 10
    less = Fill("s", "xs", MONDAY, "AAA", -3, 99.5, -29_850, 0, 0, 0)
    one.booked(FillCorrected(MONDAY, "AAA", "xs", less, 1))
    one.booked(FillCorrected(MONDAY, "AAA", "xs", None))
    one.booked(FillCorrected(MONDAY, "AAA", "xs", None))  # again
    assert told(said) == [
        Correction("s", "xs", "xs corrected 1", 3 * ONE, price, price, at=then(1)),
        Bust("s", "xs corrected 1"),
    ]
    unknown = Fill("a", "xq.2", MONDAY, "AAA", 2, 99.5, 19_900, 0, 0, 0)
    one.booked(FillCorrected(MONDAY, "AAA", "xq", unknown))
    assert told(said) == [Correction("a", "xq", "xq.2", 2 * ONE, price, price, at=then(2))]
    one.booked(FillCorrected(MONDAY, "AAA", "xa", None))
    assert told(said) == [Bust("a", "xa")]
    for name, of, reason in (("never", "n1", "ORDER"), ("a", "n2", "SERIES_ENDED")):
        one.booked(Fill(name, of, MONDAY, "AAA", 1, 99.5, 9_950, 0, 0, 0, reason))
    assert told(said) == [External(of, "AAA", 1, ONE, price, price, then(3 + n)) for n, of in enumerate(("n1", "n2"))]
    one.booked(OrderRestated(MONDAY, "r", -2))
    assert one.governor.orders["r"].quantity == 2 * ONE
    for cents in (0, 5, 5):
        one.booked(FeeReported(MONDAY, "a", cents, "report"))
    assert told(said) == [Fee("fee report a", 5 * ONE // 100, then(5))]
    one.opened(TUESDAY, 10_000_000, {"AAA": 4}, {"AAA": 100.0})
    told(said)
    one.booked(Fill("a", "late", MONDAY, "AAA", 1, 99.5, 9_950, 0, 0, 0))
    assert told(said) == [Execution("a", "late", ONE, price, price, at=instant(MONDAY, "21:00", -1))]


def test_a_trade_of_before_a_split_of_nothing_held_is_in_its_old_units(heard: tuple[OrderGate, list[Any]]) -> None:
    one, _ = heard
    for session in (MONDAY, TUESDAY):
        one.opened(session, 10_000_000, {}, {"CCC": 100.0})
    one.booked(Split(TUESDAY, "CCC", 0, 2.0))
    one.booked(Fill("", "by hand", MONDAY, "CCC", 1, 100.0, 0, 0, 0, 0, "OTHER"))
    assert one.governor.positions == {"CCC": 2}

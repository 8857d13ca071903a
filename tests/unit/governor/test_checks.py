"""What speaks against an order, on a book put together by hand: each measure at its edge (H1, H2, R4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.governor.book import Book
from plimsoll.governor.checks import CENT, OrderIntent, check_order, worst_price
from plimsoll.governor.clock import DAY, in_session
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import FAR_FUTURE, Account, AdmittedOrder, OpenOrder, Quote
from plimsoll.governor.use import healthy, loss_of, result_of
from plimsoll.store import policy_file

UNIT = 10**12
TODAY = 20_514
NOON = TODAY * DAY + DAY // 2
LIMITS = replace(limits_of(policy_file.load("micro").policy), move_bps=0, dust=0)


def a_book(quoted: bool = True, **account: object) -> Book:
    """A session of 1,000 dollars, and a symbol S at one dollar."""
    book = Book()
    book.put("account", "", Account(**{"day": TODAY, "equity": 100_000, "clock": NOON, **account}))
    if quoted:
        book.put("quote", "S", Quote(UNIT, UNIT, NOON))
    return book


def told(book: Book, quantity: int = UNIT, sign: int = 1, at: int = NOON, limits: object = LIMITS) -> list[str]:
    reasons, marks = check_order(book, limits, OrderIntent("a", "S", sign, quantity, at), max(at, book.account.clock))
    return reasons + [f"marked {mark}" for mark in marks]


def test_without_a_session_or_a_quote_an_order_is_told_just_that() -> None:
    assert told(a_book()) == []
    assert told(a_book(day=-1)) == ["NO_SESSION"]
    assert told(a_book(quoted=False)) == ["NO_QUOTE"]
    assert told(a_book(quoted=False, day=-1)) == ["NO_SESSION", "NO_QUOTE"]


@pytest.mark.parametrize(("quantity", "reasons"), [(-1, ["BAD_QUANTITY"]), (0, ["BAD_QUANTITY"]), (1, [])])
def test_a_quantity_is_at_least_one_unit(quantity: int, reasons: list[str]) -> None:
    assert told(a_book(), quantity) == reasons


def test_the_first_day_of_the_calendar_is_a_session_like_any_other() -> None:
    book = a_book(day=0, clock=0)
    book.put("quote", "S", Quote(UNIT, UNIT, 0))
    assert told(book, at=0) == []
    assert told(book, at=2 * DAY) == ["TIME_OUTSIDE_SESSION", "STALE_QUOTE"]
    lost = a_book(day=0, clock=0, cash=-80 * 100 * CENT)
    lost.put("quote", "S", Quote(UNIT, UNIT, 0))
    assert told(lost, at=0) == ["INTRADAY_HALT"]


@pytest.mark.parametrize(("at", "inside"), [(-DAY - 1, False), (-DAY, True), (2 * DAY - 1, True), (2 * DAY, False)])
def test_a_time_is_of_the_session_or_of_a_day_beside_it(at: int, inside: bool) -> None:
    assert in_session(a_book(day=0), at) is inside
    assert in_session(a_book(), TODAY * DAY + at) is inside
    assert not in_session(a_book(day=-1), at)  # no session, so no day beside it


@pytest.mark.parametrize(("marked", "base", "cash", "result"), [
    (100, 100, 0, 0), (101, 100, 0, 0), (99, 100, 0, -1), (90, 100, 5, 0), (90, 100, 4, -1), (0, 100, 0, -50),
])  # fmt: skip
def test_a_result_is_cash_and_marks_less_what_the_session_began_with_rounded_down(
    marked: int, base: int, cash: int, result: int
) -> None:
    book = a_book(base=base, cash=cash)
    book.marked = marked
    assert result_of(book) == result
    assert loss_of(book) == -min(result, 0)


def test_no_loss_is_on_no_rung_even_where_none_is_allowed() -> None:
    nothing = replace(LIMITS, loss=0)
    assert told(a_book(), limits=nothing) == []
    assert told(a_book(cash=1), limits=nothing) == []
    assert told(a_book(cash=-1), limits=nothing) == ["INTRADAY_HALT", "LOSS_LIMIT"]
    assert told(a_book(halted=True)) == ["INTRADAY_HALT"]


def test_a_health_check_wants_fresh_quotes_of_every_holding_and_no_order_of_an_earlier_session() -> None:
    book = a_book(first=5)
    assert healthy(book, LIMITS, NOON)
    book.put("position", "S", 3)
    late = NOON + LIMITS.quote_age
    assert healthy(book, LIMITS, late)
    assert not healthy(book, LIMITS, late + 1)
    book.put("open", "n", OpenOrder("n", "S", 1, 1, UNIT, number=5))
    assert healthy(book, LIMITS, NOON)
    book.put("open", "o", OpenOrder("o", "S", 1, 1, UNIT, number=4))
    assert not healthy(book, LIMITS, NOON)


def test_a_throttle_of_none_lets_nothing_pass() -> None:
    book = a_book()
    assert told(book, limits=replace(LIMITS, orders_second=0)) == ["ORDERS_PER_SECOND"]
    assert told(book, limits=replace(LIMITS, orders_minute=0)) == ["ORDERS_PER_MINUTE"]
    assert told(book, limits=replace(LIMITS, repeats_minute=0)) == ["REPEATED_EXECUTION"]
    book.put("recent", "1", AdmittedOrder(NOON - SECOND, "S", 1, UNIT))
    assert told(book, limits=replace(LIMITS, orders_second=1)) == []
    assert book.time_of_nth_last(2, NOON) == -FAR_FUTURE


def test_a_refused_reduction_is_not_marked_and_one_that_passes_is() -> None:
    book = a_book()
    book.put("position", "S", UNIT)
    late = NOON + LIMITS.quote_age + 1
    assert told(book, sign=-1, at=late) == ["marked STALE_QUOTE"]
    assert told(book, sign=-1, at=late, limits=replace(LIMITS, orders_second=0)) == ["ORDERS_PER_SECOND"]


def test_what_was_never_quoted_counts_at_nothing_but_a_limit() -> None:
    book = a_book(quoted=False)
    assert [worst_price(book, OrderIntent("a", "S", 1, 1, NOON, limit)) for limit in (None, 1, 7)] == [0, 1, 7]


def test_an_order_that_says_no_more_has_no_limit_and_has_not_waited() -> None:
    order = OrderIntent("a", "S", 1, UNIT, NOON)
    assert (order.limit, order.waited, order.respelt) == (None, 0, False)
    assert told(a_book(), limits=replace(LIMITS, wait_max=0)) == []

"""Which prices are believed, on books put together by hand, each condition alone (U6, H2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.governor.book import Book
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.prices import judged, may_be_split, no_gain, paid
from plimsoll.governor.state import SPLIT, Account, Came, Doubt, Quote, SplitAt
from plimsoll.store import policy_file

DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
LIMITS = limits_of(policy_file.load("micro").policy)
BOUND = LIMITS.jumps.plain


def a_book(last: Quote, held: int = 0) -> Book:
    book = Book()
    book.put("account", "", Account(day=DAY, equity=100_000, clock=NOON, opened=NOON - SECOND))
    book.put("quote", "S", last)
    if held:
        book.put("position", "S", held)
    return book


def flat(price: int, second: int = 0, derived: str = "") -> Quote:
    return Quote(price, price, NOON + second * SECOND, derived)


def test_a_print_of_one_time_must_be_near_the_last_one_and_near_the_one_before_that_time() -> None:
    """1,000,000 before it, then so much more at it: what is near the former alone jumped from the latter."""
    up = 1_000_000 + 100 * BOUND
    for new, believed in ((up, True), (1_000_000, True), (1_000_000 - 50 * BOUND, False), (up + 50 * BOUND, False)):
        book = a_book(flat(up, 1))
        book.put("earlier", "S", (flat(1_000_000, 0), flat(up, 1)))
        found, doubt = judged(book, LIMITS, "S", flat(new, 1))
        assert (found is not None, doubt is None) == (believed, believed), new


@pytest.mark.parametrize(("held", "why"), [(0, "jump"), (5, SPLIT)])
def test_a_print_at_the_price_before_a_split_doubts_the_split_only_of_what_is_held(held: int, why: str) -> None:
    book = a_book(flat(500_000, 0, SPLIT), held)
    book.put("split", "S", (SplitAt(NOON - 1, 2, 1, "f"),))
    found, doubt = judged(book, LIMITS, "S", flat(1_000_000, 1))
    assert found is None and doubt is not None and doubt.why == why


def test_what_is_not_held_gains_nothing_by_the_first_quote_after_a_start() -> None:
    book = a_book(flat(1_000_000, -2))
    book.unheard = {"S"}
    assert no_gain(book, "S", flat(1_100_000, 1)) == 0
    assert no_gain(book, "S", flat(900_000, 1)) == 0
    book.put("position", "S", 3)
    assert no_gain(book, "S", flat(1_100_000, 1)) == 3 * 200_000
    assert no_gain(book, "S", flat(900_000, 1)) == 0
    book.put("came", "S", Came(3, 3 * 2_100_000))
    assert no_gain(book, "S", flat(1_100_000, 1)) == 3 * 200_000
    book.unheard = set()
    assert no_gain(book, "S", flat(1_100_000, 1)) == 3 * 100_000


def test_a_trade_of_before_a_split_counts_at_the_price_of_then_each_way() -> None:
    book = a_book(Quote(1_000, 1_020, NOON))
    book.put("split", "S", (SplitAt(NOON - 5, 3, 2, "f"),))
    unexplained = ("PRICE_UNEXPLAINED",)
    for sign, price, when, counted in (
        (-1, 4_000, -6, (1_500, 4_000, unexplained)), (1, 400, -6, (1_530, 1_530, unexplained)),
        (-1, 4_000, -5, (1_000, 4_000, unexplained)), (1, 400, -5, (1_020, 1_020, unexplained)),
        (-1, 1_515, -6, (1_515, 1_515, ())), (1, 1_515, -6, (1_515, 1_515, ())),
    ):  # fmt: skip
        assert paid(book, LIMITS, "S", sign, (price, price), NOON + when) == counted
    assert paid(book, LIMITS, "S", -1, (4_000, 4_001), NOON) == (1_000, 4_001, unexplained)
    assert paid(book, LIMITS, "S", 1, (4_000, 4_001), NOON) == (4_001, 4_001, unexplained)


@pytest.mark.parametrize(
    ("units", "far", "after", "split"),
    [
        (1, 20_000, 20_000, True), (1, 20_000, 19_999, False), (1, 20_000, 5_000, True), (1, 20_000, 5_001, False),
        (2, 99_999, 20_200, True), (2, 99_999, 20_201, False), (2, 99_999, 19_800, True), (2, 99_999, 5_050, True),
        (2, 99_999, 30_000, False), (3, 99_999, 30_000, True), (3, 99_999, 15_000, True), (3, 99_999, 10_000, False),
        (2, 99_999, 3_334, False), (3, 99_999, 3_334, True),
    ],
)  # fmt: skip
def test_what_may_be_a_split_is_a_large_move_or_one_near_a_ratio_of_small_numbers(
    units: int, far: int, after: int, split: bool
) -> None:
    jumps = replace(LIMITS.jumps, split_units=units, split_far_bps=far, split_near_bps=100)
    assert may_be_split(jumps, flat(10_000), flat(after)) is split


@pytest.mark.parametrize(
    ("last", "opened", "why"),
    [
        (flat(1_000_000, 0), -1, "jump"), (flat(1_000_000, 0, "dividend"), -1, SPLIT), (flat(1_000_000, 0), 0, SPLIT),
        (flat(1_000_000, 0), 1, SPLIT), (flat(1_000_000, -43_201), -90_000, SPLIT),
        (flat(1_000_000, -43_200), -90_000, "jump"),
    ],
)  # fmt: skip
def test_a_halving_may_be_a_split_across_the_boundary_of_a_session_a_day_or_an_action(
    last: Quote, opened: int, why: str
) -> None:
    book = a_book(last, 5)
    book.put("account", "", Account(day=DAY, equity=1, clock=NOON, opened=NOON + opened * SECOND))
    found, doubt = judged(book, LIMITS, "S", flat(500_000, 2))
    assert found is None and doubt is not None and doubt.why == why


def test_only_the_first_print_after_a_split_can_say_that_it_was_told_wrong() -> None:
    limits = replace(LIMITS, jumps=replace(LIMITS.jumps, split_units=1, split_far_bps=10**6))
    for derived, price, why in (
        (SPLIT, 1_000_000, SPLIT), (SPLIT, 750_001, SPLIT), (SPLIT, 750_000, "jump"), ("", 1_000_000, "jump"),
        ("dividend", 1_000_000, "jump"),
    ):  # fmt: skip
        book = a_book(flat(500_000, 0, derived), 5)
        book.put("split", "S", (SplitAt(NOON - 1, 2, 1, "f"),))
        found, doubt = judged(book, limits, "S", flat(price, 1))
        assert found is None and doubt is not None and doubt.why == why, (derived, price)


def test_a_quote_of_one_price_is_doubted_at_it_and_one_of_none_is_at_its_own_time() -> None:
    book = a_book(flat(1_000_000))
    for quote, wanted in (
        (Quote(1, 0, NOON + 1), Doubt("refused", 1, 1, NOON + 1, NOON + 1)),
        (Quote(0, 7, NOON + 1), Doubt("refused", 7, 7, NOON + 1, NOON + 1)),
        (Quote(9, 7, NOON + 1), Doubt("crossed", 7, 9, NOON + 1, NOON + 1)),
        (Quote(0, -1, NOON + 1), Doubt("refused", 0, 0, NOON + 1, NOON + 1)),
    ):
        assert judged(book, LIMITS, "S", quote) == (None, wanted)
    book.put("doubt", "S", Doubt("refused", 0, 0, NOON + 1, NOON + 1))
    assert judged(book, LIMITS, "S", Quote(0, 0, NOON + 2))[1] == Doubt("refused", 0, 0, NOON + 2, NOON + 1)
    book.put("doubt", "S", Doubt("jump", 5, 6, NOON + 1, NOON + 1))
    assert judged(book, LIMITS, "S", Quote(0, 0, NOON + 2))[1] == Doubt("jump", 5, 6, NOON + 1, NOON + 1)
    assert judged(book, LIMITS, "S", Quote(0, 3, NOON + 2))[1] == Doubt("refused", 3, 3, NOON + 2, NOON + 2)

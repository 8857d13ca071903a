"""Which times an account believes, at each edge, recorded and live (H2, X0)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from plimsoll.governor.book import Book
from plimsoll.governor.clock import DAY, believed, dates_of, moment, outrun, seen, seen_with, untimely
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import AHEAD_MAX, Account, AdmittedOrder, Doubt, Quote
from plimsoll.store import policy_file

TODAY = 20_514
NOON = TODAY * DAY + DAY // 2
LIMITS = limits_of(policy_file.load("micro").policy)


def a_book(clock: int = NOON, day: int = TODAY) -> Book:
    book = Book()
    book.put("account", "", Account(day=day, equity=100_000, clock=clock))
    return book


def instant(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "new_york"),
    [((2026, 1, 15, 4, 59, 59), -1), ((2026, 1, 15, 5), 0), ((2026, 7, 15, 3, 59, 59), -1), ((2026, 7, 15, 4), 0),
     ((2026, 1, 15, 0), -1), ((2026, 1, 15, 23, 59, 59), 0)],
)  # fmt: skip
def test_it_is_a_day_in_utc_and_one_in_new_york(when: tuple[int, ...], new_york: int) -> None:
    day = instant(*when[:3]) // DAY
    assert dates_of(instant(*when)) == (day, day + new_york)
    assert dates_of(instant(*when) + SECOND - 1) == (day, day + new_york)


def test_a_time_seen_further_ahead_of_the_machine_than_a_minute_comes_from_a_clock_that_was_set_back() -> None:
    book = a_book(clock=NOON)
    assert seen(book, None) == seen(book, NOON) == seen(book, NOON - AHEAD_MAX) == NOON
    assert seen(book, NOON - AHEAD_MAX - 1) == 0


def test_a_time_is_believed_in_the_session_and_up_to_a_minute_ahead_of_the_machine() -> None:
    book = a_book()
    for at, live, wanted in (
        (NOON, None, True), (NOON, NOON - AHEAD_MAX, True), (NOON, NOON - AHEAD_MAX - 1, False),
        (NOON - 2 * DAY, NOON, False), (NOON + 2 * DAY, None, False),
    ):  # fmt: skip
        assert believed(book, at, live) is wanted
        assert seen_with(book, at + 0, live) == max(seen(book, live), at if wanted else 0)
    assert seen_with(a_book(clock=NOON - 5), NOON, None) == NOON
    assert seen_with(a_book(clock=NOON + 5), NOON, None) == NOON + 5
    assert seen_with(a_book(clock=NOON - 5), NOON + 2 * DAY, None) == NOON - 5


def test_a_quote_is_outrun_by_a_newer_one_that_is_believed_or_not() -> None:
    book = a_book()
    assert outrun(book, "S", 0, None) is False
    book.put("doubt", "S", Doubt("refused", 0, 0, 7))
    assert [outrun(book, "S", at, None) for at in (6, 7, 8)] == [True, False, False]
    book.put("quote", "S", Quote(1, 1, 9))
    assert [outrun(book, "S", at, None) for at in (8, 9)] == [True, False]
    book.put("quote", "S", Quote(1, 1, 5))
    assert [outrun(book, "S", at, None) for at in (6, 7)] == [True, False]


def test_no_quote_of_before_a_clock_was_set_outruns_one_of_after_it() -> None:
    book = a_book()
    book.put("quote", "S", Quote(1, 1, NOON))
    assert [outrun(book, "S", NOON - 1, live) for live in (NOON, NOON - AHEAD_MAX, NOON - AHEAD_MAX - 1)] == [
        True, True, False,
    ]  # fmt: skip
    book.age()
    assert outrun(book, "S", NOON - 1, NOON) is False
    book.put("quote", "S", Quote(1, 1, NOON + 1))
    assert outrun(book, "S", NOON, NOON) is True


def test_an_order_is_decided_on_at_its_own_time_and_live_at_the_machines_after_the_last_admission() -> None:
    book = a_book(clock=NOON)
    assert [moment(book, at, None) for at in (NOON - 1, NOON + 1)] == [NOON, NOON + 1]
    assert moment(book, NOON - 9, NOON + 5) == NOON + 5  # none admitted
    book.put("recent", "1", AdmittedOrder(NOON, "S", 1, 1))
    for live, wanted in (
        (NOON + 1, NOON + 1), (NOON - 1, NOON), (NOON - AHEAD_MAX, NOON), (NOON - AHEAD_MAX - 1, NOON - AHEAD_MAX - 1),
    ):  # fmt: skip
        assert moment(book, 0, live) == wanted


def test_what_speaks_against_an_order_for_its_time() -> None:
    slack, age = LIMITS.clock_slack, LIMITS.quote_age
    book = a_book()
    for at, live, codes in (
        (NOON - slack, None, []),
        (NOON - slack - 1, None, ["CLOCK_BACK"]),
        (NOON + 2 * DAY, None, ["TIME_OUTSIDE_SESSION"]),
        (NOON, NOON + age, []),
        (NOON, NOON + age + 1, ["STALE_ORDER"]),
        (NOON + AHEAD_MAX, NOON, []),
        (NOON + AHEAD_MAX + 1, NOON, ["TIME_OUTSIDE_SESSION"]),
        (NOON + DAY, NOON + DAY, ["TIME_OUTSIDE_SESSION"]),  # tomorrow, everywhere
        (TODAY * DAY + DAY, TODAY * DAY + DAY, []),  # tomorrow in UTC, still today in New York
    ):
        assert untimely(book, LIMITS, at, live) == codes, (at - NOON, live)
    assert untimely(a_book(clock=0, day=-1), LIMITS, NOON, None) == []
    assert untimely(a_book(clock=0, day=0), LIMITS, 5 * DAY, None) == ["TIME_OUTSIDE_SESSION"]

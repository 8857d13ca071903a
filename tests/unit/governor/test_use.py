"""What an account has lost, uses and has left, on books put together by hand: each condition alone (H1, H2, R4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.core.quantity import CENT
from plimsoll.governor.book import Book
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import AHEAD_MAX, Account, Doubt, OpenOrder, Quote
from plimsoll.governor.use import (
    Use,
    believed_loss_of,
    dust_of,
    gross_cap,
    headroom_of,
    healthy,
    known_price,
    loss_of,
    marked,
    result_of,
    stage_of,
    trade_cap,
    use_of,
)
from plimsoll.store import policy_file

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
LIMITS = replace(limits_of(policy_file.load("micro").policy), dust=100, collar_bps=100)


DOLLAR = Quote(UNIT, UNIT, NOON)


def a_book(held: int = 0, quote: Quote | None = DOLLAR, **account: object) -> Book:
    """A session of 1,000 dollars; S at one dollar."""
    book = Book()
    book.put("account", "", Account(**{"day": DAY, "equity": 100_000, "clock": NOON, **account}))
    if quote is not None:
        book.put("quote", "S", quote)
    if held:
        book.put("position", "S", held)
    return book


def test_what_is_used_is_of_one_symbol_or_of_the_largest() -> None:
    book = a_book(3 * UNIT, turnover=7)
    assert use_of(a_book(), 5) == Use(0, 0, 0, 5)
    book.put("quote", "T", Quote(UNIT, UNIT, NOON))
    book.put("open", "t", OpenOrder("t", "T", 1, 4 * UNIT, UNIT))
    value = UNIT * UNIT
    assert use_of(book, 5) == Use(4 * value, 7 * value, 7 + 4 * value, 5)
    assert use_of(book, 5, "S").position == 3 * value and use_of(book, 5, "Q").position == 0


def test_what_is_left_is_in_whole_cents_against_the_account() -> None:
    book = a_book(3 * UNIT, turnover=1)
    limits = replace(
        LIMITS, loss=500, position=1_000, positions={"T": 450}, turnover=2_000, trade=300, gross_bps=10_000
    )
    assert headroom_of(book, limits, 0) == {
        "loss": 500, "position": 700, "gross": 99_700, "turnover": 1_999, "trade": 300,
    }  # fmt: skip
    assert headroom_of(book, limits, 1)["loss"] == 499 and headroom_of(book, limits, CENT)["loss"] == 499
    book.put("quote", "T", Quote(UNIT, UNIT, NOON))
    book.put("open", "t", OpenOrder("t", "T", 1, UNIT + 1, UNIT))
    found = headroom_of(book, limits, 0)
    assert (found["position"], found["gross"], found["turnover"]) == (349, 99_599, 1_899)
    assert headroom_of(book, limits, 0, "S")["position"] == 700
    assert headroom_of(a_book(), limits, 0)["position"] == 1_000


@pytest.mark.parametrize(
    ("cash", "base", "result", "loss"), [(5, 0, 5, 0), (0, 1, -1, 1), (0, -1, 0, 0), (-5, 0, -5, 5), (0, 2, -1, 1)]
)
def test_a_result_is_rounded_down_and_a_loss_up(cash: int, base: int, result: int, loss: int) -> None:
    book = a_book(cash=cash, base=base)
    assert (result_of(book), loss_of(book), believed_loss_of(book)) == (result, loss, loss)
    assert loss_of(book, 3) == max(3 - result, 0)


def test_a_price_in_doubt_is_in_the_loss_and_not_in_what_halts_for_good() -> None:
    book = a_book(2, base=4 * UNIT)
    book.put("doubt", "S", Doubt("jump", UNIT // 2, UNIT // 2, NOON))
    assert (loss_of(book), believed_loss_of(book)) == (UNIT, 0)


def test_the_ladder_stands_where_the_loss_reaches_a_share_of_equity_or_of_the_limit() -> None:
    caution, reduce, halt = LIMITS.stages
    for stage, name in ((caution, "caution"), (reduce, "reduce_only"), (halt, "halt")):
        for equity in (100_000, 10_000_000):
            at = min(stage.equity_bps * equity, stage.loss_bps * LIMITS.loss) * CENT // 10_000
            book = a_book(equity=equity)
            assert stage_of(book, LIMITS, at) == name and stage_of(book, LIMITS, at - 1) != name
    assert stage_of(a_book(), LIMITS, 0) == "normal" and stage_of(a_book(halted=True), LIMITS, 0) == "halt"
    for day, equity, loss, stage in (
        (-1, 0, 10**30, "normal"), (0, 0, 0, "reduce_only"), (DAY, -1, 0, "reduce_only"), (0, 1, 0, "normal"),
        (0, 100_000, 10**30, "halt"), (-1, -5, 0, "normal"),
    ):  # fmt: skip
        assert stage_of(a_book(day=day, equity=equity), LIMITS, loss) == stage


def test_what_all_together_and_what_one_order_may_be_worth() -> None:
    limits = replace(LIMITS, gross_bps=8_500, trade=301, caution_bps=5_000)
    assert [gross_cap(a_book(equity=equity), limits) for equity in (0, -5, 1, 1_001)] == [0, 0, 0, 850]
    assert [trade_cap(limits, stage) for stage in ("normal", "caution", "reduce_only", "halt")] == [301, 150, 0, 0]


def test_a_price_is_known_that_is_fresh_believed_in_dollars_and_no_wider_than_the_collar() -> None:
    age = LIMITS.quote_age
    for now, known in ((NOON, True), (NOON + age, True), (NOON + age + 1, False), (NOON - AHEAD_MAX, True),
                       (NOON - AHEAD_MAX - 1, False)):  # fmt: skip
        assert known_price(a_book(), LIMITS, "S", now) is known
    for bid, ask, known in ((9_900, 10_100, True), (9_899, 10_101, False), (10_000, 10_000, True)):
        assert known_price(a_book(quote=Quote(bid, ask, NOON)), LIMITS, "S", NOON) is known, (bid, ask)
    book = a_book()
    book.put("doubt", "S", Doubt("jump", 1, 1, NOON))
    assert known_price(book, LIMITS, "S", NOON) is known_price(a_book(quote=None), LIMITS, "S", NOON) is False
    book.put("quote", "VOD.L", Quote(1, 1, NOON))
    assert not known_price(book, LIMITS, "VOD.L", NOON)  # in pence, if at all


def test_dust_is_long_in_dollars_undisputed_and_worth_next_to_nothing() -> None:
    late = NOON + LIMITS.quote_age + 1
    for held, dust in ((UNIT, True), (UNIT + 1, False), (-UNIT, False), (1, True)):
        book = a_book(held)
        assert marked(book, LIMITS, late) is dust and marked(book, LIMITS, NOON)
        assert dust_of(book, LIMITS, late) == (held * UNIT if dust else 0)
        assert dust_of(book, LIMITS, NOON) == 0  # its price is known
    odd = a_book(1, Quote(1, 2, NOON))
    assert dust_of(odd, LIMITS, late) == 2  # half of 3, rounded up
    disputed = a_book(UNIT)
    disputed.put("told", "S", 5)
    assert not marked(disputed, LIMITS, late) and dust_of(disputed, LIMITS, late) == 0
    dear = a_book(UNIT)
    dear.put("doubt", "S", Doubt("jump", UNIT, UNIT + 1, NOON))
    assert not marked(dear, LIMITS, late)
    assert not marked(a_book(1, None), LIMITS, NOON)
    pence = a_book()
    pence.put("quote", "VOD.L", Quote(1, 1, NOON))
    pence.put("position", "VOD.L", 1)
    assert not marked(pence, LIMITS, NOON) and dust_of(pence, LIMITS, NOON) == 0
    unpriced = a_book(1, None)
    unpriced.put("doubt", "S", Doubt("jump", 1, 1, NOON))
    assert not marked(unpriced, LIMITS, NOON) and dust_of(unpriced, LIMITS, NOON) == 0


def test_worth_is_known_once_what_is_held_told_and_open_was_heard_since_the_start() -> None:
    book = a_book(2 * UNIT)
    assert marked(book, LIMITS, NOON) is True
    book.unheard = {"T"}
    assert marked(book, LIMITS, NOON)
    book.put("open", "t", OpenOrder("t", "T", 1, 1, 1))
    assert marked(book, LIMITS, NOON) is False
    book.unheard = set()
    assert marked(book, LIMITS, NOON)  # what is only open needs no price, once it was heard
    book.put("told", "T", 3)
    assert not marked(book, LIMITS, NOON)
    book.put("quote", "T", Quote(UNIT, UNIT, NOON))
    assert marked(book, LIMITS, NOON)


def test_an_account_is_healthy_with_known_prices_and_no_order_of_an_earlier_session() -> None:
    book = a_book(2 * UNIT, first=5)
    for number, sound in ((5, True), (6, True), (4, False)):
        book.put("open", "a", OpenOrder("a", "S", 1, 1, 1, number=number))
        assert healthy(book, LIMITS, NOON) is sound
    book.put("open", "a", None)
    assert not healthy(book, LIMITS, NOON + LIMITS.quote_age + 1)

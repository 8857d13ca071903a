"""The governor's sums on small books by hand; ``properties/test_governor_book.py`` draws large ones (H2)."""

from __future__ import annotations

import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.governor.book import Book
from plimsoll.governor.state import (
    FAR_FUTURE,
    MINUTE,
    SPLIT,
    Account,
    AdmittedOrder,
    Came,
    Doubt,
    OpenOrder,
    Quote,
    SplitAt,
    row,
)

QUOTE = Quote(8, 10, 5)


def order(name: str, sign: int, quantity: int, price: int = 10, filled: int = 0, symbol: str = "S") -> OpenOrder:
    return OpenOrder(name, symbol, sign, quantity, price, filled)


def a_book(held: int = 0, *orders: OpenOrder, quote: Quote | None = QUOTE) -> Book:
    book = Book()
    if quote is not None:
        book.put("quote", "S", quote)
    if held:
        book.put("position", "S", held)
    for each in orders:
        book.put("open", each.id, each)
    return book


def test_what_is_not_known_is_worth_nothing() -> None:
    book = a_book()
    assert (book.value("S"), book.value("Q"), book.values(), book.gross) == (0, 0, {}, 0)
    assert book.count_identical("S", 1, 5) == 0


@pytest.mark.parametrize(
    ("held", "buys", "sells", "reach"),
    [(0, 4, 0, 4), (0, 0, 4, 4), (5, 4, 0, 9), (5, 0, 4, 5), (-5, 0, 4, 9), (-5, 4, 0, 5), (5, 0, 12, 7),
     (-5, 12, 0, 7), (5, 3, 20, 15), (-5, 20, 3, 15)],
)  # fmt: skip
def test_a_symbol_is_worth_its_worse_side(held: int, buys: int, sells: int, reach: int) -> None:
    orders = [order("b", 1, buys)] * bool(buys) + [order("s", -1, sells)] * bool(sells)
    book = a_book(held, *orders)
    assert book.value("S") == book.gross == 10 * reach
    assert book.values() == {"S": 10 * reach}
    assert book.reserved == 10 * (buys + sells)
    assert book.marked == held * 18
    without = a_book(held, *orders[:-1])
    last = orders[-1]
    assert without.value_with("S", last.sign, last.quantity, 10) == 10 * reach
    assert without.value_with("S", last.sign, last.quantity, 11) == 11 * reach


def test_only_what_is_held_or_open_is_told() -> None:
    book = a_book(3)
    book.put("quote", "Q", Quote(1, 1, 5))
    book.put("open", "t", order("t", 1, 2, symbol="T"))
    assert book.values() == {"S": 30, "T": 20}
    book.put("open", "t", None)
    assert book.values() == {"S": 30}


@pytest.mark.parametrize(
    ("held", "sign", "quantity", "reduces"),
    [(1, -1, 1, True), (1, -1, 2, False), (1, 1, 1, False), (-1, 1, 1, True), (-1, 1, 2, False), (-1, -1, 1, False),
     (0, 1, 1, False), (0, -1, 1, False), (9, -1, 9, True), (-9, 1, 9, True)],
)  # fmt: skip
def test_an_order_reduces_up_to_zero(held: int, sign: int, quantity: int, reduces: bool) -> None:
    assert a_book(held).reduces("S", sign, quantity) is reduces


def test_an_order_of_nothing_reduces_nothing_where_nothing_is_held() -> None:
    assert not a_book().reduces("S", 1, 0) and not a_book().reduces("S", -1, 0)


def test_what_a_split_makes_of_the_smallest_holding_and_of_a_short_one() -> None:
    """Long, only what is there by either reading is sure; short, what was counted must be able to leave."""
    for held, (new, old), sure in ((1, (3, 1), 0), (-6, (1, 10), -6), (-6, (3, 1), -6), (60, (3, 2), 40)):
        book = a_book(held, quote=Quote(8, 10, 5, SPLIT))
        book.put("split", "S", (SplitAt(1, 7, 5, "a"), SplitAt(2, new, old, "b")))
        assert book.sure("S") == sure, (held, new, old)


def test_what_may_add_is_told_by_its_number_whatever_its_symbol() -> None:
    book = a_book(1)
    for number, (symbol, sign) in enumerate((("T", 1), ("S", 1), ("S", -1), ("T", 1)), start=1):
        book.put("open", str(number), OpenOrder(str(number), symbol, sign, 1, 10, number=number))
    assert [found.id for found in book.adding()] == ["1", "2", "4"]  # the sale of the one that is held adds nothing


def test_a_price_in_doubt_counts_in_what_is_marked_and_not_in_what_is_believed() -> None:
    book = a_book(3)
    book.put("doubt", "S", Doubt("jump", 4, 5, 6))
    assert (book.marked, book.believed) == (3 * 9, 3 * 18)
    book.put("doubt", "S", Doubt("jump", 40, 50, 6))
    assert (book.marked, book.believed) == (3 * 18, 3 * 18)


@pytest.mark.parametrize(
    ("came", "doubt", "less"),
    [(Came(3, 50), None, 4), (Came(3, 60), None, 0), (Came(3, 50), Doubt("jump", 10, 10, 6), 10),
     (Came(-3, -60), Doubt("refused", 0, 0, 6), 6), (Came(-3, -50), Doubt("refused", 0, 0, 6), 0)],
)  # fmt: skip
def test_what_transferred_units_are_worth_beyond_what_they_counted_at_is_left_out_at_once(
    came: Came, doubt: Doubt | None, less: int
) -> None:
    book = a_book(3)
    book.put("doubt", "S", doubt)
    book.put("came", "S", came)
    assert book.marked == 3 * 18 - less
    book.put("came", "S", None)
    assert book.marked == 3 * 18


@pytest.mark.parametrize("side", [1, -1])
def test_open_orders_of_its_own_side_come_first(side: int) -> None:
    held = -9 * side
    book = a_book(held, order("same", side, 4), order("other", -side, 50))
    assert book.reduces("S", side, 5) and not book.reduces("S", side, 6)
    partly = a_book(held, order("same", side, 4, filled=1))
    assert partly.reduces("S", side, 6) and not partly.reduces("S", side, 7)


def test_the_dearest_price_goes_with_its_order() -> None:
    book = a_book(2, order("a", 1, 1, 30), order("b", 1, 1, 20), order("c", 1, 1, 25))
    for name, price, reach in (("a", 30, 5), ("c", 25, 4), ("b", 20, 3)):
        assert book.value("S") == price * reach
        book.put("open", name, None)
    assert book.value("S") == 10 * 2  # the ask again
    assert a_book(2, order("a", 1, 1, 4), quote=None).value("S") == 12
    lone = a_book(2, order("a", 1, 1, 4), quote=None)
    lone.put("open", "a", None)
    assert lone.value("S") == 0


def test_each_put_gives_back_what_stood_there() -> None:
    book = Book()
    account = Account(day=1)
    for kind, key, one, two in (
        ("quote", "S", Quote(1, 1, 1), Quote(2, 2, 2)),
        ("position", "S", 3, 4),
        ("caps", "", {"loss": 1}, {"loss": 2}),
        ("open", "a", order("a", 1, 1), order("a", 1, 2)),
    ):
        assert [book.put(kind, key, value) for value in (one, two, None, one)] == [None, one, two, None]
    assert book.put("account", "", account) == Account() and book.put("account", "", Account()) == account
    assert book.positions == {"S": 3} and book.orders == {"a": order("a", 1, 1)}


def sent(book: Book) -> list[int]:
    return [number for number, _ in book.outdated(FAR_FUTURE)]


def test_orders_sent_come_and_go_at_either_end() -> None:
    book = Book()
    assert book.last_admitted == -FAR_FUTURE
    for number in (5, 6, 7, 4, 3):
        assert book.put("recent", str(number), AdmittedOrder(number, "S", 1, 2)) is None
    assert sent(book) == [3, 4, 5, 6, 7] and book.last_admitted == 7
    assert [book.time_of_nth_last(n, 7) for n in (0, 1, 5, 6)] == [FAR_FUTURE, 7, 3, -FAR_FUTURE]
    assert book.count_identical("S", 1, 2) == 5
    assert book.put("recent", "3", None) == AdmittedOrder(3, "S", 1, 2)
    assert book.put("recent", "7", None) == AdmittedOrder(7, "S", 1, 2)
    assert sent(book) == [4, 5, 6] and book.count_identical("S", 1, 2) == 3
    for number in (4, 5, 6):
        book.put("recent", str(number), None)
    assert sent(book) == [] and book.count_identical("S", 1, 2) == 0


@pytest.mark.parametrize("number", ["5", "9"])
def test_an_order_in_the_middle_cannot_be_forgotten(number: str) -> None:
    book = Book()
    for n in (4, 5, 6):
        book.put("recent", str(n), AdmittedOrder(n, "S", 1, 2))
    with pytest.raises(CorruptionError, match="recent"):
        book.absorb([("recent", number, None)])
    assert sent(book) == [4, 5, 6] and book.count_identical("S", 1, 2) == 3


def test_an_order_is_outdated_a_minute_after_it_was_sent() -> None:
    book = Book()
    book.put("recent", "1", AdmittedOrder(0, "S", 1, 2))
    book.put("recent", "2", AdmittedOrder(1, "S", 1, 2))
    assert [len(book.outdated(MINUTE + late)) for late in (-1, 0, 1)] == [0, 1, 2]


def test_rows_take_away_as_well_as_put() -> None:
    book = a_book(3, order("a", 1, 2))
    book.absorb([row("open", "a", None), row("position", "S", None), row("quote", "S", Quote(1, 2, 3))])
    assert (book.orders, book.positions, book.quotes) == ({}, {}, {"S": Quote(1, 2, 3)})
    assert (book.gross, book.reserved, book.marked) == (0, 0, 0)

"""The governor's running sums against sums made anew, whatever is put, in whatever order, and taken back (H2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.errors import CorruptionError
from plimsoll.core.quantity import ONE
from plimsoll.governor.book import Book
from plimsoll.governor.state import MINUTE, Account, AdmittedOrder, OpenOrder, Quote, row

NOON = 1_772_463_600_000_000
SYMBOLS = ("A", "B", "C")
SMALL = st.integers(1, 9)
PUTS = st.one_of(
    st.builds(
        lambda n, s, sign, q, f, p, paid: ("open", f"o{n}", OpenOrder(f"o{n}", SYMBOLS[n % 3], sign, q, p, f, n, paid)),
        st.integers(0, 8), SMALL, st.sampled_from((1, -1)), SMALL, st.integers(0, 12), SMALL, SMALL,
    ),
    st.builds(lambda n: ("open", f"o{n}", None), st.integers(0, 8)),
    st.builds(lambda s, held: ("position", s, held or None), st.sampled_from(SYMBOLS), st.integers(-9, 9)),
    st.builds(lambda s, b, d, at: ("quote", s, Quote(b, b + d, at)), st.sampled_from(SYMBOLS), SMALL, SMALL, SMALL),
    st.builds(lambda cash: ("account", "", Account(cash=cash)), SMALL),
)  # fmt: skip


def check(book: Book) -> None:
    """Every sum from the orders, positions and quotes alone."""
    nothing = Quote(0_000_000, 0_000_000, 0)
    values = {}
    for symbol in SYMBOLS:
        mine = [o for o in book.orders.values() if o.symbol == symbol]
        held = book.positions.get(symbol, 0)
        buys = sum(max(o.quantity - o.filled, 0) for o in mine if o.sign > 0)
        sells = sum(max(o.quantity - o.filled, 0) for o in mine if o.sign < 0)
        price = max([book.quotes.get(symbol, nothing).ask, *(o.price for o in mine)])
        values[symbol] = price * max(abs(held + buys), abs(held - sells))
        assert book.value(symbol) == values[symbol]
        for sign, quantity, dear in ((1, 3, 1), (-1, 2, 9)):
            more = (buys + quantity, sells) if sign > 0 else (buys, sells + quantity)
            reach = max(abs(held + more[0]), abs(held - more[1]))
            assert book.value_with(symbol, sign, quantity, dear) == max(price, dear) * reach
            side = buys if sign > 0 else sells
            assert book.reduces(symbol, sign, quantity) == (held * sign < 0 and side + quantity <= abs(held))
        assert (symbol in book.values()) == (bool(mine) or bool(held))
    assert book.gross == sum(values.values())
    asks = {s: book.quotes.get(s, nothing).ask for s in SYMBOLS}
    assert book.reserved == sum(
        max(o.quantity - o.filled, 0) * max(o.price, o.paid, asks[o.symbol]) for o in book.orders.values()
    )
    quotes = {s: book.quotes.get(s, nothing) for s in book.positions}
    assert book.marked == sum(n * (quotes[s].bid + quotes[s].ask) for s, n in book.positions.items())


def seen(book: Book) -> tuple[Any, ...]:
    return book.account, book.caps, book.orders, book.positions, book.quotes


@settings(max_examples=150, deadline=None)
@given(st.lists(PUTS, max_size=25), st.integers(0, 25))
def test_the_sums_are_those_of_what_is_there(puts: list[tuple[str, str, Any]], back: int) -> None:
    book, before, copies = Book(), [], []
    for kind, key, value in puts:
        copies.append(tuple(dict(x) if isinstance(x, dict) else x for x in seen(book)))
        before.append((kind, key, book.put(kind, key, value)))
        check(book)
    rows = [row("account", "", book.account)]
    rows += [row("open", key, order) for key, order in book.orders.items()]
    rows += [row("position", symbol, held) for symbol, held in book.positions.items()]
    rows += [row("quote", symbol, quote) for symbol, quote in book.quotes.items()]
    again = Book()
    again.absorb(rows)
    check(again)
    assert seen(again) == seen(book)
    for kind, key, value in reversed(before[back:]):
        book.put(kind, key, value)
        check(book)
    if back < len(puts):
        assert seen(book) == copies[back]


KEPT = [
    ("account", "", '[20514,100000,1772463600000000,1,-2,3,false,["o3"],7,4,2,true,1772463000000000]'),
    ("open", "o7", '["o7","A",-1,5000000000000,400020000000000,1000000000000,7,404020200000000]'),
    ("position", "A", "-3000000000000"),
    ("quote", "A", '[399980000000000,400020000000000,1772463600000000,""]'),
    ("recent", "7", '[1772463600000000,"A",-1,5000000000000]'),
]


def test_an_order_kept_before_turnover_had_a_reserve_counts_at_its_own_price() -> None:
    book = Book()
    book.absorb([("open", "o7", '["o7","A",1,5000000000000,400020000000000,1000000000000,7]')])
    assert book.reserved == 4 * ONE * 400_020_000_000_000


def test_a_quote_kept_before_actions_were_told_apart_is_a_print() -> None:
    book = Book()
    book.absorb([("quote", "A", "[399980000000000,400020000000000,1772463600000000]")])
    assert book.fresh("A", NOON, NOON)


def test_the_texts_a_store_keeps_are_written_the_same_again() -> None:
    """Written down from an account: what it holds must mean the same and be written the same."""
    book = Book()
    book.absorb(KEPT)
    assert book.account == Account(20514, 100000, NOON, 1, -2, 3, False, ("o3",), 7, 4, 2, True, NOON - 600_000_000)
    assert book.orders == {"o7": OpenOrder("o7", "A", -1, 5 * ONE, 400_020_000_000_000, ONE, 7, 404_020_200_000_000)}
    assert (book.positions, book.quotes) == (
        {"A": -3 * ONE},
        {"A": Quote(399_980_000_000_000, 400_020_000_000_000, NOON)},
    )
    assert book.outdated(NOON + MINUTE) == [(7, AdmittedOrder(NOON, "A", -1, 5 * ONE))]
    again = [row("account", "", book.account), row("open", "o7", book.orders["o7"])]
    again += [row("position", "A", -3 * ONE), row("quote", "A", book.quotes["A"])]
    assert [*again, row("recent", "7", AdmittedOrder(NOON, "A", -1, 5 * ONE))] == KEPT


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("quote", "[1,2]"), ("quote", "[1,2,3,4]"), ("quote", "[1,2,3.5]"), ("quote", '{"bid":1,"ask":2,"at":3}'),
        ("open", '["o","A",1,5]'), ("open", '["o","A",1,5,6,0,7,8,9]'), ("account", "[1,2,3,4,5,6,0]"),
        ("recent", "[1,2,3,4]"), ("position", "true"), ("nothing", "1"),
    ],
)  # fmt: skip
def test_a_text_no_governor_wrote_is_corruption(kind: str, text: str) -> None:
    with pytest.raises(CorruptionError, match=kind):
        Book().absorb([(kind, "7", text)])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("AB"), st.booleans()), min_size=1, max_size=30))
def test_the_throttles_count_what_was_sent(steps: list[tuple[int, str, bool]]) -> None:
    """Orders in time, seconds apart; some are tried and taken back. Counted against the plain list of all of them."""
    book, sent, now = Book(), [], 100 * MINUTE
    for number, (seconds, symbol, kept) in enumerate(steps, start=1):
        now += seconds * 1_000_000
        changes = [(str(old), None) for old, _ in book.outdated(now)] + [
            (str(number), AdmittedOrder(now, symbol, 1, 5))
        ]
        before = [(key, book.put("recent", key, value)) for key, value in changes]
        if kept:
            sent.append((now, symbol))
        else:
            for key, value in reversed(before):
                book.put("recent", key, value)
        gone = book.outdated(now)
        for n in (1, 2, 5):
            last = book.time_of_nth_last(n, now)
            assert (last > now - MINUTE) == (len([t for t, _ in sent if t > now - MINUTE]) >= n)
            assert (last > now - 1_000_000) == (len([t for t, _ in sent if t > now - 1_000_000]) >= n)
        for name in "AB":
            alike = book.count_identical(name, 1, 5) - sum(old.symbol == name for _, old in gone)
            assert alike == len([t for t, s in sent if t > now - MINUTE and s == name])
    assert book.time_of_nth_last(0, now) > now

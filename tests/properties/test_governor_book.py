"""The governor's running sums against sums made anew, whatever is put, in whatever order, and taken back (H2)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.risk.governor_book import MINUTE, Account, Book, OpenOrder, Quote, Sent, row

SYMBOLS = ("A", "B", "C")
SMALL = st.integers(1, 9)
PUTS = st.one_of(
    st.builds(
        lambda n, s, sign, q, f, p: ("open", f"o{n}", OpenOrder(f"o{n}", SYMBOLS[n % 3], sign, q, p, f, n)),
        st.integers(0, 8), SMALL, st.sampled_from((1, -1)), SMALL, st.integers(0, 12), SMALL,
    ),
    st.builds(lambda n: ("open", f"o{n}", None), st.integers(0, 8)),
    st.builds(lambda s, held: ("position", s, held or None), st.sampled_from(SYMBOLS), st.integers(-9, 9)),
    st.builds(lambda s, b, d, at: ("quote", s, Quote(b, b + d, at)), st.sampled_from(SYMBOLS), SMALL, SMALL, SMALL),
    st.builds(lambda cash: ("account", "", Account(cash=cash)), SMALL),
)  # fmt: skip


def check(book: Book) -> None:
    """Every sum from the orders, positions and quotes alone."""
    nothing = Quote(0, 0, 0)
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
    assert book.reserved == sum(max(o.quantity - o.filled, 0) * o.price for o in book.orders.values())
    quotes = {s: book.quotes.get(s, nothing) for s in book.positions}
    assert book.marked == sum(n * (quotes[s].bid + quotes[s].ask) for s, n in book.positions.items())
    for moment in (0, 1, 5, 9, 10):
        assert book.marked_since(moment) == all(q.at >= moment for q in quotes.values())


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


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("AB"), st.booleans()), min_size=1, max_size=30))
def test_the_throttles_count_what_was_sent(steps: list[tuple[int, str, bool]]) -> None:
    """Orders in time, seconds apart; some are tried and taken back. Counted against the plain list of all of them."""
    book, sent, now = Book(), [], 100 * MINUTE
    for number, (seconds, symbol, kept) in enumerate(steps, start=1):
        now += seconds * 1_000_000
        changes = [(str(old), None) for old, _ in book.outdated(now)] + [(str(number), Sent(now, symbol, 1, 5))]
        before = [(key, book.put("recent", key, value)) for key, value in changes]
        if kept:
            sent.append((now, symbol))
        else:
            for key, value in reversed(before):
                book.put("recent", key, value)
        gone = book.outdated(now)
        for n in (1, 2, 5):
            last = book.nth_last(n)
            assert (last > now - MINUTE) == (len([t for t, _ in sent if t > now - MINUTE]) >= n)
            assert (last > now - 1_000_000) == (len([t for t, _ in sent if t > now - 1_000_000]) >= n)
        for name in "AB":
            alike = book.alike(name, 1, 5) - sum(old.symbol == name for _, old in gone)
            assert alike == len([t for t, s in sent if t > now - MINUTE and s == name])
    assert book.nth_last(0) > now

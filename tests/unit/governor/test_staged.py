"""What is put and still to be written, and quotes that wait to be, beside what others wrote (H2, H6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.quotes import UnsavedQuotes, prices_of, put_quote
from plimsoll.governor.staged import Staged
from plimsoll.governor.state import Account, AdmittedOrder, Came, Doubt, Quote, encode, row
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)


def price(cents: int, second: int = 0) -> Quote:
    return Quote(cents * UNIT // 100, cents * UNIT // 100, NOON + second * SECOND)


def staged(*puts: tuple[str, str, object]) -> Staged:
    """An account in a session, and nothing to be written."""
    found = Staged()
    for put in (("account", "", Account(day=DAY, equity=100_000, clock=NOON, opened=NOON - SECOND)), *puts):
        found.put(*put)
    found.forget()
    return found


# what others wrote


def test_a_quote_of_another_is_learnt_and_is_no_quote_that_was_heard() -> None:
    one = staged()
    one.book.unheard = {"S", "T", "U"}
    one.learn([row("quote", "S", price(100)), row("position", "T", 1), row("quote", "U", None)])
    assert one.book.unheard == {"S", "T", "U"}  # each process hears its own
    assert one.heard == {"S", "U"}
    assert one.book.positions == {"T": 1} and not one.state


def test_a_quote_that_was_too_old_stays_too_old_when_the_whole_account_is_read_again() -> None:
    one = staged(("quote", "S", price(100)), ("quote", "T", price(100)))
    one.book.unheard = {"S", "T"}
    one.book.age()
    one.reload([row("quote", "S", price(100)), row("quote", "T", price(101, 1))])
    assert one.book.unheard == {"S", "T"}  # whoever heard T since
    one.book.unheard = set()
    assert not one.book.fresh("S", 0, NOON + SECOND) and one.book.fresh("T", 0, NOON + SECOND)


def test_orders_are_remembered_by_their_numbers_however_their_rows_come() -> None:
    sent = {2: "M", 9: "A", 10: "Z", 11: "M"}
    rows = [row("recent", str(n), AdmittedOrder(NOON, symbol, 1, 1)) for n, symbol in sent.items()]
    one = Staged()
    one.reload([*reversed(rows), row("account", "", Account(day=DAY))])
    assert [number for number, _ in one.book.outdated(0)] == [2, 9, 10, 11]
    for number in (11, 10, 9, 2):
        one.put("recent", str(number), None)
    assert one.book.account.day == DAY


# what is put


def test_a_session_that_lost_its_halt_is_halted_for_good() -> None:
    one = staged(("position", "S", 100 * UNIT))
    for cash, halted in ((-79, False), (-80, True), (0, True)):
        one.mark(MICRO, cash=cash * UNIT * UNIT)
        assert (one.book.account.halted, one.book.account.cash) == (halted, cash * UNIT * UNIT)
    one.undo()
    assert one.book.account.cash == 0 and not one.book.account.halted and not one.state


def test_what_a_quote_puts_is_itself_and_the_time_it_was_seen() -> None:
    one = staged()
    assert put_quote(one, MICRO, "S", price(100, 1), None) is None
    assert one.state == {("quote", "S"): price(100, 1), ("account", ""): one.book.account}
    assert one.book.account.clock == NOON + SECOND


def test_a_doubted_price_that_the_next_one_shows_was_true_is_marked_on_the_way() -> None:
    """100 units were bought at 2.00. A print at 1.00 loses the session; the next at 1.15 shows that it was true."""
    one = staged(("position", "S", 100 * UNIT), ("quote", "S", price(200)))
    one.mark(MICRO, base=2 * 100 * 200 * UNIT * UNIT // 100)
    assert put_quote(one, MICRO, "S", price(100, 1), None) is not None
    assert not one.book.account.halted
    wide = replace(MICRO, jumps=replace(MICRO.jumps, plain=3_000))
    assert put_quote(one, wide, "S", price(125, 2), None) is None
    assert one.book.account.halted and not one.book.doubts and one.book.quotes["S"] == price(125, 2)


# quotes that wait to be written


def test_nothing_but_a_change_writes_the_quotes_that_wait() -> None:
    store = MemoryStateStore()
    governor = Governor(store, MICRO)
    governor.begin(DAY, 100_000)
    governor.quote("S", price(100))
    entries, stored = len(store.account.record), store.account.state["quote", "S"]
    governor.quote("S", price(101, 1))
    governor.refresh()
    assert len(store.account.record) == entries and store.account.state["quote", "S"] == stored


def kept(*quotes: Quote, into: Staged | None = None) -> UnsavedQuotes:
    """Quotes of S that were taken and wait."""
    one, unsaved = into or staged(("quote", "S", price(100, 0))), UnsavedQuotes()
    for quote in quotes:
        last = prices_of(one.book, "S")
        put_quote(one, MICRO, "S", quote, None)
        unsaved.keep(one, "S", last)
    return unsaved


def waiting(unsaved: UnsavedQuotes, *, pressed: bool = False) -> dict[tuple[str, str], object]:
    """What would be written with a change, which is all that is written while nothing presses."""
    probe = staged()
    assert bool(unsaved.beside(probe)) is pressed
    probe.put("position", "other", 1)
    found = dict(unsaved.beside(probe))
    del found["position", "other"]
    found.pop(("account", ""), None)
    return found


def test_a_quote_that_waits_is_put_on_top_of_what_others_wrote_and_waits_on() -> None:
    unsaved, others = kept(price(100, 2)), staged(("quote", "S", price(101, 1)))
    assert waiting(unsaved) == {("quote", "S"): price(100, 2)}
    unsaved.put_again(others, MICRO, None, frozenset("S"))
    assert others.book.quotes["S"] == price(100, 2) and others.book.account.clock == NOON + 2 * SECOND
    assert not others.state and waiting(unsaved) == {("quote", "S"): price(100, 2)}
    unsaved.written()
    assert waiting(unsaved) == {}


def test_a_quote_that_waits_takes_the_place_of_no_newer_one() -> None:
    unsaved, others = kept(price(100, 2)), staged(("quote", "S", price(101, 3)))
    unsaved.put_again(others, MICRO, None, frozenset("S"))
    assert others.book.quotes["S"] == price(101, 3) and waiting(unsaved) == {}


def test_a_quote_that_waits_settles_nothing_that_others_were_told_meanwhile() -> None:
    """Units came at an unknown price. Only a quote that comes after that says what they are worth."""
    came = Came(3 * UNIT, 3 * 180 * UNIT * UNIT // 100)
    unsaved = kept(price(100, 2))
    others = staged(("quote", "S", price(95, 1)), ("position", "S", 3 * UNIT), ("came", "S", came))
    unsaved.put_again(others, MICRO, None, frozenset("S"))
    assert others.book.quotes["S"] == price(100, 2)
    assert others.book.came == {"S": came} and others.book.account.base == 0
    assert waiting(unsaved) == {("quote", "S"): price(100, 2)}


@pytest.mark.parametrize(("theirs", "second"), [(1, 3), (2, 3), (3, 3), (4, 4)])
def test_a_doubt_that_waits_stays_beside_what_others_wrote_unless_they_know_a_newer_quote(
    theirs: int, second: int
) -> None:
    """A print of the third second jumped as far as one of the second, which had been written."""
    mine, doubt = staged(("quote", "S", price(100))), Doubt("jump", 2 * UNIT, 2 * UNIT, NOON + 2 * SECOND, NOON)
    mine.put("doubt", "S", doubt)
    mine.forget()
    unsaved = UnsavedQuotes()
    late = Doubt("jump", 21 * UNIT // 10, 21 * UNIT // 10, NOON + 3 * SECOND, NOON)
    mine.put("doubt", "S", late)
    unsaved.keep(mine, "S", (price(100), doubt))
    others = staged(("quote", "S", price(100)), ("doubt", "S", replace_at(doubt, theirs)))
    unsaved.put_again(others, MICRO, None, frozenset("S"))
    assert others.book.doubts["S"].at == NOON + second * SECOND
    assert (("doubt", "S") in waiting(unsaved)) is (second == 3)


def replace_at(doubt: Doubt, second: int) -> Doubt:
    return Doubt(doubt.why, doubt.bid, doubt.ask, NOON + second * SECOND, doubt.since)


def test_what_others_wrote_can_make_a_quote_that_waits_one_that_must_be_written() -> None:
    """It falls by nine tenths of a dollar. With their hundred units that is a session's loss, which halts it."""
    jumps = replace(MICRO, jumps=replace(MICRO.jumps, plain=20_000))
    unsaved = kept(price(10, 2), into=staged(("quote", "S", price(10))))
    others = staged(("quote", "S", price(100, 1)), ("position", "S", 100 * UNIT))
    others.mark(MICRO, base=2 * 100 * UNIT * UNIT)
    others.forget()
    unsaved.put_again(others, jumps, None, frozenset("S"))
    assert others.book.account.halted
    assert waiting(unsaved, pressed=True) == {("quote", "S"): price(10, 2)}
    unsaved.put_again(others, jumps, None, frozenset("S"))  # and goes on to press until it is written
    assert waiting(unsaved, pressed=True) == {("quote", "S"): price(10, 2)}
    unsaved.written()
    assert waiting(unsaved) == {}


@pytest.mark.parametrize(("theirs", "pressed"), [(89, True), (90, True), (91, False), (100, False), (111, False)])
def test_a_quote_that_waits_must_be_written_where_others_stored_one_far_from_it(theirs: int, pressed: bool) -> None:
    """Half of the bound is a tenth, of the stored price."""
    unsaved, others = kept(price(100, 2)), staged(("quote", "S", price(theirs, 1)))
    unsaved.put_again(others, MICRO, None, frozenset("S"))
    assert waiting(unsaved, pressed=pressed) == {("quote", "S"): price(100, 2)}


def test_what_others_wrote_of_another_symbol_leaves_the_stored_quote_what_it_was() -> None:
    """100 is stored and 109 waits; 119 is near that, and too far from what is stored."""
    unsaved, one = UnsavedQuotes(), staged(("quote", "S", price(100)))
    for quote in (price(109, 1), price(119, 2)):
        last = prices_of(one.book, "S")
        put_quote(one, MICRO, "S", quote, None)
        assert unsaved.strayed(one.book, MICRO, "S", last) is (quote == price(119, 2))
        unsaved.keep(one, "S", last)
        one.learn([("quote", "T", encode(price(5)))])
        unsaved.put_again(one, MICRO, None, one.heard)
    assert waiting(unsaved, pressed=True)["quote", "S"] == price(119, 2)

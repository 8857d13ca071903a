"""Figures of the governor at their boundaries, by hand: what is sure, what adds, what is told late or again (H2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.venue_facts import (
    Dividend,
    External,
    Settlement,
    SignedPosition,
    SignedPrice,
    Snapshot,
    Split,
    Transfer,
)
from plimsoll.governor.book import Book
from plimsoll.governor.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import (
    AHEAD_MAX,
    FAR_FUTURE,
    SPLIT,
    AdmittedOrder,
    Doubt,
    Due,
    Lost,
    OpenOrder,
    SplitAt,
    encode,
)
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

UNIT = 10**12
DAY = 20_514
START = DAY * 86_400 * SECOND
NOON = START + 43_200 * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0, quote_age=10**12, dust=0)


def at(seconds: int) -> int:
    return NOON + seconds * SECOND


def opened(store: MemoryStateStore | None = None, price: int = 10, limits=MICRO) -> Governor:
    governor = Governor(MemoryStateStore() if store is None else store, limits)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(price * UNIT, price * UNIT, NOON))
    return governor


def holding(units: int, price: int = 10, second: int = 1) -> Governor:
    """So many units, by a trade of another."""
    governor = opened(price=price)
    sign = 1 if units > 0 else -1
    governor.tell(External("h", "S", sign, abs(units) * UNIT, price * UNIT, price * UNIT, at=at(second)))
    return governor


def ask(governor: Governor, name: str, quantity: int = 1, sign: int = 1, second: int = 60) -> tuple[str, ...]:
    return governor.decide(OrderIntent(name, "S", sign, quantity, at(second))).reasons


# what is sure of a position, and what open orders may add


@pytest.mark.parametrize(
    ("held", "told", "sure"),
    [(5, 3, 3), (3, 5, 3), (-5, -3, -3), (-3, -5, -3), (5, -3, 0), (-5, 3, 0), (5, 0, 0), (0, 5, 0), (1, 1, 1),
     (-1, -1, -1)],
)  # fmt: skip
def test_of_a_disputed_position_the_smaller_of_one_sign_is_sure(held: int, told: int, sure: int) -> None:
    book = Book()
    book.put("position", "S", held)
    book.put("told", "S", told)
    assert book.sure("S") == sure


@pytest.mark.parametrize(("held", "sure"), [(100, 10), (1, 0), (-100, -100)])
@pytest.mark.parametrize("why", [SPLIT, "jump"])
def test_after_what_may_be_a_reverse_split_a_long_holding_is_as_much_smaller(held: int, sure: int, why: str) -> None:
    book = Book()
    book.put("position", "S", held)
    book.put("doubt", "S", Doubt(why, 100, 100, 7))
    assert book.sure("S") == held
    book.put("quote", "S", Quote(10, 10, 5))
    assert book.sure("S") == (sure if why == SPLIT else held)
    book.put("doubt", "S", Doubt(why, 4, 4, 7))  # a price that fell makes more of nothing
    assert book.sure("S") == held


@pytest.mark.parametrize(("derived", "sure"), [(SPLIT, 20), ("dividend", 60), ("", 60)])
def test_until_a_print_shows_it_a_split_makes_no_more_that_can_be_sold(derived: str, sure: int) -> None:
    book = Book()
    book.put("position", "S", 60)
    book.put("quote", "S", Quote(10, 10, 5, derived))
    assert book.sure("S") == 60
    book.put("split", "S", (SplitAt(1, 9, 1, "a"), SplitAt(4, 3, 1, "b")))
    assert book.sure("S") == sure
    assert book.unsplit("S", 7, 1) == 21 and book.unsplit("T", 7, 1) == 7
    book.put("position", "S", -60)
    assert book.sure("S") == -60


def test_the_oldest_orders_that_only_reduce_add_nothing() -> None:
    """6 are held. Sales of 4 and 2 bring them to zero, in the order in which they left; everything else may add."""
    book = Book()
    book.put("position", "S", 6)
    sizes = {"a": (-1, 4), "b": (1, 1), "c": (-1, 3), "d": (-1, 2), "e": (-1, 1)}
    for number, (name, (sign, size)) in reversed([*enumerate(sizes.items(), start=1)]):
        book.put("open", name, OpenOrder(name, "S", sign, size, 10, number=number))
    assert [order.id for order in book.adding()] == ["b", "c", "e"]
    book.put("position", "S", -6)
    assert [order.id for order in book.adding()] == ["a", "c", "d", "e"]


# sums


def test_each_row_of_a_session_gives_back_what_stood_there() -> None:
    book = Book()
    ruling = MICRO.ruling
    assert (book.put("policy", "", ruling), book.put("policy", "", None)) == (None, ruling)
    assert (book.put("told", "S", 3), book.put("told", "S", None)) == (None, 3)
    assert (book.put("foreign", "", ("w",)), book.put("foreign", "", None)) == ((), ("w",))
    due = Due(1, 20, 3)
    assert (book.put("due", "S", due), book.put("due", "S", None)) == (None, due)
    lost = Lost(1, 2)
    assert (book.put("lost", "", lost), book.put("lost", "", None)) == (None, lost)
    assert not lost.told


def test_what_an_open_order_counts_at_in_the_turnover_is_kept_up_as_orders_come_and_go() -> None:
    """Ask 10; orders that count at 12, 8 and 8: reserved is 12 + 10 + 10 each for a unit, whichever went before."""
    book = Book()
    book.put("quote", "S", Quote(10, 10, 1))
    for name, price in (("a", 12), ("b", 8), ("c", 8)):
        book.put("open", name, OpenOrder(name, "S", 1, 1, price))
    assert book.reserved == 32
    book.put("open", "b", None)
    assert book.reserved == 22
    book.put("quote", "S", Quote(7, 7, 2))
    assert book.reserved == 20
    book.put("open", "c", None)
    book.put("quote", "S", Quote(11, 11, 3))
    assert book.reserved == 12
    book.put("quote", "S", Quote(12, 12, 4))
    assert book.reserved == 12
    book.put("quote", "S", Quote(13, 13, 5))
    assert book.reserved == 13


@pytest.mark.parametrize(
    ("held", "told", "buys", "sells", "reach"),
    [(3, 9, 2, 0, 11), (9, 3, 2, 0, 11), (3, -9, 0, 2, 11), (3, -9, 5, 0, 9), (-9, 3, 1, 0, 9), (2, 3, 0, 20, 18),
     (2, -3, 20, 0, 22), (-4, 1, 0, 1, 5), (1, -4, 0, 1, 5), (1, 4, 0, 6, 5)],
)  # fmt: skip
def test_a_disputed_symbol_reaches_as_far_as_either_account_of_it(
    held: int, told: int, buys: int, sells: int, reach: int
) -> None:
    book = Book()
    book.put("quote", "S", Quote(1, 1, 1))
    book.put("position", "S", held)
    book.put("told", "S", told)
    if buys:
        book.put("open", "b", OpenOrder("b", "S", 1, buys, 1))
    if sells:
        book.put("open", "s", OpenOrder("s", "S", -1, sells, 1))
    assert book.value("S") == reach
    assert book.values() == {"S": reach}


def test_a_symbol_that_only_the_venue_says_is_held_is_told_too() -> None:
    book = Book()
    book.put("quote", "S", Quote(1, 1, 1))
    book.put("told", "S", 4)
    assert book.values() == {"S": 4} and book.marked == -8


def test_a_session_opens_at_the_dearer_reading_and_with_the_dividend_no_print_has_shown() -> None:
    book = Book()
    assert book.opening() == 0
    book.put("position", "S", 3)
    assert book.opening() == 0  # never quoted
    book.put("quote", "S", Quote(9, 11, 1, "dividend"))
    assert book.opening() == 60
    book.put("doubt", "S", Doubt("jump", 15, 15, 2))
    assert book.opening() == 90
    book.put("doubt", "S", None)
    book.put("due", "S", Due(3, 24, 5))  # 3 x (24 - 20) is 12 of the 10 that are due, twice 5
    assert book.opening() == 70
    book.put("doubt", "S", Doubt("jump", 11, 11, 2))  # … and 3 x (24 - 22) where the price may not have fallen so far
    assert book.opening() == 66 + 6
    book.put("doubt", "S", Doubt("jump", 15, 15, 2))
    assert book.opening() == 90
    book.put("doubt", "S", None)
    book.put("quote", "S", Quote(9, 11, 1))
    assert book.opening() == 60


def test_orders_remembered_from_ahead_of_the_clock_count_no_longer() -> None:
    book = Book()
    book.put("recent", "1", AdmittedOrder(AHEAD_MAX, "S", 1, 1))
    assert book.time_of_nth_last(1, 0) == AHEAD_MAX and book.outdated(0) == []
    assert book.time_of_nth_last(1, -1) == -FAR_FUTURE and len(book.outdated(-1)) == 1
    assert book.time_of_nth_last(2, 0) == -FAR_FUTURE


def test_only_a_print_that_was_heard_is_fresh() -> None:
    book = Book()
    assert book.fresh("S", 0, 9) is False
    book.put("quote", "S", Quote(1, 1, 5))
    assert [book.fresh("S", *times) for times in ((5, 9), (6, 9), (0, 5), (0, 4))] == [True, False, True, False]
    book.unheard = {"S"}
    assert not book.fresh("S", 0, 9)
    book.unheard = set()
    book.put("quote", "S", Quote(1, 1, 5, SPLIT))
    assert not book.fresh("S", 0, 9)


# an account that was begun again without its last entries


def after_a_loss() -> tuple[MemoryStateStore, Governor]:
    store = MemoryStateStore()
    store.write([("lost", "", encode(Lost(DAY, at(10))))])
    return store, opened(store)


def test_what_was_lost_ends_with_a_snapshot_of_after_it_and_another_session() -> None:
    _, governor = after_a_loss()
    assert governor.reduce_only and "ENTRIES_LOST" in ask(governor, "a")
    governor.tell(Snapshot("before", at(10), {}))
    governor.tell(Transfer("t", "S", UNIT, at(11)))
    assert governor.book.lost == Lost(DAY, at(10))
    governor.begin(DAY + 1, 1_000_000)
    assert governor.book.lost == Lost(DAY, at(10))  # another session alone does not do


def test_a_snapshot_in_the_session_of_the_loss_waits_for_the_next_one() -> None:
    _, governor = after_a_loss()
    governor.tell(Snapshot("after", at(11), {}))
    assert governor.book.lost == Lost(DAY, at(10), told=True) and "ENTRIES_LOST" in ask(governor, "a")
    governor.begin(DAY + 1, 1_000_000)
    assert governor.book.lost is None
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, at(86_400)))
    assert ask(governor, "b", second=86_400) == ()


def test_a_loss_of_a_session_to_come_is_over_after_that_one() -> None:
    store = MemoryStateStore()
    store.write([("lost", "", encode(Lost(DAY + 1, at(10))))])
    governor = opened(store)
    governor.tell(Snapshot("after", at(11), {}))
    for day, left in ((DAY, True), (DAY + 1, True), (DAY + 2, False)):
        governor.begin(day, 1_000_000)
        assert (governor.book.lost is not None) is left


def test_a_snapshot_in_a_later_session_ends_the_loss_at_once() -> None:
    store, governor = after_a_loss()
    governor.begin(DAY + 1, 1_000_000)
    governor.tell(Snapshot("after", at(11), {}))
    assert governor.book.lost is None and ("lost", "") not in store.account.state


# what several processes know of each other


def test_a_quote_that_another_process_wrote_is_not_one_that_was_heard_here() -> None:
    account = MemoryAccount()
    first = opened(MemoryStateStore(account))
    first.quote("T", Quote(UNIT, UNIT, NOON))
    assert ask(first, "w") == ()  # writes the quotes
    second = Governor(MemoryStateStore(account), MICRO)
    assert second.book.unheard == {"S", "T"}
    first.quote("S", Quote(10 * UNIT, 10 * UNIT, at(1)))
    assert ask(first, "x", 2) == ()
    second.refresh()
    assert second.quotes["S"].at == at(1) and second.book.unheard == {"S", "T"}
    second.quote("S", Quote(10 * UNIT, 10 * UNIT, at(2)))
    second.quote("T", Quote(UNIT, UNIT, at(2)))
    assert second.book.unheard == set()


def test_a_doubt_that_was_not_written_yet_stands_on_top_of_what_others_wrote() -> None:
    """A second refused quote only moves the doubt on, so it rides; what another process writes does not end it."""
    account = MemoryAccount()
    first, second = opened(MemoryStateStore(account)), Governor(MemoryStateStore(account), MICRO)
    first.quote("S", Quote(0, 0, at(1)))
    first.quote("S", Quote(0, 15 * UNIT, at(2)))
    first.quote("S", Quote(0, 16 * UNIT, at(3)))  # near the 15 that is written
    written = Doubt("refused", 15 * UNIT, 15 * UNIT, at(2), at(1))
    assert first.doubts["S"].ask == 16 * UNIT
    second.refresh()
    assert second.doubts["S"].at <= written.at
    second.tell(Transfer("t", "S", UNIT, at(3)))
    first.refresh()
    assert first.doubts["S"].ask == 16 * UNIT and first.positions == {"S": UNIT}
    second.refresh()
    assert second.doubts["S"] == written


def test_a_quote_that_halts_with_what_another_wrote_halts_at_the_next_contact() -> None:
    account = MemoryAccount()
    limits = replace(MICRO, loss=1_000)
    first = opened(MemoryStateStore(account), limits=limits)
    second = Governor(MemoryStateStore(account), limits)
    second.quote("S", Quote(10 * UNIT, 10 * UNIT, at(1)))
    first.quote("S", Quote(9 * UNIT, 9 * UNIT, at(2)))  # nothing is held here yet
    assert not first.account.halted
    second.tell(External("e", "S", 1, 20 * UNIT, 10 * UNIT, 10 * UNIT, at=at(1)))
    first.refresh()
    assert first.account.halted
    second.refresh()
    assert second.account.halted


# splits and what is told late of them


def test_a_split_converts_what_the_venue_says_is_held_where_that_is_from_before_it() -> None:
    governor = holding(4)
    governor.tell(Snapshot("s", at(20), {"S": 6 * UNIT}))
    assert governor.book.told == {"S": 6 * UNIT}
    governor.tell(Split("now", "S", 3, 1, at(20)))  # at the snapshot's own time: it named new units
    assert (governor.positions, governor.book.told) == ({"S": 12 * UNIT}, {"S": 6 * UNIT})
    governor.tell(Split("later", "S", 2, 1, at(21), again=True))
    assert (governor.positions, governor.book.told) == ({"S": 24 * UNIT}, {"S": 12 * UNIT})


def test_a_split_ends_a_dispute_that_it_explains() -> None:
    governor = holding(4)
    governor.tell(Snapshot("s", at(20), {"S": 12 * UNIT}))
    assert governor.book.told == {"S": 12 * UNIT}
    governor.tell(Split("f", "S", 3, 1, at(10)))
    assert (governor.positions, governor.book.told) == ({"S": 12 * UNIT}, {})


@pytest.mark.parametrize(("second", "held"), [(9, 8), (10, 6), (11, 6)])
def test_what_happened_at_the_instant_of_a_split_is_in_its_new_units(second: int, held: int) -> None:
    governor = holding(2, second=1)
    governor.tell(External("late", "S", 1, 2 * UNIT, 10 * UNIT, 10 * UNIT, at=at(second)))
    governor.tell(Split("f", "S", 2, 1, at(10)))
    assert governor.positions == {"S": held * UNIT}


@pytest.mark.parametrize(("second", "price"), [(0, 10), (-1, 10), (1, 5)])
def test_a_price_is_converted_where_it_is_from_before_the_split(second: int, price: int) -> None:
    governor = opened()
    governor.tell(Split("f", "S", 2, 1, at(second)))
    assert governor.quotes["S"].bid == price * UNIT
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.tell(Split("f", "S", 2, 1, at(second)))
    assert governor.quotes == {}


def test_a_price_that_a_split_leaves_nothing_of_is_the_smallest_there_is() -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(1, 1, NOON))
    governor.tell(Split("f", "S", 3, 1, at(1)))
    assert (governor.quotes["S"].bid, governor.quotes["S"].ask) == (1, 1)


def test_what_was_transferred_after_a_split_that_is_told_late_is_no_gain_and_no_loss() -> None:
    """Moved in at ten dollars before the split of 2 for 1 is told, two units: they are worth five each afterwards."""
    for second, held in ((20, 4), (5, 6)):
        governor = holding(1)
        governor.tell(Transfer("m", "S", 2 * UNIT, at(second)))
        governor.tell(Split("f", "S", 2, 1, at(10)))
        assert governor.positions == {"S": held * UNIT} and governor.result == 0


def test_a_dividend_that_is_due_is_converted_with_its_units_and_price() -> None:
    governor = holding(4)
    governor.tell(Dividend("d", "S", UNIT, at(5)))
    governor.tell(Split("f", "S", 2, 1, at(20)))
    due = governor.book.dues["S"]
    assert (due.quantity, due.mark, due.cash) == (8 * UNIT, 10 * UNIT, 4 * UNIT * UNIT)
    assert governor.result == 0  # 8 at 4.50, 4 of cash: 40


@pytest.mark.parametrize(
    ("ratio", "ok"),
    [((10_000, 1), True), ((10_001, 1), False), ((1, 10_000), True), ((1, 10_001), False), ((0, 1), False),
     ((1, 0), False), ((-1, 1), False), ((1, -1), False)],
)  # fmt: skip
def test_a_split_is_of_two_positive_numbers_up_to_ten_thousand_to_one(ratio: tuple[int, int], ok: bool) -> None:
    governor = opened()
    if ok:
        assert governor.tell(Split("f", "S", *ratio, at(1))) == ()
    else:
        with pytest.raises(InputError):
            governor.tell(Split("f", "S", *ratio, at(1)))


def test_only_the_orders_of_its_symbol_are_converted() -> None:
    governor = opened()
    governor.quote("T", Quote(UNIT, UNIT, NOON))
    assert governor.decide(OrderIntent("t", "T", 1, UNIT, NOON)).decision == "ADMIT"
    governor.tell(Split("f", "S", 2, 1, at(1)))
    assert governor.orders["t"].rest == UNIT


@pytest.mark.parametrize(("told", "left"), [(20, 4), (5, 6), (1, 6)])
def test_a_closed_order_is_converted_across_splits_when_it_is_looked_at_next(told: int, left: int) -> None:
    """2 of 4 filled at second 5 and the rest cancelled; then a split of 2 for 1: of 8, 4 or 2 are filled."""
    governor = opened()
    assert ask(governor, "o", 4 * UNIT, second=0) == ()
    governor.fill(Execution("o", "x", 2 * UNIT, 10 * UNIT, 10 * UNIT, at=at(5)))
    governor.close("o")
    governor.tell(Split("f", "S", 2, 1, at(told)))
    late = Execution("o", "y", left * UNIT, 5 * UNIT, 5 * UNIT, at=at(30))
    assert "OVERFILL" not in governor.fill(late) and "o" not in governor.orders
    assert "OVERFILL" in governor.fill(replace(late, execution="z", quantity=1))


# dividends


def test_a_dividend_is_of_what_was_held_before_its_instant() -> None:
    for second, cash in ((9, 5), (10, 4), (11, 4)):
        governor = holding(4)
        governor.tell(External("more", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(second)))
        governor.tell(Dividend("d", "S", UNIT, at(10)))
        assert governor.book.dues["S"].cash == cash * UNIT * UNIT


@pytest.mark.parametrize(("second", "bid"), [(0, 10), (1, 9)])
def test_a_dividend_lowers_a_price_of_before_it_and_is_due_then(second: int, bid: int) -> None:
    governor = opened()
    governor.tell(External("h", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(-1)))
    governor.tell(Dividend("d", "S", UNIT, at(second)))
    assert governor.quotes["S"].bid == bid * UNIT and ("S" in governor.book.dues) is (second == 1)


def test_a_short_position_pays_at_once_and_nothing_is_due_to_it() -> None:
    governor = holding(-4)
    governor.tell(Dividend("d", "S", UNIT, at(10)))
    assert governor.account.cash == 36 * UNIT * UNIT and governor.book.dues == {} and governor.result == 0


def test_a_dividend_is_at_most_the_bound_of_the_price_and_one_within_a_day_is_the_same() -> None:
    bound = MICRO.jumps.plain * 10 * UNIT // 10_000
    governor = holding(4, second=-90_000)
    with pytest.raises(InputError, match="no dividend is"):
        governor.tell(Dividend("d", "S", bound + 1, at(10)))
    governor.tell(Dividend("d", "S", bound, at(10)))
    for days in (-1, 0, 1):
        with pytest.raises(InputError, match="was reported as d"):
            governor.tell(Dividend("e", "S", UNIT, at(10 + 86_400 * days)))
    assert governor.tell(Dividend("e", "S", UNIT, at(10 + 86_400 * 2))) == ()
    with pytest.raises(InputError, match="positive amount"):
        governor.tell(Dividend("z", "S", 0, at(1)))
    assert holding(4).tell(Dividend("one", "S", 1, at(10))) == ()


def test_a_dividend_of_what_was_never_quoted_cannot_be_judged() -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.tell(External("h", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(1)))
    governor.book.put("quote", "S", None)
    with pytest.raises(InputError, match=r"S was never quoted.*Quote S first"):
        governor.tell(Dividend("d", "S", 1, at(5)))


# what people sign


def test_a_signed_position_of_what_was_not_counted_is_all_turnover_and_no_gain() -> None:
    governor = opened()
    governor.tell(Snapshot("s", at(1), {"S": 3 * UNIT}))
    governor.tell(SignedPosition("act 1", "S", 2 * UNIT))
    assert (governor.positions, governor.book.told) == ({"S": 2 * UNIT}, {})
    assert governor.account.turnover == 20 * 100 * CENT and governor.result <= 0


def test_a_signed_position_counts_as_moved_when_the_snapshot_was_taken_or_later() -> None:
    """So a snapshot of before cannot take it back: it moved since."""
    governor = holding(4)
    governor.tell(Snapshot("s", at(50), {"S": UNIT}))
    governor.tell(SignedPosition("act 1", "S", 2 * UNIT))
    governor.tell(Snapshot("again", at(50), {"S": 4 * UNIT}))
    assert governor.book.told == {"S": 4 * UNIT} or governor.positions == {"S": 2 * UNIT}


def test_a_signed_price_is_of_the_last_time_that_anything_was_said_of_it() -> None:
    governor = opened()
    governor.quote("S", Quote(0, 0, at(5)))
    governor.tell(SignedPrice("act 1", "S", 8 * UNIT, 8 * UNIT))
    assert governor.quotes["S"] == Quote(8 * UNIT, 8 * UNIT, at(5)) and not governor.doubts
    fresh = Governor(MemoryStateStore(), MICRO)
    fresh.begin(DAY, 1_000_000)
    fresh.quote("S", Quote(0, 0, at(5)))
    fresh.tell(SignedPrice("act 1", "S", 8 * UNIT, 8 * UNIT))
    assert fresh.quotes["S"] == Quote(8 * UNIT, 8 * UNIT, at(5))


def test_only_what_a_person_signed_is_used_up_where_it_finds_nothing() -> None:
    governor = opened()
    assert governor.tell(Settlement("act 3", "S", UNIT, act=3)) == ("ACT_UNUSED",)
    for name in ("a", "ac", "act", "act3", "active"):
        with pytest.raises(InputError):
            governor.tell(Settlement(name, "S", UNIT))


# settlements, transfers, snapshots


@pytest.mark.parametrize(
    ("held", "quantity", "ok"),
    [(2, 2, True), (2, 1, True), (2, 3, False), (2, -1, False), (2, 0, False), (-2, -2, True), (-2, -3, False),
     (-2, 1, False)],
)  # fmt: skip
def test_a_settlement_is_of_what_is_held(held: int, quantity: int, ok: bool) -> None:
    governor = holding(held)
    fact = Settlement("x", "S", 10 * UNIT, quantity * UNIT, at(5))
    if not ok:
        with pytest.raises(InputError, match="no such holding"):
            governor.tell(fact)
        return
    governor.tell(fact)
    assert governor.positions.get("S", 0) == (held - quantity) * UNIT and governor.result == 0


@pytest.mark.parametrize("units", [UNIT, -UNIT])
def test_units_that_leave_need_no_price_and_those_that_come_do(units: int) -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    if units > 0:
        with pytest.raises(InputError, match="has no price"):
            governor.tell(Transfer("t", "S", units, at(1)))
    else:
        governor.tell(Transfer("t", "S", units, at(1)))
        assert governor.positions == {"S": units} and governor.account.cash == 0


def test_units_move_at_the_dearer_price_where_one_is_in_doubt_and_has_one() -> None:
    governor = opened()
    governor.quote("S", Quote(0, 0, at(1)))
    governor.tell(Transfer("t", "S", UNIT, at(2)))
    assert governor.account.cash == -10 * UNIT * UNIT
    governor.quote("S", Quote(20 * UNIT, 20 * UNIT, at(3)))
    governor.tell(Transfer("u", "S", UNIT, at(4)))
    assert governor.account.cash == -30 * UNIT * UNIT


def test_a_snapshot_of_the_same_time_as_the_last_one_is_a_word_too() -> None:
    governor = holding(4)
    governor.tell(Snapshot("a", at(20), {"S": 3 * UNIT}))
    assert governor.tell(Snapshot("b", at(20), {"S": 4 * UNIT})) == () and governor.book.told == {}


def test_a_snapshot_told_again_is_the_same_only_with_its_time_positions_and_orders() -> None:
    governor = holding(4)
    fact = Snapshot("a", at(20), {"S": 4 * UNIT, "T": UNIT}, frozenset({"w", "v"}))
    assert governor.tell(fact) == governor.tell(replace(fact, positions={"T": UNIT, "S": 4 * UNIT}))
    assert governor.book.foreign == ("v", "w")
    for other in (
        replace(fact, at=at(21)), replace(fact, positions={"S": 4 * UNIT}), replace(fact, orders=frozenset({"w"})),
        replace(fact, orders=None),
    ):  # fmt: skip
        with pytest.raises(InputError, match="other content"):
            governor.tell(other)


def test_an_empty_list_of_orders_makes_none_foreign_and_the_end_of_one_takes_it_out() -> None:
    governor = holding(4)
    assert governor.tell(Snapshot("a", at(20), {"S": 4 * UNIT}, frozenset())) == ()
    governor.tell(Snapshot("b", at(21), {"S": 4 * UNIT}, frozenset({"v", "w"})))
    governor.close("v")
    assert governor.book.foreign == ("w",)
    governor.close("w")
    assert governor.book.foreign == () and not governor.reduce_only


def test_what_moved_at_the_instant_of_a_snapshot_was_in_it() -> None:
    for second, disputed in ((19, False), (20, False), (21, True)):
        governor = holding(4)
        governor.tell(External("e", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(second)))
        governor.tell(Snapshot("s", at(20), {"S": 5 * UNIT}))
        assert bool(governor.book.told) is disputed
    governor = holding(4)
    governor.tell(Snapshot("s", at(20), {"S": 5 * UNIT}))
    for second, told in ((20, 5), (21, 6)):
        governor.tell(External(f"e{second}", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(second)))
        assert governor.book.told.get("S", governor.positions["S"]) == told * UNIT


def test_a_store_that_lacks_a_move_or_an_execution_says_so() -> None:
    store = MemoryStateStore()
    governor = opened(store)
    governor.tell(External("h", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(1)))
    get = store.get
    store.get = lambda kind, key: None if kind == "move" else get(kind, key)  # type: ignore[method-assign]
    with pytest.raises(CorruptionError, match="the store lacks move 1 of S"):
        governor.tell(Snapshot("s", at(0), {}))


@pytest.mark.parametrize(("quantity", "down", "up", "ok"), [(1, 1, 1, True), (0, 1, 1, False), (1, 0, 1, False)])
def test_the_smallest_trade_is_one_of_a_unit_at_a_unit(quantity: int, down: int, up: int, ok: bool) -> None:
    governor = opened()
    for n, sign in enumerate((1, -1)):
        fact = External(f"e{n}", "S", sign, quantity, down, up, at=at(1))
        if ok:
            assert governor.tell(fact)[0] == "EXTERNAL"
        else:
            with pytest.raises(InputError, match="positive quantity and price"):
                governor.tell(fact)


# a trade's price, told in two roundings


def test_a_price_between_two_roundings_counts_at_the_worse_of_both_each_way() -> None:
    for sign, cash in ((1, -11), (-1, 9)):
        governor = opened()
        governor.tell(External("e", "S", sign, UNIT, 9 * UNIT, 11 * UNIT, at=at(1)))
        assert governor.account.cash == cash * UNIT * UNIT and governor.account.turnover == 11 * UNIT * UNIT


def test_of_what_was_never_quoted_a_trade_counts_at_its_own_dearer_price() -> None:
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    governor.tell(External("e", "S", -1, UNIT, 9 * UNIT, 11 * UNIT, at=at(1)))
    assert (governor.account.cash, governor.account.turnover) == (9 * UNIT * UNIT, 11 * UNIT * UNIT)
    assert governor.quotes["S"] == Quote(11 * UNIT, 11 * UNIT, 0)


@pytest.mark.parametrize(("down", "up", "told"), [(8, 12, True), (7, 12, False), (8, 13, False)])
def test_both_roundings_must_be_near_the_believed_price(down: int, up: int, told: bool) -> None:
    governor = opened()
    said = governor.tell(External("e", "S", 1, UNIT, down * UNIT, up * UNIT, at=at(1)))
    assert ("PRICE_UNEXPLAINED" not in said) is told


@pytest.mark.parametrize(("second", "near"), [(9, True), (10, False)])
def test_a_trade_of_before_a_split_is_held_against_the_price_of_then(second: int, near: bool) -> None:
    governor = opened()
    governor.tell(Split("f", "S", 2, 1, at(10)))
    said = governor.tell(External("e", "S", 1, UNIT, 10 * UNIT, 10 * UNIT, at=at(second)))
    assert ("PRICE_UNEXPLAINED" not in said) is near

"""What a start does not know of prices makes no room: quotes that a crash took, against a ledger by hand (H2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.core.venue_facts import Dividend, Split, Transfer
from plimsoll.governor.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.governor.state import Came
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)


def at(seconds: int) -> int:
    return NOON + seconds * SECOND


def quote(cents: int, seconds: int) -> Quote:
    return Quote(cents * UNIT // 100, cents * UNIT // 100, at(seconds))


def start(account: MemoryAccount) -> Governor:
    return Governor(MemoryStateStore(account), MICRO)


def holding(units: int) -> MemoryAccount:
    """An account that holds so many of S, bought at ten dollars in this session."""
    account = MemoryAccount()
    governor = start(account)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", quote(1000, 0))
    governor.decide(OrderIntent("b", "S", 1 if units > 0 else -1, max(abs(units), 1) * UNIT, at(0)))
    if units:
        governor.fill(Execution("b", "x", abs(units) * UNIT, 10 * UNIT, 10 * UNIT, at=at(1)))
    else:
        governor.close("b")
    return account


def in_cents(value: int) -> int:
    return value // CENT


@pytest.mark.parametrize(
    ("held", "came", "cents", "result"),
    [  # bought at 10.00; what came at the lost price, the same as the next one, neither won nor lost
        (4, 2, 1100, 400), (4, -2, 900, -400), (4, -4, 900, -400), (-4, 2, 1100, -400), (-4, -2, 900, 400),
        (0, 3, 1100, 0), (0, -3, 900, 0),
        (4, 2, 900, -600), (4, -2, 1100, 200), (-4, -2, 1100, -600),  # the other way the loss counts in full
    ],
)  # fmt: skip
def test_units_that_came_after_a_start_and_before_a_quote_gain_nothing_by_it(
    held: int, came: int, cents: int, result: int
) -> None:
    account = holding(held)
    governor = start(account)
    other = start(account)
    governor.tell(Transfer("m", "S", came * UNIT, at(30)))
    assert in_cents(governor.result) == 0
    other.refresh()
    other.quote("S", quote(cents, 40))  # who hears the price first counts so too, and tells all
    assert in_cents(other.result) == result
    governor.quote("S", quote(cents, 50))
    again = start(account)
    again.quote("S", quote(cents, 60))
    assert [in_cents(one.result) for one in (governor, again)] == [result, result]
    assert not again.book.came
    moved = 50 * (held + came)
    again.quote("S", quote(cents + 50, 70))  # from then on they gain and lose like all others
    assert in_cents(again.result) == result + moved


def test_units_that_came_count_at_once_with_whoever_heard_the_price() -> None:
    account = holding(4)
    heard, begun = start(account), start(account)
    heard.quote("S", quote(1100, 20))
    begun.tell(Transfer("m", "S", 2 * UNIT, at(30)))
    heard.refresh()
    assert heard.positions == {"S": 6 * UNIT}
    assert in_cents(heard.result) == 400


def test_units_that_came_count_at_the_dearer_of_two_prices() -> None:
    governor = start(holding(0))
    governor.tell(Transfer("m", "S", 2 * UNIT, at(30)))
    governor.quote("S", quote(10_000, 40))
    assert "S" in governor.doubts
    assert in_cents(governor.result) == -2 * 9_000
    governor.quote("S", quote(1010, 50))
    assert "S" not in governor.doubts


def test_an_old_price_is_no_better_than_a_lost_one() -> None:
    governor = start(holding(4))
    governor.quote("S", quote(1000, 10))
    for seconds, name in ((10, "fresh"), (10 + 10 * MICRO.quote_age // SECOND, "old")):
        governor.tell(Transfer(name, "S", UNIT, at(seconds)))
        assert ("S" in governor.book.came) == (name == "old")
    assert governor.book.came["S"].quantity == UNIT
    governor.tell(Transfer("more", "S", -3 * UNIT, at(10)))  # told late: once the price is old all that comes waits
    assert governor.book.came["S"] == Came(-2 * UNIT, -2 * UNIT * 20 * UNIT)


@pytest.mark.parametrize("told_first", ["transfer", "split"])
@pytest.mark.parametrize(("new", "old", "after"), [(2, 1, 550), (1, 2, 2200)])
def test_units_that_came_are_split_like_all_others(told_first: str, new: int, old: int, after: int) -> None:
    """4 held and 2 that came after the split: at the price after it, ten per cent up, only the 4 have gained."""
    governor = start(holding(4))
    messages = [Transfer("m", "S", 2 * UNIT, at(30)), Split("s", "S", new, old, at=at(20))]
    for message in messages if told_first == "transfer" else reversed(messages):
        governor.tell(message)
    assert governor.positions == {"S": (4 * new // old + 2) * UNIT}
    governor.quote("S", quote(after, 40))
    assert in_cents(governor.result) == 400


def test_units_that_came_before_a_split_are_split_with_it() -> None:
    governor = start(holding(4))
    governor.tell(Transfer("m", "S", 2 * UNIT, at(10)))
    governor.tell(Split("s", "S", 3, 1, at=at(20)))
    assert governor.positions == {"S": 18 * UNIT}
    governor.quote("S", quote(360, 40))  # ten dollars were 3.33; 8 % up, of which 4 in 6 are a gain
    assert in_cents(governor.result) == pytest.approx(320, abs=1)


def test_a_dividend_of_units_that_came_is_no_gain_either() -> None:
    governor = start(holding(4))
    governor.tell(Transfer("m", "S", 2 * UNIT, at(10)))
    governor.tell(Dividend("d", "S", UNIT // 2, at=at(20)))
    governor.quote("S", quote(1000, 40))  # lost was a price of 10.50, of which 0.50 were paid
    assert in_cents(governor.result) <= 4 * 50


def test_a_session_begins_without_what_came_before_it() -> None:
    account = holding(4)
    governor = start(account)
    governor.tell(Transfer("m", "S", 2 * UNIT, at(30)))
    governor.begin(DAY + 1, 1_000_000)
    assert not start(account).book.came


# a price that nobody believes is no quote


def test_a_print_that_is_not_believed_does_not_end_what_a_start_does_not_know() -> None:
    """S is only open: how dear it has become nobody knows until a price of it is believed."""
    account = MemoryAccount()
    governor = start(account)
    governor.begin(DAY, 1_000_000)
    for symbol in ("S", "T"):
        governor.quote(symbol, quote(1000, 0))
    assert governor.decide(OrderIntent("b", "S", 1, UNIT, at(0))).decision == "ADMIT"
    governor = start(account)
    governor.quote("T", quote(1000, 1))
    order = OrderIntent("n", "T", 1, UNIT, at(2))
    assert governor.decide(order).reasons == ("LOSS_UNKNOWN",)
    governor.quote("S", Quote(11 * UNIT, 10 * UNIT, at(2)))  # crossed
    assert governor.decide(replace(order, id="n2")).reasons == ("LOSS_UNKNOWN",)
    governor.quote("S", quote(1000, 3))
    assert governor.decide(replace(order, id="n3", at=at(3))).reasons == ()


@pytest.mark.parametrize("noise", [False, True])
def test_a_gain_of_before_the_session_stays_one_whatever_is_heard_first_and_by_whom(noise: bool) -> None:
    """The price the session began at was lost: what the first believed one adds may be yesterday's."""
    account = holding(4)
    start(account).begin(DAY + 1, 1_000_000)
    governor, other, later = start(account), start(account), 86_400
    if noise:
        governor.quote("S", quote(10_000, later))
    governor.quote("S", quote(1100, later + 1))
    assert in_cents(governor.result) == 0
    other.tell(Transfer("m", "T", -UNIT, at(later + 2)))  # others write: what was no gain is still none
    governor.refresh()
    governor.quote("S", quote(1050, later + 3))
    assert in_cents(governor.result) == -200
    assert in_cents(start(account).account.base) == 2 * 4 * 1100

"""Splits, settlements, transfers and snapshots, each against a ledger computed by hand (X3, X6, R9, H2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import (
    Bust,
    Correction,
    Dividend,
    External,
    Fact,
    Settlement,
    SignedPosition,
    SignedPrice,
    Snapshot,
    Split,
    Transfer,
)
from plimsoll.governor.governor import CENT, Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)
Message = Execution | Fact


def at(seconds: int) -> int:
    return NOON + seconds * SECOND


def price(cents: int) -> tuple[int, int]:
    return (cents * UNIT // 100,) * 2


def desk(*symbols: str, dollars: int = 10) -> Governor:
    """A governor with an order of 4 to buy, "b", in each symbol ("S") at a quote of ten dollars."""
    governor = Governor(MemoryStateStore(), MICRO)
    governor.begin(DAY, 1_000_000)
    for symbol in symbols or ("S",):
        governor.quote(symbol, Quote(dollars * UNIT, dollars * UNIT, NOON))
        name = f"b{symbol}" if symbols else "b"
        assert governor.decide(OrderIntent(name, symbol, 1, 4 * UNIT, NOON)).decision == "ADMIT"
    return governor


def holding(units: int = 4) -> Governor:
    """A governor that holds so many, bought at ten dollars."""
    governor = desk()
    governor.fill(Execution("b", "x", units * UNIT, *price(1000), at=at(1)))
    return governor


def tell(governor: Governor, message: Message) -> tuple[str, ...]:
    return governor.fill(message) if isinstance(message, Execution) else governor.tell(message)


def ask(governor: Governor, name: str, quantity: int, sign: int = 1, symbol: str = "S", second: int = 60) -> Decision:
    return governor.decide(OrderIntent(name, symbol, sign, quantity * UNIT, at(second)))


def seen(governor: Governor) -> tuple[object, ...]:
    book, account = governor.book, governor.account
    return (
        book.positions, book.told, book.orders, book.foreign, account.cash, account.turnover, account.restricted,
        governor.loss,
    )  # fmt: skip


# splits


def test_a_split_converts_holding_quote_and_open_order() -> None:
    """2 of 4 filled at 10; 3 for 2: 3 are held, quoted at 6.66 to 6.67; open are 3 at 10, not 2. Nothing is won."""
    governor = holding(2)
    assert tell(governor, Split("f1", "S", 3, 2, at(30))) == ()
    assert governor.positions == {"S": 3 * UNIT}
    quote = governor.quotes["S"]
    assert (quote.bid, quote.ask) == (10 * UNIT * 2 // 3, 10 * UNIT * 2 // 3 + 1)
    order = governor.orders["b"]
    assert (order.rest, order.filled, order.price) == (3 * UNIT, 3 * UNIT, 10 * UNIT)
    assert 0 <= governor.loss <= 3 * UNIT  # what 20/3 rounded down is short of it, on three units
    governor.quote("S", Quote(6 * UNIT, 6 * UNIT, at(31)))
    assert governor.loss == 2 * 100 * CENT


def test_a_reverse_split_leaves_open_what_was_and_counts_it_at_the_price_it_became() -> None:
    governor = holding(2)
    tell(governor, Split("f1", "S", 1, 10, at(30)))
    assert governor.positions == {"S": UNIT // 5}
    order = governor.orders["b"]
    assert (order.rest, order.price, governor.quotes["S"].bid) == (2 * UNIT, 100 * UNIT, 100 * UNIT)


@pytest.mark.parametrize(("held", "now"), [(1, 333_333_333_333), (-1, -333_333_333_334)])
def test_a_fraction_that_cannot_be_counted_goes_against_the_account(held: int, now: int) -> None:
    governor = desk()
    governor.tell(External("e", "S", 1 if held > 0 else -1, UNIT, *price(1000), at=at(1)))
    governor.tell(Split("f1", "S", 1, 3, at(30)))
    assert governor.positions == {"S": now}


BEFORE = Execution("b", "early", 2 * UNIT, *price(1000), at=at(5))
SPLIT = Split("f1", "S", 5, 1, at(10))
AFTER = Execution("b", "late", 6 * UNIT, *price(200), at=at(15))
SPLIT_SETS: tuple[tuple[tuple[Message, ...], int, int, int], ...] = (
    # messages; held, rest of 4 that became 20, turnover in cents
    ((BEFORE, SPLIT, AFTER), 16, 4, 3_200),
    ((BEFORE, SPLIT, AFTER, Bust("b", "early")), 6, 14, 3_200),
    ((BEFORE, SPLIT, AFTER, Bust("b", "late")), 10, 10, 3_200),
    ((BEFORE, SPLIT, AFTER, Correction("b", "early", "early.2", UNIT, *price(990), at=at(5))), 11, 9, 3_200),
    (
        (BEFORE, SPLIT, Split("f2", "S", 1, 2, at(20), again=True),
         External("e", "S", -1, 4 * UNIT, *price(200), at=at(12))),
        3, 10, 2_800,
    ),
    ((BEFORE, SPLIT, AFTER, Transfer("m", "S", UNIT, at(2)), Bust("b", "early")), 11, 14, 3_200),
    ((BEFORE, SPLIT, AFTER, Split("f2", "S", 2, 1, at(12), again=True)), 26, 14, 3_200),
)  # fmt: skip


@pytest.mark.parametrize(("messages", "held", "rest", "turnover"), SPLIT_SETS)
def test_a_split_divides_what_was_before_it_from_what_came_after_however_late_it_is_told(
    messages: tuple[Message, ...], held: int, rest: int, turnover: int
) -> None:
    for order in permutations(messages):
        governor = desk()
        for message in order:
            tell(governor, message)
        assert governor.positions == {"S": held * UNIT}, order
        assert governor.orders["b"].rest == rest * UNIT, order
        assert governor.account.restricted == (), order
        explained = all(isinstance(message, Split) for message in order[: sum(isinstance(m, Split) for m in order)])
        more = governor.account.turnover - turnover * CENT
        assert more == 0 or (more > 0 and not explained), order  # a price told before its split counts at the old one
        before = seen(governor)
        for message in messages:
            tell(governor, message)
        assert seen(governor) == before


def test_a_split_that_two_feeds_tell_is_one() -> None:
    governor = holding()
    governor.tell(Split("a-1", "S", 10, 1, at(30)))
    for other in (Split("b-9", "S", 20, 2, at(40)), Split("b-9", "S", 4, 1, at(86_400))):
        with pytest.raises(InputError, match=r"a split of S, 10 for 1, was reported as a-1 for 2026-03-02.*again"):
            governor.tell(other)
    assert governor.positions == {"S": 40 * UNIT}
    assert governor.tell(Split("a-1", "S", 10, 1, at(30), again=True)) == ()  # the same one, whatever it says
    assert governor.positions == {"S": 40 * UNIT}
    governor.tell(Split("b-9", "S", 20, 2, at(40), again=True))
    assert governor.positions == {"S": 400 * UNIT}
    governor.tell(Split("c", "S", 1, 2, at(2 * 86_400 + 40)))
    assert governor.positions == {"S": 200 * UNIT}


# holdings that end, and units that come and go


@pytest.mark.parametrize(
    ("sign", "cents", "lost"),
    [(1, 1000, 0), (1, 400, 24), (1, 0, 40), (1, 1500, 0), (-1, 1000, 0), (-1, 600, 0), (-1, 1250, 10)],
)
def test_a_settlement_pays_at_most_what_was_believed_and_its_loss_counts(sign: int, cents: int, lost: int) -> None:
    governor = desk()
    governor.close("b")
    governor.tell(External("e", "S", sign, 4 * UNIT, *price(1000), at=at(1)))
    assert governor.tell(Settlement("z", "S", price(cents)[0], at=at(30))) == ()
    assert governor.positions == {}
    assert (governor.loss, governor.result) == (lost * 100 * CENT, -lost * 100 * CENT)
    assert governor.account.turnover == 40 * 100 * CENT


def test_a_part_may_be_settled_as_cash_in_lieu_is() -> None:
    governor = holding(3)
    governor.tell(Split("f", "S", 1, 2, at(30)))
    governor.tell(Settlement("z", "S", 18 * UNIT, UNIT // 2, at(31)))  # half a unit at 18, worth 20
    assert governor.positions == {"S": UNIT}
    assert governor.loss == 100 * CENT


def test_after_a_settlement_the_account_trades_on() -> None:
    governor = desk("OLD", "S")
    governor.fill(Execution("bOLD", "x", 4 * UNIT, *price(1000), at=at(1)))
    governor.close("bS")
    governor.begin(DAY + 90, 1_000_000)
    later = NOON + 90 * 86_400 * SECOND
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, later))
    order = OrderIntent("n", "S", 1, UNIT, later)
    assert governor.decide(order).reasons == ("LOSS_UNKNOWN",)
    governor.tell(Settlement("z", "OLD", 9 * UNIT, at=later))
    assert governor.loss == 4 * 100 * CENT
    assert governor.decide(replace(order, id="n2")).decision == "ADMIT"


@pytest.mark.parametrize("units", [2, -2])
def test_a_transfer_is_neither_won_nor_lost(units: int) -> None:
    governor = holding()
    governor.quote("S", Quote(8 * UNIT, 8 * UNIT, at(2)))
    before = governor.result
    governor.tell(Transfer("m", "S", units * UNIT, at(3)))
    assert governor.positions == {"S": (4 + units) * UNIT}
    assert (governor.result, governor.account.turnover) == (before, 40 * 100 * CENT)
    governor.quote("S", Quote(9 * UNIT, 9 * UNIT, at(4)))
    assert governor.result == before + (4 + units) * 100 * CENT


# dividends


@pytest.mark.parametrize(
    ("sign", "cents", "result"),
    [  # 4 at 10.00 before a dividend of 0.50; afterwards at 9.50, 9.00, 9.80 or 10.40
        (1, 950, 0), (1, 900, -200), (1, 980, 0), (1, 1040, 160),
        (-1, 950, 0), (-1, 900, 200), (-1, 1000, -200), (-1, 1040, -360),
    ],
)  # fmt: skip
def test_a_dividend_pays_for_the_fall_of_its_price_and_a_short_one_costs_whatever_it_does(
    sign: int, cents: int, result: int
) -> None:
    governor = desk()
    governor.tell(External("e", "S", sign, 4 * UNIT, *price(1000), at=at(1)))
    assert governor.tell(Dividend("d", "S", UNIT // 2, at(30))) == ()
    assert governor.result == 0 and governor.quotes["S"].ask == 95 * UNIT // 10
    governor.quote("S", Quote(*price(cents), at(31)))
    assert governor.result == result * CENT
    before = seen(governor)
    governor.tell(Dividend("d", "S", UNIT // 2, at(99)))
    assert seen(governor) == before
    governor.begin(DAY + 1, 1_000_000)
    assert governor.result == 0


def test_a_dividend_is_of_what_was_held_before_it_and_of_a_price_from_before_it() -> None:
    """2 of 4 were bought after it; and where the last price is from after it, nothing is paid but what a short owes."""
    governor = holding(2)
    governor.fill(Execution("b", "y", 2 * UNIT, *price(1000), at=at(31)))
    governor.tell(Dividend("d", "S", UNIT, at(30)))
    governor.quote("S", Quote(9 * UNIT, 9 * UNIT, at(32)))
    assert governor.result == -200 * CENT  # of 4 that fell by 1.00, 2 were paid
    for sign, paid in ((1, 0), (-1, -400)):
        governor = desk()
        governor.tell(External("e", "S", sign, 4 * UNIT, *price(1000), at=at(1)))
        governor.quote("S", Quote(10 * UNIT, 10 * UNIT, at(40)))
        governor.tell(Dividend("d", "S", UNIT, at(30)))
        assert (governor.result, governor.quotes["S"].bid) == (paid * CENT, 10 * UNIT)


def test_a_dividend_counts_once_per_unit_and_again_for_the_next_one() -> None:
    governor = holding()
    governor.tell(Dividend("d1", "S", UNIT // 2, at(30)))
    governor.tell(Dividend("d2", "S", UNIT // 4, at(30), again=True))
    governor.quote("S", Quote(*price(925), at(31)))
    assert governor.result == 0
    governor.tell(Dividend("d3", "T", UNIT, at(30)))  # of what is not held nothing is paid
    assert governor.result == 0


def test_an_action_explains_the_price_that_was_doubted_for_it() -> None:
    """Over night from 10 to 100: in doubt, until a reverse split of one for ten says why."""
    governor = holding()
    governor.begin(DAY + 1, 1_000_000)
    pre_open = at(86_400)
    doubt = governor.quote("S", Quote(100 * UNIT, 100 * UNIT, pre_open))
    assert doubt is not None and doubt.why == "split"
    governor.tell(Split("f", "S", 1, 10, pre_open - 100))
    assert governor.book.doubts == {} and governor.quotes["S"].bid == 100 * UNIT
    assert governor.positions == {"S": 4 * UNIT // 10} and governor.result == 0
    governor = holding()
    governor.begin(DAY + 1, 1_000_000)
    governor.quote("S", Quote(100 * UNIT, 100 * UNIT, pre_open))
    governor.tell(Split("f", "S", 1, 4, pre_open - 100))  # 40 is not 100
    assert governor.book.doubts["S"].bid == 100 * UNIT and governor.quotes["S"].bid == 40 * UNIT


# what a person signs


def test_a_signed_price_is_believed_and_one_without_a_doubt_is_used_up() -> None:
    governor = holding()
    governor.begin(DAY + 1, 1_000_000)
    governor.quote("S", Quote(4 * UNIT, 4 * UNIT, at(86_400)))
    assert governor.book.doubts
    assert governor.tell(SignedPrice("act 5", "S", 4 * UNIT, 5 * UNIT)) == ()
    assert governor.book.doubts == {}
    assert governor.quotes["S"] == Quote(4 * UNIT, 5 * UNIT, at(86_400))
    assert governor.loss == 4 * 550 * CENT
    before = seen(governor)
    assert governor.tell(SignedPrice("act 6", "S", 8 * UNIT, 8 * UNIT)) == ("ACT_UNUSED",)
    governor.quote("S", Quote(40 * UNIT, 40 * UNIT, at(86_401)))
    assert governor.tell(SignedPrice("act 6", "S", 8 * UNIT, 8 * UNIT)) == ("ACT_UNUSED",)  # it was for then
    assert seen(governor) == before and governor.book.doubts
    assert governor.knows("act 6") and not governor.knows("act 7")


@pytest.mark.parametrize(
    ("said", "signed", "lost", "turnover"),
    [  # 4 are counted at 10.00
        (3, 3, 1_000, 1_000), (3, 4, 0, 0), (0, 0, 4_000, 4_000), (5, 5, 1_000, 1_000), (-4, -4, 8_000, 8_000),
        (3, 2, 2_000, 2_000),
    ],
)  # fmt: skip
def test_a_signed_position_ends_the_dispute_and_gains_nothing(said: int, signed: int, lost: int, turnover: int) -> None:
    governor = holding()
    assert governor.tell(SignedPosition("act 4", "S", signed * UNIT)) == ("ACT_UNUSED",)
    governor.tell(Snapshot("p", at(30), {"S": said * UNIT}))
    assert governor.tell(SignedPosition("act 5", "S", signed * UNIT)) == ()
    assert governor.book.told == {}
    assert governor.positions == ({"S": signed * UNIT} if signed else {})
    assert governor.account.turnover == (4_000 + turnover) * CENT
    assert governor.loss == lost * CENT
    assert governor.tell(Snapshot("p2", at(50), {"S": signed * UNIT})) == ()


def test_a_signed_settlement_of_what_is_not_held_is_used_up() -> None:
    governor = desk()
    assert governor.tell(Settlement("act 9", "S", UNIT, act=9)) == ("ACT_UNUSED",)
    governor.fill(Execution("b", "x", UNIT, *price(1000), at=at(1)))
    assert governor.tell(Settlement("act 9", "S", UNIT, act=9)) == ("ACT_UNUSED",)
    assert governor.positions == {"S": UNIT}


# what the venue says is held


def test_a_snapshot_that_contradicts_freezes_its_symbol_and_licenses_only_what_both_say() -> None:
    """4 were counted, the venue says 3: the one of ten dollars counts as lost, and 3 may be sold, not 4."""
    governor = holding()
    governor.quote("T", Quote(UNIT, UNIT, NOON))
    assert governor.tell(Snapshot("p1", at(30), {"S": 3 * UNIT})) == ("POSITION_DISPUTED",)
    assert governor.loss == 10 * 100 * CENT
    assert ask(governor, "a1", 1).reasons == ("POSITION_DISPUTED",)
    assert ask(governor, "a2", 1, symbol="T").decision == "ADMIT"
    assert ask(governor, "a3", 4, -1).reasons == ("POSITION_DISPUTED",)
    assert ask(governor, "a4", 3, -1).decision == "ADMIT"
    assert governor.tell(Snapshot("p2", at(40), {"S": 4 * UNIT})) == ()
    assert governor.book.told == {} and governor.loss == 0


@pytest.mark.parametrize(
    ("explains", "held"),
    [
        (Execution("b", "y", UNIT, *price(1000), at=at(20)), 5),
        (External("e", "S", 1, UNIT, *price(1000), at=at(20)), 5),
        (Transfer("m", "S", UNIT, at(20)), 5),
        (Bust("b", "x"), 0),
    ],
)
def test_a_dispute_ends_when_what_happened_is_told(explains: Message, held: int) -> None:
    governor = desk()
    governor.decide(OrderIntent("more", "S", 1, UNIT, NOON))
    governor.fill(Execution("b", "x", 4 * UNIT, *price(1000), at=at(1)))
    if isinstance(explains, Execution):
        explains = replace(explains, id="more")
    assert governor.tell(Snapshot("p", at(30), {"S": held * UNIT} if held else {})) == ("POSITION_DISPUTED",)
    tell(governor, explains)
    assert governor.book.told == {}
    assert governor.positions == ({"S": held * UNIT} if held else {})


def test_a_snapshot_is_compared_with_what_was_counted_at_its_time() -> None:
    """A fill of after it, told before it or after it, is none of its business."""
    later = Execution("b", "y", 2 * UNIT, *price(1000), at=at(40))
    picture = Snapshot("p", at(30), {"S": 2 * UNIT})
    wrong = Snapshot("p", at(30), {"S": UNIT})
    for order in permutations((picture, later)):
        governor = holding(2)
        assert [tell(governor, message) for message in order] == [(), ()]
        assert governor.book.told == {}
    for order in permutations((wrong, later)):
        governor = holding(2)
        for message in order:
            tell(governor, message)
        assert governor.positions == {"S": 4 * UNIT} and governor.book.told == {"S": 3 * UNIT}


FACTS: tuple[Message, ...] = (
    Execution("b", "x", 2 * UNIT, *price(1000), at=at(10)),
    External("e", "S", -1, UNIT, *price(1010), at=at(20)),
    Snapshot("p1", at(25), {"S": 2 * UNIT}, frozenset({"b", "o"})),
    Snapshot("p2", at(35), {"S": 3 * UNIT}, frozenset({"b"})),
    Transfer("m", "S", 2 * UNIT, at(30)),
)


def test_every_order_of_five_facts_ends_with_the_same_account() -> None:
    """2 bought, 1 sold by hand, 2 moved in: 3, as the later snapshot says, whichever comes last."""
    for order in permutations(FACTS):
        governor = desk()
        for message in order:
            tell(governor, message)
        book = governor.book
        assert (book.positions, book.told, book.foreign) == ({"S": 3 * UNIT}, {}, ()), order
        assert governor.account.turnover == (2_000 + 1_010) * CENT
        assert governor.account.cash == (-2_000 + 1_010 - 2_000) * CENT
        assert governor.orders["b"].rest == 2 * UNIT


def test_a_holding_that_only_the_venue_knows_and_nobody_quoted_makes_the_loss_unknown() -> None:
    governor = desk()
    governor.tell(Snapshot("p", at(30), {"Q": UNIT}))
    assert ask(governor, "n", 1).reasons == ("LOSS_UNKNOWN",)
    governor.quote("Q", Quote(9 * UNIT, 9 * UNIT, at(31)))
    assert ask(governor, "n2", 1).decision == "ADMIT"
    assert governor.loss == 9 * 100 * CENT


def test_orders_of_a_snapshot_close_nothing_and_a_foreign_one_stops_new_risk() -> None:
    governor = desk()
    assert governor.tell(Snapshot("p1", at(30), {}, frozenset({"o2", "o1"}))) == ("FOREIGN_ORDER",)
    assert governor.book.foreign == ("o1", "o2") and "b" in governor.orders
    assert ask(governor, "n1", 1).reasons == ("FOREIGN_ORDER",)
    governor.tell(Snapshot("p2", at(31), {}))  # says nothing of orders
    assert governor.book.foreign == ("o1", "o2")
    governor.close("o1")
    governor.tell(Snapshot("p3", at(32), {}, frozenset({"b", "o2"})))
    assert governor.book.foreign == ("o2",)
    governor.tell(Snapshot("p4", at(33), {}, frozenset({"b"})))
    assert ask(governor, "n2", 1).decision == "ADMIT"


def test_an_order_that_filled_after_a_snapshot_was_taken_is_not_foreign_to_it() -> None:
    governor = desk()
    assert ask(governor, "late", 1).decision == "ADMIT"
    assert ask(governor, "gone", 2).decision == "ADMIT"
    for name, units in (("late", 1), ("gone", 1)):
        governor.fill(Execution(name, f"x-{name}", units * UNIT, *price(1_000), at=at(35)))
    governor.close("gone")  # the venue ended it, and here nobody knows when
    named = frozenset({"b", "late", "gone"})
    assert governor.tell(Snapshot("p1", at(34), {}, named)) == ("FOREIGN_ORDER",)
    assert governor.book.foreign == ("gone",)
    assert governor.book.told == {}
    governor.tell(Snapshot("p2", at(35), {"S": 2 * UNIT}, named))  # of the fill's own time: it had filled by then
    assert governor.book.foreign == ("gone", "late")


def test_a_snapshot_from_before_the_last_one_is_not_the_last_word() -> None:
    governor = holding()
    governor.tell(Snapshot("new", at(40), {"S": 4 * UNIT}))
    assert governor.tell(Snapshot("old", at(30), {"S": UNIT})) == ("SNAPSHOT_OLD",)
    assert governor.tell(Snapshot("old", at(30), {"S": UNIT})) == ("SNAPSHOT_OLD",)
    assert governor.book.told == {}


def test_a_recorded_snapshot_lies_at_most_half_a_day_ahead_of_what_was_seen_in_the_session() -> None:
    """One dated tomorrow would be the last word until tomorrow: it is refused, and the true one counts."""
    hour = 3_600 * SECOND
    governor = holding()
    seen = governor.account.clock
    with pytest.raises(InputError, match="more than 12 hours after the last quote"):
        governor.tell(Snapshot("ahead", seen + 12 * hour + 1, {"S": UNIT}))
    assert governor.tell(Snapshot("true", seen + 1, {"S": UNIT})) == ("POSITION_DISPUTED",)
    assert governor.tell(Snapshot("edge", seen + 12 * hour, {"S": UNIT})) == ("POSITION_DISPUTED",)
    governor.begin(DAY + 1, 1_000_000)  # nothing was seen in it yet: any time of its day may be
    day = (DAY + 1) * 24 * hour
    with pytest.raises(InputError, match="12 hours"):
        governor.tell(Snapshot("next", day + 24 * hour + 1, {}))
    assert governor.tell(Snapshot("night", day + 24 * hour, {"S": UNIT})) == ("POSITION_DISPUTED",)


def test_a_live_snapshot_is_held_against_the_machine_and_not_against_the_quotes() -> None:
    governor = Governor(MemoryStateStore(), MICRO, machine=lambda: at(80_000))
    governor.begin(DAY, 1_000_000)
    assert governor.tell(Snapshot("late", at(80_000), {})) == ()


# what cannot be


def _refused(fact: Fact, words: str, *first: Fact) -> Callable[[], None]:
    def check() -> None:
        governor = holding()
        for one in first:
            governor.tell(one)
        before = seen(governor)
        with pytest.raises(InputError, match=words):
            governor.tell(fact)
        assert seen(governor) == before

    return check


@pytest.mark.parametrize(
    "check",
    [
        _refused(Split("f", "S", 2, 2, at(30)), "two different positive numbers"),
        _refused(Split("f", "S", 0, 2, at(30)), "two different positive numbers"),
        _refused(Split("f", "S", 1, -2, at(30)), "two different positive numbers"),
        _refused(Split("f", "S", 10_001, 1, at(30)), "beyond 10000 to 1"),
        _refused(Split("f", "S", 1, 10_001, at(30)), "beyond 10000 to 1"),
        _refused(Dividend("d", "S", 0, at(30)), "positive amount"),
        _refused(Dividend("d", "S", 2 * UNIT + 1, at(30)), "2.000000000001 for each S is more than 20 % of its price"),
        _refused(Settlement("z", "S", -1), "0 to write off"),
        _refused(Settlement("z", "T", 1), "0 T are held: there is no such holding"),
        _refused(Settlement("z", "S", 1, -UNIT), "4 S are held"),
        _refused(Settlement("z", "S", 1, 5 * UNIT), "4 S are held"),
        _refused(Settlement("z", "S", 1), "the venue says 1", Snapshot("p", at(30), {"S": UNIT})),
        _refused(Transfer("m", "S", 0), "needs a quantity"),
        _refused(Transfer("m", "Q", 1), "Q was never quoted"),
        _refused(Snapshot("p", at(3 * 86_400), {}), "outside the session"),
        _refused(Transfer("m", "S", 2), "m was reported before with other content", Transfer("m", "S", 1)),
        _refused(Transfer("m", "S", 1), "m was reported before with other content", Split("m", "S", 2, 1, at(30))),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(check: Callable[[], None]) -> None:
    check()


def test_facts_are_remembered_by_the_store() -> None:
    store = MemoryStateStore()
    governor = Governor(store, MICRO)
    governor.begin(DAY, 1_000_000)
    governor.quote("S", Quote(10 * UNIT, 10 * UNIT, NOON))
    facts: tuple[Fact, ...] = (
        External("e", "S", 1, 4 * UNIT, *price(1000), at=at(1)),
        Split("f", "S", 2, 1, at(2)),
        Transfer("m", "S", UNIT, at(3)),
        Settlement("z", "S", 4 * UNIT, UNIT, at(4)),
        Snapshot("p", at(5), {"S": UNIT}, frozenset({"o"})),
    )
    told = [governor.tell(fact) for fact in facts]
    again = Governor(MemoryStateStore(store.account), MICRO)
    assert seen(again) == seen(governor)
    assert [again.tell(fact) for fact in facts] == told
    assert seen(again) == seen(governor)


# actions that are told wrong, or too early


def test_a_split_licenses_nothing_until_a_print_shows_it() -> None:
    """4 at 10 become 40 at 1, says somebody. Until a print is there 4 can be sold, and nothing can be bought at 1."""
    governor = holding()
    governor.tell(Split("f", "S", 10, 1, at(30)))
    assert governor.positions == {"S": 40 * UNIT}
    assert order(governor, "b1", 1, 30).reasons == ("STALE_QUOTE",)
    assert order(governor, "s1", -1, 5).decision == "REFUSE"
    assert order(governor, "s2", -1, 4).decision == "ADMIT"
    assert governor.quote("S", Quote(UNIT, UNIT, at(31))) is None
    assert order(governor, "s3", -1, 36).decision == "ADMIT"


@pytest.mark.parametrize(("new", "old"), [(10, 1), (2, 1), (6, 5), (1, 10), (5, 6)])
def test_no_number_of_prints_at_the_old_price_makes_a_gain_of_a_split_told_wrong(new: int, old: int) -> None:
    governor = holding()
    governor.tell(Split("f", "S", new, old, at(30)))
    for second in range(31, 35):
        doubt = governor.quote("S", Quote(10 * UNIT, 10 * UNIT, at(second)))
        assert doubt is not None and doubt.why == "split"
        assert governor.result < CENT
        assert "PRICE_UNKNOWN" in order(governor, f"b{second}", 1, 1).reasons
    assert governor.book.sure("S") <= 4 * UNIT
    governor.tell(Split("g", "S", old, new, at(35), again=True))  # taken back
    assert governor.book.doubts == {} and governor.quotes["S"] == Quote(10 * UNIT, 10 * UNIT, at(34))


def test_a_dividend_told_twice_explains_one_fall() -> None:
    governor = holding()
    governor.tell(Dividend("d1", "S", UNIT, at(30)))
    for told in (Dividend("other", "S", UNIT, at(40)), Dividend("other", "S", UNIT // 2, at(86_400))):
        with pytest.raises(InputError, match=r"a dividend of S, 1, was reported as d1 for 2026-03-02.*again"):
            governor.tell(told)
    governor.quote("S", Quote(8 * UNIT, 8 * UNIT, at(41)))
    assert governor.result == -400 * CENT  # of 4 that fell by 2.00, 1.00 was paid


def test_a_dividend_makes_nothing_cheaper_to_buy_until_a_print_does() -> None:
    governor = holding()
    governor.tell(Dividend("d1", "S", UNIT, at(30)))
    assert set(order(governor, "b1", 1, 1).reasons) == {"STALE_QUOTE"}
    assert order(governor, "s1", -1, 4).decision == "ADMIT"
    governor.quote("S", Quote(9 * UNIT, 9 * UNIT, at(31)))
    assert order(governor, "b2", 1, 1).decision == "ADMIT"


@pytest.mark.parametrize(("cents", "result"), [(1000, 0), (900, 0), (850, -200), (1050, 200)])
def test_a_session_that_begins_between_a_dividend_and_its_fall_gains_nothing_by_it(cents: int, result: int) -> None:
    """4 at 10.00, a dividend of 1.00 told in the evening, whether or not the price falls in the morning."""
    governor = holding()
    governor.tell(Dividend("d1", "S", UNIT, at(30)))
    governor.begin(DAY + 1, 1_000_000)
    assert governor.result == 0
    governor.quote("S", Quote(*price(cents), at(86_400)))
    assert governor.result == result * CENT
    governor.begin(DAY + 2, 1_000_000)
    assert governor.result == 0 and governor.book.dues == {}


def order(governor: Governor, name: str, sign: int, units: int) -> Decision:
    return governor.decide(OrderIntent(name, "S", sign, units * UNIT, at(35)))

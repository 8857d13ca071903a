"""Executions corrected and busted, told in every order, against a ledger that knows only the set of messages (X3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import Bust, Correction, External, Fact, Snapshot
from plimsoll.governor.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)
Message = tuple[str, ...]


def desk(limits=MICRO, equity: int = 1_000_000) -> Governor:
    """A governor that has admitted an order to buy 12 units and one to sell 3, at a quote of one dollar."""
    governor = Governor(MemoryStateStore(), limits)
    governor.begin(DAY, equity)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    for name, sign, units in (("b", 1, 12), ("s", -1, 3)):
        assert governor.decide(OrderIntent(name, "S", sign, units * UNIT, NOON)).decision == "ADMIT"
    return governor


PRICES = {"x.1": 100, "x.2": 99, "x.3": 103, "y": 101, "z": 98}  # cents
UNITS = {"x.1": 7, "x.2": 5, "x.3": 6, "y": 6, "z": 3}
ORDERS = {"x.1": "b", "x.2": "b", "x.3": "b", "y": "b", "z": "s"}
POOL: tuple[Message, ...] = (
    ("fill", "x.1"),
    ("fill", "x.2"),
    ("correct", "x.1", "x.2"),
    ("correct", "x.2", "x.3"),
    ("bust", "x.1"),
    ("bust", "x.3"),
    ("fill", "y"),
    ("bust", "y"),
    ("fill", "z"),
    ("cancel", "b"),
)


def tell(governor: Governor, message: Message) -> tuple[str, ...]:
    kind, name, *more = message
    price = lambda execution: PRICES[execution] * UNIT // 100  # noqa: E731
    match kind:
        case "fill":
            return governor.fill(Execution(ORDERS[name], name, UNITS[name] * UNIT, price(name), price(name)))
        case "correct":
            by = more[0]
            return governor.tell(Correction(ORDERS[by], name, by, UNITS[by] * UNIT, price(by), price(by)))
        case "bust":
            return governor.tell(Bust(ORDERS[name], name))
        case _:
            governor.close(name)
            return ()


@dataclass
class Ledger:
    """What a set of messages comes to: position, cash and turnover in cents, what is open, what filled too much."""

    held: int
    cash: int
    turnover: int
    open: dict[str, int]
    over: set[str]


def ledger(messages: Iterable[Message]) -> Ledger:
    """From the set alone: trades are groups of executions tied by corrections."""
    told = set(messages)
    ties = {old: new for kind, old, *more in told if kind == "correct" for new in more}
    known = {m[1] for m in told if m[0] == "fill"} | set(ties.values())
    busts = {m[1] for m in told if m[0] == "bust"}
    trades: list[list[str]] = []
    for first in sorted((known | busts | set(ties)) - set(ties.values())):
        trade = [first]
        while trade[-1] in ties:
            trade.append(ties[trade[-1]])
        trades.append(trade)
    held = cash = turnover = 0
    done = {"b": 0, "s": 0}
    for trade in trades:
        turnover += max([UNITS[x] * PRICES[x] for x in trade if x in known], default=0)
        last = trade[-1]
        if last in known and not busts & set(trade):
            way = 1 if ORDERS[last] == "b" else -1
            done[ORDERS[last]] += UNITS[last]
            held += way * UNITS[last]
            cash -= way * UNITS[last] * PRICES[last]
    rest = {"b": 12 - done["b"], "s": 3 - done["s"]}
    ended = {m[1] for m in told if m[0] == "cancel"}
    return Ledger(
        held, cash, turnover,
        {name: n for name, n in rest.items() if n > 0 and name not in ended},
        {name for name, n in rest.items() if n < 0},
    )  # fmt: skip


def seen(governor: Governor) -> Ledger:
    account = governor.account
    return Ledger(
        governor.positions.get("S", 0) // UNIT,
        account.cash // CENT,
        account.turnover // CENT,
        {order.id: order.rest // UNIT for order in governor.orders.values()},
        set(account.restricted),
    )


def told(messages: Sequence[Message]) -> Governor:
    governor = desk()
    for message in messages:
        tell(governor, message)
    return governor


@pytest.mark.parametrize(("size", "pool"), [(1, POOL), (2, POOL), (3, POOL), (4, POOL), (5, POOL[:6] + POOL[-1:])])
def test_every_order_of_messages_ends_where_the_set_says(size: int, pool: tuple[Message, ...]) -> None:
    for chosen in combinations(pool, size):
        wanted = ledger(chosen)
        for order in permutations(chosen):
            assert seen(told(order)) == wanted, order


FIVE: tuple[tuple[Message, ...], ...] = (
    (("fill", "x.1"), ("correct", "x.1", "x.2"), ("fill", "x.2"), ("correct", "x.2", "x.3"), ("bust", "x.3")),
    (("fill", "x.1"), ("correct", "x.1", "x.2"), ("correct", "x.2", "x.3"), ("fill", "y"), ("cancel", "b")),
    (("fill", "x.1"), ("fill", "y"), ("bust", "y"), ("correct", "x.1", "x.2"), ("fill", "z")),
    (("fill", "x.1"), ("bust", "x.1"), ("correct", "x.1", "x.2"), ("fill", "y"), ("bust", "y")),
    (("fill", "x.1"), ("fill", "y"), ("bust", "x.1"), ("fill", "x.2"), ("cancel", "b")),
)


@pytest.mark.parametrize("chosen", FIVE)
def test_every_order_of_five_messages_ends_where_the_set_says_and_told_again_changes_nothing(
    chosen: tuple[Message, ...],
) -> None:
    wanted = ledger(chosen)
    for order in permutations(chosen):
        governor = told(order)
        assert seen(governor) == wanted, order
        before = (governor.account, dict(governor.positions), dict(governor.orders))
        for message in chosen:
            tell(governor, message)
        assert (governor.account, dict(governor.positions), dict(governor.orders)) == before


def test_a_chain_counts_its_last_execution_at_its_own_price() -> None:
    """Bought 7 at 1.00, corrected to 5 at 0.99, to 6 at 1.03: 6 are held for 6.18; turnover is the dearest, 7.00."""
    governor = told([("fill", "x.1"), ("correct", "x.1", "x.2"), ("correct", "x.2", "x.3")])
    assert governor.positions == {"S": 6 * UNIT}
    assert (governor.account.cash, governor.account.turnover) == (-618 * CENT, 700 * CENT)
    assert governor.orders["b"].rest == 6 * UNIT
    assert governor.loss == 18 * CENT


def test_a_fill_that_was_undone_says_why_each_time_it_is_told() -> None:
    governor = desk()
    assert tell(governor, ("bust", "x.1")) == ("BUSTED",)
    assert tell(governor, ("fill", "x.1")) == tell(governor, ("fill", "x.1")) == ("BUSTED",)
    assert tell(governor, ("correct", "y", "x.2")) == ()
    assert tell(governor, ("fill", "y")) == ("CORRECTED",) == tell(governor, ("fill", "y"))
    assert governor.positions == {"S": 5 * UNIT}


def test_a_bust_gives_an_order_that_had_closed_by_it_its_rest_back_until_the_venue_ends_it() -> None:
    governor = desk()
    governor.fill(Execution("b", "whole", 12 * UNIT, UNIT, UNIT))
    assert "b" not in governor.orders
    assert governor.tell(Bust("b", "whole")) == ("BUSTED",)
    assert governor.orders["b"].rest == 12 * UNIT
    governor.close("b")
    assert "b" not in governor.orders
    governor.fill(Execution("b", "late", 12 * UNIT, UNIT, UNIT))
    governor.tell(Bust("b", "late"))
    assert "b" not in governor.orders and governor.positions == {}


def test_an_overfill_that_is_taken_back_restricts_no_longer() -> None:
    governor = desk()
    assert governor.fill(Execution("b", "a", 10 * UNIT, UNIT, UNIT)) == ()
    assert governor.fill(Execution("b", "c", 3 * UNIT, UNIT, UNIT)) == ("OVERFILL",)
    assert governor.account.restricted == ("b",) and governor.reduce_only
    governor.tell(Correction("b", "c", "c.2", 2 * UNIT, UNIT, UNIT))
    assert governor.account.restricted == () and not governor.reduce_only
    assert governor.fill(Execution("b", "c", 3 * UNIT, UNIT, UNIT)) == ("OVERFILL", "CORRECTED")


def test_what_was_undone_of_an_earlier_session_is_no_gain_and_may_be_a_loss() -> None:
    """Bought at 1.00, and worth 0.90 or 1.20 the next day. Of the 1.00 that comes back 0.90 count, or 0.20 are lost."""
    for cents, lost in ((90, 0), (120, 7 * 20)):
        governor = desk()
        tell(governor, ("fill", "x.1"))
        governor.quote("S", Quote(cents * UNIT // 100, cents * UNIT // 100, NOON))
        governor.begin(DAY + 1, 1_000_000)
        tell(governor, ("bust", "x.1"))
        assert governor.positions == {}
        assert governor.result == -lost * CENT
        assert governor.account.turnover == 0


def test_a_correction_of_an_earlier_session_adds_what_is_dearer_to_todays_turnover() -> None:
    governor = desk()
    tell(governor, ("fill", "x.2"))  # 4.95
    governor.begin(DAY + 1, 1_000_000)
    tell(governor, ("correct", "x.2", "x.3"))  # 6.18
    assert governor.account.turnover == (618 - 495) * CENT


def test_an_execution_is_known_by_venue_and_symbol_too() -> None:
    governor = desk()
    governor.quote("T", Quote(UNIT, UNIT, NOON))
    governor.decide(OrderIntent("t", "T", 1, 2 * UNIT, NOON))
    for order, venue in (("b", ""), ("t", ""), ("b", "XNAS"), ("b", "ARCX")):
        assert governor.fill(Execution(order, "1", UNIT, UNIT, UNIT, venue=venue)) == ()
    assert governor.positions == {"S": 3 * UNIT, "T": UNIT}
    governor.tell(Bust("b", "1", "XNAS"))
    assert governor.positions == {"S": 2 * UNIT, "T": UNIT}
    with pytest.raises(InputError, match="other content"):
        governor.fill(Execution("b", "1", 2 * UNIT, UNIT, UNIT, venue="ARCX"))


def _wrong(fact: Fact, words: str) -> Callable[[Governor], None]:
    def check(governor: Governor) -> None:
        before = seen(governor)
        with pytest.raises(InputError, match=words):
            governor.tell(fact)
        assert seen(governor) == before

    return check


@pytest.mark.parametrize(
    "check",
    [
        _wrong(Bust("none", "x.1"), "no order has this id. Report a trade without an order here as external"),
        _wrong(Correction("none", "x.1", "x.2", UNIT, UNIT, UNIT), "no order has this id"),
        _wrong(Bust("s", "x.1"), "x.1 was booked before for order b"),
        _wrong(Correction("b", "x.1", "x.1", UNIT, UNIT, UNIT), "an execution id of its own. Such as x.1.2"),
        _wrong(Correction("b", "x.1", "x.2", UNIT, UNIT, UNIT), "x.2 was booked before with other content"),
        _wrong(Correction("b", "x.1", "x.9", UNIT, UNIT, UNIT), "x.1 was corrected by x.2 before. Correct x.2 instead"),
        _wrong(Correction("b", "y", "x.2", 5 * UNIT, 99 * UNIT // 100, 99 * UNIT // 100), "x.2 corrects x.1 already"),
        _wrong(Correction("b", "x.2", "x.1", 7 * UNIT, UNIT, UNIT), "it is a circle"),
        _wrong(Correction("b", "y", "y.2", 0, UNIT, UNIT), "positive quantity"),
        _wrong(Correction("b", "y", "y.2", UNIT, 0, UNIT), "positive quantity and price"),
        _wrong(External("e", "S", 1, 0, UNIT, UNIT), "positive quantity and price"),
        _wrong(External("e", "S", 1, UNIT, 0, UNIT), "positive quantity and price"),
    ],
)
def test_what_contradicts_is_refused_and_changes_nothing(check: Callable[[Governor], None]) -> None:
    check(told([("fill", "x.1"), ("correct", "x.1", "x.2"), ("fill", "y")]))


def test_a_trade_of_another_is_adopted_once_and_counts_everywhere() -> None:
    """Sold 3 at 1.02 by hand: short 3, turnover 3.06; its worse price of the two counts for the cash."""
    governor = desk()
    trade = External("e1", "S", -1, 3 * UNIT, 102 * UNIT // 100, 103 * UNIT // 100)
    assert governor.tell(trade) == ("EXTERNAL",) == governor.tell(trade)
    assert governor.positions == {"S": -3 * UNIT}
    assert (governor.account.turnover, governor.account.cash) == (309 * CENT, 306 * CENT)
    assert governor.use("S").position == 9 * 100 * CENT  # -3 and 12 to buy, or -3 and 3 to sell
    with pytest.raises(InputError, match="e1 was reported before with other content"):
        governor.tell(replace(trade, quantity=UNIT))


def _fill(order: str, units: int) -> Message:
    return ("fill of", order, str(units))


def contend(governor: Governor, message: Message) -> tuple[str, ...]:
    """A message of execution w, which two orders may be told of; one that is refused is told again at the end."""
    kind, order, *units = message
    if kind == "fill of":
        return governor.fill(Execution(order, "w", int(units[0]) * UNIT, UNIT, UNIT))
    return governor.tell(Bust(order, "w"))


def test_a_true_fill_wins_over_one_and_over_a_bust_told_of_the_wrong_order() -> None:
    """The venue's bust or fill named order s; the execution was of order b, which bought 7."""
    governor = desk()
    assert contend(governor, ("bust of", "s")) == ("BUSTED",)
    assert contend(governor, _fill("b", 7)) == ()
    assert governor.positions == {"S": 7 * UNIT} and governor.orders["b"].rest == 5 * UNIT
    governor = desk()
    contend(governor, _fill("s", 3))
    contend(governor, ("bust of", "s"))
    assert contend(governor, _fill("b", 7)) == () == contend(governor, _fill("b", 7))
    assert governor.positions == {"S": 7 * UNIT} and governor.orders["s"].rest == 3 * UNIT
    assert contend(governor, _fill("s", 3)) == ("BUSTED",)
    assert governor.tell(Correction("b", "w", "w.2", 6 * UNIT, UNIT, UNIT)) == ()
    assert governor.positions == {"S": 6 * UNIT}


@pytest.mark.parametrize(("wrong", "right"), [(("s", 3), ("b", 7)), (("b", 7), ("s", 3)), (("b", 7), ("c", 4))])
def test_one_execution_told_of_two_orders_counts_at_the_worse_until_the_wrong_one_is_busted(
    wrong: tuple[str, int], right: tuple[str, int]
) -> None:
    """Whichever was never made: what is held in either case counts, and only what both say may be sold. A true one
    that gave way to the wrong one is told again at the end.
    """
    units = {"b": 7, "s": -3, "c": 4}
    for messages in permutations((_fill(*wrong), _fill(*right), ("bust of", wrong[0]))):
        governor, late = desk(), []
        governor.decide(OrderIntent("c", "S", 1, 4 * UNIT, NOON))
        for message in messages:
            try:
                said = contend(governor, message)
            except InputError as error:
                assert "was booked before for order" in str(error) and message[0] == "bust of"
                late.append(message)
                continue
            told = {**governor.book.told}
            assert not told or "POSITION_DISPUTED" in said
            if message[0] == "bust of" and told:
                assert told == {"S": units[right[0]] * UNIT} and governor.positions == {}
            elif told:
                assert {told["S"], governor.positions["S"]} == {n * UNIT for n in (units[wrong[0]], units[right[0]])}
                assert governor.book.gross >= 12 * UNIT * UNIT
                refused = governor.decide(OrderIntent(f"n{message}", "S", 1, 1, NOON))
                assert "POSITION_DISPUTED" in refused.reasons
                assert governor.book.sure("S") == (0 if "s" in {wrong[0], right[0]} else 4 * UNIT)
                assert governor.loss >= 3 * CENT
        for message in (*late, _fill(*right)):
            contend(governor, message)
        assert governor.positions == {"S": units[right[0]] * UNIT} and not governor.book.told, messages


def test_a_fill_that_gave_way_to_a_wrong_one_counts_again_once_that_is_busted_and_it_is_told() -> None:
    governor = desk()
    contend(governor, _fill("b", 7))
    assert contend(governor, _fill("s", 3)) == ("POSITION_DISPUTED",) == contend(governor, _fill("b", 7))
    assert governor.positions == {"S": -3 * UNIT} and governor.book.told == {"S": 7 * UNIT}
    other = Execution("b", "other", 2 * UNIT, UNIT, UNIT)
    governor.fill(other)  # moves both
    assert governor.positions == {"S": -UNIT} and governor.book.told == {"S": 9 * UNIT}
    assert governor.tell(Correction("s", "w", "w.2", 2 * UNIT, UNIT, UNIT)) == ()
    assert governor.positions == {} and governor.book.told == {"S": 9 * UNIT}
    governor.tell(Bust("s", "w.2"))
    assert governor.positions == {"S": 2 * UNIT} and governor.book.told == {"S": 9 * UNIT}
    assert contend(governor, _fill("b", 7)) == ()
    assert governor.positions == {"S": 9 * UNIT} and governor.book.told == {}
    assert contend(governor, _fill("s", 3)) == ("POSITION_DISPUTED", "CORRECTED")


def test_a_correction_of_what_gave_way_changes_the_other_reading() -> None:
    governor = desk()
    contend(governor, _fill("b", 7))
    contend(governor, _fill("s", 3))
    governor.tell(Correction("b", "w", "w.2", 6 * UNIT, UNIT, UNIT))
    assert governor.positions == {"S": -3 * UNIT} and governor.book.told == {"S": 6 * UNIT}
    governor.tell(Bust("b", "w.2"))
    assert governor.positions == {"S": -3 * UNIT} and governor.book.told == {}


def test_a_snapshot_has_the_last_word_on_an_execution_of_two_orders() -> None:
    for held in (7, -3):
        governor = desk()
        contend(governor, _fill("b", 7))
        contend(governor, _fill("s", 3))
        governor.tell(Snapshot("now", NOON, {"S": held * UNIT}))
        assert governor.book.told == ({"S": 7 * UNIT} if held == 7 else {})
        governor.tell(Bust("s", "w"))
        contend(governor, _fill("b", 7))
        assert governor.positions == {"S": 7 * UNIT}

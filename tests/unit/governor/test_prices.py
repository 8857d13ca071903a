"""Which prices are believed, and what a doubt does until it is explained (U6, H2, R1, R4)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.ports import Conflict
from plimsoll.core.venue_facts import Correction, External, SignedPrice, Snapshot, Split
from plimsoll.governor.governor import CENT, Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)
LIMITS = replace(
    MICRO, move_bps=0, orders_second=10**6, orders_minute=10**6, repeats_minute=10**6, quote_age=10**12
)  # ages are another test's


class Store(MemoryStateStore):
    """Counts what is written."""

    written = 0

    def write(self, *rows: Any) -> Conflict | None:
        self.written += any(rows)
        return super().write(*rows)


class Desk:
    """A governor, and prices in dollars told a second apart."""

    def __init__(self, limits=LIMITS, equity: int = 1_000_000) -> None:
        self.store = Store()
        self.governor = Governor(self.store, limits)
        self.now, self.count = NOON, 0
        self.governor.begin(DAY, equity)

    def quote(self, bid: float, ask: float | None = None, symbol: str = "S", later: int = SECOND) -> str:
        """What is doubted of a quote; "" where it is believed."""
        self.now += later
        sides = [round(side * UNIT) for side in (bid, bid if ask is None else ask)]
        doubt = self.governor.quote(symbol, Quote(*sides, self.now))
        assert doubt == self.governor.doubts.get(symbol)
        return "" if doubt is None else doubt.why

    def order(self, quantity: float, sign: int = 1, symbol: str = "S", limit: float | None = None) -> Decision:
        self.count += 1
        price = None if limit is None else round(limit * UNIT)
        return self.governor.decide(
            OrderIntent(f"o{self.count}", symbol, sign, round(quantity * UNIT), self.now, price)
        )

    def hold(self, units: float, price: float, symbol: str = "S") -> None:
        """Hold so many units, bought or sold at a price within the single-trade cap."""
        assert self.order(abs(units), 1 if units > 0 else -1, symbol).decision == "ADMIT"
        paid = round(price * UNIT)
        self.governor.fill(
            Execution(f"o{self.count}", f"x{self.count}", round(abs(units) * UNIT), paid, paid, at=self.now)
        )

    def next_day(self, equity: int = 1_000_000) -> None:
        self.now += 86_400 * SECOND
        self.governor.begin(self.governor.account.day + 1, equity)

    def risk(self, symbol: str = "S") -> tuple[str, ...]:
        """What speaks against a little new risk."""
        return self.order(0.0001, symbol=symbol).reasons


@pytest.mark.parametrize(
    ("symbol", "bound"), [("S", 0.20), ("BRK-B", 0.20), ("BTC-USD", 0.30), ("EURUSD=X", 0.05), ("ES=F", 0.20)]
)
@pytest.mark.parametrize("way", [1, -1])
def test_a_jump_is_in_doubt_beyond_the_bound_of_its_kind(symbol: str, bound: float, way: int) -> None:
    for over, doubted in ((0, ""), (0.0001, "jump")):
        desk = Desk()
        desk.quote(100, symbol=symbol)
        assert desk.quote(100 * (1 + way * (bound + over)), symbol=symbol) == doubted


@pytest.mark.parametrize(
    ("bid", "ask", "why", "counted"),
    [(0, 90, "refused", 90), (-1, 90, "refused", 90), (90, 0, "refused", 90), (-1, -1, "refused", None),
     (0, 0, "refused", None), (91, 89, "crossed", 90)],
)  # fmt: skip
def test_a_quote_that_is_none_leaves_its_predecessor_in_doubt(bid: int, ask: int, why: str, counted: int) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    assert desk.quote(bid, ask) == why
    assert desk.risk() == ("PRICE_UNKNOWN",)
    desk.quote(100, symbol="T")
    assert desk.risk("T") == ("LOSS_UNKNOWN",)
    assert desk.governor.loss == (0 if counted is None else (100 - counted) * 50 * CENT)
    assert desk.quote(101) == "" and desk.risk() == () == desk.risk("T")


@pytest.mark.parametrize("step", [1.19, 0.81])
def test_quotes_of_one_time_cannot_walk_beyond_the_bound_of_the_price_before_them(step: float) -> None:
    """The bound is 20 %: 19 % and 19 % again are 42 % away from the last price of an earlier time."""
    desk = Desk()
    assert desk.quote(100) == ""
    assert desk.quote(100 * step) == ""
    assert desk.quote(100 * step * step, later=0) == "jump"
    assert desk.quote(100 * step, later=0) == ""  # near both
    assert desk.quote(100 * step * step, later=0) == "jump"
    assert desk.quote(100 if step > 1 else 97, later=0) == ""
    assert desk.quote(119.5 if step > 1 else 80.5, later=0) == ""
    assert desk.quote(100 * step * step) == ""  # of a later time: 18.5 % or less from the last


def test_the_price_before_those_of_one_time_is_that_of_their_units_and_of_what_a_person_signed() -> None:
    desk = Desk()
    for price in (100, 110):
        assert desk.quote(price) == ""
    desk.governor.tell(Split("s", "S", 10, 1, desk.now + 1))
    assert desk.quote(11, later=2) == ""
    assert desk.quote(12.9, later=0) == ""  # 17 % from the 11 that the split made of it
    assert desk.quote(13.5, later=0) == "jump"
    assert desk.quote(40, later=1) == "jump"
    desk.governor.tell(SignedPrice("act 1", "S", 40 * UNIT, 40 * UNIT))
    assert desk.quote(41, later=0) == "jump"  # of the time of the signed one, which no print was
    assert desk.quote(41, later=1) == ""


def test_a_step_that_could_not_be_written_is_no_step() -> None:
    """A quote that is taken back leaves the earlier price as it was."""
    desk = Desk()
    desk.quote(100)
    desk.quote(119)
    before = {**desk.governor.book.earlier}
    with pytest.raises(InputError):
        desk.governor.quote("S", Quote(UNIT, UNIT, desk.now - 1))
    assert desk.governor.book.earlier == before
    assert desk.quote(141, later=0) == "jump"
    assert desk.governor.book.earlier == before


def test_a_later_print_near_the_doubted_one_explains_it() -> None:
    desk = Desk()
    desk.quote(100)
    assert desk.quote(130) == "jump"
    assert desk.quote(131, later=0) == "jump"  # the same moment is the same print
    assert desk.quote(129) == ""
    assert desk.governor.quotes["S"].bid == 129 * UNIT


def test_prints_that_do_not_agree_explain_nothing() -> None:
    desk = Desk()
    desk.quote(100)
    assert [desk.quote(price) for price in (130, 60, 160, -1, 160, 100)] == ["jump"] * 3 + ["jump", "", "jump"]


def test_a_refused_quote_is_no_print_that_another_could_confirm() -> None:
    desk = Desk()
    desk.quote(100)
    assert [desk.quote(0, 50), desk.quote(50), desk.quote(51)] == ["refused", "jump", ""]


def test_an_older_quote_says_nothing() -> None:
    desk = Desk()
    desk.quote(100)
    desk.quote(130)
    for bid in (100, 0):
        with pytest.raises(InputError, match="older than the last"):
            desk.quote(bid, later=-1)
    assert desk.governor.doubts["S"].bid == 130 * UNIT


@pytest.mark.parametrize("held", [0.5, -0.5])
@pytest.mark.parametrize("price", [10, 300])
def test_the_worse_of_both_prices_counts_until_one_is_believed(held: float, price: int) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(held, 100)
    assert desk.quote(price) == "jump"
    worse = (held > 0) == (price < 100)
    assert desk.governor.loss == (abs(price - 100) * 50 * CENT if worse else 0)
    assert desk.governor.use("S").position == max(price, 100) * 50 * CENT
    assert desk.quote(100) == "" and desk.governor.loss == 0


def test_a_doubted_price_shows_the_halt_and_only_a_believed_one_makes_it_last() -> None:
    desk = Desk(replace(LIMITS, loss=5_000))
    desk.quote(100)
    desk.hold(0.5, 100)
    assert desk.order(0.01, 1).decision == "ADMIT"
    assert desk.quote(10) == "jump"
    assert desk.governor.stage == "halt" and not desk.governor.account.halted
    assert desk.governor.to_cancel == ("o2",)
    assert desk.quote(100) == "" and desk.governor.stage == "normal"
    desk.quote(10)
    assert desk.quote(10.5) == "" and desk.governor.account.halted
    assert desk.quote(100) == "jump"
    assert desk.quote(100) == "" and desk.governor.stage == "halt"


def test_the_halt_of_a_doubted_price_lasts_when_another_confirms_it_though_that_one_is_better() -> None:
    desk = Desk(replace(LIMITS, loss=5_000))
    desk.quote(100)
    desk.hold(0.5, 100)
    assert desk.quote(18) == "jump" and not desk.governor.account.halted  # 41 dollars lost, 40 halt
    assert desk.quote(21) == "" and desk.governor.loss == 3_950 * CENT
    assert desk.governor.account.halted
    assert desk.governor.quotes["S"].bid == 21 * UNIT and not desk.governor.doubts


@pytest.mark.parametrize("price", [50, 33.3, 67, 10, 200, 1000, 125, 61])
def test_what_may_be_a_split_over_night_is_explained_by_no_number_of_prints(price: float) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    desk.next_day()
    assert {desk.quote(price), desk.quote(price), desk.quote(price * 1.01)} == {"split"}
    assert desk.governor.doubts["S"].since == desk.now - 2 * SECOND
    assert "PRICE_UNKNOWN" in desk.risk()
    assert desk.quote(100) == ""


@pytest.mark.parametrize("price", [71, 69, 142])
def test_a_jump_over_night_that_is_no_ratio_of_small_numbers_needs_one_more_print(price: float) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    desk.next_day()
    assert [desk.quote(price), desk.quote(price)] == ["jump", ""]


@pytest.mark.parametrize(
    ("held", "later", "left"),
    [(0.5, 1, ""), (0.5, 0, "split"), (0.5, -SECOND, "split"), (1.0, 1, "split"), (0.05, 1, "split")],
)
def test_a_later_snapshot_of_the_same_quantity_shows_that_there_was_no_split(
    held: float, later: int, left: str
) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    desk.next_day()
    assert desk.quote(50) == "split"
    since = desk.now
    assert desk.quote(49) == "split"  # more prints make the snapshot no older
    desk.governor.tell(Snapshot("s", since + later, {"S": round(held * UNIT)}))
    doubt = desk.governor.doubts.get("S")
    assert (doubt.why if doubt else "") == left
    assert desk.governor.quotes["S"].bid == (100 if left else 49) * UNIT
    assert desk.governor.loss == (51 * 50 * CENT if held == 0.5 else desk.governor.loss)


def test_a_snapshot_explains_no_other_doubt() -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    assert desk.quote(50) == "jump"
    desk.governor.tell(Snapshot("s", desk.now + 1, {"S": UNIT // 2}))
    assert desk.governor.doubts["S"].why == "jump"


def test_without_a_holding_there_is_nothing_that_a_split_could_change() -> None:
    desk = Desk()
    desk.quote(100)
    desk.next_day()
    assert [desk.quote(50), desk.quote(50)] == ["jump", ""]


def test_within_a_session_a_halving_is_explained_by_one_more_print() -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.1, 100)
    assert [desk.quote(50), desk.quote(50)] == ["jump", ""]


def test_a_print_of_yesterday_does_not_confirm_what_may_be_a_split_today() -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.1, 100)
    assert desk.quote(50) == "jump"
    desk.next_day()
    assert desk.quote(50) == "split"


def test_what_may_have_been_a_reverse_split_licenses_no_more_than_what_is_left_of_it() -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    desk.next_day()
    assert desk.quote(1000) == "split"
    assert desk.order(0.0501, -1).decision == "REFUSE"
    answer = desk.order(0.05, -1)
    assert (answer.decision, answer.marks) == ("ADMIT", ("PRICE_UNKNOWN",))


def test_a_short_position_can_always_be_covered() -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(-0.5, 100)
    desk.next_day(-16_000)
    assert desk.quote(3000) == "split"
    assert desk.order(0.5, 1).decision == "ADMIT"


@pytest.mark.parametrize("limit", [None, 99, 61])
def test_a_reduction_passes_near_either_price(limit: float | None) -> None:
    desk = Desk()
    desk.quote(100)
    desk.hold(0.5, 100)
    assert desk.quote(60) == "jump"
    answer = desk.order(0.5, -1, limit=limit)
    assert (answer.decision, answer.marks) == ("ADMIT", ("PRICE_UNKNOWN",))
    desk.governor.close(answer.id)
    assert desk.order(0.5, -1, limit=80).reasons == ("PRICE_COLLAR",)


def test_a_session_that_begins_in_doubt_gains_nothing_by_its_end() -> None:
    for held, doubted, base in ((0.5, 130, 130), (0.5, 70, 100), (-0.5, 130, 100), (-0.5, 70, 70)):
        desk = Desk()
        desk.quote(100)
        desk.hold(held, 100)
        assert desk.quote(doubted) == "jump"
        desk.next_day()
        assert desk.governor.account.base == 2 * round(held * base) * UNIT * UNIT


def test_a_doubt_outlives_the_process() -> None:
    desk = Desk()
    desk.quote(100)
    desk.quote(130)
    again = Governor(desk.store, LIMITS)
    assert again.doubts == desk.governor.doubts and again.doubts["S"].why == "jump"


# quotes in memory


@pytest.mark.parametrize(
    ("sign", "last", "first", "lost"), [(1, 110, 109, 9), (1, 90, 91, 0), (-1, 90, 91, 9), (-1, 110, 109, 0)]
)
def test_what_was_gained_before_a_session_that_began_after_a_crash_is_no_gain_in_it(
    sign: int, last: int, first: int, lost: int
) -> None:
    """The last quotes died with the process, and the session's beginning with them: the first one heard counts then."""
    desk = Desk()
    desk.quote(100)
    desk.hold(sign * 0.5, 100)
    desk.quote(last)
    desk.governor = Governor(desk.store, LIMITS)
    desk.next_day()
    desk.quote(first)
    assert desk.governor.loss == max(sign * (100 - first), 0) * 50 * CENT
    desk.quote(100)
    assert desk.governor.loss == lost * 50 * CENT
    assert desk.quote(first) == "" and desk.quote(100) == "" and desk.governor.loss == lost * 50 * CENT


def pair() -> tuple[Governor, Governor]:
    """Two governors of one account, after a session's beginning that both know."""
    store = MemoryStateStore()
    one, two = Governor(store, LIMITS), Governor(MemoryStateStore(store.account), LIMITS)
    one.begin(DAY, 1_000_000)
    two.refresh()
    return one, two


def at_dollars(price: int, later: int = 0) -> Quote:
    return Quote(price * UNIT, price * UNIT, NOON + later)


def test_a_quote_is_written_with_the_next_change_and_no_sooner() -> None:
    desk = Desk()
    desk.quote(100)
    desk.quote(7, symbol="T")
    before = dict(desk.store.account.state)
    desk.quote(101)
    desk.quote(7, symbol="T")
    desk.quote(102)
    assert desk.store.account.state == before
    desk.hold(0.1, 102)
    kept = {key: text for (kind, key), text in desk.store.account.state.items() if kind == "quote"}
    assert kept == {
        "S": f'[{102 * UNIT},{102 * UNIT},{NOON + 5 * SECOND},""]',
        "T": f'[{7 * UNIT},{7 * UNIT},{NOON + 4 * SECOND},""]',
    }
    assert Governor(desk.store, LIMITS).account.clock == desk.governor.account.clock == NOON + 5 * SECOND


@pytest.mark.parametrize(
    ("symbol", "prices", "written"),
    [  # the bound of a stock is 20 %, of crypto 30 %: the first print, and each beyond half of it from the stored one
        ("S", (100, 109, 110, 111, 112), "10010"),
        ("S", (100, 91, 90, 89, 97, 98), "100101"),
        ("S", (100, 110, 121, 122), "1010"),
        ("BTC-USD", (100, 114, 115, 116), "1001"),
    ],
)
def test_a_price_far_from_the_stored_one_is_written_at_once(symbol: str, prices: tuple[int, ...], written: str) -> None:
    desk = Desk()
    sizes = [desk.store.written]
    for price in prices:
        desk.quote(price, symbol=symbol)
        sizes.append(desk.store.written)
    assert "".join(str(after - before) for before, after in pairwise(sizes)) == written


def test_what_was_never_a_price_is_written_once_and_a_doubt_stores_no_price() -> None:
    desk = Desk()
    sizes = [desk.store.written]
    for price in (-1, -1, -1, 100, 130, 131):
        desk.quote(price, later=0 if price == 131 else SECOND)
        sizes.append(desk.store.written)
    assert [after - before for before, after in pairwise(sizes)] == [1, 0, 0, 1, 1, 0]
    assert Governor(desk.store, LIMITS).quotes["S"].bid == 100 * UNIT


def test_a_change_of_another_symbol_stores_what_the_next_price_is_held_against() -> None:
    desk = Desk()
    desk.quote(100)
    desk.quote(7, symbol="T")
    desk.quote(109)
    desk.hold(0.1, 7, symbol="T")  # which writes 109 too
    before = desk.store.written
    desk.quote(119)
    assert desk.store.written == before
    desk.quote(120)
    assert desk.store.written == before + 1


def test_a_first_quote_of_a_session_that_another_process_began_is_stored_and_the_next_is_held_against_it() -> None:
    """100 is of the last session. 91 is near it and 109 too, which is further than a tenth from 91."""
    desk = Desk()
    desk.quote(100)
    other = Governor(Store(desk.store.account), LIMITS)
    other.begin(DAY + 3, 1_000_000)
    desk.now += 3 * 86_400 * SECOND
    for price in (91, 109):
        desk.quote(price)
        assert Governor(desk.store, LIMITS).quotes["S"].bid == price * UNIT


@pytest.mark.parametrize("wrong", [10, 1000, 50, 200])
def test_a_print_that_cannot_be_is_doubted_after_a_start_though_nothing_is_held_or_ordered(wrong: int) -> None:
    desk = Desk()
    desk.quote(100)
    desk.quote(109)
    desk.governor = Governor(desk.store, LIMITS)
    desk.quote(wrong)
    assert "S" in desk.governor.doubts and "PRICE_UNKNOWN" in desk.risk()


@pytest.mark.parametrize("price", [130, -1])
def test_the_beginning_and_the_end_of_a_doubt_are_written_at_once_and_what_is_between_rides(price: int) -> None:
    desk = Desk()
    desk.quote(100)
    sizes = []
    for bid in (price, price, price, 100, 101):
        desk.quote(bid, later=0 if bid == 130 else SECOND)
        sizes.append(desk.store.written)
    assert [after - before for before, after in zip([sizes[0] - 1, *sizes], sizes, strict=False)] == [1, 0, 0, 1, 0]


def test_the_halt_is_written_at_once() -> None:
    desk = Desk(replace(LIMITS, loss=1_000))
    desk.quote(100)
    desk.hold(0.5, 100)
    before = desk.store.written
    desk.quote(81)
    assert desk.store.written == before + 1
    assert Governor(desk.store, replace(LIMITS, loss=1_000)).account.halted


def test_after_a_start_no_quote_is_fresh_until_it_comes_anew() -> None:
    """The one that was kept may not have been the last: a fall after it was in memory only."""
    desk = Desk()
    desk.quote(100)
    desk.hold(0.1, 100)
    desk.quote(91)
    desk.governor = Governor(desk.store, LIMITS)
    assert desk.risk() == ("STALE_QUOTE",)
    desk.quote(50, symbol="T")
    assert desk.risk("T") == ("LOSS_UNKNOWN",)
    assert desk.order(0.1, -1).marks == ("STALE_QUOTE",)
    desk.quote(100, later=0)  # the same line sent again is as good as another
    assert desk.risk() == () == desk.risk("T")


def test_after_a_start_what_is_open_counts_at_a_price_that_came_anew() -> None:
    """A rise after the quote that was kept is lost with the process, and the order may fill there."""
    desk = Desk()
    desk.quote(100)
    desk.quote(50, symbol="T")
    desk.order(0.1)
    desk.quote(119)
    desk.governor = Governor(desk.store, LIMITS)
    desk.quote(50, symbol="T")
    assert desk.risk("T") == ("LOSS_UNKNOWN",)
    desk.quote(119)
    assert desk.risk("T") == ()


def test_a_newer_quote_is_never_replaced_by_what_another_process_wrote() -> None:
    one, two = pair()
    one.quote("S", at_dollars(100, 1))
    two.quote("S", at_dollars(101, 2))
    assert one.decide(OrderIntent("a", "S", 1, 1, NOON + 3)).decision == "ADMIT"
    assert two.decide(OrderIntent("b", "S", 1, 1, NOON + 3)).decision == "ADMIT"
    one.refresh()
    assert one.quotes["S"] == two.quotes["S"] == at_dollars(101, 2)
    two.quote("S", at_dollars(99, 4))
    one.quote("S", at_dollars(102, 5))
    one.decide(OrderIntent("c", "S", 1, 1, NOON + 6))
    two.refresh()
    assert two.quotes["S"] == at_dollars(102, 5)
    assert two.account == one.account


@pytest.mark.parametrize(("later", "doubted"), [(3, True), (5, False)])
def test_a_doubt_of_another_process_holds_against_an_older_quote_and_ends_by_a_later_one(
    later: int, doubted: bool
) -> None:
    one, two = pair()
    for governor in (one, two):
        governor.quote("S", at_dollars(100, 1))
    two.quote("S", at_dollars(101, later))
    one.quote("S", Quote(-1, -1, NOON + 4))
    assert two.decide(OrderIntent("a", "S", 1, 1, NOON + 6)).reasons == (("PRICE_UNKNOWN",) if doubted else ())
    one.refresh()
    assert one.doubts == two.doubts and bool(one.doubts) == doubted


def test_a_jump_that_only_another_process_knows_is_judged_with_what_is_in_memory_here() -> None:
    one, two = pair()
    one.quote("S", at_dollars(100, 1))
    two.quote("S", at_dollars(150, 2))
    one.decide(OrderIntent("a", "S", 1, 1, NOON + 3))
    two.refresh()
    assert two.doubts["S"].bid == 150 * UNIT and two.quotes["S"] == at_dollars(100, 1)
    two.refresh()
    one.refresh()
    assert one.doubts == two.doubts


# trades at prices nobody believes


@pytest.mark.parametrize(
    ("sign", "price", "cash"),
    [(1, 120.0, 120), (1, 120.01, 120.01), (1, 79.99, 100), (1, 0.01, 100), (1, 4000, 4000),
     (-1, 80.0, 80), (-1, 120.01, 100), (-1, 40_000, 100), (-1, 1, 1)],
)  # fmt: skip
def test_a_trade_beyond_the_bound_counts_at_the_worse_price(sign: int, price: float, cash: float) -> None:
    desk = Desk()
    desk.quote(100)
    answer = desk.order(0.1, sign)
    paid = round(price * UNIT)
    told = Execution(answer.id, "x", UNIT // 10, paid, paid, at=desk.now)
    reasons = ("PRICE_UNEXPLAINED",) if not 80 <= price <= 120 else ()
    assert desk.governor.fill(told) == desk.governor.fill(told) == reasons
    account = desk.governor.account
    assert account.cash == -sign * round(cash * UNIT) * UNIT // 10
    assert account.turnover == (max(paid, 100 * UNIT) if reasons else paid) * UNIT // 10
    assert desk.governor.positions == {"S": sign * UNIT // 10}


@pytest.mark.parametrize(("price", "reasons"), [(100, ("EXTERNAL",)), (1, ("EXTERNAL", "PRICE_UNEXPLAINED"))])
def test_a_trade_of_others_is_counted_the_same_way(price: int, reasons: tuple[str, ...]) -> None:
    desk = Desk()
    desk.quote(100)
    paid = price * UNIT
    assert desk.governor.tell(External("e", "S", 1, UNIT, paid, paid, desk.now)) == reasons
    assert desk.governor.account.cash == -100 * UNIT * UNIT


def test_a_correction_explains_what_a_fill_was_booked_at() -> None:
    desk = Desk()
    desk.quote(100)
    answer = desk.order(0.1, -1)
    desk.governor.fill(Execution(answer.id, "x", UNIT // 10, 140 * UNIT, 140 * UNIT, at=desk.now))
    assert desk.governor.tell(Correction(answer.id, "x", "y", UNIT // 10, 101 * UNIT, 101 * UNIT, at=desk.now)) == ()
    assert desk.governor.account.cash == 101 * UNIT * UNIT // 10


def test_what_was_traded_before_a_split_is_held_against_the_price_of_then() -> None:
    desk = Desk()
    desk.quote(100)
    answer = desk.order(0.1)
    before = desk.now
    desk.now += SECOND
    desk.governor.tell(Split("s", "S", 10, 1, desk.now))
    assert desk.quote(10) == ""
    assert desk.governor.fill(Execution(answer.id, "x", UNIT // 10, 100 * UNIT, 100 * UNIT, at=before)) == ()
    assert desk.governor.positions == {"S": UNIT}


# dust


@pytest.mark.parametrize(
    ("price", "units", "known"), [(10, 0.1, True), (10.02, 0.1, False), (10, -0.1, False), (10, 0.1001, False)]
)
@pytest.mark.parametrize("lost", ["stale", "refused"])
def test_dust_that_is_not_quoted_any_more_blocks_nothing_and_counts_as_lost(
    price: float, units: float, known: bool, lost: str
) -> None:
    desk = Desk(replace(LIMITS, quote_age=60 * SECOND))
    desk.quote(price)
    desk.hold(units, price)
    if lost == "stale":
        desk.now += 61 * SECOND
    else:
        desk.quote(-1, -1)
    desk.quote(100, symbol="T")
    assert desk.risk("T") == (() if known else ("LOSS_UNKNOWN",))


def test_dust_counts_against_the_ladder_once_nobody_quotes_it() -> None:
    desk = Desk(replace(LIMITS, quote_age=60 * SECOND, loss=125))
    desk.quote(10)
    desk.hold(0.1, 10)
    desk.quote(100, symbol="T")
    assert desk.risk("T") == ()
    desk.now += 60 * SECOND
    desk.quote(100, symbol="T")
    assert desk.risk("T") == ("INTRADAY_HALT",)  # a dollar of 1.25: the last stage begins at 0.80 of it
    assert desk.governor.use().loss == desk.governor.loss == 100 * CENT  # what orders are held against is what is shown
    assert (desk.governor.stage, desk.governor.headroom()["loss"], desk.governor.reduce_only) == ("halt", 25, True)
    assert not desk.governor.account.halted
    desk.quote(10)
    assert desk.risk("T") == () and desk.governor.use().loss == 0


# what a split that is told late leaves of a turnover


def test_a_fill_below_the_price_before_its_split_stays_in_the_turnover_at_the_dearer_until_the_session_ends() -> None:
    """A split told wrong would explain any price, so none makes room in the turnover: 50 at 10, of a price of 100, are
    5,000 of it, before the split of ten for one is told and afterwards.
    """
    desk = Desk(replace(LIMITS, turnover=10**6, position=10**6, positions={}, trade=10**6))
    desk.quote(100)
    assert desk.order(50).decision == "ADMIT"
    ten = 10 * UNIT
    assert "PRICE_UNEXPLAINED" in desk.governor.fill(Execution("o1", "x", 50 * UNIT, ten, ten, at=desk.now))
    assert desk.governor.account.turnover == 5_000 * 100 * CENT
    desk.governor.tell(Split("s", "S", 10, 1, desk.now - SECOND))
    assert desk.governor.account.turnover == 5_000 * 100 * CENT
    desk.governor.begin(DAY + 1, 1_000_000)
    assert desk.governor.account.turnover == 0


# exits


def _restarted(desk: Desk) -> None:
    desk.governor = Governor(desk.store, desk.governor.limits)


def _other_policy(desk: Desk) -> None:
    desk.governor = Governor(desk.store, replace(desk.governor.limits, collar_bps=200))


def _stale(desk: Desk) -> None:
    desk.now += MICRO.quote_age + 1


def _slow(desk: Desk) -> None:
    for _ in range(20):
        desk.governor.record_latency(10**9)


def _overfilled(desk: Desk) -> None:
    desk.governor.fill(Execution("o1", "more", UNIT // 10, 100 * UNIT, 100 * UNIT, at=desk.now))


def _halted(desk: Desk) -> None:
    for price in (81, 66, 54, 44, 36, 30):
        desk.quote(price)


def _disputed(desk: Desk) -> None:
    desk.governor.tell(Snapshot("s", desk.now, {"S": UNIT}))


def _unquoted_elsewhere(desk: Desk) -> None:
    desk.governor.tell(External("e", "GONE", 1, UNIT, 9 * UNIT, 9 * UNIT, desk.now))


def _foreign_order(desk: Desk) -> None:
    desk.governor.tell(Snapshot("s", desk.now, {"S": UNIT // 2}, frozenset({"unknown"})))


BARRED = {
    "a stale quote": _stale,
    "a governor that was started again": _restarted,
    "another policy": _other_policy,
    "a price that jumped": lambda desk: desk.quote(70),
    "a price that rose": lambda desk: desk.quote(140),
    "no bid": lambda desk: desk.quote(-1, 100),
    "no price": lambda desk: desk.quote(-1),
    "a crossed quote": lambda desk: desk.quote(101, 99),
    "what may be a split": lambda desk: (desk.next_day(), desk.quote(50)),
    "nothing left": lambda desk: (desk.next_day(0), desk.quote(100)),
    "less than nothing": lambda desk: (desk.next_day(-16_000), desk.quote(100)),
    "a new session without a quote": lambda desk: desk.next_day(),
    "a halt": _halted,
    "the day after a halt": lambda desk: (_halted(desk), desk.next_day()),
    "slow decisions": _slow,
    "an overfill": _overfilled,
    "a venue that says more is held": _disputed,
    "a holding nobody quotes": _unquoted_elsewhere,
    "an order nobody knows": _foreign_order,
    "a trade nobody believes": lambda desk: desk.governor.tell(
        External("e", "T", 1, UNIT, 9 * UNIT, 9 * UNIT, desk.now)
    ),
}


LONG_ONLY = ("a halt", "the day after a halt", "a venue that says more is held", "an order nobody knows")
FREE = ("an order nobody knows", "a trade nobody believes")  # they bar nothing by themselves


@pytest.mark.parametrize(("bar", "sign"), [(b, s) for b in BARRED for s in (1, -1) if s > 0 or b not in LONG_ONLY])
def test_nothing_that_may_never_come_keeps_a_holding_from_leaving(bar: str, sign: int) -> None:
    desk = Desk(replace(LIMITS, loss=3_000, quote_age=MICRO.quote_age))
    desk.quote(100)
    desk.quote(50, symbol="T")
    desk.hold(0.5 * sign, 100)
    BARRED[bar](desk)
    assert bar in FREE or desk.order(0.0001, sign).decision == "REFUSE"
    assert desk.order(0.5, -sign).decision == "ADMIT"


def test_a_holding_that_was_never_quoted_can_leave_at_any_price() -> None:
    desk = Desk()
    desk.governor.tell(External("e", "GONE", 1, UNIT, 9 * UNIT, 9 * UNIT, desk.now))
    assert desk.order(1, -1, "GONE").decision == "ADMIT"

"""The independent ledger by hand: worst cases, breaches it must find, and what breaches nothing (H8)."""

from __future__ import annotations

import ast
import inspect
from fractions import Fraction

import pytest

from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT
from plimsoll.governor.limits import limits_of
from plimsoll.simulation import independent_ledger
from plimsoll.simulation.independent_ledger import LIMITS, Caps, IndependentLedger, caps_of
from plimsoll.store import policy_file

UNIT = 10**12
MICRO = policy_file.load("micro", changes={"governor.market_reserve": 0.0}).policy  # each cap by itself


class Account(IndependentLedger):
    """An account of 1000 dollars under the caps of ``micro``; every price is one dollar."""

    def __init__(self, equity: int = 1_000, caps: Caps | None = None) -> None:
        super().__init__(caps or caps_of(MICRO))
        self.begin(Fraction(equity))
        self.price("S", UNIT)
        self.price("T", UNIT)
        self.count = 0

    def order(self, dollars: float, sign: int = 1, symbol: str = "S", limit: int | None = None) -> str:
        self.count += 1
        self.left(f"o{self.count}", symbol, sign, round(dollars * UNIT), limit, 0)
        return f"o{self.count}"

    def price(self, symbol: str, price: int) -> None:
        self.quote(symbol, price, price, self.now)

    def fill(self, order: str, dollars: float, sign: int = 1, symbol: str = "S", price: int = UNIT) -> None:
        self.count += 1
        self.filled(order, f"x{self.count}", symbol, sign, round(dollars * UNIT), price, 0)

    def hold(self, dollars: int, symbol: str = "S") -> None:
        while dollars:
            part = min(dollars, 50)
            self.fill(self.order(part, symbol=symbol), part, symbol=symbol)
            dollars -= part


@pytest.mark.parametrize("profile", list(policy_file.PROFILES))
def test_his_caps_are_the_governors_though_he_reads_them_himself(profile: str) -> None:
    policy = policy_file.load(profile).policy
    its, theirs = caps_of(policy), limits_of(policy)
    assert [its.loss, its.turnover, its.trade, its.position] == [
        cap * CENT for cap in (theirs.loss, theirs.turnover, theirs.trade, theirs.position)
    ]
    assert its.positions == {s: cap * CENT for s, cap in theirs.positions.items()}
    assert its.gross == Fraction(theirs.gross_bps, 10_000)
    for mine, stage in zip((its.caution, its.reduce, its.halt), theirs.stages, strict=True):
        assert mine == (Fraction(stage.equity_bps, 10_000), Fraction(stage.loss_bps, 10_000))


def test_at_each_cap_nothing_is_breached_and_a_millionth_of_a_dollar_above_it_is() -> None:
    for limit in ("trade", "position", "gross", "turnover"):
        for above in (0, 1):
            caps = caps_of(MICRO)
            account = Account(caps=caps)
            if limit == "position":
                account.hold(450)
                account.order(50 - 1e-6 + above * 1e-6)
                account.order(1e-6)
            elif limit == "gross":
                account = Account(equity=80)
                account.hold(40)
                account.order(40 + above * 1e-6, symbol="T")
            elif limit == "turnover":
                for _ in range(39):  # in and out: 1950 dollars turned over, half of it by reductions
                    account.hold(25)
                    account.fill(account.order(25, -1), 25, -1)
                account.order(50 - above * 1e-6)
                account.order(2 * above * 1e-6)
            else:
                account.order(50 + above * 1e-6)
            assert dict(account.breaches) == ({limit: 1} if above else {}), limit
            if not above:
                assert account.use[limit] == 1


def test_open_orders_count_as_if_all_of_a_side_filled_at_the_dearest_price() -> None:
    account = Account()
    account.hold(10)
    account.order(5)
    account.order(4, -1)
    account.order(30, -1, limit=2 * UNIT)
    assert account.exposure("S") == 24 * 2  # short 24 of them, at two dollars
    account.price("S", 3 * UNIT)
    assert account.exposure("S") == 24 * 3


def test_reductions_breach_nothing_and_one_that_crosses_zero_is_none() -> None:
    account = Account()
    account.hold(200)
    assert not account.left("a", "S", -1, 150 * UNIT, None, 0)
    assert not account.left("b", "S", -1, 50 * UNIT, None, 0)
    assert not account.breaches
    assert account.left("c", "S", -1, 1, None, 0)
    account = Account()
    account.hold(100)
    account.order(100 + 1e-6, -1)
    assert account.breaches["trade"] == 1


def test_an_order_that_leaves_at_or_below_the_ladders_marks_is_a_breach_of_the_loss() -> None:
    for lost, size, breached in (
        (49, 50, {}),
        (50, 25, {}),
        (50, 26, {"trade": 1}),
        (59, 25, {}),
        (60, 1, {"loss": 1}),
        (79, 1, {"loss": 1}),
    ):
        account = Account()
        account.price("S", 100 * UNIT)
        account.left("a", "S", 1, UNIT // 2, None, 0)
        account.left("b", "S", 1, UNIT // 2, None, 0)
        account.filled("a", "x1", "S", 1, UNIT // 2, 100 * UNIT, 0)
        account.filled("b", "x2", "S", 1, UNIT // 2, 100 * UNIT, 0)
        account.price("S", (100 - lost) * UNIT)
        assert account.loss == lost
        account.order(size, symbol="T")
        assert dict(account.breaches) == breached


def test_a_halt_holds_though_the_price_recovers_and_the_next_session_waits_for_yesterdays_orders() -> None:
    account = Account()
    account.hold(450)
    late = account.order(10)
    account.price("S", UNIT * 8 // 10)
    assert account.halted
    account.price("S", UNIT)
    account.order(1)
    assert account.breaches["loss"] == 1
    account.begin(Fraction(1_000))
    account.order(1)
    assert account.breaches["loss"] == 2  # an order of yesterday is still open
    account.closed(late)
    account.closed("o12")
    for order in list(account.working):
        account.closed(order)
    account.order(1)
    assert account.breaches["loss"] == 2


def test_the_largest_loss_within_the_cap_is_its_use_and_what_a_gap_took_beyond_is_not() -> None:
    account = Account()
    account.hold(450)
    account.price("S", UNIT * 8 // 10)
    account.price("S", UNIT * 4 // 10)
    assert account.use["loss"] == Fraction(90, 100)
    assert account.worst_loss == Fraction(270, 100)
    assert not account.breaches


def test_fills_count_once_also_late_and_too_much_restricts() -> None:
    account = Account()
    order = account.order(10)
    account.filled(order, "x", "S", 1, 4 * UNIT, UNIT, 0)
    account.filled(order, "x", "S", 1, 4 * UNIT, UNIT, 0)
    account.closed(order)
    account.filled(order, "late", "S", 1, 6 * UNIT, UNIT, 0)
    assert account.held == {"S": 10 * UNIT} and account.turnover == 10
    assert not account.restricted
    account.filled(order, "more", "S", 1, 1, UNIT, 0)
    assert account.restricted
    account.order(1)
    assert account.breaches["loss"] == 1


def test_the_same_order_sent_again_is_one_order() -> None:
    account = Account()
    for _ in range(3):
        account.left("a", "S", 1, 50 * UNIT, None, 0)
    assert account.use["position"] == Fraction(1, 10)
    assert set(account.use) == set(LIMITS)


def test_shares_that_are_no_whole_basis_points_are_exact() -> None:
    assert caps_of(Policy()).loss == 3_000 * 100 * CENT


# what a venue and a market do besides


def test_an_id_that_leaves_again_when_its_order_ended_is_a_breach_and_another_order() -> None:
    account = Account()
    order = account.order(30)
    account.fill(order, 30)
    assert not account.breaches
    account.left(order, "S", 1, 30 * UNIT, None, 0)
    assert dict(account.breaches) == {"id": 1}
    assert account.exposure("S") == 60
    account.closed(order)
    account.left(order, "S", 1, 30 * UNIT, None, 0)
    assert account.breaches["id"] == 2


def test_a_corrected_execution_counts_as_it_was_and_a_busted_one_not_at_all() -> None:
    account = Account()
    order = account.order(40)
    account.filled(order, "x", "S", 1, 40 * UNIT, 2 * UNIT, 0)
    assert (account.loss, account.turnover) == (40, 80)
    account.corrected("x", 25 * UNIT, UNIT)
    assert account.held == {"S": 25 * UNIT}
    assert (account.loss, account.turnover) == (0, 25)
    account.corrected("x", 30 * UNIT, UNIT)
    assert (account.held["S"], account.unfilled[order]) == (30 * UNIT, 10 * UNIT)
    account.corrected("x", 0, 0)
    assert (account.held["S"], account.loss, account.turnover) == (0, 0, 0)


def test_too_much_restricts_until_it_is_taken_back() -> None:
    account = Account()
    order = account.order(10)
    account.filled(order, "x", "S", 1, 12 * UNIT, UNIT, 0)
    assert account.restricted == {order}
    account.corrected("x", 10 * UNIT, UNIT)
    assert not account.restricted
    account.corrected("x", 11 * UNIT, UNIT)
    assert account.restricted == {order}
    account.begin(Fraction(1_000))
    assert not account.restricted and account.unhealthy


def test_a_correction_of_yesterday_leaves_the_turnover_of_today_alone() -> None:
    account = Account()
    account.fill(account.order(30), 30)
    account.begin(Fraction(1_000))
    account.fill(account.order(20), 20)
    account.corrected("x2", 10 * UNIT, UNIT)
    assert (account.held["S"], account.turnover) == (30 * UNIT, 20)


def test_a_split_changes_units_and_prices_and_counts_the_worse_reading_of_what_is_open() -> None:
    account = Account()
    account.hold(90)
    account.order(10)
    account.order(20, limit=2 * UNIT)
    account.split("S", 3, 2)
    assert account.held == {"S": 135 * UNIT}
    assert account.loss <= Fraction(1, 10**9)  # a price is a whole number of 1e-12
    assert account.exposure("S") == (135 + 15 + 30) * 2  # more units, at the dearest old price
    account.split("S", 1, 10)
    assert account.held == {"S": 135 * UNIT // 10}
    assert account.exposure("S") == (Fraction(135, 10) + 15 + 30) * 20
    short = Account()
    short.filled(short.order(3, -1), "x", "S", -1, 3 * UNIT, UNIT, 0)
    short.split("S", 1, 2)
    assert short.held == {"S": -3 * UNIT // 2}


def test_dividends_trades_of_others_transfers_and_settlements() -> None:
    account = Account()
    account.hold(100)
    account.paid("S", UNIT // 10)
    assert account.loss == 0  # the price is lower by it
    account.price("S", UNIT)
    assert account.loss == -10
    account.traded_elsewhere("S", -1, 40 * UNIT, UNIT // 2, 0)
    assert (account.held["S"], account.loss, account.turnover) == (60 * UNIT, 10, 120)
    account.moved("S", 50 * UNIT, 0)
    assert (account.held["S"], account.loss, account.turnover) == (110 * UNIT, 10, 120)
    account.settled("S", UNIT // 4)
    assert (account.held, account.turnover) == ({}, 120)
    assert account.loss == 10 + 110 * Fraction(3, 4)
    account.paid("S", UNIT)
    assert account.loss == 10 + 110 * Fraction(3, 4)


def test_a_position_that_the_venue_contradicts_is_worth_the_worse_and_takes_no_order_that_may_add() -> None:
    account = Account()
    account.hold(100)
    account.told({"S": 30 * UNIT, "T": 5 * UNIT}, 0)
    assert account.exposure("S") == 100 and account.exposure("T") == 5
    assert account.left("a", "S", -1, 40 * UNIT, None, 0)  # a reduction of what we count, not of what the venue says
    assert dict(account.breaches) == {"dispute": 1}
    account.closed("a")
    assert not account.left("b", "S", -1, 30 * UNIT - 1, None, 0)
    account.traded_elsewhere("S", -1, 70 * UNIT, UNIT, 0)
    account.told({"S": 30 * UNIT}, 0)
    assert not account.shown


@pytest.mark.parametrize(("late", "breached"), [(0, {}), (1, {"price": 1})])
def test_an_order_at_a_price_that_is_too_old_is_a_breach_where_it_may_add(late: int, breached: dict[str, int]) -> None:
    account = Account()
    account.hold(10, "T")
    account.quote("S", UNIT, UNIT, 5)
    account.left("a", "T", -1, UNIT, None, account.caps.age + late)
    account.left("b", "S", 1, UNIT, None, account.caps.age + late)  # T is held and was last priced at 0
    assert dict(account.breaches) == breached
    account.quote("T", UNIT, UNIT, account.caps.age + late)
    account.left("c", "S", 1, UNIT, None, account.caps.age + 5)
    assert dict(account.breaches) == breached
    account.left("d", "S", 1, UNIT, None, account.caps.age + 6)
    assert account.breaches["price"] == breached.get("price", 0) + 1
    account.left("e", "NEVER", 1, UNIT, None, 0)
    assert account.breaches["price"] == breached.get("price", 0) + 2


def test_a_price_that_cannot_be_makes_it_unknown_until_the_next() -> None:
    account = Account()
    account.puzzled("S")
    account.order(1)
    account.order(1, symbol="T")
    assert dict(account.breaches) == {"price": 1}
    account.price("S", UNIT)
    account.order(1)
    assert account.breaches["price"] == 1
    account.hold(20)
    account.puzzled("S")
    account.order(1, symbol="T")  # S is held, so the loss is unknown
    assert account.breaches["price"] == 2
    dust = account.caps.dust // UNIT
    account.traded_elsewhere("S", -1, 20 * UNIT - dust, UNIT, 0)
    account.puzzled("S")
    account.order(1, symbol="T")
    assert account.breaches["price"] == 2  # what is left of S is worth no more than dust
    account.traded_elsewhere("S", 1, 1, UNIT, 0)
    account.order(1, symbol="T")
    assert account.breaches["price"] == 3


def test_he_shares_no_code_with_the_governor() -> None:
    tree = ast.parse(inspect.getsource(independent_ledger))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name for name in modules if str(name).startswith("plimsoll")} == {"plimsoll.core.policy"}


# every part of him by itself


def test_he_begins_with_nothing() -> None:
    account = IndependentLedger(caps_of(MICRO))
    assert (account.equity, account.now, account.flow, account.traded, account.start, account.sessions) == (0,) * 6
    assert (account.halted, account.unhealthy, account.strange, account.shown_at) == (False, False, False, 0)
    assert account._marks == (0, 0, 0) and account.worst_loss == 0 and set(account.use.values()) == {0}
    account.begin(Fraction(1_000))
    assert account.sessions == 1
    assert account._marks == tuple(dollars * 100 * CENT for dollars in (50, 60, 80))
    account.begin(Fraction(500))
    assert account._marks == tuple(dollars * 100 * CENT for dollars in (25, 30, 40))  # shares of the equity are less


def test_his_other_figures_are_the_governors_too() -> None:
    policy = policy_file.load("micro").policy
    its, theirs = caps_of(policy), limits_of(policy)
    assert (its.age, its.dust, its.move * 10_000) == (theirs.quote_age, theirs.dust * CENT, theirs.move_bps)
    assert its.left * 10_000 == theirs.caution_bps


def test_a_session_begins_with_what_is_held_and_keeps_its_price() -> None:
    account = Account()
    account.hold(100)
    account.price("S", 2 * UNIT)
    assert account.loss == -100
    account.begin(Fraction(1_000))
    assert account.loss == 0
    account.price("S", UNIT)
    assert account.loss == 100


def test_a_session_after_a_halt_stays_unhealthy_until_yesterdays_orders_are_closed() -> None:
    account = Account()
    late = account.order(10)
    account.halted = True
    for day in range(3):
        account.begin(Fraction(1_000))
        assert account.unhealthy, day
    account.closed(late)
    account.order(1)
    assert not account.unhealthy and not account.breaches
    account.begin(Fraction(1_000))
    account.order(1)
    assert not account.breaches  # an order of an earlier session is open, and no session was halted


def test_time_goes_on_with_quotes_and_orders_and_never_back() -> None:
    account = Account()
    account.quote("S", UNIT, UNIT, 100)
    account.quote("T", UNIT, UNIT, 50)
    assert account.now == 100
    account.left("a", "S", 1, UNIT, None, 70)
    assert account.now == 100
    account.quote("S", UNIT, UNIT, account.caps.age + 51)
    account.left("b", "T", 1, UNIT, None, 0)  # T was last priced at 50
    assert dict(account.breaches) == {"price": 1}


def test_a_market_order_keeps_room_for_a_move_and_a_limit_order_none() -> None:
    account = Account(caps=caps_of(policy_file.load("micro").policy))  # one hundredth of the ask
    assert account.left("a", "S", 1, 10 * UNIT, None, 0) is True
    assert account.turnover == Fraction("10.1")
    assert account.left("b", "S", 1, 10 * UNIT, 2 * UNIT, 0) is True
    assert account.turnover == Fraction("30.1") and account.exposure("S") == 40
    assert account.left("b", "S", 1, 10 * UNIT, 2 * UNIT, 0) is False
    account.quote("S", 3 * UNIT, 4 * UNIT, 0)
    assert account.turnover == 80 and account.exposure("S") == 80
    account.quote("S", UNIT // 2, UNIT, 0)
    assert account.turnover == Fraction("30.1")
    assert account.exposure("NEVER") == 0
    account.left("c", "NEVER", 1, UNIT, None, 0)
    assert account.exposure("NEVER") == 0 and account.gross == 40


LOSSES = {
    "a fill": lambda a: a.filled("buy", "y", "S", 1, 40 * UNIT, 4 * UNIT, 0),
    "a correction": lambda a: a.corrected("x", 40 * UNIT, 3 * UNIT),
    "a trade of others": lambda a: a.traded_elsewhere("S", 1, 40 * UNIT, 4 * UNIT, 0),
    "a settlement": lambda a: a.settled("T", 0),
    "a dividend that is owed": lambda a: a.paid("SHORT", 90 * UNIT),
    "a price": lambda a: a.price("T", UNIT // 10),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_halt_is_noticed_whatever_brings_the_loss(name: str) -> None:
    account = Account()
    account.order(40)
    account.filled("o1", "x", "S", 1, 40 * UNIT, UNIT, 0)
    account.traded_elsewhere("T", 1, 90 * UNIT, UNIT, 0)
    account.quote("SHORT", 90 * UNIT, 90 * UNIT, 0)
    account.traded_elsewhere("SHORT", -1, UNIT, 90 * UNIT, 0)
    account.left("buy", "S", 1, 40 * UNIT, None, 0)
    assert not account.halted and account.worst_loss == 0
    LOSSES[name](account)
    if name == "a dividend that is owed":  # its price falls by what is paid, until the next one
        assert account.loss == 0
        account.price("SHORT", 90 * UNIT)
    assert account.halted and account.worst_loss >= Fraction(80, 100)


def test_the_halt_begins_at_its_mark_and_with_nothing_left_only_reductions_leave() -> None:
    for lost, halted in ((80 * UNIT - 1, False), (80 * UNIT, True)):
        account = Account()
        account.traded_elsewhere("S", 1, UNIT, UNIT, 0)
        account.traded_elsewhere("S", -1, UNIT, UNIT, 0)
        account.traded_elsewhere("T", 1, UNIT, UNIT + lost, 0)
        assert account.halted is halted
    for equity in (0, -5):
        account = Account(equity)
        account.traded_elsewhere("S", 1, 10 * UNIT, 9 * UNIT, 0)
        assert not account.halted
        account.order(1)
        assert account.breaches["loss"] == 1 and account.breaches["gross"] == 1
    account = Account()
    account.equity = 1
    account._marks = (10**30,) * 3
    account.order(1)
    assert account.breaches["loss"] == 0


def test_a_short_execution_is_corrected_as_one_and_a_busted_one_can_come_back() -> None:
    account = Account()
    order = account.order(10, -1)
    account.filled(order, "x", "S", -1, 10 * UNIT, UNIT, 0)
    account.corrected("x", 6 * UNIT, UNIT)
    assert account.held == {"S": -6 * UNIT}
    account.corrected("x", 0, 0)
    account.corrected("x", 4 * UNIT, UNIT)
    assert account.held == {"S": -4 * UNIT} and account.unfilled[order] == 6 * UNIT


def test_what_is_given_back_works_again_while_its_order_does_and_brings_no_order_back() -> None:
    account = Account()
    order = account.order(10)
    account.filled(order, "x", "S", 1, 4 * UNIT, UNIT, 0)
    account.corrected("x", 1 * UNIT, UNIT)
    assert account.working[order].rest == 9 * UNIT
    account.filled(order, "y", "S", 1, 6 * UNIT - 1, UNIT, 0)
    assert account.working[order].rest == 3 * UNIT + 1
    account.corrected("y", 6 * UNIT - 1, UNIT)
    assert account.working[order].rest == 3 * UNIT + 1
    account.filled(order, "z", "S", 1, 3 * UNIT + 1, UNIT, 0)
    assert order not in account.working
    account.corrected("z", 0, 0)
    assert order not in account.working and account.unfilled[order] == 3 * UNIT + 1


def test_a_split_takes_prices_executions_and_orders_with_it() -> None:
    account = Account(caps=caps_of(policy_file.load("micro").policy))
    order = account.order(40)
    account.filled(order, "x", "S", 1, 10 * UNIT, UNIT, 0)
    account.quote("S", UNIT - 1, UNIT + 1, 7)
    account.split("S", 2, 1)
    assert account.books["S"] == ((UNIT - 1) // 2, (UNIT + 2) // 2, 7)
    assert (account.working[order].rest, account.unfilled[order]) == (60 * UNIT, 60 * UNIT)
    assert account.working[order].moved == UNIT * 101 // 100
    trade = account.trades["x"]
    assert (trade.units, trade.price) == (20 * UNIT, UNIT // 2)
    account.corrected("x", 0, 0)
    assert account.held == {"S": 0} and account.flow == 0
    account.split("S", 1, 10)
    assert account.books["S"] == ((UNIT - 1) // 2 * 10, (UNIT + 2) // 2 * 10, 7)
    assert account.working[order].moved == UNIT * 101 // 10 and account.working[order].rest == 80 * UNIT
    account.traded_elsewhere("T", 1, 4 * UNIT, UNIT, 0)
    assert account.exposure("T") == 4 and account.books["T"][1] == UNIT  # another symbol's stay
    account.filled("o9", "t", "T", 1, 0, UNIT, 0) if "o9" in account.unfilled else None
    account.told({"T": 6 * UNIT, "NEVER": UNIT}, 0)
    account.split("T", 2, 1)
    assert account.shown["T"] == 12 * UNIT
    account.split("NEVER", 3, 1)
    assert account.shown["NEVER"] == 3 * UNIT and "NEVER" not in account.books


def test_a_list_moves_with_what_comes_after_it_and_not_with_what_it_has_seen() -> None:
    account = Account()
    account.hold(10)
    account.told({"S": 14 * UNIT}, 100)
    account.traded_elsewhere("S", 1, UNIT, UNIT, 100)
    assert account.shown == {"S": 14 * UNIT}
    account.traded_elsewhere("S", 1, UNIT, UNIT, 101)
    assert account.shown == {"S": 15 * UNIT} and account.held == {"S": 12 * UNIT}
    account.moved("S", 3 * UNIT, 50)
    assert not account.shown
    account.traded_elsewhere("S", 1, UNIT, UNIT, 200)
    assert not account.shown  # only a list opens a dispute
    account.told({}, 300)
    assert account.shown == {"S": 0}
    account.settled("S", UNIT)
    assert not account.shown and account.held == {}
    account.settled("T", UNIT)
    assert account.loss == 0 and account.held == {}


def test_an_order_of_nobodys_makes_every_new_risk_a_breach_until_a_list_lacks_it() -> None:
    account = Account()
    account.hold(10)
    account.told({"S": 10 * UNIT}, 1, strange=True)
    account.order(1, symbol="T")
    assert dict(account.breaches) == {"dispute": 1}
    assert not account.left("out", "S", -1, UNIT, None, 1)
    assert dict(account.breaches) == {"dispute": 1}
    account.told({"S": 10 * UNIT}, 2)
    account.order(1, symbol="T")
    assert dict(account.breaches) == {"dispute": 1}


@pytest.mark.parametrize("held", [3, -3])
def test_a_reduction_ends_at_zero(held: int) -> None:
    sign = 1 if held > 0 else -1
    account = Account()
    account.traded_elsewhere("S", sign, 3 * UNIT, UNIT, 0)
    assert account.left("all", "S", -sign, 3 * UNIT, None, 0) is False
    account.closed("all")
    assert account.left("past", "S", -sign, 3 * UNIT + 1, None, 0) is True
    account.closed("past")
    assert account.left("more", "S", sign, 1, None, 0) is True
    account.closed("more")
    assert account.left("nothing", "S", -sign, 0, None, 0) is True  # it brings nothing nearer to zero
    assert account.left("of another", "T", -sign, UNIT, None, 0) is True
    account.closed("of another")
    assert account.left("part", "S", -sign, UNIT, None, 0) is False
    assert account.touched() == {"S"}
    assert account.exposure("S") == 3


def test_a_limit_that_is_nothing_is_breached_and_has_no_use() -> None:
    account = Account(equity=0)
    account.order(1)
    assert account.breaches["gross"] == 1 and account.use["gross"] == 0
    account = Account()
    account.order(20)
    account.order(10, symbol="T")
    assert account.use["trade"] == Fraction(20, 50) and account.use["gross"] == Fraction(30, 1_000)
    account.begin(Fraction(100))
    account.order(1, symbol="T")
    assert account.use["gross"] == Fraction(31, 100)


def test_the_use_of_the_loss_is_the_largest_within_its_cap() -> None:
    account = Account()
    account.hold(100)
    for price, use in ((UNIT - 1, Fraction(1, UNIT)), (0, 1), (UNIT, 1)):
        account.price("S", price)
        assert account.use["loss"] == use
    assert account.worst_loss == 1
    account.price("S", 2 * UNIT)
    assert account.worst_loss == 1 and account.use["loss"] == 1


def test_what_is_sold_out_needs_no_price_and_counts_nowhere() -> None:
    account = Account()
    account.traded_elsewhere("T", 1, 20 * UNIT, UNIT, 0)
    account.traded_elsewhere("T", -1, 20 * UNIT, UNIT, 0)
    assert account.touched() == set() and account.exposure("T") == 0
    account.puzzled("T")
    account.order(1)
    assert not account.breaches and account.touched() == {"S"}


def test_only_a_long_holding_is_dust() -> None:
    account = Account()
    account.quote("D", 1, 1, 0)
    account.traded_elsewhere("D", 1, 1, 1, 0)
    account.puzzled("D")
    account.order(1)
    assert not account.breaches
    account.told({"D": 5}, 0)  # and only where the venue does not say that it is another quantity
    account.order(1)
    assert dict(account.breaches) == {"price": 1}
    account.told({"D": 1}, 0)
    account.traded_elsewhere("D", -1, 2, 1, 0)
    account.order(1)
    assert dict(account.breaches) == {"price": 2}


def test_a_smallest_equity_and_a_smallest_loss_count() -> None:
    account = Account()
    account.traded_elsewhere("S", 1, 1, UNIT + 1, 0)
    assert account.loss == Fraction(1, 10**24) and account.use["loss"] == Fraction(1, 100 * 10**24)
    account.begin(Fraction(1, 10**24))
    assert not account.halted
    account.traded_elsewhere("S", 1, 1, UNIT + 1, 0)
    assert account.halted
    account = Account()
    account.begin(Fraction(1, 10**24))
    account.order(10)
    assert account.use["gross"] == 10 * 10**24


@pytest.mark.parametrize("grains", [0, -1, -(10**24)])
def test_with_nothing_left_a_gain_makes_no_room(grains: int) -> None:
    account = Account()
    account.begin(Fraction(grains, 10**24))
    account.traded_elsewhere("S", 1, 10 * UNIT, UNIT // 2, 0)
    assert account.loss < 0
    account.order(1)
    assert account.breaches["loss"] == 1


def test_a_corrected_price_of_yesterdays_overfill_restricts_nothing_today() -> None:
    account = Account()
    order = account.order(10)
    account.filled(order, "x", "S", 1, 12 * UNIT, UNIT, 0)
    account.begin(Fraction(1_000))
    account.corrected("x", 12 * UNIT, 2 * UNIT)
    assert not account.restricted


def test_three_for_two_changes_what_was_executed() -> None:
    account = Account()
    order = account.order(40)
    account.filled(order, "x", "S", 1, 10 * UNIT, UNIT, 0)
    account.split("S", 3, 2)
    assert (account.trades["x"].units, account.trades["x"].price) == (15 * UNIT, UNIT * 2 // 3)
    account.told({"NEVER": UNIT}, 0)
    assert account.exposure("NEVER") == 0  # nothing is known of its price

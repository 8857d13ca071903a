"""The accountant by hand: worst cases, breaches he must find, and what breaches nothing (H8)."""

from __future__ import annotations

import ast
import inspect
from fractions import Fraction

import pytest

from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT
from plimsoll.operate.montecarlo import accountant
from plimsoll.operate.montecarlo.accountant import LIMITS, Accountant, Caps, caps_of
from plimsoll.risk.governor_limits import limits_of
from plimsoll.store import policy_file

UNIT = 10**12
MICRO = policy_file.load("micro", changes={"governor.market_reserve": 0.0}).policy  # each cap by itself


class Account(Accountant):
    """An account of 1000 dollars under the caps of ``micro``; every price is one dollar."""

    def __init__(self, equity: int = 1_000, caps: Caps | None = None) -> None:
        super().__init__(caps or caps_of(MICRO))
        self.begin(Fraction(equity))
        self.price("S", UNIT)
        self.price("T", UNIT)
        self.count = 0

    def order(self, dollars: float, sign: int = 1, symbol: str = "S", limit: int | None = None) -> str:
        self.count += 1
        self.left(f"o{self.count}", symbol, sign, round(dollars * UNIT), limit)
        return f"o{self.count}"

    def price(self, symbol: str, price: int) -> None:
        self.quote(symbol, price, price, self.now)

    def fill(self, order: str, dollars: float, sign: int = 1, symbol: str = "S", price: int = UNIT) -> None:
        self.count += 1
        self.filled(order, f"x{self.count}", symbol, sign, round(dollars * UNIT), price)

    def hold(self, dollars: int, symbol: str = "S") -> None:
        while dollars:
            part = min(dollars, 50)
            self.fill(self.order(part, symbol=symbol), part, symbol=symbol)
            dollars -= part


@pytest.mark.parametrize("profile", list(policy_file.PROFILES))
def test_his_caps_are_the_governors_though_he_reads_them_himself(profile: str) -> None:
    policy = policy_file.load(profile).policy
    his, theirs = caps_of(policy), limits_of(policy)
    assert [his.loss, his.turnover, his.trade, his.position] == [
        cap * CENT for cap in (theirs.loss, theirs.turnover, theirs.trade, theirs.position)
    ]
    assert his.positions == {s: cap * CENT for s, cap in theirs.positions.items()}
    assert his.gross == Fraction(theirs.gross_bps, 10_000)
    for mine, stage in zip((his.caution, his.reduce, his.halt), theirs.stages, strict=True):
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
    assert not account.left("a", "S", -1, 150 * UNIT, None)
    assert not account.left("b", "S", -1, 50 * UNIT, None)
    assert not account.breaches
    assert account.left("c", "S", -1, 1, None)
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
        account.left("a", "S", 1, UNIT // 2, None)
        account.left("b", "S", 1, UNIT // 2, None)
        account.filled("a", "x1", "S", 1, UNIT // 2, 100 * UNIT)
        account.filled("b", "x2", "S", 1, UNIT // 2, 100 * UNIT)
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
    account.filled(order, "x", "S", 1, 4 * UNIT, UNIT)
    account.filled(order, "x", "S", 1, 4 * UNIT, UNIT)
    account.closed(order)
    account.filled(order, "late", "S", 1, 6 * UNIT, UNIT)
    assert account.held == {"S": 10 * UNIT} and account.turnover == 10
    assert not account.restricted
    account.filled(order, "more", "S", 1, 1, UNIT)
    assert account.restricted
    account.order(1)
    assert account.breaches["loss"] == 1


def test_the_same_order_sent_again_is_one_order() -> None:
    account = Account()
    for _ in range(3):
        account.left("a", "S", 1, 50 * UNIT, None)
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
    account.left(order, "S", 1, 30 * UNIT, None)
    assert dict(account.breaches) == {"id": 1}
    assert account.exposure("S") == 60
    account.closed(order)
    account.left(order, "S", 1, 30 * UNIT, None)
    assert account.breaches["id"] == 2


def test_a_corrected_execution_counts_as_it_was_and_a_busted_one_not_at_all() -> None:
    account = Account()
    order = account.order(40)
    account.filled(order, "x", "S", 1, 40 * UNIT, 2 * UNIT)
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
    account.filled(order, "x", "S", 1, 12 * UNIT, UNIT)
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
    short.filled(short.order(3, -1), "x", "S", -1, 3 * UNIT, UNIT)
    short.split("S", 1, 2)
    assert short.held == {"S": -3 * UNIT // 2}


def test_dividends_trades_of_others_transfers_and_settlements() -> None:
    account = Account()
    account.hold(100)
    account.paid("S", UNIT // 10)
    assert account.loss == 0  # the price is lower by it
    account.price("S", UNIT)
    assert account.loss == -10
    account.traded_elsewhere("S", -1, 40 * UNIT, UNIT // 2)
    assert (account.held["S"], account.loss, account.turnover) == (60 * UNIT, 10, 120)
    account.moved("S", 50 * UNIT)
    assert (account.held["S"], account.loss, account.turnover) == (110 * UNIT, 10, 120)
    account.settled("S", UNIT // 4)
    assert (account.held, account.turnover) == ({}, 120)
    assert account.loss == 10 + 110 * Fraction(3, 4)
    account.paid("S", UNIT)
    assert account.loss == 10 + 110 * Fraction(3, 4)


def test_a_position_that_the_venue_contradicts_is_worth_the_worse_and_takes_no_order_that_may_add() -> None:
    account = Account()
    account.hold(100)
    account.told({"S": 30 * UNIT, "T": 5 * UNIT})
    assert account.exposure("S") == 100 and account.exposure("T") == 5
    assert account.left("a", "S", -1, 40 * UNIT, None)  # a reduction of what we count, not of what the venue says
    assert dict(account.breaches) == {"dispute": 1}
    account.closed("a")
    assert not account.left("b", "S", -1, 30 * UNIT - 1, None)
    account.traded_elsewhere("S", -1, 70 * UNIT, UNIT)
    account.told({"S": 30 * UNIT})
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
    account.left("e", "NEVER", 1, UNIT, None)
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
    account.traded_elsewhere("S", -1, 20 * UNIT - dust, UNIT)
    account.puzzled("S")
    account.order(1, symbol="T")
    assert account.breaches["price"] == 2  # what is left of S is worth no more than dust
    account.traded_elsewhere("S", 1, 1, UNIT)
    account.order(1, symbol="T")
    assert account.breaches["price"] == 3


def test_he_shares_no_code_with_the_governor() -> None:
    tree = ast.parse(inspect.getsource(accountant))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name for name in modules if str(name).startswith("plimsoll")} == {"plimsoll.core.policy"}

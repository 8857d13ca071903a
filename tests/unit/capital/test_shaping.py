"""The day's step on worked numbers: NAV 100 000 USD, one lot a unit, price 100, unless said otherwise."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from plimsoll.capital.shaping import Shaped, ShapeInputs, crowded, shape
from plimsoll.core.limits import AccountCaps
from plimsoll.core.policy import Policy, ShapingPolicy
from plimsoll.core.reasons import REASONS

NAV = 10_000_000


def step(held: list[int], desired: list[float], policy: Policy | None = None, **changes: object) -> Shaped:
    n = len(held)
    given: dict[str, object] = {
        "held_lots": np.array(held, np.int64),
        "desired": np.array(desired),
        "nav": NAV,
        "prices": np.full(n, 100.0),
        "lots_per_unit": np.ones(n, np.int64),
        "forced": np.zeros(n, bool),
        "increase_scale": np.ones(n),
        "adv": np.full(n, 1e12),
    }
    given |= {k: np.array(v) if isinstance(v, list) else v for k, v in changes.items()}
    shaped = shape(ShapeInputs(**given), policy or Policy())  # type: ignore[arg-type]
    assert all(reason in REASONS for reasons in shaped.reasons.values() for reason in reasons)
    return shaped


def shaping(**changes: object) -> Policy:
    return msgspec.structs.replace(Policy(), shaping=msgspec.structs.replace(ShapingPolicy(), **changes))


def test_a_position_at_its_target_rests() -> None:
    shaped = step([100, 0], [0.10, 0.0])
    assert shaped.lots.tolist() == [0, 0]
    assert shaped.reasons == {0: ("TARGET_MET",)}


@pytest.mark.parametrize(
    ("held", "desired", "order"),
    [
        (81, 0.10, 0),  # 19 % of the target away
        (80, 0.10, 20),  # 20 %: beyond, and fully to target
        (119, 0.10, 0),
        (120, 0.10, -20),
        (181, 0.20, 0),  # 2 % of NAV is the narrower band from a target of 10 % on
        (180, 0.20, 20),
    ],
)
def test_the_band_is_the_smaller_of_two_percent_of_nav_and_a_fifth_of_the_target(
    held: int, desired: float, order: int
) -> None:
    shaped = step([held], [desired])
    assert shaped.lots.tolist() == [order]
    assert shaped.reasons[0] == (("TO_TARGET",) if order else ("IN_BAND",))


@pytest.mark.parametrize(("held", "order", "reason"), [(4, 1, "TO_TARGET"), (5, 0, "TARGET_MET")])
def test_a_change_of_exactly_the_minimum_trades(held: int, order: int, reason: str) -> None:
    shaped = step([held], [0.005])  # 500 USD; 100 USD is the minimum and a fifth of the target
    assert shaped.lots.tolist() == [order]
    assert shaped.reasons[0] == (reason,)


@pytest.mark.parametrize(("price", "order"), [(0.004, 0), (0.012, 1)])
def test_an_increase_worth_less_than_a_cent_is_none_even_without_a_minimum(price: float, order: int) -> None:
    # one lot fits the target; less than half a cent would move no weight, and no gate could measure it
    shaped = step([0], [price * 1.5 / 100_000.0], shaping(min_trade=0.0, band_nav=0.0), prices=[price])
    assert shaped.lots.tolist() == [order]


def test_a_change_below_the_minimum_trade_is_dropped() -> None:
    shaped = step([4], [0.005], shaping(min_trade=100.01))
    assert shaped.lots.tolist() == [0]
    assert shaped.reasons[0] == ("BELOW_MIN_TRADE",)


def test_buys_round_down_and_sells_round_up() -> None:
    shaped = step([0, 80], [0.10, 0.10], prices=[300.0, 300.0])
    assert shaped.lots.tolist() == [33, 33 - 80]


def test_fractional_lots_are_counted_in_lots() -> None:
    shaped = step([0], [0.10], prices=[30_000.0], lots_per_unit=[10_000])
    assert shaped.lots.tolist() == [3333]


def test_a_change_of_less_than_a_lot_waits() -> None:
    shaped = step([0], [0.04], prices=[5_000.0])
    assert shaped.lots.tolist() == [0]
    assert shaped.reasons[0] == ("BELOW_ONE_LOT",)


def test_an_exit_to_zero_is_never_dropped() -> None:
    shaped = step([1], [0.0], prices=[1.0])
    assert shaped.lots.tolist() == [-1]


def test_a_forced_reduction_ignores_band_and_minimum_but_a_forced_increase_does_not() -> None:
    shaped = step([100, 100], [0.0995, 0.1005], forced=[True, True])
    assert shaped.lots.tolist() == [-1, 0]
    assert shaped.reasons[0] == ("TO_TARGET",)


def test_a_target_on_the_other_side_closes_first() -> None:
    assert step([100, -100], [-0.2, 0.2]).lots.tolist() == [-100, 100]


def test_a_short_grows_and_shrinks_like_a_long() -> None:
    assert step([-100, -300], [-0.2005, -0.2005]).lots.tolist() == [-100, 100]


def test_increases_get_the_trades_that_reductions_leave_largest_first() -> None:
    shaped = step([50, 50, 0, 0, 0, 0, 0], [0.0, 0.0, 0.021, 0.023, 0.022, 0.025, 0.024])
    assert shaped.lots.tolist() == [-50, -50, 0, 23, 0, 25, 24]
    assert shaped.reasons[2] == shaped.reasons[4] == ("TRADE_COUNT",)


def test_reductions_use_up_trades_and_turnover_without_being_blocked() -> None:
    shaped = step([100] * 7 + [0], [0.0] * 7 + [0.1])
    assert shaped.lots.tolist() == [-100] * 7 + [0]
    assert shaped.reasons[7] == ("TRADE_COUNT",)
    shaped = step([300, 310, 0], [0.0, 0.0, 0.1])
    assert shaped.lots.tolist() == [-300, -310, 0]
    assert shaped.reasons[2] == ("TURNOVER",)


def test_among_equal_increases_the_earlier_column_is_first() -> None:
    assert step([0] * 6, [0.03] * 6).lots.tolist() == [30] * 5 + [0]


def test_the_last_increase_is_cut_to_what_is_left_of_turnover() -> None:
    shaped = step([0, 0], [0.5, 0.4])  # turnover 30 % is 60 000 USD bought or sold
    assert shaped.lots.tolist() == [500, 99]  # a cent for each trade is kept back
    assert shaped.reasons[1] == ("TURNOVER", "TOWARDS_TARGET")


def test_a_remainder_below_the_minimum_trade_is_not_traded() -> None:
    shaped = step([0, 0], [0.599, 0.3], shaping(min_trade=150.0))
    assert shaped.lots.tolist() == [599, 0]
    assert shaped.reasons[1] == ("TURNOVER",)


def test_an_increase_is_held_to_its_share_of_volume() -> None:
    shaped = step([0, 100], [0.10, 0.0], adv=[400_000.0, 1.0])
    assert shaped.lots.tolist() == [40, -100]  # 1 % of 400 000 USD; an exit is never held back
    assert shaped.reasons[0] == ("PARTICIPATION", "TOWARDS_TARGET")


@pytest.mark.parametrize(("adv", "reason"), [(np.nan, "NO_LIQUIDITY_DATA"), (9_000.0, "PARTICIPATION")])
def test_without_volume_nothing_is_bought(adv: float, reason: str) -> None:
    shaped = step([0], [0.10], adv=[adv])
    assert shaped.lots.tolist() == [0]
    assert shaped.reasons[0][0] == reason


@pytest.mark.parametrize(("scale", "order"), [(1.0, 100), (0.5, 50), (0.0, 0), (np.nan, 0), (-1.0, 0), (7.0, 100)])
def test_the_scale_multiplies_increases_and_only_them(scale: float, order: int) -> None:
    assert step([0, 200], [0.10, 0.10], increase_scale=[scale, scale]).lots.tolist() == [order, -100]


def test_a_scaled_increase_below_the_minimum_is_dropped_and_the_minimum_is_not_blamed() -> None:
    shaped = step([0], [0.005], shaping(min_trade=300.0), increase_scale=[0.5])
    assert (shaped.lots.tolist(), shaped.wanted.tolist()) == ([0], [5])
    assert shaped.reasons[0] == ()  # 500 USD fit the minimum: what halved them is the reason


def test_what_is_wanted_is_the_way_to_the_target_whatever_is_left_of_it() -> None:
    shaped = step([0, 300, 0, 0], [0.5, 0.0, 0.4, 0.001], increase_scale=[0.5, 1.0, 0.0, 1.0])
    assert shaped.wanted.tolist() == [500, -300, 400, 1]
    assert shaped.lots.tolist() == [250, -300, 0, 1]
    assert shaped.reasons == {0: ("TOWARDS_TARGET",), 1: ("TO_TARGET",), 2: (), 3: ("TO_TARGET",)}
    small = step([0], [0.0016], shaping(min_trade=150.0), prices=[140.0])
    assert (small.wanted.tolist(), small.reasons[0]) == ([0], ("BELOW_MIN_TRADE",))


@pytest.mark.parametrize(
    ("desired", "changes", "expected"),
    [
        ([0.03] * 6, {}, {5: ("TRADE_COUNT",)}),
        ([0.5, 0.4], {}, {1: ("TURNOVER",)}),
        ([0.5, 0.05], {"adv": [4_000_000.0, 1e12]}, {0: ("PARTICIPATION",)}),
        ([0.1], {"adv": [np.nan]}, {0: ("NO_LIQUIDITY_DATA",)}),
        ([0.19] * 6, {"adv": [1e12] * 5 + [1.0]}, {3: ("TURNOVER",), 4: ("TURNOVER",), 5: ("TRADE_COUNT", "TURNOVER",
                                                                                      "PARTICIPATION")}),
    ],
)  # fmt: skip
def test_each_limit_of_the_session_is_told_even_where_another_stands_before_it(desired, changes, expected) -> None:
    n = len(desired)
    given = {
        "held_lots": np.zeros(n, np.int64), "desired": np.array(desired), "nav": NAV, "prices": np.full(n, 100.0),
        "lots_per_unit": np.ones(n, np.int64), "forced": np.zeros(n, bool), "increase_scale": np.zeros(n),
        "adv": np.array(changes.get("adv", [1e12] * n)),
    }  # fmt: skip
    inputs = ShapeInputs(**given)  # type: ignore[arg-type]
    wanted = shape(inputs, Policy()).wanted
    assert wanted.tolist() == [round(1000 * d) for d in desired]
    assert {c: tuple(told) for c, told in crowded(inputs, wanted, Policy()).items() if told} == expected


def test_what_the_accounts_caps_hold_back_is_told_in_usd_and_an_unnamed_symbol_by_its_own_code() -> None:
    n = 4
    caps = AccountCaps(3_000.0, np.array([25_000.0, 4_000.0, 0.0, 25_000.0]), 9_000.0, 0.08, 0.01)
    inputs = ShapeInputs(
        held_lots=np.array([0, 20, 0, 10]), desired=np.array([0.05, 0.045, 0.01, 0.0]), nav=NAV,
        prices=np.full(n, 100.0), lots_per_unit=np.ones(n, np.int64), forced=np.zeros(n, bool),
        increase_scale=np.ones(n), adv=np.full(n, 1e12), caps=caps,
    )  # fmt: skip
    shaped = shape(inputs, Policy())
    assert shaped.reasons[2] == ("ACCOUNT_SYMBOL",)
    told = crowded(inputs, shaped.wanted, Policy())
    # 5,000 and then 2,500 and 1,000 are wanted, 1,000 sold first; each with a cent, turnover with 1 % more
    assert {c: {why: of and tuple(round(v, 2) for v in of) for why, of in d.items()} for c, d in told.items()} == {
        0: {"ACCOUNT_GROSS": (8_000.01, 8_000.0), "ACCOUNT_TRADE": (5_000.01, 3_000.0)},
        1: {"ACCOUNT_GROSS": (10_500.02, 8_000.0), "ACCOUNT_POSITION": (4_500.01, 4_000.0)},
        2: {"ACCOUNT_TURNOVER": (9_595.04, 9_000.0), "ACCOUNT_GROSS": (11_500.03, 8_000.0), "ACCOUNT_SYMBOL": None},
    }


@pytest.mark.parametrize("price", [np.nan, 0.0, np.inf])
def test_without_a_usable_price_there_is_no_order_but_a_reason(price: float) -> None:
    with np.errstate(invalid="ignore"):
        shaped = step([100, 0, 0], [0.0, 0.1, 0.0], prices=[price] * 3)
    assert shaped.lots.tolist() == [0, 0, 0]
    assert shaped.reasons == {0: ("NO_PRICE",), 1: ("NO_PRICE",)}


def test_an_unknown_target_is_no_order() -> None:
    shaped = step([100], [np.nan], forced=[True])
    assert shaped.lots.tolist() == [0]
    assert shaped.reasons == {0: ("NO_PRICE",)}


def test_a_book_without_value_only_sells() -> None:
    assert step([100, 0], [0.1, 0.1], nav=-5_000).lots.tolist() == [-100, 0]

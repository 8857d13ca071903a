"""Sizes by hand: each layer alone, both sides of each edge, and nothing where a figure is missing (H3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.core.policy import Policy
from plimsoll.governor.governor import MINUTE
from plimsoll.governor.sizing import Conditions, SizedQuantity, rules_of, size

UNIT = 10**12
RULES = rules_of(Policy(), 10_000)  # a loss cap of 100.00 USD
ROOM = {"loss": 10_000, "trade": 5_000, "position": 50_000, "gross": 100_000, "turnover": 200_000}
CALM = Conditions(
    price=400 * UNIT, atr=UNIT, rank=0, stage="normal", since_open=60 * MINUTE, to_close=60 * MINUTE, headroom=ROOM
)


def bought(**changes: object) -> SizedQuantity:
    return size(1, 0, 0, replace(CALM, **changes), RULES)


def test_ten_ranges_against_an_order_cost_a_two_hundredth_of_the_loss_cap() -> None:
    assert bought() == SizedQuantity(UNIT // 20)  # 0.05 shares x 10 x 1.00 USD = 0.50 USD = 100.00 USD / 200
    assert bought(atr=2 * UNIT) == SizedQuantity(UNIT // 40)
    assert size(-1, 0, 0, CALM, RULES) == SizedQuantity(UNIT // 20)
    assert bought(atr=10**24) == SizedQuantity(0, ("SIZE_NOTHING",))


@pytest.mark.parametrize("side", [1, -1])
def test_against_the_smallest_position_no_layer_shrinks_what_closes_it(side: int) -> None:
    assert size(side, -side, 0, replace(CALM, atr=None), RULES) == SizedQuantity(1)


@pytest.mark.parametrize(
    ("changes", "part", "code"),
    [
        ({"stage": "caution"}, 2, "SIZE_CAUTION"),
        ({"rank": 7_999}, 1, None),
        ({"rank": 8_000}, 2, "SIZE_VOLATILITY"),
        ({"rank": 9_499}, 2, "SIZE_VOLATILITY"),
        ({"rank": 9_500}, 4, "SIZE_VOLATILITY"),
        ({"since_open": 30 * MINUTE}, 1, None),
        ({"since_open": 30 * MINUTE - 1}, 2, "SIZE_EDGE"),
        ({"to_close": 30 * MINUTE}, 1, None),
        ({"to_close": 30 * MINUTE - 1}, 2, "SIZE_EDGE"),
    ],
)
def test_each_layer_takes_its_share(changes: dict[str, object], part: int, code: str | None) -> None:
    assert bought(**changes) == SizedQuantity(UNIT // 20 // part, (code,) if code else ())


def test_the_layers_multiply() -> None:
    found = bought(stage="caution", rank=10_000, since_open=0)
    assert found == SizedQuantity(UNIT // 20 // 16, ("SIZE_CAUTION", "SIZE_VOLATILITY", "SIZE_EDGE"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"atr": None}, "SIZE_NO_ATR"),
        ({"atr": 0}, "SIZE_NO_ATR"),
        ({"price": 0}, "SIZE_NO_ATR"),
        ({"rank": None}, "SIZE_NO_VOLATILITY"),
        ({"since_open": None}, "OUTSIDE_HOURS"),
        ({"to_close": None}, "OUTSIDE_HOURS"),
        ({"since_open": -1}, "OUTSIDE_HOURS"),
        ({"to_close": 0}, "OUTSIDE_HOURS"),
        ({"stage": "reduce_only"}, "INTRADAY_REDUCE_ONLY"),
        ({"stage": "halt"}, "INTRADAY_HALT"),
        ({"stage": "a stage nobody knows"}, "INTRADAY_HALT"),
    ],
)
def test_what_is_unknown_or_forbidden_buys_nothing_and_says_why(changes: dict[str, object], code: str) -> None:
    assert bought(**changes) == SizedQuantity(0, (code,))


@pytest.mark.parametrize("limit", ["trade", "position", "gross", "turnover"])
def test_no_more_than_the_headroom_of_any_limit(limit: str) -> None:
    left = 10 * 100 if limit == "turnover" else 100  # an order takes a tenth of the turnover that is left
    found = bought(headroom={**ROOM, limit: left})
    assert found == SizedQuantity(UNIT // 400, ("SIZE_HEADROOM",))
    for missing in ({k: v for k, v in ROOM.items() if k != limit}, {**ROOM, limit: -1}, {}):
        assert bought(headroom=missing) == SizedQuantity(0, ("SIZE_HEADROOM", "SIZE_NOTHING"))


def test_reductions_are_whole_whatever_the_layers_say() -> None:
    storm = replace(CALM, atr=None, rank=None, stage="halt", since_open=None, headroom={})
    assert size(-1, 3 * UNIT, 0, storm, RULES) == SizedQuantity(3 * UNIT)
    assert size(1, -3 * UNIT, UNIT, storm, RULES) == SizedQuantity(2 * UNIT)
    assert size(-1, UNIT, 2 * UNIT, storm, RULES) == SizedQuantity(0)


def test_the_smallest_figures_are_figures() -> None:
    assert bought(price=1).quantity == UNIT // 20
    assert bought(atr=1, headroom=ROOM).reasons == ("SIZE_HEADROOM",)
    assert bought(to_close=1).reasons == bought(since_open=0).reasons == ("SIZE_EDGE",)


def test_a_size_that_just_fits_is_not_said_to_be_cut() -> None:
    assert bought(headroom={**ROOM, "trade": 2_000}) == SizedQuantity(UNIT // 20)  # 0.05 shares of 400.00 USD
    assert bought(headroom={**ROOM, "trade": 1_999}).reasons == ("SIZE_HEADROOM",)


@pytest.mark.parametrize(("least", "code"), [(0, ("SIZE_VOLATILITY",)), (1, ())])
def test_the_lowest_rank_is_a_rank(least: int, code: tuple[str, ...]) -> None:
    assert size(1, 0, 0, CALM, replace(RULES, regimes=((least, 5_000),))).reasons == code


@pytest.mark.parametrize(("edge", "code"), [(0, ()), (1, ("SIZE_EDGE",))])
def test_the_first_instant_is_inside_an_edge_of_any_length_and_none_is_none(edge: int, code: tuple[str, ...]) -> None:
    assert size(1, 0, 0, replace(CALM, since_open=0), replace(RULES, edge=edge)).reasons == code


def test_the_rules_are_whole_numbers() -> None:
    found = [
        RULES.loss,
        RULES.risk_bps,
        RULES.multiple,
        RULES.turnover_bps,
        RULES.caution_bps,
        RULES.edge,
        RULES.edge_bps,
    ]
    assert all(type(figure) is int for figure in (*found, *(x for pair in RULES.regimes for x in pair)))
    assert type(bought(rank=9_500).quantity) is int

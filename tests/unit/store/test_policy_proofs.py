"""A policy that contradicts itself or cannot trade is refused before a run, naming keys, values and remedy (U7)."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.limits import AccountCaps
from plimsoll.core.policy import Admission, Policy, Rung
from plimsoll.risk.regime import reachable
from plimsoll.store.policy_file import PROFILES, load
from plimsoll.store.policy_proofs import feasible, validate

FUND = Instrument("SPY", "fund", "XNYS")
DEAR = Instrument("BRK-A", "fund", "XNYS")
COIN = Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000)
INDEX = Instrument("^VIX", "index", "CBOE")


def changed(**sections: dict[str, Any]) -> Policy:
    policy = Policy()
    for name, fields in sections.items():
        part = msgspec.structs.replace(getattr(policy, name), **fields)
        policy = msgspec.structs.replace(policy, **{name: part})
    return policy


@pytest.mark.parametrize("profile", PROFILES)
def test_every_shipped_profile_is_consistent(profile: str) -> None:
    validate(load(profile).policy, reachable)


def test_a_hurdle_above_half_the_largest_conviction_is_refused_and_at_half_accepted() -> None:
    half = 0.05 * math.sqrt(252 / 10)  # IC sqrt(252/H): half of 2 IC sqrt(252/H)
    validate(changed(auction={"hurdle_sharpe": half - 1e-12}))
    with pytest.raises(InputError, match=r"hurdle_sharpe 0\.26 .* 0\.502"):
        validate(changed(auction={"hurdle_sharpe": 0.26}))


def test_the_seed_matrix_cannot_reach_its_own_threshold() -> None:
    with pytest.raises(InputError, match=r"crisis_on 0\.15 can never be reached") as caught:
        validate(changed(regime={"matrix": "seed", "crisis_on": 0.15, "crisis_off": 0.10}), reachable)
    assert "0.06" in str(caught.value)  # R8: never above 6.0 %
    validate(changed(regime={"matrix": "seed", "crisis_on": 0.05, "crisis_off": 0.02}), reachable)


BROKEN: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "budget above hard": ({"cvar": {"budget_10": 0.061}}, r"cvar\.budget_10 0\.061 is above cvar\.hard_10 0\.06"),
    "1 above 10 sessions": (
        {"cvar": {"budget_1": 0.021, "budget_10": 0.02}},
        r"budget_1 .* above cvar\.budget_10",
    ),
    "no budget": ({"cvar": {"budget_1": 0.0}}, r"cvar\.budget_1 is 0"),
    "vix bands": ({"forecast": {"vix_high": 40.0}}, r"forecast\.vix_high 40 is not below forecast\.vix_extreme 40"),
    "pair limits": ({"correlation": {"pair_fund_leave": 0.95}}, r"pair_fund_leave 0\.95"),
    "an alarm that ends before it begins": ({"correlation": {"average_leave": 0.5}}, r"average_leave 0\.5"),
    "reductions only before the alarm": ({"correlation": {"average": 0.85}}, r"correlation\.average 0\.85"),
    "stops": ({"stops": {"exit_default": 0.12}}, r"stops\.reduce_default 0\.12"),
    "crisis off above on": ({"regime": {"crisis_off": 0.4}}, r"crisis_off 0\.4 is not below"),
    "a row that is no probability": ({"regime": {"start": ((0.9, 0.2, 0.0),) * 3}}, r"regime\.start"),
    "all cash": ({"limits": {"cash_min": 1.0}}, r"limits\.cash_min is 1"),
    "a trade larger than a position": ({"account": {"capital": 150.0}}, r"min_trade 100 .* 150 USD"),
    "no trades": ({"shaping": {"trades_max": 0}}, r"shaping\.trades_max is 0"),
    "stages that fall": (
        {"lifecycle": {"cap_scaling": 0.2}},
        r"cap_incubating .* above lifecycle\.cap_scaling 0\.2",
    ),
    "an age without a slope": (
        {"health": {"age_full": 180}},
        r"age_full 180 is not below health\.age_zero 180",
    ),
    "a readmission on no date": (
        {"lifecycle": {"admissions": {"core_trend": Admission(readmitted=("soon",))}}},
        r"core_trend\.readmitted holds 'soon'",
    ),
    "an unknown veto": ({"vetoes": {"enabled": ("HIGH_CVR",)}}, r"HIGH_CVR"),
    "no strategies": ({"strategies": {"enabled": ()}}, r"strategies\.enabled is empty"),
    "rows": ({"data": {"rows_degraded": 1300}}, r"data\.rows_degraded 1300 is above data\.rows_active 1260"),
    "shares": ({"strategies": {"top_share": 0.6, "bottom_share": 0.5}}, r"top_share \+ bottom_share 1\.1 is above 1"),
    "ramp": ({"ladder": {"liquidation_sizes": (0.5, 0.25, 1.0)}}, r"liquidation_sizes"),
    "level 1 above its rung": (
        {"ladder": {"level_1_holds": 0.06}},
        r"0\.06 is above the first rung 0\.05",
    ),
    "a horizon no limit is stated for": (
        {"auction": {"horizon": 3}},
        r"auction\.horizon 3 .* cvar\.budget_10, cvar\.hard_10, .* ladder\.rungs",
    ),
    "a panic that flattens nothing": (
        {"ladder": {"flatten_on_panic": True, "rungs": Policy().ladder.rungs[:2]}},
        r"flatten_on_panic .* marked panic",
    ),
    "window backwards": ({"cvar": {"stress_windows": (("2020-04-30", "2020-02-20"),)}}, r"ends before it starts"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_contradiction_names_its_keys_and_values(name: str) -> None:
    sections, message = BROKEN[name]
    with pytest.raises(InputError, match=message) as caught:
        validate(changed(**sections), reachable)
    assert caught.value.remedy


def test_ladder_thresholds_must_rise_and_the_mandate_is_last() -> None:
    rungs = Policy().ladder.rungs
    with pytest.raises(InputError, match=r"level_2 .* and level_1 .* do not rise"):
        validate(changed(ladder={"rungs": (rungs[1], rungs[0])}))
    with pytest.raises(InputError, match=r"mandate ends the mandate but is not the last"):
        late = Rung(name="later", threshold=0.3, level=4)
        validate(changed(ladder={"rungs": (*rungs, late)}))


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        validate(changed(cvar={"budget_10": 0.07}, shaping={"trades_max": 0}))
    assert "cvar.budget_10" in caught.value.problem
    assert "shaping.trades_max" in caught.value.problem


def test_a_normal_account_can_buy_and_can_sell_its_largest_position() -> None:
    shown = feasible(Policy(), [500.0, 60_000.0], [FUND, COIN], 100_000.0, [0.40, 0.15])
    assert (shown.buy_symbol, shown.buy_lots, shown.buy_notional) == ("BTC-USD", 17, 102.0)  # 16 lots are below 100 USD
    assert (shown.exit_symbol, shown.exit_lots, shown.exit_notional) == ("SPY", 80, 40_000.0)


def test_a_lot_dearer_than_its_cap_is_no_buy() -> None:
    policy = Policy()
    assert feasible(policy, [40_000.0], [DEAR], 100_000.0, [0.40]).buy_lots == 1  # exactly at the cap
    with pytest.raises(InputError, match=r"BRK-A at 40000\.01") as caught:
        feasible(policy, [40_000.01], [DEAR], 100_000.0, [0.40])
    assert "100000 USD" in caught.value.remedy


@pytest.mark.parametrize("price", [math.nan, 0.0, -5.0, math.inf])
def test_without_a_usable_price_nothing_is_legal(price: float) -> None:
    with pytest.raises(InputError):
        feasible(Policy(), [price], [FUND], 100_000.0, [0.4])


def test_an_index_and_a_zero_cap_are_not_tradable() -> None:
    with pytest.raises(InputError, match="no tradable symbol"):
        feasible(Policy(), [20.0, 500.0], [INDEX, FUND], 100_000.0, [1.0, 0.0])


def account(trade: float = 1e9, position: float = 1e9, turnover: float = 1e9) -> AccountCaps:
    return AccountCaps(trade, np.array([position]), turnover, gross=1.0, reserve=0.01)


@pytest.mark.parametrize(
    ("caps", "legal"),
    [
        (account(trade=127.95), True),
        (account(trade=127.94), False),
        (account(position=127.94), False),
        (account(turnover=127.95), False),  # a turnover keeps 1 % for a move of the price
        (account(turnover=129.24), True),
        (account(trade=0.0), False),
    ],
)
def test_a_buy_is_legal_only_within_the_dollar_caps_of_a_governed_account(caps: AccountCaps, legal: bool) -> None:
    if legal:
        assert feasible(Policy(), [127.95], [FUND], 100_000.0, [0.4], caps).buy_notional == 127.95
        return
    with pytest.raises(InputError, match=r"no buy is legal under the account's dollar caps.* 127\.95 USD of SPY"):
        feasible(Policy(), [127.95], [FUND], 100_000.0, [0.4], caps)


def test_without_a_legal_buy_even_free_of_dollar_caps_these_are_not_blamed() -> None:
    with pytest.raises(InputError, match="needs its cap"):
        feasible(Policy(), [40_000.01], [DEAR], 100_000.0, [0.40], account(trade=1.0))

"""Costs by hand (C1, C2): an order of 1 % of ADV at 1 % daily volatility has 10 bps of temporary impact."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.policy import CostPolicy
from plimsoll.costs.model import Estimate, estimate, most_probable

COSTS = CostPolicy()


def one(kind: str = "fund", notional: float = 1e4, adv: float = 1e6, sigma: float = 0.01, regime: int = 0,
        costs: CostPolicy = COSTS, symbol: str = "SPY") -> Estimate:  # fmt: skip
    return estimate((kind,), np.array([notional]), np.array([adv]), np.array([sigma]), regime, costs, (symbol,))


def test_a_fund_pays_commission_slippage_and_one_and_a_quarter_times_the_temporary_impact() -> None:
    e = one()  # temporary 0.01·√0.01 = 10 bps; permanent 5, of which half is paid
    assert e.known.all()
    assert e.commission[0] == pytest.approx(0.0010)
    assert e.slippage[0] == pytest.approx(0.0005)
    assert e.impact[0] == pytest.approx(0.00125)
    assert e.total[0] == pytest.approx(0.00275)


def test_crypto_has_its_own_rates() -> None:
    e = one("crypto", notional=0.0)
    assert (e.commission[0], e.slippage[0], e.impact[0]) == pytest.approx((0.0010, 0.0015, 0.0))


@pytest.mark.parametrize(
    ("regime", "slippage", "impact"), [(0, 0.0005, 0.00125), (1, 0.00075, 0.001875), (2, 0.0015, 0.0025)]
)
def test_regimes_multiply_slippage_and_impact_before_the_sum_and_leave_commission(
    regime: int, slippage: float, impact: float
) -> None:
    e = one(regime=regime)
    assert (e.slippage[0], e.impact[0], e.commission[0]) == pytest.approx((slippage, impact, 0.0010))
    assert e.total[0] == pytest.approx(slippage + impact + 0.0010)


def test_the_seeds_coefficient_belongs_to_annual_volatility() -> None:
    e = one(costs=msgspec.structs.replace(COSTS, impact="seed"))
    annual = 0.01 * math.sqrt(252)
    assert e.impact[0] == pytest.approx(annual * math.sqrt(0.01) * 0.1 * 1.25)


def test_every_coefficient_of_the_policy_is_used() -> None:
    costs = msgspec.structs.replace(COSTS, impact_y=0.5, depth=2.0, permanent_share=0.4, permanent_paid=0.25)
    assert one(costs=costs).impact[0] == pytest.approx(0.5 * 2.0 * 0.001 * 1.1)


@pytest.mark.parametrize(("share", "confidence"), [(0.0, 1.0), (0.1, 0.95), (0.6, 0.7), (5.0, 0.7)])
def test_confidence_falls_with_half_the_share_of_volume_to_a_floor(share: float, confidence: float) -> None:
    e = one(notional=share * 1e6)
    assert e.confidence[0] == pytest.approx(confidence)
    assert e.decay[0] == pytest.approx(0.1 * share)


@pytest.mark.parametrize(
    ("notional", "adv", "sigma"),
    [(1e4, math.nan, 0.01), (1e4, 0.0, 0.01), (1e4, -1.0, 0.01), (1e4, 1e6, math.nan), (1e4, 1e6, -0.01),
     (math.nan, 1e6, 0.01), (-1.0, 1e6, 0.01), (1e4, 1e6, math.inf), (math.inf, 1e6, 0.01)],
)  # fmt: skip
def test_without_liquidity_an_order_is_priced_at_its_kinds_worst_case(
    notional: float, adv: float, sigma: float
) -> None:
    e = one("crypto", notional, adv, sigma, regime=2)
    assert not e.known.any()
    assert e.total[0] == pytest.approx(0.05) and e.commission[0] == pytest.approx(0.0010)
    assert np.isnan(e.confidence[0]) and np.isnan(e.decay[0])


def test_fx_uses_the_configured_depth_of_its_pair_and_never_its_volume() -> None:
    costs = msgspec.structs.replace(COSTS, fx_depth={"EURUSD=X": 4e6})
    assert one("fx", 1e4, math.nan, costs=costs, symbol="EURUSD=X").impact[0] == pytest.approx(0.01 * 0.05 * 1.25)
    other = one("fx", 1e4, 1e9, costs=costs, symbol="GBPUSD=X")
    assert not other.known[0] and other.total[0] == pytest.approx(0.01)
    unnamed = estimate(("fx",), np.array([1e4]), np.array([1e9]), np.array([0.01]), 0, costs)
    assert not unnamed.known[0]


def test_the_callers_volume_is_not_changed_by_fx_depth() -> None:
    adv = np.array([7.0])
    costs = msgspec.structs.replace(COSTS, fx_depth={"EURUSD=X": 4e6})
    estimate(("fx",), np.array([1e4]), adv, np.array([0.01]), 0, costs, ("EURUSD=X",))
    assert adv[0] == 7.0


def test_a_kind_without_a_cost_is_never_free() -> None:
    assert np.isnan(one("index").total[0])


def test_each_instrument_is_priced_by_itself() -> None:
    kinds = ("fund", "crypto", "stock", "fx")
    notional, adv, sigma = np.full(4, 1e4), np.array([1e6, 1e8, np.nan, 1e6]), np.array([0.01, 0.04, 0.01, 0.01])
    whole = estimate(kinds, notional, adv, sigma, 1, COSTS, ("A", "B", "C", "D"))
    for i, kind in enumerate(kinds):
        alone = estimate(kinds[i : i + 1], notional[i : i + 1], adv[i : i + 1], sigma[i : i + 1], 1, COSTS, (kind,))
        assert alone.total[0] == whole.total[i] and alone.known[0] == whole.known[i]


@given(q=st.floats(0, 1e9), more=st.floats(1, 1e3), adv=st.floats(1e3, 1e12), sigma=st.floats(0, 0.5))
def test_more_size_never_costs_less(q: float, more: float, adv: float, sigma: float) -> None:
    assert one(notional=q * more, adv=adv, sigma=sigma).total[0] >= one(notional=q, adv=adv, sigma=sigma).total[0]


@pytest.mark.parametrize(
    ("belief", "regime"),
    [((0.9, 0.05, 0.05), 0), ((0.2, 0.5, 0.3), 1), ((0.1, 0.2, 0.7), 2), ((0.5, 0.5, 0.0), 1), ((math.nan,) * 3, 2)],
)
def test_the_most_probable_regime_prices_and_doubt_prices_dearly(belief: tuple[float, ...], regime: int) -> None:
    assert most_probable(np.array(belief)) == regime

"""Implementation shortfall by hand (C3)."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from plimsoll.core.policy import CostPolicy
from plimsoll.costs.model import depth, estimate
from plimsoll.costs.shortfall import Orders, compare, executions, shortfall

COSTS = CostPolicy()
NAN = float("nan")


def orders(**changes: object) -> Orders:
    """A purchase of 100 at 50 decided, released at 50.10, filled 80 at 50.20; a sale of 10 at 200 filled whole."""
    fields: dict[str, object] = {
        "symbol": ("SPY", "BTC-USD"),
        "kind": ("fund", "crypto"),
        "day": np.array([1, 2]),
        "side": np.array([1.0, -1.0]),
        "ordered": np.array([100.0, 10.0]),
        "filled": np.array([80.0, 10.0]),
        "reference": np.array([50.0, 200.0]),
        "arrival": np.array([50.1, 199.0]),
        "price": np.array([50.2, 198.0]),
        "commission": np.array([4.0, 2.0]),
        "adv": np.array([1e6, 1e6]),
        "sigma": np.array([0.01, 0.04]),
        "regime": np.array([0, 2]),
    }
    return Orders(**fields | changes)  # type: ignore[arg-type]


def test_the_parts_of_a_purchase_and_a_sale() -> None:
    found = shortfall(orders(), COSTS)
    assert found.notional == pytest.approx([4008.0, 1990.0])
    assert found.delay == pytest.approx([8.0, 10.0])  # bought 0.10 dearer, sold 1.00 cheaper
    assert found.slippage == pytest.approx([4008.0 * 0.0005, 1990.0 * 0.0015 * 3.0])  # crisis multiplies slippage
    assert found.slippage + found.impact == pytest.approx([8.0, 10.0])
    assert found.realised == pytest.approx([12.0, 12.0])
    assert found.unfilled == pytest.approx([20.0 * 50.0, 0.0])


def test_the_whole_is_the_distance_from_the_paper_portfolio() -> None:
    """Perold: what was filled, at the decided price, less what it really came to."""
    given = orders()
    found = shortfall(given, COSTS)
    paper = given.side * given.filled * given.reference
    real = given.side * given.filled * given.price + given.commission
    assert found.delay + found.realised == pytest.approx(real - paper)


def test_expected_is_the_one_model_for_the_order_as_decided_in_its_regime() -> None:
    found = shortfall(orders(), COSTS)
    for i, (kind, notional, sigma, regime) in enumerate((("fund", 5000.0, 0.01, 0), ("crypto", 2000.0, 0.04, 2))):
        one = estimate((kind,), np.array([notional]), np.array([1e6]), np.array([sigma]), regime, COSTS)
        assert found.expected[i] == pytest.approx(float(one.total[0]) * notional)


def test_an_order_without_liquidity_data_is_expected_at_its_worst_case_and_not_calibrated_with() -> None:
    given = orders(adv=np.array([NAN, 1e6]))
    found = shortfall(given, COSTS)
    assert found.expected[0] == pytest.approx(5000.0 * 0.02)
    done, used = executions(given, COSTS)
    assert used.tolist() == [False, True] and done.cost.size == 1


def test_what_a_calibration_is_given_is_the_model_at_one() -> None:
    given = orders()
    done, used = executions(given, msgspec.structs.replace(COSTS, impact="seed", impact_y=9.0))
    assert used.all()
    assert done.cost == pytest.approx([0.1 / 50.1, 1.0 / 199.0])
    assert done.share == pytest.approx([4008e-6, 1990e-6])
    assert done.unit_impact == pytest.approx([1.25 * 0.01 * np.sqrt(4008e-6), 2.0 * 1.25 * 0.04 * np.sqrt(1990e-6)])
    assert done.slippage == pytest.approx([0.0005, 0.0045])


def test_fx_is_measured_against_its_configured_depth() -> None:
    costs = msgspec.structs.replace(COSTS, fx_depth={"EURUSD=X": 4e6})
    given = orders(symbol=("EURUSD=X", "GBPUSD=X"), kind=("fx", "fx"), adv=np.array([NAN, 1e9]))
    done, used = executions(given, costs)
    assert used.tolist() == [True, False]
    assert done.share == pytest.approx([4008.0 / 4e6])
    assert depth(("fx", "fund"), np.array([1.0, 2.0]), costs, ("EURUSD=X", "SPY")).tolist() == [4e6, 2.0]


def test_totals_add_up_and_nothing_costs_an_unknown_fraction() -> None:
    given = orders()
    found = shortfall(given, COSTS)
    both = compare("all", found, np.array([True, True]))
    assert both.orders == 2 and both.notional_usd == pytest.approx(5998.0)
    assert both.realised_cost == pytest.approx(24.0 / 5998.0)
    assert both.expected_usd == pytest.approx(float(found.expected.sum()))
    assert both.expected_cost == pytest.approx(both.expected_usd / 5998.0)
    parts = both.slippage_usd + both.impact_usd + both.commission_usd
    assert parts == pytest.approx(both.realised_usd)
    assert both.delay_usd == pytest.approx(18.0) and both.unfilled_usd == pytest.approx(1000.0)
    none = compare("none", found, np.array([False, False]))
    assert (none.orders, none.expected_cost, none.realised_cost) == (0, None, None)


def test_a_price_better_than_arrival_is_a_gain_not_a_cost() -> None:
    found = shortfall(replace(orders(), price=np.array([50.0, 199.5])), COSTS)
    assert (found.impact < 0.0).all()

"""Commissions of real brokers worked by hand, in the model, in a fill, and as a layer of the policy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import CostPolicy, CostPreset, Policy
from plimsoll.costs.model import commission_of, estimate
from plimsoll.costs.presets import PRESETS
from plimsoll.execution.pricing import FilledOrder, FillQuote, fill
from plimsoll.store.policy_file import load


def costs_of(preset: str) -> CostPolicy:
    return load(changes={"costs.preset": preset}).policy.costs


def usd(preset: str, kind: str, price: float, units: float, side: int) -> float:
    """Commission and fees of an order, USD."""
    return commission_of(kind, price * units, units, side, costs_of(preset)) * price * units


SEC, TAF = 0.0000278, 0.000166
CASES = [
    ("ibkr-pro", "fund", 100.0, 1000, 1, 5.00),  # 0.005 a share
    ("ibkr-pro", "fund", 100.0, 100, 1, 1.00),  # the least
    ("ibkr-pro", "fund", 100.0, 200, 1, 1.00),  # 200 x 0.005 is the least exactly
    ("ibkr-pro", "stock", 0.25, 1000, 1, 2.50),  # at most 1 % of 250
    ("ibkr-pro", "stock", 50.0, 1, 1, 0.50),  # the most wins over the least
    ("ibkr-pro", "stock", 100.0, 1000, -1, 5.00 + 100_000 * SEC + 1000 * TAF),
    ("ibkr-pro", "crypto", 50_000.0, 0.5, 1, 45.00),  # 0.18 % of 25 000
    ("ibkr-pro", "crypto", 50_000.0, 0.01, 1, 1.75),
    ("ibkr-pro", "crypto", 50_000.0, 0.002, 1, 1.00),  # at most 1 % of 100
    ("ibkr-pro", "fx", 1.1, 50_000, 1, 2.00),
    ("ibkr-pro", "fx", 1.1, 1_000_000, 1, 22.00),
    ("ibkr-lite", "stock", 100.0, 1000, 1, 0.0),
    ("us-etf-zero-commission", "fund", 100.0, 1000, 1, 0.0),
    ("us-etf-zero-commission", "fund", 100.0, 1000, -1, 2.78 + 0.166),
    ("alpaca", "stock", 1.0, 100_000, -1, 2.78 + 8.30),  # the fee a share has a most
    ("alpaca", "crypto", 100.0, 10, -1, 2.50),
    ("alpaca-crypto", "crypto", 100.0, 10, 1, 2.50),
    ("alpaca-crypto", "fund", 100.0, 10, 1, 1.00),  # what it does not name stays: 0.10 %
    ("binance-spot", "crypto", 100.0, 10, 1, 1.00),
    ("cautious", "fund", 100.0, 1000, -1, 100.00),
]


@pytest.mark.parametrize(("preset", "kind", "price", "units", "side", "expected"), CASES)
def test_a_commission_is_what_the_schedule_says(
    preset: str, kind: str, price: float, units: float, side: int, expected: float
) -> None:
    assert usd(preset, kind, price, units, side) == pytest.approx(expected, abs=1e-9)
    notional, adv = np.array([price * units]), np.array([1e9])
    found = estimate((kind,), notional, adv, np.array([0.01]), 0, costs_of(preset), ("X",), np.array([price]),
                     np.array([float(side)]))  # fmt: skip
    assert float(found.commission[0]) * price * units == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", [1, -1])
def test_a_fill_pays_the_same_in_cents(side: int) -> None:
    costs = costs_of("ibkr-pro")
    spy = Instrument("SPY", "fund", "XNYS")
    made = fill(FilledOrder("i", "2024-01-02"), spy, side * 1000, FillQuote(100.0, 1e12, 0.0, 0), costs)
    sold = abs(made.notional) / 100  # at the fill price, slippage inside
    assert made.commission == round(100 * (5.00 + (sold * SEC + 1000 * TAF if side < 0 else 0.0)))
    bitcoin = Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000)
    coin = fill(FilledOrder("i", "2024-01-02"), bitcoin, 20, FillQuote(50_000.0, 1e12, 0.0, 0), costs)  # 0.002 BTC
    assert coin.commission == round(abs(coin.notional) * 0.01)


def test_without_a_price_a_commission_by_unit_is_the_most_and_without_a_side_that_of_a_sale() -> None:
    costs = costs_of("ibkr-pro")
    given = (("fund",), np.array([10_000.0]), np.array([1e9]), np.array([0.01]), 0, costs)
    unknown = estimate(*given).commission[0]
    assert unknown == pytest.approx(0.01 + SEC + 8.30 / 10_000)
    sale, purchase = (estimate(*given, price=np.array([50.0]), side=np.array([s])).commission[0] for s in (-1.0, 1.0))
    assert purchase < sale == estimate(*given, price=np.array([50.0])).commission[0] < unknown
    for price in (np.nan, 0.0, -1.0):
        assert estimate(*given, price=np.array([price])).commission[0] == unknown


def test_the_default_rates_are_untouched_bit_for_bit() -> None:
    kinds, many = ("fund", "crypto", "index"), np.array([1.0, 5e4, 1e6])
    found = estimate(kinds, many, np.full(3, 1e9), np.full(3, 0.01), 0, CostPolicy(), price=np.full(3, 10.0))
    assert found.commission[:2].tolist() == [0.0010, 0.0010] and np.isnan(found.commission[2])
    mixed = estimate(kinds, many, np.full(3, 1e9), np.full(3, 0.01), 0, costs_of("us-etf-zero-commission"))
    assert mixed.commission[1] == 0.0010 and np.isnan(mixed.commission[2])
    none = estimate(("fund",), np.zeros(1), np.array([1e9]), np.array([0.01]), 0, costs_of("ibkr-pro"))
    assert none.commission[0] == 0.0  # no order: the plain rate


def test_a_preset_fills_fields_and_stated_keys_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("costs:\n  preset: ibkr-pro\n  kinds:\n    fund:\n      commission_min: 0.35\n")
    loaded = load(files=[mine])
    fund = loaded.policy.costs.kinds["fund"]
    assert (fund.commission, fund.commission_unit, fund.commission_min) == (0.0, 0.005, 0.35)
    assert (fund.slippage, fund.worst_case) == (0.0005, 0.02)  # as they were
    assert loaded.origin("costs.kinds.fund.commission_unit") == "preset ibkr-pro (2025-06)"
    assert loaded.origin("costs.kinds.fund.commission_min") == f"file {mine}"
    assert loaded.origin("costs.kinds.fund.slippage") == "profile core"
    other = load(files=[mine], changes={"costs.preset": "alpaca"}).policy.costs
    assert other.preset == "alpaca" and other.kinds["fund"].commission_unit == 0.0
    assert other.kinds["fund"].commission_min == 0.35  # stated: whatever the preset
    named = load("institutional", env={"PLIMSOLL__COSTS__PRESET": "binance-spot"})
    assert named.policy.costs.preset == "binance-spot" and named.policy.profile == "institutional"


def test_what_is_no_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"costs\.preset is 'ibkr'; did you mean 'ibkr-pro'"):
        load(changes={"costs.preset": "ibkr"})


def test_every_name_of_the_policy_is_a_preset_with_date_and_source() -> None:
    assert list(PRESETS) == list(get_args(CostPreset)) and Policy().costs.preset == "cautious"
    assert all(len(p.date) == 7 and p.source for p in PRESETS.values())
    for name in PRESETS:  # what is priced without liquidity is dearer than what is known
        for kind in costs_of(name).kinds.values():
            assert kind.commission + kind.slippage <= kind.worst_case


def test_reading_a_preset_needs_no_numpy() -> None:
    code = (
        "import sys; from plimsoll.store.policy_file import load\n"
        "load(changes={'costs.preset': 'ibkr-pro'}); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

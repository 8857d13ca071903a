"""Core trend maps signals to bids, keeps and silence (S1-S3)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from plimsoll.alpha.core_trend import CoreTrend
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy

POLICY = Policy()
Market = Callable[..., View]
NOTHING = Holding({})
SELL = {"momentum_60": -0.10}
HOLD = {"momentum_60": 0.0}


def _said(view: View, held: dict[str, float] | None = None, policy: Policy = POLICY) -> dict[str, Forecast]:
    return {f.symbol: f for f in CoreTrend().forecast(view, Holding(held or {}), policy)}


def test_it_is_a_strategy() -> None:
    assert isinstance(CoreTrend(), Strategy)


def test_a_strong_trend_bids_its_expected_return_at_the_auctions_horizon(market: Market) -> None:
    said = _said(market({"SPY": {}}))["SPY"]
    z = 0.10 / (0.15 * math.sqrt(60 / 252))
    sigma = 0.15 * math.sqrt(10 / 252)
    assert said.mu == pytest.approx(0.05 * sigma * z)
    assert said.sigma == pytest.approx(sigma)
    assert said.confidence == pytest.approx(0.5 + z / 4)
    assert (said.horizon, said.score) == (10, pytest.approx(z))
    assert said.reason.startswith("STRONG_BUY")
    assert (said.keep, said.target_weight) == (False, None)


def test_vix_turns_a_strong_buy_into_a_buy(market: Market) -> None:
    assert _said(market({"SPY": {}}, vix_or_proxy=30.0))["SPY"].reason.startswith("BUY")


def test_only_the_policys_trend_symbols_bid(market: Market) -> None:
    view = market({s: {} for s in ("GLD", "SPY", "QQQ", "BTC-USD", "XLK", "^VIX")})
    assert list(_said(view)) == ["GLD", "SPY", "QQQ", "BTC-USD"]
    one = replace(POLICY, strategies=replace(POLICY.strategies, trend_symbols=("XLK", "NONE")))
    assert list(_said(view, policy=one)) == ["XLK"]


def test_what_is_not_eligible_makes_no_forecast_even_when_held(market: Market) -> None:
    assert _said(market({"SPY": {"eligible": 0.0}}), {"SPY": 0.2}) == {}


def test_a_sell_is_silence_and_a_hold_keeps_only_what_is_held(market: Market) -> None:
    view = market({"SPY": SELL, "QQQ": HOLD, "GLD": HOLD})
    said = _said(view, {"SPY": 0.2, "QQQ": 0.1})
    assert list(said) == ["QQQ"]
    assert (said["QQQ"].keep, said["QQQ"].target_weight) == (True, 0.1)
    assert said["QQQ"].reason.startswith("HOLD")


def test_a_missing_indicator_keeps_what_is_held_and_buys_nothing(market: Market) -> None:
    view = market({"SPY": {"sma_200": math.nan}, "QQQ": {"momentum_60": math.nan}})
    said = _said(view, {"SPY": 0.2, "QQQ": 0.1})
    assert all(f.keep for f in said.values())
    assert list(said) == ["SPY", "QQQ"]
    assert all(math.isfinite(f.mu) and 0.0 <= f.confidence <= 1.0 for f in said.values())
    assert _said(view) == {}

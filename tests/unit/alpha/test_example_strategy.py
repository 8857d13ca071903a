"""The example plug-in works as its documentation says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.alpha.registry import load
from plimsoll.core.forecast import Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "my_strategy.py"
BELOW = {"sma_200": 110.0}
Market = Callable[..., View]


@pytest.fixture
def example() -> Strategy:
    (found,) = load([str(EXAMPLE)])
    return found


@pytest.mark.parametrize(
    ("market_now", "wanted"),
    [
        ({"SPY": {}, "GLD": {}}, ["SPY"]),
        ({"SPY": BELOW, "TLT": {}, "GLD": {}}, ["GLD"]),
        ({"SPY": BELOW, "GLD": BELOW}, []),
        ({"SPY": {"eligible": 0.0}, "GLD": {"sma_200": float("nan")}}, []),
        ({"XLK": {}}, []),
    ],
)
def test_the_example_bids_for_the_benchmark_or_a_haven(
    example: Strategy, market: Market, market_now: dict[str, dict[str, float]], wanted: list[str]
) -> None:
    said = example.forecast(market(market_now), Holding({}), Policy())
    assert [f.symbol for f in said] == wanted
    assert all(f.mu > 0.0 and not f.keep for f in said)


def test_the_example_keeps_a_benchmark_that_rests(example: Strategy, market: Market) -> None:
    view = market({"SPY": {"momentum_60": -0.01}, "GLD": {}})
    assert list(example.forecast(view, Holding({}), Policy())) == []
    (kept,) = example.forecast(view, Holding({"SPY": 0.3}), Policy())
    assert (kept.symbol, kept.keep, kept.target_weight) == ("SPY", True, 0.3)

"""When auctions are held, who is asked, and what the target portfolio remembers (steps 6-7; A7, S1, G2)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.decision import Share, TargetPortfolio
from plimsoll.core.forecast import Forecast
from plimsoll.core.policy import Policy
from plimsoll.engine.book import target_of


class Asked:
    """Bids for SPY and remembers the sessions it was asked on and what it was told it holds."""

    def __init__(self, name: str = "asked", **said: Any) -> None:
        self.name, self.said = name, {"symbol": "SPY", "mu": 0.01, "sigma": 0.03} | said
        self.days: list[str] = []
        self.told: list[dict[str, float]] = []

    def forecast(self, view: Any, holding: Any, policy: Policy) -> list[Forecast]:
        self.days.append(view.date)
        self.told.append(dict(holding.weights))
        return [Forecast(**({"confidence": 0.9, "horizon": 10, "reason": ""} | self.said))]


def schedule(name: str) -> Policy:
    return replace(Policy(), auction=replace(Policy().auction, schedule=name))


@pytest.mark.parametrize("name", ["daily", "week_end", "month_end"])
def test_auctions_are_held_on_the_first_session_and_as_scheduled(
    make_market: Callable[..., Any], backtested: Callable[..., Any], name: str
) -> None:
    strategy = Asked()
    records = backtested(make_market(1, 330), schedule(name), strategies=(strategy,)).records
    days = np.array([r.session for r in records], dtype="M8[D]")
    following = np.append(days[1:], days[-1] + np.timedelta64(1, "D"))
    due = {
        "daily": np.ones(days.size, bool),
        "week_end": (days.astype(int) + 3) // 7 != (following.astype(int) + 3) // 7,
        "month_end": days.astype("M8[M]") != following.astype("M8[M]"),
    }[name]
    due[0] = True
    assert [r.auction is not None for r in records][:-1] == due[:-1].tolist()
    assert strategy.days == [r.session for r in records if r.auction is not None]


def test_between_auctions_the_target_portfolio_stands(make_market: Any, backtested: Any) -> None:
    records = backtested(make_market(1, 330), Policy(), strategies=(Asked(),)).records
    for before, after in itertools.pairwise(records):
        if after.auction is None:
            assert after.carried.portfolio == before.carried.portfolio


def test_each_strategy_is_told_its_own_part_of_the_book(make_market: Any, backtested: Any) -> None:
    first, second = Asked("first", target_weight=0.2), Asked("second", target_weight=0.1)
    records = backtested(make_market(1, 330), schedule("week_end"), strategies=(first, second)).records
    held = {r.session: dict(zip(r.symbols, r.held, strict=True)).get("SPY", 0.0) for r in records}
    assert first.told[0] == second.told[0] == {}
    for day, one, two in zip(first.days[2:], first.told[2:], second.told[2:], strict=True):
        assert one["SPY"] + two.get("SPY", 0.0) == pytest.approx(held[day])
        assert one["SPY"] == pytest.approx(2 * two["SPY"])


def test_the_target_portfolio_keeps_the_forecasts_its_increases_are_judged_on(decided: Any, account: Any) -> None:
    portfolio = decided(account(), Asked(mu=0.02, horizon=20, confidence=0.8)).carried.portfolio
    assert portfolio.mu["SPY"] == pytest.approx(0.01)  # at the auction's ten sessions
    assert portfolio.confidence["SPY"] == 0.8
    assert portfolio.conviction["SPY"] == pytest.approx(0.02 / 0.03 * np.sqrt(252 / 20))


def test_only_what_was_not_held_is_an_opening(decided: Any, account: Any) -> None:
    assert [s for _, s in decided(account(), Asked()).carried.openings] == ["SPY"]
    assert decided(account(SPY=20), Asked()).carried.openings == ()


def test_the_target_of_a_symbol_is_the_sum_of_its_shares(run: Any) -> None:
    portfolio = TargetPortfolio(0, (Share("a", "SPY", 0.2), Share("b", "SPY", 0.1), Share("b", "GLD", 0.05)))
    target = target_of(portfolio, run)
    assert target[run.column["SPY"]] == pytest.approx(0.3)
    assert target.sum() == pytest.approx(0.35)
    assert not target_of(None, run).any()

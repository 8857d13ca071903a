"""Whole lots: nothing is bought that was not granted, and a hedge that is rounded off breaks no limit (A3, A7)."""

from __future__ import annotations

import dataclasses
from math import inf

import numpy as np
import pytest

from plimsoll.capital.auction import AuctionProblem, solve
from plimsoll.capital.auction_check import worst_excess
from plimsoll.capital.auction_lots import whole_lots

FALLING = np.array([-0.10, -0.06, *np.linspace(0.0, 0.05, 18)])


def hedged(**changes) -> AuctionProblem:
    """A stock with CVaR 0.08 a unit at 90 %, and its mirror image."""
    given = {
        "mu": [0.01, -0.001], "scenarios": np.column_stack((FALLING, -FALLING)), "risk_aversion": 0.0,
        "confidence": 0.9, "cvar_max": 0.04, "gross_max": 1.0, "weight_max": [1.0, 0.2], "groups": [],
        "current": [0.0, 0.0], "trade_cost": [0.0, 0.0],
    }  # fmt: skip
    return AuctionProblem(**(given | changes))


def test_positions_round_down_to_whole_lots() -> None:
    p = hedged(cvar_max=inf)
    found = whole_lots(p, np.array([0.37, 0.19]), np.array([0.05, 0.1]))
    assert found.lots.tolist() == [7, 1]
    assert found.weights == pytest.approx([0.35, 0.1])
    assert not found.taken_off.any()


def test_a_weight_that_is_whole_but_for_rounding_keeps_its_last_lot() -> None:
    assert whole_lots(hedged(cvar_max=inf), np.array([0.3 - 1e-13, 0.0]), np.array([0.1, 0.1])).lots.tolist() == [3, 0]


def test_a_hedge_rounded_off_takes_lots_of_what_it_hedged() -> None:
    p = hedged()
    answer = solve(p)
    assert answer.weights == pytest.approx([0.7, 0.2])  # CVaR 0.08 x (0.7 - 0.2), at its limit
    lots = np.array([0.01, 0.15])
    assert worst_excess(p, np.floor(answer.weights / lots + 1e-9) * lots) > 1e-3  # rounding alone breaks it
    found = whole_lots(p, answer.weights, lots)
    assert found.lots.tolist() == [65, 1] and found.taken_off.tolist() == [5, 0]
    assert found.worst_excess <= 1e-9


def test_bids_for_one_asset_share_its_lots_by_their_weights() -> None:
    p = hedged(mu=[0.01, 0.02, 0.0], asset=[0, 0, 1], weight_max=[0.3, 0.3, 0.3], cvar_max=inf)
    found = whole_lots(p, np.array([0.1, 0.3, 0.0]), np.array([0.3, 0.3]))
    assert found.lots.tolist() == [1, 0]
    assert found.weights == pytest.approx([0.075, 0.225, 0.0])


def test_a_limit_that_even_cash_breaks_leaves_cash_and_says_so() -> None:
    found = whole_lots(hedged(cvar_max=-0.01), np.array([0.5, 0.2]), np.array([0.1, 0.1]))
    assert not found.lots.any()
    assert found.worst_excess == pytest.approx(0.01)


@pytest.mark.parametrize("seed", range(40))
def test_no_limit_is_ever_broken_and_nothing_grows(seed) -> None:
    rng = np.random.default_rng(seed)
    n, rows = int(rng.integers(2, 9)), int(rng.integers(20, 120))
    market = rng.standard_t(4, rows) * 0.03
    scenarios = market[:, None] * rng.uniform(-1.2, 1.2, n) + rng.standard_t(4, (rows, n)) * 0.01
    p = AuctionProblem(
        mu=rng.normal(0.003, 0.004, n), scenarios=scenarios, risk_aversion=0.01, confidence=0.93, cvar_max=0.02,
        gross_max=1.0, weight_max=rng.uniform(0.1, 0.6, n), groups=[([0, 1], 0.4)], current=np.zeros(n),
        trade_cost=np.zeros(n), tail_limits=[(scenarios[::2] * 1.5, 0.9, 0.025)], pairs=[(0, 1, 0.3)],
    )  # fmt: skip
    answer, lots = solve(p), rng.choice([0.003, 0.02, 0.15], n)
    found = whole_lots(p, answer.weights, lots)
    assert worst_excess(p, found.weights) <= 1e-9
    assert found.worst_excess == worst_excess(p, found.weights)
    assert found.weights == pytest.approx(found.lots * lots, abs=1e-12)
    assert (found.weights <= answer.weights + 1e-9).all() and (found.lots >= 0).all()
    rounded = np.floor(answer.weights / lots + 1e-9)
    assert (found.lots + found.taken_off == rounded).all()
    if worst_excess(p, rounded * lots) <= 1e-9:
        assert not found.taken_off.any()


def test_the_same_lots_on_every_run() -> None:
    p = dataclasses.replace(hedged(), mu=[0.012, -0.002])
    first = whole_lots(p, np.array([0.7, 0.2]), np.array([0.013, 0.11]))
    again = whole_lots(p, np.array([0.7, 0.2]), np.array([0.013, 0.11]))
    assert first.lots.tolist() == again.lots.tolist()

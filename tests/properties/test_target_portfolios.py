"""Target portfolios: the largest scale that fits, against a plain search that shares no code with it (S1)."""

from __future__ import annotations

from dataclasses import replace
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.capital.auction import AuctionProblem, solve
from plimsoll.capital.targets import Portfolio, Settled, settle

Floats = np.ndarray


def plain_cvar(losses: Floats, confidence: float) -> float:
    """Mean of the worst (1 - confidence) of the losses, the last one in part: written out."""
    worst = sorted(losses.tolist(), reverse=True)
    mass = (1.0 - confidence) * len(worst)
    whole = floor(mass + 1e-9)
    total = sum(worst[:whole]) + (mass - whole) * (worst[whole] if whole < len(worst) else 0.0)
    return total / mass


def excess(p: AuctionProblem, weights: Floats) -> float:
    """The most by which any limit is exceeded, measured one by one."""
    asset = np.arange(weights.size) if p.asset is None else np.asarray(p.asset)
    held = np.zeros(np.shape(p.scenarios)[1])
    for i, w in zip(asset, weights, strict=True):
        held[i] += w
    over = [weights.sum() - p.gross_max, *(weights - np.asarray(p.weight_max))]
    over += [sum(weights[i] for i in set(members)) - cap for members, cap in p.groups]
    over += [held[i] + held[j] - cap for i, j, cap in p.pairs]
    for sample, confidence, cap in ((p.scenarios, p.confidence, p.cvar_max), *p.tail_limits):
        over.append(plain_cvar(-(np.asarray(sample) * held).sum(axis=1), confidence) - cap)
    return float(max(over))


def largest(p: AuctionProblem, fixed: Floats, wish: Floats) -> float:
    """The largest scale in [0, 1] by halving; limits are convex, so what fits is an interval from 0."""
    if excess(p, fixed + wish) <= 1e-9:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(p, fixed + middle * wish) <= 1e-12 else (low, middle)
    return low


@st.composite
def problems(draw: st.DrawFn, bids: int, shared: bool) -> AuctionProblem:
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    assets = bids - 1 if shared else bids
    asset = np.append(np.arange(assets), 0) if shared else np.arange(bids)
    sample = 0.04 * (0.5 * rng.standard_normal((90, 1)) + rng.standard_normal((90, assets)))
    stressed = 0.09 * rng.standard_normal((37, assets)) - 0.02
    return AuctionProblem(
        mu=np.zeros(bids),
        scenarios=sample,
        risk_aversion=0.01,
        confidence=0.95,
        cvar_max=draw(st.floats(0.01, 0.2)),
        gross_max=draw(st.floats(0.3, 1.2)),
        weight_max=rng.uniform(0.05, 0.9, bids),
        groups=[(np.array([0, 1]), draw(st.floats(0.1, 1.0)))],
        current=np.zeros(assets),
        trade_cost=np.full(assets, 0.0005),
        tail_limits=[(stressed, 0.9, draw(st.floats(0.02, 0.4)))],
        pairs=[(0, 1, draw(st.floats(0.1, 1.0)))],
        asset=asset,
    )


wishes = st.lists(st.floats(0.0, 0.9), min_size=4, max_size=4).filter(lambda w: sum(w) > 0.05)


@settings(max_examples=150, deadline=None)
@given(problems(4, shared=False), wishes)
def test_alone_a_portfolio_is_held_at_the_largest_scale_that_fits(p: AuctionProblem, wish: list[float]) -> None:
    w = np.array(wish)
    settled = settle(p, [Portfolio("one", w)], 1, solve)
    scale = settled.scales[0]
    assert scale.value == pytest.approx(largest(p, np.zeros(4), w), abs=2e-9)
    assert excess(p, settled.allocation.weights) <= 1e-9
    np.testing.assert_allclose(settled.allocation.weights, scale.value * w, rtol=0, atol=1e-15)
    assert (scale.limit == "") == (scale.value == 1.0)


@settings(max_examples=60, deadline=None)
@given(problems(5, shared=True), wishes, st.floats(0.0005, 0.02), st.floats(0.0005, 0.02))
def test_beside_forecasts_no_limit_is_passed_and_no_room_is_left(
    p: AuctionProblem, wish: list[float], first: float, second: float
) -> None:
    """Bids 0 to 3 are a portfolio's, bid 4 is a forecast for the first one's asset; then the other way about."""
    for places, told in ((range(4), [4]), ([4], range(4))):
        w, mu = np.zeros(5), np.zeros(5)
        w[list(places)] = wish[: len(list(places))]
        if not w.sum() > 0.0:
            continue
        mu[list(told)] = np.linspace(first, second, len(list(told)))
        posed = replace(p, mu=mu)
        settled = settle(posed, [Portfolio("one", w)], 2, solve)
        scale, weights = settled.scales[0], settled.allocation.weights
        assert excess(p, weights) <= 3e-9
        fixed = np.where(w > 0.0, 0.0, weights)
        assert scale.value == pytest.approx(largest(p, fixed, w), abs=1e-7)
        # its own part of every limit is sure, whatever the forecasts promise
        sure = largest(p, np.zeros(5), np.minimum(2.0 * w, 1e9)) if excess(p, 2.0 * w) > 0 else 1.0
        assert scale.value >= sure - 1e-7


@settings(max_examples=60, deadline=None)
@given(problems(4, shared=False), wishes, wishes)
def test_two_portfolios_share_what_fits(p: AuctionProblem, first: list[float], second: list[float]) -> None:
    portfolios = [Portfolio("one", np.array(first)), Portfolio("two", np.array(second))]
    # each its own bids for the same four assets
    posed = replace(
        p, mu=np.zeros(8), weight_max=np.tile(np.asarray(p.weight_max), 2), asset=np.tile(np.arange(4), 2),
        groups=[(np.array([0, 1, 4, 5]), p.groups[0][1])],
    )  # fmt: skip
    wish = [np.append(first, np.zeros(4)), np.append(np.zeros(4), second)]
    settled = settle(posed, [Portfolio(q.strategy, w) for q, w in zip(portfolios, wish, strict=True)], 2, solve)
    assert excess(posed, settled.allocation.weights) <= 1e-9
    for k in (0, 1):
        other = settled.scales[1 - k].value * wish[1 - k]
        assert settled.scales[k].value == pytest.approx(largest(posed, other, wish[k]), abs=1e-6)


def plain(**changes: object) -> AuctionProblem:
    rng = np.random.default_rng(1)
    given_: dict[str, object] = {
        "mu": np.zeros(2), "scenarios": 0.04 * rng.standard_normal((100, 2)), "risk_aversion": 0.01,
        "confidence": 0.95, "cvar_max": 9.0, "gross_max": 1.0, "weight_max": np.ones(2), "groups": [],
        "current": np.zeros(2), "trade_cost": np.zeros(2),
    }  # fmt: skip
    return AuctionProblem(**(given_ | changes))  # type: ignore[arg-type]


def settled(p: AuctionProblem, *wish: list[float], parts: int = 1) -> Settled:
    return settle(p, [Portfolio(str(k), np.array(w)) for k, w in enumerate(wish)], parts, solve)


def test_equal_capital_not_equal_scales() -> None:
    """Of room for 0.9, one that asks for 0.2 gets it whole and one that asks for 2.0 the rest."""
    p = plain(gross_max=0.9, mu=np.zeros(4), weight_max=np.full(4, 9.0), asset=[0, 1, 0, 1])
    found = settled(p, [0.1, 0.1, 0, 0], [0, 0, 1.0, 1.0], parts=2)
    assert found.scales[0] == (1.0, "")
    assert found.scales[1] == (pytest.approx(0.35), "gross")
    greedy = settled(p, [0.5, 0.5, 0, 0], [0, 0, 5.0, 5.0], parts=2)
    np.testing.assert_allclose(greedy.allocation.weights, [0.225, 0.225, 0.225, 0.225])


@pytest.mark.parametrize(("cap", "scale", "limit"), [(0.6, 1.0, ""), (0.3, 0.5, "weight_max[0]")])
def test_a_limit_that_is_just_met_binds_nothing(cap: float, scale: float, limit: str) -> None:
    found = settled(plain(weight_max=np.array([cap, 1.0])), [0.6, 0.4])
    assert found.scales[0] == (pytest.approx(scale), limit)
    np.testing.assert_allclose(found.allocation.weights, scale * np.array([0.6, 0.4]))


@pytest.mark.parametrize("limit", ["gross_max", "cvar_max"])
def test_what_cannot_be_measured_lets_nothing_in(limit: str) -> None:
    from plimsoll.capital.targets import reach

    p = plain(**{limit: float("nan")})
    assert reach(p, np.zeros(2), np.array([0.6, 0.4]), 1.0)[0] == 0.0


def test_a_budget_below_zero_holds_cash() -> None:
    assert settled(plain(cvar_max=-0.01), [0.6, 0.4]).scales[0] == (0.0, "cvar")

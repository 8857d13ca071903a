"""The impact coefficient against statsmodels, and against fills whose coefficient is known."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import stats

from plimsoll.core.policy import CostPolicy
from plimsoll.costs.calibration import Executions, by_size, calibrate, robust_errors, t_quantile

COSTS = CostPolicy()
Y = 0.8


def simulated(seed: int, n: int = 200, days: int = 60, noise: float = 0.05, shared: float = 0.0) -> Executions:
    """Orders at Y = 0.8 and the policy's slippage; noise in sigmas, ``shared`` of it common to a day and a side.

    A shock in common is spread over orders as unequally as their impact, the hard case for an error that takes orders
    as independent.
    """
    draw = np.random.default_rng(seed)
    share = np.exp(draw.normal(-7.0, 1.5, n))
    sigma = draw.uniform(0.005, 0.05, n)
    day = draw.integers(0, days, n)
    unit = 1.25 * sigma * np.sqrt(share)
    slippage = np.where(draw.random(n) < 0.5, 0.0005, 0.0015)
    shock = draw.normal(size=days)[day] * shared + draw.normal(size=n) * np.sqrt(1.0 - shared**2)
    return Executions(day, slippage + Y * unit + noise * sigma * shock, slippage, unit, share, sigma)


def test_without_noise_the_coefficient_comes_back_exactly() -> None:
    fit = calibrate(simulated(1, noise=0.0), COSTS)
    assert fit.impact_y == pytest.approx(Y, rel=1e-12)
    assert fit.error is not None and fit.error < 1e-12
    assert fit.r2 == pytest.approx(1.0)
    assert (fit.slippage_multiple, fit.slippage_error) == (1.0, None)


@pytest.mark.parametrize("known", [True, False])
def test_fit_errors_and_r2_are_those_of_statsmodels(known: bool) -> None:
    sm = pytest.importorskip("statsmodels.api")
    done = simulated(2)
    fit = calibrate(done, COSTS, slippage_known=known)
    terms = np.column_stack([done.unit_impact] if known else [done.unit_impact, done.slippage])
    outcome = done.cost - done.slippage if known else done.cost
    peer = sm.WLS(outcome, terms, weights=done.sigma**-2.0)
    plain, hc3 = peer.fit(), peer.fit(cov_type="HC3")
    clustered = peer.fit(cov_type="cluster", cov_kwds={"groups": done.day})
    assert fit.impact_y == pytest.approx(plain.params[0], rel=1e-9)
    expected = np.maximum(hc3.bse, clustered.bse)
    assert fit.error == pytest.approx(expected[0], rel=1e-9)
    if not known:
        assert fit.slippage_multiple == pytest.approx(plain.params[1], rel=1e-9)
        assert fit.slippage_error == pytest.approx(expected[1], rel=1e-9)
    weight = done.sigma**-2.0
    mean = np.average(outcome, weights=weight)
    assert fit.r2 == pytest.approx(1.0 - plain.ssr / (weight * (outcome - mean) ** 2).sum(), rel=1e-9)


def test_of_the_two_errors_the_larger_is_told() -> None:
    """Orders alike on a day: the cluster's error is the larger; one order a day: HC3's is."""
    sm = pytest.importorskip("statsmodels.api")
    for shared, days in ((0.95, 25), (0.0, 100_000)):
        done = simulated(3, days=days, shared=shared)
        peer = sm.WLS(done.cost - done.slippage, done.unit_impact, weights=done.sigma**-2.0)
        hc3 = float(peer.fit(cov_type="HC3").bse[0])
        clustered = float(peer.fit(cov_type="cluster", cov_kwds={"groups": done.day}).bse[0])
        assert (clustered > hc3) is (shared > 0.0)
        assert calibrate(done, COSTS).error == pytest.approx(max(hc3, clustered))


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(shared: float) -> None:
    hits, trials = 0, 500
    for seed in range(trials):
        fit = calibrate(simulated(seed, n=120, days=40, noise=0.02, shared=shared), COSTS)
        assert fit.low is not None and fit.high is not None
        hits += fit.low <= Y <= fit.high
    # 95 % of 500 has a standard deviation of 1 %; sandwich errors of few clusters run a little short
    assert 0.91 <= hits / trials <= 0.985


def test_an_unknown_half_spread_is_estimated_beside_it() -> None:
    done = simulated(5, n=2000, noise=0.01)
    wider = replace(done, cost=done.cost + 0.5 * done.slippage)
    fit = calibrate(wider, COSTS, slippage_known=False)
    assert fit.slippage_multiple == pytest.approx(1.5, abs=4.0 * (fit.slippage_error or 0.0))
    assert fit.impact_y == pytest.approx(Y, abs=4.0 * (fit.error or 0.0))
    blamed = calibrate(wider, COSTS)
    assert blamed.impact_y is not None and blamed.low is not None and blamed.low > Y  # what a wrong half spread does


@pytest.mark.parametrize(
    ("n", "days", "why"),
    [(29, 29, "29 orders with known liquidity; 30 are needed"), (40, 19, "orders of 19 days; 20 are needed")],
)
def test_too_little_is_unknown_with_its_reason_and_never_zero(n: int, days: int, why: str) -> None:
    def of(n: int, days: int) -> Executions:
        return replace(simulated(6, n=n), day=np.arange(n) % days)

    fit = calibrate(of(n, days), COSTS)
    assert (fit.impact_y, fit.error, fit.low, fit.high, fit.r2) == (None,) * 5
    assert fit.why_unknown == why
    assert by_size(of(n, days), fit) == ()
    assert calibrate(of(max(n, 30), max(days, 20)), COSTS).impact_y is not None


def test_orders_of_one_size_say_nothing_of_a_law_of_size() -> None:
    done = simulated(7)
    ratio = np.geomspace(1.0, 3.0, done.share.size)
    small, large = np.quantile(ratio, (0.1, 0.9))
    for spread, known in ((large / small, True), (large / small * (1.0 + 1e-12), False)):
        costs = msgspec.structs.replace(COSTS, calibration_spread=float(spread))
        fit = calibrate(replace(done, share=1e-4 * ratio), costs)
        assert (fit.impact_y is not None) is known
    assert "too similar" in fit.why_unknown


def test_slippage_and_impact_in_one_proportion_cannot_be_told_apart() -> None:
    done = simulated(8)
    fit = calibrate(replace(done, slippage=0.3 * done.unit_impact), COSTS, slippage_known=False)
    assert fit.impact_y is None and "cannot be separated" in fit.why_unknown


def test_an_order_that_decides_a_coefficient_alone_leaves_its_error_unknown() -> None:
    done = simulated(9)
    alone = np.zeros(done.share.size)
    alone[0] = 1e-3
    fit = calibrate(replace(done, slippage=alone), COSTS, slippage_known=False)
    assert fit.impact_y is None and "one order alone" in fit.why_unknown


def test_orders_given_in_another_order_give_the_same_coefficient() -> None:
    done = simulated(10)
    turned = Executions(*(getattr(done, n)[::-1] for n in Executions.__slots__))
    one, other = calibrate(done, COSTS), calibrate(turned, COSTS)
    assert other.impact_y == pytest.approx(one.impact_y, rel=1e-12)
    assert other.error == pytest.approx(one.error, rel=1e-9)


@pytest.mark.parametrize("degrees", [8, 9, 19, 40, 1000])
def test_the_t_quantile_is_scipys(degrees: int) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-3)


def test_fifths_by_size_hold_every_order_once_and_show_a_wrong_law() -> None:
    done = simulated(11, n=503, noise=0.0)
    buckets = by_size(done, calibrate(done, COSTS))
    assert sum(b.orders for b in buckets) == 503 and len(buckets) == 5
    assert [b.share for b in buckets] == sorted(b.share for b in buckets)
    assert all(b.residual == pytest.approx(0.0, abs=1e-12) for b in buckets)
    assert all(b.cost == pytest.approx(b.fitted + b.residual) for b in buckets)
    share = np.geomspace(1e-4, 1e-2, 503)
    unit = 1.25 * done.sigma * np.sqrt(share)
    linear = replace(done, share=share, unit_impact=unit, cost=done.slippage + 10.0 * done.sigma * share)
    wrong = by_size(linear, calibrate(linear, COSTS))
    assert wrong[0].residual < 0.0 < wrong[-1].residual


def test_errors_shrink_with_the_root_of_the_number_of_orders() -> None:
    draw = np.random.default_rng(12)
    errors = []
    for n in (400, 6400):
        design = draw.uniform(0.5, 1.5, (n, 1))
        errors.append(robust_errors(design, draw.normal(size=n), np.arange(n))[0])
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)

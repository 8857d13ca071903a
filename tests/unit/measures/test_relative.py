"""Figures against a benchmark beside formulas written out again: normal equations, a sum over lags, other tools'."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from plimsoll.measures.relative import Relative, capture, regression, relative, rolling_beta

MONTHS = (np.array([0.02, -0.01, 0.03, -0.02]), np.array([0.04, -0.02, 0.05, -0.05]))


def sample(n: int = 700, beta: float = 0.4, alpha: float = 0.0003, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    market = draw.standard_t(4, n) * 0.008 + 0.0003
    return alpha + beta * market + draw.standard_normal(n) * 0.004, market


def test_alpha_and_beta_are_the_least_squares_line_of_excess_returns() -> None:
    own, market = sample()
    bills = np.full(own.size, 0.0001)
    found = relative(own, market, bills, *MONTHS)
    line = stats.linregress(market - bills, own - bills)
    assert found.beta == pytest.approx(line.slope) and found.correlation == pytest.approx(line.rvalue)
    assert found.alpha == pytest.approx(line.intercept * 252)
    # quantstats.stats.greeks: covariance over variance, alpha = mean - beta x mean, a year; bills constant here
    covariance = np.cov(own, market)
    beta = covariance[0, 1] / covariance[1, 1]
    assert found.beta == pytest.approx(beta)
    assert relative(own, market, 0.0 * bills, *MONTHS).alpha == pytest.approx((own.mean() - beta * market.mean()) * 252)


def test_the_error_of_alpha_is_newey_and_wests_sum_over_lags() -> None:
    own, market = sample(n=300)
    x = np.array([[1.0, m] for m in market])
    bread = np.linalg.inv(sum(np.outer(r, r) for r in x))
    line = bread @ sum(r * y for r, y in zip(x, own, strict=True))
    e = own - x @ line
    lags = math.floor(4 * (300 / 100) ** (2 / 9))
    meat = np.zeros((2, 2))
    for s in range(300):
        for t in range(300):
            if abs(s - t) <= lags:
                meat += (1 - abs(s - t) / (lags + 1)) * e[s] * e[t] * np.outer(x[s], x[t])
    variance = (bread @ meat @ bread)[0, 0] * 300 / 298
    found = regression(own, market)
    assert found is not None and found[2] == pytest.approx(line[0] / math.sqrt(variance))


def test_tracking_error_and_information_ratio_are_of_the_difference() -> None:
    own, market = sample()
    found = relative(own, market, None, *MONTHS)
    active = own - market
    assert found.tracking_error == pytest.approx(active.std(ddof=1) * math.sqrt(252))
    # quantstats.stats.information_ratio is the same without the root of 252
    assert found.information_ratio == pytest.approx(active.mean() / active.std(ddof=1) * math.sqrt(252))
    assert found.alpha is None and found.alpha_t is None and found.beta is not None  # the bill is unknown


def test_capture_compares_geometric_means_of_the_months_that_rose_and_fell() -> None:
    own, market = MONTHS
    up = (math.sqrt(1.02 * 1.03) - 1) / (math.sqrt(1.04 * 1.05) - 1)
    down = (math.sqrt(0.99 * 0.98) - 1) / (math.sqrt(0.98 * 0.95) - 1)
    assert capture(own, market, market > 0) == pytest.approx(up)
    assert capture(own, market, market < 0) == pytest.approx(down)
    assert capture(own, market, market > 1) is None
    flat = np.array([0.0, 0.01])
    assert capture(flat, flat, flat < 0) is None


def test_a_book_that_is_its_benchmark_has_beta_one_and_nothing_else() -> None:
    _, market = sample()
    found = relative(market, market, np.zeros(market.size), *(MONTHS[1], MONTHS[1]))
    assert found.beta == pytest.approx(1.0) and found.alpha == pytest.approx(0.0, abs=1e-12)
    assert found.tracking_error == 0.0 and found.information_ratio is None and found.alpha_t is None
    assert found.up_capture == pytest.approx(1.0) and found.down_capture == pytest.approx(1.0)


def test_unknown_is_absent() -> None:
    own, market = sample(n=19)
    assert relative(own, market, None, *MONTHS) == Relative()
    own, market = sample(n=20)
    assert relative(own, market, None, *MONTHS).beta is not None
    market[3] = math.nan
    assert relative(own, market, None, *MONTHS) == Relative()
    still = relative(own, np.zeros(20), None, *MONTHS)
    assert still.beta is None and still.correlation is None and still.tracking_error is not None


def test_rolling_beta_is_the_slope_of_each_window() -> None:
    own, market = sample(n=80)
    found = rolling_beta(own, market, 60)
    assert found.size == 81 and np.isnan(found[:60]).all() and np.isfinite(found[60:]).all()
    for t in (60, 73, 80):
        assert found[t] == pytest.approx(stats.linregress(market[t - 60 : t], own[t - 60 : t]).slope)
    assert (
        np.isnan(rolling_beta(own, np.zeros(80), 60)).all() and np.isnan(rolling_beta(own[:59], market[:59], 60)).all()
    )

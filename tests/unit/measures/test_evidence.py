"""The probabilistic Sharpe ratio against its closed form, a simulation and bootstrap; ranks against scipy (G5, G6)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plimsoll.measures.evidence import (
    Sharpe,
    correlation_upper,
    normal_quantile,
    rank_correlation,
    separate,
    serial_correlation,
    sharpe_estimate,
)
from plimsoll.measures.performance import sharpe

DRAW = np.random.default_rng(4)
SKEWED = DRAW.standard_t(4, 700) * 0.01 + 0.0007 - 0.03 * (DRAW.random(700) < 0.03)


@pytest.mark.parametrize("benchmark", [0.0, 0.3, 1.2])
def test_psr_is_the_closed_form_with_scipys_moments(benchmark: float) -> None:
    n, per = SKEWED.size, SKEWED.mean() / SKEWED.std(ddof=1)
    g3, g4 = stats.skew(SKEWED), stats.kurtosis(SKEWED, fisher=False)
    z = (per - benchmark / math.sqrt(252)) * math.sqrt(n - 1) / math.sqrt(1 - g3 * per + (g4 - 1) / 4 * per**2)
    found = sharpe_estimate(SKEWED)
    assert found is not None
    assert found.annual == pytest.approx(sharpe(SKEWED), rel=1e-12)
    assert found.above(benchmark) == pytest.approx(stats.norm.cdf(z), abs=1e-12)


def test_the_published_example() -> None:
    """Bailey and Lopez de Prado 2012, table 1: monthly ratio 0.458 over 24 months, skewness -2.448, kurtosis 10.164."""
    s, n = 0.458, 24
    error = math.sqrt((1 + 2.448 * s + (10.164 - 1) / 4 * s**2) / (n - 1))
    assert Sharpe(s, error).above(0.0) == pytest.approx(0.913, abs=0.001)
    plain = math.sqrt((1 + (3 - 1) / 4 * s**2) / (n - 1))
    assert Sharpe(s, plain).above(0.0) == pytest.approx(0.982, abs=0.001)


def test_the_error_is_that_of_many_samples() -> None:
    """Over 3,000 years of 252 skewed days the ratio scatters as its standard error says."""
    draw = np.random.default_rng(11)
    days = 0.001 + 0.01 * (draw.gamma(4.0, 1.0, (3000, 252)) - 4.0) / 2.0  # skewness 1
    found = [sharpe_estimate(year) for year in days]
    ratios = np.array([f.ratio for f in found if f is not None])
    errors = np.array([f.error for f in found if f is not None])
    assert ratios.std() == pytest.approx(float(np.median(errors)), rel=0.05)


def test_a_worthless_strategy_is_told_from_zero_as_often_as_stated() -> None:
    draw = np.random.default_rng(12)
    above = [e.above(0.0) for e in map(sharpe_estimate, draw.standard_normal((4000, 252)) * 0.01) if e is not None]
    assert np.mean(np.array(above) > 0.95) == pytest.approx(0.05, abs=0.012)
    assert stats.kstest(above, "uniform").pvalue > 0.01


def test_what_shows_nothing_has_no_estimate() -> None:
    assert sharpe_estimate(np.array([0.01, 0.02])) is None
    assert sharpe_estimate(np.full(50, 0.01)) is None
    assert sharpe_estimate(np.zeros(0)) is None


VALUES = st.lists(st.integers(-4, 4).map(float), min_size=3, max_size=40)


@given(VALUES, st.randoms(use_true_random=False))
def test_rank_correlation_is_scipys_ties_included(values: list[float], random: object) -> None:
    other = list(values)
    random.shuffle(other)  # type: ignore[attr-defined]
    x, y = np.array(values), np.array(other)
    mine = rank_correlation(x, y)
    if np.unique(x).size == 1:
        assert mine is None
    else:
        assert mine == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


def test_the_upper_bound_covers_as_often_as_stated() -> None:
    """Independent pairs, true correlation zero: the one-sided 95 % bound lies below zero in one of twenty."""
    draw = np.random.default_rng(3)
    below = 0
    for _ in range(3000):
        found = rank_correlation(draw.standard_normal(25), draw.standard_normal(25))
        bound = correlation_upper(found or 0.0, 25, 0.95)
        assert bound is not None
        below += bound < 0.0
    assert below / 3000 == pytest.approx(0.05, abs=0.015)


def test_the_upper_bound_needs_four_periods_and_stays_within_one() -> None:
    assert correlation_upper(0.1, 3, 0.95) is None
    assert correlation_upper(-1.0, 30, 0.95) == -1.0
    assert correlation_upper(1.0, 30, 0.95) == 1.0
    assert correlation_upper(-0.5, 9, 0.95) == pytest.approx(
        math.tanh(math.atanh(-0.5) + stats.norm.ppf(0.95) * math.sqrt(1.06 / 6)), rel=1e-12
    )


SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=0, max_size=9)


@given(SPANS)
def test_separate_spans_are_as_many_as_any_choice_has(spans: list[tuple[int, int]]) -> None:
    """Against every subset."""
    made = np.array([a for a, _ in spans], dtype=float)
    matured = np.array([a + h for a, h in spans], dtype=float)
    best = 0
    for mask in range(1 << len(spans)):
        chosen = sorted((matured[i], made[i]) for i in range(len(spans)) if mask >> i & 1)
        if all(chosen[i][1] >= chosen[i - 1][0] for i in range(1, len(chosen))):
            best = max(best, len(chosen))
    assert separate(made, matured) == best


def test_serial_correlation_is_the_textbooks() -> None:
    x = SKEWED - SKEWED.mean()
    assert serial_correlation(SKEWED) == pytest.approx(float(x[1:] @ x[:-1] / (x @ x)), rel=1e-12)
    assert serial_correlation(np.zeros(30)) is None
    assert serial_correlation(np.array([0.1, np.nan, 0.2])) is None
    swing = np.tile([0.01, -0.01], 50)
    assert serial_correlation(swing) == pytest.approx(-1.0, abs=0.02)


def test_normal_quantile_is_scipys() -> None:
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)

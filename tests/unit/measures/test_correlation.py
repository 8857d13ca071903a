"""Shrunk correlation against a term-by-term transcription of the formula, and overlapping returns by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plimsoll.measures.correlation import overlapping, shrunk
from plimsoll.measures.windows import compounded, products


def ledoit_wolf_2004(returns: np.ndarray) -> np.ndarray:
    """The covariance version of the paper with explicit loops, on columns scaled to unit variance."""
    x = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    rows, size = x.shape
    s = np.cov(x.T, ddof=0)
    pairs = [(i, j) for i, j in itertools.product(range(size), repeat=2) if i != j]
    average = np.mean([s[i, j] / np.sqrt(s[i, i] * s[j, j]) for i, j in pairs])
    target = np.where(np.eye(size, dtype=bool), s, average * np.sqrt(np.outer(np.diag(s), np.diag(s))))
    pi = np.array([[np.mean((x[:, i] * x[:, j] - s[i, j]) ** 2) for j in range(size)] for i in range(size)])
    rho = float(np.trace(pi))
    for i, j in pairs:
        by_i = np.mean((x[:, i] ** 2 - s[i, i]) * (x[:, i] * x[:, j] - s[i, j]))
        by_j = np.mean((x[:, j] ** 2 - s[j, j]) * (x[:, i] * x[:, j] - s[i, j]))
        rho += average / 2.0 * (np.sqrt(s[j, j] / s[i, i]) * by_i + np.sqrt(s[i, i] / s[j, j]) * by_j)
    kappa = (pi.sum() - rho) / ((s - target) ** 2).sum()
    weight = min(max(kappa / rows, 0.0), 1.0)
    return weight * target + (1.0 - weight) * s


def sample(rows: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.01 * (rng.standard_normal((rows, 1)) * rng.uniform(0.2, 1.5, size) + rng.standard_normal((rows, size)))


@pytest.mark.parametrize(("rows", "size", "seed"), [(60, 3, 1), (60, 15, 2), (40, 60, 3), (2000, 5, 4)])
def test_it_is_the_published_estimator(rows: int, size: int, seed: int) -> None:
    returns = sample(rows, size, seed)
    np.testing.assert_allclose(shrunk(returns), ledoit_wolf_2004(returns), atol=1e-12)


@given(st.integers(4, 80), st.integers(1, 12), st.integers(0, 10_000))
def test_it_is_a_correlation_matrix(rows: int, size: int, seed: int) -> None:
    matrix = shrunk(sample(rows, size, seed))
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), np.ones(size))
    assert np.abs(matrix).max() <= 1.0
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_the_average_correlation_is_kept() -> None:
    returns = sample(60, 12, 7)
    off = ~np.eye(12, dtype=bool)
    assert shrunk(returns)[off].mean() == pytest.approx(np.corrcoef(returns.T)[off].mean(), abs=1e-12)


def test_estimates_move_towards_the_truth() -> None:
    truth = np.full((20, 20), 0.5) + 0.5 * np.eye(20)
    root = np.linalg.cholesky(truth)
    returns = np.random.default_rng(11).standard_normal((60, 20)) @ root.T
    off = ~np.eye(20, dtype=bool)
    assert np.abs(shrunk(returns) - truth)[off].mean() < 0.85 * np.abs(np.corrcoef(returns.T) - truth)[off].mean()


def test_two_columns_keep_their_sample_correlation() -> None:
    returns = sample(60, 2, 9)
    assert shrunk(returns)[0, 1] == pytest.approx(np.corrcoef(returns.T)[0, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_series_without_figures_or_movement_is_unknown_and_spoils_no_other(bad: float) -> None:
    returns = sample(60, 4, 5)
    broken = returns.copy()
    broken[:, 2] = 0.01 if bad == 0.0 else broken[:, 2]
    broken[7, 2] = 0.01 if bad == 0.0 else bad
    with np.errstate(invalid="ignore"):
        matrix = shrunk(broken)
    assert np.isnan(matrix[2]).all()
    assert np.isnan(matrix[:, 2]).all()
    others = [0, 1, 3]
    np.testing.assert_allclose(matrix[np.ix_(others, others)], shrunk(returns[:, others]))


def test_too_few_rows_are_unknown() -> None:
    assert np.isnan(shrunk(sample(2, 3, 1))).all()


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(-0.5, 0.5)),
    st.integers(1, 21),
)
def test_overlapping_returns_compound_each_window(returns: np.ndarray, length: int) -> None:
    count = max(len(returns) - length + 1, 0)
    expected = [np.prod(1.0 + returns[t : t + length], axis=0) - 1.0 for t in range(count)]
    result = overlapping(returns, length)
    assert result.shape == (count, returns.shape[1])
    np.testing.assert_allclose(result, np.reshape(expected, result.shape), atol=1e-12)


def test_a_missing_return_makes_only_its_windows_missing() -> None:
    returns = np.full((30, 1), 0.01)
    returns[12] = np.nan
    missing = np.isnan(overlapping(returns, 5)[:, 0])
    assert np.flatnonzero(missing).tolist() == [8, 9, 10, 11, 12]


def test_products_of_one_are_the_factors() -> None:
    factors = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(products(factors, 1), factors)


@pytest.mark.parametrize("rows", [1, 32, 33, 70])
@pytest.mark.parametrize("length", [2, 5, 10, 21])
def test_products_of_many_rows_are_those_of_each_row_to_the_last_bit(rows: int, length: int) -> None:
    factors = np.random.default_rng(rows).normal(1.0, 0.02, (rows, 64))
    factors[0, 30] = np.nan
    for given_as in (factors, np.asfortranarray(factors)):
        together = products(given_as, length)
        assert together.shape == (rows, 65 - length)
        for row, alone in zip(together, factors, strict=True):
            np.testing.assert_array_equal(row, products(alone, length), strict=True)
        np.testing.assert_array_equal(compounded(given_as, length), together - 1.0, strict=True)
    np.testing.assert_array_equal(factors[1:], np.random.default_rng(rows).normal(1.0, 0.02, (rows, 64))[1:])

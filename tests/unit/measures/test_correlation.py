"""Shrunk correlation against the formula pair by pair, sums of windows against pairs, overlapping returns by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from plimsoll.measures.correlation import overlapping, shrunk, shrunk_each, sums, sums_of, weighted
from plimsoll.measures.windows import compounded, products


def by_itself(first: np.ndarray, second: np.ndarray, count: float) -> float:
    """One pair, from scipy's correlation and the textbook's standard error."""
    r = float(stats.pearsonr(first, second).statistic)
    error = (1.0 - r * r) / math.sqrt(count - 1.0)
    return r * r * r / (r * r + error * error)


def sample(rows: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.01 * (rng.standard_normal((rows, 1)) * rng.uniform(0.2, 1.5, size) + rng.standard_normal((rows, size)))


@pytest.mark.parametrize(("rows", "size", "seed"), [(60, 2, 0), (60, 3, 1), (40, 12, 3), (2000, 5, 4)])
@pytest.mark.parametrize("overlap", [1, 5])
def test_each_pair_is_shrunk_by_its_own_sampling_error(rows: int, size: int, seed: int, overlap: int) -> None:
    returns = sample(rows, size, seed)
    count = (rows + overlap - 1) / overlap  # separate observations
    found = shrunk(returns, overlap)
    for i, j in itertools.combinations(range(size), 2):
        assert found[i, j] == pytest.approx(by_itself(returns[:, i], returns[:, j], count), abs=1e-12)


@given(st.integers(3, 9), st.integers(0, 10_000))
def test_who_else_is_there_changes_no_pair(size: int, seed: int) -> None:
    """The fault this mends: SPY and QQQ at 0.993 were shrunk to 0.75 by four other bidders."""
    returns = sample(60, size, seed)
    whole = shrunk(returns)
    for i, j in itertools.combinations(range(size), 2):
        np.testing.assert_allclose(shrunk(returns[:, [i, j]])[0, 1], whole[i, j], rtol=1e-12, atol=1e-15)


def test_a_stronger_correlation_stays_stronger_and_a_perfect_one_whole() -> None:
    x, y = sample(60, 2, 9).T
    blends = [shrunk(np.column_stack([x, t * x + (1.0 - t) * y]))[0, 1] for t in np.linspace(0.0, 1.0, 30)]
    assert (np.diff(blends) > 0.0).all() and blends[-1] == pytest.approx(1.0, abs=1e-12)


@given(st.integers(4, 80), st.integers(1, 12), st.integers(0, 10_000))
def test_it_is_a_correlation_matrix(rows: int, size: int, seed: int) -> None:
    matrix = shrunk(sample(rows, size, seed))
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), np.ones(size))
    assert np.abs(matrix).max() <= 1.0


@pytest.mark.parametrize("step", [1, 5])
def test_sums_of_windows_are_those_of_their_pairs(step: int) -> None:
    returns, weights, window = sample(140, 4, 12), np.array([0.4, 0.1, 0.3, 0.2]), 60
    returns[20, 3] = np.nan
    returns[70:, 2] = 0.001  # stands still in the last windows
    found = sums(returns, weights, window, step)
    ends = range(len(returns) % step + window, len(returns) + 1, step)
    assert len(found) == len(ends)
    for value, end in zip(found, ends, strict=True):
        seen = returns[end - window : end]
        if np.isnan(seen).any() or (np.ptp(seen, axis=0) == 0.0).any():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(weights @ np.corrcoef(seen.T) @ weights, abs=1e-12)
    assert np.isnan(found).any() and np.isfinite(found).any()
    assert sums(returns[:59], weights, window, step).size == 0


def test_the_weighted_average_counts_each_pair_by_its_weights() -> None:
    matrix, weights = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 1.0]]), np.array([0.5, 0.3, 0.2])
    wanted = (0.8 * 0.15 + 0.1 * 0.10 + 0.3 * 0.06) / (0.15 + 0.10 + 0.06)
    assert weighted(matrix, weights) == pytest.approx(wanted)
    assert math.isnan(weighted(matrix, np.array([0.5, 0.0, 0.0])))


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


def test_sums_of_groups_are_the_same_bits_as_each_group_by_itself() -> None:
    rng = np.random.default_rng(5)
    returns, weights = rng.normal(size=(400, 7)), rng.random(7)
    returns[250, 3] = np.nan
    groups = [np.arange(7), np.array([0, 2, 3]), np.array([1, 4, 5, 6])]
    for group, found in zip(groups, sums_of(returns, weights, 60, 5, groups), strict=True):
        alone = sums(returns.take(group, axis=1), weights[group], 60, 5)
        assert found.tobytes() == alone.tobytes()
        assert np.isnan(found).any() == (3 in group)


@pytest.mark.parametrize("columns", [2, 3, 9, 17, 33])
@pytest.mark.parametrize("overlap", [1, 5])
def test_many_windows_at_once_are_the_same_bits_as_one_by_one(columns: int, overlap: int) -> None:
    """Whatever the block a window is worked out in: blocks may change no decision (U9)."""
    draw = np.random.default_rng(columns)
    returns = draw.standard_t(4, (90, columns)) * 0.01
    returns[40, 0] = np.nan
    returns[:, 1] = 0.0 if columns == 3 else returns[:, 1]
    for rows in (returns, np.asfortranarray(returns)):
        windows = np.lib.stride_tricks.sliding_window_view(rows, 60, axis=0).transpose(0, 2, 1)
        each = [shrunk(np.copy(one, order="K"), overlap) for one in windows]
        for first, last in ((0, 31), (0, 1), (3, 19)):
            found = shrunk_each(windows[first:last], overlap)
            assert found.tobytes() == np.array(each[first:last]).tobytes()

"""Windows against numpy on the window itself; recursions against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.indicators.rolling import decayed_mean, forward_fill, lag, window_mean, window_std, window_sum

VALUES = np.random.default_rng(1).normal(size=(300, 3))


@pytest.mark.parametrize("n", [*range(1, 35), 50, 60, 63, 64, 65, 127, 200, 255, 256, 300])
def test_a_window_sum_is_the_sum_of_the_last_n_rows(n: int) -> None:
    out = window_sum(VALUES, n)
    assert np.isnan(out[: n - 1]).all()
    expected = np.array([VALUES[t - n + 1 : t + 1].sum(axis=0) for t in range(n - 1, 300)])
    np.testing.assert_allclose(out[n - 1 :], expected, rtol=1e-12, atol=1e-12)


def test_a_window_longer_than_the_history_is_absent() -> None:
    assert np.isnan(window_sum(VALUES, 301)).all()
    assert np.isnan(window_sum(VALUES[:1], 200)).all()


def test_a_window_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        window_sum(VALUES, 0)


def test_a_nan_blanks_exactly_the_windows_that_hold_it() -> None:
    values = np.ones((40, 2))
    values[10, 0] = np.nan
    out = window_mean(values, 7)
    assert np.flatnonzero(np.isnan(out[:, 0])).tolist() == [*range(6), *range(10, 17)]
    assert np.flatnonzero(np.isnan(out[:, 1])).tolist() == [*range(6)]


def test_a_huge_value_leaves_the_window_without_a_trace() -> None:
    values = np.full((40, 1), 0.1)
    clean = window_sum(values, 8)
    values[5] = 1e30
    np.testing.assert_array_equal(window_sum(values, 8)[13:], clean[13:])


@pytest.mark.parametrize("n", [10, 20, 60])
def test_the_deviation_is_the_sample_deviation(n: int) -> None:
    out = window_std(VALUES * 0.01 + 0.0005, n)
    expected = [np.std(VALUES[t - n + 1 : t + 1] * 0.01, axis=0, ddof=1) for t in range(n - 1, 300)]
    np.testing.assert_allclose(out[n - 1 :], expected, rtol=1e-10)


def test_equal_values_have_no_deviation_and_no_nan() -> None:
    assert (window_std(np.full((30, 1), 0.1), 20)[19:] < 1e-8).all()
    assert (window_std(np.zeros((30, 1)), 20)[19:] == 0.0).all()


def test_filling_carries_forward_and_never_back() -> None:
    nan = np.nan
    values = np.array([[nan, 1.0], [2.0, nan], [nan, nan], [nan, 4.0], [5.0, nan]])
    expected = np.array([[nan, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 4.0], [5.0, 4.0]])
    np.testing.assert_array_equal(forward_fill(values), expected)
    assert np.isnan(values[2, 0])  # the source is left alone


def test_filling_leaves_a_series_without_gaps_and_an_empty_one() -> None:
    values = np.array([[np.nan], [1.0], [2.0]])
    np.testing.assert_array_equal(forward_fill(values), values)
    assert np.isnan(forward_fill(np.full((3, 2), np.nan))).all()
    assert forward_fill(np.empty((0, 2))).shape == (0, 2)


def test_a_lag_beyond_the_history_is_absent() -> None:
    np.testing.assert_array_equal(lag(np.arange(4.0), 2), [np.nan, np.nan, 0.0, 1.0])
    assert np.isnan(lag(np.arange(4.0), 9)).all()


def _slow_decayed_mean(column: np.ndarray, n: int, decay: float) -> np.ndarray:
    out, seen, value = np.full(column.size, np.nan), [], np.nan
    for t, x in enumerate(column):
        if np.isfinite(x):
            seen.append(x)
            if len(seen) == n:
                value = sum(seen) / n
            elif len(seen) > n:
                value = decay * value + (1.0 - decay) * x
        out[t] = value
    return out


def test_the_decayed_mean_starts_at_each_columns_own_first_values_and_skips_gaps() -> None:
    values = VALUES.copy()
    values[:40, 0] = np.nan
    values[np.random.default_rng(2).random((300, 3)) < 0.1] = np.nan
    values[:, 2] = np.nan
    expected = np.column_stack([_slow_decayed_mean(c, 20, 0.94) for c in values.T])
    np.testing.assert_allclose(decayed_mean(values, 20, 0.94), expected, rtol=1e-12)


def test_the_decayed_mean_does_not_depend_on_where_the_panel_starts() -> None:
    late = np.vstack([np.full((57, 3), np.nan), VALUES])
    np.testing.assert_array_equal(decayed_mean(late, 20, 0.94)[57:], decayed_mean(VALUES, 20, 0.94))

"""The three parts of a strategy's decay factor (G6)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.policy import HealthPolicy
from plimsoll.governance.model_health import age_factor, check, decay, error_factor, flipped, forecast_error

RULES = HealthPolicy()


def outcomes(expected: np.ndarray, happened: np.ndarray, apart: int = 21, horizon: int = 10) -> np.ndarray:
    """One forecast every ``apart`` sessions, as a track gives them: matured, made, expected, outcome."""
    made = np.arange(expected.size) * apart
    return np.column_stack([made + horizon, made, expected, happened]).astype(float)


def test_age_is_full_to_90_and_nothing_from_180_sessions() -> None:
    assert [age_factor(a, RULES) for a in (0, 90, 99, 135, 171, 180, 500)] == pytest.approx([1, 1, 0.9, 0.5, 0.1, 0, 0])
    assert age_factor(math.nan, RULES) == 0.0


def test_error_decays_exponentially_above_two_per_cent() -> None:
    assert [error_factor(e, RULES) for e in (None, 0.0, 0.02)] == [1.0, 1.0, 1.0]
    assert error_factor(0.12, RULES) == pytest.approx(math.exp(-1.0))
    assert error_factor(math.nan, RULES) == 0.0


def test_the_factor_is_the_product() -> None:
    assert decay(135, 0.12, True, RULES) == pytest.approx(0.5 * math.exp(-1.0) * 0.5)
    assert decay(0, None, False, RULES) == 1.0


@given(st.integers(0, 300), st.one_of(st.none(), st.floats(0.0, 5.0)), st.booleans())
def test_worse_evidence_never_raises_it(age: int, error: float | None, flip: bool) -> None:
    now = decay(age, error, flip, RULES)
    assert 0.0 <= now <= 1.0
    assert decay(age + 1, error, flip, RULES) <= now
    assert decay(age, error, True, RULES) <= now
    if error is not None:
        assert decay(age, error + 0.1, flip, RULES) <= now <= decay(age, None, flip, RULES)


def test_forecast_error_is_the_ratio_of_root_mean_squares_over_the_last_63() -> None:
    draw = np.random.default_rng(2)
    expected, happened = draw.standard_normal(90) * 0.03, draw.standard_normal(90) * 0.04
    e, h = expected[-63:], happened[-63:]
    ratio = math.sqrt(np.mean((e - h) ** 2)) / math.sqrt(np.mean(h**2)) - 1.0
    assert ratio > 0.02
    assert forecast_error(outcomes(expected, happened), RULES) == pytest.approx(ratio, rel=1e-12)


def test_a_modest_forecast_that_is_right_half_of_the_time_has_no_error_to_speak_of() -> None:
    """The rules' own: an information coefficient of 0.05 makes expectations small beside what happens."""
    draw = np.random.default_rng(6)
    z, noise = draw.standard_normal(63), draw.standard_normal(63)
    found = forecast_error(outcomes(0.05 * 0.04 * z, 0.04 * noise), RULES)
    assert found is not None
    assert found < RULES.error_free


def test_forecast_error_is_absent_below_21_and_where_nothing_moved() -> None:
    few = np.full(20, 0.01)
    assert forecast_error(outcomes(few, few), RULES) is None
    assert forecast_error(outcomes(np.full(21, 0.01), np.full(21, 0.02)), RULES) == 0.0
    assert forecast_error(outcomes(np.full(30, 0.01), np.zeros(30)), RULES) is None


def test_the_check_passes_what_is_not_refuted_and_fails_the_opposite() -> None:
    rank = np.linspace(-1.0, 1.0, 12)
    assert check(outcomes(rank, rank), 252, RULES).passed
    assert check(outcomes(rank, np.roll(rank, 5)), 252, RULES).passed, "noise refutes nothing"
    wrong = check(outcomes(rank, -rank), 252, RULES)
    assert not wrong.passed
    assert wrong.correlation == pytest.approx(-1.0)


def test_the_check_shows_nothing_on_few_separate_weeks_and_forgets_the_old() -> None:
    rank = np.linspace(-1.0, 1.0, 6)
    assert check(outcomes(rank, rank), 120, RULES).passed
    assert not check(outcomes(rank[:5], rank[:5]), 120, RULES).passed
    assert not check(outcomes(rank, rank), 700, RULES).passed, "matured too long ago"
    crowd = outcomes(np.linspace(0, 1, 60), np.linspace(0, 1, 60), apart=0)
    assert not check(crowd, 10, RULES).passed, "sixty forecasts of one day saw the same fortnight"
    assert not check(np.zeros((0, 4)), 10, RULES).passed


def test_forecasts_that_are_all_alike_are_not_refuted_by_ranks() -> None:
    found = check(outcomes(np.full(12, 0.01), np.linspace(-1, 1, 12)), 252, RULES)
    assert found == (None, None, True)


def test_an_outcome_that_is_not_a_number_passes_nothing() -> None:
    rank = np.linspace(-1.0, 1.0, 12)
    broken = outcomes(rank, rank)
    broken[3, 3] = np.nan
    assert not check(broken, 252, RULES).passed


def wave(persistence: float, size: int, seed: int) -> np.ndarray:
    """Contributions with this autocorrelation."""
    draw, x = np.random.default_rng(seed), [0.0]
    for shock in draw.standard_normal(size + 50):
        x.append(persistence * x[-1] + 0.001 * shock)
    return np.array(x[-size:])


def test_a_flip_needs_both_autocorrelations_beyond_chance_with_opposite_signs() -> None:
    trend, swing = wave(0.6, 252, 1), wave(-0.6, 63, 2)
    assert flipped(np.concatenate([trend, swing]), RULES)
    assert flipped(np.concatenate([np.zeros(99), trend, swing]), RULES), "what lies before is not looked at"
    assert not flipped(np.concatenate([trend, wave(0.6, 63, 3)]), RULES)
    assert not flipped(np.concatenate([trend, wave(0.0, 63, 4)]), RULES)
    assert not flipped(np.concatenate([trend, swing])[1:], RULES), "too short"
    assert not flipped(np.concatenate([trend, np.zeros(63)]), RULES), "earned nothing"
    assert not flipped(np.concatenate([trend[:-1], [np.nan], swing]), RULES)


def test_chance_alone_seldom_flips() -> None:
    draw = np.random.default_rng(9)
    found = sum(flipped(draw.standard_normal(315), RULES) for _ in range(600))
    assert found / 600 < 0.02

"""CVaR against hand-worked tails, the Rockafellar-Uryasev minimum and its own laws."""

from __future__ import annotations

from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plimsoll.measures.cvar import cvar, cvar_of_each, cvar_of_rows, euler, tail_weights, value_at_risk

LOSSES = hnp.arrays(np.float64, st.integers(1, 90), elements=st.integers(-40, 40).map(lambda i: i / 8.0))
CONFIDENCE = st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99])


def rockafellar_uryasev(losses: np.ndarray, confidence: float) -> float:
    """The minimum over a of a + E(L - a)+ / (1 - c), reached at one of the losses."""
    return min(float(a + np.maximum(losses - a, 0.0).mean() / (1.0 - confidence)) for a in losses)


def test_the_tail_of_twenty_at_95_percent_is_the_worst_one() -> None:
    assert cvar(np.append(np.zeros(19), 0.06), 0.95) == 0.06


def test_the_boundary_scenario_counts_with_its_fraction() -> None:
    losses = np.arange(50.0)  # tail of 2.5 scenarios: 49, 48 and half of 47
    assert cvar(losses, 0.95) == pytest.approx((49 + 48 + 0.5 * 47) / 2.5)


def test_a_whole_tail_ignores_the_row_behind_it() -> None:
    losses = np.arange(1260.0)
    losses[:1197] = -1e6
    assert cvar(losses, 0.95) == pytest.approx(np.arange(1197.0, 1260.0).mean(), rel=1e-14)


def test_fewer_scenarios_than_the_tail_share_take_the_worst() -> None:
    assert cvar(np.array([0.01, 0.03, 0.02]), 0.95) == pytest.approx(0.03)


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=90), st.sampled_from([(9, 10), (19, 20), (39, 40), (2, 3)]))
def test_the_fraction_of_the_boundary_is_exact(losses: list[int], level: tuple[int, int]) -> None:
    """Against rational arithmetic: a share of 1/20 of 50 scenarios is two and a half of them."""
    left = mass = Fraction(len(losses)) * (1 - Fraction(*level))
    total = Fraction(0)
    for loss in sorted(losses, reverse=True):
        taken = min(left, Fraction(1))
        total, left = total + taken * loss, left - taken
    found = cvar(np.array(losses, dtype=np.float64), level[0] / level[1])
    assert found == pytest.approx(float(total / mass), rel=1e-12, abs=1e-12)


@given(LOSSES, CONFIDENCE)
def test_it_is_the_rockafellar_uryasev_minimum(losses: np.ndarray, confidence: float) -> None:
    assert cvar(losses, confidence) == pytest.approx(rockafellar_uryasev(losses, confidence), abs=1e-9)


def test_normal_losses_come_near_the_closed_form() -> None:
    levels = (np.arange(200_000) + 0.5) / 200_000
    losses = np.array([NormalDist().inv_cdf(p) for p in levels])
    expected = NormalDist().pdf(NormalDist().inv_cdf(0.95)) / 0.05
    assert cvar(losses, 0.95) == pytest.approx(expected, rel=1e-4)


@given(LOSSES, CONFIDENCE, st.randoms(use_true_random=False))
def test_the_order_of_scenarios_does_not_change_a_bit(losses: np.ndarray, confidence: float, random: object) -> None:
    shuffled = losses.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert cvar(shuffled, confidence) == cvar(losses, confidence)


@pytest.mark.parametrize("size", [3, 20, 50, 1260])
@pytest.mark.parametrize("place", [0, -1])
def test_one_nan_makes_every_figure_nan(size: int, place: int) -> None:
    losses = np.linspace(-1.0, 1.0, size)
    losses[place] = np.nan
    assert np.isnan(cvar(losses, 0.95))
    assert np.isnan(value_at_risk(losses, 0.95))
    assert np.isnan(tail_weights(losses, 0.95)).all()
    assert np.isnan(euler(losses[:, None], np.ones(1), 0.95)).all()


def test_no_scenarios_measure_nothing() -> None:
    assert np.isnan(cvar(np.empty(0), 0.95))
    assert np.isnan(value_at_risk(np.empty(0), 0.95))


def test_the_input_is_left_as_it_was() -> None:
    losses = np.array([3.0, 1.0, 2.0])
    cvar(losses, 0.5)
    value_at_risk(losses, 0.5)
    assert losses.tolist() == [3.0, 1.0, 2.0]


@given(LOSSES, CONFIDENCE)
def test_tail_weights_are_a_distribution_that_reproduces_the_figure(losses: np.ndarray, confidence: float) -> None:
    weights = tail_weights(losses, confidence)
    assert (weights >= 0.0).all()
    assert weights.max() * losses.size * (1 - confidence) <= 1.0 + 1e-12
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ losses == pytest.approx(cvar(losses, confidence), abs=1e-12)


def test_among_equal_losses_the_earlier_rows_are_the_tail() -> None:
    assert tail_weights(np.full(30, 0.01), 0.95).tolist() == pytest.approx([2 / 3, 1 / 3] + [0.0] * 28)


@given(LOSSES, CONFIDENCE)
def test_value_at_risk_is_the_lower_quantile(losses: np.ndarray, confidence: float) -> None:
    ordered = np.sort(losses)
    counts = np.arange(1, losses.size + 1) / losses.size
    expected = ordered[np.argmax(counts >= confidence - 1e-9)]
    assert value_at_risk(losses, confidence) == expected
    assert value_at_risk(losses, confidence) <= cvar(losses, confidence) + 1e-12


@given(
    hnp.arrays(np.float64, (70, 4), elements=st.floats(-0.3, 0.3)),
    hnp.arrays(np.float64, 4, elements=st.floats(0.0, 1.0)),
)
def test_euler_contributions_sum_to_the_whole(returns: np.ndarray, weights: np.ndarray) -> None:
    parts = euler(returns, weights, 0.95)
    assert parts.sum() == pytest.approx(cvar(-(returns @ weights), 0.95), abs=1e-12)


def test_euler_contributions_are_the_derivative_where_it_exists() -> None:
    rng = np.random.default_rng(5)
    returns, weights, step = rng.standard_normal((500, 3)), np.array([0.5, 0.3, 0.2]), 1e-7
    for i, part in enumerate(euler(returns, weights, 0.95)):
        moved = weights.copy()
        moved[i] += step
        slope = (cvar(-(returns @ moved), 0.95) - cvar(-(returns @ weights), 0.95)) / step
        assert part == pytest.approx(weights[i] * slope, rel=1e-5)


def test_a_hedge_contributes_negatively() -> None:
    market = np.random.default_rng(2).standard_normal(400)
    parts = euler(np.column_stack([market, -market]), np.array([0.8, 0.2]), 0.95)
    assert parts[0] > 0.0 > parts[1]


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975, 0.99])
@pytest.mark.parametrize("size", [1, 3, 61, 1251, 1260])
def test_the_cvar_of_each_row_has_the_bits_of_the_cvar_of_that_row(size: int, confidence: float) -> None:
    losses = np.random.default_rng(size).standard_t(3.0, (7, size))
    losses[3, size // 2] = np.nan
    for given_as in (losses, np.asfortranarray(losses)):
        np.testing.assert_array_equal(cvar_of_each(given_as, confidence), [cvar(row, confidence) for row in losses])


def test_the_cvar_of_each_of_nothing_is_unknown_or_nothing() -> None:
    assert np.isnan(cvar_of_each(np.empty((2, 0)), 0.95)).all()
    assert cvar_of_each(np.empty((0, 9)), 0.95).shape == (0,)


@pytest.mark.parametrize("size", [1, 7, 20, 1000, 1260])
def test_rows_that_may_be_spoilt_are_measured_as_each_alone_and_others_are_left_as_they_were(size: int) -> None:
    rng = np.random.default_rng(size)
    losses = rng.standard_t(3, (6, size))
    losses[3, 0] = np.nan
    kept = losses.copy()
    each = cvar_of_each(losses, 0.95)
    np.testing.assert_array_equal(losses, kept)
    np.testing.assert_array_equal(each, [cvar(row, 0.95) for row in losses])
    np.testing.assert_array_equal(cvar_of_rows(losses.copy(), 0.95), each)
    np.testing.assert_array_equal(cvar_of_each(np.asfortranarray(losses), 0.95), each)
    assert np.isnan(cvar_of_rows(np.empty((2, 0)), 0.95)).all()

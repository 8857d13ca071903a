"""Re-estimated transitions against every path of states, statsmodels' smoother and known chains (R8)."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.policy import Policy
from plimsoll.risk import regime, regime_em

R = replace(Policy().regime, matrix="em")
BASE = regime.base_matrix(R)
REST = regime.stationary(BASE)
NO_ROW_ZERO = np.array([[0.90, 0.08, 0.02], [0.15, 0.80, 0.05], [0.05, 0.15, 0.80]])


def by_paths(likelihood: np.ndarray, matrix: np.ndarray, initial: np.ndarray) -> tuple[np.ndarray, float]:
    """Expected moves and likelihood by adding up every path of states, the one before the first row included."""
    moves, whole = np.zeros((3, 3)), 0.0
    for path in itertools.product(range(3), repeat=len(likelihood) + 1):
        weight = initial[path[0]]
        for row, (before, after) in enumerate(itertools.pairwise(path)):
            weight *= matrix[before, after] * likelihood[row, after]
        whole += weight
        for before, after in itertools.pairwise(path):
            moves[before, after] += weight
    return moves / whole, whole


def simulated(rows: int, matrix: np.ndarray, seed: int) -> np.ndarray:
    """VIX of a hidden chain with the policy's medians and sigmas."""
    rng = np.random.default_rng(seed)
    state, states = 0, np.empty(rows, dtype=np.int64)
    for row in range(rows):
        state = int(rng.choice(3, p=matrix[state]))
        states[row] = state
    return np.array(R.medians)[states] * np.exp(np.array(R.sigmas)[states] * rng.standard_normal(rows))


def log_posterior(likelihood: np.ndarray, matrix: np.ndarray, prior_rows: float) -> float:
    """Log density of the matrix given the observations, up to a constant."""
    belief, total = REST, 0.0
    for row in likelihood:
        belief = (belief @ matrix) * row
        total += np.log(belief.sum())
        belief = belief / belief.sum()
    ruled_in = BASE > 0.0
    return float(total + prior_rows * (BASE[ruled_in] * np.log(matrix[ruled_in])).sum())


@pytest.mark.parametrize("matrix", [BASE, NO_ROW_ZERO])
@pytest.mark.parametrize("missing", [(), (0,), (2, 3), (5,)])
def test_expected_moves_are_those_of_every_path(matrix: np.ndarray, missing: tuple[int, ...]) -> None:
    vix = np.array([14.0, 27.0, 22.0, 35.0, 18.0, 61.0])
    vix[list(missing)] = np.nan
    likelihood = regime.likelihoods(vix, R)
    ends = np.array([0, 3, 5])
    found = regime_em.expected_moves(likelihood, ends, np.repeat(matrix[None], 3, axis=0), REST)
    for end, moves in zip(ends, found, strict=True):
        np.testing.assert_allclose(moves, by_paths(likelihood[: end + 1], matrix, REST)[0], rtol=1e-12, atol=1e-14)
        assert moves.sum() == pytest.approx(end + 1)


def test_expected_moves_are_those_of_statsmodels_smoother() -> None:
    pytest.importorskip("statsmodels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own and pandas'
        from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

        vix = simulated(300, NO_ROW_ZERO, 5)
        model = MarkovRegression(np.log(vix), k_regimes=3, trend="c", switching_variance=True)
        model.initialize_known(REST)
        # transitions out of each state into all but the last, column by column of its transposed matrix
        moves = [NO_ROW_ZERO[i, j] for j in range(2) for i in range(3)]
        smoothed = model.smooth(np.array([*moves, *np.log(R.medians), *np.square(R.sigmas)]))
    joint = np.asarray(smoothed.smoothed_joint_probabilities)  # (after, before, row)
    filtered = np.asarray(smoothed.filtered_marginal_probabilities)
    likelihood, ends = regime.likelihoods(vix, R), np.array([298])
    # moves out of the first row on: before it the two begin differently
    found = regime_em.expected_moves(likelihood[1:], ends, NO_ROW_ZERO[None], filtered[0])[0]
    np.testing.assert_allclose(found, joint[:, :, 1:].sum(axis=2).T, rtol=1e-8)
    # the filter begins with the policy's matrix at rest, as the model was told to
    mine = regime.beliefs(vix, np.repeat(NO_ROW_ZERO[None], 300, axis=0), R)
    np.testing.assert_allclose(mine[20:], filtered[20:], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("prior_rows", [0.0, 252.0])
def test_no_step_lowers_the_posterior(prior_rows: float) -> None:
    likelihood = regime.likelihoods(simulated(700, NO_ROW_ZERO, 1), R)
    matrix, ends = BASE[None], np.array([699])
    before = log_posterior(likelihood, matrix[0], prior_rows)
    for _ in range(12):
        matrix = regime_em.step(likelihood, ends, matrix, BASE, REST, prior_rows)
        np.testing.assert_allclose(matrix.sum(axis=2), 1.0)
        after = log_posterior(likelihood, matrix[0], prior_rows)
        assert after >= before - 1e-9
        before = after


def test_the_estimate_is_the_best_matrix_an_optimiser_finds() -> None:
    from scipy.optimize import minimize

    likelihood = regime.likelihoods(simulated(400, NO_ROW_ZERO, 8), R)
    found = regime_em.estimate(likelihood, np.array([399]), BASE, REST, 60.0)[0]
    inside = BASE > 0.0

    def matrix_of(free: np.ndarray) -> np.ndarray:
        logits = np.full((3, 3), -np.inf)
        logits[inside] = free
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    best = minimize(lambda free: -log_posterior(likelihood, matrix_of(free), 60.0), np.log(BASE[inside]), method="BFGS")
    np.testing.assert_allclose(found, matrix_of(best.x), atol=2e-4)
    assert log_posterior(likelihood, found, 60.0) >= -best.fun - 1e-6


def test_the_matrix_of_a_long_chain_is_found_again() -> None:
    true = np.array([[0.97, 0.03, 0.0], [0.05, 0.90, 0.05], [0.0, 0.12, 0.88]])
    start = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    vix = simulated(4_000, true, 3)
    found = regime_em.estimate(regime.likelihoods(vix, R), np.array([3_999]), start, REST, 0.0)[0]
    np.testing.assert_allclose(found, true, atol=0.03)


def test_a_short_history_stays_near_the_start_and_a_long_one_leaves_it() -> None:
    vix = simulated(2_500, NO_ROW_ZERO, 2)
    ends = np.array([0, 20, 2_499])
    first, month, all_of_it = regime_em.estimate(regime.likelihoods(vix, R), ends, BASE, REST, 252.0)
    assert np.abs(first - BASE).max() < 0.005
    assert np.abs(month - BASE).max() < 0.05
    assert np.abs(all_of_it[:2] - NO_ROW_ZERO[:2]).max() < 0.05 < np.abs(BASE[0] - NO_ROW_ZERO[0]).max()


def test_a_move_that_the_start_rules_out_stays_ruled_out() -> None:
    found = regime_em.estimate(regime.likelihoods(simulated(800, NO_ROW_ZERO, 2), R), np.array([799]), BASE, REST, 10.0)
    assert found[0, 2, 0] == BASE[2, 0] == 0.0


def test_a_re_estimation_has_the_same_bits_alone_and_among_others() -> None:
    likelihood = regime.likelihoods(simulated(500, NO_ROW_ZERO, 4), R)
    ends = np.array([3, 40, 41, 250, 499])
    together = regime_em.estimate(likelihood, ends, BASE, REST, 252.0)
    for end, matrix in zip(ends, together, strict=True):
        alone = regime_em.estimate(likelihood[: end + 1], np.array([end]), BASE, REST, 252.0)[0]
        assert alone.tobytes() == np.ascontiguousarray(matrix).tobytes()


def test_nothing_to_estimate_is_nothing() -> None:
    assert regime_em.estimate(np.ones((5, 3)), np.array([], dtype=np.int64), BASE, REST, 252.0).shape == (0, 3, 3)


def test_without_a_prior_a_state_never_left_keeps_its_row() -> None:
    likelihood = np.tile([1.0, 0.0, 0.0], (50, 1))  # always normal, certainly
    found = regime_em.estimate(likelihood, np.array([49]), NO_ROW_ZERO, np.array([1.0, 0.0, 0.0]), 0.0)[0]
    np.testing.assert_array_equal(found, [[1.0, 0.0, 0.0], NO_ROW_ZERO[1], NO_ROW_ZERO[2]])


def test_transitions_are_renewed_on_the_rows_said_and_kept_between() -> None:
    vix = np.concatenate([np.full(30, np.nan), simulated(90, NO_ROW_ZERO, 6)])
    renewed = np.zeros(120, dtype=np.bool_)
    renewed[[0, 20, 45, 80]] = True
    found = regime.transitions(vix, R, renewed)
    np.testing.assert_array_equal(found[:45], np.broadcast_to(BASE, (45, 3, 3)))  # nothing to learn from before VIX
    likelihood = regime.likelihoods(vix[30:], R)
    for first, last in ((45, 80), (80, 120)):
        one = regime_em.estimate(likelihood, np.array([first - 30]), BASE, REST, R.prior_rows)[0]
        np.testing.assert_array_equal(found[first:last], np.broadcast_to(one, (last - first, 3, 3)))


def test_a_history_without_vix_keeps_the_start_matrix() -> None:
    found = regime.transitions(np.full(40, np.nan), R, np.arange(40) % 20 == 0)
    np.testing.assert_array_equal(found, np.broadcast_to(BASE, (40, 3, 3)))


def test_the_outlook_is_the_matrix_to_the_power() -> None:
    vix = simulated(260, NO_ROW_ZERO, 9)
    matrices = regime.transitions(vix, R, np.arange(260) % 21 == 0)
    belief = regime.beliefs(vix, matrices, R)
    for sessions in (0, 1, 5, 21):
        ahead = regime.outlook(belief, matrices, sessions)
        for row in (0, 100, 259):
            wanted = belief[row] @ np.linalg.matrix_power(matrices[row], sessions)
            np.testing.assert_allclose(ahead[row], wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sessions", [0, 1, 2, 5])
def test_first_passage_adds_up_the_paths_that_meet_a_crisis(sessions: int) -> None:
    belief = np.array([[0.7, 0.25, 0.05]])
    met = 0.0
    for path in itertools.product(range(3), repeat=sessions + 1):
        weight = belief[0, path[0]]
        for before, after in itertools.pairwise(path):
            weight *= NO_ROW_ZERO[before, after]
        met += weight * (2 in path)
    assert regime.first_passage(belief, NO_ROW_ZERO[None], sessions)[0] == pytest.approx(met, abs=1e-14)


def test_a_state_that_is_hardly_ever_left_still_learns_from_what_is_known() -> None:
    """One row and no prior: the expected moves of all three states add up to one, and each row is their shares."""
    start = np.array(Policy().regime.start)
    initial, likelihood = np.array([0.5, 0.3, 0.2]), np.array([[0.2, 1.0, 0.6]])
    ends = np.array([0])
    moves = regime_em.expected_moves(likelihood, ends, start[np.newaxis], initial)[0]
    joint = initial[:, np.newaxis] * start * likelihood[0]
    np.testing.assert_allclose(moves, joint / joint.sum(), rtol=1e-12)
    after = regime_em.step(likelihood, ends, start[np.newaxis], start, initial, 0.0)[0]
    np.testing.assert_allclose(after, joint / joint.sum(axis=1, keepdims=True), rtol=1e-12)

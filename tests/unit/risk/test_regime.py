"""The VIX filter against a slow one written from the formula (R8, D19)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.panel import History, Panel
from plimsoll.core.policy import Policy, RegimePolicy
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import regime

MakePanel = Callable[..., Panel]
POLICY = Policy()
R = POLICY.regime


def _vix(rows: int, seed: int = 0, missing: float = 0.0) -> np.ndarray:
    g = np.random.default_rng(seed)
    level = np.zeros(rows)
    for t in range(1, rows):
        level[t] = 0.97 * level[t - 1] + g.normal(0.0, 0.09)
    vix = 19.0 * np.exp(level)
    vix[g.random(rows) < missing] = np.nan
    return vix


def _transitions(vix: np.ndarray, policy: RegimePolicy) -> np.ndarray:
    """Re-estimated on every twenty-first row, where the choice re-estimates."""
    return regime.transitions(vix, policy, np.arange(len(vix)) % 21 == 0)


def _slow(vix: np.ndarray, policy: RegimePolicy) -> tuple[np.ndarray, np.ndarray]:
    """Belief and outlook, one row after the other, densities by scipy, powers by repeated products."""
    from scipy.stats import lognorm

    base = np.array(policy.start if policy.matrix != "seed" else policy.seed)
    belief = np.linalg.matrix_power(base, 100_000)[0]
    counts = np.zeros((3, 3))
    last = None
    path, ahead = [], []
    for value in vix:
        state = None
        if not math.isnan(value):
            state = 0 if value < policy.bands[0] else 1 if value < policy.bands[1] else 2
        if policy.matrix == "counted" and state is not None and last is not None:
            counts[last, state] += 1
        last = state
        a = base
        if policy.matrix == "counted":
            a = np.array([policy.prior_rows * base[i] + counts[i] for i in range(3)])
            a = a / a.sum(axis=1, keepdims=True)
        belief = belief @ a
        if state is not None:
            for i in range(3):
                belief[i] *= lognorm.pdf(value, policy.sigmas[i], scale=policy.medians[i])
            belief = belief / belief.sum()
        path.append(belief)
        ahead.append(belief @ np.linalg.matrix_power(a, policy.outlook))
    return np.array(path), np.array(ahead)


@pytest.mark.parametrize("matrix", ["counted", "fixed", "seed"])
@pytest.mark.parametrize("missing", [0.0, 0.15, 1.0])
def test_the_filter_equals_one_written_from_the_formula(matrix: str, missing: float) -> None:
    policy = replace(R, matrix=matrix)
    vix = _vix(400, missing=missing)
    matrices = _transitions(vix, policy)
    belief = regime.beliefs(vix, matrices, policy)
    expected, ahead = _slow(vix, policy)
    np.testing.assert_allclose(belief, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(regime.outlook(belief, matrices, policy.outlook), ahead, rtol=1e-9, atol=1e-12)


def test_beliefs_are_probabilities_whatever_the_vix() -> None:
    vix = np.array([15.0, 1e-3, 1e6, 9.0, 80.0, np.nan, 40.0])
    belief = regime.beliefs(vix, _transitions(vix, R), R)
    assert (belief >= 0.0).all()
    np.testing.assert_allclose(belief.sum(axis=1), 1.0)


def test_a_calm_market_is_normal_and_a_panic_is_crisis() -> None:
    vix = np.concatenate([np.full(60, 13.0), np.full(10, 55.0)])
    belief = regime.beliefs(vix, _transitions(vix, R), R)
    assert belief[59, 0] > 0.99
    assert belief[-1, 2] > 0.95


def test_without_any_vix_belief_rests_at_the_stationary_start() -> None:
    vix = np.full(50, np.nan)
    belief = regime.beliefs(vix, _transitions(vix, R), R)
    start = regime.stationary(np.array(R.start))
    np.testing.assert_allclose(belief, np.tile(start, (50, 1)), rtol=1e-9)
    np.testing.assert_allclose(start @ np.array(R.start), start, atol=1e-12)


def test_a_missing_vix_predicts_without_update() -> None:
    vix = np.array([50.0, np.nan])
    matrices = _transitions(vix, R)
    belief = regime.beliefs(vix, matrices, R)
    np.testing.assert_allclose(belief[1], belief[0] @ matrices[1])


def test_transitions_are_counted_between_bands_on_consecutive_rows() -> None:
    vix = np.array([19.99, 20.0, 29.99, 30.0, np.nan, 10.0, 10.0])
    last = _transitions(vix, replace(R, prior_rows=0))[-1]
    # normal -> volatile, normal -> normal; volatile -> volatile, volatile -> crisis; none out of crisis
    np.testing.assert_allclose(last[0], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(last[1], [0.0, 0.5, 0.5])
    np.testing.assert_allclose(last[2], np.array(R.start[2]))


def test_without_a_prior_one_move_out_of_a_state_is_all_that_is_known_of_it() -> None:
    last = _transitions(np.array([35.0, 12.0]), replace(R, prior_rows=0))[-1]
    np.testing.assert_array_equal(last[2], [1.0, 0.0, 0.0])


def test_the_prior_weighs_as_many_rows_as_the_policy_says() -> None:
    vix = np.full(253, 10.0)  # 252 moves from normal to normal
    last = _transitions(vix, R)[-1]
    np.testing.assert_allclose(last[0], (np.array(R.start[0]) + np.eye(3)[0]) / 2.0)


def test_a_start_matrix_is_read_as_shares_of_each_row() -> None:
    loose = replace(R, start=((95.8, 4.1, 0.1), (1.11, 8.49, 0.4), (0.0, 0.11, 0.89)))
    np.testing.assert_allclose(regime.base_matrix(loose), np.array(R.start), atol=1e-15)


def test_the_seed_matrix_can_never_reach_fifteen_percent() -> None:
    assert regime.reachable(replace(POLICY, regime=replace(R, matrix="seed"))) == pytest.approx(0.060, abs=5e-4)


@pytest.mark.parametrize("matrix", ["fixed", "seed"])
def test_no_vix_path_exceeds_what_is_reachable(matrix: str) -> None:
    policy = replace(POLICY, regime=replace(R, matrix=matrix))
    vix = np.concatenate([_vix(300), np.full(60, 90.0)])
    matrices = _transitions(vix, policy.regime)
    ahead = regime.outlook(regime.beliefs(vix, matrices, policy.regime), matrices, R.outlook)[:, 2].max()
    assert ahead <= regime.reachable(policy)
    assert ahead == pytest.approx(regime.reachable(policy), rel=0.02)  # and a long panic comes close


def test_reachable_is_full_crisis_carried_to_the_outlook() -> None:
    now = replace(POLICY, regime=replace(R, outlook=0))
    assert regime.reachable(now) == 1.0
    assert regime.reachable(replace(POLICY, regime=replace(R, outlook=1))) == pytest.approx(0.89)


def _history(panel: Panel) -> History:
    return History(panel, catalogue(POLICY) | regime.factors(POLICY))


def test_vix_is_vix_or_the_benchmarks_volatility_in_points(make_panel: MakePanel) -> None:
    close = np.column_stack([100.0 * np.cumprod(1.0 + np.random.default_rng(3).normal(0, 0.01, 60)), _vix(60)])
    close[[40, 41], 1] = np.nan, np.nan
    history = _history(make_panel(close, symbols=("SPY", "^VIX")))
    vix_or_proxy, benchmark = history.array("regime.vix_or_proxy"), history.array("benchmark_volatility")
    np.testing.assert_array_equal(np.delete(vix_or_proxy, [40, 41]), np.delete(close[:, 1], [40, 41]))
    np.testing.assert_array_equal(vix_or_proxy[40:42], 100.0 * benchmark[40:42])
    assert np.flatnonzero(np.isnan(history.array("regime.vix"))).tolist() == [40, 41]


def test_a_panel_without_vix_says_so_and_does_not_fail(make_panel: MakePanel) -> None:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(3).normal(0, 0.01, (60, 1)), axis=0)
    history = _history(make_panel(close, symbols=("SPY",)))
    assert np.isnan(history.array("regime.vix")).all()
    assert np.isfinite(history.array("regime.vix_or_proxy")[20:]).all()
    assert np.isnan(history.array("regime.vix_or_proxy")[:20]).all()
    assert history.array("regime.belief").shape == (60, 3)
    expected = regime.stationary(np.array(R.start))[2]
    np.testing.assert_allclose(history.array("regime.crisis"), expected, rtol=1e-9)


@pytest.mark.parametrize("bad", [0.0, -3.0, np.inf])
def test_a_vix_that_is_not_a_positive_number_is_none(make_panel: MakePanel, bad: float) -> None:
    close = np.array([[100.0, 15.0], [101.0, bad]])
    assert np.isnan(_history(make_panel(close, symbols=("SPY", "^VIX"))).array("regime.vix")[1])


@pytest.mark.real_data
def test_the_gfc_and_covid_were_crises(shared_data: Path) -> None:
    import polars as pl

    table = pl.read_parquet(shared_data / "vix_daily.parquet").sort("date")
    dates = table["date"].dt.strftime("%Y-%m-%d").to_list()
    vix = table["close"].to_numpy()
    matrices = _transitions(vix, R)
    ahead = regime.outlook(regime.beliefs(vix, matrices, R), matrices, R.outlook)[:, 2]
    for day in ("2008-11-20", "2020-03-23"):
        assert ahead[dates.index(day)] > R.crisis_on
    for day in ("2006-06-01", "2017-06-01"):
        assert ahead[dates.index(day)] < R.crisis_off


def test_first_passage_of_two_states_is_the_closed_form() -> None:
    """Never volatile: each session a calm market falls into crisis with probability p."""
    p = 0.07
    matrix = np.array([[1.0 - p, 0.0, p], [0.0, 1.0, 0.0], [0.6, 0.0, 0.4]])
    belief = np.array([[1.0, 0.0, 0.0], [0.8, 0.0, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    matrices = np.broadcast_to(matrix, (4, 3, 3))
    for n in (0, 1, 5, 40):
        stays = (1.0 - p) ** n
        wanted = [1.0 - stays, 1.0 - 0.8 * stays, 0.0, 1.0]  # the way back out of crisis does not matter
        np.testing.assert_allclose(regime.first_passage(belief, matrices, n), wanted, atol=1e-12)


def test_first_passage_is_the_absorbing_chain_of_every_row() -> None:
    vix = _vix(300)
    matrices = _transitions(vix, R)
    belief = regime.beliefs(vix, matrices, R)
    found = regime.first_passage(belief, matrices, R.outlook)
    for row in (0, 150, 299):
        absorbing = matrices[row].copy()
        absorbing[2] = (0.0, 0.0, 1.0)
        wanted = (belief[row] @ np.linalg.matrix_power(absorbing, R.outlook))[2]
        assert found[row] == pytest.approx(wanted, abs=1e-12)


def test_a_crisis_within_is_never_less_likely_than_one_at_the_end_or_sooner() -> None:
    vix = _vix(300, missing=0.1)
    matrices = _transitions(vix, R)
    belief = regime.beliefs(vix, matrices, R)
    before = belief[:, 2]
    for n in range(1, 12):
        within = regime.first_passage(belief, matrices, n)
        assert (within >= regime.outlook(belief, matrices, n)[:, 2] - 1e-12).all()
        assert (within >= before - 1e-12).all() and (within <= 1.0).all()
        before = within


def test_the_history_carries_the_passage_at_the_outlook(make_panel: MakePanel) -> None:
    vix = _vix(80)
    history = _history(make_panel(vix[:, np.newaxis], symbols=("^VIX",)))
    matrices = _transitions(vix, R)
    wanted = regime.first_passage(regime.beliefs(vix, matrices, R), matrices, R.outlook)
    np.testing.assert_array_equal(history.array("regime.passage"), wanted)


def test_a_vix_below_one_point_is_still_a_vix(make_panel: MakePanel) -> None:
    close = np.array([[100.0, 15.0], [101.0, 0.5]])
    assert _history(make_panel(close, symbols=("SPY", "^VIX"))).array("regime.vix")[1] == 0.5


def test_a_row_without_vix_speaks_for_no_state() -> None:
    found = regime.likelihoods(np.array([np.nan, 24.0]), R)
    assert found[0].tolist() == [1.0, 1.0, 1.0]
    assert found[1].max() == 1.0 and found[1].min() > 0.0


def test_a_crisis_that_cannot_come_has_no_negative_probability() -> None:
    """Rounding may leave more than one among the other states."""
    draw = np.random.default_rng(2)
    matrices = np.zeros((400, 3, 3))
    matrices[:, :2, :2] = draw.dirichlet(np.ones(2), (400, 2))
    matrices[:, 2, 2] = 1.0
    belief = np.zeros((400, 3))
    belief[:, :2] = draw.dirichlet(np.ones(2), 400)
    found = regime.first_passage(belief, matrices, 7)
    assert (found >= 0.0).all() and (found < 1e-14).all()

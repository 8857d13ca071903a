"""Tail estimators against closed forms (normal, Student-t, Pareto) and against scipy's own distributions."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

from plimsoll.measures import tails
from plimsoll.measures.cvar import cvar, euler

GRID = (np.arange(200_000) + 0.5) / 200_000
LEVELS = (0.95, 0.99)
Z = stats.norm.ppf(GRID)
ESTIMATORS = (tails.historical, tails.cornish_fisher, tails.peaks_over_threshold)


def normal_tail(level: float, mean: float = 0.0, sd: float = 1.0) -> tuple[float, float]:
    z = NormalDist().inv_cdf(level)
    return mean + sd * z, mean + sd * NormalDist().pdf(z) / (1 - level)


def student_tail(level: float, freedom: float) -> tuple[float, float]:
    """McNeil, Frey and Embrechts (2015), example 2.15."""
    q = stats.t.ppf(level, freedom)
    return q, stats.t.pdf(q, freedom) / (1 - level) * (freedom + q * q) / (freedom - 1)


def sample(seed: int, size: int = 900) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, size) * 0.01


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("estimator", "within"),
    [(tails.historical, 1e-3), (tails.cornish_fisher, 1e-3), (tails.peaks_over_threshold, 0.01)],
)
def test_normal_losses_have_the_closed_forms_tail(estimator: tails.Estimator, within: float, level: float) -> None:
    found = estimator(0.001 + 0.02 * Z, level)
    assert (float(found.var), float(found.cvar)) == pytest.approx(normal_tail(level, 0.001, 0.02), rel=within)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("estimator", "within"), [(tails.historical, 2e-3), (tails.peaks_over_threshold, 0.015)])
def test_student_losses_have_the_closed_forms_tail(estimator: tails.Estimator, within: float, level: float) -> None:
    found = estimator(stats.t.ppf(GRID, 4), level)
    assert (float(found.var), float(found.cvar)) == pytest.approx(student_tail(level, 4), rel=within)


def test_cornish_fisher_follows_a_mild_student_tail_closer_than_the_normal() -> None:
    found = tails.cornish_fisher(stats.t.ppf(GRID, 20), 0.99)
    var, beyond = student_tail(0.99, 20)
    unbent = np.sqrt(20 / 18) * normal_tail(0.99)[1]
    assert abs(found.cvar - beyond) < 0.4 * abs(unbent - beyond)
    assert (float(found.var), float(found.cvar)) == pytest.approx((var, beyond), rel=0.02)


@pytest.mark.parametrize("level", LEVELS)
def test_cornish_fisher_is_the_integral_of_its_expansion(level: float) -> None:
    losses = stats.gamma.ppf(GRID[::20], 12.0)
    s, k = stats.skew(losses), stats.kurtosis(losses)

    def bent(z: float) -> float:
        expansion = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
        return losses.mean() + losses.std() * expansion

    z = stats.norm.ppf(level)
    beyond = integrate.quad(lambda x: bent(x) * stats.norm.pdf(x), z, np.inf, epsabs=1e-13)[0] / (1 - level)
    found = tails.cornish_fisher(losses, level)
    assert (float(found.var), float(found.cvar)) == pytest.approx((bent(z), beyond), rel=1e-9)


def test_cornish_fisher_is_absent_where_the_expansion_is_no_distribution() -> None:
    losses = np.zeros(1000)
    losses[:2] = (1.0, -1.0)  # excess kurtosis of 497: the cubic falls between its turns, and rises too early
    for found in tails.cornish_fisher(np.array([losses + 0.001 * Z[::200], -(Z[::200] ** 4)]), 0.95):
        assert np.isnan(found).all()


@given(hnp.arrays(np.float64, 60, elements=st.floats(-0.2, 0.2)), st.sampled_from([0.9, 0.95, 0.975]))
def test_a_cornish_fisher_tail_is_ordered_as_a_distribution_is(losses: np.ndarray, level: float) -> None:
    found = tails.cornish_fisher(losses, level)
    if not np.isfinite(found.cvar):
        return
    assert found.cvar >= found.var - 1e-12
    sd = losses.std()
    s, k = (stats.skew(losses), stats.kurtosis(losses)) if sd > 1e-6 else (0.0, 0.0)
    if sd > 1e-6:
        z = np.linspace(-4, 4, 4001)
        bent = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
        quantile = (float(found.var) - losses.mean()) / sd
        at = stats.norm.ppf(level)
        assert (bent[z < at] <= quantile + 1e-6).all() and (np.diff(bent[z > at]) >= -1e-9).all()


@pytest.mark.parametrize("level", [0.80, 0.95])
def test_a_cubic_orders_the_tail_exactly_where_a_fine_grid_says_so(level: float) -> None:
    rng = np.random.default_rng(2)
    a, b, c = rng.normal(0.0, 0.08, 3000), rng.normal(0.0, 0.25, 3000), rng.normal(0.6, 0.6, 3000)
    a[::5] = 0.0  # a parabola has one turn
    z = NormalDist().inv_cdf(level)
    quantile = tails._cubic(a, b, c, z)
    found = tails._ordered(a, b, c, z, quantile)
    grid = np.linspace(-4.0, 4.0, 4001)
    curve = tails._cubic(a[:, None], b[:, None], c[:, None], grid)
    before = (curve[:, grid <= z] - quantile[:, None]).max(axis=1)
    falls = -np.diff(curve[:, grid >= z], axis=1).min(axis=1)
    clear = (np.abs(before) > 1e-4) & (np.abs(falls) > 1e-5)  # closer than the grid can tell
    wanted = (before <= 0.0) & (falls <= 0.0)
    assert clear.mean() > 0.8 and 0.1 < wanted[clear].mean() < 0.9
    np.testing.assert_array_equal(found[clear], wanted[clear])


def test_a_constant_sample_is_its_own_tail() -> None:
    found = tails.cornish_fisher(np.full(100, 0.25), 0.95)
    assert (float(found.var), float(found.cvar)) == (0.25, 0.25)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.15, 0.35])
def test_a_pareto_tail_is_found_again(shape: float) -> None:
    losses = stats.genpareto.ppf(GRID, shape, scale=0.02)
    found = tails.peaks_over_threshold(losses, 0.99, share=0.10)
    var = stats.genpareto.ppf(0.99, shape, scale=0.02)
    beyond = stats.genpareto.expect(lambda x: x, args=(shape,), scale=0.02, lb=var, conditional=True)
    assert (float(found.var), float(found.cvar)) == pytest.approx((var, beyond), rel=5e-3)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("level", LEVELS)
def test_a_fitted_tail_is_scipys_distribution_of_the_fitted_parameters(seed: int, level: float) -> None:
    losses = sample(seed)
    ordered = np.sort(losses)
    threshold, excess = ordered[-91], ordered[-90:] - ordered[-91]
    m0, m1 = excess.mean(), np.mean(excess * stats.rankdata(-excess, "ordinal").astype(float) - excess) / 89
    shape, scale = 2 - m0 / (m0 - 2 * m1), 2 * m0 * m1 / (m0 - 2 * m1)
    inside = stats.genpareto(shape, loc=threshold, scale=scale)
    var = inside.ppf(1 - (1 - level) / 0.1)
    beyond = integrate.quad(inside.ppf, 1 - (1 - level) / 0.1, 1, epsabs=1e-12)[0] / ((1 - level) / 0.1)
    found = tails.peaks_over_threshold(losses, level)
    assert (float(found.var), float(found.cvar)) == pytest.approx((var, beyond), rel=1e-6)


def test_weighted_moments_come_near_maximum_likelihood() -> None:
    losses = sample(5, 20_000)
    excess = np.sort(losses)[-2000:] - np.sort(losses)[-2001]
    shape, _, scale = stats.genpareto.fit(excess, floc=0)
    inside = stats.genpareto(shape, loc=np.sort(losses)[-2001], scale=scale)
    found = tails.peaks_over_threshold(losses, 0.99)
    assert float(found.var) == pytest.approx(inside.ppf(0.9), rel=0.02)
    assert float(found.cvar) == pytest.approx(student_tail(0.99, 4)[1] * 0.01, rel=0.1)


def test_a_tail_too_thin_to_fit_is_absent() -> None:
    assert np.isnan(tails.peaks_over_threshold(sample(1, 99), 0.95)).all()  # nine losses beyond
    assert not np.isnan(tails.peaks_over_threshold(sample(1, 100), 0.95)).any()
    assert np.isnan(tails.peaks_over_threshold(sample(1), 0.85)).all()  # the quantile is before the threshold
    assert np.isnan(tails.peaks_over_threshold(np.repeat([0.0, 1.0], [900, 100]), 0.95)).all()  # no spread
    alone = np.zeros(1000)
    alone[0] = 1.0  # a single excess: a shape of one, no mean
    assert np.isnan(tails.peaks_over_threshold(alone, 0.95)).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_unknown_losses_have_no_tail(estimator: tails.Estimator) -> None:
    losses = sample(1)
    losses[17] = np.nan
    assert np.isnan(estimator(losses, 0.95)).all()
    assert np.isnan(tails.interval(losses, estimator, 0.95, block=5, seed=1)).all()
    assert np.isnan(tails.interval(np.empty(0), estimator, 0.95, block=5, seed=1)).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_many_samples_at_once_are_each_alone(estimator: tails.Estimator) -> None:
    rows = np.array([sample(n) for n in range(4)])
    together = estimator(rows, 0.975)
    assert together.cvar.tolist() == [float(estimator(row, 0.975).cvar) for row in rows]
    assert together.var.tolist() == [float(estimator(row, 0.975).var) for row in rows]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(scale=st.floats(0.1, 10), shift=st.floats(-0.05, 0.05))
def test_a_tail_moves_and_scales_with_its_losses(estimator: tails.Estimator, scale: float, shift: float) -> None:
    plain = estimator(sample(8), 0.95)
    moved = estimator(sample(8) * scale + shift, 0.95)
    assert float(moved.cvar) == pytest.approx(float(plain.cvar) * scale + shift, rel=1e-7, abs=1e-9)
    assert float(moved.var) == pytest.approx(float(plain.var) * scale + shift, rel=1e-7, abs=1e-9)


def test_marginals_times_weights_are_the_components_and_slopes_of_the_cvar() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (500, 4))
    weights = np.array([0.3, 0.0, 0.5, 0.1])
    slope = tails.marginal(returns, weights, 0.95)
    assert slope * weights == pytest.approx(euler(returns, weights, 0.95), abs=1e-15)
    for i in range(4):
        moved = weights.copy()
        moved[i] += 1e-7
        change = cvar(-(returns @ moved), 0.95) - cvar(-(returns @ weights), 0.95)
        assert slope[i] == pytest.approx(change / 1e-7, rel=1e-4)


def test_an_increment_is_the_cvar_saved_by_selling_and_a_hedges_is_negative() -> None:
    long = np.random.default_rng(3).normal(0.0, 0.01, 400)
    returns = np.column_stack([long, -long, np.zeros(400)])
    weights = np.array([0.6, 0.2, 0.2])
    found = tails.incremental(returns, weights, 0.95)
    assert found[0] == pytest.approx(0.4 * cvar(-long, 0.95) - 0.2 * cvar(long, 0.95))
    assert found[1] == pytest.approx(-0.2 * cvar(-long, 0.95))
    assert found[2] == 0.0
    book = cvar(-(returns @ weights), 0.95)
    assert (found <= weights * np.array([cvar(-returns[:, i], 0.95) for i in range(3)]) + 1e-12).all()  # subadditive
    assert book == pytest.approx(0.4 * cvar(-long, 0.95))


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 10, 25])
@pytest.mark.parametrize("probability", [0.9, 0.95, 0.975])
def test_students_quantile_is_scipys(degrees: int, probability: float) -> None:
    assert tails.student_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)


def test_an_interval_is_what_plain_loops_over_blocks_give() -> None:
    losses, block, draws = sample(9, 50), 8, 300
    numbers = iter(tails._uniform(42, draws * 7).tolist())  # seven blocks of eight, the last cut to two
    found = []
    for _ in range(draws):
        taken: list[float] = []
        for _ in range(7):
            begin = int(next(numbers) * (50 - block + 1))
            taken += losses[begin : begin + block].tolist()
        found.append(cvar(np.array(taken[:50]), 0.95))
    drawn, value = np.log(found), math.log(cvar(losses, 0.95))
    centre, spread = 2.0 * value - drawn.mean(), drawn.std(ddof=1)
    ends = tails.interval(losses, tails.historical, 0.95, block=block, seed=42, draws=draws, coverage=0.90)
    low, high, upper = stats.t.ppf([0.05, 0.95, 0.90], 1) * spread + centre  # not two blocks in the tail: one degree
    assert ends == pytest.approx(tuple(np.exp([low, high, upper])), rel=1e-9)


def test_a_two_sided_interval_ends_where_one_sided_bounds_do() -> None:
    losses = sample(2)
    given = {"block": 10, "seed": 3, "draws": 2000}
    wide = tails.interval(losses, tails.historical, 0.95, coverage=0.90, **given)
    tight = tails.interval(losses, tails.historical, 0.95, coverage=0.95, **given)
    assert tight.upper == wide.high and tight.high > tight.upper > cvar(losses, 0.95) > wide.low > tight.low


def test_dependent_losses_need_blocks() -> None:
    rng = np.random.default_rng(4)
    losses = np.convolve(rng.normal(0.0, 0.01, 2009), np.ones(10), "valid")  # ten-session sums overlap
    block = tails.block_length(losses.size, 10)
    known = tails.interval(losses, tails.historical, 0.95, block=block, seed=1)
    naive = tails.interval(losses, tails.historical, 0.95, block=1, seed=1)
    assert known.high - known.low > 1.8 * (naive.high - naive.low)


def test_the_same_question_has_the_same_answer_and_another_seed_another() -> None:
    losses = sample(6)
    first = tails.interval(losses, tails.historical, 0.95, block=9, seed=tails.seed_of((900, 4)))
    assert first == tails.interval(losses.copy(), tails.historical, 0.95, block=9, seed=tails.seed_of((900, 4)))
    assert first != tails.interval(losses, tails.historical, 0.95, block=9, seed=tails.seed_of((901, 4)))
    assert tails.seed_of((900, 4)) != tails.seed_of((4, 900))


def test_the_random_numbers_are_the_published_generators() -> None:
    state, expected = 1234567, []
    for _ in range(5):  # SplitMix64, one step at a time in exact integers
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        expected.append(((z ^ (z >> 31)) >> 11) / 2**53)
    assert expected[0] == (6457827717110365317 >> 11) / 2**53  # the generator's reference output
    assert tails._uniform(1234567, 5).tolist() == expected


def test_a_draw_without_an_estimate_counts_against_both_ends() -> None:
    def half_known(losses: np.ndarray, confidence: float) -> tails.Tail:
        found = losses.mean(axis=-1)
        return tails.Tail(found, np.where(np.arange(found.size) % 2 == 0, found, np.nan))

    assert np.isnan(tails.interval(sample(1), half_known, 0.95, block=5, seed=1)).all()


def coverage(samples: list[np.ndarray], true: float, block: int, estimator: tails.Estimator) -> tuple[float, float]:
    """Shares of samples whose two-sided interval holds the true CVaR, and whose upper bound is not below it."""
    inside = above = 0
    for seed, losses in enumerate(samples):
        found = tails.interval(losses, estimator, 0.95, block=block, seed=seed, draws=200)
        inside += found.low <= true <= found.high
        above += true <= found.upper
    return inside / len(samples), above / len(samples)


@pytest.mark.parametrize("estimator", [tails.historical, tails.peaks_over_threshold])
def test_the_interval_of_independent_losses_covers_nearly_what_it_says(estimator: tails.Estimator) -> None:
    """A tail of 25 losses is skewed and its estimate low; three separate blocks of it make the interval wide."""
    samples = [np.random.default_rng(n).standard_normal(500) for n in range(100)]
    two_sided, upper = coverage(samples, normal_tail(0.95)[1], tails.block_length(500, 1), estimator)
    assert two_sided >= 0.92 and upper >= 0.90


def test_blocks_give_overlapping_windows_most_of_their_coverage_back() -> None:
    samples = [np.convolve(np.random.default_rng(n).standard_normal(1260), np.ones(10), "valid") for n in range(50)]
    true = normal_tail(0.95, sd=np.sqrt(10.0))[1]
    blocks, _ = coverage(samples, true, tails.block_length(1251, 10), tails.historical)
    naive, _ = coverage(samples, true, 1, tails.historical)
    assert blocks >= 0.70 and blocks >= naive + 0.15


@pytest.mark.parametrize("horizon", [1, 10])
def test_parts_of_a_books_tail_against_sorting_by_hand(horizon: int) -> None:
    """1,260 sessions leave 63 of them in the tail, 1,251 windows 62.55: the last one counts with a part."""
    rng = np.random.default_rng(horizon)
    daily = rng.standard_t(5, (1260, 4)) * np.array([0.01, 0.006, 0.02, 0.008]) + 0.005 * rng.standard_normal((1260, 1))
    returns = np.array([np.prod(1.0 + daily[t : t + horizon], axis=0) - 1.0 for t in range(1260 - horizon + 1)])
    weights = np.array([0.3, 0.25, 0.05, -0.1])

    def by_hand(book: np.ndarray) -> float:
        worst = sorted(-(returns @ book), reverse=True)
        mass = len(worst) / 20
        whole = int(mass)
        return (sum(worst[:whole]) + (mass - whole) * worst[whole]) / mass

    whole = by_hand(weights)
    assert float(tails.historical(-(returns @ weights), 0.95).cvar) == pytest.approx(whole, rel=1e-13)
    assert euler(returns, weights, 0.95).sum() == pytest.approx(whole, rel=1e-13)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-8
        slope = (by_hand(weights + step) - by_hand(weights - step)) / 2e-8
        assert tails.marginal(returns, weights, 0.95)[i] == pytest.approx(slope, rel=1e-5)
        sold = np.where(np.arange(4) == i, 0.0, weights)
        assert tails.incremental(returns, weights, 0.95)[i] == pytest.approx(
            whole - by_hand(sold), rel=1e-12, abs=1e-15
        )


@pytest.mark.parametrize(
    ("size", "horizon", "length"), [(1260, 1, 11), (1251, 10, 20), (1, 1, 1), (8, 1, 2), (5, 10, 5)]
)
def test_a_block_covers_the_overlap(size: int, horizon: int, length: int) -> None:
    assert tails.block_length(size, horizon) == length


def test_a_marginal_of_unknown_returns_is_unknown() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (100, 2))
    returns[3, 1] = np.nan
    assert np.isnan(tails.marginal(returns, np.array([0.5, 0.5]), 0.95)).all()
    assert np.isnan(tails.incremental(returns, np.array([0.5, 0.5]), 0.95)).all()


def test_every_loss_may_be_drawn() -> None:
    found = tails.interval(np.array([0.0, 1.0]), tails.historical, 0.95, block=1, seed=5, draws=400)
    assert found.low < 0.0 < 1.0 < found.high  # a draw of nothing has no logarithm


def test_a_share_that_is_whole_despite_binary_fractions_stays_whole() -> None:
    losses = sample(4, 100)
    assert tails.peaks_over_threshold(losses, 0.95, share=0.29) == tails.peaks_over_threshold(losses, 0.95, share=0.291)


@pytest.mark.parametrize(("rows", "horizon"), [(1251, 10), (1260, 1), (65, 1), (30, 10), (5, 1), (1, 1)])
@pytest.mark.parametrize("shape", ["heavy", "ties", "falling"])
def test_the_fast_interval_is_the_plain_one(rows: int, horizon: int, shape: str) -> None:
    drawn = np.random.default_rng(rows).standard_t(3, rows)
    losses = {"heavy": drawn, "ties": np.round(drawn), "falling": -np.arange(float(rows))}[shape]
    block, seed = tails.block_length(rows, horizon), tails.seed_of((rows,))
    plain = tails.interval(losses, tails.historical, 0.95, block=block, seed=seed, draws=300)
    fast = tails.historical_interval(losses, 0.95, block=block, seed=seed, draws=300)
    assert tuple(fast) == pytest.approx(tuple(plain), rel=1e-12, abs=1e-12)


def test_the_fast_interval_measures_nothing_it_cannot_see() -> None:
    for losses in (np.empty(0), np.array([0.1, np.nan])):
        assert np.isnan(tails.historical_interval(losses, 0.95, block=1, seed=1)).all()

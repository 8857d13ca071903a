"""Parametric tail estimators (Cornish-Fisher, peaks over threshold) and bootstrap intervals of CVaR (R2).

Every estimator takes equally likely losses (a loss positive, unit and horizon the caller's) along the last axis, so
that many samples are measured in one pass, and returns NaN where it does not apply: NaN never passes a limit (U6).

Cornish and Fisher (1938), "Moments and cumulants in the specification of distributions"; the mean beyond the quantile
in closed form as in Maillard (2012), "A user's guide to the Cornish Fisher expansion". Peaks over a threshold as in
McNeil and Frey (2000), Journal of Empirical Finance 7, 271-300, fitted by probability-weighted moments: Hosking and
Wallis (1987), Technometrics 29(3), 339-349. Moving blocks: Künsch (1989), Annals of Statistics 17(3), 1217-1241.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.cvar import cvar, cvar_of_each, tail_mass, tail_weights, value_at_risk
from plimsoll.measures.linear import average, combine

Floats = NDArray[np.float64]

_REACH = 4.0  # standard deviations; a normal variable lies beyond once in 16,000
_EXPONENTIAL = 1e-8  # shapes closer to zero use the exponential limit: the formula would divide by them
_FEWEST = 10  # least number of losses beyond the threshold for a fit of two parameters
_AT_ONCE = 2_000_000  # resampled losses held in memory together


class Tail(NamedTuple):
    """Value at risk and CVaR of each sample, shaped like the losses without their last axis."""

    var: Floats
    cvar: Floats


class Interval(NamedTuple):
    """Bootstrap intervals of an estimate: ``low`` to ``high`` two-sided, ``upper`` one-sided, of the same coverage."""

    low: float
    high: float
    upper: float


Estimator = Callable[[Floats, float], Tail]


def historical(losses: Floats, confidence: float) -> Tail:
    """The empirical tail of (..., T) losses: ``measures.cvar`` of each sample."""
    rows = losses.reshape(-1, losses.shape[-1])
    var = np.array([value_at_risk(row, confidence) for row in rows])
    return Tail(var.reshape(losses.shape[:-1]), cvar_of_each(rows, confidence).reshape(losses.shape[:-1]))


def cornish_fisher(losses: Floats, confidence: float) -> Tail:
    """Normal tail adjusted for the sample's skewness and excess kurtosis, from (..., T) losses.

    With z normal and g(z) = z + (z² - 1)S/6 + (z³ - 3z)K/24 - (2z³ - 5z)S²/36 the loss is mean + sd·g(z). Moments are
    the sample's own (divisor T). NaN where g is not monotone in the tail: where, within four standard deviations, it
    falls beyond the quantile's z or exceeds its value there before it. A constant sample is its own tail.
    """
    z = NormalDist().inv_cdf(confidence)
    density = NormalDist().pdf(z) / (1.0 - confidence)  # E[z | beyond]; E[z²] and E[z³] follow by parts
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = losses.mean(axis=-1)
        centred = losses - mean[..., None]
        square = centred * centred
        variance = square.mean(axis=-1)
        sd = np.sqrt(variance)
        skew = np.where(sd > 0.0, (square * centred).mean(axis=-1) / sd**3, 0.0)
        excess = np.where(sd > 0.0, (square * square).mean(axis=-1) / variance**2 - 3.0, 0.0)
    a = excess / 24.0 - skew**2 / 18.0
    b = skew / 6.0
    c = 1.0 - excess / 8.0 + 5.0 * skew**2 / 36.0
    quantile = _cubic(a, b, c, z)
    first, second, third = density, 1.0 + z * density, (z * z + 2.0) * density
    beyond = a * third + b * (second - 1.0) + c * first
    ordered = _ordered(a, b, c, z, quantile)
    return Tail(np.where(ordered, mean + sd * quantile, np.nan), np.where(ordered, mean + sd * beyond, np.nan))


def _cubic(a: Floats, b: Floats, c: Floats, z: Floats | float) -> Floats:
    return np.asarray(((a * z + b) * z + c) * z - b)


def _ordered(a: Floats, b: Floats, c: Floats, z: float, quantile: Floats) -> NDArray[np.bool_]:
    """Whether the cubic rises beyond ``z`` and stays at or below its value there before it.

    It suffices to check the ends of the range and the two roots of the slope 3az² + 2bz + c.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(b * b - 3.0 * a * c)
        turns = [(-b - root) / (3.0 * a), (-b + root) / (3.0 * a), np.where(a == 0.0, -c / (2.0 * b), np.nan)]
        fine = np.isfinite(quantile) & (_cubic(a, b, c, -_REACH) <= quantile) & (_cubic(a, b, c, _REACH) >= quantile)
        for turn in turns:
            seen = np.isfinite(turn) & (np.abs(turn) <= _REACH)
            fine &= ~(seen & ((turn > z) | (_cubic(a, b, c, turn) > quantile)))
    return np.asarray(fine)


def peaks_over_threshold(losses: Floats, confidence: float, *, share: float = 0.10) -> Tail:
    """A generalised Pareto tail fitted to the worst ``share`` of (..., T) losses.

    The threshold is the largest loss outside that share. With k of T losses beyond it, excesses y ascending, their
    mean m₀ and m₁ = Σ yⱼ (k - j)/(k - 1)/k: shape ξ = 2 - m₀/(m₀ - 2m₁), scale β = 2m₀m₁/(m₀ - 2m₁). NaN with fewer
    than ten losses beyond it, a quantile not beyond the threshold, excesses without spread, or ξ >= 1 (infinite mean).
    """
    size = losses.shape[-1]
    k = int(share * size + 1e-9)
    if k < _FEWEST or (1.0 - confidence) * size > k or k >= size:
        nothing = np.full(losses.shape[:-1], np.nan)
        return Tail(nothing, nothing.copy())
    worst = np.sort(np.partition(losses, size - k - 1, axis=-1)[..., size - k - 1 :], axis=-1)
    threshold, excess = worst[..., 0], worst[..., 1:] - worst[..., :1]
    m0 = excess.mean(axis=-1)
    m1 = (excess * np.arange(k - 1, -1, -1.0)).mean(axis=-1) / (k - 1)
    spread = m0 - 2.0 * m1
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = np.where(spread > 1e-12 * m0, 2.0 - m0 / spread, np.nan)
        scale = np.where(spread > 1e-12 * m0, 2.0 * m0 * m1 / spread, np.nan)
        depth = np.log(k / size / (1.0 - confidence))
        bent = np.abs(shape) > _EXPONENTIAL
        reach = np.where(bent, np.expm1(shape * depth) / np.where(bent, shape, 1.0), depth)
        var = threshold + scale * reach
        beyond = (var + scale - shape * threshold) / (1.0 - shape)
        valid = shape < 1.0
    return Tail(np.where(valid, var, np.nan), np.where(valid, beyond, np.nan))


def marginal(returns: Floats, weights: Floats, confidence: float) -> Floats:
    """(k,) marginal CVaR, its derivative by each of the (k,) weights: the column's mean loss over the portfolio's tail.

    Times the weight it is the Euler contribution; it is defined for zero weights too.
    """
    weighting = tail_weights(-combine(returns, weights), confidence)
    rows = np.flatnonzero(weighting)  # NaN counts as nonzero, and stays
    return -average(weighting[rows], returns[rows])


def incremental(returns: Floats, weights: Floats, confidence: float) -> Floats:
    """(k,) CVaR of the portfolio less its CVaR with each position sold for cash; negative for a hedge."""
    whole = -combine(returns, weights)
    book = cvar(whole, confidence)
    parts = [cvar(whole + returns[:, i] * weights[i], confidence) for i in range(weights.size)]
    return book - np.array(parts, dtype=np.float64)


def block_length(size: int, horizon: int) -> int:
    """Block length of the bootstrap: the cube root of the sample (Künsch's rate) plus the overlap of the windows.

    >>> block_length(1260, 1), block_length(1251, 10)
    (11, 20)
    """
    root = next(n for n in range(1, size + 2) if n**3 >= size)
    return min(root + horizon - 1, max(size, 1))


def seed_of(shape: tuple[int, ...]) -> int:
    """Seed derived from the shape of a sample alone, so that results are reproducible (U9)."""
    seed = 0
    for length in shape:
        seed = (seed * 1_000_003 + length) % 2**64
    return seed


def interval(
    losses: Floats,
    estimator: Estimator,
    confidence: float,
    *,
    block: int,
    seed: int,
    draws: int = 1000,
    coverage: float = 0.95,
) -> Interval:
    """Interval of the CVaR of (T,) losses by a moving-block bootstrap: see ``_ends``.

    Each of ``draws`` samples of size T consists of blocks of ``block`` consecutive losses that begin at random, the
    last block truncated. ``coverage`` holds separately for the two-sided interval and the one-sided upper bound. A draw
    with a NaN estimate counts against both ends: with too many of them the end is NaN. Deterministic.
    """
    size = losses.size
    if not size or np.isnan(losses).any():
        return Interval(np.nan, np.nan, np.nan)
    found = np.empty(draws)
    first = 0
    for rows in _resamples(size, block, seed, draws):
        found[first : first + len(rows)] = estimator(losses[rows], confidence).cvar
        first += len(rows)
    value = float(estimator(losses[np.newaxis], confidence).cvar[0])
    return _ends(found, value, _degrees(size, block, confidence), coverage)


def historical_interval(
    losses: Floats, confidence: float, *, block: int, seed: int, draws: int = 1000, coverage: float = 0.95
) -> Interval:
    """``interval`` of the ``historical`` estimator, some fifty times faster for many samples of one size.

    How often each row is in each draw does not depend on the losses, so it is counted once per size; the CVaR of a draw
    is then a sum over the largest losses, each as often as it was drawn, until the tail is full.
    """
    size = losses.size
    if not size or np.isnan(losses).any():
        return Interval(np.nan, np.nan, np.nan)
    times = _times_drawn(size, block, seed, draws)
    mass = tail_mass(size, confidence)
    order = np.argsort(-losses, kind="stable")
    reach = min(max(3 * int(mass) + 1, 16), size)
    filled = np.cumsum(times[order[:reach]], axis=0, dtype=np.int32)
    while filled[-1].min() < mass and reach < size:
        reach = min(2 * reach, size)
        filled = np.cumsum(times[order[:reach]], axis=0, dtype=np.int32)
    worst = losses[order[:reach]]
    steps = np.append(worst[:-1] - worst[1:], worst[-1])  # Abel summation: rows filled so far times the next step down
    found = average(steps, np.minimum(filled, mass)) / mass
    return _ends(found, cvar(losses, confidence), _degrees(size, block, confidence), coverage)


@lru_cache(maxsize=8)
def _times_drawn(size: int, block: int, seed: int, draws: int) -> NDArray[np.int16]:
    """(size, draws) count of each row in each draw of ``interval``, from where its blocks begin and end."""
    length, begins = _blocks(size, block, seed, draws)
    ends = begins + length
    ends[:, -1] -= begins.shape[1] * length - size  # the last block is cut
    steps = (_counted(begins, size) - _counted(ends, size)).reshape(size + 1, draws)
    times = np.cumsum(steps[:size], axis=0, dtype=np.int16)
    times.setflags(write=False)
    return times


def _counted(rows: NDArray[np.int64], size: int) -> NDArray[np.int16]:
    """Count of each row up to ``size`` in each draw, flat by row."""
    draws = len(rows)
    return np.bincount((rows * draws + np.arange(draws)[:, np.newaxis]).ravel(), minlength=(size + 1) * draws).astype(
        np.int16
    )


def _resamples(size: int, block: int, seed: int, draws: int) -> Iterator[NDArray[np.int64]]:
    """Row indices of the draws, (draws, size) in batches: moving blocks, the last one truncated."""
    length, begins = _blocks(size, block, seed, draws)
    batch = max(_AT_ONCE // size, 1)
    for first in range(0, draws, batch):
        rows = begins[first : first + batch, :, np.newaxis] + np.arange(length)
        yield rows.reshape(len(rows), -1)[:, :size]


def _blocks(size: int, block: int, seed: int, draws: int) -> tuple[int, NDArray[np.int64]]:
    """Length of the moving blocks, and the first row of each block of each draw, (draws, blocks)."""
    length = min(max(block, 1), size)
    blocks = -(-size // length)
    return length, (_uniform(seed, draws * blocks) * (size - length + 1)).astype(np.int64).reshape(draws, blocks)


def _degrees(size: int, block: int, confidence: float) -> int:
    """Degrees of freedom of a CVaR estimate: separate blocks in its tail less one, at least one."""
    return max(int(tail_mass(size, confidence) / max(block, 1)) - 1, 1)


def _ends(found: Floats, value: float, degrees: int, coverage: float) -> Interval:
    """Ends of the interval from (draws,) bootstrap estimates: the logarithm of ``value`` corrected for the bootstrap
    bias, plus and minus Student's quantile times the bootstrap standard deviation.

    Percentiles of the draws cover much less than their nominal share: a tail holds few separate blocks, the draws are
    biased low and skewed, and their spread is itself uncertain (`benchmarks/bench_interval.py`). No logarithm is taken
    where a figure is not positive. A draw without an estimate counts against every end; with too many, ends are NaN.
    """
    known = found[np.isfinite(found)]
    if known.size < 2 or found.size - known.size > (1.0 - coverage) / 2.0 * found.size or not np.isfinite(value):
        return Interval(float("nan"), float("nan"), float("nan"))
    positive = value > 0.0 and bool((known > 0.0).all())
    drawn, centre = (np.log(known), math.log(value)) if positive else (known, value)
    centre -= float(drawn.mean()) - centre
    spread = float(drawn.std(ddof=1))
    both, one = student_quantile((1.0 + coverage) / 2.0, degrees), student_quantile(coverage, degrees)
    ends = (centre - both * spread, centre + both * spread, centre + one * spread)
    return Interval(*(math.exp(min(end, 700.0)) if positive else end for end in ends))


@lru_cache(maxsize=64)
def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t for a probability above 1/2 and a whole number of degrees of freedom.

    By bisection of the closed-form distribution function: Abramowitz and Stegun (1964), 26.7.3 and 26.7.4.

    >>> round(student_quantile(0.95, 2), 4), round(student_quantile(0.975, 9), 4)
    (2.92, 2.2622)
    """
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _student(middle, degrees) < probability else (low, middle)
    return 0.5 * (low + high)


def _student(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0."""
    angle = math.atan2(t, math.sqrt(degrees))
    square, sine = math.cos(angle) ** 2, math.sin(angle)
    odd = degrees % 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(2 + odd, degrees, 2):
        term *= square * (k - 1) / k
        total += term
    inside = (2.0 / math.pi) * (angle + (sine * total if degrees > 1 else 0.0)) if odd else sine * total
    return 0.5 * (1.0 + inside)


def _uniform(seed: int, count: int) -> Floats:
    """(count,) numbers in [0, 1) by SplitMix64 of a counter: independent of library versions.

    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", figure 15.
    """
    bits = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53)

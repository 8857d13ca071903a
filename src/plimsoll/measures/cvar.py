"""Conditional value at risk of equally likely scenarios (R2, U3).

Auction, gates and report share this definition: the mean of the worst ``1 - confidence`` share of T scenarios,
the scenario at the boundary counted by the fraction of it in the tail. It equals Rockafellar and
Uryasev (2000), "Optimization of Conditional Value-at-Risk", Journal of Risk 2(3), 21-41, eq. 4 at its minimiser.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.linear import average, combine

Floats = NDArray[np.float64]

_WHOLE = 1e-9  # relative: 1 - 0.95 is not exactly 0.05, and 63.00000000000006 rows are 63


@lru_cache(maxsize=256)
def _tail(size: int, confidence: float) -> tuple[float, int, float]:
    """Rows in the tail as a real number, the number of whole ones, and the fraction of the boundary row."""
    mass = size * (1.0 - confidence)
    nearest = round(mass)
    if nearest > 0 and abs(mass - nearest) <= _WHOLE * size:
        return float(nearest), nearest, 0.0
    whole = int(mass)
    return mass, whole, mass - whole


def tail_mass(size: int, confidence: float) -> float:
    """Number of rows, a real number, in the worst ``1 - confidence`` share of ``size`` equally likely ones.

    >>> tail_mass(1260, 0.95), round(tail_mass(1251, 0.95), 2)
    (63.0, 62.55)
    """
    return _tail(size, confidence)[0]


def cvar(losses: Floats, confidence: float) -> float:
    """Mean of the worst ``1 - confidence`` share of equally likely losses.

    Parameters
    ----------
    losses : float64, shape (T,)
        A loss is positive; the unit and horizon are the caller's and those of the result.
    confidence : float
        In (0, 1); the default policy uses 0.95.

    Returns
    -------
    float
        NaN for an empty array or when any loss is NaN. Bit-identical for any order of the scenarios.
    """
    return cvar_of(losses.copy(), confidence)


def cvar_of(losses: Floats, confidence: float) -> float:
    """``cvar`` of losses that may be reordered in place."""
    size = losses.size
    if size == 0:
        return float("nan")
    mass, whole, fraction = _tail(size, confidence)
    rank = size - 1 - whole if fraction else size - whole
    losses.partition(rank)
    worst = losses[rank:]  # NaN sorts last, so it is in every tail
    worst.sort()
    if fraction:
        return (float(np.add.reduce(worst[1:])) + fraction * worst.item(0)) / mass
    return float(np.add.reduce(worst)) / mass


def cvar_of_each(losses: Floats, confidence: float) -> Floats:
    """``cvar`` of each row of (k, T) losses, (k,): one pass, bit-identical to one row at a time."""
    return cvar_of_rows(np.array(losses, dtype=np.float64, order="C"), confidence)  # sums along C order alone


def cvar_of_rows(losses: Floats, confidence: float) -> Floats:
    """``cvar_of_each`` of C-ordered losses whose rows may be reordered in place."""
    size = losses.shape[1]
    if size == 0:
        return np.full(len(losses), np.nan)
    mass, whole, fraction = _tail(size, confidence)
    rank = size - 1 - whole if fraction else size - whole
    losses.partition(rank, axis=1)  # NaN goes last, so it is in every tail
    worst = losses[:, rank:]
    worst.sort(axis=1)
    if fraction:
        return np.asarray((worst[:, 1:].sum(axis=1) + fraction * worst[:, 0]) / mass)
    return np.asarray(worst.sum(axis=1) / mass)


def value_at_risk(losses: Floats, confidence: float) -> float:
    """The smallest loss that a share ``confidence`` of the (T,) scenarios does not exceed; NaN as in `cvar`."""
    size = losses.size
    if size == 0 or np.isnan(losses).any():
        return float("nan")
    rank = max(size - 1 - _tail(size, confidence)[1], 0)
    return float(np.partition(losses, rank)[rank])


def tail_weights(losses: Floats, confidence: float) -> Floats:
    """Weight of each (T,) scenario in the CVaR: nonnegative, sum 1, ``tail_weights @ losses`` is the CVaR.

    Rows beyond the boundary weigh 1 / (T (1 - confidence)), the boundary row its fraction of that; ties go to the
    earlier row, so the result does not depend on the sorting algorithm. All NaN when a loss is NaN.
    """
    size = losses.size
    if size == 0 or np.isnan(losses).any():
        return np.full(size, np.nan)
    mass, whole, _ = _tail(size, confidence)
    rank = max(size - 1 - whole, 0)
    boundary = np.partition(losses, rank)[rank]
    weights: Floats = (losses > boundary).astype(np.float64)
    left = mass - weights.sum()
    ties = np.flatnonzero(losses == boundary)
    weights[ties] = np.clip(left - np.arange(ties.size), 0.0, 1.0)
    return weights / mass


def euler(returns: Floats, weights: Floats, confidence: float) -> Floats:
    """Euler contributions of (k,) weights to the portfolio's CVaR: they sum to ``cvar(-returns @ weights)``.

    Parameters
    ----------
    returns : float64, shape (T, k)
        Equally likely simple returns, a gain positive.
    weights : float64, shape (k,)
        Fractions of NAV.

    Returns
    -------
    float64, shape (k,)
        w_i times the mean loss of column i over the portfolio's tail (fractional boundary); negative for a hedge.
        Tasche (1999), "Risk contributions and performance measurement", section 5.
    """
    weighting = tail_weights(-combine(returns, weights), confidence)
    rows = np.flatnonzero(weighting)  # NaN counts as nonzero, and stays
    return -average(weighting[rows], returns[rows]) * weights


@lru_cache(maxsize=16)
def normal_cvar(confidence: float) -> float:
    """CVaR of a standard normal loss, phi(z) / (1 - c) at its quantile z: 2.063 standard deviations at 95 %.

    >>> round(normal_cvar(0.95), 3)
    2.063
    """
    from statistics import NormalDist  # slow to import, and needed at auctions only

    normal = NormalDist()
    return normal.pdf(normal.inv_cdf(confidence)) / (1.0 - confidence)

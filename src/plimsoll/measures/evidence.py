"""Statistical evidence in a track record: probabilistic Sharpe ratio, rank and serial correlation.

References
----------
Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", Journal of Risk 15(2), equations 7 to 11, after
Mertens (2002) on the variance of a Sharpe ratio of returns that are not normal.
Fieller, Hartley and Pearson (1957), "Tests for rank correlation coefficients I", Biometrika 44.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.sessions import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

_FLAT = 1e-15  # deviation of a session's returns up to which they are constant


class Sharpe(NamedTuple):
    """A Sharpe ratio of session returns, not annualised, and its standard error."""

    ratio: float
    error: float

    @property
    def annual(self) -> float:
        """The annualised ratio: times the square root of 252."""
        return self.ratio * math.sqrt(SESSIONS_A_YEAR)

    def above(self, benchmark: float) -> float:
        """P(true ratio > ``benchmark``), an annual ratio: the probabilistic Sharpe ratio, equation 11.

        >>> round(Sharpe(0.1, 0.05).above(0.0), 4)
        0.9772
        """
        distance = (self.ratio - benchmark / math.sqrt(SESSIONS_A_YEAR)) / self.error
        return 0.5 * math.erfc(-distance / math.sqrt(2.0))


def sharpe_estimate(returns: Floats) -> Sharpe | None:
    """The Sharpe ratio of (n,) finite session returns in excess of the risk-free rate, with its standard error.

    The error is the root of (1 - g3 S + (g4 - 1) / 4 S^2) / (n - 1) with the sample's own skewness g3 and kurtosis g4,
    3 when normal (equation 8); returns are taken as independent. None below three returns or without variance.
    """
    n = returns.size
    if n < 3:
        return None
    mean = float(returns.sum()) / n
    deviation = returns - mean
    square = deviation * deviation
    second = float(square.sum()) / n
    if not second > _FLAT**2:
        return None
    ratio = mean / math.sqrt(second * n / (n - 1))
    skewness = float((square * deviation).sum()) / n / second**1.5
    kurtosis = float((square * square).sum()) / n / second**2
    variance = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    return Sharpe(ratio, math.sqrt(variance / (n - 1))) if variance > 0.0 else None


def rank_correlation(x: Floats, y: Floats) -> float | None:
    """Spearman's correlation of two (n,) samples, ties at their mean rank; None where either is constant."""
    if x.size < 3:
        return None
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0.0 else None


def _ranks(values: Floats) -> Floats:
    order = values.argsort(kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    after = np.concatenate([first[1:], [values.size]])
    ranks = np.empty(values.size)
    ranks[order] = np.repeat((first + after + 1) / 2.0, after - first)
    return ranks


def correlation_upper(correlation: float, periods: int, confidence: float) -> float | None:
    """One-sided upper bound of a rank correlation over ``periods`` independent observations (Fisher's z, error
    root 1.06 / (n - 3) for ranks); None below four.
    """
    if periods < 4:
        return None
    if abs(correlation) >= 1.0:
        return math.copysign(1.0, correlation)
    return math.tanh(math.atanh(correlation) + normal_quantile(confidence) * math.sqrt(1.06 / (periods - 3)))


def separate(made: Floats, matured: Floats) -> int:
    """The largest number of non-overlapping spans among those from (n,) ``made`` to ``matured``: the number of
    independent forecasts.
    """
    count, free = 0, -math.inf
    for end, begin in sorted(set(zip(matured.tolist(), made.tolist(), strict=True))):
        if begin >= free:
            count, free = count + 1, end
    return count


def serial_correlation(returns: Floats) -> float | None:
    """First-order autocorrelation of (n,) returns; None where they are constant."""
    if returns.size < 3 or not np.isfinite(returns).all():
        return None
    deviation = returns - returns.mean()
    scale = float((deviation * deviation).sum())
    return float((deviation[1:] * deviation[:-1]).sum()) / scale if scale > returns.size * _FLAT**2 else None


@lru_cache(maxsize=16)
def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution.

    >>> round(normal_quantile(0.95), 3)
    1.645
    """
    from statistics import NormalDist  # slow to import, and needed once a month only

    return NormalDist().inv_cdf(probability)

"""What a track record can show: the probabilistic Sharpe ratio, rank correlation and serial correlation.

References
----------
Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", Journal of Risk 15(2), equations 7 to 11, after
Mertens (2002) on the variance of a Sharpe ratio of returns that are not normal.
Fieller, Hartley and Pearson (1957), "Tests for rank correlation coefficients I", Biometrika 44.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.performance import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

_FLAT = 1e-15  # deviation of a session's returns up to which they are constant


def probabilistic_sharpe(returns: Floats, benchmark: float) -> float | None:
    """P(true Sharpe > ``benchmark``) given (n,) session returns in excess of the bill; ``benchmark`` is annual.

    The probability that a normal estimate with the standard error of equation 8 lies above the benchmark, in units of a
    session (the benchmark over root 252): skewness and kurtosis are the sample's own, kurtosis not in excess (3 when
    normal). Returns are taken as independent. None below three returns, without variance, or where one is not finite.
    """
    n = returns.size
    if n < 3 or not np.isfinite(returns).all():
        return None
    deviation = returns - returns.mean()
    second = float(np.mean(deviation**2))
    if not second > _FLAT**2:
        return None
    sharpe = float(returns.mean()) / math.sqrt(second * n / (n - 1))
    skewness = float(np.mean(deviation**3)) / second**1.5
    kurtosis = float(np.mean(deviation**4)) / second**2
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if not variance > 0.0:
        return None
    distance = (sharpe - benchmark / math.sqrt(SESSIONS_A_YEAR)) * math.sqrt((n - 1) / variance)
    return 0.5 * math.erfc(-distance / math.sqrt(2.0))


def rank_correlation(x: Floats, y: Floats) -> float | None:
    """Spearman's correlation of two (n,) samples, ties at their mean rank; None where either does not vary."""
    if x.size < 3:
        return None
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0.0 else None


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place])


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
    """How many of the spans from (n,) ``made`` to ``matured`` can be chosen so that none overlaps another: the
    forecasts that observe different weeks.
    """
    count, free = 0, -math.inf
    for end, begin in sorted(set(zip(matured.tolist(), made.tolist(), strict=True))):
        if begin >= free:
            count, free = count + 1, end
    return count


def serial_correlation(returns: Floats) -> float | None:
    """Correlation of (n,) returns with those of the session before; None where they do not vary."""
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

"""Performance relative to a benchmark: alpha, beta, capture ratios and tracking error (U4, U6).

References
----------
Jensen (1968), "The performance of mutual funds in the period 1945-1964", Journal of Finance 23: alpha and beta.
Newey and West (1987), Econometrica 55; (1994), Review of Economic Studies 61, for the lags: the error of alpha.
Goodwin (1998), "The information ratio", Financial Analysts Journal 54(4).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.sessions import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

_FEWEST = 20  # least number of returns for a regression
_FLAT = 1e-12  # deviation of a session's returns up to which they are constant


class Relative(msgspec.Struct, frozen=True):
    """Figures against a benchmark; each is None where it cannot be measured (U6).

    ``alpha`` is the intercept of the regression of 1-session excess returns on the benchmark's, times 252: a fraction
    a year, not compounded; ``alpha_t`` is its t-statistic with heteroskedasticity and autocorrelation consistent
    errors. ``beta`` and ``correlation`` use the same returns; where the risk-free rate is unknown they use plain
    returns and ``alpha`` is None. ``tracking_error`` is the annual standard deviation of the return difference;
    ``information_ratio`` the annual mean of the difference over it. ``up_capture`` and ``down_capture`` are ratios of
    geometric mean monthly returns over the calendar months in which the benchmark rose, and in which it fell.
    """

    alpha: float | None = None
    alpha_t: float | None = None
    beta: float | None = None
    correlation: float | None = None
    tracking_error: float | None = None
    information_ratio: float | None = None
    up_capture: float | None = None
    down_capture: float | None = None


def relative(
    returns: Floats, market: Floats, risk_free: Floats | None, months: Floats, market_months: Floats
) -> Relative:
    """Figures of (T,) 1-session returns against (T,) of the benchmark.

    ``risk_free`` (T,) are the risk-free returns; ``months`` and ``market_months`` the monthly returns of both.
    """
    active = returns - market
    if returns.size < _FEWEST or not np.isfinite(active).all():
        return Relative()
    over, against = (returns, market) if risk_free is None else (returns - risk_free, market - risk_free)
    line = regression(over, against)
    deviation = float(active.std(ddof=1))
    moves = deviation > _FLAT
    return Relative(
        alpha=None if line is None or risk_free is None else line[0] * SESSIONS_A_YEAR,
        alpha_t=None if line is None or risk_free is None else line[2],
        beta=None if line is None else line[1],
        correlation=correlation(over, against),
        tracking_error=deviation * math.sqrt(SESSIONS_A_YEAR),
        information_ratio=float(active.mean()) / deviation * math.sqrt(SESSIONS_A_YEAR) if moves else None,
        up_capture=capture(months, market_months, market_months > 0.0),
        down_capture=capture(months, market_months, market_months < 0.0),
    )


def regression(y: Floats, x: Floats) -> tuple[float, float, float | None] | None:
    """Intercept and slope of (T,) ``y`` on ``x`` by least squares, and the t-statistic of the intercept.

    Errors after Newey and West, Bartlett weights up to the lag 4 (T / 100)^(2/9), scaled by T / (T - 2). None without
    dispersion of ``x``; no statistic where the line fits without error.
    """
    if x.size < 3 or float(x.std()) <= _FLAT:
        return None
    design = np.column_stack([np.ones(x.size), x])
    bread = np.linalg.inv(design.T @ design)
    intercept, slope = (bread @ (design.T @ y)).tolist()
    scores = design * (y - intercept - slope * x)[:, None]
    meat = scores.T @ scores
    lags = int(4.0 * (x.size / 100.0) ** (2.0 / 9.0))
    for lag in range(1, min(lags, x.size - 1) + 1):
        part = scores[lag:].T @ scores[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (part + part.T)
    variance = float((bread @ meat @ bread)[0, 0]) * x.size / (x.size - 2)
    return intercept, slope, intercept / math.sqrt(variance) if variance > _FLAT**2 else None


def correlation(y: Floats, x: Floats) -> float | None:
    """Correlation of two (T,) samples; None where either is constant."""
    if x.size < 3 or min(float(x.std()), float(y.std())) <= _FLAT:
        return None
    return float(np.corrcoef(y, x)[0, 1])


def capture(months: Floats, market: Floats, which: NDArray[np.bool_]) -> float | None:
    """Geometric mean return of the months ``which`` over the benchmark's; None when there are none."""
    if not which.any():
        return None
    own, other = (math.expm1(float(np.log1p(part[which]).mean())) for part in (months, market))
    return own / other


def rolling_beta(returns: Floats, market: Floats, window: int) -> Floats:
    """(T + 1,) beta over the last ``window`` of (T,) returns; NaN before a full window and where the benchmark was
    constant.
    """
    found = np.full(returns.size + 1, np.nan)
    if returns.size < window:
        return found
    own, other = (np.lib.stride_tricks.sliding_window_view(part, window) for part in (returns, market))
    centred = other - other.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    known = spread > window * _FLAT**2
    found[window:][known] = (centred * own).sum(axis=1)[known] / spread[known]
    return found

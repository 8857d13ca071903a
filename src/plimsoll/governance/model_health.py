"""Model health: the decay factor of a strategy's forecasts (G6).

Pure functions of evidence. The factor is the product of three: age since the last validation, forecast error against
the naive forecast, and a flip of the autocorrelation of the strategy's contributions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import HealthPolicy
from plimsoll.measures.evidence import (
    correlation_upper,
    normal_quantile,
    rank_correlation,
    separate,
    serial_correlation,
)

Floats = NDArray[np.float64]


class ModelCheck(NamedTuple):
    """The monthly walk-forward check: rank correlation of forecasts and outcomes, its upper bound, and the verdict."""

    correlation: float | None
    bound: float | None
    passed: bool


def age_factor(age: float, policy: HealthPolicy) -> float:
    """1 up to ``age_full`` sessions since the last validation, linear to 0 at ``age_zero``; an unknown age is 0.

    >>> age_factor(90, HealthPolicy()), age_factor(135, HealthPolicy()), age_factor(180, HealthPolicy())
    (1.0, 0.5, 0.0)
    """
    if age <= policy.age_full:
        return 1.0
    if not age < policy.age_zero:
        return 0.0
    return (policy.age_zero - age) / (policy.age_zero - policy.age_full)


def error_factor(error: float | None, policy: HealthPolicy) -> float:
    """exp(-rate x (e - free)) above ``error_free``, else 1. An absent error does not decay (it bars promotion, G5);
    NaN gives 0.
    """
    if error is None or error <= policy.error_free:
        return 1.0
    return math.exp(-policy.error_rate * (error - policy.error_free)) if error > policy.error_free else 0.0


def decay(age: float, error: float | None, flipped: bool, policy: HealthPolicy) -> float:
    """The decay factor of a strategy's bids, in [0, 1] (A2); below ``auction.decay_min`` they are refused (A1)."""
    flip = policy.flip_factor if flipped else 1.0
    return age_factor(age, policy) * error_factor(error, policy) * flip


def forecast_error(outcomes: Floats, policy: HealthPolicy) -> float | None:
    """max(0, RMSE / RMSE of the naive forecast - 1) over the last ``forecasts`` matured ones.

    ``outcomes`` (k, 4) as ``Track.outcomes`` gives them, oldest first. The naive forecast is an excess return of zero.
    Absent below ``forecasts_min``, and where prices did not move.
    """
    recent = outcomes[-policy.forecasts :]
    if len(recent) < policy.forecasts_min:
        return None
    expected, happened = recent[:, 2], recent[:, 3]
    naive = float((happened**2).sum())
    if not naive > 0.0:
        return None
    return max(0.0, math.sqrt(float(((expected - happened) ** 2).sum()) / naive) - 1.0)


def check(outcomes: Floats, session: int, policy: HealthPolicy) -> ModelCheck:
    """The monthly walk-forward check, for rules too: does the evidence contradict the forecasts?

    Passed where the rank correlation of forecasts with outcomes, over forecasts matured within
    ``check_window`` sessions of ``session``, has an upper confidence bound that is not below zero. Forecasts of one
    day, and days closer than their horizon, cover the same weeks: they count as one observation. With fewer than
    ``check_periods`` of those the check is not passed; identical forecasts have no ranks and are not contradicted.
    """
    recent = outcomes[outcomes[:, 0] > session - policy.check_window]
    periods = separate(recent[:, 1], recent[:, 0])
    if periods < policy.check_periods or not np.isfinite(recent).all():
        return ModelCheck(None, None, False)
    correlation = rank_correlation(recent[:, 2], recent[:, 3])
    if correlation is None:
        return ModelCheck(None, None, True)
    bound = correlation_upper(correlation, periods, policy.confidence)
    return ModelCheck(correlation, bound, bound is not None and bound >= 0.0)


def flipped(contributions: Floats, policy: HealthPolicy) -> bool:
    """True where the autocorrelation of (n,) contributions changed sign: over the last ``flip_recent`` sessions and the
    ``flip_before`` ahead of them, both beyond what chance gives (z / root n), with opposite signs.
    """
    now, before = policy.flip_recent, policy.flip_before
    known = contributions[-(now + before) :]
    if known.size < now + before:
        return False
    recent, earlier = serial_correlation(known[before:]), serial_correlation(known[:before])
    if recent is None or earlier is None:
        return False
    z = normal_quantile(policy.confidence)
    return abs(recent) > z / math.sqrt(now) and abs(earlier) > z / math.sqrt(before) and recent * earlier < 0.0

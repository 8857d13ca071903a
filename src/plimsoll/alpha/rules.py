"""Scores, signals and the forecast from a score: shared by the rule strategies (S1, S2)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from msgspec.structs import replace

from plimsoll.core.forecast import Forecast
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import SESSIONS_A_YEAR

Signal = Literal["STRONG_SELL", "SELL", "STRONG_BUY", "BUY", "HOLD"]
TREND_SESSIONS = 60  # the window of z60 (S2)


def horizon_sigma(volatility: float, horizon: int) -> float:
    """Standard deviation of the return over ``horizon`` sessions at annual ``volatility`` (S1)."""
    return volatility * math.sqrt(horizon / SESSIONS_A_YEAR)


def clipped(z: float, policy: Policy) -> float:
    """The score within plus or minus ``forecast.z_clip``; NaN stays NaN."""
    limit = policy.forecast.z_clip
    return z if math.isnan(z) else max(-limit, min(limit, z))


def expected_return(z: float, sigma_h: float, policy: Policy) -> float:
    """Expected return in excess of cash over the horizon of ``sigma_h``: IC x sigma x z (S1).

    References
    ----------
    Grinold (1994), "Alpha is volatility times IC times score", Journal of Portfolio Management 20(4), 9-16.

    >>> round(expected_return(3.0, 0.04, Policy()), 6)  # the score counts as 2
    0.004
    """
    return policy.forecast.ic * sigma_h * clipped(z, policy)


def conviction(mu: float, sigma_h: float, horizon: int) -> float:
    """``|mu| / sigma`` as an annual Sharpe ratio (S1); NaN when ``sigma_h`` is not positive."""
    if not sigma_h > 0.0:
        return math.nan
    return abs(mu) / sigma_h * math.sqrt(SESSIONS_A_YEAR / horizon)


def score_confidence(z: float, policy: Policy) -> float:
    """Confidence of a rule, in [1/2, 1]: ``1/2 + |z| / 4`` with the clipped score (S1)."""
    confidence = 0.5 + abs(clipped(z, policy)) / 4.0
    return min(confidence, 1.0)  # in this order NaN stays NaN


@lru_cache(maxsize=4096)
def rank_score(rank: int, count: int) -> float:
    """Normal score of the ``rank``-th of ``count`` in ascending order: the quantile at (rank - 1/2) / count (S1).

    >>> rank_score(1, 3) < rank_score(2, 3) == 0.0
    True
    """
    from statistics import NormalDist  # slow to import, and needed at auctions only

    return NormalDist().inv_cdf((rank - 0.5) / count)


def trend_score(momentum_60: float, volatility_60: float) -> float:
    """z60: momentum over 60 sessions in standard deviations; NaN without volatility (S2)."""
    if not volatility_60 > 0.0:
        return math.nan
    return momentum_60 / (volatility_60 * math.sqrt(TREND_SESSIONS / SESSIONS_A_YEAR))


def trend_signal(
    z: float,
    price: float,
    sma_20: float,
    sma_50: float,
    sma_200: float,
    momentum_120: float,
    vix_or_proxy: float,
    policy: Policy,
) -> Signal:
    """The trend signal: the first rule of the table that holds (S2).

    ``vix_or_proxy`` is VIX or its proxy, in points; NaN rules out only the strong buy. With any other input unknown
    the signal is HOLD: missing data neither buys nor sells (U6, E3).
    """
    if not all(map(math.isfinite, (z, price, sma_20, sma_50, sma_200, momentum_120))):
        return "HOLD"
    strong, weak = policy.strategies.score_strong, policy.strategies.score_weak
    if z < -strong and price < sma_200:
        return "STRONG_SELL"
    if z < -weak or price < sma_50:
        return "SELL"
    calm = vix_or_proxy < policy.forecast.vix_high
    if z > strong and price > sma_50 and price > sma_200 and momentum_120 > 0.0 and calm:
        return "STRONG_BUY"
    if z > weak and price > sma_20:
        return "BUY"
    return "HOLD"


def bid(symbol: str, z: float, volatility: float, confidence: float, reason: str, policy: Policy) -> Forecast | None:
    """A forecast of score ``z`` at the auction's horizon; None if score or annual volatility is unknown or zero."""
    if not (math.isfinite(z) and 0.0 < volatility < math.inf):
        return None
    horizon = policy.auction.horizon
    sigma = horizon_sigma(volatility, horizon)
    return Forecast(
        symbol=symbol,
        mu=expected_return(z, sigma, policy),
        sigma=sigma,
        confidence=confidence,
        horizon=horizon,
        reason=reason,
        score=clipped(z, policy),
    )


def keep(
    symbol: str, z: float, volatility: float, confidence: float, held: float, reason: str, policy: Policy
) -> Forecast | None:
    """A forecast that keeps the strategy's present weight ``held`` and never buys; None when nothing is held (S1).

    An unknown score or volatility counts as a score of zero: a missing indicator does not sell a holding.
    """
    if not held > 0.0:
        return None
    known = bid(symbol, z, volatility, confidence, reason, policy)
    if known is not None:
        return replace(known, target_weight=held, keep=True)
    return standing(symbol, held, 0.5, reason, policy.auction.horizon)


def standing(symbol: str, held: float, confidence: float, reason: str, horizon: int) -> Forecast:
    """A forecast of zero return that keeps the weight ``held``, for a symbol without usable data (S1, U6)."""
    return Forecast(symbol, 0.0, 1.0, confidence, horizon, reason, target_weight=held, keep=True)

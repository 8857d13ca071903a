"""Scores of the regime's probabilities against VIX and, independently, the benchmark (R8).

A crisis is a hidden state, so its proxy must be stated. By VIX: a close in the crisis band, where the counted
transitions begin it. By the benchmark: realised volatility (the root mean square of daily returns: Andersen and
Bollerslev 1998, International Economic Review 39(4), 885-905) in the same band, and a fall as deep as the first rung
of the drawdown ladder. VIX is a forecast of volatility and runs above what is realised, so the second is the
stricter of the two. Both are compared with P(crisis) at the outlook, the figure the rules act on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import Policy
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures import calibration

Floats = NDArray[np.float64]

EDGES = tuple(i / 10 for i in range(11))


class Tenth(msgspec.Struct, frozen=True):
    """Forecasts from ``low`` up to ``high``: how many, their mean, and the observed frequency of the outcome."""

    low: float
    high: float
    sessions: int
    forecast: float
    observed: float


class Score(msgspec.Struct, frozen=True):
    """One probability beside one outcome. Absent figures are those that the sample cannot tell (U6).

    ``forecast`` is ``crisis`` (at the horizon) or ``passage`` (at any session up to it); ``outcome`` is ``vix_at``,
    ``vix_within``, ``realised`` or ``fall``, and ``means`` the same in words. Outcomes of neighbouring sessions
    share their windows: ``apart`` is how many windows do not overlap, ``episodes`` how many separate stretches of
    sessions the outcome followed; the sample says no more than they do. ``brier_base`` is the score of always
    saying ``base_rate``, and ``skill`` is 1 - ``brier`` / ``brier_base``.
    """

    forecast: str
    outcome: str
    means: str
    horizon: int
    first: str
    last: str
    sessions: int
    left_out: int
    apart: int
    episodes: int
    base_rate: float | None
    mean_forecast: float | None
    brier: float | None
    brier_base: float | None
    skill: float | None
    reliability: tuple[Tenth, ...]


def by_vix(vix: Floats, band: float, sessions: int) -> tuple[Floats, Floats]:
    """The outcome of a forecast made at each row but the last ``sessions``: 1.0, 0.0, or NaN where unknown.

    Parameters
    ----------
    vix : (T,)
        Closes in points, NaN where absent.
    band : float
        VIX at or above it is the crisis band, as the counted transitions have it.
    sessions : int
        Horizon.

    Returns
    -------
    at, within : (max(T - sessions, 0),)
        Whether VIX was in the band at the horizon; whether it was on the row or any up to the horizon. One crisis
        seen decides the second; without one it is known only if every row is.
    """
    rows = max(len(vix) - sessions, 0)
    crisis = np.where(np.isfinite(vix), vix >= band, np.nan)
    ahead = np.stack([crisis[k : k + rows] for k in range(sessions + 1)])
    seen = (ahead == 1.0).any(axis=0)
    within = np.where(seen, 1.0, np.where(np.isnan(ahead).any(axis=0), np.nan, 0.0))
    return ahead[-1], within


def realised(returns: Floats, sessions: int) -> Floats:
    """Annual volatility of the ``sessions`` returns after each row but the last ``sessions``; NaN where one is absent.

    Around zero, not around their mean: a few sessions tell nothing of a mean.
    """
    rows = max(len(returns) - sessions, 0)
    squares = returns * returns
    total = np.zeros(rows)
    for k in range(1, sessions + 1):
        total += squares[k : k + rows]
    return np.sqrt(total * (SESSIONS_A_YEAR / sessions)) if sessions else np.full(rows, np.nan)


def deepest_fall(returns: Floats, sessions: int) -> Floats:
    """Largest fall below the row's own close at the close of any of the next ``sessions``, 0 for none.

    A fraction, of the (T,) returns compounded; NaN where one of them is absent. Shape (max(T - sessions, 0),).
    """
    rows = max(len(returns) - sessions, 0)
    growth, fall = np.ones(rows), np.zeros(rows)
    for k in range(1, sessions + 1):
        growth = growth * (1.0 + returns[k : k + rows])
        fall = np.maximum(fall, 1.0 - growth)  # NaN stays
    return fall


def scores(
    crisis: Floats, passage: Floats, vix: Floats, returns: Floats | None, dates: Sequence[str], policy: Policy
) -> tuple[Score, ...]:
    """Both probabilities beside VIX, and P(crisis) at the outlook beside the benchmark.

    Parameters
    ----------
    crisis, passage : (T,)
        P(crisis) at the outlook and at any session up to it, as known on each row; NaN where not known.
    vix : (T,)
        Closes in points.
    returns : (T,) or None
        Total returns of the benchmark, NaN on rows without a bar; None where the history has no benchmark.
    dates : ISO dates of the rows.
    """
    ahead, band = policy.regime.outlook, policy.regime.bands[1]
    at, within = by_vix(vix, band, ahead)
    found = [
        score(crisis, at, dates, ahead, "crisis", "vix_at", f"VIX at {band:g} or above {ahead} sessions later"),
        score(
            passage, within, dates, ahead, "passage", "vix_within",
            f"VIX at {band:g} or above on the session or any of the next {ahead}",
        ),
    ]  # fmt: skip
    if returns is not None and ahead:
        name = policy.backtest.benchmark
        volatility, fall = realised(returns, ahead), deepest_fall(returns, ahead)
        wild = np.where(np.isnan(volatility), np.nan, 100.0 * volatility >= band)
        means = f"realised volatility of {name} over the next {ahead} sessions at {band:g} % a year or above"
        found.append(score(crisis, wild, dates, ahead, "crisis", "realised", means))
        if policy.ladder.rungs:
            first = min(r.threshold for r in policy.ladder.rungs)
            fell = np.where(np.isnan(fall), np.nan, fall >= first)
            means = f"{name} at a close of the next {ahead} sessions down by {first:.0%} or more"
            found.append(score(crisis, fell, dates, ahead, "crisis", "fall", means))
    return tuple(found)


def score(
    said: Floats, came: Floats, dates: Sequence[str], horizon: int, forecast: str, outcome: str, means: str
) -> Score:
    """One probability (T,) and its outcome (T - horizon,): 1.0, 0.0 or NaN. Rows without either are left out."""
    told = said[: came.size]
    known = np.isfinite(told) & np.isfinite(came)
    predicted, happened = told[known], came[known] == 1.0
    rows = np.flatnonzero(known)
    begins = happened & np.append(True, ~happened[:-1] | (np.diff(rows) > 1))[: happened.size]
    return Score(
        forecast=forecast,
        outcome=outcome,
        means=means,
        horizon=horizon,
        first=dates[rows[0]] if rows.size else "",
        last=dates[rows[-1]] if rows.size else "",
        sessions=int(rows.size),
        left_out=len(dates) - int(rows.size),
        apart=int(rows.size) // max(horizon, 1),
        episodes=int(np.count_nonzero(begins)),
        base_rate=_known(float(happened.mean()) if rows.size else np.nan),
        mean_forecast=_known(float(predicted.mean()) if rows.size else np.nan),
        brier=_known(calibration.brier(predicted, happened)),
        brier_base=_known(calibration.brier_of_base_rate(happened)),
        skill=_known(calibration.skill(predicted, happened)),
        reliability=tuple(Tenth(*b) for b in calibration.reliability(predicted, happened, EDGES)),
    )


def _known(value: float) -> float | None:
    return value if value == value else None

"""Expected firings a year of each rung of the drawdown ladder (U7): a Monte Carlo without prices.

The portfolio is assumed to run at the highest volatility its CVaR budgets allow. This is conservative: the stressed
budget and idle cash usually keep it lower. Session returns are Student-t with zero mean. Drawdown scales the budgets
(R3); a rung cuts exposure to its ceiling and waits out its cooldown, then the episode's peak is rebased (R4, R5); the
mandate's end stops the path. Health checks and the re-entry ramp are left out: both only lower the figures.
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import AuctionPolicy, CvarPolicy, LadderPolicy, Policy, Rung
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.cvar import cvar

Floats = NDArray[np.float64]


class RungOdds(msgspec.Struct, frozen=True):
    """Expected firings of one rung per account and year, and the warning when there are too many (U7)."""

    rung: str
    threshold: float
    per_year: float
    warning: str = ""


class LadderOdds(msgspec.Struct, frozen=True):
    """Expected firings of every rung and the assumptions. ``volatility`` is annual, at full budget."""

    rungs: tuple[RungOdds, ...]
    volatility: float
    degrees_of_freedom: float
    paths: int
    years: int
    seed: int


def ladder_odds(
    policy: Policy, *, paths: int = 1000, years: int = 4, degrees_of_freedom: float = 5.0, seed: int = 20
) -> LadderOdds:
    """Simulate ``paths`` accounts for ``years`` and count the firings of each rung.

    Deterministic for a ``seed``. With 4,000 account-years the standard error of a rate of one a year is below 0.03.

    >>> ladder_odds(Policy(), paths=50, years=1).rungs[0].rung
    'level_1'
    """
    shocks = _shocks(paths, years * SESSIONS_A_YEAR, degrees_of_freedom, seed)
    daily = _volatility(policy.cvar, policy.auction.horizon, policy.auction.confidence, shocks)
    fired, lived = _walk(daily * shocks, policy.ladder, policy.cvar)
    rates = fired / max(lived / SESSIONS_A_YEAR, 1e-9)
    return LadderOdds(
        tuple(_odds(policy.ladder.rungs, n, float(r), policy.ladder.firings_max) for n, r in enumerate(rates)),
        daily * math.sqrt(SESSIONS_A_YEAR),
        degrees_of_freedom,
        paths,
        years,
        seed,
    )


def _odds(rungs: tuple[Rung, ...], n: int, rate: float, most: float) -> RungOdds:
    """Rates of each rung; only the first rung that interrupts trading can have a warning (``core``: 8 %)."""
    interrupts = next((i for i, rung in enumerate(rungs) if rung.no_new_risk), None)
    warning = f"expected to fire {rate:.1f} times a year, above {most:g}: it interrupts more than it protects"
    return RungOdds(rungs[n].name, rungs[n].threshold, rate, warning if n == interrupts and not rate <= most else "")


def _shocks(paths: int, sessions: int, degrees_of_freedom: float, seed: int) -> Floats:
    """(sessions, paths) Student-t shocks of unit variance."""
    drawn = np.random.default_rng(seed).standard_t(degrees_of_freedom, size=(sessions, paths))
    return np.asarray(drawn * math.sqrt((degrees_of_freedom - 2.0) / degrees_of_freedom))


def _volatility(policy: CvarPolicy, horizon: int, confidence: float, shocks: Floats) -> float:
    """The largest daily volatility whose CVaR stays inside the budgets at 1 and ``horizon`` sessions."""
    whole = shocks[: shocks.shape[0] // horizon * horizon]
    sums = whole.reshape(-1, horizon, shocks.shape[1]).sum(axis=1)
    return min(
        policy.budget_1 / cvar(-whole.ravel(), confidence),
        policy.budget_10 / cvar(-sums.ravel(), confidence),
    )


def _walk(returns: Floats, ladder: LadderPolicy, cvar_policy: CvarPolicy) -> tuple[Floats, float]:
    """Firings per rung over all paths, and the number of sessions simulated."""
    sessions, paths = returns.shape
    rungs = ladder.rungs
    nav, lifetime, episode = np.ones(paths), np.ones(paths), np.ones(paths)
    fired = np.zeros((len(rungs), paths), dtype=bool)
    ceiling, wait = np.ones(paths), np.zeros(paths)
    alive = np.ones(paths, dtype=bool)
    count, lived = np.zeros(len(rungs)), 0.0
    for session in range(sessions):
        room = (cvar_policy.drawdown_base - (1.0 - nav / lifetime)) / cvar_policy.drawdown_span
        exposure = np.minimum(np.minimum(np.maximum(room, cvar_policy.drawdown_floor), 1.0), ceiling)
        nav = np.where(alive, nav * np.maximum(1.0 + exposure * returns[session], 0.0), nav)
        lived += float(np.count_nonzero(alive))
        resumed = (wait > 0) & (wait <= 1)
        wait = np.maximum(wait - 1.0, 0.0)
        episode = np.where(resumed, nav, np.maximum(episode, nav))
        lifetime = np.maximum(lifetime, nav)
        over = resumed | (nav >= episode)
        fired &= ~over
        ceiling[over & (wait == 0)] = 1.0
        for n, rung in enumerate(rungs):
            peak = lifetime if rung.basis == "lifetime" else episode
            below = nav <= peak * (1.0 - rung.threshold)
            now = below & alive & ~fired[n] if below.any() else below
            firings = np.count_nonzero(now)
            if not firings:
                continue
            fired[n] |= now
            count[n] += firings
            if rung.reentry != "none":
                # a rung that only bars new risk leaves positions unchanged: its ceiling is the present exposure
                ceiling = np.where(now, np.minimum(ceiling, exposure * (1.0 - rung.cut)), ceiling)
                wait = np.where(now, np.maximum(wait, rung.cooldown), wait)
            if rung.ends_mandate:
                alive &= ~now
    return count, lived


def often(policy: Policy) -> list[str]:
    """Warnings, without a full stop, when the first rung that stops new risk fires too often (U7)."""
    if not policy.ladder.enabled or not policy.ladder.rungs:
        return []
    return list(_often(policy.ladder, policy.cvar, policy.auction))


@lru_cache(maxsize=8)
def _often(ladder: LadderPolicy, cvar_policy: CvarPolicy, auction: AuctionPolicy) -> tuple[str, ...]:
    odds = ladder_odds(Policy(ladder=ladder, cvar=cvar_policy, auction=auction))
    return tuple(f"the rung {r.rung} at {r.threshold:.1%} is {r.warning}" for r in odds.rungs if r.warning)

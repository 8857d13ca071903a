"""The auctions that are measured, as plain arrays, and what an answer is worth: numpy alone, so that peers read it too.

Synthetic and seeded. ``one factor``: a fat-tailed market, sectors, residuals, most answers at the caps; the problem of
the project's baselines. ``four factors``: loadings of either sign, so that books hedge themselves and the answer lies
at the corner of many tails: the hard kind. Cash may be held, caps and sector caps bind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEED = 20260727


@dataclass(frozen=True)
class Case:
    """Which market, what CVaR costs and where its limit is, how many assets and scenarios."""

    market: str
    aversion: float
    cap: float
    assets: int
    scenarios: int
    sets: int = 1  # 4: three more sets whose CVaR is limited, as a decision of the core profile has

    @property
    def name(self) -> str:
        if self.sets > 1:
            return f"{self.market}, {self.sets} scenario sets, aversion {self.aversion:g}"
        what = f"aversion {self.aversion:g}" if self.aversion else "limit alone"
        return f"{self.market}, {what}, CVaR {self.cap:.1%}"


def arrays(case: Case) -> dict[str, np.ndarray]:
    """``mu``, ``sector`` (n,), ``scenarios`` (T, n), a bid's ``cap``, ``sector_cap``, ``gross``, trading ``cost``."""
    n, rows = case.assets, case.scenarios
    rng = np.random.default_rng([SEED, n])
    if case.market == "one factor":
        market = rng.standard_t(5, rows) * 0.035
        sectors = max(7, n // 20)
        sector = np.arange(n) % sectors
        scenarios = rng.standard_t(5, (rows, n))
        scenarios *= rng.uniform(0.02, 0.06, n) * 0.77
        scenarios += (rng.standard_t(5, (rows, sectors)) * 0.015)[:, sector]
        scenarios += market[:, None] * rng.uniform(0.4, 1.3, n)
        scenarios += rng.normal(0.012, 0.006, n) - scenarios.mean(axis=0)
        return {
            "mu": scenarios.mean(axis=0), "scenarios": scenarios, "cap": np.array(0.10), "sector": sector,
            "sector_cap": np.array(0.15), "gross": np.array(1.0), "cost": np.array(0.0),
        }  # fmt: skip
    factors, loadings = rng.standard_t(4, (rows, 4)), rng.standard_normal((4, n)) * 0.015
    scenarios = rng.standard_t(4, (rows, n)) * rng.uniform(0.01, 0.05, n)
    scenarios += factors @ loadings
    mu = 0.05 * scenarios.std(axis=0) * np.clip(rng.standard_normal(n), -2.0, 2.0)
    return {
        "mu": mu, "scenarios": scenarios, "cap": np.array(max(0.05, 3.0 / n)), "sector": rng.integers(0, 8, n),
        "sector_cap": np.array(0.25), "gross": np.array(0.95), "cost": np.array(0.0002),
    }  # fmt: skip


def further(case: Case) -> list[tuple[np.ndarray, float]]:
    """The further sets (T', n), each with its limit on CVaR at 95 %: another horizon, and stress at both."""
    rng = np.random.default_rng([SEED, case.assets, 1])
    n, sets = case.assets, []
    for rows, scale, cap in ((case.scenarios, 0.32, 0.015), (700, 1.5, 0.09), (900, 0.5, 0.03))[: case.sets - 1]:
        factors, loadings = rng.standard_t(4, (rows, 4)), rng.standard_normal((4, n)) * 0.015
        sets.append((scale * (factors @ loadings + rng.standard_t(4, (rows, n)) * rng.uniform(0.01, 0.05, n)), cap))
    return sets


def cvar(scenarios: np.ndarray, weights: np.ndarray, confidence: float = 0.95) -> float:
    """Mean of the worst scenarios by sorting them, the last one in part."""
    losses = np.sort(-(scenarios @ weights))[::-1]
    mass = round((1.0 - confidence) * losses.size, 9)
    whole = int(mass)
    part = (mass - whole) * losses[whole] if mass > whole else 0.0
    return float((losses[:whole].sum() + part) / mass)


def worth(case: Case, given: dict[str, np.ndarray], weights: np.ndarray) -> tuple[float, float]:
    """The objective of ``weights`` (n,) and the largest amount by which they exceed any limit."""
    risk = cvar(given["scenarios"], weights)
    objective = (given["mu"] - given["cost"]) @ weights - case.aversion * risk
    in_sectors = np.bincount(given["sector"], weights)
    over = (
        -weights.min(), weights.sum() - given["gross"], weights.max() - given["cap"],
        in_sectors.max() - given["sector_cap"], risk - case.cap, *(cvar(r, weights) - cap for r, cap in further(case)),
    )  # fmt: skip
    return float(objective), float(max(0.0, *over))

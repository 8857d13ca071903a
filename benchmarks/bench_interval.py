"""Coverage of the one-sided 95 % upper bound of a CVaR at 95 %, over three models of returns (R2, R3).

A thousand two hundred and sixty sessions, at 1 and 10 sessions, as the policy's window holds. Truth is the CVaR of two
million sessions of the same model. Two intervals from the same moving blocks: percentiles of the draws, and the one in
use. Seeded; ``python benchmarks/bench_interval.py``, about a minute.
"""

from __future__ import annotations

import math

import numpy as np

from plimsoll.measures.cvar import cvar, tail_mass
from plimsoll.measures.tails import block_length, historical_interval, seed_of
from plimsoll.measures.windows import compounded

SEED, ROWS, HISTORIES, DRAWS = 11, 1260, 250, 400


def independent(rng: np.random.Generator, sessions: int, count: int) -> np.ndarray:
    """Student t of five degrees of freedom, 1 % a session."""
    return 0.01 * rng.standard_t(5, (count, sessions)) * math.sqrt(3.0 / 5.0)


def garch(rng: np.random.Generator, sessions: int, count: int) -> np.ndarray:
    """GARCH(1,1) with Student t of six degrees of freedom, persistence 0.97, 1 % a session."""
    shocks = rng.standard_t(6, (count, sessions + 300)) * math.sqrt(4.0 / 6.0)
    variance, made = np.full(count, 1e-4), np.empty((count, sessions + 300))
    for t in range(sessions + 300):
        made[:, t] = np.sqrt(variance) * shocks[:, t]
        variance = 1e-4 * 0.03 + 0.08 * made[:, t] ** 2 + 0.89 * variance
    return made[:, 300:]


def regimes(rng: np.random.Generator, sessions: int, count: int) -> np.ndarray:
    """Normal returns of 0.6 % a session, in one session of five of 2 %; stormy spells last 25 sessions."""
    stormy, made = np.zeros(count, dtype=int), np.empty((count, sessions + 300))
    for t in range(sessions + 300):
        drawn = rng.random(count)
        stormy = np.where(stormy == 0, drawn < 0.01, drawn > 0.04).astype(int)
        made[:, t] = np.array([0.006, 0.02])[stormy] * rng.standard_normal(count)
    return made[:, 300:]


def percentile(losses: np.ndarray, block: int) -> float:
    """The 95th percentile of the CVaR of the draws."""
    from plimsoll.measures.linear import average
    from plimsoll.measures.tails import _times_drawn

    mass = tail_mass(losses.size, 0.95)
    order = np.argsort(-losses, kind="stable")
    drawn = np.minimum(np.cumsum(_times_drawn(losses.size, block, seed_of(losses.shape), DRAWS)[order], axis=0), mass)
    worst = losses[order]
    return float(np.quantile(average(np.append(worst[:-1] - worst[1:], worst[-1]), drawn) / mass, 0.95))


def main() -> None:
    """Print one line a model and horizon."""
    print(f"{HISTORIES} histories of {ROWS} sessions, {DRAWS} draws; share of upper bounds at or above the truth")
    for model in (independent, garch, regimes):
        for horizon in (1, 10):
            rng = np.random.default_rng(SEED)
            long = model(rng, 5000, 400)
            truth = cvar(-np.concatenate([compounded(1.0 + r, horizon) for r in long]), 0.95)
            before = now = 0
            for returns in model(rng, ROWS, HISTORIES):
                losses = -compounded(1.0 + returns, horizon)
                block, seed = block_length(losses.size, horizon), seed_of(losses.shape)
                now += historical_interval(losses, 0.95, block=block, seed=seed, draws=DRAWS).upper >= truth
                before += percentile(losses, block) >= truth
            print(f"{model.__name__:12} {horizon:2}: percentile {before / HISTORIES:.2f}, in use {now / HISTORIES:.2f}")


if __name__ == "__main__":
    main()

"""How the filtered CVaR fared against what followed: every symbol by itself, walk-forward (R2).

At every tenth session of a symbol with 1,260 residuals behind it: filtered VaR and CVaR at 95 %, 1 and 10 sessions,
from those residuals at that day's volatility, as ``capital.scenarios`` builds them for one asset; then the loss of the
sessions that followed. Three figures a group of symbols:

    exceeded    share of losses above the VaR (5 % where the estimate is right)
    beyond      mean of those losses over the mean of their CVaR (1 where it is right)
    worst       mean of the worst 5 % of losses in units of the CVaR that was given for them (1 where it is right)

``beyond`` takes the size of the loss after a breach; ``worst`` also what a wrong frequency does. Nothing is tuned on
it. ``python benchmarks/bench_tail.py ../shared/data``, two minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl

from plimsoll.core.policy import Policy
from plimsoll.indicators.factors import ewma_volatility, standardised
from plimsoll.measures.cvar import cvar
from plimsoll.measures.windows import compounded

GROUPS = {"stocks": "equities_daily.parquet", "funds": "etf_daily.parquet"}
STEP, CONFIDENCE = 10, 0.95
BOOTSTRAPS, BLOCK, SEED = 400, 26, 5  # blocks of a year of decisions, of all symbols together


def losses(close: np.ndarray, horizon: int, policy: Policy) -> np.ndarray:
    """(k, 4): row of the decision, VaR, CVaR, and the loss of the ``horizon`` sessions after it."""
    returns = np.append(np.nan, close[1:] / close[:-1] - 1.0)[:, None]
    sigma = ewma_volatility(returns, close[:, None], policy.cvar.ewma)
    residual = standardised(returns, close[:, None], sigma)[:, 0]
    first = int(np.argmax(np.isfinite(residual))) + policy.cvar.window
    found = []
    for at in range(first, close.size - horizon, STEP):
        window = residual[at - policy.cvar.window + 1 : at + 1]
        growth = np.maximum(1.0 + window * sigma[at, 0], 0.0)
        given = -compounded(growth[None, :], horizon)[0]
        found.append(
            (at, np.quantile(given, CONFIDENCE), cvar(given, CONFIDENCE), 1.0 - close[at + horizon] / close[at])
        )
    return np.array(found).reshape(-1, 4)


def figures(rows: np.ndarray) -> tuple[float, float, float]:
    """Exceeded, beyond, worst of (k, 4) rows."""
    _, var, given, loss = rows.T
    broken = loss > var
    beyond = float(loss[broken].mean() / given[broken].mean()) if broken.any() else float("nan")
    return float(broken.mean()), beyond, cvar(loss / given, CONFIDENCE)


def spread(rows: np.ndarray) -> np.ndarray:
    """(2, 3) 2.5 and 97.5 % of the figures over resampled blocks of sessions, all symbols of a session together."""
    rng = np.random.default_rng(SEED)
    day = (rows[:, 0] - rows[:, 0].min()).astype(int) // (STEP * BLOCK)
    parts = [rows[day == d] for d in np.unique(day)]
    drawn = [
        figures(np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))])) for _ in range(BOOTSTRAPS)
    ]
    return np.quantile(np.array(drawn), (0.025, 0.975), axis=0)


def main(data: Path) -> None:
    """Print a table in Markdown."""
    policy = Policy()
    print("| group | symbols | sessions | losses | exceeded | beyond | worst |\n|---|---|---|---|---|---|---|")
    for group, name in GROUPS.items():
        frame = pl.read_parquet(data / name).sort("symbol", "date")
        days = {d: i for i, d in enumerate(frame["date"].unique().sort().to_list())}
        for horizon in (1, policy.auction.horizon):
            rows, symbols = [], 0
            for (_,), one in frame.partition_by("symbol", as_dict=True, maintain_order=True).items():
                found = losses(one["adj_close"].cast(pl.Float64).to_numpy(), horizon, policy)
                if len(found):
                    row_of = np.array([days[d] for d in one["date"].to_list()])
                    found[:, 0] = row_of[found[:, 0].astype(int)]
                    rows.append(found)
                    symbols += 1
            whole = np.concatenate(rows)
            (a, b, c), (low, high) = figures(whole), spread(whole)
            print(
                f"| {group} | {symbols} | {horizon} | {len(whole):,} | {a:.1%} ({low[0]:.1%} to {high[0]:.1%}) "
                f"| {b:.2f} ({low[1]:.2f} to {high[1]:.2f}) | {c:.2f} ({low[2]:.2f} to {high[2]:.2f}) |"
            )
            each = np.array([figures(r)[2] for r in rows])
            quartiles = np.quantile(each, (0.25, 0.5, 0.75)).round(2)
            print(f"  {group} {horizon}: worst of single symbols, quartiles {quartiles}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

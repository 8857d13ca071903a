"""The auction by cutting planes beside the same problem as one full linear programme, in one run.

    python benchmarks/bench_auction.py [--repeats 9] [--large]

The market is synthetic and seeded: four fat-tailed factors, fat-tailed residuals, expected returns of an information
coefficient of 0.05. Both solvers are HiGHS, one thread, and both are given checked arrays; the objective must agree.
Times are medians in milliseconds; absolute figures move from machine to machine, the ratio holds better.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from plimsoll.capital.auction import AuctionProblem, solve
from plimsoll.capital.auction_lp import solve_plain
from plimsoll.capital.auction_problem import checked

SEED = 20260727
SIZES = (15, 50, 200, 500)
ROWS = 1260


def market(rng: np.random.Generator, n: int, rows: int, scale: float = 1.0) -> np.ndarray:
    """Returns (rows, n) at ten sessions: four factors and residuals, Student t with four degrees of freedom."""
    loadings = rng.standard_normal((4, n)) * 0.015
    residual = rng.uniform(0.01, 0.05, n)
    factors, own = rng.standard_t(4, (rows, 4)), rng.standard_t(4, (rows, n))
    return scale * (factors @ loadings + own * residual)


def problem(kind: str, n: int, rows: int = ROWS) -> AuctionProblem:
    """``policy``: the defaults of the core profile with its four scenario sets. ``mean-CVaR``: risk aversion 0.1,
    caps, sectors, CVaR within 6 %. ``limit only``: no risk aversion, the CVaR limit shapes the answer alone."""
    rng = np.random.default_rng([SEED, n])
    scenarios = market(rng, n, rows)
    mu = 0.05 * scenarios.std(axis=0) * np.clip(rng.standard_normal(n), -2.0, 2.0)
    sector = rng.integers(0, 8, n)
    groups = [(np.flatnonzero(sector == s), 0.25) for s in range(8)]
    cap = np.full(n, max(0.05, min(1.0, 3.0 / n)))
    aversion, limit = {"policy": (0.01, 0.045), "mean-CVaR": (0.1, 0.06), "limit only": (0.0, 0.012)}[kind]
    tails = []
    if kind == "policy":
        tails = [
            (market(rng, n, rows, 0.32), 0.95, 0.015),
            (market(rng, n, 700, 1.5), 0.95, 0.09),
            (market(rng, n, 900, 0.5), 0.95, 0.03),
        ]
    return AuctionProblem(
        mu=mu, scenarios=scenarios, risk_aversion=aversion, confidence=0.95, cvar_max=limit, gross_max=0.95,
        weight_max=cap, groups=groups, current=np.zeros(n), trade_cost=np.full(n, 0.0002), tail_limits=tails,
    )  # fmt: skip


def timed(act: Callable[[], object], repeats: int) -> float:
    """Median wall time in milliseconds, after one warm call."""
    act()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return 1e3 * median(taken)


def compare(kind: str, n: int, repeats: int) -> str:
    p = problem(kind, n)
    form = checked(p)
    ours = timed(lambda: solve(p), repeats)
    full = timed(lambda: solve_plain(form), max(1, repeats // 4))
    answer, plain = solve(p), solve_plain(form)
    tail = form.tails[0]
    other = form.objective(plain.weights, tail.at(form.positions(plain.weights)).cvar)
    return (
        f"| {kind} | {n} | {ours:.2f} | {full:.1f} | {full / ours:.0f} | {answer.cuts} "
        f"| {abs(answer.objective - other):.0e} | {answer.status} |"
    )


def large(n: int, rows: int) -> str:
    p = problem("mean-CVaR", n, rows)
    start = time.perf_counter()
    answer = solve(p)
    taken = 1e3 * (time.perf_counter() - start)
    return f"| mean-CVaR | {n} x {rows:,} | {taken:.0f} | not run | | {answer.cuts} | | {answer.status} |"


def main() -> None:
    words = argparse.ArgumentParser(description="The auction beside the full linear programme.")
    words.add_argument("--repeats", type=int, default=9)
    words.add_argument("--large", action="store_true", help="also 5,000 x 500 and 100,000 x 200 scenarios")
    given = words.parse_args()
    print(f"Synthetic market, seed {SEED}, T = {ROWS}; medians of {given.repeats}, milliseconds, one thread\n")
    print("| problem | N | cutting planes | full LP | ratio | cuts | objectives differ by | status |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in ("policy", "mean-CVaR", "limit only"):
        for n in SIZES:
            print(compare(kind, n, given.repeats), flush=True)
    if given.large:
        for n, rows in ((500, 5_000), (200, 100_000)):
            print(large(n, rows), flush=True)


if __name__ == "__main__":
    main()

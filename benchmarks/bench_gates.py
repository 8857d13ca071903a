"""Measuring a proposal and judging it at every gate, by number of symbols, in one run.

    python benchmarks/bench_gates.py [--rounds 15] [--sizes 15,225,1000,5000]

The market is synthetic and seeded. Scenarios as the core profile has them: 1,260 filtered ones at 1 and at 10 sessions,
500 stressed ones at both. Two proposals:

- ``a day``: 60 holdings, of which five grow and five shrink: what a session asks.
- ``every``: all symbols are held and every one grows: the most there is to measure.

``measure`` is given the default policy's limits for single stocks, as a cycle gives it: an increase whose worst
scenario is inside them is not measured further. ``judge`` has every gate pass (from 15 symbols); ``both`` is one
after the other: what the gates of a session take, making its scenario set ready included. ``all measured`` is
``both`` without that short cut, the most that limits could make necessary. ``refuse`` has every gate fail at every
column, so that each refusal is written down. ``book by book`` measures each increase as a book of its own, which is
what the figures mean, and is run where it ends within seconds. Medians of milliseconds of the process's own time,
which other processes disturb least; memory is the peak of what Python and numpy allocate beyond the scenarios.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

import numpy as np
from msgspec.structs import replace

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.scenarios import ScenarioSet, StressedSet
from plimsoll.engine.measure import Tails, measure
from plimsoll.risk.gates import judge_held, judge_proposal

SEED = 20260801
SIZES = (15, 225, 1000, 5000)
ROWS, STRESSED_ROWS = 1260, 500
HOLDINGS, MOVES = 60, 5
SLOW = 300  # symbols beyond which measuring book by book is left out
POLICY = Policy()
CONFIDENCE = POLICY.auction.confidence


def market(n: int) -> ScenarioSet:
    """Four factors and residuals with Student t of four degrees of freedom, at both horizons and stressed."""
    rng = np.random.default_rng([SEED, n])
    loadings, own = 0.004 * rng.standard_normal((4, n)), rng.uniform(0.004, 0.015, n)

    def sample(rows: int, scale: float) -> np.ndarray:
        factors, residual = rng.standard_t(4, (rows, 4)), rng.standard_t(4, (rows, n))
        return scale * (factors @ loadings + residual * own)

    filtered = {1: sample(ROWS, 1.0), 10: sample(ROWS, 3.1)}
    stressed = {1: sample(STRESSED_ROWS, 2.5), 10: sample(STRESSED_ROWS, 7.0)}
    return ScenarioSet(np.arange(n), filtered, (StressedSet("worst", stressed, dict.fromkeys(stressed, CONFIDENCE)),))


def proposal(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(held weights, order weights), each (n,)."""
    held, orders = np.zeros(n), np.zeros(n)
    if kind == "every":
        return np.full(n, 0.4 / n), np.full(n, 0.2 / n)
    k = min(HOLDINGS, n)
    held[:k] = 0.6 / k
    orders[:MOVES], orders[MOVES : 2 * MOVES] = 0.2 / k, -0.2 / k
    return held, orders


def limits(n: int, *, open_: bool) -> LimitSet:
    """Limits nothing reaches, or ones everything exceeds; sectors of 25 symbols and a pair for every second symbol."""
    most, least = (9.0, -9.0) if open_ else (-1.0, 9.0)
    columns = np.full(n, most)
    by_horizon = {1: most, 10: most}
    groups = tuple(Group(f"s{i}", tuple(range(i, min(i + 25, n))), most) for i in range(0, n, 25))
    pairs = tuple(Pair(i, i + 1, most, 0.9) for i in range(0, n - 1, 2))
    return LimitSet(
        gross_max=most, cash_min=least, weight_max=columns, cvar_budget=by_horizon, cvar_hard=by_horizon,
        stressed_budget=by_horizon, standalone={1: columns, 10: columns}, incremental_max=columns,
        participation_max=most, turnover_max=most, trades_max=n if open_ else -1, groups=groups, pairs=pairs,
        gross_freeze=9.0, gross_halt=9.0,
    )  # fmt: skip


def caps_of_stocks(n: int) -> LimitSet:
    """Risk by itself and risk added as the policy caps them for single stocks; other limits nothing reaches."""
    alone, added = np.full(n, POLICY.cvar.standalone_stock), np.full(n, POLICY.cvar.incremental_other)
    return replace(limits(n, open_=True), standalone={1: alone, 10: alone}, incremental_max=added)


def measured(
    scenarios: ScenarioSet, held: np.ndarray, orders: np.ndarray, names: tuple[str, ...], by: LimitSet | None
) -> Measurements:
    """One session's measuring: the scenarios made ready, the held book, then the proposal."""
    tails = Tails.of(scenarios, CONFIDENCE)
    return measure(
        nav=10_000_000_00, held=held, order_weights=orders, adv_share=np.where(orders != 0.0, 0.001, 0.0),
        tails=tails, cvar_held=tails.of_book(held), horizon=10, drawdown_episode=0.0, drawdown_lifetime=0.0,
        symbols=names, limits=by,
    )  # fmt: skip


def book_by_book(tails: Tails, held: np.ndarray, orders: np.ndarray) -> None:
    """The figures of an increase by their definition: a whole book for each, a column at a time."""
    proposed = held + orders
    base = np.where(orders > 0.0, held, proposed)
    tails.of_book(held), tails.of_book(base), tails.of_book(proposed)
    tails.stressed_of_book(base), tails.stressed_of_book(proposed)
    for i in np.flatnonzero(orders > 0.0).tolist():
        alone = base.copy()
        alone[i] = proposed[i]
        tails.of_book(alone)
        tails.alone(i, 1), tails.alone(i, 10)


def timed(act: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of processor time after one warm call; everything here runs on one thread."""
    act()
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        act()
        taken.append(time.process_time() - start)
    return 1e3 * median(taken)


def peak(act: Callable[[], object]) -> float:
    """Most MB allocated at once by ``act``."""
    tracemalloc.start()
    act()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def row(kind: str, n: int, scenarios: ScenarioSet, rounds: int) -> str:
    held, orders = proposal(kind, n)
    names = tuple(f"S{i}" for i in range(n))
    inside, outside = caps_of_stocks(n), limits(n, open_=False)
    m, exact = (measured(scenarios, held, orders, names, by) for by in (inside, None))

    def judged(of: Measurements, by: LimitSet) -> tuple[object, object]:
        return judge_held(of, by, POLICY), judge_proposal(of, by, POLICY)

    def whole(by: LimitSet | None = inside) -> object:
        return judged(measured(scenarios, held, orders, names, by), inside)

    assert judge_proposal(m, inside, POLICY) == judge_proposal(exact, inside, POLICY)
    refused = replace(exact, adv_share=np.full(n, np.nan))
    assert len(judge_proposal(refused, outside, POLICY)[1]) == int(m.increases.sum())
    figures = [
        timed(lambda: measured(scenarios, held, orders, names, inside), rounds),
        timed(lambda: judged(m, inside), rounds),
        timed(whole, rounds),
        timed(lambda: whole(None), rounds),
        timed(lambda: judged(refused, outside), rounds),
    ]
    slow = int(m.increases.sum()) > SLOW
    tails = Tails.of(scenarios, CONFIDENCE)
    plain = "" if slow else f"{timed(lambda: book_by_book(tails, held, orders), max(1, rounds // 4)):.2f}"
    return f"| {kind} | {n:,} | {' | '.join(f'{f:.2f}' for f in figures)} | {plain} | {peak(whole):.1f} |"


def main() -> None:
    words = argparse.ArgumentParser(description="Measuring and judging a proposal, by number of symbols.")
    words.add_argument("--rounds", type=int, default=15)
    words.add_argument("--sizes", default=",".join(map(str, SIZES)))
    given = words.parse_args()
    print(f"Synthetic market, seed {SEED}, T = {ROWS}; medians of {given.rounds}, milliseconds of processor time\n")
    print("| proposal | symbols | measure | judge | both | all measured | refuse | book by book | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n in map(int, given.sizes.split(",")):
        scenarios = market(n)
        for kind in ("a day", "every"):
            print(row(kind, n, scenarios, given.rounds), flush=True)


if __name__ == "__main__":
    main()

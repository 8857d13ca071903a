"""A durable decision of the governor beside a bare one-row SQLite commit, in the same run.

    python bench_governor.py [--decisions N] [--folder DIR]

Both write to the same folder with the write-ahead log and synchronous FULL, and take turns, so that a disk that slows
down slows both. "admit" is an order admitted, with its reservation; "refuse" one refused, with its answer; both are on
disk before they are answered, and survive a killed process and, where the disk keeps its word, a power cut. Prints
Markdown on stdout; writes nothing that stays.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from plimsoll.core.policy import Policy
from plimsoll.risk.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.risk.governor_limits import SECOND, GovernorLimits, limits_of
from plimsoll.store.governor_store import SqliteStateStore

UNIT = 1_000_000
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
WARM_UP = 50


def roomy() -> GovernorLimits:
    """Limits that a benchmark's orders do not reach; the throttles hold a minute's worth of orders."""
    wide = replace(limits_of(Policy()), turnover=10**15, position=10**12, loss=10**12, positions={})
    return replace(wide, orders_minute=125, repeats_minute=125)


def bare(folder: Path) -> Callable[[int], None]:
    """One row into one table, committed."""
    connection = apsw.Connection(str(folder / "bare.db"))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)")
    text = "x" * 100

    def commit(n: int) -> None:
        connection.execute("INSERT INTO row VALUES (?, ?)", (n, text))

    return commit


class Account:
    """A governor on disk that is asked one order after the other, each cancelled or filled before the next."""

    def __init__(self, folder: Path, name: str) -> None:
        self.governor = Governor(SqliteStateStore(folder / f"{name}.db"), roomy())
        self.governor.begin(DAY, 10**10)
        self.governor.quote("MSFT", Quote(399_980_000, 400_020_000, NOON))

    def intent(self, n: int, quantity: int) -> OrderIntent:
        """Half a second apart, so that the throttles' memory is as long as it gets."""
        return OrderIntent(f"order-{n}", "MSFT", 1, quantity, NOON + n * SECOND // 2)

    def settle(self, n: int) -> None:
        """Fill the order and keep the quote fresh; not measured."""
        self.governor.fill(Execution(f"order-{n}", f"fill-{n}", UNIT // 10, 400_020_000, 400_020_000))
        if n % 1000 == 999:
            self.governor.quote("MSFT", Quote(399_980_000, 400_020_000, NOON + n * SECOND // 2))


def measure(folder: Path, decisions: int) -> dict[str, np.ndarray]:
    """Seconds of each kind of write, the kinds taking turns."""
    commit, yes, no = bare(folder), Account(folder, "admit"), Account(folder, "refuse")
    spent: dict[str, list[float]] = {"bare commit": [], "admit": [], "refuse": []}
    for n in range(decisions + WARM_UP):
        spent["bare commit"].append(_timed(commit, n)[0])
        for kind, account, quantity in (("admit", yes, UNIT // 10), ("refuse", no, 10**12)):
            seconds, answer = _timed(account.governor.decide, account.intent(n, quantity))
            if answer.decision != kind.upper():
                sys.exit(f"error: not what was to be measured: {answer}")
            spent[kind].append(seconds)
        yes.settle(n)
    return {kind: np.array(seconds[WARM_UP:]) for kind, seconds in spent.items()}


def _timed(act: Callable[[Any], Any], given: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = act(given)
    return time.perf_counter() - begun, found


def report(spent: dict[str, np.ndarray]) -> Iterator[str]:
    """The table: medians and tails in microseconds, and as multiples of the bare commit's."""
    base = spent["bare commit"]
    yield f"| {base.size:,} of each | p50 | p99 | p50 to bare | p99 to bare |"
    yield "|---|---:|---:|---:|---:|"
    for kind, seconds in spent.items():
        p50, p99 = np.quantile(seconds, (0.5, 0.99))
        ratio = [x / y for x, y in zip((p50, p99), np.quantile(base, (0.5, 0.99)), strict=True)]
        yield f"| {kind} | {p50 * 1e6:.0f} us | {p99 * 1e6:.0f} us | {ratio[0]:.2f} | {ratio[1]:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, default=3000)
    parser.add_argument("--folder", help="where to write; default the system's temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print("\n".join(report(measure(Path(folder), asked.decisions))))


if __name__ == "__main__":
    main()

"""A durable decision of the governor beside a bare one-row SQLite commit, in the same run.

    python bench_governor.py [--decisions N] [--folder DIR]

Both write to the same folder with the write-ahead log and synchronous FULL, and take turns, so that a disk that slows
down slows both. "admit" is an order admitted, with its reservation; "refuse" one refused, with its answer; both are on
disk before they are answered, and survive a killed process and, where the disk keeps its word, a power cut. Then: the
same with orders open, orders decided on together, an account in a Redis server beside a bare round trip to it, and
memory. Prints Markdown on stdout; writes nothing that stays.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
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
from plimsoll.core.ports import StateStore
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, GovernorLimits, limits_of
from plimsoll.store.governor_store import SqliteStateStore

UNIT = 10**12
FAR_TOO_MUCH = 10**6 * UNIT
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
WARM_UP = 50
SYMBOLS = tuple(f"S{n}" for n in range(10))


def roomy() -> GovernorLimits:
    """Limits that a benchmark's orders do not reach; the throttles remember a minute's worth of orders."""
    wide = replace(limits_of(Policy()), turnover=10**15, position=10**12, loss=10**12, positions={})
    return replace(wide, orders_second=10**6, orders_minute=10**6, repeats_minute=10**6)


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
    """A governor that is asked one order after the other, each filled before the next; ``still`` stay open."""

    def __init__(self, store: StateStore, still: int = 0) -> None:
        self.governor = Governor(store, roomy())
        self.governor.begin(DAY, 10**10)
        for n, symbol in enumerate(("MSFT", *SYMBOLS)):
            self.governor.quote(symbol, Quote(399_980_000_000_000, 400_020_000_000_000, NOON - (len(SYMBOLS) - n)))
        for n in range(still):
            self.governor.decide(OrderIntent(f"still-{n}", SYMBOLS[n % 10], 1, UNIT // 1000, NOON))

    def intent(self, n: int, quantity: int) -> OrderIntent:
        """Half a second apart, so that the throttles' memory is as long as it gets."""
        return OrderIntent(f"order-{n}", "MSFT", 1, quantity, NOON + (n + 200) * SECOND // 2)

    def settle(self, n: int) -> None:
        """Fill the order and keep the quote fresh; not measured."""
        self.governor.fill(Execution(f"order-{n}", f"fill-{n}", UNIT // 10, 400_020_000_000_000, 400_020_000_000_000))
        if n % 1000 == 999:
            for symbol in ("MSFT", *SYMBOLS):
                self.governor.quote(
                    symbol, Quote(399_980_000_000_000, 400_020_000_000_000, NOON + (n + 200) * SECOND // 2)
                )


def measure(folder: Path, decisions: int) -> dict[str, np.ndarray]:
    """Seconds of each kind of write, the kinds taking turns."""
    yes, no = (Account(SqliteStateStore(folder / f"{name}.db")) for name in ("admit", "refuse"))
    commit = bare(folder)
    spent: dict[str, list[float]] = {"bare commit": [], "admit": [], "refuse": []}
    for n in range(decisions + WARM_UP):
        spent["bare commit"].append(_timed(commit, n)[0])
        for kind, account, quantity in (("admit", yes, UNIT // 10), ("refuse", no, FAR_TOO_MUCH)):
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
    base = next(iter(spent.values()))
    yield f"| {base.size:,} of each | p50 | p99 | p50 to bare | p99 to bare |"
    yield "|---|---:|---:|---:|---:|"
    for kind, seconds in spent.items():
        p50, p99 = np.quantile(seconds, (0.5, 0.99))
        ratio = [x / y for x, y in zip((p50, p99), np.quantile(base, (0.5, 0.99)), strict=True)]
        yield f"| {kind} | {p50 * 1e6:.0f} us | {p99 * 1e6:.0f} us | {ratio[0]:.2f} | {ratio[1]:.2f} |"


def growing(folder: Path, decisions: int) -> dict[str, np.ndarray]:
    """Seconds of an admission with nothing, ten and a hundred orders open in ten symbols, beside a bare commit."""
    commit = bare(folder)
    accounts = {
        f"admit, {still} open": Account(SqliteStateStore(folder / f"open-{still}.db"), still) for still in (0, 10, 100)
    }
    spent: dict[str, list[float]] = {"bare commit": [], **{kind: [] for kind in accounts}}
    for n in range(decisions + WARM_UP):
        spent["bare commit"].append(_timed(commit, n)[0])
        for kind, account in accounts.items():
            spent[kind].append(_timed(account.governor.decide, account.intent(n, UNIT // 10))[0])
            account.settle(n)
    return {kind: np.array(seconds[WARM_UP:]) for kind, seconds in spent.items()}


def together(folder: Path, decisions: int) -> dict[int, tuple[float, float]]:
    """Decisions a second, and processor microseconds of each, when so many share one write; every third is refused.

    Batch sizes take turns; medians.
    """
    sizes = (1, 16, 64, 256)
    accounts = {size: Account(SqliteStateStore(folder / f"batch-{size}.db")) for size in sizes}
    seconds: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for begin in range(0, decisions, sizes[-1]):
        for size, account in accounts.items():
            for first in range(begin, begin + sizes[-1] if size > 1 else begin + 16, size):
                at = NOON + 200 * SECOND // 2 + first * SECOND // 2
                account.governor.quote("MSFT", Quote(399_980_000_000_000, 400_020_000_000_000, at))
                numbers = range(first, first + size)
                intents = [account.intent(n, UNIT // 1000 if n % 3 else FAR_TOO_MUCH) for n in numbers]
                worked = time.process_time()
                spent, answers = _timed(account.governor.decide_many, intents)
                worked = time.process_time() - worked
                if {answer.decision for answer in answers} - {"ADMIT", "REFUSE"}:
                    sys.exit(f"error: not what was to be measured: {answers[0]}")
                seconds[size].append((spent / size, worked / size))
                for answer in answers:
                    account.governor.close(answer.id)
    medians = {size: np.median(np.array(found), axis=0) for size, found in seconds.items()}
    return {size: (1.0 / float(wall), float(work) * 1e6) for size, (wall, work) in medians.items()}


def over_redis(folder: Path, decisions: int, sync: str) -> dict[str, np.ndarray]:
    """Seconds of a bare round trip that sets one value, by the plain client and by the connection the store uses, and
    of an admission; an own server on loopback, nobody else on the account."""
    import redis

    from plimsoll.store.governor_redis import RedisStateStore

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    server = subprocess.Popen([*command, "--appendonly", "yes", "--appendfsync", sync], stdout=subprocess.PIPE)
    try:
        for line in server.stdout or ():
            if b"eady to accept connections" in line:
                break
        url = f"redis://127.0.0.1:{port}/0"
        client = redis.Redis.from_url(url)
        wire = client.connection_pool.get_connection()
        account = Account(RedisStateStore(url, 10.0))
        value = "x" * 100

        def bare_trip(_: int) -> None:
            wire.send_command("SET", "bare", value)
            wire.read_response()

        kinds = {
            "SET by the client": lambda _: client.set("bare", value),
            "SET on the bare connection": bare_trip,
            "admit": lambda n: account.governor.decide(account.intent(n, UNIT // 10)),
        }
        spent: dict[str, list[float]] = {kind: [] for kind in kinds}
        for n in range(decisions + WARM_UP):
            for kind, act in kinds.items():
                spent[kind].append(_timed(act, n)[0])
            account.settle(n)
        wire.disconnect()
        client.close()
        return {kind: np.array(seconds[WARM_UP:]) for kind, seconds in spent.items()}
    finally:
        server.terminate()
        server.wait()
        if server.stdout:
            server.stdout.close()


def memory(decisions: int) -> tuple[float, float]:
    """Largest resident MiB of an interpreter that does nothing, and of ``plimsoll govern`` after so many orders."""
    lines = [
        b'{"type":"session","date":"2026-03-02","equity":"1000"}',
        b'{"type":"quote","symbol":"MSFT","bid":"399.98","ask":"400.02","ts":"2026-03-02T15:00:00Z"}',
    ]
    lines += [
        b'{"type":"intent","id":"o%d","symbol":"MSFT","side":"buy","qty":"0.001","ts":"2026-03-02T15:00:01Z"}' % n
        for n in range(decisions)
    ]
    with tempfile.TemporaryDirectory() as home:
        govern = ["-m", "plimsoll", "govern", "--profile", "micro", "--home", home]
        return _peak(["-c", ""], b""), _peak(govern, b"\n".join(lines))


def _peak(words: list[str], given: bytes) -> float:
    code = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], input=given, capture_output=True, check=True)
    return int(done.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, default=3000)
    parser.add_argument("--folder", help="where to write; default the system's temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print("\n".join(report(measure(Path(folder), asked.decisions))))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print("\n" + "\n".join(report(growing(Path(folder), asked.decisions))))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print("\n| decided together | decisions a second | processor time of each |\n|---:|---:|---:|")
        for size, (rate, work) in together(Path(folder), asked.decisions).items():
            print(f"| {size} | {rate:,.0f} | {work:.0f} us |")
    for sync in ("everysec", "always") if shutil.which("redis-server") else ():
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            print(f"\nRedis, appendfsync {sync}\n")
            print("\n".join(report(over_redis(Path(folder), asked.decisions, sync))))
    nothing, governed = memory(asked.decisions)
    print(f"\nMemory: interpreter {nothing:.0f} MiB, govern after {asked.decisions:,} orders {governed:.0f} MiB")


if __name__ == "__main__":
    main()

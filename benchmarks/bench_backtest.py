"""Our governed backtest beside backtrader, bt and vectorbt, on the same synthetic market in the same run.

    python bench_backtest.py [--peers [NAMES]] [--rounds N] [--cases 15,500] [--growth 15,50,200,500] [--homes FOLDER]
    python bench_backtest.py --aims [--rounds N] [--cases 15,500] [--homes FOLDER]

Every measurement is a fresh process; rounds are interleaved over the engines and medians are printed, in Markdown on
stdout. "Engine" is what happens once the data is in memory: ours computes every indicator, decides each session and
journals it to a file; a peer computes its signals and runs. "Process" is the whole command from start to exit, with
imports and loading. "Least CPU" is the least processor time of an engine over its rounds: on a machine that does other
work it says more than the wall's time. An engine slower than ``SLOW_S`` runs once a case. ``--aims`` runs one strategy
beside bt and nothing else, and says how its processor times and its memory stand to what is aimed at.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE / ".peers" / "bin" / "python"
PLIMSOLL = Path(sys.executable).parent / "plimsoll"
PEERS = ("vectorbt", "bt", "backtrader")
OURS = {"plimsoll, xs_momentum": ("xs_momentum",), "plimsoll, both strategies": ("core_trend", "xs_momentum")}
REFERENCE = next(iter(OURS))  # the peers trade this rotation
AIMS = {15: (3.0, 0.6), 500: (1.5, 0.0)}  # times bt's processor time at most: its engine's, its process's
MEMORY_MB = 500
SEED = 7
SLOW_S = 20.0


@dataclass(frozen=True)
class Case:
    """``symbols`` generated stocks over ``years``, of which the last ``sessions`` are decided, the rest warm up."""

    symbols: int
    years: int
    sessions: int

    @property
    def title(self) -> str:
        return f"{self.symbols} x {self.sessions:,} sessions"

    @property
    def source(self) -> str:
        return f"n={self.symbols}:seed={SEED}:years={self.years}"


CASES = {15: Case(15, 7, 1260), 500: Case(500, 12, 2520)}
GROWTH_YEARS, GROWTH_SESSIONS = 7, 1260


@dataclass
class Runs:
    """What one engine took: seconds inside, of processor time too, and seconds and MB of the process."""

    engine: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    process_cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    multiple: float = float("nan")

    def row(self, name: str) -> list[str]:
        times = [seconds(self.engine), seconds([min(self.cpu)]), seconds(self.process)]
        return [name, *times, f"{median(self.peak):.0f} MB", f"{self.multiple:.4f}", str(len(self.process))]


@dataclass(frozen=True)
class Market:
    """A certified home, the first date decided on, and the same bars as arrays for the peers."""

    home: Path
    start: str
    arrays: Path
    first: int


def compiled() -> None:
    """Bytecode of ours, as an installation has it: peers are installed, and a tree of sources may be without."""
    import plimsoll

    compileall.compile_dir(str(Path(plimsoll.__file__).parent), quiet=1)


def market_of(case: Case, folder: Path) -> Market:
    """Ingest the case's market into ``folder``, unless it is there, and lay out the peers' arrays."""
    from plimsoll.market import snapshot

    home = folder / f"home-{case.symbols}-{case.years}"
    if not (home / "snapshots").is_dir():
        ingest = ("ingest", "--provider", "synthetic", "--source", case.source)
        subprocess.run([PLIMSOLL, "--home", home, *ingest], check=True, stdout=subprocess.DEVNULL)
    panel = snapshot.load(snapshot.current(home / "snapshots"))
    traded = np.array([i.tradable for i in panel.instruments])
    fields = {name: getattr(panel, name)[:, traded] for name in ("open", "high", "low", "close")}
    whole = np.all([np.isfinite(values).all(axis=1) for values in fields.values()], axis=0)
    start = len(panel.sessions) - case.sessions
    arrays = home / "arrays"
    arrays.mkdir(exist_ok=True)
    for name, values in (*fields.items(), ("month", panel.sessions.last_of_month)):
        np.save(arrays / f"{name}.npy", values[whole])
    return Market(home, panel.sessions.dates[start], arrays, int(whole[:start].sum()))


@dataclass(frozen=True)
class Ended:
    """A fresh process: what it said, its seconds on the wall and on the processor, and its peak resident MB."""

    said: str
    took: float
    cpu: float
    peak: float


def process(*command: object, heard: bool = True) -> Ended:
    """Run a command to its end; its standard output is kept if it is ``heard``. Raises for a failing one."""
    begun = time.perf_counter()
    output = subprocess.PIPE if heard else subprocess.DEVNULL
    with subprocess.Popen([str(part) for part in command], stdout=output, text=True) as child:
        said = child.stdout.read() if child.stdout else ""
        _, status, usage = os.wait4(child.pid, 0)
        took = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Ended(said, took, usage.ru_utime + usage.ru_stime, peak)


def ours_once(runs: Runs, market: Market, strategies: tuple[str, ...]) -> None:
    """One run inside, one of the whole command; its JSON is discarded like everything a user does not read."""
    inside = json.loads(
        process(sys.executable, __file__, "--inside", market.home, market.start, ",".join(strategies)).said
    )
    runs.engine.append(inside["engine_s"])
    runs.cpu.append(inside["cpu_s"])
    runs.multiple = inside["multiple"]
    named = [part for name in strategies for part in ("--strategy", name)]
    command = (PLIMSOLL, "--home", market.home, "backtest", "--start", market.start, *named, "--json")
    whole(runs, process(*command, heard=False))
    shutil.rmtree(market.home / "runs")


def peer_once(runs: Runs, market: Market, peer: str) -> None:
    ended = process(PEERS_PYTHON, HERE / "peers.py", peer, market.arrays, market.first)
    inside = json.loads(ended.said.splitlines()[-1])
    runs.engine.append(inside["engine_s"])
    runs.cpu.append(inside["cpu_s"])
    runs.multiple = inside["multiple"]
    whole(runs, ended)


def whole(runs: Runs, ended: Ended) -> None:
    """Count a whole process to its engine's runs."""
    runs.process.append(ended.took)
    runs.process_cpu.append(ended.cpu)
    runs.peak.append(ended.peak)


def inside(home: Path, start: str, strategies: tuple[str, ...]) -> dict[str, float]:
    """Seconds from the loaded panel to the closed journal, in this process, and final over initial NAV."""
    from plimsoll.alpha.registry import load
    from plimsoll.app import Workspace
    from plimsoll.cli.process import keep_freed_memory
    from plimsoll.core.money import cents
    from plimsoll.engine.history import history_of
    from plimsoll.engine.recorded import run_backtest
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.span import span_of
    from plimsoll.market import snapshot
    from plimsoll.store.journal import SqliteJournal

    keep_freed_memory()  # as the command does
    policy = Workspace(home, changes={"strategies.enabled": strategies}).load().policy
    panel = snapshot.load(snapshot.current(home / "snapshots"))
    capital = cents(policy.account.capital)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        begun, worked = time.perf_counter(), time.process_time()
        history = history_of(panel, policy)
        desk = RunContext(policy, load(policy.strategies.enabled), panel.instruments)
        span = span_of(history, start, None)
        with SqliteJournal(Path(folder) / "journal.db", durable=False) as journal:
            operator = policy.backtest.operator
            tally = run_backtest(history, desk, span, journal, capital=capital, operator=operator)
        took, worked = time.perf_counter() - begun, time.process_time() - worked
    return {"engine_s": took, "cpu_s": worked, "multiple": tally.nav[-1] / capital, "sessions": len(tally.nav)}


def compare(
    case: Case, folder: Path, rounds: int, peers: tuple[str, ...], ours: tuple[str, ...] = tuple(OURS)
) -> dict[str, Runs]:
    """All engines on one case, interleaved by round."""
    market = market_of(case, folder)
    found = {name: Runs() for name in (*ours, *peers)}
    for _ in range(rounds):
        for name in ours:
            ours_once(found[name], market, OURS[name])
        for peer in peers:
            if not found[peer].process or found[peer].process[0] < SLOW_S:
                peer_once(found[peer], market, peer)
    return found


def report(case: Case, found: dict[str, Runs]) -> Iterator[str]:
    yield f"### {case.title}\n"
    yield from table(
        ("engine", "engine time", "least CPU", "whole process", "peak memory", "final / initial", "runs"),
        [runs.row(name) for name, runs in found.items()],
    )
    own = found[REFERENCE]
    for name in (n for n in found if n not in OURS):
        inside, whole = (median(getattr(found[name], k)) / median(getattr(own, k)) for k in ("engine", "process"))
        cpu = min(own.cpu) / min(found[name].cpu)
        yield f"{name} takes {inside:.2g} times our engine time and {whole:.2g} times our process time."
        yield f"By least CPU our engine takes {cpu:.2g} times its."
    yield f"A governed, journaled decision of ours: {median(own.engine) / case.sessions * 1e3:.3f} ms a session.\n"


def aims(cases: list[int], folder: Path, rounds: int) -> Iterator[str]:
    """What is aimed at beside bt: the least processor times of interleaved rounds, and the most memory."""
    yield f"### Aims beside bt, {rounds} rounds\n"
    rows = []
    for case in (CASES[n] for n in cases):
        found = compare(case, folder, rounds, ("bt",), (REFERENCE,))
        own, bt = found[REFERENCE], found["bt"]
        engine, process = AIMS[case.symbols]
        rows.append([case.title, "engine, times bt's", *times(own.cpu, bt.cpu), f"{engine:g}"])
        if process:
            rows.append(
                [case.title, "whole process, times bt's", *times(own.process_cpu, bt.process_cpu), f"{process:g}"]
            )
        rows.append([case.title, "peak memory, MB", f"{max(own.peak):.0f}", f"{max(bt.peak):.0f}", "", f"{MEMORY_MB}"])
    yield from table(("case", "what", "ours", "bt", "found", "at most"), rows)


def times(own: list[float], other: list[float]) -> list[str]:
    """The least of each, and how many times the second the first is."""
    return [f"{min(own):.2f} s", f"{min(other):.2f} s", f"{min(own) / min(other):.2g}"]


def growth(sizes: list[int], folder: Path, rounds: int) -> Iterator[str]:
    """How our engine grows with the number of assets."""
    markets = {n: market_of(Case(n, GROWTH_YEARS, GROWTH_SESSIONS), folder) for n in sizes}
    found = {n: Runs() for n in sizes}
    for _ in range(rounds):
        for n, market in markets.items():
            ours_once(found[n], market, OURS[REFERENCE])
    yield f"### Growth, {REFERENCE}, {GROWTH_SESSIONS:,} sessions\n"
    yield from table(
        ("assets", "engine time", "ms a session", "whole process", "peak memory"),
        [
            [
                str(n), seconds(r.engine), f"{median(r.engine) / GROWTH_SESSIONS * 1e3:.3f}", seconds(r.process),
                f"{median(r.peak):.0f} MB",
            ]
            for n, r in found.items()
        ],
    )  # fmt: skip


def start_up(rounds: int) -> Iterator[str]:
    took = [process(PLIMSOLL, "--help", heard=False).took for _ in range(2 * rounds + 1)]
    yield f"`plimsoll --help`: {median(took):.2f} s (median of {len(took)}).\n"


def seconds(values: list[float]) -> str:
    middle = median(values)
    return f"{middle * 1e3:.0f} ms" if middle < 1.0 else f"{middle:.2f} s"


def table(head: tuple[str, ...], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def machine() -> str:
    """Processor, cores and versions: what the figures depend on."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] \
        if info.is_file() else []  # fmt: skip
    ours = ", ".join(f"{name} {version(name)}" for name in ("numpy", "highspy", "apsw", "msgspec"))
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}; {ours}"
    )


def peer_versions(peers: tuple[str, ...]) -> str:
    asked = "import sys, importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))"
    return process(PEERS_PYTHON, "-c", asked, *peers).said.strip()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = ",".join(PEERS)
    parser.add_argument(
        "--peers", nargs="?", const=every, default="", metavar="NAMES",
        help=f"measure peers too, all of {every} or those named (benchmarks/setup_peers.sh)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default="15,500", help="numbers of assets, of 15 and 500; empty for none")
    parser.add_argument("--growth", default="15,50,200,500", help="numbers of assets; empty for none")
    parser.add_argument("--aims", action="store_true", help="only what is aimed at beside bt")
    parser.add_argument("--homes", type=Path, help="where to keep the markets; a temporary folder by default")
    parser.add_argument("--inside", nargs=3, metavar=("HOME", "START", "STRATEGIES"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.inside:
        home, start, strategies = asked.inside
        print(json.dumps(inside(Path(home), start, tuple(strategies.split(",")))))
        return
    compiled()
    wanted = tuple(name for name in asked.peers.split(",") if name)
    if not set(wanted) <= set(PEERS):
        parser.error(f"--peers {asked.peers}: choose among {', '.join(PEERS)}")
    peers = (wanted or ("bt",) * asked.aims) if PEERS_PYTHON.exists() else ()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.homes or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(f"## Backtest\n\n{machine()}{'; ' + peer_versions(peers) if peers else ''}.\n")
        print("The markets are synthetic: their figures say how fast, never how good.\n")
        if (asked.peers or asked.aims) and not peers:
            print("Peers left out: `bash benchmarks/setup_peers.sh` installs them beside the project.\n")
        cases = [int(n) for n in asked.cases.split(",") if n]
        if asked.aims:
            print("\n".join(aims(cases, folder, asked.rounds) if peers else ()), flush=True)
            return
        for n in cases:
            print("\n".join(report(CASES[n], compare(CASES[n], folder, asked.rounds, peers))), flush=True)
        sizes = [int(n) for n in asked.growth.split(",") if n]
        if sizes:
            print("\n".join(growth(sizes, folder, asked.rounds)), flush=True)
        print("\n".join(start_up(asked.rounds)))


if __name__ == "__main__":
    main()

"""The auction beside the full linear programme and the libraries of the field, each solver in a process of its own.

    python benchmarks/bench_auction.py [--peers] [--large] [--repeats N] [--limit SECONDS] [--only WORDS]

``auction_cases.py`` describes the problems, ``auction_solvers.py`` how each solver is asked. Solvers take turns on a
case; a figure is the median of the repeated calls in one process after one that warms it, in processor time beside
wall time, since the latter says little on a machine that does other work. The objective is measured on the weights by
sorting the losses, and so is the largest amount by which a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from auction_cases import SEED, Case
from auction_solvers import OURS, SOLVERS

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers" / "bin" / "python"

USUAL = [
    *(Case("one factor", 0.1, 0.06, n, 1260) for n in (50, 200, 500, 1000)),
    Case("one factor", 0.0, 0.03, 500, 1260),
    Case("one factor", 0.1, 0.06, 500, 5000),
    *(Case("four factors", 0.1, 0.06, n, 1260) for n in (50, 200, 500)),
    *(Case("four factors", 0.0, 0.012, n, 1260) for n in (50, 200, 500)),
    *(Case("four factors", 0.01, 0.045, n, 1260, sets=4) for n in (15, 110, 500)),
]
LARGE = [
    Case("one factor", 0.1, 0.06, 100, 100_000),
    Case("one factor", 0.1, 0.06, 500, 100_000),
    Case("one factor", 0.1, 0.06, 100, 1_000_000),
    Case("one factor", 0.0, 0.03, 100, 1_000_000),
    Case("four factors", 0.1, 0.06, 100, 100_000),
    Case("four factors", 0.0, 0.012, 100, 100_000),
]


def asked(solver: str, case: Case, python: Path | str, repeats: int, limit: float) -> dict[str, float] | str:
    """What the solver's process says, or why it says nothing."""
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.json")
        path.write_text(json.dumps(asdict(case)))
        command = [str(python), str(HERE / "auction_solvers.py"), solver, str(path), str(repeats)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, env=os.environ | one_thread, check=False
            )
        except subprocess.TimeoutExpired:
            return f"more than {limit:.0f} s"
    if done.returncode:
        return "failed: " + (done.stderr.strip().splitlines() or ["no word"])[-1][:60]
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(case: Case, solvers: list[str], repeats: int, limit: float) -> None:
    """Print the table of one case."""
    print(f"\n**{case.name}; {case.assets} assets x {case.scenarios:,} scenarios**\n")
    print("| solver | CPU ms | wall ms | times ours | objective | exceeds a limit by | memory MB |")
    print("|---|---|---|---|---|---|---|")
    ours = 0.0
    for solver in solvers:
        if solver == "cvqp" and case.aversion:
            continue  # it has no price of CVaR
        found = asked(solver, case, sys.executable if solver in OURS else PEERS, repeats, limit)
        if isinstance(found, str):
            print(f"| {solver} | {found} | | | | | |", flush=True)
            continue
        ours = ours or found["cpu"]
        print(
            f"| {solver} | {1e3 * found['cpu']:.1f} | {1e3 * found['wall']:.1f} | {found['cpu'] / ours:.1f} "
            f"| {found['objective']:.10f} | {found['violation']:.0e} | {found['grown_mb']:.0f} |",
            flush=True,
        )


def main() -> None:
    words = argparse.ArgumentParser(description="The auction beside other solvers.")
    words.add_argument("--peers", action="store_true", help="also the libraries of benchmarks/setup_peers.sh")
    words.add_argument("--large", action="store_true", help="also 100,000 and 1,000,000 scenarios")
    words.add_argument("--repeats", type=int, default=5)
    words.add_argument("--limit", type=float, default=120.0, help="seconds a process may take")
    words.add_argument("--only", default="", help="cases whose name or size holds these words, such as '500 x 1260'")
    given = words.parse_args()
    if given.peers and not PEERS.exists():
        words.error(f"{PEERS} is not there; run bash benchmarks/setup_peers.sh")
    print(f"Seed {SEED}, confidence 0.95, medians of {given.repeats} calls, one thread each")
    for case in [*USUAL, *(LARGE if given.large else [])]:
        if given.only not in f"{case.name} {case.assets} x {case.scenarios}":
            continue
        # The full programme of 100,000 scenarios takes minutes and gigabytes, and so do the peers.
        solvers = [s for s in SOLVERS if s in OURS or (given.peers and case.sets == 1)]
        if case.scenarios > 5000:
            solvers = ["plimsoll"]
        compare(case, solvers, given.repeats, given.limit)


if __name__ == "__main__":
    main()

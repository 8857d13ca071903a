"""Run every benchmark and print its tables in Markdown: ``python benchmarks/run.py [--peers] [--rounds N]``.

Nothing is written but temporary folders; ``RESULTS.md`` holds a run's figures with what was measured and how.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="measure the peers too (benchmarks/setup_peers.sh)")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    peers = ["--peers"] if asked.peers else []
    backtest = ["bench_backtest.py", "--rounds", str(asked.rounds), *peers]
    auction = ["bench_auction.py", "--repeats", str(asked.rounds), "--large", *peers]
    for script, *options in (backtest, auction, ["bench_gates.py"], ["bench_governor.py"]):
        subprocess.run([sys.executable, HERE / script, *options], check=True)


if __name__ == "__main__":
    main()

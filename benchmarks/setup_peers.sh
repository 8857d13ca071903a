#!/usr/bin/env bash
# Puts the peers into an environment of their own, beside the project: their licences (GPL, Commons Clause) stay there.
# Usage: bash benchmarks/setup_peers.sh   (makes benchmarks/.peers)
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3.11}"
[ -x .peers/bin/python ] || "$python" -m venv .peers
.peers/bin/python -m pip install --quiet --upgrade pip
.peers/bin/python -m pip install --quiet --only-binary :all: \
  backtrader bt vectorbt cvxpy highspy clarabel skfolio cvqp
.peers/bin/python -c 'import importlib.metadata as m; print(*(f"{p} {m.version(p)}" for p in ("backtrader", "bt", "vectorbt", "cvxpy", "highspy", "clarabel", "skfolio", "cvqp")), sep="\n")'

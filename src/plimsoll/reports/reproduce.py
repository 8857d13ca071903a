"""The command that makes a run again, to the same decisions hash (G4)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from plimsoll.core.events import Genesis
from plimsoll.core.money import dollars
from plimsoll.core.policy import Policy
from plimsoll.core.ports import RunCatalogue


def command(
    runs: RunCatalogue, run: str, genesis: Genesis, policy: Policy, refused: Mapping[str, Mapping[str, int]]
) -> str:
    """The command on the run's stored snapshot and policy.

    The stored policy contains everything that changes a decision; command-line options are repeated beside it for the
    reader. ``refused`` are the faults of the strategies: a run in which one raised used ``--keep-going``. The same code
    is needed too: compare the decisions hash.
    """
    words = ["plimsoll"]
    if runs.place != "runtime":
        words += ["--home", runs.place]
    words += ["backtest"] if genesis.mode == "backtest" else ["trade", "--mode", "paper", "--recorded"]
    words += ["--start", genesis.start, "--end", genesis.end, "--snapshot", genesis.snapshot[:16]]
    words += ["--policy", runs.policy_file(run)]
    for name in policy.strategies.enabled:
        words += ["--strategy", name]
    words += ["--capital", dollars(genesis.capital), "--operator", genesis.operator]
    if policy.lifecycle.enabled:
        words.append("--lifecycle")
    if policy.backtest.benchmark != Policy().backtest.benchmark:
        words += ["--benchmark", policy.backtest.benchmark]
    if any("STRATEGY_ERROR" in faults for faults in refused.values()):
        words.append("--keep-going")
    return shlex.join(words)

"""From a forecast to an order, as a user types it: what the decision core promises on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import commands

HOME = ("ingest", "--provider", "synthetic", "--source", "n=6:seed=3:years=8")


def plimsoll(home: Path, *words: str, status: int = 0) -> str:
    done = commands.plimsoll(*words, env={"PLIMSOLL_HOME": str(home), "COLUMNS": "80"})
    assert done.returncode == status, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_decision_core_from_the_command_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    plimsoll(home, *HOME)
    run = json.loads(plimsoll(home, "backtest", "--lifecycle", "--json"))
    assert run["fills"]
    # one cost model, read back from the fills it priced: the coefficient is found with its error (C3)
    costs = json.loads(plimsoll(home, "costs", "--json"))
    assert abs(costs["impact_y"] - 1.0) <= 4.0 * costs["impact_y_error"] + 1e-6
    # where the book stands against every limit (R1)
    risk = json.loads(plimsoll(home, "risk", "--json"))
    assert {"cvar_1", "cvar_10", "gross"} <= {limit["name"] for limit in risk["limits"]}
    # the regime's probabilities, and how well they agreed with what followed (R8)
    regime = json.loads(plimsoll(home, "regime", "--json"))
    assert abs(sum(regime["belief"]) - 1.0) < 1e-9
    # the hard-limit governor approached on every side and never crossed (H8)
    odds = json.loads(plimsoll(home, "montecarlo", "--sessions", "40", "--seed", "7", "--profile", "micro", "--json"))
    assert odds["breaches"] == 0 and odds["accepted"] > 0 and max(odds["max_use"].values()) <= 1.0
    # what a risk manager signs (H9), and the caps the account was opened under (H1)
    assert "$100" in plimsoll(home, "sla", "--profile", "micro")
    assert json.loads(plimsoll(home, "limits", "show", "--profile", "micro", "--json"))["caps"]["loss"] == "100.00"

"""``plimsoll risk`` as a user types it: every limit of a book, for a person and for a program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import Done, plimsoll


def run(*words: str, home: Path) -> Done:
    return plimsoll(*words, home=home, env={"COLUMNS": "80"})


@pytest.fixture(scope="module")
def home(traded: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traded(tmp_path_factory.mktemp("risk") / "home")


def test_a_program_reads_every_limit_of_the_last_close(home: Path) -> None:
    done = run("risk", "--json", home=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["session"] == "2025-12-31" and told["synthetic"] is True
    names = {one["name"] for one in told["limits"]}
    assert {"cvar_1", "cvar_10", "cvar_hard_1", "stressed_10", "gross", "cash", "position", "ladder"} <= names
    for one in told["limits"]:
        assert {"name", "scope", "measured", "limit", "use", "headroom", "headroom_usd", "verdict"} <= set(one)
        if one["use"] is not None and one["name"] != "cash":
            assert one["use"] == pytest.approx(one["measured"] / one["limit"])
            assert one["headroom"] == pytest.approx(one["limit"] - one["measured"])
        if one["headroom_usd"] is not None:
            assert one["headroom_usd"] == pytest.approx(one["headroom"] * told["nav"])
    assert len(told["tails"]) == 8 and {r["rung"] for r in told["ladder"]} >= {"level_1", "mandate"}


def test_a_person_reads_the_closest_limit_first(home: Path) -> None:
    done = run("risk", "--on", "2025-11-14", home=home)
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout and "close of 2025-11-14" in done.stdout
    lines = [
        line
        for line in [line.rstrip() for line in done.stdout.splitlines()]
        if line.endswith(" within") or "ABOVE:" in line
    ]
    used = [float(re.findall(r" (\d+\.\d)% ", line)[0]) for line in lines]  # shares of a limit have one decimal
    assert used == sorted(used, reverse=True) and len(used) >= 15
    for word in ("cvar_1", "Filtered historical", "part of CVaR", "mandate", "room under"):
        assert word in done.stdout


def test_a_check_forgives_a_drift_but_no_rung(home: Path, tmp_path: Path) -> None:
    drifted = run("risk", "--on", "2025-11-19", "--check", "--json", home=home)
    assert drifted.returncode == 0
    above = [one for one in json.loads(drifted.stdout)["limits"] if one["verdict"] == "above"]
    assert above and all(one["binds"] == "increases" for one in above)
    policy = tmp_path / "strict.yaml"
    policy.write_text("ladder: {level_1_holds: 0.001, rungs: {level_1: {threshold: 0.001}}}", encoding="utf-8")
    words = ("backtest", "--start", "2025-11-03", "--end", "2025-11-14", "--policy", str(policy))
    done = run(*words, home=home)
    assert done.returncode == 0, done.stderr
    told = run("risk", "--check", "--json", home=home)
    rung = next(r for r in json.loads(told.stdout)["ladder"] if r["rung"] == "level_1")
    assert rung["threshold"] == 0.001 and told.returncode == (3 if rung["drawdown"] >= 0.001 else 0) == 3


def test_a_date_without_a_decision_is_a_usage_error(home: Path) -> None:
    done = run("risk", "--on", "2025-11-15", home=home)
    assert done.returncode == 2 and "not a session" in done.stderr
    assert run("risk", "--on", "2020-01-02", home=home).returncode == 2

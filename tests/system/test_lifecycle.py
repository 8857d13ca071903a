"""The life of strategies as a user meets it: the flag, the summary, the report, an explanation, a readmission."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import commands
from plimsoll.core.policy import Policy, policy_hash


def plimsoll(home: Path, *words: str) -> str:
    done = commands.plimsoll(*words, env={"PLIMSOLL_HOME": str(home), "COLUMNS": "80"})
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def home(ingested: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("lives") / "home")


def test_the_flag_follows_strategies_and_the_policys_hash_names_it(home: Path, tmp_path: Path) -> None:
    span = ("--start", "2022-06-01", "--end", "2022-12-30")
    run = json.loads(plimsoll(home, "backtest", *span, "--lifecycle", "--json"))
    assert run["policy"] != policy_hash(Policy())
    assert set(run["lifecycle"]) == {"core_trend", "xs_momentum"}
    for life in run["lifecycle"].values():
        assert life["path"][0] == ["2022-06-01", "INCUBATING"]
        assert life["judged"]["sessions"] > 100
        assert 0.0 <= life["cap"] <= 0.25
    paper = json.loads(plimsoll(home, "trade", "--mode", "paper", "--recorded", *span, "--lifecycle",
                                "--restart-every", "60", "--json"))  # fmt: skip
    assert paper["decisions_hash"] == run["decisions_hash"]
    assert paper["lifecycle"] == run["lifecycle"]
    on = run["fills"][0]["session"]
    replayed = json.loads(plimsoll(home, "replay", "--on", on, "--run", run["run"], "--json"))
    assert replayed["identical"]
    symbol = run["fills"][0]["symbol"]
    assert "is INCUBATING since 2022-06-01 and may use" in plimsoll(
        home, "explain", "--on", on, "--symbol", symbol, "--run", run["run"]
    ).replace("\n", " ").replace("  ", " ")
    page = tmp_path / "report.html"
    plimsoll(home, "report", "--run", run["run"], "--output", str(page))
    text = page.read_text(encoding="utf-8")
    assert "State of each at the end" in text
    assert '"id":"stages"' in text
    assert "strategy    core_trend: INCUBATING since 2022-06-01; may use" in plimsoll(
        home, "backtest", *span, "--lifecycle"
    )


def test_a_certificate_in_the_policy_starts_at_scaling_and_a_stranger_is_told(home: Path, tmp_path: Path) -> None:
    policy = tmp_path / "admitted.yaml"
    policy.write_text(
        "lifecycle:\n  admissions:\n    core_trend: {sessions: 1260}\n    nobody: {sessions: 1}\n", encoding="utf-8"
    )
    span = ("--start", "2022-10-03", "--end", "2022-12-30")
    run = json.loads(plimsoll(home, "backtest", *span, "--lifecycle", "--policy", str(policy), "--json"))
    assert run["lifecycle"]["core_trend"]["stage"] == "SCALING"
    assert run["lifecycle"]["xs_momentum"]["stage"] == "INCUBATING"
    assert "lifecycle.admissions names nobody, which did not run" in run["notes"]

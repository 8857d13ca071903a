"""From nothing to a journaled decision and back, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SPAN = ("--start", "2019-01-02", "--end", "2020-12-31")


def plimsoll(*words: str, home: Path, seed: str = "0", threads: str = "2", code: int = 0) -> Any:
    """Run the command in a process of its own; its JSON, after checking the exit code."""
    env = {**os.environ, "PYTHONHASHSEED": seed, "PLIMSOLL_HOME": str(home), "NO_COLOR": "1"}
    env |= {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    plimsoll(
        "ingest", "--provider", "synthetic", "--source", "core:seed=7", "--start", "2014-01-02", "--end", "2021-06-30",
        home=folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def backtest(home: Path) -> dict[str, Any]:
    result: dict[str, Any] = plimsoll("backtest", *SPAN, "--json", home=home)
    return result


def test_ingest_certifies_every_symbol(home: Path) -> None:
    status = plimsoll("verify", "status", "--json", home=home)
    assert status["states"]["ACTIVE"] == len(status["symbols"]) == 16
    assert {"symbol", "state", "rows", "expected", "missing_pct", "score", "reasons"} <= set(status["symbols"][0])


def test_a_backtest_trades_and_says_what_it_did(backtest: dict[str, Any]) -> None:
    assert {
        "run", "snapshot", "policy", "start", "end", "sessions", "synthetic", "metrics", "decisions", "vetoes",
        "risk_events", "equity", "fills", "decisions_hash",
    } <= set(backtest)  # fmt: skip
    assert backtest["synthetic"] is True
    assert backtest["sessions"] == len(backtest["equity"]) == 505  # NYSE sessions of 2019 and 2020
    assert backtest["fills"], "a governed system that never trades proves nothing"
    assert set(backtest["decisions"]) == {"EXECUTE", "HOLD", "REJECT", "ERROR"}
    assert sum(backtest["decisions"].values()) == 505 * 15
    assert backtest["decisions"]["EXECUTE"] >= len(backtest["fills"]) > 0


def test_the_journal_of_a_backtest_verifies(home: Path, backtest: dict[str, Any]) -> None:
    audit = plimsoll("audit", "verify", "--run", backtest["run"], "--json", home=home)
    assert audit["ok"] is True
    assert audit["first_bad"] is None
    assert audit["records"] > backtest["sessions"]


def test_another_process_with_another_hash_seed_and_thread_count_decides_the_same(
    home: Path, backtest: dict[str, Any]
) -> None:
    again = plimsoll("backtest", *SPAN, "--json", home=home, seed="4242", threads="1")
    assert again["decisions_hash"] == backtest["decisions_hash"]
    assert again["equity"] == backtest["equity"]
    assert again["run"] != backtest["run"]


@pytest.mark.parametrize("every", ["0", "37"])
def test_a_recorded_paper_session_makes_the_backtests_decisions(
    home: Path, backtest: dict[str, Any], every: str
) -> None:
    paper = plimsoll("trade", "--mode", "paper", "--recorded", *SPAN, "--restart-every", every, "--json", home=home)
    assert paper["decisions_hash"] == backtest["decisions_hash"]
    assert paper["equity"] == backtest["equity"]
    assert paper["fills"] == backtest["fills"]


def test_a_paper_run_killed_in_mid_write_is_resumed_from_its_journal(home: Path, backtest: dict[str, Any]) -> None:
    words = ("trade", "--mode", "paper", "--recorded", *SPAN, "--json")
    env = {**os.environ, "PLIMSOLL_HOME": str(home), "NO_COLOR": "1"}
    before = set((home / "runs").glob("paper-*.db"))
    killed = subprocess.Popen([sys.executable, "-m", "plimsoll", *words], env=env, stdout=subprocess.DEVNULL)
    while not (new := set((home / "runs").glob("paper-*.db")) - before) or next(iter(new)).stat().st_size < 200_000:
        assert killed.poll() is None, "the session ended before it could be killed"
    killed.kill()
    killed.wait()
    run = next(iter(new)).stem
    resumed = plimsoll("trade", "--mode", "paper", "--recorded", "--resume", run, "--json", home=home)
    assert resumed["run"] == run
    assert resumed["decisions_hash"] == backtest["decisions_hash"]
    assert resumed["fills"] == backtest["fills"]
    assert plimsoll("audit", "verify", "--run", run, "--json", home=home)["ok"] is True


def test_runs_lists_what_was_run(home: Path, backtest: dict[str, Any]) -> None:
    assert backtest["run"] in plimsoll("runs", home=home)

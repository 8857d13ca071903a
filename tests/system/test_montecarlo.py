"""``plimsoll montecarlo`` as a user types it: fields, exit codes, the same for the same seed, recorded bars (H8)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest


def ran(*words: str, status: int, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "montecarlo", "--profile", "micro", *words],
        env=clean | env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_too_few_sessions_fail_and_name_what_was_not_approached() -> None:
    first = ran("--sessions", "3", "--seed", "5", "--json", status=3, PYTHONHASHSEED="1")
    again = ran("--sessions", "3", "--seed", "5", "--json", status=3, PYTHONHASHSEED="2")
    assert first.stdout == again.stdout
    found: dict[str, Any] = json.loads(first.stdout)
    assert (found["sessions"], found["seed"], found["profile"]) == (3, 5, "micro")
    assert found["accepted"] > 0 and found["breaches"] == 0 and found["breached"] == {}
    assert set(found["max_use"]) == {"loss", "position", "gross", "turnover", "trade"}
    assert found["unapproached"] == ["loss"] and found["unseen"]
    assert "NO_SESSION" in found["refused"]
    assert found["bars"] == {"synthetic": 3} and found["synthetic"]
    said = ran("--sessions", "3", "--seed", "5", status=3).stdout
    assert "FAILED" in said and "SYNTHETIC BARS ONLY" in said and "not approached to 95 %" in said


@pytest.mark.real_data
def test_recorded_bars_are_played_by_option_and_by_environment(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "msft_intraday.parquet").symlink_to(shared_data / "msft_intraday.parquet")
    named = ran("--sessions", "4", "--json", "--bars", str(tmp_path / "msft_intraday.parquet"), status=3)
    found = ran("--sessions", "4", "--json", status=3, PLIMSOLL_SHARED_DATA=str(tmp_path))
    assert named.stdout == found.stdout
    assert json.loads(named.stdout)["bars"]["bootstrapped"] > 0


def test_a_file_of_bars_that_is_none_is_named(tmp_path: Path) -> None:
    done = ran("--bars", str(tmp_path / "absent.parquet"), "--json", status=1)
    assert "absent.parquet is not there" in json.loads(done.stdout)["error"]


def test_bars_of_which_none_can_be_used_are_an_error_and_no_run_on_made_up_ones(tmp_path: Path) -> None:
    at = [datetime(2026, 3, 2, 14, 30, tzinfo=UTC) + timedelta(minutes=n) for n in range(390)]
    flat = {name: [100.0] * 390 for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"symbol": ["S"] * 390, "ts": at, **flat}).write_parquet(
        tmp_path / "s_intraday.parquet"
    )  # one session
    for words, env in (
        (("--bars", str(tmp_path / "s_intraday.parquet")), {}),
        ((), {"PLIMSOLL_SHARED_DATA": str(tmp_path)}),
    ):
        done = ran("--sessions", "3", *words, "--json", status=1, **env)
        assert "no recording with two whole sessions" in json.loads(done.stdout)["error"]

"""``plimsoll model`` as a user types it: a run over bars, a converted classifier, and files that are refused (H4)."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest


def ran(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "model", *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of minutes."""
    draw = np.random.default_rng(4)
    starts = [datetime(2026, 3, day, 14, 30, tzinfo=UTC) for day in (2, 3)]
    at = [start + timedelta(minutes=m) for start in starts for m in range(390)]
    close = 400.0 * np.cumprod(1.0 + 0.0005 * draw.standard_normal(780))
    frame = pl.DataFrame({
        "symbol": "S", "ts": at, "open": close, "high": close + 0.1, "low": close - 0.1, "close": close,
        "volume": draw.integers(1_000, 2_000, 780),
    })  # fmt: skip
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    frame.with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC"))).write_parquet(path)
    return path


def test_a_classifier_is_converted_and_runs_behind_the_governor(bars: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(1).standard_normal((100, 26))
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(LogisticRegression().fit(rows, np.arange(100) % 3)))
    refused = ran("convert", str(tmp_path / "c.pkl"), "--out", str(tmp_path / "p.onnx"), "--json", status=2)
    assert "--trust" in json.loads(refused.stdout)["remedy"]
    done = ran("convert", str(tmp_path / "c.pkl"), "--out", str(tmp_path / "p.onnx"), "--trust")
    assert "runs its author's code" in done.stderr and "sha256" in done.stdout
    words = ("--bars", str(bars), "--symbol", "S", "--profile", "micro")
    found = json.loads(ran("run", str(tmp_path / "p.onnx"), *words, "--json").stdout)
    assert found["model"] == "p.onnx" and len(found["sha256"]) == 64
    assert sum(found["answers"].values()) == found["bars"] == 780
    assert found["label"].startswith("SIMULATED FILLS")
    shown = ran("run", "mock:flip", *words).stdout
    assert "SIMULATED FILLS" in shown and "after costs" in shown and "OBSERVATION_INCOMPLETE" in shown


def test_files_that_run_code_are_refused_with_what_to_do(bars: Path, tmp_path: Path) -> None:
    for name in ("m.zip", "m.pkl", "m.joblib"):
        path = tmp_path / name
        path.write_bytes(b"")
        done = ran("run", str(path), "--bars", str(bars), "--symbol", "S", "--json", status=1)
        assert "plimsoll model convert" in json.loads(done.stdout)["remedy"]
    assert "not a known kind of model" in ran("run", "m.txt", "--bars", str(bars), "--symbol", "S", status=2).stderr
    done = ran("run", "mock:flip", "--bars", str(bars), "--symbol", "T", status=1)
    assert "no bars of 'T'" in done.stderr


@pytest.mark.real_data
def test_it_runs_on_recorded_bars(shared_data: Path) -> None:
    words = ("--bars", str(shared_data / "msft_intraday.parquet"), "--symbol", "MSFT", "--profile", "micro", "--json")
    found = json.loads(ran("run", "mock:momentum", *words).stdout)
    assert (found["source"], found["step"], found["sessions"]) == ("yahoo_1m", 60, 12)
    assert found["filled"] > 50 and found["admitted"] == found["orders"]
    assert float(found["turnover"]) <= 12 * 2_000
    assert float(found["pnl"]) < float(found["pnl_before_costs"])

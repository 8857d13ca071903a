"""``plimsoll new strategy``: the file it writes runs as it is, and nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import Done, plimsoll
from plimsoll import app
from plimsoll.alpha.registry import load
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy


def run(*words: str, folder: Path) -> Done:
    return plimsoll(*words, cwd=folder, env={"COLUMNS": "80"})


def test_the_written_file_trades_at_once_as_the_command_says(ingested: Callable[[Path], Path], tmp_path: Path) -> None:
    written = run("new", "strategy", "my-trend", folder=tmp_path)
    assert written.returncode == 0, written.stderr
    (suggested,) = [line for line in written.stdout.splitlines() if "backtest --strategy" in line]
    words = suggested.split("plimsoll ")[1].split()
    ingested(tmp_path / "runtime")
    done = run(*words, "--start", "2026-01-02", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["strategies"] == ["my_trend"]
    assert result["fills"]


def test_the_file_says_its_own_name_and_path(tmp_path: Path) -> None:
    path = app.new_strategy("Fast_2", tmp_path)
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "fast_2.py"
    assert f"plimsoll backtest --strategy {path}" in text
    assert "{" not in text.replace("{name", "")  # every blank of the template is filled in
    (made,) = load([str(path)])
    assert made.name == "fast_2"
    assert type(made).__name__ == "Fast2"


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(InputError, match="is there already"):
        app.new_strategy("mine", tmp_path)
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize("name", ["", "2fast", "a b", "../up", "class", "core_trend", "core-trend.py", "ü"])
def test_a_name_no_strategy_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        app.new_strategy(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plimsoll", "numpy", "json", "typing", "Msgspec", "email.py"])
def test_a_name_that_would_hide_a_module_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would shadow"):
        app.new_strategy(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_weights_template_runs_as_it_is(
    make_market: Callable[..., Panel], backtested: Callable[..., Any], tmp_path: Path
) -> None:
    path = app.new_strategy("my-mix", tmp_path, weights=True)
    text = path.read_text(encoding="utf-8")
    assert f"plimsoll backtest --strategy {path}" in text and 'name = "my_mix"' in text
    records = backtested(make_market(1, 330), Policy(), strategies=load([str(path)])).records
    assert any(i.lots > 0 for r in records for i in r.intents)
    assert all(len(r.auction.targets) == 1 for r in records if r.auction and r.auction.bids)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        app.new_strategy("mine", tmp_path / "nowhere")

"""What is removed is what was asked for, and never an account's journal without force."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from plimsoll.core.errors import UsageError
from plimsoll.store import pruning
from plimsoll.store.home import Home, RunSummary

DAY = 86_400


def kept(home: Home, name: str, day: int, *, mode: str = "backtest", status: str = "finished") -> None:
    home.folder(home.runs)
    home.folder(home.reports)
    home.finish(
        RunSummary(name, mode, "2020-01-02", "2020-12-31", "s", "p", 1, (), False, status == "finished", status=status),
        b"{}",
    )
    for path in (home.journal(name), home.runs / f"{name}.policy.json", home.reports / f"{name}.html"):
        path.write_text("x")
    for path in home.files(name):
        os.utime(path, (day * DAY, day * DAY))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    kept(made, "backtest-1", 1)
    kept(made, "backtest-2", 2, status="failed")
    kept(made, "backtest-without-mandate-2", 2)
    kept(made, "backtest-3", 3)
    kept(made, "backtest-without-mandate-3", 3)
    kept(made, "paper-4", 4, mode="paper", status="interrupted")
    kept(made, "backtest-5", 5)
    return made


def test_without_a_wish_nothing_is_chosen(home: Home) -> None:
    with pytest.raises(UsageError, match="--keep N"):
        pruning.chosen(home, force=True, now=4.0 * DAY)


def test_the_newest_stay_and_what_stands_beside_them(home: Home) -> None:
    found = pruning.chosen(home, keep=3, now=4.0 * DAY)
    assert found.runs == ("backtest-1", "backtest-2", "backtest-without-mandate-2")
    assert found.spared == () and not found.done
    assert pruning.chosen(home, keep=0, now=4.0 * DAY).spared == ("paper-4",)
    assert "paper-4" in pruning.chosen(home, keep=0, force=True, now=4.0 * DAY).runs
    assert len(pruning.chosen(home, keep=0, force=True, now=4.0 * DAY).runs) == 7
    assert pruning.chosen(home, keep=99, now=4.0 * DAY).runs == ()


def test_age_and_how_a_run_ended_choose_too_and_every_wish_must_be_met(home: Home) -> None:
    assert pruning.chosen(home, older_than=2, now=4.0 * DAY).runs == ("backtest-1",)
    assert pruning.chosen(home, older_than=2, now=4.0 * DAY + 1).runs == (
        "backtest-1", "backtest-2", "backtest-without-mandate-2",
    )  # fmt: skip
    unfinished = pruning.chosen(home, unfinished=True, now=4.0 * DAY)
    assert (unfinished.runs, unfinished.spared) == (("backtest-2",), ("paper-4",))
    assert pruning.chosen(home, unfinished=True, keep=5, now=4.0 * DAY).runs == ()


def test_a_running_run_is_never_chosen(home: Home) -> None:
    with home.lock():
        home.finish(msgspec.structs.replace(home.summary("backtest-1"), status="running", finished=False))
        assert "backtest-1" not in pruning.chosen(home, keep=0, force=True, now=4.0 * DAY).runs


def test_everything_of_a_run_goes_and_nothing_else(home: Home) -> None:
    found = pruning.chosen(home, unfinished=True, now=4.0 * DAY)
    assert found.bytes == sum(p.stat().st_size for p in home.files("backtest-2")) > 0
    pruning.remove(home, found.runs)
    assert home.files("backtest-2") == () and "backtest-2" not in home.names()
    assert len(home.files("backtest-3")) == 5
    assert home.journal("backtest-without-mandate-2").exists()

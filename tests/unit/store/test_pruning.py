"""What is removed is what was asked for, and never an account's journal without force."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from plimsoll.core.errors import UsageError
from plimsoll.core.runs import RunSummary
from plimsoll.store import pruning
from plimsoll.store.home import Home
from plimsoll.store.runs import RunFiles

NOW = "2026-01-04T00:00:00.000000Z"


def kept(runs: RunFiles, home: Home, name: str, day: int, *, mode: str = "backtest", status: str = "finished") -> None:
    home.folder(home.reports)
    began, ended = (f"2026-01-{day:02d}T00:00:00.{n}00000Z" for n in "02")
    if "mandate" in name:  # it ends before the run it stands beside
        ended = ended.replace(".2", ".1")
    runs.finish(
        RunSummary(name, mode, "2020-01-02", "2020-12-31", "s", "p", 1, (), False, status == "finished", status=status,
                   begun=began, ended=ended),
        b"{}",
    )  # fmt: skip
    for path in (runs.journal(name), home.runs / f"{name}.policy.json", home.reports / f"{name}.html"):
        path.write_text("x")


@pytest.fixture
def runs(tmp_path: Path) -> RunFiles:
    home = Home(tmp_path)
    made = RunFiles(home)
    kept(made, home, "backtest-1", 1)
    kept(made, home, "backtest-2", 2, status="failed")
    kept(made, home, "backtest-without-mandate-2", 2)
    kept(made, home, "backtest-3", 3)
    kept(made, home, "backtest-without-mandate-3", 3)
    kept(made, home, "paper-4", 4, mode="paper", status="interrupted")
    kept(made, home, "backtest-5", 5)
    return made


def test_without_a_wish_nothing_is_chosen(runs: RunFiles) -> None:
    with pytest.raises(UsageError, match="--keep N"):
        pruning.chosen(runs, NOW, force=True)


def test_the_newest_stay_and_what_stands_beside_them(runs: RunFiles) -> None:
    found = pruning.chosen(runs, NOW, keep=3)
    assert found.runs == ("backtest-1", "backtest-2", "backtest-without-mandate-2")
    assert found.spared == () and not found.done
    assert pruning.chosen(runs, NOW, keep=0).spared == ("paper-4",)
    assert "paper-4" in pruning.chosen(runs, NOW, keep=0, force=True).runs
    assert len(pruning.chosen(runs, NOW, keep=0, force=True).runs) == 7
    assert pruning.chosen(runs, NOW, keep=99).runs == ()


def test_age_and_how_a_run_ended_choose_too_and_every_wish_must_be_met(runs: RunFiles) -> None:
    assert pruning.chosen(runs, NOW, older_than=2).runs == ("backtest-1",)
    assert pruning.chosen(runs, "2026-01-04T00:00:00.300000Z", older_than=2).runs == (
        "backtest-1", "backtest-2", "backtest-without-mandate-2",
    )  # fmt: skip
    runs.finish(msgspec.structs.replace(runs.summary("backtest-1"), begun="", ended=""))
    assert pruning.chosen(runs, "2036-01-04T00:00:00.000000Z", older_than=2).runs[:1] == ("backtest-2",)
    unfinished = pruning.chosen(runs, NOW, unfinished=True)
    assert (unfinished.runs, unfinished.spared) == (("backtest-2",), ("paper-4",))
    assert pruning.chosen(runs, NOW, unfinished=True, keep=5).runs == ()


def test_a_running_run_is_never_chosen(runs: RunFiles, tmp_path: Path) -> None:
    with Home(tmp_path).lock():
        runs.finish(msgspec.structs.replace(runs.summary("backtest-1"), status="running", finished=False))
        assert "backtest-1" not in pruning.chosen(runs, NOW, keep=0, force=True).runs


def test_everything_of_a_run_goes_and_nothing_else(runs: RunFiles) -> None:
    found = pruning.chosen(runs, NOW, unfinished=True)
    assert found.bytes == sum(p.stat().st_size for p in runs.files("backtest-2")) > 0
    pruning.remove(runs, found.runs)
    assert runs.files("backtest-2") == () and "backtest-2" not in runs.names()
    assert len(runs.files("backtest-3")) == 5
    assert runs.journal("backtest-without-mandate-2").exists()


def test_a_paper_run_that_was_killed_before_its_first_record_is_no_account(runs: RunFiles, tmp_path: Path) -> None:
    runs.journal("paper-6").touch()
    runs.finish(RunSummary("paper-6", "paper", "", "", "s", "p", 1, (), False, False, status="running"))
    found = pruning.chosen(runs, NOW, unfinished=True)
    assert "paper-6" in found.runs and found.spared == ("paper-4",)

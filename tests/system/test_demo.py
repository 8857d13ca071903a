"""The demo as a newcomer runs it: in an empty folder, offline, with nothing but the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.cli.demo import STEPS


def _env(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL") and k != "COLUMNS"}
    return kept | {"HOME": str(folder)} | more


def flowing(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder the demo ran in and what it printed, 40 columns wide; it has to be done within a minute."""
    folder = tmp_path_factory.mktemp("newcomer")
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "demo"],
        cwd=folder, env=_env(folder, COLUMNS="40"), capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, done.stdout


def test_it_shows_every_step_in_order_and_says_synthetic_first_and_last(shown: tuple[Path, str]) -> None:
    _, said = shown
    assert re.findall(rf"^(\d)/{STEPS}  ", said, re.MULTILINE) == [str(n) for n in range(1, STEPS + 1)]
    assert said.startswith("SYNTHETIC DATA")
    assert said.count("SYNTHETIC DATA") >= 2
    assert flowing(said).count(", SYNTHETIC: return ") == 2


def test_narrow_text_stays_narrow_and_a_pipe_gets_no_codes(shown: tuple[Path, str]) -> None:
    _, said = shown
    assert "\x1b" not in said
    prose = [line for line in said.splitlines() if "plimsoll" not in line and "/" not in line]  # to be typed: unbroken
    assert max(len(line.rstrip()) for line in prose) <= 40


def test_it_explains_a_trade_and_a_refusal(shown: tuple[Path, str]) -> None:
    _, said = shown
    assert "EXECUTE: the decision of" in flowing(said)
    assert "REJECT: the decision of" in flowing(said)


def test_the_file_it_says_to_open_is_a_page_that_says_synthetic(shown: tuple[Path, str]) -> None:
    folder, said = shown
    (path,) = re.findall(r"^Open  (.*)$", said, re.MULTILINE)
    page = (folder / path).read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "synthetic" in page.lower()


def test_it_leaves_one_folder_with_a_backtest_and_a_paper_year(shown: tuple[Path, str]) -> None:
    folder, _ = shown
    assert [p.name for p in folder.iterdir() if not p.name.startswith(".")] == ["demo"]
    modes = {p.stem.split("-")[0] for p in (folder / "demo" / "runs").glob("*.json")}
    assert modes == {"backtest", "paper"}


def test_every_command_it_prints_can_be_typed(shown: tuple[Path, str]) -> None:
    folder, said = shown
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("plimsoll ")]
    assert len(commands) >= STEPS + 3
    long = (
        "ingest --provider synthetic",
        "demo backtest",
        "trade --mode",
        "report --hurdles",
    )  # the demo itself has just run these
    for command in [c for c in commands if not any(words in c for words in long)]:
        words = command.split()[1:]
        done = subprocess.run(
            [sys.executable, "-m", "plimsoll", *words],
            cwd=folder, env=_env(folder), capture_output=True, text=True, check=False,
        )  # fmt: skip
        wanted = 1 if "your_prices.csv" in command else 0  # that file is the newcomer's to bring
        assert done.returncode == wanted, f"{command}\n{done.stderr}"


def test_it_ends_with_three_commands_to_try(shown: tuple[Path, str]) -> None:
    _, said = shown
    tries = said[said.index("Then try") :].splitlines()[1:]
    assert len([line for line in tries if line.strip().startswith("plimsoll ")]) == 3


def test_a_home_with_real_data_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    rows = ["symbol,date,open,high,low,close,adj_close,volume"]
    rows += [f"SPY,2020-01-{d:02d},10,11,9,10,10,1000" for d in (2, 3, 6, 7, 8)]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "plimsoll", "--home", "mine", *words]
        return subprocess.run(command, cwd=tmp_path, env=_env(tmp_path), capture_output=True, text=True, check=False)

    assert run("ingest", "--provider", "files", "--source", "mine.csv").returncode == 0
    before = (tmp_path / "mine" / "snapshots" / "CURRENT").read_bytes()
    done = run("demo")
    assert done.returncode == 1
    assert "real data" in done.stderr
    assert "--home" in done.stderr
    assert (tmp_path / "mine" / "snapshots" / "CURRENT").read_bytes() == before

"""The demo as a newcomer runs it: in an empty folder, offline, with nothing but the package."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.cli.demo import STEPS


def _env(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL") and k != "COLUMNS"}
    return kept | {"HOME": str(folder)} | more


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder the demo ran in and what it printed; it has to be done within a minute."""
    folder = tmp_path_factory.mktemp("newcomer")
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "demo"],
        cwd=folder, env=_env(folder), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, done.stdout


def test_it_shows_every_step_in_order_and_says_synthetic_first_and_last(shown: tuple[Path, str]) -> None:
    _, said = shown
    assert re.findall(rf"^(\d)/{STEPS}  ", said, re.MULTILINE) == [str(n) for n in range(1, STEPS + 1)]
    assert said.startswith("SYNTHETIC DATA")
    assert said.count("SYNTHETIC DATA") >= 2
    figures = re.findall(r"^.*: return .*$", said, re.MULTILINE)
    assert len(figures) == 2
    assert all("SYNTHETIC" in line for line in figures)


def test_it_explains_a_trade_and_a_refusal(shown: tuple[Path, str]) -> None:
    _, said = shown
    assert "EXECUTE: the decision of" in said
    assert "REJECT: the decision of" in said


def test_it_leaves_one_folder_with_a_backtest_and_a_paper_year(shown: tuple[Path, str]) -> None:
    folder, _ = shown
    assert [p.name for p in folder.iterdir() if not p.name.startswith(".")] == ["demo"]
    modes = {p.stem.split("-")[0] for p in (folder / "demo" / "runs").glob("*.json")}
    assert modes == {"backtest", "paper"}


def test_every_command_it_prints_can_be_typed(shown: tuple[Path, str]) -> None:
    folder, said = shown
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("plimsoll ")]
    assert len(commands) >= STEPS + 3
    long = {"ingest --provider synthetic", "backtest", "trade --mode"}  # the demo itself has just run these
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


def test_a_narrow_terminal_without_colour_gets_narrow_text_without_colour(shown: tuple[Path, str]) -> None:
    folder, _ = shown
    leader, follower = pty.openpty()
    env = _env(folder, NO_COLOR="1", TERM="xterm-256color", COLUMNS="40")
    command = [sys.executable, "-m", "plimsoll", "demo"]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=follower, stderr=subprocess.DEVNULL) as process:
        os.close(follower)
        text = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            text += chunk
    os.close(leader)
    assert process.returncode == 0
    assert not re.search(rb"\x1b\[(3|4|9|10)\d", text)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).splitlines()
    prose = [line for line in lines if "plimsoll" not in line and "/" not in line]  # what may be typed is not broken
    assert max(len(line.rstrip()) for line in prose) <= 40

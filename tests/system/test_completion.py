"""Shell completion: commands, and the names that only this home or this version knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def completed(line: str, folder: Path) -> list[str]:
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    env |= {"_PLIMSOLL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = "import sys; sys.argv = ['plimsoll']; from plimsoll.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("plimsoll do", ["doctor"]),
        ("plimsoll new ", ["strategy"]),
        ("plimsoll backtest --strategy x", ["xs_momentum"]),
        ("plimsoll config show --profile s", ["small-live"]),
        ("plimsoll --home h explain --run p", ["paper-1"]),
        ("plimsoll report --home h --run ", ["paper-1", "backtest-1"]),
        ("plimsoll report --run ", ["backtest-2"]),
    ],
)
def test_bash_is_offered_what_can_be_typed(line: str, offered: list[str], tmp_path: Path) -> None:
    for home, names in (
        ("h", ("backtest-1.json", "paper-1.json", "paper-1.policy.json")),
        ("runtime", ("backtest-2.json",)),
    ):
        (tmp_path / home / "runs").mkdir(parents=True)
        for name in names:
            (tmp_path / home / "runs" / name).touch()
    assert completed(line, tmp_path) == offered


def test_the_script_for_a_shell_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "--show-completion", "bash"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "complete" in done.stdout

"""A paper run that a person stops with Ctrl-C: it ends as interrupted, says how it goes on, and goes on (X7, O10)."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from typer.testing import CliRunner

from plimsoll.cli.main import cli

PAPER = ("trade", "--mode", "paper", "--recorded", "--start", "2024-01-02", "--end", "2024-03-28")


def _rows(home: Path) -> int:
    """How many records the journal of the paper run holds, 0 where there is none yet."""
    for path in (home / "runs").glob("paper-*.db"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reading:
            return int(reading.execute("SELECT count(*) FROM journal").fetchone()[0])
    return 0


def _stopped(home: Path, words: list[str], records: int) -> str:
    """The remedy that the command gives when it gets a Ctrl-C as soon as its journal holds so many records."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        while _rows(home) < records:
            assert running.poll() is None
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate()
    assert running.returncode == 130, err
    assert "error: interrupted" in err and "cannot be written" not in err
    return err.partition("resume with ")[2].strip()


def test_ctrl_c_ends_a_paper_run_as_interrupted_and_its_hint_ends_it_as_if_never_stopped(
    traded: Callable[[Path], Path], tmp_path: Path
) -> None:
    home = traded(tmp_path / "home")
    plimsoll = [sys.executable, "-m", "plimsoll"]
    hint = _stopped(home, [*plimsoll, *PAPER, "--home", str(home)], 2)
    assert _stopped(home, [*plimsoll, *shlex.split(hint)[1:]], 40) == hint
    shown = CliRunner().invoke(cli, ["runs", "--home", str(home), "--json"])
    newest = json.loads(shown.stdout)[-1]
    assert (newest["status"], newest["reason"]) == ("interrupted", "interrupted by a person")
    assert hint == f"plimsoll --home {home} trade --mode paper --recorded --resume {newest['run']}"
    done = CliRunner().invoke(cli, [*shlex.split(hint)[1:], "--json"])
    assert done.exit_code == 0, done.output
    backtest = CliRunner().invoke(cli, ["backtest", *PAPER[4:], "--home", str(home), "--json"])
    assert json.loads(done.stdout)["decisions_hash"] == json.loads(backtest.stdout)["decisions_hash"]

"""Commands as a user types them, run in this process: what they print, and their exit code, without a start-up each.

A test that needs a process of its own (signals, locks, limits of the system, what an import costs) starts one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from plimsoll.cli.main import cli


class Done(NamedTuple):
    """How a command ended, by the names of ``subprocess.CompletedProcess``."""

    returncode: int
    stdout: str
    stderr: str


def environment(**given: str) -> dict[str, str | None]:
    """The environment without anything of ours, a wide terminal, and what is given."""
    own = {name: None for name in os.environ if name.startswith("PLIMSOLL")}
    return {**own, "COLUMNS": "120", **given}


def plimsoll(
    *words: str,
    home: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    typed: str | bytes | None = None,
) -> Done:
    """Run one command. A defect raises here, as its traceback would be seen there."""
    line = (*(("--home", str(home)) if home is not None else ()), *words)
    with chdir(cwd or Path.cwd()):
        done = CliRunner().invoke(cli, line, env=environment(**(env or {})), input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)

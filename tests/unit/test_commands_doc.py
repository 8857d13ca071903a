"""The command reference names every option that a command has."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from plimsoll.cli.main import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_option_of_every_command_is_in_its_row() -> None:
    rows = dict(re.findall(r"^\| `(plimsoll [a-z0-9 ]+)` \| (.*) \|$", PAGE.partition("## Every flag")[2], re.M))
    seen = 0

    def walk(command: object, words: str) -> None:
        nonlocal seen
        for name, one in getattr(command, "commands", {}).items():
            walk(one, f"{words} {name}")
        if hasattr(command, "commands"):
            return
        for param in command.params:  # type: ignore[attr-defined]
            for flag in set(param.opts) - {"--help"} if param.param_type_name == "option" else ():
                seen += 1
                assert re.search(rf"`{flag}[ `]", rows[words]), f"{words} {flag} is not in docs/commands.md"

    walk(get_command(cli), "plimsoll")
    assert seen > 100

"""What every command's help must hold, whoever adds the command (O10)."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from plimsoll.cli.main import cli


def commands(node: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every command that does something, by the words that call it."""
    if not hasattr(node, "commands"):
        return {" ".join(path): node}
    found: dict[str, Any] = {}
    for name, child in node.commands.items():
        found |= commands(child, (*path, name))
    return found


ROOT = typer.main.get_command(cli)
COMMANDS = commands(ROOT)


def shown(*words: str, width: int = 80) -> str:
    from typer.testing import CliRunner

    done = CliRunner().invoke(cli, [*words, "--help"], terminal_width=width, prog_name="plimsoll")
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_one_line_summary_and_an_example_that_calls_it(name: str) -> None:
    help_text = COMMANDS[name].help
    summary, _, rest = help_text.partition("\n\n")
    assert "\n" not in summary
    assert summary.endswith(".")
    assert re.search(rf"^plimsoll {name}\b", rest.replace("\b", ""), re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name


def test_no_summary_is_cut_off_in_the_list_of_commands() -> None:
    for words in ((), ("verify",), ("audit",), ("config",), ("new",)):
        listed = shown(*words).split("Commands:")[1]
        assert "..." not in listed


def test_the_top_level_names_the_home_and_every_exit_code() -> None:
    said = " ".join(shown().split())
    for promised in ("PLIMSOLL_HOME", "0 done", "1 error", "2 usage", "3 a check failed", "4 halted"):
        assert promised in said
    for option in ("--install-completion", "--show-completion", "--version"):
        assert option in said


@pytest.mark.parametrize("name", COMMANDS)
def test_what_reads_can_answer_in_json(name: str) -> None:
    writes_for_a_person = {"demo", "new strategy"}
    always_json = {"config schema", "govern"}
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) is (name not in writes_for_a_person | always_json)

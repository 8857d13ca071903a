"""What every command's help must hold, whoever adds the command (O10)."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from plimsoll.cli.main import cli, main, needed


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


@pytest.mark.parametrize("name", ROOT.commands)
def test_a_command_line_builds_the_command_it_names_and_no_other(name: str) -> None:
    from typer.testing import CliRunner

    alone = needed([name, "--help"])
    assert list(typer.main.get_command(alone).commands) == [name]  # type: ignore[attr-defined]
    done = CliRunner().invoke(alone, [name, "--help"], terminal_width=80, prog_name="plimsoll")
    assert (done.exit_code, done.output) == (0, shown(name))


@pytest.mark.parametrize("words", [[], ["--help"], ["--home", "backtest", "doctor"], ["backtst"], ["--version"]])
def test_a_command_line_that_begins_with_no_command_has_them_all(words: list[str]) -> None:
    assert needed(words) is cli


def test_the_entry_point_builds_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = typer.main.get_command_from_info

    def counted(command_info: Any, **more: Any) -> Any:
        built.append(command_info.callback.__name__)
        return build(command_info, **more)

    monkeypatch.setattr(typer.main, "get_command_from_info", counted)
    monkeypatch.setattr("sys.argv", ["plimsoll", "providers", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, built) == (0, ["providers"])

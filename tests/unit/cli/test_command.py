"""The decorator of every command: its options, exit code, errors and renderers (O10)."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import plimsoll.cli
from plimsoll.app import Workspace
from plimsoll.cli.command import Answer, command
from plimsoll.cli.terminal import say
from plimsoll.core.errors import CheckFailed

FOLDER = Path(plimsoll.cli.__file__).parent


def run(body: object, *words: str) -> tuple[int, str]:
    one = typer.Typer()
    one.command()(body)  # type: ignore[type-var]
    done = CliRunner().invoke(one, words)
    return done.exit_code, done.stdout


@command(render=say)
def where_it_works(word: str, *, where: Workspace) -> object:
    """Show the workspace."""
    return f"{word} {where.home} {where.profile} {len(where.policy_files)}"


def test_the_options_of_the_workspace_stand_in_its_place() -> None:
    assert run(where_it_works, "a", "--home", "h", "--profile", "micro", "--policy", "f") == (0, "a h micro 1\n")
    assert list(where_it_works.__signature__.parameters) == ["word", "home", "profile", "policy", "as_json"]


@pytest.mark.parametrize(("words", "shown"), [((), "text\n"), (("--json",), '"text"\n')])
def test_an_answer_that_is_not_ok_is_shown_first_and_then_ends_with_its_code(
    words: tuple[str, ...], shown: str
) -> None:
    @command(render=say)
    def judged() -> object:
        """Judge."""
        return Answer("text", ok=False, failure=3)

    assert run(judged, *words) == (3, shown)


def test_an_error_is_an_object_on_stdout_with_its_own_code() -> None:
    @command()
    def failing() -> object:
        """Fail."""
        raise CheckFailed("broken", "mend it")

    assert run(failing, "--json") == (3, '{"error": "broken", "remedy": "mend it", "exit_code": 3}\n')
    assert run(failing) == (3, "")


def test_every_renderer_that_a_command_names_is_there() -> None:
    named = {
        word.value.value
        for path in FOLDER.glob("*.py")
        for word in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(word, ast.keyword) and word.arg == "render" and isinstance(word.value, ast.Constant)
    }
    assert len(named) > 20
    for name in named:
        module, _, function = name.partition(".")
        assert callable(getattr(import_module(f"plimsoll.cli.render.{module}"), function))

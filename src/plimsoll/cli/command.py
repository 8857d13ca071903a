"""The decorator of commands: workspace, answer as JSON or text, exit code, errors (O10).

A command is a function that takes its own options, calls one service of ``plimsoll.app`` and returns the answer::

    @command(render="risk.render_risk")
    def risk(on: OnOption = None, *, where: Workspace) -> Answer:
        found = app.risk(where, on)
        return Answer(found, ok=found.inside)

``where`` is not an option: the command has ``--home``, ``--profile`` and ``--policy`` in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from importlib import import_module
from typing import Any, get_type_hints

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import HomeOption, JsonOption, PolicyOption, ProfileOption, print_json, workspace
from plimsoll.core.errors import EXIT_CHECK_FAILED

Render = str | Callable[[Any], None]
_NAMES = {"Workspace": object}  # names used only for type checking
_OPTIONS: dict[str, Any] = {"home": HomeOption, "profile": ProfileOption, "policy": PolicyOption}


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's answer together with its exit code (``failure`` unless ``ok``), or its rendering."""

    value: object
    ok: bool = True
    failure: int = EXIT_CHECK_FAILED
    render: Render | None = None  # instead of the command's own


class Command:
    """A function as typer sees it: with the options of its workspace and ``--json``, evaluated when they are needed."""

    def __init__(self, body: Callable[..., object], render: Render | None, *, policy: bool, json: bool) -> None:
        self._body = body
        self._render = render
        self._policy = policy
        self._json = json
        update_wrapper(self, body, assigned=("__module__", "__qualname__", "__doc__"))
        self.__name__ = body.__name__

    @cached_property
    def __signature__(self) -> inspect.Signature:
        """The function's own options in their order, those of the workspace where it takes one, and ``--json``."""
        hints = get_type_hints(self._body, include_extras=True, localns=_NAMES)
        made: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(self._body).parameters.items():
            if name == "where":
                made += [_option(n, kind, None) for n, kind in _OPTIONS.items() if self._policy or n == "home"]
            else:
                made.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
        if self._json and "as_json" not in self._body.__annotations__:
            made.append(_option("as_json", JsonOption, False))
        return inspect.Signature(made)

    @cached_property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]
        """The types of the signature's options."""
        return {name: parameter.annotation for name, parameter in self.__signature__.parameters.items()}

    def __call__(self, *, as_json: bool = False, **given: Any) -> None:
        """Run the command: print its answer, and end with its exit code unless that is 0."""
        with reported(as_json):
            if "where" in self._body.__annotations__:
                options: dict[str, Any] = {name: given.pop(name, None) for name in _OPTIONS}
                given["where"] = workspace(**options)
            if "as_json" in self._body.__annotations__:
                given["as_json"] = as_json
            given_back = self._body(**given)
            answer = given_back if isinstance(given_back, Answer) else Answer(given_back)
            render = answer.render or self._render
            if as_json:
                print_json(answer.value)
            elif render is not None and answer.value is not None:
                _renderer(render)(answer.value)
            if not answer.ok:
                raise typer.Exit(answer.failure)


def command(
    *, render: Render | None = None, policy: bool = True, json: bool = True
) -> Callable[[Callable[..., object]], Command]:
    """Make a command of a function.

    ``render`` shows the answer to a person: a function, or the name of one of ``plimsoll.cli.render`` as
    ``module.function``, imported when there is an answer to show. Without ``policy`` the workspace is a home and
    no more; without ``json`` there is no ``--json``. A function that depends on the output format takes ``as_json``
    itself. ``None`` as an answer prints nothing.
    """
    return lambda body: Command(body, render, policy=policy, json=json)


def _renderer(render: Render) -> Callable[[Any], None]:
    if callable(render):
        return render
    module, _, name = render.partition(".")
    found: Callable[[Any], None] = getattr(import_module(f"plimsoll.cli.render.{module}"), name)
    return found


def _option(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

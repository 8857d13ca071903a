"""Finding strategies: built in, installed as entry points, or written in a file (S1)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from plimsoll.alpha import given
from plimsoll.alpha.core_trend import CoreTrend
from plimsoll.alpha.terms import check
from plimsoll.alpha.xs_momentum import CrossSectionalMomentum
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.ports import Strategy

GROUP = "plimsoll.strategies"
BUILT_IN: dict[str, type[Strategy]] = {kind.name: kind for kind in (CoreTrend, CrossSectionalMomentum)}


def load(names: Sequence[str]) -> tuple[Strategy, ...]:
    """Load the named strategies, in the given order.

    A name is that of a built-in, an entry point of the group ``plimsoll.strategies``, or the path of a ``.py`` file
    with one class that has a ``name`` and a ``forecast`` method.

    Raises
    ------
    UsageError
        A name is unknown or given twice.
    InputError
        A file or an installed plug-in does not define exactly one working strategy.
    """
    found: dict[str, Strategy] = {}
    for name in names:
        strategy = _one(name)
        if strategy.name in found:
            raise UsageError(
                f"strategy {strategy.name!r} is named twice", "Give each strategy once, under its own name"
            )
        found[strategy.name] = strategy
    return tuple(found.values())


def _one(name: str) -> Strategy:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    if name.endswith(".py"):
        return _from_file(Path(name))
    if (strategy := given.find(name)) is not None:
        return strategy
    return _installed(name)


def _installed(name: str) -> Strategy:
    from importlib.metadata import entry_points  # only for strategies that are not built in

    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = sorted(BUILT_IN | points)
        close = get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"there is no strategy {name!r}",
            f"{hint}Available: {', '.join(known)}; or give the path of a .py file",
        )
    origin = f"plug-in {name!r} ({points[name].value})"
    try:
        kind = points[name].load()
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise InputError(f"{origin} cannot be loaded: {_said(error)}", "Fix or uninstall it") from error
    return _made(kind, origin)


def _from_file(path: Path) -> Strategy:
    if not path.is_file():
        raise InputError(f"strategy file {path} does not exist", "Give the path of a .py file")
    origin = f"strategy file {path}"
    module = _executed(path, origin)
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and callable(getattr(value, "forecast", None))
    ]
    if len(kinds) != 1:
        found = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise InputError(
            f"{origin} must define exactly one class with a forecast method; found {found}",
            "Keep one strategy per file; docs/strategies.md shows one",
        )
    return _made(kinds[0], origin)


def _executed(path: Path, origin: str) -> ModuleType:
    name = f"plimsoll_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{origin} is not a Python file", "Give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and annotations look their module up
    try:
        # not by the loader, which may prefer a stale compiled file: the code that runs must be the code hashed
        exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        del sys.modules[name]
        raise InputError(f"{origin} cannot be loaded: {_said(error)}", "Correct the file") from error
    return module


def _made(kind: Any, origin: str) -> Strategy:
    try:
        strategy = kind()
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise InputError(
            f"{origin} cannot be made without arguments: {_said(error)}", "Give every argument a default"
        ) from error
    name = getattr(strategy, "name", None)
    if not (isinstance(strategy, Strategy) and callable(strategy.forecast) and isinstance(name, str) and name):
        raise InputError(
            f"{origin} is not a strategy",
            "It needs a text attribute `name` and a method `forecast(view, holding, policy)`",
        )
    check(strategy, origin)
    return strategy


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

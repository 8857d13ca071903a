"""Strategies given as Python objects or classes, as in a notebook; decisions record the source (S1, U9).

A given strategy exists only in its own process. Its name includes a hash of its source and parameters, so that a run
records the code it used, and another process refuses it instead of running different code.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from plimsoll.alpha.terms import check
from plimsoll.core.errors import InputError
from plimsoll.core.ports import Strategy

MARK = "@"  # between a strategy's own name and the hash
_given: dict[str, tuple[Any, bytes]] = {}
_REMEDY = "Write the class into a .py file and give its path"


def give(thing: object) -> str:
    """Register ``thing``, a strategy or its class, in this process and return the name that enables it.

    Raises
    ------
    InputError
        It is not a strategy, its source cannot be read, or a parameter is not a plain value.
    """
    made = _made(thing)
    name = getattr(made, "name", None)
    if not (isinstance(made, Strategy) and callable(made.forecast) and isinstance(name, str) and name):
        raise InputError(
            f"{_called(thing)} is not a strategy",
            "It needs a text attribute `name` and a method `forecast(view, holding, policy)`",
        )
    check(made, _called(thing))
    source = _source(type(made)) + _parameters(made)
    key = f"{name}{MARK}{hashlib.sha256(source).hexdigest()[:12]}"
    _given[key] = (copy.deepcopy(made), source)
    return key


def find(name: str) -> Strategy | None:
    """A new copy of the strategy given under ``name``; None for the name of a built-in, plug-in or file.

    Raises
    ------
    InputError : it was given in another process.
    """
    if name in _given:
        return copy.deepcopy(_given[name][0])  # type: ignore[no-any-return]
    head, mark, tail = name.rpartition(MARK)
    if mark and head and len(tail) == 12 and not name.endswith(".py"):
        raise InputError(
            f"strategy {name!r} was given as a Python object and is not in this process",
            f"Define it again and pass it to home.backtest(strategy=...), or: {_REMEDY[0].lower()}{_REMEDY[1:]}",
        )
    return None


def source_of(strategy: Strategy) -> bytes | None:
    """The hashed source and parameters of a given strategy; None for one from a module."""
    for made, source in _given.values():
        if type(made) is type(strategy) and made.name == strategy.name and source.endswith(_parameters(strategy)):
            return source
    return None


def _made(thing: object) -> object:
    if not isinstance(thing, type):
        return thing
    try:
        return thing()
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise InputError(
            f"{_called(thing)} cannot be made without arguments: {type(error).__name__}: {error}",
            "Give every argument a default, or give an object",
        ) from error


def _source(kind: type) -> bytes:
    """Source of the class and of its bases outside plimsoll and Python itself.

    A class from a notebook cell has no file; the source of its methods and its plain values are used instead.
    """
    kinds = [one for one in kind.__mro__ if one is not object and not _known(one)]
    seen: dict[str, str] = {}
    for one in kinds:
        for value in vars(one).values():
            if inspect.isfunction(value):
                _reached(value, seen)
    return "\n".join([*map(_of_class, kinds), *(f"{name} = {seen[name]}" for name in sorted(seen))]).encode()


def _reached(function: FunctionType, seen: dict[str, str]) -> None:
    """Collect the globals and closure values a function reads: plain values as they are, functions by source."""
    around = inspect.getclosurevars(function)
    for name, value in {**around.globals, **around.nonlocals}.items():
        if name in seen:
            continue
        if inspect.isfunction(value) and not value.__module__.startswith("plimsoll"):
            try:
                seen[name] = inspect.getsource(value)
            except (OSError, TypeError):
                seen[name] = value.__qualname__
            _reached(value, seen)
        elif _plain(value):
            seen[name] = repr(value)


def _known(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("plimsoll", "typing", "abc", "builtins")


def _of_class(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        pass
    methods = {key: value for key, value in vars(kind).items() if inspect.isfunction(value)}
    try:
        told = [inspect.getsource(value) for value in methods.values()]
    except (OSError, TypeError):
        told = []
    if not told:
        raise InputError(f"the source of {_called(kind)} cannot be read", _REMEDY)
    plain = {k: v for k, v in vars(kind).items() if k not in methods and not k.startswith("__")}
    return "\n".join([kind.__qualname__, *told, repr(sorted(plain.items()))])


def _parameters(strategy: object) -> bytes:
    """An object's attributes as text: they are part of its hash because they affect decisions."""
    held: Mapping[str, Any] = getattr(strategy, "__dict__", {})
    for key, value in held.items():
        if not _plain(value):
            raise InputError(
                f"parameter {key!r} of {_called(type(strategy))} is a {type(value).__name__}, "
                "which cannot be written as text",
                "Use numbers, strings, and lists, tuples or dictionaries of those as parameters",
            )
    return repr(sorted(held.items())).encode()


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(_plain(k) and _plain(v) for k, v in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _called(thing: object) -> str:
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"

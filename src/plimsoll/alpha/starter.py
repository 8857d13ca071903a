"""The commented strategy template that ``plimsoll new strategy`` writes; it runs unchanged (S1)."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from plimsoll.alpha.registry import BUILT_IN
from plimsoll.core.errors import InputError, UsageError

_TEMPLATE = Path(__file__).with_name("strategy_template.txt")
_WEIGHTS = Path(__file__).with_name("weights_template.txt")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def write(name: str, folder: Path, *, weights: bool = False) -> Path:
    """Write ``name``.py into ``folder`` and return its path; an existing file is never overwritten.

    The strategy makes forecasts, or with ``weights`` returns a target portfolio.

    Raises
    ------
    UsageError
        The name is invalid, that of a built-in strategy, or that of a Python module, which the file would shadow for
        every program that runs in its folder.
    InputError
        The file exists already, or the folder does not.
    """
    plain = name.removesuffix(".py").replace("-", "_").lower()
    if not _NAME.fullmatch(plain) or keyword.iskeyword(plain):
        raise UsageError(f"{name!r} cannot name a strategy", "Give letters, digits and _, a letter first: my_trend")
    if plain in BUILT_IN:
        raise UsageError(f"{plain!r} is a built-in strategy", f"Give another name, such as my_{plain}")
    if _is_module(plain):
        raise UsageError(
            f"{plain!r} is the name of a Python module, which a file {plain}.py would shadow",
            f"Give another name, such as my_{plain}",
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "Make it first, or give another --output")
    path = folder / f"{plain}.py"
    kind = "".join(word.capitalize() for word in plain.split("_"))
    text = (_WEIGHTS if weights else _TEMPLATE).read_text(encoding="utf-8")
    title = plain.replace("_", " ").capitalize()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.format(title=title, file=path, kind=kind, name=plain))
    except FileExistsError:
        raise InputError(f"{path} is there already", "Give another name, or move the file away") from None
    return path


def _is_module(name: str) -> bool:
    """True for a module of Python itself or of any installed package."""
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    from importlib.metadata import packages_distributions

    return name in packages_distributions() or name == __name__.partition(".")[0]

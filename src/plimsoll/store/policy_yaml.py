"""Read a policy file as plain data: YAML 1.2, bounded in size, nodes and depth (U7)."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from plimsoll.core.errors import InputError

BYTES_MAX = 256 * 1024
NODES_MAX = 20_000
DEPTH_MAX = 32


def read_yaml(path: Path) -> dict[str, Any]:
    """One YAML 1.2 mapping as plain data; ``InputError`` for anything else.

    Bounded in size, nodes and depth; duplicate keys, tags and non-text keys are refused; a date becomes its ISO
    text. In YAML 1.2 ``no`` and ``off`` are words, not booleans.
    """
    text = read_text(path)
    from ruamel.yaml import YAML  # only a run with a YAML file pays for this import
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(text)
        plain = _plain(data, path, [NODES_MAX], 0)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{where}: not valid YAML: {problem}", "Correct that line") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML: {error}", "Correct the file") from None
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise InputError(f"{path}: wanted sections with keys, found {type(plain).__name__}", "See `config show`")
    return plain


def read_text(path: Path) -> str:
    """The text of a policy file; ``InputError`` for one that is no regular file, too large or not UTF-8."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe that nobody writes would be waited for
                raise InputError(f"policy file {path} is not a regular file", "Name a readable YAML file")
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise InputError(f"policy file {path} does not exist", "Name a YAML file") from None
    except OSError as error:
        raise InputError(f"policy file {path}: {error.strerror}", "Name a readable YAML file") from None
    if len(raw) > BYTES_MAX:
        raise InputError(f"policy file {path} is larger than {BYTES_MAX} bytes", "A policy is a short text") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"policy file {path} is not UTF-8 text", "Save it as UTF-8") from None


def _plain(value: Any, path: Path, budget: list[int], depth: int) -> Any:
    """Plain JSON-like data. The node budget also stops aliases that multiply."""
    budget[0] -= 1
    if budget[0] < 0 or depth > DEPTH_MAX:
        raise InputError(f"policy file {path} is nested or repeated too much", "Write it out plainly, without aliases")
    match value:
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise InputError(f"{path}: key {key!r} is not text", "Put it in quotes")
            return {key: _plain(item, path, budget, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, path, budget, depth + 1) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
    raise InputError(f"{path}: a value of type {type(value).__name__} is not allowed here", "Use text or a number")

"""Hash of the code that decides, read from disk once a run, outside every decision (G3)."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import plimsoll
from plimsoll.alpha import given
from plimsoll.core.ports import Strategy


def code_hash(strategies: tuple[Strategy, ...] = ()) -> str:
    """SHA-256 over names and bytes of the modules a decision can depend on, and of each plug-in's own file; for
    a strategy given as a Python object, over its source and parameters.
    """
    root = Path(plimsoll.__file__).parent
    rooms = (
        "core",
        "measures",
        "indicators",
        "costs",
        "alpha",
        "capital",
        "risk",
        "governance",
        "governor",
        "engine",
        "execution",
    )
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    for strategy in strategies:
        if (told := given.source_of(strategy)) is not None:
            digest.update(strategy.name.encode())
            digest.update(told)
        source = getattr(sys.modules.get(type(strategy).__module__), "__file__", None)
        if source is not None and root not in Path(source).parents:
            digest.update(strategy.name.encode())
            digest.update(Path(source).read_bytes())
    return digest.hexdigest()

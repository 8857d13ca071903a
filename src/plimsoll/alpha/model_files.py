"""Open a model file by its format; refuse formats that run code when they are read (H4).

Pickle and joblib files and the zip files of stable-baselines3 hold pickled objects, and unpickling runs any code their
author put there. Convert them to ONNX, which is data only, offline and deliberately.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.alpha.mock_models import MOCKS, mock
from plimsoll.alpha.onnx_model import OnnxModel
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.intraday import Floats
from plimsoll.core.ports import Model
from plimsoll.core.unpacking import whole

MOCK = "mock:"
BYTES_MAX = 512 << 20  # enough for a forest of thousands of deep trees on 26 features
RUNS_CODE = (".zip", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz")


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model and its identity; ``sha256`` is that of its file, empty without one."""

    model: Model
    sha256: str = ""


def check(source: str) -> None:
    """Refuse a source that must not be opened, by its name alone.

    Raises
    ------
    InputError : the file runs code when it is read, or does not exist.
    UsageError : the kind of model is unknown.
    """
    if source.startswith(MOCK):
        if source.removeprefix(MOCK) not in MOCKS:
            raise UsageError(f"there is no mock {source!r}", f"Give one of: {', '.join(MOCK + name for name in MOCKS)}")
        return
    path = Path(source)
    if path.suffix.lower() in RUNS_CODE:
        raise InputError(
            f"{source} runs its author's code when it is read, so no trading command reads it",
            f"Convert it offline where you trust it: plimsoll model convert {source} --out policy.onnx",
        )
    if path.suffix.lower() not in (".onnx", ".py"):
        raise UsageError(
            f"{source} is not a known kind of model", "Give an .onnx or .py file, or a mock such as mock:momentum"
        )
    if not path.is_file():
        raise InputError(f"the model file {source} does not exist", "Give the path of an .onnx or .py file")


def open_model(source: str) -> OpenedModel:
    """The model a source names: ``mock:NAME``, an .onnx file, or a .py file with a function ``answer``.

    The file is read once, so the hash is that of the bytes loaded.
    """
    check(source)
    if source.startswith(MOCK):
        return OpenedModel(mock(source.removeprefix(MOCK)))
    path = Path(source)
    data = whole(path, BYTES_MAX)
    digest = hashlib.sha256(data).hexdigest()
    if path.suffix.lower() == ".onnx":
        return OpenedModel(OnnxModel(path.name, data), digest)
    return OpenedModel(FunctionModel(path.name, _function(path, data)), digest)


class FunctionModel:
    """A named function of the observation."""

    def __init__(self, name: str, function: Any) -> None:
        self.name, self._function = name, function

    def answer(self, observation: Floats) -> object:
        """The function's answer."""
        return self._function(observation)


def _function(path: Path, data: bytes) -> Any:
    """The function ``answer`` of a module executed from the hashed bytes, never from a compiled file beside it."""
    spec = importlib.util.spec_from_file_location(f"plimsoll_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"the model file {path} is not Python", "Give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    try:
        exec(compile(data, path, "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise InputError(
            f"the model file {path} cannot be loaded: {type(error).__name__}: {error}", "Correct it"
        ) from error
    function = getattr(module, "answer", None)
    if not callable(function):
        raise InputError(f"the model file {path} has no function answer", "Define answer(observation)")
    return function

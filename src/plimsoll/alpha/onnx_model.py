"""An ONNX classifier through onnxruntime, on one thread (H4). The file is data only: loading it runs no code of its
author and reads no other file.

Contract: one input of 26 float numbers, shape (26,), (1, 26) or (n, 26); among the outputs exactly one of float numbers
with three columns, the probabilities of HOLD, BUY and SELL in this order, unless the file's metadata
``plimsoll.actions`` names another. ``plimsoll model convert`` writes such files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from plimsoll.alpha.advice import ACTIONS
from plimsoll.alpha.estimator_model import likeliest
from plimsoll.alpha.observation import OBSERVATION, SIZE
from plimsoll.alpha.onnx_wire import refuse_external
from plimsoll.core.errors import InputError
from plimsoll.core.intraday import Floats

ACTIONS_KEY, OBSERVATION_KEY = "plimsoll.actions", "plimsoll.observation"
NAMES = ",".join(figure.name for figure in OBSERVATION)  # features, stored in the metadata of converted files
_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}
_SUM = 1e-3  # tolerance on the sum of probabilities in single precision


class OnnxModel:
    """A model from the bytes of an ONNX file.

    Raises
    ------
    InputError : the file refers to data in another file, onnxruntime is missing or cannot run it (for example for an
        unknown operator set), or its inputs or outputs do not follow the contract.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        refuse_external(name, data)
        self._session = _session(name, data)
        self._input, self._type, self._flat = self._checked_input()
        self._actions = self._named_actions()
        self._output = self._checked_output()

    def answer(self, observation: Floats) -> object:
        """The most probable action and its probability."""
        [raw] = self._session.run([self._output], {self._input: self._fed(observation)})
        scores = np.asarray(raw, dtype=np.float64).reshape(-1)
        if scores.shape != (len(self._actions),):
            return None
        if np.isfinite(scores).all() and not abs(scores.sum() - 1.0) <= _SUM:
            return None
        action, confidence = likeliest(scores, self._actions)
        return action, min(confidence, 1.0) if confidence <= 1.0 + _SUM else confidence

    def _fed(self, observation: Floats) -> Any:
        row = observation.astype(self._type)
        return row if self._flat else row[np.newaxis, :]

    def _checked_input(self) -> tuple[str, Any, bool]:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise InputError(
                f"{self.name} has {len(inputs)} inputs", "Export it with the observation as its only input"
            )
        one = inputs[0]
        if one.type not in _TYPES:
            raise InputError(f"{self.name} has an input of {one.type}", "Export it with a float or double input")
        shape = list(one.shape)
        if (
            not shape
            or shape[-1] != SIZE
            or len(shape) > 2
            or (len(shape) == 2 and shape[0] not in (1, None, *_named(shape)))
        ):
            raise InputError(f"{self.name} has an input of shape {shape}", f"Export it for ({SIZE},) or (1, {SIZE})")
        return str(one.name), _TYPES[one.type], len(shape) == 1

    def _named_actions(self) -> tuple[str, ...]:
        told = self._session.get_modelmeta().custom_metadata_map
        names = told.get(OBSERVATION_KEY, NAMES)
        if names != NAMES:
            raise InputError(f"{self.name} was made for another observation", "Train and convert it again")
        actions = tuple(told.get(ACTIONS_KEY, ",".join(ACTIONS)).split(","))
        if not set(actions) <= set(ACTIONS) or len(set(actions)) < len(actions):
            raise InputError(
                f"{self.name} names the actions {', '.join(actions)}", f"Name some of {', '.join(ACTIONS)}"
            )
        return actions

    def _checked_output(self) -> str:
        """Name of the output with one probability per action, found by a trial run on an observation of zeros."""
        outputs = [o.name for o in self._session.get_outputs() if o.type in _TYPES]
        try:
            found = self._session.run(outputs, {self._input: self._fed(np.zeros(SIZE))}) if outputs else []
        except Exception as error:
            raise InputError(f"{self.name} cannot be run: {_first(error)}", "Export it again") from None
        named = [o for o, raw in zip(outputs, found, strict=True) if np.size(raw) == len(self._actions)]
        if len(named) != 1:
            raise InputError(
                f"{self.name} has {len(named)} outputs of {len(self._actions)} numbers",
                "Export one with the probabilities of HOLD, BUY and SELL",
            )
        return str(named[0])


def _named(shape: list[Any]) -> tuple[Any, ...]:
    """The shape, with the name of a variable first axis in place of a number."""
    return (shape[0],) if isinstance(shape[0], str) else ()


def _session(name: str, data: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            "ONNX models need onnxruntime, which is not installed", "pip install 'plimsoll[models]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # errors are raised, not logged
    options.add_session_config_entry("session.load_model_format", "ONNX")  # the format that was checked
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{name} cannot be loaded as ONNX: {_first(error)}", "Export it again") from None


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

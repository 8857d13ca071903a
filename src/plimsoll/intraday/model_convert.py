"""Offline: a pickled scikit-learn classifier or a stable-baselines3 policy as ONNX (H4).

Reading either runs the code of the file's author. That is why this is a separate command, which does not trade, and
why it requires a statement that the file is trusted.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from plimsoll.alpha.advice import ACTIONS
from plimsoll.alpha.estimator_model import EstimatorModel, actions_of, likeliest
from plimsoll.alpha.model_files import BYTES_MAX
from plimsoll.alpha.observation import SIZE
from plimsoll.alpha.onnx_model import ACTIONS_KEY, NAMES, OBSERVATION_KEY, OnnxModel
from plimsoll.core.errors import CheckFailed, InputError, UsageError
from plimsoll.core.intraday import Floats
from plimsoll.core.unpacking import unzip, whole

WARNING = "reading this file runs its author's code"
ALGORITHMS = ("PPO", "A2C", "DQN")
OPSET = 17  # of the operators; onnxruntime has known it since 1.13
_TRIALS = 1000
_TOLERANCE = 1e-4  # between probabilities in single precision
_PICKLES = (".pkl", ".pickle", ".joblib")
Scores = Callable[[Floats], Floats]  # (n, 26) observations to (n, actions) probabilities


class Conversion(msgspec.Struct, frozen=True):
    """What was converted, and how far the two agree on ``trials`` random observations.

    ``agree`` is the share of equal actions, ``difference`` the largest between two probabilities. Where the two differ
    in an action it is a tie in single precision: its probabilities differ by less than the tolerance.
    """

    source: str
    source_sha256: str
    kind: str
    output: str
    sha256: str
    actions: tuple[str, ...]
    opset: int
    trials: int
    agree: float
    difference: float


def convert(source: Path, output: Path, *, trusted: bool, algorithm: str = "PPO") -> Conversion:
    """Write the ONNX file of a model, after comparing the two.

    Parameters
    ----------
    algorithm : of a stable-baselines3 zip, one of ``ALGORITHMS``; the zip does not say.

    Raises
    ------
    UsageError : not ``trusted``, or no file of a kind that can be converted.
    InputError : a library is missing, or the model has other features or classes.
    CheckFailed : the two do not agree; nothing is written.
    """
    suffix = source.suffix.lower()
    if suffix not in (*_PICKLES, ".zip"):
        raise UsageError(f"{source} cannot be converted", f"Give a {', '.join(_PICKLES)} or .zip file")
    if not source.is_file():
        raise InputError(f"the model file {source} does not exist", "Give the path of a file")
    if not trusted:
        raise UsageError(f"{source}: {WARNING}", "Add --trust if you trust them")
    given = whole(source, BYTES_MAX)  # read once: what is hashed is what is converted
    if suffix == ".zip":
        kind, data, scores, actions = _from_sb3(source, given, algorithm)
    else:
        kind, data, scores, actions = _from_sklearn(source, given)
    data = _labelled(data, actions)
    agree, difference = _compared(data, scores, actions)
    output.write_bytes(data)
    return Conversion(
        source=str(source),
        source_sha256=hashlib.sha256(given).hexdigest(),
        kind=kind,
        output=str(output),
        sha256=hashlib.sha256(data).hexdigest(),
        actions=actions,
        opset=OPSET,
        trials=_TRIALS,
        agree=agree,
        difference=difference,
    )


def _from_sklearn(source: Path, given: bytes) -> tuple[str, bytes, Scores, tuple[str, ...]]:
    try:
        from skl2onnx import to_onnx
    except ImportError:
        raise InputError("converting needs skl2onnx, which is not installed", "pip install skl2onnx onnx") from None
    try:
        if source.suffix.lower() == ".joblib":
            import joblib

            estimator: Any = joblib.load(BytesIO(given))
        else:
            estimator = pickle.loads(given)
    except Exception as error:  # unpickling may raise anything
        raise InputError(
            f"{source} cannot be unpickled: {type(error).__name__}: {error}", "See what wrote it"
        ) from None
    EstimatorModel(estimator)  # refuses what has other features, or no probabilities
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    try:
        proto = to_onnx(
            estimator,
            np.zeros((1, SIZE), np.float32),
            target_opset=OPSET,
            options={id(last): {"zipmap": False}},
        )
    except Exception as error:
        raise InputError(
            f"{source} cannot be written as ONNX: {error}", "Use an estimator that skl2onnx knows"
        ) from None
    data: bytes = proto.SerializeToString()
    return (
        type(last).__name__,
        data,
        lambda rows: np.asarray(estimator.predict_proba(rows)),
        actions_of(estimator.classes_),
    )


def _from_sb3(source: Path, given: bytes, algorithm: str) -> tuple[str, bytes, Scores, tuple[str, ...]]:
    if algorithm not in ALGORITHMS:
        raise UsageError(f"algorithm {algorithm!r} is not known", f"Give one of: {', '.join(ALGORITHMS)}")
    try:
        import stable_baselines3
        import torch
    except ImportError as error:
        raise InputError(
            f"converting a policy of stable-baselines3 needs {error.name}, which is not installed",
            "In an environment of its own: pip install torch stable-baselines3 onnx onnxruntime plimsoll",
        ) from None
    try:
        for _ in unzip(given):  # its members are proven to fit into memory before its library unpacks them
            pass
    except InputError as error:
        raise InputError(f"{source} {error.problem}", error.remedy) from None
    try:
        policy = getattr(stable_baselines3, algorithm).load(BytesIO(given), device="cpu").policy
    except Exception as error:  # its unpickling may raise anything
        problem = f"{source} cannot be read as {algorithm}: {type(error).__name__}: {error}"
        raise InputError(problem, f"Give another --algorithm ({', '.join(ALGORITHMS)})") from None
    shape, count = policy.observation_space.shape, getattr(policy.action_space, "n", None)
    if shape != (SIZE,) or count != len(ACTIONS):
        raise InputError(
            f"{source} maps {shape} to {count} actions", f"Train it on ({SIZE},) and Discrete({len(ACTIONS)})"
        )
    policy.set_training_mode(False)

    class Probabilities(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        """HOLD, BUY and SELL of a policy; of a value network the softmax of its values."""

        def __init__(self) -> None:
            super().__init__()
            self.policy = policy  # a part of this one, or its weights could not be written

        def forward(self, observation: Any) -> Any:
            policy = self.policy
            if algorithm == "DQN":
                return torch.softmax(policy.q_net(observation), dim=1)
            features = policy.extract_features(observation, policy.pi_features_extractor)
            return torch.softmax(policy.action_net(policy.mlp_extractor.forward_actor(features)), dim=1)

    module = Probabilities().eval()

    def scores(rows: Floats) -> Floats:
        with torch.no_grad():
            return np.asarray(module(torch.as_tensor(rows, dtype=torch.float32)).numpy(), dtype=np.float64)

    buffer = BytesIO()
    try:
        torch.onnx.export(
            module, (torch.zeros(1, SIZE),), buffer, input_names=["observation"], output_names=["probabilities"],
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{source} cannot be written as ONNX: {said}", "Use a policy of plain layers") from None
    return algorithm, buffer.getvalue(), scores, ACTIONS


def _labelled(data: bytes, actions: tuple[str, ...]) -> bytes:
    """The file with what it was made for in its metadata."""
    try:
        import onnx
    except ImportError:
        raise InputError("converting needs onnx, which is not installed", "pip install onnx") from None
    proto = onnx.load_model_from_string(data)
    onnx.helper.set_model_props(proto, {ACTIONS_KEY: ",".join(actions), OBSERVATION_KEY: NAMES})
    labelled: bytes = proto.SerializeToString()
    return labelled


def _compared(data: bytes, scores: Scores, actions: tuple[str, ...]) -> tuple[float, float]:
    """Share of equal actions and the largest difference of their probabilities; ``CheckFailed`` where they differ."""
    rows = np.random.default_rng(0).standard_normal((_TRIALS, SIZE)).astype(np.float32).astype(np.float64)
    before = scores(rows)
    converted = OnnxModel("the converted model", data)
    equal, difference = 0, 0.0
    for row, theirs in zip(rows, before, strict=True):
        answer: Any = converted.answer(row)
        if answer is None:
            raise CheckFailed("the converted model gives no probabilities", "Convert another model")
        action, confidence = answer
        own = float(theirs[actions.index(action)])
        difference = max(difference, abs(confidence - own), float(theirs.max()) - own)
        equal += action == likeliest(theirs, actions)[0]
    if not difference <= _TOLERANCE:
        raise CheckFailed(f"the converted model differs by {difference:.2g} in probability", "Convert another model")
    return equal / _TRIALS, difference

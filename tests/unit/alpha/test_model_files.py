"""Opening models: what runs code is refused unread; ONNX and estimators answer as scikit-learn does (H4)."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plimsoll.alpha.advice import ACTIONS, ask
from plimsoll.alpha.estimator_model import EstimatorModel
from plimsoll.alpha.mock_models import MOCKS, mock
from plimsoll.alpha.model_files import RUNS_CODE, check, open_model
from plimsoll.alpha.onnx_model import ACTIONS_KEY, OBSERVATION_KEY, OnnxModel
from plimsoll.core.errors import InputError, UsageError

DRAW = np.random.default_rng(5)
ROWS = DRAW.standard_normal((300, 26))
LABELS = np.array(ACTIONS)[np.argmax(ROWS[:, :3], axis=1)]
CLASSIFIER = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)


def network(rows: int | str | None = 1, columns: int = 26, actions: int = 3, inputs: int = 1, **props: str) -> bytes:
    """A linear softmax network as ONNX."""
    names = [f"x{n}" for n in range(inputs)]
    shape = [columns] if rows is None else [rows, columns]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [columns, actions], np.ones((columns, actions)).ravel() * 0.1)
    nodes = [helper.make_node("MatMul", ["x0", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["p"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, None)],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, props)
    return model.SerializeToString()


def test_an_estimator_answers_its_likeliest_class_with_its_probability() -> None:
    model = EstimatorModel(CLASSIFIER, "mine")
    assert model.name == "mine"
    for row in ROWS[:50]:
        found = ask(model, row)
        assert found.action == CLASSIFIER.predict(row[np.newaxis])[0]
        assert found.confidence == CLASSIFIER.predict_proba(row[np.newaxis]).max()
        assert found.reasons == ()


def test_classes_may_be_numbers_and_some_may_be_missing() -> None:
    numbers = RandomForestClassifier(n_estimators=5, random_state=1).fit(ROWS, np.where(ROWS[:, 0] > 0.0, 1, 2))
    answers = {ask(EstimatorModel(numbers), row).action for row in ROWS}
    assert answers == {"BUY", "SELL"}


def test_among_equals_holding_comes_first() -> None:
    class Undecided:
        classes_ = np.array(["BUY", "HOLD", "SELL"])
        n_features_in_ = 26

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return np.full((1, 3), 1.0 / 3.0)

    assert ask(EstimatorModel(Undecided()), ROWS[0]).action == "HOLD"


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (StandardScaler(), "not a fitted classifier"),
        (LogisticRegression(), "not a fitted classifier"),
        (LogisticRegression().fit(ROWS[:, :25], LABELS), "fitted on 25 features"),
        (LogisticRegression().fit(ROWS, np.where(ROWS[:, 0] > 0, "UP", "DOWN")), "class 'DOWN'"),
        (LogisticRegression().fit(ROWS, np.where(ROWS[:, 0] > 0, 3, 1)), "class 3"),
    ],
)
def test_what_cannot_answer_is_refused_when_it_is_wrapped(estimator: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EstimatorModel(estimator)


def test_an_onnx_file_answers_as_the_classifier_it_came_from(tmp_path: Path) -> None:
    proto = to_onnx(
        CLASSIFIER, ROWS[:1].astype(np.float32), target_opset=17, options={id(CLASSIFIER[-1]): {"zipmap": False}}
    )
    helper.set_model_props(proto, {ACTIONS_KEY: ",".join(CLASSIFIER.classes_)})
    path = tmp_path / "policy.onnx"
    path.write_bytes(proto.SerializeToString())
    opened = open_model(str(path))
    assert len(opened.sha256) == 64 and opened.model.name == "policy.onnx"
    for row in ROWS[:50]:
        found = ask(opened.model, row)
        assert found.action == CLASSIFIER.predict(row[np.newaxis])[0]
        assert found.confidence == pytest.approx(CLASSIFIER.predict_proba(row[np.newaxis]).max(), abs=1e-5)


@pytest.mark.parametrize("rows", [None, 1, "batch"])
def test_an_input_may_be_flat_of_one_row_or_of_any(rows: Any) -> None:
    assert ask(OnnxModel("m", network(rows)), ROWS[0]).confidence == pytest.approx(1.0 / 3.0, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (network(columns=25), r"input of shape \[1, 25\]"),
        (network(rows=2), r"input of shape \[2, 26\]"),
        (network(inputs=2), "has 2 inputs"),
        (network(actions=4), "0 outputs of 3 numbers"),
        (network(**{ACTIONS_KEY: "HOLD,BUY,SHORT"}), "names the actions"),
        (network(**{OBSERVATION_KEY: "something,else"}), "made for another observation"),
        (b"not a model", "cannot be loaded as ONNX"),
        (b"", "cannot be loaded as ONNX"),
    ],
)
def test_a_file_outside_the_contract_is_refused_when_it_is_opened(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        OnnxModel("m", data)


def test_operators_of_an_unknown_set_are_refused_when_it_is_opened() -> None:
    model = onnx.load_model_from_string(network())
    model.opset_import[0].version = 999
    with pytest.raises(InputError, match="cannot be loaded as ONNX"):
        OnnxModel("m", model.SerializeToString())


def test_scores_that_are_no_probabilities_are_no_answer() -> None:
    model = onnx.load_model_from_string(network())
    model.graph.node[1].op_type = "Relu"
    assert ask(OnnxModel("m", model.SerializeToString()), np.ones(26)).reasons == ("MODEL_BAD_ANSWER",)
    model.graph.node[1].op_type = "Log"
    assert ask(OnnxModel("m", model.SerializeToString()), -np.ones(26)).reasons == ("MODEL_NOT_FINITE",)


class Bomb:
    """What an attacker puts into a pickle."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("the file was read",)


@pytest.mark.parametrize("suffix", RUNS_CODE)
def test_what_runs_code_when_it_is_read_is_refused_unread_with_its_remedy(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix.upper()}"
    path.write_bytes(pickle.dumps(Bomb()))
    for act in (check, open_model):
        with pytest.raises(InputError, match="plimsoll model convert"):
            act(str(path))


def test_a_function_of_a_file_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def answer(seen):\n    return ('BUY', min(abs(seen[0]), 1.0))\n")
    opened = open_model(str(path))
    assert ask(opened.model, np.full(26, 0.25)).confidence == 0.25
    path.write_text("answer = 3\n")
    with pytest.raises(InputError, match="no function answer"):
        open_model(str(path))
    path.write_text("1 / 0\n")
    with pytest.raises(InputError, match="ZeroDivisionError"):
        open_model(str(path))


def test_a_function_runs_as_its_file_is_now_whatever_was_compiled_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled file stands for any source of its second and size; what is hashed is the source (G3)."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, answers = tmp_path / "mine.py", []
    for part in (0.25, 0.75):
        path.write_text(f"def answer(seen):\n    return ('BUY', {part})\n")
        os.utime(path, (1e9, 1e9))
        answers.append(ask(open_model(str(path)).model, np.zeros(26)).confidence)
    assert answers == [0.25, 0.75]
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_what_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mock:momentum"):
        check("mock:oracle")
    with pytest.raises(UsageError, match="not a known kind of model"):
        check("model.txt")
    with pytest.raises(InputError, match="does not exist"):
        check(str(tmp_path / "absent.onnx"))


@pytest.mark.parametrize("name", MOCKS)
def test_every_mock_is_advice_or_the_fault_it_is_made_for(name: str) -> None:
    faults = {
        "not_a_number": "MODEL_NOT_FINITE",
        "overconfident": "MODEL_BAD_CONFIDENCE",
        "wrong_shape": "MODEL_BAD_ANSWER",
        "raises": "MODEL_ERROR",
    }
    found = [ask(mock(name), row) for row in np.abs(ROWS[:40])]
    assert {advice.reasons for advice in found} == ({(faults[name],)} if name in faults else {()})

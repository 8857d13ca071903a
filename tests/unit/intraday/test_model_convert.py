"""Converting offline: the ONNX file answers as its source, or is not written (H4)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plimsoll.alpha.advice import ACTIONS, ask
from plimsoll.alpha.model_files import open_model
from plimsoll.core.errors import CheckFailed, InputError, UsageError
from plimsoll.intraday import model_convert
from plimsoll.intraday.model_convert import ALGORITHMS, convert

DRAW = np.random.default_rng(3)
ROWS = DRAW.standard_normal((200, 26)).astype(np.float32).astype(np.float64)
LABELS = np.array(ACTIONS)[np.argmax(ROWS[:, :3], axis=1)]


@pytest.mark.parametrize(
    ("estimator", "suffix"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), ".joblib"),
        (RandomForestClassifier(n_estimators=7, random_state=1), ".pkl"),
    ],
    ids=["pipeline", "forest"],
)
def test_a_classifier_is_converted_and_answers_the_same(estimator: Any, suffix: str, tmp_path: Path) -> None:
    estimator.fit(ROWS, LABELS)
    source, output = tmp_path / f"model{suffix}", tmp_path / "policy.onnx"
    joblib.dump(estimator, source) if suffix == ".joblib" else source.write_bytes(pickle.dumps(estimator))
    done = convert(source, output, trusted=True)
    assert done.agree >= 0.99 and done.difference < 1e-5
    assert done.actions == ("BUY", "HOLD", "SELL")  # the classes' own order, and it is in the file
    opened = open_model(str(output))
    assert opened.sha256 == done.sha256
    for row in ROWS[:60]:
        found = ask(opened.model, row)
        own = estimator.predict_proba(row[np.newaxis])[0]
        assert own[list(estimator.classes_).index(found.action)] == pytest.approx(own.max(), abs=1e-5)


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("the file was read",)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".zip"])
def test_without_trust_it_is_not_even_read(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"model{suffix}"
    source.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match="--trust"):
        convert(source, tmp_path / "x.onnx", trusted=False)


def test_what_cannot_be_converted_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    output = tmp_path / "x.onnx"

    def stored(thing: object, name: str = "m.pkl") -> Path:
        (tmp_path / name).write_bytes(pickle.dumps(thing))
        return tmp_path / name

    with pytest.raises(UsageError, match="cannot be converted"):
        convert(tmp_path / "m.txt", output, trusted=True)
    with pytest.raises(InputError, match="does not exist"):
        convert(tmp_path / "absent.pkl", output, trusted=True)
    (tmp_path / "torn.pkl").write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match="cannot be unpickled"):
        convert(tmp_path / "torn.pkl", output, trusted=True)
    with pytest.raises(InputError, match="not a fitted classifier"):
        convert(stored(StandardScaler().fit(ROWS)), output, trusted=True)
    with pytest.raises(InputError, match="25 features"):
        convert(stored(LogisticRegression().fit(ROWS[:, :25], LABELS)), output, trusted=True)
    with pytest.raises(UsageError, match="PPO, A2C, DQN"):
        convert(stored({}, "m.zip"), output, trusted=True, algorithm="SAC")
    assert not output.exists()


def test_a_conversion_that_answers_differently_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = tmp_path / "m.pkl", tmp_path / "x.onnx"
    source.write_bytes(pickle.dumps(LogisticRegression().fit(ROWS, LABELS)))
    real = model_convert._from_sklearn

    def off(path: Path, given: bytes) -> Any:
        kind, data, scores, actions = real(path, given)
        return kind, data, lambda rows: scores(1.01 * rows), actions

    monkeypatch.setattr(model_convert, "_from_sklearn", off)
    with pytest.raises(CheckFailed, match="differs by"):
        convert(source, output, trusted=True)
    assert not output.exists()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_policy_of_stable_baselines3_is_converted_and_acts_the_same(algorithm: str, tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="stable-baselines3 and torch are not installed")
    gym = pytest.importorskip("gymnasium")

    class Still(gym.Env):  # type: ignore[name-defined, misc]
        observation_space = gym.spaces.Box(-10.0, 10.0, (26,), np.float32)
        action_space = gym.spaces.Discrete(3)

        def reset(self, *, seed: int | None = None, options: object = None) -> Any:
            super().reset(seed=seed)
            return np.zeros(26, np.float32), {}

        def step(self, action: int) -> Any:
            return np.zeros(26, np.float32), 0.0, False, True, {}

    policy = getattr(sb3, algorithm)("MlpPolicy", Still(), seed=1, device="cpu")
    policy.save(tmp_path / "policy.zip")
    done = convert(tmp_path / "policy.zip", tmp_path / "policy.onnx", trusted=True, algorithm=algorithm)
    assert done.agree > 0.99 and done.difference < 1e-5
    opened = open_model(str(tmp_path / "policy.onnx"))
    same = [ask(opened.model, row).action == ACTIONS[int(policy.predict(row, deterministic=True)[0])] for row in ROWS]
    assert all(same)

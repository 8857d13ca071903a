"""A model in a process of its own: whatever it does, there is an answer at the deadline (H4)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from plimsoll.alpha.estimator_model import EstimatorModel
from plimsoll.alpha.model_files import FunctionModel, OpenedModel, open_model
from plimsoll.core.errors import InputError
from plimsoll.core.policy import ModelPolicy
from plimsoll.intraday.model_worker import ModelWorker, _advice

SEEN = np.linspace(-1.0, 1.0, 26)
PATIENT = ModelPolicy(deadline_ms=20_000)


def follows(seen: np.ndarray) -> tuple[str, float]:
    print("what a model prints must not reach the results")
    return ("BUY" if seen[0] > 0.0 else "SELL"), float(abs(seen[25]))


def hangs(seen: np.ndarray) -> tuple[str, float]:
    while seen[0] > 0.0:
        pass
    return "BUY", 1.0


def dies(seen: np.ndarray) -> tuple[str, float]:
    os.kill(os.getpid(), signal.SIGKILL)
    return "BUY", 1.0


def breaks(_: np.ndarray) -> tuple[str, float]:
    raise ValueError("not today")


def opened(function: Callable[[np.ndarray], object]) -> OpenedModel:
    return OpenedModel(FunctionModel("f", function))


def fails_to_open() -> OpenedModel:
    raise RuntimeError("no weights")


def sleeps() -> OpenedModel:
    time.sleep(600)
    return opened(follows)


def kills_itself() -> OpenedModel:
    os._exit(3)


def worker(function: Callable[[np.ndarray], object], policy: ModelPolicy = PATIENT) -> closing[ModelWorker]:
    return closing(ModelWorker(partial(opened, function), policy))


def test_it_answers_again_and_again_and_is_not_asked_where_a_figure_is_missing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with worker(follows) as asked:
        assert asked.name == "f"
        assert [asked.advise(sign * SEEN).action for sign in (1.0, -1.0, 1.0)] == ["SELL", "BUY", "SELL"]
        assert asked.advise(0.5 * SEEN).confidence == 0.5
        assert asked.advise(SEEN * np.nan).reasons == ("OBSERVATION_INCOMPLETE",)
    assert capfd.readouterr().out == ""


def test_one_that_hangs_is_ended_at_the_deadline_and_disabled() -> None:
    with worker(hangs, ModelPolicy(deadline_ms=300)) as asked:
        process = asked._process
        assert asked.advise(SEEN[::-1]).reasons == ("MODEL_LATE",)
        assert not process.is_alive()
        assert asked.advise(SEEN).reasons == ("MODEL_DISABLED",)


def test_one_that_dies_is_disabled_and_one_that_raises_is_not() -> None:
    with worker(dies) as asked:
        assert asked.advise(SEEN).reasons == ("MODEL_DIED",)
        assert asked.advise(SEEN).reasons == ("MODEL_DISABLED",)
    with worker(breaks) as asked:
        assert [asked.advise(SEEN).reasons for _ in range(2)] == [("MODEL_ERROR",)] * 2


@pytest.mark.parametrize(
    ("opener", "policy", "message"),
    [
        (fails_to_open, PATIENT, "no weights"),
        (kills_itself, PATIENT, "its process died"),
        (sleeps, ModelPolicy(load_seconds=2), "not open within 2 s"),
        (partial(open_model, "mock:oracle"), PATIENT, "no mock"),
        (lambda: opened(follows), PATIENT, "define it in a module|Define it in a module"),
    ],
)
def test_one_that_cannot_be_opened_says_why(
    opener: Callable[[], OpenedModel], policy: ModelPolicy, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ModelWorker(opener, policy)


def test_an_object_in_memory_is_handed_over() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(1).standard_normal((60, 26))
    classifier = LogisticRegression().fit(rows, np.where(rows[:, 0] > 0.0, "BUY", "SELL"))
    with closing(ModelWorker(partial(OpenedModel, EstimatorModel(classifier)), PATIENT)) as asked:
        assert asked.advise(rows[0]).action == classifier.predict(rows[:1])[0]


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ({"action": "BUY", "confidence": 0.5, "reasons": []}, ()),
        ({"action": "BUY", "confidence": 7, "reasons": []}, ("MODEL_BAD_CONFIDENCE",)),
        ({"action": "HOLD", "confidence": 0.0, "reasons": ["MODEL_ERROR"]}, ("MODEL_ERROR",)),
        ({"action": "BUY", "confidence": 1.0, "reasons": ["MADE_UP"]}, ("MODEL_BAD_ANSWER",)),
        ({"action": "BUY", "confidence": 1.0, "reasons": "x"}, ("MODEL_BAD_ANSWER",)),
        ({}, ("MODEL_BAD_ANSWER",)),
    ],
)
def test_what_comes_over_is_believed_no_more_than_the_model(said: dict[str, object], reasons: tuple[str, ...]) -> None:
    assert _advice(said).reasons == reasons

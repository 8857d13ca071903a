"""Whatever a model does, the loop gets an action: HOLD with a reason where it is not one (H4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plimsoll.alpha.advice import Advice, ask, judged

SEEN = np.zeros(26)


class Says:
    name = "says"

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def answer(self, observation: np.ndarray) -> object:
        return self._answer(observation) if callable(self._answer) else self._answer


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        (("BUY", 0.7), Advice("BUY", 0.7)),
        (["SELL", np.float32(0.5)], Advice("SELL", 0.5)),
        ((0, 1), Advice("HOLD", 1.0)),
        ((np.int64(1), 0.0), Advice("BUY", 0.0)),
        ((2, np.array(1.0)), Advice("SELL", 1.0)),
    ],
)
def test_a_pair_of_action_and_confidence_is_advice(raw: Any, advice: Advice) -> None:
    assert judged(raw) == advice == ask(Says(raw), SEEN)


class Odd:
    def __float__(self) -> float:
        raise RuntimeError("no")

    def __iter__(self) -> Any:
        raise KeyError("no")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "MODEL_BAD_ANSWER"),
        ("BUY", "MODEL_BAD_ANSWER"),
        (("BUY",), "MODEL_BAD_ANSWER"),
        (("BUY", 0.5, 1), "MODEL_BAD_ANSWER"),
        (("buy", 0.5), "MODEL_BAD_ANSWER"),
        (("LIQUIDATE", 0.5), "MODEL_BAD_ANSWER"),
        ((3, 0.5), "MODEL_BAD_ANSWER"),
        ((-1, 0.5), "MODEL_BAD_ANSWER"),
        ((1.0, 0.5), "MODEL_BAD_ANSWER"),
        ((True, 0.5), "MODEL_BAD_ANSWER"),
        ((np.nan, 0.5), "MODEL_BAD_ANSWER"),
        ((Odd(), 0.5), "MODEL_BAD_ANSWER"),
        (Odd(), "MODEL_BAD_ANSWER"),
        (("BUY", Odd()), "MODEL_BAD_ANSWER"),
        (("BUY", "high"), "MODEL_BAD_ANSWER"),
        (("BUY", None), "MODEL_BAD_ANSWER"),
        (("BUY", np.array([0.1, 0.9])), "MODEL_BAD_ANSWER"),
        (("BUY", np.nan), "MODEL_NOT_FINITE"),
        (("BUY", -np.inf), "MODEL_NOT_FINITE"),
        (("BUY", 1.0001), "MODEL_BAD_CONFIDENCE"),
        (("BUY", -1e-9), "MODEL_BAD_CONFIDENCE"),
        (lambda _: 1 / 0, "MODEL_ERROR"),
    ],
)
def test_anything_else_is_hold_with_a_reason(raw: Any, reason: str) -> None:
    assert ask(Says(raw), SEEN) == Advice("HOLD", 0.0, (reason,))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_is_not_asked_where_a_figure_is_missing(value: float) -> None:
    seen = SEEN.copy()
    seen[7] = value
    assert ask(Says(lambda _: pytest.fail("asked")), seen).reasons == ("OBSERVATION_INCOMPLETE",)


def test_a_model_cannot_change_what_it_is_shown() -> None:
    def spoils(observation: np.ndarray) -> tuple[str, float]:
        observation[:] = 1.0
        return "BUY", 1.0

    ask(Says(spoils), SEEN)
    assert not SEEN.any()

"""Parse the answer of an intraday model; an invalid one becomes HOLD with a reason (H4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from plimsoll.core.intraday import Floats
from plimsoll.core.ports import Model

ACTIONS = ("HOLD", "BUY", "SELL")  # numbers 0, 1 and 2 stand for them in this order


@dataclass(frozen=True, slots=True)
class Advice:
    """One of ``ACTIONS`` with a confidence in [0, 1]; ``reasons`` only where an invalid answer became HOLD."""

    action: str
    confidence: float
    reasons: tuple[str, ...] = ()


def hold(reason: str) -> Advice:
    """HOLD for a reason."""
    return Advice("HOLD", 0.0, (reason,))


def ask(model: Model, observation: Floats) -> Advice:
    """A model's advice on a (26,) observation; an exception of the model becomes HOLD.

    The model is not called when a figure is missing, because most models would still return a number.
    """
    if not np.isfinite(observation).all():
        return hold("OBSERVATION_INCOMPLETE")
    try:
        raw = model.answer(observation.copy())
    except Exception:
        return hold("MODEL_ERROR")
    return judged(raw)


def judged(raw: Any) -> Advice:
    """Parse an answer: a pair (action, confidence), the action by name or number. Anything else is HOLD."""
    try:
        action, confidence = raw
        named = _action(action)
        number = math.nan if isinstance(confidence, bool | str) else float(confidence)
    except Exception:  # objects of a model may raise anything on access
        return hold("MODEL_BAD_ANSWER")
    if named is None or isinstance(confidence, bool | str):
        return hold("MODEL_BAD_ANSWER")
    if not math.isfinite(number):
        return hold("MODEL_NOT_FINITE")
    if not 0.0 <= number <= 1.0:
        return hold("MODEL_BAD_CONFIDENCE")
    return Advice(named, number)


def _action(action: Any) -> str | None:
    if isinstance(action, str):
        return str(action) if action in ACTIONS else None
    if isinstance(action, bool) or not isinstance(action, int | np.integer):
        return None
    return ACTIONS[int(action)] if 0 <= int(action) < len(ACTIONS) else None

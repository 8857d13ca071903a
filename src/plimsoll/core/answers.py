"""Validation of a strategy's answer, with the fault for which it is refused (S1, U6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from msgspec.structs import replace

from plimsoll.core.forecast import Forecast

# the usual types first: to ask an abstract class costs ten times as much
_NUMBERS = (float, int, Real)
_SEQUENCES = (tuple, list, Sequence)
_SWITCHES = (bool, np.bool_)


def is_number(value: Any) -> bool:
    """True for a finite number; a plug-in may return anything."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer beyond the range of floats
        return False


def fault_of(forecast: Forecast) -> str:
    """The fault of a forecast, "" for a valid one; the same words whatever the value, so that faults can be counted.

    ``mu`` lies in [-1, 1], since a loss of more than everything or a gain above 100 % is not a plausible expectation;
    ``sigma`` is positive; ``confidence`` lies in [0, 1]; ``horizon`` is a whole number of sessions from 1 on.
    """
    f = forecast
    if not is_number(f.mu):
        return "mu is not a finite number"
    if not -1.0 <= f.mu <= 1.0:
        return "mu is outside -1 to 1"
    if not (is_number(f.sigma) and f.sigma > 0.0):
        return "sigma is not a positive number"
    if not (is_number(f.confidence) and 0.0 <= f.confidence <= 1.0):
        return "confidence is not a number in 0 to 1"
    if not (is_number(f.horizon) and f.horizon >= 1 and f.horizon == int(f.horizon)):
        return "horizon is not a whole number of sessions from 1 on"
    if f.target_weight is not None and not (is_number(f.target_weight) and f.target_weight >= 0.0):
        return "target_weight is not a number from 0 on"
    if not (isinstance(f.model_mus, _SEQUENCES) and all(map(is_number, f.model_mus))):
        return "model_mus holds something that is not a finite number"
    return _form(f)


def _form(f: Forecast) -> str:
    """Further requirements of a forecast: a numeric score, a text reason, boolean switches."""
    if not is_number(f.score):
        return "score is not a finite number"
    if not isinstance(f.reason, str):
        return "reason is not text"
    if not (isinstance(f.keep, _SWITCHES) and isinstance(f.hedge, _SWITCHES)):
        return "keep or hedge is neither True nor False"
    return ""


def plain(forecast: Forecast) -> Forecast:
    """A valid forecast with its numbers converted to Python's own types."""
    f = forecast
    return replace(
        f,
        mu=float(f.mu),
        sigma=float(f.sigma),
        confidence=float(f.confidence),
        horizon=int(f.horizon),
        target_weight=None if f.target_weight is None else float(f.target_weight),
        keep=bool(f.keep),
        hedge=bool(f.hedge),
        score=float(f.score),
        model_mus=tuple(map(float, f.model_mus)),
    )

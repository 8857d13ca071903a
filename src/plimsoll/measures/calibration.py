"""Calibration of forecast probabilities against outcomes (R8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Bin(NamedTuple):
    """Forecasts in [``low``, ``high``): their count, their mean and the observed frequency of the event."""

    low: float
    high: float
    sessions: int
    predicted: float
    observed: float


def brier(predicted: Floats, happened: Flags) -> float:
    """Brier score: mean squared difference of (n,) probabilities and outcomes, 0 best, 1 worst; NaN when empty.

    Brier (1950), Monthly Weather Review 78, for a binary event.
    """
    if not predicted.size:
        return float("nan")
    error = predicted - happened
    return float((error * error).mean())


def brier_of_base_rate(happened: Flags) -> float:
    """Brier score of always forecasting the sample's own frequency f, which is f (1 - f); NaN when empty.

    f is known only afterwards, so this is a strict benchmark.
    """
    share = float(happened.mean()) if happened.size else float("nan")
    return share * (1.0 - share)


def skill(predicted: Floats, happened: Flags) -> float:
    """Brier skill: 1 - score / score of the base rate. Above 0 is better than the base rate, 1 is perfect.

    NaN where the base rate is 0 or 1, when the ratio is undefined.
    """
    reference = brier_of_base_rate(happened)
    return 1.0 - brier(predicted, happened) / reference if reference > 0.0 else float("nan")


def reliability(predicted: Floats, happened: Flags, edges: Sequence[float]) -> tuple[Bin, ...]:
    """Reliability table: forecasts grouped into bins between ascending ``edges``; empty bins are left out.

    A bin includes its lower edge, the last one both edges. Calibrated probabilities have ``observed`` near
    ``predicted`` in every bin. ``ValueError`` when a forecast lies outside the edges or is NaN.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    if not ((predicted >= bounds[0]) & (predicted <= bounds[-1])).all():
        raise ValueError("A forecast lies outside the bins")
    place = np.minimum(np.searchsorted(bounds, predicted, side="right") - 1, bounds.size - 2)
    found = []
    for i in range(bounds.size - 1):
        inside = place == i
        count = int(np.count_nonzero(inside))
        if count:
            seen = float(predicted[inside].mean()), float(happened[inside].mean())
            found.append(Bin(float(bounds[i]), float(bounds[i + 1]), count, *seen))
    return tuple(found)

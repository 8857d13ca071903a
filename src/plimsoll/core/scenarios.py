"""Scenario sets: possible returns of some columns of the panel, one set a cycle (R2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WORST = "worst"  # the name of the stressed set that no window bounds


@dataclass(frozen=True, eq=False, slots=True)
class StressedSet:
    """One crisis, or the worst of all history: ``returns[h]`` are (T_h, k) raw returns at horizon h sessions.

    ``confidence[h]`` is the confidence of its tail. ``name`` is its label in gates and auction: a year, or ``WORST``.
    """

    name: str
    returns: dict[int, Floats]
    confidence: dict[int, float]


@dataclass(frozen=True, eq=False, slots=True)
class ScenarioSet:
    """Equally likely simple returns of the panel columns ``columns`` (k,).

    ``filtered[h]`` are (T_h, k) at horizon h sessions (1 and the auction's). A column without enough rows is NaN
    throughout and listed in ``unmeasurable``: a portfolio that holds it cannot be measured, so nothing may increase it
    (U6). ``stressed`` are sets that count separately: the stressed CVaR is the largest of theirs (R2). It is empty when
    none is known yet: "not run". ``not_run`` names the stress windows that are over but whose data are incomplete.
    """

    columns: NDArray[np.int64]
    filtered: dict[int, Floats]
    stressed: tuple[StressedSet, ...] = ()
    unmeasurable: frozenset[int] = frozenset()
    not_run: tuple[str, ...] = field(default=())

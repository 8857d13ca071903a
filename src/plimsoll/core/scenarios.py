"""Scenario sets: possible returns of some columns of the panel, one set a cycle (R2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class ScenarioSet:
    """Equally likely simple returns of the panel columns ``columns`` (k,).

    ``filtered[h]`` and ``stressed[h]`` are (T_h, k) at horizon h sessions (1 and the auction's). A column
    without enough rows is NaN throughout and listed in ``unmeasurable``: whatever holds it cannot be measured,
    so nothing may increase it (U6). ``stressed`` is empty when no stress window is known yet: "not run".
    """

    columns: NDArray[np.int64]
    filtered: dict[int, Floats]
    stressed: dict[int, Floats] = field(default_factory=dict)
    unmeasurable: frozenset[int] = frozenset()

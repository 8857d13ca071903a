"""The tail of a scenario set at a book: its CVaR and which scenarios are in it.

The tail's mass is (1 - confidence)·T scenarios; where that is not whole the last one counts in part
(Rockafellar and Uryasev 2002). Sums here avoid threaded BLAS, whose last bits depend on the thread count (U9).
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DENSE_COLUMNS = 64  # up to so many columns a gather of the held ones costs more than it saves
_GATHER_COST = 6  # of a gathered column, in columns read in passing
_WHOLE = 1e-9  # relative: 1 - 0.95 is not exactly 0.05, and 63.00000000000006 scenarios are 63


class Members(NamedTuple):
    """The tail at a book: its scenarios ``rows`` in ascending order, and the ``last``, which may count in part."""

    rows: Ints
    last: int


class Tail:
    """One scenario set (T, m) of equally likely returns, its confidence and its limit on CVaR.

    The tail is ``count`` scenarios of which the last counts ``part``, in (0, 1]; ``mass`` is their sum.
    """

    __slots__ = ("cap", "confidence", "count", "mass", "part", "scenarios")

    def __init__(self, scenarios: Floats, confidence: float, cap: float) -> None:
        size = scenarios.shape[0]
        mass = (1.0 - confidence) * size
        whole = round(mass)
        self.scenarios = scenarios
        self.confidence = confidence
        self.cap = cap
        self.mass = float(whole) if whole and abs(mass - whole) <= _WHOLE * size else mass
        self.count = min(ceil(self.mass), size)
        self.part = self.mass - (self.count - 1)

    def returns(self, positions: Floats) -> Floats:
        """Return (T,) of ``positions`` (m,) in each scenario."""
        if positions.shape[0] > _DENSE_COLUMNS:
            held = positions.nonzero()[0]
            if _GATHER_COST * held.shape[0] < positions.shape[0]:
                return np.asarray(np.einsum("ij,j->i", self.scenarios.take(held, axis=1), positions[held]))
        return np.asarray(np.einsum("ij,j->i", self.scenarios, positions))

    def cvar(self, returns: Floats) -> tuple[float, float]:
        """CVaR of a book with ``returns`` (T,), as a positive loss, and the tail's best return."""
        worst = returns.copy()
        worst.partition(self.count - 1)
        threshold = float(worst[self.count - 1])
        total = float(np.add.reduce(worst[: self.count])) - (1.0 - self.part) * threshold
        return -total / self.mass, threshold

    def members(self, returns: Floats, threshold: float) -> Members:
        """Who is in the tail; of equal returns at its edge the earlier ones, whatever a sort would do."""
        rows = (returns <= threshold).nonzero()[0]
        edge = (returns == threshold).nonzero()[0]
        extra = rows.shape[0] - self.count
        if extra > 0:
            rows = np.setdiff1d(rows, edge[-extra:], assume_unique=True)
            edge = edge[:-extra]
        return Members(rows, int(edge[-1]))

    def slope(self, members: Members, rows: Ints | None = None) -> Floats:
        """Minus the sum of the tail's scenarios over its mass, (m,): the slope of CVaR in the positions.

        With ``rows`` the part of it that those of the members contribute.
        """
        some = members.rows if rows is None else rows
        total = np.add.reduce(self.scenarios.take(some, axis=0), axis=0)
        if self.part != 1.0 and (rows is None or members.last in rows):
            total -= (1.0 - self.part) * self.scenarios[members.last]
        total /= -self.mass
        return np.asarray(total)

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


class Members(NamedTuple):
    """The tail at a book: ``rows`` ascending, of which ``last`` counts ``part`` (0, 1] and the others 1."""

    rows: Ints
    last: int
    part: float


class Tail:
    """One scenario set (T, m) of equally likely returns, its confidence and its limit on CVaR."""

    __slots__ = ("cap", "confidence", "count", "mass", "scenarios")

    def __init__(self, scenarios: Floats, confidence: float, cap: float) -> None:
        self.scenarios = scenarios
        self.confidence = confidence
        self.cap = cap
        mass = (1.0 - confidence) * scenarios.shape[0]
        whole = round(mass)
        # 0.05 x 1260 is 63.00000000000006 in floats; the hair above is no 64th scenario.
        self.mass = float(whole) if whole and abs(mass - whole) < 1e-9 * whole else mass
        self.count = min(ceil(self.mass), scenarios.shape[0])

    def measure(self, positions: Floats) -> tuple[float, Members]:
        """CVaR of ``positions`` (m,) as a positive loss, and the tail's members, ties in row order."""
        returns = self._returns(positions)
        threshold = np.partition(returns, self.count - 1)[self.count - 1]
        inside = np.flatnonzero(returns < threshold)
        part = self.mass - inside.shape[0]
        cvar = -(float(returns[inside].sum()) + part * float(threshold)) / self.mass
        ties = np.flatnonzero(returns == threshold)[: self.count - inside.shape[0]]
        rows = np.sort(np.concatenate((inside, ties)))
        return cvar, Members(rows, int(ties[-1]), self.mass - (self.count - 1))

    def gradient(self, members: Members) -> Floats:
        """The slope (m,) of CVaR in the positions: minus the mean of the tail's scenarios."""
        return self.partial(members.rows, members)

    def partial(self, rows: Ints, members: Members) -> Floats:
        """Minus the sum of the scenarios ``rows``, some of the members, over the tail's mass; (m,)."""
        total = np.add.reduce(self.scenarios[rows], axis=0)
        if members.part != 1.0 and (rows == members.last).any():
            total -= (1.0 - members.part) * self.scenarios[members.last]
        total /= -self.mass
        return np.asarray(total)

    def _returns(self, positions: Floats) -> Floats:
        held = np.flatnonzero(positions) if positions.shape[0] > _DENSE_COLUMNS else None
        if held is None or 3 * held.shape[0] > positions.shape[0]:
            return np.asarray(np.einsum("ij,j->i", self.scenarios, positions))
        return np.asarray(np.einsum("ij,j->i", self.scenarios.take(held, axis=1), positions[held]))

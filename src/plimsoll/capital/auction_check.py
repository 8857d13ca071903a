"""Independent check of an allocation: every limit is measured again from the original problem.

It shares only the problem and the definition of CVaR with the solvers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_problem import AuctionProblem
from plimsoll.measures.cvar import cvar
from plimsoll.measures.linear import combine

Floats = NDArray[np.float64]


class LimitReading(NamedTuple):
    """A limit's name, the measured figure, and the limit."""

    limit: str
    measured: float
    cap: float

    @property
    def excess(self) -> float:
        """Amount by which the limit is exceeded; infinite where the figure cannot be measured."""
        return self.measured - self.cap if self.measured == self.measured else inf


def readings(problem: AuctionProblem, weights: Floats) -> Iterator[LimitReading]:
    """Measure ``weights`` (n,) against each limit of ``problem``; of the caps on single bids only the worst."""
    caps = np.asarray(problem.weight_max, dtype=np.float64)
    if weights.size:
        over = weights - caps
        worst = int(np.argmax(over))  # argmax returns a NaN first
        yield LimitReading(f"weight_max[{worst}]", float(weights[worst]), float(caps[worst]))
        lowest = int(np.argmin(weights))
        yield LimitReading(f"long_only[{lowest}]", -float(weights[lowest]), 0.0)
    yield LimitReading("gross", float(weights.sum()), problem.gross_max)
    for k, (members, cap) in enumerate(problem.groups):
        yield LimitReading(f"groups[{k}]", float(weights[np.unique(members)].sum()) if len(members) else 0.0, cap)
    positions = _positions(problem, weights)
    for k, (i, j, cap) in enumerate(problem.pairs):
        yield LimitReading(f"pairs[{k}]", float(positions[i] + positions[j]), cap)
    if problem.cvar_max < inf:
        yield LimitReading("cvar", _cvar(problem.scenarios, positions, problem.confidence), problem.cvar_max)
    for k, (scenarios, confidence, cap) in enumerate(problem.tail_limits):
        if cap < inf:
            yield LimitReading(f"tail_limits[{k}]", _cvar(scenarios, positions, confidence), cap)


def worst_excess(problem: AuctionProblem, weights: Floats) -> float:
    """The largest amount by which any limit is exceeded; zero or below when all hold."""
    return max(reading.excess for reading in readings(problem, weights))


def _positions(problem: AuctionProblem, weights: Floats) -> Floats:
    if problem.asset is None:
        return weights
    positions = np.zeros(np.shape(problem.scenarios)[1])
    np.add.at(positions, np.asarray(problem.asset, dtype=np.int64), weights)
    return positions


def _cvar(scenarios: object, positions: Floats, confidence: float) -> float:
    return cvar(-combine(np.asarray(scenarios, dtype=np.float64), positions), confidence)

"""Solve an auction again with one limit or one return raised, to show the effect (A5).

A shadow price is the marginal gain of the whole portfolio. It does not show which bid gets more: with more of a limit
one bid may rise and another fall. So every statement on a single bid is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction import solve
from plimsoll.capital.auction_problem import AuctionProblem

Floats = NDArray[np.float64]

_STEP = 0.01  # of NAV: by how much a cap on weights is raised
_PART = 0.1  # of itself: by how much a limit on CVaR is raised
_CELLS = 20_000_000  # scenarios x assets, over all the trials of one answer: about ten seconds
_ABOVE = 1e-6  # return units (a hundredth of a basis point): how far above the lacking return a bid is tried


@dataclass(eq=False)
class Trials:
    """The trials of one problem; each is solved once and asked for by all bids.

    A problem too large to be tried again and again answers ``None`` once its share of time is used up.
    """

    problem: AuctionProblem
    _left: int = field(default_factory=lambda: _CELLS)
    _found: dict[str, Floats | None] = field(default_factory=dict)

    def raised(self, limit: str) -> tuple[float, Floats | None]:
        """The figure a limit is raised to, and the (n,) weights then; None where it was not solved."""
        value, problem = _raised(self.problem, limit)
        return value, self._solved(limit, problem)

    def entering(self, bid: int, lacking: float) -> tuple[float, Floats | None]:
        """A return just above what a bid lacks, as an addition to its own, and the weights with it."""
        more = lacking + _ABOVE
        mu = np.array(self.problem.mu, dtype=np.float64)
        mu[bid] += more
        return more, self._solved(f"mu[{bid}]", replace(self.problem, mu=mu))

    def _solved(self, name: str, problem: AuctionProblem) -> Floats | None:
        if name not in self._found:
            sets = (problem.scenarios, *(sample for sample, _, _ in problem.tail_limits))
            self._left -= sum(int(np.size(sample)) for sample in sets)
            found = solve(problem) if self._left >= 0 else None
            self._found[name] = None if found is None or found.status == "scaled" else found.weights
        return self._found[name]


def _raised(problem: AuctionProblem, limit: str) -> tuple[float, AuctionProblem]:
    """A limit raised by a step, and the problem with it."""
    name, _, rest = limit.partition("[")
    k = int(rest.rstrip("]")) if rest else 0
    match name:
        case "weight_max":
            caps = np.array(problem.weight_max, dtype=np.float64)
            caps[k] += _STEP
            return float(caps[k]), replace(problem, weight_max=caps)
        case "gross":
            value = problem.gross_max + _STEP
            return value, replace(problem, gross_max=value)
        case "groups":
            groups = [(m, c + _STEP if i == k else c) for i, (m, c) in enumerate(problem.groups)]
            return float(groups[k][1]), replace(problem, groups=groups)
        case "pairs":
            pairs = [(a, b, c + _STEP if i == k else c) for i, (a, b, c) in enumerate(problem.pairs)]
            return float(pairs[k][2]), replace(problem, pairs=pairs)
        case "cvar":
            value = problem.cvar_max * (1.0 + _PART)
            return value, replace(problem, cvar_max=value)
    tails = [(s, q, c * (1.0 + _PART) if i == k else c) for i, (s, q, c) in enumerate(problem.tail_limits)]
    return float(tails[k][2]), replace(problem, tail_limits=tails)

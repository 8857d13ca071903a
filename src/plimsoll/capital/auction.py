"""The capital auction: exact mean-CVaR allocation under every limit (A3).

``solve`` maximises expected return less the price of tail risk and the cost of trading. The optimum is found by cutting
planes; if they fail, by a plain linear program; if that fails, or no allocation satisfies the limits, the present
positions are scaled towards cash, and the limit that set the scale is named. Every result is measured again by an
independent check. The result is a function of the problem alone (U9); among equally good allocations the one with
the least turnover is chosen, then the one that gives more to earlier bids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_check import LimitReading, readings
from plimsoll.capital.auction_cuts import solve_by_cuts
from plimsoll.capital.auction_frame import Solved, SolveFailed
from plimsoll.capital.auction_lp import solve_plain
from plimsoll.capital.auction_problem import Allocation, AuctionProblem, CheckedProblem, validated

__all__ = ["Allocation", "AuctionProblem", "solve"]

Floats = NDArray[np.float64]

_EXCESS = 1e-9  # of NAV: tolerance on a limit for rounding
_SHRINK = 1e-6  # a solution that has to shrink by more than this is rejected


def solve(problem: AuctionProblem) -> Allocation:
    """Solve the auction.

    Parameters
    ----------
    problem
        See :class:`AuctionProblem`.

    Returns
    -------
    Allocation
        Every limit holds within 1e-9 of NAV, unless even cash violates one (a negative limit on CVaR).

    Raises
    ------
    InputError
        The problem is malformed. An infeasible problem or a failed solve raises nothing: see ``Allocation.status``.
    """
    form = validated(problem)
    if form.bids == 0:
        return _allocation(form, np.zeros(0), "optimal")
    for status, solver in (("optimal", solve_by_cuts), ("optimal_lp", solve_plain)):
        try:
            solved = solver(form)
        except SolveFailed as failure:
            if failure.infeasible and min(tail.cap for tail in form.tails) < 0.0:
                break
            continue  # without a negative limit cash is feasible, so the solver is wrong
        weights = _inside(problem, solved.weights)
        if weights is not None:
            return _allocation(form, weights, status, solved)
    weights, binding = _present_book_scaled(problem, form)
    return _allocation(form, weights, "scaled", binding=binding)


def _allocation(
    form: CheckedProblem, weights: Floats, status: str, solved: Solved | None = None, binding: str = ""
) -> Allocation:
    tail = form.tails[0]
    members = tail.members(tail.at(form.positions(weights)))
    contributions = weights * tail.slope(members)[form.asset]
    cvar = float(contributions.sum())
    zeros = np.zeros(form.groups + form.pairs)
    caps = zeros if solved is None else solved.caps
    return Allocation(
        weights=weights,
        objective=form.objective(weights, cvar),
        cvar=cvar,
        contributions=contributions,
        duals={
            "gross": 0.0 if solved is None else solved.gross,
            "cvar": 0.0 if solved is None else solved.cvar,
            "weight_max": np.zeros(form.bids) if solved is None else solved.weight_max,
            "groups": caps[: form.groups],
            "tail_limits": np.zeros(len(form.tails) - 1) if solved is None else solved.tails,
            "pairs": caps[form.groups :],
        },
        status=status,
        lacking=np.zeros(form.bids) if solved is None else solved.lacking,
        binding=binding,
        cuts=0 if solved is None else solved.cuts,
    )


def _inside(problem: AuctionProblem, weights: Floats) -> Floats | None:
    """The weights, shrunk by at most 1e-6 where rounding exceeds a limit; None where that is not enough."""
    exceeded = [reading for reading in readings(problem, weights) if reading.excess > _EXCESS]
    if not exceeded:
        return weights
    scale = min(_scale(reading) for reading in exceeded)
    weights = weights * scale
    mended = scale >= 1.0 - _SHRINK and all(r.excess <= _EXCESS for r in readings(problem, weights))
    return weights if mended else None


def _present_book_scaled(problem: AuctionProblem, form: CheckedProblem) -> tuple[Floats, str]:
    """The present positions within their caps, times the largest factor that meets every other limit.

    The position of an asset with several bids is split among them in proportion to their caps.
    """
    caps = form.positions(form.upper)[form.asset]
    share = np.divide(form.upper, caps, out=np.zeros(form.bids), where=caps > 0.0)
    held = share * form.current[form.asset]
    weights = np.minimum(held, form.weight_max)
    clipped = np.flatnonzero(weights < held)
    binding = f"weight_max[{clipped[0]}]" if clipped.size else ""
    scale = 1.0
    for reading in readings(problem, weights):
        needed = _scale(reading)
        if needed < scale:
            scale, binding = needed, reading.limit
    if scale < 1.0:
        weights = weights * scale
        # Only a limit below zero can still be exceeded now; no scale meets it: cash, and that limit is named.
        for reading in readings(problem, weights):
            if reading.excess > _EXCESS:
                return np.zeros(form.bids), reading.limit
    return weights, binding


def _scale(reading: LimitReading) -> float:
    """The factor on all positions that brings the figure to its limit; 0 where none does."""
    if reading.excess <= 0.0:
        return 1.0
    return max(0.0, reading.cap / reading.measured) if reading.measured > 0.0 else 0.0

"""Cutting planes for the mean-CVaR auction: an exact solution from a few small re-solves in HiGHS.

Each round solves the present master problem, measures its allocation on every scenario, and adds cuts for the CVaR
limits that are exceeded and columns for the bids that would improve the objective. When there is nothing to add, the
solution is that of the full problem.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_frame import Solved, SolveFailed
from plimsoll.capital.auction_master import EDGE, MasterProblem, best_returns, first_bids
from plimsoll.capital.auction_problem import CheckedProblem
from plimsoll.capital.auction_tail import ScenarioTail, TailState

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS_MAX: Final = 1000
_VIOLATION: Final = 4e-10  # of rows scaled to coefficients near 1; the solver's own tolerance is 1e-10
_SAME_OBJECTIVE: Final = 1e-9  # of the objective's scale: what settling a tie may cost
_THINNING: Final = 10  # of many scenarios every so manieth is looked at first
_SKETCHES_MAX: Final = 40
_WIDE: Final = 5  # the first sketch bends over this part of the tail's scenarios on either side of its edge
_SETTLED: Final = 100  # a tail that moves by fewer scenarios is ready for cuts
_STEP: Final = 0.1  # of the largest weight: how far the first sketch may move a bid
_POOR: Final = 0.25  # of the predicted gain: a step that achieved less was too long
_GOOD: Final = 0.75  # a step that achieved more may be longer
_SHORTER: Final = 0.5
_LONGER: Final = 2.0
_FAR: Final = 0.999  # of the step: a bid that moved further is at its bound, apart from rounding


def solve_by_cuts(form: CheckedProblem) -> Solved:
    """Solve ``form``; ties are broken by least turnover, then by the order of the bids.

    Raises
    ------
    SolveFailed
        HiGHS found no optimum.
    """
    master = _optimised(form)
    solved = master.solved()
    if master.unique():
        return solved
    return replace(solved, weights=_settled(master, solved.weights))


def _optimised(form: CheckedProblem) -> MasterProblem:
    """The master problem of ``form`` at its optimum."""
    if any(tail.many for tail in form.tails):
        near = _approach(form)
        master = MasterProblem(form, near.bids, near.places)
        master.bend(near.places, [EDGE] * len(form.tails))
        _optimise_near(master, near)
    else:
        master = MasterProblem(form, first_bids(form), form.places(best_returns(form)))
    _optimise(master)
    return master


def _optimise(master: MasterProblem, *, entry: bool = True) -> None:
    """Add cuts and bids until no limit is exceeded, the objective's CVaR is exact and no absent bid improves it."""
    for _ in range(_ROUNDS_MAX):
        weights, column = master.optimum(entry=entry)
        positions = master.form.positions(weights)
        broken = []
        for known in master.sets:
            place = known.tail.at(positions)
            bound = column if known.priced else known.tail.cap
            if (place.cvar - bound) * known.scale > _VIOLATION:
                broken.append((known, known.tail.members(place)))
        entered = entry and master.admit()
        if not broken and not entered:
            return
        if broken:
            master.cut(broken)
    raise SolveFailed(f"no optimum after {_ROUNDS_MAX} rounds", infeasible=False)


# -- many scenarios ------------------------------------------------------------------------------------------------


class _Near(NamedTuple):
    """An allocation near the optimum: the bids with a column, weights (n,), its tail in each scenario set, and the
    largest move of a bid in one step.
    """

    bids: Ints
    weights: Floats
    places: list[TailState]
    step: float


def _approach(form: CheckedProblem) -> _Near:
    """An allocation near the optimum of a ``form`` with many scenarios.

    It starts at the optimum of a thinned scenario set and improves it by approximate master problems. No bid moves by
    more than a step, which is shortened when the predicted gain is not achieved and lengthened when it is (a trust
    region, as in sequential linear programming). The start does not affect the result, only the number of rounds.
    """
    coarse = replace(form, tails=tuple(tail.thinned(_THINNING) if tail.many else tail for tail in form.tails))
    if any(tail.many for tail in coarse.tails):
        bids, weights, *_ = _approach(coarse)
    else:
        master = _optimised(coarse)
        bids, weights = master.bids, master.read()[0]
    places = form.places(form.positions(weights))
    reach = [max(tail.count // _WIDE, 1) for tail in form.tails]
    step = _STEP * float(weights.max() or form.upper.max())
    prices = np.zeros(len(form.tails))
    for _ in range(_SKETCHES_MAX):
        sketch = MasterProblem(form, bids, places)
        sketch.bend(places, reach)
        sketch.stay_near(weights, step)
        try:
            found, column = sketch.optimum(entry=False)
        except SolveFailed:
            step *= _LONGER  # no feasible allocation within the step
            continue
        solved = sketch.solved()
        np.maximum(prices, 2.0 * np.append(solved.cvar, solved.tails), out=prices)
        if sketch.admit():
            bids = np.sort(sketch.bids)
        there = form.places(form.positions(found))
        moved = [_moved(*of_tail) for of_tail in zip(form.tails, places, there, strict=True)]
        far = float(np.abs(found - weights).max())
        here = _merit(form, weights, places, prices)
        gained, promised = _merit(form, found, there, prices) - here, form.objective(found, column) - here
        reach = [min(most, max(2 * count, EDGE)) for most, count in zip(reach, moved, strict=True)]
        if gained > 0.0:
            weights, places = found, there
        if gained < _POOR * promised:
            step = _SHORTER * far
        elif gained > _GOOD * promised and far >= _FAR * step:
            step *= _LONGER
        if max(moved) <= _SETTLED:
            break
    return _Near(bids, weights, places, step)


def _merit(form: CheckedProblem, weights: Floats, places: list[TailState], prices: Floats) -> float:
    """Merit function: the objective of ``weights`` (n,) less their excess over each CVaR limit times ``prices``."""
    excess = [max(place.cvar - tail.cap, 0.0) for tail, place in zip(form.tails, places, strict=True)]
    return form.objective(weights, places[0].cvar) - float(prices @ excess)


def _optimise_near(master: MasterProblem, near: _Near) -> None:
    """Bring ``master`` to its optimum in bounded steps, so that only the tails on the way need cuts.

    Without bounds it would jump to allocations without cuts, and back, many times. Once no bid is at the bound of its
    step, the optimum is that of the unbounded problem.
    """
    weights, step, upper = near.weights, near.step, master.form.upper
    for _ in range(_ROUNDS_MAX):
        master.stay_near(weights, step)
        try:
            _optimise(master, entry=False)
        except SolveFailed:  # no feasible allocation within the step
            if step >= float(upper.max()):
                break
            step *= _LONGER
            continue
        found = master.read()[0]
        held = (np.abs(found - weights) >= _FAR * step) & (found > 0.0) & (found < upper)
        if not master.admit() and not held.any():
            break
        weights, step = found, step * _LONGER
    master.let_go()


def _moved(tail: ScenarioTail, before: TailState, after: TailState) -> int:
    """Number of scenarios that entered or left the tail."""
    rows = tail.members(before).rows, tail.members(after).rows
    return int(np.setxor1d(*rows, assume_unique=True).shape[0])


# -- ties ----------------------------------------------------------------------------------------------------------


def _settled(master: MasterProblem, weights: Floats) -> Floats:
    """Of the allocations as good as ``weights``: the least turnover, then the most for the earlier bids."""
    form = master.form
    best = _objective(form, weights)
    others = np.setdiff1d(np.intersect1d(np.flatnonzero(form.current > 0.0), form.asset), form.sellers)
    try:
        master.hold_to_face()
        sold = master.sales_columns(others)
        turnover = np.zeros(master.column_count)
        turnover[master.columns] = 1.0
        turnover[sold] = 2.0
        master.minimise(turnover)
        _optimise(master, entry=False)
        if not master.unique():
            master.hold_to_face()
            order = np.zeros(master.column_count)
            order[master.columns] = -1.0 / (1.0 + master.bids)
            master.minimise(order)
            _optimise(master, entry=False)
        settled = master.read()[0]
    except SolveFailed:
        return weights  # optimal, without the tie-break
    return settled if (best - _objective(form, settled)) * master.scale <= _SAME_OBJECTIVE else weights


def _objective(form: CheckedProblem, weights: Floats) -> float:
    return form.objective(weights, form.tails[0].at(form.positions(weights)).cvar)

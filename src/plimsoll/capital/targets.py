"""Target portfolios in an auction: the largest scale of each that fits beside the other bids (S1).

A target portfolio says how much it wants of what, not what it expects, so there is nothing to maximise: it is held at
the largest scale s in [0, 1] at which s times its weights, together with everything else, meets every limit. No limit
is loosened for it. Three steps share the room:

1. Each portfolio is sure of the scale at which it alone would use its equal part of every limit, one part for every
   strategy that bids. By convexity all of these fit together.
2. The forecasts bid for what those books leave: the auction is solved exactly with them in place.
3. The portfolios rise together, by the same amount of capital each, until a limit stops one; the others go on until
   each stands at a limit or has what it wants (max-min fairness: Bertsekas and Gallager 1992, "Data Networks", 6.5.2).

Alone a portfolio is held at min over the limits of limit / measured, at most 1. CVaR along a line of books is convex
and piecewise linear, so Newton's method from the far side reaches its limit exactly after finitely many steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_check import worst_excess
from plimsoll.capital.auction_problem import Allocation, AuctionProblem, validated
from plimsoll.measures.cvar import cvar, tail_weights
from plimsoll.measures.linear import combine

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Solve = Callable[[AuctionProblem], Allocation]

_EXCESS = 1e-9  # of NAV: how far the auction lets a limit be exceeded by rounding
_ROUNDING = 1e-13  # of NAV: a CVaR this close to its limit is at it
_STUCK = 1e-9  # of NAV: who can rise by no more stands at a limit
_FIRST = 1.0  # expected return that no forecast reaches, so that the books in place stay there in the target portfolio
_STEPS = 100  # of Newton's method; it needs a handful


@dataclass(frozen=True, eq=False, slots=True)
class Portfolio:
    """A target portfolio: ``desired`` (n,) are its weights over the problem's bids, zero for those of others."""

    strategy: str
    desired: Floats

    @property
    def gross(self) -> float:
        """Its total weight, a fraction of NAV."""
        return float(self.desired.sum())


class Scale(NamedTuple):
    """How much of a portfolio is held, and the name of the problem's limit that stops it there, "" at 1."""

    value: float
    limit: str


@dataclass(frozen=True, eq=False, slots=True)
class Settled:
    """The auction's answer with portfolios in it, and the scale of each."""

    allocation: Allocation
    scales: tuple[Scale, ...]


def settle(problem: AuctionProblem, portfolios: Sequence[Portfolio], parts: int, solve: Solve) -> Settled:
    """Allocate to the forecasts and the ``portfolios`` of ``problem``, whose ``weight_max`` is the limits' alone.

    ``parts`` is the number of strategies that bid; ``solve`` is the auction for the forecasts.
    """
    form = validated(problem)
    asked = np.sum([p.desired for p in portfolios], axis=0) > 0.0
    forecasts = np.flatnonzero(~asked)
    nothing = np.zeros(form.bids)
    start, fixed, solved = [0.0] * len(portfolios), nothing, None
    if forecasts.size:
        start = [min(1.0, reach(problem, nothing, p.desired, float(parts))[0] / parts) for p in portfolios]
        solved, start = _beside(problem, forecasts, portfolios, start, solve)
        fixed = np.zeros(form.bids)
        fixed[forecasts] = solved.weights[: forecasts.size]
    scales = _filled(problem, fixed, portfolios, start)
    weights = fixed + _book(portfolios, [s.value for s in scales])
    tail = form.tails[0]
    contributions = weights * tail.slope(tail.members(tail.at(form.positions(weights))))[form.asset]
    measured = float(contributions.sum())
    return Settled(
        Allocation(
            weights=weights,
            objective=form.objective(weights, measured),
            cvar=measured,
            contributions=contributions,
            duals=_duals(problem, forecasts, solved),
            status="optimal" if solved is None else solved.status,
            lacking=_scattered(form.bids, forecasts, None if solved is None else solved.lacking),
            binding="" if solved is None else solved.binding,
            cuts=0 if solved is None else solved.cuts,
        ),
        tuple(scales),
    )


def reach(problem: AuctionProblem, base: Floats, direction: Floats, most: float) -> tuple[float, str]:
    """The largest step in [0, ``most`` ] along ``direction`` (n,) >= 0 from ``base`` (n,) that meets every limit.

    With the name of the limit that ends it, "" where none does. ``base`` meets them; a limit that cannot be measured
    lets no step pass.
    """
    step, limit = most, ""
    for name, at, slope, cap in _sums(problem, base, direction):
        if slope > 0.0 and not at + step * slope <= cap:
            step, limit = max(0.0, (cap - at) / slope) if cap == cap else 0.0, name
    here, there = _positions(problem, base), _positions(problem, direction)
    for name, scenarios, confidence, cap in _tails(problem):
        if cap != inf and step > 0.0:
            held, added = -combine(scenarios, here), -combine(scenarios, there)
            inside = _until(held, added, confidence, cap, step)
            if inside < step:
                step, limit = inside, name
    return step, limit


def _until(held: Floats, added: Floats, confidence: float, cap: float, most: float) -> float:
    """The largest step at which CVaR of (T,) losses ``held`` + step x ``added`` is at most ``cap``."""
    step = most
    for _ in range(_STEPS):
        losses = held + step * added
        over = cvar(losses, confidence) - cap
        if over <= _ROUNDING:
            return step
        slope = float(np.sum(tail_weights(losses, confidence) * added))
        if not slope > 0.0:
            return 0.0
        step -= over / slope
        if not step > 0.0:
            return 0.0
    return 0.0


def _sums(problem: AuctionProblem, base: Floats, direction: Floats) -> Iterator[tuple[str, float, float, float]]:
    """Every cap on weights and their sums: name, what the base uses, what a step adds, the cap."""
    caps = np.asarray(problem.weight_max, dtype=np.float64)
    for i in np.flatnonzero(direction).tolist():
        yield f"weight_max[{i}]", float(base[i]), float(direction[i]), float(caps[i])
    yield "gross", float(base.sum()), float(direction.sum()), float(problem.gross_max)
    for k, (members, cap) in enumerate(problem.groups):
        bids = np.unique(np.asarray(members, dtype=np.int64))
        yield f"groups[{k}]", float(base[bids].sum()), float(direction[bids].sum()), float(cap)
    here, there = _positions(problem, base), _positions(problem, direction)
    for k, (i, j, cap) in enumerate(problem.pairs):
        yield f"pairs[{k}]", float(here[i] + here[j]), float(there[i] + there[j]), float(cap)


def _tails(problem: AuctionProblem) -> Iterator[tuple[str, Floats, float, float]]:
    yield "cvar", np.asarray(problem.scenarios, dtype=np.float64), problem.confidence, problem.cvar_max
    for k, (scenarios, confidence, cap) in enumerate(problem.tail_limits):
        yield f"tail_limits[{k}]", np.asarray(scenarios, dtype=np.float64), confidence, cap


def _positions(problem: AuctionProblem, weights: Floats) -> Floats:
    """(m,) what the bids' weights (n,) add up to in each asset."""
    if problem.asset is None:
        return weights
    count = int(np.shape(problem.scenarios)[1])
    return np.asarray(np.bincount(np.asarray(problem.asset), weights, count), dtype=np.float64)


def _book(portfolios: Sequence[Portfolio], scales: Sequence[float]) -> Floats:
    return np.asarray(np.sum([s * p.desired for p, s in zip(portfolios, scales, strict=True)], axis=0))


def _filled(
    problem: AuctionProblem, fixed: Floats, portfolios: Sequence[Portfolio], start: Sequence[float]
) -> list[Scale]:
    """The scales after all have risen from ``start``, the same amount of capital each, until each is stopped."""
    scale, limit = list(start), [""] * len(portfolios)
    rising = [k for k, s in enumerate(scale) if s < 1.0]
    while rising:
        left = {k: (1.0 - scale[k]) * portfolios[k].gross for k in rising}
        base, most = fixed + _book(portfolios, scale), min(left.values())
        together = np.sum([portfolios[k].desired / portfolios[k].gross for k in rising], axis=0)
        step, bound = reach(problem, base, together, most)
        for k in rising:
            whole = not bound and left[k] <= most
            scale[k] = 1.0 if whole else min(1.0, scale[k] + step / portfolios[k].gross)
        rising = [k for k in rising if scale[k] < 1.0]
        if not bound:
            continue
        base = fixed + _book(portfolios, scale)
        alone = {
            k: reach(problem, base, portfolios[k].desired / portfolios[k].gross, (1.0 - scale[k]) * portfolios[k].gross)
            for k in rising
        }
        stuck = [k for k in rising if alone[k][0] <= _STUCK] or rising
        for k in stuck:
            limit[k] = alone[k][1] or bound
        rising = [k for k in rising if k not in stuck]
    return [Scale(s, at) for s, at in zip(scale, limit, strict=True)]


def _beside(
    problem: AuctionProblem, forecasts: Ints, portfolios: Sequence[Portfolio], start: list[float], solve: Solve
) -> tuple[Allocation, list[float]]:
    """The forecasts' allocation with the portfolios at ``start`` in place, and the scales it leaves them.

    What is in place enters as one more asset, whose returns are those of that book, and one more bid, which nothing
    outbids. Should the solver fail the book in place gives way rather than a limit.
    """
    base = _book(portfolios, start)
    place = np.full(base.size, -1)
    place[forecasts] = np.arange(forecasts.size)
    positions, count = _positions(problem, base), int(np.shape(problem.scenarios)[1])
    asset = np.arange(base.size) if problem.asset is None else np.asarray(problem.asset)

    def beside(scenarios: object) -> Floats:
        returns = np.asarray(scenarios, dtype=np.float64)
        return np.column_stack([returns, combine(returns, positions)])

    def left(cap: float, used: float) -> float:
        return max(cap - used, 0.0)

    groups = []
    for members, cap in problem.groups:
        bids = np.unique(np.asarray(members, dtype=np.int64))
        groups.append((place[bids][place[bids] >= 0], left(cap, float(base[bids].sum()))))
    reduced = replace(
        problem,
        mu=np.append(np.asarray(problem.mu)[forecasts], _FIRST),
        scenarios=beside(problem.scenarios),
        gross_max=left(problem.gross_max, float(base.sum())) + 1.0,
        weight_max=np.append(np.asarray(problem.weight_max)[forecasts], 1.0),
        groups=groups,
        current=np.append(np.maximum(np.asarray(problem.current) - positions, 0.0), 0.0),
        trade_cost=np.append(np.asarray(problem.trade_cost), 0.0),
        tail_limits=[(beside(r), confidence, cap) for r, confidence, cap in problem.tail_limits],
        pairs=[(i, j, left(cap, float(positions[i] + positions[j]))) for i, j, cap in problem.pairs],
        asset=np.append(asset[forecasts], count),
    )
    solved = solve(reduced)
    found = np.zeros(base.size)
    found[forecasts] = solved.weights[: forecasts.size]
    part = float(solved.weights[-1])  # less than the whole only where what stands (S1) leaves no room for it
    if part < 1.0 - _EXCESS:
        start = [s * part for s in start]
    if worst_excess(problem, found + _book(portfolios, start)) > 2.0 * _EXCESS:
        start = [0.0] * len(portfolios)
    return solved, start


def _scattered(size: int, forecasts: Ints, values: object) -> Floats:
    """(n,) with the forecasts' ``values`` in their places, zero for the portfolios'."""
    full = np.zeros(size)
    if values is not None:
        full[forecasts] = np.atleast_1d(np.asarray(values, dtype=np.float64))[: forecasts.size]
    return full


def _duals(problem: AuctionProblem, forecasts: Ints, solved: Allocation | None) -> dict[str, float | Floats]:
    size = int(np.asarray(problem.mu).size)
    if solved is None:
        none = {"groups": len(problem.groups), "tail_limits": len(problem.tail_limits), "pairs": len(problem.pairs)}
        return {"gross": 0.0, "cvar": 0.0, "weight_max": np.zeros(size), **{k: np.zeros(n) for k, n in none.items()}}
    return {**solved.duals, "weight_max": _scattered(size, forecasts, solved.duals["weight_max"])}

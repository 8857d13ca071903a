"""Shared by both solvers of the auction: columns and caps of the linear program, HiGHS settings, the solution."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, inf, isfinite

import highspy
import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_problem import CheckedProblem

Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]

_TOLERANCE = 1e-10  # the finest HiGHS accepts


class SolveFailed(Exception):
    """The solver found no optimum; ``infeasible`` if it proved that there is none."""

    def __init__(self, status: str, *, infeasible: bool) -> None:
        self.infeasible = infeasible
        super().__init__(status)


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """Weights (n,), the shadow price of each limit, and (n,) the return that bids at zero lack to enter."""

    weights: Floats
    gross: float
    cvar: float
    weight_max: Floats
    caps: Floats
    tails: Floats
    lacking: Floats
    cuts: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class LpModel:
    """The linear program before any scenario, a minimisation.

    Columns are the bids, then the amount sold of each of ``form.sellers``, then, if ``priced``, the CVaR of the
    objective. Rows (CSR, all coefficients one) are the caps, then ``position + sold >= current`` for each seller:
    the cost of trading is cost·(position - current + 2·sold).
    """

    cost: Floats
    lower: Floats
    upper: Floats
    starts: Int32
    index: Int32
    row_lower: Floats
    row_upper: Floats
    priced: bool

    @property
    def columns(self) -> int:
        """Number of columns; the priced CVaR is the last."""
        return int(self.cost.shape[0])

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.row_lower.shape[0])

    def pass_to(self, solver: highspy.Highs, scale: float) -> None:
        """Load it into ``solver``, with the objective times ``scale``."""
        solver.passModel(
            self.columns, self.rows, self.index.shape[0], 2, 1, 0.0, self.cost * scale, self.lower, self.upper,
            self.row_lower, self.row_upper, self.starts, self.index, np.ones(self.index.shape[0]),
            np.zeros(self.columns, dtype=np.int32),
        )  # fmt: skip


def build_lp_model(form: CheckedProblem) -> LpModel:
    """Lay out the columns and caps of ``form``."""
    n, sales, priced = form.bids, form.sellers.shape[0], form.risk_aversion > 0.0
    columns = n + sales + priced
    cost, lower, upper = np.zeros(columns), np.zeros(columns), np.empty(columns)
    cost[:n] = form.cost
    cost[n : n + sales] = 2.0 * form.trade_cost[form.sellers]
    upper[:n] = form.upper
    upper[n : n + sales] = form.current[form.sellers]
    if priced:
        cost[-1], lower[-1], upper[-1] = form.risk_aversion, -inf, form.tails[0].cap
    caps = len(form.rows)
    members = [bids for _, bids, _ in form.rows]
    members += [np.append(np.flatnonzero(form.asset == a), n + k) for k, a in enumerate(form.sellers)]
    starts = np.zeros(len(members) + 1, dtype=np.int32)
    np.cumsum([bids.shape[0] for bids in members], out=starts[1:])
    row_lower, row_upper = np.full(len(members), -inf), np.full(len(members), inf)
    row_upper[:caps] = [cap for _, _, cap in form.rows]
    row_lower[caps:] = form.current[form.sellers]
    index = np.concatenate(members).astype(np.int32)
    return LpModel(cost, lower, upper, starts, index, row_lower, row_upper, priced)


def quiet_solver(*, scaling: int) -> highspy.Highs:
    """A HiGHS object for reproducible solves: serial dual simplex, no presolve, no output."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("presolve", "off"),
        ("solver", "simplex"),
        ("parallel", "off"),
        ("simplex_scale_strategy", scaling),
        ("primal_feasibility_tolerance", _TOLERANCE),
        ("dual_feasibility_tolerance", _TOLERANCE),
    ):
        solver.setOptionValue(option, value)
    return solver


def run(solver: highspy.Highs) -> None:
    """Solve, or raise :class:`SolveFailed`."""
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        infeasible = status == highspy.HighsModelStatus.kInfeasible
        raise SolveFailed(solver.modelStatusToString(status), infeasible=infeasible)


def prices(
    form: CheckedProblem, weights: Floats, reduced: Floats, row_dual: Floats, scale: float, tails: Floats, cuts: int
) -> Solved:
    """Shadow prices from the solver's ``reduced`` costs (n,) and ``row_dual``, whose first rows are the caps.

    Both are for an objective times ``scale``; ``tails`` (k,) are the prices of the scenario sets.
    """
    caps = np.maximum(row_dual[: len(form.rows)] / -scale, 0.0)
    return Solved(
        weights=weights,
        gross=float(caps[0]),
        cvar=float(tails[0]),
        weight_max=np.where(weights >= form.weight_max, np.maximum(reduced / -scale, 0.0), 0.0),
        caps=caps[1:],
        tails=tails[1:],
        lacking=np.where(weights <= 0.0, np.maximum(reduced / scale, 0.0), 0.0),
        cuts=cuts,
    )


def power_of_two(size: float) -> float:
    """The power of two that scales ``size`` to [1, 2), 1 for zero: scaling by it is exact."""
    return 2.0 ** (1 - frexp(size)[1]) if size > 0.0 and isfinite(size) else 1.0

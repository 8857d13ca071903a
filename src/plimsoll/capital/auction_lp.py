"""The auction as one plain linear program, scenario by scenario (Rockafellar and Uryasev 2000).

The fallback when cutting planes fail, and the reference in the benchmark: the same solution with far more work.
"""

from __future__ import annotations

from math import inf

import numpy as np

from plimsoll.capital.auction_frame import Solved, build_lp_model, power_of_two, prices, quiet_solver, run
from plimsoll.capital.auction_problem import CheckedProblem


def solve_plain(form: CheckedProblem) -> Solved:
    """Solve ``form`` with one level column and T excess columns for each scenario set.

    Raises
    ------
    SolveFailed
        HiGHS found no optimum.
    """
    laid = build_lp_model(form)
    n, columns, rows = form.bids, laid.columns, laid.rows
    scale = power_of_two(float(np.abs(laid.cost).max()))
    solver = quiet_solver(scaling=0)  # presolve and scaling cost two to six times what they save here
    laid.pass_to(solver, scale)
    limit_rows: dict[int, int] = {}
    for k, tail in enumerate(form.tails):
        priced = laid.priced and k == 0
        if tail.cap == inf and not priced:
            continue
        size = tail.scenarios.shape[0]
        level, excess = columns, np.arange(columns + 1, columns + 1 + size, dtype=np.int32)
        none = np.empty(0, dtype=np.int32)
        low = np.zeros(1 + size)
        low[0] = -inf
        solver.addCols(
            1 + size,
            np.zeros(1 + size),
            low,
            np.full(1 + size, inf),
            0,
            np.zeros(1 + size, np.int32),
            none,
            np.empty(0),
        )
        value = np.ones((size, n + 2))
        value[:, :n] = tail.scenarios if form.plain else tail.scenarios[:, form.asset]
        index = np.empty((size, n + 2), dtype=np.int32)
        index[:, :n], index[:, n], index[:, n + 1] = np.arange(n), level, excess
        starts = np.arange(size, dtype=np.int32) * (n + 2)
        solver.addRows(size, np.zeros(size), np.full(size, inf), index.size, starts, index.ravel(), value.ravel())
        whole = np.concatenate(([1.0], np.full(size, 1.0 / tail.mass), [-1.0]))
        members = np.concatenate(([level], excess, [laid.columns - 1])).astype(np.int32)
        used = size + 1 + priced
        top = np.array([0.0 if priced else tail.cap])
        solver.addRows(1, np.array([-inf]), top, used, np.zeros(1, np.int32), members[:used], whole[:used])
        limit_rows[k] = rows + size
        columns, rows = columns + 1 + size, rows + size + 1
    run(solver)
    solution = solver.getSolution()
    tails = np.zeros(len(form.tails))
    for k, row in limit_rows.items():
        dual = solution.col_dual[laid.columns - 1] if laid.priced and k == 0 else solution.row_dual[row]
        tails[k] = max(0.0, -dual / scale)
    weights = np.clip(np.array(solution.col_value[:n]), 0.0, form.upper)
    return prices(form, weights, np.array(solution.col_dual[:n]), np.array(solution.row_dual), scale, tails, 0)

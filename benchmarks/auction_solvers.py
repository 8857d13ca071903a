"""One solver on one auction in a process of its own: ``python auction_solvers.py SOLVER CASE.json N``; prints JSON.

``plimsoll`` and ``full LP`` need this project's environment, the others that of the peers. A solver is timed from
arrays in memory to weights, after one call that warms it; calls above five seconds are not repeated.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from auction_cases import Case, arrays, further, worth

Given = dict[str, Any]
CONFIDENCE = 0.95


def _problem(case: Case, given: Given):
    from plimsoll.capital.auction import AuctionProblem

    n, sector = case.assets, given["sector"]
    return AuctionProblem(
        mu=given["mu"], scenarios=given["scenarios"], risk_aversion=case.aversion, confidence=CONFIDENCE,
        cvar_max=case.cap, gross_max=float(given["gross"]), weight_max=np.full(n, float(given["cap"])),
        groups=[(np.flatnonzero(sector == s), float(given["sector_cap"])) for s in range(sector.max() + 1)],
        current=np.zeros(n), trade_cost=np.full(n, float(given["cost"])),
        tail_limits=[(returns, CONFIDENCE, cap) for returns, cap in given["further"]],
    )  # fmt: skip


def plimsoll(case: Case, given: Given) -> np.ndarray:
    """The auction as decisions use it: checks of the input, every price, and the independent checker included."""
    from plimsoll.capital.auction import solve

    answer = solve(_problem(case, given))
    if answer.status != "optimal":
        raise RuntimeError(answer.status)
    return answer.weights


def full_lp(case: Case, given: Given) -> np.ndarray:
    """Rockafellar and Uryasev's programme in HiGHS with the settings it is fastest with."""
    from plimsoll.capital.auction_lp import solve_plain
    from plimsoll.capital.auction_problem import validated

    return solve_plain(validated(_problem(case, given))).weights


def _sectors(given: Given) -> np.ndarray:
    sector = given["sector"]
    return (np.arange(sector.max() + 1)[:, None] == sector).astype(float)


def _cvxpy(solver: str, case: Case, given: Given) -> np.ndarray:
    import cvxpy as cp

    scenarios = given["scenarios"]
    rows, n = scenarios.shape
    w, level, excess = cp.Variable(n, nonneg=True), cp.Variable(), cp.Variable(rows, nonneg=True)
    risk = level + cp.sum(excess) / ((1.0 - CONFIDENCE) * rows)
    limits = [excess >= -scenarios @ w - level, cp.sum(w) <= given["gross"], w <= given["cap"], risk <= case.cap]
    limits.append(_sectors(given) @ w <= given["sector_cap"])
    cp.Problem(cp.Maximize((given["mu"] - given["cost"]) @ w - case.aversion * risk), limits).solve(solver=solver)
    return np.asarray(w.value)


def cvxpy_highs(case: Case, given: Given) -> np.ndarray:
    return _cvxpy("HIGHS", case, given)


def cvxpy_clarabel(case: Case, given: Given) -> np.ndarray:
    return _cvxpy("CLARABEL", case, given)


def skfolio(case: Case, given: Given) -> np.ndarray:
    import pandas as pd
    from skfolio import RiskMeasure
    from skfolio.moments import BaseMu
    from skfolio.optimization import MeanRisk, ObjectiveFunction
    from skfolio.prior import EmpiricalPrior

    class Expected(BaseMu):
        """The case's expected returns instead of the sample's mean."""

        def __init__(self):
            pass

        def fit(self, X, y=None, **kept):  # noqa: ARG002
            self.mu_ = given["mu"] - given["cost"]
            self.n_features_in_ = X.shape[1]
            return self

    names = [f"A{j}" for j in range(case.assets)]
    sector = given["sector"]
    model = MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY, risk_measure=RiskMeasure.CVAR, cvar_beta=CONFIDENCE,
        risk_aversion=case.aversion, min_weights=0, max_weights=float(given["cap"]), budget=None, min_budget=0,
        max_budget=float(given["gross"]), groups={name: [f"s{s}"] for name, s in zip(names, sector, strict=True)},
        linear_constraints=[f"s{s} <= {float(given['sector_cap'])}" for s in sorted(set(sector.tolist()))],
        max_cvar=case.cap, solver="CLARABEL", prior_estimator=EmpiricalPrior(mu_estimator=Expected()),
    )  # fmt: skip
    return np.asarray(model.fit(pd.DataFrame(given["scenarios"], columns=names)).weights_)


def cvqp(case: Case, given: Given) -> np.ndarray:
    """ADMM for CVaR limits; it cannot price CVaR, so only the cases of a limit alone are its own."""
    from cvqp import solve

    n, sectors = case.assets, _sectors(given)
    rows = np.vstack([np.eye(n), np.ones((1, n)), sectors])
    top = np.concatenate([np.full(n, given["cap"]), [given["gross"]], np.full(len(sectors), given["sector_cap"])])
    low = np.concatenate([np.zeros(n), np.full(1 + len(sectors), -np.inf)])
    gain = given["cost"] - given["mu"]
    return np.asarray(solve(None, gain, -given["scenarios"], rows, low, top, CONFIDENCE, case.cap).x)


SOLVERS: dict[str, Callable[[Case, Given], np.ndarray]] = {
    "plimsoll": plimsoll, "full LP": full_lp, "cvxpy + HiGHS": cvxpy_highs, "cvxpy + Clarabel": cvxpy_clarabel,
    "skfolio": skfolio, "cvqp": cvqp,
}  # fmt: skip
OURS = ("plimsoll", "full LP")


def main() -> None:
    warnings.filterwarnings("ignore")
    solver, case = SOLVERS[sys.argv[1]], Case(**json.loads(Path(sys.argv[2]).read_text()))
    repeats = int(sys.argv[3])
    given = arrays(case) | {"further": further(case)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = [], []
    while len(wall) <= repeats and (not wall or wall[-1] < 5.0):
        start, used = time.perf_counter(), time.process_time()
        weights = solver(case, given)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    objective, violation = worth(case, given, weights)
    kept = slice(1, None) if len(wall) > 1 else slice(None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"wall": median(wall[kept]), "cpu": median(cpu[kept]), "objective": objective, "violation": violation}
    print(json.dumps(found | {"grown_mb": (peak - before) / 1024, "runs": len(wall[kept])}))


if __name__ == "__main__":
    main()

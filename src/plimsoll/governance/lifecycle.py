"""Strategy lifecycle: promotion, demotion and removal on evidence (G5).

Pure functions of evidence and policy. An unknown figure never promotes; with too little evidence there is no judgement,
so that a new strategy is neither promoted nor removed for having no record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.lifecycle import DECOMMISSIONED, HARVESTING, INCUBATING, SCALING, STAGES
from plimsoll.core.policy import Admission, LifecyclePolicy
from plimsoll.measures.evidence import sharpe_estimate
from plimsoll.measures.performance import max_drawdown

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence on a strategy since its last change of stage; absent figures are None.

    ``sessions`` counted whether measured or not, ``measured`` those with a known excess; ``sharpe`` annual and over the
    bill; ``psr`` P(true Sharpe > 0), ``below`` P(true Sharpe < ``sharpe_min``); ``trades`` closed, ``signals`` of them
    profitable; ``drawdown`` of the cumulated contribution; ``error`` of its forecasts (G6).
    """

    sessions: int
    measured: int
    sharpe: float | None
    psr: float | None
    below: float | None
    trades: int
    signals: int
    profit_factor: float | None
    drawdown: float
    error: float | None


@dataclass(frozen=True, slots=True)
class StageChange:
    """A strategy's next stage, and the reason code of the change with its figures; no code where it stays."""

    stage: str
    reason: str = ""
    measured: float | None = None
    limit: float | None = None


def first_stage(admission: Admission, policy: LifecyclePolicy) -> str:
    """The stage a strategy is admitted to: a certified walk-forward that is long enough spares it incubation."""
    certified = policy.certified_sessions > 0 and admission.sessions >= policy.certified_sessions
    return policy.certified_stage if certified else INCUBATING


def capital(stage: str, idle: int, suspended: bool, policy: LifecyclePolicy) -> float:
    """A strategy's largest gross position, as a fraction of NAV: its stage's cap, reduced by each idle period."""
    if suspended:
        return 0.0
    match stage:
        case "INCUBATING":
            cap = policy.cap_incubating
        case "SCALING":
            cap = policy.cap_scaling
        case "HARVESTING":
            cap = policy.cap_harvesting
        case _:  # decommissioned, and anything this version does not know
            return 0.0
    return cap if idle < policy.idle_step else cap * policy.idle_factor ** (idle // policy.idle_step)


def weigh(
    contributions: Floats, excess: Floats, results: Floats, error: float | None, policy: LifecyclePolicy
) -> Evidence:
    """The evidence in (n,) session contributions and their excess over the risk-free rate, NaN where unknown, and in
    (k,) results of closed trades; all fractions of NAV.

    Daily figures, annualised by root 252. The drawdown is of the compounded contributions; an unknown session adds
    nothing to it, for its result counts in the next.
    """
    known = excess[np.isfinite(excess)]
    estimate = sharpe_estimate(known)
    gains, losses = float(results[results > 0.0].sum()), -float(results[results < 0.0].sum())
    growth = np.concatenate([[1.0], 1.0 + np.where(np.isfinite(contributions), contributions, 0.0)])
    return Evidence(
        sessions=int(contributions.size),
        measured=int(known.size),
        sharpe=None if estimate is None else estimate.annual,
        psr=None if estimate is None else estimate.above(0.0),
        below=None if estimate is None else 1.0 - estimate.above(policy.sharpe_min),
        trades=int(results.size),
        signals=int(np.count_nonzero(results > 0.0)),
        profit_factor=gains / losses if losses > 0.0 else None,
        drawdown=max_drawdown(np.asarray(np.cumprod(growth), dtype=np.float64)),
        error=error,
    )


def judge(stage: str, evidence: Evidence, admission: Admission, policy: LifecyclePolicy) -> StageChange:
    """The monthly judgement. Removal goes before demotion, demotion before promotion; one stage at a time.

    Demotion and removal need ``sessions_min`` and ``trades_min``. A Sharpe ratio that is still unknown then (no bill
    rate) demotes, as it cannot be shown to be high enough; removal, which only a person can undo, needs more than an
    unknown figure. A decommissioned strategy stays so.
    """
    if stage == DECOMMISSIONED:
        return StageChange(stage)
    e = evidence
    if e.sessions >= policy.sessions_min and e.trades >= policy.trades_min:
        if (removed := _removed(e, admission, policy)) is not None:
            return removed
        if not (e.sharpe is not None and e.sharpe >= policy.sharpe_min):
            lower = STAGES[max(STAGES.index(stage) - 1, 0)]
            if lower != stage:
                return StageChange(lower, "STRATEGY_DEMOTED", e.sharpe, policy.sharpe_min)
            return StageChange(stage)
    return _promoted(stage, e, policy) or StageChange(stage)


def _removed(e: Evidence, admission: Admission, policy: LifecyclePolicy) -> StageChange | None:
    if e.below is not None and not e.below <= policy.sharpe_probability:
        return StageChange(DECOMMISSIONED, "STRATEGY_UNSKILLED", e.below, policy.sharpe_probability)
    if e.profit_factor is not None and not e.profit_factor >= policy.profit_factor_min:
        return StageChange(DECOMMISSIONED, "STRATEGY_UNPROFITABLE", e.profit_factor, policy.profit_factor_min)
    allowed = max(policy.drawdown_floor, policy.drawdown_multiple * admission.drawdown)
    if not e.drawdown <= allowed:
        return StageChange(DECOMMISSIONED, "STRATEGY_DRAWDOWN", e.drawdown, allowed)
    return None


def _promoted(stage: str, e: Evidence, policy: LifecyclePolicy) -> StageChange | None:
    """The next stage where every requirement is known and met; forecasts of unknown error meet none."""
    asked = {
        INCUBATING: (SCALING, policy.scaling_sharpe, policy.scaling_signals, policy.scaling_psr),
        SCALING: (HARVESTING, policy.harvesting_sharpe, policy.harvesting_signals, policy.harvesting_psr),
    }
    if stage not in asked or e.sharpe is None or e.psr is None or e.error is None:
        return None
    following, least, signals, probability = asked[stage]
    earned = e.measured >= policy.sessions_min and e.sharpe >= least and e.signals >= signals and e.psr >= probability
    return StageChange(following, "STRATEGY_PROMOTED", e.sharpe, least) if earned else None


def suspended(failures: int, policy: LifecyclePolicy) -> bool:
    """Whether a strategy failed too often in its last ``error_cycles`` auctions; those not held yet count as clean.

    >>> suspended(5, LifecyclePolicy()), suspended(6, LifecyclePolicy())
    (False, True)
    """
    return not failures / policy.error_cycles <= policy.error_rate_max

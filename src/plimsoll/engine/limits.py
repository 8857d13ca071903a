"""The limit set of one decision, scaled by drawdown and regime (A3, A4, R3, R8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import HeldPair
from plimsoll.core.events import CapsGranted
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.policy import LIMIT_HORIZON, CvarPolicy
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import pairs as pair_limits

Floats = NDArray[np.float64]


def budget_scale(policy: CvarPolicy, drawdown_lifetime: float) -> float:
    """Drawdown factor on CVaR budgets (R3): min(1, (base - lifetime drawdown) / span), never below the floor.

    >>> budget_scale(CvarPolicy(), 0.08)
    1.0
    """
    room = (policy.drawdown_base - drawdown_lifetime) / policy.drawdown_span
    return max(policy.drawdown_floor, min(1.0, room))


def limits_at(
    view: View,
    run: RunContext,
    pairs: tuple[HeldPair, ...],
    *,
    drawdown_lifetime: float,
    stress: bool,
    caps: CapsGranted | None = None,
) -> LimitSet:
    """Every limit in force at this decision; one value for the auction and for the gates that check it.

    ``caps`` are those of the account's record, where they are in force.
    ``stress`` is the crisis regime: it scales budgets of proposals, never the hard limits (R8).
    """
    policy, cvar, limits = run.policy, run.policy.cvar, run.policy.limits
    h = LIMIT_HORIZON  # RunContext refuses any other horizon
    operating = budget_scale(cvar, drawdown_lifetime) * (policy.regime.budget_scale if stress else 1.0)
    budget = {1: cvar.budget_1 * operating, h: cvar.budget_10 * operating}
    worst = run.stressed_max * operating
    stressed = {1: cvar.stressed_share_1 * worst, h: worst}
    if "stressed" in policy.gates.off:  # no limit: all of NAV, for the auction too
        stressed = dict.fromkeys(stressed, 1.0)
    weight_max = view.now("limits.weight_max")
    found = LimitSet(
        gross_max=limits.gross_max,
        cash_min=limits.cash_min,
        weight_max=weight_max,
        cvar_budget=budget,
        cvar_hard={1: cvar.hard_1, h: cvar.hard_10},
        stressed_budget=stressed,
        standalone={k: run.standalone_max(v) for k, v in budget.items()},
        incremental_max=run.incremental_caps,
        participation_max=limits.participation_max,
        turnover_max=policy.shaping.turnover_max,
        trades_max=policy.shaping.trades_max,
        groups=run.sector_groups,
        pairs=pair_limits.limits(pairs, run.column, weight_max, policy),
        gross_freeze=limits.gross_max + limits.gross_freeze_over,
        gross_halt=limits.gross_max + limits.gross_halt_over,
        account=run.caps_under(caps),
    )
    return run.in_force(found)

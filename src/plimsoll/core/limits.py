"""The limit set of a cycle: read by the auction's constraints and, independently, by the gates."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import ShapingPolicy

Floats = NDArray[np.float64]


def rebalance_band(shaping: ShapingPolicy, target: float, nav: float = 1.0) -> float:
    """The change below which nothing is traded: the smaller of a part of ``nav`` and a part of the ``target`` (A7).

    Fractions of NAV, or both in dollars.
    """
    return min(shaping.band_nav * nav, shaping.band_target * abs(target))


class Group(msgspec.Struct, frozen=True):
    """Columns whose weights together stay within ``cap`` (fraction of NAV)."""

    name: str
    members: tuple[int, ...]
    cap: float


class Pair(msgspec.Struct, frozen=True):
    """Two columns moving together: combined weight at most ``cap`` (R6)."""

    first: int
    second: int
    cap: float
    correlation: float


class AccountCaps(msgspec.Struct, frozen=True, eq=False):
    """An account's own caps as limits on a session's orders, so that the governor can admit the proposal (H1).

    Dollar caps in USD: ``trade`` of one order, ``position`` (N,) of one column, ``turnover`` of a session's orders with
    ``reserve`` on top, the fraction a market order's price may move before it fills; ``gross`` is the largest gross
    exposure, a fraction of NAV. As in the governor, a sale makes no room before it has filled. The governor remains
    their independent check.
    """

    trade: float
    position: Floats
    turnover: float
    gross: float
    reserve: float


class LimitSet(msgspec.Struct, frozen=True, eq=False):
    """Every limit on a proposal at one decision; (N,) arrays over the panel's columns.

    ``weight_max`` is the strictest of policy, universe and volatility target (S4, A4). ``cvar_budget``,
    ``cvar_hard`` and ``stressed_budget`` map a horizon in sessions to a fraction of NAV; budgets carry the
    drawdown and regime scaling of R3 and R8, as does ``operating_budget`` (the reference of A4's shares).
    ``standalone`` (N,) is the cap on w x CVaR per horizon; ``incremental_max`` (N,) bounds one trade's rise of
    CVaR at the auction's horizon. ``account`` are the account's own caps, where a governor enforces them.
    """

    gross_max: float
    cash_min: float
    weight_max: Floats
    cvar_budget: dict[int, float]
    cvar_hard: dict[int, float]
    stressed_budget: dict[int, float]
    standalone: dict[int, Floats]
    incremental_max: Floats
    participation_max: float
    turnover_max: float
    trades_max: int
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    gross_freeze: float
    gross_halt: float
    account: AccountCaps | None = None

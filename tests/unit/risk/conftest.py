"""A book inside all its limits, to be pushed over each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements


def _measurements(**changes: object) -> Measurements:
    """Four columns: 0 and 1 grow by 0.05 each, 2 is sold down, 3 stands; every figure is half its limit or less."""
    held = np.array([0.05, 0.00, 0.10, 0.05])
    proposed = np.array([0.10, 0.05, 0.05, 0.05])
    fields: dict[str, object] = {
        "nav_cents": 10_000_000,
        "held": held,
        "proposed": proposed,
        "increases": proposed > held,
        "gross_held": 0.20,
        "gross_proposed": 0.25,
        "cash_proposed": 0.75,
        "cvar_held": {1: 0.005, 10: 0.015},
        "cvar_base": {1: 0.004, 10: 0.012},
        "cvar_proposed": {1: 0.007, 10: 0.020},
        "stressed_base": {1: 0.008, 10: 0.025},
        "stressed_proposed": {1: 0.012, 10: 0.040},
        "standalone": {1: np.array([0.003, 0.002, 0.0, 0.0]), 10: np.array([0.010, 0.006, 0.0, 0.0])},
        "incremental": np.array([0.005, 0.004, 0.0, 0.0]),
        "turnover": 0.075,
        "trades": 3,
        "exempt_trades": 1,
        "exempt_turnover": 0.025,
        "adv_share": np.array([0.002, 0.003, 0.5, 0.0]),
        "drawdown_episode": 0.0,
        "drawdown_lifetime": 0.0,
        "symbols": ("AAA", "BBB", "CCC", "DDD"),
    }
    return Measurements(**fields | changes)


def _limits(**changes: object) -> LimitSet:
    fields: dict[str, object] = {
        "gross_max": 1.0,
        "cash_min": 0.05,
        "weight_max": np.array([0.2, 0.2, 0.2, 0.2]),
        "cvar_budget": {1: 0.015, 10: 0.045},
        "cvar_hard": {1: 0.022, 10: 0.06},
        "stressed_budget": {1: 0.03, 10: 0.09},
        "standalone": {1: np.full(4, 0.009), 10: np.full(4, 0.027)},
        "incremental_max": np.full(4, 0.025),
        "participation_max": 0.01,
        "turnover_max": 0.30,
        "trades_max": 5,
        "groups": (Group("sector", (0, 1, 3), 0.40),),
        "pairs": (Pair(0, 2, 0.30, 0.95),),
        "gross_freeze": 1.02,
        "gross_halt": 1.10,
    }
    return LimitSet(**fields | changes)


@pytest.fixture(scope="session")
def measured() -> Callable[..., Measurements]:
    """``measured(**changes)``: a proposal that passes every gate, changed."""
    return _measurements


@pytest.fixture(scope="session")
def limited() -> Callable[..., LimitSet]:
    """``limited(**changes)``: the limits it passes, changed."""
    return _limits

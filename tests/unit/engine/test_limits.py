"""The limit set of one decision (R3, R8, S4, A4)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.policy import CvarPolicy, GatePolicy, LadderPolicy, Policy
from plimsoll.core.state import State
from plimsoll.engine.caps import stressed_max
from plimsoll.engine.limits import budget_scale, limits_at
from plimsoll.engine.run_context import RunContext


@pytest.mark.parametrize(
    ("drawdown", "scale"), [(0.0, 1.0), (0.08, 1.0), (0.13, 0.5), (0.16, 0.2), (0.18, 0.2), (0.5, 0.2)]
)
def test_budgets_shrink_with_the_lifetime_drawdown_to_a_floor(drawdown: float, scale: float) -> None:
    assert budget_scale(CvarPolicy(), drawdown) == pytest.approx(scale)


@pytest.fixture
def limits(view, run):
    return lambda drawdown=0.0, stress=False: limits_at(view, run, (), drawdown_lifetime=drawdown, stress=stress)


def test_stress_halves_budgets_and_never_the_hard_limits(limits) -> None:
    calm, stressed = limits(), limits(stress=True)
    assert stressed.cvar_budget == {h: v / 2 for h, v in calm.cvar_budget.items()}
    assert stressed.stressed_budget == {h: v / 2 for h, v in calm.stressed_budget.items()}
    assert stressed.cvar_hard == calm.cvar_hard == {1: 0.022, 10: 0.06}


RUNGS = LadderPolicy().rungs


@pytest.mark.parametrize(
    ("ladder", "ceiling"),
    [
        (LadderPolicy(), 0.12),
        (LadderPolicy(enabled=False), 0.12),
        (LadderPolicy(rungs=RUNGS[:2]), 0.08),
        (LadderPolicy(rungs=(*RUNGS[:2], *RUNGS[4:])), 0.08),
        (LadderPolicy(rungs=RUNGS[4:]), 0.12),
        (LadderPolicy(rungs=()), 0.12),
    ],
)
def test_stressed_cvar_is_at_most_the_deepest_rung_that_does_not_liquidate(
    ladder: LadderPolicy, ceiling: float
) -> None:
    assert stressed_max(CvarPolicy(), ladder) == ceiling


def test_stressed_limits_follow_the_ladder_and_shrink_with_the_drawdown(limits) -> None:
    assert limits().stressed_budget == {1: pytest.approx(0.06), 10: pytest.approx(0.12)}
    assert limits(0.13).stressed_budget == {1: pytest.approx(0.03), 10: pytest.approx(0.06)}


def test_the_gate_switched_off_opens_the_limit_for_the_auction_too(view, run) -> None:
    free = replace(run, policy=msgspec.structs.replace(run.policy, gates=GatePolicy(off=("stressed",))))
    assert limits_at(view, free, (), drawdown_lifetime=0.0, stress=False).stressed_budget == {1: 1.0, 10: 1.0}


def test_an_unknown_drawdown_allows_no_more_than_the_floor(limits) -> None:
    unknown = limits(float("nan")).cvar_budget
    assert all(not unknown[h] > budget for h, budget in limits().cvar_budget.items())


def test_stand_alone_risk_follows_the_scaled_budget(limits, run) -> None:
    for h, budget in limits(0.13).cvar_budget.items():
        caps = limits(0.13).standalone[h]
        assert caps[run.column["SPY"]] == pytest.approx(0.60 * budget)
        assert caps[run.column["BTC-USD"]] == pytest.approx(0.30 * budget)


def test_a_volatility_target_scales_the_cap_down_and_never_up(limits, view, run) -> None:
    caps = limits().weight_max
    for symbol, row in Policy().limits.assets.items():
        if symbol in run.column and row.volatility_target is not None:
            column = run.column[symbol]
            measured = np.std(view.indicator("return")[-60:, column], ddof=1) * np.sqrt(252)
            assert caps[column] == pytest.approx(row.max_weight * min(1.0, row.volatility_target / measured))
    assert caps[run.column["TLT"]] == 0.30
    assert caps[run.column["^VIX"]] == 0.0


def test_limits_stated_for_ten_sessions_are_put_to_no_other_horizon() -> None:
    twenty = msgspec.structs.replace(Policy(), auction=msgspec.structs.replace(Policy().auction, horizon=20))
    with pytest.raises(InputError, match=r"horizon is 20; the limits are stated for 10 sessions"):
        RunContext(twenty, (), ())


def test_deciding_reads_no_file(decided: Callable[..., Any], account: Callable[..., State]) -> None:
    decided(account())  # imports are behind us
    opened: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event == "open":
            opened.append(str(arguments[0]))

    listening = True
    sys.addaudithook(note)
    assert decided(account(SPY=10)).code == ""
    listening = False
    assert opened == []

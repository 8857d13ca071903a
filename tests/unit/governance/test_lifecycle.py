"""What evidence earns a strategy and what takes it away, at each boundary (G5)."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.lifecycle import STAGES
from plimsoll.core.policy import Admission, LifecyclePolicy
from plimsoll.governance.lifecycle import Evidence, capital, first_stage, judge, suspended, weigh

RULES = LifecyclePolicy()
NEW = Admission()
GOOD = Evidence(
    sessions=400, measured=400, sharpe=1.5, psr=0.99, below=0.02, trades=30, signals=20, profit_factor=2.0,
    drawdown=0.05, error=0.0,
)  # fmt: skip
INCUBATING, SCALING, HARVESTING, DECOMMISSIONED = STAGES


def moved(stage: str, admission: Admission = NEW, **values: Any) -> tuple[str, str]:
    found = judge(stage, changed(GOOD, **values), admission, RULES)
    return found.stage, found.reason


def test_good_evidence_rises_one_stage_at_a_time() -> None:
    assert moved(INCUBATING) == (SCALING, "STRATEGY_PROMOTED")
    assert moved(SCALING) == (HARVESTING, "STRATEGY_PROMOTED")
    assert moved(HARVESTING) == (HARVESTING, "")


@pytest.mark.parametrize(
    ("stage", "least"),
    [
        (INCUBATING, {"sharpe": 0.8, "psr": 0.90, "signals": 5, "measured": 252}),
        (SCALING, {"sharpe": 1.2, "psr": 0.95, "signals": 10, "measured": 252}),
    ],
)
def test_promotion_asks_for_each_of_its_conditions(stage: str, least: dict[str, float]) -> None:
    assert moved(stage, **least)[1] == "STRATEGY_PROMOTED", "the boundary itself is enough"
    for name, value in least.items():
        short = value - 1 if isinstance(value, int) else float(np.nextafter(value, 0.0))
        assert moved(stage, **(least | {name: short}))[0] == stage, name
    for name in ("sharpe", "psr"):
        assert moved(stage, **(least | {name: float("nan")}))[1] != "STRATEGY_PROMOTED", name


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("absent", ["sharpe", "psr", "error"])
def test_what_is_unknown_never_promotes(stage: str, absent: str) -> None:
    after = moved(stage, **{absent: None})[0]
    assert after == stage or STAGES.index(after) == STAGES.index(stage) - 1


def test_a_new_strategy_is_not_removed_for_having_no_record() -> None:
    nothing = weigh(np.zeros(0), np.zeros(0), np.zeros(0), None, RULES)
    assert nothing.sharpe is None
    assert nothing.profit_factor is None
    for stage in (INCUBATING, SCALING, HARVESTING):
        assert judge(stage, nothing, NEW, RULES).stage == stage


@pytest.mark.parametrize("stage", [INCUBATING, SCALING, HARVESTING])
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"below": float(np.nextafter(0.95, 1.0))}, "STRATEGY_UNSKILLED"),
        ({"below": float("nan")}, "STRATEGY_UNSKILLED"),
        ({"profit_factor": float(np.nextafter(0.8, 0.0))}, "STRATEGY_UNPROFITABLE"),
        ({"drawdown": float(np.nextafter(0.15, 1.0))}, "STRATEGY_DRAWDOWN"),
        ({"drawdown": float("nan")}, "STRATEGY_DRAWDOWN"),
    ],
)
def test_removal_at_each_boundary_on_enough_evidence_only(stage: str, values: dict[str, Any], reason: str) -> None:
    assert moved(stage, **values) == (DECOMMISSIONED, reason)
    assert moved(stage, sessions=252, trades=20, **values) == (DECOMMISSIONED, reason)
    assert moved(stage, sessions=251, **values)[0] != DECOMMISSIONED
    assert moved(stage, trades=19, **values)[0] != DECOMMISSIONED
    assert moved(stage, below=0.95, profit_factor=0.8, drawdown=0.15)[0] != DECOMMISSIONED


def test_a_stated_drawdown_widens_what_is_allowed_and_never_narrows_it() -> None:
    assert moved(SCALING, Admission(drawdown=0.12), drawdown=0.18)[0] != DECOMMISSIONED
    assert moved(SCALING, Admission(drawdown=0.12), drawdown=0.1801) == (DECOMMISSIONED, "STRATEGY_DRAWDOWN")
    assert moved(SCALING, Admission(drawdown=0.01), drawdown=0.15)[0] != DECOMMISSIONED


def test_a_low_point_estimate_demotes_one_stage_and_not_below_the_first() -> None:
    low = {"sharpe": float(np.nextafter(0.3, 0.0)), "psr": 0.6, "below": 0.5}
    assert moved(HARVESTING, **low) == (SCALING, "STRATEGY_DEMOTED")
    assert moved(SCALING, **low) == (INCUBATING, "STRATEGY_DEMOTED")
    assert moved(INCUBATING, **low) == (INCUBATING, "")
    assert moved(HARVESTING, **(low | {"sharpe": 0.3})) == (HARVESTING, "")
    assert moved(HARVESTING, trades=19, **low) == (HARVESTING, "")


def test_a_sharpe_ratio_unknown_on_enough_sessions_demotes_and_does_not_remove() -> None:
    assert moved(HARVESTING, sharpe=None, psr=None, below=None) == (SCALING, "STRATEGY_DEMOTED")
    assert moved(INCUBATING, sharpe=None, psr=None, below=None) == (INCUBATING, "")


def test_decommissioned_is_final_for_any_evidence() -> None:
    assert moved(DECOMMISSIONED) == (DECOMMISSIONED, "")


def test_a_certified_walk_forward_spares_incubation_in_core_only() -> None:
    institutional = replace(RULES, certified_stage="INCUBATING")
    assert first_stage(Admission(sessions=1260), RULES) == SCALING
    assert first_stage(Admission(sessions=1259), RULES) == INCUBATING
    assert first_stage(NEW, RULES) == INCUBATING
    assert first_stage(Admission(sessions=9999), institutional) == INCUBATING
    assert first_stage(NEW, replace(RULES, certified_sessions=0)) == INCUBATING, "no certificate certifies nothing"


def test_capital_is_the_stages_cap_less_each_idle_stretch() -> None:
    assert [capital(s, 0, False, RULES) for s in STAGES] == [0.25, 0.60, 1.00, 0.0]
    assert capital(SCALING, 20, False, RULES) == 0.60
    assert capital(SCALING, 21, False, RULES) == pytest.approx(0.60 * 0.95)
    assert capital(SCALING, 62, False, RULES) == pytest.approx(0.60 * 0.95**2)
    assert capital(HARVESTING, 0, True, RULES) == 0.0
    assert capital("A_STAGE_OF_A_LATER_VERSION", 0, False, RULES) == 0.0


def test_the_sixth_failure_in_a_hundred_suspends() -> None:
    assert [suspended(n, RULES) for n in (0, 5, 6)] == [False, False, True]


def test_weighing_against_pandas_like_arithmetic() -> None:
    draw = np.random.default_rng(1)
    contributions = draw.standard_normal(500) * 0.004 + 0.0004
    excess = contributions - 0.00005
    excess[7] = np.nan
    results = np.array([0.02, -0.01, 0.005, 0.0, -0.004])
    e = weigh(contributions, excess, results, 0.01, RULES)
    known = excess[np.isfinite(excess)]
    assert (e.sessions, e.measured, e.trades, e.signals, e.error) == (500, 499, 5, 2, 0.01)
    assert e.sharpe == pytest.approx(known.mean() / known.std(ddof=1) * np.sqrt(252), rel=1e-12)
    assert e.profit_factor == pytest.approx(0.025 / 0.014, rel=1e-12)
    curve = np.concatenate([[1.0], np.cumprod(1.0 + contributions)])
    assert e.drawdown == pytest.approx(max(1 - curve[i] / curve[: i + 1].max() for i in range(501)), rel=1e-12)
    assert e.below is not None
    assert e.psr is not None
    assert 0.0 < e.below < 1.0 - e.psr + e.below <= 1.0


def test_an_unknown_session_neither_makes_nor_hides_a_drawdown() -> None:
    e = weigh(np.array([0.1, np.nan, -0.2]), np.full(3, np.nan), np.zeros(0), None, RULES)
    assert e.drawdown == pytest.approx(0.2)
    assert (e.sessions, e.measured, e.sharpe) == (3, 0, None)

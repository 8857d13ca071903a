"""Gates at the last bit, and with any input removed (R1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import ALLOWED, Action, Verdict
from plimsoll.risk.gates import judge_held, judge_proposal

POLICY = Policy()
N = 4
NAN = float("nan")
FIGURE = st.floats(0.0, 0.2)
WEIGHT = st.floats(0.0, 0.4)


def array(element: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return st.lists(element, min_size=N, max_size=N).map(np.array)


def by_horizon(value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    return st.fixed_dictionaries({1: value, 10: value})


@st.composite
def proposals(draw: st.DrawFn) -> Measurements:
    held, proposed = draw(array(WEIGHT)), draw(array(WEIGHT))
    return Measurements(
        nav_cents=10_000_000,
        held=held,
        proposed=proposed,
        increases=proposed > held,
        gross_held=float(held.sum()),
        gross_proposed=float(proposed.sum()),
        cash_proposed=1.0 - float(proposed.sum()),
        cvar_held=draw(by_horizon(FIGURE)),
        cvar_base=draw(by_horizon(FIGURE)),
        cvar_proposed=draw(by_horizon(FIGURE)),
        stressed_base=draw(by_horizon(FIGURE)),
        stressed_proposed=draw(by_horizon(FIGURE)),
        standalone=draw(by_horizon(array(FIGURE))),
        incremental=draw(array(FIGURE)),
        turnover=0.5 * float(np.abs(proposed - held).sum()),
        trades=draw(st.integers(0, 8)),
        exempt_trades=0,
        exempt_turnover=0.0,
        adv_share=draw(array(st.floats(0.0, 0.03))),
        drawdown_episode=0.0,
        drawdown_lifetime=0.0,
    )


@st.composite
def limit_sets(draw: st.DrawFn) -> LimitSet:
    return LimitSet(
        gross_max=draw(st.floats(0.5, 1.5)),
        cash_min=draw(FIGURE),
        weight_max=draw(array(WEIGHT)),
        cvar_budget=draw(by_horizon(FIGURE)),
        cvar_hard=draw(by_horizon(FIGURE)),
        stressed_budget=draw(by_horizon(FIGURE)),
        standalone=draw(by_horizon(array(FIGURE))),
        incremental_max=draw(array(FIGURE)),
        participation_max=draw(st.floats(0.0, 0.03)),
        turnover_max=draw(FIGURE),
        trades_max=draw(st.integers(0, 8)),
        groups=(Group("s", (0, 1, 2), draw(st.floats(0.0, 1.0))),),
        pairs=(Pair(0, 3, draw(st.floats(0.0, 0.6)), 0.9),),
        gross_freeze=1.02,
        gross_halt=1.10,
    )


def kept(verdict: Verdict) -> float:
    """Share of an increase a verdict lets through."""
    return {Action.ALLOW: 1.0, Action.SCALE: verdict.scale}.get(verdict.action, 0.0)


def allowance(m: Measurements, limits: LimitSet) -> np.ndarray:
    """(N,) share of each increase that the gates let through together."""
    book, columns = judge_proposal(m, limits, POLICY)
    total = kept(book) * kept(judge_held(m, limits, POLICY))
    return np.array([total * kept(columns.get(i, ALLOWED)) for i in range(N)])


def removed(value: Any, draw: st.DrawFn) -> Any:
    """The value with something of it unknown."""
    if isinstance(value, dict):
        horizon = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {h: v for h, v in value.items() if h != horizon}
        return value | {horizon: removed(value[horizon], draw)}
    if isinstance(value, np.ndarray):
        holed = value.copy()
        holed[draw(st.integers(0, len(value) - 1))] = NAN
        return holed
    return NAN


UNKNOWABLE = {
    "nav_cents", "increases", "trades", "exempt_trades", "exempt_turnover", "drawdown_episode",
    "drawdown_lifetime", "symbols", "held", "proposed",
}  # fmt: skip
FIGURES = [f.name for f in fields(Measurements) if f.name not in UNKNOWABLE]
BOUNDS = [f.name for f in fields(LimitSet) if f.name not in ("groups", "pairs", "trades_max")]


@settings(max_examples=300, deadline=None)
@given(proposals(), limit_sets(), st.data())
def test_removing_any_figure_or_limit_never_lets_more_through(
    m: Measurements, limits: LimitSet, data: st.DataObject
) -> None:
    before = allowance(m, limits)
    name = data.draw(st.sampled_from(FIGURES + ["limit:" + b for b in BOUNDS]))
    if name.startswith("limit:"):
        bound = name.removeprefix("limit:")
        limits = replace(limits, **{bound: removed(getattr(limits, bound), data.draw)})
    else:
        m = replace(m, **{name: removed(getattr(m, name), data.draw)})
    after = allowance(m, limits)
    assert (after[m.increases] <= before[m.increases]).all(), name


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets(), st.data())
def test_an_unknown_cap_of_a_group_or_pair_never_lets_more_through(
    m: Measurements, limits: LimitSet, data: st.DataObject
) -> None:
    before = allowance(m, limits)
    if data.draw(st.booleans()):
        limits = replace(limits, groups=(Group("s", (0, 1, 2), NAN),))
    else:
        limits = replace(limits, pairs=(Pair(0, 3, NAN, 0.9),))
    assert (allowance(m, limits)[m.increases] <= before[m.increases]).all()


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets(), st.integers(0, N - 1))
def test_an_unknown_weight_never_lets_more_through(m: Measurements, limits: LimitSet, column: int) -> None:
    """A weight that cannot be known makes gross and cash unknown as well: that is how it is measured."""
    before = allowance(m, limits)
    proposed = m.proposed.copy()
    proposed[column] = NAN
    blind = replace(m, proposed=proposed, gross_proposed=NAN, cash_proposed=NAN, turnover=NAN)
    assert (allowance(blind, limits)[m.increases] <= before[m.increases]).all()


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets())
def test_a_proposal_that_only_reduces_passes(m: Measurements, limits: LimitSet) -> None:
    reduced = replace(m, proposed=np.minimum(m.held, m.proposed), increases=np.zeros(N, dtype=bool))
    assert judge_proposal(reduced, limits, POLICY) == (ALLOWED, {})


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets())
def test_a_scale_is_below_one_where_something_failed(m: Measurements, limits: LimitSet) -> None:
    book, columns = judge_proposal(m, limits, POLICY)
    for verdict in (book, *columns.values()):
        assert (verdict.scale < 1.0) is (verdict.action is not Action.ALLOW)
        assert verdict.scale >= 0.0


LAST_BIT: dict[str, tuple[Callable[[Measurements, float], Measurements], Callable[[LimitSet], float]]] = {
    "cvar_1": (lambda m, x: replace(m, cvar_proposed=m.cvar_proposed | {1: x}), lambda k: k.cvar_budget[1]),
    "cvar_10": (lambda m, x: replace(m, cvar_proposed=m.cvar_proposed | {10: x}), lambda k: k.cvar_budget[10]),
    "stressed_1": (lambda m, x: replace(m, stressed_proposed={1: x, 10: 0.0}), lambda k: k.stressed_budget[1]),
    "stressed_10": (lambda m, x: replace(m, stressed_proposed={1: 0.0, 10: x}), lambda k: k.stressed_budget[10]),
    "gross": (lambda m, x: replace(m, gross_proposed=x), lambda k: k.gross_max),
    "turnover": (lambda m, x: replace(m, turnover=x), lambda k: k.turnover_max),
    "position": (lambda m, x: replace(m, proposed=np.r_[x, m.proposed[1:]]), lambda k: float(k.weight_max[0])),
    "standalone_1": (
        lambda m, x: replace(m, standalone={1: np.r_[x, np.zeros(3)], 10: np.zeros(4)}),
        lambda k: float(k.standalone[1][0]),
    ),
    "standalone_10": (
        lambda m, x: replace(m, standalone={1: np.zeros(4), 10: np.r_[x, np.zeros(3)]}),
        lambda k: float(k.standalone[10][0]),
    ),
    "incremental": (lambda m, x: replace(m, incremental=np.r_[x, np.zeros(3)]), lambda k: float(k.incremental_max[0])),
    "participation": (lambda m, x: replace(m, adv_share=np.r_[x, np.zeros(3)]), lambda k: k.participation_max),
    "pair": (lambda m, x: replace(m, proposed=np.r_[x, 0.0, 0.0, 0.0]), lambda k: k.pairs[0].cap),
    "group": (lambda m, x: replace(m, proposed=np.r_[x, 0.0, 0.0, 0.0]), lambda k: k.groups[0].cap),
}


@pytest.mark.parametrize("gate", LAST_BIT)
def test_a_gate_turns_exactly_at_its_limit(gate: str) -> None:
    quiet = Measurements(
        nav_cents=1, held=np.zeros(N), proposed=np.r_[0.01, np.zeros(3)], increases=np.r_[True, np.zeros(3, bool)],
        gross_held=0.0, gross_proposed=0.01, cash_proposed=0.9, cvar_held={1: 0.0, 10: 0.0},
        cvar_base={1: 0.0, 10: 0.0}, cvar_proposed={1: 0.0, 10: 0.0}, stressed_base={1: 0.0, 10: 0.0},
        stressed_proposed={1: 0.0, 10: 0.0}, standalone={1: np.zeros(N), 10: np.zeros(N)}, incremental=np.zeros(N),
        turnover=0.0, trades=1, exempt_trades=0, exempt_turnover=0.0, adv_share=np.zeros(N), drawdown_episode=0.0,
        drawdown_lifetime=0.0,
    )  # fmt: skip
    small = gate in ("pair", "group")
    limits = LimitSet(
        gross_max=1.0, cash_min=0.05, weight_max=np.full(N, 0.9 if small else 0.3), cvar_budget={1: 0.015, 10: 0.045},
        cvar_hard={1: 0.022, 10: 0.06}, stressed_budget={1: 0.03, 10: 0.09},
        standalone={1: np.full(N, 0.009), 10: np.full(N, 0.027)}, incremental_max=np.full(N, 0.025),
        participation_max=0.01, turnover_max=0.3, trades_max=5,
        groups=(Group("s", (0, 1, 2), 0.35 if gate == "group" else 0.8),),
        pairs=(Pair(0, 3, 0.35 if gate == "pair" else 0.8, 0.9),), gross_freeze=1.02, gross_halt=1.1,
    )  # fmt: skip
    place, limit_of = LAST_BIT[gate]
    limit = limit_of(limits)
    for measured, passes in ((np.nextafter(limit, 0.0), True), (limit, True), (np.nextafter(limit, 9.0), False)):
        book, columns = judge_proposal(place(quiet, float(measured)), limits, POLICY)
        failed = {f.gate for v in (book, *columns.values()) for f in v.findings}
        assert failed == (set() if passes else {gate})


def test_the_hard_limit_and_the_cash_floor_turn_exactly_too() -> None:
    up, down = float(np.nextafter(0.06, 1.0)), float(np.nextafter(0.06, 0.0))
    limits = LimitSet(
        gross_max=1.0, cash_min=0.05, weight_max=np.full(N, 0.3), cvar_budget={1: 0.1, 10: 0.1},
        cvar_hard={1: 0.1, 10: 0.06}, stressed_budget={1: 0.1, 10: 0.1}, standalone={1: np.ones(N), 10: np.ones(N)},
        incremental_max=np.ones(N), participation_max=1.0, turnover_max=1.0, trades_max=5, groups=(), pairs=(),
        gross_freeze=1.02, gross_halt=1.1,
    )  # fmt: skip

    def book(cvar: float, cash: float) -> Verdict:
        m = Measurements(
            nav_cents=1, held=np.zeros(N), proposed=np.r_[0.1, np.zeros(3)],
            increases=np.r_[True, np.zeros(3, bool)], gross_held=0.5, gross_proposed=0.1, cash_proposed=cash,
            cvar_held={1: 0.0, 10: cvar}, cvar_base={1: 0.0, 10: 0.0}, cvar_proposed={1: 0.0, 10: cvar},
            stressed_base={1: 0.0, 10: 0.0}, stressed_proposed={1: 0.0, 10: 0.0},
            standalone={1: np.zeros(N), 10: np.zeros(N)}, incremental=np.zeros(N), turnover=0.0, trades=1,
            exempt_trades=0, exempt_turnover=0.0, adv_share=np.zeros(N), drawdown_episode=0.0, drawdown_lifetime=0.0,
        )  # fmt: skip
        held = judge_held(m, limits, POLICY)
        assert (held.action is Action.LIQUIDATE) is (cvar > 0.06)
        return judge_proposal(m, limits, POLICY)[0]

    assert book(down, 0.05) == ALLOWED
    assert book(0.06, np.nextafter(0.05, 1.0)) == ALLOWED
    assert book(up, 0.5).action is Action.REJECT
    assert book(0.0, np.nextafter(0.05, 0.0)).action is Action.SCALE

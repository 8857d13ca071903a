"""Every gate one unit below its limit, at it, one unit above, and with a figure that is none (R1).

The unit is the last bit of the figure, or one trade. ``test_gates.py`` in ``properties`` removes inputs at large.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import ALLOWED, Action, Verdict, within
from plimsoll.risk.gates import GATES, book_scale, judge_held, judge_proposal

POLICY = Policy()
NAN, INF = float("nan"), float("inf")
Make = Callable[..., Measurements]
Bound = Callable[..., LimitSet]
Place = Callable[[Measurements, float], Measurements]


def first(values: np.ndarray, figure: float) -> np.ndarray:
    return np.r_[figure, values[1:]]


def at(name: str, horizon: int) -> Place:
    return lambda m, x: replace(m, **{name: getattr(m, name) | {horizon: x}})


def alone(horizon: int) -> Place:
    return lambda m, x: replace(m, standalone=m.standalone | {horizon: first(m.standalone[horizon], x)})


def limit_at(name: str, horizon: int) -> Callable[[LimitSet], float]:
    return lambda k: float(np.ravel(getattr(k, name)[horizon])[0])


# gate: where its figure is, what bounds it, what it does when it fails, and whether it is a column's
GATED: dict[str, tuple[Place, Callable[[LimitSet], float], Action]] = {
    "cvar_1": (at("cvar_proposed", 1), limit_at("cvar_budget", 1), Action.SCALE),
    "cvar_10": (at("cvar_proposed", 10), limit_at("cvar_budget", 10), Action.SCALE),
    "stressed_1": (at("stressed_proposed", 1), limit_at("stressed_budget", 1), Action.SCALE),
    "stressed_10": (at("stressed_proposed", 10), limit_at("stressed_budget", 10), Action.SCALE),
    "gross": (lambda m, x: replace(m, gross_proposed=x), lambda k: k.gross_max, Action.SCALE),
    "cash": (lambda m, x: replace(m, cash_proposed=-x), lambda k: -k.cash_min, Action.SCALE),
    "turnover": (lambda m, x: replace(m, turnover=x), lambda k: k.turnover_max, Action.SCALE),
    "trades": (lambda m, x: replace(m, trades=x), lambda k: k.trades_max, Action.REJECT),
    "position": (
        lambda m, x: replace(m, proposed=first(m.proposed, x)), lambda k: float(k.weight_max[0]), Action.SCALE,
    ),
    "standalone_1": (alone(1), limit_at("standalone", 1), Action.SCALE),
    "standalone_10": (alone(10), limit_at("standalone", 10), Action.SCALE),
    "incremental": (
        lambda m, x: replace(m, incremental=first(m.incremental, x)), lambda k: float(k.incremental_max[0]),
        Action.SCALE,
    ),
    "participation": (
        lambda m, x: replace(m, adv_share=first(m.adv_share, x)), lambda k: k.participation_max, Action.SCALE,
    ),
    "group": (lambda m, x: replace(m, proposed=first(m.proposed, x)), lambda k: k.groups[0].cap, Action.SCALE),
    "pair": (lambda m, x: replace(m, proposed=first(m.proposed, x)), lambda k: k.pairs[0].cap, Action.SCALE),
}  # fmt: skip


@pytest.fixture(name="case")
def _case(measured: Make, limited: Bound) -> Callable[[str], tuple[Measurements, LimitSet]]:
    def case(gate: str) -> tuple[Measurements, LimitSet]:
        """Inside every limit; a shared cap is of the first column alone, so that its weight is the figure."""
        wide = np.full(4, 0.9)
        if gate == "group":
            return measured(), limited(weight_max=wide, groups=(Group("s", (0,), 0.31),), pairs=())
        if gate == "pair":
            nothing = np.array([0.05, 0.0, 0.0, 0.05])
            m = measured(held=nothing, proposed=nothing + np.array([0.05, 0.0, 0.0, 0.0]))
            m = replace(m, increases=m.proposed > m.held)
            return m, limited(weight_max=wide, groups=(), pairs=(Pair(0, 2, 0.31, 0.95),))
        return measured(), limited(groups=(), pairs=())

    return case


def failed(m: Measurements, limits: LimitSet) -> dict[str, Verdict]:
    book, columns = judge_proposal(m, limits, POLICY)
    return {f.gate: v for v in (book, *columns.values()) for f in v.findings}


def test_every_gate_has_its_boundary_here() -> None:
    assert {g.split("_")[0] for g in GATED} == set(GATES)


@pytest.mark.parametrize("gate", GATED)
def test_a_gate_turns_exactly_at_its_limit(gate: str, case: Callable[[str], tuple[Measurements, LimitSet]]) -> None:
    place, limit_of, action = GATED[gate]
    m, limits = case(gate)
    limit = limit_of(limits)
    below, above = (limit - 1, limit + 1) if gate == "trades" else np.nextafter(limit, [-9.0, 9.0]).tolist()
    assert failed(place(m, below), limits) == {}
    assert failed(place(m, limit), limits) == {}
    verdict = failed(place(m, above), limits)
    assert set(verdict) == {gate}
    assert verdict[gate].action is action and 0.0 <= verdict[gate].scale < 1.0


@pytest.mark.parametrize("figure", [NAN, INF, -INF])
@pytest.mark.parametrize("gate", GATED)
def test_a_figure_that_is_none_fails_and_keeps_nothing(
    gate: str, figure: float, case: Callable[[str], tuple[Measurements, LimitSet]]
) -> None:
    m, limits = case(gate)
    verdict = failed(GATED[gate][0](m, figure), limits)
    assert gate in verdict
    assert verdict[gate].action >= Action.SCALE and verdict[gate].scale == 0.0
    own = [f for f in verdict[gate].findings if f.gate == gate]
    assert own and all(f.measured is None for f in own if gate not in ("group", "pair"))


@pytest.mark.parametrize("gate", [g for g in GATED if g != "trades"])
def test_a_negative_zero_is_zero(gate: str, case: Callable[[str], tuple[Measurements, LimitSet]]) -> None:
    place, _, _ = GATED[gate]
    m, limits = case(gate)
    if gate == "cash":
        limits = replace(limits, cash_min=-0.0)
    assert failed(place(m, -0.0), limits) == failed(place(m, 0.0), limits) == {}


@pytest.mark.parametrize(
    ("name", "gate"),
    [("cvar_proposed", "cvar_10"), ("stressed_proposed", "stressed_10"), ("standalone", "standalone_10")],
)
def test_a_horizon_that_is_absent_fails(measured: Make, limited: Bound, name: str, gate: str) -> None:
    m = measured()
    short = {1: getattr(m, name)[1]}
    for less in (short, {}):
        assert gate in failed(replace(m, **{name: less}), limited())
    bound = {"cvar_proposed": "cvar_budget", "stressed_proposed": "stressed_budget"}.get(name, name)
    assert gate in failed(m, replace(limited(), **{bound: {1: getattr(limited(), bound)[1]}}))


def test_without_a_hard_limit_what_no_scale_brings_in_is_rejected(measured: Make, limited: Bound) -> None:
    missing = limited(cvar_hard={1: 0.022})
    inside = failed(measured(), missing)["cvar_10"]
    assert (inside.action, [f.reason for f in inside.findings]) == (Action.REJECT, ["CVAR_UNKNOWN"])
    scaled = failed(measured(cvar_proposed={1: 0.007, 10: 0.05}), missing)["cvar_10"]
    assert scaled.action is Action.SCALE and 0.0 < scaled.scale < 1.0


def test_the_hard_limit_is_turned_at_exactly_once_no_scale_helps(measured: Make, limited: Bound) -> None:
    """The base alone is above the budget, so nothing is left: only the hard limit decides between SCALE and REJECT."""
    for cvar, action in (
        (np.nextafter(0.06, 0), Action.SCALE),
        (0.06, Action.SCALE),
        (np.nextafter(0.06, 1), Action.REJECT),
    ):
        m = measured(cvar_base={1: 0.004, 10: 0.046}, cvar_proposed={1: 0.007, 10: cvar})
        verdict = failed(m, limited())["cvar_10"]
        assert (verdict.action, verdict.scale) == (action, 0.0)


HELD = {
    "gross_freeze": (1.02, "gross_held", None, "GROSS_FREEZE", Action.FREEZE),
    "gross_halt": (1.10, "gross_held", None, "GROSS_HALT", Action.FREEZE),
    "budget": (0.045, "cvar_held", 10, "CVAR_ABOVE_BUDGET", Action.SCALE),
    "hard": (0.06, "cvar_held", 10, "CVAR_ABOVE_HARD", Action.LIQUIDATE),
    "budget 1": (0.015, "cvar_held", 1, "CVAR_ABOVE_BUDGET", Action.SCALE),
    "hard 1": (0.022, "cvar_held", 1, "CVAR_ABOVE_HARD", Action.LIQUIDATE),
}


@pytest.mark.parametrize("which", HELD)
def test_the_held_book_turns_exactly_at_each_limit(measured: Make, limited: Bound, which: str) -> None:
    limit, name, horizon, reason, action = HELD[which]

    def judged(x: float) -> Verdict:
        value = x if horizon is None else measured().cvar_held | {horizon: x}
        return judge_held(measured(**{name: value}), limited(), POLICY)

    below, above = np.nextafter(limit, [0.0, 9.0]).tolist()
    assert reason not in {f.reason for v in (judged(below), judged(limit)) for f in v.findings}
    over = judged(above)
    assert ([f.reason for f in over.findings], over.action, over.scale) == ([reason], action, 0.0)


@pytest.mark.parametrize("figure", [NAN, INF, -INF, None])
@pytest.mark.parametrize("horizon", [1, 10])
def test_a_held_tail_that_is_no_figure_freezes_and_sells_nothing(
    measured: Make, limited: Bound, horizon: int, figure: float | None
) -> None:
    """Nothing is sold for want of data (E3), though the other horizon may have its own reason to."""
    held = {h: v for h, v in (measured().cvar_held | {horizon: figure}).items() if v is not None}
    m = measured(cvar_held=held)
    verdict = judge_held(m, limited(), POLICY)
    assert (verdict.action, [f.reason for f in verdict.findings]) == (Action.FREEZE, ["CVAR_UNKNOWN"])
    assert book_scale(m, limited()) == 1.0
    other = 11 - horizon
    loud = measured(cvar_held=held | {other: {1: 0.03, 10: 0.09}[other]})
    assert judge_held(loud, limited(), POLICY).action is Action.LIQUIDATE
    assert book_scale(loud, limited()) == pytest.approx(0.5)


@pytest.mark.parametrize("gross", [NAN, INF, -INF])
def test_held_gross_that_is_no_figure_halts(measured: Make, limited: Bound, gross: float) -> None:
    verdict = judge_held(measured(gross_held=gross), limited(), POLICY)
    assert "GROSS_HALT" in {f.reason for f in verdict.findings}


def test_an_empty_book_of_either_zero_needs_no_tail(measured: Make, limited: Bound) -> None:
    for nothing in (0.0, -0.0):
        assert judge_held(measured(cvar_held={}, gross_held=nothing), limited(), POLICY) is ALLOWED


def test_without_its_hard_limit_a_held_book_freezes(measured: Make, limited: Bound) -> None:
    verdict = judge_held(measured(), limited(cvar_hard={1: 0.022}), POLICY)
    assert (verdict.action, [f.reason for f in verdict.findings]) == (Action.FREEZE, ["CVAR_UNKNOWN"])
    assert judge_held(measured(), limited(cvar_budget={10: 0.045}), POLICY) == judge_held(
        measured(cvar_held={10: 0.015}), limited(), POLICY
    )


def test_a_book_is_scaled_only_above_a_hard_limit_and_then_to_the_budget(measured: Make, limited: Bound) -> None:
    above = float(np.nextafter(0.06, 1.0))
    assert book_scale(measured(cvar_held={1: 0.005, 10: 0.06}), limited()) == 1.0
    assert book_scale(measured(cvar_held={1: 0.005, 10: above}), limited()) == pytest.approx(0.75)
    at_budget = measured(cvar_held={1: 0.015, 10: above})
    assert book_scale(at_budget, limited()) == pytest.approx(0.75)
    assert book_scale(measured(cvar_held={1: 0.005, 10: above}), limited(cvar_budget={1: 0.015, 10: 0.0})) == 1.0


def test_within_is_at_most_and_finite() -> None:
    assert within(0.0, 0.0) and within(-0.0, 0.0) and within(0.0, -0.0) and within(5.0, INF)
    assert not within(np.nextafter(0.0, 1.0), 0.0)
    for figure, limit in ((NAN, 1.0), (1.0, NAN), (INF, INF), (-INF, 0.0), (0.0, -INF)):
        assert not within(figure, limit)


def test_a_budget_that_is_the_hard_limit_is_met_exactly(measured: Make, limited: Bound) -> None:
    """A small-live profile may leave nothing between the two."""
    one = {1: 0.022, 10: 0.06}
    limits = limited(cvar_budget=one, cvar_hard=one)
    assert judge_held(measured(cvar_held=one), limits, POLICY) is ALLOWED
    assert failed(measured(cvar_proposed=one), limits) == {}
    over = measured(cvar_held=one | {10: float(np.nextafter(0.06, 1.0))})
    assert judge_held(over, limits, POLICY).action is Action.LIQUIDATE


@pytest.mark.parametrize(("gross", "gate"), [(1.05, "gross"), (1.2, "gross"), (NAN, "gross")])
def test_what_the_held_book_breaks_is_told_with_its_gate(
    measured: Make, limited: Bound, gross: float, gate: str
) -> None:
    assert [f.gate for f in judge_held(measured(gross_held=gross), limited(), POLICY).findings] == [gate]
    tail = judge_held(measured(cvar_held={1: 0.02, 10: 0.07}), limited(), POLICY)
    assert [f.gate for f in tail.findings] == ["cvar_1", "cvar_10"]


@pytest.mark.parametrize("cvar", [0.044, 0.045, 0.05, 9.0])
def test_a_held_tail_without_a_hard_limit_is_unknown_however_large(measured: Make, limited: Bound, cvar: float) -> None:
    verdict = judge_held(measured(cvar_held={1: 0.005, 10: cvar}), limited(cvar_hard={1: 0.022}), POLICY)
    assert [f.reason for f in verdict.findings] == ["CVAR_UNKNOWN"]


def test_a_short_is_as_large_as_a_long(measured: Make, limited: Bound) -> None:
    """From -0.05 to -0.10, and from a long of 0.04 to a short of 0.05: both grow by what their size grows."""
    m = measured(
        held=np.array([-0.05, 0.04, 0.10, 0.05]),
        proposed=np.array([-0.10, -0.05, 0.05, 0.05]),
        standalone={1: np.array([0.012, 0.0, 0.0, 0.0]), 10: np.zeros(4)},
    )
    assert m.increases.tolist() == [True, True, False, False]
    slack = 1.0 - POLICY.auction.limit_slack
    caps = np.array([0.075, 0.05, 0.2, 0.2])
    _, columns = judge_proposal(m, limited(weight_max=caps), POLICY)
    assert [(f.gate, f.measured) for f in columns[0].findings] == [("position", 0.10), ("standalone_1", 0.012)]
    assert list(columns) == [0]
    assert columns[0].scale == pytest.approx(0.5 * slack)
    _, columns = judge_proposal(m, limited(weight_max=caps, groups=(Group("s", (0, 1), 0.12),)), POLICY)
    assert columns[1].findings[0].measured == pytest.approx(0.15)
    assert columns[1].scale == pytest.approx(0.5 * slack)  # 0.12 leaves half of the 0.06 both add to 0.09


@pytest.mark.parametrize(("floor", "cash", "left"), [(0.05, 0.02, 0.7), (0.05, -0.05, 0.0), (-0.02, -0.05, 0.7)])
def test_the_cash_floor_leaves_what_it_has_room_for(
    measured: Make, limited: Bound, floor: float, cash: float, left: float
) -> None:
    """The increases are 0.10 in all: each unit of them less is one of cash more."""
    book, _ = judge_proposal(measured(cash_proposed=cash), limited(cash_min=floor), POLICY)
    assert [(f.gate, f.measured, f.limit) for f in book.findings] == [("cash", -cash, -floor)]
    assert book.scale == pytest.approx(left * (1.0 - POLICY.auction.limit_slack))

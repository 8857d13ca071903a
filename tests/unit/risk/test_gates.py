"""Gates one by one: what fails, with which action, and how much of the increase is left (R1, R3, R6, A4, A7)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import REASONS
from plimsoll.core.verdict import ALLOWED, Action, Verdict
from plimsoll.risk.gates import GATES, book_scale, judge_held, judge_proposal

POLICY = Policy()
SLACK = 1.0 - POLICY.auction.limit_slack
NAN = float("nan")
Make = Callable[..., Measurements]
Bound = Callable[..., LimitSet]


def reasons(verdict: Verdict) -> list[str]:
    return [f.reason for f in verdict.findings]


def test_a_proposal_inside_every_limit_is_allowed(measured: Make, limited: Bound) -> None:
    assert judge_proposal(measured(), limited(), POLICY) == (ALLOWED, {})
    assert judge_held(measured(), limited(), POLICY) is ALLOWED


@pytest.mark.parametrize(
    ("held", "action", "reason"),
    [
        ({1: 0.015, 10: 0.045}, Action.ALLOW, None),
        ({1: 0.0151, 10: 0.045}, Action.SCALE, "CVAR_ABOVE_BUDGET"),
        ({1: 0.015, 10: 0.06}, Action.SCALE, "CVAR_ABOVE_BUDGET"),
        ({1: 0.015, 10: 0.0601}, Action.LIQUIDATE, "CVAR_ABOVE_HARD"),
        ({1: 0.0221, 10: 0.045}, Action.LIQUIDATE, "CVAR_ABOVE_HARD"),
        ({1: NAN, 10: 0.01}, Action.FREEZE, "CVAR_UNKNOWN"),
        ({10: 0.01}, Action.FREEZE, "CVAR_UNKNOWN"),
        ({}, Action.FREEZE, "CVAR_UNKNOWN"),
    ],
)
def test_the_held_tail_is_judged_at_both_horizons(
    measured: Make, limited: Bound, held: dict[int, float], action: Action, reason: str | None
) -> None:
    verdict = judge_held(measured(cvar_held=held), limited(), POLICY)
    assert verdict.action is action
    assert set(reasons(verdict)) == ({reason} if reason else set())
    assert verdict.scale == (1.0 if action is Action.ALLOW else 0.0)


def test_an_empty_book_needs_no_tail(measured: Make, limited: Bound) -> None:
    assert judge_held(measured(cvar_held={}, gross_held=0.0), limited(), POLICY) is ALLOWED
    assert judge_held(measured(cvar_held={}, gross_held=NAN), limited(), POLICY).action is Action.FREEZE


@pytest.mark.parametrize(
    ("gross", "reason"),
    [
        (1.0, None),
        (1.02, None),
        (1.021, "GROSS_FREEZE"),
        (1.10, "GROSS_FREEZE"),
        (1.11, "GROSS_HALT"),
        (NAN, "GROSS_HALT"),
    ],
)
def test_held_gross_freezes_and_halts(measured: Make, limited: Bound, gross: float, reason: str | None) -> None:
    verdict = judge_held(measured(gross_held=gross), limited(), POLICY)
    assert reasons(verdict) == ([reason] if reason else [])
    assert verdict.action is (Action.FREEZE if reason else Action.ALLOW)


@pytest.mark.parametrize(
    ("held", "scale"),
    [
        ({1: 0.02, 10: 0.06}, 1.0),
        ({1: 0.01, 10: 0.09}, 0.5),
        ({1: 0.03, 10: 0.09}, 0.5),
        ({1: 0.03, 10: 0.05}, 0.5),
        ({1: NAN, 10: 0.09}, 0.5),
        ({1: NAN, 10: NAN}, 1.0),
        ({}, 1.0),
    ],
)
def test_a_book_above_the_hard_limit_is_scaled_to_the_budget(
    measured: Make, limited: Bound, held: dict[int, float], scale: float
) -> None:
    assert book_scale(measured(cvar_held=held), limited()) == pytest.approx(scale)


def test_a_proposal_without_an_increase_is_allowed_whatever_its_totals(measured: Make, limited: Bound) -> None:
    m = measured()
    worst = measured(
        proposed=np.minimum(m.held, m.proposed),
        increases=np.zeros(4, dtype=bool),
        gross_proposed=3.0,
        cash_proposed=-1.0,
        cvar_proposed={1: NAN, 10: 0.5},
        stressed_proposed={},
        turnover=2.0,
        trades=90,
    )
    assert judge_proposal(worst, limited(), POLICY) == (ALLOWED, {})


@pytest.mark.parametrize(
    ("changes", "limits", "gate", "reason", "scale"),
    [
        # base 0.012, proposed 0.075 is above hard too, so judged apart below; here between budget and hard
        ({"cvar_proposed": {1: 0.007, 10: 0.056}}, {}, "cvar_10", "CVAR_ABOVE_BUDGET", (0.045 - 0.012) / 0.044),
        ({"cvar_proposed": {1: 0.02, 10: 0.02}}, {}, "cvar_1", "CVAR_ABOVE_BUDGET", (0.015 - 0.004) / 0.016),
        ({"stressed_proposed": {1: 0.012, 10: 0.155}}, {}, "stressed_10", "STRESSED_CVAR_ABOVE_BUDGET", 0.5),
        ({"gross_proposed": 1.05}, {}, "gross", "GROSS_ABOVE_MAX", 0.5),
        ({"cash_proposed": 0.0}, {}, "cash", "CASH_BELOW_MIN", 0.5),
        ({"turnover": 0.325}, {}, "turnover", "TURNOVER_ABOVE_MAX", 0.5),
    ],
)
def test_a_total_above_its_limit_scales_the_increases_to_what_it_leaves(
    measured: Make, limited: Bound, changes: dict, limits: dict, gate: str, reason: str, scale: float
) -> None:
    book, columns = judge_proposal(measured(**changes), limited(**limits), POLICY)
    assert (book.action, columns) == (Action.SCALE, {})
    assert [(f.gate, f.reason) for f in book.findings] == [(gate, reason)]
    assert book.scale == pytest.approx(scale * SLACK)


@pytest.mark.parametrize("horizon", [1, 10])
def test_a_proposal_above_the_hard_limit_is_scaled_to_the_budget_when_that_is_possible(
    measured: Make, limited: Bound, horizon: int
) -> None:
    book, _ = judge_proposal(measured(cvar_proposed={1: 0.007, 10: 0.02} | {horizon: 0.07}), limited(), POLICY)
    assert book.action is Action.SCALE and 0.0 < book.scale < 1.0
    assert reasons(book) == ["CVAR_ABOVE_BUDGET"]


@pytest.mark.parametrize("horizon", [1, 10])
def test_a_proposal_still_above_the_hard_limit_is_rejected(measured: Make, limited: Bound, horizon: int) -> None:
    base = {1: 0.004, 10: 0.012} | {horizon: 0.05}
    after = {1: 0.007, 10: 0.02} | {horizon: 0.07}
    book, _ = judge_proposal(measured(cvar_base=base, cvar_proposed=after), limited(), POLICY)
    assert book.action is Action.REJECT
    assert reasons(book) == ["CVAR_ABOVE_BUDGET", "CVAR_ABOVE_HARD"]


def test_a_base_already_above_the_limit_leaves_nothing(measured: Make, limited: Bound) -> None:
    book, _ = judge_proposal(
        measured(cvar_base={1: 0.004, 10: 0.05}, cvar_proposed={1: 0.007, 10: 0.055}), limited(), POLICY
    )
    assert (book.action, book.scale) == (Action.SCALE, 0.0)


def test_too_many_trades_reject_the_increases(measured: Make, limited: Bound) -> None:
    book, _ = judge_proposal(measured(trades=6), limited(), POLICY)
    assert (book.action, reasons(book)) == (Action.REJECT, ["TRADES_ABOVE_MAX"])
    assert judge_proposal(measured(trades=5), limited(), POLICY)[0] is ALLOWED


@pytest.mark.parametrize(
    ("changes", "limits", "gate", "column", "scale"),
    [
        ({}, {"weight_max": np.array([0.075, 0.2, 0.0, 0.0])}, "position", 0, 0.5),
        ({}, {"weight_max": np.array([0.2, 0.01, 0.2, 0.2])}, "position", 1, 0.2),
        ({"standalone": {1: np.array([0.012, 0, 0, 0]), 10: np.zeros(4)}}, {}, "standalone_1", 0, 0.5),
        ({"standalone": {1: np.zeros(4), 10: np.array([0.0, 0.108, 0, 0])}}, {}, "standalone_10", 1, 0.25),
        ({"incremental": np.array([0.05, 0, 9.9, 9.9])}, {}, "incremental", 0, 0.5),
        ({"adv_share": np.array([0.001, 0.04, 9.9, 9.9])}, {}, "participation", 1, 0.25),
        ({}, {"pairs": (Pair(0, 2, 0.125, 0.95),)}, "pair", 0, 0.5),
    ],
)
def test_a_column_above_its_own_limit_is_scaled_alone(
    measured: Make, limited: Bound, changes: dict, limits: dict, gate: str, column: int, scale: float
) -> None:
    book, columns = judge_proposal(measured(**changes), limited(**limits), POLICY)
    assert book is ALLOWED
    assert list(columns) == [column]
    assert columns[column].action is Action.SCALE
    assert columns[column].scale == pytest.approx(scale * SLACK)
    (finding,) = columns[column].findings
    assert (finding.gate, finding.scope) == (gate, ("AAA", "BBB")[column])


def test_a_group_scales_what_its_members_add_and_no_other(measured: Make, limited: Bound) -> None:
    book, columns = judge_proposal(measured(), limited(groups=(Group("s", (0, 1, 3), 0.15),)), POLICY)
    assert book is ALLOWED
    assert {c: v.scale for c, v in columns.items()} == pytest.approx({0: 0.5 * SLACK, 1: 0.5 * SLACK})
    assert {f.scope for v in columns.values() for f in v.findings} == {"AAA", "BBB"}


def test_a_group_without_an_increase_is_left_alone(measured: Make, limited: Bound) -> None:
    limits = limited(groups=(Group("s", (2, 3), 0.01),), pairs=(Pair(2, 3, 0.01, 0.9),))
    assert judge_proposal(measured(), limits, POLICY) == (ALLOWED, {})


def test_scaled_by_its_gates_a_proposal_is_inside_the_linear_limits(measured: Make, limited: Bound) -> None:
    """Apply the verdicts once: every linear figure is then within its limit, exactly."""
    m, limits = measured(), limited(
        gross_max=0.22, turnover_max=0.07, weight_max=np.full(4, 0.09), groups=(Group("s", (0, 1), 0.12),)
    )  # fmt: skip
    book, columns = judge_proposal(m, limits, POLICY)
    factor = np.array([book.scale * columns.get(i, ALLOWED).scale for i in range(4)])
    rise = np.where(m.increases, m.proposed - m.held, 0.0)
    proposed = m.proposed - rise + rise * factor
    after = replace(
        m,
        proposed=proposed,
        gross_proposed=float(proposed.sum()),
        turnover=0.5 * float(np.abs(proposed - m.held).sum()),
    )
    assert judge_proposal(after, limits, POLICY) == (ALLOWED, {})


def test_every_gate_can_be_switched_off_by_its_name(measured: Make, limited: Bound) -> None:
    bad = measured(
        cvar_held={}, cvar_proposed={}, stressed_proposed={}, gross_held=9.0, gross_proposed=9.0, cash_proposed=-1.0,
        standalone={}, incremental=np.full(4, NAN), turnover=9.0, trades=99, adv_share=np.full(4, NAN),
    )  # fmt: skip
    limits = limited(weight_max=np.zeros(4), groups=(Group("s", (0, 1), 0.0),), pairs=(Pair(0, 1, 0.0, 0.9),))
    book, columns = judge_proposal(bad, limits, POLICY)
    found = {f.gate.split("_")[0] for v in (book, *columns.values()) for f in v.findings}
    assert found == set(GATES)
    for name in GATES:
        policy = msgspec.structs.replace(POLICY, gates=msgspec.structs.replace(POLICY.gates, off=(name,)))
        book, columns = judge_proposal(bad, limits, policy)
        held = judge_held(bad, limits, policy)
        assert name not in {f.gate.split("_")[0] for v in (book, held, *columns.values()) for f in v.findings}


def test_every_reason_is_in_the_vocabulary(measured: Make, limited: Bound) -> None:
    bad = measured(
        cvar_proposed={1: 0.5}, stressed_proposed={}, gross_proposed=9.0, cash_proposed=-1.0, standalone={},
        incremental=np.full(4, NAN), turnover=9.0, trades=99, adv_share=np.full(4, NAN),
    )  # fmt: skip
    limits = limited(weight_max=np.zeros(4), groups=(Group("s", (0, 1), 0.0),), pairs=(Pair(0, 1, 0.0, 0.9),))
    book, columns = judge_proposal(bad, limits, POLICY)
    assert {r for v in (book, *columns.values()) for r in reasons(v)} <= set(REASONS)


def test_a_column_without_a_name_is_known_by_its_number(measured: Make, limited: Bound) -> None:
    _, columns = judge_proposal(measured(symbols=()), limited(weight_max=np.zeros(4)), POLICY)
    assert columns[1].findings[0].scope == "1"


def test_an_increase_to_nothing_cannot_be_and_raises_nothing(measured: Make, limited: Bound) -> None:
    """A contradiction in what was measured is a refusal: the loop never stops for it."""
    torn = measured(proposed=np.array([0.0, 0.05, 0.05, 0.05]), standalone={1: np.full(4, 0.5), 10: np.full(4, 0.5)})
    _, columns = judge_proposal(torn, limited(), POLICY)
    assert columns[0].action is Action.SCALE and columns[0].scale == 0.0


def test_a_stressed_finding_names_the_set_it_is_of_and_no_other_finding_names_one(
    measured: Make, limited: Bound
) -> None:
    beyond = measured(
        stressed_proposed={1: 0.012, 10: 0.155}, stressed_on={1: "worst", 10: "2020"}, gross_proposed=1.05
    )
    book, _ = judge_proposal(beyond, limited(), POLICY)
    assert {f.gate: f.on for f in book.findings} == {"stressed_10": "2020", "gross": ""}
    assert b'"on":"2020"' in msgspec.json.encode(book.findings)  # the record keeps it, and old records lack the field
    assert msgspec.json.encode(book.findings).count(b'"on"') == 1

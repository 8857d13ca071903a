"""The ten vetoes, each tripped by an adversary and each quiet at its limit (G2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.decision import Veto
from plimsoll.core.policy import LadderPolicy, Policy
from plimsoll.core.reasons import REASONS
from plimsoll.core.verdict import ALLOWED, Action
from plimsoll.governance.vetoes import SEVERITIES, VetoInputs, evaluate, verdicts

POLICY = Policy()
NAN = float("nan")
COLUMNS = {"AAA": 3, "BBB": 7}


def inputs(**changes: Any) -> VetoInputs:
    """Two honest increases exactly at every limit."""
    honest = VetoInputs(
        symbols=("AAA", "BBB"),
        mu=np.array([0.03, 0.01]),
        confidence=np.array([0.5, 0.9]),
        conviction=np.array([5.0, 0.5]),
        quality=np.array([0.7, 1.0]),
        rows=np.array([252.0, 5000.0]),
        gross=1.0,
        gross_max=1.0,
        cvar={1: 0.022, 10: 0.06},
        cvar_hard={1: 0.022, 10: 0.06},
        drawdown_lifetime=0.1799,
        openings=5,
        openings_correlation=0.9,
    )
    return replace(honest, **changes)


ADVERSARIES: list[tuple[str, dict[str, Any], str]] = [
    ("UNEXPLAINED_PROFIT", {"mu": np.array([0.031, 0.01])}, "AAA"),
    ("TOO_PERFECT_EXECUTION", {"conviction": np.array([5.0, 5.1])}, "BBB"),
    ("DATA_DEPENDENCY_RISK", {"quality": np.array([0.69, 1.0])}, "AAA"),
    ("CORRELATED_WINS", {"openings": 6, "openings_correlation": 0.71}, "book"),
    ("HIGH_CVAR", {"cvar": {1: 0.022, 10: 0.0601}}, "book"),
    ("LEVERAGE_BREACH", {"gross": 1.0001}, "book"),
    ("DRAWDOWN_LIMIT", {"drawdown_lifetime": 0.18}, "book"),
    ("MODEL_DECAY", {"confidence": np.array([0.49, 0.9])}, "AAA"),
    ("INSUFFICIENT_HISTORY", {"rows": np.array([252.0, 251.0])}, "BBB"),
    ("LOW_DATA_QUALITY", {"quality": np.array([0.59, 1.0])}, "AAA"),
]


def test_an_honest_proposal_at_every_limit_trips_nothing() -> None:
    assert evaluate(inputs(), POLICY) == ()
    assert verdicts((), COLUMNS, POLICY) == (ALLOWED, {})


@pytest.mark.parametrize(("trigger", "attack", "scope"), ADVERSARIES)
def test_an_adversary_trips_each_veto(trigger: str, attack: dict[str, Any], scope: str) -> None:
    tripped = {v.trigger: v for v in evaluate(inputs(**attack), POLICY)}
    assert tripped[trigger].scope == scope
    assert tripped[trigger].severity == SEVERITIES[trigger]
    others = {"DATA_DEPENDENCY_RISK"} if trigger == "LOW_DATA_QUALITY" else set()
    assert set(tripped) == {trigger} | others


def test_all_ten_are_covered_and_on_by_default() -> None:
    assert {t for t, _, _ in ADVERSARIES} == set(SEVERITIES) == set(POLICY.vetoes.enabled)
    assert len(SEVERITIES) == 10


@pytest.mark.parametrize(
    ("trigger", "unknown"),
    [
        ("UNEXPLAINED_PROFIT", {"mu": np.array([NAN, 0.01])}),
        ("TOO_PERFECT_EXECUTION", {"conviction": np.array([NAN, 0.5])}),
        ("DATA_DEPENDENCY_RISK", {"quality": np.array([NAN, 1.0])}),
        ("LOW_DATA_QUALITY", {"quality": np.array([NAN, 1.0])}),
        ("CORRELATED_WINS", {"openings": 6, "openings_correlation": NAN}),
        ("HIGH_CVAR", {"cvar": {1: 0.01, 10: NAN}}),
        ("HIGH_CVAR", {"cvar": {10: 0.01}}),
        ("HIGH_CVAR", {"cvar_hard": {1: 0.022}}),
        ("LEVERAGE_BREACH", {"gross": NAN}),
        ("LEVERAGE_BREACH", {"gross_max": NAN}),
        ("DRAWDOWN_LIMIT", {"drawdown_lifetime": NAN}),
        ("MODEL_DECAY", {"confidence": np.array([NAN, 0.9])}),
        ("INSUFFICIENT_HISTORY", {"rows": np.array([NAN, 5000.0])}),
    ],
)
def test_an_unknown_figure_trips_its_veto_and_is_recorded_as_absent(trigger: str, unknown: dict[str, Any]) -> None:
    (veto,) = [v for v in evaluate(inputs(**unknown), POLICY) if v.trigger == trigger]
    assert veto.measured is None or veto.limit is None


def test_a_large_return_with_confidence_is_explained() -> None:
    assert evaluate(inputs(mu=np.array([0.2, 0.01]), confidence=np.array([0.7, 0.9])), POLICY) == ()


def test_without_an_increase_there_is_nothing_to_veto() -> None:
    none = np.empty(0)
    quiet = inputs(symbols=(), mu=none, confidence=none, conviction=none, quality=none, rows=none, gross=9.0, cvar={})
    assert evaluate(quiet, POLICY) == ()


def test_a_veto_not_enabled_is_silent() -> None:
    for trigger, attack, _ in ADVERSARIES:
        rest = tuple(t for t in SEVERITIES if t != trigger)
        policy = msgspec.structs.replace(POLICY, vetoes=msgspec.structs.replace(POLICY.vetoes, enabled=rest))
        assert trigger not in {v.trigger for v in evaluate(inputs(**attack), policy)}


def test_many_warnings_give_one_halving() -> None:
    tripped = evaluate(
        inputs(mu=np.array([0.05, 0.01]), confidence=np.array([0.4, 0.9]), quality=np.array([0.65, 1])), POLICY
    )
    assert len(tripped) == 3
    book, columns = verdicts(tripped, COLUMNS, POLICY)
    assert book is ALLOWED
    assert list(columns) == [3]
    assert (columns[3].action, columns[3].scale) == (Action.SCALE, 0.5)
    assert {f.gate for f in columns[3].findings} == {"UNEXPLAINED_PROFIT", "DATA_DEPENDENCY_RISK", "MODEL_DECAY"}


def test_an_error_rejects_the_symbol_alone() -> None:
    book, columns = verdicts(evaluate(inputs(rows=np.array([10.0, 5000.0])), POLICY), COLUMNS, POLICY)
    assert book is ALLOWED
    assert {c: v.action for c, v in columns.items()} == {3: Action.REJECT}


@pytest.mark.parametrize("trigger", ["HIGH_CVAR", "LEVERAGE_BREACH"])
def test_an_error_of_the_book_rejects_every_increase(trigger: str) -> None:
    attack = next(a for t, a, _ in ADVERSARIES if t == trigger)
    book, columns = verdicts(evaluate(inputs(**attack), POLICY), COLUMNS, POLICY)
    assert (book.action, columns) == (Action.REJECT, {})


def test_critical_freezes_increases_and_sells_nothing() -> None:
    book, columns = verdicts(evaluate(inputs(drawdown_lifetime=0.2), POLICY), COLUMNS, POLICY)
    assert (book.action, book.scale, columns) == (Action.FREEZE, 0.0, {})


def test_info_is_recorded_and_changes_nothing() -> None:
    tripped = evaluate(inputs(conviction=np.array([9.0, 9.0]), openings=9), POLICY)
    assert [v.trigger for v in tripped] == ["TOO_PERFECT_EXECUTION", "TOO_PERFECT_EXECUTION", "CORRELATED_WINS"]
    assert verdicts(tripped, COLUMNS, POLICY) == (ALLOWED, {})


def test_an_unknown_severity_counts_as_critical() -> None:
    book, _ = verdicts((Veto("NEW", "grave", "book"),), COLUMNS, POLICY)
    assert book.action is Action.FREEZE


def test_the_findings_speak_the_vocabulary() -> None:
    for _, attack, _ in ADVERSARIES:
        book, columns = verdicts(evaluate(inputs(**attack), POLICY), COLUMNS, POLICY)
        assert {f.reason for v in (book, *columns.values()) for f in v.findings} <= set(REASONS)


def drawdown(fallen: float, **ladder: Any) -> list[Veto]:
    policy = msgspec.structs.replace(POLICY, ladder=LadderPolicy(**ladder))
    return [v for v in evaluate(inputs(drawdown_lifetime=fallen), policy) if v.trigger == "DRAWDOWN_LIMIT"]


def test_without_a_rung_that_ends_the_mandate_the_drawdown_limit_is_its_own() -> None:
    """Removing a protection disarms no other one (U7)."""
    for rungs in ((), LadderPolicy().rungs[:-1]):
        (veto,) = drawdown(0.18, rungs=rungs)
        assert veto.limit == POLICY.vetoes.drawdown_max == 0.18
        assert drawdown(0.1799, rungs=rungs) == []
        assert drawdown(NAN, rungs=rungs)


def test_the_nearer_of_mandate_and_own_limit_counts() -> None:
    mandate = LadderPolicy().rungs[-1]
    (veto,) = drawdown(0.15, rungs=(msgspec.structs.replace(mandate, threshold=0.15),))
    assert veto.limit == 0.15
    (veto,) = drawdown(0.20, rungs=(msgspec.structs.replace(mandate, threshold=0.30),))
    assert veto.limit == 0.18


def test_a_ladder_switched_off_freezes_no_book_for_ever() -> None:
    assert drawdown(0.5, enabled=False) == []

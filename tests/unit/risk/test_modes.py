"""Modes of the book (R9)."""

from __future__ import annotations

import itertools

import pytest

from plimsoll.core.restraint import LadderState, Restraint
from plimsoll.risk.modes import MODES, TRANSITIONS, next_mode, transition_table

CALM = LadderState(1, 1)
FREE = Restraint()


@pytest.mark.parametrize(
    ("restraint", "frozen", "halted", "mode"),
    [
        (FREE, False, False, "NORMAL"),
        (Restraint(level=1, confidence_min=0.7), False, False, "CAUTION"),
        (Restraint(level=2, no_new_risk=True), False, False, "RESTRICTED"),
        (FREE, True, False, "RESTRICTED"),
        (Restraint(level=3, no_new_risk=True), False, False, "HALTED"),
        (FREE, False, True, "HALTED"),
        (FREE, True, True, "HALTED"),
        (Restraint(level=4, no_new_risk=True, liquidate=True), False, True, "LIQUIDATING"),
        (Restraint(size=0.5), False, False, "RECOVERY"),
        (Restraint(size=0.5, level=1), False, False, "RECOVERY"),
    ],
)
def test_the_severest_restraint_names_the_mode(restraint: Restraint, frozen: bool, halted: bool, mode: str) -> None:
    assert next_mode("NORMAL", CALM, restraint, frozen, halted) == mode


def test_a_lifted_halt_passes_through_recovery() -> None:
    for stopped in ("HALTED", "LIQUIDATING"):
        assert next_mode(stopped, CALM, FREE, False, False) == "RECOVERY"
        assert not TRANSITIONS[stopped] & {"NORMAL", "CAUTION"}
    assert next_mode("RECOVERY", CALM, FREE, False, False) == "NORMAL"


def test_the_last_week_of_a_ramp_at_full_size_is_still_recovery() -> None:
    assert next_mode("RECOVERY", LadderState(1, 1, ramp=(1.0,)), FREE, False, False) == "RECOVERY"


def test_an_ended_mandate_stays_liquidating() -> None:
    assert next_mode("LIQUIDATING", LadderState(1, 1, ended=True), FREE, False, False) == "LIQUIDATING"


def test_every_change_is_in_the_table_except_recovery_from_nothing() -> None:
    """A ramp follows a halt, so NORMAL and CAUTION never see one; every other combination must be legal."""
    restraints = [FREE, Restraint(level=1), Restraint(level=2, no_new_risk=True), Restraint(level=3, no_new_risk=True),
                  Restraint(level=4, liquidate=True), Restraint(size=0.5)]  # fmt: skip
    for previous, restraint, frozen, halted in itertools.product(MODES, restraints, (False, True), (False, True)):
        if restraint.size < 1.0 and previous in ("NORMAL", "CAUTION"):
            continue
        assert next_mode(previous, CALM, restraint, frozen, halted) in TRANSITIONS[previous]


def test_from_every_mode_a_path_leads_to_normal() -> None:
    for start in MODES:
        seen, frontier = {start}, [start]
        while frontier:
            frontier = [n for m in frontier for n in TRANSITIONS[m] if n not in seen]
            seen.update(frontier)
        assert "NORMAL" in seen


def test_the_documented_table_is_the_one_in_force() -> None:
    assert [m for m, _, _ in transition_table()] == list(MODES)
    assert {m: frozenset(n) for m, _, n in transition_table()} == TRANSITIONS
    meanings = [meaning for _, meaning, _ in transition_table()]
    assert all(meanings) and len(set(meanings)) == len(MODES)

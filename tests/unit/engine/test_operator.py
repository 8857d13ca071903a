"""The simulated person signs what a careful operator would, or nothing (R5)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from plimsoll.core.policy import Policy
from plimsoll.engine.operator import signer


@pytest.fixture
def record(decided, account):
    return decided(account())


def held_up(record, **given):
    ladder = {k: v for k, v in given.items() if k in ("awaiting", "signed", "ended")}
    rest = {k: v for k, v in given.items() if k not in ladder}
    return replace(record, carried=replace(record.carried, ladder=replace(record.carried.ladder, **ladder), **rest))


def signs(record, operator: str = "simulated"):
    return signer(operator, Policy())(record, "2020-01-02")


def test_nothing_is_signed_that_nobody_asked_for(record) -> None:
    assert signs(record) is None


def test_a_re_entry_is_signed_once_and_only_where_somebody_signs(record) -> None:
    waiting = held_up(record, awaiting="signed")
    assert signs(waiting) is not None
    assert signs(waiting, "never") is None
    assert signs(held_up(record, awaiting="signed", signed=True)) is None
    assert signs(held_up(record, awaiting="automatic")) is None


def test_an_ended_mandate_is_never_reopened(record) -> None:
    assert signs(held_up(record, awaiting="signed", ended=True, halted="CVAR_HALT")) is None


@pytest.mark.parametrize(("cvar", "signed"), [(0.05, True), (0.06, True), (0.061, False), (None, False)])
def test_a_halt_is_lifted_only_when_cvar_is_shown_inside_its_hard_limit(record, cvar, signed: bool) -> None:
    halted = held_up(record, halted="CVAR_HALT")
    halted = replace(halted, figures={**halted.figures, "cvar_1": 0.01, "cvar_10": cvar})
    assert (signs(halted) is not None) is signed

"""How figures and codes are written."""

from __future__ import annotations

import doctest

import pytest

from plimsoll.core.reasons import REASONS
from plimsoll.governance.vetoes import SEVERITIES
from plimsoll.reports.page import formatting


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(formatting).failed == 0


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_unknown_is_never_a_number(value: float | None) -> None:
    assert {formatting.percent(value), formatting.bps(value), formatting.figure(value)} == {formatting.ABSENT}


def test_a_rounded_zero_has_no_sign() -> None:
    assert (formatting.percent(-0.00001), formatting.usd(-20), formatting.figure(-0.001)) == ("0.0\xa0%", "$0", "0.00")


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_becomes_a_sentence_without_gaps(code: str) -> None:
    for said in (formatting.reason(code), formatting.reason(code, symbol="SPY", measured=0.0123, limit=30.0)):
        assert "{" not in said and (said[0].isupper() or said[0].isdigit())
    assert "book" not in formatting.reason("CVAR_ABOVE_HARD", symbol="book", measured=0.1, limit=0.06)


def test_every_veto_has_words() -> None:
    assert set(formatting.VETOES) == set(SEVERITIES)


def test_constraints_are_named_with_their_subject() -> None:
    assert formatting.constraint("standalone_10:BTC-USD") == "Stand-alone risk, 10 sessions: BTC-USD"
    assert formatting.constraint("stressed_1") == "Stressed CVaR, 1 session"
    assert formatting.constraint("something new") == "something new"

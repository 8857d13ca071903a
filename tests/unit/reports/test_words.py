"""How figures and codes are written."""

from __future__ import annotations

import doctest

import pytest

from plimsoll.core.reasons import REASONS
from plimsoll.governance.vetoes import SEVERITIES
from plimsoll.reports import words


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_unknown_is_never_a_number(value: float | None) -> None:
    assert {words.percent(value), words.bps(value), words.figure(value)} == {words.ABSENT}


def test_a_rounded_zero_has_no_sign() -> None:
    assert (words.percent(-0.00001), words.usd(-20), words.figure(-0.001)) == ("0.0\xa0%", "$0", "0.00")


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_becomes_a_sentence_without_gaps(code: str) -> None:
    for said in (words.reason(code), words.reason(code, symbol="SPY", measured=0.0123, limit=30.0)):
        assert "{" not in said and (said[0].isupper() or said[0].isdigit())
    assert "book" not in words.reason("CVAR_ABOVE_HARD", symbol="book", measured=0.1, limit=0.06)


def test_every_veto_has_words() -> None:
    assert set(words.VETOES) == set(SEVERITIES)


def test_constraints_are_named_with_their_subject() -> None:
    assert words.constraint("standalone_10:BTC-USD") == "Stand-alone risk, 10 sessions: BTC-USD"
    assert words.constraint("stressed_1") == "Stressed CVaR, 1 session"
    assert words.constraint("something new") == "something new"

"""Texts with holes: which lines apply, and that no hole stays open."""

from __future__ import annotations

import pytest

from plimsoll.core.text_template import filled

TEXT = "?live Real money: $$$usd.\n?!live Paper.\n?live ?named  $usd of $named\n?!live ?!named Nothing.\n\n? no mark"


@pytest.mark.parametrize(
    ("cases", "lines"),
    [
        ({"live"}, ["Real money: $10."]),
        ({"live", "named"}, ["Real money: $10.", " 10 of 2"]),
        (set(), ["Paper.", "Nothing."]),
        ({"named"}, ["Paper."]),
    ],
)
def test_a_line_stays_where_all_its_cases_hold(cases: set[str], lines: list[str]) -> None:
    assert list(filled(TEXT, {"usd": "10", "named": "2"}, cases)) == [*lines, "", "? no mark"]


def test_a_hole_without_a_value_is_named() -> None:
    with pytest.raises(KeyError, match="named"):
        list(filled("$named", {}))

"""Dates as people write them: one form is taken, for others the error says what was meant if that is clear."""

from __future__ import annotations

import pytest

from plimsoll.core.errors import UsageError
from plimsoll.core.sessions import day_number


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-7-31", "2025-07-31"),
        ("20250731", "2025-07-31"),
        ("2025/07/31", "2025-07-31"),
        ("31.07.2025", "2025-07-31"),
        ("07/31/2025", "2025-07-31"),
        ("5/5/2025", "2025-05-05"),  # either way the same day
    ],
)
def test_another_way_of_writing_a_day_is_answered_with_ours(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        day_number(text)


@pytest.mark.parametrize(
    "text", ["07/08/2025", "2025-02-30", "20250230", "31.13.2025", "yesterday", "", "2025", "²025-1-1"]
)
def test_where_no_day_or_two_could_be_meant_none_is_guessed(text: str) -> None:
    with pytest.raises(UsageError) as told:
        day_number(text)
    assert told.value.remedy == "Give it as YYYY-MM-DD"

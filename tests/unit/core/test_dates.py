"""Dates as people write them: one form is taken, for others the error says what was meant if that is clear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import UsageError


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
    "text", ["07/08/2025", "2025-02-30", "20250230", "31.13.2025", "yesterday", "", "2025", "²025-1-1", "2025-W07-5"]
)
def test_where_no_day_or_two_could_be_meant_none_is_guessed(text: str) -> None:
    with pytest.raises(UsageError) as told:
        day_number(text)
    assert told.value.remedy == "Give it as YYYY-MM-DD"


@given(st.integers(-719_162, 2_932_896))
def test_days_and_dates_are_numpys(day: int) -> None:
    """Every day of the years 1 to 9999."""
    text = str(np.datetime64(day, "D"))
    assert (iso_day(day), day_number(text)) == (text, day)


@pytest.mark.parametrize("day", [-719_163, 2_932_897, 10**30])
def test_a_day_no_calendar_writes_is_named_by_its_number(day: int) -> None:
    assert iso_day(day) == f"day {day}"

"""What a result says about what its figures rest on (U6, R2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.capital.garch import FITTED, TOO_FEW, UNSOUND
from plimsoll.core.panel import History, Panel
from plimsoll.reports.result import _garch, _late


@pytest.fixture
def told(make_panel: Callable[..., Panel]) -> Callable[[np.ndarray], str]:
    """``told(source)``: the note of four months of three symbols and an index, the third listed in the third month."""
    panel = make_panel(np.full((85, 4), 100.0), symbols=("AAA", "BBB", "CCC", "^VIX"))
    rows = np.cumsum(np.ones((85, 4)), axis=0)
    rows[:45, 2] = 0.0

    def note(source: np.ndarray) -> str:
        known = {"rows": lambda _: rows, "scenarios.garch": lambda _: source}
        return _garch(History(panel, known), 0, 84)

    return note


def test_estimates_that_all_held_are_counted(told: Callable[[np.ndarray], str]) -> None:
    assert told(np.full((85, 4), FITTED)) == "GARCH volatility: 9 monthly estimates; EWMA replaced 0"


def test_each_stand_in_is_counted_by_cause_and_unsound_fits_are_named(told: Callable[[np.ndarray], str]) -> None:
    source = np.full((85, 4), FITTED)
    source[:, 2] = TOO_FEW
    source[30:, 1] = UNSOUND
    source[:, 3] = UNSOUND  # an index is not traded and not counted
    assert told(source) == (
        "GARCH volatility: 9 monthly estimates; EWMA replaced 3: 1 with too few returns, 2 without a sound fit (BBB)"
    )


def test_data_that_stop_before_the_run_are_told(make_panel: Callable[..., Panel]) -> None:
    """A coin's calendar runs on where the funds' files ended: the last sessions are then not what they look like."""
    panel = make_panel(np.full((40, 4), 100.0), symbols=("AAA", "BBB", "CCC", "^VIX"))
    assert _late(panel, 39) == []
    fresh = np.array(panel.fresh)
    fresh[36:, 1:] = False  # the index too, which is not traded
    fresh[5:, 2] = False  # left long ago: closed, not late
    late = dataclasses.replace(panel, fresh=fresh)
    (note,) = _late(late, 39)
    assert note.startswith(f"1 of 3 symbols have no bar on {panel.sessions.dates[39]}, the last session")
    assert f"none after {panel.sessions.dates[35]}:" in note
    assert _late(late, 35) == []

"""What a result says about what its figures rest on (U6, R2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.capital.garch import FITTED, TOO_FEW, UNSOUND
from plimsoll.core.panel import History, Panel
from plimsoll.reports.result import _garch


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
    assert told(np.full((85, 4), FITTED)) == "GARCH volatility: 9 monthly estimates; EWMA stood in for 0"


def test_each_stand_in_is_counted_by_cause_and_unsound_fits_are_named(told: Callable[[np.ndarray], str]) -> None:
    source = np.full((85, 4), FITTED)
    source[:, 2] = TOO_FEW
    source[30:, 1] = UNSOUND
    source[:, 3] = UNSOUND  # an index is not traded and not counted
    assert told(source) == (
        "GARCH volatility: 9 monthly estimates; EWMA stood in for 3: "
        "1 with too few returns, 2 without a sound fit (BBB)"
    )

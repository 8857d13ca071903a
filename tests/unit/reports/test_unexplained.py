"""A move that nobody explained in a symbol that a run held is a warning at the top of it (D10, U6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.events import Split
from plimsoll.core.order import Fill
from plimsoll.core.panel import Certification, Flag, Panel
from plimsoll.core.restraint import RiskEvent
from plimsoll.engine.tally import RunTally
from plimsoll.reports.unexplained import unexplained_moves

DAY = "2015-01-06"
BOUGHT = Fill("i" * 32, "e", "2015-01-05", "AAA", 10, 100.0, 100_000, 1, 1, 1)


@pytest.fixture
def panel(make_panel: Callable[..., Panel]) -> Panel:
    flags = (
        Flag("SPLIT_SUSPECTED", "hard", DAY, DAY, 1, "close moved -75.0%"),
        Flag("UNEXPLAINED_JUMP", "hard", DAY, DAY, 1, "total return -75.0%"),
    )
    certified = (
        Certification("AAA", "DEGRADED", 9, 9, 0.0, 0.7, (), flags),
        Certification("BBB", "ACTIVE", 9, 9, 0.0, 1.0, ()),
    )
    return dataclasses.replace(make_panel(np.full((9, 2), 100.0), symbols=("AAA", "BBB")), certifications=certified)


def told(panel: Panel, **more: list[object]) -> list[str]:
    nav = [100, 100, 100, 71, 71]
    dates = ["2015-01-01", "2015-01-02", "2015-01-05", DAY, "2015-01-07"]
    return list(unexplained_moves(panel, RunTally(dates=dates, nav=nav, **more)))  # type: ignore[arg-type]


def test_it_names_symbol_day_figures_what_nav_did_and_both_remedies(panel: Panel) -> None:
    (said,) = told(panel, fills=[BOUGHT], events=[RiskEvent(DAY, "MANDATE_ENDED", "EMERGENCY", 0.29, 0.18)])
    assert said.startswith(f"WARNING: nobody explained a move of AAA that this run held on {DAY} (SPLIT_SUSPECTED, UNE")
    for part in ("close moved -75.0%", "NAV -29.0% in that session, which ended the mandate", "add it to the file",
                 f"plimsoll confirm AAA {DAY} --by NAME"):  # fmt: skip
        assert part in said


def test_what_was_not_held_at_its_open_is_none_of_the_run(panel: Panel) -> None:
    assert told(panel) == []
    assert told(panel, fills=[replace(BOUGHT, symbol="BBB")]) == []
    split = Split("2015-01-02", "AAA", 20, 2.0)  # ten before, twenty after, all sold
    assert told(panel, fills=[_fill("2015-01-01", 10), _fill("2015-01-05", -20)], splits=[split]) == []
    assert len(told(panel, fills=[_fill("2015-01-01", 10), _fill("2015-01-05", -10)], splits=[split])) == 1
    assert told(panel, fills=[_fill(DAY, 10)]) == []


def test_a_move_that_was_explained_is_no_warning(panel: Panel) -> None:
    first, second = panel.certifications
    explained = dataclasses.replace(panel, certifications=(Certification("AAA", "ACTIVE", 9, 9, 0.0, 1.0, ()), second))
    assert first.unexplained and told(explained, fills=[BOUGHT]) == []


def _fill(session: str, lots: int) -> Fill:
    return replace(BOUGHT, session=session, lots=lots)

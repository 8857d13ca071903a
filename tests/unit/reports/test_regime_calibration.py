"""What came of the regime's forecasts, and how the report says so (R8)."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from plimsoll.reports import html
from plimsoll.reports.forecast_scores import by_vix
from plimsoll.reports.recorded import Recorded
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections.calibration import agreement

NAN = float("nan")


def test_outcomes_are_read_at_and_up_to_the_horizon() -> None:
    vix = np.array([10.0, 30.0, 29.99, NAN, 12.0, 13.0])
    at, within = by_vix(vix, 30.0, 2)
    np.testing.assert_array_equal(at, [0.0, NAN, 0.0, 0.0])
    # row 0 sees the crisis of row 1; row 1 is in it; rows 2 and 3 lack a close
    np.testing.assert_array_equal(within, [1.0, 1.0, NAN, NAN])


def test_a_run_shorter_than_the_horizon_has_no_outcome() -> None:
    at, within = by_vix(np.array([10.0, 40.0]), 30.0, 5)
    assert at.size == within.size == 0


def with_regimes(
    m: ReportData, vix: list[float | None], crisis: list[float], passage: list[float | None]
) -> ReportData:
    """The material of a run of these sessions' regimes only."""
    cycles = [
        changed(c, regime=changed(c.regime, vix=v, crisis=p, passage=f))
        for c, v, p, f in zip(m.run.cycles, vix, crisis, passage, strict=False)
    ]
    tally = replace(m.run.tally, dates=m.run.tally.dates[: len(cycles)], nav=m.run.tally.nav[: len(cycles)])
    return replace(m, run=Recorded(m.run.genesis, tally, cycles))


def plain(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup).replace("\xa0", " "))


def test_the_report_scores_by_hand_worked_numbers(material: ReportData) -> None:
    vix = [20.0, 20.0, 20.0, 20.0, 20.0, 35.0, 20.0, 20.0, None]
    crisis = [0.5, 0.2, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]
    found = plain(agreement(with_regimes(material, vix, crisis, [0.9, 0.5, None, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])))
    # ahead: row 0 meets VIX 35, rows 1 and 2 meet 20, row 3 meets none: (0.25 + 0.04 + 0.01) / 3
    assert (
        "P(crisis) 5 sessions ahead against VIX 5 sessions later: Brier score 0.1000, of the base rate 0.2222" in found
    )
    assert "skill 55.0 %; 3 sessions, 6 without an outcome left out" in found
    assert "50 % to 60 % 1 50.0 % 100.0 %" in found and "20 % to 30 % 1 20.0 % 0.0 %" in found
    # within: rows 0, 1 and 3 saw row 5, row 2 has no forecast: (0.01 + 0.25 + 0.25) / 3
    assert "any VIX up to 5 sessions later: Brier score 0.1700, of the base rate 0.0000, skill unknown; 3 ses" in found


def test_a_run_without_outcomes_or_recorded_passage_says_so(material: ReportData) -> None:
    blind = plain(agreement(with_regimes(material, [None] * 9, [0.1] * 9, [None] * 9)))
    assert blind.count("no session has both a forecast and an outcome") == 2


def test_the_regime_section_states_both_probabilities_horizon_and_sample(material: ReportData) -> None:
    section = plain(html.render(material).split('<details class="part" id="regime"')[1].split("</details>")[0])
    assert "P(crisis) 5 sessions ahead is" in section and "that of one within them" in section
    for forecast, outcome in (
        ("P(crisis) 5 sessions ahead", "VIX 5 sessions later"),
        ("P(crisis) within 5 sessions", "any VIX up to 5 sessions later"),
        ("P(crisis) 5 sessions ahead", "SPY at a close of the next 5 sessions down by 5% or more"),
    ):
        assert f"Reliability of {forecast} against {outcome}, forecasts by tenths; {material.sample}" in section
    assert np.isfinite(material.run.passage).all() and (material.run.passage >= material.run.crisis - 1e-12).all()


def test_a_journal_from_before_the_measure_is_still_read(material: ReportData) -> None:
    old = [changed(c, regime=changed(c.regime, passage=None)) for c in material.run.cycles]
    run = Recorded(material.run.genesis, material.run.tally, old, material.run.flows, material.run.intents)
    page = html.render(replace(material, run=run))
    assert "that of one within them unknown" in plain(page)


def test_passage_is_drawn_beside_the_outlook(material: ReportData) -> None:
    from plimsoll.reports.charts import drawing as charts

    drawn = charts.outlook(material.run, 0.3, 0.15, 5)
    assert [s.label for s in drawn.series] == ["P(crisis) in 5 sessions", "within 5 sessions"]
    assert drawn.series[1].values[0] == pytest.approx(material.run.passage[0] / 1e-3, abs=0.51)

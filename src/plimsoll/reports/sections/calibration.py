"""Report section: calibration of the regime's probabilities (R8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.reports import forecast_scores
from plimsoll.reports.forecast_scores import Score
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import count, figure, number, percent
from plimsoll.reports.page.markup import Html, Line, join, n, table, tag
from plimsoll.reports.report_data import ReportData

Floats = NDArray[np.float64]


def agreement(m: ReportData) -> Html:
    """Brier score and reliability of both probabilities at the outlook's horizon."""
    ahead, band = m.policy.regime.outlook, m.policy.regime.bands[1]
    found = forecast_scores.scores(m.run.crisis, m.run.passage, m.run.vix, _benchmark(m), m.dates, m.policy)
    return join(
        [
            tag("h4", "Calibration"),
            tag(
                "p",
                f"Each session's probability and its outcome; a crisis is VIX at {band:g} or above at a close. "
                f"{m.policy.backtest.benchmark}outcomes, where available, are independent of VIX. Every "
                "forecast used only data known at its own session, so apart from the "
                "policy's constants all of this is out of sample; outcomes of neighbouring sessions overlap and are no "
                "independent trials. The Brier score is the mean "
                "squared error, 0 at best; skill compares it with a constant forecast of the sample frequency.",
                class_="note",
            ),
            *(_forecast(m, one, _named(one, number(ahead, "session"))) for one in found),
        ]
    )


def _benchmark(m: ReportData) -> Floats | None:
    """Total returns of the benchmark on the run's rows, NaN without a bar; None where the history has none."""
    column = m.history.panel.column.get(m.policy.backtest.benchmark)
    if column is None:
        return None
    rows = slice(m.first, m.last + 1)
    present = np.isfinite(m.history.panel.close[rows, column])
    return np.where(present, m.history.array("return")[rows, column], np.nan)


def _named(one: Score, horizon: str) -> tuple[str, str]:
    """The forecast and its outcome, for a heading."""
    name = f"P(crisis) {horizon} ahead" if one.forecast == "crisis" else f"P(crisis) within {horizon}"
    against = {"vix_at": f"VIX {horizon} later", "vix_within": f"any VIX up to {horizon} later"}
    return name, against.get(one.outcome, one.means)


def _forecast(m: ReportData, one: Score, names: tuple[str, str]) -> Html:
    """One probability's score and table, or why there is none."""
    name, against = names
    if not one.sessions:
        return tag("p", f"{name} against {against}: no session has both a forecast and an outcome.", class_="note")
    rows: list[Line] = [
        (
            f"{percent(t.low, 0)} to {percent(t.high, 0)}",
            n(count(t.sessions)),
            n(percent(t.forecast)),
            n(percent(t.observed)),
        )
        for t in one.reliability
    ]
    rows.append(("All", n(count(one.sessions)), n(percent(one.mean_forecast)), n(percent(one.base_rate))))
    better = formatting.ABSENT if one.skill is None else percent(one.skill)
    return join(
        [
            tag(
                "p",
                f"{name} against {against}: Brier score {figure(one.brier, 4)}, of the base rate "
                f"{figure(one.brier_base, 4)}, skill {better}; {number(one.sessions, 'session')}, "
                f"{count(one.left_out)} without an outcome left out. It occurred in "
                f"{number(one.episodes, 'episode')}.",
            ),
            table(
                f"Reliability of {name} against {against}, forecasts by tenths; {m.sample}",
                ("Forecast", n("Sessions"), n("Mean forecast"), n("Outcome followed")),
                rows,
                total=True,
            ),
        ]
    )

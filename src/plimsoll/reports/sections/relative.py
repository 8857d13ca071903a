"""Report section: alpha, beta and capture against the benchmark, and beta through time."""

from __future__ import annotations

import numpy as np

from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.relative import Relative, relative, rolling_beta
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.page.formatting import figure, percent
from plimsoll.reports.page.markup import Cell, Html, Line, n, plot, section, table, tag
from plimsoll.reports.report_data import ReportData

WINDOW = SESSIONS_A_YEAR


def _whole(value: float | None) -> str:
    return percent(value, 0)


_ROWS = (
    ("Annual alpha", "alpha", percent, "intercept on the benchmark's excess over T-bills, × 252, not compounded"),
    ("t-statistic of alpha", "alpha_t", figure, "Newey-West errors; beyond about 2 it is unlikely to be chance"),
    ("Beta", "beta", figure, "1-session excess returns"),
    ("Correlation", "correlation", figure, "1-session excess returns"),
    ("Tracking error a year", "tracking_error", percent, "deviation of the difference of returns × √252"),
    ("Information ratio", "information_ratio", figure, "mean difference of returns over tracking error, annual"),
    ("Up capture", "up_capture", _whole, "mean return of months in which the benchmark rose, over its own"),
    ("Down capture", "down_capture", _whole, "the same of months in which it fell"),
)  # fmt: skip


def of_books(m: ReportData) -> dict[str, Relative]:
    """Figures of the run against each benchmark."""
    return {name: _against(m, curve) for name, curve in m.books.items()}


def _against(m: ReportData, curve: charts.Floats) -> Relative:
    """Over the sessions the benchmark has."""
    inside = m.span(curve)
    pair = m.run.curve[inside], curve[inside]
    own, market = (c[1:] / c[:-1] - 1.0 for c in pair)
    months, of_market = (np.array(list(figures.calendar_returns(c, m.dates[inside], 7).values())) for c in pair)
    risk_free = None if m.risk_free is None else m.risk_free[inside.start : inside.stop - 1]
    return relative(own, market, risk_free, months, of_market)


def benchmark(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """The section."""
    found = of_books(m)
    if not found:
        return section(
            "benchmark",
            "Beside the benchmark",
            tag("p", "There is no benchmark in the data over this span.", class_="note"),
        )
    rows: list[Line] = [
        (
            name,
            *(n(shown(getattr(x, key)), "us" if i == 0 else "") for i, x in enumerate(found.values())),
            Cell(of, "w"),
        )
        for name, key, shown, of in _ROWS
    ]
    head: Line = ("", *(n(f"against {name}") for name in list(m.labels().values())[1:]), "Definition")
    return section(
        "benchmark",
        "Beside the benchmark",
        table(f"Figures against the benchmarks; {m.sample}", head, rows),
        _rolling(m, drawn),
    )


def _rolling(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Beta over the trailing year."""
    if len(m.dates) <= WINDOW:
        return tag("p", f"Beta through time needs more than {WINDOW} returns.", class_="note")
    lines = {name: rolling_beta(m.run.returns, curve[1:] / curve[:-1] - 1.0, WINDOW) for name, curve in m.books.items()}
    own = next(iter(lines.values()))
    if not np.isfinite(own).any():
        return tag("p", f"No benchmark has {WINDOW} returns.", class_="note")
    drawn.append(charts.betas(lines))
    return plot(
        "beta",
        f"Beta of 1-session returns, trailing {WINDOW} sessions; {m.sample}",
        f"Line chart. Beta to the first between {figure(float(np.nanmin(own)))} and {figure(float(np.nanmax(own)))}.",
    )

"""Report section: trailing and calendar-year returns beside the benchmark, distribution of session returns."""

from __future__ import annotations

import math

import numpy as np

from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures import distribution
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import count, figure, number, percent
from plimsoll.reports.page.markup import HistogramBin, Html, Line, columns, histogram, join, n, part, table, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections.overview import chance

_FEW = 60  # sessions below which a histogram of them says nothing
_BINS = 41
_LEVELS = (0.95, 0.99)


def trailing(m: ReportData) -> Html:
    """Returns up to the last close, from the month to date to the whole run."""
    labels = m.labels()
    found = {labels[name]: distribution.trailing(c[m.span(c)], m.dates[m.span(c)]) for name, c in m.curves.items()}
    names = [s for s in distribution.TRAILING if found["Plimsoll"][s] is not None]
    rows: list[Line] = [
        (name, *(n(percent(spans[s]), "us" if i == 0 else "") for s in names))
        for i, (name, spans) in enumerate(found.items())
    ]
    short = len(m.dates) <= SESSIONS_A_YEAR
    whole = "the whole is not annualised" if short else "from 3 years on a year"
    return table(f"Trailing returns to {m.dates[-1]}, {whole}; {m.sample}", ("", *(n(s) for s in names)), rows)


def years(m: ReportData) -> Html:
    """Calendar years as bars beside the benchmark, and in a table with the fall within each."""
    by_year = {name: figures.calendar_returns(c, m.dates, 4) for name, c in m.curves.items()}
    falls = {name: {y: _fall_in(c, m.dates, y) for y in by_year["Plimsoll"]} for name, c in m.curves.items()}
    rows: list[Line] = []
    for year in by_year["Plimsoll"]:
        shown = [
            cell
            for i, name in enumerate(m.curves)
            for cell in (n(percent(by_year[name][year]), "us" if i == 0 else ""), n(percent(falls[name][year])))
        ]
        rows.append((year, *shown))
    head: Line = ("Year", *(x for name in m.curves for x in (n(name), n("drawdown"))))
    gained = sum(v > 0 for v in by_year["Plimsoll"].values())
    names = list(by_year)[:2]
    sets = [[0.0 if math.isnan(v := by_year[name][y]) else v for name in names] for y in by_year["Plimsoll"]]
    caption = f"Return of each calendar year, {' beside '.join(names)}; {m.sample}"
    alt = f"Bars. {number(gained, 'year')} of {len(rows)} gained."
    return part(
        "years",
        "Years",
        f"{gained} of {number(len(rows), 'year')} gained",
        columns(list(by_year["Plimsoll"]), sets, names, caption, alt),
        tag(
            "details",
            tag("summary", "Every year with its maximum drawdown"),
            table(f"Return and maximum drawdown within each calendar year; {m.sample}", head, rows),
        ),
        shown=True,
    )


def _fall_in(curve: charts.Floats, dates: list[str], year: str) -> float:
    inside = np.flatnonzero(np.char.startswith(np.array(dates), year))
    fall = figures.drawdown(curve[max(int(inside[0]) - 1, 0) : int(inside[-1]) + 1])
    return float(np.nanmax(fall)) if np.isfinite(fall).any() else math.nan


def shape(m: ReportData) -> Html:
    """Distribution of session returns: a histogram with VaR and CVaR, the figures, and a backtest of VaR."""
    returns = m.run.returns
    found = figures.moments(returns)
    ratio = distribution.tail_ratio(returns)
    said = f"skewness {figure(found[0])}, kurtosis {figure(found[1])} (normal 3)" if found else "too few returns"
    return part(
        "distribution",
        "Distribution of returns",
        f"{said}, tail ratio {figure(ratio)}",
        _histogram(m, returns),
        _figures(m),
        _tested(m, returns),
    )


def _histogram(m: ReportData, returns: charts.Floats) -> Html:
    """Sessions by return; the outermost columns include everything beyond."""
    if returns.size < _FEW:
        return Html("")
    reach = float(np.quantile(np.abs(returns), 0.995))
    edges = np.linspace(-reach, reach, _BINS + 1)
    counts, _ = np.histogram(np.clip(returns, -reach, reach), edges)
    var, cvar = distribution.value_at_risk(returns), m.result.metrics.cvar_95_1d
    marks = [(name, -v) for name, v in (("VaR 95 %", var), ("CVaR 95 %", cvar)) if v is not None]
    bins = [
        HistogramBin(percent((a + b) / 2.0, 1) if i % 5 == 0 and 0 < i < _BINS - 1 else "", int(c), (a + b) < 0)
        for i, (a, b, c) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True))
    ]
    at = [(name, float(np.interp(v, [-reach, reach], [0.0, 1.0]))) for name, v in marks]
    caption = "Sessions by return, the outermost columns including everything beyond; marked: VaR and CVaR of 1 session"
    alt = (
        f"Histogram of {number(returns.size, 'return')}. " + ", ".join(f"{a} {percent(-v, 2)}" for a, v in marks) + "."
    )
    return histogram(bins, f"{caption}; {m.sample}", alt, marks=at, counted=False)


_ROWS = (
    "Best session", "Worst session", "Best month", "Worst month", "Months with a gain", "Sessions with a gain",
    "Skewness", "Kurtosis (normal 3)", "Tail ratio, 95th over 5th percentile", "VaR 95 %, 1 session",
    "CVaR 95 %, 1 session", "Sessions below an earlier close", "Standard error of the Sharpe ratio",
    "Probability of a true Sharpe above 0",
)  # fmt: skip


def _figures(m: ReportData) -> Html:
    made = [_column(m, curve) for curve in m.curves.values()]
    rows: list[Line] = [
        (name, *(n(c[i], "us" if k == 0 else "") for k, c in enumerate(made))) for i, name in enumerate(_ROWS)
    ]
    caption = f"Shape of 1-session and calendar-month returns; {m.sample}"
    return table(caption, ("", *(n(c) for c in m.labels().values())), rows)


def _column(m: ReportData, curve: charts.Floats) -> tuple[str, ...]:
    inside = m.span(curve)
    curve, excess = curve[inside], m.excess(curve)
    returns = curve[1:] / curve[:-1] - 1.0
    months = np.array(list(figures.calendar_returns(curve, m.dates[inside], 7).values()))
    found = figures.moments(returns)
    probable = figures.probable_sharpe(None if excess is None else excess[inside.start : inside.stop - 1])
    tail = None if returns.size < 20 else m.cvar(returns)
    return (
        percent(float(returns.max()), 2) if returns.size else formatting.ABSENT,
        percent(float(returns.min()), 2) if returns.size else formatting.ABSENT,
        percent(float(months.max())),
        percent(float(months.min())),
        percent(float(np.mean(months > 0)), 0),
        percent(float(np.mean(returns > 0)), 0) if returns.size else formatting.ABSENT,
        figure(found[0] if found else None),
        figure(found[1] if found else None),
        figure(distribution.tail_ratio(returns)),
        percent(distribution.value_at_risk(returns), 2),
        percent(tail, 2),
        percent(float(np.mean(figures.drawdown(curve) > 0)), 0),
        figure(probable[0] if probable else None),
        chance(probable[1] if probable else None),
    )


def _tested(m: ReportData, returns: charts.Floats) -> Html:
    """Exceedances of the trailing year's VaR, expected and observed."""
    found = [x for c in _LEVELS if (x := distribution.exceedances(returns, c, SESSIONS_A_YEAR)) is not None]
    if not found:
        return tag("p", f"VaR cannot be backtested: fewer than {SESSIONS_A_YEAR} earlier returns.", class_="note")
    rows: list[Line] = [
        (
            f"VaR {percent(x.confidence, 0)}",
            n(count(x.sessions)),
            n(figure(x.expected, 1)),
            n(count(x.seen), "us"),
            n(percent(x.seen / x.sessions, 2)),
            n(percent(x.probability)),
        )
        for x in found
    ]
    head: Line = ("", n("Sessions"), n("Expected"), n("Observed"), n("Share"), n("p-value"))
    caption = (
        f"Losses beyond the historical VaR of the {SESSIONS_A_YEAR} sessions before, known at the close; {m.sample}"
    )
    return join(
        [
            tag("h4", "Backtest of VaR"),
            table(caption, head, rows),
            tag(
                "p",
                "The p-value is of Kupiec's test, which assumes independent sessions; losses cluster.",
                class_="note",
            ),
        ]
    )

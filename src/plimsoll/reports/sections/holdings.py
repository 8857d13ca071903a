"""Report section: weights through time, number of positions, asset classes and sectors, largest positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.page.formatting import count, figure, percent
from plimsoll.reports.page.markup import Cell, Html, Line, n, part, plot, section, table, tag
from plimsoll.reports.report_data import ReportData

Floats = NDArray[np.float64]
_TOP = 10
_NO_SECTOR = "no sector"


def holdings(m: ReportData, drawn: list[charts.Chart], *parts: Html) -> Html:
    """The section, with what belongs to it below."""
    drawn.append(charts.exposure(m.run, m.colours))
    run = m.run
    top = ", ".join(f"{s} {percent(float(run.weights[:, i].mean()))}" for i, s in enumerate(run.symbols[:5]))
    return section(
        "holdings",
        "Holdings",
        plot(
            "exposure",
            f"Weights at each close, fractions of NAV, stacked; the rest is cash; {m.sample}",
            f"Stacked areas. Mean weights: {top or 'nothing held'}; cash {percent(float(run.cash.mean()))}.",
        ),
        tag(
            "p",
            f"Gross exposure was {percent(m.result.exposure.invested)} on average and "
            f"{percent(float(run.weights.sum(axis=1).max(initial=0.0)))} at most; "
            f"cash {percent(float(run.cash.min()))} to {percent(float(run.cash.max()))}, "
            f"{percent(float(run.cash[-1]))} at the end.",
        ),
        _top(m),
        _through_time(m, drawn),
        *parts,
    )


def _top(m: ReportData) -> Html:
    """The largest positions at the last close, beside their run averages."""
    run, kinds = m.run, _kinds(m)
    order = sorted(range(len(run.symbols)), key=lambda i: (-abs(float(run.weights[-1, i])), i))[:_TOP]
    rows: list[Line] = [
        (
            Cell(run.symbols[i], "d"),
            Cell(kinds[run.symbols[i]][0], "d"),
            Cell(kinds[run.symbols[i]][1], "d"),
            n(percent(float(run.weights[-1, i])), "us"),
            n(percent(float(run.weights[:, i].mean()))),
            n(percent(float(run.weights[:, i].max()))),
            n(percent(float(np.mean(run.weights[:, i] != 0.0)), 0)),
        )
        for i in order
    ]
    if not rows:
        return Html("")
    head: Line = ("Asset", "Class", "Sector", n("At the end"), n("Mean weight"), n("Most"), n("Sessions held"))
    return table(f"The largest holdings at the end and over the run; {m.sample}", head, rows)


def _kinds(m: ReportData) -> dict[str, tuple[str, str]]:
    """Class and sector of each instrument."""
    return {i.symbol: (i.kind, i.sector or _NO_SECTOR) for i in m.history.panel.instruments}


def by_group(m: ReportData, which: int) -> dict[str, Floats]:
    """(T,) gross weight of each class (0) or sector (1), the largest mean first."""
    kinds = _kinds(m)
    found: dict[str, Floats] = {}
    for i, symbol in enumerate(m.run.symbols):
        name = kinds[symbol][which]
        found[name] = found.get(name, np.zeros(len(m.dates))) + np.abs(m.run.weights[:, i])
    return dict(sorted(found.items(), key=lambda item: (-float(item[1].mean()), item[0])))


def _through_time(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Number of positions, and exposure by class and sector, as charts and year by year."""
    run = m.run
    if not run.symbols:
        return Html("")
    positions = np.count_nonzero(run.weights, axis=1).astype(np.float64)
    kinds, sectors = by_group(m, 0), by_group(m, 1)
    grouped = sectors if set(sectors) != {_NO_SECTOR} else kinds
    drawn += [charts.positions(positions), charts.groups(grouped)]
    name = "sector" if grouped is sectors else "class"
    return part(
        "through-time",
        "Holdings through time",
        f"{figure(float(positions.mean()), 1)} positions on average, {count(int(positions.max()))} at most",
        tag(
            "div",
            plot(
                "positions",
                f"Number of positions at each close; {m.sample}",
                f"Line chart. Between {count(int(positions.min()))} and {count(int(positions.max()))}.",
            ),
            plot(
                "groups",
                f"Gross exposure by {name}, fractions of NAV, stacked; {m.sample}",
                "Stacked areas. Mean: "
                + ", ".join(f"{k} {percent(float(v.mean()))}" for k, v in grouped.items())
                + ".",
            ),
            class_="pair",
        ),
        _years(m, positions, kinds, sectors),
    )


def _years(m: ReportData, positions: Floats, kinds: dict[str, Floats], sectors: dict[str, Floats]) -> Html:
    groups = dict(kinds) | ({} if set(sectors) == {_NO_SECTOR} else sectors)
    marks = np.array([d[:4] for d in m.dates])
    rows: list[Line] = []
    for year in sorted(set(marks.tolist())):
        inside = marks == year
        mean = np.abs(m.run.weights[inside]).mean(axis=0)
        first = [m.run.symbols[i] for i in np.argsort(-mean, kind="stable")[:3] if mean[i] > 0.0]
        rows.append(
            (
                year,
                n(figure(float(positions[inside].mean()), 1)),
                *(n(percent(float(v[inside].mean()))) for v in groups.values()),
                n(percent(float(m.run.cash[inside].mean()))),
                Cell(", ".join(first) or "–", "d"),
            )
        )
    head: Line = ("Year", n("Positions"), *(n(g) for g in groups), n("cash"), "Largest, mean weight")
    return table(f"Means of the closes of each year, fractions of NAV by class and sector; {m.sample}", head, rows)

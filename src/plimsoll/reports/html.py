"""The report of a run as one self-contained HTML file: no network, light and dark, screen and paper.

Everything in it is read back from the run's journal and the snapshot the journal names, so it can be made of any
past run, and the same inputs give the same bytes.
"""

from __future__ import annotations

from plimsoll.reports.charts.drawing import Chart, ChartData
from plimsoll.reports.page.markup import Html, page, section, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import (
    decisions,
    exposure,
    holdings,
    lifecycle,
    limits,
    measured,
    overview,
    performance,
    provenance,
    relative,
    returns,
    tails,
    trades,
)


def render(m: ReportData) -> str:
    """The document."""
    drawn: list[Chart] = []
    sections = [
        ("summary", "Overview", overview.summary(m, drawn)),
        ("returns", "Returns", _returns(m, drawn)),
        ("benchmark", "Benchmark", relative.benchmark(m, drawn)),
        ("risk", "Risk", _risk(m, drawn)),
        ("holdings", "Holdings", holdings.holdings(m, drawn, performance.contributions(m))),
        ("trades", "Trades", trades.trades(m, performance.costs(m))),
        ("decisions", "Decisions", _decisions(m, drawn)),
        ("basis", "Basis", _basis(m)),
    ]
    footer = tag("p", f"plimsoll {m.version}. Past results, real or simulated, do not predict future results.")
    title = f"Plimsoll: {m.result.run}, {m.result.start} to {m.result.end}"
    return page(title, overview.header(m), sections, footer, ChartData(m.run.days.tolist(), drawn))


def _returns(m: ReportData, drawn: list[Chart]) -> Html:
    return section(
        "returns",
        "Returns",
        measured.metrics(m),
        measured.worth(m),
        returns.trailing(m),
        returns.years(m),
        performance.calendar(m),
        returns.shape(m),
        performance.crises(m),
        performance.rolling(m, drawn),
    )


def _risk(m: ReportData, drawn: list[Chart]) -> Html:
    return section(
        "risk",
        "Risk",
        performance.worst(m),
        limits.headroom(m, drawn),
        tails.tails(m, drawn),
        exposure.governance(m, drawn),
        exposure.regime(m, drawn),
    )


def _decisions(m: ReportData, drawn: list[Chart]) -> Html:
    return section(
        "decisions",
        "Decisions",
        decisions.auctions(m, drawn),
        decisions.refusals(m),
        lifecycle.strategies(m, drawn),
        measured.hurdles(m),
    )


def _basis(m: ReportData) -> Html:
    return section(
        "basis", "Data and assumptions", provenance.notes(m), provenance.data(m), provenance.assumptions(m),
        provenance.proof(m),
    )  # fmt: skip

"""The report of a run as one self-contained HTML file: no network, light and dark, screen and paper.

Everything in it is read back from the run's journal and the snapshot the journal names, so it can be made of any
past run, and the same inputs give the same bytes.
"""

from __future__ import annotations

from plimsoll.reports import decisions, exposure, lifecycle, limits, overview, performance, provenance, tails
from plimsoll.reports.charts import Book, Chart
from plimsoll.reports.material import Material
from plimsoll.reports.page import page, tag


def render(m: Material) -> str:
    """The document."""
    drawn: list[Chart] = []
    sections = [
        ("summary", "Summary", overview.summary(m)),
        ("metrics", "Metrics", overview.metrics(m)),
        ("growth", "Growth", performance.growth(m, drawn)),
        ("calendar", "Months", performance.calendar(m)),
        ("holdings", "Exposure", exposure.holdings(m, drawn)),
        ("headroom", "Limits", limits.headroom(m, drawn)),
        ("tails", "Tails", tails.tails(m, drawn)),
        ("governance", "Modes", exposure.governance(m, drawn)),
        ("regime", "Regime", exposure.regime(m, drawn)),
        ("rolling", "Rolling", performance.rolling(m, drawn)),
        ("contributions", "Assets", performance.contributions(m)),
        ("costs", "Costs", performance.costs(m)),
        ("trades", "Trades", performance.trades(m)),
        ("auctions", "Auctions", decisions.auctions(m, drawn)),
        ("strategies", "Strategies", lifecycle.strategies(m, drawn)),
        ("hurdles", "Hurdles", overview.hurdles(m)),
        ("refusals", "Refusals", decisions.refusals(m)),
        ("data", "Data", provenance.data(m)),
        ("assumptions", "Assumptions", provenance.assumptions(m)),
        ("proof", "Proof", provenance.proof(m)),
    ]
    footer = tag("p", f"plimsoll {m.version}. Past results, real or simulated, do not say what will come.")
    title = f"Plimsoll: {m.result.run}, {m.result.start} to {m.result.end}"
    return page(title, overview.header(m), sections, footer, Book(m.run.days.tolist(), drawn))

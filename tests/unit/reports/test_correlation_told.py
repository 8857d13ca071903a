"""The alarm on the holdings' correlation as a report tells it (R6)."""

from __future__ import annotations

import re
from dataclasses import replace

from msgspec.structs import replace as changed

from plimsoll.core.decision import Comovement
from plimsoll.core.restraint import RiskEvent
from plimsoll.reports.page import formatting
from plimsoll.reports.recorded import Recorded
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import exposure


def plain(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup).replace("\xa0", " ").replace("&#x27;", "'"))


def test_sessions_watched_and_frozen_are_counted_and_events_shown_as_plain_figures(material: ReportData) -> None:
    levels = [1, 1, 2] + [0] * (len(material.run.cycles) - 3)
    cycles = [
        changed(c, carried=changed(c.carried, comovement=Comovement(k, 0.7, 0.6) if k else None))
        for c, k in zip(material.run.cycles, levels, strict=True)
    ]
    events = (
        RiskEvent(material.dates[0], "CORRELATION_HIGH", "WARNING", 0.583, 0.5),
        RiskEvent(material.dates[2], "CORRELATION_ALIKE", "CRITICAL", 0.84, 0.8),
    )
    run = Recorded(material.run.genesis, material.run.tally, cycles, material.run.flows, material.run.intents)
    told = plain(
        exposure.governance(replace(material, run=run, result=changed(material.result, risk_events=events)), [])
    )
    assert "was watched on 3 sessions (1 alarm); on 1 of them every pair was correlated" in told
    assert "average correlation 0.58 is above 0.50, and unusual" in told
    assert "the lowest at 0.84; above 0.80 only reductions pass" in told


def test_plain_figures_are_no_per_cent_and_fractions_are() -> None:
    assert formatting.small(0.583, "CORRELATION_HIGH") == "0.58"
    assert formatting.small(0.583, "GROSS_ABOVE_MAX") == "58.30\xa0%"
    assert formatting.small(40.0, "VIX_EXTREME") == "40"

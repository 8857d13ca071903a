"""A whole report of a governed run: complete, well formed, true to the result, and the same every time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.policy import Policy
from plimsoll.reports import html
from plimsoll.reports.charts import figures
from plimsoll.reports.page import formatting
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import measured
from plimsoll.reports.sections.performance import shade
from plimsoll.reports.sections.relative import of_books
from plimsoll.reports.worth import Worth

VOID = {"meta", "rect", "path", "circle", "text", "br"}


class Outline(HTMLParser):
    """Tags must close in order; collects ids, headings, captions and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.seen.append((tag, given))
        self.ids += [str(given["id"])] if "id" in given else []
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def document(material: ReportData) -> str:
    return html.render(material)


@pytest.fixture(scope="module")
def outline(document: str) -> Outline:
    parsed = Outline()
    parsed.feed(document)
    return parsed


@pytest.fixture(scope="module")
def book(document: str) -> dict[str, Any]:
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', document, re.DOTALL)
    assert data is not None
    return dict(json.loads(data[1]))


def test_the_document_is_well_formed_and_its_ids_unique(outline: Outline) -> None:
    assert outline.problems == [] and outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)


def test_every_section_is_in_the_navigation_and_headed(outline: Outline) -> None:
    links = [str(a["href"])[1:] for t, a in outline.seen if t == "a" and a.get("href") != "#main"]
    sections = [str(a["id"]) for t, a in outline.seen if t == "section"]
    assert links[: len(sections)] == sections and len(sections) == 8
    parts = [str(a["id"]) for t, a in outline.seen if t == "details" and a.get("class") == "part"]
    assert len(parts) >= 18 and set(links) <= {*sections, *parts}
    levels = [t for t, _ in outline.seen if t in ("h1", "h2", "h3")]
    assert levels[0] == "h1" and levels.count("h1") == 1 and levels.count("h2") == len(sections)


def test_every_figure_says_what_it_shows_and_states_its_sample(outline: Outline, material: ReportData) -> None:
    drawn = [a for t, a in outline.seen if a.get("role") == "img"]
    assert len(drawn) >= 12 and all(len(str(a["aria-label"])) > 20 for a in drawn)
    assert len(outline.texts["figcaption"]) == len(drawn)
    assert all(material.sample in c for c in outline.texts["figcaption"])


def test_every_table_has_a_caption_with_its_sample(outline: Outline, material: ReportData) -> None:
    assert len(outline.texts["caption"]) == len(outline.texts["table"]) >= 15
    exempt = ("Every bid on", "Return and maximum drawdown in known crises")
    assert [c for c in outline.texts["caption"] if material.sample not in c and not c.startswith(exempt)] == []
    scopes = {a.get("scope") for t, a in outline.seen if t == "th"}
    assert scopes == {"col", "row"}


def test_each_chart_has_its_place_and_a_value_a_session(book: dict[str, Any], outline: Outline) -> None:
    places = {str(a["id"]) for t, a in outline.seen if a.get("class") == "plot"}
    assert {c["id"] for c in book["charts"]} == places
    for chart in book["charts"]:
        at = chart["at"]
        assert at is None or (at == sorted(set(at)) and 0 <= at[0] <= at[-1] < len(book["days"]))
        assert all(len(s["values"]) == len(at or book["days"]) for s in chart["series"])
        for row in chart["rows"]:
            assert [row["spans"][0][0], row["spans"][-1][1]] == [0, len(book["days"]) - 1]


def test_the_charts_hold_what_the_journal_holds(book: dict[str, Any], material: ReportData) -> None:
    charts = {c["id"]: c for c in book["charts"]}
    curve = np.array(charts["equity"]["series"][0]["values"]) * charts["equity"]["series"][0]["unit"]
    assert curve == pytest.approx([r.nav / material.run.genesis.capital for r in material.run.cycles], abs=6e-5)
    held = charts["tail10"]["series"][0]
    assert held["values"][-1] * held["unit"] == pytest.approx(material.run.cycles[-1].figures["cvar_10"], abs=1e-5)
    lines = [line["value"] for line in charts["falls"]["lines"]]
    assert lines == [-r.threshold for r in material.policy.ladder.rungs]
    stacked = sum(np.array(s["values"]) * s["unit"] for s in charts["exposure"]["series"])
    assert stacked == pytest.approx(np.ones(len(curve)), abs=2e-3)
    mode = charts["modes"]["rows"][0]
    named = [mode["names"][k] for a, b, k in mode["spans"] for _ in range(a, b + 1)]
    assert named == [r.carried.mode.lower() for r in material.run.cycles]


def test_the_metrics_shown_are_those_of_the_result(outline: Outline, material: ReportData) -> None:
    x = material.result.metrics
    metrics = next(t for t in outline.texts["table"] if "Profit factor" in t)
    for shown in (
        formatting.percent(x.total_return), formatting.percent(x.annual_volatility), formatting.figure(x.sharpe),
        formatting.percent(x.max_drawdown), formatting.percent(x.cvar_95_1d, 2), formatting.figure(x.profit_factor),
    ):  # fmt: skip
        assert shown in metrics
    curve = np.array([r.nav for r in material.run.cycles], dtype=float)
    returns = np.diff(curve) / curve[:-1]
    assert formatting.percent(float(np.std(returns, ddof=1) * np.sqrt(252))) in metrics
    assert (
        formatting.percent(max(1 - b / a for i, a in enumerate(curve) for b in curve[i : i + 1 + len(curve)]))
        in metrics
    )
    worst = np.sort(-returns)[::-1]
    mass = 0.05 * worst.size
    whole = int(mass)
    assert formatting.percent((worst[:whole].sum() + (mass - whole) * worst[whole]) / mass, 2) in metrics


def test_the_results_of_all_trips_and_the_interest_are_the_change_of_nav(material: ReportData) -> None:
    trips, run = material.run.trips, material.run
    interest = sum(f.cents for f in run.flows if f.kind == "interest")
    change = int(run.nav[-1]) - run.genesis.capital
    assert sum(t.result for t in trips) + interest == pytest.approx(
        change, abs=len(trips) + 5
    )  # held values are rounded
    open_now = {s for s, w in zip(run.cycles[-1].symbols, run.cycles[-1].held, strict=True) if w}
    assert {t.symbol for t in trips if not t.exited} == open_now
    assert sum(t.costs for t in trips) == sum(f.commission + f.slippage + f.impact for f in run.tally.fills)
    closed = [t for t in trips if t.exited]
    assert closed and all(t.worst is not None and t.worst <= t.best for t in trips)  # type: ignore[operator]
    assert material.result.metrics.win_rate == pytest.approx(sum(t.profit > 0 for t in closed) / len(closed))


def test_every_trip_is_in_the_trades_table(outline: Outline, material: ReportData) -> None:
    table = next(t for t in outline.texts["table"] if "Positions from entry to exit" in t)
    assert all(t.entered in table and formatting.usd(t.profit) in table for t in material.run.trips)


def test_holdings_through_time_are_those_of_the_journal(book: dict[str, Any], material: ReportData) -> None:
    chart = next(c for c in book["charts"] if c["id"] == "positions")
    assert chart["series"][0]["values"] == [sum(w != 0 for w in r.held) for r in material.run.cycles]
    groups = next(c for c in book["charts"] if c["id"] == "groups")
    total = sum(np.array(s["values"]) * s["unit"] for s in groups["series"])
    assert total == pytest.approx([sum(map(abs, r.held)) for r in material.run.cycles], abs=1e-3)


def test_the_first_screen_answers_how_good_how_risky_and_why(
    document: str, book: dict[str, Any], material: ReportData
) -> None:
    first = document[document.index('<section id="summary"') : document.index('<section id="returns"')]
    for shown in (
        formatting.percent(material.result.metrics.annual_return),
        formatting.percent(material.result.metrics.max_drawdown),
        "Evidence", "standard error", 'id="equity"', 'id="falls"', "of 100 tries", "The market is synthetic",
    ):  # fmt: skip
        assert shown in first
    falls = next(c for c in book["charts"] if c["id"] == "falls")
    assert falls["series"][0]["label"] == "All-time drawdown" and falls["series"][0]["shown"]
    assert "as the best of the 3 different backtests" in html.render(replace(material, tries=3))


def test_a_benchmark_that_ends_early_is_named_with_its_end_and_compared_to_there(
    make_market: Callable[..., Any], material_of: Callable[..., ReportData]
) -> None:
    panel = make_market(seed=4, rows=560)
    cut = panel.column["SPY"]
    values = {f: getattr(panel, f).copy() for f in ("open", "high", "low", "close", "volume")}
    for one in values.values():
        one[520:, cut] = np.nan
    short = material_of(replace(panel, **values))
    page, ends = html.render(short), panel.sessions.dates[519]
    assert f"SPY buy-and-hold to {ends}" in page and f"against SPY buy-and-hold to {ends}" in page
    own = short.run.curve[: 520 - short.first]
    market = short.books["SPY buy-and-hold"][: own.size]
    risk_free = _bills(short, own)
    beta = np.polyfit(np.diff(market) / market[:-1] - risk_free, np.diff(own) / own[:-1] - risk_free, 1)
    assert of_books(short)["SPY buy-and-hold"].beta == pytest.approx(beta[0])


def _bills(m: ReportData, curve: np.ndarray) -> np.ndarray:
    return np.zeros(curve.size - 1) if m.risk_free is None else m.risk_free[: curve.size - 1]


def test_the_month_table_holds_every_month_once(outline: Outline, material: ReportData) -> None:
    months = figures.calendar_returns(material.run.curve, material.dates, 7)
    table = next(t for t in outline.texts["table"] if "calendar month" in t and "Jan" in t)
    assert all(formatting.figure(v * 100, 1) in table for v in months.values())
    assert len([a for t, a in outline.seen if re.fullmatch(r"n [ud][1-5]", str(a.get("class")))]) == sum(
        shade(v) != "" for v in months.values()
    )


def test_what_the_governance_did_is_told_in_words(document: str, material: ReportData) -> None:
    for code in material.result.rejections:
        assert code in document
    fired = [e for e in material.result.risk_events if e.kind == "LADDER_RUNG"]
    assert fired and "The drawdown ladder fired level 1" in document
    assert material.run.auctions[-1][0] in document and "Stopped by:" in document
    for c in material.history.panel.certifications:
        assert f">{c.symbol}<" in document


def test_made_up_data_are_labelled_before_anything_else(document: str) -> None:
    body = document[document.index("<body>") :]
    assert 0 < body.index("SYNTHETIC DATA") < body.index("<h1>")


def test_real_data_carry_no_such_label(material: ReportData) -> None:
    result = msgspec.structs.replace(material.result, synthetic=False)
    assert "SYNTHETIC DATA" not in html.render(replace(material, result=result))


def test_a_foreign_policy_is_said_at_the_top(material: ReportData, document: str) -> None:
    said = "The present policy is not the one of this run: rungs"
    assert said not in document
    assert said in html.render(replace(material, policy_known=False))


def test_the_same_run_gives_the_same_bytes(material: ReportData, document: str) -> None:
    assert html.render(replace(material)) == document


def test_hurdles_are_a_table_or_a_command(material: ReportData, document: str) -> None:
    assert "The same policy at five values" in document and "--hurdles" not in document
    assert "--hurdles" in html.render(replace(material, hurdles=()))


def test_a_run_of_two_sessions_has_a_report(
    make_market: Callable[..., Any], material_of: Callable[..., ReportData]
) -> None:
    short = material_of(make_market(seed=4, rows=300), first=298)
    assert "Reproduce" in html.render(short)
    assert formatting.ABSENT in html.render(short)


def test_a_market_without_benchmark_bill_or_vix_has_a_report(
    make_panel: Callable[..., Any], material_of: Callable[..., ReportData]
) -> None:
    draw = np.random.default_rng(8)
    panel = make_panel(100.0 * np.cumprod(1.0 + 0.01 * draw.standard_normal((420, 2)), axis=0), symbols=("AAA", "BBB"))
    bare = material_of(panel, Policy())
    document = html.render(bare)
    assert "SPY buy-and-hold" not in document and 'id="sharpe"' not in document
    assert "VIX was absent" in document and "DGS3MO is absent" in document


def test_a_symbol_cannot_inject_markup(make_panel: Callable[..., Any], material_of: Callable[..., ReportData]) -> None:
    draw = np.random.default_rng(8)
    symbols = ("<b>X</b>", '"><img src=x>')
    panel = make_panel(100.0 * np.cumprod(1.0 + 0.01 * draw.standard_normal((420, 2)), axis=0), symbols=symbols)
    document = html.render(material_of(panel, Policy()))
    assert "<b>X</b>" not in document and "<img" not in document and "&lt;b&gt;X&lt;/b&gt;" in document


def test_what_governance_is_worth_stands_beside_the_metrics(material: ReportData) -> None:
    """The figures of the result at one volatility; nothing where the run has none (T)."""
    changed = msgspec.structs.replace
    without = replace(material, result=changed(material.result, worth=None))
    assert str(measured.worth(without)) == ""
    own = material.result.metrics
    told = Worth(own, changed(own, annual_return=0.123), 0.391, own, changed(own, annual_return=-0.045), 0.508)
    page = str(measured.worth(replace(material, result=changed(material.result, worth=told))))
    cells = [cell.replace("\xa0", " ") for cell in re.findall(r"<td[^>]*>([^<]*)</td>", page)]
    assert [cell for cell in cells if cell[:-2] in ("12.3", "−4.5")] == ["12.3 %", "−4.5 %"]
    assert [cell for cell in cells if cell[:-2] in ("39.1", "50.8")] == ["39.1 %", "50.8 %"]

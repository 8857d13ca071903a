"""Report section: the first screen, with return, risk, and how reliable the figures are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.comparison import benchmark_label
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import count, figure, number, percent, usd
from plimsoll.reports.page.markup import Html, join, part, plot, section, tag
from plimsoll.reports.report_data import ReportData

_MARK = Html('<svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="10"/><path d="M2 16h28"/></svg>')
_KINDS = {
    "backtest": "Backtest",
    "paper": "Paper session",
    "backtest-without-mandate": "Backtest without a mandate's end",
}


def header(m: ReportData) -> Html:
    """Name, span and the most important warnings."""
    r = m.result
    banners = []
    if r.synthetic:
        banners.append(tag("div", words_synthetic(), class_="banner", role="note"))
    if r.mandate_ended:
        day = next(e.day for e in r.risk_events if e.kind == "MANDATE_ENDED")
        said = (
            f"The mandate ended on {day}: the account has no positions and only a signed re-commissioning reopens it."
        )
        banners.append(tag("div", said, class_="banner", role="note"))
    if not m.policy_known:
        said = (
            "The present policy is not the one of this run: rungs, VIX levels, assumptions and "
            "benchmarks shown follow the present policy; CVaR limits are the run's own."
        )
        banners.append(tag("div", said, class_="banner mild", role="note"))
    title = f"{_KINDS.get(r.mode, r.mode.capitalize())}, {r.start} to {r.end}"
    line = f"{', '.join(r.strategies)} under the {r.profile} profile, from {usd(m.run.genesis.capital)}. Run {r.run}."
    head = tag(
        "header",
        tag("div", _MARK, "Plimsoll", class_="brand"),
        tag("h1", title),
        tag("p", line, class_="sample"),
        class_="top",
    )
    return join([*banners, head])


def words_synthetic() -> str:
    """The label of synthetic data (G4)."""
    return "SYNTHETIC DATA: a generated market. These figures say nothing about any real one."


def summary(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """The first screen: return, risk, evidence; then a summary in sentences."""
    drawn += [charts.equity(m.run, m.books, height=180), charts.falls(m.run, m.books, rungs(m), height=160)]
    told = [_growth(m), _worst(m), _governed(m), _auction(m), _refusals(m), _paid(m)]
    return section(
        "summary",
        "Overview",
        tag("p", f"daily closes, net of all costs; {m.sample}.", class_="sample"),
        tag("ul", *_cards(m), class_="cards"),
        tag("div", tag("div", _ranges(m), *_curves(m)), _belief(m), class_="told"),
        part(
            "told",
            "What happened",
            "growth, the worst fall, restraint, refusals and costs in six sentences",
            tag("ul", *(tag("li", s) for s in told if s), class_="said"),
        ),
    )


def _cards(m: ReportData) -> list[Html]:
    """The headline figures, each beside the benchmarks'."""
    x = m.result.metrics
    books = {benchmark_label(name): book for name, book in m.result.benchmarks.items()}

    def card(name: str, field: str, shown: Callable[[float | None], str]) -> Html:
        others = [f"{label} {shown(getattr(book, field))}" for label, book in books.items()]
        return tag("li", tag("span", name), tag("b", shown(getattr(x, field))), *(tag("span", o) for o in others))

    return [
        card("Annual return, net", "annual_return", percent),
        card("Annual volatility", "annual_volatility", percent),
        card("Sharpe ratio (excess of T-bills)", "sharpe", figure),
        card("Maximum drawdown", "max_drawdown", percent),
        card("CVaR 95 %, 1 session", "cvar_95_1d", lambda v: percent(v, 2)),
        card("Annual costs", "cost_drag_annual", lambda v: percent(v, 2)),
    ]


def _curves(m: ReportData) -> tuple[Html, Html]:
    """Growth on a log scale, and drawdown from the all-time peak beside the rungs."""
    others = ", ".join(f"{name} to {figure(float(c[-1]))}" for name, c in m.books.items())
    deepest = percent(float(figures.drawdown(m.run.curve).max()))
    ladder = ", ".join(name for name, _, _ in rungs(m)) or "none, the ladder is off"
    return (
        plot(
            "equity",
            f"Growth of $1, logarithmic; {m.sample}",
            f"Line chart. The account grows from 1 to {figure(float(m.run.curve[-1]))}; {others or 'no benchmark'}.",
        ),
        plot(
            "falls",
            f"Fall from the all-time peak beside the ladder's rungs; {m.sample}",
            f"Area chart. The deepest drawdown is {deepest}. Rungs: {ladder}.",
        ),
    )


def rungs(m: ReportData) -> list[tuple[str, float, bool]]:
    """(label, threshold, of the lifetime peak) of every rung in force."""
    if not m.policy.ladder.enabled:
        return []
    return [
        (f"{r.name.replace('_', ' ')}, {percent(r.threshold, 0)}", r.threshold, r.basis == "lifetime")
        for r in m.policy.ladder.rungs
    ]


def _ranges(m: ReportData) -> Html:
    """Buttons that set every figure to one span: all of it, or the last years."""
    days = m.run.days
    spans = [("All", int(days[0]), int(days[-1]))]
    for years in (5, 1):
        if days.size > years * SESSIONS_A_YEAR:
            label = "Last year" if years == 1 else f"Last {years} years"
            spans.append((label, int(days[-years * SESSIONS_A_YEAR]), int(days[-1])))
    return buttons(spans)


def buttons(spans: Sequence[tuple[str, int, int]]) -> Html:
    """Buttons that set every figure to a span: (name, first day, last day)."""
    made = [
        tag("button", name, type="button", data_from=str(a), data_to=str(b), aria_pressed=str(name == "All").lower())
        for name, a, b in spans
    ]
    return tag("div", *made, class_="zoom", role="group", aria_label="All figures show")


def _belief(m: ReportData) -> Html:
    """Three sentences on the evidence, the notes behind them, and links."""
    links = (("Risk", "#risk"), ("Every trade", "#trades"), ("Assumptions", "#assumptions"),
             ("Reproduce", "#proof"))  # fmt: skip
    return tag(
        "aside",
        tag("h3", "Evidence"),
        tag("ul", *(tag("li", s) for s in (_record(m), _significance(m), _origin(m)) if s)),
        tag("p", *(tag("a", name, href=to) for name, to in links), class_="links"),
    )


def _record(m: ReportData) -> str:
    closed = sum(bool(t.exited) for t in m.run.trips)
    years = (m.run.days[-1] - m.run.days[0]) / 365.25
    return (
        f"One history of {years:.1f} years: {number(m.result.auctions, 'auction')}, "
        f"{number(len(m.run.tally.fills), 'fill')}, {number(closed, 'round trip')} closed."
    )


def _significance(m: ReportData) -> str:
    excess = m.excess(m.run.curve)
    probable = figures.probable_sharpe(excess)
    if probable is None:
        return "The standard error of the Sharpe ratio is unknown: no bill series or too few sessions."
    error, likely = probable
    said = (
        f"The Sharpe ratio is {figure(m.result.metrics.sharpe)} with a standard error of {figure(error)}: above zero "
        f"with a probability of {chance(likely)}"
    )
    if m.tries > 1:
        home = chance(figures.best_of(excess, m.tries))
        said += f", of {home} as the best of the {count(m.tries)} different backtests this home had held"
    return f"{said}; {chance(figures.best_of(excess, 100))} as the best of 100 tries (deflated Sharpe ratio)."


def _origin(m: ReportData) -> Html:
    panel = m.history.panel
    if m.result.synthetic:
        said = "The market is synthetic."
    elif panel.derived_universe or not any(i.members for i in panel.instruments):
        said = "Real prices, but the universe has no membership history: results have survivorship bias."
    else:
        said = "Real prices; symbols trade on their membership dates only."
    notes = number(len(m.result.notes), "note")
    return join([said, tag("a", f"{notes} on the data and the run", href="#notes")]) if m.result.notes else Html(said)


def _growth(m: ReportData) -> str:
    x = m.result.metrics
    text = (
        f"The account went from {usd(m.run.genesis.capital)} to {usd(int(m.run.nav[-1]))}, "
        f"{percent(x.total_return)} in all and {percent(x.annual_return)} a year after costs"
    )
    others = [f"{percent(b.annual_return)} for {benchmark_label(name)}" for name, b in m.result.benchmarks.items()]
    return f"{text}; {' and '.join(others)} over the same sessions." if others else f"{text}."


def _worst(m: ReportData) -> str:
    found = figures.drawdowns(m.run.curve, m.dates, 1)
    if not found:
        return "It never closed below an earlier close."
    d = found[0]
    after = f"recovered on {d.recovered}" if d.recovered else "not recovered by the end"
    span = f"from {d.start} to {d.trough}, {after} ({number(d.length, 'session')})"
    text = f"The largest drawdown was {percent(d.depth)}, {span}"
    others = [f"{percent(b.max_drawdown)} for {benchmark_label(name)}" for name, b in m.result.benchmarks.items()]
    return f"{text}; {' and '.join(others)}." if others else f"{text}."


def _governed(m: ReportData) -> str:
    r = m.result
    fired = Counter(e.scope for e in r.risk_events if e.kind == "LADDER_RUNG")
    order = [rung.name for rung in m.policy.ladder.rungs]
    named = sorted(fired.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    rungs = ", ".join(f"{name.replace('_', ' ')} ({number(c, 'time')})" for name, c in named)
    seen = Counter(m.new_risk)
    barred = seen["barred"] + seen["barred by VIX"]
    text = f"The drawdown ladder fired {rungs}" if fired else "No rung of the drawdown ladder fired"
    text += f"; nothing could be bought on {number(barred, 'session')} ({percent(barred / len(m.new_risk))})"
    text += f", on {count(seen['barred by VIX'])} of them because of VIX" if seen["barred by VIX"] else ""
    signed = f"{number(len(r.approvals), 'approval')} by the {r.operator} operator" if r.approvals else "no approval"
    return f"{text}, with {signed}. On average {percent(r.exposure.invested)} of NAV was invested, the rest was cash."


def _auction(m: ReportData) -> str:
    held = [a for _, a in m.run.auctions]
    binding = [b for b in figures.bindings(held) if b.auctions]
    if not held:
        return ""
    text = f"{number(len(held), 'auction')} allocated the capital"
    if not binding:
        return f"{text}; no shared limit bound in any of them."
    often, most = percent(binding[0].auctions / len(held), 0), _lower(formatting.constraint(binding[0].constraint))
    return f"{text}; the most frequently binding limit was {most}, in {often} of them."


def _refusals(m: ReportData) -> str:
    r = m.result
    refused, done = r.decisions.get("REJECT", 0), r.decisions.get("EXECUTE", 0)
    text = f"{number(done, 'trade')} executed and {number(refused, 'increase')} refused"
    if r.rejections:
        code, times = next(iter(r.rejections.items()))
        text += f", most often because {_lower(_example(m, code))} ({number(times, 'time')})"
    vetoed = sum(r.vetoes.values())
    return f"{text}. " + (f"Vetoes tripped {number(vetoed, 'time')}." if vetoed else "No veto tripped.")


def _example(m: ReportData, code: str) -> str:
    """A reason with the figures of the last finding that gave it, or with the policy's limit."""
    for record in reversed(m.run.cycles):
        for f in record.findings:
            if f.reason == code and f.limit is not None:
                example = formatting.reason(code, symbol=f.scope, measured=f.measured, limit=f.limit)
                return f"of a limit, as in: {example}, on {record.session}"
    limits = {"VIX_HIGH": m.policy.forecast.vix_high, "VIX_EXTREME": m.policy.forecast.vix_extreme}
    return formatting.reason(code, limit=limits.get(code))


def _paid(m: ReportData) -> str:
    fills = m.run.tally.fills
    paid = sum(f.commission + f.slippage + f.impact for f in fills)
    return (
        f"Trading cost {usd(paid)} in commission, slippage and impact; dividends paid {usd(m.run.tally.dividends)} "
        f"and idle cash {usd(m.run.tally.interest)}."
    )


def chance(value: float | None) -> str:
    """A probability; never a certainty."""
    return ">\xa099.9\xa0%" if value is not None and value > 0.999 else percent(value)


def _lower(sentence: str) -> str:
    return (
        sentence
        if sentence[:2].isupper() or sentence.startswith(("CVaR", "VIX"))
        else sentence[:1].lower() + sentence[1:]
    )

"""The first page of a report: what happened in plain sentences, and the metrics beside the passive books."""

from __future__ import annotations

from collections import Counter

import numpy as np

from plimsoll.measures.performance import Metrics
from plimsoll.reports import figures, words
from plimsoll.reports.material import Material
from plimsoll.reports.page import Cell, Html, Line, join, n, section, table, tag
from plimsoll.reports.words import bps, count, figure, number, percent, usd

_MARK = Html('<svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="10"/><path d="M2 16h28"/></svg>')
_KINDS = {
    "backtest": "Backtest",
    "paper": "Paper session",
    "backtest-without-mandate": "Backtest without a mandate's end",
}


def header(m: Material) -> Html:
    """Name, span and what a reader must know first."""
    r = m.result
    banners = []
    if r.synthetic:
        banners.append(tag("div", words_synthetic(), class_="banner", role="note"))
    if r.mandate_ended:
        day = next(e.day for e in r.risk_events if e.kind == "MANDATE_ENDED")
        said = f"The mandate ended on {day}: the account is flat and only a signed re-commissioning reopens it."
        banners.append(tag("div", said, class_="banner", role="note"))
    if not m.policy_known:
        said = (
            "The policy at hand is not the one this run was decided under: rungs, VIX levels, assumptions and passive "
            "books shown follow the policy at hand; CVaR limits are the run's own."
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
    """The label of made-up data (G4)."""
    return "SYNTHETIC DATA: a made-up market. These figures say nothing about any real one."


def summary(m: Material) -> Html:
    """Cards and sentences."""
    r, x = m.result, m.result.metrics
    benchmark = next(iter(r.benchmarks), "")
    passive = r.benchmarks.get(benchmark, Metrics())

    def card(name: str, value: str, beside: str) -> Html:
        return tag("li", tag("span", name), tag("b", value), tag("span", beside))

    def beside(value: str) -> str:
        return f"{benchmark} {value}" if benchmark else ""

    cards = [
        card("Return a year, net", percent(x.annual_return), beside(percent(passive.annual_return))),
        card("Volatility a year", percent(x.annual_volatility), beside(percent(passive.annual_volatility))),
        card("Sharpe over bills", figure(x.sharpe), beside(figure(passive.sharpe))),
        card("Largest drawdown", percent(x.max_drawdown), beside(percent(passive.max_drawdown))),
        card("CVaR 95 %, 1 session", percent(x.cvar_95_1d, 2), beside(percent(passive.cvar_95_1d, 2))),
        card("Costs a year", percent(x.cost_drag_annual, 2), f"{percent(x.turnover_monthly)} turned over a month"),
    ]
    said = [_growth(m), _worst(m), _governed(m), _auction(m), _refusals(m), _paid(m)]
    return section(
        "summary",
        "Summary",
        tag("p", f"Daily closes, net of all costs; {m.sample}.", class_="sample"),
        tag("ul", *cards, class_="cards"),
        tag(
            "div",
            tag("ul", *(tag("li", s) for s in said if s), class_="said"),
            tag("aside", tag("h3", "Before believing a figure"), tag("ul", *(tag("li", s) for s in _trust(m)))),
            class_="told",
        ),
    )


def _growth(m: Material) -> str:
    x = m.result.metrics
    text = (
        f"The account went from {usd(m.run.genesis.capital)} to {usd(int(m.run.nav[-1]))}, "
        f"{percent(x.total_return)} in all and {percent(x.annual_return)} a year after costs"
    )
    others = [f"{percent(b.annual_return)} for {name}" for name, b in m.result.benchmarks.items()]
    return f"{text}; {' and '.join(others)} over the same sessions." if others else f"{text}."


def _worst(m: Material) -> str:
    found = figures.drawdowns(m.run.curve, m.dates, 1)
    if not found:
        return "It never closed below an earlier close."
    d = found[0]
    after = f"made good on {d.recovered}" if d.recovered else "not made good by the end"
    span = f"from {d.start} to {d.trough}, {after} ({number(d.length, 'session')})"
    text = f"The largest fall was {percent(d.depth)}, {span}"
    others = [f"{percent(b.max_drawdown)} for {name}" for name, b in m.result.benchmarks.items()]
    return f"{text}; {' and '.join(others)}." if others else f"{text}."


def _governed(m: Material) -> str:
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


def _auction(m: Material) -> str:
    held = [a for _, a in m.run.auctions]
    binding = [b for b in figures.bindings(held) if b.auctions]
    if not held:
        return ""
    text = f"{number(len(held), 'auction')} shared out the capital"
    if not binding:
        return f"{text}; no shared limit bound in any of them."
    often, most = percent(binding[0].auctions / len(held), 0), _lower(words.constraint(binding[0].constraint))
    return f"{text}; what bound most often was {most}, in {often} of them."


def _refusals(m: Material) -> str:
    r = m.result
    refused, done = r.decisions.get("REJECT", 0), r.decisions.get("EXECUTE", 0)
    text = f"{number(done, 'trade')} executed and {number(refused, 'increase')} refused"
    if r.rejections:
        code, times = next(iter(r.rejections.items()))
        text += f", most often because {_lower(_example(m, code))} ({number(times, 'time')})"
    vetoed = sum(r.vetoes.values())
    return f"{text}. " + (f"Vetoes were tripped {number(vetoed, 'time')}." if vetoed else "No veto was tripped.")


def _example(m: Material, code: str) -> str:
    """A reason with the figures of the last finding that gave it, or with the policy's limit."""
    for record in reversed(m.run.cycles):
        for f in record.findings:
            if f.reason == code and f.limit is not None:
                example = words.reason(code, symbol=f.scope, measured=f.measured, limit=f.limit)
                return f"of a limit, as in: {example}, on {record.session}"
    limits = {"VIX_HIGH": m.policy.forecast.vix_high, "VIX_EXTREME": m.policy.forecast.vix_extreme}
    return words.reason(code, limit=limits.get(code))


def _paid(m: Material) -> str:
    fills = m.run.tally.fills
    paid = sum(f.commission + f.slippage + f.impact for f in fills)
    return (
        f"Trading cost {usd(paid)} in commission, slippage and impact; dividends brought {usd(m.run.tally.dividends)} "
        f"and idle cash {usd(m.run.tally.interest)}."
    )


def _trust(m: Material) -> list[str]:
    probable = figures.probable_sharpe(m.excess(m.run.curve))
    notes = []
    if probable is not None:
        error, chance = probable
        notes.append(
            f"The Sharpe ratio of {figure(m.result.metrics.sharpe)} carries a standard error of {figure(error)}; the "
            f"probability that the true one is above zero is {_chance(chance)}. It is one history, and rules chosen "
            "with knowledge of it look better than they are."
        )
    return notes + [f"{note[:1].upper()}{note[1:]}." for note in m.result.notes]


def _chance(value: float | None) -> str:
    """A probability; never a certainty."""
    return ">\xa099.9\xa0%" if value is not None and value > 0.999 else percent(value)


def _lower(sentence: str) -> str:
    return (
        sentence
        if sentence[:2].isupper() or sentence.startswith(("CVaR", "VIX"))
        else sentence[:1].lower() + sentence[1:]
    )


_ROWS = (
    ("Total return", "total_return", percent, "whole span"),
    ("Return a year", "annual_return", percent, "compounded, 252 sessions"),
    ("Volatility a year", "annual_volatility", percent, "1-session returns × √252"),
    ("Sharpe over bills", "sharpe", figure, "excess over the bill, annual"),
    ("Sharpe, rf 0", "sharpe_rf0", figure, "annual"),
    ("Sortino over bills", "sortino", figure, "downside deviation, annual"),
    ("Largest drawdown", "max_drawdown", percent, "on closes, of the peak"),
    ("Calmar", "calmar", figure, "return a year over largest drawdown"),
    ("CVaR 95 %", "cvar_95_1d", lambda v: percent(v, 2), "realised, 1 session"),
    ("Win rate", "win_rate", percent, "closed round trips, after costs"),
    ("Profit factor", "profit_factor", figure, "closed round trips, after costs"),
    ("Turnover", "turnover_monthly", percent, "½ Σ|Δw| in 21 sessions"),
    ("Costs a year", "cost_drag_annual", lambda v: percent(v, 2), "of mean NAV"),
)


def metrics(m: Material) -> Html:
    """Every metric beside the passive books, then the shape of the returns."""
    r = m.result
    books = {"Plimsoll": r.metrics}
    if r.without_mandate is not None:
        books[f"Without the mandate's end, to {m.run.genesis.end}"] = r.without_mandate
    books |= r.benchmarks
    trades_less = {"win_rate", "profit_factor"}
    rows: list[Line] = []
    for name, key, shown, basis in _ROWS:
        cells = [
            n("–" if key in trades_less and label in r.benchmarks else shown(getattr(b, key)), "us" if i == 0 else "")
            for i, (label, b) in enumerate(books.items())
        ]
        rows.append((name, *cells, Cell(basis, "w")))
    head: Line = ("", *(n(name) for name in books), "Horizon and basis")
    return section(
        "metrics",
        "Metrics",
        tag(
            "p",
            "Passive books pay the same costs on the same sessions and reinvest dividends; they hold no cash "
            "and obey no limit.",
            class_="note",
        ),
        table(f"Performance net of costs; {m.sample}", head, rows),
        _shape(m),
    )


def _shape(m: Material) -> Html:
    market = next(iter(m.books.values()), None)
    columns = []
    for curve in m.curves.values():
        returns = curve[1:] / curve[:-1] - 1.0
        by_month = np.array(list(figures.calendar_returns(curve, m.dates, 7).values()))
        fall = figures.drawdown(curve)
        shape = figures.moments(returns)
        slope = None if market is None else figures.beta(returns, market[1:] / market[:-1] - 1.0)
        probable = figures.probable_sharpe(m.excess(curve))
        columns.append(
            (
                percent(float(returns.max()), 2) if returns.size else words.ABSENT,
                percent(float(returns.min()), 2) if returns.size else words.ABSENT,
                percent(float(by_month.max())),
                percent(float(by_month.min())),
                percent(float(np.mean(by_month > 0)), 0),
                percent(float(np.mean(returns > 0)), 0) if returns.size else words.ABSENT,
                figure(shape[0] if shape else None),
                figure(shape[1] if shape else None),
                percent(float(np.mean(fall > 0)), 0),
                figure(slope[0] if slope else None),
                figure(slope[1] if slope else None),
                figure(probable[0] if probable else None),
                _chance(probable[1] if probable else None),
            )
        )
    benchmark = next(iter(m.books), "the benchmark").removesuffix(" held")
    names = (
        "Best session",
        "Worst session",
        "Best month",
        "Worst month",
        "Months with a gain",
        "Sessions with a gain",
        "Skewness",
        "Kurtosis (normal 3)",
        "Sessions below an earlier close",
        f"Beta to {benchmark}",
        f"Correlation with {benchmark}",
        "Standard error of the Sharpe ratio",
        "Probability of a true Sharpe above 0",
    )
    rows: list[Line] = [
        (name, *(n(c[i], "us" if k == 0 else "") for k, c in enumerate(columns))) for i, name in enumerate(names)
    ]
    caption = f"Shape of 1-session and calendar-month returns; {m.sample}"
    head: Line = ("", *(n(c) for c in m.curves))
    return join([tag("h3", "Shape of the returns"), table(caption, head, rows)])


def hurdles(m: Material) -> Html:
    """The run at other hurdles, or how to get them (A3)."""
    auctions = [a for _, a in m.run.auctions]
    critical = [a.critical_risk_aversion for a in auctions if a.critical_risk_aversion is not None]
    used = [a.risk_aversion for a in auctions]
    said = ""
    if critical and used:
        in_cash = sum(
            a.critical_risk_aversion <= a.risk_aversion for a in auctions if a.critical_risk_aversion is not None
        )
        does = (
            "the CVaR budgets do the work, not the hurdle"
            if not in_cash
            else f"in {number(in_cash, 'auction')} the hurdle alone held the book in cash, in the others limits did it"
        )
        said = (
            f"The hurdle of {m.policy.auction.hurdle_sharpe:g} prices a unit of CVaR at "
            f"{figure(used[-1], 4)}. The auctions "
            f"would hold only cash above {figure(float(np.median(critical)), 4)} in the median (least "
            f"{figure(min(critical), 4)}, {number(len(critical), 'auction')}): {does}."
        )
    if not m.hurdles:
        how = tag(
            "p",
            "The same span at five hurdles takes five more backtests: ",
            tag("code", f"plimsoll report --run {m.result.run} --hurdles"),
            class_="note",
        )
        return section("hurdles", "Price of risk", tag("p", said) if said else "", how)
    rows: list[Line] = [
        (
            f"{h.hurdle:g}",
            n(percent(h.metrics.annual_return, 2)),
            n(percent(h.metrics.annual_volatility, 2)),
            n(figure(h.metrics.sharpe)),
            n(percent(h.metrics.max_drawdown)),
            n(percent(h.metrics.cvar_95_1d, 2)),
            n(percent(h.metrics.turnover_monthly)),
            n(bps(h.metrics.cost_drag_annual, 0)),
            n(percent(h.invested)),
        )
        for h in m.hurdles
    ]
    head: Line = (
        "Hurdle (annual Sharpe)",
        n("Return a year"),
        n("Volatility"),
        n("Sharpe"),
        n("Drawdown"),
        n("CVaR 1"),
        n("Turnover a month"),
        n("Costs a year"),
        n("Invested"),
    )
    caption = f"The same policy at five values of auction.hurdle_sharpe, each a whole backtest; {m.sample}"
    return section("hurdles", "Price of risk", tag("p", said) if said else "", table(caption, head, rows))

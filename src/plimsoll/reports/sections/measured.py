"""Report section: metrics beside benchmarks, and the price of risk (A3)."""

from __future__ import annotations

import numpy as np

from plimsoll.reports.comparison import benchmark_label
from plimsoll.reports.page.formatting import bps, figure, number, percent
from plimsoll.reports.page.markup import Cell, Html, Line, join, n, part, table, tag
from plimsoll.reports.report_data import ReportData

_PRICE = "at which price of CVaR the auctions would stay in cash"
_ROWS = (
    ("Total return", "total_return", percent, "whole span"),
    ("Annual return", "annual_return", percent, "compounded, 252 sessions"),
    ("Annual volatility", "annual_volatility", percent, "1-session returns × √252"),
    ("Sharpe ratio (excess of T-bills)", "sharpe", figure, "annual"),
    ("Sharpe ratio (risk-free rate 0)", "sharpe_rf0", figure, "annual"),
    ("Sortino ratio (excess of T-bills)", "sortino", figure, "downside deviation, annual"),
    ("Maximum drawdown", "max_drawdown", percent, "on closes, of the peak"),
    ("Calmar ratio", "calmar", figure, "annual return over maximum drawdown"),
    ("CVaR 95 %", "cvar_95_1d", lambda v: percent(v, 2), "realised, 1 session"),
    ("Win rate", "win_rate", percent, "closed round trips, after costs"),
    ("Profit factor", "profit_factor", figure, "closed round trips, after costs"),
    ("Turnover", "turnover_monthly", percent, "½ Σ|Δw| in 21 sessions"),
    ("Annual costs", "cost_drag_annual", lambda v: percent(v, 2), "of mean NAV"),
)


def metrics(m: ReportData) -> Html:
    """Every metric beside the benchmarks'."""
    r = m.result
    books = {"Plimsoll": r.metrics}
    if r.without_mandate is not None:
        books[f"Without the mandate's end, to {m.run.genesis.end}"] = r.without_mandate
    labels = m.labels()
    passive = {}
    for key, book in r.benchmarks.items():
        name = benchmark_label(key)
        passive[labels.get(name, name)] = book
    books |= passive
    trades_less = {"win_rate", "profit_factor"}
    rows: list[Line] = []
    for name, key, shown, basis in _ROWS:
        cells = [
            n("–" if key in trades_less and label in passive else shown(getattr(b, key)), "us" if i == 0 else "")
            for i, (label, b) in enumerate(books.items())
        ]
        rows.append((name, *cells, Cell(basis, "w")))
    head: Line = ("", *(n(name) for name in books), "Horizon and basis")
    return join(
        [
            tag(
                "p",
                "Benchmarks pay the same costs on the same sessions and reinvest dividends; they hold no cash "
                "and have no limits.",
                class_="note",
            ),
            table(f"Performance net of costs; {m.sample}", head, rows),
        ]
    )


def worth(m: ReportData) -> Html:
    """Cost and benefit of the risk limits: the run beside the same forecasts ungoverned, and equal weight, each with
    cash added to match the governed volatility (T); empty where the run has no such figures.
    """
    found = m.result.worth
    if found is None:
        return join([])
    books = (m.result.metrics, found.ungoverned_delevered, found.equal_weight_delevered)
    keys = {"annual_return", "annual_volatility", "sharpe", "max_drawdown", "cost_drag_annual"}
    rows: list[Line] = [
        (name, *(n(shown(getattr(book, key)), "us" if i == 0 else "") for i, book in enumerate(books)))
        for name, key, shown, _ in _ROWS
        if key in keys
    ]
    shares = (found.ungoverned_share, found.equal_weight_share)
    rows.append(("Part of NAV, the rest in cash", n("–"), *(n(percent(share)) for share in shares)))
    head: Line = ("", n("Governed"), n("Same forecasts ungoverned, de-levered"), n("Equal weight, de-levered"))
    return table(f"Cost and benefit of the risk limits, at equal volatility; {m.sample}", head, rows)


def hurdles(m: ReportData) -> Html:
    """The run at other hurdles, or the command for them (A3)."""
    words = _price_of_risk(m)
    said = tag("p", words) if words else ""
    if m.hurdles:
        return part("hurdles", "Price of risk", _PRICE, said, _at_hurdles(m))
    how = tag(
        "p",
        "The same span at five hurdles takes five more backtests: ",
        tag("code", f"plimsoll report --run {m.result.run} --hurdles"),
        class_="note",
    )
    return part("hurdles", "Price of risk", _PRICE, said, how)


def _price_of_risk(m: ReportData) -> str:
    """What the hurdle was worth in the run's auctions, and whether it kept anything in cash; empty without auctions."""
    auctions = [(a.critical_risk_aversion, a.risk_aversion) for _, a in m.run.auctions]
    critical = [(at, used) for at, used in auctions if at is not None]
    if not critical:
        return ""
    in_cash = sum(at <= used for at, used in critical)
    does = (
        "the CVaR budgets bind, not the hurdle"
        if not in_cash
        else f"in {number(in_cash, 'auction')} the hurdle alone kept everything in cash, in the others limits did"
    )
    prices = [at for at, _ in critical]
    return (
        f"The hurdle of {m.policy.auction.hurdle_sharpe:g} prices a unit of CVaR at "
        f"{figure(auctions[-1][1], 4)}. The auctions would hold only cash above {figure(float(np.median(prices)), 4)} "
        f"in the median (least {figure(min(prices), 4)}, {number(len(prices), 'auction')}): {does}."
    )


def _at_hurdles(m: ReportData) -> Html:
    """One whole backtest for each hurdle."""
    rows: list[Line] = [
        (
            f"{h.hurdle:g}", n(percent(h.metrics.annual_return, 2)), n(percent(h.metrics.annual_volatility, 2)),
            n(figure(h.metrics.sharpe)), n(percent(h.metrics.max_drawdown)), n(percent(h.metrics.cvar_95_1d, 2)),
            n(percent(h.metrics.turnover_monthly)), n(bps(h.metrics.cost_drag_annual, 0)), n(percent(h.invested)),
        )
        for h in m.hurdles
    ]  # fmt: skip
    names = (
        "Annual return",
        "Volatility",
        "Sharpe",
        "Drawdown",
        "CVaR 1",
        "Turnover a month",
        "Annual costs",
        "Invested",
    )
    caption = f"The same policy at five values of auction.hurdle_sharpe, each a whole backtest; {m.sample}"
    return table(caption, ("Hurdle (annual Sharpe)", *map(n, names)), rows)

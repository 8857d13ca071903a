"""Report section: drawdowns, months, crises, rolling figures, contributions, costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plimsoll.core.dates import day_number
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.costs.model import liquidity
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.page.formatting import bps, count, figure, number, percent, usd
from plimsoll.reports.page.markup import Cell, HistogramBin, Html, Line, bar, histogram, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections.overview import buttons

WINDOW = SESSIONS_A_YEAR
WORST = 10
_FEW = 12  # months below which a histogram says nothing
_BINS = 16
_STEPS = (0.002, 0.01, 0.02, 0.035)  # of a month's return, where the shade deepens
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def worst(m: ReportData) -> Html:
    """The deepest falls from the all-time peak."""
    rows: list[Line] = [
        (
            str(i),
            Cell(d.start, "d"),
            Cell(d.trough, "d"),
            Cell(d.recovered or "not yet", "d"),
            n(percent(d.depth, 2)),
            n(count(d.fall)),
            n(count(d.length)),
        )
        for i, d in enumerate(figures.drawdowns(m.run.curve, m.dates, WORST), 1)
    ]
    head: Line = ("", "Peak", "Trough", "Recovered", n("Depth"), n("Sessions to trough"), n("Sessions in all"))
    said = f"{rows[0][4].content} at most" if rows and isinstance(rows[0][4], Cell) else "it never fell"
    caption = f"The {len(rows)} deepest drawdowns on closes; {m.sample}"
    return part("worst", "Worst drawdowns", said, table(caption, head, rows))


def calendar(m: ReportData) -> Html:
    """Months as a heat table, and their distribution."""
    by_month = np.array(list(figures.calendar_returns(m.run.curve, m.dates, 7).values()))
    said = f"{percent(float(np.mean(by_month > 0)), 0)} of {number(by_month.size, 'month')} gained"
    return part("calendar", "Months", said, _months(m), _histogram(m), shown=True)


def _months(m: ReportData) -> Html:
    by_month = figures.calendar_returns(m.run.curve, m.dates, 7)
    by_year = figures.calendar_returns(m.run.curve, m.dates, 4)
    rows: list[Line] = []
    for year, total in by_year.items():
        cells = []
        for month in range(1, 13):
            value = by_month.get(f"{year}-{month:02d}")
            cells.append(n("") if value is None else n(figure(value * 100.0, 1), shade(value)))
        rows.append((year, *cells, n(figure(total * 100.0, 1), "year")))
    caption = f"Return of each calendar month, per cent, net of costs; {m.sample}"
    return table(caption, ("", *(n(x) for x in _MONTHS), n("Year")), rows, kind="heat")


def _histogram(m: ReportData) -> Html:
    values = np.array(list(figures.calendar_returns(m.run.curve, m.dates, 7).values())) * 100.0
    if values.size < _FEW:
        return Html("")
    first, last = int(np.floor(values.min())), int(np.ceil(values.max()))
    wide = max(1, -(-(last - first) // _BINS))
    edges = np.arange(first // wide * wide, last + wide, wide)
    counts, _ = np.histogram(values, edges)
    bins = [
        HistogramBin(f"{a:+d}".replace("-", "−"), c, a < 0)
        for a, c in zip(edges.tolist(), counts.tolist(), strict=False)
    ]
    unit = "a point" if wide == 1 else f"{wide} points"
    caption = f"How many calendar months returned how much: columns {unit} wide from the figure below them, per cent; "
    alt = f"Histogram of {number(values.size, 'month')}, from {figure(values.min(), 1)} to {figure(values.max(), 1)} %."
    return histogram(bins, caption + m.sample, alt)


def shade(value: float) -> str:
    """Class of a heat cell; nothing within 0.05 % of zero.

    >>> shade(0.04), shade(-0.0001)
    ('u5', '')
    """
    if abs(value) < 0.0005:
        return ""
    return f"{'u' if value > 0 else 'd'}{1 + sum(abs(value) >= s for s in _STEPS)}"


def crises(m: ReportData) -> Html:
    """Returns and drawdowns in known crises."""
    found = {name: figures.crises(c, m.dates) for name, c in m.curves.items()}
    rows: list[Line] = []
    for i, window in enumerate(found["Plimsoll"]):
        cells = [
            cell
            for k, name in enumerate(m.curves)
            for cell in (n(percent(found[name][i].total), "us" if k == 0 else ""), n(percent(found[name][i].depth)))
        ]
        rows.append((window.name, Cell(f"{window.start} to {window.end}", "d"), *cells))
    if not rows:
        return part("crises", "Crises", "the span covers none of the windows")
    head: Line = ("Crisis", "Sessions covered", *(x for name in m.curves for x in (n(name), n("drawdown"))))
    caption = (
        "Return and maximum drawdown in known crises, as far as the span covers them; net of costs, governed throughout"
    )
    spans = [(w.name, day_number(w.start), day_number(w.end)) for w in found["Plimsoll"]]
    return part(
        "crises",
        "Crises",
        f"{number(len(rows), 'window')} beside the benchmarks",
        table(caption, head, rows),
        buttons(spans),
    )


def rolling(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Rolling Sharpe ratio and volatility."""
    if len(m.dates) <= WINDOW:
        return part("rolling", "Rolling figures", f"the span has fewer than {WINDOW} returns")
    parts = {name: figures.rolling(c[1:] / c[:-1] - 1.0, m.excess(c), WINDOW) for name, c in m.curves.items()}
    sharpe, volatility = charts.rollings(parts)
    own = parts["Plimsoll"]
    shown = [volatility]
    plots = []
    if m.risk_free is not None:
        shown.insert(0, sharpe)
        plots.append(
            plot(
                "sharpe",
                f"Sharpe ratio (excess of T-bills), annual, trailing {WINDOW} sessions; {m.sample}",
                _range_of("Sharpe ratio", own[1], figure),
            )
        )
    plots.append(
        plot(
            "volatility",
            f"Annual volatility of 1-session returns, trailing {WINDOW} sessions; {m.sample}",
            _range_of("Volatility", own[0], percent),
        )
    )
    drawn += shown
    said = f"Sharpe ratio, volatility and beta over trailing {WINDOW} sessions"
    return part("rolling", "Rolling figures", said, tag("div", *plots, class_="pair"))


def _range_of(name: str, values: charts.Floats, shown: Callable[[float], str]) -> str:
    if not np.isfinite(values).any():
        return f"Line chart. {name} unknown throughout."
    return f"Line chart. {name} between {shown(float(np.nanmin(values)))} and {shown(float(np.nanmax(values)))}."


def contributions(m: ReportData) -> Html:
    """What each asset earned, and how the parts make the whole."""
    run = m.run
    parts, interest = figures.contributions(run.tally.fills, run.flows, m.held_at_end)
    total = sum(c.total for c in parts) + interest
    largest = max([abs(c.total) for c in parts] + [abs(interest)])
    rows = [*(_contribution(m, c, largest) for c in parts), _interest(m, interest, largest)]
    whole = _asset(
        "Change of NAV", usd(sum(c.price for c in parts)), usd(sum(c.income for c in parts) + interest),
        n(usd(total)), "", _of_capital(m, total), usd(sum(c.costs for c in parts)),
        count(sum(c.trades for c in parts)), "", "", "",
    )  # fmt: skip
    head = _asset(
        "Asset", "Price", "Income", n("Total"), "", "of capital", "Costs paid", "Trades", "Held", "Mean weight", "Most"
    )
    apart = abs(total - (int(run.nav[-1]) - run.genesis.capital)) / 100.0
    note = "" if apart < 1.0 else f" The parts differ from the change of NAV by ${apart:,.2f} of rounding."
    caption = f"Profit by asset in dollars, price gains after costs; held is the share of sessions; {m.sample}.{note}"
    first = f"{parts[0].symbol} {usd(parts[0].total)} first, " if parts else ""
    said = f"{first}interest {usd(interest)}, in all {usd(total)}"
    return part("contributions", "Contributions", said, table(caption, head, [*rows, whole], total=True))


def _asset(name: Cell | str, price: str | Cell, income: str, total: Cell, drawn: Cell | str, *rest: str) -> Line:
    """A line of the table of contributions."""
    return (name, price if isinstance(price, Cell) else n(price), n(income), total, drawn, *(n(text) for text in rest))


def _of_capital(m: ReportData, cents: int) -> str:
    return percent(cents / m.run.genesis.capital)


def _contribution(m: ReportData, c: figures.SymbolContribution, largest: int) -> Line:
    """One asset: what it earned, and how much of the portfolio it was."""
    weights = dict(zip(m.run.symbols, m.run.weights.T, strict=True)).get(c.symbol)
    held = mean = most = None
    if weights is not None:
        held, mean, most = float(np.mean(weights != 0.0)), float(weights.mean()), float(weights.max())
    return _asset(
        Cell(c.symbol, "d"), n(usd(c.price), _tone(c.price)), usd(c.income), n(usd(c.total), "us"),
        Cell(bar(c.total, largest), "d"), _of_capital(m, c.total), usd(c.costs), count(c.trades), percent(held, 0),
        percent(mean), percent(most),
    )  # fmt: skip


def _interest(m: ReportData, cents: int, largest: int) -> Line:
    return _asset(
        "Interest on cash", "", usd(cents), n(usd(cents), "us"), Cell(bar(cents, largest), "d"), _of_capital(m, cents),
        "", "", "", percent(float(m.run.cash.mean())), percent(float(m.run.cash.max())),
    )  # fmt: skip


def _tone(cents: int) -> str:
    return "up" if cents > 0 else "dn" if cents < 0 else ""


def costs(m: ReportData) -> Html:
    """Turnover and costs by year and by kind of asset, and the strategy's capacity."""
    run = m.run
    rows: list[Line] = []
    found = figures.years(run.nav, m.dates, run.tally.fills)
    for y in found:
        scale = y.mean_nav * y.sessions / SESSIONS_A_YEAR
        rows.append(
            (
                str(y.year),
                n(count(y.trades)),
                n(percent(y.turnover, 0)),
                n(usd(y.commission)),
                n(usd(y.slippage)),
                n(usd(y.impact)),
                n(usd(y.total), "us"),
                n(bps(y.total / scale, 0)),
            )
        )
    whole = [sum(getattr(y, k) for y in found) for k in ("trades", "commission", "slippage", "impact", "total")]
    rows.append(
        (
            "All",
            n(count(whole[0])),
            n(percent(sum(y.turnover for y in found), 0)),
            *(n(usd(w)) for w in whole[1:]),
            n(bps(m.result.metrics.cost_drag_annual, 0)),
        )
    )
    head: Line = (
        "Year",
        n("Trades"),
        n("Turnover"),
        n("Commission"),
        n("Slippage"),
        n("Impact"),
        n("Total"),
        n("a year, of mean NAV"),
    )
    return part(
        "costs",
        "Turnover and costs",
        f"{usd(whole[-1])} in all, {bps(m.result.metrics.cost_drag_annual, 0)} a year of mean NAV",
        table(
            f"Turnover (½ Σ|Δw|) and costs by calendar year; part years annualised in the last column; {m.sample}",
            head,
            rows,
            total=True,
        ),
        _by_kind(m),
        _capacity(m),
    )


def _by_kind(m: ReportData) -> Html:
    kinds = {i.symbol: i.kind for i in m.history.panel.instruments}
    rows: list[Line] = []
    fills = m.run.tally.fills
    for kind in sorted({kinds.get(f.symbol, "unknown") for f in fills}):
        own = [f for f in fills if kinds.get(f.symbol, "unknown") == kind]
        traded = sum(abs(f.notional) for f in own)
        paid = [sum(getattr(f, name) for f in own) for name in ("commission", "slippage", "impact")]
        rows.append(
            (
                kind,
                n(count(len(own))),
                n(usd(traded)),
                *(n(bps(p / traded)) for p in paid),
                n(bps(sum(paid) / traded), "us"),
            )
        )
    head: Line = ("Kind", n("Trades"), n("Traded"), n("Commission"), n("Slippage"), n("Impact"), n("Total"))
    return table(f"Costs by kind of asset, of traded notional; {m.sample}", head, rows) if rows else Html("")


def _capacity(m: ReportData) -> Html:
    """How far the capital could grow before its trades met the participation limit (A3)."""
    history, sessions = m.history, m.history.panel.sessions
    adv = history.array("adv")
    shares = []
    for fill in m.run.tally.fills:
        row = sessions.row_at_or_after(fill.session) - 1
        volume = float(adv[row, history.panel.column[fill.symbol]])
        if volume > 0.0:
            shares.append((abs(fill.notional) / 100.0 / volume, m.run.nav[max(row - m.first, 0)] / 100.0))
    if not shares:
        return Html("")
    limit = m.policy.limits.participation_max
    used = np.array([s for s, _ in shares])
    room = np.array([nav * limit / s for s, nav in shares])
    sure, takes = liquidity(used)
    said = (
        f"Capacity: the median trade took {bps(float(np.median(used)), 2)} of its average daily volume, the largest "
        f"{bps(float(used.max()), 1)}; the cost model's confidence in its estimates was "
        f"{percent(float(sure.min()), 2)} or more, and a trade took at most {bps(float(takes.max()), 2)} of liquidity "
        f"with it (C1). At the limit of {percent(limit, 0)} the same trades would fit an account of about "
        f"${np.quantile(room, 0.05) / 1e6:,.0f} million in 95 % of cases and of ${room.min() / 1e6:,.1f} "
        "million in all "
        f"({number(len(shares), 'trade')}, volumes of their own time)."
    )
    return tag("p", said, class_="note")

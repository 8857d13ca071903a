"""Report section: CVaR beside its limits, its uncertainty and its sources, by four estimators (R2, R3)."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis import estimates
from plimsoll.measures.cvar import normal_cvar
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts.tailgrid import TailGrid, tail_grid
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import count, number, percent
from plimsoll.reports.page.markup import Html, Line, join, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import estimators

Floats = NDArray[np.float64]

# benchmarks/bench_tail.py on 300 stocks and 15 funds, walk-forward; a statement of a study, not of this run
FARED = (
    "Accuracy of the estimate on single assets (benchmarks/RESULTS.md, 300 stocks 2011 to 2026 and 15 funds 1995 to "
    "2026): the mean of the worst 5 % of losses was 1.01 and 1.02 times the CVaR of 1 session, and 1.16 and 1.10 times "
    "that of 10: over 10 sessions it is too small, for stocks by about 14 %."
)


def tails(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """CVaR beside budget and hard limit, with headroom, at both horizons; stressed."""
    grid = tail_grid(m)
    drawn += [charts.tail(m.run, 1), charts.tail(m.run, 10), charts.stressed(m.run)]
    drawn += [charts.interval(grid, h) for h in grid.of]
    rows: list[Line] = []
    for h in (1, 10):
        held = m.run.figure(f"cvar_{h}")
        rows.append(_headroom(f"{number(h, 'session')}, budget", held, m.run.limit(f"cvar_budget_{h}")))
        rows.append(_headroom(f"{number(h, 'session')}, hard limit", held, m.run.limit(f"cvar_hard_{h}")))
    for h in (1, 10):
        after = m.run.figure(f"stressed_after_{h}")
        rows.append(
            _headroom(
                f"{number(h, 'session')}, stressed, after orders", after, m.run.limit(f"stressed_{h}"), unknown=False
            )
        )
    head: Line = (
        "CVaR 95 %",
        n("Limit, median"),
        n("Mean"),
        n("Largest"),
        n("Mean headroom"),
        n("Least headroom"),
        n("Sessions above"),
        n("Last headroom"),
    )
    measured = int(np.count_nonzero(np.isfinite(m.run.figure("stressed_after_1"))))
    return part(
        "tails",
        "Tail risk against its limits",
        f"Realised CVaR 95 % of one session: {percent(m.result.metrics.cvar_95_1d, 2)}",
        tag(
            "p",
            "Estimates at the decision, fractions of NAV, from filtered historical scenarios of "
            f"{number(m.policy.cvar.window, 'session')}. Budgets limit proposals and shrink in drawdowns and crises; "
            "hard limits apply to positions, which may drift above the budget without a forced sale; above the "
            "hard limit they are scaled down in the same session. Realised CVaR of 1 session: "
            f"{percent(m.result.metrics.cvar_95_1d, 2)}.",
            class_="note",
        ),
        table(f"Estimated CVaR beside its limits; headroom is the unused part of a limit; {m.sample}", head, rows),
        tag("div", *(_tail_plot(m, h) for h in (1, 10)), class_="pair"),
        tag("p", _kept(m)),
        _intervals(m, grid),
        plot(
            "stressed",
            "Stressed CVaR after the orders, share of its limit, at 1 and 10 sessions; on the "
            f"{number(measured, 'session')} that measured it (those with purchases), of {m.sample}",
            f"Points over time, {'none' if _within(m) else 'some'} above the limit of 100 %.",
        ),
        _components(m, grid, drawn),
        estimators.by_estimator(m),
    )


def exceeded(held: Floats, after: Floats, curve: Floats) -> tuple[Floats, Floats]:
    """The loss of the session after each close beside the 1-session CVaR estimated there.

    Parameters
    ----------
    held, after : (T,)
        CVaR of the book held at the close, and of that book after its orders. These fill at the next open, and what
        is lost until then is the held book's: the larger counts.
    curve : (T,)
        Growth of the account.

    Returns
    -------
    losses, estimates : (T - 1,)
        A loss is positive; both NaN where nothing was at risk. Over more sessions than one the book would be another.
    """
    known = np.fmax(held, after)[:-1]
    at_risk = known > 0.0
    return np.where(at_risk, 1.0 - curve[1:] / curve[:-1], np.nan), np.where(at_risk, known, np.nan)


def _kept(m: ReportData) -> str:
    """How often the account lost more than it was estimated to, and by how much at worst."""
    lost, known = exceeded(m.run.figure("cvar_1"), m.run.figure("cvar_after_1"), m.run.curve)
    seen = int(np.count_nonzero(np.isfinite(known)))
    if not seen:
        return "There were no positions, so no estimate could be tested."
    beyond = int(np.count_nonzero(lost > known))
    ratio = np.where(np.isfinite(known), lost / known, -np.inf)
    worst = int(ratio.argmax())
    normal = 1.0 - NormalDist().cdf(normal_cvar(estimates.CONFIDENCE))
    return (
        f"Backtest of the estimate: after {count(beyond)} of {count(seen)} closes ({percent(beyond / seen)}) the next "
        "session lost more, costs included, than the CVaR of 1 session estimated then, the larger of "
        "those before and after orders; with normal tails "
        f"{percent(normal)} would, with heavier tails fewer but larger. The largest exceedance was "
        f"{percent(float(lost[worst]), 2)} on {m.dates[worst + 1]}, {float(ratio[worst]):.1f} times the "
        f"{percent(float(known[worst]), 2)} estimated the session before. {FARED}"
    )


def _intervals(m: ReportData, grid: TailGrid) -> Html:
    """CVaR with its bootstrap interval beside the limits, and its uncertainty."""
    told = []
    for h, one in grid.of.items():
        held = (one.cvar > 0.0) & np.isfinite(one.low) & np.isfinite(one.high)
        if not held.any():
            continue
        wide = np.median((one.high - one.low)[held] / one.cvar[held])
        unsure = int(np.count_nonzero(held & (one.cvar <= one.hard) & (one.high > one.hard)))
        told.append(
            f"At {number(h, 'session')} the interval is {percent(float(wide), 0)} of the estimate wide in the median; "
            f"on {number(unsure, 'session')} of {count(int(held.sum()))} the estimate was inside the hard limit and "
            "its interval reached beyond it."
        )
    return join(
        [
            tag("h4", "Uncertainty of the estimate"),
            tag(
                "p",
                "CVaR with the two-sided 95 % interval of 1,000 moving-block samples, and VaR, of the book held on "
                f"{m.grid_said}. The interval covers sampling error only: that tomorrow resembles these "
                f"{number(m.policy.cvar.window, 'session')} at today's volatility is assumed, not tested by it "
                "(how often it covers: see the estimators below). " + " ".join(told),
                class_="note",
            ),
            tag("div", *(_interval_plot(m, grid, h) for h in grid.of), class_="pair"),
        ]
    )


def _interval_plot(m: ReportData, grid: TailGrid, horizon: int) -> Html:
    return plot(
        f"interval{horizon}",
        f"CVaR 95 % at {number(horizon, 'session')} with its interval, beside VaR and limits; "
        f"{number(len(grid.at), 'session')} of {m.sample}",
        f"Line chart with a shaded interval. Largest CVaR: {formatting.largest(grid.of[horizon].cvar)}, the largest "
        f"upper end {formatting.largest(grid.of[horizon].high)}.",
    )


def _components(m: ReportData, grid: TailGrid, drawn: list[charts.Chart]) -> Html:
    """Contributions to the tail through time."""
    horizon = max(grid.of)
    one = grid.of[horizon]
    whole = np.where(one.cvar > 0.0, one.cvar, np.nan)
    share = one.component / whole[:, None]
    if not np.isfinite(share).any():
        return tag("p", "There were no positions on these sessions.", class_="note")
    drawn.append(charts.components(grid, m.colours))
    mean = np.nan_to_num(np.nanmean(share, axis=0))
    order = sorted(range(len(grid.symbols)), key=lambda i: -mean[i])[:5]
    top = ", ".join(f"{grid.symbols[i]} {percent(float(mean[i]), 0)}" for i in order)
    most = np.nan_to_num(share).max(axis=1)
    several = np.count_nonzero(one.component, axis=1) >= 4
    alarm = int(np.count_nonzero((most > m.policy.cvar.euler_alarm) & several))
    hedged = int(np.count_nonzero((one.component < 0.0).any(axis=1)))
    return join(
        [
            tag("h4", "Contributions to CVaR"),
            plot(
                "components",
                f"Each position's part of CVaR at {number(horizon, 'session')}, stacked: with hedges, below zero, "
                f"the parts sum to the line; {number(len(grid.at), 'session')} of {m.sample}",
                f"Stacked areas. Mean shares: {top}.",
            ),
            tag(
                "p",
                f"Mean shares of CVaR: {top}. One position was more than {percent(m.policy.cvar.euler_alarm, 0)} of it "
                f"among four or more on {number(alarm, 'session')} of {count(len(grid.at))}; a position hedged, with a "
                f"part below zero, on {count(hedged)}.",
            ),
        ]
    )


def _tail_plot(m: ReportData, horizon: int) -> Html:
    return plot(
        f"tail{horizon}",
        f"CVaR 95 % of the held book at {number(horizon, 'session')}; {m.sample}",
        f"Area chart beside budget and hard limit. Largest: {formatting.largest(m.run.figure(f'cvar_{horizon}'))}.",
    )


def _headroom(name: str, measured: Floats, limit: Floats, *, unknown: bool = True) -> Line:
    """A row of the table; with ``unknown`` a session without a figure counts as above its limit (R1)."""
    seen = np.isfinite(measured) & np.isfinite(limit)
    if not seen.any():
        return (name, *(n(formatting.ABSENT) for _ in range(7)))
    figure_, bound = measured[seen], limit[seen]
    room = 1.0 - figure_ / bound
    above = int(np.count_nonzero(~(figure_ <= bound))) + (int(np.count_nonzero(~seen)) if unknown else 0)
    return (
        name,
        n(percent(float(np.median(bound)), 2)),
        n(percent(float(figure_.mean()), 2)),
        n(percent(float(figure_.max()), 2)),
        n(percent(float(room.mean()), 0)),
        n(percent(float(room.min()), 0)),
        n(count(above)),
        n(percent(float(room[-1]), 0)),
    )


def _within(m: ReportData) -> bool:
    return all(not np.any(m.run.figure(f"stressed_after_{h}") > m.run.limit(f"stressed_{h}")) for h in (1, 10))

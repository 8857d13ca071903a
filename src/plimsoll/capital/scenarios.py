"""Scenario sets: filtered-historical and stressed returns at 1 session and at the auction's horizon (R2).

Filtered. A residual is a day's return over the volatility known the session before; today's scenario of an asset
is a past residual times its volatility today (Barone-Adesi, Giannopoulos and Vosper 1999, "VaR without correlations
for portfolios of derivative securities", Journal of Futures Markets 19(5), 583-602; EWMA for GARCH). At horizon h
every window of h consecutive days, dates shared by all columns, is compounded. No return is below -100 %.

Stressed. Sets of raw returns that count each by itself, for the largest of their CVaRs: one for every crisis window
of the policy that is over and wholly known, and one of the worst days (windows) of all history. The tail of the last
is a fixed number of rows, so that no day that becomes known, before or after, can lower it.

A day on which an asset has no bar takes the asset's own empirical quantile at the rank of the equal-weighted panel
on that day (comonotone): it is assumed to have moved with the market, in its own size, and never not at all (U6).
Filtered sets rank the day among those of their window, stressed ones among those on which the asset has a bar.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital import garch
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.panel import Factor, Panel, View
from plimsoll.core.policy import CvarPolicy, Policy
from plimsoll.core.scenarios import WORST, ScenarioSet, StressedSet
from plimsoll.indicators.catalogue import catalogue, sound
from plimsoll.indicators.factors import equal_weighted, standardised
from plimsoll.measures.windows import compounded

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def factors(policy: Policy) -> dict[str, Factor]:
    """Causal arrays the sets are cut from; the engine merges them into the history's catalogue.

    (T, N), stored by column, NaN without a bar: ``scenarios.residual``; ``scenarios.return``, raw;
    ``scenarios.sigma``, daily volatility of the policy's choice, carried over missing bars; under GARCH also
    ``scenarios.garch``, what each value of it rests on (``capital.garch``);
    ``scenarios.window_return``, compounded over the auction's horizon up to the row; ``scenarios.gaps``, rows of
    the window ending here on which the market has a residual and the symbol has none. (T,):
    ``scenarios.residual_market`` and ``scenarios.market``, equal-weighted means of residuals and of returns over
    the symbols certified by that session; ``scenarios.window_market``, the latter compounded.
    (T, N): ``scenarios.absent``, 1 where the market had a return so far on a day on which the symbol had none, else 0.
    (T, 2): ``scenarios.span``, the first row of the window ending here and its rows with a market residual.
    """
    base, cvar, horizon = catalogue(policy), policy.cvar, policy.auction.horizon
    volatility = _volatility(policy, base)

    @lru_cache(maxsize=1)
    def residual(panel: Panel) -> Floats:
        values = volatility["residual"](panel)
        return np.asfortranarray(np.where(np.isfinite(values), values, np.nan))

    @lru_cache(maxsize=1)
    def returns(panel: Panel) -> Floats:
        return np.asfortranarray(np.where(np.isfinite(panel.close), base["return"](panel), np.nan))

    @lru_cache(maxsize=1)
    def residual_market(panel: Panel) -> Floats:
        return equal_weighted(residual(panel), panel.close, sound(panel))

    @lru_cache(maxsize=1)
    def market(panel: Panel) -> Floats:
        return base["ew_return"](panel)

    return {
        **{f"scenarios.{name}": factor for name, factor in volatility.items()},
        "scenarios.residual": residual,
        "scenarios.gaps": lambda panel: _missing(residual(panel), residual_market(panel), cvar.window),
        "scenarios.residual_market": residual_market,
        "scenarios.span": lambda panel: _span(residual_market(panel), cvar.window),
        "scenarios.return": returns,
        "scenarios.absent": lambda panel: _ever(np.isnan(returns(panel)) & np.isfinite(market(panel))[:, None]),
        "scenarios.window_return": lambda panel: _ending(returns(panel), horizon),
        "scenarios.market": market,
        "scenarios.window_market": lambda panel: _ending(market(panel), horizon),
    }


def _volatility(policy: Policy, base: dict[str, Factor]) -> dict[str, Factor]:
    """``sigma`` and ``residual`` of the policy's choice of volatility; under GARCH ``garch`` too."""
    cvar = policy.cvar
    if cvar.volatility == "ewma":
        return {"sigma": base["sigma"], "residual": base["residual"]}

    @lru_cache(maxsize=1)
    def estimated(panel: Panel) -> tuple[Floats, Floats]:
        tradable = np.array([i.tradable for i in panel.instruments], dtype=np.bool_)
        months, ewma = panel.sessions.first_of_month, base["sigma"](panel)
        return garch.volatility(
            base["return"](panel), panel.close, tradable, months, ewma, cvar.window, cvar.garch_rows_min
        )

    return {
        "sigma": lambda panel: estimated(panel)[0],
        "residual": lambda panel: standardised(base["return"](panel), panel.close, estimated(panel)[0]),
        "garch": lambda panel: estimated(panel)[1],
    }


def build(view: View, columns: NDArray[np.int64], policy: Policy, *, stressed: bool) -> ScenarioSet:
    """Scenarios of the panel columns ``columns`` (k,) at the decision of ``view.row``.

    ``filtered`` holds horizons 1 and ``policy.auction.horizon``, (T, k) and (T - h + 1, k) with T the sessions of
    the last ``cvar.window`` that have a market residual. A column with fewer than ``cvar.young_rows_min``
    residuals among them, or without a positive volatility today, is NaN and in ``unmeasurable``; so is every
    column while there are fewer than ``cvar.scenarios_min`` windows. ``stressed`` holds the sets that are known, at
    the same horizons. Nothing after ``view.row`` is read.
    """
    horizon, cvar = policy.auction.horizon, policy.cvar
    growth, known = _residuals(view, columns, cvar)
    sigma = view.now("scenarios.sigma", columns)
    known &= sigma > 0.0
    if growth.shape[1] - horizon + 1 < cvar.scenarios_min:
        known[:] = False
    measurable = np.count_nonzero(known) == known.size
    if not measurable:
        sigma = np.where(known, sigma, np.nan)
    growth *= sigma[:, None]
    growth += 1.0
    if not np.minimum.reduce(growth, axis=None, initial=0.0) >= 0.0:
        np.maximum(growth, 0.0, out=growth)
    filtered = {1: (growth - 1.0).T, horizon: compounded(growth, horizon).T}
    sets, not_run = _stressed(view, columns, policy) if stressed else ((), ())
    return ScenarioSet(
        columns=columns,
        filtered=filtered,
        stressed=sets,
        unmeasurable=frozenset() if measurable else frozenset(int(c) for c in columns[~known]),
        not_run=not_run,
    )


def with_stressed(view: View, drawn: ScenarioSet, policy: Policy) -> ScenarioSet:
    """``drawn``, a set that ``build`` drew for this decision, with its stressed sets, as ``build`` would give both."""
    sets, not_run = _stressed(view, drawn.columns, policy)
    return replace(drawn, stressed=sets, not_run=not_run)


def historical(view: View, columns: NDArray[np.int64], policy: Policy) -> dict[int, Floats]:
    """Raw returns of the window that ``build`` filters, (T, k) at 1 session and (T - h + 1, k) at the auction's.

    Same dates, same filling of a young asset's missing days; NaN throughout where ``build`` measures nothing.
    """
    horizon, cvar = policy.auction.horizon, policy.cvar
    first = int(view.now("scenarios.span")[0])
    dates = np.isfinite(view.indicator("scenarios.residual_market")[first:])
    returns = view.indicator("scenarios.return").T[:, first:][columns][:, dates]
    market = view.indicator("scenarios.market")[first:][dates]
    for own in returns:
        present = np.count_nonzero(np.isfinite(own))
        if present < cvar.young_rows_min or own.size - horizon + 1 < cvar.scenarios_min:
            own[:] = np.nan
        elif present < own.size:
            own[:] = _comonotone(own, market)
    return {1: returns.T, horizon: compounded(1.0 + returns, horizon).T}


def _residuals(view: View, columns: Rows, cvar: CvarPolicy) -> tuple[Floats, NDArray[np.bool_]]:
    """(k, T) residuals of the window, filled, a fresh array, and (k,) whether the column has rows enough."""
    first, rows = map(int, view.figure("scenarios.span"))
    residuals = view.indicator("scenarios.residual").T[:, first:][columns]
    gaps = view.now("scenarios.gaps", columns)
    known: NDArray[np.bool_] = rows - gaps >= cvar.young_rows_min
    whole, gaping = rows == view.row + 1 - first, np.count_nonzero(gaps)
    if whole and not gaping:
        return residuals, known
    market = view.indicator("scenarios.residual_market")[first:]
    if not whole:
        dates = np.isfinite(market)
        residuals, market = residuals[:, dates], market[dates]
    if gaping:
        for i in np.flatnonzero(known & (gaps > 0.0)):
            residuals[i] = _comonotone(residuals[i], market)
    return residuals, known


def _comonotone(own: Floats, market: Floats) -> Floats:
    """(T,) values with each NaN replaced by the own quantile at the market's rank among the T days."""
    missing = np.isnan(own)
    filled = own.copy()
    filled[missing] = _quantile(np.sort(own[~missing]), _rank(market[missing], np.sort(market)))
    return filled


def _rank(market: Floats, ordered: Floats) -> Floats:
    """Rank of days by their ``market`` value among all, ``ordered`` ascending: (days smaller + 1/2) / days."""
    return np.asarray((np.searchsorted(ordered, market) + 0.5) / ordered.size)


def _quantile(known: Floats, rank: Floats) -> Floats:
    """The order statistic at floor(rank x n) of the n ``known`` values, ascending: each is one that occurred."""
    return np.asarray(known[(rank * known.size).astype(np.int64)])


def _stressed(view: View, columns: Rows, policy: Policy) -> tuple[tuple[StressedSet, ...], tuple[str, ...]]:
    """The stressed sets known at the decision, and the names of windows that are over and not wholly known."""
    cvar, confidence, horizon = policy.cvar, policy.auction.confidence, policy.auction.horizon
    market, days = view.indicator("scenarios.market"), view.sessions.days
    dated, ends = np.isfinite(market), np.isfinite(view.indicator("scenarios.window_market"))
    daily, windows = _raw(view, columns, policy)
    since = _known_since(view)
    sets, not_run = [], []
    for name, start, end in _named(cvar.stress_windows):
        if not end <= view.day:  # a crisis that is not over has not shown its worst
            continue
        first, last = int(np.searchsorted(days, start)), int(np.searchsorted(days, end, side="right"))
        if since is None or not _covers(view, since, start) or last - first < horizon:
            not_run.append(name)
            continue
        within = np.flatnonzero(dated[first:last]) + first
        ending = np.flatnonzero(ends[first + horizon - 1 : last]) + first + horizon - 1
        returns = {1: _cut(daily, within), horizon: _cut(windows, ending)}
        sets.append(StressedSet(name, returns, dict.fromkeys(returns, confidence)))
    returns = {1: _cut(daily, np.flatnonzero(dated)), horizon: _cut(windows, np.flatnonzero(ends))}
    if cvar.stress_worst and min(map(len, returns.values())) >= cvar.stress_worst:
        tail = cvar.stress_worst * (1.0 - confidence)  # rows, however long the history
        sets.append(StressedSet(WORST, returns, {h: 1.0 - tail / len(r) for h, r in returns.items()}))
    return tuple(sets), tuple(not_run)


def stress_notes(view: View, cvar: CvarPolicy) -> list[str]:
    """Notes on the stressed sets: since when returns are known, and which windows are not run (R2)."""
    since = _known_since(view)
    if since is None:
        return ["no return is known: no stressed scenario was run"]
    known = iso_day(int(view.sessions.days[since]))
    over = [(name, start) for name, start, end in _named(cvar.stress_windows) if end <= view.day]
    lost = [name for name, start in over if not _covers(view, since, start)]
    said = f"stressed CVaR uses prices from {known} on"
    return [f"{said}; skipped for lack of data: the stress windows {', '.join(lost)}" if lost else said]


def _known_since(view: View) -> int | None:
    """The row of the price that the first known return of the market is measured from."""
    dated = np.isfinite(view.indicator("scenarios.market"))
    return max(int(np.argmax(dated)) - 1, 0) if dated.any() else None


def _covers(view: View, since: int, start: int) -> bool:
    """Whether returns are known for every session from day number ``start`` on."""
    return int(view.sessions.days[since]) < start


def _raw(view: View, columns: Rows, policy: Policy) -> tuple[Floats, Floats]:
    """(k, T) raw returns of every session up to the decision and of the windows that end there, gaps filled.

    NaN throughout for a column with fewer than ``cvar.young_rows_min`` returns of its own.
    """
    horizon = policy.auction.horizon
    daily = view.indicator("scenarios.return").T[columns]
    windows = view.indicator("scenarios.window_return").T[columns]
    young = np.flatnonzero(view.now("scenarios.absent", columns)).tolist()
    rows = _by_market(view) if young else np.zeros(0, dtype=np.int64)
    for i in young:
        own = daily[i]
        ranked = own[rows]
        missing = np.isnan(ranked)
        known = np.sort(ranked[~missing])
        if known.size < policy.cvar.young_rows_min:
            own[:], windows[i] = np.nan, np.nan
            continue
        worse = np.cumsum(~missing)[missing]  # own days on which the market did worse: the rank among them
        own[rows[missing]] = known[np.minimum(worse, known.size - 1)]
        windows[i, horizon - 1 :] = compounded(1.0 + own[np.newaxis], horizon)[0]
    return daily, windows


def _by_market(view: View) -> Rows:
    """The rows with a market's return up to the decision, the worst first and of equal ones the earlier."""
    market = view.indicator("scenarios.market")
    rows = np.flatnonzero(np.isfinite(market))
    return rows[np.argsort(market[rows], kind="stable")]


def _cut(values: Floats, rows: Rows) -> Floats:
    """(T, k) of (k, R) values at ascending ``rows`` (T,): a window of them where the rows follow each other."""
    if rows.size and int(rows[-1]) - int(rows[0]) + 1 == rows.size:
        return values[:, int(rows[0]) : int(rows[-1]) + 1].T
    return values.take(rows, axis=1).T


def window_names(windows: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """What stress windows are called: the year they begin in, or their dates where two begin in one year.

    >>> window_names((("2008-09-01", "2009-03-31"), ("2022-01-01", "2022-12-31")))
    ('2008', '2022')
    """
    years = [start[:4] for start, _ in windows]
    return tuple(
        year if years.count(year) == 1 else f"{start}..{end}" for year, (start, end) in zip(years, windows, strict=True)
    )


def _named(windows: tuple[tuple[str, str], ...]) -> list[tuple[str, int, int]]:
    """Name, first and last day number of each stress window."""
    return [
        (name, day_number(start), day_number(end))
        for name, (start, end) in zip(window_names(windows), windows, strict=True)
    ]


def _span(market: Floats, window: int) -> Floats:
    """(T, 2): the first of the ``window`` rows ending at each row, none before the first with a value; their values."""
    dated = np.cumsum(np.isfinite(market))
    ends = np.arange(1, market.size + 1)
    first = np.maximum(ends - window, np.minimum(np.searchsorted(dated, 1), ends))
    before = np.where(first > 0, dated[first - 1], 0)
    return np.column_stack((first, dated - before)).astype(np.float64)


def _missing(values: Floats, market: Floats, window: int) -> Floats:
    """(T, N) NaNs among the last ``window`` rows, fewer at the start, on which the market has a value."""
    total = np.cumsum(np.isnan(values) & np.isfinite(market)[:, None], axis=0, dtype=np.float64)
    counts = total.copy()
    counts[window:] -= total[:-window]
    return counts


def _ever(marked: NDArray[np.bool_]) -> Floats:
    """(T, N) 1 from the first marked row of a column on, 0 before."""
    return np.asarray(np.maximum.accumulate(marked, axis=0), dtype=np.float64)


def _ending(returns: Floats, horizon: int) -> Floats:
    """Compounded return of the ``horizon`` sessions that end at each row; NaN where one is missing."""
    result = np.full(returns.T.shape, np.nan)
    result[..., horizon - 1 :] = compounded(1.0 + returns.T, horizon)
    return result.T

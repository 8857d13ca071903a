"""Scenario sets: filtered-historical and stressed returns at 1 session and at the auction's horizon (R2).

Filtered. A residual is a day's return over the volatility known the session before; today's scenario of an asset
is a past residual times its volatility today (Barone-Adesi, Giannopoulos and Vosper 1999, "VaR without correlations
for portfolios of derivative securities", Journal of Futures Markets 19(5), 583-602; EWMA for GARCH). At horizon h
every window of h consecutive days, dates shared by all columns, is compounded. No return is below -100 %.

Stressed. Raw returns of the policy's crisis windows and of the worst days (windows) of the equal-weighted universe,
of what is known at the decision.

A day on which an asset has no bar takes the asset's own empirical quantile at the rank of the equal-weighted panel
on that day (comonotone): it is assumed to have moved with the market, in its own size, and never not at all (U6).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital import garch
from plimsoll.core.dates import day_number
from plimsoll.core.panel import Factor, Panel, View
from plimsoll.core.policy import CvarPolicy, Policy
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.indicators.catalogue import catalogue, sound
from plimsoll.indicators.factors import equal_weighted, standardised
from plimsoll.measures.windows import compounded

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_EXACT = 1e-9  # a share of rows that is whole despite binary fractions stays whole


def factors(policy: Policy) -> dict[str, Factor]:
    """Causal arrays the sets are cut from; the engine merges them into the history's catalogue.

    (T, N), stored by column, NaN without a bar: ``scenarios.residual``; ``scenarios.return``, raw;
    ``scenarios.sigma``, daily volatility of the policy's choice, carried over missing bars; under GARCH also
    ``scenarios.garch``, what each value of it rests on (``capital.garch``);
    ``scenarios.window_return``, compounded over the auction's horizon up to the row; ``scenarios.gaps``, rows of
    the window ending here on which the market has a residual and the symbol has none. (T,):
    ``scenarios.residual_market`` and ``scenarios.market``, equal-weighted means of residuals and of returns over
    the symbols certified by that session; ``scenarios.window_market``, the latter compounded; ``scenarios.stress`` and
    ``scenarios.window_stress``, 1.0 where the day, or its whole window, lies in a stress window of the policy.
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
        "scenarios.window_return": lambda panel: _ending(returns(panel), horizon),
        "scenarios.market": market,
        "scenarios.window_market": lambda panel: _ending(market(panel), horizon),
        "scenarios.stress": lambda panel: _within(panel, cvar, 1),
        "scenarios.window_stress": lambda panel: _within(panel, cvar, horizon),
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
    column while there are fewer than ``cvar.scenarios_min`` windows. ``stressed`` holds the same horizons, or
    nothing when no stressed day is known. Nothing after ``view.row`` is read.
    """
    horizon, cvar = policy.auction.horizon, policy.cvar
    growth, known = _residuals(view, columns, cvar)
    sigma = view.now("scenarios.sigma")[columns]
    known &= sigma > 0.0
    if growth.shape[1] - horizon + 1 < cvar.scenarios_min:
        known[:] = False
    measurable = known.all()
    if not measurable:
        sigma = np.where(known, sigma, np.nan)
    growth *= sigma[:, None]
    growth += 1.0
    if not growth.min(initial=0.0) >= 0.0:
        np.maximum(growth, 0.0, out=growth)
    filtered = {1: (growth - 1.0).T, horizon: compounded(growth, horizon).T}
    return ScenarioSet(
        columns=columns,
        filtered=filtered,
        stressed=_stressed(view, columns, cvar, horizon) if stressed else {},
        unmeasurable=frozenset() if measurable else frozenset(int(c) for c in columns[~known]),
    )


def historical(view: View, columns: NDArray[np.int64], policy: Policy) -> dict[int, Floats]:
    """Raw returns of the window that ``build`` filters, (T, k) at 1 session and (T - h + 1, k) at the auction's.

    Same dates, same filling of a young asset's missing days; NaN throughout where ``build`` measures nothing.
    """
    horizon, cvar = policy.auction.horizon, policy.cvar
    end, first = view.row + 1, int(view.now("scenarios.span")[0])
    dates = np.isfinite(view.history.array("scenarios.residual_market")[first:end])
    returns = view.history.array("scenarios.return").T[:, first:end][columns][:, dates]
    market = view.history.array("scenarios.market")[first:end][dates]
    for own in returns:
        present = np.count_nonzero(np.isfinite(own))
        if present < cvar.young_rows_min or own.size - horizon + 1 < cvar.scenarios_min:
            own[:] = np.nan
        elif present < own.size:
            own[:] = _comonotone(own, market)
    return {1: returns.T, horizon: compounded(1.0 + returns, horizon).T}


def _residuals(view: View, columns: Rows, cvar: CvarPolicy) -> tuple[Floats, NDArray[np.bool_]]:
    """(k, T) residuals of the window, filled, a fresh array, and (k,) whether the column has rows enough."""
    history, end = view.history, view.row + 1
    first, rows = map(int, view.now("scenarios.span").tolist())
    residuals = history.array("scenarios.residual").T[:, first:end][columns]
    market = history.array("scenarios.residual_market")[first:end]
    if rows < market.size:
        dates = np.isfinite(market)
        residuals, market = residuals[:, dates], market[dates]
    gaps = view.now("scenarios.gaps")[columns]
    known: NDArray[np.bool_] = rows - gaps >= cvar.young_rows_min
    if gaps.any():
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


def _stressed(view: View, columns: Rows, cvar: CvarPolicy, horizon: int) -> dict[int, Floats]:
    """Raw returns of stressed days and windows, keyed by horizon; empty when none is known."""
    market = view.indicator("scenarios.market")
    returns = view.history.array("scenarios.return").T
    days = _stress_rows(market, view.indicator("scenarios.stress"), cvar.stress_worst)
    ends = _stress_rows(
        view.indicator("scenarios.window_market"), view.indicator("scenarios.window_stress"), cvar.stress_worst
    )
    if not days.size or not ends.size:
        return {}
    daily = _at(returns, columns, days)
    windows = _at(view.history.array("scenarios.window_return").T, columns, ends)
    young = np.flatnonzero(np.isnan(daily).any(axis=1) | np.isnan(windows).any(axis=1))
    if young.size:
        inside = ends + np.arange(1 - horizon, 1)[:, None]  # (horizon, windows), by day: whole rows multiply fast
        reached = np.zeros(market.size, dtype=np.bool_)
        reached[days] = reached[inside] = True
        rows, dates = np.flatnonzero(reached), np.isfinite(market)
        rank = np.full(market.size, np.nan)
        rank[rows] = _rank(market[rows], np.sort(market[dates]))
        for i in young.tolist():
            own = returns[columns[i], : market.size]
            known = np.sort(own[dates & np.isfinite(own)])
            if known.size < cvar.young_rows_min:
                daily[i], windows[i] = np.nan, np.nan
                continue
            filled = own.copy()
            gaps = rows[np.isnan(own[rows])]
            filled[gaps] = _quantile(known, rank[gaps])
            daily[i] = filled[days]
            windows[i] = np.prod(1.0 + filled[inside], axis=0) - 1.0
    return {1: daily.T, horizon: windows.T}


def _at(values: Floats, columns: Rows, rows: Rows) -> Floats:
    """(k, R) of (N, T) values stored by row, in one flat pass."""
    return np.asarray(values.reshape(-1).take(columns[:, None] * values.shape[1] + rows))


def _stress_rows(market: Floats, stress: Floats, share: float) -> Rows:
    """Rows in a stress window or among the worst ``share`` of the rows with a market return, ascending.

    Of rows that tie for the last place the earlier ones count.
    """
    finite = np.isfinite(market)
    chosen = finite & (stress > 0.0)
    count = int(np.ceil(share * np.count_nonzero(finite) - _EXACT))
    if count > 0:
        values = np.where(finite, market, np.inf)
        boundary = np.partition(values, count - 1)[count - 1]
        worst = values <= boundary
        extra = np.count_nonzero(worst) - count
        if extra:
            worst[np.flatnonzero(values == boundary)[-extra:]] = False
        chosen |= worst
    return np.flatnonzero(chosen)


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


def _ending(returns: Floats, horizon: int) -> Floats:
    """Compounded return of the ``horizon`` sessions that end at each row; NaN where one is missing."""
    result = np.full(returns.T.shape, np.nan)
    result[..., horizon - 1 :] = compounded(1.0 + returns.T, horizon)
    return result.T


def _within(panel: Panel, cvar: CvarPolicy, length: int) -> Floats:
    """(T,) 1.0 where the ``length`` sessions that end at the row lie inside one stress window."""
    days = panel.sessions.days
    inside = np.zeros(days.size)
    for start, end in cvar.stress_windows:
        first = int(np.searchsorted(days, day_number(start), side="left"))
        last = int(np.searchsorted(days, day_number(end), side="right"))
        inside[first + length - 1 : last] = 1.0
    return inside

"""Tail risk of the positions through a run: VaR, CVaR with its interval and each position's part, on a grid (R2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis import estimates
from plimsoll.core.panel import View
from plimsoll.measures import tails
from plimsoll.measures.cvar import euler
from plimsoll.measures.linear import combine
from plimsoll.reports.report_data import ReportData

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class OneHorizon:
    """(G,) figures of one horizon, fractions of NAV, NaN where unmeasured and zero of a book in cash.

    ``component`` is (G, k) over the run's held symbols: each row sums to its CVaR (Euler).
    """

    var: Floats
    cvar: Floats
    low: Floats
    high: Floats
    budget: Floats
    hard: Floats
    component: Floats


@dataclass(frozen=True, eq=False, slots=True)
class TailGrid:
    """The sessions ``at`` counted from the run's first, the symbols of the components, figures by horizon."""

    at: tuple[int, ...]
    symbols: tuple[str, ...]
    of: dict[int, OneHorizon]


def tail_grid(m: ReportData) -> TailGrid:
    """Measured again from the snapshot by the code of the decisions, at the sessions of ``m.grid``."""
    horizons = (1, m.policy.auction.horizon)
    at, symbols = tuple(m.grid), m.run.symbols
    column = {s: i for i, s in enumerate(symbols)}
    size = len(at)

    def bound(name: str) -> Floats:
        return m.run.limit(name)[list(at)]

    found = {
        h: OneHorizon(
            var=np.zeros(size),
            cvar=np.zeros(size),
            low=np.zeros(size),
            high=np.zeros(size),
            budget=bound(f"cvar_budget_{h}"),
            hard=bound(f"cvar_hard_{h}"),
            component=np.zeros((size, len(symbols))),
        )
        for h in horizons
    }
    for g, t in enumerate(at):
        book = estimates.book_of(View(m.history, m.first + t), m.run.cycles[t], m.policy, raw=False)
        if book is None:
            continue
        places = [column[s] for s in book.symbols]
        for h, one in found.items():
            losses = -combine(book.filtered[h], book.weights)
            tail = tails.historical(losses, estimates.CONFIDENCE)
            interval = estimates.interval_of(losses, tails.historical, h, m.policy.cvar.interval_draws)
            one.var[g], one.cvar[g] = float(tail.var), float(tail.cvar)
            one.low[g], one.high[g] = interval.low, interval.high
            one.component[g, places] = euler(book.filtered[h], book.weights, estimates.CONFIDENCE)
    return TailGrid(at, symbols, found)

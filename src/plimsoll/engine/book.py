"""Step 1: mark the account at the close."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import TargetPortfolio
from plimsoll.core.money import values_cents
from plimsoll.core.panel import View
from plimsoll.core.state import State
from plimsoll.engine.run_context import RunContext

Floats = NDArray[np.float64]


class MarkedBook(msgspec.Struct, frozen=True, eq=False):
    """Step 1: the account at the close. ``weights`` and ``prices`` are (N,); ``known`` is False without a NAV."""

    prices: Floats
    nav: int
    weights: Floats
    columns: NDArray[np.int64]
    known: bool

    @property
    def gross(self) -> float:
        """Gross exposure, fraction of NAV."""
        return float(np.abs(self.weights).sum())


def mark(view: View, state: State, run: RunContext) -> MarkedBook:
    """Value the account at the last traded close; a holding without any price makes NAV unknown (D7)."""
    prices = view.now("mark")
    columns = state.lots.nonzero()[0]
    paid = prices[columns]
    if not np.isfinite(paid).all():
        return MarkedBook(prices, state.cash, np.where(state.lots != 0, np.nan, 0.0), columns, False)
    values = values_cents(state.lots[columns], run.lots_per_unit[columns], paid)
    nav = state.cash + int(values.sum())
    weights = np.zeros(prices.size)
    if nav > 0:
        weights[columns] = values / nav
    return MarkedBook(prices, nav, weights, columns, nav > 0)


def target_of(portfolio: TargetPortfolio | None, run: RunContext) -> Floats:
    """(N,) target weights of a target portfolio, fractions of NAV; zeros without one."""
    target = np.zeros(len(run.symbols))
    if portfolio is not None:
        for share in portfolio.shares:
            target[run.column[share.symbol]] += share.weight
    return target

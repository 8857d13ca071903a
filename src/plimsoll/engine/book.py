"""Step 1: mark the account to market at the close."""

from __future__ import annotations

from math import isfinite

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import TargetPortfolio
from plimsoll.core.money import notional_cents
from plimsoll.core.panel import View
from plimsoll.core.state import State
from plimsoll.engine.run_context import RunContext

Floats = NDArray[np.float64]


class MarkedBook(msgspec.Struct, frozen=True, eq=False):
    """The account at the close. ``weights`` and ``prices`` are (N,); ``known`` is False without a NAV.

    ``gross`` is the sum of absolute weights, a fraction of NAV.
    """

    prices: Floats
    nav: int
    weights: Floats
    columns: NDArray[np.int64]
    known: bool
    gross: float


def mark(view: View, state: State, run: RunContext) -> MarkedBook:
    """Value the account at the last traded close; a holding without any price makes NAV unknown (D7)."""
    prices = view.now("mark")
    columns = state.lots.nonzero()[0]
    paid = prices[columns].tolist()
    if not all(map(isfinite, paid)):
        unknown = np.where(state.lots != 0, np.nan, 0.0)
        return MarkedBook(prices, state.cash, unknown, columns, known=False, gross=float("nan"))
    lots, per_unit = state.lots[columns].tolist(), run.lots_per_unit[columns].tolist()
    values = list(map(notional_cents, lots, per_unit, paid))  # few: plain integers cost less than arrays
    nav = state.cash + sum(values)
    weights = np.zeros(prices.size)
    if nav > 0:
        weights[columns] = np.array(values, dtype=np.float64) / nav
    return MarkedBook(prices, nav, weights, columns, known=nav > 0, gross=gross_of(weights))


def gross_of(weights: Floats) -> float:
    """Gross exposure of (N,) weights."""
    return float(np.add.reduce(np.abs(weights)))


def target_of(portfolio: TargetPortfolio | None, run: RunContext) -> Floats:
    """(N,) weights of a target portfolio, fractions of NAV; zeros without one. Read-only."""
    return run.standing(portfolio).target

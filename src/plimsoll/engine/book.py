"""Step 1: mark the account at the close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.money import values_cents
from plimsoll.core.panel import View
from plimsoll.core.state import State
from plimsoll.engine.desk import Desk

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Book:
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


def mark(view: View, state: State, desk: Desk) -> Book:
    """Value the account at the last traded close; a holding without any price makes NAV unknown (D7)."""
    prices = view.now("mark")
    held = state.lots != 0
    known = bool(np.isfinite(prices[held]).all())
    if not known:
        return Book(prices, state.cash, np.where(held, np.nan, 0.0), np.flatnonzero(held), False)
    values = values_cents(state.lots, desk.lots_per_unit, prices)
    nav = int(state.cash + values.sum())
    weights = values / nav if nav > 0 else np.zeros(values.size)
    return Book(prices, nav, weights, np.flatnonzero(held), nav > 0)

"""A one-row market in which every indicator is given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.core.panel import History, Panel, View

PLAIN = {
    "eligible": 1.0, "price": 100.0, "sma_20": 99.0, "sma_50": 98.0, "sma_200": 90.0, "momentum_60": 0.10,
    "momentum_120": 0.20, "momentum_12_1": 0.30, "volatility_60": 0.15,
}  # fmt: skip


@pytest.fixture
def market(make_panel: Callable[..., Panel]) -> Callable[..., View]:
    """``market({symbol: {indicator: value}}, fear=15.0)``: what is not given is an ordinary rising asset."""

    def build(rows: dict[str, dict[str, float]], vix_or_proxy: float = 15.0) -> View:
        panel = make_panel(np.full((1, len(rows)), 100.0), symbols=tuple(rows))
        values = {
            name: np.array([[given.get(name, usual) for given in rows.values()]]) for name, usual in PLAIN.items()
        }
        values["regime.vix_or_proxy"] = np.array([vix_or_proxy])
        return View(History(panel, {name: lambda _, v=array: v.copy() for name, array in values.items()}), 0)

    return build

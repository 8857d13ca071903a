"""Replacement of VIX: a realised 20-session volatility, and its source (D19)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Bools, Floats, Panel
from plimsoll.indicators import factors

WINDOW = 20  # sessions of the realised volatility (D19)
NOBODY, BENCHMARK, FUNDS_AND_STOCKS, UNIVERSE = 0.0, 1.0, 2.0, 3.0
_WHOSE = {
    FUNDS_AND_STOCKS: "the equal-weighted funds' and stocks'",
    UNIVERSE: "the equal-weighted universe's",
}


def named(code: float, benchmark: str) -> str:
    """The stand-in in words: ``SPY's realised volatility``; ``nothing`` for any other code."""
    whose = f"{benchmark}'s" if code == BENCHMARK else _WHOSE.get(code)
    return f"{whose} realised volatility" if whose else "nothing"


def stand_in(panel: Panel, benchmark: str, carried: int, returns: Floats, sound: Bools) -> tuple[Floats, Floats]:
    """(T,) annual volatility and (T,) whose it is, both read-only.

    The benchmark's own over its last 20 bars, kept for ``carried`` sessions after its last one; else that of the
    equal-weighted certified funds and stocks over the last 20 sessions on which any had a bar, kept until there is a
    newer one. Crypto trades on other days and moves by other amounts than equities, so it is the gauge only where the
    home holds nothing else.
    """
    equity = np.array([i.tradable and i.kind != "crypto" for i in panel.instruments], dtype=np.bool_)
    whole = not equity.any()
    members = sound if whole else sound & equity
    value, _ = _newest(factors.equal_weighted(returns, panel.close, members))
    code = np.where(np.isfinite(value), UNIVERSE if whole else FUNDS_AND_STOCKS, NOBODY)
    column = panel.column.get(benchmark)
    if column is not None:
        own, age = _newest(np.where(np.isfinite(panel.close[:, column]), returns[:, column], np.nan))
        near = np.isfinite(own) & (age <= carried)
        value, code = np.where(near, own, value), np.where(near, BENCHMARK, code)
    for one in (value, code):
        one.setflags(write=False)
    return value, code


def _newest(returns: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """(T,) volatility of the last 20 returns there were, and how many rows ago the newest of them was."""
    rows = np.arange(returns.size)
    has = np.flatnonzero(np.isfinite(returns))
    at = np.searchsorted(has, rows, side="right") - 1
    if not has.size:
        return np.full(returns.size, np.nan), rows
    known = factors.volatility(returns[has], WINDOW)
    return np.where(at >= 0, known[at], np.nan), rows - has[np.maximum(at, 0)]

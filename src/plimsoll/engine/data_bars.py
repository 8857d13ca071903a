"""Step 5: bars on new risk from missing or stale data, each with its figure and its limit (D7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import View
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import freshness

Floats = NDArray[np.float64]
Figure = tuple[float | None, float | None]


def data_bars(view: View, book: MarkedBook, stale: Floats, run: RunContext) -> dict[str, Figure]:
    """Reason code to (measured, limit) of every bar in force, in the order of judgement; None where it has no figure.

    ``stale`` (N,) are freshness codes. A figure that cannot be compared with its limit bars new risk too.
    """
    limits = run.policy.data
    if not book.known:
        return {"NAV_UNKNOWN": (None, None)}
    bars: dict[str, Figure] = {}
    if book.columns.size:
        held = book.columns
        affected = (view.now("eligible", held) == 0.0) | (stale[held] == freshness.STALE)
        if np.count_nonzero(affected):
            share = float(np.abs(book.weights[held][affected]).sum())
            if not share <= limits.affected_holdings_max:
                bars["DATA_AFFECTED"] = share, limits.affected_holdings_max
    universe = view.figure("data.affected")
    if not universe <= limits.affected_universe_max:
        bars["UNIVERSE_AFFECTED"] = universe, limits.affected_universe_max
    if view.figure("data.input_missing"):
        bars["REGIME_INPUT_MISSING"] = None, None
    return bars

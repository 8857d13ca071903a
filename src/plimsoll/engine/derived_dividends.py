"""How exactly dividends that follow from ``adj_close`` are known, so that two downloads can be compared (D12, D14).

Vendors rescale the whole ``adj_close`` at every dividend and round it anew: two downloads of an unchanged history give
dividends that differ by what the rounding hides.
"""

from __future__ import annotations

import numpy as np

from plimsoll.core.panel import Floats, Panel
from plimsoll.market.precision import step_slack


def errors(panel: Panel, symbol: str) -> Floats:
    """(T,) largest error of a symbol's dividends that the decimals of its source explain, USD a unit.

    0 where they were declared. The decimals are those of ``adj_close`` at the scale on which it ends at the last close,
    as vendors have it; on any other scale they do not show, and the error is that of a 32-bit float.
    """
    column = panel.column[symbol]
    found = np.zeros(len(panel.sessions))
    flags = next((one.flags for one in panel.certifications if one.symbol == symbol), ())
    if not any(flag.reason == "DERIVED_ACTIONS" for flag in flags):
        return found
    close, index = panel.close[:, column], panel.index[:, column]
    rows = np.flatnonzero(np.isfinite(close) & np.isfinite(index) & panel.fresh[:, column])
    if rows.size > 1:
        adjusted = index[rows] * (close[rows[-1]] / index[rows[-1]])
        left = close[rows[:-1]] - panel.dividend[rows[1:], column]  # of the close before, what the dividend leaves
        found[rows[1:]] = np.maximum(left, 0.0) * step_slack(adjusted, close[rows])
    return found

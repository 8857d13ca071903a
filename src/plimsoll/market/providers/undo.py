"""Traded prices out of dividend-adjusted ones and the dividends themselves (D12): yfinance's ``Ticker.history()``.

With its defaults that function writes Open, High, Low and Close adjusted for dividends, beside a column Dividends.
Taken as traded prices, every dividend would count twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SURE = 3.0  # standard errors of the mean fall on ex-dates by which prices must contradict the layout


def undo_dividends(day: NDArray[np.int64], data: dict[str, Floats], header: str) -> str:
    """Put traded prices in the place of adjusted ones, the adjusted close into ``adj_close``; returns the note to give.

    Yahoo multiplies every price before an ex-date s by 1 - D[s] / close[s-1], so from the last row back
    close[s-1] = adjusted[s-1] / F + D[s] with F the product of the later factors. Rows in any order; prices of days
    without a dividend between them and the end are left as they are.

    Nothing is done where there is no dividend, or where the prices fall on the ex-dates as traded ones do: the mean
    fall, weighted by the dividends, is further from none than three standard errors.
    """
    order = np.argsort(day, kind="stable")
    close = data["close"][order]
    cash = data["dividend"][order]
    pays = np.flatnonzero(cash > 0.0)
    if not pays.size:
        data.setdefault("adj_close", data["close"].copy())
        return ""
    if _falls(close, cash):
        return (
            f"is laid out as yfinance's Ticker.history(), whose prices are adjusted for dividends, but falls by its "
            f"{header} as traded prices do: taken as traded"
        )
    factor, scale = 1.0, np.ones(close.size)
    for row in range(close.size - 1, 0, -1):
        scale[row] = 1.0 / factor
        before = row - 1
        if cash[row] > 0.0 and np.isfinite(close[before]) and close[before] > 0.0:
            traded = close[before] / factor + cash[row]
            factor *= 1.0 - cash[row] / traded
    if close.size:
        scale[0] = 1.0 / factor
    back = np.empty_like(scale)
    back[order] = scale
    data["adj_close"] = data["close"].copy()
    for name in ("open", "high", "low", "close"):
        data[name] = data[name] * back
    return (
        f"is laid out as yfinance's Ticker.history(), whose prices are already adjusted for dividends: traded prices "
        f"were recovered from its {header} ({pays.size} of them), so that none counts twice"
    )


def _falls(close: Floats, cash: Floats) -> bool:
    """Whether prices fall by the dividends on ex-dates: traded, not adjusted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        move = np.append(np.nan, np.log(close[1:] / close[:-1]))
        share = np.append(np.nan, cash[1:] / close[:-1])
    at = np.isfinite(move) & np.isfinite(share) & (share > 0.0)
    quiet = np.isfinite(move) & ~(share > 0.0)
    if not at.any() or quiet.sum() < 20:
        return False
    weight = float((share[at] ** 2).sum())
    slope = float((share[at] * (move[at] - move[quiet].mean())).sum()) / weight  # 0 adjusted, -1 traded
    error = float(move[quiet].std()) / np.sqrt(weight)
    return slope < -0.5 and slope / error < -_SURE

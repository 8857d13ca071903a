"""Passive books to hold a result against: buy-and-hold and a 60/40 mix, with the same costs and cash rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import History
from plimsoll.core.policy import Policy

Floats = NDArray[np.float64]


def passive_nav(history: History, policy: Policy, first: int, last: int, mix: dict[str, float]) -> Floats | None:
    """(last - first + 1,) NAV of a mix of symbols, starting at 1.0, or None where a price is missing.

    Bought at the open after ``first`` at the same commission and slippage as the system's orders, dividends
    reinvested (total-return index), back to its weights at each month's last close. One symbol is buy-and-hold.
    """
    panel = history.panel
    if any(s not in panel.column for s in mix):
        return None
    columns = np.array([panel.column[s] for s in mix])
    weights = np.array(list(mix.values()))
    price = history.array("price")[first : last + 1, columns]
    if last <= first or not np.isfinite(price).all():
        return None
    rate = np.array([_one_way(policy, panel.instruments[c].kind) for c in columns])
    # from the close of the first session to the next open nothing is owned
    opened = panel.open[first + 1, columns] / panel.close[first + 1, columns] * price[1]
    nav = np.ones(last - first + 1)
    units = weights * (1.0 - rate) / opened
    months = panel.sessions.last_of_month[first : last + 1]
    for t in range(1, nav.size):
        values = units * price[t]
        nav[t] = values.sum()
        if months[t] and columns.size > 1:
            traded = np.abs(weights * nav[t] - values)
            units = weights * (nav[t] - float(traded @ rate)) / price[t]
    return nav


def _one_way(policy: Policy, kind: str) -> float:
    cost = policy.costs.kinds[kind]
    return cost.commission + cost.slippage

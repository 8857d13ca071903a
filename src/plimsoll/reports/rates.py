"""The risk-free rate that excess returns are measured over, as known at the time (U4, D18)."""

from __future__ import annotations

import numpy as np

from plimsoll.core.panel import Floats, History
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import risk_free_return


def risk_free_rates(history: History, policy: Policy, first: int, last: int) -> Floats | None:
    """(last - first + 1,) risk-free return over the days up to each session, as known the session before.

    None without the policy's series: an excess return is then unknown, not zero (U6).
    """
    panel = history.panel
    if policy.cash.series not in panel.macro_names:
        return None
    percent = panel.macro[:, panel.macro_names.index(policy.cash.series)]
    rows = np.arange(first, last + 1)
    before = np.maximum(rows - 1, 0)
    days = panel.sessions.days[rows] - panel.sessions.days[before]
    return np.asarray(risk_free_return(percent[before] / 100.0, days))

"""A panel with every causal factor the rooms ask for: one catalogue a policy (F2)."""

from __future__ import annotations

from plimsoll.capital import scenarios
from plimsoll.core.panel import History, Panel
from plimsoll.core.policy import Policy
from plimsoll.engine import caps
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import freshness, regime, stops


def history_of(panel: Panel, policy: Policy) -> History:
    """The panel and its factors, each computed on first use and shared by all views."""
    factors = {
        **catalogue(policy),
        **regime.factors(policy),
        **freshness.factors(policy),
        **scenarios.factors(policy),
        **stops.factors(policy),
        **caps.factors(policy),
    }
    return History(panel, factors)

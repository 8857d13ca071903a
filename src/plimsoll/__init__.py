"""Plimsoll: a risk-governed systematic trading system.

Market bytes become certified bars, bars a point-in-time view, a view forecasts; forecasts bid in an exact
mean-CVaR auction; the auction's programme passes gates and vetoes, becomes decisions and orders, and every
step is journaled before it acts. ``docs/architecture.md`` is the map of the house.
"""

__version__ = "0.1.0"

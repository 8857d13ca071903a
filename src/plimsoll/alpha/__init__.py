"""Strategies: forecasts from a view of the market (S)."""

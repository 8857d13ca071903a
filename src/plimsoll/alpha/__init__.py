"""Strategies: a view becomes forecasts (S)."""

"""Plimsoll: a risk-governed systematic trading system.

Market bytes become certified bars, bars a point-in-time view, a view forecasts; forecasts bid in an exact
mean-CVaR auction; the auction's target portfolio passes gates and vetoes, becomes decisions and orders, and every
step is journaled before it acts. ``docs/architecture.md`` is the map of the house.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
_NOTEBOOK = ("FIGURES", "Home", "Run", "open")


def __getattr__(name: str) -> Any:
    """``plimsoll.open`` and its kin, imported when first asked for: the commands pay nothing for them."""
    if name not in _NOTEBOOK:
        raise AttributeError(f"module 'plimsoll' has no attribute {name!r}")
    from importlib import import_module  # by name: a written import would tie every module to the notebook

    return getattr(import_module("plimsoll.notebook"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_NOTEBOOK))

"""Answers of the strategies at an auction (S1, E3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from plimsoll.core.answers import fault_of
from plimsoll.core.forecast import Forecast
from plimsoll.core.restraint import RiskEvent


@dataclass(slots=True)
class Answers:
    """The strategies' answers at one auction.

    ``forecasts`` by strategy, in the order of the run, as returned; ``kept`` the keep forecasts for holdings that a
    strategy's answer leaves out, each with its reason code; ``targets`` the strategies whose forecasts are the weights
    of a target portfolio; ``failed`` whether each raised or returned an invalid forecast (G5).
    """

    forecasts: list[tuple[str, tuple[Forecast, ...]]] = field(default_factory=list)
    kept: dict[str, tuple[tuple[Forecast, str], ...]] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)
    failed: dict[str, bool] = field(default_factory=dict)
    events: list[RiskEvent] = field(default_factory=list)

    @property
    def all(self) -> list[tuple[str, tuple[Forecast, ...]]]:
        """Forecasts that may become bids; a keep forecast replaces any other for its symbol."""
        found = []
        for name, said in self.forecasts:
            kept = tuple(forecast for forecast, _ in self.kept.get(name, ()))
            stands = {f.symbol for f in kept}
            found.append((name, (*(f for f in said if f.symbol not in stands and not fault_of(f)), *kept)))
        return found

"""Counts of events in Monte Carlo sessions (H8)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of events."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    disagreed: Counter[str] = field(default_factory=Counter)
    first: int | None = None  # first bar with a breach or a disagreement

    def disagree(self, figure: str, bar: int) -> None:
        """Record that governor and ledger disagree on a figure at a bar."""
        self.disagreed[figure] += 1
        self.fault(bar)

    def fault(self, bar: int) -> None:
        """Record an event at a bar that must not happen."""
        self.first = bar if self.first is None else self.first

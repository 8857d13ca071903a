"""What happened in sessions of the Monte Carlo, counted (H8)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What happened, counted."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    disagreed: Counter[str] = field(default_factory=Counter)
    first: int | None = None  # the bar at which an order first breached a limit, or a figure first disagreed

    def disagree(self, figure: str, bar: int) -> None:
        """Governor and ledger disagree on a figure at a bar."""
        self.disagreed[figure] += 1
        self.fault(bar)

    def fault(self, bar: int) -> None:
        """Something that must not be happened at a bar."""
        self.first = bar if self.first is None else self.first

"""A target portfolio of your own in one file: 60 % shares and 40 % bonds, held as a whole within every limit.

    plimsoll backtest --start 2025-01-02 --strategy examples/target_weights.py

``docs/strategies.md`` explains what becomes of the weights.
"""

from __future__ import annotations


class SixtyForty:
    """Wants the same two weights at every auction; drift within the band of A7 is left alone."""

    name = "sixty_forty"

    def forecast(self, view, holding, policy):
        """The portfolio it wants, fractions of NAV. What is not in it is not wanted."""
        return {"SPY": 0.6, "TLT": 0.4}

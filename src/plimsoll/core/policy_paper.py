"""The policy of the paper venue (X5)."""

from __future__ import annotations

from typing import Annotated, Literal

from plimsoll.core.policy_fields import Section, count, fraction, meta


class PaperPolicy(Section, frozen=True, kw_only=True):
    """How the paper venue fills orders in time; their prices are those of ``costs`` alone (X5)."""

    market_wait: Annotated[
        int, count("X5", "From when it was taken until a market order, or a stop, may fill", "seconds")
    ] = 60
    limit_wait: Annotated[int, count("X5", "The same for an order with a limit", "seconds")] = 300
    works_most: Annotated[
        int, count("X5", "From when it may fill until the rest of a market order expires", "seconds")
    ] = 1800
    participation: Annotated[
        float,
        fraction(
            "X5",
            "Of a symbol's volume that all orders here take at most, minute by minute",
            "fraction of a minute's volume",
        ),
    ] = 0.10
    volume_spread: Annotated[
        float,
        fraction(
            "X5",
            "A minute's volume is its part of ADV, more or less up to this much, by a seeded draw",
            "fraction of a minute's volume",
        ),
    ] = 0.50
    quote_age: Annotated[
        int, count("X5", "Age from which on a quote fills no order; orders wait for the next", "seconds")
    ] = 300
    size_impact: Annotated[
        Literal["none", "seed"], meta("switch", "X5", "seed adds 2 bps for each $10,000 of an order above the first")
    ] = "none"
    seed: Annotated[int, count("X5", "Of the draws", "number")] = 1

"""Forecasts: what strategies say, in columns (S1)."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class Forecast(msgspec.Struct, frozen=True):
    """One strategy's statement on one symbol at a decision.

    ``mu`` is the expected return in excess of cash over ``horizon`` sessions, ``sigma`` its uncertainty over the
    same horizon, ``confidence`` in [0, 1]; ``target_weight`` (fraction of NAV) caps the bid; ``keep`` marks a bid
    that holds what is there and never buys. ``hedge`` may enter for its CVaR benefit with mu <= 0.
    """

    symbol: str
    mu: float
    sigma: float
    confidence: float
    horizon: int
    reason: str
    target_weight: float | None = None
    keep: bool = False
    hedge: bool = False
    haven: bool = False
    score: float = 0.0  # z, the rule's own score
    model_mus: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """What a strategy may know of the book: its own standing share per symbol, fractions of NAV."""

    weights: dict[str, float]

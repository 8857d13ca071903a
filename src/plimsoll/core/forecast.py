"""A strategy's answer: forecasts, or the target weights it wants (S1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    score: float = 0.0  # z, the rule's own score
    model_mus: tuple[float, ...] = ()


class TargetWeights(msgspec.Struct, frozen=True):
    """The portfolio a strategy wants: what it returns instead of forecasts (S1).

    ``weights`` are fractions of NAV by symbol, none negative; a symbol that is absent or zero is not wanted, and what
    the strategy holds of it is sold. Each weight is a request and a cap: where a limit binds the whole portfolio is
    scaled by one factor, so that its proportions hold. A plain ``dict`` of weights is the same with the defaults.
    ``confidence`` in [0, 1] is held against the same thresholds as a forecast's.
    """

    weights: Mapping[str, float]
    reason: str = "target weight"
    confidence: float = 1.0


# What a strategy may answer: forecasts, target weights, or a mapping of symbol to weight, which is the same.
Answer = Iterable[Forecast] | TargetWeights | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a strategy may know of the book: its own standing share per symbol, fractions of NAV."""

    weights: dict[str, float]

"""A strategy's answer: forecasts, or desired target weights (S1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec


class Forecast(msgspec.Struct, frozen=True):
    """One strategy's forecast for one symbol at a decision.

    ``mu`` is the expected return in excess of cash over ``horizon`` sessions, ``sigma`` its uncertainty over the
    same horizon, ``confidence`` in [0, 1]; ``target_weight`` (fraction of NAV) caps the bid; ``keep`` marks a bid
    that keeps the present position and never buys. ``hedge`` may enter for its CVaR benefit with mu <= 0.
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
    """Target weights of a strategy, returned instead of forecasts (S1).

    ``weights`` are fractions of NAV by symbol, none negative; a symbol that is absent or zero is closed. Each weight is
    a request and a cap: where a limit binds, the whole portfolio is scaled by one factor, so that its proportions hold.
    A plain ``dict`` of weights is the same with the defaults. ``confidence`` in [0, 1] is checked against the same
    thresholds as a forecast's.
    """

    weights: Mapping[str, float]
    reason: str = "target weight"
    confidence: float = 1.0


# Possible answers of a strategy: forecasts, target weights, or a mapping of symbol to weight, which is the same.
Answer = Iterable[Forecast] | TargetWeights | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of the portfolio visible to a strategy: its own present share per symbol, fractions of NAV."""

    weights: dict[str, float]

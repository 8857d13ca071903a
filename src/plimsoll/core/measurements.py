"""Risk figures of a cycle, measured once; gates compare them with the limit set (R1)."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Measurements(msgspec.Struct, frozen=True, eq=False):
    """The current positions and the proposal, as fractions of NAV; NaN means "could not be measured" and fails closed.

    ``held`` and ``proposed`` are (N,) weights, ``proposed`` after the session's orders. CVaR maps are keyed by horizon
    in sessions; ``cvar_base`` and ``stressed_base`` are those of the portfolio after its reductions alone, so that
    increases can be scaled: CVaR is convex, hence base + s x increase stays within (1 - s) x base + s x proposed.
    ``standalone[h]`` is (N,) w x CVaR of each proposed position. ``incremental`` (N,) is the rise of CVaR at the
    auction's horizon by each increase alone, on the portfolio after reductions. Either may be an upper bound in place
    of a figure, but only one that is inside its limit. ``increases`` (N,) is True where the proposal adds. ``symbols``
    names the columns in findings, ``stressed_on`` per horizon the stressed set with the largest loss of the proposal.
    """

    nav_cents: int
    held: Floats
    proposed: Floats
    increases: NDArray[np.bool_]
    gross_held: float
    gross_proposed: float
    cash_proposed: float
    cvar_held: dict[int, float]
    cvar_base: dict[int, float]
    cvar_proposed: dict[int, float]
    stressed_base: dict[int, float]
    stressed_proposed: dict[int, float]
    standalone: dict[int, Floats]
    incremental: Floats
    turnover: float
    trades: int
    exempt_trades: int
    exempt_turnover: float
    adv_share: Floats
    drawdown_episode: float
    drawdown_lifetime: float
    symbols: tuple[str, ...] = ()
    stressed_on: dict[int, str] = msgspec.field(default_factory=dict)

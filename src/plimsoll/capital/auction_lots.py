"""Round an allocation to whole lots within every limit (A3, A7).

Rounding down can break no cap on weights or their sums, but it can raise CVaR where what is rounded off is a hedge.
So the rounded book is measured again on every scenario set, and lots are taken off it until each limit holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_check import LimitReading, readings, worst_excess
from plimsoll.capital.auction_problem import AuctionProblem, validated
from plimsoll.measures.cvar import tail_weights
from plimsoll.measures.linear import average, combine

Floats = NDArray[np.float64]
Lots = NDArray[np.int64]

_WHOLE = 1e-9  # of a lot: a weight short of a whole lot by less is rounding of the solver
_TOLERANCE = 1e-9  # of NAV: how far the checker lets a limit be exceeded by rounding


@dataclass(frozen=True, eq=False, slots=True)
class Rounded:
    """Whole ``lots`` (m,) of each asset and what they make of the bids.

    ``weights`` (n,) are the bids' shares of them, fractions of NAV; ``taken_off`` (m,) are the lots that a limit on
    CVaR took after rounding down; ``worst_excess`` is the checker's largest reading, within 1e-9 of NAV unless even
    cash breaks a limit.
    """

    lots: Lots
    weights: Floats
    taken_off: Lots
    worst_excess: float


def whole_lots(problem: AuctionProblem, weights: Floats, lot_value: Floats) -> Rounded:
    """Round ``weights`` (n,), which meet the limits of ``problem``, down to whole lots that meet them too.

    Parameters
    ----------
    problem
        Result of rounding.
    weights
        (n,) fractions of NAV, one a bid.
    lot_value
        (m,) value of a lot of each asset, a fraction of NAV, > 0.

    Returns
    -------
    Rounded
        Bids for one asset share its lots in proportion to their weights. While a limit on CVaR is exceeded the asset
        whose lot adds most to that CVaR gives up lots, as many as its slope says are needed; the first of equals.
    """
    form = validated(problem)
    wanted = form.positions(weights)
    lots = np.floor(wanted / lot_value + _WHOLE).astype(np.int64)
    rounded = lots.copy()
    while True:
        held = lots * lot_value
        share = np.divide(held, wanted, out=np.zeros_like(wanted), where=wanted > 0.0)
        shares = weights * share[form.asset]
        over = max(_tails(problem, shares), key=lambda reading: reading.excess, default=None)
        if over is None or over.excess <= _TOLERANCE or not lots.any():
            return Rounded(lots, shares, rounded - lots, worst_excess(problem, shares))
        adds = np.where(lots > 0, _slope(problem, over, held) * lot_value, -inf)
        most = int(np.argmax(adds))
        needed = ceil(over.excess / float(adds[most]) - _WHOLE) if adds[most] > 0.0 else int(lots[most])
        lots[most] -= min(max(needed, 1), int(lots[most]))


def _tails(problem: AuctionProblem, weights: Floats) -> list[LimitReading]:
    return [r for r in readings(problem, weights) if r.limit.startswith(("cvar", "tail_limits"))]


def _slope(problem: AuctionProblem, over: LimitReading, positions: Floats) -> Floats:
    """(m,) CVaR gained by a unit of each asset on the scenario set whose limit is exceeded."""
    sample, confidence = problem.scenarios, problem.confidence
    if over.limit != "cvar":
        sample, confidence, _ = problem.tail_limits[int(over.limit.partition("[")[2].rstrip("]"))]
    returns = np.asarray(sample, dtype=np.float64)
    return -average(tail_weights(-combine(returns, positions), confidence), returns)

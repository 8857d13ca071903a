"""Round an allocation to whole lots within every limit (A3, A7).

Rounding down violates no cap on weights or their sums, but rounding a hedge down can raise CVaR. So the rounded
allocation is measured again on every scenario set, and lots are removed until each limit holds.
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

_WHOLE = 1e-9  # of a lot: a weight that lacks less than this counts as a whole lot (solver rounding)
_TOLERANCE = 1e-9  # of NAV: tolerance on a limit for rounding


@dataclass(frozen=True, eq=False, slots=True)
class Rounded:
    """Whole ``lots`` (m,) of each asset and the resulting weights of the bids.

    ``weights`` (n,) are the bids' shares of the lots, fractions of NAV; ``taken_off`` (m,) are the lots removed after
    rounding down to meet a CVaR limit; ``worst_excess`` is the largest excess over any limit, within 1e-9 of NAV unless
    even cash violates one.
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
        Bids for one asset share its lots in proportion to their weights. While a CVaR limit is exceeded, lots are
        removed from the asset whose lot adds most to that CVaR (the first on ties), as many as its slope calls for.
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
    """(m,) marginal CVaR of each asset on the scenario set whose limit is exceeded."""
    sample, confidence = problem.scenarios, problem.confidence
    if over.limit != "cvar":
        sample, confidence, _ = problem.tail_limits[int(over.limit.partition("[")[2].rstrip("]"))]
    returns = np.asarray(sample, dtype=np.float64)
    return -average(tail_weights(-combine(returns, positions), confidence), returns)

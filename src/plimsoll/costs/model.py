"""The cost model, one for the auction, the backtest, paper fills and the expected cost of live orders (C3).

For an order of notional Q in an instrument with average daily volume ADV and daily volatility σ (C1)::

    temporary = Y · σ · √(Q / ADV) · depth          permanent = share · temporary
    impact    = (temporary + paid · permanent) · regime multiplier
    slippage  = rate of the kind · regime multiplier          (it contains the half-spread)

Regime multipliers apply before the parts are summed, and never to commission (C2). The square-root law is that of
Almgren, Thum, Hauptmann and Li (2005), "Direct Estimation of Equity Market Impact", with the coefficient on daily
volatility.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import CostPolicy
from plimsoll.core.sessions import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

# C1: Y = 0.1 on annual volatility, and the curves of confidence and decay.
_SEED_IMPACT_Y = 0.1 * math.sqrt(SESSIONS_A_YEAR)
_CONFIDENCE_LOSS_MAX = 0.3
_DECAY_SHARE = 0.1


@dataclass(frozen=True, eq=False, slots=True)
class Estimate:
    """Expected one-way cost of orders: (N,) arrays, fractions of notional.

    ``confidence``, in [0.7, 1], and ``decay``, the share of liquidity an order uses up, are functions of Q/ADV. Where
    liquidity is not ``known``, entries are refused (``NO_LIQUIDITY_DATA``): ``total`` is then the kind's worst case,
    ``slippage`` all of it beyond commission, and ``confidence`` and ``decay`` are NaN. Every figure of a kind without
    a cost (an index) is NaN.
    """

    commission: Floats
    slippage: Floats
    impact: Floats
    confidence: Floats
    decay: Floats
    known: NDArray[np.bool_]

    @property
    def total(self) -> Floats:
        """Commission, slippage and impact together."""
        return self.commission + self.slippage + self.impact


def estimate(
    kinds: tuple[str, ...],
    notional: Floats,
    adv: Floats,
    sigma: Floats,
    regime: int,
    costs: CostPolicy,
    symbols: Sequence[str] = (),
    price: Floats | None = None,
    side: Floats | None = None,
) -> Estimate:
    """Expected one-way cost of orders (C1, C2). Missing or invalid inputs make a cost unknown, never zero.

    Parameters
    ----------
    kinds : (N,) kind of each instrument, a key of ``costs.kinds``.
    notional : (N,) USD, unsigned.
    adv : (N,) average daily volume in USD; fx takes its depth from ``costs.fx_depth`` by symbol instead.
    sigma : (N,) volatility of one session, as a fraction.
    regime : 0 normal, 1 volatile, 2 crisis: the most probable regime.
    symbols : (N,) needed only where a kind is fx.
    price : (N,) USD a unit, for per-unit commissions; where unknown, the commission is its maximum.
    side : (N,) 1 for a purchase and -1 for a sale; without it every order is priced as a sale, the dearer side.
    """
    rates, rate, worst = _rates(kinds, costs)
    if price is None:
        price = np.full(len(kinds), math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        units = np.where(price > 0.0, notional / price, math.nan)
    commission = _shares(kinds, rates, notional, units, np.full(len(kinds), -1.0) if side is None else side, costs)
    volume = depth(kinds, adv, costs, symbols)
    slippage_multiple, impact_multiple = _multiples(regime, costs)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = notional / volume
        known = (volume > 0.0) & (share >= 0.0) & (share < np.inf) & (sigma >= 0.0) & (sigma < np.inf)
        impact = (_whole_impact(costs) * impact_multiple) * sigma * np.sqrt(share)
    slippage = rate * slippage_multiple
    confidence, decay = liquidity(share)
    if not known.all():
        slippage = np.where(known, slippage, np.maximum(worst - commission, 0.0))
        impact = np.where(known, impact, 0.0)
        confidence = np.where(known, confidence, np.nan)
        decay = np.where(known, decay, np.nan)
    return Estimate(commission, slippage, impact, confidence, decay, known)


def liquidity(share: Floats) -> tuple[Floats, Floats]:
    """Confidence of the estimate, in [0.7, 1], and the share of liquidity the orders use up (C1).

    ``share`` is Q/ADV, (N,). Both are reported beside the expected cost and change no price.
    """
    return 1.0 - np.minimum(0.5 * share, _CONFIDENCE_LOSS_MAX), _DECAY_SHARE * share


def commission_of(kind: str, notional: float, units: float, side: int, costs: CostPolicy) -> float:
    """Commission and fees of one order, as a fraction of its (unsigned) USD notional; NaN for a kind without a cost."""
    rates, _, _ = _rates((kind,), costs)
    found = _shares((kind,), rates, np.array([notional]), np.array([units]), np.array([float(side)]), costs)
    return float(found[0])


def _shares(
    kinds: tuple[str, ...], rates: Floats, notional: Floats, units: Floats, side: Floats, costs: CostPolicy
) -> Floats:
    """(N,) commission and fees as fractions of notional; the plain rate without an order or without other charges.

    Per order: rate times notional plus USD per unit, bounded by the minimum and the maximum; then the fees on sales.
    """
    fees = _fees(costs)
    if fees is None:
        return rates
    by_unit, least, most, sale, sale_unit, sale_most = fees[:, _codes(kinds, tuple(costs.kinds))]
    with np.errstate(invalid="ignore", divide="ignore"):
        priced = notional > 0.0
        unit = np.where(by_unit > 0.0, by_unit * units, 0.0)
        paid = np.minimum(np.maximum(rates * notional + unit, least), most * notional)
        paid = np.where(np.isnan(paid) & ~np.isnan(rates), most * notional, paid)  # by unit, without a price
        tax = np.where(sale_unit > 0.0, np.fmin(sale_unit * units, sale_most), 0.0)
        sold = np.where(side < 0.0, sale * notional + tax, 0.0)
        found = np.where(priced, (paid + sold) / notional, rates)
    plain = (by_unit == 0.0) & (least == 0.0) & (most >= 1.0) & (sale == 0.0) & (sale_unit == 0.0)
    return np.where(plain, rates, found)


def _fees(costs: CostPolicy) -> Floats | None:
    """(6, kinds + 1) charges of each kind beyond its rate; None when there are none."""
    rows = [
        (c.commission_unit, c.commission_min, c.commission_max, c.sell_fee, c.sell_fee_unit, c.sell_fee_max)
        for c in costs.kinds.values()
    ]
    nothing = (0.0, 0.0, 1.0, 0.0, 0.0)
    if all(row[:5] == nothing for row in rows):
        return None
    return np.array([*rows, (*nothing, 0.0)]).T


def most_probable(belief: Floats | Sequence[float]) -> int:
    """The regime that prices costs: the most probable of (normal, volatile, crisis), the worse one on a tie, and
    crisis when the probabilities are unknown.

    >>> most_probable(np.array([0.4, 0.4, 0.2]))
    1
    """
    beliefs = [float(p) for p in belief]
    if not math.isfinite(sum(beliefs)):
        return len(beliefs) - 1
    return max(range(len(beliefs)), key=lambda k: (beliefs[k], k))


def coefficient(costs: CostPolicy) -> float:
    """Y on daily volatility, under whichever of the two formulas the policy chose."""
    return costs.impact_y if costs.impact == "daily" else _SEED_IMPACT_Y


def _whole_impact(costs: CostPolicy) -> float:
    """Impact of an order of size ADV, per unit of daily volatility: temporary plus the paid part of permanent."""
    return coefficient(costs) * costs.depth * (1.0 + costs.permanent_paid * costs.permanent_share)


def _multiples(regime: int, costs: CostPolicy) -> tuple[float, float]:
    return (
        (1.0, costs.slippage_volatile, costs.slippage_crisis)[regime],
        (1.0, costs.impact_volatile, costs.impact_crisis)[regime],
    )


@lru_cache(maxsize=64)
def _codes(kinds: tuple[str, ...], known: tuple[str, ...]) -> NDArray[np.intp]:
    """(N,) index of each kind in ``known``; ``len(known)`` for a kind without a cost."""
    return np.array([known.index(k) if k in known else len(known) for k in kinds], dtype=np.intp)


def _rates(kinds: tuple[str, ...], costs: CostPolicy) -> tuple[Floats, Floats, Floats]:
    """(N,) commission, slippage and worst case of each kind."""
    rows = [(c.commission, c.slippage, c.worst_case) for c in costs.kinds.values()]
    table = np.array([*rows, (math.nan, math.nan, math.nan)])
    commission, slippage, worst = table[_codes(kinds, tuple(costs.kinds))].T
    return commission, slippage, worst


def depth(kinds: tuple[str, ...], adv: Floats, costs: CostPolicy, symbols: Sequence[str] = ()) -> Floats:
    """(N,) USD a session by which orders are scaled: ``adv``, or for fx the depth configured for the pair (C2).

    NaN for an fx pair without a configured depth or without its symbol, whatever volume its source reports.
    """
    if "fx" not in kinds:
        return adv
    known = np.array(adv, dtype=np.float64)
    for i, kind in enumerate(kinds):
        if kind == "fx":
            known[i] = costs.fx_depth.get(symbols[i], math.nan) if symbols else math.nan
    return known

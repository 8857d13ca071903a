"""Implementation shortfall of an order by part, beside its expected cost (C3).

Perold (1988), "The Implementation Shortfall: Paper versus Reality", Journal of Portfolio Management 14(3), 4-9: the
order as decided, at the price it was decided on, beside what was really paid.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import CostPolicy
from plimsoll.costs.calibration import Executions
from plimsoll.costs.model import Estimate, depth, estimate

Floats = NDArray[np.float64]

REGIMES = ("normal", "volatile", "crisis")
_PARTS = ("commission", "slippage", "impact", "confidence", "decay")


@dataclass(frozen=True, eq=False, slots=True)
class Orders:
    """Orders and what became of them, as columns (n,). Prices in USD per unit, of the day the order was filled on.

    ``side`` is 1 for a purchase and -1 for a sale, ``ordered`` and ``filled`` are unsigned units. ``reference`` is the
    price the order was decided on, ``arrival`` the market's when it was released, ``price`` the mean fill;
    ``commission`` USD; ``adv`` USD a session, ``sigma`` the volatility of one session and ``regime`` the most probable
    one, all as known at the decision.
    """

    symbol: tuple[str, ...]
    kind: tuple[str, ...]
    day: NDArray[np.int64]
    side: Floats
    ordered: Floats
    filled: Floats
    reference: Floats
    arrival: Floats
    price: Floats
    commission: Floats
    adv: Floats
    sigma: Floats
    regime: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Shortfall:
    """Parts of each order's cost, (n,) USD, adverse positive.

    ``delay`` is the market's move from decision to arrival on what was filled, ``slippage`` the model's half spread,
    ``impact`` everything else between arrival and fill, ``commission`` what was paid. ``expected`` is the model's
    total for the order as decided, ``unfilled`` the notional that was not filled, at the decision's price.
    ``confidence`` and ``decay`` are stated beside the expected cost (``costs.model.liquidity``), NaN
    where liquidity is unknown.
    """

    notional: Floats
    delay: Floats
    slippage: Floats
    impact: Floats
    commission: Floats
    expected: Floats
    unfilled: Floats
    known: NDArray[np.bool_]
    confidence: Floats
    decay: Floats

    @property
    def realised(self) -> Floats:
        """Commission, slippage and impact: the trading cost, without the market's move before it."""
        return self.slippage + self.impact + self.commission


def _priced(orders: Orders, notional: Floats, price: Floats, costs: CostPolicy) -> Estimate:
    """The one model for the orders at ``notional``, units at ``price``; it takes one regime at a time."""
    parts: dict[str, Floats] = {n: np.empty(notional.size) for n in _PARTS}
    known = np.zeros(notional.size, dtype=bool)
    for regime in np.unique(orders.regime).tolist():
        at = np.flatnonzero(orders.regime == regime)
        kinds, symbols = tuple(orders.kind[i] for i in at), tuple(orders.symbol[i] for i in at)
        part = estimate(
            kinds, notional[at], orders.adv[at], orders.sigma[at], regime, costs, symbols, price[at], orders.side[at]
        )
        for name, values in parts.items():
            values[at] = getattr(part, name)
        known[at] = part.known
    return Estimate(**parts, known=known)


def shortfall(orders: Orders, costs: CostPolicy) -> Shortfall:
    """Every order's cost by part, beside its expected cost."""
    at_arrival = orders.filled * orders.arrival
    decided = orders.ordered * orders.reference
    released = _priced(orders, at_arrival, orders.arrival, costs)
    before = _priced(orders, decided, orders.reference, costs)
    slippage = released.slippage * at_arrival
    return Shortfall(
        notional=at_arrival,
        delay=orders.side * orders.filled * (orders.arrival - orders.reference),
        slippage=slippage,
        impact=orders.side * orders.filled * (orders.price - orders.arrival) - slippage,
        commission=orders.commission,
        expected=before.total * decided,
        unfilled=np.maximum(orders.ordered - orders.filled, 0.0) * orders.reference,
        known=released.known,
        confidence=before.confidence,
        decay=before.decay,
    )


def executions(orders: Orders, costs: CostPolicy) -> tuple[Executions, NDArray[np.bool_]]:
    """The orders a calibration may use, and which those are (n,): liquidity known, something filled.

    Impact is of the whole order: partial fills of one order are one row here.
    """
    notional = orders.filled * orders.arrival
    unit = _priced(orders, notional, orders.arrival, msgspec.structs.replace(costs, impact="daily", impact_y=1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = notional / depth(orders.kind, orders.adv, costs, orders.symbol)
        cost = orders.side * (orders.price / orders.arrival - 1.0)
    use = unit.known & (share > 0.0) & (orders.sigma > 0.0) & np.isfinite(cost)
    columns = (cost, unit.slippage, unit.impact, share, orders.sigma)
    return Executions(orders.day[use], *(values[use] for values in columns)), use


class Compared(msgspec.Struct, frozen=True):
    """Expected beside realised cost of some orders. USD, and fractions of their notional at arrival."""

    name: str
    orders: int
    notional_usd: float
    expected_usd: float
    realised_usd: float
    expected_cost: float | None
    realised_cost: float | None
    delay_usd: float
    slippage_usd: float
    impact_usd: float
    commission_usd: float
    unfilled_usd: float


def compare(name: str, found: Shortfall, which: NDArray[np.bool_]) -> Compared:
    """The orders of ``which`` (n,) added up."""

    def total(values: Floats) -> float:
        return float(values[which].sum())

    notional, expected, realised = total(found.notional), total(found.expected), total(found.realised)
    return Compared(
        name=name,
        orders=int(which.sum()),
        notional_usd=notional,
        expected_usd=expected,
        realised_usd=realised,
        expected_cost=expected / notional if notional > 0.0 else None,
        realised_cost=realised / notional if notional > 0.0 else None,
        delay_usd=total(found.delay),
        slippage_usd=total(found.slippage),
        impact_usd=total(found.impact),
        commission_usd=total(found.commission),
        unfilled_usd=total(found.unfilled),
    )

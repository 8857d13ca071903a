"""Implementation shortfall of orders by component, beside their expected cost (C3).

Perold (1988), "The Implementation Shortfall: Paper versus Reality", Journal of Portfolio Management 14(3), 4-9: the
difference between the order as decided, at the decision price, and what was paid.
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
    """Orders and their fills, as columns (n,). Prices in USD per unit, adjusted to the day of the fill.

    ``side`` is 1 for a purchase and -1 for a sale, ``ordered`` and ``filled`` are unsigned units. ``reference`` is the
    decision price, ``arrival`` the market price when the order was released, ``price`` the mean fill price;
    ``commission`` is in USD. ``adv`` (USD a session), ``sigma`` (volatility of one session) and ``regime`` (the most
    probable one) are those known at the decision.
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
    """Components of each order's cost, (n,) USD, adverse positive.

    ``delay`` is the market's move from decision to arrival on the filled quantity, ``slippage`` the model's half
    spread, ``impact`` the rest of the move from arrival to fill, ``commission`` as paid. ``expected`` is the model's
    total for the order as decided, ``unfilled`` the unfilled notional at the decision price. ``confidence`` and
    ``decay`` are those of the expected cost (``costs.model.liquidity``), NaN where liquidity is unknown.
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
        """Commission, slippage and impact: the trading cost, without the delay before it."""
        return self.slippage + self.impact + self.commission


def _priced(orders: Orders, notional: Floats, price: Floats, costs: CostPolicy) -> Estimate:
    """The cost model for orders of ``notional`` at ``price``, one regime at a time."""
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
    """Each order's cost by component, and its expected cost."""
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
    """The orders usable for calibration, and a mask (n,) of them: liquidity known and at least partly filled.

    Impact is that of the whole order: its partial fills are one row here.
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
    """Expected and realised cost of a group of orders, in USD and as fractions of their notional at arrival."""

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
    """Totals over the orders selected by the mask ``which`` (n,)."""

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

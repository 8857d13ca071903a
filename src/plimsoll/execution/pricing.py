"""Price of a fill from a traded price and the cost model (C3); shared by simulated fills and closed-out series."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from plimsoll.core.instrument import Instrument
from plimsoll.core.money import notional_cents
from plimsoll.core.order import Fill
from plimsoll.core.panel import History
from plimsoll.core.policy import CostPolicy
from plimsoll.costs.model import commission_of, estimate, most_probable


class FillQuote(NamedTuple):
    """Pricing inputs of a fill: the traded price, and liquidity as known at the decision before it."""

    price: float
    adv: float  # USD a session
    sigma: float  # volatility of one session, fraction
    regime: int  # 0 normal, 1 volatile, 2 crisis


class FilledOrder(NamedTuple):
    """The order a fill belongs to, and its time."""

    id: str
    session: str
    reason: str = "ORDER"


def fill_quote(history: History, column: int, price: float, row: int) -> FillQuote:
    """``price`` with the liquidity and the most probable regime known at the decision of ``row``."""
    adv, sigma = history.array("adv")[row, column], history.array("sigma")[row, column]
    return FillQuote(float(price), float(adv), float(sigma), most_probable(history.array("regime.belief")[row]))


def fill(order: FilledOrder, instrument: Instrument, lots: int, quote: FillQuote, costs: CostPolicy) -> Fill:
    """The fill of ``lots`` (signed) at ``price x (1 +/- (slippage + impact))``, plus commission.

    Every amount is in whole cents, half to even; slippage and impact are cents of the price's distance from the
    traded price and add up to it exactly. Without liquidity data the price is the kind's worst case (C2).
    """
    units = instrument.lots_per_unit
    plain = notional_cents(lots, units, quote.price)
    cost = estimate(
        (instrument.kind,), np.array([abs(plain) / 100.0]), np.array([quote.adv]), np.array([quote.sigma]),
        quote.regime, costs, (instrument.symbol,), np.array([quote.price]), np.array([float(lots)]),
    )  # fmt: skip
    slippage, impact = float(cost.slippage[0]), float(cost.impact[0])
    price = quote.price * (1.0 + (slippage + impact if lots > 0 else -(slippage + impact)))
    notional = notional_cents(lots, units, price)
    distance = abs(notional - plain)
    slipped = min(round(abs(plain) * slippage), distance)
    paid = commission_of(instrument.kind, abs(notional) / 100.0, abs(lots) / units, lots, costs)
    return Fill(
        id=order.id,
        execution=hashlib.sha256(f"{order.id}|{order.session}|{order.reason}".encode()).hexdigest()[:32],
        session=order.session,
        symbol=instrument.symbol,
        lots=lots,
        price=price,
        notional=notional,
        commission=round(abs(notional) * paid),
        slippage=slipped,
        impact=distance - slipped,
        reason=order.reason,
    )

"""Price of a part of an order at a quote, by the cost model alone (C1, C3, X5)."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from plimsoll.core.instrument import Instrument
from plimsoll.core.money import notional_cents
from plimsoll.core.order import Fill, Order
from plimsoll.core.policy import Policy
from plimsoll.costs.model import commission_of
from plimsoll.execution.pricing import FilledOrder, FillQuote, fill

_SEED_STEP = 10_000.0  # USD of an order for which the seed's size impact adds its rate once more
_SEED_RATE = 0.0002


class Liquidity(NamedTuple):
    """What is known of a symbol's liquidity: USD a session, and the volatility of one session as a fraction."""

    adv: float
    sigma: float


class Touch(NamedTuple):
    """Bid and ask, USD."""

    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """Between the two."""
        return (self.bid + self.ask) / 2.0


def part(
    order: Order, lots: int, filled: int, touch: Touch, known: Liquidity, regime: int, instrument: Instrument,
    policy: Policy, session: str,
) -> Fill:  # fmt: skip
    """The execution of ``lots`` of an order of which ``filled`` are done, without a name.

    Every part pays the rate of the whole order, so that splitting saves nothing; slippage contains the half-spread, so
    where that is larger the price is the bid or the ask. Commission is the whole order's so far, less what it has paid.
    """
    unit, sign = instrument.lots_per_unit, 1 if lots > 0 else -1
    quote = FillQuote(touch.mid, known.adv, known.sigma, regime)
    whole = fill(FilledOrder(order.id, session), instrument, order.lots, quote, policy.costs)
    away = abs(whole.price / touch.mid - 1.0)
    if policy.paper.size_impact == "seed":
        value = abs(notional_cents(order.lots, unit, touch.mid)) / 100.0
        away += max(value - _SEED_STEP, 0.0) / _SEED_STEP * _SEED_RATE
    price = touch.mid * (1.0 + sign * away)
    price = max(price, touch.ask) if sign > 0 else max(min(price, touch.bid), 0.0001)
    plain, notional = notional_cents(lots, unit, touch.mid), notional_cents(lots, unit, price)
    distance = abs(notional - plain)
    impact = min(round(whole.impact * lots / order.lots), distance)
    commission = _commission(instrument, filled + lots, price, policy) - _commission(instrument, filled, price, policy)
    return replace(
        whole, lots=lots, price=price, notional=notional, commission=max(commission, 0), slippage=distance - impact,
        impact=impact,
    )  # fmt: skip


def _commission(instrument: Instrument, lots: int, price: float, policy: Policy) -> int:
    """Commission of an order of so many lots, cents."""
    if not lots:
        return 0
    units = instrument.lots_per_unit
    notional = abs(notional_cents(lots, units, price))
    side = 1 if lots > 0 else -1
    return round(notional * commission_of(instrument.kind, notional / 100.0, abs(lots) / units, side, policy.costs))

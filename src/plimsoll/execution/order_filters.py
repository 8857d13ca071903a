"""A venue's order rules judged before the wire: a refusal names the rule, never the venue's guess (L12, L17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TypeVar

from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Order
from plimsoll.core.quantity import ONE
from plimsoll.core.venue import Combination, Refused, VenueRules

_V = TypeVar("_V")


def objection(order: Order, rules: VenueRules, instrument: Instrument) -> Refused | None:
    """Which rule of a venue an order breaks; None where none.

    ORDER_KIND, or FILTER with PRICE, LOTS_MIN, LOTS_STEP, NOTIONAL_MIN or TICK first in its words.
    """
    fractional = order.lots % instrument.lots_per_unit != 0
    if Combination(order.type, order.time_in_force, instrument.kind, fractional) not in rules.takes:
        part = "a fraction of " if fractional else ""
        return Refused("ORDER_KIND", f"{order.type} {order.time_in_force} for {part}{order.symbol}")
    prices = priced(order)
    for name, price in prices.items():
        if price is None or not isfinite(price) or price <= 0.0:
            return Refused("FILTER", f"PRICE: {order.symbol}: no {name} price")
    lots = abs(order.lots)
    least, step = of(rules.lots_min, order.symbol, 1), of(rules.lots_step, order.symbol, 1)
    if lots < least:
        return Refused("FILTER", f"LOTS_MIN: {lots} lots of {order.symbol} are below {least}")
    if lots % step:
        return Refused("FILTER", f"LOTS_STEP: {lots} lots of {order.symbol} are no multiple of {step}")
    cents = lots * (order.limit or order.stop or order.reference) * 100.0 / instrument.lots_per_unit
    if not cents >= (smallest := of(rules.notional_min, order.symbol, 0)):
        return Refused("FILTER", f"NOTIONAL_MIN: {order.symbol}: {cents:.0f} cents are below {smallest}")
    for name, price in prices.items():
        assert price is not None
        tick = tick_at(of(rules.ticks, order.symbol, ()), round(price * ONE))
        if tick and round(price * ONE) % tick:
            return Refused("FILTER", f"TICK: {order.symbol}: {name} {price} is no multiple of {tick / ONE:g}")
    return None


def priced(order: Order) -> dict[str, float | None]:
    """The prices that an order's type needs, by name."""
    found: dict[str, float | None] = {}
    if order.type in ("limit", "stop_limit"):
        found["limit"] = order.limit
    if order.type in ("stop", "stop_limit"):
        found["stop"] = order.stop
    return found


def tick_at(ticks: Iterable[tuple[int, int]], price: int) -> int:
    """The tick of a price, both 1e-12 USD, whatever the market's is; 0 where there is none.

    >>> tick_at(((0, 100), (1000, 500)), 999), tick_at(((0, 100), (1000, 500)), 1000)
    (100, 500)
    """
    return next((tick for start, tick in reversed(tuple(ticks)) if start <= price), 0)


def of(rules: Mapping[str, _V], symbol: str, otherwise: _V) -> _V:
    """A rule of a symbol, or of every symbol without its own."""
    return rules.get(symbol, rules.get("", otherwise))

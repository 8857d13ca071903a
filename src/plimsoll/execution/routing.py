"""Which form of an order a venue takes: the time in force by the class of its instrument (X4, L16)."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Order, TimeInForce
from plimsoll.core.venue import Combination, VenueRules

_INSTEAD: tuple[TimeInForce, ...] = ("day", "gtc", "ioc")


def timed(order: Order, rules: VenueRules, instrument: Instrument) -> Order:
    """The order with a time in force that the venue takes for its type, kind and fraction.

    Its own where that is taken, else the day, until cancelled, or at once; unchanged where none is.

    A decision is for the next open, which coins do not have, and for which many venues take no fractions.
    """
    fractional = order.lots % instrument.lots_per_unit != 0
    for time in (order.time_in_force, *_INSTEAD):
        if Combination(order.type, time, instrument.kind, fractional) in rules.takes:
            return order if time == order.time_in_force else replace(order, time_in_force=time)
    return order

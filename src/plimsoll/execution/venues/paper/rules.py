"""What the paper venue takes: no more than a live venue would, so that what passes here passes there (L16)."""

from __future__ import annotations

from typing import get_args

from plimsoll.core.order import OrderType, TimeInForce
from plimsoll.core.quantity import ONE
from plimsoll.core.venue import Combination, VenueRules

_LISTED: dict[OrderType, tuple[TimeInForce, ...]] = {
    "market": ("day", "opg", "ioc", "fok"),
    "limit": ("day", "gtc", "opg", "ioc", "fok"),
    "stop": ("day", "gtc"),
    "stop_limit": ("day", "gtc"),
}
_ALWAYS: dict[OrderType, tuple[TimeInForce, ...]] = {
    "market": ("gtc", "ioc"),
    "limit": ("gtc", "ioc", "fok"),
    "stop_limit": ("gtc",),
}
STOCK_TICKS = ((0, ONE // 10_000), (ONE, ONE // 100))
"""A hundredth of a cent below 1 USD, a cent from there on."""
RULES = VenueRules(
    "paper",
    frozenset(
        {Combination(type, t, kind) for type, times in _LISTED.items() for t in times for kind in ("stock", "fund")}
        | {Combination(type, "day", kind, True) for type in get_args(OrderType) for kind in ("stock", "fund")}
        | {
            Combination(type, time, kind, fractional)
            for type, times in _ALWAYS.items()
            for time in times
            for kind in ("crypto", "fx")
            for fractional in (False, True)
        }
    ),
    notional_min={"": 100},
)
"""A fraction of a share is an order of the day; what trades around the clock knows no open and no day. Ticks are
those of stocks, by symbol (``rules_of``)."""

"""What Alpaca takes, as data, and our own filters before anything is sent (L12, L16, L17).

The same for paper and live: an order that live would refuse is refused here on paper too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from math import ceil
from typing import get_args
from zoneinfo import ZoneInfo

from plimsoll.core.order import Order, OrderType, TimeInForce
from plimsoll.core.quantity import DECIMALS, ONE
from plimsoll.core.venue import Combination, Refused, VenueRules
from plimsoll.execution.venues.alpaca.orders import Symbols, exact_price
from plimsoll.execution.venues.alpaca.wire import AccountRow, Asset, finite

_NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    "market": get_args(TimeInForce),
    "limit": get_args(TimeInForce),
    "stop": ("day", "gtc"),
    "stop_limit": ("day", "gtc"),
}
_CRYPTO_TYPES: tuple[OrderType, ...] = ("market", "limit", "stop_limit")
_CRYPTO_TIMES: tuple[TimeInForce, ...] = ("gtc", "ioc")
TAKES = frozenset(
    {Combination(type, t, kind) for type, times in _TIMES.items() for t in times for kind in ("stock", "fund")}
    | {Combination(type, "day", kind, True) for type in get_args(OrderType) for kind in ("stock", "fund")}
    | {Combination(type, t, "crypto", f) for type in _CRYPTO_TYPES for t in _CRYPTO_TIMES for f in (False, True)}
)
"""Order types by time in force and kind of instrument. A fraction of a share is an order of the day only."""
STOCK_TICKS = ((0, ONE // 10_000), (ONE, ONE // 100))
"""A hundredth of a cent below 1 USD, a cent from there on."""
AUCTIONS: Mapping[TimeInForce, tuple[time, time]] = {
    "opg": (time(19, 0), time(9, 28)),
    "cls": (time(19, 0), time(15, 50)),
}
"""New York times from which and before which orders for the opening and the closing auction are taken."""
_PRICE_MAX = 1e9
_FRACTION_MIN = 100  # cents: the least value of an order for a fraction


def rules_of(assets: Mapping[str, Asset], symbols: Symbols, account: AccountRow) -> VenueRules:
    """The order rules of an account: by symbol, where it differs from others of its kind."""
    least: dict[str, int] = {}
    step: dict[str, int] = {}
    ticks: dict[str, tuple[tuple[int, int], ...]] = {"": STOCK_TICKS}
    for symbol, asset in assets.items():
        unit = symbols.per_unit(symbol)
        if not asset.fractionable and unit > 1:
            step[symbol] = unit
        smallest, increment = finite(asset.min_order_size), finite(asset.min_trade_increment)
        if smallest is not None:
            least[symbol] = ceil(smallest * unit)
        if increment is not None and increment * unit > 1:
            step[symbol] = int(increment * unit)
        tick = finite(asset.price_increment)
        if tick is not None and tick > 0 and asset.asset_class == "crypto":
            ticks[symbol] = ((0, int(tick.scaleb(DECIMALS))),)
    return VenueRules("alpaca", TAKES if not blocked(account) else frozenset(), least, {}, step, ticks)


def blocked(account: AccountRow) -> str:
    """Why an account may not trade; "" where it may."""
    if account.status != "ACTIVE":
        return f"the account is {account.status}"
    said = {
        "blocked by Alpaca": account.account_blocked,
        "not allowed to trade": account.trading_blocked,
        "suspended by its owner": account.trade_suspended_by_user,
    }
    return next((f"the account is {why}" for why, so in said.items() if so), "")


class Filters:
    """Our filters of an order, from the venue's data. A refusal's text begins with the filter's name (L17)."""

    def __init__(self, rules: VenueRules, assets: Mapping[str, Asset], symbols: Symbols, account: AccountRow) -> None:
        self._rules, self._assets, self._symbols, self._account = rules, assets, symbols, account

    def refusal(self, order: Order, now: int) -> Refused | None:
        """Why an order is not sent; None where nothing speaks against it."""
        return (
            self._account_of()
            or self._asset(order)
            or self._kind(order)
            or self._lots(order)
            or self._prices(order)
            or _session(order, now)
        )

    def _account_of(self) -> Refused | None:
        why = blocked(self._account)
        return Refused("RULE", f"ACCOUNT: {why}") if why else None

    def _asset(self, order: Order) -> Refused | None:
        asset = self._assets.get(order.symbol)
        if order.symbol not in self._symbols.instruments or asset is None:
            return Refused("UNKNOWN_SYMBOL", f"Alpaca does not list {order.symbol}")
        if not asset.tradable or asset.status != "active":
            return Refused("SESSION", f"NOT_TRADABLE: {order.symbol} is {asset.status} and not tradable at Alpaca")
        if order.lots < 0 and not order.reduce_only:
            fraction = order.lots % self._symbols.per_unit(order.symbol) != 0
            if fraction or not asset.shortable or not self._account.shorting_enabled:
                return Refused("FUNDS", f"NOT_SHORTABLE: {order.symbol} cannot be sold short by this account")
        return None

    def _kind(self, order: Order) -> Refused | None:
        instrument, asset = self._symbols.instruments[order.symbol], self._assets[order.symbol]
        kind = "crypto" if asset.asset_class == "crypto" else "fund" if instrument.kind == "fund" else "stock"
        fractional = order.lots % instrument.lots_per_unit != 0
        text = f"{order.type} {order.time_in_force}"
        if fractional and not asset.fractionable:
            return Refused("FILTER", f"NOT_FRACTIONABLE: {order.symbol} is traded in whole units")
        if Combination(order.type, order.time_in_force, kind, fractional) not in self._rules.takes:
            return Refused("ORDER_KIND", f"{text} for {'a fraction of ' if fractional else ''}{order.symbol}")
        return None

    def _lots(self, order: Order) -> Refused | None:
        lots, unit = abs(order.lots), self._symbols.per_unit(order.symbol)
        step, least = self._rules.lots_step.get(order.symbol, 1), self._rules.lots_min.get(order.symbol, 1)
        if lots < least:
            return Refused("FILTER", f"LOTS_MIN: {lots} lots of {order.symbol} are below {least}")
        if lots % step:
            return Refused("FILTER", f"LOTS_STEP: {lots} lots of {order.symbol} are no multiple of {step}")
        value = lots * (order.limit or order.reference) * 100.0 / unit
        if lots % unit and self._assets[order.symbol].asset_class != "crypto" and value < _FRACTION_MIN:
            return Refused("FILTER", f"NOTIONAL_MIN: {order.symbol}, a fraction of a share must be worth 1 USD")
        return None

    def _prices(self, order: Order) -> Refused | None:
        """A price's tick is that of its own level, wherever the market is (L12)."""
        wanted = {
            "limit": order.limit if order.type in ("limit", "stop_limit") else None,
            "stop": order.stop if order.type in ("stop", "stop_limit") else None,
        }
        for name, price in wanted.items():
            if order.type.replace("_", " ").find(name) < 0:
                continue
            if price is None or not 0 < price <= _PRICE_MAX:
                return Refused("FILTER", f"PRICE: {order.symbol} has no {name} price")
            scaled = exact_price(price).scaleb(DECIMALS)
            tick = tick_at(self._rules.ticks.get(order.symbol, self._rules.ticks[""]), scaled)
            if scaled % tick:
                shown = format(Decimal(tick).scaleb(-DECIMALS).normalize(), "f")
                return Refused("FILTER", f"TICK: {order.symbol}, {name} {price} is no multiple of {shown}")
        return None


def tick_at(ticks: Iterable[tuple[int, int]], price: Decimal | int) -> int:
    """The tick of a price, both 1e-12 USD."""
    return [tick for start, tick in ticks if start <= price][-1]


def _session(order: Order, now: int) -> Refused | None:
    span = AUCTIONS.get(order.time_in_force)
    if span is None:
        return None
    start, end = span
    here = (_EPOCH + timedelta(microseconds=now)).astimezone(_NEW_YORK).time()
    if here >= start or here < end:
        return None
    return Refused("SESSION", f"{order.time_in_force} orders are taken from {start:%H:%M} to {end:%H:%M} New York time")

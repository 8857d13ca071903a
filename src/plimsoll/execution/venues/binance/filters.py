"""A symbol's order filters, as data, and which of them an order breaks (L12, L17).

Binance names filters wrongly at times, so every one is judged here first, and a refusal names ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

_NONE = Decimal(0)
_ANY = Decimal(10**9)


class Band(msgspec.Struct, frozen=True):
    """Least, most and step of a figure; 0 where it has none."""

    least: Decimal = _NONE
    most: Decimal = _NONE
    step: Decimal = _NONE

    def breach(self, value: Decimal) -> str:
        """How a value breaks it; "" where it does not."""
        if value < self.least:
            return f"{value:f} is below {self.least:f}"
        if self.most and value > self.most:
            return f"{value:f} is above {self.most:f}"
        if self.step and value % self.step:
            return f"{value:f} is no multiple of {self.step:f}"
        return ""


class SymbolFilters(msgspec.Struct, frozen=True):
    """All filters of a symbol. ``percent`` are factors of the average price: highest and lowest bid, then ask."""

    price: Band = Band()
    lots: Band = Band()
    market_lots: Band = Band()
    notional: Band = Band()
    notional_market: tuple[bool, bool] = (False, False)  # whether least and most hold for market orders too
    percent: tuple[Decimal, Decimal, Decimal, Decimal] | None = None
    orders_max: int = 0
    algo_orders_max: int = 0
    position_max: Decimal = _NONE


class Intended(msgspec.Struct, frozen=True):
    """An order as the filters see it. ``average`` is the venue's average price, 0 where it is not known; ``open`` and
    ``algo`` the open orders of the symbol, ``held`` the position and all open purchases.
    """

    buys: bool
    quantity: Decimal
    price: Decimal | None = None
    stop: Decimal | None = None
    average: Decimal = _NONE
    open: int = 0
    algo: int = 0
    held: Decimal = _NONE
    reduces: bool = False  # a reduction that the venue exempts from the least value


def parsed_filters(rows: Sequence[Mapping[str, object]]) -> SymbolFilters:
    """Filters of a symbol from the venue's exchange information; kinds that are not known here are left to the venue.

    ``KeyError``, ``ValueError`` or ``ArithmeticError`` where one is not as documented.
    """
    by = {str(row["filterType"]): row for row in rows}
    notional, old = by.get("NOTIONAL"), by.get("MIN_NOTIONAL")
    band, market = Band(), (False, False)
    if notional is not None:
        band = Band(_number(notional["minNotional"]), _number(notional.get("maxNotional", "0")))
        market = (bool(notional.get("applyMinToMarket")), bool(notional.get("applyMaxToMarket")))
    elif old is not None:  # futures say "notional", and mean market orders too
        band = Band(_number(old["minNotional"] if "minNotional" in old else old["notional"]))
        market = (bool(old.get("applyToMarket", "notional" in old)), False)
    return SymbolFilters(
        price=_band(by.get("PRICE_FILTER"), "minPrice", "maxPrice", "tickSize"),
        lots=_band(by.get("LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        market_lots=_band(by.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        notional=band,
        notional_market=market,
        percent=_percent(by),
        orders_max=_count(by.get("MAX_NUM_ORDERS"), "maxNumOrders"),
        algo_orders_max=_count(by.get("MAX_NUM_ALGO_ORDERS"), "maxNumAlgoOrders"),
        position_max=_number(by["MAX_POSITION"]["maxPosition"]) if "MAX_POSITION" in by else _NONE,
    )


def broken(filters: SymbolFilters, order: Intended) -> str:
    """The first filter that an order breaks, and how; "" without one."""
    of_price = [price for price in (order.price, order.stop) if price is not None]
    for price in of_price:
        if told := _price(filters, order, price):
            return told
    if told := filters.lots.breach(order.quantity):
        return f"LOT_SIZE: {told}"
    if order.price is None and (told := filters.market_lots.breach(order.quantity)):
        return f"MARKET_LOT_SIZE: {told}"
    if told := _notional(filters, order):
        return told
    if filters.orders_max and order.open >= filters.orders_max:
        return f"MAX_NUM_ORDERS: {order.open} orders are open"
    if order.stop is not None and filters.algo_orders_max and order.algo >= filters.algo_orders_max:
        return f"MAX_NUM_ALGO_ORDERS: {order.algo} stop orders are open"
    if order.buys and filters.position_max and order.held + order.quantity > filters.position_max:
        return f"MAX_POSITION: {order.held + order.quantity:f} would be above {filters.position_max:f}"
    return ""


def _price(filters: SymbolFilters, order: Intended, price: Decimal) -> str:
    if price <= 0:
        return f"PRICE_FILTER: {price:f} is no price"
    if told := filters.price.breach(price):
        return f"PRICE_FILTER: {told}"
    if filters.percent is not None and order.average > 0:
        up, down = filters.percent[:2] if order.buys else filters.percent[2:]
        if not down * order.average <= price <= up * order.average:
            low, high = down * order.average, up * order.average
            return f"PERCENT_PRICE_BY_SIDE: {price:f} is outside {low.normalize():f} and {high.normalize():f}"
    return ""


def _notional(filters: SymbolFilters, order: Intended) -> str:
    at = order.average if order.price is None else order.price
    least, most = (True, True) if order.price is not None else filters.notional_market
    value = at * order.quantity
    if at <= 0:
        return ""
    if least and not order.reduces and value < filters.notional.least:
        return f"NOTIONAL: {value.normalize():f} is below {filters.notional.least:f}"
    if most and filters.notional.most and value > filters.notional.most:
        return f"NOTIONAL: {value.normalize():f} is above {filters.notional.most:f}"
    return ""


def _percent(by: Mapping[str, Mapping[str, object]]) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
    if (row := by.get("PERCENT_PRICE_BY_SIDE")) is not None:
        names = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
        return (_number(row[names[0]]), _number(row[names[1]]), _number(row[names[2]]), _number(row[names[3]]))
    if (row := by.get("PERCENT_PRICE")) is not None:
        up, down = _number(row["multiplierUp"]), _number(row["multiplierDown"])
        if "multiplierDecimal" in row:  # futures: a purchase may be as low, and a sale as high, as one likes
            return (up, _NONE, _ANY, down)
        return (up, down, up, down)
    return None


def _band(row: Mapping[str, object] | None, least: str, most: str, step: str) -> Band:
    return Band() if row is None else Band(_number(row[least]), _number(row[most]), _number(row[step]))


def _count(row: Mapping[str, object] | None, name: str) -> int:
    return 0 if row is None else int(str(row.get(name, row.get("limit", 0))))  # futures say "limit"


def _number(value: object) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("no number")
    return number.normalize()

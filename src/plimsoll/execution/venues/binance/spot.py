"""Binance's spot market (X1)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from plimsoll.core.order import Order
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure
from plimsoll.execution.venues.binance.listing import CASH, Listing
from plimsoll.execution.venues.binance.market import BinanceAccount, Income, Paths
from plimsoll.execution.venues.binance.wire import BinanceTrade, OrderRow, Report, made_trade, number, spot_trades

_TYPES = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP_LOSS", "stop_limit": "STOP_LOSS_LIMIT"}
_V3 = "/api/v3"


class _Balance(msgspec.Struct):
    asset: str
    free: str
    locked: str = "0"


class _Account(msgspec.Struct, rename="camel"):
    balances: list[_Balance]
    can_trade: bool = True


class _Average(msgspec.Struct):
    price: str


class _Wrapped(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw()


class _Execution(msgspec.Struct):
    e: str
    s: str = ""
    c: str = ""
    C: str | None = ""
    S: str = ""
    q: str = "0"
    x: str = ""
    X: str = ""
    r: str = ""
    i: int = 0
    l: str = "0"  # noqa: E741
    z: str = "0"
    L: str = "0"
    n: str | None = "0"
    N: str | None = None
    T: int = 0
    t: int = -1
    Y: str = ""


class Spot:
    """Orders, balances and events of the spot market."""

    name = "binance"
    by_days = 0
    exempts_reductions = False
    holds_assets = True
    paths = Paths(f"{_V3}/time", f"{_V3}/exchangeInfo", f"{_V3}/order", f"{_V3}/allOrders", f"{_V3}/openOrders",
                  f"{_V3}/myTrades")  # fmt: skip

    def order(self, order: Order, listing: Listing) -> dict[str, str] | str:
        """The parameters of an order. A market order executes at once, whatever its time in force."""
        return plain_order(order, listing, _TYPES) | {"newOrderRespType": "ACK"}

    async def permits(self, client: BinanceClient) -> BinanceFailure | str:
        """Whether the account may trade."""
        body = await client.read(f"{_V3}/account", {"omitZeroBalances": "true"})
        if isinstance(body, BinanceFailure):
            return body
        return "" if (found := _decoded(body)) is not None and found.can_trade else "the account may not trade"

    async def account(self, client: BinanceClient, by_symbol: dict[str, Listing]) -> BinanceAccount | BinanceFailure:
        """Balances, free and locked in orders alike."""
        body = await client.read(f"{_V3}/account", {"omitZeroBalances": "true"})
        if isinstance(body, BinanceFailure):
            return body
        try:
            told = _decoded(body)
            whole = {b.asset: number(b.free) + number(b.locked) for b in told.balances} if told else None
        except ValueError:
            whole = None
        if whole is None:
            return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the account's balances")
        bases = {one.base: symbol for symbol, one in by_symbol.items()}
        held = {bases[asset]: amount for asset, amount in whole.items() if asset in bases and amount}
        rest = tuple(sorted(asset for asset, n in whole.items() if n and asset not in bases and asset != CASH))
        return BinanceAccount(whole.get(CASH, Decimal(0)), held, rest)

    async def average(self, client: BinanceClient, listing: Listing) -> Decimal:
        """The venue's average of the last minutes."""
        body = await client.read(f"{_V3}/avgPrice", {"symbol": listing.market}, signed=False)
        try:
            return (
                Decimal(0)
                if isinstance(body, BinanceFailure)
                else number(msgspec.json.decode(body, type=_Average).price)
            )
        except (msgspec.DecodeError, ValueError):
            return Decimal(0)

    async def income(self, client: BinanceClient, since: int) -> tuple[Income, ...] | BinanceFailure:
        """Spot has none."""
        return ()

    def trades(self, body: bytes) -> list[BinanceTrade] | None:
        """Executions in an answer."""
        return spot_trades(body)

    def report(self, body: bytes) -> Report | None:
        """An order's event, wrapped with its subscription's number or not. ``ValueError`` for one that is unreadable.

        An order that is cancelled has the id of the cancellation, and its own beside it.
        """
        wrapped = msgspec.json.decode(body, type=_Wrapped)
        told = msgspec.json.decode(wrapped.event if bytes(wrapped.event) else body, type=_Execution)
        if told.e != "executionReport":
            return None
        sign = 1 if told.S == "BUY" else -1
        trade = None
        if told.x == "TRADE":
            of = (told.s, told.t, told.i, sign)
            trade = made_trade(of, told.l, told.L, told.Y, (told.n or "0", told.N), told.T)
        own = told.C if told.C and told.C != "null" else told.c
        return Report(
            told.s, own, told.i, told.x, told.X, sign, number(told.q), number(told.z), told.T * 1000, told.r, trade
        )

    def objection(self, order: Order, row: OrderRow) -> str:
        """Nothing: an answer has only names."""
        return ""


def plain_order(order: Order, listing: Listing, types: dict[str, str]) -> dict[str, str]:
    """Parameters that both markets have in common; prices are judged by the filters before they are sent."""
    whole = {
        "symbol": listing.market,
        "side": "BUY" if order.lots > 0 else "SELL",
        "type": types[order.type],
        "quantity": f"{listing.quantity(order.lots):f}",
        "newClientOrderId": order.id,
    }
    if order.type in ("limit", "stop_limit"):
        whole["timeInForce"] = order.time_in_force.upper()
    for name, price in (("price", order.limit), ("stopPrice", order.stop)):
        if price is not None:
            whole[name] = f"{on_tick(price, listing):f}"
    return whole


def on_tick(price: float, listing: Listing) -> Decimal:
    """A price as a decimal: the tick it means where it is one but for its last bit, else itself, for the filter."""
    exact, step = Decimal(repr(float(price))), listing.filters.price.step
    if not step or not exact.is_finite():
        return exact
    near = (exact / step).to_integral_value() * step
    return near if abs(near - exact) <= abs(exact) * Decimal("1e-12") else exact


def _decoded(body: bytes) -> _Account | None:
    try:
        return msgspec.json.decode(body, type=_Account)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

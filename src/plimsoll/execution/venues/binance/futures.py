"""Binance's USD-M perpetual futures, in one-way mode (X1, L22).

A position here costs no cash at the venue: its gains are settled in the wallet. Our books count it like any other
holding, bought for cash; so cash is the wallet less what the open positions cost to enter, and the two agree to the
last digit after every execution.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from plimsoll.core.order import Order
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure
from plimsoll.execution.venues.binance.listing import CASH, Listing
from plimsoll.execution.venues.binance.market import BinanceAccount, Income, Paths
from plimsoll.execution.venues.binance.spot import plain_order
from plimsoll.execution.venues.binance.wire import BinanceTrade, OrderRow, Report, futures_trades, made_trade, number

_V1, _V3 = "/fapi/v1", "/fapi/v3"
_TYPES = {"market": "MARKET", "limit": "LIMIT"}
_PAGE = 1000


class _Mode(msgspec.Struct, rename="camel"):
    dual_side_position: bool


class _Asset(msgspec.Struct, rename="camel"):
    asset: str
    wallet_balance: str


class _Account(msgspec.Struct, rename="camel"):
    assets: list[_Asset]


class _Position(msgspec.Struct, rename="camel"):
    symbol: str
    position_amt: str
    entry_price: str


class _Mark(msgspec.Struct, rename="camel"):
    mark_price: str


class _Income(msgspec.Struct, rename="camel"):
    income: str
    asset: str
    time: int
    tran_id: int
    symbol: str = ""


class _Execution(msgspec.Struct):
    s: str
    c: str
    S: str
    q: str
    x: str
    X: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    T: int
    t: int = 0
    n: str = "0"
    N: str | None = None


class _Event(msgspec.Struct):
    e: str
    o: msgspec.Raw = msgspec.Raw()


class Futures:
    """Orders, positions and events of USD-M perpetual futures. Stops are another service of Binance's: none here."""

    name = "binance_futures"
    by_days = 7
    exempts_reductions = True
    holds_assets = False
    paths = Paths(f"{_V1}/time", f"{_V1}/exchangeInfo", f"{_V1}/order", f"{_V1}/allOrders", f"{_V1}/openOrders",
                  f"{_V1}/userTrades")  # fmt: skip

    def order(self, order: Order, listing: Listing) -> dict[str, str] | str:
        """The parameters of an order; a reduction says so."""
        whole = plain_order(order, listing, _TYPES)
        return whole | {"reduceOnly": "true" if order.reduce_only else "false", "newOrderRespType": "ACK"}

    async def permits(self, client: BinanceClient) -> BinanceFailure | str:
        """Only one-way mode: in hedge mode a symbol has two positions."""
        body = await client.read(f"{_V1}/positionSide/dual")
        if isinstance(body, BinanceFailure):
            return body
        try:
            dual = msgspec.json.decode(body, type=_Mode).dual_side_position
        except msgspec.DecodeError:
            return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the position mode")
        return "the account is in hedge mode; change it to one-way mode at Binance" if dual else ""

    async def account(self, client: BinanceClient, by_symbol: dict[str, Listing]) -> BinanceAccount | BinanceFailure:
        """The wallet less the cost of the positions, and the positions."""
        account = await client.read(f"{_V3}/account")
        if isinstance(account, BinanceFailure):
            return account
        positions = await client.read(f"{_V3}/positionRisk")
        if isinstance(positions, BinanceFailure):
            return positions
        markets = {one.market: symbol for symbol, one in by_symbol.items()}
        try:
            told = msgspec.json.decode(account, type=_Account)
            cash = sum((number(one.wallet_balance) for one in told.assets if one.asset == CASH), Decimal(0))
            rest = [one.asset for one in told.assets if one.asset != CASH and number(one.wallet_balance)]
            held: dict[str, Decimal] = {}
            for one in msgspec.json.decode(positions, type=list[_Position]):
                if not (amount := number(one.position_amt)):
                    continue
                if one.symbol not in markets:
                    rest.append(one.symbol)
                    continue
                held[markets[one.symbol]] = amount
                cash -= amount * number(one.entry_price)
        except (msgspec.DecodeError, ValueError):
            return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the account")
        return BinanceAccount(cash, held, tuple(sorted(rest)))

    async def average(self, client: BinanceClient, listing: Listing) -> Decimal:
        """The mark price."""
        body = await client.read(f"{_V1}/premiumIndex", {"symbol": listing.market}, signed=False)
        try:
            return (
                Decimal(0)
                if isinstance(body, BinanceFailure)
                else number(msgspec.json.decode(body, type=_Mark).mark_price)
            )
        except (msgspec.DecodeError, ValueError):
            return Decimal(0)

    async def income(self, client: BinanceClient, since: int) -> tuple[Income, ...] | BinanceFailure:
        """Funding that was paid or received, of whatever symbol: all of it is the account's cash."""
        found: dict[str, Income] = {}
        start = since // 1000
        while True:
            asked = {"incomeType": "FUNDING_FEE", "startTime": str(start), "limit": str(_PAGE)}
            body = await client.read(f"{_V1}/income", asked)
            if isinstance(body, BinanceFailure):
                return body
            try:
                rows = msgspec.json.decode(body, type=list[_Income])
                known = len(found)
                for row in rows:
                    id = f"{row.tran_id} {row.time}"
                    found[id] = Income(id, "funding", row.symbol, number(row.income), row.asset, row.time * 1000)
            except (msgspec.DecodeError, ValueError):
                return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the funding")
            if len(rows) < _PAGE or len(found) == known:
                return tuple(found.values())
            start = rows[-1].time

    def trades(self, body: bytes) -> list[BinanceTrade] | None:
        """Executions in an answer."""
        return futures_trades(body)

    def report(self, body: bytes) -> Report | None:
        """An order's event. ``ValueError`` for one that is unreadable."""
        told = msgspec.json.decode(body, type=_Event)
        if told.e != "ORDER_TRADE_UPDATE":
            return None
        o = msgspec.json.decode(told.o, type=_Execution)
        sign = 1 if o.S == "BUY" else -1
        trade = None
        if o.x in ("TRADE", "CALCULATED") and number(o.l):
            trade = made_trade((o.s, o.t, o.i, sign), o.l, o.L, "", (o.n, o.N), o.T)
        kind = "REPLACED" if o.x == "AMENDMENT" else o.x
        return Report(o.s, o.c, o.i, kind, o.X, sign, number(o.q), number(o.z), o.T * 1000, "", trade)

    def objection(self, order: Order, row: OrderRow) -> str:
        """A reduction that the venue did not take as one could open the opposite position."""
        if order.reduce_only and not row.reduce_only:
            return "REDUCE_ONLY_LOST: Binance took a reduce-only order as one that is not"
        return "" if row.position_side == "BOTH" else "RULE: the account is in hedge mode"

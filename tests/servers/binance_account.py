"""The account behind the loopback Binance: balances, orders, executions and filters, in decimals of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

D = Decimal
ZERO, AVERAGE = D(0), D(60_000)
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100.00000000", "stepSize": "0.00000000"},
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
     "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
     "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
]  # fmt: skip


class Refusal(Exception):
    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(msg)
        self.status, self.code, self.msg = status, code, msg


@dataclass
class BookOrder:
    symbol: str
    order_id: int
    client_id: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    price: Decimal
    stop: Decimal
    time: int
    filled: Decimal = ZERO
    value: Decimal = ZERO
    status: str = "NEW"
    reduce_only: bool = False

    @property
    def open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled


@dataclass
class BookTrade:
    symbol: str
    id: int
    order: BookOrder
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_asset: str
    time: int


@dataclass
class Account:
    """``fee`` is (rate, asset): "base" takes it from what was bought, any other name is an asset."""

    balances: dict[str, Decimal]
    symbols: dict[str, tuple[str, str]] = field(default_factory=lambda: {"BTCUSDT": ("BTC", "USDT")})
    filters: list[dict] = field(default_factory=lambda: [dict(one) for one in FILTERS])
    fee: tuple[Decimal, str] = (D(0), "USDT")
    average: Decimal = AVERAGE
    orders: list[BookOrder] = field(default_factory=list)
    trades: list[BookTrade] = field(default_factory=list)
    next_id: int = 1000
    now: int = 0  # milliseconds, set by the server at each request

    def find(self, symbol: str, client_id: str = "", order_id: int = 0) -> BookOrder | None:
        mine = [o for o in self.orders if o.symbol == symbol and (o.client_id == client_id or o.order_id == order_id)]
        return next((o for o in mine if o.open), mine[-1] if mine else None)

    def locked(self, asset: str) -> Decimal:
        total = D(0)
        for o in self.orders:
            if o.open and (o.side == "SELL") == (asset == self.symbols[o.symbol][0]):
                if o.side == "SELL" and asset == self.symbols[o.symbol][0]:
                    total += o.left
                elif o.side == "BUY" and asset == self.symbols[o.symbol][1]:
                    total += o.left * (o.price or self.average)
        return min(total, self.balances.get(asset, D(0)))

    def place(self, p: dict[str, str]) -> BookOrder:
        """Take an order, or refuse it as the venue does."""
        symbol = p.get("symbol", "")
        if symbol not in self.symbols:
            raise Refusal(400, -1121, "Invalid symbol.")
        for name in ("side", "type", "quantity"):
            if not p.get(name):
                raise Refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        kind = p["type"]
        if kind not in ("MARKET", "LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT"):
            raise Refusal(400, -1116, "Invalid orderType.")
        if kind in ("MARKET", "STOP_LOSS") and "timeInForce" in p:
            raise Refusal(400, -1106, "Parameter 'timeInForce' sent when not required.")
        if kind in ("LIMIT", "STOP_LOSS_LIMIT") and p.get("timeInForce") not in ("GTC", "IOC", "FOK"):
            raise Refusal(400, -1115, "Invalid timeInForce.")
        quantity, price, stop = D(p["quantity"]), D(p.get("price", "0")), D(p.get("stopPrice", "0"))
        if any("E" in p.get(n, "").upper() for n in ("quantity", "price", "stopPrice")):
            raise Refusal(400, -1100, "Illegal characters found in parameter 'quantity'.")
        client_id = p.get("newClientOrderId") or f"auto{self.next_id}"
        if any(o.open and o.client_id == client_id for o in self.orders):
            raise Refusal(400, -2010, "Duplicate order sent.")
        self._filters(symbol, p["side"], kind, quantity, price, stop)
        self._funds(symbol, p["side"], quantity, price)
        self.next_id += 1
        order = BookOrder(
            symbol, self.next_id, client_id, p["side"], kind, p.get("timeInForce", "GTC"), quantity, price, stop,
            self.now, reduce_only=p.get("reduceOnly") == "true",
        )  # fmt: skip
        self.orders.append(order)
        return order

    def _filters(self, symbol: str, side: str, kind: str, quantity: Decimal, price: Decimal, stop: Decimal) -> None:
        by = {f["filterType"]: f for f in self.filters}

        def fail(name: str) -> None:
            raise Refusal(400, -1013, f"Filter failure: {name}")

        band = by["PRICE_FILTER"]
        for one in (price, stop):
            if one and (not D(band["minPrice"]) <= one <= D(band["maxPrice"]) or one % D(band["tickSize"])):
                fail("PRICE_FILTER")
        lot = by["LOT_SIZE"]
        if not D(lot["minQty"]) <= quantity <= D(lot["maxQty"]) or quantity % D(lot["stepSize"]):
            fail("LOT_SIZE")
        if kind == "MARKET" and "MARKET_LOT_SIZE" in by and quantity > D(by["MARKET_LOT_SIZE"]["maxQty"]):
            fail("MARKET_LOT_SIZE")
        if price and "PERCENT_PRICE_BY_SIDE" in by:
            band, way = by["PERCENT_PRICE_BY_SIDE"], "bid" if side == "BUY" else "ask"
            high, low = D(band[f"{way}MultiplierUp"]), D(band[f"{way}MultiplierDown"])
            if not low * self.average <= price <= high * self.average:
                fail("PERCENT_PRICE_BY_SIDE")
        least = D(by["NOTIONAL"]["minNotional"]) if "NOTIONAL" in by else D(by["MIN_NOTIONAL"]["notional"])
        if quantity * (price or self.average) < least:
            fail("NOTIONAL" if "NOTIONAL" in by else "MIN_NOTIONAL")
        most = by["MAX_NUM_ORDERS"].get("maxNumOrders") or by["MAX_NUM_ORDERS"]["limit"]
        if sum(o.open and o.symbol == symbol for o in self.orders) >= most:
            fail("MAX_NUM_ORDERS")

    def _funds(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> None:
        base, quote = self.symbols[symbol]
        asset, need = (quote, quantity * (price or self.average)) if side == "BUY" else (base, quantity)
        if self.balances.get(asset, D(0)) - self.locked(asset) < need:
            raise Refusal(400, -2010, "Account has insufficient balance for requested action.")

    def execute(self, order: BookOrder, quantity: Decimal, price: Decimal) -> BookTrade:
        """An execution: quantities move, and its fee is taken in whatever asset the account pays it."""
        assert order.open and 0 < quantity <= order.left, "the server fills what is open"
        base, quote = self.symbols[order.symbol]
        value, sign = (quantity * price).quantize(D("1e-8")), 1 if order.side == "BUY" else -1
        rate, asset = self.fee
        if asset == "base":
            asset = base if sign > 0 else quote
        fee = (rate * (quantity if asset == base else value if asset == quote else value / 600)).quantize(D("1e-8"))
        for name, change in ((base, sign * quantity), (quote, -sign * value), (asset, -fee)):
            self.balances[name] = self.balances.get(name, D(0)) + change
        order.filled += quantity
        order.value += value
        order.status = "FILLED" if order.filled == order.quantity else "PARTIALLY_FILLED"
        self.next_id += 1
        trade = BookTrade(order.symbol, self.next_id, order, quantity, price, value, fee, asset, self.now)
        self.trades.append(trade)
        return trade


def text(value: Decimal) -> str:
    return f"{value:.8f}"


def order_json(o: BookOrder) -> dict:
    return {
        "symbol": o.symbol, "orderId": o.order_id, "orderListId": -1, "clientOrderId": o.client_id,
        "price": text(o.price), "origQty": text(o.quantity), "executedQty": text(o.filled),
        "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": text(o.value), "status": o.status,
        "timeInForce": o.tif, "type": o.type, "side": o.side, "stopPrice": text(o.stop), "icebergQty": "0.00000000",
        "time": o.time, "updateTime": o.time, "isWorking": True, "workingTime": o.time,
        "selfTradePreventionMode": "NONE",
    }  # fmt: skip


def trade_json(t: BookTrade) -> dict:
    return {
        "symbol": t.symbol, "id": t.id, "orderId": t.order.order_id, "orderListId": -1, "price": text(t.price),
        "qty": text(t.quantity), "quoteQty": text(t.value), "commission": text(t.fee), "commissionAsset": t.fee_asset,
        "time": t.time, "isBuyer": t.order.side == "BUY", "isMaker": False, "isBestMatch": True,
    }  # fmt: skip


def report_json(o: BookOrder, kind: str, now: int, trade: BookTrade | None = None, *, cancel_id: str = "") -> dict:
    """An executionReport; of a cancelled order the id is the cancellation's, and its own is beside it."""
    return {
        "e": "executionReport", "E": now, "s": o.symbol, "c": cancel_id or o.client_id, "S": o.side, "o": o.type,
        "f": o.tif, "q": text(o.quantity), "p": text(o.price), "P": text(o.stop), "F": "0.00000000", "g": -1,
        "C": o.client_id if cancel_id else "", "x": kind, "X": o.status, "r": "NONE", "i": o.order_id,
        "l": text(trade.quantity) if trade else "0.00000000", "z": text(o.filled),
        "L": text(trade.price) if trade else "0.00000000", "n": text(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None, "T": trade.time if trade else now, "t": trade.id if trade else -1,
        "v": 3, "I": now, "w": o.open, "m": False, "M": False, "O": o.time, "Z": text(o.value),
        "Y": text(trade.value) if trade else "0.00000000", "Q": "0.00000000", "W": o.time, "V": "NONE",
    }  # fmt: skip

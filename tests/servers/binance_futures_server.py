"""A loopback Binance for USD-M futures: a wallet and positions instead of balances, a stream behind a listen key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import WSMsgType, web
from tests.servers.binance_account import ZERO, Account, BookOrder, BookTrade, Refusal, text
from tests.servers.binance_server import KEY, BinanceServer

D = Decimal
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    {"filterType": "MIN_NOTIONAL", "notional": "50"},
    {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"},
]


@dataclass
class FuturesAccount(Account):
    position: Decimal = ZERO
    entry: Decimal = ZERO
    realised: dict[int, Decimal] = field(default_factory=dict)
    leverage: Decimal = D(10)  # noqa: RUF009

    def place(self, p: dict[str, str]) -> BookOrder:
        reduces = p.get("reduceOnly") == "true"
        sign = 1 if p.get("side") == "BUY" else -1
        if reduces and self.position * sign >= 0:
            raise Refusal(400, -2022, "ReduceOnly Order is rejected.")
        if p.get("type") not in ("MARKET", "LIMIT"):
            raise Refusal(400, -4120, "Order type not supported for this endpoint. Please use the Algo Order API.")
        if any(o.open and o.client_id == p.get("newClientOrderId") for o in self.orders):
            raise Refusal(400, -4116, "ClientOrderId is duplicated.")
        return super().place(p)

    def _funds(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> None:
        after = abs(self.position + (quantity if side == "BUY" else -quantity))
        if after > abs(self.position) and after * (price or self.average) > self.balances["USDT"] * self.leverage:
            raise Refusal(400, -2019, "Margin is insufficient.")

    def execute(self, order: BookOrder, quantity: Decimal, price: Decimal) -> BookTrade:
        assert order.open and 0 < quantity <= order.left
        sign = 1 if order.side == "BUY" else -1
        before, gained = self.position, D(0)
        if before * sign < 0:
            gained = min(quantity, abs(before)) * (price - self.entry) * (1 if before > 0 else -1)
        self.position = before + sign * quantity
        if self.position == 0:
            self.entry = D(0)
        elif before * sign < 0:
            self.entry = price if abs(self.position) and self.position * before < 0 else self.entry
        else:
            self.entry = (self.entry * abs(before) + price * quantity) / abs(self.position)
        rate, asset = self.fee
        value = quantity * price
        fee = (rate * (value if asset == "USDT" else value / 600)).quantize(D("1e-8"))
        self.balances["USDT"] += gained
        self.balances[asset] = self.balances.get(asset, D(0)) - fee
        order.filled += quantity
        order.value += value
        order.status = "FILLED" if order.filled == order.quantity else "PARTIALLY_FILLED"
        self.next_id += 1
        trade = BookTrade(order.symbol, self.next_id, order, quantity, price, value, fee, asset, self.now)
        self.realised[trade.id] = gained
        self.trades.append(trade)
        return trade


class BinanceFuturesServer(BinanceServer):
    api = "/fapi/v1"
    has_reductions = True

    def __init__(self) -> None:
        super().__init__()
        self.account = FuturesAccount({"USDT": D("100000")}, filters=[dict(one) for one in FILTERS])
        self.hedge = False
        self.drops_reduce_only = False
        self.income: list[dict] = []
        self.keys = 0
        self.key = ""

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/private/ws/{key}", self._ws_user)
        app.router.add_get("/public/ws", self._ws_data)
        for method, path, answer in (
            ("GET", "/fapi/v1/time", self.get_time), ("GET", "/fapi/v1/exchangeInfo", self.get_info),
            ("GET", "/fapi/v1/premiumIndex", self.get_mark), ("POST", "/fapi/v1/order", self.post_order),
            ("GET", "/fapi/v1/order", self.get_order), ("DELETE", "/fapi/v1/order", self.delete_order),
            ("GET", "/fapi/v1/openOrders", self.get_open), ("GET", "/fapi/v1/allOrders", self.get_all),
            ("GET", "/fapi/v1/userTrades", self.get_trades), ("GET", "/fapi/v3/account", self.get_account),
            ("GET", "/fapi/v3/positionRisk", self.get_positions), ("GET", "/fapi/v1/income", self.get_income),
            ("GET", "/fapi/v1/positionSide/dual", self.get_mode), ("POST", "/fapi/v1/listenKey", self.post_key),
            ("PUT", "/fapi/v1/listenKey", self.put_key), ("DELETE", "/fapi/v1/listenKey", self.delete_key),
        ):  # fmt: skip
            signed = path.rpartition("/")[2] not in ("time", "exchangeInfo", "premiumIndex", "listenKey")
            app.router.add_route(method, path, self._answered(answer, signed=signed))

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/private"

    @property
    def data_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/public"

    @property
    def position(self) -> float:
        return float(self.account.position)

    @property
    def cash(self) -> float:
        return float(self.account.balances["USDT"] - self.account.position * self.account.entry)

    async def get_info(self, params: dict) -> dict:
        told = await super().get_info({})
        for one in told["symbols"]:
            one |= {"contractType": "PERPETUAL", "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"]}
        return told

    async def get_mark(self, params: dict) -> dict:
        return {"symbol": params["symbol"], "markPrice": text(self.account.average), "time": self.now}

    async def get_mode(self, _: dict) -> dict:
        return {"dualSidePosition": self.hedge}

    async def get_account(self, _: dict) -> dict:
        a = self.account
        rows = [{"asset": name, "walletBalance": text(n), "unrealizedProfit": "0"} for name, n in a.balances.items()]
        return {"totalWalletBalance": text(a.balances["USDT"]), "assets": rows, "positions": []}

    async def get_positions(self, _: dict) -> list:
        a = self.account
        if not a.position:
            return []
        return [{"symbol": self.symbol, "positionSide": "BOTH", "positionAmt": f"{a.position:.3f}",
                 "entryPrice": str(a.entry.quantize(D("1e-10"))), "markPrice": text(a.average),
                 "unRealizedProfit": text(a.position * (a.average - a.entry)), "updateTime": self.now}]  # fmt: skip

    async def get_income(self, params: dict) -> list:
        rows = [i for i in self.income if i["time"] >= int(params.get("startTime", 0))]
        return [i for i in rows if i["incomeType"] == params.get("incomeType", i["incomeType"])][
            : int(params.get("limit", 100))
        ]

    def fund(self, amount: str, asset: str = "USDT") -> None:
        """Funding is paid (below zero) or received."""
        self.account.balances[asset] = self.account.balances.get(asset, D(0)) + D(amount)
        self.income.append({
            "symbol": self.symbol, "incomeType": "FUNDING_FEE", "income": amount, "asset": asset, "info": "",
            "time": self.now, "tranId": 9_689_322_392 + len(self.income), "tradeId": "",
        })  # fmt: skip

    async def get_trades(self, params: dict) -> list:
        if "startTime" in params and "fromId" not in params:  # never more than seven days
            end = int(params["startTime"]) + 7 * 86_400_000
            rows = [t for t in self.page(params) if t.time < end]
        else:
            rows = self.page(params)
        return [
            {"symbol": t.symbol, "id": t.id, "orderId": t.order.order_id, "side": t.order.side, "price": text(t.price),
             "qty": text(t.quantity), "realizedPnl": text(self.account.realised[t.id]), "quoteQty": text(t.value),
             "commission": text(t.fee), "commissionAsset": t.fee_asset, "time": t.time, "positionSide": "BOTH",
             "buyer": t.order.side == "BUY", "maker": False}
            for t in rows
        ]  # fmt: skip

    def placed(self, order: BookOrder, params: dict[str, str]) -> dict:
        if "not_reduce_only" in self._faults:
            self._faults.discard("not_reduce_only")
            order.reduce_only = False
        return self.row(order)

    def row(self, o: BookOrder) -> dict:
        return {
            "orderId": o.order_id, "symbol": o.symbol, "status": o.status, "clientOrderId": o.client_id,
            "price": text(o.price), "avgPrice": text(o.value / o.filled if o.filled else D(0)),
            "origQty": text(o.quantity), "executedQty": text(o.filled), "cumQty": text(o.filled),
            "cumQuote": text(o.value), "timeInForce": o.tif, "type": o.type, "origType": o.type,
            "reduceOnly": o.reduce_only and not self.drops_reduce_only, "closePosition": False, "side": o.side,
            "positionSide": "BOTH", "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False,
            "time": o.time, "updateTime": o.time,
        }  # fmt: skip

    async def get_order(self, params: dict) -> dict:
        return self.row(self.found(params))

    async def get_open(self, params: dict) -> list:
        return [self.row(o) for o in self.account.orders if o.open and params.get("symbol") in (None, o.symbol)]

    async def get_all(self, params: dict) -> list:
        first = int(params.get("orderId", 0))
        return [self.row(o) for o in self.account.orders if o.order_id >= first][: int(params.get("limit", 500))]

    async def delete_order(self, params: dict) -> dict:
        order = self.account.find(params["symbol"], params.get("origClientOrderId", ""), int(params.get("orderId", 0)))
        if order is None or not order.open:
            raise Refusal(400, -2011, "Unknown order sent.")
        await self.ended(order, "CANCELED", "CANCELED", "ignored")
        return self.row(order)

    # streams

    async def post_key(self, _: dict) -> dict:
        if "no_auth" in self._faults:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        if not self.key:
            self.keys += 1
            self.key = f"listen{self.keys}{KEY}"
        return {"listenKey": self.key}

    async def put_key(self, _: dict) -> dict:
        if not self.key:
            raise Refusal(400, -1125, "This listenKey does not exist.")
        return {"listenKey": self.key}

    async def delete_key(self, _: dict) -> dict:
        """Another client of the account ends the key that all share: streams stay open, and say nothing any more."""
        self.key = ""
        self._user.clear()
        return {}

    async def _ws_user(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if request.match_info["key"] == self.key:
            self._user[ws] = 0
        async for message in ws:
            if message.type != WSMsgType.TEXT:
                break
            if "stream_silent" not in self._faults:
                await ws.send_json({"result": [request.match_info["key"]], "id": json.loads(message.data)["id"]})
        self._user.pop(ws, None)
        return ws

    def quoted(self, told: dict) -> dict:
        return {"e": "bookTicker", **told, "T": self.now, "E": self.now}

    def wrapped(self, event: dict, number: int) -> dict:
        """The same event in the words of futures."""
        if event.get("e") != "executionReport":
            return event
        o = event
        own = o["C"] or o["c"]
        order = {
            name: o[name] for name in ("s", "S", "o", "f", "q", "p", "x", "X", "i", "l", "z", "L", "T", "n", "N", "m")
        }
        more = {"c": own, "t": max(o["t"], 0), "ap": "0", "sp": "0", "R": False, "ps": "BOTH", "rp": "0", "ot": o["o"]}
        return {"e": "ORDER_TRADE_UPDATE", "E": o["E"], "T": o["T"], "o": order | more}

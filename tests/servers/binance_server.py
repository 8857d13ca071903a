"""A loopback Binance spot: REST, WebSocket API and market streams, with faults (X1, X2).

It shares no code with the adapter: another HTTP library, its own account (``binance_account``) and its own signature
check. Requests are judged as the venue judges them: key, signature over the text that was sent, time and window.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web
from tests.contracts.live.harness import Fault, Held
from tests.servers.binance_account import (
    ZERO,
    Account,
    BookOrder,
    Refusal,
    order_json,
    report_json,
    text,
    trade_json,
)

D = Decimal
KEY, SECRET = "canary-key-4f1d", "canary-secret-9b7e"
_TAKEN = ("no_answer", "unknown_error", "not_json", "empty_answer")
_ONCE = (*_TAKEN, "lost", "busy")


class BinanceServer:
    """A server on a free port of this machine, and its truth."""

    symbol = "BTCUSDT"
    api = "/api/v3"
    has_reductions = False

    def __init__(self) -> None:
        self.account = Account({"USDT": D("100000"), "BTC": D("1")})
        self.posts = self.cancels = 0
        self.matches = False  # market orders execute at once, at ``bid`` and ``ask``
        self.bid, self.ask = D("59990"), D("60010")
        self.weight = 1
        self.retry_after = "0"
        self.urls: list[str] = []
        self.asked: list[str] = []
        self._faults: set[str] = set()
        self._refusal: tuple[str, str] | None = None
        self._user: dict[web.WebSocketResponse, int] = {}
        self._data: dict[web.WebSocketResponse, set[str]] = {}
        self._kept: list[dict] = []
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task] = set()
        self._port = 0

    # life

    async def start(self) -> None:
        app = web.Application(middlewares=[self._middleware])
        self.routes(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await self._listen(socket.create_server(("127.0.0.1", 0)))

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/ws-api/v3", self._ws_api)
        app.router.add_get("/ws", self._ws_data)
        for method, path, answer in (
            ("GET", "time", self.get_time), ("GET", "exchangeInfo", self.get_info),
            ("GET", "avgPrice", self.get_average),
            ("POST", "order", self.post_order), ("GET", "order", self.get_order),
            ("DELETE", "order", self.delete_order),
            ("GET", "openOrders", self.get_open), ("GET", "allOrders", self.get_all),
            ("GET", "account", self.get_account), ("GET", "myTrades", self.get_trades),
        ):  # fmt: skip
            app.router.add_route(method, f"{self.api}/{path}", self._answered(answer, signed=path not in _OPEN))

    async def _listen(self, sock: socket.socket) -> None:
        self._port = sock.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(self._runner.server, sock=sock)

    async def stop(self) -> None:
        self._over.set()
        self._server.close()
        for ws in [*self._user, *self._data]:
            await ws.close()
        await self._runner.cleanup()

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ws-api/v3"

    @property
    def data_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    # control

    @property
    def orders(self) -> dict[str, Held]:
        return {
            o.client_id: Held(o.client_id, o.symbol, float(o.quantity), float(o.filled), o.open)
            for o in self.account.orders
        }

    @property
    def position(self) -> float:
        return float(self.account.balances.get("BTC", D(0)))

    @property
    def cash(self) -> float:
        return float(self.account.balances["USDT"])

    def fault(self, name: Fault) -> None:
        if name == "down":
            self._server.close()
            self._later(self._close_streams())
        elif name == "stream_cut":
            self._later(self._close_streams())
        elif name == "quotes_cut":
            self._later(self._close_quotes())
        elif name == "garbage_event":
            self._later(self._raw("{never json"))
        elif name == "foreign_event":
            self._later(self.tell(report_json(self._foreign("BUY", D("0.001")), "NEW", self.now)))
        elif name == "not_reduce_only" and not self.has_reductions:
            raise NotImplementedError("orders in the spot market have no such mark")
        if name not in ("stream_cut", "quotes_cut", "garbage_event", "foreign_event"):
            self._faults.add(name)

    def mend(self) -> None:
        if "down" in self._faults:
            self._later(self._listen(socket.create_server(("127.0.0.1", self._port))))
        self._faults.clear()
        if self._kept:
            kept, self._kept = self._kept, []
            self._later(self._say(kept))

    async def quote(self, bid: float, ask: float) -> None:
        self.bid, self.ask = D(str(bid)), D(str(ask))
        told = {"u": self.now, "s": self.symbol, "b": text(self.bid), "B": "1", "a": text(self.ask), "A": "1"}
        for ws, names in list(self._data.items()):
            if f"{self.symbol.lower()}@bookTicker" in names and "stream_silent" not in self._faults:
                await ws.send_json(self.quoted(told))

    def quoted(self, told: dict) -> dict:
        return told

    async def fill(self, client_id: str, quantity: float, price: float) -> str:
        order = next(o for o in self.account.orders if o.client_id == client_id and o.open)
        return await self.executed(order, D(str(quantity)), D(str(price)))

    async def executed(self, order: BookOrder, quantity: Decimal, price: Decimal) -> str:
        self.account.now = self.now
        trade = self.account.execute(order, quantity, price)
        await self.tell(report_json(order, "TRADE", self.now, trade))
        return str(trade.id)

    async def ended(self, order: BookOrder, status: str, kind: str, cancel_id: str = "") -> None:
        order.status = status
        await self.tell(report_json(order, kind, self.now, cancel_id=cancel_id))

    async def cancel(self, client_id: str) -> None:
        await self.ended(self._open(client_id), "CANCELED", "CANCELED")

    async def expire(self, client_id: str) -> None:
        await self.ended(self._open(client_id), "EXPIRED", "EXPIRED")

    async def reject(self, client_id: str) -> None:
        await self.ended(self._open(client_id), "REJECTED", "REJECTED")

    async def refuse_next(self, code: str, text: str) -> None:
        self._refusal = (code, text)

    async def foreign_order(self, quantity: float) -> str:
        order = self._foreign("BUY" if quantity > 0 else "SELL", abs(D(str(quantity))), D("50000"))
        await self.tell(report_json(order, "NEW", self.now))
        return order.client_id

    async def foreign_fill(self, quantity: float, price: float) -> None:
        order = self._foreign("BUY" if quantity > 0 else "SELL", abs(D(str(quantity))))
        await self.executed(order, order.quantity, D(str(price)))

    def _foreign(self, side: str, quantity: Decimal, price: Decimal = ZERO) -> BookOrder:
        a = self.account
        a.next_id += 1
        order = BookOrder(self.symbol, a.next_id, f"web_{a.next_id}", side, "LIMIT" if price else "MARKET", "GTC",
                          quantity, price, D(0), self.now)  # fmt: skip
        a.orders.append(order)
        return order

    def _open(self, client_id: str) -> BookOrder:
        return next(o for o in self.account.orders if o.client_id == client_id and o.open)

    # REST

    @property
    def now(self) -> int:
        return int(time.time() * 1000) + (60_000 if "clock_ahead" in self._faults else 0)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        if "down" in self._faults:
            request.transport.close()
            return web.Response(status=500)
        return await handler(request)

    def _answered(self, answer: Callable[[dict[str, str]], Awaitable[object]], *, signed: bool) -> Callable:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.urls.append(str(request.rel_url))
            self.asked.append(f"{request.method} {request.path}")
            body = (await request.text()) if request.can_read_body else ""
            self.account.now = self.now
            placing = request.method == "POST" and request.path.endswith("/order")
            self.posts += placing
            self.cancels += request.method == "DELETE" and request.path.endswith("/order")
            headers = {"X-MBX-USED-WEIGHT-1M": str(self.weight)}
            try:
                params = self._params(request, body, signed=signed)
                if "snapshot_fails" in self._faults and request.path.rpartition("/")[2] in _ACCOUNT:
                    await self._over.wait()
                if placing:
                    return await self._place(request, params, headers)
                return web.json_response(await answer(params), headers=headers)
            except Refusal as refused:
                if refused.status in (418, 429):
                    headers["Retry-After"] = self.retry_after
                told = {"code": refused.code, "msg": refused.msg}
                return web.json_response(told, status=refused.status, headers=headers)

        return handle

    async def _place(self, request: web.Request, params: dict[str, str], headers: dict) -> web.StreamResponse:
        """Take an order; one fault may take part in its answer."""
        fault = next((name for name in _ONCE if name in self._faults), "")
        self._faults.discard(fault)
        if fault == "busy":
            raise Refusal(429, -1015, "Too many new orders; current limit is 50 orders per 10 SECOND.")
        if fault == "lost":
            await self._over.wait()
        if self._refusal is not None:
            (code, said), self._refusal = self._refusal, None
            status = 429 if code in ("-1003", "-1015") else 503 if code == "-1008" else 400
            raise Refusal(status, int(code), said)
        order = self.account.place(params)
        await self.tell(report_json(order, "NEW", self.now))
        if self.matches and order.type == "MARKET":
            await self.executed(order, order.quantity, self.ask if order.side == "BUY" else self.bid)
        if fault == "no_answer":
            await self._over.wait()
        if fault == "unknown_error":
            raise Refusal(504, -1007, "Timeout waiting for response from backend server. Send status unknown; "
                          "execution status unknown.")  # fmt: skip
        if fault == "not_json":
            return web.Response(text="<html>gateway</html>", content_type="text/html")
        if fault == "empty_answer":
            request.transport.close()
            return web.Response()
        return web.json_response(self.placed(order, params), headers=headers)

    def placed(self, order: BookOrder, params: dict[str, str]) -> dict:
        told = {"symbol": order.symbol, "orderId": order.order_id, "orderListId": -1,
                "clientOrderId": order.client_id, "transactTime": order.time}  # fmt: skip
        if params.get("newOrderRespType") == "ACK":
            return told
        trades = [t for t in self.account.trades if t.order is order]
        return {**order_json(order), **told, "fills": [
            {"price": text(t.price), "qty": text(t.quantity), "commission": text(t.fee), "commissionAsset": t.fee_asset,
             "tradeId": t.id} for t in trades]}  # fmt: skip

    def _params(self, request: web.Request, body: str, *, signed: bool) -> dict[str, str]:
        query = request.rel_url.raw_query_string
        whole = query + body
        params = dict(parse_qsl(whole, keep_blank_values=True))
        if not signed:
            return params
        if "no_auth" in self._faults or request.headers.get("X-MBX-APIKEY") != KEY:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        signature = params.pop("signature", "")
        bare = "&".join(part for part in whole.split("&") if not part.startswith("signature="))
        self._signed(bare, signature, params)
        return params

    def _signed(self, bare: str, signature: str, params: dict) -> None:
        right = hmac.new(SECRET.encode(), bare.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, signature):
            raise Refusal(400, -1022, "Signature for this request is not valid.")
        window, at = int(params.get("recvWindow", 5000)), int(params["timestamp"])
        if window > 60_000:
            raise Refusal(400, -1131, "recvWindow must be less than 60000")
        if at >= self.now + 1000:
            raise Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if self.now - at > window:
            raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    async def get_time(self, _: dict) -> dict:
        return {"serverTime": self.now}

    async def get_info(self, params: dict) -> dict:
        if "symbols" in params and set(json.loads(params["symbols"])) - set(self.account.symbols):
            raise Refusal(400, -1121, "Invalid symbol.")
        return {
            "timezone": "UTC", "serverTime": self.now, "exchangeFilters": [],
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
            "symbols": [
                {"symbol": name, "status": "TRADING", "baseAsset": base, "quoteAsset": quote,
                 "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
                 "filters": self.account.filters}
                for name, (base, quote) in self.account.symbols.items()
            ],
        }  # fmt: skip

    async def get_average(self, _: dict) -> dict:
        return {"mins": 5, "price": text(self.account.average), "closeTime": self.now}

    async def post_order(self, _: dict) -> dict:
        raise AssertionError("placed elsewhere")

    def found(self, params: dict) -> BookOrder:
        order = self.account.find(params["symbol"], params.get("origClientOrderId", ""), int(params.get("orderId", 0)))
        if order is None:
            raise Refusal(400, -2013, "Order does not exist.")
        return order

    async def get_order(self, params: dict) -> dict:
        return order_json(self.found(params))

    async def delete_order(self, params: dict) -> dict:
        order = self.account.find(params["symbol"], params.get("origClientOrderId", ""), int(params.get("orderId", 0)))
        if order is None or not order.open:
            raise Refusal(400, -2011, "Unknown order sent.")
        await self.ended(order, "CANCELED", "CANCELED", f"cancel{order.order_id}")
        return {**order_json(order), "origClientOrderId": order.client_id, "clientOrderId": f"cancel{order.order_id}"}

    async def get_open(self, params: dict) -> list:
        return [order_json(o) for o in self.account.orders if o.open and params.get("symbol") in (None, o.symbol)]

    async def get_all(self, params: dict) -> list:
        first = int(params.get("orderId", 0))
        rows = [order_json(o) for o in self.account.orders if o.symbol == params["symbol"] and o.order_id >= first]
        return rows[: int(params.get("limit", 500))]

    async def get_account(self, params: dict) -> dict:
        a = self.account
        rows = []
        for asset, whole in a.balances.items():
            rows.append({"asset": asset, "free": text(whole - a.locked(asset)), "locked": text(a.locked(asset))})
        return {"makerCommission": 10, "takerCommission": 10, "canTrade": True, "accountType": "SPOT",
                "updateTime": self.now, "balances": rows, "permissions": ["SPOT"], "uid": 1}  # fmt: skip

    async def get_trades(self, params: dict) -> list:
        return [trade_json(t) for t in self.page(params)]

    def page(self, params: dict) -> list:
        rows = [t for t in self.account.trades if t.symbol == params["symbol"]]
        limit = int(params.get("limit", 500))
        if "orderId" in params:
            rows = [t for t in rows if t.order.order_id == int(params["orderId"])]
        if "fromId" in params:
            return [t for t in rows if t.id >= int(params["fromId"])][:limit]
        if "startTime" in params:
            return [t for t in rows if t.time >= int(params["startTime"])][:limit]
        return rows[-limit:]

    # streams

    async def tell(self, event: dict) -> None:
        """An event on the account's stream, as the faults let it."""
        if "events_lost" in self._faults or "stream_silent" in self._faults:
            return
        if "events_reversed" in self._faults:
            self._kept.append(event)
            if len(self._kept) < 2:
                return
            self._faults.discard("events_reversed")
            kept, self._kept = self._kept[::-1], []
            await self._say(kept)
        else:
            await self._say([event] * (2 if "events_twice" in self._faults else 1))

    async def _say(self, events: list[dict]) -> None:
        for event in events:
            for ws, number in list(self._user.items()):
                if not ws.closed:
                    await ws.send_json(self.wrapped(event, number))

    def wrapped(self, event: dict, number: int) -> dict:
        return {"subscriptionId": number, "event": event}

    async def _raw(self, message: str) -> None:
        for ws in list(self._user):
            await ws.send_str(message)

    async def _close_streams(self) -> None:
        for ws in [*self._user, *self._data]:
            await ws.close()

    async def _close_quotes(self) -> None:
        for ws in list(self._data):
            await ws.close()

    async def _ws_api(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            if "stream_silent" in self._faults:
                continue
            await ws.send_json({"id": asked["id"], **self._ws_answer(ws, asked)})
        self._user.pop(ws, None)
        return ws

    def _ws_answer(self, ws: web.WebSocketResponse, asked: dict) -> dict:
        if asked["method"] == "session.subscriptions":
            found = [{"subscriptionId": self._user[ws]}] if ws in self._user else []
            return {"status": 200, "result": found}
        if asked["method"] != "userDataStream.subscribe.signature":
            return {"status": 400, "error": {"code": -1000, "msg": "unknown method"}}
        params = dict(asked["params"])
        signature = params.pop("signature", "")
        bare = "&".join(f"{name}={params[name]}" for name in sorted(params))
        try:
            if "no_auth" in self._faults or params.get("apiKey") != KEY:
                raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
            self._signed(bare, signature, params)
        except Refusal as refused:
            return {"status": refused.status, "error": {"code": refused.code, "msg": refused.msg}}
        self._user[ws] = len(self._user)
        return {"status": 200, "result": {"subscriptionId": self._user[ws]}}

    async def _ws_data(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self._data[ws] = set()
        async for message in ws:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            if "stream_silent" in self._faults:
                continue
            if asked["method"] == "SUBSCRIBE":
                self._data[ws] |= set(asked["params"])
                await ws.send_json({"result": None, "id": asked["id"]})
            elif asked["method"] == "LIST_SUBSCRIPTIONS":
                await ws.send_json({"result": sorted(self._data[ws]), "id": asked["id"]})
        self._data.pop(ws, None)
        return ws

    def _later(self, work: Awaitable) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_OPEN = ("time", "exchangeInfo", "avgPrice", "listenKey")
_ACCOUNT = ("account", "openOrders", "myTrades", "userTrades", "positionRisk", "balance", "income")

"""A loopback server that speaks Alpaca's wire format: REST, trading stream and market data stream.

It shares no code with Plimsoll: it keeps its own account in ``Decimal``, with its own idea of what Alpaca refuses. The
official SDK trades against it. Faults are switched on by name.
"""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

KEY, SECRET = "PK-loopback", "loopback-secret"
ZERO = Decimal(0)
OPEN = {"new", "accepted", "partially_filled", "pending_cancel", "done_for_day"}
ACCOUNT_ID = "e6fe16f3-64a4-4921-8928-cadf02f92f98"
Answer = web.StreamResponse
Json = dict[str, Any]


def plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text


class Refusal(Exception):
    def __init__(self, status: int, code: int | None, message: str, **more: Any) -> None:
        self.status = status
        self.body: Json = {**({} if code is None else {"code": code}), "message": message, **more}


@dataclass
class Placed:
    """An order in the server's book."""

    id: str
    client_id: str
    symbol: str
    side: str
    quantity: Decimal | None
    type: str
    tif: str
    limit: str | None
    stop: str | None
    at: datetime
    asset_class: str
    status: str = "accepted"
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    reason: str = ""

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    def json(self) -> Json:
        at = stamp(self.at)
        return {
            "id": self.id, "client_order_id": self.client_id, "created_at": at, "updated_at": at, "submitted_at": at,
            "filled_at": None, "expired_at": None, "canceled_at": None, "failed_at": None, "replaced_at": None,
            "replaced_by": None, "replaces": None, "asset_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, self.symbol)),
            "symbol": self.symbol, "asset_class": self.asset_class, "notional": None,
            "qty": None if self.quantity is None else plain(self.quantity), "filled_qty": plain(self.filled),
            "filled_avg_price": plain(self.paid / self.filled) if self.filled else None, "order_class": "",
            "order_type": self.type, "type": self.type, "side": self.side, "time_in_force": self.tif,
            "limit_price": self.limit, "stop_price": self.stop, "status": self.status, "extended_hours": False,
            "legs": None, "trail_percent": None, "trail_price": None, "hwm": None,
        }  # fmt: skip


@dataclass
class Listener:
    """A connection of the trading stream, with what waits to be sent on it."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    waiting: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)
    listening: bool = False


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "000Z")  # nanoseconds, as Alpaca's


def asset(symbol: str, **more: Any) -> Json:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol)), "class": "us_equity", "exchange": "NASDAQ", "symbol": symbol,
        "name": symbol, "status": "active", "tradable": True, "marginable": True, "shortable": True,
        "easy_to_borrow": True, "fractionable": True, **more,
    }  # fmt: skip


def pair(symbol: str) -> Json:
    return asset(
        symbol, **{"class": "crypto", "exchange": "CRYPTO", "shortable": False, "min_order_size": "0.0001",
        "min_trade_increment": "0.0001", "price_increment": "0.5"},
    )  # fmt: skip


class AlpacaServer:
    """One account. ``posts`` and ``cancels`` count what arrived, refused or not."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, binary: bool = True) -> None:
        self._now, self.binary = now, binary
        self.cash = Decimal(100_000)
        self.held: dict[str, Decimal] = {}
        self.marks: dict[str, Decimal] = {}
        self.book: dict[str, Placed] = {}
        self.activities: list[Json] = []
        self.assets = {one["symbol"]: one for one in (
            asset("AAPL"), asset("BRK.B"), asset("WHOLE", fractionable=False), asset("HALTED", tradable=False),
            pair("BTC/USD"),
        )}  # fmt: skip
        self.account_more: Json = {}
        self.posts = self.cancels = self.questions = 0
        self.requests: list[tuple[str, str]] = []
        self.on: set[str] = set()
        self.next: str | None = None
        self.refuse: Refusal | None = None
        self.retry_after: str | None = None
        self.replaced: dict[str, Callable[[web.Request], Awaitable[Answer]]] = {}
        self.hidden: set[str] = set()
        self.after_read: Callable[[str], None] = lambda path: None
        self.said: list[str] = []
        self._held_back: list[Json] | None = None
        self._listeners: list[Listener] = []
        self._watchers: list[tuple[web.WebSocketResponse, bool, list[str]]] = []
        self.quotes: dict[str, Json] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self.port = 0

    # life

    async def start(self) -> None:
        app = web.Application(middlewares=[self._front])
        add = app.router.add_route
        add("GET", "/v2/account", self._account)
        add("GET", "/v2/account/activities", self._activities)
        add("GET", "/v2/account/activities/{type}", self._activities)
        add("GET", "/v2/positions", self._positions)
        add("GET", "/v2/assets", self._assets)
        add("GET", "/v2/assets/{symbol:.+}", self._asset)
        add("GET", "/v2/clock", self._clock)
        add("GET", "/v2/orders", self._orders)
        add("POST", "/v2/orders", self._place)
        add("GET", "/v2/orders:by_client_order_id", self._by_client)
        add("GET", "/v2/orders/{id}", self._order)
        add("DELETE", "/v2/orders/{id}", self._delete)
        add("GET", "/v2/stocks/quotes/latest", self._latest)
        add("GET", "/stream", self._stream)
        add("GET", "/v2/iex", self._data)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, access_log=None)
        await self._runner.setup()
        await self._listen(_bound(0))

    async def _listen(self, bound: socket.socket) -> None:
        self.port = bound.getsockname()[1]
        assert self._runner.server is not None
        self._server = await asyncio.get_running_loop().create_server(self._runner.server, sock=bound)

    async def stop(self) -> None:
        self._ended.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server.close()
        self._abort_all()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    @property
    def data_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v2/iex"

    def _abort_all(self) -> None:
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # faults

    def fault(self, name: str) -> None:
        if name in ("no_answer", "lost", "unknown_error", "busy", "not_json", "empty_answer"):
            self.next = name
        elif name == "down":
            self._server.close()
            self._abort_all()
            self.on.add(name)
        elif name == "stream_cut":
            for one in self._listeners:
                one.transport.abort()
        elif name == "garbage_event":
            for one in self._listeners:
                one.waiting.put_nowait(b"\x00\xff no event")
        elif name == "foreign_event":
            self._tell("new", self._new(str(uuid.uuid4()), "AAPL", "buy", Decimal(1), "market", "day"))
        elif name == "quotes_cut":
            self.cut_data()
        elif name == "events_reversed":
            self._held_back = []
        elif name in (
            "no_auth", "snapshot_fails", "stream_silent", "events_lost", "events_twice", "clock_ahead"
        ):  # fmt: skip
            self.on.add(name)
        else:
            raise NotImplementedError(name)

    def mend(self) -> None:
        was, self.on, self.next, self._held_back = self.on, set(), None, None
        if "down" in was:
            self._later(self._listen(_bound(self.port)))

    # the market and other people

    async def fill(self, id: str, quantity: Decimal, price: Decimal, *, execution: str = "") -> str:
        order = self.book[id]
        execution = execution or str(uuid.uuid4())
        order.filled += quantity
        order.paid += quantity * price
        order.status = "filled" if order.quantity is not None and order.filled >= order.quantity else "partially_filled"
        self._traded(order.symbol, order.sign * quantity, price)
        at, kind = self.now(), "fill" if order.status == "filled" else "partial_fill"
        self.activities.append(
            {
                "activity_type": "FILL", "id": f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{execution}",
                "account_id": ACCOUNT_ID, "transaction_time": stamp(at), "type": kind, "price": plain(price),
                "qty": plain(quantity), "side": order.side, "symbol": order.symbol, "order_id": order.id,
                "leaves_qty": plain((order.quantity or ZERO) - order.filled), "cum_qty": plain(order.filled),
                "order_status": order.status, "status": "executed",
            }
        )  # fmt: skip
        self._tell(
            kind, order, execution_id=execution, price=plain(price), qty=plain(quantity), timestamp=stamp(at),
            position_qty=plain(self.held.get(order.symbol, ZERO)),
        )  # fmt: skip
        await asyncio.sleep(0)
        return execution

    def _traded(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        self.held[symbol] = self.held.get(symbol, ZERO) + quantity
        self.cash -= quantity * price
        self.marks[symbol] = price
        if not self.held[symbol]:
            del self.held[symbol]

    def end(self, id: str, status: str, event: str, **more: Any) -> None:
        self.book[id].status = status
        self._tell(event, self.book[id], **more)

    def bust(self, execution: str) -> None:
        row = self._row(execution)
        order = self.book[row["order_id"]]
        quantity, price = Decimal(row["qty"]), Decimal(row["price"])
        self._traded(order.symbol, -order.sign * quantity, price)
        order.filled -= quantity
        order.paid -= quantity * price
        row["status"] = "canceled"
        self._tell("trade_bust", order, execution_id=execution, price=plain(price), qty=plain(quantity))

    def correct(self, execution: str, price: Decimal) -> str:
        row = self._row(execution)
        order = self.book[row["order_id"]]
        quantity, before = Decimal(row["qty"]), Decimal(row["price"])
        self.cash += order.sign * quantity * (before - price)
        order.paid += quantity * (price - before)
        new = str(uuid.uuid4())
        time = row["id"].partition("::")[0]
        row.update(id=f"{time}::{new}", previous_id=f"{time}::{execution}", price=plain(price), status="correct")
        self._tell(
            "trade_correct", order, execution_id=new, previous_execution_id=execution, price=plain(price),
            qty=plain(quantity), timestamp=row["transaction_time"],
        )  # fmt: skip
        return new

    def charge(self, amount: Decimal, text: str) -> str:
        self.cash -= amount
        at = self.now()
        id = f"{at:%Y%m%d}000000000::{uuid.uuid4()}"
        self.activities.append(
            {"activity_type": "FEE", "id": id, "account_id": ACCOUNT_ID, "date": f"{at:%Y-%m-%d}",
             "net_amount": plain(-amount), "description": text, "status": "executed"}
        )  # fmt: skip
        return id

    def foreign(self, symbol: str, quantity: Decimal) -> str:
        side = "buy" if quantity > 0 else "sell"
        order = self._new(str(uuid.uuid4()), symbol, side, abs(quantity), "market", "day")
        self.book[order.id] = order
        self._tell("new", order)
        return order.id

    def find(self, client_id: str) -> Placed:
        return next(one for one in self.book.values() if one.client_id == client_id)

    async def quote(self, symbol: str, bid: object, ask: object) -> None:
        at = self.now()
        told = {"t": stamp(at), "ax": "V", "ap": ask, "as": 1, "bx": "V", "bp": bid, "bs": 1, "c": ["R"], "z": "C"}
        self.quotes[symbol] = told
        for watcher, packed, symbols in self._watchers:
            if symbol not in symbols:
                continue
            if packed:
                body = {"T": "q", "S": symbol, **told, "t": msgpack.Timestamp.from_datetime(at)}
                await watcher.send_bytes(msgpack.packb([body]))
            else:
                await watcher.send_str(json.dumps([{"T": "q", "S": symbol, **told}]))

    async def say_data(self, text: str) -> None:
        for watcher, _, _ in self._watchers:
            await watcher.send_str(text)

    def cut_data(self) -> None:
        for watcher, _, _ in self._watchers:
            assert watcher._req is not None and watcher._req.transport is not None
            watcher._req.transport.abort()

    def _row(self, execution: str) -> Json:
        return next(row for row in self.activities if row["id"].endswith(execution))

    def now(self) -> datetime:
        return self._now() + timedelta(seconds=60 if "clock_ahead" in self.on else 0)

    # requests

    @web.middleware
    async def _front(self, request: web.Request, handler: Callable[[web.Request], Awaitable[Answer]]) -> Answer:
        self.requests.append((request.method, request.path))
        streams = request.path in ("/stream", "/v2/iex")
        reads = request.method == "GET" and request.path.startswith(("/v2/account", "/v2/positions", "/v2/orders"))
        try:
            keys = request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")
            if not streams and (keys != (KEY, SECRET) or "no_auth" in self.on):
                raise Refusal(401, 40110000, f"request is not authorized for {keys[0]} {keys[1]}")
            if reads and "snapshot_fails" in self.on:
                await self._ended.wait()
            answer = await self.replaced.get(request.path, handler)(request)
        except Refusal as error:
            answer = web.json_response(error.body, status=error.status)
            if self.retry_after is not None:
                answer.headers["Retry-After"] = self.retry_after
        if not answer.prepared:
            answer.headers["Date"] = format_datetime(self.now(), usegmt=True)
        self.after_read(request.path)
        return answer

    async def _account(self, request: web.Request) -> Answer:
        long = sum((q * self.marks[s] for s, q in self.held.items() if q > 0), ZERO)
        short = sum((q * self.marks[s] for s, q in self.held.items() if q < 0), ZERO)
        equity = self.cash + long + short
        return web.json_response(
            {
                "id": ACCOUNT_ID, "account_number": "010203ABCD", "status": "ACTIVE", "currency": "USD",
                "cash": plain(self.cash), "equity": plain(equity), "last_equity": plain(equity),
                "portfolio_value": plain(equity), "long_market_value": plain(long), "short_market_value": plain(short),
                "buying_power": plain(2 * equity), "multiplier": "2", "account_blocked": False,
                "trading_blocked": False, "transfers_blocked": False, "trade_suspended_by_user": False,
                "shorting_enabled": True, "created_at": "2019-06-12T22:47:07.99658Z", **self.account_more,
            }
        )  # fmt: skip

    async def _positions(self, request: web.Request) -> Answer:
        rows = []
        for symbol, quantity in self.held.items():
            price = plain(self.marks[symbol])
            value = plain(quantity * self.marks[symbol])
            crypto = self.assets[symbol]["class"] == "crypto"
            rows.append(
                {
                    "asset_id": self.assets[symbol]["id"], "symbol": symbol.replace("/", ""), "exchange": "NASDAQ",
                    "asset_class": "crypto" if crypto else "us_equity", "avg_entry_price": price,
                    "qty": plain(quantity), "side": "long" if quantity > 0 else "short", "market_value": value,
                    "cost_basis": value, "current_price": price, "qty_available": plain(quantity),
                }
            )  # fmt: skip
        return web.json_response(rows)

    async def _activities(self, request: web.Request) -> Answer:
        types = request.match_info.get("type") or request.query.get("activity_types", "")
        rows = [row for row in self.activities if not types or row["activity_type"] in types.split(",")]
        if (after := request.query.get("after")) is not None:
            start = datetime.fromisoformat(after.replace("Z", "+00:00"))
            rows = [row for row in rows if _when(row) > start]
        rows.sort(key=lambda row: row["id"], reverse=request.query.get("direction", "desc") == "desc")
        if (token := request.query.get("page_token")) is not None:
            rows = rows[[row["id"] for row in rows].index(token) + 1 :]
        size = int(request.query.get("page_size", "100"))
        if not 0 < size <= 100:
            raise Refusal(422, 40010001, "page_size must be between 1 and 100")
        return web.json_response(rows[:size])

    async def _assets(self, request: web.Request) -> Answer:
        kind = request.query.get("asset_class")
        return web.json_response([one for one in self.assets.values() if kind in (None, one["class"])])

    async def _asset(self, request: web.Request) -> Answer:
        found = self.assets.get(request.match_info["symbol"])
        if found is None:
            raise Refusal(404, 40410000, "asset not found")
        return web.json_response(found)

    async def _clock(self, request: web.Request) -> Answer:
        at = self.now()
        return web.json_response(
            {"timestamp": stamp(at), "is_open": True, "next_open": stamp(at + timedelta(days=1)),
             "next_close": stamp(at + timedelta(hours=3))}
        )  # fmt: skip

    async def _latest(self, request: web.Request) -> Answer:
        wanted = request.query["symbols"].split(",")
        return web.json_response({"quotes": {s: self.quotes[s] for s in wanted if s in self.quotes}})

    async def _orders(self, request: web.Request) -> Answer:
        status, rows = request.query.get("status", "open"), list(self.book.values())
        if status != "all":
            rows = [one for one in rows if (one.status in OPEN) == (status == "open")]
        if (after := request.query.get("after")) is not None:
            start = datetime.fromisoformat(after.replace("Z", "+00:00"))
            rows = [one for one in rows if one.at > start]
        rows.sort(key=lambda one: one.at, reverse=request.query.get("direction", "desc") == "desc")
        return web.json_response([one.json() for one in rows[: int(request.query.get("limit", "50"))]])

    async def _order(self, request: web.Request) -> Answer:
        return web.json_response(self._found(request.match_info["id"]).json())

    async def _by_client(self, request: web.Request) -> Answer:
        wanted = request.query["client_order_id"]
        for one in self.book.values():
            if one.client_id == wanted and one.id not in self.hidden:
                return web.json_response(one.json())
        raise Refusal(404, 40410000, f"order not found for {wanted}")

    def _found(self, id: str) -> Placed:
        if id not in self.book:
            raise Refusal(404, 40410000, f"order not found for {id}")
        return self.book[id]

    async def _delete(self, request: web.Request) -> Answer:
        self.cancels += 1
        order = self._found(request.match_info["id"])
        if order.status not in OPEN:
            raise Refusal(422, 42210000, f'order is already in "{order.status}" state')
        self.end(order.id, "canceled", "canceled")
        return web.Response(status=204)

    async def _place(self, request: web.Request) -> Answer:
        self.posts += 1
        body = await request.json()
        fault, self.next = self.next, None
        refused, self.refuse = self.refuse, None
        if fault == "busy":
            raise Refusal(429, 42910000, "too many requests.")
        if fault == "lost":
            await self._ended.wait()
        if refused is not None:
            raise refused
        order = self._checked(body)
        self.book[order.id] = order
        self._tell("new", order)
        if fault == "no_answer":
            await self._ended.wait()
        if fault == "unknown_error":
            raise Refusal(504, 50410000, "upstream request timeout")
        if fault == "not_json":
            return web.Response(text="<html>ok</html>")
        if fault == "empty_answer":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(order.json())

    def _checked(self, body: Json) -> Placed:
        """The order of a request, or what Alpaca says against it."""
        known = self.assets.get(body.get("symbol", ""))
        if known is None:
            raise Refusal(422, 42210000, f'asset "{body.get("symbol")}" not found')
        if ("qty" in body) == ("notional" in body):
            raise Refusal(422, 40010001, "only one of qty or notional is accepted")
        if any(one.client_id == body.get("client_order_id") for one in self.book.values()):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        if not known["tradable"]:
            raise Refusal(422, 42210000, f'asset "{known["symbol"]}" is not tradable')
        quantity, tif, kind = Decimal(str(body["qty"])), body["time_in_force"], body["type"]
        if quantity <= 0:
            raise Refusal(422, 40010001, "qty must be > 0")
        crypto = known["class"] == "crypto"
        if crypto and kind == "stop":
            raise Refusal(422, 42210000, "invalid order type for crypto order")
        if not crypto and "stop" in kind and tif not in ("day", "gtc"):
            raise Refusal(422, 42210000, "stop orders must be day or gtc time_in_force")
        if crypto and tif not in ("gtc", "ioc"):
            raise Refusal(422, 42210000, "invalid crypto time_in_force")
        if not crypto and quantity % 1:
            if not known["fractionable"]:
                raise Refusal(403, 40310000, f'asset "{known["symbol"]}" is not fractionable')
            if tif != "day":
                raise Refusal(422, 42210000, "fractional orders must be DAY orders")
        for name in ("limit_price", "stop_price"):
            price = Decimal(str(body[name])) if body.get(name) is not None else None
            if price is not None and not crypto and price % (Decimal("0.01") if price >= 1 else Decimal("0.0001")):
                raise Refusal(422, 42210000, f"invalid {name} {price}. sub-penny increment does not fulfill minimum")
        order = self._new(
            body.get("client_order_id") or str(uuid.uuid4()), known["symbol"], body["side"], quantity, kind, tif,
            limit=body.get("limit_price"), stop=body.get("stop_price"),
        )  # fmt: skip
        self._afford(order)
        return order

    def _afford(self, order: Placed) -> None:
        assert order.quantity is not None
        price = Decimal(str(order.limit or self.marks.get(order.symbol, 100)))
        equity = self.cash + sum((q * self.marks[s] for s, q in self.held.items()), ZERO)
        if order.side == "buy" and order.quantity * price > 2 * equity:
            raise Refusal(403, 40310000, "insufficient buying power")
        here = self.held.get(order.symbol, ZERO)
        rest = [
            one for one in self.book.values()
            if one.symbol == order.symbol and one.side == "sell" and one.status in OPEN and one.quantity is not None
        ]  # fmt: skip
        reserved = sum((one.quantity - one.filled for one in rest if one.quantity is not None), ZERO)
        if order.side == "sell" and here <= 0 and not self.assets[order.symbol]["shortable"]:
            raise Refusal(403, 40310000, f'asset "{order.symbol}" cannot be sold short')
        if order.side == "sell" and here > 0 and order.quantity > here - reserved:
            raise Refusal(
                403, 40310000, f"insufficient qty available for order (requested: {plain(order.quantity)}, available: "
                f"{plain(here - reserved)})", available=plain(here - reserved), existing_qty=plain(here),
                held_for_orders=plain(reserved), related_orders=[one.id for one in rest], symbol=order.symbol,
            )  # fmt: skip

    def _new(
        self, client_id: str, symbol: str, side: str, quantity: Decimal, kind: str, tif: str, *,
        limit: object = None, stop: object = None,
    ) -> Placed:  # fmt: skip
        return Placed(
            str(uuid.uuid4()), client_id, symbol, side, quantity, kind, tif, None if limit is None else str(limit),
            None if stop is None else str(stop), self.now(), self.assets[symbol]["class"],
        )  # fmt: skip

    # trading stream

    def _tell(self, event: str, order: Placed, **more: Any) -> None:
        data = {"event": event, "timestamp": stamp(self.now()), "order": order.json(), **more}
        if self.on & {"events_lost", "stream_silent"}:
            return
        told = [data] * (2 if "events_twice" in self.on else 1)
        if self._held_back is not None:
            self._held_back += told
            if len(self._held_back) < 2:
                return
            told, self._held_back = self._held_back[::-1], None
        for one in told:
            self.push({"stream": "trade_updates", "data": one})

    def push(self, message: Json) -> None:
        text = json.dumps(message)
        for one in self._listeners:
            if one.listening:
                one.waiting.put_nowait(text.encode() if self.binary else text)

    async def _stream(self, request: web.Request) -> Answer:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        one = Listener(ws, request.transport)
        self._listeners.append(one)
        writer = asyncio.ensure_future(self._write(one))
        try:
            authorized = False
            async for message in ws:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                self.questions += one.listening
                if "stream_silent" in self.on:
                    continue
                said = json.loads(message.data)
                data = said.get("data", {})
                if said["action"] in ("authenticate", "auth"):
                    keys = data.get("key_id"), data.get("secret_key")
                    authorized = keys == (KEY, SECRET) and "no_auth" not in self.on
                    status = "authorized" if authorized else "unauthorized"
                    answer: Json = {
                        "stream": "authorization", "data": {"status": status, "action": "authenticate"}
                    }  # fmt: skip
                else:
                    wanted = [name for name in data["streams"] if name == "trade_updates" and authorized]
                    one.listening = bool(wanted) and "no_listen" not in self.on
                    answer = {"stream": "listening", "data": {"streams": wanted if one.listening else []}}
                text = json.dumps(answer)
                one.waiting.put_nowait(text.encode() if self.binary else text)
        finally:
            writer.cancel()
            self._listeners.remove(one)
        return ws

    async def _write(self, one: Listener) -> None:
        while True:
            said = await one.waiting.get()
            if isinstance(said, bytes):
                await one.socket.send_bytes(said)
            else:
                await one.socket.send_str(said)

    # market data stream

    async def _data(self, request: web.Request) -> Answer:
        packed = request.headers.get("Content-Type") == "application/msgpack"
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        watcher: tuple[web.WebSocketResponse, bool, list[str]] = (ws, packed, [])

        async def say(body: list[Json]) -> None:
            if packed:
                await ws.send_bytes(msgpack.packb(body))
            else:
                await ws.send_str(json.dumps(body))

        await say([{"T": "success", "msg": "connected"}])
        try:
            async for message in ws:
                said = msgpack.unpackb(message.data) if packed else json.loads(message.data)
                if said["action"] == "auth":
                    if (said["key"], said["secret"]) != (KEY, SECRET) or "no_auth" in self.on:
                        await say([{"T": "error", "code": 402, "msg": "auth failed"}])
                        continue
                    self._watchers.append(watcher)
                    await say([{"T": "success", "msg": "authenticated"}])
                elif "symbol_limit" in self.on:
                    await say([{"T": "error", "code": 405, "msg": "symbol limit exceeded"}])
                elif "data_silent" not in self.on:
                    watcher[2].extend(one for one in said.get("quotes", []) if one not in watcher[2])
                    await say([{"T": "subscription", "trades": [], "quotes": list(watcher[2]), "bars": []}])
        finally:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
        return ws


def _when(row: Json) -> datetime:
    text = row.get("transaction_time") or f"{row['date']}T23:59:59+00:00"
    return datetime.fromisoformat(text.replace("000Z", "+00:00"))


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(64)
    made.setblocking(False)
    return made

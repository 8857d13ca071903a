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
from tests.servers.alpaca_account import OPEN, Json, LoopbackAccount, Placed, Refusal, stamp

KEY, SECRET = "PK-loopback", "loopback-secret"
Answer = web.StreamResponse


@dataclass
class Listener:
    """A connection of the trading stream, with what waits to be sent on it."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    waiting: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)
    listening: bool = False


class AlpacaServer:
    """One account. ``posts`` and ``cancels`` count what arrived, refused or not."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, binary: bool = True) -> None:
        self._now, self.binary = now, binary
        self.account = LoopbackAccount(self.now, self.tell)
        self.posts = self.cancels = self.questions = 0
        self.requests: list[tuple[str, str]] = []
        self.on: set[str] = set()
        self.next: str | None = None
        self.refuse: Refusal | None = None
        self.retry_after: str | None = None
        self.replaced: dict[str, Callable[[web.Request], Awaitable[Answer]]] = {}
        self.hidden: set[str] = set()
        self.after_read: Callable[[str], None] = lambda path: None
        self.unacknowledged: set[str] = set()
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
    def ended(self) -> bool:
        return self._ended.is_set()

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
            self.tell("new", self.account.new(str(uuid.uuid4()), "AAPL", "buy", Decimal(1), "market", "day"))
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
        return web.json_response(self.account.summary())

    async def _positions(self, request: web.Request) -> Answer:
        return web.json_response(self.account.positions())

    async def _activities(self, request: web.Request) -> Answer:
        types = request.match_info.get("type") or request.query.get("activity_types", "")
        return web.json_response(self.account.record(types, request.query))

    async def _orders(self, request: web.Request) -> Answer:
        return web.json_response(self.account.listed(request.query))

    async def _assets(self, request: web.Request) -> Answer:
        kind = request.query.get("asset_class")
        return web.json_response([one for one in self.account.assets.values() if kind in (None, one["class"])])

    async def _asset(self, request: web.Request) -> Answer:
        found = self.account.assets.get(request.match_info["symbol"])
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

    async def _order(self, request: web.Request) -> Answer:
        return web.json_response(self._found(request.match_info["id"]).json())

    async def _by_client(self, request: web.Request) -> Answer:
        wanted = request.query["client_order_id"]
        for one in self.account.book.values():
            if one.client_id == wanted and one.id not in self.hidden:
                return web.json_response(one.json())
        raise Refusal(404, 40410000, f"order not found for {wanted}")

    def _found(self, id: str) -> Placed:
        if id not in self.account.book:
            raise Refusal(404, 40410000, f"order not found for {id}")
        return self.account.book[id]

    async def _delete(self, request: web.Request) -> Answer:
        self.cancels += 1
        order = self._found(request.match_info["id"])
        if order.status not in OPEN:
            raise Refusal(422, 42210000, f'order is already in "{order.status}" state')
        self.account.end(order.id, "canceled", "canceled")
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
        order = self.account.checked(body)
        self.account.book[order.id] = order
        self.tell("new", order)
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

    # trading stream

    def tell(self, event: str, order: Placed, **more: Any) -> None:
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
                    wanted = [one for one in said.get("quotes", []) if one not in self.unacknowledged]
                    watcher[2].extend(one for one in wanted if one not in watcher[2])
                    await say([{"T": "subscription", "trades": [], "quotes": list(watcher[2]), "bars": []}])
        finally:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
        return ws


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(64)
    made.setblocking(False)
    return made

"""Alpaca's quotes: the latest once, then the stream (H2, L25).

The address is the stream's with its feed, such as ``wss://stream.data.alpaca.markets/v2/iex``; the latest quotes come
from the same host without ``stream.``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveQuote, VenueAccess, VenueHealth
from plimsoll.core.ports import Clock
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.venues.alpaca.client import AlpacaClient, AlpacaFailure
from plimsoll.execution.venues.alpaca.orders import Symbols
from plimsoll.execution.venues.alpaca.stream import ProvenStream, StreamPace
from plimsoll.execution.venues.alpaca.wire import as_price, decoded, micros

ERRORS: Mapping[int, str] = {
    400: "the message could not be read",
    401: "it was sent before the keys",
    402: "the keys were refused",
    403: "the keys were sent twice",
    404: "the keys came too late",
    405: "more symbols than the subscription allows",
    406: "another connection of this account is open, and only one is allowed",
    407: "messages were not taken fast enough",
    408: "the account has no access to this stream",
    409: "the subscription does not include this feed",
}
"""Errors of the market data stream."""
_FINAL = frozenset({402, 405, 408, 409})
_PER_REQUEST = 100
_NOTHING = msgspec.Raw(b"null")
Kind = Literal["live", "delayed", "frozen"]


class _Frame(msgspec.Struct):
    """Any message of the stream."""

    kind: str = msgspec.field(name="T")
    symbol: str = msgspec.field(name="S", default="")
    bid: msgspec.Raw = msgspec.field(name="bp", default=_NOTHING)
    ask: msgspec.Raw = msgspec.field(name="ap", default=_NOTHING)
    at: str | None = msgspec.field(name="t", default=None)
    code: int | None = None
    msg: str = ""
    quotes: list[str] | None = None


class _Latest(msgspec.Struct):
    bid: msgspec.Raw = msgspec.field(name="bp", default=_NOTHING)
    ask: msgspec.Raw = msgspec.field(name="ap", default=_NOTHING)
    at: str | None = msgspec.field(name="t", default=None)


class _Page(msgspec.Struct):
    quotes: dict[str, _Latest]


class AlpacaQuotes:
    """The quotes of one account's data subscription. A feed that is delayed says so in every quote."""

    def __init__(
        self, access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, pace: StreamPace | None = None
    ) -> None:
        self._access, self._symbols = access, Symbols(instruments)
        self._client = AlpacaClient(access, clock)
        self._line = ProvenStream(access.data_url, self, clock, pace or StreamPace(), access.timeout)
        parts = urlsplit(access.data_url)
        self._feed = parts.path.rstrip("/").rpartition("/")[2]
        self._kind: Kind = "delayed" if "delayed" in self._feed else "live"
        scheme = "http" if parts.scheme in ("ws", "http") else "https"
        self._rest = f"{scheme}://{parts.netloc.removeprefix('stream.')}"
        self._wanted: tuple[str, ...] = ()
        self._acknowledged: frozenset[str] = frozenset()
        self._answered = asyncio.Event()
        self._error: AlpacaFailure | None = None
        self._newest: dict[str, LiveQuote] = {}
        self._last: dict[str, int] = {}
        self._stirred = asyncio.Event()
        self._closed = False
        self._unread = 0
        self._note = ""

    @property
    def health(self) -> VenueHealth:
        """State of the stream."""
        notes = [self._line.text, self._note, f"{self._unread} messages could not be read" if self._unread else ""]
        text = self._client.scrubbed("; ".join(filter(None, notes)))
        return VenueHealth(self._line.subscribed, self._line.heard, self._line.gaps, 0, text)

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Receive these symbols from now on, and the latest quote of each at once."""
        self._wanted = tuple(dict.fromkeys((*self._wanted, *(self._symbols.there(one) for one in symbols))))
        self._closed = False
        self._client.open()
        if self._line.subscribed:
            self._answered.clear()
            await self._line.say(self.question())
            try:
                async with asyncio.timeout(self._access.timeout):
                    await self._answered.wait()
                failed = self._missing()
            except TimeoutError:
                failed = AlpacaFailure("NO_ANSWER", "OUTCOME_UNKNOWN", "the subscription was not acknowledged")
        else:
            failed = await self._line.open()
        if failed is not None:
            return Refused(failed.cls, failed.words) if failed.certain else Unknown(failed.words)
        await self._latest()
        return Accepted()

    async def quotes(self) -> AsyncIterator[LiveQuote]:
        """Quotes as they come: of each symbol only the newest that was not taken yet."""
        while True:
            while self._newest:
                yield self._newest.pop(next(iter(self._newest)))
            if self._closed:
                return
            self._stirred.clear()
            await self._stirred.wait()

    async def close(self) -> None:
        """Close the connection; the quotes end."""
        self._closed = True
        await self._line.close()
        await self._client.close()
        self._stirred.set()

    async def _latest(self) -> None:
        """The last quote of every symbol, so that a quiet one has one; the stream does not depend on it."""
        for start in range(0, len(self._wanted), _PER_REQUEST):
            wanted = ",".join(self._wanted[start : start + _PER_REQUEST])
            params = {"symbols": wanted, "feed": self._feed}
            body = await self._client.ask("GET", "/v2/stocks/quotes/latest", params, base=self._rest)
            page = None if isinstance(body, AlpacaFailure) else decoded(body, _Page)
            if page is None:
                why = body.words if isinstance(body, AlpacaFailure) else "UNREADABLE"
                self._note = f"the latest quotes have no answer ({why})"
                continue
            self._note = ""
            for symbol, one in page.quotes.items():
                if (micros(one.at) or 0) > self._last.get(self._symbols.here(symbol), 0):  # the stream may be further
                    self._put(symbol, one.bid, one.ask, one.at)

    # what is said on the stream

    async def hello(self, socket: ClientConnection) -> AlpacaFailure | None:
        """Authenticate and subscribe."""
        self._acknowledged = frozenset()
        if (failed := await self._until(socket, "success", "connected")) is not None:
            return failed
        keys = {"action": "auth", "key": self._access.key, "secret": self._access.secret}
        await socket.send(msgspec.json.encode(keys).decode())
        if (failed := await self._until(socket, "success", "authenticated")) is not None:
            return failed
        await socket.send(self.question())
        if (failed := await self._until(socket, "subscription", "")) is not None:
            return failed
        return self._missing()

    async def _until(self, socket: ClientConnection, kind: str, msg: str) -> AlpacaFailure | None:
        while True:
            self._error = None
            frame = await socket.recv()
            rows = decoded(_bytes(frame), list[_Frame]) or []
            self.message(frame)
            if self._error is not None:
                return self._error
            if any(row.kind == kind and (not msg or row.msg == msg) for row in rows):
                return None

    def _missing(self) -> AlpacaFailure | None:
        if self._error is not None:
            return self._error
        missing = [one for one in self._wanted if one not in self._acknowledged]
        if not missing:
            return None
        return AlpacaFailure("NOT_SUBSCRIBED", "OUTCOME_UNKNOWN", f"not acknowledged: {', '.join(missing[:5])}")

    def question(self) -> str:
        """The subscription again, which the venue acknowledges with all of it."""
        return msgspec.json.encode({"action": "subscribe", "quotes": self._wanted}).decode()

    def message(self, frame: str | bytes) -> str:
        """Take a message: a list of frames."""
        rows = decoded(_bytes(frame), list[_Frame])
        if rows is None:
            self._unread += 1
            return ""
        why = ""
        for row in rows:
            if row.kind == "q":
                self._line.proved()
                self._put(row.symbol, row.bid, row.ask, row.at)
            elif row.kind == "subscription":
                self._acknowledged = frozenset(row.quotes or ())
                self._error = None
                self._line.proved()
                self._answered.set()
            elif row.kind == "error":
                code = row.code or 0
                meaning = ERRORS.get(code, self._client.scrubbed(row.msg))
                self._error = AlpacaFailure(
                    str(code), "AUTH" if code == 402 else "RULE", f"the data stream says: {meaning}", code in _FINAL
                )
                self._answered.set()
                why = self._error.words
        return why

    def overdue(self) -> str:
        """Nothing: a market may be quiet."""
        return ""

    def _put(self, symbol: str, bid: msgspec.Raw, ask: msgspec.Raw, at: str | None) -> None:
        """Prices go on as they are, even where they cannot be: the governor refuses what is impossible."""
        here, when = self._symbols.here(symbol), micros(at) or 0
        self._newest[here] = LiveQuote(here, _price(bid), _price(ask), when, self._kind)
        self._last[here] = when
        self._stirred.set()


def _price(value: msgspec.Raw) -> int:
    return as_price(decoded(bytes(value), Decimal))


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame

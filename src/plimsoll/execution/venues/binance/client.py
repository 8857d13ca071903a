"""Signed requests to Binance's REST API, each sent exactly once (X2).

Nothing here sends a request again, and neither does the transport below. The transport is used without httpx's client,
which logs addresses: the signature is part of one. No error keeps an address, a key or a signature.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Literal
from urllib.parse import urlencode

import httpx
import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.ports import Clock
from plimsoll.execution.refusals import Class, refusal
from plimsoll.execution.venues.binance.budget import Budget, Purpose
from plimsoll.execution.venues.binance.server_time import ServerTime

WINDOW_MAX = 5000
"""Longest life of a request, milliseconds. A longer one hides a wrong clock (L26)."""
_BODY_MAX = 64_000_000
_SAMPLES = 3
Method = Literal["GET", "POST", "PUT", "DELETE"]


class BinanceFailure(msgspec.Struct, frozen=True):
    """A request without the answer that was wanted.

    ``code`` is the venue's, or a word of ours where it said none; ``text`` its own words. ``certain`` means that the
    venue certainly did not do what was asked.
    """

    code: str
    cls: Class
    text: str = ""
    certain: bool = False
    sent: bool = True

    @property
    def words(self) -> str:
        """Code and text together."""
        return f"{self.code} {self.text}".strip()


class _Told(msgspec.Struct):
    code: int
    msg: str = ""


class _Time(msgspec.Struct, rename="camel"):
    server_time: int


class BinanceClient:
    """One account's requests. ``venue`` names its table of refusals, ``time_path`` asks for the venue's clock."""

    def __init__(
        self, access: VenueAccess, clock: Clock, venue: str, time_path: str, window: int | None = None
    ) -> None:
        self.window = min(WINDOW_MAX, int(access.timeout * 1000)) if window is None else window
        if not 0 < self.window <= WINDOW_MAX:
            raise InputError(
                f"a recvWindow of {self.window} ms is not within 1 and {WINDOW_MAX} ms",
                "Correct the machine's clock instead of widening the window",
            )
        self.time, self.budget = ServerTime(clock), Budget(clock)
        self._access, self._clock, self._venue, self._time_path = access, clock, venue, time_path
        self._transport = httpx.AsyncHTTPTransport(verify=_certificates(), retries=0)

    def too_old(self) -> int:
        """The venue's time, microseconds, after which it cannot take a request that is sent now: its window is over."""
        return self.time.now() + self.window * 1000 + self.time.error

    def signed(self, params: Mapping[str, str]) -> dict[str, str]:
        """Parameters with time, window and signature, in the order in which they are signed."""
        whole = {**params, "recvWindow": str(self.window), "timestamp": str(self.time.now() // 1000)}
        return {**whole, "signature": self._signature(urlencode(whole))}

    def signed_sorted(self, params: Mapping[str, str]) -> dict[str, str]:
        """The same for the WebSocket API, which signs its parameters, the key among them, by name."""
        whole = {
            **params, "apiKey": self._access.key, "recvWindow": str(self.window),
            "timestamp": str(self.time.now() // 1000),
        }  # fmt: skip
        text = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
        return {**whole, "signature": self._signature(text)}

    def _signature(self, text: str) -> str:
        return hmac.new(self._access.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, *, signed: bool = True
    ) -> bytes | BinanceFailure:
        """A question. Where only the clock was wrong it is asked a second time."""
        answer = await self.ask("GET", path, params or {}, "read", signed=signed)
        if isinstance(answer, BinanceFailure) and answer.cls == "CLOCK":
            return await self.ask("GET", path, params or {}, "read", signed=signed)
        return answer

    async def ask(
        self, method: Method, path: str, params: Mapping[str, str], purpose: Purpose, *, signed: bool = True
    ) -> bytes | BinanceFailure:
        """One request; the answer's body where the venue did what was asked."""
        if not self.budget.allows(purpose):
            wait = -(-self.budget.stopped // 1_000_000)
            return BinanceFailure(
                "RATE", "RATE", f"nothing is asked for {wait} s" if wait else "weight is kept", True, False
            )
        if signed and self.time.old and (failed := await self.estimate_time()) is not None:
            return failed
        text = urlencode(self.signed(params) if signed else params)
        answer = await self._send(method, path, text, with_key=True)
        if isinstance(answer, BinanceFailure):
            return answer
        status, body = answer
        if 200 <= status < 300:
            return body
        failure = self._failure(status, body)
        if failure.cls == "CLOCK":
            await self.estimate_time()
        return failure

    async def estimate_time(self) -> BinanceFailure | None:
        """Ask for the venue's clock a few times; None when it is known now."""
        trips = []
        for _ in range(_SAMPLES):
            sent = self._clock.steady()
            answer = await self._send("GET", self._time_path, "")
            if isinstance(answer, BinanceFailure):
                return msgspec.structs.replace(answer, certain=True)
            try:
                told = msgspec.json.decode(answer[1], type=_Time).server_time
            except (msgspec.DecodeError, UnicodeDecodeError):
                return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the venue's clock has no answer", True)
            trips.append((sent, self._clock.steady(), told))
        self.time.estimate(trips)
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _send(
        self, method: Method, path: str, text: str, *, with_key: bool = False
    ) -> tuple[int, bytes] | BinanceFailure:
        headers = {"X-MBX-APIKEY": self._access.key} if with_key else {}
        url, content = f"{self._access.rest_url}{path}", None
        if method in ("POST", "PUT"):
            content = text.encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif text:
            url = f"{url}?{text}"
        wait = self._access.timeout
        limits = {"connect": wait, "read": wait, "write": wait, "pool": wait}
        try:
            request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": limits})
            async with asyncio.timeout(wait):
                response = await self._transport.handle_async_request(request)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return BinanceFailure("NO_CONNECTION", "OUTCOME_UNKNOWN", "", True, False)
        except (TimeoutError, httpx.TimeoutException):
            return BinanceFailure("NO_ANSWER", "OUTCOME_UNKNOWN")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError):
            return BinanceFailure("CONNECTION_CLOSED", "OUTCOME_UNKNOWN")
        self.budget.note(response.status_code, dict(response.headers))
        return response.status_code, body

    def _failure(self, status: int, body: bytes) -> BinanceFailure:
        """What a refusal means. Only words of the venue's own make one certain; a page of a proxy's is no word."""
        try:
            told = msgspec.json.decode(body, type=_Told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = None
        if status in (418, 429):
            text = told.msg if told else ""
            return BinanceFailure(str(told.code) if told else str(status), "RATE", text, True)
        if told is None:
            if status == 403:  # Binance's firewall, which stands before everything
                return BinanceFailure("403", "RATE", "the venue's firewall refuses us", True)
            return BinanceFailure(f"HTTP_{status}", "OUTCOME_UNKNOWN")
        row = refusal(self._venue, str(told.code), told.msg)
        if status >= 500 and row.cls != "BUSY":
            return BinanceFailure(str(told.code), "OUTCOME_UNKNOWN", told.msg)
        return BinanceFailure(str(told.code), row.cls, told.msg, row.cls != "OUTCOME_UNKNOWN")


@cache
def _certificates() -> ssl.SSLContext:
    """The known authorities, which take long to read."""
    return httpx.create_ssl_context()


async def _body(response: httpx.Response) -> bytes:
    """A body, of no endless length."""
    parts, length = [], 0
    async for part in response.aiter_bytes():
        length += len(part)
        if length > _BODY_MAX:
            raise httpx.StreamError("too long")
        parts.append(part)
    return b"".join(parts)

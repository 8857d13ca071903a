"""Requests to Alpaca's REST API, each sent exactly once (X2, L28).

Nothing here sends a request again, and neither does the transport below, which follows no redirection. No error keeps
an address, a key or a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
import msgspec

from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.ports import Clock
from plimsoll.execution.refusals import Class, refusal
from plimsoll.execution.venues.alpaca.wire import ErrorBody, decoded

NAME = "alpaca"
_SECOND = 1_000_000
_PAUSE_MAX = 60 * _SECOND
_BODY_MAX = 64_000_000
Method = Literal["GET", "POST", "DELETE"]


class AlpacaFailure(msgspec.Struct, frozen=True):
    """A request without the answer that was wanted.

    ``code`` is the venue's, its HTTP status, or a word of ours where it said nothing; ``text`` its own words.
    ``certain`` means that the venue certainly did not do what was asked.
    """

    code: str
    cls: Class
    text: str = ""
    certain: bool = False

    @property
    def words(self) -> str:
        """Code and text together."""
        return f"{self.code}: {self.text}" if self.text else self.code


class AlpacaClient:
    """One account's requests."""

    def __init__(self, access: VenueAccess, clock: Clock) -> None:
        self._access, self._clock = access, clock
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._paused_until = 0
        self.skew: int | None = None
        """Microseconds by which the venue's clock is ahead, from its last answer; None before the first."""

    def open(self) -> None:
        """Take requests from now on."""
        if self._transport is None:
            self._transport = httpx.AsyncHTTPTransport(retries=0)

    async def ask(
        self,
        method: Method,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        base: str = "",
    ) -> bytes | AlpacaFailure:
        """One request; the answer's body where the venue did what was asked."""
        if self._transport is None:
            return AlpacaFailure("CLOSED", "BUSY", "not sent: there is no connection to Alpaca", True)
        wait = self._paused_until - self._clock.steady()
        if wait > 0:
            return AlpacaFailure("RATE", "RATE", f"not sent: Alpaca takes nothing for {-(-wait // _SECOND)} s", True)
        url = httpx.URL(f"{base or self._access.rest_url.rstrip('/')}{path}", params=params)
        content = None if body is None else msgspec.json.encode(body)
        answer = await self._send(self._transport, method, url, content)
        if isinstance(answer, AlpacaFailure):
            return answer
        status, told = answer
        return told if 200 <= status < 300 else self._failure(status, told)

    def scrubbed(self, text: str) -> str:
        """A text of the venue's without our key and secret, should it repeat them."""
        for word in (self._access.secret, self._access.key):
            text = text.replace(word, "***") if word else text
        return text

    async def close(self) -> None:
        """Close every connection."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _send(
        self, transport: httpx.AsyncHTTPTransport, method: Method, url: httpx.URL, content: bytes | None
    ) -> tuple[int, bytes] | AlpacaFailure:
        wait, sent = self._access.timeout, self._clock.now()
        headers = {
            "APCA-API-KEY-ID": self._access.key, "APCA-API-SECRET-KEY": self._access.secret,
            "Accept": "application/json", "Host": url.netloc.decode(),
        }  # fmt: skip
        if content is not None:
            headers["Content-Type"] = "application/json"
        limits = {"connect": wait, "read": wait, "write": wait, "pool": wait}
        try:
            request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": limits})
            async with asyncio.timeout(wait):  # of the whole answer: the limits above are of each read
                response = await transport.handle_async_request(request)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return AlpacaFailure("NO_ANSWER", "OUTCOME_UNKNOWN")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError):
            return AlpacaFailure("CONNECTION_LOST", "OUTCOME_UNKNOWN")
        if body is None:
            return AlpacaFailure("UNREADABLE", "OUTCOME_UNKNOWN")
        self._note(response, sent)
        return response.status_code, body

    def _note(self, response: httpx.Response, sent: int) -> None:
        """Learn the venue's clock and its limits from an answer."""
        try:
            date = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            pass
        else:
            middle = (sent + self._clock.now()) // 2
            self.skew = int(date.timestamp()) * _SECOND + _SECOND // 2 - middle
        if response.status_code == 429:
            said, reset = response.headers.get("retry-after", ""), response.headers.get("x-ratelimit-reset", "")
            pause = int(said) * _SECOND if said.isdigit() else 0
            if not pause and reset.isdigit():
                pause = int(reset) * _SECOND - self._clock.now() - (self.skew or 0)
            self._paused_until = self._clock.steady() + min(max(pause, 0), _PAUSE_MAX)

    def _failure(self, status: int, body: bytes) -> AlpacaFailure:
        """What a refusal means. Neither an error of the server's nor the page of somebody between is a refusal."""
        told = decoded(body, ErrorBody)
        text = "" if told is None else self.scrubbed(told.words)
        code = str(told.code) if told is not None and told.code else str(status)
        row = refusal(NAME, code, text)
        theirs = 400 <= status < 500 and (text or status == 429)
        if row.cls == "OUTCOME_UNKNOWN" or not theirs:
            return AlpacaFailure(code, "OUTCOME_UNKNOWN", text)
        return AlpacaFailure(code, row.cls, text, True)


async def _body(response: httpx.Response) -> bytes | None:
    """An answer's bytes; None where they are more than any true answer."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _BODY_MAX:
            return None
        parts.append(part)
    return b"".join(parts)

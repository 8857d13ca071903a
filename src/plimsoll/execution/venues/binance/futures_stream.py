"""The stream of a futures account's events: its address is a key that has to be kept alive (L23).

Every client of the account shares the key. It is never deleted here, since that would end the others' streams; another
one may delete it, and then a new one is made.
"""

from __future__ import annotations

import msgspec

from plimsoll.core.ports import Clock
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure

_PATH = "/fapi/v1/listenKey"


class _Key(msgspec.Struct, rename="camel"):
    listen_key: str


class _Answer(msgspec.Struct):
    result: list[str] | None = None


class _Event(msgspec.Struct):
    e: str = ""


class FuturesAccountDialect:
    """Connects to the key's address, keeps the key alive and asks on the connection whether it is served."""

    def __init__(self, client: BinanceClient, url: str, clock: Clock, every: float) -> None:
        self._client, self._url, self._clock = client, url, clock
        self._every = int(every * 1_000_000)
        self._kept = 0

    async def address(self) -> str | BinanceFailure:
        """The address of the account's present key, which is made where there is none."""
        body = await self._client.ask("POST", _PATH, {}, "read", signed=False)
        if isinstance(body, BinanceFailure):
            return body
        try:
            key = msgspec.json.decode(body, type=_Key).listen_key
        except msgspec.DecodeError:
            return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the listen key")
        self._kept = self._clock.steady()
        return f"{self._url}/ws/{key}"

    def subscription(self, number: int) -> bytes | None:
        """The address subscribes already; a first question shows that the connection is served."""
        return msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": number})

    def acknowledged(self, answer: bytes) -> str:
        """Why an answer does not show it."""
        return "" if self.confirms(answer) else "the stream does not say what it is subscribed to"

    async def question(self, number: int) -> bytes | BinanceFailure | None:
        """Keep the key alive where it is time, and ask on the connection."""
        if self._clock.steady() - self._kept >= self._every:
            kept = await self._client.ask("PUT", _PATH, {}, "read", signed=False)
            if isinstance(kept, BinanceFailure) and kept.cls == "GONE":
                return kept
            if not isinstance(kept, BinanceFailure):
                self._kept = self._clock.steady()
        return msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": number})

    def confirms(self, answer: bytes) -> bool:
        """Whether it is an answer of the connection's own."""
        try:
            return msgspec.json.decode(answer, type=_Answer).result is not None
        except msgspec.DecodeError:
            return False

    def ended(self, message: bytes) -> bool:
        """Whether the key is over."""
        try:
            return msgspec.json.decode(message, type=_Event).e == "listenKeyExpired"
        except msgspec.DecodeError:
            return False

"""The stream of a spot account's events: a signed subscription on the WebSocket API (L23)."""

from __future__ import annotations

import msgspec

from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure


class _Result(msgspec.Struct, rename="camel"):
    subscription_id: int


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    status: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _Event(msgspec.Struct):
    e: str = ""


class _Wrapped(msgspec.Struct, rename="camel"):
    event: _Event = msgspec.field(default_factory=_Event)
    subscription_id: int = -1


class SpotAccountDialect:
    """Subscribes with a signature, and asks which subscriptions stand."""

    def __init__(self, client: BinanceClient, url: str) -> None:
        self._client, self._url = client, url
        self._subscription = -1

    async def address(self) -> str | BinanceFailure:
        """The WebSocket API."""
        return self._url

    def subscription(self, number: int) -> bytes | None:
        """A signed subscription."""
        params = self._client.signed_sorted({})
        typed = {n: int(v) if n in ("timestamp", "recvWindow") else v for n, v in params.items()}
        return msgspec.json.encode({"id": number, "method": "userDataStream.subscribe.signature", "params": typed})

    def acknowledged(self, answer: bytes) -> str:
        """Why an answer is no subscription."""
        try:
            told = msgspec.json.decode(answer, type=_Answer)
            if told.status == 200:
                self._subscription = msgspec.json.decode(told.result, type=_Result).subscription_id
                return ""
            return f"{told.error.code} {told.error.msg}" if told.error else f"status {told.status}"
        except msgspec.DecodeError:
            return "an unreadable answer to the subscription"

    async def question(self, number: int) -> bytes | BinanceFailure | None:
        """Which subscriptions stand on this connection."""
        return msgspec.json.encode({"id": number, "method": "session.subscriptions"})

    def confirms(self, answer: bytes) -> bool:
        """Whether ours is among them."""
        try:
            told = msgspec.json.decode(answer, type=_Answer)
            found = msgspec.json.decode(told.result, type=list[_Result]) if told.status == 200 else []
        except msgspec.DecodeError:
            return False
        return any(one.subscription_id == self._subscription for one in found)

    def ended(self, message: bytes) -> bool:
        """Whether the venue ended it: the key was changed, or the connection is to be left."""
        try:
            told = msgspec.json.decode(message, type=_Wrapped)
            kind = told.event.e or msgspec.json.decode(message, type=_Event).e
        except msgspec.DecodeError:
            return False
        return kind in ("eventStreamTerminated", "serverShutdown")

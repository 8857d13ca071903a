"""A subscription over a WebSocket that proves that it works (L1, L23).

An open socket proves nothing. The subscription must be acknowledged, and it is asked about every few seconds: where no
answer comes, or one without it, the connection is given up, and another one made with increasing delays. The first
event after that may not be the next one, so it counts as a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from plimsoll.core.cancelling import ended
from plimsoll.core.live_venue import VenueHealth
from plimsoll.core.ports import Clock
from plimsoll.core.venue import Accepted, Refused, Unknown
from plimsoll.execution.venues.binance.client import BinanceFailure

_SILENT = logging.Logger("binance", logging.CRITICAL + 1)  # frames and addresses carry keys, so nobody writes them
_EVERY = 5.0
_FIRST_DELAY, _LAST_DELAY = 500_000, 30_000_000


class Dialect(Protocol):
    """What is said on a connection."""

    async def address(self) -> str | BinanceFailure:
        """Where to connect to."""
        ...

    def subscription(self, number: int) -> bytes | None:
        """The message that subscribes; None where the address does."""
        ...

    def acknowledged(self, answer: bytes) -> str:
        """Why an answer to the subscription is none, "" where it is one."""
        ...

    async def question(self, number: int) -> bytes | BinanceFailure | None:
        """A message that asks whether the subscription stands; None where it was asked another way and stands."""
        ...

    def confirms(self, answer: bytes) -> bool:
        """Whether an answer to that says so."""
        ...

    def ended(self, message: bytes) -> bool:
        """Whether an event says that the subscription ended."""
        ...


class _Numbered(msgspec.Struct):
    id: int | str | None = None


class Stream:
    """A connection that is made again whenever it fails, until it is closed."""

    def __init__(self, dialect: Dialect, clock: Clock, timeout: float) -> None:
        self._dialect, self._clock = dialect, clock
        self._wait = min(_EVERY, timeout)
        self._timeout = timeout
        self._health = VenueHealth()
        self._hear: Callable[[bytes], bool] = lambda _: True
        self._running: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._broken = asyncio.Event()
        self._number = 0
        self._answers: dict[int, asyncio.Future[bytes]] = {}

    @property
    def health(self) -> VenueHealth:
        """Evidence that it works."""
        return self._health

    async def open(self, hear: Callable[[bytes], bool]) -> Accepted | Refused | Unknown:
        """Connect and subscribe; from then on events go to ``hear``, which says whether it could read one."""
        if self._running is not None:
            return Accepted()
        self._hear = hear
        failed = await self._begin()
        if failed is not None:
            await self._drop()
            return failed
        self._running = asyncio.create_task(self._run())
        return Accepted()

    async def close(self) -> None:
        """Close the connection for good."""
        if self._running is not None:
            await ended(self._running)
            self._running = None
        await self._drop()
        self._note(subscribed=False)

    def renew(self, text: str) -> None:
        """Give the connection up, and make another one."""
        self._note(text=text)
        self._broken.set()

    async def ask(self, message: bytes) -> bytes | None:
        """The answer to a message of the number that was last taken; None where none comes in time."""
        number, socket = self._number, self._socket
        if socket is None:
            return None
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(socket.send(message.decode()), self._wait)
            return await asyncio.wait_for(answer, self._wait)
        except (TimeoutError, OSError, WebSocketException):
            return None
        finally:
            self._answers.pop(number, None)

    async def _begin(self) -> Refused | Unknown | None:
        """One attempt; None where it is subscribed."""
        self._broken = asyncio.Event()
        address = await self._dialect.address()
        if isinstance(address, BinanceFailure):
            known = address.certain and address.sent and address.cls != "OUTCOME_UNKNOWN"
            return Refused(address.cls, address.words) if known else Unknown(address.code)
        try:
            self._socket = await connect(
                address, logger=_SILENT, open_timeout=self._timeout, close_timeout=self._wait, ping_interval=None,
                proxy=None,
            )  # fmt: skip
        except (OSError, TimeoutError, WebSocketException, ValueError):
            return Unknown("NO_STREAM")
        self._reading = asyncio.create_task(self._read(self._socket, self._broken))
        self._number += 1
        if (message := self._dialect.subscription(self._number)) is not None:
            answer = await self.ask(message)
            if answer is None:
                return Unknown("NOT_SUBSCRIBED")
            if wrong := self._dialect.acknowledged(answer):
                return Refused("AUTH", wrong)
        self._note(subscribed=True, heard=self._clock.now(), text="")
        return None

    async def _run(self) -> None:
        delay = 0
        while True:
            await self._stay()
            await self._drop()
            self._note(subscribed=False, text=self._health.text or "the stream broke")
            while True:
                delay = min(max(_FIRST_DELAY, 2 * delay), _LAST_DELAY)
                await self._clock.sleep(delay if self._timeout >= _EVERY else int(self._timeout * 200_000))
                failed = await self._begin()
                if failed is None:
                    break
                await self._drop()
                self._note(subscribed=False, text=getattr(failed, "text", "") or failed.reason)
            delay = 0
            self._note(gaps=self._health.gaps + 1)

    async def _stay(self) -> None:
        """Until the connection breaks, or does not answer that its subscription stands."""
        broken = asyncio.create_task(self._broken.wait())
        asking = asyncio.create_task(self._keep_asking())
        try:
            await asyncio.wait({broken, asking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ended(broken, asking)

    async def _keep_asking(self) -> None:
        while True:
            await self._clock.sleep(int(self._wait * 500_000))
            self._number += 1
            message = await self._dialect.question(self._number)
            if isinstance(message, BinanceFailure):
                self._note(text=f"the stream's state has no answer: {message.code}")
                return
            if message is not None:
                answer = await self.ask(message)
                if answer is None or not self._dialect.confirms(answer):
                    self._note(text="the stream does not answer that it is subscribed")
                    return
            self._note(heard=self._clock.now())

    async def _read(self, socket: ClientConnection, broken: asyncio.Event) -> None:
        try:
            async for message in socket:
                self._message(message.encode() if isinstance(message, str) else message)
        except (OSError, WebSocketException, UnicodeError):
            pass
        finally:
            broken.set()

    def _message(self, message: bytes) -> None:
        try:
            number = msgspec.json.decode(message, type=_Numbered).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._unreadable()
            return
        waiting = self._answers.get(int(number)) if number is not None and str(number).isdigit() else None
        if waiting is not None:
            if not waiting.done():
                waiting.set_result(message)
            return
        if number is not None:
            return
        if self._dialect.ended(message):
            self.renew("the venue ended the subscription")
            return
        if self._hear(message):
            self._note(heard=self._clock.now())
        else:
            self._unreadable()

    def _unreadable(self) -> None:
        """A message that is none may stand for an event: like a gap it needs a snapshot."""
        self._note(gaps=self._health.gaps + 1, text="the stream said something unreadable")

    def _note(self, **changes: object) -> None:
        self._health = msgspec.structs.replace(self._health, **changes)

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await ended(self._reading)
            try:
                await asyncio.wait_for(socket.close(), self._wait)
            except (TimeoutError, OSError, WebSocketException):
                socket.transport.abort()

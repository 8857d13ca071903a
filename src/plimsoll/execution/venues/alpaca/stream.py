"""A websocket that is believed only while it answers at the level of the application (L1, L23).

An open socket and its pings prove nothing. After a silence the subscription is asked for again; without an answer the
connection is replaced, with increasing delays, and what may have been missed meanwhile counts as a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException

from plimsoll.core.cancelling import ended
from plimsoll.core.ports import Clock
from plimsoll.execution.venues.alpaca.client import AlpacaFailure

_SECOND = 1_000_000
_FRAME_MAX = 16_000_000
_QUIET = logging.getLogger(__name__)
_QUIET.disabled = True  # at its lowest level the library logs frames, and the first one holds the secret


class StreamPace(msgspec.Struct, frozen=True):
    """How long what may take, microseconds.

    A stream silent for ``question`` is asked, and replaced when nothing was heard for ``silence``. An order of ours
    without an event for ``event`` makes a new session. Delays between attempts grow from ``first`` to ``longest``.
    An order that is not found is looked for again after ``settle``, and not before ``arrival`` after it was sent.
    """

    question: int = 5 * _SECOND
    silence: int = 10 * _SECOND
    event: int = 10 * _SECOND
    look: int = _SECOND
    first: int = _SECOND // 2
    longest: int = 30 * _SECOND
    settle: int = 5 * _SECOND
    arrival: int = 10 * _SECOND


class Speaker(Protocol):
    """What is said on a stream."""

    async def hello(self, socket: ClientConnection) -> AlpacaFailure | None:
        """Authenticate and subscribe; None when the venue acknowledged both."""
        ...

    def question(self) -> str:
        """A message that the venue answers where the subscription stands."""
        ...

    def message(self, frame: str | bytes) -> str:
        """Take a message; why the connection has to be replaced, "" for none."""
        ...

    def overdue(self) -> str:
        """What should have been heard by now and was not; "" for nothing."""
        ...


class _ConnectHere(connect):
    """Connects to the address given and to no other: what is said first are the keys."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Follow no redirection."""
        return exc


class ProvenStream:
    """A connection that is replaced when it fails."""

    def __init__(self, url: str, speaker: Speaker, clock: Clock, pace: StreamPace, timeout: float) -> None:
        self._url, self._speaker, self._clock, self._pace, self._timeout = url, speaker, clock, pace, timeout
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._last = 0
        self._asked = False
        self.subscribed = False
        self.heard = 0
        self.gaps = 0
        self.text = ""

    async def open(self) -> AlpacaFailure | None:
        """The first connection; None when it stands, and is kept up from then on."""
        await self.close()
        failed = await self._attempt()
        if failed is None:
            self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._watch())]
        return failed

    async def close(self) -> None:
        """End it."""
        await ended(*self._tasks)
        self._tasks, self.subscribed = [], False
        await self._drop()

    async def say(self, text: str) -> bool:
        """Send a message; whether it left."""
        socket = self._socket
        if socket is None:
            return False
        try:
            async with asyncio.timeout(self._timeout):
                await socket.send(text)
        except (WebSocketException, OSError, TimeoutError):
            return False
        return True

    async def broken(self, why: str) -> None:
        """Replace the connection: it is not what it seems."""
        self.text = why
        await self._drop()

    async def _attempt(self) -> AlpacaFailure | None:
        try:
            async with asyncio.timeout(self._timeout):
                self._socket = await _ConnectHere(
                    self._url, max_size=_FRAME_MAX, logger=_QUIET, proxy=None, close_timeout=1, open_timeout=None
                )
                failed = await self._speaker.hello(self._socket)
        except (TimeoutError, WebSocketException, InvalidHandshake, InvalidURI, OSError, ValueError) as error:
            # by its name only: its words may quote what was sent
            failed = AlpacaFailure("NO_STREAM", "OUTCOME_UNKNOWN", type(error).__name__)
        if failed is not None:
            await self._drop()
            return failed
        self.subscribed, self.text = True, ""
        self._hear()
        return None

    async def _keep(self) -> None:
        delay = self._pace.first
        while True:
            if await self._read():
                delay = self._pace.first
            self.subscribed = False
            self.gaps += 1
            await self._drop()
            while True:
                await self._clock.sleep(delay)
                delay = min(delay * 2, self._pace.longest)
                failed = await self._attempt()
                if failed is None:
                    break
                self.text = f"the stream is down ({failed.words})"

    async def _read(self) -> bool:
        """Take messages until the connection ends; whether there was any."""
        heard = False
        socket = self._socket
        if socket is None:
            return False
        try:
            async for frame in socket:
                heard = True
                if why := self._speaker.message(frame):
                    await self.broken(why)
                    break
        except (WebSocketException, OSError):
            pass
        except Exception as error:  # whatever a message holds, the stream must not end in silence
            self.text = f"a message broke the reader ({type(error).__name__})"
        self.text = self.text or "the stream was cut"
        return heard

    def proved(self) -> None:
        """A message came that only a standing subscription brings."""
        self._hear()

    def _hear(self) -> None:
        self.heard, self._last, self._asked = self._clock.now(), self._clock.steady(), False

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._pace.look)
            if not self.subscribed or self._socket is None:
                continue
            silent = self._clock.steady() - self._last
            if why := self._speaker.overdue():
                await self.broken(why)
            elif silent > self._pace.silence:
                await self.broken("the stream does not answer")
            elif silent > self._pace.question and not self._asked:
                self._asked = True
                await self.say(self._speaker.question())

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                socket.transport.abort()
                await socket.wait_closed()

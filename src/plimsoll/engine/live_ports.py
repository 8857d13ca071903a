"""What the live loop is given: its venue behind the governor, its worker, log, kill switch and readers (E2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from plimsoll.core.events import Event, VenueSnapshot
from plimsoll.core.kill import KillState
from plimsoll.core.live_venue import VenueHealth
from plimsoll.core.order import Order
from plimsoll.core.venue import Absent, Accepted, Denied, OrderReport, Refused, Unknown, VenueEvent


class LivePort(Protocol):
    """A venue with a connection, behind the gate of every order (H1)."""

    @property
    def health(self) -> VenueHealth:
        """State of its event stream."""
        ...

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Connect and subscribe."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    async def submit(self, order: Order) -> Accepted | Refused | Unknown | Denied:
        """Hand over an order."""
        ...

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask that an order be cancelled."""
        ...

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order."""
        ...

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """Order events as they happen."""
        ...


class Tells(Protocol):
    """The structured log."""

    def __call__(self, level: str, event: str, /, **fields: object) -> None:
        """Write a line: ``level`` is info, warning, error or critical."""
        ...


class LiveStatus(msgspec.Struct, frozen=True):
    """What a daemon knows of itself, written for readers in other processes. Times in microseconds since 1970.

    ``wall`` is the machine's time, ``at`` the daemon's, which differ over recorded sessions.
    """

    run: str
    mode: str
    pid: int
    wall: int
    at: int
    state: str
    kill: tuple[str, ...]
    reconciled_at: int
    cycles: int
    safe_mode: bool
    venues: dict[str, VenueHealth] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals in microseconds of the daemon's clock. ``exit`` is the longest that an end may take."""

    tick: int = 1_000_000
    heartbeat: int = 5_000_000
    reconcile: int = 300_000_000
    watch: int = 50_000_000 // 1000
    exit: int = 8_000_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside the loop.

    ``opened`` is told that a session is about to open, with its bookings; ``open`` opens a recorded market at a row.
    ``alive`` keeps what readers are shown, ``kill`` reads the kill switch, ``disabled`` names strategies that may not
    grow (X10). ``worker`` is the one thread in which journal and governor live. ``again`` is for a venue of recorded
    sessions, which has nothing that its process had not journaled an answer to.
    """

    venue: LivePort
    name: str
    write: Callable[[tuple[Event, ...]], object]
    worker: Executor
    log: Tells
    kill: Callable[[], KillState]
    alive: Callable[[LiveStatus], None]
    opened: Callable[[Any, tuple[Event, ...]], None] = lambda _state, _events: None
    open: Callable[[int], None] = lambda _row: None
    disabled: Callable[[], frozenset[str]] = frozenset
    timing: Timing = field(default_factory=Timing)
    run: str = ""
    mode: str = "paper"
    pid: int = 0
    wall: Callable[[], int] = lambda: 0
    again: bool = False


async def soon(waiting: Awaitable[Any], seconds: float) -> Any:
    """The result of something, or ``Unknown`` where it takes longer."""
    import asyncio

    try:
        return await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return Unknown("TIMED_OUT")

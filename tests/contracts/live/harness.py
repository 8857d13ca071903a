"""What a live venue's harness offers to the conformance suite (X1): our adapter, and its venue's server beside it.

Each venue has one module ``<venue>_harness.py`` with a class ``Harness`` that fulfils ``VenueHarness``. The server is
independent of the adapter: it speaks the venue's wire format, keeps its own account and shares no code with ``src``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, Self

import msgspec

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveVenue, QuoteFeed

Fault = Literal[
    "no_answer",  # takes the next request to place an order, and never answers it
    "lost",  # never takes the next order, and never answers
    "unknown_error",  # takes the next order, and answers with the venue's "outcome unknown" (504, -1006, -1007 ...)
    "busy",  # does not take the next request, and says so (429 and the like)
    "not_json",  # takes the next order, and answers bytes that are no answer
    "empty_answer",  # takes the next order, and closes the connection without an answer
    "down",  # refuses connections until mended
    "no_auth",  # keys are refused until mended
    "snapshot_fails",  # questions about the account have no answer until mended
    "stream_cut",  # the event stream's connection is closed; the next connection works
    "stream_silent",  # the stream stays open and says nothing, until mended
    "events_lost",  # events of the stream are dropped until mended
    "events_twice",  # each event is sent twice until mended
    "events_reversed",  # the next two events come in the reverse order
    "garbage_event",  # the stream sends something that is no event
    "foreign_event",  # an event of an order that was not placed by us
    "not_reduce_only",  # takes the next order without its reduce-only mark, and the answer says so (L22)
    "quotes_cut",  # the connection of the quotes is closed; the next connection works
    "clock_ahead",  # the venue's clock is a minute ahead of the machine's until mended
]


class Held(msgspec.Struct, frozen=True):
    """An order in the server's own book: quantities in units as the venue counts them."""

    client_id: str
    symbol: str
    quantity: float
    filled: float
    open: bool


class ServerControl(Protocol):
    """The switches of a loopback server, and its truth."""

    @property
    def posts(self) -> int:
        """Requests to place an order that arrived, refused ones and repeated ones included."""
        ...

    @property
    def cancels(self) -> int:
        """Requests to cancel an order that arrived."""
        ...

    @property
    def orders(self) -> dict[str, Held]:
        """Every order by the id that its client gave it."""
        ...

    @property
    def position(self) -> float:
        """Units of the harness's symbol that the account holds, signed."""
        ...

    @property
    def cash(self) -> float:
        """The account's cash, USD (or USDT)."""
        ...

    def fault(self, name: Fault) -> None:
        """Switch a fault on; ``NotImplementedError`` for one that the venue cannot have."""
        ...

    def mend(self) -> None:
        """Switch every fault off."""
        ...

    async def quote(self, bid: float, ask: float) -> None:
        """The market's prices of the harness's symbol, sent to whoever subscribed."""
        ...

    async def fill(self, client_id: str, quantity: float, price: float) -> str:
        """Execute a part of an open order, tell it on the stream, and return the venue's execution id."""
        ...

    async def cancel(self, client_id: str) -> None:
        """The venue cancels an order by itself, and tells it."""
        ...

    async def expire(self, client_id: str) -> None:
        """An order's time in force ends, and it is told."""
        ...

    async def reject(self, client_id: str) -> None:
        """The venue rejects an order after it had taken it, and tells it on the stream."""
        ...

    async def refuse_next(self, code: str, text: str) -> None:
        """The next order is refused with this code and text of the venue's."""
        ...

    async def foreign_order(self, quantity: float) -> str:
        """Somebody else places an order in the account; the venue's id of it."""
        ...

    async def foreign_fill(self, quantity: float, price: float) -> None:
        """Somebody else trades in the account."""
        ...


class VenueHarness(Protocol):
    """A server, and adapters that are connected to it.

    ``symbol`` trades in steps of ``lots`` lots, ``unit`` lots make one unit; ``price`` is a price near the market, on a
    tick, and ten steps at it are above the smallest order. Nothing fills but by ``server.fill``. The account holds cash
    for a thousand steps. Fees of the server's, where it charges any, are in cash.

    ``refused`` is a refusal that the venue's table lists: its code, its words, and the reason of ours that the adapter
    gives. ``cannot`` names cases of the suite that the venue cannot have, each with the reason, which is shown.
    ``since`` is a time before the account's first order, near enough for a venue that pages through days.
    ``canary`` is the secret in the adapters' access, "" for a venue without one.
    """

    name: str
    symbol: str
    lots: int
    unit: int
    price: float
    instrument: Instrument
    refused: tuple[str, str, str]
    cannot: Mapping[str, str]
    canary: str
    since: int
    server: ServerControl

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def venue(self) -> LiveVenue:
        """A new adapter with a time-out below a second, not connected; a second one is a process started again."""
        ...

    def feed(self) -> QuoteFeed:
        """Its quotes, not connected."""
        ...

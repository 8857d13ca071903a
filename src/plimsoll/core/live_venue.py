"""The port of venues that live in time: connection, health and quotes (X1, X6, H2).

A live venue is a ``Venue`` with a connection. Its stream of events never ends by itself; events may be missed while it
is broken, so a counted gap must be followed by a snapshot. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from plimsoll.core.venue import Accepted, Refused, Unknown, Venue


class VenueAccess(msgspec.Struct, frozen=True):
    """Addresses and credentials of an account at a venue. ``secret`` and ``key`` never reach a log or an error.

    ``timeout`` is the longest wait for one answer, seconds; an order without an answer by then is UNKNOWN (X2).
    """

    rest_url: str
    stream_url: str
    data_url: str = ""
    key: str = ""
    secret: str = ""
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"VenueAccess({self.rest_url!r}, {self.stream_url!r}, {self.data_url!r})"


class VenueHealth(msgspec.Struct, frozen=True):
    """Evidence that a stream works (L1, L23).

    ``subscribed`` means that the venue acknowledged the subscription, ``heard`` is the time of the last message that
    proves it: an event or the answer to a question on the stream, never an open socket; 0 before the first. ``gaps``
    counts the times that messages may have been missed: each needs a snapshot. ``outage_until`` is the end of a
    scheduled outage, 0 without one; it has a hard limit. ``text`` says what is wrong.
    """

    subscribed: bool = False
    heard: int = 0
    gaps: int = 0
    outage_until: int = 0
    text: str = ""


class LiveVenue(Venue, Protocol):
    """A venue with a connection. It answers, and never raises for market or network faults."""

    @property
    def health(self) -> VenueHealth:
        """State of its event stream."""
        ...

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Authenticate, read the order rules, and subscribe to the account's events.

        Snapshots report executions made from ``since`` on. A broken stream is connected again by the venue itself, with
        increasing delays, and counts as a gap.
        """
        ...

    async def close(self) -> None:
        """Close every connection. Orders stay as they are."""
        ...


class LiveQuote(msgspec.Struct, frozen=True):
    """Bid and ask of a symbol, 1e-12 USD; ``at`` is the venue's time. Only ``live`` quotes price an order (L25).

    A side that is absent or no number is 0: it is passed on, so that the governor sees it.
    """

    symbol: str
    bid: int
    ask: int
    at: int
    type: Literal["live", "delayed", "frozen"] = "live"


class QuoteFeed(Protocol):
    """A stream of quotes. After a break it subscribes again by itself."""

    @property
    def health(self) -> VenueHealth:
        """State of the stream."""
        ...

    async def subscribe(self, symbols: Sequence[str]) -> Accepted | Refused | Unknown:
        """Connect, and receive these symbols from now on; returns when the venue acknowledged it."""
        ...

    def quotes(self) -> AsyncIterator[LiveQuote]:
        """Quotes as they come; where the receiver is slow only the newest of each symbol is kept."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...

"""Makes Alpaca's venue and its quotes from an account's access (X1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess
from plimsoll.core.ports import Clock
from plimsoll.execution.venues.alpaca.quotes import AlpacaQuotes
from plimsoll.execution.venues.alpaca.venue import AlpacaVenue


def stocks(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: Callable[[int], str]
) -> tuple[AlpacaVenue, AlpacaQuotes]:
    """An account's orders, and the quotes of its data subscription; neither is connected."""
    return AlpacaVenue(access, instruments, clock, session_of), AlpacaQuotes(access, instruments, clock)

"""Live venues and the machine's clock are made here, and nowhere else (X1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from plimsoll.app.wiring import steady, wall
from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    from plimsoll.core.instrument import Instrument
    from plimsoll.core.live_venue import LiveVenue, QuoteFeed, VenueAccess
    from plimsoll.core.ports import Clock

SessionOf = Callable[[int], str]
"""The session, an ISO date, of a time in microseconds since 1970."""


class WallClock:
    """The machine's clocks behind the port of every clock."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return wall()

    def steady(self) -> int:
        """Microseconds of a clock that is never set."""
        return steady()

    async def sleep(self, micros: int) -> None:
        """Wait."""
        await asyncio.sleep(micros / 1e6)


Maker = Callable[["VenueAccess", "Mapping[str, Instrument]", "Clock", SessionOf], "tuple[LiveVenue, QuoteFeed]"]
"""Makes a venue's adapter and its quotes, not connected yet; imports its libraries when called."""


def _alpaca(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: SessionOf
) -> tuple[LiveVenue, QuoteFeed]:
    try:
        from plimsoll.execution.venues.alpaca.make import stocks
    except ImportError:
        raise _absent("Alpaca") from None
    return stocks(access, instruments, clock, session_of)


def _binance(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: SessionOf
) -> tuple[LiveVenue, QuoteFeed]:
    try:
        from plimsoll.execution.venues.binance.make import spot
    except ImportError:
        raise _absent("Binance") from None
    return spot(access, instruments, clock, session_of)


def _paper(
    _: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: SessionOf
) -> tuple[LiveVenue, QuoteFeed]:
    """It needs no access; ``execution.venues.paper.make`` says how it is given its account and its quotes."""
    from plimsoll.execution.venues.paper.make import paper

    return paper(instruments, clock, session_of)


def _binance_futures(
    access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock, session_of: SessionOf
) -> tuple[LiveVenue, QuoteFeed]:
    try:
        from plimsoll.execution.venues.binance.make import futures
    except ImportError:
        raise _absent("Binance") from None
    return futures(access, instruments, clock, session_of)


def _absent(venue: str) -> InputError:
    return InputError(f"{venue} needs libraries that are not installed", "pip install 'plimsoll[live]'")


MAKERS: dict[str, Maker] = {
    "alpaca": _alpaca,
    "binance": _binance,
    "binance_futures": _binance_futures,
    "paper": _paper,
}
"""Every live venue, by name."""


def live_venue(name: str) -> Maker:
    """The maker of a venue by name. ``InputError`` for a name without one."""
    if name not in MAKERS:
        raise InputError(f"there is no live venue {name!r}", f"Give one of: {', '.join(sorted(MAKERS)) or 'none yet'}")
    return MAKERS[name]

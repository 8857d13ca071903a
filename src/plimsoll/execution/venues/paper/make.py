"""Makes the paper venue and its quotes; an account is given to it afterwards (X5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import QuoteFeed
from plimsoll.core.ports import Clock
from plimsoll.execution.venues.paper.quotes import PaperFeed, PushedQuotes
from plimsoll.execution.venues.paper.venue import PaperVenue


def paper(
    instruments: Mapping[str, Instrument],
    clock: Clock,
    session_of: Callable[[int], str],
    source: QuoteFeed | None = None,
) -> tuple[PaperVenue, PaperFeed]:
    """A venue without an account yet, and the feed that drives it: who reads the feed lets the venue see the market.

    Before it connects, ``exchange = venue.restore(state, policy, hours=...)`` gives it its account, and
    ``exchange.know(liquidity, regime)`` what is known of the market. Without a ``source`` quotes are pushed:
    ``feed.source.push(quote)``.
    """
    venue = PaperVenue(instruments, clock, session_of)
    return venue, PaperFeed(source or PushedQuotes(clock), venue, clock)

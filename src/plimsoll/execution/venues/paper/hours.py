"""When a symbol trades at the paper venue: its session's hours, and halts (X5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from plimsoll.core.order import Order

FOR_EVER = 2**62
"""No end: later than any time."""
MICROS = 1_000_000
Hours = Callable[[str, int], tuple[int, int]]
"""Open and close, microseconds, of a calendar's session that a time is in, else of the next one. A session that never
closes ends ``FOR_EVER``."""
Halts = Mapping[str, Sequence[tuple[int, int]]]
"""By symbol the times from which and until which nothing trades, microseconds."""


def always(_calendar: str, _at: int) -> tuple[int, int]:
    """The hours of what never closes."""
    return 0, FOR_EVER


def span_of(order: Order, at: int, wait: int, session: tuple[int, int], following: tuple[int, int]) -> tuple[int, int]:
    """When an order taken ``at`` may fill from on, and when its time in force ends it.

    ``session`` is the one that it was taken in, or before, and ``following`` the one after. An ``opg`` order taken
    inside a session is for the next open; a ``day`` order ends with the session, or with the next one where it was
    taken between two.
    """
    opens, closes = session
    if order.time_in_force == "opg" and opens < at and closes < FOR_EVER:
        opens, closes = following
    return max(at + wait, opens), FOR_EVER if order.time_in_force == "gtc" else closes


def halted(halts: Halts, symbol: str, at: int) -> bool:
    """Whether nothing trades in a symbol for the moment."""
    return any(start <= at < end for start, end in halts.get(symbol, ()))

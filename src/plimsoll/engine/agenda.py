"""When a daemon acts on a session: before its open, at its open, and at the decision after it (E2, U5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from plimsoll.core.sessions import Sessions

SECOND = 1_000_000
LEAD = 120 * SECOND
"""How long before an open its orders are sent: an opening auction takes none in its last two minutes."""
ActKind = Literal["send", "open", "decide"]


class SessionAct(NamedTuple):
    """An act and its time, microseconds since 1970."""

    at: int
    act: ActKind
    row: int


def acts(sessions: Sessions, first: int, last: int) -> Iterator[SessionAct]:
    """The acts of the sessions of rows ``first`` to ``last``, in the order of their times.

    A decision is made at 00:00 UTC of the day after its session, as in every recorded run (U5).
    """
    for row in range(first, last + 1):
        opens = int(sessions.opens[row]) * SECOND
        yield SessionAct(opens - LEAD, "send", row)
        yield SessionAct(opens, "open", row)
        yield SessionAct((int(sessions.days[row]) + 1) * 86_400 * SECOND, "decide", row)

"""How everything around a governor behaves in a session of the Monte Carlo, as data (H8)."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from plimsoll.execution.venues.faulty import QUIET, Faults

USUAL = replace(
    QUIET, answer_lost=0.02, never_arrives=0.01, query_unanswered=0.3, duplicated=0.1, late=0.1, shuffled=True,
    stopped=0.1, untrue=0.3, end_told=0.5, again=0.02, patience=2,
)  # fmt: skip
"""A venue on a usual day."""


@dataclass(slots=True)
class SessionFaults:
    """How the venue, the feed, the machine and whoever else trades behave: probabilities of an order or a bar."""

    venue: Faults = USUAL
    parts: float = 0.3  # a minute in which an order fills in part
    crash: float = 0.01  # a bar in which the process dies at one of its writes
    give_up: float = 0.5  # an order whose answer was lost is not asked about again
    again: float = 0.0  # a bar in which something old is told once more that is no order's
    elsewhere: float = 0.0  # a bar with an external trade of the account
    hidden: float = 0.5  # of those: shown by a snapshot before the report
    moved: float = 0.0  # a bar in which units come or go without a trade
    listed: float = 0.0  # a bar in which the venue sends a snapshot
    nonsense: float = 0.0  # a bar with an impossible price of one symbol
    replaced: float = 0.0  # a bar in which nonsense comes in the place of a true price
    spelled: float = 0.0  # a line that spells a symbol differently
    reused: float = 0.0  # a bar in which an earlier order is sent again

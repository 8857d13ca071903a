"""The state of one symbol at certification (D11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plimsoll.core.dates import iso_day
from plimsoll.core.panel import Certification
from plimsoll.core.policy import DataPolicy
from plimsoll.market.findings import HARD

if TYPE_CHECKING:  # a run asks only what was certified, and pays nothing for how
    from plimsoll.market.quality import Assessment

ACTIVE = "ACTIVE"
DEGRADED = "DEGRADED"
QUARANTINED = "QUARANTINED"


def certify(
    symbol: str,
    provider: str,
    found: Assessment,
    policy: DataPolicy,
    *,
    ended: bool = False,
    late: bool = False,
    active_from: str = "",
) -> Certification:
    """State and reasons of an assessed symbol at the end of its history; ``ended``, ``late`` and ``active_from`` come
    from what was known session by session (``market.dated``).

    ACTIVE needs rows, share of expected sessions and score shown inside their limits and no hard flag; QUARANTINED
    is too short to be judged at all; DEGRADED is everything between: it may be held and closed, not entered.
    A series that has ended keeps its state, for the past it was traded in (D16), and says so.
    """
    rows = len(found.bars)
    present = rows / found.expected if found.expected else 0.0
    reasons = [f.reason for f in found.flags if f.severity == HARD]
    if not rows >= policy.rows_active:
        reasons.append("ROWS_SHORT")
    if not present >= policy.expected_min:
        reasons.append("EXPECTED_SHORT")
    if not found.score >= policy.score_min:
        reasons.append("LOW_SCORE")
    state = DEGRADED if reasons else ACTIVE
    if not rows >= policy.rows_degraded:
        state = QUARANTINED
    if ended:
        reasons.append("SERIES_ENDED")
    if late:
        reasons.append("DATA_LATE")
    return Certification(
        symbol=symbol,
        state=state,
        rows=rows,
        expected=found.expected,
        missing_pct=found.missing_pct,
        score=found.score,
        reasons=tuple(dict.fromkeys(reasons)),
        flags=found.flags,
        provider=provider,
        first=iso_day(int(found.bars.day[0])) if rows else "",
        last=iso_day(int(found.bars.day[-1])) if rows else "",
        ended=ended,
        active_from=active_from,
    )


def unreadable(symbol: str, provider: str, reasons: Sequence[str]) -> Certification:
    """A symbol no bar could be read of."""
    return Certification(symbol, QUARANTINED, 0, 0, 1.0, 0.0, tuple(reasons), provider=provider)


def alert(states: Sequence[str], policy: DataPolicy) -> str:
    """The sentence that raises an alert when too large a share of a run's symbols is not ACTIVE (D11); else empty."""
    rejected = sum(state != ACTIVE for state in states)
    if not states or rejected / len(states) <= policy.rejected_alert:
        return ""
    share, limit = rejected / len(states), policy.rejected_alert
    return f"{rejected} of {len(states)} symbols were rejected ({share:.1%}); {limit:.0%} is allowed"

"""One road for orders: a backtest does in one call what the full order path does event by event (E4, X1, X2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.events import DataPublished, Event, Genesis
from plimsoll.core.policy import Policy

BASE = Policy()
# weekly auctions, no band: many orders; next to nothing of a day's volume: most of them expire in part
POLICY = replace(
    BASE,
    auction=replace(BASE.auction, schedule="week_end"),
    shaping=replace(BASE.shaping, band_nav=0.002),
    limits=replace(BASE.limits, participation_max=2e-7),
)


def acted(events: list[Event]) -> list[Event]:
    """Everything but what names the mode and keeps digests of the data."""
    return [e for e in events if not isinstance(e, Genesis | DataPublished)]


@pytest.mark.parametrize("restart_every", [0, 7])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_recorded_paper_session_through_the_venues_port_makes_the_backtests_events(
    make_market: Any, backtested: Any, papered: Any, seed: int, restart_every: int
) -> None:
    panel = make_market(seed, 420, crash=0.01)
    fast = backtested(panel, POLICY, first=300, last=380)
    slow = papered(panel, POLICY, first=300, last=380, restart_every=restart_every)
    assert acted(slow.ledger.written) == acted(fast.ledger.written)
    assert slow.tally.nav == fast.tally.nav and np.any(np.diff(slow.tally.nav))
    kinds = {type(e).__name__ for e in fast.ledger.written}
    assert kinds >= {"OrderSubmitted", "OrderAccepted", "Fill", "OrderExpired", "CashFlow"}

"""One road for orders: a backtest does in one call what the full order path does event by event (E4, X1, X2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.events import DataPublished, Event, Genesis, OrderDenied
from plimsoll.core.policy import GovernorPolicy, Policy

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


# small caps, which most increases meet; and quotes that are too old for anything but a reduction
GOVERNED = replace(
    BASE, auction=POLICY.auction, shaping=POLICY.shaping, governor=GovernorPolicy(recorded=True, trade=700)
)
REFUSING = replace(GOVERNED, governor=GovernorPolicy(recorded=True, quote_age=0))


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


@pytest.mark.parametrize("restart_every", [0, 1, 7])
def test_a_governed_paper_session_makes_the_governed_backtests_events_and_proposes_what_can_be_admitted(
    make_market: Any, backtested: Any, papered: Any, restart_every: int
) -> None:
    panel = make_market(1, 420, crash=0.01)
    fast = backtested(panel, GOVERNED, first=300, last=380)
    slow = papered(panel, GOVERNED, first=300, last=380, restart_every=restart_every)
    assert acted(slow.ledger.written) == acted(fast.ledger.written)
    assert not fast.tally.orders_denied
    codes = {code for r in fast.records for line in r.reasons for code in line}
    assert codes & {"ACCOUNT_TRADE"} and fast.tally.fills
    free = backtested(panel, replace(GOVERNED, governor=GovernorPolicy()), first=300, last=380)
    bought = [o for r in free.records for o in r.intents if o.lots > 0]
    price = {i.symbol: i.lots_per_unit for i in panel.instruments}
    assert max(o.lots * o.reference / price[o.symbol] for o in bought) > 700.0  # without the caps it asks for more


def test_what_the_governor_refuses_never_fills_and_is_told_and_reductions_pass(
    make_market: Any, backtested: Any, papered: Any
) -> None:
    panel = make_market(1, 420, crash=0.01)
    fast, slow = (play(panel, REFUSING, first=300, last=340) for play in (backtested, papered))
    assert acted(slow.ledger.written) == acted(fast.ledger.written)
    denied = {e.id: e.reasons for e in fast.ledger.written if isinstance(e, OrderDenied)}
    assert denied and all("STALE_QUOTE" in reasons for reasons in denied.values())
    assert fast.tally.orders_denied == len(denied)
    assert not [e for e in fast.tally.fills if e.id in denied] and not fast.tally.fills

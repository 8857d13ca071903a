"""What a venue tells is believed, known already, or quarantined: nothing illegal reaches the state (X2, X3)."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.decision import Carried
from plimsoll.core.events import (
    CancelRequested,
    EventQuarantined,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSubmitted,
)
from plimsoll.core.order import Fill, Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import VenueEvent
from plimsoll.execution.oms import believed

DAY = "2024-10-07"
ORDERS = (Order("a", DAY, "SPY", 10, False, 99.0), Order("b", DAY, "GLD", -10, True, 99.0))


def sent() -> State:
    state = State(("SPY", "GLD"), np.array([0, 50]), np.full(2, 90.0), 10**7, Carried(ladder=LadderState(1, 1)))
    for order in ORDERS:
        state = apply(apply(state, order), OrderSubmitted(DAY, order.id))
    return state


def fill(lots: int, execution: str, id: str = "a", symbol: str = "SPY") -> Fill:
    return Fill(id, execution, DAY, symbol, lots, 100.0, lots * 10_000, 5, 0, 0)


EVENTS: tuple[VenueEvent, ...] = (
    *(cls(DAY, id, *more) for id in ("a", "b", "nobody's") for cls, more in (
        (OrderAccepted, ("v",)), (OrderRejected, ("HALTED",)), (OrderCancelled, (10,)), (OrderExpired, (10, "NO_OPEN")),
        (OrderRestated, (20,)))),
    fill(4, "x"), fill(6, "y"), fill(6, "x"), fill(-6, "z"), fill(3, "f", "nobody's"), fill(3, "n", symbol="NONE"),
    fill(-10, "s", "b", "GLD"), FillCorrected(DAY, "SPY", "x", None), FillCorrected(DAY, "SPY", "y", fill(5, "y2")),
    FillCorrected(DAY, "NONE", "x", fill(5, "q", symbol="NONE")),
)  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), max_size=25))
def test_whatever_a_venue_tells_in_any_order_the_state_takes_what_is_believed(told: list[VenueEvent]) -> None:
    state = sent()
    for event in told:
        found = believed(state, event)
        if isinstance(found, EventQuarantined):
            assert msgspec.json.decode(found.payload, type=type(event)) == event
        if found is not None:
            state = apply(state, found)
            assert believed(state, event) is None or isinstance(believed(state, event), EventQuarantined)
    booked = [
        state.executions.get((s, e)) for s, e in [("SPY", n) for n in ("x", "y", "y2", "f", "z")] + [("GLD", "s")]
    ]
    stands = [one for one in booked if one is not None]
    assert state.cash == 10**7 - sum(one.notional + one.commission for one in stands)
    assert state.lots.tolist() == [
        sum(f.lots for f in stands if f.symbol == s) + h for s, h in (("SPY", 0), ("GLD", 50))
    ]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (OrderAccepted(DAY, "nobody's"), "CLOSED"),
        (fill(-1, "x"), "ANOTHER_ORDER"),
        (fill(1, "x", symbol="GLD"), "ANOTHER_ORDER"),
        (fill(1, "x", symbol="NONE"), "FOREIGN_SYMBOL"),
    ],
)
def test_what_contradicts_is_kept_with_what_speaks_against_it(event: VenueEvent, status: str) -> None:
    found = believed(sent(), event)
    assert isinstance(found, EventQuarantined) and found.status == status


def test_an_execution_told_again_is_known_and_one_with_another_content_is_quarantined() -> None:
    state = apply(sent(), fill(4, "x"))
    assert believed(state, fill(4, "x")) is None
    found = believed(state, fill(5, "x"))
    assert isinstance(found, EventQuarantined) and found.status == "EXECUTION_DIFFERS"
    busted = apply(state, FillCorrected(DAY, "SPY", "x", None))
    assert believed(busted, fill(4, "x")) is None  # it comes late and was taken back
    assert believed(busted, FillCorrected(DAY, "SPY", "x", None)) is None


def test_an_accepted_order_that_is_cancelled_and_filled_late_is_money_all_the_same() -> None:
    state = apply(apply(sent(), CancelRequested(DAY, "a", "")), OrderCancelled(DAY, "a", 10))
    late = fill(10, "late")
    assert believed(state, late) is late and apply(state, late).lots.tolist() == [10, 50]
    assert isinstance(believed(state, OrderAccepted(DAY, "a")), EventQuarantined)

"""No content of a venue's event raises, or makes an account's figures other than whole and finite (U6, X2, X3, X6).

Every kind of event, with figures that no venue should ever tell, at an order of every status; and histories of
executions and corrections in every order of arrival, against a reckoning that knows the whole history at once.
"""

from __future__ import annotations

from math import inf, isfinite, nan
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.decision import Carried
from plimsoll.core.events import (
    CancelRequested,
    EventQuarantined,
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSubmitted,
    OrderUnknown,
    PositionAdopted,
    VenueSnapshot,
)
from plimsoll.core.inputs import Notify
from plimsoll.core.order import Fill, Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import VenueEvent
from plimsoll.execution.oms import believed
from plimsoll.execution.reconcile import reconciled
from plimsoll.store import codec

DAY, CASH = "2024-10-07", 10**7
ORDER = Order("a", DAY, "SPY", 100, False, 100.0)
SENT = (ORDER, OrderSubmitted(DAY, "a"))
PATHS: tuple[tuple[Any, ...], ...] = (
    (),
    (ORDER,),
    SENT,
    (*SENT, OrderAccepted(DAY, "a", "v")),
    (*SENT, Fill("a", "x", DAY, "SPY", 40, 100.0, 400_000, 5, 0, 0)),
    (*SENT, Fill("a", "x", DAY, "SPY", 100, 100.0, 10**6, 5, 0, 0)),
    (*SENT, CancelRequested(DAY, "a", "")),
    (*SENT, OrderUnknown(DAY, "a", "TIMEOUT")),
    (*SENT, OrderExpired(DAY, "a", 100)),
)


def account(*events: Any) -> State:
    state = State(("SPY", "GLD"), np.array([0, 50]), np.array([nan, 90.0]), CASH, Carried(ladder=LadderState(1, 1)))
    for event in events:
        state = apply(state, event)
    return state


STATES = tuple(account(*path) for path in PATHS)
bad: Any = st.sampled_from(
    (0, -1, 2**63, -(2**63), 2**70, 10**25, -(10**25), 10**15 + 1, 1.5, nan, inf, -inf, True, None, "7")
)
lots: Any = st.one_of(st.sampled_from((40, 60, 100, -60, -100, 101)), bad)
price: Any = st.one_of(st.sampled_from((100.0, 1e-300, 0.0, -5.0, 1e308, 10**400)), bad)
money: Any = st.one_of(st.sampled_from((0, 400_000, -400_000)), bad)
text: Any = st.sampled_from(("x", "y", "a", "SPY", "GLD", "", "\ud800", None, 7))
symbol: Any = st.sampled_from(("SPY", "SPY", "GLD", "NONE", "", None))
order: Any = st.sampled_from(("a", "a", "nobody's", "", "\ud800", None))
fills: Any = st.builds(Fill, order, text, st.just(DAY), symbol, lots, price, money, money, money, money)
EVENTS: Any = st.one_of(
    fills,
    fills,
    st.builds(FillCorrected, st.just(DAY), symbol, text, st.one_of(st.none(), fills), st.one_of(st.just(0), bad)),
    st.builds(FeeReported, st.just(DAY), text, money, text, st.sampled_from(("USD", "EUR", "", None))),
    st.builds(OrderAccepted, st.just(DAY), order, text),
    st.builds(OrderRejected, st.just(DAY), order, text, text),
    *(st.builds(cls, st.just(DAY), order, lots, text) for cls in (OrderCancelled, OrderExpired)),
    st.builds(OrderRestated, st.one_of(st.just(DAY), text), order, lots),
)


def holds(before: State, event: Any, after: State) -> None:
    """What must be true of an account after an event, by sums made here."""
    assert isinstance(after.cash, int) and after.lots.dtype == np.int64
    assert all(isfinite(c) and c > 0.0 for c, n in zip(after.average_cost, after.lots, strict=True) if n)
    if isinstance(event, EventQuarantined):
        assert (after.cash, after.lots.tolist(), after.working) == (before.cash, before.lots.tolist(), before.working)
    elif isinstance(event, Fill):
        assert before.cash - after.cash == event.notional + event.commission
        assert int((after.lots - before.lots).sum()) == event.lots
    elif not isinstance(event, FillCorrected | FeeReported):
        assert (after.cash, after.lots.tolist()) == (before.cash, before.lots.tolist())
    for one in after.working.values():
        assert one.order.lots == 100 or isinstance(event, OrderRestated)
        assert one.order.lots * 100 > 0 and abs(one.order.lots) <= 10**15


@given(st.sampled_from(STATES), st.lists(EVENTS, min_size=1, max_size=4))
def test_no_content_of_an_event_raises_or_makes_an_account_that_cannot_be(state: State, told: list[VenueEvent]) -> None:
    for event in told:
        found = believed(state, event)
        if found is None:
            continue
        assert found is event or isinstance(found, EventQuarantined)
        assert codec.decode(*codec.encode(found)) == found  # so a journal that holds it can be read again
        after = apply(state, found)
        holds(state, found, after)
        again = believed(after, event)
        assert again is None or isinstance(again, EventQuarantined)
        state = after


@given(
    st.sampled_from(STATES),
    st.builds(
        VenueSnapshot,
        st.just(DAY),
        money,
        st.dictionaries(st.sampled_from(("SPY", "GLD", "NONE", "\ud800")), lots, max_size=3),
        st.lists(order, max_size=2).map(tuple),
        st.lists(fills, max_size=2).map(tuple),
    ),
    st.dictionaries(st.sampled_from(("SPY", "GLD")), price),
)
def test_no_content_of_a_snapshot_raises_or_is_adopted(
    state: State, snapshot: VenueSnapshot, prices: dict[str, float]
) -> None:
    plan = reconciled(state, snapshot, prices)
    for event in plan.events:
        assert codec.decode(*codec.encode(event)) == event
        after = apply(state, event)
        if not isinstance(event, PositionAdopted):
            holds(state, event, after)
        state = after
    assert isinstance(state.cash, int)
    if state.cash != snapshot.cash:
        assert any(isinstance(command, Notify) for command in plan.commands)


def fill(lots: Any, execution: str = "e", price: Any = 100.0, notional: Any = None, id: str = "a") -> Fill:
    return Fill(id, execution, DAY, "SPY", lots, price, int(lots * 10_000) if notional is None else notional, 0, 0, 0)


@pytest.mark.parametrize(
    ("path", "event", "reason"),
    [
        (2, fill(10, price=nan), "PRICE"),
        (2, fill(10, price=0.0), "PRICE"),
        (2, fill(10, price=-5.0), "PRICE"),
        (2, fill(10, notional=-1), "MONEY"),
        (2, fill(10, notional=nan), "MONEY"),
        (2, fill(10**16), "LOTS"),
        (2, fill(1.5), "LOTS"),
        (2, fill(None, notional=0), "LOTS"),
        (2, fill(10, ""), "EXECUTION_ID"),
        (2, PositionAdopted(DAY, "SPY", 5, 10.0), "KIND"),  # an event of ours
        (2, OrderSubmitted(DAY, "a"), "KIND"),
        (2, OrderRestated(DAY, "a", 0), "LOTS"),
        (2, OrderRestated(DAY, "a", -100), "LOTS"),
        (4, OrderRestated(DAY, "a", 30), "LOTS"),  # 40 are filled
        (2, OrderExpired(DAY, "a", -100), "LOTS"),
        (2, OrderExpired(DAY, "a", 101), "LOTS"),
        (2, OrderCancelled(DAY, "a", 60), "REST_DIFFERS"),  # 40 are executed, and not told yet
        (5, FillCorrected(DAY, "SPY", "x", fill(-100, "y")), "ANOTHER_ORDER"),  # its order is filled and gone
        (2, FillCorrected(DAY, "SPY", "q", fill(-100, "y")), "ANOTHER_ORDER"),
        (5, FillCorrected(DAY, "SPY", "x", fill(100, "y", id="z")), "ANOTHER_ORDER"),
        (7, FillCorrected(DAY, "SPY", "q", fill(0, "y")), "LOTS"),  # an unknown order stays unknown
    ],
)
def test_what_cannot_be_is_kept_under_the_name_of_the_figure(path: int, event: Any, reason: str) -> None:
    found = believed(STATES[path], event)
    assert isinstance(found, EventQuarantined) and found.status == reason
    for ok in (believed(STATES[2], fill(100)), believed(STATES[4], OrderRestated(DAY, "a", 40))):
        assert ok is not None and not isinstance(ok, EventQuarantined)


def test_a_figure_that_json_cannot_hold_is_kept_as_text() -> None:
    found = believed(STATES[2], fill(10**25, price=nan))
    assert isinstance(found, EventQuarantined)
    kept = msgspec.json.decode(found.payload)
    assert (kept["lots"], kept["price"]) == (str(10**25), "nan")


def test_a_second_fee_or_a_fill_under_a_known_id_is_told_where_it_differs() -> None:
    def status(state: State, event: VenueEvent) -> str:
        found = believed(state, event)
        return found.status if isinstance(found, EventQuarantined) else "known" if found is None else "booked"

    charged = apply(STATES[5], FeeReported(DAY, "x", 5, "statement"))
    assert status(charged, FeeReported("2024-10-08", "x", 5, "statement")) == "known"
    assert status(charged, FeeReported(DAY, "x", 500, "statement")) == "FEE_DIFFERS"
    assert status(charged, FeeReported(DAY, "x", 500, "exchange")) == "booked"
    for event in (FillCorrected(DAY, "SPY", "x", None), FillCorrected(DAY, "SPY", "x", fill(90, "y"))):
        after = apply(STATES[5], event)
        assert status(after, PATHS[5][2]) == "known" and status(after, fill(77, "x")) == "EXECUTION_DIFFERS"


def test_a_cash_difference_is_told_whatever_else_a_snapshot_shows() -> None:
    asked = VenueSnapshot(DAY, CASH - 1, {"GLD": 50}, ())  # the venue does not list the order
    adopts = VenueSnapshot(DAY, CASH - 1, {"GLD": 51}, ("a",))
    for snapshot in (asked, adopts):
        told = [c.text for c in reconciled(STATES[2], snapshot, {"GLD": 90.0}).commands if isinstance(c, Notify)]
        assert f"Cash is {CASH} cents here and {CASH - 1} at the venue" in told


@st.composite
def histories(draw: Any) -> tuple[list[VenueEvent], list[VenueEvent], list[Fill]]:
    """What a venue told of some executions, the same in another order and with repetitions, and what stands at last."""
    told: list[VenueEvent] = []
    stands: list[Fill] = []
    for n in range(draw(st.integers(1, 3))):
        now: Fill | None = fill(draw(st.integers(1, 90)), f"{n}", id=f"o{n}")
        told.append(now)  # type: ignore[arg-type]
        number = 0
        for k in range(draw(st.integers(0, 4))):
            assert now is not None
            key = now.execution
            match draw(st.sampled_from(("in place", "another", "another", "bust"))):
                case "bust":
                    now = None
                case "in place":
                    number += 1
                    now = fill(draw(st.integers(1, 90)), key, id=f"o{n}")
                case _:
                    number, now = 0, fill(draw(st.integers(1, 90)), f"{n}.{k}", id=f"o{n}")
            told.append(FillCorrected(DAY, "SPY", key, now, number))
            if now is None:
                break
        stands += [now] if now is not None else []
    mixed = draw(st.permutations([*told, *draw(st.lists(st.sampled_from(told), max_size=4))]))
    return told, mixed, stands


@given(histories())
def test_what_executions_come_to_depends_on_no_order_of_arrival(
    history: tuple[list[VenueEvent], list[VenueEvent], list[Fill]],
) -> None:
    told, mixed, stands = history
    for order in (told, mixed, [*mixed, *told]):
        state = STATES[0]
        for event in order:
            found = believed(state, event)
            state = state if found is None else apply(state, found)
        assert int(state.lots[0]) == sum(one.lots for one in stands)
        assert state.cash == CASH - sum(one.notional for one in stands)
        assert all(state.executions.get(("SPY", one.execution)) == one for one in stands)
        if stands:
            assert state.average_cost[0] == pytest.approx(100.0)


def test_corrections_that_lead_back_or_contradict_are_kept_and_move_nothing() -> None:
    first = FillCorrected(DAY, "SPY", "x", fill(90, "y"))
    state = apply(STATES[5], first)
    for event in (FillCorrected(DAY, "SPY", "y", fill(100, "x")), FillCorrected(DAY, "SPY", "x", fill(80, "z")),
                  FillCorrected(DAY, "SPY", "x", None)):  # fmt: skip
        found = believed(state, event)
        assert isinstance(found, EventQuarantined) and found.status in ("CORRECTED", "EXECUTION_DIFFERS")
    assert believed(state, first) is None
    assert state.lots.tolist() == [90, 50]

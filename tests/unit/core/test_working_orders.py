"""Orders move along one table, executions book once, and money books whatever an order's status says (X2, X3)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.decision import Carried
from plimsoll.core.errors import TransitionRefused
from plimsoll.core.events import (
    STATUS_AFTER,
    CancelRequested,
    Event,
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSubmitted,
    OrderUnknown,
    PositionAdopted,
)
from plimsoll.core.executions import ExecutionBook
from plimsoll.core.order import OPEN, TRANSITIONS, Fill, Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.working import status_of

DAY = "2024-10-07"
ORDER = Order("a", "2024-10-04", "SPY", 10, False, 99.0)
TOLD: tuple[Event, ...] = (
    OrderSubmitted(DAY, "a"), OrderDenied(DAY, "a", ("TRADE_LIMIT",)), OrderAccepted(DAY, "a", "v1"),
    OrderRejected(DAY, "a", "HALTED"), OrderUnknown(DAY, "a", "TIMEOUT"), CancelRequested(DAY, "a", "WANTED_NO_MORE"),
    OrderCancelled(DAY, "a", 10), OrderExpired(DAY, "a", 10, "NO_OPEN"),
)  # fmt: skip


def empty(cash: int = 1_000_000) -> State:
    return State(("SPY", "GLD"), np.zeros(2, np.int64), np.full(2, np.nan), cash, Carried(ladder=LadderState(1, 1)))


def fill(lots: int, execution: str, price: float = 100.0, id: str = "a", commission: int = 5) -> Fill:
    return Fill(id, execution, DAY, "SPY", lots, price, round(lots * price * 100), commission, 0, 0)


def after(*events: Event, start: State | None = None) -> State:
    state = start if start is not None else empty()
    for event in events:
        state = apply(state, event)
    return state


PATHS: dict[str, tuple[Event, ...]] = {
    "NEW": (ORDER,),
    "SUBMITTED": (ORDER, TOLD[0]),
    "ACCEPTED": (ORDER, TOLD[0], TOLD[2]),
    "PARTIALLY_FILLED": (ORDER, TOLD[0], fill(4, "x")),
    "PENDING_CANCEL": (ORDER, TOLD[0], TOLD[5]),
    "UNKNOWN": (ORDER, TOLD[0], TOLD[4]),
}


@pytest.mark.parametrize("status", sorted(OPEN))
def test_every_event_is_taken_where_the_table_says_so_and_refused_elsewhere(status: str) -> None:
    state = after(*PATHS[status])
    assert state.working["a"].status == status
    for event in TOLD:
        becomes = STATUS_AFTER[type(event)]
        if becomes in TRANSITIONS[status]:
            found = after(event, start=state)
            assert status_of(found.working, "a") == (becomes if becomes in OPEN else "CLOSED")
            assert status_of(state.working, "a") == status  # the state before it is as it was
        else:
            with pytest.raises(TransitionRefused, match=f"order a, which is {status}"):
                after(event, start=state)


def test_an_order_that_ended_takes_no_event_and_its_id_names_one_order() -> None:
    done = after(*PATHS["SUBMITTED"], fill(10, "x"))
    assert not done.working
    with pytest.raises(TransitionRefused, match="CLOSED"):
        after(TOLD[2], start=done)
    assert after(ORDER, start=after(ORDER)).working == after(ORDER).working
    with pytest.raises(TransitionRefused, match="another order has the same id"):
        after(ORDER, replace(ORDER, lots=11))


def test_fills_add_up_and_end_the_order_and_a_restated_one_counts_its_new_lots() -> None:
    state = after(*PATHS["ACCEPTED"], fill(4, "x"), fill(5, "y"))
    assert (state.working["a"].status, state.working["a"].remaining) == ("PARTIALLY_FILLED", 1)
    assert state.working["a"].venue_id == "v1"
    assert not after(fill(1, "z"), start=state).working
    doubled = after(OrderRestated(DAY, "a", 11), start=state)
    assert after(fill(1, "z"), start=doubled).working["a"].remaining == 1
    with pytest.raises(TransitionRefused):
        after(ORDER, OrderRestated(DAY, "a", 20))  # no venue has it yet


@pytest.mark.parametrize("status", [*PATHS, "CLOSED"])
def test_money_books_whatever_became_of_the_order_and_never_twice(status: str) -> None:
    path = PATHS.get(status, (*PATHS["SUBMITTED"], TOLD[6]))
    before = after(*path)
    state = after(fill(3, "late"), start=before)
    assert (state.cash, int(state.lots[0])) == (before.cash - 30_005, int(before.lots[0]) + 3)
    assert status_of(state.working, "a") in ("PARTIALLY_FILLED", "PENDING_CANCEL", "CLOSED")
    with pytest.raises(TransitionRefused, match="booked already"):
        after(fill(3, "late"), start=state)
    assert after(replace(fill(3, "late"), symbol="GLD"), start=state).lots[1] == 3  # ids are a symbol's own


def test_a_fill_while_a_cancellation_is_asked_for_leaves_it_asked_for() -> None:
    state = after(*PATHS["PENDING_CANCEL"], fill(3, "x"))
    assert (state.working["a"].status, state.working["a"].remaining) == ("PENDING_CANCEL", 7)


def test_a_correction_leaves_the_account_as_if_the_right_execution_had_come() -> None:
    held = after(fill(10, "w", 50.0, id="z"), *PATHS["ACCEPTED"])
    right = fill(6, "y", 90.0, commission=2)
    wrong = after(fill(8, "x", 100.0), FillCorrected(DAY, "SPY", "x", right), start=held)
    straight = after(right, start=held)
    assert (wrong.cash, wrong.lots.tolist()) == (straight.cash, straight.lots.tolist())
    assert wrong.average_cost[0] == pytest.approx(straight.average_cost[0])
    assert wrong.working == straight.working
    early = after(FillCorrected(DAY, "SPY", "x", right), start=held)  # told before what it corrects
    assert (early.cash, early.lots.tolist()) == (straight.cash, straight.lots.tolist())
    for execution in ("x", "y"):
        with pytest.raises(TransitionRefused, match="booked already"):
            after(fill(8, execution), start=early)


def test_a_bust_leaves_the_account_as_if_there_had_been_none_and_the_ended_order_ended() -> None:
    held = after(fill(10, "w", 50.0, id="z"), *PATHS["ACCEPTED"])
    for lots in (8, 10, -4):
        state = after(fill(lots, "x"), FillCorrected(DAY, "SPY", "x", None), start=held)
        assert (state.cash, state.lots.tolist()) == (held.cash, [10, 0])
        assert state.average_cost[0] == pytest.approx(50.0)
    assert not after(fill(10, "x"), FillCorrected(DAY, "SPY", "x", None), start=held).working


def test_fees_and_adopted_positions_are_in_the_account() -> None:
    state = after(FeeReported(DAY, "x", 7, "statement"), PositionAdopted(DAY, "GLD", 3, 180.0))
    assert (state.cash, state.lots.tolist(), state.average_cost[1]) == (999_993, [0, 3], 180.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=30))
def test_the_execution_book_is_a_value_and_equals_a_plain_dict(steps: list[tuple[int, int, bool]]) -> None:
    """Books that share entries never see each other's: ``steps`` branch from an earlier book each."""
    books: list[tuple[ExecutionBook, dict[str, Fill | None]]] = [(ExecutionBook(), {})]
    for name, back, corrects in steps:
        book, plain = books[max(0, len(books) - 1 - back)]
        key = str(name)
        if corrects:
            now = fill(1, f"{key}'") if back else None
            book = book.corrected(FillCorrected(DAY, "SPY", key, now))
            plain = plain | {key: None} | ({f"{key}'": now} if now else {})
        elif key not in plain:
            book, plain = book.added(fill(2, key)), {**plain, key: fill(2, key)}
        else:
            with pytest.raises(ValueError, match="is booked"):
                book.added(fill(2, key))
        books.append((book, plain))
    for book, plain in books:
        for name in (f"{n}{mark}" for n in range(6) for mark in ("", "'")):
            assert (("SPY", name) in book, book.get(("SPY", name))) == (name in plain, plain.get(name))

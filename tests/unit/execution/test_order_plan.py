"""What a decision's orders become beside what works already, and what a snapshot of the venue makes of the state."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace as replaced

from plimsoll.core.decision import Carried
from plimsoll.core.events import (
    Approval,
    CancelRequested,
    Event,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSubmitted,
    OrderUnknown,
    PositionAdopted,
    Split,
    VenueSnapshot,
)
from plimsoll.core.inputs import Cancel, Notify, Query, Submit
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Absent, Accepted, Denied, OrderReport, Refused, Unknown
from plimsoll.execution.ledger import Ledger, LedgerEntry
from plimsoll.execution.oms import OrderPlan, of_query, of_submit, planned
from plimsoll.execution.reconcile import reconciled
from plimsoll.execution.venues.simulated import RULES

OLD, DAY = "2024-10-04", "2024-10-07"
INSTRUMENTS = {s: Instrument(s, "fund", "XNYS") for s in ("SPY", "GLD")}


def account(*events: Event, spy: int = 0) -> State:
    state = State(("SPY", "GLD"), np.array([spy, 0]), np.full(2, 90.0), 10**7, Carried(ladder=LadderState(1, 1)), DAY)
    for event in events:
        state = apply(state, event)
    return state


def order(id: str, lots: int, session: str = DAY, symbol: str = "SPY") -> Order:
    return Order(id, session, symbol, lots, lots < 0, 100.0)


def working(id: str, lots: int, *more: Event, symbol: str = "SPY") -> tuple[Event, ...]:
    """An order of an earlier decision that a venue holds."""
    return order(id, lots, OLD, symbol), OrderSubmitted(OLD, id), OrderAccepted(OLD, id), *more


def plan(state: State) -> OrderPlan:
    return planned(state, DAY, RULES, INSTRUMENTS)


def test_a_decisions_orders_are_journaled_as_submitted_and_sent_sales_first() -> None:
    found = plan(account(order("buy", 10), order("sell", -5, symbol="GLD")))
    assert found.events == (OrderSubmitted(DAY, "sell"), OrderSubmitted(DAY, "buy"))
    assert [c.order.id for c in found.commands if isinstance(c, Submit)] == ["sell", "buy"]


@pytest.mark.parametrize(("wanted", "sent"), [(10, 6), (4, 0)])
def test_what_is_working_is_not_sent_again(wanted: int, sent: int) -> None:
    found = plan(account(*working("old", 4), order("new", wanted)))
    assert found.events[0] == OrderExpired(DAY, "new", wanted, "ALREADY_WORKING")
    assert [c.order.lots for c in found.commands if isinstance(c, Submit)] == ([sent] if sent else [])
    for command in found.commands:
        assert isinstance(command, Submit) and (command.order.parent, command.order.part) == ("new", 1)
        assert found.events[1:] == (command.order, OrderSubmitted(DAY, command.order.id))


def test_what_works_beyond_or_against_is_cancelled_before_anything_else_is_bought() -> None:
    for old, new in ((9, 4), (-9, 4)):
        found = plan(account(*working("old", old), order("new", new), spy=9))
        assert found.commands == (Cancel("old"),)
        assert found.events == (
            CancelRequested(DAY, "old", "NOT_WANTED"), OrderExpired(DAY, "new", new, "AWAITS_CANCEL"),
        )  # fmt: skip
    asked = plan(account(*working("old", 4, CancelRequested(DAY, "old", "")), order("new", 9)))
    assert (asked.commands, [e.reason for e in asked.events if isinstance(e, OrderExpired)]) == ((), ["AWAITS_CANCEL"])


def test_a_purchase_does_not_hold_up_a_sale_whatever_became_of_it() -> None:
    found = plan(account(*working("old", 4), order("new", -9), spy=9))
    assert found.commands == (Cancel("old"), Submit(order("new", -9)))
    found = plan(account(*working("old", 4, OrderUnknown(DAY, "old", "")), order("new", -9), spy=9))
    assert found.commands == (Submit(order("new", -9)), Query("old"))


def test_beside_an_unknown_order_nothing_is_sent_that_could_be_the_same_one() -> None:
    for old, new in ((4, 9), (-4, 9), (-4, -9)):
        found = plan(account(*working("old", old, OrderUnknown(DAY, "old", "")), order("new", new), spy=9))
        assert found.commands == (Query("old"),)
        assert found.events == (OrderExpired(DAY, "new", new, "AWAITS_ANSWER"),)


def test_what_an_earlier_decision_wanted_and_this_one_does_not_is_cancelled_unless_it_reduces() -> None:
    found = plan(account(*working("buy", 4), *working("sell", -4, symbol="GLD")))
    assert found.commands == (Cancel("buy"),)
    half_sent = account(order("a", 4), OrderSubmitted(DAY, "a"), order("b", 5, symbol="GLD"))
    assert plan(half_sent).commands == (Submit(order("b", 5, symbol="GLD")),)  # a restart within a decision


def test_what_a_venue_does_not_take_ends_with_a_reason() -> None:
    rules = replaced(RULES, lots_min={"SPY": 5}, notional_min={"": 60_000, "SPY": 0})
    state = account(order("few", 4), order("cheap", 5, symbol="GLD"), order("sell", -4))
    ends = [e.reason for e in planned(state, DAY, rules, INSTRUMENTS).events if isinstance(e, OrderExpired)]
    assert ends == ["DUST", "DUST", "DUST"]
    limit = replaced(order("limit", 9), type="limit", limit=99.0)
    assert plan(account(limit)).events == (OrderExpired(DAY, "limit", 9, "ORDER_KIND"),)
    strange = account(PositionAdopted(DAY, "SPY", 2, 90.0), order("more", 9), order("less", -9), spy=7)
    assert plan(strange).commands == (Submit(order("less", -9)),)


def test_answers_become_events_and_say_nothing_twice() -> None:
    sent = account(order("a", 10), OrderSubmitted(DAY, "a"))
    for answer, event in (
        (Accepted("v"), OrderAccepted(DAY, "a", "v")), (Unknown("TIMEOUT"), OrderUnknown(DAY, "a", "TIMEOUT")),
        (Refused("HALTED", "no"), OrderRejected(DAY, "a", "HALTED", "no")),
    ):  # fmt: skip
        assert of_submit(sent, DAY, "a", answer) == event
    denied = of_submit(sent, DAY, "a", Denied(("TRADE_LIMIT",)))
    assert denied is not None and not apply(sent, denied).working
    assert of_submit(apply(sent, OrderAccepted(DAY, "a")), DAY, "a", Accepted("v")) is None
    fill = Fill("a", "x", DAY, "SPY", 4, 100.0, 40_000, 0, 0, 0)
    part = apply(apply(sent, fill), OrderUnknown(DAY, "a", ""))
    assert of_query(part, DAY, "a", Unknown("")) is None
    assert of_query(part, DAY, "a", OrderReport("a", "FILLED", 10)) is None  # six lots are still to be told
    assert of_query(part, DAY, "a", OrderReport("a", "CANCELLED", 4)) == OrderCancelled(DAY, "a", 6, "ENDED_AT_VENUE")
    assert of_query(part, DAY, "a", OrderReport("a", "PARTIALLY_FILLED", 4, "v")) == OrderAccepted(DAY, "a", "v")
    assert of_query(part, DAY, "a", Absent()) == OrderRejected(DAY, "a", "NEVER_ARRIVED")


def test_a_snapshot_that_agrees_changes_nothing() -> None:
    state = account(*working("a", 4), spy=7)
    assert reconciled(state, VenueSnapshot(DAY, 10**7, {"SPY": 7}, ("a",)), {}) == OrderPlan()


def test_missed_executions_are_booked_and_what_is_not_at_the_venue_is_asked_about_and_nothing_adopted() -> None:
    state = account(*working("a", 4), *working("b", 9, symbol="GLD"))
    fill = Fill("a", "x", DAY, "SPY", 4, 100.0, 40_000, 0, 0, 0)
    found = reconciled(state, VenueSnapshot(DAY, 10**7 - 40_000, {"SPY": 4, "GLD": 9}, (), (fill,)), {"GLD": 50.0})
    assert found.events == (fill, OrderUnknown(DAY, "b", "NOT_AT_VENUE"))
    assert found.commands[0] == Query("b") and isinstance(found.commands[1], Notify)


def test_a_position_that_nothing_explains_is_adopted_shown_and_frozen_and_never_sold() -> None:
    state = account(spy=7)
    found = reconciled(state, VenueSnapshot(DAY, 10**7, {"SPY": 10, "IBM": 3}, ("x",)), {"SPY": 101.0})
    assert found.events == (PositionAdopted(DAY, "SPY", 3, 101.0),)
    assert [c.text for c in found.commands if isinstance(c, Notify)] == [
        "The venue holds an order that is unknown here: x", "IBM: 0 lots here, 3 at the venue",
        "SPY: 7 lots here, 10 at the venue",
    ]  # fmt: skip
    assert len(found.commands) == 3
    after = apply(state, found.events[0])
    assert after.external == {"SPY": 3} and int(after.lots[0]) == 10
    assert not reconciled(state, VenueSnapshot(DAY, 10**7, {"SPY": 10}, ()), {}).events  # no price: nothing is valued
    cash = reconciled(state, VenueSnapshot(DAY, 1, {"SPY": 7}, ()), {})
    assert cash.events == () and "10000000 cents here and 1 at" in str(cash.commands[0])


def test_a_freeze_ends_by_a_signature_that_names_what_is_held_and_by_no_other() -> None:
    state = account(PositionAdopted(DAY, "SPY", 3, 100.0), PositionAdopted(DAY, "GLD", 5, 90.0), spy=7)
    for other in ({}, {"SPY": 3}, {"SPY": 7}, {"GLD": -5}, {"QQQ": 10}):
        assert apply(state, Approval(DAY, "Ann", "seen", other)).external == {"SPY": 3, "GLD": 5}
    assert apply(state, Approval(DAY, "Ann", "seen", {"SPY": 10})).external == {"GLD": 5}
    assert not apply(state, Approval(DAY, "Ann", "seen", {"SPY": 10, "GLD": 5})).external


def test_a_signature_for_a_position_lifts_no_halt() -> None:
    state = account(PositionAdopted(DAY, "SPY", 3, 100.0))
    state = replaced(state, carried=replaced(state.carried, halted="CVAR_HALT"))
    assert apply(state, Approval(DAY, "Ann", "seen", {"SPY": 3})).carried.halted == "CVAR_HALT"
    assert apply(state, Approval(DAY, "Ann", "seen")).carried.halted == ""


def test_a_snapshot_that_explains_an_adopted_position_ends_its_freeze_without_a_person() -> None:
    """The venue held a fill that was not told: three lots were adopted, and then its execution is shown after all."""
    state = account(*working("a", 3), spy=7)
    early = reconciled(state, VenueSnapshot(DAY, 10**7 - 30_000, {"SPY": 10}, ("a",)), {"SPY": 100.0})
    for event in early.events:
        state = apply(state, event)
    assert state.external == {"SPY": 3}
    done = Fill("a", "x", DAY, "SPY", 3, 100.0, 30_000, 0, 0, 0)
    later = reconciled(state, VenueSnapshot(DAY, 10**7 - 30_000, {"SPY": 10}, (), (done,)), {"SPY": 100.0})
    assert later.events == (done, PositionAdopted(DAY, "SPY", -3, 100.0))
    for event in later.events:
        state = apply(state, event)
    assert not state.external and int(state.lots[0]) == 10 and state.cash == 10**7 - 30_000


def test_adopted_lots_are_taken_back_in_the_units_after_a_split() -> None:
    state = account(PositionAdopted(DAY, "SPY", 3, 100.0), Split(DAY, "SPY", 30, 10.0))
    assert state.external == {"SPY": 30}
    assert apply(state, PositionAdopted(DAY, "SPY", -3, 10.0)).external == {"SPY": 27}
    assert not apply(state, PositionAdopted(DAY, "SPY", -30, 10.0)).external


def test_nothing_grows_while_the_venue_lists_an_order_unknown_here_whoever_signs() -> None:
    listed = VenueSnapshot(DAY, 10**7, {"SPY": 9}, ("a", "theirs"))
    state = account(*working("a", 2), listed, Approval(DAY, "Ann", "seen"), spy=9)
    wants = (order("more", 9, symbol="GLD"), order("less", -9))
    found = plan(account(*working("a", 2), listed, Approval(DAY, "Ann", "seen"), *wants, spy=9))
    assert state.foreign == {"theirs"}
    assert OrderExpired(DAY, "more", 9, "FOREIGN_ORDER") in found.events
    assert [c.order.id for c in found.commands if isinstance(c, Submit)] == ["less"]
    assert not apply(state, VenueSnapshot(DAY, 10**7, {"SPY": 9}, ("a",))).foreign


def test_no_signature_decides_on_an_unknown_order() -> None:
    state = account(*working("a", 4, OrderUnknown(OLD, "a", "TIMEOUT")), Approval(DAY, "Ann", "seen"))
    assert state.working["a"].status == "UNKNOWN"


MONDAY, TUESDAY, THURSDAY = "2024-10-07", "2024-10-08", "2024-10-10"


def bought(execution: str, lots: int, price: float, session: str = MONDAY) -> Fill:
    return Fill("a", execution, session, "SPY", lots, price, round(lots * price * 100), 0, 0, 0)


@pytest.mark.parametrize(
    ("fills", "ratio", "after", "told", "lots", "cost"),
    [
        # 10 at 400 were 9 at 400: 90 at 40 after ten for one
        ([bought("x", 10, 400.0)], 10.0, 100, ("x", bought("x", 9, 400.0)), 90, 40.0),
        # another execution in its place, at another price
        ([bought("x", 10, 400.0)], 10.0, 100, ("x", bought("y", 10, 390.0)), 100, 39.0),
        # 20 and 5 made 2 and a half at one for ten, of which the half was paid in cash: without the 5 it is 2 still
        ([bought("w", 20, 10.0), bought("x", 5, 10.0)], 0.1, 2, ("x", None), 2, 100.0),
        # 20 and 5, and without the 20 it is half a lot
        ([bought("x", 20, 10.0), bought("w", 5, 10.0)], 0.1, 2, ("x", None), 0, None),
        # 20 are 2; with 1 less they were 1.9
        ([bought("w", 15, 10.0), bought("x", 5, 10.0)], 0.1, 2, ("x", bought("x", 4, 10.0)), 1, None),
        # one for three is stored as 0.3333333, and 9 of it are 3, 6 are 2
        ([bought("x", 9, 10.0)], 0.3333333, 3, ("x", bought("x", 6, 10.0)), 2, None),
    ],
)
def test_a_correction_told_after_a_split_is_in_the_units_of_its_executions_day(
    fills: list[Fill], ratio: float, after: int, told: tuple[str, Fill | None], lots: int, cost: float | None
) -> None:
    state = account(order("a", 30), OrderSubmitted(DAY, "a"), *fills, Split(TUESDAY, "SPY", after, ratio))
    spent = sum(f.notional for f in fills if f.execution != told[0]) + (told[1].notional if told[1] else 0)
    state = apply(state, FillCorrected(THURSDAY, "SPY", *told))
    assert int(state.lots[0]) == lots and state.cash == 10**7 - spent
    if cost is not None:
        assert state.average_cost[0] == pytest.approx(cost, rel=1e-6)


def test_a_fill_told_after_two_splits_of_its_symbol_comes_in_present_lots() -> None:
    state = account(bought("w", 10, 400.0), Split(TUESDAY, "SPY", 100, 10.0), Split(THURSDAY, "SPY", 33, 1 / 3))
    late = apply(state, bought("x", 2, 400.0))  # 12 lots: 120, and a third of those
    assert int(late.lots[0]) == 40
    assert int(apply(state, bought("x", 20, 40.0, TUESDAY)).lots[0]) == 40  # on the split's day the units are new
    assert int(apply(state, bought("x", 7, 120.0, THURSDAY)).lots[0]) == 40
    assert int(apply(late, FillCorrected(THURSDAY, "SPY", "x", None)).lots[0]) == 33


def test_what_is_filled_of_an_order_is_restated_with_it() -> None:
    state = account(*working("a", 10), bought("x", 4, 400.0), OrderRestated(TUESDAY, "a", 100))
    assert (state.working["a"].filled, state.working["a"].remaining) == (40, 60)


def test_a_correction_whose_new_execution_was_told_as_a_fill_takes_the_old_one_back_only() -> None:
    old, new = (Fill("a", e, DAY, "SPY", 4, 100.0, n, 0, 0, 0) for e, n in (("x", 40_000), ("y", 39_000)))
    state = account(*working("a", 9), old, new, FillCorrected(DAY, "SPY", "x", new))
    assert (state.cash, int(state.lots[0]), state.working["a"].filled) == (10**7 - 39_000, 4, 4)


def test_a_ledger_books_each_thing_once_in_whatever_order_it_is_told() -> None:
    a, b = (LedgerEntry(("v", "SPY", e), "o", 4, 400, 1) for e in "ab")
    eur = LedgerEntry(("v", "SPY", "c"), "o", 1, 90, 2, "EUR")
    for told in ((a, b, b), (b, a, a)):
        book = Ledger({"USD": 1_000})
        assert [book.fill(entry) for entry in told] == [True, True, False]
        assert (book.cash(), book.held("SPY")) == (198, 8)
        assert book.fill(eur) and (book.cash(), book.cash("EUR")) == (198, -92)
        assert book.correct(a.key, None) and not book.correct(a.key, None) and not book.fill(a)
        assert (book.cash(), book.holdings, set(book.entries)) == (599, {"SPY": 5}, {b, eur})
        assert book.fee("b", "statement", 9) and not book.fee("b", "statement", 9)
        assert book.cash() == 590
    both = Ledger({"USD": 1_000})
    assert both.fill(a) and both.fill(b) and both.correct(a.key, b) and both.cash() == 599
    early = Ledger({"USD": 1_000})
    assert early.correct(a.key, b) and not early.fill(a) and not early.fill(b)
    assert (early.cash(), early.held("SPY")) == (599, 4)
    c = LedgerEntry(("v", "SPY", "c"), "o", 2, 200, 1)
    chain = Ledger({"USD": 1_000})  # a became b, b became c, told from the end
    assert chain.correct(b.key, c) and chain.correct(a.key, b) and not chain.fill(a)
    assert (chain.cash(), chain.entries) == (799, (c,))

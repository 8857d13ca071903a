"""The order manager, pure: which orders of a decision go to a venue, and which venue events are accepted (X2, X3).

A shell calls ``planned`` after a decision and carries out its commands; it turns answers into events with
``of_submit`` and ``of_query``, and passes the venue's stream through ``believed`` before journaling it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from plimsoll.core.events import (
    STATUS_AFTER,
    CancelRequested,
    Event,
    EventQuarantined,
    FeeReported,
    FillCorrected,
    KillChanged,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSubmitted,
    OrderUnknown,
    VenueSnapshot,
)
from plimsoll.core.executions import fee_key, new_key, supersedes
from plimsoll.core.inputs import Cancel, Command, Query, Submit
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order, WorkingOrder
from plimsoll.core.state import State
from plimsoll.core.venue import (
    Absent,
    Accepted,
    Combination,
    Denied,
    OrderReport,
    Refused,
    Unknown,
    VenueEvent,
    VenueRules,
)
from plimsoll.core.working import CLOSED, allows, status_of
from plimsoll.execution.figures import MOST_HELD, as_text, as_told, impossible, is_whole
from plimsoll.execution.routing import timed

_OrderTold = OrderAccepted | OrderRejected | OrderCancelled | OrderExpired | OrderRestated


@dataclass(frozen=True)
class OrderPlan:
    """Events to journal, in order, before the commands are carried out."""

    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()


def planned(state: State, session: str, rules: VenueRules, instruments: Mapping[str, Instrument]) -> OrderPlan:
    """Commands for the NEW orders of a decision, given the orders that a venue may hold already; reductions first.

    A NEW order is the remaining change of the present position, so working orders on the same side count against it:
    only the rest is sent, as a part of it (``ALREADY_WORKING``). Working quantity beyond it, or on the other side, is
    cancelled first, and the order ends, to be decided again (``AWAITS_CANCEL``); a purchase does not delay a sale. An
    earlier decision's order that this one does not repeat is cancelled unless it reduces. While an UNKNOWN order may
    be the same one, nothing is sent in its symbol: the venue is queried (``AWAITS_ANSWER``).

    Where the venue does not take an order's time in force for its kind, the same with one that it takes is sent as a
    part of it (``ROUTED``). An order ends unsent where the venue does not accept its kind (``ORDER_KIND``), where it is
    below the venue's minimum (``DUST``), where it adds to a symbol with a position of unknown origin (``EXTERNAL``) or
    with a split or dividend that could not be booked (``ACTIONS_IN_DOUBT``), and where it adds to anything while the
    kill switch is on (``KILL_SWITCH``) or the venue lists an order as open that is not (``FOREIGN_ORDER``).
    """
    new = [one.order for one in state.working.values() if one.status == "NEW"]
    out = [one for one in state.working.values() if one.status != "NEW"]
    wanted = {order.symbol for order in new}
    stale = [o for o in out if o.order.symbol not in wanted and o.order.session != state.session]
    events: list[Event] = []
    commands: list[Command] = []
    _cancel([one for one in stale if not one.order.reduce_only], session, events, commands)
    for order in sorted(new, key=lambda o: not o.reduce_only):
        mine = [one for one in out if one.order.symbol == order.symbol]
        reason, cancelled = _in_the_way(order, mine)
        _cancel(cancelled, session, events, commands)
        left = order.lots - sum(one.remaining for one in mine if not _against(order, one))
        whole = timed(order, rules, instruments[order.symbol])
        rest = order if whole is order and left == order.lots else _part(whole, left, len(mine))
        if not reason and left:
            reason = _objection(rest, state, rules, instruments[order.symbol])
        if reason or rest is not order:
            instead = "ROUTED" if left == order.lots else "ALREADY_WORKING"
            events.append(OrderExpired(session, order.id, order.lots, reason or instead))
        if not reason and left:
            events += [OrderSubmitted(session, order.id)] if rest is order else [rest, OrderSubmitted(session, rest.id)]
            commands.append(Submit(rest))
    commands += [Query(one.order.id) for one in out if one.status == "UNKNOWN"]
    return OrderPlan(tuple(events), tuple(commands))


def killed(state: State, change: KillChanged) -> OrderPlan:
    """The kill switch as it stands from now on, and the cancellations that follow: of the working orders that may add
    risk, or of all where a person asked for it (X10). Else an order that reduces stays: no exit is taken away.
    """
    events: list[Event] = [change]
    commands: list[Command] = []
    if change.sources:
        found = [
            o for o in state.working.values() if o.status != "NEW" and (change.cancel_all or not o.order.reduce_only)
        ]
        _cancel(found, change.session, events, commands, "KILL_SWITCH")
    return OrderPlan(tuple(events), tuple(commands))


def _objection(order: Order, state: State, rules: VenueRules, instrument: Instrument) -> str:
    """Reason why a venue or the account does not accept an order; "" without one."""
    fractional = order.lots % instrument.lots_per_unit != 0
    if Combination(order.type, order.time_in_force, instrument.kind, fractional) not in rules.takes:
        return "ORDER_KIND"
    value = abs(order.lots) * order.reference * 100.0 / instrument.lots_per_unit
    if abs(order.lots) < _of(rules.lots_min, order.symbol) or value < _of(rules.notional_min, order.symbol):
        return "DUST"
    if order.reduce_only:
        return ""
    if order.symbol in state.doubted:
        return "ACTIONS_IN_DOUBT"
    if state.killed:
        return "KILL_SWITCH"
    return "EXTERNAL" if order.symbol in state.external else "FOREIGN_ORDER" if state.foreign else ""


def _of(least: Mapping[str, int], symbol: str) -> int:
    return least.get(symbol, least.get("", 0))


def _in_the_way(order: Order, working: list[WorkingOrder]) -> tuple[str, list[WorkingOrder]]:
    """Reason why an order is not sent beside a symbol's working ones, and which of these to cancel."""
    against = [one for one in working if _against(order, one)]
    alike = [one for one in working if not _against(order, one)]
    if any(one.status == "UNKNOWN" for one in (alike if order.reduce_only else working)):
        return "AWAITS_ANSWER", []
    if any(o.status == "PENDING_CANCEL" for o in alike) or abs(sum(o.remaining for o in alike)) > abs(order.lots):
        return "AWAITS_CANCEL", working
    return ("AWAITS_CANCEL" if against and not order.reduce_only else ""), against


def _against(order: Order, one: WorkingOrder) -> bool:
    return one.remaining * order.lots < 0


def _part(order: Order, lots: int, number: int) -> Order:
    """The rest of an order beside working ones: a new order whose id follows from the original's."""
    id = hashlib.sha256(f"{order.id}|{number}".encode()).hexdigest()[:32]
    return msgspec.structs.replace(order, id=id, lots=lots, parent=order.id, part=number)


def _cancel(
    orders: list[WorkingOrder],
    session: str,
    events: list[Event],
    commands: list[Command],
    reason: str = "NOT_WANTED",
) -> None:
    for one in orders:
        if one.status not in ("UNKNOWN", "PENDING_CANCEL"):  # an unknown order is queried, not cancelled
            events.append(CancelRequested(session, one.order.id, reason))
            commands.append(Cancel(one.order.id))


def of_submit(state: State, session: str, id: str, answer: Accepted | Refused | Unknown | Denied) -> Event | None:
    """The event of an answer to ``Submit``; None where the order's state already includes it."""
    event: OrderAccepted | OrderRejected | OrderUnknown | OrderDenied
    match answer:
        case Accepted(venue_id):
            event = OrderAccepted(session, id, venue_id)
        case Refused(reason, text):
            event = OrderRejected(session, id, reason, text)
        case Denied(reasons):
            event = OrderDenied(session, id, reasons)
        case Unknown(reason):
            event = OrderUnknown(session, id, reason)
    return event if allows(status_of(state.working, id), event) else None


def of_query(state: State, session: str, id: str, answer: OrderReport | Absent | Unknown) -> Event | None:
    """The event of an answer to a query (X2); None where it adds nothing, or is not sufficient.

    An order that the venue never had is rejected, since it certainly was not accepted. One that it reports as filled
    or ended keeps its state here until the reported quantity is booked: executions come with the stream or a snapshot.
    """
    found = state.working.get(id)
    if found is None or isinstance(answer, Unknown):
        return None
    event: OrderAccepted | OrderRejected | OrderCancelled | OrderExpired
    if isinstance(answer, Absent):
        event = OrderRejected(session, id, "NEVER_ARRIVED")
    elif answer.status in ("ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL"):
        event = OrderAccepted(session, id, answer.venue_id)
    elif answer.filled != found.filled:
        return None
    elif answer.status == "REJECTED":
        event = OrderRejected(session, id, "ENDED_AT_VENUE")
    elif answer.status == "EXPIRED":
        event = OrderExpired(session, id, found.remaining, "ENDED_AT_VENUE")
    elif answer.status in ("CANCELLED", "FILLED"):  # filled, and a bust reversed part of it
        event = OrderCancelled(session, id, found.remaining, "ENDED_AT_VENUE")
    else:
        return None
    return event if allows(found.status, event) else None


def believed(state: State, event: VenueEvent) -> VenueEvent | EventQuarantined | None:
    """What to journal of a venue's event: itself, that it is quarantined, or None where it is known already.

    A true execution always books, whatever became of its order: money is not refused because a cancellation or a crash
    came between. It is quarantined only where a figure of it cannot be (``execution.figures``), or it contradicts what
    is known: a symbol the run does not have, the other side of its order, or an execution id that was booked with
    another content. What is told twice is None. Everything returned but None is allowed by ``apply``, and no content of
    an event raises.
    """
    if reason := impossible(event):
        of = event.of if isinstance(event, FeeReported) else getattr(getattr(event, "fill", event), "id", "")
        return quarantined(event, of, reason)
    match event:
        case Fill():
            return _fill(state, event)
        case FillCorrected():
            return _correction(state, event)
        case FeeReported():
            return _fee(state, event)
        case _:
            return _of_order(state, event)


def _of_order(state: State, event: _OrderTold) -> _OrderTold | EventQuarantined | None:
    """An end counts once as much is booked as the venue says was filled, as in ``of_query``; until then it is asked."""
    status = status_of(state.working, event.id)
    if not isinstance(event, OrderRestated) and STATUS_AFTER[type(event)] == status:
        return None
    if status == CLOSED or not allows(status, event):
        return quarantined(event, event.id, status)
    one = state.working[event.id]
    if isinstance(event, OrderRestated):
        if one.order.lots == event.lots:
            return None
        possible = one.order.lots * event.lots > 0 and abs(event.lots) >= abs(one.filled)
        return event if possible else quarantined(event, event.id, "LOTS")
    if isinstance(event, OrderCancelled | OrderExpired) and event.lots != one.remaining:
        told = event.lots * one.order.lots >= 0 and abs(event.lots) <= abs(one.order.lots)
        return quarantined(event, event.id, "REST_DIFFERS" if told else "LOTS")
    return event


def _fill(state: State, fill: Fill) -> Fill | EventQuarantined | None:
    key = (fill.symbol, fill.execution)
    known = state.executions.told(key)
    if known is not None:
        same = known.content in (None, fill) or state.executions.get(key) == fill
        return None if same else quarantined(fill, fill.id, "EXECUTION_DIFFERS")
    if fill.symbol not in state.symbols:
        return quarantined(fill, fill.id, "FOREIGN_SYMBOL")
    if _another_order(state, fill, None):
        return quarantined(fill, fill.id, "ANOTHER_ORDER")
    return fill if _has_room(state, fill) else quarantined(fill, fill.id, "LOTS")


def _fee(state: State, fee: FeeReported) -> FeeReported | EventQuarantined | None:
    if fee.currency != "USD" and (wrong := _apart(state, fee)):
        return quarantined(fee, fee.of, wrong)
    known = state.executions.told(fee_key(fee))
    if known is None:
        return fee if is_whole(state.cash - fee.cents, MOST_HELD) else quarantined(fee, fee.of, "MONEY")
    before = known.content
    same = isinstance(before, FeeReported) and (before.cents, before.amount) == (fee.cents, fee.amount)
    return None if same else quarantined(fee, fee.of, "FEE_DIFFERS")


def _apart(state: State, fee: FeeReported) -> str:
    """What speaks against a fee in another currency, or in units of a symbol; "" where it is booked as it is.

    Of the units of an execution no venue takes more than a hundredth: a larger fee is an error of its report (L9).
    """
    if fee.cents or not fee.amount:
        return "FOREIGN_CURRENCY"
    if not is_whole(state.charged.get(fee.currency, 0) + fee.amount, MOST_HELD):
        return "MONEY"
    if not fee.symbol:
        return ""
    if fee.symbol not in state.symbols:
        return "FOREIGN_SYMBOL"
    of = state.executions.get((fee.symbol, fee.of))
    too_much = of is not None and 100 * abs(fee.amount) > abs(of.lots) * fee.lot
    return "LOTS" if fee.lot <= 0 or too_much else ""


def _correction(state: State, event: FillCorrected) -> FillCorrected | EventQuarantined | None:
    """What an execution comes to must not depend on the order in which a venue's corrections arrive.

    So an older link of a chain never wins over a newer one, told late or again; what contradicts is quarantined.
    """
    key, at, now, book = (event.symbol, event.execution), new_key(event), event.fill, state.executions
    order = now.id if now is not None else ""
    if event.symbol not in state.symbols or (now is not None and now.symbol != event.symbol):
        return quarantined(event, order, "FOREIGN_SYMBOL")
    known = book.told(key)
    by = known.by if known is not None else None
    if by is not None and (by.fill, by.number) == (now, event.number):
        return None
    if not supersedes(event, by):
        return quarantined(event, order, "CORRECTED")
    if now is None or at is None:
        return event
    other = book.told(at) if at != key else None
    if other is not None and other.content not in (None, now):
        return quarantined(event, order, "EXECUTION_DIFFERS")
    if at != key and book.leads_to(at, key):
        return quarantined(event, order, "CORRECTED")
    before = known.content if known is not None and isinstance(known.content, Fill) else None
    if _another_order(state, now, before):
        return quarantined(event, order, "ANOTHER_ORDER")
    return event if _has_room(state, now) else quarantined(event, order, "LOTS")


def _another_order(state: State, fill: Fill, before: Fill | None) -> bool:
    """Whether an execution is not of the order it names, or of another one than the execution it corrects."""
    found = state.working.get(fill.id)
    if found is not None and (found.order.symbol != fill.symbol or found.order.lots * fill.lots <= 0):
        return True
    return before is not None and (before.id != fill.id or before.lots * fill.lots <= 0)


def _has_room(state: State, fill: Fill) -> bool:
    """Whether the sums of an account stay within what a journal holds."""
    held = int(state.lots[state.symbols.index(fill.symbol)]) + fill.lots
    return is_whole(held, MOST_HELD) and is_whole(state.cash - fill.notional - fill.commission, MOST_HELD)


def quarantined(event: VenueEvent | VenueSnapshot, id: str, status: str) -> EventQuarantined:
    """A venue's event as it came, kept and believed by nobody; ``status`` is the order's, or what speaks against it."""
    session = as_text(event.session)
    return EventQuarantined(session, as_text(id), type(event).__name__, status, as_told(event))

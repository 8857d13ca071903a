"""The order manager: what a venue tells, sifted by what the state of its orders allows (X2, X3)."""

from __future__ import annotations

import msgspec

from plimsoll.core.events import (
    STATUS_AFTER,
    EventQuarantined,
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
)
from plimsoll.core.order import Fill
from plimsoll.core.state import State
from plimsoll.core.venue import VenueEvent
from plimsoll.core.working import allows, status_of

_OrderTold = OrderAccepted | OrderRejected | OrderCancelled | OrderExpired | OrderRestated


def believed(state: State, event: VenueEvent) -> VenueEvent | EventQuarantined | None:
    """What to journal of a venue's event: itself, that it is quarantined, or None where it is known already.

    A true execution always books, whatever became of its order: money is not refused because a cancellation or a crash
    came between. It is quarantined only where it contradicts what is known: a symbol the run does not have, the other
    side of its order, or an execution id that was booked with another content. What is told twice is None. Everything
    returned but None is allowed by ``apply``.
    """
    match event:
        case Fill():
            return _fill(state, event)
        case FillCorrected():
            return _correction(state, event)
        case FeeReported():
            return event
        case _:
            return _of_order(state, event)


def _of_order(state: State, event: _OrderTold) -> _OrderTold | EventQuarantined | None:
    status = status_of(state.working, event.id)
    if not isinstance(event, OrderRestated) and STATUS_AFTER[type(event)] == status:
        return None
    if isinstance(event, OrderRestated) and status != "CLOSED" and state.working[event.id].order.lots == event.lots:
        return None
    return event if allows(status, event) else quarantined(event, event.id, status)


def _fill(state: State, fill: Fill) -> Fill | EventQuarantined | None:
    if (fill.symbol, fill.execution) in state.executions:
        same = state.executions.get((fill.symbol, fill.execution)) in (None, fill)
        return None if same else quarantined(fill, fill.id, "EXECUTION_DIFFERS")
    if fill.symbol not in state.symbols:
        return quarantined(fill, fill.id, "FOREIGN_SYMBOL")
    found = state.working.get(fill.id)
    if found is not None and (found.order.symbol != fill.symbol or found.order.lots * fill.lots <= 0):
        return quarantined(fill, fill.id, "ANOTHER_ORDER")
    return fill


def _correction(state: State, event: FillCorrected) -> FillCorrected | EventQuarantined | None:
    """A correction of what was corrected already is quarantined, unless it says the same again."""
    key, now = (event.symbol, event.execution), event.fill
    order = now.id if now is not None else ""
    if now is not None and (now.symbol != event.symbol or now.symbol not in state.symbols):
        return quarantined(event, order, "FOREIGN_SYMBOL")
    stands = state.executions.get(key)
    if key in state.executions and (stands is None or stands == now):
        done = now is None or state.executions.get((now.symbol, now.execution)) == now
        return None if done else quarantined(event, order, "CORRECTED")
    return event


def quarantined(event: VenueEvent, id: str, status: str) -> EventQuarantined:
    """A venue's event as it came, kept and believed by nobody; ``status`` is the order's, or what speaks against it."""
    name = type(event).__name__
    return EventQuarantined(event.session, id, name, status, msgspec.json.encode(event, order="sorted").decode())

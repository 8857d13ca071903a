"""Working orders, and the table of legal status changes (X2, X3).

Every function maps one dict of working orders, by id, to the next; none changes in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec.structs import replace

from plimsoll.core.errors import TransitionRefused
from plimsoll.core.events import STATUS_AFTER, OrderAccepted, OrderEvent, OrderRestated
from plimsoll.core.order import OPEN, TRANSITIONS, Order, Status, WorkingOrder

Working = Mapping[str, WorkingOrder]
CLOSED = "CLOSED"
"""Status of an order that is not working: it ended, or never existed."""


def status_of(working: Working, id: str) -> str:
    """The status of an order; CLOSED where it is not working."""
    found = working.get(id)
    return CLOSED if found is None else found.status


def allows(status: str, event: OrderEvent) -> bool:
    """Whether this event is allowed for an order of this status (X2)."""
    if isinstance(event, OrderRestated):
        return status in OPEN and status != "NEW"
    return STATUS_AFTER[type(event)] in TRANSITIONS.get(status, ())  # type: ignore[call-overload]


def created(working: Working, orders: Iterable[Order]) -> Working:
    """With these orders as NEW ones. The same order twice is one; another order under the same id is refused."""
    after = dict(working)
    for order in orders:
        found = after.setdefault(order.id, WorkingOrder(order))
        if found.order != order:
            raise TransitionRefused(f"Order {order.id} is working, and another order has the same id")
    return after


def moved(working: Working, event: OrderEvent) -> Working:
    """After an event of an order, which is removed once it ended. ``TransitionRefused`` where its status forbids it."""
    status = status_of(working, event.id)
    if not allows(status, event):
        raise TransitionRefused(
            f"{type(event).__name__} of order {event.id}, which is {status}, is not allowed",
            "Quarantine venue events that the order's state does not allow",
        )
    found = working[event.id]
    if isinstance(event, OrderRestated):
        done = int(Fraction(found.filled * event.lots, found.order.lots))  # in the units of the restated order
        return {**working, event.id: replace(found, order=replace(found.order, lots=event.lots), filled=done)}
    after = replace(found, status=STATUS_AFTER[type(event)])
    if isinstance(event, OrderAccepted):
        after = replace(after, venue_id=event.venue_id)
    return _kept(working, after)


def filled(working: Working, id: str, lots: int) -> Working:
    """After ``lots`` (signed) more of an order were executed, or fewer after a correction.

    A fill is money, so no status refuses it: it books also when its order has ended, which then stays ended, and it
    fills an order being cancelled or unknown.
    """
    found = working.get(id)
    if found is None:
        return working
    total = found.filled + lots
    whole = abs(total) >= abs(found.order.lots)
    partly: Status = "PENDING_CANCEL" if found.status == "PENDING_CANCEL" else "PARTIALLY_FILLED"
    return _kept(working, replace(found, filled=total, status="FILLED" if whole else partly))


def _kept(working: Working, after: WorkingOrder) -> Working:
    if after.status in OPEN:
        return {**working, after.order.id: after}
    return {id: one for id, one in working.items() if id != after.order.id}

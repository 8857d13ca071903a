"""A venue's account held against the state: what is missing is booked or asked for, what differs is shown (X3, X6).

Pure, and it never guesses and never sells: it books executions that the venue shows, asks about orders that the venue
does not hold, and adopts holdings that nothing explains as EXTERNAL. What it does not understand is told to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from plimsoll.core.events import Event, OrderAccepted, OrderUnknown, PositionAdopted, VenueSnapshot
from plimsoll.core.inputs import Command, Notify, Query
from plimsoll.core.state import State, apply
from plimsoll.core.venue import VenueEvent
from plimsoll.execution.oms import OrderPlan, believed


def reconciled(state: State, snapshot: VenueSnapshot, prices: Mapping[str, float]) -> OrderPlan:
    """What to journal and do so that the state is what the venue shows; nothing where it is.

    In this order: corrections, executions and fees that were not told are booked. An order that the venue does not hold
    open, and whose executions do not fill it, is UNKNOWN and is asked about; one that was UNKNOWN and is held open is
    ACCEPTED. A position that still differs is adopted at its traded price, unless an order of its symbol is being asked
    about, or there is no price: then the difference is told and nothing is booked. So is cash that differs, and an
    order that nobody here knows. ``prices`` are traded prices, USD, by symbol.

    A snapshot must be later than every event that was told: the shell takes it when nothing is on its way.
    """
    events: list[Event] = []
    plan = _executions(state, snapshot)
    for event in plan.events:
        state = apply(state, event)
    commands: list[Command] = []
    session, held_open = snapshot.session, set(snapshot.orders)
    asked: set[str] = set()
    for id, one in state.working.items():
        if one.status == "NEW":
            continue
        if id not in held_open:
            asked.add(one.order.symbol)
            commands.append(Query(id))
            if one.status != "UNKNOWN":
                events.append(OrderUnknown(session, id, "NOT_AT_VENUE"))
        elif one.status == "UNKNOWN":
            events.append(OrderAccepted(session, id, one.venue_id))
    for id in sorted(held_open - state.working.keys()):
        commands.append(Notify("critical", f"The venue holds an order that nobody here knows: {id}"))
    adopted, told = _positions(state, snapshot, prices, asked)
    if not adopted and not told and not asked and state.cash != snapshot.cash:
        told.append(Notify("critical", f"Cash is {state.cash} cents here and {snapshot.cash} at the venue"))
    return OrderPlan((*plan.events, *events, *adopted), (*commands, *told))


def _executions(state: State, snapshot: VenueSnapshot) -> OrderPlan:
    """What of a snapshot's executions was not booked, and what contradicts, quarantined."""
    events: list[Event] = []
    told: tuple[VenueEvent, ...] = (*snapshot.corrections, *snapshot.executions, *snapshot.fees)
    for one in told:
        event = believed(state, one)
        if event is not None:
            state = apply(state, event)
            events.append(event)
    return OrderPlan(tuple(events))


def _positions(
    state: State, snapshot: VenueSnapshot, prices: Mapping[str, float], asked: set[str]
) -> tuple[list[PositionAdopted], list[Command]]:
    own = dict(zip(state.symbols, state.lots.tolist(), strict=True))
    adopted: list[PositionAdopted] = []
    told: list[Command] = []
    for symbol in sorted(own.keys() | snapshot.positions.keys()):
        here, there = own.get(symbol, 0), snapshot.positions.get(symbol, 0)
        if here == there:
            continue
        price = prices.get(symbol, float("nan"))
        if symbol in own and symbol not in asked and isfinite(price):
            adopted.append(PositionAdopted(snapshot.session, symbol, there - here, price))
        told.append(Notify("critical", f"{symbol}: {here} lots here, {there} at the venue"))
    return adopted, told

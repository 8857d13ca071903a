"""Reconcile the state with a venue's account: book or query what is missing, report what differs (X3, X6).

Pure; it never guesses and never sells. It books executions that the venue reports, queries orders that the venue does
not list, and adopts positions of unknown origin as EXTERNAL. Anything else is reported to a person.
"""

from __future__ import annotations

from collections.abc import Mapping

from plimsoll.core.events import Event, OrderAccepted, OrderUnknown, PositionAdopted, VenueSnapshot
from plimsoll.core.inputs import Command, Notify, Query
from plimsoll.core.state import State, apply
from plimsoll.core.venue import VenueEvent
from plimsoll.execution.figures import impossible_account, is_price
from plimsoll.execution.oms import OrderPlan, believed, quarantined


def reconciled(state: State, snapshot: VenueSnapshot, prices: Mapping[str, float]) -> OrderPlan:
    """Events and commands that bring the state to the venue's; empty where they agree.

    In this order: missing corrections, executions and fees are booked. An order that the venue does not list as open,
    and whose executions do not fill it, becomes UNKNOWN and is queried; an UNKNOWN one that is listed as open becomes
    ACCEPTED. A position that still differs is adopted at its traded price, unless an order of its symbol is being
    queried, or there is no price: then the difference is reported and nothing is booked. A cash difference is always
    reported, and so is an order unknown here (a cent is no difference where executions cost fractions of one).
    ``prices`` are traded prices, USD, by symbol. Where a late execution explains lots adopted earlier, the position
    differs the other way round, and adopting that takes them back.

    A snapshot with a figure that cannot be is quarantined and reported, and nothing is concluded from it.

    A snapshot must be later than every event received: the shell takes it when nothing is in transit.
    """
    if reason := impossible_account(snapshot):
        text = f"A snapshot of the venue's account cannot be true ({reason}); nothing is concluded from it"
        return OrderPlan((quarantined(snapshot, "", reason),), (Notify("critical", text),))
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
        commands.append(Notify("critical", f"The venue holds an order that is unknown here: {id}"))
    adopted, told = _positions(state, snapshot, prices, asked)
    below = 1 if state.rest else 0  # where both round down money that is finer than a cent, from different beginnings
    if abs(state.cash - snapshot.cash) > below:
        told.append(Notify("critical", f"Cash is {state.cash} cents here and {snapshot.cash} at the venue"))
    return OrderPlan((*plan.events, *events, *adopted), (*commands, *told))


def _executions(state: State, snapshot: VenueSnapshot) -> OrderPlan:
    """A snapshot's executions not booked yet; contradicting ones are quarantined."""
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
        if symbol in own and symbol not in asked and is_price(price):
            adopted.append(PositionAdopted(snapshot.session, symbol, there - here, price))
        told.append(Notify("critical", f"{symbol}: {here} lots here, {there} at the venue"))
    return adopted, told

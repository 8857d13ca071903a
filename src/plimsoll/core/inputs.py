"""Inputs and commands of a run, as ``engine.driver`` takes and returns them (E1).

A run is a pure state machine, ``step(state, input) -> (state, events, commands)``. Every shell is a loop around it: a
recorded one feeds the sessions of a snapshot, a daemon a clock, venues and people.
"""

from __future__ import annotations

import msgspec

from plimsoll.core.events import Approval, DataEvent
from plimsoll.core.order import Order
from plimsoll.core.venue import Absent, Answer, OrderReport, VenueEvent


class SessionOpened(msgspec.Struct, frozen=True):
    """A session is about to open: what is booked before the open, then the orders decided on before it."""

    session: str


class SessionClosed(msgspec.Struct, frozen=True):
    """A session has closed and its data are certified: time to decide."""

    session: str


class OrderHappened(msgspec.Struct, frozen=True):
    """A venue's event. What the order's state does not allow is quarantined, never lost and never believed."""

    event: VenueEvent


class CommandResult(msgspec.Struct, frozen=True):
    """What a venue, or the governor before it, answered to a command about the order ``id``."""

    id: str
    answer: Answer | OrderReport | Absent


Input = DataEvent | SessionOpened | SessionClosed | OrderHappened | CommandResult | Approval


class Submit(msgspec.Struct, frozen=True):
    """Hand an order to the governor and, admitted, to the venue. Its ``OrderSubmitted`` is durable by then."""

    order: Order


class Cancel(msgspec.Struct, frozen=True):
    """Ask the venue to cancel an order."""

    id: str


class Query(msgspec.Struct, frozen=True):
    """Ask the venue what became of an order whose answer never came."""

    id: str


class Notify(msgspec.Struct, frozen=True):
    """Tell a person: a severity and a sentence."""

    severity: str
    text: str


OrderCommand = Submit | Cancel | Query
Command = OrderCommand | Notify

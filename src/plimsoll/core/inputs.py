"""Inputs and commands of a run, as ``engine.driver`` takes and returns them (E1).

A run is a pure state machine, ``step(state, input) -> (state, events, commands)``. Every shell is a loop around it: a
recorded one feeds the sessions of a snapshot, a daemon a clock, venues and people.
"""

from __future__ import annotations

import msgspec

from plimsoll.core.events import Approval, KillChanged, Notice
from plimsoll.core.order import Order
from plimsoll.core.venue import Absent, Answer, OrderReport, VenueEvent


class SessionOpened(msgspec.Struct, frozen=True):
    """A session is about to open: bookings before the open, then the orders decided before it."""

    session: str


class SessionClosed(msgspec.Struct, frozen=True):
    """A session has closed and its data are certified: time to decide."""

    session: str


class OrderHappened(msgspec.Struct, frozen=True):
    """A venue's event. One that the order's state does not allow is quarantined: stored but not applied."""

    event: VenueEvent


class CommandResult(msgspec.Struct, frozen=True):
    """The answer of a venue, or of the governor before it, to a command about the order ``id``."""

    id: str
    answer: Answer | OrderReport | Absent


Input = Notice | SessionOpened | SessionClosed | OrderHappened | CommandResult | Approval | KillChanged


class Submit(msgspec.Struct, frozen=True):
    """Submit an order to the governor and, if admitted, to the venue. Its ``OrderSubmitted`` is durable by then."""

    order: Order


class Cancel(msgspec.Struct, frozen=True):
    """Ask the venue to cancel an order."""

    id: str


class Query(msgspec.Struct, frozen=True):
    """Ask the venue for the status of an order whose answer never came."""

    id: str


class Notify(msgspec.Struct, frozen=True):
    """Notify a person: a severity and a sentence."""

    severity: str
    text: str


OrderCommand = Submit | Cancel | Query
Command = OrderCommand | Notify

"""The hard-limit governor in the path of recorded orders, in a backtest as on paper (H1, X1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from plimsoll.core.events import Event
from plimsoll.core.inputs import CommandResult, OrderCommand
from plimsoll.core.panel import History
from plimsoll.core.state import State
from plimsoll.core.venue import VenueEvent
from plimsoll.engine.driver import RunState
from plimsoll.engine.run_context import RunContext
from plimsoll.governor.limits import limits_of
from plimsoll.governor.order_gate import OrderGate
from plimsoll.store.governor_memory import MemoryStateStore


class Exchange(Protocol):
    """Destination of the orders of recorded sessions."""

    def opened(self, state: RunState, events: Sequence[Event], /) -> None:
        """A session is about to open on ``state``; ``events`` include all bookings before any order."""
        ...

    def done(self, command: OrderCommand, /) -> CommandResult:
        """Carry out a command and return the answer."""
        ...

    def filled(self, row: int, account: State, /) -> Iterable[VenueEvent]:
        """Results of the orders at the open of ``row``."""
        ...


def gate_of(run: RunContext) -> OrderGate | None:
    """A governor for a run's orders, with an account in memory; None when the policy has none in their path.

    The account follows from the run: rebuilt between two sessions it admits the same orders; a restart loses nothing.
    """
    if not run.governed:
        return None
    lots = dict(zip(run.symbols, run.lots_per_unit.tolist(), strict=True))
    return OrderGate(MemoryStateStore(), limits_of(run.policy), lots)


class GovernedSessions:
    """An exchange that gives its governor each session's start, prices and bookings before its orders.

    The orders themselves pass the governor on their way to the venue.
    """

    def __init__(self, exchange: Exchange, gate: OrderGate, history: History) -> None:
        self._exchange, self._gate, self._history = exchange, gate, history

    def opened(self, state: RunState, events: Sequence[Event]) -> None:
        """Begin the governor's session with the net asset value and the marks of the last decision."""
        if state.last is not None:
            panel, account = self._history.panel, state.account
            row = panel.sessions.row_at_or_after(state.last.session)
            marks = self._history.array("mark")[row]
            positions = {s: int(n) for s, n in zip(account.symbols, account.lots.tolist(), strict=True) if n}
            concerned = {*positions, *(one.order.symbol for one in account.working.values())}
            prices = {symbol: float(marks[panel.column[symbol]]) for symbol in concerned}
            self._gate.opened(panel.sessions.dates[row + 1], state.last.nav, positions, prices)
        for event in events:
            self._gate.booked(event)
        self._exchange.opened(state, events)

    def done(self, command: OrderCommand) -> CommandResult:
        """Carry out a command at the exchange."""
        return self._exchange.done(command)

    def filled(self, row: int, account: State) -> Iterable[VenueEvent]:
        """Events of the exchange."""
        return self._exchange.filled(row, account)

"""The hard-limit governor in the path of recorded orders, in a backtest as on paper (H1, X1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import (
    ActionsRestated,
    CapsGranted,
    Event,
    Notice,
    OrderDenied,
    OrderExpired,
    OrderSubmitted,
    Split,
)
from plimsoll.core.inputs import CommandResult, OrderCommand
from plimsoll.core.order import Order
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy
from plimsoll.core.state import State
from plimsoll.core.venue import VenueEvent
from plimsoll.engine.caps import governor_limits
from plimsoll.engine.driver import RunState
from plimsoll.engine.recovery import recover
from plimsoll.engine.run_context import RunContext

if TYPE_CHECKING:
    from plimsoll.governor.order_gate import OrderGate


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


def governor_of(run: RunContext, history: History) -> RunGovernor | None:
    """A governor for a run's orders, with an empty account in memory; None when the policy has none in their path."""
    if not run.governed:
        return None
    from plimsoll.governor.order_gate import OrderGate  # a run without one pays nothing for it
    from plimsoll.store.governor_memory import MemoryStateStore

    lots = dict(zip(run.symbols, run.lots_per_unit.tolist(), strict=True))
    return RunGovernor(OrderGate(MemoryStateStore(), governor_limits(run.policy, None), lots), history, run.policy)


def governor_after(events: Iterable[Event], run: RunContext, history: History) -> RunGovernor | None:
    """The governor of a run whose journal holds these events, as it is after its last decision."""
    governor = governor_of(run, history)
    if governor is not None:
        recover(events, governor.repeated, governor.told)
    return governor


class RunGovernor:
    """A run's governor: its ``gate`` is given each session's start, prices and bookings before any order.

    Its account is a fold over the run's journal: given the same sessions again it is the same, so a restart changes
    nothing (X7).
    """

    def __init__(self, gate: OrderGate, history: History, policy: Policy) -> None:
        self.gate, self._history, self._policy = gate, history, policy

    def told(self, notice: Notice) -> None:
        """Take note of what changed between two sessions: caps from the next one on (H1), and lots of late splits."""
        if isinstance(notice, CapsGranted):
            self.gate.granted(governor_limits(self._policy, notice))
        elif isinstance(notice, ActionsRestated):
            self.gate.restated(notice)

    def opened(self, account: State, last: CycleRecord, events: Iterable[Event]) -> None:
        """Begin the session after the decision ``last`` with its net asset value and marks; ``events`` are the bookings
        before any order.

        Every split of a symbol with an order or an execution is told, held or not: the run books those it holds.
        """
        panel = self._history.panel
        row = panel.sessions.row_at_or_after(last.session)
        session, marks = panel.sessions.dates[row + 1], self._history.array("mark")[row]
        positions = {s: int(n) for s, n in zip(account.symbols, account.lots.tolist(), strict=True) if n}
        ordered = {one.order.symbol for one in account.working.values()}
        prices = {symbol: float(marks[panel.column[symbol]]) for symbol in positions.keys() | ordered}
        self.gate.opened(session, last.nav, positions, prices)
        actions = panel.actions.get(row + 1)
        for column in () if actions is None else actions.split:
            if (symbol := panel.symbols[column]) in (ordered | self.gate.traded) - positions.keys():
                self.gate.booked(Split(session, symbol, 0, float(panel.split[row + 1, column])))
        for event in events:
            self.gate.booked(event)

    def repeated(self, account: State, last: CycleRecord, events: Sequence[Event]) -> None:
        """Fold a session of the journal: its ``events`` after the decision ``last``, which left ``account``.

        An order is decided on where the journal has its answer, so that the same room is taken and given back in the
        same order. What the journal says was denied takes no room.
        """
        orders = {id: one.order for id, one in account.working.items()}
        orders |= {event.id: event for event in events if isinstance(event, Order)}
        self.opened(account, last, ())
        sent: dict[str, Order] = {}
        for event in events:
            id = getattr(event, "id", "")
            if isinstance(event, OrderSubmitted):
                sent[id] = orders[id]
            elif id in sent and not self.gate.admit(sent.pop(id)) and isinstance(event, OrderDenied):
                self.gate.booked(OrderExpired(event.session, id, 0))
            self.gate.booked(event)
        for order in sent.values():
            self.gate.admit(order)


class GovernedSessions:
    """An exchange whose sessions begin with the governor's; the orders pass its gate on their way to the venue."""

    def __init__(self, exchange: Exchange, governor: RunGovernor) -> None:
        self._exchange, self._governor = exchange, governor

    def opened(self, state: RunState, events: Sequence[Event]) -> None:
        """Begin the governor's session, then the exchange's."""
        if state.last is not None:
            self._governor.opened(state.account, state.last, events)
        self._exchange.opened(state, events)

    def done(self, command: OrderCommand) -> CommandResult:
        """Carry out a command at the exchange."""
        return self._exchange.done(command)

    def filled(self, row: int, account: State) -> Iterable[VenueEvent]:
        """Events of the exchange."""
        return self._exchange.filled(row, account)

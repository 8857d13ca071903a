"""A run as a pure state machine: inputs give events and commands, events give the next state (E1).

Every shell is a loop around ``Driver.step``: ``engine.recorded`` feeds the sessions of a snapshot. Nothing here sees a
clock, a file, a venue or a person; they are inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import StrategyFailed
from plimsoll.core.events import Approval, Event, KillChanged, VenueSnapshot
from plimsoll.core.inputs import Command, CommandResult, Input, OrderHappened, SessionClosed, SessionOpened
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import History, View
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Absent, OrderReport
from plimsoll.engine.cycle import decide
from plimsoll.engine.run_context import RunContext
from plimsoll.execution.actions import on_row, unheld_splits
from plimsoll.execution.figures import impossible_account
from plimsoll.execution.oms import believed, killed, of_query, of_submit, planned
from plimsoll.execution.reconcile import reconciled


class RunState(msgspec.Struct, frozen=True, eq=False):
    """Where a run is: the account after its events, its last decision, and the session it is in."""

    account: State
    last: CycleRecord | None = None
    session: str = ""

    def after(self, events: Iterable[Event]) -> RunState:
        """The state after some events."""
        account, last = self.account, self.last
        for event in events:
            account = apply(account, event)
            if isinstance(event, CycleRecord):
                last = event
        return RunState(account, last, self.session)

    @property
    def over(self) -> bool:
        """Whether the mandate has ended and no position is left: nothing remains to decide (R5)."""
        return self.last is not None and self.last.carried.ladder.ended and not self.account.lots.any()


class Transition(NamedTuple):
    """The result of an input: events to be made durable, in this order, before any of the commands is carried out."""

    state: RunState
    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, eq=False)
class Driver:
    """Steps a run over certified history under its policy and strategies, for a venue of its rules."""

    history: History
    run: RunContext

    @cached_property
    def _instruments(self) -> Mapping[str, Instrument]:
        return {i.symbol: i for i in self.run.instruments}

    def step(self, state: RunState, told: Input) -> Transition:
        """The state after an input, the events it made, and the commands to carry out. Pure."""
        match told:
            case SessionOpened():
                return self._opened(state, told.session)
            case SessionClosed():
                return self._closed(state, told.session)
            case OrderHappened():
                event = believed(state.account, told.event)
                if event is None:
                    return Transition(state)
                events = (*unheld_splits(state.account, event, self.history.panel, state.session), event)
                return Transition(state.after(events), events)
            case CommandResult():
                return self._answered(state, told)
            case Approval():
                return signed(state, told)
            case KillChanged():
                plan = killed(state.account, told)
                return Transition(state.after(plan.events), plan.events, plan.commands)
            case VenueSnapshot():
                return self._compared(state, told)
            case _:  # a notice about the data is an event itself
                return Transition(state.after((told,)), (told,))

    def _opened(self, state: RunState, session: str) -> Transition:
        """Splits, dividends, interest and ended series of the session, then the orders decided before it (D9, X2)."""
        at = RunState(state.account, state.last, session)
        actions = on_row(at.account, self.history, self._row(session), self.run.policy)
        at = at.after(actions)
        plan = planned(at.account, session, self.run.rules, self._instruments)
        return Transition(at.after(plan.events), (*actions, *plan.events), plan.commands)

    def _answered(self, state: RunState, result: CommandResult) -> Transition:
        account, session, answer = state.account, state.session, result.answer
        if isinstance(answer, OrderReport | Absent):
            event = of_query(account, session, result.id, answer)
        else:
            event = of_submit(account, session, result.id, answer)
        return Transition(state) if event is None else Transition(state.after((event,)), (event,))

    def _compared(self, state: RunState, told: VenueSnapshot) -> Transition:
        """The venue's report of its account, and the events that follow where ours differs (X6)."""
        panel = self.history.panel
        row = max(panel.sessions.row_at_or_before(told.session), 0)
        prices = dict(zip(panel.symbols, self.history.array("mark")[row].tolist(), strict=True))
        plan = reconciled(state.account, told, prices)
        events = plan.events if impossible_account(told) else (told, *plan.events)  # it is quarantined among them
        return Transition(state.after(events), events, plan.commands)

    def _closed(self, state: RunState, session: str) -> Transition:
        account, record = post_close(state.account, self._row(session), self.history, self.run)
        return Transition(RunState(account, record, session), (record,))

    def _row(self, session: str) -> int:
        return self.history.panel.sessions.row_at_or_after(session)


def signed(state: RunState, approval: Approval) -> Transition:
    """A signature that lifts a halt or approves a pending re-entry (R5). It needs no snapshot."""
    return Transition(state.after((approval,)), (approval,))


def post_close(state: State, row: int, history: History, run: RunContext) -> tuple[State, CycleRecord]:
    """The decision after the close of ``row``, and the state after it."""
    record = decide(View(history, row), state, run).record
    return apply(state, record), record


def failed(record: CycleRecord) -> StrategyFailed | None:
    """The error with which a session's first failing strategy stops a run; None where none failed."""
    event = next((e for e in record.events if e.kind == "STRATEGY_ERROR"), None)
    if event is None:
        return None
    name, _, said = event.scope.partition(": ")
    return StrategyFailed(
        f"Strategy {name!r} failed on {record.session}: {said}",
        "Mend it, or go on with --keep-going: its positions are then kept until it answers again",
    )

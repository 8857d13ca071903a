"""Start-up is recovery: state is a fold over the journal (crash-only, DESIGN)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError
from plimsoll.core.events import Approval, Event, Genesis, OrderSubmitted
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.operator import SIMULATED


@dataclass(frozen=True, eq=False)
class Recovered:
    """Where a journal stops: the state, the last decision, and what was written since it.

    ``at_decision`` is the state right after the last decision, its orders' submissions and a person's signature since
    included, from which an interrupted pre-open is repeated; ``since`` are the events before the open already
    journaled; ``submitted`` how many of its orders are journaled as submitted.
    """

    genesis: Genesis
    state: State
    at_decision: State
    last: CycleRecord | None
    since: tuple[Event, ...]
    submitted: int


def recover(events: Iterable[Event]) -> Recovered:
    """Fold a journal's events, the first of which is its genesis."""
    stream = iter(events)
    genesis = next(stream, None)
    if not isinstance(genesis, Genesis):
        raise CorruptionError("the journal does not begin with a genesis record", "Verify it: plimsoll audit verify")
    state = at_decision = open_account(genesis)
    last: CycleRecord | None = None
    since: list[Event] = []
    submitted = 0
    for event in stream:
        state = apply(state, event)
        if isinstance(event, CycleRecord):
            last, since, submitted, at_decision = event, [], 0, state
        elif isinstance(event, OrderSubmitted):
            submitted += 1
            at_decision = apply(at_decision, event)
        elif isinstance(event, Approval) and event.by != SIMULATED:
            at_decision = apply(at_decision, event)  # a person signs between sessions: no pre-open repeats it
        else:
            since.append(event)
    return Recovered(genesis, state, at_decision, last, tuple(since), submitted)

"""Start-up is recovery: state is a fold over the journal (crash-only, DESIGN)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError
from plimsoll.core.events import (
    ActionsInDoubt,
    ActionsRestated,
    Approval,
    CapsGranted,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Event,
    Genesis,
    Notice,
)
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.operator import SIMULATED

PastSession = Callable[[State, CycleRecord, Sequence[Event]], None]
"""Told a whole session of a journal: the state it began with, the decision before it and its events up to the next."""
Between = Callable[[Notice], None]
"""Told what changes the account between two sessions, after the earlier one."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """A journal's last state: the state, the last decision, and the events since it.

    ``at_decision`` is the state right after the last decision, with a person's signature and the data taken up since,
    from which an interrupted session is repeated; ``since`` are its events that are journaled already. ``published``
    is the snapshot the run decides on, None where only the genesis names one; ``notices`` are restatements of a
    snapshot not taken up yet.
    """

    genesis: Genesis
    state: State
    at_decision: State
    last: CycleRecord | None
    since: tuple[Event, ...]
    published: DataPublished | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def snapshot(self) -> str:
        """The snapshot of the next decision."""
        return self.genesis.snapshot if self.published is None else self.published.snapshot


def recover(events: Iterable[Event], past: PastSession | None = None, between: Between | None = None) -> Recovered:
    """Fold a journal's events, the first of which is its genesis; ``past`` is told each of its whole sessions, and
    ``between`` what happens to the account between two of them.
    """
    stream = iter(events)
    genesis = next(stream, None)
    if not isinstance(genesis, Genesis):
        raise CorruptionError("the journal does not begin with a genesis record", "Verify it: plimsoll audit verify")
    state = at_decision = open_account(genesis)
    last: CycleRecord | None = None
    since: list[Event] = []
    published: DataPublished | None = None
    notices: list[Notice] = []
    for event in stream:
        state = apply(state, event)
        if isinstance(event, CycleRecord):
            if past is not None and last is not None:
                past(at_decision, last, since)
            last, since, at_decision = event, [], state
        elif isinstance(event, Approval) and event.by != SIMULATED:
            at_decision = apply(at_decision, event)  # a person signs between sessions: no pre-open step repeats it
        elif isinstance(event, DataPublished):
            published, notices, at_decision = event, [], apply(at_decision, event)
        elif isinstance(event, CapsGranted | ActionsRestated | ActionsInDoubt):
            at_decision = apply(at_decision, event)
            if between is not None:
                between(event)
        elif isinstance(event, DataRestated | CertificationChanged):
            notices.append(event)
        else:
            since.append(event)
    return Recovered(genesis, state, at_decision, last, tuple(since), published, tuple(notices))

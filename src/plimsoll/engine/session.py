"""The recorded paper session: the imperative shell around the cycle, durable before every act (E1, X7).

It feeds recorded sessions to the same ``decide`` as the backtest; rows date what happens, and no clock is read. Every
decision, order and fill is in the journal, with full durability, before the next act; the session can be killed
between any two writes and started again: starting is recovering.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import Halted
from plimsoll.core.events import Event
from plimsoll.core.panel import History, Panel
from plimsoll.core.ports import Journal
from plimsoll.core.state import State, apply
from plimsoll.engine.loop import Span, failed, genesis_of, post_close, pre_open, submitted
from plimsoll.engine.publication import published, succession
from plimsoll.engine.recovery import Recovered, recover
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.tally import RunTally
from plimsoll.execution.matching import Matcher

OpenJournal = Callable[[], Journal]
Progress = Callable[[int, int], None]


class PaperSession:
    """A paper account trading recorded sessions, restarted from its journal every ``restart_every`` cycles.

    ``restart_every`` 0 never restarts. A restart forgets everything: venue, state and caches are rebuilt from
    the journal and the snapshot. ``earlier`` loads a snapshot by its hash, None where that is gone: only where it is
    given does a run go on on another snapshot than its last one (``engine.publication``). Without ``keep_going`` the
    first session on which a strategy raises is the last: it is journaled, ``StrategyFailed`` is raised, and the run
    can be resumed.
    """

    def __init__(
        self,
        history: Callable[[], History],
        run_context: Callable[[History], RunContext],
        span: Span,
        open_journal: OpenJournal,
        *,
        capital: int,
        operator: str,
        restart_every: int = 0,
        keep_going: bool = True,
        earlier: Callable[[str], Panel | None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._history, self._desk, self._span = history, run_context, span
        self._open_journal = open_journal
        self._capital, self._operator = capital, operator
        self._restart_every, self._progress = restart_every, progress
        self._keep_going, self._earlier = keep_going, earlier

    def run(self) -> RunTally:
        """Trade every session left in the span; returns the tally of the whole journal."""
        while self._trade():
            pass
        journal = self._open_journal()
        tally = RunTally()
        for event in journal.events():
            tally.saw(event)
        journal.close()
        return tally

    def _trade(self) -> bool:
        """From start-up to the next restart; False when the span or the mandate is over."""
        history = self._history()
        run_context = self._desk(history)
        journal = self._open_journal()
        try:
            return self._cycles(history, run_context, journal)
        finally:
            journal.close()

    def _cycles(self, history: History, run_context: RunContext, journal: Journal) -> bool:
        found = self._recovered(history, run_context, journal)
        matcher = Matcher(history, run_context.policy)
        sessions = history.panel.sessions
        state, last, at_decision = found.state, found.last, found.at_decision
        row = self._span.first if last is None else sessions.row_at_or_after(last.session) + 1
        since = found.since
        done = 0
        while row <= self._span.last and not _over(at_decision, last):
            if last is not None:
                state, events = pre_open(at_decision, last, row, history, run_context, matcher, self._operator)
                _write_missing(journal, events, since)
            state, last = post_close(state, row, history, run_context)
            journal.append(last)
            for event in submitted(last):
                journal.append(event)
                state = apply(state, event)
            stop = None if self._keep_going else failed(last)
            if stop is not None:
                raise stop
            at_decision, since = state, ()
            done += 1
            row += 1
            if self._progress is not None:
                self._progress(row - self._span.first, self._span.last - self._span.first + 1)
            if self._restart_every and done >= self._restart_every:
                return row <= self._span.last and not _over(at_decision, last)
        return False

    def _recovered(self, history: History, run_context: RunContext, journal: Journal) -> Recovered:
        events = iter(journal.events())
        first = next(events, None)
        if first is None:
            first = genesis_of(
                history, run_context, self._span, capital=self._capital, mode="paper", operator=self._operator
            )
            journal.append(first)
        found = recover(chain((first,), events))
        if found.genesis.policy != run_context.policy_hash:
            raise Halted(
                "the journal was begun with another policy", "Start a new run, or restore the policy the journal names"
            )
        sent = () if found.last is None else submitted(found.last)[found.submitted :]
        found = _with(found, sent)
        written = self._published(found, history, run_context)
        for event in (*sent, *written):
            journal.append(event)
        return _with(found, written)

    def _published(self, found: Recovered, history: History, run_context: RunContext) -> list[Event]:
        """What is still to be journaled before the run decides on this snapshot."""
        panel = history.panel
        if found.snapshot == panel.snapshot:
            return [] if found.published or found.last else [published(panel, digests=True)]
        if self._earlier is None:
            raise Halted(
                f"the run decides on the snapshot {found.snapshot[:16]}, and this one is {panel.snapshot[:16]}",
                "Restore that snapshot and resume the run, or go on on this one with --continue",
            )
        decided = found.genesis.start if found.last is None else found.last.session
        events = succession(found.published, self._earlier(found.snapshot), panel, found.genesis, decided)
        self._repeated(found, events, history, run_context)
        return [event for event in events if event not in found.notices]

    def _repeated(self, found: Recovered, events: Sequence[Event], history: History, run_context: RunContext) -> None:
        """Refuse to change the snapshot in the middle of a session that would go otherwise on the new one."""
        if not found.since or found.last is None:
            return
        row = history.panel.sessions.row_at_or_after(found.last.session) + 1
        matcher = Matcher(history, run_context.policy)
        state = _folded(found.at_decision, events)
        _, again = pre_open(state, found.last, row, history, run_context, matcher, self._operator)
        if list(found.since) != again[: len(found.since)]:
            raise Halted(
                f"the session after {found.last.session} was begun on the snapshot {found.snapshot[:16]} and goes "
                "otherwise on this one",
                "Resume the run first, which ends that session on its own snapshot, then continue it",
            )


def _with(found: Recovered, events: Sequence[Event]) -> Recovered:
    """Where a journal stops once these events, which no pre-open repeats, are in it."""
    if not events:
        return found
    return replace(found, state=_folded(found.state, events), at_decision=_folded(found.at_decision, events))


def _folded(state: State, events: Iterable[Event]) -> State:
    for event in events:
        state = apply(state, event)
    return state


def _over(state: State, last: CycleRecord | None) -> bool:
    """Whether the mandate has ended and the book is flat (R5)."""
    return last is not None and last.carried.ladder.ended and not state.lots.any()


def _write_missing(journal: Journal, events: list[Event], written: tuple[Event, ...]) -> None:
    """Journal what an interrupted pre-open did not get to write; what it wrote must be what happens again."""
    if list(written) != events[: len(written)]:
        raise Halted(
            "the journal holds events that the recorded session does not repeat",
            "Verify the journal and the snapshot: plimsoll audit verify",
        )
    for event in events[len(written) :]:
        journal.append(event)

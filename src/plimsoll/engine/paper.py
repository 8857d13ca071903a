"""The recorded paper session: durable before every action, restarted from nothing but its journal (E1, X7).

It feeds recorded sessions to the same driver as a backtest, through a venue's port. Every decision, order and fill is
in the journal, with full durability, before the next action; the session can be killed between any two writes and
started again: starting is recovering.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import chain
from typing import NamedTuple

from plimsoll.core.errors import Halted
from plimsoll.core.events import CapsGranted, Event, KillChanged, Notice
from plimsoll.core.panel import History, Panel
from plimsoll.core.ports import Journal
from plimsoll.core.state import State
from plimsoll.engine.driver import Driver, RunState, failed
from plimsoll.engine.governed import Exchange, RunGovernor, governor_after
from plimsoll.engine.late_actions import late_actions
from plimsoll.engine.operator import Signer, signer
from plimsoll.engine.publication import published, succession
from plimsoll.engine.recorded import Progress, RecordedShell, Repeated, at_once
from plimsoll.engine.recovery import Recovered, recover
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span, genesis_of
from plimsoll.engine.tally import RunTally
from plimsoll.engine.units import same_units

OpenJournal = Callable[[], Journal]
Grants = Callable[[str], CapsGranted | None]
"""The newest caps of the account's record, as taken up after a session; None where it has none."""
OpenExchange = Callable[[History, RunContext, State, RunGovernor | None], AbstractContextManager[Exchange]]


class Started(NamedTuple):
    """A run that has started up: the shell that goes on, its state, what its interrupted session has journaled, and
    after how many sessions to start again, 0 for none.
    """

    shell: RecordedShell
    state: RunState
    repeated: Repeated
    most: int


class PaperSession:
    """A paper account trading recorded sessions, restarted from its journal every ``restart_every`` cycles.

    ``restart_every`` 0 never restarts. A restart drops everything: venue, state and caches are rebuilt from
    the journal and the snapshot. ``exchange`` opens the account at the venue from the run's state, behind the
    governor that is rebuilt from the journal, if any. ``earlier``
    loads a snapshot by its hash, None where it is gone; only when it is given may a run continue on another snapshot
    than its last one (``engine.publication``). A run that begins or continues takes up the account's own caps from
    ``grants`` where a governor is in the path of its orders; one that is resumed keeps those it has. Without
    ``keep_going`` the first session on which a strategy raises is the last: it is journaled, ``StrategyFailed`` is
    raised, and the run can be resumed.
    """

    def __init__(
        self,
        history: Callable[[], History],
        run_context: Callable[[History], RunContext],
        span: Span,
        open_journal: OpenJournal,
        exchange: OpenExchange,
        *,
        capital: int,
        operator: str,
        restart_every: int = 0,
        keep_going: bool = True,
        earlier: Callable[[str], Panel | None] | None = None,
        grants: Grants | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._history, self._run_context, self._span = history, run_context, span
        self._open_journal, self._exchange = open_journal, exchange
        self._capital, self._operator = capital, operator
        self._restart_every, self._progress = restart_every, progress
        self._keep_going, self._earlier, self._grants = keep_going, earlier, grants

    def run(self) -> RunTally:
        """Trade every session left in the span; returns the tally of the whole journal."""
        going = True
        while going:
            with self.started() as begun:
                going = self._through(begun)
        return self.tally()

    def tally(self) -> RunTally:
        """The tally of the whole journal."""
        tally = RunTally()
        with closing(self._open_journal()) as journal:
            for event in journal.events():
                tally.saw(event)
        return tally

    @contextmanager
    def started(self) -> Iterator[Started]:
        """Start up from the journal and the snapshot."""
        history = self._history()
        driver = Driver(history, self._run_context(history))
        with closing(self._open_journal()) as journal:
            found = self._recovered(driver, journal)
            state = self._taken_up(driver, journal, found)
            governor = governor_after(journal.events(), driver.run, driver.history)
            most = 1 if found.since and self._granted(driver, found, state) else self._restart_every
            with self._exchange(driver.history, driver.run, state.account, governor) as exchange:
                repeated = Repeated(journal, found.since)
                yield Started(RecordedShell(driver, exchange, repeated, self._signer(driver)), state, repeated, most)

    def next_row(self, shell: RecordedShell, state: RunState) -> int | None:
        """The row of the next session; None when the span or the mandate is over."""
        sessions = shell.driver.history.panel.sessions
        row = self._span.first if state.last is None else sessions.row_at_or_after(state.last.session) + 1
        return None if row > self._span.last or state.over else row

    def _through(self, begun: Started) -> bool:
        """Trade until the next restart; False when the span or the mandate is over."""
        span, shell, state, done = self._span, begun.shell, begun.state, 0
        while (row := self.next_row(shell, state)) is not None:
            state = shell.session(state, row)
            self.checked(state)
            done += 1
            if self._progress is not None:
                self._progress(row + 1 - span.first, span.last - span.first + 1)
            if begun.most and done >= begun.most:
                return self.next_row(shell, state) is not None
        return False

    def checked(self, state: RunState) -> None:
        """Raise the error of a strategy that failed in the last decision, unless the run is to keep going."""
        stop = None if self._keep_going or state.last is None else failed(state.last)
        if stop is not None:
            raise stop

    def _signer(self, driver: Driver) -> Signer:
        return signer(self._operator, driver.run.policy)

    def _recovered(self, driver: Driver, journal: Journal) -> Recovered:
        """The journal's recovered state; begins the journal where it is empty."""
        history, run, events = driver.history, driver.run, iter(journal.events())
        first = next(events, None)
        if first is None:
            first = genesis_of(history, run, self._span, capital=self._capital, mode="paper", operator=self._operator)
            journal.append(first)
        found = recover(chain((first,), events))
        if found.genesis.policy != run.policy_hash:
            raise Halted(
                "the journal was begun with another policy", "Start a new run, or restore the policy the journal names"
            )
        return found

    def _taken_up(self, driver: Driver, journal: Journal, found: Recovered) -> RunState:
        """The state from which the run continues, on the driver's snapshot."""
        state = RunState(found.at_decision, found.last)
        notices: list[Notice] = [*self._published(driver, journal, found, state)]
        if not found.since:  # a session that was begun ends under the caps it was begun with
            notices += self._granted(driver, found, state)
        for event in notices:
            state, events, _ = driver.step(state, event)
            for one in events:
                journal.append(one)
        return state

    def _granted(self, driver: Driver, found: Recovered, state: RunState) -> list[Notice]:
        """The caps of the account's record, where they are newer than those the run trades under (H1)."""
        begins = found.last is None or self._earlier is not None
        if self._grants is None or not driver.run.governed or not begins:
            return []
        granted, known = self._grants("" if found.last is None else found.last.session), state.account.caps
        if granted is None or (known is not None and granted.caps == known.caps):
            return []
        if known is not None and granted.version <= known.version:
            raise Halted(
                f"the run trades under entry {known.version} of the account's record, and the record now ends with "
                f"other caps in entry {granted.version}",
                "Restore the account's record (account.jsonl) from a backup, or start a new run",
            )
        return [granted]

    def _published(self, driver: Driver, journal: Journal, found: Recovered, state: RunState) -> list[Notice]:
        """Events still to be journaled before the run decides on this snapshot."""
        panel = driver.history.panel
        if found.snapshot == panel.snapshot:
            return [] if found.published or found.last else [published(panel, digests=True)]
        if self._earlier is None:
            raise Halted(
                f"the run decides on the snapshot {found.snapshot[:16]}, and this one is {panel.snapshot[:16]}",
                "Restore that snapshot and resume the run, or continue on this one with --continue",
            )
        decided = found.genesis.start if found.last is None else found.last.session
        old = self._earlier(found.snapshot)
        events = succession(found.published, old, panel, found.genesis, decided)
        same_units(state.account, found.last, old, panel, decided)
        late = late_actions(journal.events(), state.account, old, panel, decided)
        self._repeats(driver, journal, found, state, (*late, *events))
        return [event for event in (*events[:-1], *late, events[-1]) if event not in found.notices]

    def _repeats(
        self, driver: Driver, journal: Journal, found: Recovered, state: RunState, notices: Sequence[Notice]
    ) -> None:
        """Refuse to change the snapshot inside a session that would differ on the new one, after ``notices``."""
        if not found.since or found.last is None:
            return
        again: list[Event] = []
        state = state.after(event for event in found.since if isinstance(event, KillChanged))
        since = [event for event in found.since if not isinstance(event, KillChanged)]
        governor = governor_after(chain(journal.events(), notices), driver.run, driver.history)
        exchange = at_once(driver.history, driver.run, governor)
        row = driver.history.panel.sessions.row_at_or_after(found.last.session) + 1
        RecordedShell(driver, exchange, again.extend, self._signer(driver)).open(state.after(notices), row)
        if since != again[: len(since)]:
            raise Halted(
                f"the session after {found.last.session} was begun on the snapshot {found.snapshot[:16]} and "
                "differs on this one",
                "Resume the run first, which ends that session on its own snapshot, then continue it",
            )

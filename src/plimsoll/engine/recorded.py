"""Recorded sessions through the driver: one shell for backtest, paper, replay and ablation (E1, E4, X7).

It feeds sessions, a venue's answers and a person's signature to ``engine.driver``, and makes each step's events durable
before acting on them. Fills depend on the exchange: a backtest calls the matcher once a session (``AtOnce``), a paper
session goes through a venue's port order by order (``engine.exchange``). The events are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from plimsoll.core.errors import Halted
from plimsoll.core.events import Event
from plimsoll.core.inputs import (
    CommandResult,
    Input,
    Notify,
    OrderCommand,
    OrderHappened,
    SessionClosed,
    SessionOpened,
    Submit,
)
from plimsoll.core.panel import History
from plimsoll.core.ports import Journal
from plimsoll.core.state import State, open_account
from plimsoll.core.venue import Accepted, Denied, Gate, VenueEvent
from plimsoll.engine.driver import Driver, RunState, failed
from plimsoll.engine.governed import Exchange, GovernedSessions, RunGovernor, governor_of
from plimsoll.engine.operator import Signer, signer
from plimsoll.engine.publication import published
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span, genesis_of
from plimsoll.engine.tally import RunTally
from plimsoll.execution.matching import Matcher, book_of, venue_name

Progress = Callable[[int, int], None]
Write = Callable[[Sequence[Event]], None]


class AtOnce:
    """An exchange that accepts every order that the ``gate``, if any, admits, and fills those of a session in
    one call of the matcher.
    """

    def __init__(self, matcher: Matcher, gate: Gate | None = None) -> None:
        self._matcher, self._gate = matcher, gate
        self._sent: list[str] = []

    def opened(self, _state: RunState, _events: Sequence[Event]) -> None:
        """Nothing to do: the account it fills against is the run's own."""

    def done(self, command: OrderCommand) -> CommandResult:
        """Accept an order, with the id that the simulated venue gives it, or deny it for the gate's reasons. Orders
        expire at the open, so there is no other command.
        """
        id = command.order.id if isinstance(command, Submit) else command.id
        if self._gate is not None and isinstance(command, Submit) and (reasons := self._gate.admit(command.order)):
            return CommandResult(id, Denied(reasons))
        self._sent.append(id)
        return CommandResult(id, Accepted(venue_name(id)))

    def filled(self, row: int, account: State) -> Iterator[VenueEvent]:
        """Results of every accepted order, in the order of submission."""
        orders = [account.working[id].order for id in self._sent]
        self._sent.clear()
        for event in self._matcher.opened(orders, row, book_of(account)) if orders else ():
            if self._gate is not None:
                self._gate.booked(event)
            yield event


def at_once(history: History, run: RunContext, governor: RunGovernor | None) -> Exchange:
    """The exchange of a backtest: the matcher, behind the governor where the policy has one (H1)."""
    matcher = Matcher(history, run.policy)
    return AtOnce(matcher) if governor is None else GovernedSessions(AtOnce(matcher, governor.gate), governor)


@dataclass(frozen=True, eq=False)
class RecordedShell:
    """Feeds recorded sessions to a driver. ``write`` makes events durable; ``signer`` signs (R5)."""

    driver: Driver
    exchange: Exchange
    write: Write
    signer: Signer

    def session(self, state: RunState, row: int) -> RunState:
        """One session, from before its open to the decision after its close; a run's first has no orders yet."""
        if state.last is not None:
            state = self.open(state, row)
        return self.close(state, row)

    def close(self, state: RunState, row: int) -> RunState:
        """The decision after the close of a session."""
        return self.told(state, SessionClosed(self.driver.history.panel.sessions.dates[row]))

    def open(self, state: RunState, row: int) -> RunState:
        """Everything of a session before its close: actions, orders and their results, a signature."""
        session, last = self.driver.history.panel.sessions.dates[row], state.last
        state = self.told(state, SessionOpened(session))
        for event in self.exchange.filled(row, state.account):
            state = self.told(state, OrderHappened(event))
        signed = None if last is None else self.signer(last, session)
        return state if signed is None else self.told(state, signed)

    def told(self, state: RunState, told: Input) -> RunState:
        """The state after an input, its events written and its commands carried out."""
        before = state
        state, events, commands = self.driver.step(state, told)
        if events:
            self.write(events)
        if isinstance(told, SessionOpened):
            self.exchange.opened(before, events)
        for command in commands:
            if not isinstance(command, Notify):
                state = self.told(state, self.exchange.done(command))
        return state


class Repeated:
    """Completes an interrupted session in the journal: events already there must be repeated exactly."""

    def __init__(self, journal: Journal, written: Iterable[Event] = ()) -> None:
        self._journal, self._written = journal, list(written)

    @property
    def pending(self) -> Event | None:
        """The next event that is there already; None where all of them are repeated."""
        return self._written[0] if self._written else None

    def __call__(self, events: Sequence[Event]) -> None:
        """Journal each event that is not there yet."""
        for event in events:
            if not self._written:
                self._journal.append(event)
            elif self._written.pop(0) != event:
                raise Halted(
                    "the journal holds events that the recorded session does not repeat",
                    "Verify the journal and the snapshot: plimsoll audit verify",
                )


def run_backtest(
    history: History,
    run: RunContext,
    span: Span,
    journal: Journal,
    *,
    capital: int,
    operator: str,
    keep_going: bool = True,
    progress: Progress | None = None,
) -> RunTally:
    """Decide every session of ``span`` from ``capital`` cents and journal all of it, in batches (E4).

    Stops early at the mandate's end, once no position is left (R5). Without ``keep_going`` the first session on which a
    strategy raises is journaled and then ends the run with ``StrategyFailed``. ``progress(done, total)`` is called
    about a hundred times.
    """
    genesis = genesis_of(history, run, span, capital=capital, mode="backtest", operator=operator)
    begun = published(history.panel)
    tally, made = RunTally(), list[Event]((genesis, begun))
    exchange = at_once(history, run, governor_of(run, history))
    shell = RecordedShell(Driver(history, run), exchange, made.extend, signer(operator, run.policy))
    state = RunState(open_account(genesis)).after((begun,))
    total = span.last - span.first + 1
    step = max(1, total // 100)
    for row in range(span.first, span.last + 1):
        state = shell.session(state, row)
        journal.append_many(made)
        for event in made:
            tally.saw(event)
        made.clear()
        stop = None if keep_going or state.last is None else failed(state.last)
        if stop is not None:
            journal.commit()
            raise stop
        if progress is not None and (row - span.first) % step == 0:
            progress(row - span.first + 1, total)
        if state.over:
            break
    journal.commit()
    return tally

"""The two halves of a session that every shell shares: the events before the open and the decision after the close
(E1).
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import StrategyFailed, UsageError
from plimsoll.core.events import Event, Genesis, OrderSubmitted
from plimsoll.core.panel import History, View
from plimsoll.core.state import State, apply
from plimsoll.engine.cycle import decide
from plimsoll.engine.operator import approval
from plimsoll.engine.run_context import RunContext
from plimsoll.execution.actions import on_row
from plimsoll.execution.matching import Matcher, book_of


@dataclass(frozen=True, eq=False)
class Span:
    """The rows a run decides on, first to last, both included."""

    first: int
    last: int


def span_of(history: History, start: str | None, end: str | None) -> Span:
    """Rows of a span; a span without sessions or warm-up is refused with the first possible date (D11)."""
    sessions = history.panel.sessions
    eligible = history.array("eligible").any(axis=1)
    if not eligible.any():
        raise UsageError(
            "no symbol of the snapshot may trade: none is ACTIVE with enough rows",
            "Look at 'plimsoll verify status' and ingest a longer history",
        )
    possible = int(eligible.argmax())
    first = possible if start is None else sessions.row_at_or_after(start)
    last = len(sessions) - 1 if end is None else sessions.row_at_or_before(end)
    if start is not None and end is not None and start > end:
        raise UsageError(f"the span starts at {start}, after its end {end}", "Exchange --start and --end")
    if first < possible:
        raise UsageError(
            f"the span starts at {start}, before any symbol has enough rows to trade",
            f"The first possible date is {sessions.dates[possible]}",
        )
    if first > last:
        raise UsageError(
            f"the snapshot has no session {f'from {start}' if start else ''}{f' to {end}' if end else ''}".rstrip(),
            f"It holds sessions from {sessions.dates[0]} to {sessions.dates[-1]}",
        )
    return Span(first, last)


def genesis_of(history: History, run: RunContext, span: Span, *, capital: int, mode: str, operator: str) -> Genesis:
    """The first event of a run over ``span`` with ``capital`` cents."""
    dates = history.panel.sessions.dates
    return Genesis(
        account=run.account,
        capital=capital,
        symbols=run.symbols,
        snapshot=history.panel.snapshot,
        policy=run.policy_hash,
        code=run.code,
        start=dates[span.first],
        end=dates[span.last],
        mode=mode,
        strategies=tuple(s.name for s in run.strategies),
        operator=operator,
        synthetic=history.panel.synthetic,
    )


def pre_open(
    state: State, last: CycleRecord, row: int, history: History, run: RunContext, matcher: Matcher, operator: str
) -> tuple[State, list[Event]]:
    """Everything that happens at ``row`` before its close: actions, what becomes of the last orders, a signature.

    The orders are filled in one call, as a venue's events would tell it one by one.

    Returns the state after it and the events in order. The same inputs give the same events, so a session that
    was interrupted half-way repeats the pre-open and writes only what the journal lacks.
    """
    events: list[Event] = []

    def happened(event: Event) -> None:
        nonlocal state
        state = apply(state, event)
        events.append(event)

    for action in on_row(state, history, row, run.policy):
        happened(action)
    if last.intents:
        for told in matcher.opened(last.intents, row, book_of(state)):
            happened(told)
    signed = approval(last, history.panel.sessions.dates[row], operator, run.policy)
    if signed is not None:
        happened(signed)
    return state, events


def submitted(record: CycleRecord) -> tuple[OrderSubmitted, ...]:
    """That the orders of a decision are about to be handed to the venue: durable before they are (X2)."""
    return tuple(OrderSubmitted(record.session, order.id) for order in record.intents)


def failed(record: CycleRecord) -> StrategyFailed | None:
    """The error that a session's first failing strategy stops a run with; None where none failed."""
    event = next((e for e in record.events if e.kind == "STRATEGY_ERROR"), None)
    if event is None:
        return None
    name, _, said = event.scope.partition(": ")
    return StrategyFailed(
        f"Strategy {name!r} failed on {record.session}: {said}",
        "Mend it, or go on with --keep-going: what it holds then stays until it answers again",
    )


def post_close(state: State, row: int, history: History, run: RunContext) -> tuple[State, CycleRecord]:
    """The decision after the close of ``row`` and the state it leaves."""
    record = decide(View(history, row), state, run).record
    return apply(state, record), record

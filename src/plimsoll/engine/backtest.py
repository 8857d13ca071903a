"""The backtest shell: the cycle over certified history, journaled in batches (E4)."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event
from plimsoll.core.panel import History
from plimsoll.core.ports import Journal
from plimsoll.core.state import apply, open_account
from plimsoll.engine.loop import Span, failed, genesis_of, post_close, pre_open, submitted
from plimsoll.engine.publication import published
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.tally import RunTally
from plimsoll.execution.matching import Matcher

Progress = Callable[[int, int], None]


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
    """Decide every session of ``span`` from ``capital`` cents and journal all of it.

    Stops early at the mandate's end, once the book is flat (R5). Without ``keep_going`` the first session on which a
    strategy raises is journaled and then ends the run with ``StrategyFailed``. ``progress(done, total)`` is called
    about a hundred times.
    """
    genesis = genesis_of(history, run, span, capital=capital, mode="backtest", operator=operator)
    state, tally = open_account(genesis), RunTally()
    matcher, begun = Matcher(history, run.policy), published(history.panel)
    journal.append_many((genesis, begun))
    tally.saw(begun)
    last: CycleRecord | None = None
    total = span.last - span.first + 1
    step = max(1, total // 100)
    for row in range(span.first, span.last + 1):
        events: list[Event] = []
        if last is not None:
            state, events = pre_open(state, last, row, history, run, matcher, operator)
        state, last = post_close(state, row, history, run)
        sent = submitted(last)
        for submission in sent:
            state = apply(state, submission)
        journal.append_many((*events, last, *sent))
        for event in events:
            tally.saw(event)
        tally.saw(last)
        stop = None if keep_going else failed(last)
        if stop is not None:
            journal.commit()
            raise stop
        if progress is not None and (row - span.first) % step == 0:
            progress(row - span.first + 1, total)
        if last.carried.ladder.ended and not state.lots.any():
            break
    journal.commit()
    return tally

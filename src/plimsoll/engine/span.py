"""The sessions a run decides on, and its first event (D11)."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.core.errors import UsageError
from plimsoll.core.events import Genesis
from plimsoll.core.panel import History
from plimsoll.engine.run_context import RunContext


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

"""Runs: a backtest over certified history, and recorded sessions traded on paper (E1, E4, X7)."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from plimsoll.app.keeping import keeping, new_run
from plimsoll.app.paper_run import benchmark_there, finished, paper_run
from plimsoll.app.wiring import journal_of, run_context_of, runs_of, stage_2
from plimsoll.core.money import cents

if TYPE_CHECKING:
    from plimsoll.app.workspace import Progress, Workspace
    from plimsoll.reports.result import BacktestResult


def backtest(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Decide every session of the span over the certified snapshot, journaled, and return the result (E4).

    The first error of a strategy ends it with ``StrategyFailed`` (file and line in the message) unless ``keep_going``:
    then the strategy's positions are kept until it answers again. A run whose mandate ended also has the figures of the
    same run without the mandate's end (R5). ``tag`` is a person's name for the run.
    """
    from plimsoll.core.protections import without_mandate
    from plimsoll.engine.history import history_of
    from plimsoll.engine.recorded import run_backtest
    from plimsoll.engine.span import genesis_of, span_of
    from plimsoll.reports.result import measured, result_of
    from plimsoll.reports.worth import worth_of

    policy = workspace.load().policy
    home, panel = stage_2(workspace, policy)
    benchmark_there(workspace, policy, panel)
    run_context = run_context_of(policy, panel)
    history = history_of(panel, policy, run_context.strategies)
    span = span_of(history, start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    genesis = genesis_of(history, run_context, span, capital=capital, mode="backtest", operator=operator)
    runs = runs_of(workspace)
    with home.lock(), keeping(runs, workspace, policy, genesis, tag) as kept:
        with journal_of(runs, kept.run, durable=False) as journal:
            tally = run_backtest(
                history, run_context, span, journal, capital=capital, operator=operator, keep_going=keep_going,
                progress=progress,
            )  # fmt: skip
            decided, anchor = journal.decisions_hash, journal.anchor
        unbounded = None
        if tally.mandate_ended:
            free = without_mandate(policy)
            again = new_run(runs, "backtest-without-mandate", free)
            with journal_of(runs, again, durable=False) as journal:
                longer = run_backtest(
                    history,
                    run_context_of(free, panel),
                    span,
                    journal,
                    capital=capital,
                    operator=operator,
                    progress=progress,
                )
                ended = journal.anchor
            unbounded = measured(history, free, longer, span.first)
            kept.beside(again, free, ended, unbounded)
        result = result_of(
            run=kept.run, genesis=genesis, history=history, policy=policy, tally=tally, first=span.first,
            decisions_hash=decided, without_mandate=unbounded,
            worth=worth_of(history, run_context, tally, span.first, capital),
        )  # fmt: skip
        return kept.finish(result, anchor, policy, tally)


def trade_recorded(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    restart_every: int = 0,
    resume: str | None = None,
    continue_run: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Trade recorded sessions on a paper account through the durable shell; the decisions are the backtest's (E1).

    ``resume`` names an interrupted run: it continues from its journal, under its own policy and to its own end, on the
    snapshot it decides on (X7). ``continue_run`` names one that continues on the home's current snapshot (or the
    workspace's), to that one's last session: restatements of sessions already decided are journaled and reported.
    ``keep_going`` as in a backtest; a run stopped by a strategy can be resumed.
    """
    paper = paper_run(workspace, start=start, end=end, resume=resume, continue_run=continue_run)
    runs, policy, begun = runs_of(paper.workspace), paper.policy, paper.begun
    traded = nullcontext() if begun is None else paper.home.trading()
    with traded, paper.home.lock(), keeping(runs, paper.workspace, policy, paper.genesis, tag, begun) as kept:
        session = paper.session(kept.run, restart_every=restart_every, keep_going=keep_going, progress=progress)
        return finished(paper, kept, session.run())

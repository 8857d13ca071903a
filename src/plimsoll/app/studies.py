"""Studies: one rule off at a time, and stress tests of the governor's limits (H8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.app.wiring import governor_file, passing_journal, run_context_of, snapshots_of, stage_2
from plimsoll.core.money import cents

if TYPE_CHECKING:
    from plimsoll.app.workspace import Progress, Workspace
    from plimsoll.research.ablation import Bound, Outcome, Variant
    from plimsoll.simulation.study import Odds


def ablation(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """The backtest with one rule off at a time: the cost and benefit of each over the span.

    ``jobs`` processes run in parallel; the figures do not depend on it. Nothing is written to the home. A variant that
    cannot differ from the base is not run, with the reason.
    """
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    from msgspec.structs import replace

    from plimsoll.research.ablation import gate_variants, needless, variants
    from plimsoll.risk.gates import GATES

    policy = workspace.load().policy
    stage_2(workspace, policy)
    tried = [*variants(policy), *gate_variants(policy, GATES)]
    one = partial(_outcome, workspace.home, start, end)
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        base, bound = pool.submit(one, tried[0]).result()
        same = {v.name: why for v in tried if (why := needless(v, policy, bound))}
        running = [v for v in tried[1:] if v.name not in same]
        ran = {base.name: base}
        for outcome, _ in pool.map(one, running):
            ran[outcome.name] = outcome
            if progress is not None:
                progress(len(ran), len(running) + 1)
    return tuple(ran.get(v.name) or replace(base, name=v.name, off=v.off, same=same[v.name]) for v in tried)


def _outcome(home: Path, start: str | None, end: str | None, variant: Variant) -> tuple[Outcome, Bound]:
    """Run one variant, its journal in a temporary folder; its figures and the limits that bound."""
    from plimsoll.core.decision import CycleRecord
    from plimsoll.engine.history import history_of
    from plimsoll.engine.recorded import run_backtest
    from plimsoll.engine.span import span_of
    from plimsoll.reports.result import measured
    from plimsoll.research.ablation import Bound, Outcome

    policy = variant.policy
    snapshots = snapshots_of(home)
    panel = snapshots.open(snapshots.latest()).resolved(policy.limits.plain_symbols_are)
    run_context = run_context_of(policy, panel, any_hurdle=True)
    history = history_of(panel, policy, run_context.strategies)
    span = span_of(history, start, end)
    with passing_journal() as journal:
        tally = run_backtest(
            history, run_context, span, journal, capital=cents(policy.account.capital),
            operator=policy.backtest.operator,
        )  # fmt: skip
        records = (event for event in journal.events() if isinstance(event, CycleRecord))
        gates = frozenset(finding.gate for record in records for finding in record.findings)
    bound = Bound(gates, frozenset(tally.vetoes), frozenset(event.kind for event in tally.events))
    figures = measured(history, policy, tally, span.first)
    made = Outcome(
        name=variant.name,
        off=variant.off,
        sessions=len(tally.nav),
        annual_return=figures.annual_return,
        annual_volatility=figures.annual_volatility,
        sharpe=figures.sharpe,
        max_drawdown=figures.max_drawdown,
        cvar_95_1d=figures.cvar_95_1d,
        turnover_monthly=figures.turnover_monthly,
        cost_drag_annual=figures.cost_drag_annual,
        invested=sum(tally.gross) / len(tally.gross),
        halted=1.0 - sum(tally.new_risk) / len(tally.new_risk),
        ended=tally.mandate_ended,
    )
    return made, bound


def montecarlo(
    workspace: Workspace,
    sessions: int,
    seed: int,
    bars: Sequence[Path] = (),
    progress: Progress | None = None,
    *,
    workers: int = 1,
    session: int | None = None,
) -> Odds:
    """Simulate sessions that push every limit of the governor, on synthetic bars and on those of ``bars`` (H8).

    Without ``bars`` the recordings of ``PLIMSOLL_SHARED_DATA`` are used where there are any. The home is not used.
    ``workers`` processes run in parallel and change nothing of the result; ``session`` plays that one alone.
    ``InputError`` where no named recording has two whole sessions.
    """
    from plimsoll.core.errors import InputError
    from plimsoll.simulation import paths, study

    policy = workspace.load().policy
    files = tuple(bars) or _recorded_intraday(workspace.env)
    blocks: tuple[paths.Blocks, ...] = ()
    if files:
        from plimsoll.market import minutes

        blocks = paths.all_blocks(
            (f"{found.bars.symbol} {found.source}", found.bars) for file in files for found in minutes.read(file)
        )
        if not blocks:
            raise InputError(
                f"{', '.join(map(str, files))} hold no recording with two whole sessions",
                "Give bars of two sessions or more without gaps; without --bars the bars are synthetic",
            )
    return study.run(policy, sessions, seed, blocks, governor_file, progress, workers=workers, session=session)


def _recorded_intraday(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Recorded intraday bars in the folder named by the environment."""
    folder = env.get("PLIMSOLL_SHARED_DATA")
    return tuple(sorted(Path(folder).glob("*_intraday.parquet"))) if folder else ()

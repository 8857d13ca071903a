"""``plimsoll backtest`` and ``trade``: runs over certified history and recorded sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import command
from plimsoll.cli.options import (
    BenchmarkOption,
    CapitalOption,
    CostsOption,
    EndOption,
    KeepGoingOption,
    LifecycleOption,
    OperatorOption,
    SnapshotOption,
    StartOption,
    StrategyOption,
    TagOption,
    changed,
    run_changes,
)
from plimsoll.cli.process import keep_freed_memory
from plimsoll.cli.progress import progress
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace


class Mode(StrEnum):
    """How a session trades."""

    paper = "paper"


@command(render="backtest.render_backtest")
def backtest(
    start: StartOption = None,
    end: EndOption = None,
    strategy: StrategyOption = None,
    capital: CapitalOption = None,
    operator: OperatorOption = None,
    lifecycle: LifecycleOption = False,
    benchmark: BenchmarkOption = None,
    costs: CostsOption = None,
    tag: TagOption = "",
    keep_going: KeepGoingOption = False,
    snapshot: SnapshotOption = "",
    *,
    where: Workspace,
) -> object:
    """Run the governed system over certified history.

    Every decision is journaled and every cost paid. The first error of a strategy ends it, unless --keep-going.

    \b
    plimsoll backtest --start 2007-01-01
    plimsoll backtest --strategy core_trend --capital 250000
    plimsoll backtest --start 2007-01-01 --lifecycle
    plimsoll backtest --benchmark QQQ
    plimsoll backtest --costs ibkr-pro
    plimsoll backtest --strategy mine.py --json > result.json
    """
    under = changed(where, run_changes(strategy, capital, operator, lifecycle, benchmark, costs), snapshot)
    keep_freed_memory()
    with progress("backtest") as report:
        return app.backtest(under, start=start, end=end, keep_going=keep_going, tag=tag, progress=report)


@command(render="backtest.render_backtest")
def trade(
    mode: Annotated[Mode, typer.Option("--mode", help="paper is the only mode of this version.")],
    recorded: Annotated[bool, typer.Option("--recorded", help="Trade recorded sessions of the snapshot.")] = False,
    start: StartOption = None,
    end: EndOption = None,
    restart_every: Annotated[
        int,
        typer.Option("--restart-every", min=0, metavar="N", help="Restart from the journal every N cycles."),
    ] = 0,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Resume an interrupted paper run.")
    ] = None,
    continue_run: Annotated[
        str | None,
        typer.Option("--continue", metavar="ID", help="Continue a paper run on the newest snapshot, to its end."),
    ] = None,
    strategy: StrategyOption = None,
    capital: CapitalOption = None,
    operator: OperatorOption = None,
    lifecycle: LifecycleOption = False,
    benchmark: BenchmarkOption = None,
    costs: CostsOption = None,
    tag: TagOption = "",
    keep_going: KeepGoingOption = False,
    snapshot: SnapshotOption = "",
    *,
    where: Workspace,
) -> object:
    """Trade on paper. Over recorded sessions it makes exactly the backtest's decisions.

    Orders fill at a simulated venue. With governor.recorded in the policy they pass the governor first and the
    account's dollar caps bind them; without it only 'plimsoll govern' and 'plimsoll model run' are held to caps.
    --resume takes up an interrupted run on its own snapshot; --continue goes on with one on newer data, day after day,
    and says what they tell otherwise of days already decided. A run keeps the policy it began with.

    \b
    plimsoll trade --mode paper --recorded --start 2025-01-02 --end 2025-12-31
    plimsoll trade --mode paper --recorded --resume paper-20260105T101500
    plimsoll trade --mode paper --recorded --continue last
    """
    if not recorded:
        raise UsageError(
            f"--mode {mode.value} without --recorded needs a live feed, which is not implemented yet", "Add --recorded"
        )
    under = changed(where, run_changes(strategy, capital, operator, lifecycle, benchmark, costs), snapshot)
    keep_freed_memory()
    with progress("paper session") as report:
        return app.trade_recorded(
            under,
            start=start,
            end=end,
            restart_every=restart_every,
            resume=resume,
            continue_run=continue_run,
            keep_going=keep_going,
            tag=tag,
            progress=report,
        )

"""``plimsoll backtest`` and ``trade``: runs over certified history and recorded sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import (
    BenchmarkOption,
    CapitalOption,
    CostsOption,
    EndOption,
    HomeOption,
    JsonOption,
    KeepGoingOption,
    LifecycleOption,
    OperatorOption,
    PolicyOption,
    ProfileOption,
    SnapshotOption,
    StartOption,
    StrategyOption,
    TagOption,
    print_json,
    run_workspace,
)


class Mode(StrEnum):
    """How a session trades."""

    paper = "paper"


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
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
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
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        where = run_workspace(home, profile, policy, strategy, capital, operator, lifecycle, benchmark, snapshot, costs)
        with progress("backtest") as report:
            result = app.backtest(where, start=start, end=end, keep_going=keep_going, tag=tag, progress=report)
        if as_json:
            print_json(result)
        else:
            from plimsoll.cli.render import tables

            tables.backtest(result)


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
        str | None, typer.Option("--resume", metavar="ID", help="Go on with an interrupted paper run.")
    ] = None,
    continue_run: Annotated[
        str | None,
        typer.Option("--continue", metavar="ID", help="Go on with a paper run on the newest snapshot, to its end."),
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
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade on paper. Over recorded sessions it makes exactly the backtest's decisions.

    Orders fill at a simulated venue. They do not pass the governor, so the account's dollar caps do not bind them;
    those of 'plimsoll govern' and 'plimsoll model run' do. --resume takes up an interrupted run on its own snapshot;
    --continue goes on with one on newer data, day after day, and says what they tell otherwise of days already decided.

    \b
    plimsoll trade --mode paper --recorded --start 2025-01-02 --end 2025-12-31
    plimsoll trade --mode paper --recorded --resume paper-20260105T101500
    plimsoll trade --mode paper --recorded --continue last
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress
        from plimsoll.core.errors import UsageError

        if not recorded:
            raise UsageError(
                f"--mode {mode.value} without --recorded needs a live feed, which is not there yet", "Add --recorded"
            )
        where = run_workspace(home, profile, policy, strategy, capital, operator, lifecycle, benchmark, snapshot, costs)
        with progress("paper session") as report:
            result = app.trade_recorded(
                where,
                start=start,
                end=end,
                restart_every=restart_every,
                resume=resume,
                continue_run=continue_run,
                keep_going=keep_going,
                tag=tag,
                progress=report,
            )
        if as_json:
            print_json(result)
        else:
            from plimsoll.cli.render import tables

            tables.backtest(result)

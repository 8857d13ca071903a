"""``plimsoll ablation`` and ``montecarlo``: the effect of each rule, and stress tests of the governor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import (
    CapitalOption,
    EndOption,
    OperatorOption,
    StartOption,
    StrategyOption,
    changed,
    run_changes,
)
from plimsoll.cli.progress import progress

if TYPE_CHECKING:
    from plimsoll.app import Workspace


@command(render="runs.render_ablation")
def ablation(
    start: StartOption = None,
    end: EndOption = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Number of parallel processes.")] = 1,
    strategy: StrategyOption = None,
    capital: CapitalOption = None,
    operator: OperatorOption = None,
    *,
    where: Workspace,
) -> object:
    """Backtest with one rule off at a time.

    Shows the cost and benefit of each rule over this history: about 40 variants, a backtest each. A rule that never
    acted in the unchanged policy's run cannot change it: its variant is not run, and is listed below the table with the
    reason. --json has every variant in full.

    \b
    plimsoll ablation --start 2008-01-02 --jobs 2
    """
    under = changed(where, run_changes(strategy, capital, operator))
    with progress("ablation") as report:
        return app.ablation(under, start=start, end=end, jobs=jobs, progress=report)


@command(render="montecarlo.render_montecarlo")
def montecarlo(
    sessions: Annotated[
        int,
        typer.Option(
            "--sessions",
            min=1,
            metavar="N",
            help="Number of sessions; fewer than 60 do not reach everything.",
        ),
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="The same seed gives the same result.")] = 1,
    bars: Annotated[
        list[Path] | None,
        typer.Option(
            "--bars",
            metavar="FILE",
            help="Parquet of recorded intraday bars; may be given more than once.",
            show_default="those in PLIMSOLL_SHARED_DATA",
        ),
    ] = None,
    session: Annotated[
        int | None,
        typer.Option("--session", min=0, metavar="N", help="Play only the session of this number."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Number of parallel processes.")] = 1,
    *,
    where: Workspace,
) -> Answer:
    """Stress-test the governor's limits by simulation.

    Sessions on synthetic and recorded minute bars, with models from sensible to hostile, gaps, crashes and restarts,
    and a venue whose fills are partial, late, repeated or too large, and whose errors are corrected later. An
    independent ledger checks the governor.

    Exits 3 if an order breached a limit, the governor counted less than the ledger, a limit was not approached to
    95 %, or a refusal never occurred, for which too few sessions are enough. A failed session is named by its number;
    --session plays it alone.

    \b
    plimsoll montecarlo --sessions 200 --seed 1 --profile micro
    plimsoll montecarlo --sessions 2000 --profile micro --bars msft_intraday.parquet --workers 2 --json
    plimsoll montecarlo --session 748 --seed 7 --profile micro
    """
    with progress("sessions") as report:
        found = app.montecarlo(where, sessions, seed, tuple(bars or ()), report, workers=workers, session=session)
    return Answer(found, ok=found.passed)

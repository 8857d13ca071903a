"""``plimsoll ablation`` and ``montecarlo``: what each rule is worth, and whether the governor holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import (
    CapitalOption,
    EndOption,
    HomeOption,
    JsonOption,
    OperatorOption,
    PolicyOption,
    ProfileOption,
    StartOption,
    StrategyOption,
    print_json,
    run_workspace,
    workspace,
)
from plimsoll.core.errors import EXIT_CHECK_FAILED


def ablation(
    start: StartOption = None,
    end: EndOption = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes to work side by side.")] = 1,
    strategy: StrategyOption = None,
    capital: CapitalOption = None,
    operator: OperatorOption = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Backtest with one rule off at a time.

    Shows what each rule costs and saves over this history.

    \b
    plimsoll ablation --start 2008-01-02 --jobs 2
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        where = run_workspace(home, profile, policy, strategy, capital, operator)
        with progress("ablation") as report:
            outcomes = app.ablation(where, start=start, end=end, jobs=jobs, progress=report)
        if as_json:
            print_json(outcomes)
        else:
            from plimsoll.cli.render import tables

            tables.ablation(outcomes)


def montecarlo(
    sessions: Annotated[int, typer.Option("--sessions", min=1, metavar="N", help="How many to play.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="The same seed is the same result.")] = 1,
    bars: Annotated[
        list[Path] | None,
        typer.Option(
            "--bars",
            metavar="FILE",
            help="Parquet of recorded intraday bars; may be given more than once.",
            show_default="those in PLIMSOLL_SHARED_DATA",
        ),
    ] = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Push every limit of the governor and count breaches.

    Sessions on made-up and recorded minute bars, with models from sensible to hostile, gaps, crashes and restarts, and
    a venue that fills in parts, late, twice and too much, gets it wrong and puts it right. An independent
    ledger that does not trust the governor counts.

    Exits 3 if an order breached a limit, the governor counted less than the ledger, a limit was not approached to
    95 %, or a refusal was never seen.

    \b
    plimsoll montecarlo --sessions 200 --seed 1 --profile micro
    plimsoll montecarlo --sessions 2000 --profile micro --bars msft_intraday.parquet --json
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        with progress("sessions") as report:
            found = app.montecarlo(workspace(home, profile, policy), sessions, seed, tuple(bars or ()), report)
        if as_json:
            print_json(found)
        else:
            from plimsoll.cli.render import montecarlo

            montecarlo.show(found)
        if not found.passed:
            raise typer.Exit(EXIT_CHECK_FAILED)

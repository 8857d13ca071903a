"""``plimsoll explain``, ``risk``, ``replay``, ``report``, ``regime``, ``auction``, ``costs`` and ``audit``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import RunOption, StoreOption, governor_store
from plimsoll.cli.progress import progress
from plimsoll.cli.terminal import say
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace

audit_cli = typer.Typer(help="Check the journals of past runs.", no_args_is_help=True, rich_markup_mode=None)

OnOption = Annotated[str, typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.")]


class Slippage(StrEnum):
    """Whether a calibration takes the half-spread as the policy has it."""

    policy = "policy"
    estimated = "estimated"


@audit_cli.command("verify")
@command(render="audit.render_audit", policy=False)
def audit_verify(
    run: RunOption = None,
    *,
    where: Workspace,
    store: StoreOption = None,
) -> Answer:
    """Recompute hash chains: a run's journal, the governor's record.

    Any altered, missing or reordered record is found; exits 3 if one is. Without --run, the last run's journal and the
    governor's account: every entry of its record is computed again, held against governor.anchor, and what lies in
    governor.db against what all of them come to. The governor must not be running then.

    \b
    plimsoll audit verify
    plimsoll audit verify --run backtest-20260105T101500 --json
    """
    report = app.audit_verify(where, run, governor_store(store))
    return Answer(report, ok=report.ok)


@audit_cli.command("repair")
@command(render="audit.render_repair", policy=False)
def audit_repair(
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again without entries that are lost; reductions only at first.")
    ] = False,
    person: Annotated[
        str | None, typer.Option("--person", metavar="P", help="Who signs, where keys are trusted.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Their private key.")] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the signature.")] = "",
    *,
    where: Workspace,
) -> object:
    """Mend a governor's account that was lost or altered.

    State and facts are derived again from the record where that is whole and reaches governor.anchor. Where entries are
    lost it exits 3 and says how many; with --restart the account begins again from those that are left, and only
    reductions pass until the venue's snapshot was told and another session has begun. What was damaged is moved
    aside. A live account, and any whose keys are trusted, needs a signature.

    \b
    plimsoll audit repair
    plimsoll audit repair --restart --person ann --key ann.key --reason "disk failed, snapshot taken"
    """
    if (person is None) != (key is None):
        raise UsageError("a signature needs --person and --key", "Give both, or neither")
    if os.environ.get("PLIMSOLL_GOVERNOR_STORE"):
        raise UsageError("the account lies in a Redis server", "Restore the server's append-only file from a copy")
    return app.account_repair(where, person, key, reason, restart=restart)


@command()
def explain(
    on: OnOption,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="S", help="One symbol's whole chain, traded or not.")
    ] = None,
    run: RunOption = None,
    *,
    where: Workspace,
) -> object:
    """Say why a symbol was or was not traded.

    Link by link: data, forecast, bid, limits and their prices, gates, order and fill.

    Without --symbol, the session in a page. The run's own policy is used; --profile and --policy serve runs that
    were made before policies were stored.

    \b
    plimsoll explain --on 2020-03-16
    plimsoll explain --on 2020-03-16 --symbol SPY
    plimsoll explain --on 2020-03-16 --symbol BTC-USD --json
    """
    told = app.explain(where, on, symbol, run)
    return Answer(told, render="past_session.render_session" if symbol is None else "past_session.render_chain")


@command(render="risk.render_risk")
def risk(
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.", show_default="the last one decided"),
    ] = None,
    run: RunOption = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit 3 if what is held is above a limit that binds it, unmeasured or without a bar.",
        ),
    ] = False,
    *,
    where: Workspace,
) -> Answer:
    """Show how far a run's book is from every limit.

    The closest limit first, then the tail by four estimators, each position's part of it, and how far the account may
    fall before each rung of the ladder fires. The book is the one held at the close, the orders those decided then.

    Limits of increases alone may be passed by drift without a breach; --check counts the others, what is unknown, and
    holdings without a bar of that session.

    \b
    plimsoll risk
    plimsoll risk --on 2020-03-16 --json
    plimsoll risk --run backtest-20260105T101500 --check
    """
    found = app.risk(where, on, run)
    return Answer(found, ok=found.inside or not check)


@command(render="past_session.render_replay")
def replay(
    on: OnOption,
    run: RunOption = None,
    *,
    where: Workspace,
) -> Answer:
    """Decide a past session again and compare the bytes.

    From snapshot, policy and journal alone; what comes out is compared with the journal.

    Where the code has changed since, the decision is compared without its hash. Exits 3 if the decision differs.

    \b
    plimsoll replay --on 2020-03-16
    plimsoll replay --on 2020-03-16 --run backtest-20260105T101500 --json
    """
    found = app.replay(where, on, run)
    return Answer(found, ok=found.same_decision and found.same_morning)


@command(render=lambda written: say(written["path"]))
def report(
    run: RunOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where to write it.", show_default="reports/<run>.html of the home"
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    hurdles: Annotated[
        bool, typer.Option("--hurdles", help="Run the span again at five prices of risk: five more backtests.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FOLDER", help="Write its tables there too, one CSV file each."),
    ] = None,
    *,
    where: Workspace,
) -> object:
    """Write a run's report as one HTML file.

    It needs no network and holds every figure, limit, refusal and assumption.

    The run's own policy is used; --profile and --policy serve runs that were made before policies were stored.

    \b
    plimsoll report --open
    plimsoll report --run backtest-20260105T101500 --output report.html
    plimsoll report --csv tables
    """
    with progress("hurdles") as said:
        path = app.report(where, run, output, hurdles=hurdles, csv=csv, progress=said)
    if show:
        typer.launch(path.absolute().as_uri())
    return {"path": str(path), "bytes": path.stat().st_size}


@command(render="auction.render_auction")
def auction(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The problem, .json or .npz.")],
) -> Answer:
    """Solve a capital auction from a file and explain it.

    Each bid's weight and what keeps it from more, each limit with its shadow price, and an independent check.

    Exits 1 if the problem is malformed, 3 if no allocation meets its limits and the book could only be scaled.

    \b
    plimsoll auction examples/auction.json
    plimsoll auction problem.npz --json
    """
    found = app.auction(file)
    return Answer(found, ok=found.solved)


@command(render="costs.render_costs")
def costs(
    run: RunOption = None,
    fills: Annotated[
        Path | None, typer.Option("--fills", metavar="FILE", help="Fills of your own account, .csv or .parquet.")
    ] = None,
    slippage: Annotated[
        Slippage, typer.Option("--slippage", help="Take the policy's half-spread, or estimate a multiple of it.")
    ] = Slippage.policy,
    *,
    where: Workspace,
) -> object:
    """Compare expected with realised cost and calibrate impact.

    Each order's cost by part (delay, slippage, impact, commission), by symbol and regime, and the coefficient of the
    square-root impact that the fills show, with its error. Nothing is applied: it prints what to put into a policy.

    FILE has the columns symbol, side, qty, price, arrival (the market's price when the order was released) and time,
    and may have reference (the price decided on), commission, adv (USD a day), sigma (volatility of a day, a fraction),
    kind, regime and order, which joins partial fills. What it leaves out comes from the home's snapshot.

    \b
    plimsoll costs
    plimsoll costs --fills my_fills.csv --slippage estimated
    plimsoll costs --run backtest-20260105T101500 --json
    """
    return app.costs(where, run, fills, estimate_slippage=slippage is Slippage.estimated)


@command(render="regime.render_regime")
def regime(
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.", show_default="the last one")
    ] = None,
    *,
    where: Workspace,
) -> object:
    """Show the regime's probabilities and how they fared.

    From the certified snapshot alone: belief in normal, volatile and crisis, the outlook, the VIX behind it and its
    age, the transition matrices, and the scores of every forecast since the first VIX close. With --on, as of then.

    \b
    plimsoll regime
    plimsoll regime --on 2020-03-16 --json
    """
    return app.regime(where, on)

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

audit_cli = typer.Typer(help="Check journals and the governor's record.", no_args_is_help=True, rich_markup_mode=None)

OnOption = Annotated[str, typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.")]


class Slippage(StrEnum):
    """Whether a calibration uses the policy's half-spread or estimates it."""

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
    """Verify hash chains: a run's journal, the governor's record.

    Finds any altered, missing or reordered record; exits 3 if there is one. Without --run, checks the last run's
    journal and the governor's account: every entry of its record is recomputed and checked against governor.anchor, and
    governor.db against the result. The governor must not be running then.

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
        bool, typer.Option("--restart", help="Restart without the lost entries; reductions only at first.")
    ] = False,
    person: Annotated[
        str | None, typer.Option("--person", metavar="P", help="The signer, where keys are trusted.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The signer's private key.")] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; kept with the signature.")] = "",
    *,
    where: Workspace,
) -> object:
    """Repair a lost or altered governor's account.

    State and facts are rebuilt from the record where it is complete and reaches governor.anchor. Where entries are
    lost it exits 3 with their number; with --restart the account restarts from the remaining ones, and only reductions
    pass until a snapshot of the venue has been reported and another session has begun. Damaged files are moved aside.
    A live account, and any with trusted keys, needs a signature.

    \b
    plimsoll audit repair
    plimsoll audit repair --restart --person ann --key ann.key --reason "disk failed, snapshot taken"
    """
    if (person is None) != (key is None):
        raise UsageError("a signature needs --person and --key", "Give both, or neither")
    if os.environ.get("PLIMSOLL_GOVERNOR_STORE"):
        raise UsageError("the account is stored in a Redis server", "Restore the server's append-only file from a copy")
    return app.account_repair(where, person, key, reason, restart=restart)


@command()
def explain(
    on: OnOption,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="S", help="All steps for one symbol, traded or not.")
    ] = None,
    run: RunOption = None,
    *,
    where: Workspace,
) -> object:
    """Explain why a symbol was or was not traded.

    Step by step: data, forecast, bid, limits and their prices, gates, order and fill.

    Without --symbol, the session on one page. The run's own policy is used; --profile and --policy are for runs made
    before policies were stored.

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
            help="Exit 3 if a position breaches a limit, is unmeasured or has no bar.",
        ),
    ] = False,
    *,
    where: Workspace,
) -> Answer:
    """Show how far a run's portfolio is from every limit.

    The closest limit first, then CVaR by four estimators, each position's contribution, and how far the account may
    fall before each rung of the drawdown ladder fires. Positions are those at the close, orders those decided then.

    Limits on increases only may be passed by drift without a breach; --check counts the others, unknown figures, and
    positions without a bar of that session.

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

    Uses only snapshot, policy and journal; the result is compared with the journal.

    Where the code has changed since, the decision is compared without the code hash. Exits 3 if the decision differs.

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
        typer.Option("--output", metavar="FILE", help="Output file.", show_default="reports/<run>.html of the home"),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    hurdles: Annotated[
        bool, typer.Option("--hurdles", help="Repeat the span at five values of the risk price: five more backtests.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FOLDER", help="Also write its tables there, one CSV file each."),
    ] = None,
    *,
    where: Workspace,
) -> object:
    """Write a run's report as one HTML file.

    It needs no network and contains every figure, limit, refusal and assumption.

    The run's own policy is used; --profile and --policy are for runs made before policies were stored.

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
    """Solve a capital auction from a file and explain the result.

    Shows each bid's weight and the reason it is not larger, each limit's shadow price, and an independent check.

    Exits 1 if the problem is malformed, 3 if no allocation meets its limits and positions could only be scaled.

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
        Slippage, typer.Option("--slippage", help="Use the policy's half-spread, or estimate a multiple of it.")
    ] = Slippage.policy,
    *,
    where: Workspace,
) -> object:
    """Compare expected with realised cost and calibrate impact.

    Each order's cost by part (delay, slippage, impact, commission), by symbol and regime, and the estimated coefficient
    of the square-root impact, with its standard error. Nothing is applied: it prints the policy entry to use.

    FILE has the columns symbol, side, qty, price, arrival (market price at the order's release) and time, and may have
    reference (price at the decision), commission, adv (USD a day), sigma (volatility of a day, a fraction), kind,
    regime and order, which joins partial fills. Missing columns come from the home's snapshot.

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
    """Show the regime probabilities and their forecast accuracy.

    From the certified snapshot alone: probabilities of normal, volatile and crisis, the outlook, the latest VIX and its
    age, the transition matrices, and the scores of every forecast since the first VIX close. With --on, as of that
    date.

    \b
    plimsoll regime
    plimsoll regime --on 2020-03-16 --json
    """
    return app.regime(where, on)

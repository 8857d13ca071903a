"""``plimsoll``: the commands. Each parses, calls one function of ``plimsoll.app`` and prints what it returns.

Only typer is imported here, so that ``--help`` answers at once; everything else is imported by the command that
needs it.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll import __version__
from plimsoll.cli.account import approve_cli, keys_cli, limits_cli, sla
from plimsoll.cli.confirming import confirm
from plimsoll.cli.failing import INTERRUPTED, Told, hold_streams, reported
from plimsoll.cli.model_commands import model_cli
from plimsoll.cli.options import (
    BenchmarkOption,
    CapitalOption,
    CostsOption,
    EndOption,
    HomeOption,
    JsonOption,
    KeepGoingOption,
    LifecycleOption,
    Operator,
    OperatorOption,
    PolicyOption,
    ProfileOption,
    RunOption,
    SnapshotOption,
    StartOption,
    StrategyOption,
    TagOption,
)
from plimsoll.cli.options import print_json as _print_json
from plimsoll.cli.options import workspace as _workspace
from plimsoll.cli.run_commands import compare, resume, runs_cli
from plimsoll.core.errors import EXIT_CHECK_FAILED, EXIT_ERROR

if TYPE_CHECKING:
    from plimsoll.app import Workspace

cli = typer.Typer(
    name="plimsoll",
    cls=Told,
    help="A risk-governed systematic trading system: certified data, an exact mean-CVaR capital auction, gates, "
    "vetoes, and a journal that proves every decision.",
    epilog="State lives under --home (default runtime/). Exit codes: 0 done, 1 error, 2 usage, 3 a check failed, "
    "4 halted.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
verify_cli = typer.Typer(help="Check what is in the home.", no_args_is_help=True, rich_markup_mode=None)
audit_cli = typer.Typer(help="Check the journals of past runs.", no_args_is_help=True, rich_markup_mode=None)
config_cli = typer.Typer(help="Show the policy and its schema.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(verify_cli, name="verify")
cli.add_typer(audit_cli, name="audit")
cli.add_typer(config_cli, name="config")
new_cli = typer.Typer(help="Write a file to begin with.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(new_cli, name="new")
cli.add_typer(limits_cli, name="limits")
cli.add_typer(keys_cli, name="keys")
cli.add_typer(approve_cli, name="approve")
cli.command("sla")(sla)
cli.command("confirm")(confirm)
cli.add_typer(model_cli, name="model")
cli.add_typer(runs_cli, name="runs")
cli.command("compare")(compare)
cli.command("resume")(resume)


class Provider(StrEnum):
    """Where bars come from in this version."""

    files = "files"
    synthetic = "synthetic"


class Mode(StrEnum):
    """How a session trades."""

    paper = "paper"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


@cli.callback()
def root(
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", envvar="PLIMSOLL_HOME", help="Folder of data, snapshots and journals."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options before the command."""


@cli.command()
def ingest(
    provider: Annotated[Provider, typer.Option("--provider", help="files, or synthetic for a made-up market.")],
    source: Annotated[
        str,
        typer.Option(
            "--source", metavar="PATH", help="CSV or Parquet file, or a folder; synthetic: its recipe [core]."
        ),
    ] = "",
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="S", help="Symbol of a file without a symbol column.")
    ] = None,
    universe: Annotated[
        Path | None, typer.Option("--universe", metavar="FILE", help="JSON or YAML file of the symbols allowed.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    tickers: Annotated[
        str | None, typer.Option("--tickers", metavar="A,B", help="Only these symbols of the source.")
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(
            "--dates",
            metavar="FORM",
            help="How dates are written, where the file leaves it open: ymd, dmy, mdy, epoch-s, epoch-ms, epoch-us, "
            "epoch-ns, excel, or a format such as %d.%m.%y.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=HEADER,...",
            help="What columns are, where their names do not say it: close=Last,date=Trade Date; ignore=HEADER leaves "
            "one out. For a file without header the roles in order: date,open,high,low,close,volume.",
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option("--decimal", metavar="SIGN", help="point or comma, where the file leaves it open."),
    ] = None,
    source_id: Annotated[
        str | None,
        typer.Option("--source-id", metavar="NAME", help="Name of this source: its rows restate only their own."),
    ] = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read market data into the home and certify it.

    What is published is the snapshot that everything else reads. A repeated run changes nothing; an interrupted one
    is taken up where it stopped. Exits 1 when any symbol or file asked for could not be read; the others are in.

    \b
    plimsoll ingest --provider synthetic
    plimsoll ingest --provider files --source etf_daily.parquet
    plimsoll ingest --provider files --source vix.csv --symbol ^VIX
    plimsoll ingest --provider files --source broker.csv --symbol SPY --dates dmy --columns "close=Last,date=Trade Date"
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import named_progress
        from plimsoll.market.request import IngestRequest

        request = IngestRequest(
            provider=provider.value,
            source=source or ("core" if provider is Provider.synthetic else ""),
            symbol=symbol,
            universe=None if universe is None else str(universe),
            start=start,
            end=end,
            tickers=_names(tickers),
            dates=dates,
            columns=columns,
            decimal=decimal,
            source_id=source_id,
        )
        with named_progress() as progress:
            done = app.ingest(_workspace(home, profile, policy), request, progress)
        if as_json:
            _print_json(done)
        else:
            from plimsoll.cli import tables

            tables.ingested(done)
        if done.failures:
            raise typer.Exit(EXIT_ERROR)


def _names(tickers: str | None) -> tuple[str, ...]:
    """The symbols of ``--tickers``; an option without any is a mistake, not a wish for all."""
    from plimsoll.core.errors import UsageError

    names = tuple(t.strip() for t in (tickers or "").split(",") if t.strip())
    if tickers is not None and not names:
        raise UsageError(
            f"--tickers {tickers!r} names no symbol", "Give names such as SPY,GLD, or leave it out for all"
        )
    return names


@verify_cli.command("status")
def verify_status(
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="By what was known on this date; default: all there is."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each symbol's certification and why.

    \b
    plimsoll verify status
    plimsoll verify status --as-of 2019-12-31
    plimsoll verify status --json
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.verify_status(_workspace(home), as_of)
        if as_json:
            _print_json(shown)
        else:
            from plimsoll.cli import tables

            tables.status(shown)


@verify_cli.command("sources")
def verify_sources(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Hold the kept bytes of every source file against the hash they were read with; exits 3 where one differs.

    The bytes themselves are at the path shown, compressed with gzip.

    \b
    plimsoll verify sources
    plimsoll verify sources --json
    """
    with reported(as_json):
        from plimsoll import app

        found = app.verify_sources(_workspace(home))
        if as_json:
            _print_json({"sources": found})
        else:
            from plimsoll.cli import tables

            tables.sources(found)
        if any(one.state in ("damaged", "lost") for one in found):
            raise typer.Exit(EXIT_CHECK_FAILED)


@cli.command()
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

        where = _run_workspace(
            home, profile, policy, strategy, capital, operator, lifecycle, benchmark, snapshot, costs
        )
        with progress("backtest") as report:
            result = app.backtest(where, start=start, end=end, keep_going=keep_going, tag=tag, progress=report)
        if as_json:
            _print_json(result)
        else:
            from plimsoll.cli import tables

            tables.backtest(result)


@cli.command()
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

    \b
    plimsoll trade --mode paper --recorded --start 2025-01-02 --end 2025-12-31
    plimsoll trade --mode paper --recorded --resume paper-20260105T101500
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress
        from plimsoll.core.errors import UsageError

        if not recorded:
            raise UsageError(
                f"--mode {mode.value} without --recorded needs a live feed, which is not there yet", "Add --recorded"
            )
        where = _run_workspace(
            home, profile, policy, strategy, capital, operator, lifecycle, benchmark, snapshot, costs
        )
        with progress("paper session") as report:
            result = app.trade_recorded(
                where,
                start=start,
                end=end,
                restart_every=restart_every,
                resume=resume,
                keep_going=keep_going,
                tag=tag,
                progress=report,
            )
        if as_json:
            _print_json(result)
        else:
            from plimsoll.cli import tables

            tables.backtest(result)


@cli.command()
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

        where = _run_workspace(home, profile, policy, strategy, capital, operator)
        with progress("ablation") as report:
            outcomes = app.ablation(where, start=start, end=end, jobs=jobs, progress=report)
        if as_json:
            _print_json(outcomes)
        else:
            from plimsoll.cli import tables

            tables.ablation(outcomes)


@audit_cli.command("verify")
def audit_verify(
    run: RunOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute a journal's hash chain.

    Any altered, missing or reordered record is found; exits 3 if one is.

    \b
    plimsoll audit verify
    plimsoll audit verify --run backtest-20260105T101500 --json
    """
    with reported(as_json):
        from plimsoll import app

        report = app.audit_verify(_workspace(home), run)
        if as_json:
            _print_json(report)
        else:
            from plimsoll.cli import tables

            tables.audit(report)
        if not report.ok:
            raise typer.Exit(EXIT_CHECK_FAILED)


@cli.command()
def providers(as_json: JsonOption = False) -> None:
    """Show what each data provider can do and which one is routed to.

    \b
    plimsoll providers
    POLYGON_ENABLED=true plimsoll providers --json
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.providers(dict(os.environ))
        if as_json:
            _print_json(shown)
        else:
            from plimsoll.cli import tables

            tables.providers(shown)


OnOption = Annotated[str, typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.")]


@cli.command()
def explain(
    on: OnOption,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="S", help="One symbol's whole chain, traded or not.")
    ] = None,
    run: RunOption = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a symbol was or was not traded.

    Link by link: data, forecast, bid, limits and their prices, gates, order and fill.

    Without --symbol, the session in a page. The run's own policy is used; --profile and --policy serve runs that
    were made before policies were stored.

    \b
    plimsoll explain --on 2020-03-16
    plimsoll explain --on 2020-03-16 --symbol SPY
    plimsoll explain --on 2020-03-16 --symbol BTC-USD --json
    """
    with reported(as_json):
        from plimsoll import app

        told = app.explain(_workspace(home, profile, policy), on, symbol, run)
        if as_json:
            _print_json(told)
        else:
            from plimsoll.cli import hindsight

            hindsight.explained(told, one=symbol is not None)


@cli.command()
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
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
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
    with reported(as_json):
        from plimsoll import app

        found = app.risk(_workspace(home, profile, policy), on, run)
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import exposed

            exposed.show(found)
        if check and not found.inside:
            raise typer.Exit(EXIT_CHECK_FAILED)


@cli.command()
def replay(
    on: OnOption,
    run: RunOption = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide a past session again and compare the bytes.

    From snapshot, policy and journal alone; what comes out is compared with the journal.

    Where the code has changed since, the decision is compared without its hash. Exits 3 if the decision differs.

    \b
    plimsoll replay --on 2020-03-16
    plimsoll replay --on 2020-03-16 --run backtest-20260105T101500 --json
    """
    with reported(as_json):
        from plimsoll import app

        result = app.replay(_workspace(home, profile, policy), on, run)
        if as_json:
            _print_json(result)
        else:
            from plimsoll.cli import hindsight

            hindsight.replayed(result)
        if not (result.same_decision and result.same_morning):
            raise typer.Exit(EXIT_CHECK_FAILED)


@cli.command()
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
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's report as one HTML file.

    It needs no network and holds every figure, limit, refusal and assumption.

    The run's own policy is used; --profile and --policy serve runs that were made before policies were stored.

    \b
    plimsoll report --open
    plimsoll report --run backtest-20260105T101500 --output report.html
    plimsoll report --csv tables
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        with progress("hurdles") as told:
            path = app.report(_workspace(home, profile, policy), run, output, hurdles=hurdles, csv=csv, progress=told)
        if as_json:
            _print_json({"path": str(path), "bytes": path.stat().st_size})
        else:
            typer.echo(path)
        if show:
            typer.launch(path.absolute().as_uri())


@config_cli.command("show")
def config_show(
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every policy value with unit, rule and origin.

    Then how often a year each rung of the drawdown ladder is expected to fire.

    \b
    plimsoll config show --profile institutional
    plimsoll config show --policy mine.yaml --json
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.config_show(_workspace(home, profile, policy))
        if as_json:
            _print_json(shown)
        else:
            from plimsoll.cli import tables

            tables.config(shown)


@config_cli.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of a policy file.

    \b
    plimsoll config schema > policy.schema.json
    """
    with reported(False):
        from plimsoll import app

        _print_json(app.config_schema())


@cli.command()
def demo(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="Folder of the made-up market.", show_default="demo")
    ] = None,
) -> None:
    """Show every stage once, offline, on a made-up market.

    Makes the market up, certifies and backtests it, trades a year of it on paper, explains a trade and a refusal,
    writes the report and verifies the journals: a minute or so. A home with real data is refused.

    \b
    plimsoll demo
    plimsoll demo --home /tmp/look-around
    """
    with reported(False):
        from plimsoll.cli.demo import play

        play(home or context.find_root().params.get("home") or Path("demo"))


@cli.command()
def auction(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The problem, .json or .npz.")],
    as_json: JsonOption = False,
) -> None:
    """Solve a capital auction from a file and explain it.

    Each bid's weight and what keeps it from more, each limit with its shadow price, and an independent check.

    Exits 1 if the problem is malformed, 3 if no allocation meets its limits and the book could only be scaled.

    \b
    plimsoll auction examples/auction.json
    plimsoll auction problem.npz --json
    """
    with reported(as_json):
        from plimsoll import app

        found = app.auction(file)
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import auctioned

            auctioned.show(found)
        if not found.solved:
            raise typer.Exit(EXIT_CHECK_FAILED)


class Slippage(StrEnum):
    """Whether a calibration takes the half-spread as the policy has it."""

    policy = "policy"
    estimated = "estimated"


@cli.command()
def costs(
    run: RunOption = None,
    fills: Annotated[
        Path | None, typer.Option("--fills", metavar="FILE", help="Fills of your own account, .csv or .parquet.")
    ] = None,
    slippage: Annotated[
        Slippage, typer.Option("--slippage", help="Take the policy's half-spread, or estimate a multiple of it.")
    ] = Slippage.policy,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
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
    with reported(as_json):
        from plimsoll import app

        found = app.costs(
            _workspace(home, profile, policy), run, fills, estimate_slippage=slippage is Slippage.estimated
        )
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import costed

            costed.show(found)


@cli.command()
def regime(
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The session, YYYY-MM-DD.", show_default="the last one")
    ] = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the regime's probabilities and how they fared.

    From the certified snapshot alone: belief in normal, volatile and crisis, the outlook, the VIX behind it and its
    age, the transition matrices, and the scores of every forecast since the first VIX close. With --on, as of then.

    \b
    plimsoll regime
    plimsoll regime --on 2020-03-16 --json
    """
    with reported(as_json):
        from plimsoll import app

        found = app.regime(_workspace(home, profile, policy), on)
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import regimes

            regimes.show(found)


@cli.command()
def govern(
    live: Annotated[
        bool, typer.Option("--live", help="Govern a live account: its limits must be signed, else exit 4.")
    ] = False,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Redis server of the account, else PLIMSOLL_GOVERNOR_STORE, else the home."),
    ] = None,
) -> None:
    """Decide which orders may leave an account, line by line.

    Reads JSON lines on standard input (session, quote, intent, fill, cancel, reject, status) and answers each with
    one line at once. Every accepted change is durable before its answer, so the process can be killed between any
    two lines and started again. Orders that wait on standard input are decided on together, up to governor.batch. The
    dollar caps are those of limits.json in the home, which a paper account gets on its first use; what changes them is
    'plimsoll limits sign'.

    The account lies in the home, where one process holds it, or in a Redis server, where several may share it. A
    password belongs into the address in PLIMSOLL_GOVERNOR_STORE, not on the command line.

    \b
    plimsoll govern --profile micro < orders.jsonl
    plimsoll govern --profile micro --store redis://127.0.0.1:6379/0 < orders.jsonl
    """
    with reported(False):
        from plimsoll import app
        from plimsoll.operate.govern import refuse_secret, waiting

        def note(words: str) -> None:
            typer.echo(f"note: {words}", err=True)

        refuse_secret(store)
        where = store or os.environ.get("PLIMSOLL_GOVERNOR_STORE") or None
        with app.governed(_workspace(home, profile, policy), where, live=live, tell=note) as protocol:
            typed: Any = sys.stdin.buffer
            for lines in waiting(typed.read1):
                for answer in protocol.answer(lines):
                    sys.stdout.write(answer + "\n")
                sys.stdout.flush()


@cli.command()
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
    a venue that fills in parts, late, twice and too much. An accountant who does not trust the governor counts.

    Exits 3 if an order breached a limit, a limit was not approached to 95 %, or a refusal was never seen.

    \b
    plimsoll montecarlo --sessions 200 --seed 1 --profile micro
    plimsoll montecarlo --sessions 2000 --profile micro --bars msft_intraday.parquet --json
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        with progress("sessions") as report:
            found = app.montecarlo(_workspace(home, profile, policy), sessions, seed, tuple(bars or ()), report)
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import odds

            odds.show(found)
        if not found.passed:
            raise typer.Exit(EXIT_CHECK_FAILED)


@cli.command()
def doctor(
    home: HomeOption = None, profile: ProfileOption = None, policy: PolicyOption = None, as_json: JsonOption = False
) -> None:
    """Check the environment, the home, its data and clock.

    Exits 3 if a check fails; changes nothing.

    \b
    plimsoll doctor
    plimsoll doctor --json
    """
    with reported(as_json):
        from plimsoll import app

        found = app.doctor(_workspace(home, profile, policy))
        if as_json:
            _print_json(found)
        else:
            from plimsoll.cli import tables

            tables.diagnosis(found)
        if not found.ok:
            raise typer.Exit(EXIT_CHECK_FAILED)


@new_cli.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as my_trend; the file is NAME.py.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to write into.")] = Path(),
    weights: Annotated[bool, typer.Option("--weights", help="One that returns target weights, not forecasts.")] = False,
) -> None:
    """Write a commented strategy of your own that runs as it is.

    \b
    plimsoll new strategy my_trend
    plimsoll new strategy my_mix --weights
    plimsoll backtest --strategy my_trend.py
    """
    with reported(False):
        from plimsoll import app

        path = app.new_strategy(name, output, weights=weights)
        typer.echo(f"wrote {path}")
        typer.echo(f"try   plimsoll backtest --strategy {path}")


def _run_workspace(
    home: Path | None,
    profile: str | None,
    policy: list[Path] | None,
    strategy: list[str] | None,
    capital: float | None,
    operator: Operator | None,
    lifecycle: bool = False,
    benchmark: str | None = None,
    snapshot: str = "",
    costs: str | None = None,
) -> Workspace:
    """The workspace of a run: what the command line says is the policy's last layer, so its hash names it."""
    changes: dict[str, object] = {
        "strategies.enabled": strategy or None,
        "account.capital": capital,
        "backtest.operator": None if operator is None else operator.value,
        "lifecycle.enabled": lifecycle or None,
        "backtest.benchmark": benchmark,
        "costs.preset": costs,
    }
    from dataclasses import replace

    return replace(_workspace(home, profile, policy, **changes), snapshot=snapshot)


def main() -> None:
    """Entry point of the ``plimsoll`` command."""
    hold_streams()
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)

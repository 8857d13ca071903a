"""``plimsoll ingest``, ``verify`` and ``providers``: market data into the home, and its certification."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import EndOption, StartOption
from plimsoll.cli.progress import named_progress
from plimsoll.core.errors import EXIT_ERROR, UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace

verify_cli = typer.Typer(help="Check the data in the home.", no_args_is_help=True, rich_markup_mode=None)


@command(render="data.render_ingest")
def ingest(
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="files, or synthetic for a generated market; default: chosen by routing.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source", metavar="PATH", help="CSV or Parquet file, or a folder; for synthetic: its recipe [core]."
        ),
    ] = "",
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="S", help="Symbol of a file without a symbol column.")
    ] = None,
    universe: Annotated[
        Path | None, typer.Option("--universe", metavar="FILE", help="JSON or YAML file of the allowed symbols.")
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
            help="Date format, where the file is ambiguous: ymd, dmy, mdy, epoch-s, epoch-ms, epoch-us, "
            "epoch-ns, excel, or a format such as %d.%m.%y.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=HEADER,...",
            help="Roles of columns with other names: close=Last,date=Trade Date; ignore=HEADER leaves "
            "one out. For a file without header the roles in order: date,open,high,low,close,volume.",
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option("--decimal", metavar="SIGN", help="point or comma, where the file is ambiguous."),
    ] = None,
    source_id: Annotated[
        str | None,
        typer.Option("--source-id", metavar="NAME", help="Name of this source; its rows replace only its own."),
    ] = None,
    *,
    where: Workspace,
) -> Answer:
    """Read market data into the home and certify it.

    Publishes the snapshot that all later commands read. A repeated run changes nothing; an interrupted one continues
    where it stopped. Exits 1 when any requested symbol or file could not be read; the others are ingested.

    \b
    plimsoll ingest --provider synthetic
    plimsoll ingest --provider files --source etf_daily.parquet
    plimsoll ingest --source etf_daily.parquet
    plimsoll ingest --provider files --source vix.csv --symbol ^VIX
    plimsoll ingest --provider files --source broker.csv --symbol SPY --dates dmy --columns "close=Last,date=Trade Date"
    """
    from plimsoll.market.request import IngestRequest

    request = IngestRequest(
        provider=provider,
        source=source,
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
        done = app.ingest(where, request, progress)
    return Answer(done, ok=not done.failures, failure=EXIT_ERROR)


def _names(tickers: str | None) -> tuple[str, ...]:
    """The symbols of ``--tickers``; the option without any is an error."""
    names = tuple(t.strip() for t in (tickers or "").split(",") if t.strip())
    if tickers is not None and not names:
        raise UsageError(
            f"--tickers {tickers!r} names no symbol", "Give names such as SPY,GLD, or leave it out for all"
        )
    return names


@verify_cli.command("status")
@command(render="data.render_status", policy=False)
def verify_status(
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="As known on this date; default: all data."),
    ] = None,
    *,
    where: Workspace,
) -> object:
    """Show each symbol's certification and why.

    \b
    plimsoll verify status
    plimsoll verify status --as-of 2019-12-31
    plimsoll verify status --json
    """
    return app.verify_status(where, as_of)


@verify_cli.command("sources")
@command(render="data.render_sources", policy=False)
def verify_sources(*, where: Workspace) -> Answer:
    """Verify the archived source files against their checksums.

    Exits 3 where an archived file has changed. The files are at the paths shown, compressed with gzip.

    \b
    plimsoll verify sources
    plimsoll verify sources --json
    """
    found = app.verify_sources(where)
    return Answer({"sources": found}, ok=not any(one.state in ("damaged", "lost") for one in found))


@command(render="data.render_providers")
def providers() -> object:
    """Show the data providers and which one is chosen.

    Implemented providers are checked for availability.

    \b
    plimsoll providers
    POLYGON_ENABLED=true plimsoll providers --json
    """
    return app.providers(dict(os.environ))

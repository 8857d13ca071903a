"""``plimsoll tax``: Form 8949 of a year, its totals, and the lots that remain (X8)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace

tax_cli = typer.Typer(help="Tax of trades; not tax advice.", no_args_is_help=True, rich_markup_mode=None)


class Method(StrEnum):
    """Which lots of a position are sold first."""

    fifo = "fifo"
    lifo = "lifo"
    hifo = "hifo"
    specific = "specific"


@tax_cli.command("8949")
@command(render="tax.render_8949")
def form_8949(
    year: Annotated[int, typer.Option("--year", min=2011, max=2200, metavar="Y", help="The tax year.")],
    trades: Annotated[
        Path | None,
        typer.Option("--trades", metavar="FILE", help="CSV of your trades.", show_default="the fills of --run"),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="A run whose fills are taken.", show_default="the last")
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="Which lots are sold first.")] = Method.fifo,
    received: Annotated[
        Path | None, typer.Option("--received", metavar="FILE", help="CSV of the forms 1099-B and 1099-DA received.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="JSON of rules that differ from the shipped ones.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    as_pdf: Annotated[bool, typer.Option("--pdf", help="Write the form as PDF to standard output.")] = False,
    *,
    where: Workspace,
) -> Answer:
    """Work out Form 8949 of a year, with wash sales.

    Trades are a CSV with the columns account, account_type (taxable or ira), date, symbol, kind (stock, etf, fund,
    crypto, tokenised_security, ...), side (buy, sell, reinvest, split, transfer), quantity, price, fee; optional are
    id, order, lots, instructed, to. Give all accounts, and all years since the first purchase of what you hold: a
    purchase in another account, or in January, can make a loss a wash sale.

    What is not covered (options, section 1256 contracts, partnerships, short sales) is listed, never guessed. This is
    not tax advice.

    \b
    plimsoll tax 8949 --year 2025 --trades trades.csv
    plimsoll tax 8949 --year 2025 --trades trades.csv --received forms.csv --method hifo --json
    plimsoll tax 8949 --year 2025 --trades trades.csv --csv > form-8949.csv
    plimsoll tax 8949 --year 2025 --trades trades.csv --pdf > form-8949.pdf
    """
    if as_csv and as_pdf:
        raise UsageError("--csv and --pdf were both given", "Choose one")
    found = app.form_8949(where, year, trades=trades, run=run, method=method.value, received=received, rules=rules)
    shown = "tax.print_pdf" if as_pdf else "tax.print_csv" if as_csv else None
    return Answer(found, render=shown)

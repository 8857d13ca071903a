"""``plimsoll confirm``: a named person confirms a price jump (D10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace


@command(render="data.render_confirmed")
def confirm(
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Whose jump.")] = None,
    date: Annotated[str | None, typer.Argument(metavar="DATE", help="The session of the jump, YYYY-MM-DD.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Name of the person who confirms it.")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is genuine, with the source.")] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke a confirmation.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show every confirmation and revocation.")] = False,
    *,
    where: Workspace,
) -> object:
    """Confirm that a flagged price jump is genuine.

    It then no longer blocks trading. The record names the person and is never erased; --revoke adds another that
    cancels it. A new snapshot is published with it. A date without a jump is refused, with a list of the jumps.

    \b
    plimsoll confirm GL 2024-04-11 --by "A. Person" --reason "short report, press of the day"
    plimsoll confirm GL 2024-04-11 --revoke --by "A. Person" --reason "wrong symbol"
    plimsoll confirm --list
    """
    if show:
        return Answer(app.confirmations(where), render="data.render_confirmations")
    if symbol is None or date is None:
        raise UsageError("confirm needs a symbol and a date", "Give SYMBOL DATE, or --list")
    return app.confirm(where, symbol, date, person=by, reason=reason, revoke=revoke)

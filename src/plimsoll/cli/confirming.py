"""``plimsoll confirm``: a named person explains a jump (D10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import HomeOption, JsonOption, PolicyOption, ProfileOption, print_json, workspace
from plimsoll.cli.terminal import say
from plimsoll.core.errors import one_line

if TYPE_CHECKING:
    from plimsoll.core.bars import Confirmation
    from plimsoll.market.confirm import Confirmed


def confirm(
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Whose jump.")] = None,
    date: Annotated[str | None, typer.Argument(metavar="DATE", help="The session of the jump, YYYY-MM-DD.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who vouches for it.")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is real, and where it is told.")] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Take a confirmation back.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show every confirmation and revocation.")] = False,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a jump of a symbol, so that it bars nothing any more.

    The record names the person and is never erased; --revoke adds another that takes it back. A new snapshot is
    published with it. A date without a jump is refused, with the jumps there are.

    \b
    plimsoll confirm GL 2024-04-11 --by "A. Person" --reason "short report, press of the day"
    plimsoll confirm GL 2024-04-11 --revoke --by "A. Person" --reason "wrong symbol"
    plimsoll confirm --list
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.core.errors import UsageError

        where = workspace(home, profile, policy)
        if show:
            records = app.confirmations(where)
            print_json(records) if as_json else _listed(records)
            return
        if symbol is None or date is None:
            raise UsageError("confirm needs a symbol and a date", "Give SYMBOL DATE, or --list")
        done = app.confirm(where, symbol, date, person=by, reason=reason, revoke=revoke)
        print_json(done) if as_json else _told(done)


def _listed(records: tuple[Confirmation, ...]) -> None:
    if not records:
        say("no jump was ever confirmed here")
    for one in records:
        act = "confirmed" if one.act == "confirm" else "revoked"
        figures = f" ({one.detail})" if one.detail else ""
        say(f"{one.symbol} {one.date} {act} by {one_line(one.person)} at {one.at}: {one_line(one.reason)}{figures}")


def _told(done: Confirmed) -> None:
    act = "confirmed" if done.record.act == "confirm" else "revoked"
    say(f"{done.record.symbol} {done.record.date} {act} by {done.record.person}: {done.record.reason}")
    why = f" ({', '.join(done.reasons)})" if done.reasons else ""
    say(f"{done.record.symbol} is {done.state}{why} in the new snapshot {done.snapshot}")

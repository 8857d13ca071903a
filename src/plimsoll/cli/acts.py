"""``plimsoll approve settle|price|position``: what a person signs of a holding or a price (R9, U6, X6)."""

from __future__ import annotations

from typing import Annotated

import typer

from plimsoll.cli.account import KeyOption, PersonOption, ReasonOption, approve_cli
from plimsoll.cli.errors import reported
from plimsoll.cli.options import HomeOption, JsonOption, print_json, workspace
from plimsoll.cli.terminal import say

SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="Of which symbol.")]


@approve_cli.command("settle")
def approve_settle(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    price: Annotated[str, typer.Option("--price", metavar="P", help="What a unit ended at, USD; 0 writes it off.")],
    qty: Annotated[
        str, typer.Option("--qty", metavar="Q", help="How much of it, negative for a short one; all by default.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle or write off a holding that has no market, signed.

    Applied once, at the governor's next start or status, or the settle message that names the entry. It pays at most
    what the holding was last believed to be worth; what it falls short of counts as the session's loss.

    \b
    plimsoll approve settle OLD --price 0 --person ann --key ann.key --reason "delisted, no payment"
    """
    _signed(as_json, home, person, key, action="settle", symbol=symbol, price=price, quantity=qty, reason=reason)


@approve_cli.command("price")
def approve_price(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    bid: Annotated[str, typer.Option("--bid", metavar="P", help="The bid that is right, USD.")],
    ask: Annotated[str, typer.Option("--ask", metavar="P", help="The ask that is right, USD.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which price of a symbol in doubt is right, signed.

    Applied once, at the governor's next start or status; a symbol that is in no doubt then is left as it is.

    \b
    plimsoll approve price MSFT --bid 39.98 --ask 40.02 --person ann --key ann.key --reason "fell on its report"
    """
    _signed(as_json, home, person, key, action="price", symbol=symbol, bid=bid, ask=ask, reason=reason)


@approve_cli.command("position")
def approve_position(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    qty: Annotated[str, typer.Option("--qty", metavar="Q", help="What is held, negative for a short position.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how much is held of a disputed symbol, signed.

    Applied once, at the governor's next start or status; a symbol that is in no dispute then is left as it is. What it
    takes away counts as the session's loss: tell the trade that explains it, where there was one.

    \b
    plimsoll approve position MSFT --qty 0.12 --person ann --key ann.key --reason "as the broker's statement says"
    """
    _signed(as_json, home, person, key, action="position", symbol=symbol, quantity=qty, reason=reason)


def _signed(as_json: bool, home: HomeOption, person: PersonOption, key: KeyOption, **act: str) -> None:
    with reported(as_json):
        from plimsoll import app

        found = app.act_approve(workspace(home), person, key, **act)
        if as_json:
            print_json(found)
        else:
            say(
                f"entry {found.number}: {found.action} {found.symbol}, signed by {person}; the governor applies it at "
                "its next start or status"
            )

"""``plimsoll approve settle|price|position``: signed decisions on a holding or a price (R9, U6, X6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.account import KeyOption, PersonOption, ReasonOption, approve_cli
from plimsoll.cli.command import Answer, command
from plimsoll.cli.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.account.signed_acts import SignedAct
    from plimsoll.app import Workspace

SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="Of which symbol.")]


@approve_cli.command("settle")
@command(policy=False)
def approve_settle(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    price: Annotated[str, typer.Option("--price", metavar="P", help="What a unit ended at, USD; 0 writes it off.")],
    qty: Annotated[
        str, typer.Option("--qty", metavar="Q", help="How much of it, negative for a short one; all by default.")
    ] = "",
    *,
    where: Workspace,
) -> Answer:
    """Settle or write off a holding that has no market, signed.

    Applied once, at the governor's next start or status, or the settle message that names the entry. It pays at most
    what the holding was last believed to be worth; what it falls short of counts as the session's loss.

    \b
    plimsoll approve settle OLD --price 0 --person ann --key ann.key --reason "delisted, no payment"
    """
    return _signed(where, person, key, action="settle", symbol=symbol, price=price, quantity=qty, reason=reason)


@approve_cli.command("price")
@command(policy=False)
def approve_price(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    bid: Annotated[str, typer.Option("--bid", metavar="P", help="The bid that is right, USD.")],
    ask: Annotated[str, typer.Option("--ask", metavar="P", help="The ask that is right, USD.")],
    *,
    where: Workspace,
) -> Answer:
    """Say which price of a symbol in doubt is right, signed.

    Applied once, at the governor's next start or status; a symbol that is in no doubt then is left as it is.

    \b
    plimsoll approve price MSFT --bid 39.98 --ask 40.02 --person ann --key ann.key --reason "fell on its report"
    """
    return _signed(where, person, key, action="price", symbol=symbol, bid=bid, ask=ask, reason=reason)


@approve_cli.command("position")
@command(policy=False)
def approve_position(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    qty: Annotated[str, typer.Option("--qty", metavar="Q", help="What is held, negative for a short position.")],
    *,
    where: Workspace,
) -> Answer:
    """Say how much is held of a disputed symbol, signed.

    Applied once, at the governor's next start or status; a symbol that is in no dispute then is left as it is. What it
    takes away counts as the session's loss: tell the trade that explains it, where there was one.

    \b
    plimsoll approve position MSFT --qty 0.12 --person ann --key ann.key --reason "as the broker's statement says"
    """
    return _signed(where, person, key, action="position", symbol=symbol, quantity=qty, reason=reason)


def _signed(where: Workspace, person: str, key: Path, **act: str) -> Answer:
    def render(found: SignedAct) -> None:
        say(
            f"entry {found.number}: {found.action} {found.symbol}, signed by {person}; the governor applies it at "
            "its next start or status"
        )

    return Answer(app.act_approve(where, person, key, **act), render=render)

"""``plimsoll approve settle|price|position``: signed decisions on a position or a price (R9, U6, X6)."""

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

SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="The symbol.")]


@approve_cli.command("settle")
@command(policy=False)
def approve_settle(
    symbol: SymbolArgument,
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    price: Annotated[str, typer.Option("--price", metavar="P", help="Settlement price a unit, USD; 0 writes it off.")],
    qty: Annotated[
        str, typer.Option("--qty", metavar="Q", help="Quantity, negative for a short position; all by default.")
    ] = "",
    *,
    where: Workspace,
) -> Answer:
    """Settle or write off a position without a market, signed.

    Applied once, at the governor's next start or status, or by the settle message that names the entry. It pays at most
    the position's last accepted value; any shortfall counts as the session's loss.

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
    bid: Annotated[str, typer.Option("--bid", metavar="P", help="The correct bid, USD.")],
    ask: Annotated[str, typer.Option("--ask", metavar="P", help="The correct ask, USD.")],
    *,
    where: Workspace,
) -> Answer:
    """Confirm the price of a symbol in doubt, signed.

    Applied once, at the governor's next start or status; without a doubt at that time it has no effect.

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
    qty: Annotated[str, typer.Option("--qty", metavar="Q", help="Correct quantity, negative for a short position.")],
    *,
    where: Workspace,
) -> Answer:
    """Confirm the position in a disputed symbol, signed.

    Applied once, at the governor's next start or status; without a dispute at that time it has no effect. A decrease
    counts as the session's loss: if a trade explains it, report the trade instead.

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

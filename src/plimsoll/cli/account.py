"""``plimsoll limits``, ``keys``, ``approve`` and ``sla``: an account's caps, size, signers and promise (H1, H7, H9)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import StoreOption, governor_store
from plimsoll.cli.terminal import say
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace

limits_cli = typer.Typer(help="Show and sign the account's dollar caps.", no_args_is_help=True, rich_markup_mode=None)
approve_cli = typer.Typer(help="Sign size steps, positions and prices.", no_args_is_help=True, rich_markup_mode=None)
keys_cli = typer.Typer(help="Manage the account's signing keys.", no_args_is_help=True, rich_markup_mode=None)

PersonOption = Annotated[str, typer.Option("--person", metavar="P", help="Who signs.")]
KeyOption = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="The signer's private key ('plimsoll keys new').")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; kept with the signature.")]
ByOption = Annotated[str, typer.Option("--by", metavar="P", help="Name of the signer.")]


@limits_cli.command("show")
@command(render="account.render_limits")
def limits_show(
    *,
    where: Workspace,
    store: StoreOption = None,
) -> object:
    """Show the dollar caps, their signer, and the caps in force.

    Without limits in the home, the initial caps of a paper account of the profile. The caps in force are those of the
    governor, in the home or in the account's Redis server. Exits 3 if limits.json or its record was altered, and names
    the difference.

    \b
    plimsoll limits show --profile micro
    plimsoll limits show --profile micro --json
    plimsoll limits show --store redis://127.0.0.1:6379/0
    """
    return app.limits_show(where, governor_store(store))


@limits_cli.command("history")
@command(render="account.render_limits_history", policy=False)
def limits_history(*, where: Workspace) -> object:
    """List every version of the caps and its signer.

    The whole record is checked; exits 3 if any of it was altered.

    \b
    plimsoll limits history
    """
    return app.limits_history(where)


@limits_cli.command("sign")
@command(render="account.render_limits")
def limits_sign(
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    loss: Annotated[str | None, typer.Option("--loss", metavar="USD", help="Session loss.")] = None,
    position: Annotated[
        str | None, typer.Option("--position", metavar="USD", help="Position in a symbol without a cap of its own.")
    ] = None,
    position_of: Annotated[
        list[str] | None,
        typer.Option("--position-of", metavar="S=USD", help="Position in one symbol; may be given more than once."),
    ] = None,
    turnover: Annotated[str | None, typer.Option("--turnover", metavar="USD", help="Session turnover.")] = None,
    trade: Annotated[str | None, typer.Option("--trade", metavar="USD", help="Single order.")] = None,
    live: Annotated[bool, typer.Option("--live", help="For a live account, in a home of its own.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Start from the caps of profile and capital.")] = False,
    *,
    where: Workspace,
) -> object:
    """Sign the account's dollar caps, or a change of them.

    Without a cap given, signs the present ones, or the profile's where there are none. The signed version is recorded
    with its reason. A raised cap applies from the next session, a lowered one from the governor's next start.

    Exits 3 if the signature is not one the account trusts.

    \b
    plimsoll limits sign --profile micro --person ann --key ann.key --reason "as agreed"
    plimsoll limits sign --profile micro --person ann --key ann.key --loss 80 --reason "calmer"
    """
    given = {"loss": loss, "position": position, "turnover": turnover, "trade": trade}
    change = {name: text for name, text in given.items() if text is not None} | _positions(position_of or [])
    return app.limits_sign(where, person, key, reason, change, live=live, anew=anew)


def _positions(words: list[str]) -> dict[str, str]:
    found = {}
    for word in words:
        symbol, equals, usd = word.partition("=")
        if not (symbol and equals and usd):
            raise UsageError(f"--position-of {word!r} names no symbol and amount", "Write it as MSFT=250")
        found[f"position of {symbol}"] = usd
    return found


def _render_new_key(made: dict[str, str]) -> None:
    say(made["public_key"])
    trust = f"plimsoll keys trust {made['person']!r} {made['public_key']}"
    say(f"wrote {made['file']}; add it to the account: {trust}", err=True)


@keys_cli.command("new")
@command(render=_render_new_key, policy=False)
def keys_new(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Name of the signer.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the private key.")],
    *,
    where: Workspace,
) -> object:
    """Create a private signing key.

    The file is readable by its owner only and never overwritten; keep it away from the trading machine. Prints the
    public key.

    \b
    plimsoll keys new ann --out ann.key
    """
    return {"person": person, "public_key": app.keys_new(where, out), "file": str(out)}


@keys_cli.command("trust")
@command(render="account.render_keys", policy=False)
def keys_trust(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Name of the new signer.")],
    public_key: Annotated[
        str, typer.Argument(metavar="PUBLIC_KEY", help="Public key, printed by 'plimsoll keys new'.")
    ],
    by: Annotated[
        str | None, typer.Option("--by", metavar="P", help="Existing signer; none for the first key.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key of --by.")] = None,
    *,
    where: Workspace,
) -> object:
    """Allow a person to sign for this account.

    The first key is trusted without verification. Every later person and key needs the signature of an existing
    signer; exits 3 without.

    \b
    plimsoll keys trust ann 9f2c…
    plimsoll keys trust bob 41d0… --by ann --key ann.key
    """
    if (by is None) is not (key is None):
        raise UsageError("--by and --key belong together", "Give both, or none for the first person")
    return app.keys_trust(where, person, public_key, by, key)


@keys_cli.command("revoke")
@command(render="account.render_keys", policy=False)
def keys_revoke(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The signer to remove.")],
    by: ByOption,
    key: KeyOption,
    *,
    where: Workspace,
) -> object:
    """Remove a person from the signers.

    Earlier signatures stay valid. The last signer cannot be removed.

    \b
    plimsoll keys revoke bob --by ann --key ann.key
    """
    return app.keys_trust(where, person, None, by, key)


@keys_cli.command("list")
@command(render="account.render_keys", policy=False)
def keys_list(*, where: Workspace) -> object:
    """List the account's signers.

    \b
    plimsoll keys list
    """
    return app.keys_list(where)


@approve_cli.command("status")
@command(render="account.render_size", policy=False)
def approve_status(*, where: Workspace) -> object:
    """Show the position size and the evidence for the next step.

    Each requirement of the next size step with its present value; also while the governor runs.

    \b
    plimsoll approve status
    """
    return app.size_status(where)


@approve_cli.command("size")
@command(render="account.render_size", policy=False)
def approve_size(
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    *,
    where: Workspace,
) -> object:
    """Grant the next size step, signed.

    Applies from the next session, inside the account's cap. Exits 3 and lists what is missing unless every requirement
    is met: profitable days in a row, no breach, minutes with a quote, decisions in time.

    \b
    plimsoll approve size --person ann --key ann.key --reason "five good days"
    """
    return app.size_approve(where, person, key, reason)


@command()
def sla(
    sign: Annotated[str | None, typer.Option("--sign", metavar="P", help="Sign as this person, with --key.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key of --sign.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the page to a file.")] = None,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", metavar="FILE", help="Check such a file: its signature, and if it still holds."),
    ] = None,
    *,
    where: Workspace,
) -> object:
    """Write the account's risk promise on one page.

    From the live policy and the signed limits: what is guaranteed with every figure, what cannot be with its bound in
    dollars, how to verify it, its signature. With --verify, exits 3 if no trusted person signed the text, if any byte
    of the page was changed, or if the account's promise has changed since.

    \b
    plimsoll sla --profile micro
    plimsoll sla --profile micro --sign ann --key ann.key --out promise.txt
    plimsoll sla --profile micro --verify promise.txt
    """
    if (sign is None) is not (key is None):
        raise UsageError("--sign and --key belong together", "Give both, or none to leave it unsigned")
    if verify is None:
        written = app.sla(where, sign, key, out)
        return Answer(written, render=lambda made: say(made.page, nl=False) if out is None else say(f"wrote {out}"))
    if sign is not None or out is not None:
        raise UsageError("--verify only reads", "Leave out --sign, --key and --out")
    checked = app.sla_check(where, verify)
    return Answer(checked, ok=checked.in_force, render="account.render_checked_promise")

"""``plimsoll limits``, ``keys``, ``approve`` and ``sla``: an account's caps and size, who may sign (H1, H7, H9)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import (
    HomeOption,
    JsonOption,
    PolicyOption,
    ProfileOption,
    StoreOption,
    governor_store,
    print_json,
    workspace,
)
from plimsoll.cli.terminal import say

limits_cli = typer.Typer(help="The account's dollar caps, signed.", no_args_is_help=True, rich_markup_mode=None)
approve_cli = typer.Typer(help="What a person grants on evidence.", no_args_is_help=True, rich_markup_mode=None)
keys_cli = typer.Typer(help="Who may sign for the account.", no_args_is_help=True, rich_markup_mode=None)

PersonOption = Annotated[str, typer.Option("--person", metavar="P", help="Who signs.")]
KeyOption = Annotated[Path, typer.Option("--key", metavar="FILE", help="Their private key, from 'plimsoll keys new'.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the signature.")]
ByOption = Annotated[str, typer.Option("--by", metavar="P", help="Who signs for it.")]


@limits_cli.command("show")
def limits_show(
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the dollar caps, who signed them, what is in force.

    Without limits in the home, what a paper account of the profile would begin with. What is in force is what the
    governor keeps, in the home or in the account's Redis server. Exits 3 if limits.json or the record behind it was
    altered, and names what differs.

    \b
    plimsoll limits show --profile micro
    plimsoll limits show --profile micro --json
    plimsoll limits show --store redis://127.0.0.1:6379/0
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.limits_show(workspace(home, profile, policy), governor_store(store))
        if as_json:
            print_json(shown)
        else:
            from plimsoll.cli.render import account

            account.limits(shown)


@limits_cli.command("history")
def limits_history(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every version of the caps and who signed it.

    The whole record is checked on the way; exits 3 if any of it was altered.

    \b
    plimsoll limits history
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.limits_history(workspace(home))
        if as_json:
            print_json(shown)
        else:
            from plimsoll.cli.render import account

            account.history(shown)


@limits_cli.command("sign")
def limits_sign(
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    loss: Annotated[str | None, typer.Option("--loss", metavar="USD", help="Loss of a session.")] = None,
    position: Annotated[
        str | None, typer.Option("--position", metavar="USD", help="Worth of a position without a cap of its own.")
    ] = None,
    position_of: Annotated[
        list[str] | None,
        typer.Option("--position-of", metavar="S=USD", help="Worth of one symbol's; may be given more than once."),
    ] = None,
    turnover: Annotated[str | None, typer.Option("--turnover", metavar="USD", help="Turnover of a session.")] = None,
    trade: Annotated[str | None, typer.Option("--trade", metavar="USD", help="Worth of a single order.")] = None,
    live: Annotated[bool, typer.Option("--live", help="For a live account, in a home of its own.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Take every cap from profile and capital again first.")] = False,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the account's dollar caps, or a change of them.

    Without a cap given, the present ones, or the profile's where there are none. The signed version is recorded with
    its reason. A raised cap is in force from the next session, a lowered one from the governor's next start already.

    Exits 3 if the signature is not one the account trusts.

    \b
    plimsoll limits sign --profile micro --person ann --key ann.key --reason "as agreed"
    plimsoll limits sign --profile micro --person ann --key ann.key --loss 80 --reason "calmer"
    """
    with reported(as_json):
        from plimsoll import app

        given = {"loss": loss, "position": position, "turnover": turnover, "trade": trade}
        change = {name: text for name, text in given.items() if text is not None} | _positions(position_of or [])
        signed = app.limits_sign(workspace(home, profile, policy), person, key, reason, change, live=live, anew=anew)
        if as_json:
            print_json(signed)
        else:
            from plimsoll.cli.render import account

            account.limits(signed)


def _positions(words: list[str]) -> dict[str, str]:
    from plimsoll.core.errors import UsageError

    found = {}
    for word in words:
        symbol, equals, usd = word.partition("=")
        if not (symbol and equals and usd):
            raise UsageError(f"--position-of {word!r} names no symbol and amount", "Write it as MSFT=250")
        found[f"position of {symbol}"] = usd
    return found


@keys_cli.command("new")
def keys_new(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose key it is.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the private key.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a private key to sign with.

    The file is readable by its owner only and never overwritten; keep it away from the machine that trades. What is
    printed is the public key.

    \b
    plimsoll keys new ann --out ann.key
    """
    with reported(as_json):
        from plimsoll import app

        public = app.keys_new(workspace(home), out)
        if as_json:
            print_json({"person": person, "public_key": public, "file": str(out)})
        else:
            say(public)
            say(f"wrote {out}; let the account trust it: plimsoll keys trust {person!r} {public}", err=True)


@keys_cli.command("trust")
def keys_trust(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who may sign from now on.")],
    public_key: Annotated[str, typer.Argument(metavar="PUBLIC_KEY", help="What 'plimsoll keys new' printed.")],
    by: Annotated[str | None, typer.Option("--by", metavar="P", help="Who signs for it, but for the first.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key of --by.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person sign for this account.

    The first person is taken at your word. Everybody after that, and every new key, is signed for by one who is
    trusted already; exits 3 without.

    \b
    plimsoll keys trust ann 9f2c…
    plimsoll keys trust bob 41d0… --by ann --key ann.key
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.core.errors import UsageError

        if (by is None) is not (key is None):
            raise UsageError("--by and --key belong together", "Give both, or none for the first person")
        _shown(app.keys_trust(workspace(home), person, public_key, by, key), as_json)


@keys_cli.command("revoke")
def keys_revoke(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who may no longer sign.")],
    by: ByOption,
    key: KeyOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person sign no longer.

    What they signed before stays valid. The last person cannot be revoked.

    \b
    plimsoll keys revoke bob --by ann --key ann.key
    """
    with reported(as_json):
        from plimsoll import app

        _shown(app.keys_trust(workspace(home), person, None, by, key), as_json)


@keys_cli.command("list")
def keys_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List who may sign for this account.

    \b
    plimsoll keys list
    """
    with reported(as_json):
        from plimsoll import app

        _shown(app.keys_list(workspace(home)), as_json)


def _shown(keys: object, as_json: bool) -> None:
    if as_json:
        print_json(keys)
    else:
        from plimsoll.cli.render import account

        account.keys(keys)  # type: ignore[arg-type]


@approve_cli.command("status")
def approve_status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show how large a position may be and what is missing.

    Item by item, what the next step of size needs and what there is; also while the governor runs.

    \b
    plimsoll approve status
    """
    with reported(as_json):
        from plimsoll import app

        _size(app.size_status(workspace(home)), as_json)


@approve_cli.command("size")
def approve_size(
    person: PersonOption,
    key: KeyOption,
    reason: ReasonOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grant the next step of size, signed.

    From the next session on, inside the account's cap. Exits 3 and lists what is missing unless every evidence holds:
    profitable days in a row, no breach, minutes with a quote, decisions in time.

    \b
    plimsoll approve size --person ann --key ann.key --reason "five good days"
    """
    with reported(as_json):
        from plimsoll import app

        _size(app.size_approve(workspace(home), person, key, reason), as_json)


def _size(shown: object, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        from plimsoll.cli.render import account

        account.size(shown)  # type: ignore[arg-type]


def sla(
    sign: Annotated[str | None, typer.Option("--sign", metavar="P", help="Sign it as this person, with --key.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key of --sign.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the page to a file.")] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FILE", help="Say who signed such a file, and if it still holds.")
    ] = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the account's risk promise on one page.

    From the live policy and the signed limits: what is guaranteed with every figure, what cannot be with its bound in
    dollars, how to verify it, who signed. With --verify, exits 3 if nobody trusted signed the text, if any byte of the
    page is another, or if the account promises something else by now.

    \b
    plimsoll sla --profile micro
    plimsoll sla --profile micro --sign ann --key ann.key --out promise.txt
    plimsoll sla --profile micro --verify promise.txt
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.core.errors import EXIT_CHECK_FAILED, UsageError

        where = workspace(home, profile, policy)
        if (sign is None) is not (key is None):
            raise UsageError("--sign and --key belong together", "Give both, or none to leave it unsigned")
        if verify is not None:
            if sign is not None or out is not None:
                raise UsageError("--verify only reads", "Leave out --sign, --key and --out")
            checked = app.sla_check(where, verify)
            if as_json:
                print_json(checked)
            else:
                holds = (
                    "it is what the account promises now" if checked.in_force else "THE ACCOUNT PROMISES OTHERWISE NOW"
                )
                say(
                    f"signed by {checked.signed_by} at {checked.signed_at} for account {checked.account} under policy "
                    f"{checked.policy[:16]}; {holds}"
                )
            if not checked.in_force:
                raise typer.Exit(EXIT_CHECK_FAILED)
            return
        made = app.sla(where, sign, key, out)
        if as_json:
            print_json(made)
        elif out is None:
            say(made.page, nl=False)
        else:
            say(f"wrote {out}")

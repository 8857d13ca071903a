"""An account's caps, their versions and signers, as text for a person (H1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, table
from plimsoll.cli.terminal import say
from plimsoll.core.errors import one_line

if TYPE_CHECKING:
    from plimsoll.account.limits import LimitsReport, LimitsVersion, TrustedKey
    from plimsoll.account.risk_promise import Checked
    from plimsoll.account.size import SizeReport
    from plimsoll.core.account_record import Caps

_CAPS = {
    "loss": "loss of a session",
    "position": "one symbol's position",
    "turnover": "turnover of a session",
    "trade": "a single order",
}


def render_limits(shown: LimitsReport) -> None:
    """The signed caps, their signer, and the caps in force."""
    out = console()
    if shown.recorded:
        version = f"version {shown.sequence}, " + (
            f"signed by {shown.signed_by} at {shown.signed_at}" if shown.signed_by else "NOT SIGNED"
        )
        out.print(escape(f"{shown.mode} account {shown.account}: {version}"))
        out.print(escape(f"reason: {one_line(shown.reason)}"))
    else:
        out.print(escape(f"no account yet; initial caps of profile {shown.profile}:"))
    out.print(escape(f"made from profile {shown.profile}, capital ${shown.capital}"))
    columns = ("cap", "signed" if shown.signed_by else "stated", *(("in force",) if shown.in_force else ()))
    rows = table(*columns, right=(1, 2))
    for name, cap in _rows(shown.caps):
        force = dict(_rows(shown.in_force)).get(name) if shown.in_force else None
        rows.add_row(escape(name), f"${cap}", *((f"${force}" if force else "",) if shown.in_force else ()))
    out.print(rows)
    if shown.steps:
        now = f"position size is ${shown.size} at this step" if shown.size else "position size grows by steps"
        out.print(f"{now}: " + ", ".join(f"${step}" for step in shown.steps) + "; see 'plimsoll approve status'")
    if shown.waiting:
        out.print("A raised cap applies from the next session, a lowered one from the governor's next start.")
    if shown.session:
        out.print(f"last session {shown.session}, equity ${shown.equity}")
    if shown.drift:
        out.print(escape(f"WARNING: {shown.drift}"))
    for d in shown.differs:
        out.print(escape(f"policy differs: {d.cap} is ${d.policy} there, ${d.limits} in limits.json, which applies"))
    if shown.note:
        out.print(escape(f"note: {shown.note}"))


def render_limits_history(versions: Sequence[LimitsVersion]) -> None:
    """One line per version."""
    out = console()
    if not versions:
        out.print("no limits yet: a paper account gets them on first use, a live one signs them")
        return
    rows = table(
        "version", "mode", "loss", "position", "turnover", "trade", "signed by", "at", "reason", right=(0, 2, 3, 4, 5)
    )
    for v in versions:
        caps = (v.caps.loss, v.caps.position, v.caps.turnover, v.caps.trade)
        who = (v.signed_by or "nobody", one_line(v.signed_at or ""), one_line(v.reason))
        rows.add_row(str(v.sequence), v.mode, *(f"${cap}" for cap in caps), *map(escape, who))
    out.print(rows)
    out.print("The record is intact: the chain is complete and every signature is valid.")


def render_size(shown: SizeReport) -> None:
    """The present size step, and the evidence for the next one."""
    out = console()
    if not shown.graduated:
        out.print("the size of this account is not graduated: only its caps apply")
        return
    steps = ", ".join(f"${step}" for step in shown.steps)
    out.print(f"position size is ${shown.size}; the steps are {steps}")
    if shown.next is None:
        out.print("this is the last step")
        return
    rows = table(f"for ${shown.next}", "found", "needed", "")
    for item in shown.evidence:
        rows.add_row(escape(item.name), escape(item.found), escape(item.needed), "enough" if item.met else "MISSING")
    out.print(rows)
    out.print(escape(f"{shown.sessions} sessions since {shown.since}"))
    out.print(
        "All requirements are met: grant the step with 'plimsoll approve size'."
        if shown.ready
        else "The step cannot be granted yet."
    )


def render_keys(trusted: Sequence[TrustedKey]) -> None:
    """One line per signer."""
    out = console()
    if not trusted:
        out.print("no signers yet: plimsoll keys trust PERSON PUBLIC_KEY")
        return
    rows = table("person", "public key")
    for one in trusted:
        rows.add_row(escape(one.person), one.public_key)
    out.print(rows)


def _rows(caps: Caps) -> Iterator[tuple[str, str]]:
    for name, words in _CAPS.items():
        yield words, getattr(caps, name)
    for symbol, cap in caps.positions.items():
        yield f"  {symbol}", cap


def render_checked_promise(found: Checked) -> None:
    """The signer of a risk promise, and whether it still holds."""
    holds = "the account's promise is unchanged" if found.in_force else "THE ACCOUNT'S PROMISE HAS CHANGED SINCE"
    say(
        f"signed by {found.signed_by} at {found.signed_at} for account {found.account} under policy "
        f"{found.policy[:16]}; {holds}"
    )

"""A Monte Carlo of the governor as text: limits, refusals, and gaps beyond any limit (H8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, percent, table

if TYPE_CHECKING:
    from plimsoll.simulation.study import FailedSession, Odds

_MEANT = {
    "loss": "largest session loss within its cap; gaps beyond it are below",
    "position": "one symbol, everything open filled",
    "gross": "all positions together, everything open filled",
    "turnover": "a session's, everything open filled",
    "trade": "a single order",
}
_NAMED = 20  # failed sessions; --json names all


def render_montecarlo(found: Odds) -> None:
    """The verdict first, then its basis."""
    from plimsoll.simulation.study import ENOUGH

    out = console()
    bars = ", ".join(f"{count} on {origin} bars" for origin, count in found.bars.items())
    which = f"{found.sessions} sessions" if found.session is None else f"Session {found.session}"
    out.print(f"{which} of profile {escape(found.profile)}, seed {found.seed}: {bars}")
    if found.synthetic:
        out.print("SYNTHETIC BARS ONLY: give recorded ones with --bars.")
    verdict = "PASSED" if found.passed else "FAILED"
    out.print(f"{verdict}: {found.accepted} orders accepted, {found.breaches} breaches of a limit by an order")
    if found.too_few:
        out.print(
            f"Nothing went wrong, but {found.sessions} sessions are too few to reach every limit and refusal, so this "
            f"shows nothing: give --sessions {ENOUGH} or more."
        )
    if found.breached:
        out.print("breached: " + ", ".join(f"{name} {count}" for name, count in found.breached.items()))
    if found.disagreed:
        figures = ", ".join(f"{name} {count}" for name, count in found.disagreed.items())
        out.print(f"governor and independent ledger disagree, by figure and bar: {figures}")
    for line in _failed(found):
        out.print(line)
    if found.unapproached:
        out.print(
            f"not approached to 95 %: {', '.join(found.unapproached)}. A limit that is not reached is not tested."
        )
    if found.unseen:
        out.print(f"refusals never seen: {', '.join(found.unseen)}. Play more sessions.")
    limits = table("limit", "highest use", "of", title="\nLimits, when an order that may add risk was sent", right=(1,))
    for name, share in found.max_use.items():
        limits.add_row(name, percent(share, 2), _MEANT[name])
    out.print(limits)
    beyond = found.loss_beyond_cap
    out.print(
        f"Gaps through held positions took the loss beyond its cap in {beyond.sessions} sessions, at worst to "
        f"{beyond.worst_usd} USD ({percent(beyond.worst, 0)} of the cap). No order caused that, and no limit on "
        "orders can prevent it."
        if beyond.sessions
        else "No gap took the loss beyond its cap."
    )
    for title, counts in (
        ("Refusals by reason", found.refused),
        ("Orders of models stopped or reduced before the governor", found.held_back),
        ("What happened", found.events),
        ("Sessions by kind", found.scenes),
    ):
        rows = table(title, "count", title="", right=(1,))
        for name, count in counts.items():
            rows.add_row(escape(name), str(count))
        out.print(rows)


def _failed(found: Odds) -> list[str]:
    """One line per failed session, and how to play one alone."""
    lines = [f"session {one.session} ({one.kind}), from bar {one.bar}: {_what(one)}" for one in found.failed[:_NAMED]]
    if len(found.failed) > _NAMED:
        lines.append(f"and {len(found.failed) - _NAMED} more: --json names all")
    if found.failed and found.session is None:
        lines.append(f"To play one alone, with all other options as they are: --session {found.failed[0].session}")
    return lines


def _what(one: FailedSession) -> str:
    breached = [f"{count} breaches of {name}" for name, count in one.breached.items()]
    return ", ".join(breached + [f"{name} disagrees at {count} bars" for name, count in one.disagreed.items()])

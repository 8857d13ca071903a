"""The person in a backtest: signs what a careful operator would sign, or nothing (R5)."""

from __future__ import annotations

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Approval
from plimsoll.core.policy import Policy

SIMULATED = "simulated operator"


def approval(last: CycleRecord, session: str, operator: str, policy: Policy) -> Approval | None:
    """The signature given before ``session`` opens, if any.

    ``simulated`` signs a re-entry at the session after cooldown and health allowed it (the ladder then awaits a
    signature), and lifts a halt once the book's CVaR is inside its hard limits again. ``never`` signs nothing.
    It never re-commissions an ended mandate.
    """
    carried = last.carried
    if operator != "simulated" or carried.ladder.ended:
        return None
    if carried.ladder.awaiting == "signed" and not carried.ladder.signed:
        return Approval(session, SIMULATED, "re-entry: cooldown over, health checks pass")
    if carried.halted and inside_hard(last, policy):
        return Approval(session, SIMULATED, f"resume after {carried.halted}: CVaR inside its hard limits")
    return None


def inside_hard(last: CycleRecord, policy: Policy) -> bool:
    """Whether a decision measured the book's CVaR inside its hard limits at every horizon (R3, G7)."""
    horizons = (1, policy.auction.horizon)
    measured = [last.figures.get(f"cvar_{h}") for h in horizons]
    return all(m is not None and m <= last.limits[f"cvar_hard_{h}"] for m, h in zip(measured, horizons, strict=True))

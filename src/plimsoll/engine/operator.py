"""The signer of recorded sessions: a simulated operator who signs when the rules allow it, or nobody (R5).

A named person's signature between sessions comes from ``operate.resume``; both are inputs of the driver.
"""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Approval
from plimsoll.core.policy import Policy

SIMULATED = "simulated operator"
Signer = Callable[[CycleRecord, str], Approval | None]
"""Given the last decision, the signature before a session opens, if any."""


def signer(operator: str, policy: Policy) -> Signer:
    """The operator of a run: ``simulated``, or ``never``, who signs nothing."""
    if operator != "simulated":
        return lambda _last, _session: None
    return lambda last, session: approval(last, session, policy)


def approval(last: CycleRecord, session: str, policy: Policy) -> Approval | None:
    """The simulated operator's signature before ``session`` opens, if any.

    A re-entry is signed at the session after cooldown and health checks allow it, and a halt is lifted once CVaR of the
    current positions is inside its hard limits again. An ended mandate is never re-commissioned.
    """
    carried = last.carried
    if carried.ladder.ended:
        return None
    if carried.ladder.awaiting == "signed" and not carried.ladder.signed:
        return Approval(session, SIMULATED, "re-entry: cooldown over, health checks pass")
    if carried.halted and inside_hard(last, policy):
        return Approval(session, SIMULATED, f"resume after {carried.halted}: CVaR inside its hard limits")
    return None


def inside_hard(last: CycleRecord, policy: Policy) -> bool:
    """Whether a decision measured CVaR of the current positions inside its hard limits at every horizon (R3, G7)."""
    horizons = (1, policy.auction.horizon)
    measured = [last.figures.get(f"cvar_{h}") for h in horizons]
    return all(m is not None and m <= last.limits[f"cvar_hard_{h}"] for m, h in zip(measured, horizons, strict=True))

"""What a policy takes away of the protections it could have (U7): said at load and in every result."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from plimsoll.core.policy import Policy, VetoPolicy


def taken_away(policy: Policy) -> tuple[str, ...]:
    """A sentence, without its full stop, for each protection that is off; none for a whole policy.

    >>> taken_away(Policy())
    ()
    """
    return tuple(_taken_away(policy))


def without_mandate(policy: Policy) -> Policy:
    """The policy of the run that R5 puts beside one whose mandate ended: neither its rung nor the veto at it."""
    rungs = tuple(r for r in policy.ladder.rungs if not r.ends_mandate)
    vetoes = tuple(v for v in policy.vetoes.enabled if v != "DRAWDOWN_LIMIT")
    return replace(policy, ladder=replace(policy.ladder, rungs=rungs), vetoes=replace(policy.vetoes, enabled=vetoes))


def _taken_away(policy: Policy) -> Iterator[str]:
    ladder, rungs = policy.ladder, policy.ladder.rungs
    if not ladder.enabled:
        yield "the drawdown ladder is switched off, and the veto DRAWDOWN_LIMIT with it: no drawdown stops anything"
    elif not rungs:
        yield f"the drawdown ladder has no rung: only the veto DRAWDOWN_LIMIT stands, at {_limit(policy)}"
    else:
        if not any(r.no_new_risk for r in rungs):
            yield "no rung of the drawdown ladder stops new risk"
        if not any(r.liquidate for r in rungs):
            yield "no rung of the drawdown ladder liquidates"
        if not any(r.ends_mandate for r in rungs):
            yield f"no rung of the drawdown ladder ends the mandate: nothing is bought past {_limit(policy)}"
    missing = [name for name in VetoPolicy().enabled if name not in policy.vetoes.enabled]
    if missing:
        yield f"vetoes switched off: {', '.join(missing) if policy.vetoes.enabled else 'every one'}"
    if policy.gates.off:
        yield f"gates switched off: {', '.join(policy.gates.off)}"


def _limit(policy: Policy) -> str:
    if "DRAWDOWN_LIMIT" not in policy.vetoes.enabled:
        return "no drawdown at all, as that veto is off"
    return f"a lifetime drawdown of {policy.vetoes.drawdown_max:.0%}"

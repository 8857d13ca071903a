"""Protections that a policy switches off, reported at load and in every result (U7)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from plimsoll.core.policy import Policy, VetoPolicy

_ALL = 1.0  # 100 % of NAV, of a position, of a drawdown: never exceeded


def taken_away(policy: Policy) -> tuple[str, ...]:
    """A sentence, without its full stop, for each protection that is off; empty for a policy with all of them.

    >>> taken_away(Policy())
    ()
    """
    return tuple(_taken_away(policy))


def without_mandate(policy: Policy) -> Policy:
    """The policy of the comparison run after a mandate ended: without its rung and the veto at it (R5)."""
    rungs = tuple(r for r in policy.ladder.rungs if not r.ends_mandate)
    vetoes = tuple(v for v in policy.vetoes.enabled if v != "DRAWDOWN_LIMIT")
    return replace(policy, ladder=replace(policy.ladder, rungs=rungs), vetoes=replace(policy.vetoes, enabled=vetoes))


def _taken_away(policy: Policy) -> Iterator[str]:
    ladder, rungs = policy.ladder, policy.ladder.rungs
    if not ladder.enabled:
        yield "the drawdown ladder is switched off, and the veto DRAWDOWN_LIMIT with it: no drawdown stops new risk"
    elif not rungs:
        yield f"the drawdown ladder has no rung: only the veto DRAWDOWN_LIMIT applies, at {_limit(policy)}"
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
    yield from _never_reached(policy)


def _never_reached(policy: Policy) -> Iterator[str]:
    """Protections whose threshold can never be reached."""
    cvar, stops, pairs = policy.cvar, policy.stops, policy.correlation
    if policy.ladder.enabled and (never := [r.name for r in policy.ladder.rungs if r.threshold >= _ALL]):
        yield f"rungs at a drawdown of 100 %, which never fire: {', '.join(never)}"
    if policy.ladder.enabled and policy.vetoes.drawdown_max >= _ALL and "DRAWDOWN_LIMIT" in policy.vetoes.enabled:
        yield "the veto DRAWDOWN_LIMIT is at a drawdown of 100 %"
    for kind, exit_at in (("", stops.exit_default), (" of crypto", stops.exit_crypto)):
        if exit_at >= _ALL:
            yield f"stops{kind} are at a loss of 100 %: they never sell a position out"
    if unstopped := [name for name, asset in policy.limits.assets.items() if (asset.stop or 0.0) >= _ALL]:
        yield f"stops at a loss of 100 %, which never sell a position out: {', '.join(unstopped)}"
    if max(cvar.hard_1, cvar.hard_10) >= _ALL:
        yield "a hard limit on CVaR of 100 % of NAV rejects nothing"
    if max(cvar.budget_1, cvar.budget_10) >= _ALL:
        yield "a CVaR budget of 100 % of NAV scales nothing"
    if not cvar.stress_windows and not cvar.stress_worst:
        yield "no stressed set is measured: no past crisis limits the portfolio"
    if cvar.drawdown_floor >= _ALL:
        yield "no drawdown makes the CVaR budgets smaller"
    if policy.regime.budget_scale >= _ALL:
        yield "the crisis regime makes no CVaR budget smaller"
    if min(pairs.pair_stock, pairs.pair_fund) >= _ALL:
        yield "no correlation is high enough for the pair limit"
    if policy.vetoes.warning_scale >= _ALL:
        yield "warnings of vetoes do not halve increases"


def _limit(policy: Policy) -> str:
    if "DRAWDOWN_LIMIT" not in policy.vetoes.enabled:
        return "no drawdown at all, as that veto is off"
    return f"a lifetime drawdown of {policy.vetoes.drawdown_max:.0%}"

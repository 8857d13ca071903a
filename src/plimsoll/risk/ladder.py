"""The drawdown ladder and its re-entry: one mechanism for every drawdown rule (R4, R5).

A rung fires once per episode when the closing NAV has fallen by its threshold from the peak of its basis. Its
restrictions last until the episode ends: at a new high when no fired rung waits for re-entry, otherwise at a resume.
A rally therefore never shortens a cooldown (R9): while a rung waits, a new high only moves the peaks.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError
from plimsoll.core.policy import LadderPolicy, Rung
from plimsoll.core.restraint import Health, LadderState, Restraint, Resume, RiskEvent

UNRESTRAINED = Restraint()
ENDED = Restraint(
    no_new_risk=True,
    no_new_crypto=True,
    close_crypto=True,
    liquidate=True,
    gross_ceiling=0.0,
    level=4,
    reasons=("MANDATE_ENDED", "LADDER_LIQUIDATE"),
)


class LadderStep(msgspec.Struct, frozen=True):
    """The ladder after a close: its next state, its restraint on this session's orders, and alerts."""

    state: LadderState
    restraint: Restraint
    events: tuple[RiskEvent, ...] = ()


def step(
    state: LadderState,
    nav: int,
    day: int,
    gross: float,
    health: Health,
    policy: LadderPolicy,
    sessions_since: Callable[[int], int],
) -> LadderStep:
    """Judge one close (R4, R5). Pure.

    Parameters
    ----------
    state : LadderState
        State after the previous close; ``signed`` is set by an approval since.
    nav : int
        Closing NAV, cents.
    day : int
        The session, days since 1970-01-01.
    gross : float
        Gross exposure at this close, fraction of NAV; a cut is a share of it.
    health : Health
        Read only while ``waiting(state, policy)``.
    policy : LadderPolicy
        As accepted by ``check``.
    sessions_since : callable
        Sessions elapsed since a day number (0 for this session), to count resumes.

    Returns
    -------
    LadderStep
        The actions of a rung are in the restraint of the session it fires on, so they are executed once, at the next
        open. Its cooldown counts from the following session.

    Raises
    ------
    ValueError
        A cut fires and ``gross`` is not finite: a caller that knows NAV must know gross.
    """
    if not policy.enabled:
        return LadderStep(_raise_peaks(state, nav), UNRESTRAINED)
    if state.ended:
        return LadderStep(state, ENDED)
    fallen = _drawdown(state.episode_peak, nav), _drawdown(state.lifetime_peak, nav)
    crossed = [r for r in policy.rungs if fallen[r.basis == "lifetime"] >= r.threshold and r.name not in state.fired]
    if not (crossed or state.fired or state.ramp or state.signed):
        return LadderStep(_raise_peaks(state, nav), UNRESTRAINED)

    if crossed:
        state, events = _fire(_tick(state), crossed, fallen, day, gross, policy)
    elif waiting(state, policy):
        state, events = _wait(_tick(state), nav, day, health, policy, sessions_since)
    else:
        state, events = _walk_on(state, nav, day)
    if state.ended:
        return LadderStep(state, ENDED, events)
    size, on_ramp = 1.0, bool(state.ramp)
    if on_ramp:
        size, state = state.ramp[0], replace(state, ramp=state.ramp[1:])
    restraint = _restraint(state, _drawdown(state.episode_peak, nav), size, on_ramp, policy)
    return LadderStep(_raise_peaks(state, nav), restraint, events)


def blind(state: LadderState, policy: LadderPolicy) -> LadderStep:
    """A session with unknown NAV: no rung fires and none recovers, because a missing price is not a loss (D7).

    All restrictions in force stay, including level 1, no day of a cooldown or of the ramp passes, and no new risk is
    added.
    """
    restraint = UNRESTRAINED
    if state.ended:
        restraint = ENDED
    elif policy.enabled:
        on_ramp = bool(state.ramp)
        restraint = _restraint(state, float("inf"), state.ramp[0] if on_ramp else 1.0, on_ramp, policy)
    return LadderStep(state, replace(restraint, no_new_risk=True, reasons=(*restraint.reasons, "NAV_UNKNOWN")))


def waiting(state: LadderState, policy: LadderPolicy) -> bool:
    """True while a fired rung waits for re-entry; only then does ``step`` read the health."""
    return bool(state.fired) and any(r.reentry != "none" for r in policy.rungs if r.name in state.fired)


def check(policy: LadderPolicy) -> None:
    """Refuse a ladder that could never allow re-entry, or that halts again on the day of a resume.

    Raises ``InputError`` naming the rung. Only the rung that ends the mandate may have no re-entry (R4).
    """
    names = [r.name for r in policy.rungs]
    for rung in policy.rungs:
        if problem := _problem(rung, names, policy):
            raise InputError(f"Ladder rung {rung.name!r} {problem}", "Correct ladder.rungs in the policy")


def _problem(rung: Rung, names: list[str], policy: LadderPolicy) -> str:
    stops_trading = rung.cut > 0 or rung.no_new_risk or rung.close_crypto or rung.havens_only or rung.liquidate
    if names.count(rung.name) > 1:
        return "is named twice"
    if not rung.threshold > 0:
        return "has a threshold of zero, so it would fire on every close"
    if rung.ends_mandate != (rung.reentry == "never"):
        return "must end the mandate exactly when its re-entry is 'never'"
    if rung.basis == "lifetime" and not rung.ends_mandate:
        return "measures from the lifetime peak and would fire again the day it resumes"
    if rung.reentry == "none" and stops_trading:
        return "bars new risk without a re-entry: an account in cash never makes a new high"
    if rung.reentry == "automatic" and policy.resumes_automatic < 1:
        return "can never resume: resumes_automatic is 0"
    if rung.reentry == "signed" and policy.resumes_signed < 1:
        return "can never resume: resumes_signed is 0"
    if rung.reentry in ("automatic", "signed") and not policy.crisis_max > 0:
        return "can never resume: no probability is below a crisis_max of 0"
    return ""


def _drawdown(peak: int, nav: int) -> float:
    """Drawdown, fraction of the peak; a single correctly rounded division, so a fall of exactly 8 % equals 0.08."""
    return (peak - nav) / peak


def _raise_peaks(state: LadderState, nav: int) -> LadderState:
    if nav <= state.episode_peak:
        return state
    return replace(state, episode_peak=nav, lifetime_peak=max(nav, state.lifetime_peak))


def _tick(state: LadderState) -> LadderState:
    """Count one session of the cooldown; drop a signature that was not asked for."""
    return replace(state, cooldown=max(state.cooldown - 1, 0), signed=state.signed and state.awaiting == "signed")


def _fire(
    state: LadderState, crossed: list[Rung], fallen: tuple[float, float], day: int, gross: float, policy: LadderPolicy
) -> tuple[LadderState, tuple[RiskEvent, ...]]:
    """Fire every rung crossed; the deepest cut, the longest cooldown and the lowest ceiling apply."""
    date = iso_day(day)
    events = [
        RiskEvent(date, "LADDER_RUNG", r.alert, fallen[r.basis == "lifetime"], r.threshold, r.name) for r in crossed
    ]
    liquidated = state.liquidated or any(liquidates(r, policy) for r in crossed)
    cut = max(1.0 if liquidates(r, policy) else r.cut for r in crossed)
    changes: dict[str, object] = {"fired": state.fired + tuple(r.name for r in crossed), "liquidated": liquidated}
    if cut > 0.0:
        left = (1.0 - cut) * gross if cut < 1.0 else 0.0
        if not 0.0 <= left < float("inf"):
            raise ValueError(f"a rung cuts a share of gross exposure, but gross is {gross!r}")
        changes["ceiling"] = left if state.ceiling is None else min(left, state.ceiling)
    if any(r.reentry != "none" for r in crossed):
        cooldown = max(state.cooldown, *(r.cooldown for r in crossed))
        changes |= {"cooldown": cooldown, "awaiting": "", "signed": False, "calm": 0, "ramp": ()}
    for rung in crossed:
        if rung.ends_mandate:
            changes["ended"] = True
            events.append(
                RiskEvent(date, "MANDATE_ENDED", rung.alert, fallen[rung.basis == "lifetime"], rung.threshold)
            )
    return replace(state, **changes), tuple(events)


def liquidates(rung: Rung, policy: LadderPolicy) -> bool:
    """Whether a rung sells everything: by its own cut, or as a panic rung in a policy that flattens on panic (R4)."""
    return rung.liquidate or (policy.flatten_on_panic and rung.panic)


def _wait(
    state: LadderState,
    nav: int,
    day: int,
    health: Health,
    policy: LadderPolicy,
    sessions_since: Callable[[int], int],
) -> tuple[LadderState, tuple[RiskEvent, ...]]:
    """One session of a halt: count calm sessions, and resume when cooldown, health, quota and signature allow (R5)."""
    volatility, crisis = health.target_volatility, health.crisis
    calm = state.calm + 1 if volatility is not None and volatility < policy.volatility_max else 0
    state = replace(state, calm=calm)
    healthy = health.data_fresh and health.clear and crisis is not None and crisis < policy.crisis_max
    if state.cooldown > 0 or not healthy or calm < policy.calm_sessions:
        return state, ()
    signed = any(r.reentry == "signed" for r in policy.rungs if r.name in state.fired)
    recent = tuple(r for r in state.resumes if sessions_since(r.day) < policy.resume_window)
    allowed = policy.resumes_signed if signed else policy.resumes_automatic
    if sum(r.signed == signed for r in recent) >= allowed:
        return state, ()
    if signed and not state.signed:
        if state.awaiting == "signed":
            return state, ()
        return replace(state, awaiting="signed"), (RiskEvent(iso_day(day), "REENTRY_REQUESTED", "WARNING"),)
    return _resume(state, nav, day, signed, recent, policy)


def _resume(
    state: LadderState, nav: int, day: int, signed: bool, recent: tuple[Resume, ...], policy: LadderPolicy
) -> tuple[LadderState, tuple[RiskEvent, ...]]:
    """End the episode: the episode peak is rebased to this NAV and the ramp begins with this session (R4, R5)."""
    if state.liquidated:
        ramp = tuple(size for size in policy.liquidation_sizes for _ in range(policy.week_sessions))
    else:
        ramp = (policy.halt_size,) * policy.halt_size_sessions
    kinds = ("APPROVED", "RESUMED") if signed else ("RESUMED",)
    resumed = LadderState(
        episode_peak=nav,
        lifetime_peak=max(nav, state.lifetime_peak),
        mandate=state.mandate,
        ramp=ramp,
        resumes=(*recent, Resume(day, signed)),
    )
    return resumed, tuple(RiskEvent(iso_day(day), kind, "INFO") for kind in kinds)


def _walk_on(state: LadderState, nav: int, day: int) -> tuple[LadderState, tuple[RiskEvent, ...]]:
    """A session on which no rung fires or waits: a new high ends an open episode."""
    if state.fired and nav > state.episode_peak:
        over = replace(state, fired=(), ceiling=None, cooldown=0, signed=False, awaiting="", calm=0)
        return over, (RiskEvent(iso_day(day), "EPISODE_ENDED", "INFO"),)
    return (replace(state, signed=False) if state.signed else state), ()


def _restraint(state: LadderState, fallen: float, size: float, on_ramp: bool, policy: LadderPolicy) -> Restraint:
    """Combined restraint of the fired rungs. Level 1 applies only while the drawdown is at or above it (R4)."""
    active = [r for r in policy.rungs if r.name in state.fired and (r.level > 1 or fallen >= policy.level_1_holds)]
    if not active and not on_ramp and state.ceiling is None:
        return UNRESTRAINED
    no_new_risk = any(r.no_new_risk for r in active)
    no_new_crypto = any(r.no_new_crypto for r in active)
    havens_only = any(r.havens_only for r in active)
    liquidate = any(liquidates(r, policy) for r in active)
    ceiling = state.ceiling
    if on_ramp:
        ceiling = policy.recovery_gross if ceiling is None else min(ceiling, policy.recovery_gross)
    causes = {
        "LADDER_LIQUIDATE": liquidate,
        "LADDER_CUT": state.ceiling is not None,
        "LADDER_NO_NEW_RISK": no_new_risk,
        "LADDER_HAVENS_ONLY": havens_only,
        "LADDER_NO_CRYPTO": no_new_crypto,
        "REENTRY_RAMP": size < 1.0,
    }
    return Restraint(
        no_new_risk=no_new_risk,
        no_new_crypto=no_new_crypto,
        close_crypto=any(r.close_crypto for r in active),
        havens_only=havens_only,
        liquidate=liquidate,
        gross_ceiling=ceiling,
        size=size,
        confidence_min=max((r.confidence_min or 0.0 for r in active), default=0.0),
        level=max((r.level for r in active), default=0),
        reasons=tuple(code for code, applies in causes.items() if applies),
    )

"""Step 9: the desired weights, and the positions that may not grow."""

from __future__ import annotations

from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.restraint import Restraint
from plimsoll.engine.context import CycleContext
from plimsoll.engine.rebalance import Rebalance
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import freshness, stops

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class DesiredWeights(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Desired weights and the positions that may not grow. ``forced`` marks reductions that a limit requires.

    ``causes`` has, per column, the reasons that lower the desired weight below the target portfolio.
    """

    desired: Floats
    forced: Mask
    causes: dict[int, list[str]]
    now: CycleContext
    rebalanced: Rebalance

    @cached_property
    def grow(self) -> Floats:
        """(N,) factor on increases, 0 where nothing may be added; computed only where a position wants to grow."""
        return _growth(self.now, self.rebalanced)


def desired_weights(now: CycleContext, rebalanced: Rebalance, book_scale: float) -> DesiredWeights:
    """The target portfolio under the ladder's ceiling, the stops and every bar on increases.

    A rung that fires this session cuts at once, whatever the size. ``book_scale`` multiplies the whole portfolio after
    a breached hard limit, 1 without one.
    """
    run, restraint, held = now.run, now.restraint, now.book.weights
    if not now.book.known:
        n = held.size
        return DesiredWeights(np.zeros(n), np.zeros(n, bool), {}, now, rebalanced)
    flatten = now.state.flatten
    if not (flatten or _lowers(restraint) or book_scale < 1.0 or any(s.cap < stops.UNCAPPED for s in rebalanced.stops)):
        return DesiredWeights(rebalanced.target, run.nowhere, {}, now, rebalanced)
    causes: dict[int, list[str]] = {}
    desired = rebalanced.target.copy()
    if restraint.size < 1.0:  # the ramp bounds purchases; it sells no position that the halt kept (R5)
        desired = np.maximum(desired * restraint.size, np.minimum(held, desired))
        for c in (desired < rebalanced.target).nonzero()[0].tolist():
            causes.setdefault(c, []).append("REENTRY_RAMP")
    forced = np.zeros(held.size, dtype=bool)

    def cap(column: int, ceiling: float, reason: str, *, force: bool = True) -> None:
        """Lower the desired weight of a column; weight above the ceiling must be sold, unless left to its band."""
        wanted, has = desired.item(column), held.item(column)
        if wanted > ceiling or has > ceiling:
            desired[column] = min(wanted, ceiling)
            forced[column] |= force and has > ceiling
            causes.setdefault(column, []).append(reason)

    for stop in rebalanced.stops:
        if stop.cap < stops.UNCAPPED:
            cap(run.column[stop.symbol], stop.cap, "STOP_CAP", force=stop.day == now.view.day)
    for imposed, columns, reason in (
        (flatten, run.everything, "FLATTEN"),
        (restraint.liquidate, run.everything, "LADDER_LIQUIDATE"),
        (restraint.havens_only, ~run.havens, "LADDER_HAVENS_ONLY"),
        (restraint.close_crypto, run.crypto, "LADDER_CUT"),
    ):
        if imposed:
            for c in columns.nonzero()[0].tolist():
                cap(c, 0.0, reason)
    if restraint.gross_ceiling is not None:
        floor = np.minimum(desired, held) if restraint.no_new_risk else desired
        cut = _under_ceiling(floor, restraint.gross_ceiling, run)
        fired = any(e.kind == "LADDER_RUNG" for e in now.ladder.events)
        for c in (cut < floor).nonzero()[0].tolist():
            desired[c] = cut[c]
            forced[c] |= fired and cut[c] < held[c]
            causes.setdefault(c, []).append("LADDER_CUT")
        # what the target portfolio sells anyway counts as sold, so it may not stay inside its band today (R4)
        if fired:
            forced |= desired < held
    if book_scale < 1.0:
        for c in held.nonzero()[0].tolist():
            cap(c, held.item(c) * book_scale, "CVAR_ABOVE_HARD")

    return DesiredWeights(desired, forced, causes, now, rebalanced)


def _lowers(restraint: Restraint) -> bool:
    """Whether the ladder lowers any weight, not only what may grow."""
    sells = restraint.liquidate or restraint.havens_only or restraint.close_crypto
    return sells or restraint.size < 1.0 or restraint.gross_ceiling is not None


def _under_ceiling(weights: Floats, ceiling: float, run: RunContext) -> Floats:
    """Cut to a gross ceiling: crypto first, then everything that is not a haven, then havens, each pro rata (R4)."""
    excess = float(weights.sum()) - ceiling
    out = weights.copy()
    for group in (run.crypto, ~run.crypto & ~run.havens, run.havens & ~run.crypto):
        if not excess > 0.0:
            break
        total = float(out[group].sum())
        taken = min(excess, total)
        if total > 0.0:
            out[group] *= 1.0 - taken / total
        excess -= taken
    return out


def _confidence_min(run: RunContext, restraint: Restraint) -> float:
    return max(run.policy.forecast.confidence_min, restraint.confidence_min)


def _growth(now: CycleContext, rebalanced: Rebalance) -> Floats:
    """(N,) factor on increases: 0 where anything bars them, one halving under a high VIX (S2), else 1."""
    run, restraint, regime, stale = now.run, now.restraint, now.regime, now.stale
    policy = run.policy.forecast
    if not now.book.known or now.frozen or restraint.no_new_risk or not regime.vix_or_proxy < policy.vix_extreme:
        return np.zeros(stale.size)
    factor = 1.0 if regime.vix_or_proxy <= policy.vix_high else run.policy.vetoes.warning_scale
    free = (now.view.now("eligible") != 0.0) & (stale == 0.0)
    free &= rebalanced.confidence >= _confidence_min(run, restraint)
    if restraint.no_new_crypto or regime.figure.stress:
        free &= ~run.crypto
    return np.where(free, factor, 0.0)


def bars(now: CycleContext, rebalanced: Rebalance) -> list[tuple[Mask, str]]:
    """What ``_growth`` bars or halves, as reasons: (columns, reason), in reporting order."""
    run, restraint, regime, stale = now.run, now.restraint, now.regime, now.stale
    policy = run.policy.forecast
    everything = run.everything
    found: list[tuple[Mask, str]] = [(everything, reason) for reason in now.frozen]
    if restraint.no_new_risk:
        found.append((everything, "LADDER_NO_NEW_RISK"))
    if not regime.vix_or_proxy < policy.vix_extreme:
        found.append((everything, "VIX_EXTREME"))
    elif not regime.vix_or_proxy <= policy.vix_high:
        found.append((everything, "VIX_HIGH"))
    if restraint.no_new_crypto:
        found.append((run.crypto, "LADDER_NO_CRYPTO"))
    if regime.figure.stress:
        found.append((run.crypto, "REGIME_NO_CRYPTO"))
    found.append((now.view.now("eligible") == 0.0, "CLOSE_ONLY"))
    for code in sorted({float(c) for c in stale[stale != 0.0]}):
        found.append((stale == code, freshness.reason_of(code) or "STALE_BAR"))
    found.append((~(rebalanced.confidence >= _confidence_min(run, restraint)), "LOW_CONFIDENCE"))
    return found

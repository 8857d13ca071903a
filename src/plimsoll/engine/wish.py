"""Step 8: where the book would go, and what may not grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import View
from plimsoll.core.restraint import Restraint, RiskEvent
from plimsoll.engine.book import Book
from plimsoll.engine.desk import Desk
from plimsoll.engine.outlook import Regime
from plimsoll.engine.standing import Standing
from plimsoll.risk import freshness, stops

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Wish:
    """Step 8: where the book would go, and what may not grow. ``forced`` marks reductions a limit needs."""

    desired: Floats
    forced: Mask
    grow: Floats  # (N,) factor on increases, 0 where nothing may be added
    causes: dict[int, list[str]]


def wish_for(
    view: View,
    desk: Desk,
    book: Book,
    standing: Standing,
    restraint: Restraint,
    regime: Regime,
    stale: Floats,
    frozen: tuple[str, ...],
    ladder_events: tuple[RiskEvent, ...],
    book_scale: float,
) -> Wish:
    """The programme under the ladder's ceiling, the stops and everything that bars increases."""
    held = book.weights
    if not book.known:
        n = held.size
        return Wish(np.zeros(n), np.zeros(n, bool), np.zeros(n), {})
    causes: dict[int, list[str]] = {}
    desired = standing.target * restraint.size if restraint.size != 1.0 else standing.target.copy()
    forced = np.zeros(held.size, dtype=bool)

    def cap(columns: Mask | list[int], ceiling: Floats | float, reason: str, *, force: bool = True) -> None:
        """Lower the wish where it exceeds ``ceiling``; what is held above it must go, unless left to its band."""
        limit = np.broadcast_to(np.asarray(ceiling, dtype=np.float64), desired.shape)
        where = np.zeros(desired.size, dtype=bool)
        where[columns] = True
        where &= (desired > limit) | (held > limit)
        if not where.any():
            return
        desired[where] = np.minimum(desired[where], limit[where])
        forced[where & (held > limit)] |= force
        for c in np.flatnonzero(where):
            causes.setdefault(int(c), []).append(reason)

    for stop in standing.stops:
        if stop.cap < stops.UNCAPPED:
            cap([desk.column[stop.symbol]], stop.cap, "STOP_CAP", force=stop.day == view.day)
    if restraint.liquidate:
        cap(np.ones(held.size, bool), 0.0, "LADDER_LIQUIDATE")
    if restraint.havens_only:
        cap(~desk.havens, 0.0, "LADDER_HAVENS_ONLY")
    if restraint.close_crypto:
        cap(desk.crypto, 0.0, "LADDER_CUT")
    if restraint.gross_ceiling is not None:
        floor = np.minimum(desired, held) if restraint.no_new_risk else desired
        cut = _under_ceiling(floor, restraint.gross_ceiling, desk)
        fired = any(e.kind == "LADDER_RUNG" for e in ladder_events)
        for c in np.flatnonzero(cut < floor):
            desired[c] = cut[c]
            forced[c] |= fired and cut[c] < held[c]
            causes.setdefault(int(c), []).append("LADDER_CUT")
    if book_scale < 1.0:
        cap(np.ones(held.size, bool), held * book_scale, "CVAR_ABOVE_HARD")

    grow = np.ones(held.size)
    shaping = desk.policy.shaping
    # well inside its band nothing would trade, so there is nothing to bar and no reason to give (A7); not to the
    # band's very edge, because ``held`` is of whole cents and the shaping's band is not
    wanting = desired - held >= 0.9 * np.minimum(shaping.band_nav, shaping.band_target * desired)
    wanting &= desired > held
    if wanting.any():
        _bar_increases(view, desk, standing, restraint, regime, stale, frozen, wanting, grow, causes)
    return Wish(desired, forced, grow, causes)


def _under_ceiling(weights: Floats, ceiling: float, desk: Desk) -> Floats:
    """Cut to a gross ceiling: crypto goes first, then whatever is no haven, then havens, each pro rata (R4)."""
    excess = float(weights.sum()) - ceiling
    out = weights.copy()
    for group in (desk.crypto, ~desk.crypto & ~desk.havens, desk.havens & ~desk.crypto):
        if not excess > 0.0:
            break
        total = float(out[group].sum())
        taken = min(excess, total)
        if total > 0.0:
            out[group] *= 1.0 - taken / total
        excess -= taken
    return out


def _bar_increases(
    view: View,
    desk: Desk,
    standing: Standing,
    restraint: Restraint,
    regime: Regime,
    stale: Floats,
    frozen: tuple[str, ...],
    wanting: Mask,
    grow: Floats,
    causes: dict[int, list[str]],
) -> None:
    """Write into ``grow`` the factor on each increase and into ``causes`` why it is less than one."""
    policy = desk.policy.forecast

    def bar(where: Mask, factor: float, reason: str) -> None:
        where = where & wanting
        grow[where] = np.minimum(grow[where], factor)
        for c in np.flatnonzero(where):
            causes.setdefault(int(c), []).append(reason)

    everywhere = np.ones(wanting.size, dtype=bool)
    for reason in frozen:
        bar(everywhere, 0.0, reason)
    if restraint.no_new_risk:
        bar(everywhere, 0.0, "LADDER_NO_NEW_RISK")
    if not regime.fear < policy.vix_extreme:
        bar(everywhere, 0.0, "VIX_EXTREME")
    elif not regime.fear <= policy.vix_high:
        bar(everywhere, desk.policy.vetoes.warning_scale, "VIX_HIGH")
    if restraint.no_new_crypto:
        bar(desk.crypto, 0.0, "LADDER_NO_CRYPTO")
    if regime.figure.stress:
        bar(desk.crypto, 0.0, "REGIME_NO_CRYPTO")
    bar(view.now("eligible") == 0.0, 0.0, "CLOSE_ONLY")
    if (stale != 0.0)[wanting].any():
        for c in np.flatnonzero(wanting & (stale != 0.0)):
            grow[c] = 0.0
            causes.setdefault(int(c), []).append(freshness.reason_of(stale[c]) or "STALE_BAR")
    threshold = max(policy.confidence_min, restraint.confidence_min)
    confidence = standing.programme.confidence if standing.programme else {}
    for c in np.flatnonzero(wanting):
        if not confidence.get(desk.symbols[c], 0.0) >= threshold:
            grow[c] = 0.0
            causes.setdefault(int(c), []).append("LOW_CONFIDENCE")

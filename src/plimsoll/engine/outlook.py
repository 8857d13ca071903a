"""Step 2: observe the regime."""

from __future__ import annotations

import msgspec
import numpy as np

from plimsoll.core.decision import Carried, RegimeFigure
from plimsoll.core.panel import View
from plimsoll.core.restraint import RiskEvent
from plimsoll.costs.model import most_probable
from plimsoll.engine.run_context import RunContext
from plimsoll.risk.regime import source_of


class Regime(msgspec.Struct, frozen=True, eq=False):
    """Regime belief, and whether the crisis regime restrains proposals (R8)."""

    figure: RegimeFigure
    state: int  # most probable: 0 normal, 1 volatile, 2 crisis
    vix_or_proxy: float
    stress_sessions: int
    events: tuple[RiskEvent, ...]


def observe(view: View, carried: Carried, run: RunContext) -> Regime:
    """Belief and outlook of the filter, with the hysteresis of the crisis regime (R8).

    While VIX is missing the regime's scale may fall, not rise: an episode does not end without an observation.
    """
    policy = run.policy.regime
    belief = view.figure("regime.belief")
    crisis, vix, vix_or_proxy = (
        view.figure("regime.crisis"),
        view.figure("regime.vix"),
        view.figure("regime.vix_or_proxy"),
    )
    before = carried.stress_sessions
    after = before + 1 if before else int(crisis > policy.crisis_on)
    if before and before >= policy.crisis_sessions and crisis < policy.crisis_off and vix == vix:
        after = 0
    events: tuple[RiskEvent, ...] = ()
    if bool(before) != bool(after):
        kind, limit = ("REGIME_STRESS", policy.crisis_on) if after else ("REGIME_CLEAR", policy.crisis_off)
        events = (RiskEvent(view.date, kind, "WARNING" if after else "INFO", crisis, limit),)
    if view.figure("data.newly_late"):
        events = (*events, *_late(view, run))
    figure = RegimeFigure(
        belief=belief,
        crisis=crisis,
        vix=vix if vix == vix else None,
        source=source_of(view.figure("regime.whose"), run.policy),
        stress=after > 0,
        passage=view.figure("regime.passage"),
    )
    return Regime(figure, most_probable(belief), vix_or_proxy, after, events)


def _late(view: View, run: RunContext) -> tuple[RiskEvent, ...]:
    """An alert on the session at which symbols that stopped together are known to be late (D9); new risk in them
    stops with their bars (D15), and new risk in anything where too many are late (D7).
    """
    late = view.certified("late")[-2:]
    new = (late[-1] & ~late[0] if len(late) > 1 else late[-1]) & view.tradable
    if not new.any():
        return ()
    names = [run.symbols[c] for c in np.flatnonzero(new).tolist()]
    scope = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    share = float(np.count_nonzero(new) / max(1, int(np.count_nonzero(view.tradable))))
    return (RiskEvent(view.date, "DATA_LATE", "WARNING", share, run.policy.data.affected_universe_max, scope),)

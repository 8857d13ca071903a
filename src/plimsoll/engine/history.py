"""A panel with every causal factor the rooms ask for: one catalogue a policy (F2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from plimsoll.alpha.terms import declared
from plimsoll.capital import scenarios
from plimsoll.core.panel import Factor, Floats, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy
from plimsoll.engine import caps
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import comovement, freshness, regime, stops


def _affected(eligible: Factor, reasons: Factor) -> Factor:
    """(T,) share of the symbols that may trade whose last expected bar is absent (D7); 0 when none may."""

    def share(panel: Panel) -> Floats:
        may = eligible(panel) != 0.0
        late = may & (reasons(panel) == freshness.CODES.index("STALE_BAR"))
        return np.asarray(late.sum(axis=1) / np.maximum(may.sum(axis=1), 1))

    return share


def history_of(panel: Panel, policy: Policy, strategies: Sequence[Strategy] = ()) -> History:
    """The panel and its factors, each computed on first use and shared by all views.

    With those that ``strategies`` declare for themselves; ``InputError`` where one has a name that is taken.
    """
    known = catalogue(policy)
    reasons: Factor = lru_cache(maxsize=1)(freshness.factors(policy)["freshness.reason"])  # asked for twice
    factors: dict[str, Factor] = {
        **known,
        **regime.factors(policy),
        **freshness.factors(policy),
        **scenarios.factors(policy),
        **stops.factors(policy),
        **comovement.factors(policy),
        **caps.factors(policy),
        "freshness.reason": reasons,
        "data.affected": _affected(known["eligible"], reasons),
    }
    return History(panel, {**factors, **declared(strategies, factors)})

"""A panel with every causal factor that strategies and rules read: one catalogue per policy (F2)."""

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
    """(T,) share of the tradable symbols whose last expected bar is absent (D7); 0 without tradable symbols."""

    def share(panel: Panel) -> Floats:
        may = eligible(panel) != 0.0
        late = may & (reasons(panel) == freshness.CODES.index("STALE_BAR"))
        return np.asarray(late.sum(axis=1) / np.maximum(may.sum(axis=1), 1))

    return share


def _newly_late(panel: Panel) -> Floats:
    """(T,) 1 where a tradable symbol becomes known to have stopped together with others (D9), else 0."""
    late = panel.certified.late & panel.tradable
    new = late.copy()
    new[1:] &= ~late[:-1]
    return np.asarray(new.any(axis=1), dtype=np.float64)


def _input_missing(panel: Panel, required: Sequence[str]) -> Floats:
    """(T,) 1 where a required input of the regime, a symbol or a macro series, is absent from the last two rows."""
    missing = np.zeros(len(panel.sessions), dtype=np.bool_)
    for name in required:
        if name in panel.column:
            known = np.isfinite(panel.close[:, panel.column[name]])
        elif name in panel.macro_names:
            known = np.isfinite(panel.macro[:, panel.macro_names.index(name)])
        else:
            known = np.zeros_like(missing)
        known[1:] |= known[:-1].copy()
        missing |= ~known
    return missing.astype(np.float64)


def history_of(panel: Panel, policy: Policy, strategies: Sequence[Strategy] = ()) -> History:
    """The panel and its factors, each computed on first use and shared by all views.

    With those that ``strategies`` declare; ``InputError`` where one has a name in use.
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
        "data.newly_late": _newly_late,
        "data.input_missing": lambda panel: _input_missing(panel, policy.regime.required),
    }
    return History(panel, {**factors, **declared(strategies, factors)})

"""A strategy's terms: schedule, holding period, information coefficient and factors (S1).

Each is an optional attribute of a strategy; without it the policy's value applies.

``schedule``
    ``daily``, ``week_end`` or ``month_end``: the sessions on which its forecasts are requested, besides the first of a
    run. Default: the auction's (``auction.schedule``).
``holding_sessions``
    Expected holding period of a purchase; its trading cost is spread over that many sessions (A2).
``ic``
    Information coefficient of its scores: ``plimsoll.alpha.rules.bid`` multiplies by it (S1).
``factors``
    Its own indicators, name -> function of the panel that returns (T, N) or (T,), read with ``view.now(name)``.
    Row t of a factor may use only rows up to t (F2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace

from plimsoll.core.errors import InputError
from plimsoll.core.panel import Factor, Floats, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy

_PARTS = (0.5, 0.9)  # shares of the rows at which a declared factor is recomputed without later rows
SCHEDULES: tuple[str, ...] = ("daily", "week_end", "month_end")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms in force for one strategy: its own, or the policy's."""

    schedule: str
    holding_sessions: int
    ic: float


def terms_of(strategy: Strategy, policy: Policy) -> Terms:
    """The terms of a strategy that :func:`check` has passed."""

    def own(name: str, default: Any) -> Any:
        value = getattr(strategy, name, None)
        return default if value is None else value

    return Terms(
        schedule=own("schedule", policy.auction.schedule),
        holding_sessions=int(own("holding_sessions", policy.forecast.holding_sessions)),
        ic=float(own("ic", policy.forecast.ic)),
    )


def policy_for(policy: Policy, terms: Terms) -> Policy:
    """The policy with a strategy's own schedule, holding period and information coefficient."""
    if terms == Terms(policy.auction.schedule, policy.forecast.holding_sessions, policy.forecast.ic):
        return policy
    return replace(
        policy,
        auction=replace(policy.auction, schedule=terms.schedule),
        forecast=replace(policy.forecast, holding_sessions=terms.holding_sessions, ic=terms.ic),
    )


def check(strategy: Strategy, origin: str) -> None:
    """Raise :class:`InputError` where an attribute is invalid; ``origin`` names the strategy in the message."""
    schedule = getattr(strategy, "schedule", None)
    if schedule is not None and schedule not in SCHEDULES:
        raise InputError(f"{origin}: schedule is {schedule!r}", f"Give one of {', '.join(SCHEDULES)}, or leave it out")
    holding = getattr(strategy, "holding_sessions", None)
    if holding is not None and not (_number(holding) and holding >= 1 and holding == int(holding)):
        raise InputError(f"{origin}: holding_sessions is {holding!r}", "Give a whole number of sessions, at least 1")
    ic = getattr(strategy, "ic", None)
    if ic is not None and not (_number(ic) and 0.0 < ic <= 1.0):
        raise InputError(f"{origin}: ic is {ic!r}", "Give a correlation above 0 and at most 1, such as 0.05")
    factors = getattr(strategy, "factors", None)
    if factors is None:
        return
    if not (isinstance(factors, Mapping) and all(isinstance(n, str) and callable(f) for n, f in factors.items())):
        raise InputError(f"{origin}: factors is not a mapping of names to functions", "Give {'my_factor': function}")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def declared(strategies: Sequence[Strategy], known: Mapping[str, Factor]) -> dict[str, Factor]:
    """The factors that strategies declare, by name, each checked for shape and causality when it is computed.

    Raises
    ------
    InputError
        A name is already used in ``known`` or by another strategy.
    """
    owner: dict[str, str] = {}
    found: dict[str, Factor] = {}
    for strategy in strategies:
        for name, factor in (getattr(strategy, "factors", None) or {}).items():
            taken = "Plimsoll itself" if name in known else owner.get(name)
            if taken is not None:
                raise InputError(
                    f"strategy {strategy.name!r} declares the factor {name!r}, which {taken} has already",
                    f"Give it a name of its own, such as {strategy.name}.{name}",
                )
            owner[name] = f"strategy {strategy.name!r}"
            found[name] = _shaped(name, strategy.name, factor)
    return found


def _shaped(name: str, strategy: str, factor: Factor) -> Factor:
    """The factor with its result copied to a new float array, checked for shape and recomputed on shorter panels to
    show that it reads no later rows.
    """

    def made(panel: Panel) -> Floats:
        try:
            values = np.array(factor(panel), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"factor {name!r} of {strategy!r} gives no numbers: {error}") from error
        rows, columns = len(panel.sessions), len(panel.symbols)
        if values.shape not in ((rows,), (rows, columns)):
            raise ValueError(
                f"factor {name!r} of {strategy!r} has shape {values.shape}; ({rows}, {columns}) or ({rows},) is needed"
            )
        for part in _PARTS:  # the same bits without later rows, if the panel is long enough to be cut (F2)
            known = int(part * rows)
            if 0 < known < rows:
                before = np.array(factor(panel.first(known)), dtype=np.float64)
                if not np.array_equal(before, values[:known], equal_nan=True):
                    raise ValueError(
                        f"factor {name!r} of {strategy!r} reads the future: its values up to "
                        f"{panel.sessions.dates[known - 1]} change when later sessions are removed"
                    )
        return values

    return made

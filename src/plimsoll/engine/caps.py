"""Caps on single positions: by kind, by symbol and by the universe file, scaled by volatility targets (A4, S4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from plimsoll.core.events import CapsGranted
from plimsoll.core.instrument import Instrument
from plimsoll.core.limits import AccountCaps
from plimsoll.core.panel import Factor, Floats, Panel
from plimsoll.core.policy import CvarPolicy, LadderPolicy, LimitPolicy, Policy
from plimsoll.core.symbols import held_as, measurable
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import ladder as ladder_room

if TYPE_CHECKING:
    from plimsoll.governor.limits import GovernorLimits

_CAPS = ("loss", "position", "turnover", "trade")


def factors(policy: Policy) -> dict[str, Factor]:
    """``limits.weight_max``: (T, N) cap of each position, max weight x min(1, target / volatility_60) (S4, A4)."""
    volatility = catalogue(policy)["volatility_60"]

    def weight_max(panel: Panel) -> Floats:
        caps = np.array([weight_cap(i, policy.limits) for i in panel.instruments])
        targets = np.array([_volatility_target(i, policy.limits) for i in panel.instruments])
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = caps * np.fmin(1.0, targets / volatility(panel))
        # an asset with a target but without a measured volatility may not be held at all (U6)
        return np.where(np.isfinite(targets), np.nan_to_num(scaled, nan=0.0), caps)

    return {"limits.weight_max": weight_max}


def governor_limits(policy: Policy, granted: CapsGranted | None) -> GovernorLimits:
    """The governor's limits in a run of this policy, with the dollar caps that were ``granted`` to it, if any (H1)."""
    from plimsoll.governor.limits import limits_of  # asked of a governed run only: the others pay nothing for it

    limits = limits_of(policy)
    return limits if granted is None else limits.with_caps(granted.caps)


def noted(granted: CapsGranted) -> dict[str, float]:
    """Granted caps as limits of a session's record, in USD, so that its readers know them (G3)."""
    sums = {name: getattr(granted, name) for name in _CAPS}
    named = {f"position:{symbol}": cap for symbol, cap in granted.positions.items()}
    return {f"account_{name}": cap / 100.0 for name, cap in (sums | named).items()}


def granted_in(limits: Mapping[str, float]) -> CapsGranted | None:
    """The caps that a session's record notes; None where the policy's were in force."""
    if "account_trade" not in limits:
        return None
    loss, position, turnover, trade = (round(100.0 * limits[f"account_{name}"]) for name in _CAPS)
    prefix = "account_position:"
    named = {k.removeprefix(prefix): round(100.0 * v) for k, v in limits.items() if k.startswith(prefix)}
    return CapsGranted("", loss, position, turnover, trade, 0, "", named)


def account_caps(policy: Policy, symbols: tuple[str, ...], granted: CapsGranted | None = None) -> AccountCaps:
    """The governor's dollar caps for an account of this policy, for columns of these ``symbols``; those ``granted`` by
    the account's record in their place (H1).

    A symbol that the governor cannot measure, or that its policy does not name, may only be reduced: its cap is zero.
    """
    from plimsoll.governor.limits import WHOLE

    limits = governor_limits(policy, granted)

    def position(symbol: str) -> float:
        known = measurable(symbol) and (not limits.symbols or held_as(symbol) in limits.symbols)
        return limits.position_of(held_as(symbol)) / 100.0 if known else 0.0

    return AccountCaps(
        trade=limits.trade / 100.0,
        position=np.array([position(symbol) for symbol in symbols]),
        turnover=limits.turnover / 100.0,
        gross=limits.gross_bps / WHOLE,
        reserve=limits.move_bps / WHOLE,
    )


def weight_cap(instrument: Instrument, limits: LimitPolicy) -> float:
    """Static cap of one instrument: the strictest of kind, symbol and universe (A4, S4, U7); 0 for an index."""
    if not instrument.tradable:
        return 0.0
    by_kind = {"stock": limits.weight_stock, "fund": limits.weight_fund, "crypto": limits.weight_crypto}
    entry = limits.assets.get(instrument.symbol)
    cap = entry.max_weight if entry else by_kind.get(instrument.kind, limits.weight_other)
    if entry and instrument.kind in ("stock", "crypto"):
        cap = min(cap, by_kind[instrument.kind])
    return cap if instrument.max_weight is None else min(cap, instrument.max_weight)


def stressed_max(cvar: CvarPolicy, ladder: LadderPolicy) -> float:
    """Limit on stressed CVaR over 10 sessions, fraction of NAV: the deepest rung before one that liquidates (A3).

    A repeat of the worst known fortnight may require a person; it may not liquidate. ``cvar.stressed_no_rung`` bounds
    it where no such rung exists, or no rung liquidates. A ladder that is switched off still sets this limit.

    >>> stressed_max(CvarPolicy(), LadderPolicy()), stressed_max(CvarPolicy(), LadderPolicy(flatten_on_panic=True))
    (0.12, 0.08)
    """
    ends = [r.threshold for r in ladder.rungs if ladder_room.liquidates(r, ladder) or r.ends_mandate]
    before = [r.threshold for r in ladder.rungs if not ends or r.threshold < min(ends)]
    return max(before, default=cvar.stressed_no_rung)


def _volatility_target(instrument: Instrument, limits: LimitPolicy) -> float:
    """Annual volatility target, infinite without one (S4)."""
    entry = limits.assets.get(instrument.symbol)
    given = (instrument.volatility_target, entry.volatility_target if entry else None)
    return min((v for v in given if v is not None), default=float("inf"))

"""Size of an intraday model's order before the governor checks it (H3). Integers only.

Three layers limit a size, in this order: the risk from the average true range of the bars, with the turnover left in
the session; the intraday ladder; the volatility regime. It shrinks near the open and the close, and never
exceeds the governor's headroom. Units are the governor's: quantities in 1e-12 units, prices in 1e-12 USD, headroom in
cents, time in microseconds, shares in basis points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT
from plimsoll.governor.governor import MINUTE
from plimsoll.governor.limits import WHOLE

LIMITS = ("trade", "position", "gross", "turnover")  # headroom that an order adding risk uses


@dataclass(frozen=True, slots=True)
class SizingRules:
    """The policy's sizing as whole numbers. ``loss`` is the account's loss cap in cents, ``edge`` in microseconds.

    ``regimes`` are (rank from which it applies, size), from the highest rank down; ``multiple`` is in 1e-4 ATRs.
    """

    loss: int
    risk_bps: int
    multiple: int
    turnover_bps: int
    caution_bps: int
    edge: int
    edge_bps: int
    regimes: tuple[tuple[int, int], ...]


def rules_of(policy: Policy, loss: int) -> SizingRules:
    """The rules of an account whose loss cap is ``loss`` cents."""
    s = policy.sizing
    return SizingRules(
        loss=loss,
        risk_bps=_bps(s.atr_risk),
        multiple=_bps(s.atr_multiple),
        turnover_bps=_bps(s.turnover_share),
        caution_bps=_bps(policy.governor.caution_size),
        edge=s.edge_minutes * MINUTE,
        edge_bps=_bps(s.edge_size),
        regimes=(
            (_bps(s.volatility_extreme), _bps(s.extreme_size)),
            (_bps(s.volatility_high), _bps(s.high_size)),
        ),
    )


@dataclass(frozen=True, slots=True)
class Conditions:
    """Inputs of a size. None is unknown, and then nothing is bought.

    ``price`` is the highest unit price that the governor will count: the ask with its reserve, or a limit. ``rank`` is
    the share of its own history that the volatility exceeds, basis points. ``since_open`` and ``to_close`` follow from
    the session's own hours, half-days included.
    """

    price: int
    atr: int | None
    rank: int | None
    stage: str
    since_open: int | None
    to_close: int | None
    headroom: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SizedQuantity:
    """A quantity, and the codes of the limits that reduced it."""

    quantity: int
    reasons: tuple[str, ...] = ()


def size(sign: int, held: int, working: int, conditions: Conditions, rules: SizingRules) -> SizedQuantity:
    """The largest order of a side that the layers and the headroom allow.

    Parameters
    ----------
    sign : 1 to buy, -1 to sell.
    held : signed position.
    working : quantity that open orders of this side may still fill.

    Returns
    -------
    Size : an order against the position closes the rest of it, and no layer shrinks it (R1).
    """
    if held * sign < 0:
        return SizedQuantity(max(abs(held) - working, 0))
    unknown = [code for code, found in (
        ("SIZE_NO_ATR", not _positive(conditions.atr) or not conditions.price > 0),
        ("SIZE_NO_VOLATILITY", conditions.rank is None),
        ("OUTSIDE_HOURS", not _inside(conditions)),
        ("INTRADAY_REDUCE_ONLY", conditions.stage == "reduce_only"),
        ("INTRADAY_HALT", conditions.stage not in ("normal", "caution", "reduce_only")),
    ) if found]  # fmt: skip
    if unknown:
        return SizedQuantity(0, tuple(unknown))
    shares, reasons = _layers(conditions, rules)
    quantity = rules.loss * CENT * rules.risk_bps // (rules.multiple * (conditions.atr or 0))
    for share in shares:
        quantity = quantity * share // WHOLE
    paced = conditions.headroom.get("turnover", 0) * rules.turnover_bps // WHOLE
    room = min(paced, *(conditions.headroom.get(name, 0) for name in LIMITS))
    most = max(room, 0) * CENT // conditions.price
    if most < quantity:
        quantity, reasons = most, [*reasons, "SIZE_HEADROOM"]
    return SizedQuantity(quantity, tuple(reasons if quantity else [*reasons, "SIZE_NOTHING"]))


def _layers(conditions: Conditions, rules: SizingRules) -> tuple[list[int], list[str]]:
    """The part of a size left by ladder, regime and time of day, basis points, and the codes that reduced it."""
    rank, near = conditions.rank or 0, min(conditions.since_open or 0, conditions.to_close or 0)
    regime = next((left for least, left in rules.regimes if rank >= least), WHOLE)
    found = (
        ("SIZE_CAUTION", rules.caution_bps if conditions.stage == "caution" else WHOLE),
        ("SIZE_VOLATILITY", regime),
        ("SIZE_EDGE", rules.edge_bps if near < rules.edge else WHOLE),
    )
    return [share for _, share in found], [code for code, share in found if share < WHOLE]


def _positive(value: int | None) -> bool:
    return value is not None and value > 0


def _inside(conditions: Conditions) -> bool:
    since, left = conditions.since_open, conditions.to_close
    return since is not None and left is not None and since >= 0 and left > 0


def _bps(share: float) -> int:
    return round(share * WHOLE)

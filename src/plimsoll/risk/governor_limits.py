"""The governor's limits as whole numbers, made once from the policy (H1).

Money is in whole cents, shares in basis points, time in microseconds: after this module no float is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plimsoll.core.money import cents
from plimsoll.core.policy import Policy

SECOND = 1_000_000  # microseconds
WHOLE = 10_000  # basis points


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the intraday ladder: it begins where the loss reaches either share, whichever comes first (R4).

    ``equity_bps`` is of the session's starting equity, ``loss_bps`` of the account's loss limit.
    """

    name: str
    equity_bps: int
    loss_bps: int


@dataclass(frozen=True, slots=True)
class GovernorLimits:
    """Everything the governor compares with. ``positions`` are caps of named symbols; ``position`` of any other.

    ``gross_bps`` is of the session's starting equity; ``stages`` rise from caution to halt; ``caution_bps`` is what
    caution leaves of the single-trade limit.
    """

    loss: int
    position: int
    turnover: int
    trade: int
    gross_bps: int
    stages: tuple[Stage, Stage, Stage]
    caution_bps: int
    collar_bps: int
    quote_age: int
    orders_second: int
    orders_minute: int
    repeats_minute: int
    positions: Mapping[str, int] = field(default_factory=dict)

    def position_of(self, symbol: str) -> int:
        """Cap of one symbol's position, cents."""
        return self.positions.get(symbol, self.position)

    @property
    def caps(self) -> dict[str, object]:
        """The account's own dollar caps, which an account keeps for life (H1)."""
        return {
            "loss": self.loss,
            "position": self.position,
            "positions": dict(sorted(self.positions.items())),
            "turnover": self.turnover,
            "trade": self.trade,
        }


def limits_of(policy: Policy) -> GovernorLimits:
    """The limits of an account of this policy.

    Where the policy states no dollar cap it follows from the stated capital: a share of it, and for a position the
    cap of the symbol's own row, else the strictest cap of any kind, because the governor knows no kinds (H1).
    """
    g, capital = policy.governor, cents(policy.account.capital)
    kinds = (policy.limits.weight_stock, policy.limits.weight_fund, policy.limits.weight_crypto)
    weight = min(*kinds, policy.limits.weight_other)
    named = {symbol: _share(row.max_weight, capital) for symbol, row in policy.limits.assets.items()}
    return GovernorLimits(
        loss=_cap(g.loss, g.loss_share, capital),
        position=_cap(g.position, weight, capital),
        positions=named if g.position is None else {},
        turnover=_cap(g.turnover, g.turnover_share, capital),
        trade=_cap(g.trade, g.trade_share, capital),
        gross_bps=_bps(policy.limits.gross_max),
        stages=(
            Stage("caution", _bps(g.caution_equity), _bps(g.caution_loss)),
            Stage("reduce_only", _bps(g.reduce_equity), _bps(g.reduce_loss)),
            Stage("halt", _bps(g.halt_equity), _bps(g.halt_loss)),
        ),
        caution_bps=_bps(g.caution_size),
        collar_bps=_bps(g.collar),
        quote_age=g.quote_age * SECOND,
        orders_second=g.orders_second,
        orders_minute=g.orders_minute,
        repeats_minute=g.repeats_minute,
    )


def _cap(dollars: int | None, share: float, capital: int) -> int:
    return _share(share, capital) if dollars is None else dollars * 100


def _share(share: float, capital: int) -> int:
    return _bps(share) * capital // WHOLE


def _bps(share: float) -> int:
    return round(share * WHOLE)

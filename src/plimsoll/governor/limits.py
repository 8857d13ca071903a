"""The governor's limits as whole numbers, converted once from the policy (H1).

Money is in whole cents, shares in basis points, time in microseconds: after this module no float is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, fields, replace
from typing import Any, Literal

import msgspec

from plimsoll.core.account_record import Caps, Growth, Limits, amount
from plimsoll.core.errors import InputError
from plimsoll.core.money import cents, dollars
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.core.symbols import UNMEASURABLE, held_as, measurable, suffix_kind

SECOND = 1_000_000  # microseconds
MILLISECOND = 1_000
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
class Pace:
    """When decisions are too slow to trade on (H5); ``longest`` in microseconds, the others counts of decisions.

    Too slow is a median of the last ``window`` above ``longest``, or ``slow`` of the last ``recent`` above it.
    """

    longest: int
    window: int
    recent: int
    slow: int


class Ruling(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The policy under which an account's session began: its hash without dollar caps, the shares of its ladder, the
    bounds at which prices are in doubt, and the reserve of market orders for a price move, basis points.
    """

    policy: str
    stages: tuple[tuple[int, int], ...]
    jumps: tuple[int, ...] = ()
    move: int = 0


@dataclass(frozen=True, slots=True)
class Jumps:
    """Distance from the last believed price at which a print is in doubt, basis points by kind, and the moves between
    two sessions that may be a split: a ratio of numbers up to ``split_units``, or a move of ``split_far_bps`` (U6).
    """

    plain: int
    crypto: int
    fx: int
    other: int
    split_near_bps: int
    split_far_bps: int
    split_units: int

    def of(self, symbol: str) -> int:
        """The bound of a symbol's kind; a stock and a fund have the same."""
        kind = suffix_kind(symbol)
        if kind is None:
            return self.plain
        return self.crypto if kind == "crypto" else self.fx if kind == "fx" else self.other


@dataclass(frozen=True, slots=True)
class GovernorLimits:
    """Every limit the governor checks. ``positions`` are caps of named symbols; ``position`` of any other.

    ``gross_bps`` is of the session's starting equity; ``stages`` rise from caution to halt; ``caution_bps`` is the part
    of the single-trade limit left under caution. ``symbols`` may be bought or sold short; none named means any.
    ``version`` is the number of the account entry that the dollar caps come from, and ``seal`` its hash: a cap is
    raised only by a higher version (H1). Both are empty where caps come straight from a policy. ``size`` is the present
    graduated position size, None where size is not graduated; the position caps include it already (H7). ``foreign``
    means that the account's session began under another policy, so that only reductions pass.
    """

    loss: int
    position: int
    turnover: int
    trade: int
    gross_bps: int
    stages: tuple[Stage, Stage, Stage]
    caution_bps: int
    collar_bps: int
    move_bps: int
    quote_age: int
    clock_slack: int
    wait_max: int
    orders_second: int
    orders_minute: int
    repeats_minute: int
    pace: Pace
    jumps: Jumps
    dust: int
    tries: int
    symbols: frozenset[str] = frozenset()
    positions: Mapping[str, int] = field(default_factory=dict)
    version: int = 0
    seal: str = ""
    size: int | None = None
    foreign: bool = False

    def position_of(self, symbol: str) -> int:
        """Cap of one symbol's position, cents."""
        return self.positions.get(symbol, self.position)

    @property
    def caps(self) -> dict[str, object]:
        """The account's own dollar caps, in cents, and the entry they come from (H1)."""
        return {
            "loss": self.loss,
            "position": self.position,
            "positions": dict(sorted(self.positions.items())),
            "turnover": self.turnover,
            "trade": self.trade,
            "version": self.version,
            "seal": self.seal,
            "size": self.size,
        }

    @property
    def ruling(self) -> Ruling:
        """The ruling that a session begun under these limits imposes on every governor of the account."""
        mine = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*self.caps, "foreign")}
        digest = hashlib.sha256(msgspec.json.encode(mine, order="sorted")).hexdigest()
        stages = tuple((stage.equity_bps, stage.loss_bps) for stage in self.stages)
        return Ruling(digest, stages, astuple(self.jumps), self.move_bps)

    def beside(self, ruling: Ruling | None) -> GovernorLimits:
        """These limits in a session that began under a ruling. If that is another policy's: the stricter ladder and
        reserve of both, and the ruling's price bounds, so that all processes check orders against the same believed
        prices.
        """
        if ruling is None or ruling.policy == self.ruling.policy:
            return self
        caution, reduce, halt = (
            replace(mine, equity_bps=min(mine.equity_bps, equity), loss_bps=min(mine.loss_bps, loss))
            for mine, (equity, loss) in zip(self.stages, ruling.stages, strict=True)
        )
        jumps = Jumps(*ruling.jumps) if ruling.jumps else self.jumps
        move = max(self.move_bps, ruling.move)
        return replace(self, stages=(caution, reduce, halt), jumps=jumps, move_bps=move, foreign=True)

    def with_caps(self, caps: Mapping[str, Any]) -> GovernorLimits:
        """These limits with exactly these dollar caps, as ``caps`` gives them."""
        return replace(self, **caps)

    def at_size(self, size: int) -> GovernorLimits:
        """These limits with no position above ``size`` cents (H7)."""
        positions = {symbol: min(cap, size) for symbol, cap in self.positions.items()}
        return replace(self, position=min(self.position, size), positions=positions, size=size)

    def capped_by(self, kept: Mapping[str, Any]) -> GovernorLimits:
        """These limits with no dollar cap above ``kept``, the account's ``caps`` until its next session.

        ``InputError`` when they come from an older entry, or raise a cap without a newer one (H1).
        """
        version, seal = int(kept.get("version", 0)), str(kept.get("seal", ""))
        other: Mapping[str, int] = kept["positions"]
        symbols = {*self.positions, *other}
        theirs = {symbol: other.get(symbol, int(kept["position"])) for symbol in symbols}
        tight = replace(
            self,
            loss=min(self.loss, kept["loss"]),
            position=min(self.position, kept["position"]),
            positions={symbol: min(self.position_of(symbol), cap) for symbol, cap in theirs.items()},
            turnover=min(self.turnover, kept["turnover"]),
            trade=min(self.trade, kept["trade"]),
            version=version,
            seal=seal,
            size=min((size for size in (self.size, kept.get("size")) if size is not None), default=None),
        )
        raised = (self.loss, self.position, self.turnover, self.trade) != (
            tight.loss, tight.position, tight.turnover, tight.trade
        ) or any(self.position_of(symbol) > cap for symbol, cap in theirs.items())  # fmt: skip
        if self.version < version or (self.version == version and (raised or self.seal != seal)):
            raise InputError(
                "this account was opened under other dollar caps", "Use the profile it was opened with, or another home"
            )
        return tight


def limits_of(policy: Policy) -> GovernorLimits:
    """The limits of an account of this policy.

    A dollar cap not stated in the policy is a share of the stated capital; for a position it is the cap of the symbol's
    own row, else the strictest cap of any kind, because the governor knows no kinds (H1).
    """
    g, capital = policy.governor, cents(policy.account.capital)
    kinds = (policy.limits.weight_stock, policy.limits.weight_fund, policy.limits.weight_crypto)
    weight = min(*kinds, policy.limits.weight_other)
    rows = [(_one_name(name, "limits.assets"), row) for name, row in policy.limits.assets.items()]
    named = _strictest((symbol, _share(row.max_weight, capital)) for symbol, row in rows)
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
        move_bps=_bps(g.market_reserve),
        quote_age=g.quote_age * SECOND,
        clock_slack=g.clock_slack * MILLISECOND,
        wait_max=g.wait_max * MILLISECOND,
        orders_second=g.orders_second,
        orders_minute=g.orders_minute,
        repeats_minute=g.repeats_minute,
        pace=Pace(g.latency_max * MILLISECOND, g.latency_window, g.latency_recent, g.latency_slow),
        jumps=Jumps(
            plain=_bps(g.jump_stock),
            crypto=_bps(g.jump_crypto),
            fx=_bps(g.jump_fx),
            other=_bps(g.jump_other),
            split_near_bps=_bps(g.split_near),
            split_far_bps=_bps(g.split_far),
            split_units=g.split_units,
        ),
        dust=g.dust * 100,
        tries=g.tries,
        symbols=frozenset(_tradable(name) for name in g.symbols),
    )


def from_policy(policy: Policy, mode: Literal["paper", "live"], reason: str = "") -> Limits:
    """The limits that an account of this policy has to sign: caps frozen in dollars, and the size steps (H1, H7).

    A live account always grows by steps; a paper account where ``governor.graduate_paper`` is set.
    """
    limits, g = limits_of(policy), policy.governor
    graduated = mode == "live" or g.graduate_paper
    return Limits(
        mode=mode,
        profile=policy.profile,
        capital=dollars(cents(policy.account.capital)),
        caps=Caps(
            loss=dollars(limits.loss),
            position=dollars(limits.position),
            positions={symbol: dollars(cap) for symbol, cap in sorted(limits.positions.items())},
            turnover=dollars(limits.turnover),
            trade=dollars(limits.trade),
        ),
        growth=_growth(g) if graduated else None,
        reason=reason,
    )


def _growth(g: GovernorPolicy) -> Growth:
    return Growth(
        steps=tuple(dollars(100 * step) for step in g.size_steps),
        days=g.size_days,
        uptime_bps=_bps(g.size_uptime),
        daily_loss_bps=_bps(g.size_daily_loss),
        drawdown_bps=_bps(g.size_drawdown),
    )


def with_signed_caps(limits: GovernorLimits, signed: Limits, version: int, seal: str) -> GovernorLimits:
    """The limits with the dollar caps of an account's entry, whatever the policy's are (H1)."""
    caps = signed.caps
    return replace(
        limits,
        loss=amount(caps.loss, "caps.loss"),
        position=amount(caps.position, "caps.position"),
        positions=_strictest(
            (_one_name(symbol, "caps.positions"), amount(text, f"caps.positions.{symbol}"))
            for symbol, text in caps.positions.items()
        ),
        turnover=amount(caps.turnover, "caps.turnover"),
        trade=amount(caps.trade, "caps.trade"),
        version=version,
        seal=seal,
    )


def _strictest(named: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Caps by symbol; the smaller one where a symbol appears in two spellings."""
    found: dict[str, int] = {}
    for symbol, cap in named:
        found[symbol] = min(cap, found.get(symbol, cap))
    return found


def _one_name(name: str, where: str) -> str:
    try:
        return held_as(name)
    except InputError as error:
        raise InputError(f"{where}: {error.problem}", error.remedy) from None


def _tradable(name: str) -> str:
    """A symbol of ``governor.symbols``; ``InputError`` for one that cannot be traded."""
    symbol = _one_name(name, "governor.symbols")
    if not measurable(symbol):
        raise InputError(f"governor.symbols: {symbol} is {UNMEASURABLE}", "Name symbols that the account trades in USD")
    return symbol


def _cap(dollars: int | None, share: float, capital: int) -> int:
    return _share(share, capital) if dollars is None else dollars * 100


def _share(share: float, capital: int) -> int:
    return _bps(share) * capital // WHOLE


def _bps(share: float) -> int:
    return round(share * WHOLE)

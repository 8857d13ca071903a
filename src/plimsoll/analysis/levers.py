"""For each reason code, the figure behind it and how to change it, for what-if questions (G4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from plimsoll.analysis.what_if import World
from plimsoll.core.decision import BidRecord, CycleRecord, StopState
from plimsoll.core.forecast import Forecast
from plimsoll.core.limits import LimitSet
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import DOLLARS
from plimsoll.core.restraint import LadderState
from plimsoll.core.symbols import held_as
from plimsoll.core.verdict import Finding
from plimsoll.engine.caps import governor_limits
from plimsoll.risk import freshness, stops

Floats = NDArray[np.float64]

_FAR = 1e6  # a limit so far away that nothing reaches it: multiples of NAV
_FAR_USD = 1e15  # the same in dollars
BOOK = "book"


@dataclass(frozen=True, eq=False)
class Lever:
    """Something that can be moved: ``at(world, value)`` is the world with it moved there.

    ``now`` is the figure as it is and ``far`` where it no longer matters, NaN for what has no figure; ``likely`` are
    figures to try first, the nearest to ``now`` first, and ``whole`` says that only whole numbers make sense.
    """

    cause: str
    figure: str
    at: Callable[[World, float], World]
    now: float = math.nan
    far: float = math.nan
    likely: tuple[float, ...] = ()
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Place:
    """A symbol in a session: its world, its record, its name and its column."""

    world: World
    record: CycleRecord
    symbol: str

    @property
    def column(self) -> int:
        """The symbol's column."""
        return self.world.run.column[self.symbol]

    @property
    def policy(self) -> Policy:
        """The run's policy."""
        return self.world.run.policy


def levers(world: World, record: CycleRecord, symbol: str, codes: Sequence[str]) -> list[Lever]:
    """A lever for each of the reasons of a symbol's line, for a reason that gates gave one for each gate.

    A reason that nothing can lift has none: an unmeasurable CVaR, a missing price, the end of the mandate.
    """
    found: list[Lever] = []
    for code in codes:
        told = () if code in DOLLARS else (*record.unmet, *record.findings)  # the account's own caps are no gates
        gates = [f for f in told if f.reason == code and f.scope in (symbol, BOOK)]
        if gates:
            made = (_of_gate(world, f, symbol) for f in {f.gate: f for f in reversed(gates)}.values())
            found += [lever for lever in made if lever is not None]
        elif (make := _PLAIN.get(code)) is not None:
            found.append(make(Place(world, record, symbol)))
    return found


def limit_lever(world: World, cause: str, name: str, symbol: str) -> Lever | None:
    """The lever of a limit by its name; None for a name that is no limit of a session.

    Names are those of gates (``cvar_10``, ``standalone_1``, ``position``) or of the auction (``position:GLD``,
    ``stressed_10``, ``sector:tech``, ``pair:QQQ+SPY``); ``cvar`` alone is at the auction's horizon.
    """
    kind, _, _ = name.partition(":")
    head, _, tail = kind.rpartition("_")
    horizon = int(tail) if tail.isdigit() else world.run.policy.auction.horizon
    kind = head if tail.isdigit() else kind
    column, policy = world.run.column[symbol], world.run.policy
    limits = world.limits
    if kind == "cvar":
        now = limits.cvar_budget[horizon]
        return Lever(cause, f"cvar_{horizon}", _budget(horizon), now, _FAR)
    if kind.startswith("stressed"):
        return Lever(cause, f"stressed_{horizon}", _by_horizon("stressed_budget", horizon),
                     limits.stressed_budget[horizon], _FAR)  # fmt: skip
    if kind == "standalone":
        return Lever(cause, f"standalone_{horizon}:{symbol}", _standalone(horizon, column),
                     float(limits.standalone[horizon][column]), _FAR)  # fmt: skip
    if kind == "position":
        return Lever(
            cause, f"position:{symbol}", _of_column("weight_max", column), float(limits.weight_max[column]), _FAR
        )
    if kind == "incremental":
        return Lever(cause, f"incremental:{symbol}", _of_column("incremental_max", column),
                     float(limits.incremental_max[column]), _FAR)  # fmt: skip
    if kind == "gross":
        return Lever(cause, "gross", lambda w, v: w.moved(lambda s: changed(s, gross_max=v)), limits.gross_max, _FAR)
    if kind == "cash":
        return Lever(cause, "cash", lambda w, v: w.moved(lambda s: changed(s, cash_min=v)), limits.cash_min, -_FAR)
    if kind in ("group", "sector"):
        groups = [g for g in limits.groups if column in g.members]
        return Lever(cause, groups[0].name, _group(column), groups[0].cap, _FAR) if groups else None
    if kind == "pair":
        at = _policy("correlation", "pair_multiple")
        return Lever(cause, "pair", at, policy.correlation.pair_multiple, _FAR)
    if kind == "participation":
        at = _policy("limits", "participation_max")
        return Lever(cause, "participation", at, policy.limits.participation_max, _FAR)
    return None


def _of_gate(world: World, found: Finding, symbol: str) -> Lever | None:
    """The lever of what a gate or a veto found."""
    code, gate = found.reason, found.gate
    horizon = gate.rpartition("_")[2]
    if code.startswith("VETO_"):
        return Lever(code, f"veto:{gate}", lambda w, _: w.under(_without(w.run.policy, gate)))
    if code == "CVAR_UNKNOWN":
        return None
    if code == "CVAR_ABOVE_HARD":
        h = int(horizon)
        return Lever(code, f"cvar_hard_{h}", _by_horizon("cvar_hard", h), world.limits.cvar_hard[h], _FAR)
    if code == "GROSS_FREEZE":
        return Lever(code, "gross_freeze", _gross_freeze, world.limits.gross_freeze, _FAR)
    if code == "GROSS_HALT":
        return None
    return limit_lever(world, code, gate, symbol)


def _invested(world: World, value: float) -> World:
    """What may be invested altogether: the limit on gross exposure and the cash to be kept, both moved."""
    return world.moved(lambda s: changed(s, gross_max=max(s.gross_max, value), cash_min=min(s.cash_min, 1.0 - value)))


def bid_levers(world: World, record: CycleRecord, bid: BidRecord) -> list[Lever]:
    """Changes that could raise a bid at an auction: its expected return, each limit that charged it, each bar."""
    found: list[Lever] = []
    if bid.decision != "KEPT":
        found.append(Lever("MU", "mu", _expecting(bid), bid.mu, 1.0))
    for name, _ in bid.bindings or ((bid.binding, 0.0),):
        if name == "gross":
            most = min(world.limits.gross_max, 1.0 - world.limits.cash_min)
            found.append(Lever("OUTBID", "invested", _invested, most, _FAR))
        elif name == "target_weight":
            found.append(Lever("OUTBID", "target_weight", _free(bid), bid.cap, 10.0))
        elif (lever := limit_lever(world, "OUTBID", name, bid.symbol)) is not None:
            found.append(lever)
    for code in bid.reasons:
        if code == "LOW_CONFIDENCE":
            found.append(confidence_lever(world, record, bid.symbol, bid.strategy))
        elif code in _PLAIN and code != "BELOW_ONE_LOT":
            found.append(_PLAIN[code](Place(world, record, bid.symbol)))
    return found


def _expecting(bid: BidRecord) -> Callable[[World, float], World]:
    """The bid's expected return at the auction's horizon, as its strategy would have said it at its own."""

    def at(world: World, value: float) -> World:
        horizon = world.run.policy.auction.horizon

        def retold(name: str, f: Forecast) -> Forecast:
            mine = (name, f.symbol) == (bid.strategy, bid.symbol)
            return changed(f, mu=value * f.horizon / horizon) if mine else f

        return world.told(retold)

    return at


def _free(bid: BidRecord) -> Callable[[World, float], World]:
    """The weight that the strategy itself asks for at most."""

    def at(world: World, value: float) -> World:
        def retold(name: str, f: Forecast) -> Forecast:
            mine = (name, f.symbol) == (bid.strategy, bid.symbol)
            return changed(f, target_weight=value) if mine else f

        return world.told(retold)

    return at


def _without(policy: Policy, trigger: str) -> Policy:
    left = tuple(v for v in policy.vetoes.enabled if v != trigger)
    return changed(policy, vetoes=changed(policy.vetoes, enabled=left))


def _by_horizon(name: str, horizon: int) -> Callable[[World, float], World]:
    def move(limits: LimitSet, value: float) -> LimitSet:
        moved: dict[str, Any] = {name: {**getattr(limits, name), horizon: value}}
        return changed(limits, **moved)

    return lambda world, value: world.moved(lambda s: move(s, value))


def _gross_freeze(world: World, value: float) -> World:
    return world.moved(lambda s: changed(s, gross_freeze=value))


def _budget(horizon: int) -> Callable[[World, float], World]:
    """The budget at a horizon, and the hard limit with it where that is lower: no policy has one above the other."""

    def move(limits: LimitSet, value: float) -> LimitSet:
        hard = {**limits.cvar_hard, horizon: max(value, limits.cvar_hard[horizon])}
        return changed(limits, cvar_budget={**limits.cvar_budget, horizon: value}, cvar_hard=hard)

    return lambda world, value: world.moved(lambda s: move(s, value))


def _of_column(name: str, column: int) -> Callable[[World, float], World]:
    def move(limits: LimitSet, value: float) -> LimitSet:
        values = getattr(limits, name).copy()
        values[column] = value
        moved: dict[str, Any] = {name: values}
        return changed(limits, **moved)

    return lambda world, value: world.moved(lambda s: move(s, value))


def _standalone(horizon: int, column: int) -> Callable[[World, float], World]:
    def move(limits: LimitSet, value: float) -> LimitSet:
        values = limits.standalone[horizon].copy()
        values[column] = value
        return changed(limits, standalone={**limits.standalone, horizon: values})

    return lambda world, value: world.moved(lambda s: move(s, value))


def _group(column: int) -> Callable[[World, float], World]:
    def move(limits: LimitSet, value: float) -> LimitSet:
        return changed(limits, groups=tuple(replace_cap(g, column, value) for g in limits.groups))

    def replace_cap(group: Any, at: int, value: float) -> Any:
        return changed(group, cap=value) if at in group.members else group

    return lambda world, value: world.moved(lambda s: move(s, value))


def _policy(section: str, name: str, *, whole: bool = False) -> Callable[[World, float], World]:
    def at(world: World, value: float) -> World:
        policy = world.run.policy
        part = changed(getattr(policy, section), **{name: round(value) if whole else value})
        return world.under(changed(policy, **{section: part}))

    return at


def confidence_lever(world: World, record: CycleRecord, symbol: str, strategy: str | None = None) -> Lever:
    """The confidence behind a symbol raised to the threshold: of the standing target portfolio, or of the day's
    forecasts.
    """
    least = max(world.run.policy.forecast.confidence_min, record.restraint.confidence_min)
    portfolio = record.carried.portfolio
    now = math.nan
    if strategy is not None and record.auction is not None:
        now = next(b.confidence for b in record.auction.bids if (b.strategy, b.symbol) == (strategy, symbol))
    elif portfolio is not None:
        now = portfolio.confidence.get(symbol, math.nan)

    def raised(w: World, value: float) -> World:
        def sure(name: str, f: Forecast) -> Forecast:
            mine = f.symbol == symbol and strategy in (None, name)
            return changed(f, confidence=max(f.confidence, value)) if mine else f

        rebalanced = w.state.carried.portfolio
        if rebalanced is not None:
            w = w.carrying(portfolio=changed(rebalanced, confidence={**rebalanced.confidence, symbol: value}))
        return w.told(sure)

    return Lever("LOW_CONFIDENCE", "confidence", raised, now, 1.0, (least,))


def _vix(p: Place, *, extreme: bool) -> Lever:
    rules, vix_or_proxy = p.policy.forecast, float(p.world.view.now("regime.vix_or_proxy"))
    below = math.nextafter(rules.vix_extreme, 0.0)
    likely = (below, rules.vix_high) if extreme else (rules.vix_high,)
    code = "VIX_EXTREME" if extreme else "VIX_HIGH"
    return Lever(code, "vix", lambda w, v: w.seeing("regime.vix_or_proxy", v), vix_or_proxy, 0.0, likely)


def _ladder(p: Place, code: str) -> Lever:
    """The ladder as if this close were a new beginning; the lifetime's peak stays, and with it the mandate's end."""

    def fresh(w: World, _: float) -> World:
        before = w.state.carried.ladder
        peak = max(p.record.nav, 1)
        return w.carrying(ladder=LadderState(peak, before.lifetime_peak, before.mandate, resumes=before.resumes))

    return Lever(code, "ladder", fresh)


def _stop(p: Place) -> Lever:
    """The holding without a loss from its average cost, and without the cap of a stop that fired before."""
    column, symbol = p.column, p.symbol

    def gone(w: World, _: float) -> World:
        cost = w.state.average_cost.copy()
        cost[column] = w.view.now("mark")[column]
        kept = tuple(s for s in w.state.carried.stops if s.symbol != symbol)
        cleared = StopState(symbol, stops.REDUCED, stops.UNCAPPED, w.view.day)
        w = w.carrying(stops=(*kept, cleared) if w.state.lots[column] else kept)
        return replace(w, state=changed(w.state, average_cost=cost))

    return Lever("STOP_CAP", "stop", gone)


def _fresh(code: str) -> Callable[[Place], Lever]:
    def make(p: Place) -> Lever:
        c = p.column
        return Lever(code, "data", lambda w, _: w.seeing("freshness.reason", 0.0, c))

    return make


def _seen(code: str, figure: str, name: str, value: float) -> Callable[[Place], Lever]:
    def make(p: Place) -> Lever:
        c = p.column
        return Lever(code, figure, lambda w, _: w.seeing(name, value, c))

    return make


def _affected(code: str, name: str) -> Callable[[Place], Lever]:
    def make(p: Place) -> Lever:
        return Lever(code, name, _policy("data", name), getattr(p.policy.data, name), 1.0)

    return make


def _calm(_: Place) -> Lever:
    """The crisis regime off, as a policy whose threshold no probability reaches."""
    at = _policy("regime", "crisis_on")
    return Lever("REGIME_NO_CRYPTO", "crisis", lambda w, _: at(w, 2.0).carrying(stress_sessions=0))


def _apart(_: Place) -> Lever:
    at = _policy("correlation", "alike")
    return Lever("CORRELATION_ALIKE", "correlation", lambda w, _: at(w, 2.0).carrying(comovement=None))


def _resumed(_: Place) -> Lever:
    return Lever("HALTED", "halt", lambda w, _: w.carrying(halted="", breach_closes=0))


def _unrequired(_: Place) -> Lever:
    def at(w: World, _: float) -> World:
        return w.under(changed(w.run.policy, regime=changed(w.run.policy.regime, required=())))

    return Lever("REGIME_INPUT_MISSING", "regime inputs", at)


def _trades(p: Place) -> Lever:
    at = _policy("shaping", "trades_max", whole=True)
    most = p.policy.shaping.trades_max
    return Lever("TRADE_COUNT", "trades", at, float(most), float(most + len(p.record.symbols)), whole=True)


def _shaping(code: str, figure: str, name: str, far: float) -> Callable[[Place], Lever]:
    def make(p: Place) -> Lever:
        return Lever(code, figure, _policy("shaping", name), getattr(p.policy.shaping, name), far)

    return make


def _volume(p: Place) -> Lever:
    found = limit_lever(p.world, "PARTICIPATION", "participation", p.symbol)
    assert found is not None
    return found


def _account(code: str, name: str, far: float) -> Callable[[Place], Lever]:
    """A cap of the account's own, USD or for gross a fraction of NAV (H1)."""

    def make(p: Place) -> Lever:
        def at(w: World, value: float) -> World:
            def move(limits: LimitSet) -> LimitSet:
                if limits.account is None:
                    return limits
                given = value if name != "position" else _with(limits.account.position, p.column, value)
                return changed(limits, account=changed(limits.account, **{name: given}))

            return w.moved(move)

        caps = p.world.run.caps_under(p.world.state.caps)
        now = (
            math.nan if caps is None else float(caps.position[p.column] if name == "position" else getattr(caps, name))
        )
        return Lever(code, f"account_{name}:{p.symbol}" if name == "position" else f"account_{name}", at, now, far)

    return make


def _named(p: Place) -> Lever:
    """The symbol among those of the account, under its ordinary cap."""
    limits = governor_limits(p.policy, p.world.state.caps)
    cap = limits.position_of(held_as(p.symbol)) / 100.0
    given = _account("ACCOUNT_SYMBOL", "position", cap)(p)
    return replace(
        given, figure=f"account_symbol:{p.symbol}", at=lambda w, _: given.at(w, cap), now=math.nan, far=math.nan
    )


def _with(values: Floats, column: int, value: float) -> Floats:
    """A copy with one value exchanged."""
    copied = values.copy()
    copied[column] = value
    return copied


def _nav(p: Place) -> Lever:
    """A larger account of the same positions: cash is added until the target is worth a lot."""
    now = p.record.nav / 100.0

    def at(w: World, value: float) -> World:
        return replace(w, state=changed(w.state, cash=w.state.cash + round((value - now) * 100.0)))

    return Lever("BELOW_ONE_LOT", "nav", at, now, now * 1e4)


Make = Callable[[Place], Lever]

_PLAIN: dict[str, Make] = {
    "VIX_HIGH": lambda p: _vix(p, extreme=False),
    "VIX_EXTREME": lambda p: _vix(p, extreme=True),
    "LOW_CONFIDENCE": lambda p: confidence_lever(p.world, p.record, p.symbol),
    "STOP_CAP": _stop,
    "CLOSE_ONLY": _seen("CLOSE_ONLY", "state", "eligible", 1.0),
    "NO_LIQUIDITY_DATA": _seen("NO_LIQUIDITY_DATA", "volume", "adv", 1e15),
    "DATA_AFFECTED": _affected("DATA_AFFECTED", "affected_holdings_max"),
    "UNIVERSE_AFFECTED": _affected("UNIVERSE_AFFECTED", "affected_universe_max"),
    "REGIME_NO_CRYPTO": _calm,
    "REGIME_INPUT_MISSING": _unrequired,
    "CORRELATION_ALIKE": _apart,
    "HALTED": _resumed,
    "TRADE_COUNT": _trades,
    "TURNOVER": _shaping("TURNOVER", "turnover", "turnover_max", _FAR),
    "PARTICIPATION": _volume,
    "ACCOUNT_TRADE": _account("ACCOUNT_TRADE", "trade", _FAR_USD),
    "ACCOUNT_POSITION": _account("ACCOUNT_POSITION", "position", _FAR_USD),
    "ACCOUNT_SYMBOL": _named,
    "ACCOUNT_TURNOVER": _account("ACCOUNT_TURNOVER", "turnover", _FAR_USD),
    "ACCOUNT_GROSS": _account("ACCOUNT_GROSS", "gross", _FAR),
    "BELOW_MIN_TRADE": _shaping("BELOW_MIN_TRADE", "min_trade", "min_trade", 0.0),
    "BELOW_ONE_LOT": _nav,
}


def _on_ladder(code: str) -> Make:
    return lambda p: _ladder(p, code)


_PLAIN |= {
    code: _on_ladder(code)
    for code in ("LADDER_NO_NEW_RISK", "LADDER_NO_CRYPTO", "LADDER_CUT", "LADDER_HAVENS_ONLY", "LADDER_LIQUIDATE",
                 "REENTRY_RAMP")
}  # fmt: skip
_PLAIN |= {code: _fresh(code) for code in freshness.CODES if code}

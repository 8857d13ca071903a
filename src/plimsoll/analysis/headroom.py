"""Use and headroom of each limit by a session's portfolio and orders, as the gates compare it (R1, R3, R4, A4).

Read from a record and the view of its session, so that any past session can be measured and old journals serve as
they are. CVaR budgets, hard limits, gross, cash and turnover are the record's own; caps of positions, sectors, pairs,
stand-alone and incremental risk are worked out again from the same limit set the gates were given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import CycleRecord
from plimsoll.core.limits import LimitSet
from plimsoll.core.measurements import Measurements
from plimsoll.core.panel import View
from plimsoll.engine.caps import granted_in
from plimsoll.engine.limits import limits_at
from plimsoll.engine.measure import Tails, measure
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import pairs

Floats = NDArray[np.float64]
BOOK = "book"
ORDERS = "orders"  # the scope of what all orders of a session use together
_ON_REACHING = ("ladder", "vix")  # a rung fires at its threshold (R4), VIX at its level lets only reductions pass (S2)

OF_NAV = "fraction of NAV"
# name of a limit: what is measured, in which unit, what it binds, and what follows where it is passed (R1, R3, R4)
MEANING: dict[str, tuple[str, str, str, str]] = {
    "cvar": ("CVaR of positions, operating budget", OF_NAV, "increases", "no increases; no forced sale"),
    "cvar_hard": ("CVaR of positions, hard limit", OF_NAV, "held", "positions are scaled down to the budget at once"),
    "stressed": ("stressed CVaR of positions", OF_NAV, "increases", "no purchase that adds to it"),
    "gross": ("gross exposure", OF_NAV, "increases", "increases are scaled to fit"),
    "gross_freeze": ("gross exposure, freeze", OF_NAV, "held", "no new risk"),
    "gross_halt": ("gross exposure, halt", OF_NAV, "held", "halted until a person acts"),
    "cash": ("cash, at least", OF_NAV, "increases", "increases are scaled to fit"),
    "position": ("weight of a position", OF_NAV, "increases", "no increases; no forced sale"),
    "sector": ("weight of a sector's stocks", OF_NAV, "increases", "no increases; no forced sale"),
    "pair": ("weight of a correlated pair", OF_NAV, "increases", "no increases; no forced sale"),
    "standalone": ("risk of a position by itself", OF_NAV, "increases", "no increases; no forced sale"),
    "account_position": (
        "a position, the account's dollar cap",
        OF_NAV,
        "increases",
        "not added to; what drifts above is not sold",
    ),
    "account_gross": ("gross exposure, the account's limit", OF_NAV, "increases", "nothing is bought"),
    "account_trade": ("one increase, the account's dollar cap", OF_NAV, "orders", "the order is cut to the cap"),
    "account_turnover": (
        "turnover of the session's orders with a reserve, the account's dollar cap",
        OF_NAV,
        "orders",
        "increases are cut to what is left",
    ),
    "stage": ("a strategy's part of the target, at its stage", OF_NAV, "increases", "no more at the next auction"),
    "incremental": ("risk added by one trade", OF_NAV, "orders", "the trade is scaled to fit"),
    "turnover": ("turnover of the session's orders", OF_NAV, "orders", "increases are scaled to fit"),
    "trades": ("number of orders", "orders", "orders", "the smallest increases wait"),
    "participation": ("share of average daily volume", "fraction of volume", "orders", "the order is scaled to fit"),
    "ladder": ("drawdown against a rung", "fraction of the peak", "held", "the rung fires"),
    "vix": ("VIX, or realised volatility in its place", "points", "increases", "only reductions pass"),
    "crisis": ("probability of a crisis at the outlook", "probability", "increases", "CVaR budgets shrink"),
}


class LimitUse(msgspec.Struct, frozen=True):
    """One limit and its use.

    ``scope`` is ``book``, ``orders``, a symbol, two joined by ``+``, a sector or a rung of the ladder. ``use`` is the
    fraction of the limit: measured over limit, of a floor on cash what is invested over what may be. ``headroom`` is
    what is left in the unit of ``measured``, negative beyond the limit. A figure that could not be measured is absent,
    and so is a use without a bound: neither is inside its limit (R1). ``on`` names the stressed set the figure is of.
    """

    name: str
    scope: str
    measured: float | None
    limit: float | None
    use: float | None
    headroom: float | None
    on: str = ""

    @property
    def inside(self) -> bool:
        """True only where it is shown: the figure is not above its limit, and below one that acts on reaching."""
        if self.measured is None or self.limit is None:
            return False
        if self.name in _ON_REACHING:
            return self.measured < self.limit
        return self.measured >= self.limit if self.name == "cash" else self.measured <= self.limit


def limits_in_force(view: View, run: RunContext, record: CycleRecord) -> LimitSet:
    """The limit set of a session's decision; what the record holds of it is taken from there."""
    fallen = record.figures.get("drawdown_lifetime")
    caps = granted_in(record.limits)
    found = limits_at(view, run, (), drawdown_lifetime=fallen or 0.0, stress=record.regime.stress, caps=caps)
    horizons, kept = found.cvar_budget, record.limits
    together = pairs.limits(record.carried.pairs, run.column, found.weight_max, run.policy)
    return msgspec.structs.replace(
        found,
        gross_max=kept.get("gross", found.gross_max),
        cash_min=kept.get("cash", found.cash_min),
        cvar_budget={h: kept.get(f"cvar_budget_{h}", found.cvar_budget[h]) for h in horizons},
        cvar_hard={h: kept.get(f"cvar_hard_{h}", found.cvar_hard[h]) for h in horizons},
        stressed_budget={h: kept.get(f"stressed_{h}", found.stressed_budget[h]) for h in horizons},
        pairs=together,
    )


def held_weights(record: CycleRecord, run: RunContext) -> Floats:
    """(N,) weights held at the close, before the session's orders."""
    return _spread(record, run, record.held)


def order_weights(record: CycleRecord, run: RunContext) -> Floats:
    """(N,) signed orders of the session, fractions of NAV."""
    moved = (a - h if n else 0.0 for a, h, n in zip(record.proposed, record.held, record.lots, strict=True))
    return _spread(record, run, moved)


def of_book(record: CycleRecord, run: RunContext, limits: LimitSet, held: Floats) -> Iterator[LimitUse]:
    """The held book against what needs no scenarios; CVaR as the decision measured it."""
    figures = record.figures
    for h in limits.cvar_budget:
        measured = figures.get(f"cvar_{h}")
        yield used(f"cvar_{h}", BOOK, measured, limits.cvar_budget[h])
        yield used(f"cvar_hard_{h}", BOOK, measured, limits.cvar_hard[h])
    yield used("gross", BOOK, figures.get("gross"), limits.gross_max)
    yield _cash(record.cash / record.nav if record.nav > 0 else None, limits.cash_min)
    columns = np.flatnonzero(held).tolist()
    weight = np.abs(held)
    for c in columns:
        yield used("position", run.symbols[c], float(weight[c]), float(limits.weight_max[c]))
    for group in limits.groups:
        total = sum(float(weight[c]) for c in group.members)
        if total:
            yield used("sector", group.name.removeprefix("sector:"), total, group.cap)
    for pair in limits.pairs:
        total = float(weight[pair.first] + weight[pair.second])
        if total:
            yield used("pair", f"{run.symbols[pair.first]}+{run.symbols[pair.second]}", total, pair.cap)


def of_account(
    record: CycleRecord, run: RunContext, limits: LimitSet, held: Floats, orders: Floats
) -> Iterator[LimitUse]:
    """The account's own caps, as fractions of the session's NAV: of what is held, and of what is ordered (H1); nothing
    without a governor in the path of the orders.
    """
    caps, nav = limits.account, record.nav / 100.0
    if caps is None or not nav > 0.0:
        return
    for c in np.flatnonzero(held).tolist():
        yield used("account_position", run.symbols[c], abs(float(held[c])), float(caps.position[c]) / nav)
    yield used("account_gross", BOOK, float(np.abs(held).sum()), caps.gross)
    for c in np.flatnonzero(np.abs(held + orders) > np.abs(held)).tolist():
        yield used("account_trade", run.symbols[c], abs(float(orders[c])), caps.trade / nav)
    if orders.any():
        turnover = float(np.abs(orders).sum()) * (1.0 + caps.reserve)
        yield used("account_turnover", ORDERS, turnover, caps.turnover / nav)


def of_stages(record: CycleRecord) -> Iterator[LimitUse]:
    """Each strategy's part of the target portfolio against what its stage lets it use (G5); nothing where none is
    followed.
    """
    lives, portfolio = record.carried.lifecycle, record.carried.portfolio
    if lives is None or portfolio is None:
        return
    for strategy, cap in zip(lives.strategies, lives.cap, strict=True):
        part = sum(share.weight for share in portfolio.shares if share.strategy == strategy)
        yield used("stage", strategy, part, cap)


def of_gross(record: CycleRecord, limits: LimitSet) -> Iterator[LimitUse]:
    """Gross exposure against the two levels beyond its limit that stop new risk (R3)."""
    for name, bound in (("gross_freeze", limits.gross_freeze), ("gross_halt", limits.gross_halt)):
        yield used(name, BOOK, record.figures.get("gross"), bound)


def of_triggers(view: View, record: CycleRecord, run: RunContext) -> Iterator[LimitUse]:
    """Drawdown against each rung, crisis outlook and VIX against what switches their restraints on (R4, R8, S2)."""
    for rung in run.policy.ladder.rungs if run.policy.ladder.enabled else ():
        fallen = record.figures.get(f"drawdown_{rung.basis}")
        yield used("ladder", rung.name, None if fallen is None else max(fallen, 0.0), rung.threshold)
    yield used("crisis", BOOK, record.regime.crisis, run.policy.regime.crisis_on)
    yield used("vix", BOOK, float(view.now("regime.vix_or_proxy")), run.policy.forecast.vix_extreme)


def of_orders(view: View, record: CycleRecord, run: RunContext, limits: LimitSet, orders: Floats) -> Iterator[LimitUse]:
    """The session's orders against what bounds trading (A7, A3); nothing where there was no order."""
    columns = np.flatnonzero(orders).tolist()
    if not columns:
        return
    yield used("turnover", ORDERS, record.figures.get("turnover"), limits.turnover_max)
    yield used("trades", ORDERS, float(len(columns)), float(limits.trades_max))
    adv = view.now("adv")
    for c in columns:
        share = abs(float(orders[c])) * (record.nav / 100.0) / float(adv[c]) if adv[c] > 0.0 else math.nan
        yield used("participation", run.symbols[c], share, limits.participation_max)


def of_tails(run: RunContext, limits: LimitSet, held: Floats, tails: Tails) -> Iterator[LimitUse]:
    """What needs scenarios of the held book: each position's stand-alone risk, and the stressed set where it is in."""
    columns = np.flatnonzero(held).tolist()
    for h, caps in limits.standalone.items():
        for c in columns:
            risk = abs(float(held[c])) * tails.alone(c, h)
            yield used(f"standalone_{h}", run.symbols[c], risk, float(caps[c]))
    if tails.stressed:
        most, of = tails.stressed_of_book(held)
        for h, value in most.items():
            one = used(f"stressed_{h}", BOOK, value, limits.stressed_budget[h])
            yield msgspec.structs.replace(one, on=of.get(h, "") if value > 0.0 else "")


def measured_orders(record: CycleRecord, run: RunContext, held: Floats, orders: Floats, tails: Tails) -> Measurements:
    """The session's proposal measured again on ``tails``; ``held`` and ``orders`` are (N,), volume is left out."""
    return measure(
        nav=record.nav,
        held=held,
        order_weights=orders,
        adv_share=np.zeros(held.size),
        tails=tails,
        cvar_held=tails.of_book(held),
        horizon=run.policy.auction.horizon,
        drawdown_episode=math.nan,
        drawdown_lifetime=math.nan,
        symbols=run.symbols,
    )


def of_increases(
    record: CycleRecord, run: RunContext, limits: LimitSet, held: Floats, orders: Floats, tails: Tails
) -> Iterator[LimitUse]:
    """What each increase of the session added to CVaR at the auction's horizon (A4)."""
    measured = measured_orders(record, run, held, orders, tails)
    for c in np.flatnonzero(measured.increases).tolist():
        rise = float(measured.incremental[c])
        yield used("incremental", run.symbols[c], rise, float(limits.incremental_max[c]))


def closest(uses: Iterable[LimitUse]) -> dict[str, LimitUse]:
    """Per limit the scope that uses most of it; what could not be measured counts as the most (U6)."""
    found: dict[str, LimitUse] = {}
    for one in uses:
        before = found.get(one.name)
        if before is None or pressure(one) > pressure(before):
            found[one.name] = one
    return found


def pressure(one: LimitUse) -> float:
    """The use as a number to compare by, infinite where it is unknown or without a bound."""
    return math.inf if one.use is None else one.use


def kind_of(name: str) -> tuple[str, int]:
    """A limit's name without its horizon, and the horizon in sessions, 0 without one.

    >>> kind_of("cvar_hard_10"), kind_of("gross_halt")
    (('cvar_hard', 10), ('gross_halt', 0))
    """
    head, _, tail = name.rpartition("_")
    return (head, int(tail)) if tail.isdigit() else (name, 0)


def used(name: str, scope: str, measured: float | None, limit: float) -> LimitUse:
    """A use of a ceiling; a limit of zero is used without a bound by anything above it."""
    if measured is None or not math.isfinite(measured) or not math.isfinite(limit):
        known = measured if measured is not None and math.isfinite(measured) else None
        return LimitUse(name, scope, known, limit if math.isfinite(limit) else None, None, None)
    use = measured / limit if limit > 0.0 else 0.0 if measured <= 0.0 else None
    return LimitUse(name, scope, measured, limit, use, limit - measured)


def _cash(cash: float | None, floor: float) -> LimitUse:
    """Cash against its floor."""
    if cash is None:
        return LimitUse("cash", BOOK, None, floor, None, None)
    use = (1.0 - cash) / (1.0 - floor) if floor < 1.0 else None
    return LimitUse("cash", BOOK, cash, floor, use, cash - floor)


def _spread(record: CycleRecord, run: RunContext, values: Iterable[float]) -> Floats:
    spread = np.zeros(len(run.symbols))
    for symbol, value in zip(record.symbols, values, strict=True):
        spread[run.column[symbol]] = value
    return spread

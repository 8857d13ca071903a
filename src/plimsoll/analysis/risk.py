"""Risk of a run at a close: use of each limit, tail, ladder, and ways to make room under each limit.

Answers three questions: the distance to the nearest limit, the loss in a bad fortnight by four estimators, and the
account value at which the next rung of the ladder fires.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis import estimates, headroom, wording
from plimsoll.analysis.explain_day import book_restraints
from plimsoll.analysis.headroom import MEANING, OF_NAV, LimitUse, kind_of
from plimsoll.analysis.past_session import Past, case
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Proof
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.engine.limits import budget_scale
from plimsoll.engine.proposal import tails_of
from plimsoll.risk import freshness


class LimitStanding(msgspec.Struct, frozen=True):
    """One limit. ``use`` is the fraction of it that is used, ``headroom`` what is left in ``unit`` and
    ``headroom_usd`` in dollars, where the unit is money. ``binds`` is what the limit acts on: ``held``;
    ``increases`` alone, so that a book may drift above it; or ``orders``. ``verdict`` is within, above, unknown or
    off; ``consequence`` says what being above it does, ``loosens`` what would make room. ``on`` names the stressed set
    that hurts the book most, "" for other limits.
    """

    name: str
    scope: str
    what: str
    measured: float | None
    limit: float | None
    use: float | None
    headroom: float | None
    headroom_usd: float | None
    unit: str
    binds: str
    verdict: str
    consequence: str
    loosens: str
    on: str = ""


class TailEstimate(msgspec.Struct, frozen=True):
    """VaR and CVaR at 95 % by one estimator, fractions of NAV: ``low`` to ``high`` the two-sided 95 % interval of the
    CVaR, ``upper`` its one-sided 95 % bound, from a block bootstrap.
    """

    estimator: str
    horizon: int
    scenarios: int
    var: float | None
    cvar: float | None
    low: float | None
    high: float | None
    upper: float | None


class Contribution(msgspec.Struct, frozen=True):
    """A position's part of the filtered-historical CVaR at one horizon: ``component`` sums to the book's (Euler)."""

    symbol: str
    horizon: int
    weight: float
    component: float | None
    share: float | None
    marginal: float | None
    incremental: float | None


class RungDistance(msgspec.Struct, frozen=True):
    """How far the account may fall before a rung fires: ``fall`` of its present value, ``fall_usd`` in dollars, to
    ``at_nav``. Zero or less: it has been reached. ``fired`` in this episode, or not.
    """

    rung: str
    threshold: float
    basis: str
    drawdown: float | None
    fall: float
    fall_usd: float
    at_nav: float
    fired: bool


class RiskStanding(msgspec.Struct, frozen=True):
    """Positions of a run at a session's close, before the orders decided there; NAV and cash in dollars.

    ``stale`` are holdings without a bar of that session: they stand at an older price, and so does every figure here.
    ``journal`` is what the journal was verified to before anything was read from it.
    """

    run: str
    session: str
    synthetic: bool
    nav: float
    cash: float
    mode: str
    new_risk: bool
    restraints: tuple[str, ...]
    belief: tuple[float, float, float]
    crisis: float
    passage: float | None
    stress: bool
    budget_scale_drawdown: float
    budget_scale_regime: float
    cooldown: int
    awaiting: str
    orders: int
    stale: tuple[str, ...]
    limits: tuple[LimitStanding, ...]
    tails: tuple[TailEstimate, ...]
    contributions: tuple[Contribution, ...]
    ladder: tuple[RungDistance, ...]
    journal: Proof

    @property
    def inside(self) -> bool:
        """True only when nothing held is above a limit that binds it, every figure could be measured, and at prices of
        that session.
        """
        passed = (o.verdict == "unknown" or (o.verdict == "above" and o.binds != "increases") for o in self.limits)
        return not self.stale and not any(passed)


def standing(past: Past) -> RiskStanding:
    """Every limit of a past session with what its book used of it, the closest first."""
    run_context, record = past.run_context, past.passage.record
    policy = run_context.policy
    view = View(past.history, past.panel.sessions.row_at_or_after(record.session))
    limits = headroom.limits_in_force(view, run_context, record)
    held, orders = headroom.held_weights(record, run_context), headroom.order_weights(record, run_context)
    columns = np.flatnonzero((held != 0.0) | (orders != 0.0)).astype(np.int64)
    tails = tails_of(view, run_context, columns, stressed=True)
    uses: list[LimitUse] = [
        *headroom.of_book(record, run_context, limits, held),
        *headroom.of_gross(record, limits),
        *headroom.of_account(record, run_context, limits, held, orders),
        *headroom.of_stages(record),
        *headroom.of_tails(run_context, limits, held, tails),
        *headroom.of_triggers(view, record, run_context),
        *headroom.of_orders(view, record, run_context, limits, orders),
        *headroom.of_increases(record, run_context, limits, held, orders, tails),
    ]
    uses.sort(key=lambda u: (-headroom.pressure(u), u.name, u.scope))
    lifetime = record.figures.get("drawdown_lifetime") or 0.0
    ladder = record.carried.ladder
    book = estimates.book_of(view, record, policy)
    return RiskStanding(
        run=past.run,
        session=record.session,
        synthetic=past.panel.synthetic,
        nav=record.nav / 100.0,
        cash=record.cash / 100.0,
        mode=record.carried.mode,
        new_risk=not record.bars_new_risk and float(view.now("regime.vix_or_proxy")) < policy.forecast.vix_extreme,
        restraints=book_restraints(case(past)),
        belief=record.regime.belief,
        crisis=record.regime.crisis,
        passage=record.regime.passage,
        stress=record.regime.stress,
        budget_scale_drawdown=budget_scale(policy.cvar, lifetime),
        budget_scale_regime=policy.regime.budget_scale if record.regime.stress else 1.0,
        cooldown=ladder.cooldown,
        awaiting=ladder.awaiting,
        orders=int(np.count_nonzero(orders)),
        stale=tuple(past.panel.symbols[i] for i in np.flatnonzero((held != 0.0) & _without_bar(view)).tolist()),
        limits=tuple(_standing(u, record, policy) for u in uses),
        tails=() if book is None else tuple(_tail(e) for e in estimates.estimates(book)),
        contributions=() if book is None else tuple(_contributions(book)),
        ladder=tuple(_rungs(record, ladder, policy)),
        journal=past.proof,
    )


def _without_bar(view: View) -> NDArray[np.bool_]:
    """(N,) symbols that have no bar of the session."""
    return np.asarray(view.now("freshness.reason") == freshness.STALE)


def _standing(u: LimitUse, record: CycleRecord, policy: Policy) -> LimitStanding:
    kind, horizon = kind_of(u.name)
    what, unit, binds, consequence = MEANING[kind]
    what = what.replace("stressed CVaR", wording.stressed(u.on)) if u.on else what
    verdict = "within" if u.inside else "unknown" if u.measured is None or u.limit is None else "above"
    if _gate(kind) in policy.gates.off:
        verdict = "off"
    if kind == "ladder" and u.limit is not None:
        consequence = "it has fired" if u.scope in record.carried.ladder.fired else consequence
    return LimitStanding(
        name=u.name,
        scope=u.scope,
        what=f"{what}, {horizon} session{'' if horizon == 1 else 's'}" if horizon else what,
        measured=u.measured,
        limit=u.limit,
        use=u.use,
        headroom=u.headroom,
        headroom_usd=u.headroom * record.nav / 100.0 if unit == OF_NAV and u.headroom is not None else None,
        unit=unit,
        binds=binds,
        verdict=verdict,
        consequence=consequence,
        loosens=_loosens(kind, u, record, policy),
        on=u.on,
    )


def _gate(kind: str) -> str:
    """The gate that compares a limit, as ``gates.off`` names it."""
    return {"cvar_hard": "cvar", "gross_freeze": "gross", "gross_halt": "gross", "sector": "group"}.get(kind, kind)


def _loosens(kind: str, u: LimitUse, record: CycleRecord, policy: Policy) -> str:
    """Ways to make room under a limit, without changing the policy."""
    scale = budget_scale(policy.cvar, record.figures.get("drawdown_lifetime") or 0.0)
    if kind in ("cvar", "stressed"):
        causes = []
        if scale < 1.0:
            causes.append(f"a recovery of the account (the drawdown leaves {scale:.0%} of the budget)")
        if record.regime.stress:
            kept = policy.regime.budget_scale
            causes.append(f"the end of the crisis regime (it leaves {kept:.0%})")
        causes.append("lower volatility or smaller positions")
        return "; ".join(causes)
    if kind == "ladder":
        return _rung_loosens(u.scope, policy)
    return {
        "cvar_hard": "lower volatility or smaller positions; nothing scales this limit",
        "gross": "sales",
        "gross_freeze": "sales",
        "gross_halt": "sales, then a person",
        "cash": "sales",
        "position": f"a lower volatility of {u.scope}, where it has a target; sales",
        "sector": "sales in the sector",
        "pair": "a correlation below the level at which the pair is released; sales of either",
        "account_position": f"sales of {u.scope}",
        "account_gross": "sales, once they have filled",
        "account_trade": "the next session",
        "account_turnover": "the next session",
        "stage": "evidence that promotes the strategy",
        "standalone": f"lower volatility of {u.scope}; a larger CVaR budget; sales",
        "incremental": "a smaller trade, the rest at the next session",
        "turnover": "the next session",
        "trades": "the next session",
        "participation": f"more volume in {u.scope}; the next session",
        "vix": "a fall of VIX",
        "crisis": f"a fall of VIX; the regime is left below {policy.regime.crisis_off:.0%}",
    }[kind]


def _rung_loosens(name: str, policy: Policy) -> str:
    rung = next(r for r in policy.ladder.rungs if r.name == name)
    return {
        "none": "a recovery; it ends with the episode",
        "automatic": f"a recovery; once fired {rung.cooldown} sessions, calm and no crisis in sight",
        "signed": f"a recovery; once fired {rung.cooldown} sessions, calm and a person's signature",
        "never": "a recovery; once fired only a new mandate",
    }[rung.reentry]


def _tail(e: estimates.BookEstimate) -> TailEstimate:
    return TailEstimate(
        estimator=e.name,
        horizon=e.horizon,
        scenarios=e.rows,
        var=_known(e.var),
        cvar=_known(e.cvar),
        low=_known(e.interval.low),
        high=_known(e.interval.high),
        upper=_known(e.interval.upper),
    )


def _contributions(book: estimates.EstimatedBook) -> list[Contribution]:
    found = []
    for horizon in book.filtered:
        of = estimates.parts(book, horizon)
        whole = sum(p.component for p in of)
        for p in sorted(of, key=lambda p: (-p.component, p.symbol)):
            found.append(
                Contribution(
                    symbol=p.symbol,
                    horizon=horizon,
                    weight=p.weight,
                    component=_known(p.component),
                    share=_known(p.component / whole) if whole > 0.0 else None,
                    marginal=_known(p.marginal),
                    incremental=_known(p.incremental),
                )
            )
    return found


def _rungs(record: CycleRecord, ladder: LadderState, policy: Policy) -> list[RungDistance]:
    found = []
    nav = record.nav
    for rung in policy.ladder.rungs if policy.ladder.enabled else ():
        peak = ladder.lifetime_peak if rung.basis == "lifetime" else ladder.episode_peak
        at = peak * (1.0 - rung.threshold)
        found.append(
            RungDistance(
                rung=rung.name,
                threshold=rung.threshold,
                basis=rung.basis,
                drawdown=record.figures.get(f"drawdown_{rung.basis}"),
                fall=1.0 - at / nav if nav > 0 else 0.0,
                fall_usd=(nav - at) / 100.0,
                at_nav=at / 100.0,
                fired=rung.name in ladder.fired,
            )
        )
    return found


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

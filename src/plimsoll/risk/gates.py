"""Gates: pure comparisons of measured figures with the limit set (R1, R3, R6, A3, A4, A7).

A gate passes only when ``measured <= limit``, without tolerance: the auction solves to slightly tighter limits. NaN,
missing and infinite figures fail. Only increases are scaled or refused; a proposal without increases is allowed
whatever its totals. A failing gate returns the share of the increase that fits its limit: exact where the figure is
linear in the increase, conservative where it is convex (CVaR). The caller rounds the orders and measures again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.limits import LimitSet
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import ALLOWED, Action, Verdict, join, judge, within

Floats = NDArray[np.float64]
Columns = dict[int, Verdict]
_NAN = float("nan")

GATES = (
    "cvar", "stressed", "gross", "cash", "position", "group", "pair", "standalone", "incremental", "turnover",
    "trades", "participation",
)  # fmt: skip


def judge_held(m: Measurements, limits: LimitSet, policy: Policy) -> Verdict:
    """The verdict on the current positions (R3).

    CVaR above the hard limit at a horizon: LIQUIDATE, that is no new risk and all positions multiplied by
    ``book_scale``. Between budget and hard limit: increases scaled to zero, nothing sold. CVaR not measurable while
    something is held: FREEZE for CVAR_UNKNOWN, which halts the system (R3, G7). Gross above the limit by
    ``gross_freeze_over`` freezes new risk; above it by ``gross_halt_over`` the finding is GROSS_HALT. A gross
    that is NaN halts.
    """
    off = policy.gates.off
    verdicts = []
    if "gross" not in off:
        if not within(m.gross_held, limits.gross_halt):
            verdicts.append(judge("gross", "GROSS_HALT", m.gross_held, limits.gross_halt, Action.FREEZE))
        elif not within(m.gross_held, limits.gross_freeze):
            verdicts.append(judge("gross", "GROSS_FREEZE", m.gross_held, limits.gross_freeze, Action.FREEZE))
    if "cvar" not in off and m.gross_held != 0.0:
        for h in _horizons(policy):
            measured = _measured(m.cvar_held, h)
            hard, budget = limits.cvar_hard.get(h, _NAN), limits.cvar_budget.get(h, _NAN)
            if measured <= budget and measured <= hard:
                continue
            if measured > hard:
                verdicts.append(judge(f"cvar_{h}", "CVAR_ABOVE_HARD", measured, hard, Action.LIQUIDATE))
            elif measured <= hard and measured > budget:
                verdicts.append(judge(f"cvar_{h}", "CVAR_ABOVE_BUDGET", measured, budget, Action.SCALE))
            else:
                verdicts.append(judge(f"cvar_{h}", "CVAR_UNKNOWN", _NAN, hard, Action.FREEZE))
    return join(verdicts)


def book_scale(m: Measurements, limits: LimitSet) -> float:
    """Factor on all positions, in (0, 1]: 1 unless CVaR is above a hard limit at some horizon.

    Then the smallest budget / measured over the horizons: CVaR is positively homogeneous, so every horizon ends at
    or below its budget (R3). A horizon without a measurement forces no sale.
    """
    held = {h: _measured(m.cvar_held, h) for h in m.cvar_held}
    if not any(held.get(h, _NAN) > hard for h, hard in limits.cvar_hard.items()):
        return 1.0
    ratios = (budget / held[h] for h, budget in limits.cvar_budget.items() if held.get(h, _NAN) > budget)
    return min((r for r in ratios if r > 0.0), default=1.0)


def judge_proposal(m: Measurements, limits: LimitSet, policy: Policy) -> tuple[Verdict, Columns]:
    """The verdict on a proposed portfolio, and one for each failing column (R1, R3, A3, A4, A7, R6).

    Parameters
    ----------
    m, limits : Measurements, LimitSet
        Of this cycle, over the same columns.
    policy : Policy
        Horizons, the slack a scale keeps below its limit, and the gates switched off.

    Returns
    -------
    (Verdict, dict of column to Verdict)
        ``ALLOWED`` and nothing when no column increases: reductions are exempt (R1). A finding's gate carries
        the horizon of its figure in sessions, as in ``cvar_10``.
    """
    cols = np.flatnonzero(m.increases)
    if not cols.size:
        return ALLOWED, {}
    gates = _Proposal(m, limits, policy, cols)
    on = [name for name in GATES if name not in policy.gates.off]
    book = join([v for name in on if name in _BOOK for v in _BOOK[name](gates)])
    failed: dict[int, list[Verdict]] = {}
    for name in on:
        if name in _COLUMN:
            for i, verdict in _COLUMN[name](gates):
                failed.setdefault(i, []).append(verdict)
    return book, {i: join(found) for i, found in failed.items()}


class _Proposal:
    """The increases of one proposal, gathered once for all gates."""

    __slots__ = ("added", "cols", "held", "limits", "m", "place", "policy", "proposed", "room", "total", "weights")

    def __init__(self, m: Measurements, limits: LimitSet, policy: Policy, cols: NDArray[np.intp]) -> None:
        self.m, self.limits, self.policy, self.cols = m, limits, policy, cols
        proposed = np.abs(m.proposed)
        shared = bool(limits.groups or limits.pairs)
        self.weights: list[float] = proposed.tolist() if shared else []
        self.place = dict(zip(cols.tolist(), range(cols.size), strict=True)) if shared else {}
        self.held, self.proposed = np.abs(m.held[cols]), proposed[cols]
        self.added = self.proposed - self.held
        self.total = float(np.add.reduce(self.added))
        self.room = 1.0 - policy.auction.limit_slack

    def scope(self, column: int) -> str:
        """The symbol, or the column's number where the measurements name none."""
        return self.m.symbols[column] if self.m.symbols else str(column)

    def scale(self, base: float, added: float, limit: float) -> float:
        """Share s of the increase with base + s x added <= limit less the slack; 0 when not finite."""
        share = (limit - base) / added if added > 0.0 and base > -math.inf else 0.0
        return min(share, 1.0) * self.room if share > 0.0 else 0.0


def _horizons(policy: Policy) -> tuple[int, int]:
    return (1, policy.auction.horizon)


def _measured(by_horizon: dict[int, float], horizon: int) -> float:
    """The figure at a horizon; NaN where it is missing or not finite."""
    value = by_horizon.get(horizon, _NAN)
    return value if -math.inf < value < math.inf else _NAN


def _cvar(p: _Proposal) -> list[Verdict]:
    """Above the budget increases are scaled to it; rejected when no scale brings CVaR under the hard limit (R3)."""
    found = []
    for h in _horizons(p.policy):
        measured = _measured(p.m.cvar_proposed, h)
        budget, hard = p.limits.cvar_budget.get(h, _NAN), p.limits.cvar_hard.get(h, _NAN)
        scale = 1.0
        if not measured <= budget:
            base = p.m.cvar_base.get(h, _NAN)
            scale = p.scale(base, measured - base, budget)
            found.append(judge(f"cvar_{h}", "CVAR_ABOVE_BUDGET", measured, budget, Action.SCALE, scale=scale))
        if not measured <= hard and (scale == 0.0 or scale == 1.0):
            reason = "CVAR_ABOVE_HARD" if measured > hard else "CVAR_UNKNOWN"
            found.append(judge(f"cvar_{h}", reason, measured, hard, Action.REJECT))
    return found


def _stressed(p: _Proposal) -> list[Verdict]:
    found = []
    for h in _horizons(p.policy):
        measured, limit = _measured(p.m.stressed_proposed, h), p.limits.stressed_budget.get(h, _NAN)
        if not measured <= limit:
            base = p.m.stressed_base.get(h, _NAN)
            scale = p.scale(base, measured - base, limit)
            reason = "STRESSED_CVAR_ABOVE_BUDGET"
            on = p.m.stressed_on.get(h, "")
            found.append(judge(f"stressed_{h}", reason, measured, limit, Action.SCALE, scale=scale, on=on))
    return found


def _gross(p: _Proposal) -> list[Verdict]:
    measured, limit = p.m.gross_proposed, p.limits.gross_max
    if within(measured, limit):
        return []
    scale = p.scale(measured - p.total, p.total, limit)
    return [judge("gross", "GROSS_ABOVE_MAX", measured, limit, Action.SCALE, scale=scale)]


def _cash(p: _Proposal) -> list[Verdict]:
    """A floor, judged as -cash <= -minimum so that NaN fails; the finding shows both figures with positive sign."""
    cash, floor = p.m.cash_proposed, p.limits.cash_min
    if within(-cash, -floor):
        return []
    scale = p.scale(floor - cash - p.total, p.total, 0.0)
    return [judge("cash", "CASH_BELOW_MIN", -cash, -floor, Action.SCALE, scale=scale)]


def _turnover(p: _Proposal) -> list[Verdict]:
    measured, limit = p.m.turnover, p.limits.turnover_max
    if within(measured, limit):
        return []
    increase = 0.5 * p.total
    scale = p.scale(measured - increase, increase, limit)
    return [judge("turnover", "TURNOVER_ABOVE_MAX", measured, limit, Action.SCALE, scale=scale)]


def _trades(p: _Proposal) -> list[Verdict]:
    """With more trades than allowed no increase passes; order sizing chooses which ones to keep (A7)."""
    if within(p.m.trades, p.limits.trades_max):
        return []
    return [judge("trades", "TRADES_ABOVE_MAX", float(p.m.trades), float(p.limits.trades_max), Action.REJECT)]


def _position(p: _Proposal) -> list[tuple[int, Verdict]]:
    cap = p.limits.weight_max[p.cols]
    return [
        _column("position", "POSITION_ABOVE_MAX", p, k, p.proposed[k], cap[k], p.held[k], p.added[k])
        for k in _failing(p.proposed, cap)
    ]


def _standalone(p: _Proposal) -> list[tuple[int, Verdict]]:
    """Weight x CVaR is linear in the weight, so the scale is exact (A4)."""
    found = []
    for h in _horizons(p.policy):
        measured, limit = _gather(p.m.standalone, h, p.cols), _gather(p.limits.standalone, h, p.cols)
        for k in _failing(measured, limit):
            risk = float(measured[k])
            added = risk * float(p.added[k]) / float(p.proposed[k]) if p.proposed[k] > 0.0 else _NAN
            base = risk - added
            found.append(_column(f"standalone_{h}", "STANDALONE_ABOVE_MAX", p, k, risk, limit[k], base, added))
    return found


def _incremental(p: _Proposal) -> list[tuple[int, Verdict]]:
    """The rise of CVaR is convex in the increase and zero without it, so the share limit / measured is safe (A4)."""
    measured, limit = p.m.incremental[p.cols], p.limits.incremental_max[p.cols]
    return [
        _column("incremental", "INCREMENTAL_ABOVE_MAX", p, k, measured[k], limit[k], 0.0, measured[k])
        for k in _failing(measured, limit)
    ]


def _participation(p: _Proposal) -> list[tuple[int, Verdict]]:
    measured = p.m.adv_share[p.cols]
    limit = np.full(measured.size, p.limits.participation_max)
    return [
        _column("participation", "PARTICIPATION_ABOVE_MAX", p, k, measured[k], limit[k], 0.0, measured[k])
        for k in _failing(measured, limit)
    ]


def _group(p: _Proposal) -> list[tuple[int, Verdict]]:
    found = []
    for group in p.limits.groups:
        found += _together("group", "GROUP_ABOVE_MAX", p, group.members, group.cap)
    return found


def _pair(p: _Proposal) -> list[tuple[int, Verdict]]:
    found = []
    for pair in p.limits.pairs:
        found += _together("pair", "PAIR_ABOVE_MAX", p, (pair.first, pair.second), pair.cap)
    return found


def _together(gate: str, reason: str, p: _Proposal, members: tuple[int, ...], cap: float) -> list[tuple[int, Verdict]]:
    """Columns that share a cap on their total weight: all increases among them are scaled by the same factor."""
    weights = p.weights
    measured = sum([weights[i] for i in members])
    if within(measured, cap):
        return []
    rising = sorted(p.place[i] for i in members if i in p.place)
    added = float(p.added[rising].sum())
    return [_column(gate, reason, p, k, measured, cap, measured - added, added) for k in rising]


def _gather(by_horizon: dict[int, Floats], horizon: int, cols: NDArray[np.intp]) -> Floats:
    """The columns' figures at a horizon; NaN where the horizon is missing."""
    values = by_horizon.get(horizon)
    return np.full(cols.size, np.nan) if values is None else values[cols]


def _failing(measured: Floats, limit: Floats) -> list[int]:
    inside = (measured <= limit) & np.isfinite(measured)
    if np.count_nonzero(inside) == inside.size:
        return []
    failing: list[int] = np.flatnonzero(~inside).tolist()
    return failing


def _column(
    gate: str, reason: str, p: _Proposal, k: int, measured: float, limit: float, base: float, added: float
) -> tuple[int, Verdict]:
    """A column's failed verdict, with the share of the increase that fits its limit."""
    i = int(p.cols[k])
    scale = p.scale(float(base), float(added), float(limit))
    return i, judge(gate, reason, float(measured), float(limit), Action.SCALE, scope=p.scope(i), scale=scale)


_BOOK = {
    "cvar": _cvar, "stressed": _stressed, "gross": _gross, "cash": _cash, "turnover": _turnover, "trades": _trades,
}  # fmt: skip
_COLUMN = {
    "position": _position, "group": _group, "pair": _pair, "standalone": _standalone, "incremental": _incremental,
    "participation": _participation,
}  # fmt: skip

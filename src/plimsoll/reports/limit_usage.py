"""Use of each limit by a run, session by session, for the headroom chart of a report (R1, R3, A4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis import headroom
from plimsoll.analysis.headroom import BOOK, ORDERS, LimitUse
from plimsoll.core.panel import View
from plimsoll.engine.proposal import tails_of
from plimsoll.reports.report_data import ReportData

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_LABELS = {
    "cvar": "CVaR {h}, budget", "cvar_hard": "CVaR {h}, hard limit", "stressed": "Stressed CVaR {h}",
    "standalone": "Stand-alone risk {h}", "gross": "Gross", "cash": "Cash", "position": "Position",
    "sector": "Sector", "pair": "Pair", "stage": "Stage of a strategy",
    "account_position": "Position, account cap", "account_gross": "Gross, account limit",
    "account_trade": "One order, account cap", "account_turnover": "Turnover, account cap",
    "incremental": "Added by a trade", "turnover": "Turnover", "trades": "Trades",
    "participation": "Share of volume", "ladder": "Ladder: {rung}", "crisis": "Crisis outlook", "vix": "VIX",
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Strand:
    """One limit through a run: ``use`` (T,) of its closest scope, a fraction of the limit, and whether it was passed.

    NaN: not measured on that session; infinite: without a bound, or it should have been measured and could not.
    ``name`` is the limit's with its horizon, a rung's ``ladder:`` and the rung; ``scope`` gives the closest scope of
    a session.
    """

    name: str
    use: Floats
    passed: Flags
    scope: Callable[[int], str]

    @property
    def label(self) -> str:
        """The name as the page writes it."""
        name, _, rung = self.name.partition(":")
        kind, horizon = headroom.kind_of(name)
        return _LABELS[kind].format(h=horizon, rung=rung.replace("_", " "))


def limit_usage(m: ReportData) -> list[Strand]:
    """Every limit that was measured at least once, in the order of ``_LABELS``.

    CVaR, gross, cash, positions, sectors, pairs, ladder, regime: the positions at every close. Stand-alone risk and
    the stressed set: the positions at the sessions of ``m.grid``; the stressed set also after the orders of sessions
    with purchases. Limits on orders: sessions with orders.
    """
    order = list(_LABELS)
    rungs = [r.name for r in m.policy.ladder.rungs]

    def place(strand: Strand) -> tuple[int, int, int]:
        name, _, rung = strand.name.partition(":")
        kind, horizon = headroom.kind_of(name)
        return order.index(kind), horizon, rungs.index(rung) if rung else 0

    return sorted((*_every_close(m), *_some_sessions(m)), key=place)


def _every_close(m: ReportData) -> Iterator[Strand]:
    """Limits measured at every session, from the record or the panel, in whole columns."""
    run, policy = m.run, m.policy
    rows = slice(m.first, m.last + 1)
    held = run.weights.any(axis=1) if run.symbols else np.zeros(len(m.dates), dtype=bool)
    for h in (1, policy.auction.horizon):
        for name, bound in ((f"cvar_{h}", f"cvar_budget_{h}"), (f"cvar_hard_{h}", f"cvar_hard_{h}")):
            yield _column(name, run.figure(f"cvar_{h}"), run.limit(bound))
    yield _column("gross", run.figure("gross"), run.limit("gross"))
    floor = run.limit("cash")
    yield _column("cash", 1.0 - run.cash, 1.0 - floor)
    if run.symbols:
        columns = [m.history.panel.column[s] for s in run.symbols]
        caps = m.history.array("limits.weight_max")[rows][:, columns]
        with np.errstate(invalid="ignore", divide="ignore"):
            uses = np.where(run.weights == 0.0, -1.0, np.abs(run.weights) / caps)
        uses = np.where(np.isnan(uses), np.inf, uses)  # a weight without a known cap
        most = uses.argmax(axis=1)
        use = np.where(held, uses[np.arange(len(most)), most], np.nan)
        yield Strand("position", use, held & ~(use <= 1.0), lambda t: run.symbols[int(most[t])])
    for rung in policy.ladder.rungs if policy.ladder.enabled else ():
        fallen = np.maximum(run.figure(f"drawdown_{rung.basis}"), 0.0)
        yield _column(f"ladder:{rung.name}", fallen, np.full(fallen.size, rung.threshold), reaching=True)
    yield _column("crisis", run.crisis, np.full(len(m.dates), policy.regime.crisis_on))
    vix_or_proxy = m.history.array("regime.vix_or_proxy")[rows]
    yield _column("vix", vix_or_proxy, np.full(vix_or_proxy.size, policy.forecast.vix_extreme), reaching=True)


def _column(name: str, measured: Floats, limit: Floats, *, reaching: bool = False) -> Strand:
    with np.errstate(invalid="ignore", divide="ignore"):
        use = measured / limit
    use = np.where(np.isfinite(use), use, np.inf)
    inside = measured < limit if reaching else measured <= limit
    return Strand(name, use, ~inside, lambda _: BOOK)


def _some_sessions(m: ReportData) -> Iterator[Strand]:
    """Limits measured on some sessions only: pairs, sectors, orders, and expensive figures."""
    total, grid = len(m.dates), set(m.grid)
    measured: dict[str, dict[int, LimitUse]] = {}
    for t, record in enumerate(m.run.cycles):
        carried = record.carried
        if t in grid or carried.pairs or carried.lifecycle or m.run_context.sector_groups or any(record.lots):
            for name, one in of_session(m, t, on_grid=t in grid).items():
                measured.setdefault(name, {})[t] = one
    for name, by_session in measured.items():
        use, passed = np.full(total, np.nan), np.zeros(total, dtype=bool)
        for t, one in by_session.items():
            use[t], passed[t] = headroom.pressure(one), not one.inside
        yield Strand(name, use, passed, lambda t, of=by_session: of[t].scope)  # type: ignore[misc]


def of_session(m: ReportData, t: int, *, on_grid: bool) -> dict[str, LimitUse]:
    """The closest use at session ``t`` of each limit that is not measured at every close."""
    record, run_context = m.run.cycles[t], m.run_context
    view = View(m.history, m.first + t)
    limits = headroom.limits_in_force(view, run_context, record)
    held = headroom.held_weights(record, run_context)
    uses = [u for u in headroom.of_book(record, run_context, limits, held) if u.name in ("pair", "sector")]
    uses += headroom.of_stages(record)
    ordered = any(record.lots)
    orders = headroom.order_weights(record, run_context) if ordered else np.zeros(held.size)
    grows = ordered and bool((np.abs(held + orders) > np.abs(held)).any())
    uses += headroom.of_account(record, run_context, limits, held, orders)
    if ordered:
        uses += headroom.of_orders(view, record, run_context, limits, orders)
    if on_grid or grows:
        columns = np.flatnonzero((held != 0.0) | (orders != 0.0)).astype(np.int64)
        tails = tails_of(view, run_context, columns, stressed=on_grid)
        if on_grid:
            uses += headroom.of_tails(run_context, limits, held, tails)
        if grows:
            uses += headroom.of_increases(record, run_context, limits, held, orders, tails)
            for h, bound in limits.stressed_budget.items():
                uses.append(headroom.used(f"stressed_{h}", ORDERS, record.figures.get(f"stressed_after_{h}"), bound))
    return headroom.closest(uses)

"""Arrays that a decision read, read again from the panel at its row, for its explanation (G4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.rules import trend_score
from plimsoll.analysis.case import Figures, Subject
from plimsoll.analysis.headroom import held_weights, measured_orders, order_weights
from plimsoll.core.decision import CycleRecord
from plimsoll.core.panel import View, history_behind
from plimsoll.core.ports import Explains
from plimsoll.core.verdict import Finding
from plimsoll.engine.book import MarkedBook, gross_of
from plimsoll.engine.data_bars import data_bars
from plimsoll.engine.limits import limits_at
from plimsoll.engine.proposal import tails_of
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import freshness

Floats = NDArray[np.float64]
AVERAGES = (20, 50, 200)
MOMENTA = {"60 sessions": "momentum_60", "120 sessions": "momentum_120", "12-1 months": "momentum_12_1"}


def subjects(
    view: View,
    run: RunContext,
    record: CycleRecord,
    auction: tuple[View, RunContext, CycleRecord] | None,
    symbols: Sequence[str],
) -> tuple[Subject, ...]:
    """Each symbol with its figures at the decision and at the ``auction`` that set its target portfolio.

    ``view`` ends at the decision; only the opening at which its orders fill is read after it. The auction has a view
    and a context of its own: its snapshot may be an earlier one, without a symbol that joined the run since.
    """
    history, row = history_behind(view), view.row
    panel = history.panel
    now = _figures(view, run, record, symbols)
    known = [] if auction is None else [s for s in symbols if s in auction[0].column]
    then = {} if auction is None else dict(zip(known, _figures(*auction, known), strict=True))
    following = row + 1 < len(panel.sessions)
    found = []
    for n, symbol in enumerate(symbols):
        c = panel.column[symbol]
        found.append(
            Subject(
                instrument=panel.instruments[c],
                certification=panel.certifications[c],
                now=now[n],
                then=then.get(symbol),
                said=_said(auction[0], auction[1], symbol) if auction is not None and symbol in then else (),
                next_open=_known(panel.open[row + 1, c]) if following else None,
            )
        )
    return tuple(found)


def data_findings(view: View, run: RunContext, record: CycleRecord) -> tuple[Finding, ...]:
    """Bars on new risk from data at a decision: for all symbols (D7), or for one that is not fresh (D15)."""
    held = np.zeros(len(run.symbols))
    for symbol, weight in zip(record.symbols, record.held, strict=True):
        held[run.column[symbol]] = weight
    columns = np.flatnonzero(held)
    book = MarkedBook(view.now("mark"), record.nav, held, columns, bool(np.isfinite(held).all()), gross_of(held))
    stale = view.now("freshness.reason")
    found = [Finding("data", code, "book", *figures) for code, figures in data_bars(view, book, stale, run).items()]
    for c in np.flatnonzero(stale).tolist():
        code = freshness.reason_of(float(stale[c])) or "STALE_BAR"
        found.append(Finding("freshness", code, run.symbols[c], *_staleness(view, run, code, c)))
    return tuple(found)


def _staleness(view: View, run: RunContext, code: str, column: int) -> tuple[float | None, float | None]:
    """The figure behind a freshness code and its limit (D15)."""
    rules = run.policy.freshness
    match code:
        case "TOO_FEW_ROWS":
            return float(view.now("rows")[column]), float(rules.rows_min)
        case "TOO_MANY_GAPS":
            recent = view.bars("close")[-rules.rows_min :, column]
            return float(np.isnan(recent).sum() / rules.rows_min), rules.nan_max
        case "OUTLIER_UNCONFIRMED":
            sigma = freshness.robust_sigma(history_behind(view).panel, rules)[view.row, column]
            return _known(abs(view.now("return")[column]) / sigma), rules.outlier_sigmas
    return None, None


def _said(view: View, run: RunContext, symbol: str) -> tuple[tuple[str, str], ...]:
    """Each strategy's own explanation, or why it failed (E3)."""
    told = []
    for strategy in run.strategies:
        if isinstance(strategy, Explains):
            try:
                told.append((strategy.name, str(strategy.explain(view, symbol, run.policy))))
            except Exception as error:  # a plug-in may raise anything; an explanation goes on without it
                told.append((strategy.name, f"its own explanation failed ({error!r})."))
    return tuple(told)


def _figures(view: View, run: RunContext, record: CycleRecord, symbols: Sequence[str]) -> list[Figures]:
    sound, quality = view.certified("sound")[-1], view.certified("quality")[-1]
    columns = [view.column[s] for s in symbols]
    limits = limits_at(
        view, run, (), drawdown_lifetime=record.figures.get("drawdown_lifetime") or 0.0, stress=record.regime.stress
    )
    alone, incremental = _risks(view, run, record, columns)
    ranks, ranked = _ranks(view)
    eligible, rows, volume = view.now("eligible"), view.now("rows"), run.depth(view.now("adv"))
    found = []
    for n, c in enumerate(columns):
        bars = np.flatnonzero(np.isfinite(view.bars("close")[:, c]))
        momentum_60, volatility = float(view.now("momentum_60")[c]), float(view.now("volatility_60")[c])
        found.append(
            Figures(
                session=view.date,
                last_bar=view.sessions.dates[int(bars[-1])] if bars.size else "",
                close=_known(view.now("mark")[c]),
                rows=int(rows[c]),
                eligible=bool(eligible[c] == 1.0),
                price=_known(view.now("price")[c]),
                averages={w: _known(view.now(f"sma_{w}")[c]) for w in AVERAGES},
                momentum={name: _known(view.now(key)[c]) for name, key in MOMENTA.items()},
                volatility=_known(volatility),
                z=_known(trend_score(momentum_60, volatility)),
                rank=ranks.get(c, 0),
                ranked=ranked,
                adv=_known(volume[c]),
                weight_max=_known(limits.weight_max[c]),
                alone={h: _known(values[n]) for h, values in alone.items()},
                standalone_max={h: _known(values[c]) for h, values in limits.standalone.items()},
                incremental=_known(incremental[c]),
                incremental_max=_known(limits.incremental_max[c]),
                sound=bool(sound[c]),
                quality=_known(quality[c]),
            )
        )
    return found


def _risks(
    view: View, run: RunContext, record: CycleRecord, columns: list[int]
) -> tuple[dict[int, list[float]], Floats]:
    """CVaR of one unit of each column by horizon, and (N,) what each order of the record adds to the book's."""
    every = np.array(sorted({*columns, *(run.column[s] for s in record.symbols)}), dtype=np.int64)
    tails = tails_of(view, run, every, stressed=True)
    held, orders = held_weights(record, run), order_weights(record, run)
    measured = measured_orders(record, run, held, orders, tails)
    horizons = (1, run.policy.auction.horizon)
    return {h: [tails.alone(c, h) for c in columns] for h in horizons}, measured.incremental


def _ranks(view: View) -> tuple[dict[int, int], int]:
    """Rank of each eligible column by 12-1 momentum, 1 the weakest, ties by symbol; and how many are ranked."""
    momentum = view.now("momentum_12_1")
    able = np.flatnonzero((view.now("eligible") == 1.0) & np.isfinite(momentum))
    order = able[np.lexsort((np.array(view.symbols)[able], momentum[able]))].tolist()
    return {c: n for n, c in enumerate(order, start=1)}, len(order)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

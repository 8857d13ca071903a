"""The public result of a backtest or paper session."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis.data_changes import sentences
from plimsoll.capital import garch, scenarios
from plimsoll.core.events import (
    Approval,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Genesis,
    Proof,
    RowsChanged,
)
from plimsoll.core.money import dollars
from plimsoll.core.order import Fill
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.protections import taken_away
from plimsoll.core.restraint import RiskEvent
from plimsoll.costs.presets import PRESETS
from plimsoll.engine.tally import RunTally
from plimsoll.measures.performance import VOLATILITY_LEAST, Metrics, metrics
from plimsoll.reports import bidders
from plimsoll.reports.comparison import Passive, passive_books
from plimsoll.reports.coverage import coverage
from plimsoll.reports.inputs import input_notes
from plimsoll.reports.orders_made import order_notes
from plimsoll.reports.rates import risk_free_rates
from plimsoll.reports.strategy_history import StrategyLife, lives_of
from plimsoll.reports.unexplained import unexplained_moves
from plimsoll.reports.worth import Worth
from plimsoll.risk.ladder_odds import often

Floats = NDArray[np.float64]


class BenchmarkComparison(msgspec.Struct, frozen=True):
    """The span a benchmark was measured over, its own where that is shorter than the run's, and ``account``: the run's
    metrics over the same sessions.
    """

    start: str
    end: str
    sessions: int
    account: Metrics


class SnapshotUsed(msgspec.Struct, frozen=True):
    """A snapshot a run decided on: after the decision of ``session`` ("" from its beginning), with sessions from
    ``first`` to ``last``. ``restated`` and ``certified`` are its restatements of sessions decided by then.
    """

    snapshot: str
    session: str
    first: str
    last: str
    added: tuple[str, ...] = ()
    restated: tuple[RowsChanged, ...] = ()
    certified: tuple[RowsChanged, ...] = ()


class Exposure(msgspec.Struct, frozen=True):
    """Exposure over the run's sessions: ``invested`` is mean gross, fraction of NAV; ``halted`` the share of sessions
    on which new risk was barred, VIX rules excluded; ``modes`` and ``levels`` count sessions (R4, R9).
    """

    invested: float
    halted: float
    modes: dict[str, int]
    levels: dict[str, int]


class BacktestResult(msgspec.Struct, frozen=True):
    """A run's outcome (public JSON: fields are added, never renamed).

    ``equity`` is [date, NAV in USD] per session, first day included; ``decisions`` counts (session, symbol) pairs over
    tradable symbols; ``vetoes`` triggers; ``rejections`` the reasons behind REJECT. ``metrics`` are net of costs over
    the whole span, ``benchmarks`` buy-and-hold portfolios priced by the same cost model, each over the sessions it has
    data for, which ``benchmark_spans`` states with the account's own figures over them. ``lifecycle`` is the lifecycle
    of each strategy, None when it is off (G5). ``refused_forecasts`` counts by strategy the faults of its answers
    (STRATEGY_ERROR: it raised), ``strategies_without_bids`` why a strategy never bid, ``targets`` the results of target
    portfolios. ``command`` makes the run again. ``worth`` compares with the same forecasts ungoverned, None where there
    is nothing to compare. ``snapshots`` are those it decided on, in order, ``snapshot`` the last of them.
    ``decisions_hash`` is SHA-256 over the payloads of the cycle records, which hold neither run id nor wall time;
    ``journal`` the records of the run's journal, the hash of the last, and whether that end is kept outside it.
    """

    run: str
    snapshot: str
    policy: str
    start: str
    end: str
    sessions: int
    synthetic: bool
    metrics: Metrics
    decisions: dict[str, int]
    vetoes: dict[str, int]
    risk_events: tuple[RiskEvent, ...]
    equity: tuple[tuple[str, float], ...]
    fills: tuple[Fill, ...]
    decisions_hash: str
    mode: str
    profile: str
    code: str
    strategies: tuple[str, ...]
    operator: str
    capital: str
    mandate_ended: bool
    exposure: Exposure
    auctions: int
    approvals: tuple[Approval, ...]
    rejections: dict[str, int]
    dividends: str
    interest: str
    costs: dict[str, str]
    benchmarks: dict[str, Metrics]
    notes: tuple[str, ...]
    without_mandate: Metrics | None = None
    lifecycle: dict[str, StrategyLife] | None = None
    benchmark_spans: dict[str, BenchmarkComparison] = {}
    refused_forecasts: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    strategies_without_bids: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    targets: dict[str, bidders.TargetsHeld] = msgspec.field(default_factory=dict)
    command: str = ""
    worth: Worth | None = None
    journal: Proof | None = None
    snapshots: tuple[SnapshotUsed, ...] = ()


def measured(
    history: History, policy: Policy, tally: RunTally, first: int, start: int | None = None, end: int | None = None
) -> Metrics:
    """The metrics of a tally that began at row ``first``, over the rows ``start`` to ``end`` where they are given."""
    start, end = first if start is None else start, first + len(tally.nav) - 1 if end is None else end
    days = history.panel.sessions.days[start : end + 1]
    nav = np.array(tally.nav[start - first : end + 1 - first], dtype=np.int64)
    return metrics(nav, days, risk_free_rates(history, policy, start, end), tally.fills, splits=tally.splits)


def result_of(
    *,
    run: str,
    genesis: Genesis,
    history: History,
    policy: Policy,
    tally: RunTally,
    first: int,
    decisions_hash: str,
    without_mandate: Metrics | None = None,
    worth: Worth | None = None,
) -> BacktestResult:
    """Assemble the result of a finished run whose first session is row ``first``."""
    sessions = len(tally.nav)
    last = first + sessions - 1
    whole = measured(history, policy, tally, first)
    passive, said = passive_books(history, policy, first, last, genesis.capital / 100.0)
    modes = {m: tally.mode.count(m) for m in sorted(set(tally.mode))}
    levels = {str(n): tally.level.count(n) for n in sorted(set(tally.level))}
    return BacktestResult(
        run=run,
        snapshot=genesis.snapshot,
        policy=genesis.policy,
        start=tally.dates[0],
        end=tally.dates[-1],
        sessions=sessions,
        synthetic=genesis.synthetic,
        metrics=whole,
        decisions=dict(tally.outcomes),
        vetoes=dict(sorted(tally.vetoes.items())),
        risk_events=tuple(tally.events),
        equity=tuple((d, n / 100.0) for d, n in zip(tally.dates, tally.nav, strict=True)),
        fills=tuple(tally.fills),
        decisions_hash=decisions_hash,
        mode=genesis.mode,
        profile=policy.profile,
        code=genesis.code,
        strategies=genesis.strategies,
        operator=genesis.operator,
        capital=dollars(genesis.capital),
        mandate_ended=tally.mandate_ended,
        exposure=Exposure(
            invested=float(np.mean(tally.gross)),
            halted=1.0 - sum(tally.new_risk) / sessions,
            modes=modes,
            levels=levels,
        ),
        auctions=tally.auctions,
        approvals=tuple(tally.approvals),
        rejections=dict(sorted(tally.rejections.items(), key=lambda item: (-item[1], item[0]))),
        dividends=dollars(tally.dividends),
        interest=dollars(tally.interest),
        costs={
            name: dollars(sum(getattr(f, name) for f in tally.fills)) for name in ("commission", "slippage", "impact")
        },
        benchmarks={p.name: _passive(history, policy, p) for p in passive},
        notes=(*_notes(history, policy, tally, first, genesis, whole), *said),
        without_mandate=without_mandate,
        lifecycle=lives_of(tally),
        worth=worth,
        benchmark_spans={p.name: _compared(history, policy, tally, first, p, whole) for p in passive},
        refused_forecasts=bidders.refused_forecasts(tally),
        strategies_without_bids=bidders.without_bids(tally, genesis.strategies),
        targets=bidders.targets_held(tally),
        snapshots=tuple(_snapshots(tally)),
    )


def _snapshots(tally: RunTally) -> Iterator[SnapshotUsed]:
    """The snapshots of a run, each with the restatements before it was taken up."""
    restated: tuple[RowsChanged, ...] = ()
    certified: tuple[RowsChanged, ...] = ()
    for event in tally.data:
        match event:
            case DataRestated():
                restated = event.changes
            case CertificationChanged():
                certified = event.changes
            case DataPublished():
                yield SnapshotUsed(
                    event.snapshot, event.session, event.first, event.last, event.added, restated, certified
                )
                restated = certified = ()


def _passive(history: History, policy: Policy, passive: Passive) -> Metrics:
    book = passive.book
    days = history.panel.sessions.days[book.first : book.last + 1]
    rates = risk_free_rates(history, policy, book.first, book.last)
    return metrics(book.nav, days, rates, costs=book.paid, turned=book.turned)


def _compared(
    history: History, policy: Policy, tally: RunTally, first: int, passive: Passive, whole: Metrics
) -> BenchmarkComparison:
    book, dates = passive.book, history.panel.sessions.dates
    same = (book.first, book.last) == (first, first + len(tally.nav) - 1)
    return BenchmarkComparison(
        start=dates[book.first],
        end=dates[book.last],
        sessions=book.last - book.first + 1,
        account=whole if same else measured(history, policy, tally, first, book.first, book.last),
    )


def _notes(
    history: History, policy: Policy, tally: RunTally, first: int, genesis: Genesis, whole: Metrics
) -> list[str]:
    """Notes that affect how figures are read (D12, D16, D19)."""
    panel, last = history.panel, first + len(tally.nav) - 1
    notes = list(unexplained_moves(panel, tally))
    notes += [said for event in tally.data for said in sentences(event)]
    if any(isinstance(event, DataRestated) for event in tally.data):
        notes.append(
            "buy-and-hold and the other comparisons use the rows of the last snapshot, which restates sessions that "
            "were decided on others: the account's own figures keep the prices of their days"
        )
    notes += order_notes(policy, tally)
    if tally.mandate_ended:
        ended = next(e.day for e in tally.events if e.kind == "MANDATE_ENDED")
        notes.append(f"the mandate ended on {ended}; the figures without its end run to {genesis.end}")
    if panel.derived_universe or not any(i.members for i in panel.instruments):
        origin = "was derived from today's sources and" if panel.derived_universe else "file"
        notes.append(f"the universe {origin} has no membership history: survivorship bias")
    if any("DERIVED_ACTIONS" in c.reasons or any(f.reason == "DERIVED_ACTIONS" for f in c.flags)
           for c in panel.certifications):  # fmt: skip
        notes.append("dividends are inferred from adj_close over close; closes are assumed split-adjusted")
    unknown = sum(i.kind == "stock" and not i.sector for i in panel.instruments)
    if unknown:
        notes.append(
            f"{unknown} stocks have no sector and share one cap of {policy.limits.weight_sector:.0%}: "
            "name their sectors in a universe file"
        )
    notes += coverage(history, policy, first, last)
    notes += input_notes(panel, policy, first, last, genesis.strategies)
    notes += scenarios.stress_notes(View(history, last), policy.cvar)
    notes += _late(panel, last)
    if policy.cvar.volatility == "garch":
        notes.append(_garch(history, first, last))
    notes += taken_away(policy)
    notes += often(policy)
    strangers = [name for name in policy.lifecycle.admissions if name not in genesis.strategies]
    if strangers and policy.lifecycle.enabled:
        notes.append(f"lifecycle.admissions names {', '.join(strangers)}, which did not run")
    if whole.annual_volatility is not None and whole.sharpe_rf0 is None:
        notes.append(
            f"the account's returns differ from the risk-free rate by less than {VOLATILITY_LEAST:.1%} a year: "
            "it was effectively in cash, and no Sharpe, Sortino or Calmar ratio is stated"
        )
    if policy.costs.preset != "cautious":
        preset = PRESETS[policy.costs.preset]
        notes.append(
            f"costs are those of the preset {policy.costs.preset} as of {preset.date}, approximate: {preset.source}"
        )
    return notes + bidders.notes(tally, genesis.strategies)


def _late(panel: Panel, last: int) -> list[str]:
    """Symbols whose data stop shortly before the run does: its last sessions value them at their last close (D7)."""
    recent = panel.fresh[max(last - 20, 0) : last + 1]
    late = panel.tradable & recent.any(axis=0) & ~recent[-1]
    if not late.any():
        return []
    stopped = last - int(np.argmax(recent[::-1, late].any(axis=1)))
    share = f"{np.count_nonzero(late)} of {np.count_nonzero(panel.tradable)} symbols"
    days = f"on {panel.sessions.dates[last]}, the last session, and none after {panel.sessions.dates[stopped]}"
    return [f"{share} have no bar {days}: they are held at their last close"]


def _garch(history: History, first: int, last: int) -> str:
    """How many of the run's monthly GARCH estimates EWMA replaced, and why (R2, U6)."""
    months = np.flatnonzero(history.panel.sessions.first_of_month[first : last + 1]) + first
    tradable = np.array([i.tradable for i in history.panel.instruments], dtype=np.bool_)
    begun = history.array("rows")[months][:, tradable] > 0.0
    source = history.array("scenarios.garch")[months][:, tradable]
    young, unsound = (int(np.count_nonzero(begun & (source == why))) for why in (garch.TOO_FEW, garch.UNSOUND))
    text = f"GARCH volatility: {np.count_nonzero(begun)} monthly estimates; EWMA replaced {young + unsound}"
    if not young + unsound:
        return text
    failed = np.array(history.panel.symbols)[tradable][(begun & (source == garch.UNSOUND)).any(axis=0)]
    named = f" ({', '.join(failed[:8].tolist())}{' …' if failed.size > 8 else ''})" if unsound else ""
    return f"{text}: {young} with too few returns, {unsound} without a sound fit{named}"

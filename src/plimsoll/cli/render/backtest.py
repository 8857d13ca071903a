"""A run's result as text: figures beside buy-and-hold benchmarks, decisions, costs, strategies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import SYNTHETIC, console, figure, percent, proven, table
from plimsoll.reports.comparison import benchmark_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from plimsoll.reports.result import BacktestResult, BenchmarkComparison
    from plimsoll.reports.strategy_history import Move, StrategyLife
    from plimsoll.reports.worth import Worth


METRICS = (
    ("total return", "total_return", percent),
    ("annual return", "annual_return", percent),
    ("annual volatility", "annual_volatility", percent),
    ("Sharpe ratio (excess of T-bills)", "sharpe", figure),
    ("Sharpe ratio (risk-free rate 0)", "sharpe_rf0", figure),
    ("Sortino ratio", "sortino", figure),
    ("maximum drawdown (closes)", "max_drawdown", percent),
    ("Calmar ratio", "calmar", figure),
    ("CVaR 95 %, 1 session", "cvar_95_1d", percent),
    ("win rate, closed round trips", "win_rate", percent),
    ("profit factor", "profit_factor", figure),
    ("turnover per month", "turnover_monthly", percent),
    ("annual cost drag", "cost_drag_annual", lambda drag: percent(drag, 2)),
)
_OF_TRIPS = ("win_rate", "profit_factor")  # a buy-and-hold benchmark closes none


def render_backtest(result: BacktestResult) -> None:
    """Span and sample, metrics beside benchmarks, then the effects of the risk limits."""
    out = console()
    if result.synthetic:
        out.print(SYNTHETIC)
    for note in result.notes:
        if note.startswith("WARNING: "):
            out.print(escape(note))
    if result.mandate_ended:
        out.print(
            f"The MANDATE ENDED: the account is flat since {result.end} and only a signed re-commissioning reopens it."
        )
    out.print(f"run {result.run}   snapshot {result.snapshot[:16]}   policy {result.policy[:16]} ({result.profile})")
    sample = f"{result.start} to {result.end}, {result.sessions} sessions, initial capital {result.capital} USD"
    out.print(f"{result.mode}, {sample}; daily closes, net of costs")
    books = {"Plimsoll": result.metrics}
    if result.without_mandate is not None:
        books["without the mandate's end"] = result.without_mandate
    passive: set[str] = set()
    for name, book in result.benchmarks.items():
        compared = result.benchmark_spans.get(name)
        span = "" if compared is None else _span(compared, result)
        label = f"{benchmark_label(name)}{span}"
        passive.add(label)
        books[label] = book
        if compared is not None and span:
            books[f"Plimsoll{span}"] = compared.account
    rows = table("", *books, right=tuple(range(1, len(books) + 1)))
    for label, key, shown in METRICS:
        cells = (
            "–" if key in _OF_TRIPS and name in passive else shown(getattr(book, key)) for name, book in books.items()
        )
        rows.add_row(label, *cells)
    out.print(rows)
    if result.worth is not None:
        _worth(out, result, result.worth)
    exposure = result.exposure
    barred = f"new risk barred on {percent(exposure.halted)} of sessions (VIX rules excluded)"
    out.print(f"invested    {percent(exposure.invested)} of NAV on average; {barred}")
    out.print("modes       " + _counts(exposure.modes))
    out.print("decisions   " + _counts(result.decisions))
    out.print("rejected    " + (_counts(result.rejections) or "none"))
    out.print("vetoes      " + (_counts(result.vetoes) or "none"))
    out.print("risk events " + (_counts(Counter(e.kind for e in result.risk_events)) or "none"))
    paid = ", ".join(f"{name} {amount}" for name, amount in result.costs.items())
    out.print(f"fills       {len(result.fills)}; {paid}; dividends {result.dividends}, interest {result.interest} USD")
    out.print(f"auctions    {result.auctions}, approvals {len(result.approvals)} ({result.operator} operator)")
    for name, life in (result.lifecycle or {}).items():
        out.print(f"strategy    {escape(_life(name, life))}")
        for move in life.moves:
            out.print(f"            {escape(_move(move))}")
    for note in result.notes:
        if not note.startswith("WARNING: "):
            out.print(f"note        {escape(note)}")
    out.print(f"decisions hash {result.decisions_hash}")
    if result.journal is not None:
        out.print(proven(result.journal))
    if result.command:
        out.print(escape(f"reproduce   {result.command}"), soft_wrap=True)


def _worth(out: Console, result: BacktestResult, worth: Worth) -> None:
    """The governed run beside the same forecasts without risk limits, and equal weight, at its volatility."""
    names = ("governed", "ungoverned, de-levered", "equal weight, de-levered")
    books = (result.metrics, worth.ungoverned_delevered, worth.equal_weight_delevered)
    rows = table("cost and benefit of the risk limits", *names, right=(1, 2, 3))
    shown = ("annual_return", "annual_volatility", "sharpe", "sharpe_rf0", "max_drawdown", "cost_drag_annual")
    for label, key, told in METRICS:
        if key in shown:
            rows.add_row(label, *(told(getattr(book, key)) for book in books))
    parts = (worth.ungoverned_share, worth.equal_weight_share)
    rows.add_row("part of NAV, the rest in cash", "", *(percent(part) for part in parts))
    out.print(rows)


def _span(compared: BenchmarkComparison, result: BacktestResult) -> str:
    """The part of the run that a benchmark covers, in words; empty for all of it."""
    said = [f"from {compared.start}"] if compared.start > result.start else []
    said += [f"to {compared.end}"] if compared.end < result.end else []
    return f" {' '.join(said)}" if said else ""


def _life(name: str, life: StrategyLife) -> str:
    """A strategy's final stage, its capital and its contribution."""
    stage = f"{life.stage}{', suspended' if life.suspended else ''} since {life.since}"
    may = f"may use {percent(life.cap)} of NAV, decay {figure(life.decay)} (model validated {life.age} sessions ago)"
    return f"{name}: {stage}; {may}; contributed {percent(life.contribution)} over the run"


def _move(move: Move) -> str:
    """One change of stage with its evidence."""
    told = f"{move.date} {move.reason}"
    if (e := move.evidence) is None:
        return told
    return (
        f"{told} {e.stage} to {e.to}: Sharpe {figure(e.sharpe)}, PSR(0) {figure(e.psr)}, P(Sharpe too low) "
        f"{figure(e.below)}, {e.signals} of {e.trades} trades profitable, profit factor {figure(e.profit_factor)}, "
        f"drawdown {percent(e.drawdown)} over {e.sessions} sessions"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))

"""``plimsoll demo``: every stage once, offline and on a synthetic market, with the command for each step (O10)."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.markup import escape

from plimsoll import app
from plimsoll.cli.progress import named_progress, progress
from plimsoll.cli.render.console import SYNTHETIC, console, figure, percent
from plimsoll.cli.render.past_session import WIDTH_READ
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CheckFailed
from plimsoll.market.request import IngestRequest

if TYPE_CHECKING:
    from plimsoll.reports.result import BacktestResult

YEAR = ("2025-07-01", "2026-06-30")  # the last year of the synthetic market
STEPS = 8
TOLD = ("outcome", "forecast", "fill", "what would have changed it")  # links of the chain shown; the command has all


class Moment(NamedTuple):
    """A decision to explain."""

    day: str
    symbol: str


def play(home: Path) -> None:
    """Show every stage of the system in ``home``, which is created if missing."""
    Demo(app.Workspace(home)).play()


class Demo:
    """The stages in order; each with its purpose, its command and its result."""

    def __init__(self, where: app.Workspace) -> None:
        self._where = where
        self._out = console(least=0)
        self._step = 0

    def play(self) -> None:
        """All of it; raises ``CheckFailed`` when a check on the way fails."""
        out = self._out
        out.print(f"[bold]{SYNTHETIC}[/]")
        self._ingest()
        tested = self._backtest()
        traded = self._trade()
        self._explain(traded.run)
        page = self._report(tested.run)
        self._audit(tested.run, traded.run)
        self._farewell(page)

    def _say(self, title: str, *words: str) -> None:
        self._step += 1
        self._out.print(f"\n[bold]{self._step}/{STEPS}  {title}[/]")
        self._out.print(f"     [cyan]{escape(self._command(*words))}[/]", soft_wrap=True)

    def _tell(self, text: str) -> None:
        width = min(self._out.width, WIDTH_READ)
        indent = " " * 5
        for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False):
            self._out.print(line, markup=False, soft_wrap=True)

    def _command(self, *words: str) -> str:
        return shlex.join((program(), "--home", str(self._where.home), *words))

    def _ingest(self) -> None:
        self._say("Generate a synthetic market and certify it", "ingest", "--provider", "synthetic")
        with named_progress() as report:
            app.ingest(self._where, IngestRequest(provider="synthetic", source="core"), report)
        self._say("Show the certification", "verify", "status")
        status = app.verify_status(self._where)
        states = ", ".join(f"{count} {state}" for state, count in status.states.items())
        rows = sum(s.rows for s in status.symbols)
        last = max(s.last for s in status.symbols)
        self._tell(
            f"{len(status.symbols)} symbols ({states}), {rows:,} rows up to {last}, snapshot {status.snapshot[:16]}"
        )

    def _backtest(self) -> BacktestResult:
        self._say("Backtest the governed system", "backtest")
        with progress("backtest", logged=False) as report:
            result = app.backtest(self._where, progress=report)
        self._figures(result)
        return result

    def _trade(self) -> BacktestResult:
        start, end = YEAR
        self._say(
            "Trade a year of it on paper", "trade", "--mode", "paper", "--recorded", "--start", start, "--end", end
        )
        with progress("paper session", logged=False) as report:
            traded = app.trade_recorded(self._where, start=start, end=end, progress=report)
        self._figures(traded)
        with progress("the same year as a backtest", logged=False) as report:
            tested = app.backtest(self._where, start=start, end=end, progress=report)
        if tested.decisions_hash != traded.decisions_hash:
            raise CheckFailed("The paper session and a backtest of the same year decided differently", "Report this")
        self._tell(f"A backtest of the same year decides the same, to the byte: {traded.decisions_hash[:16]}")
        return traded

    def _figures(self, result: BacktestResult) -> None:
        m = result.metrics
        self._tell(
            f"{result.start} to {result.end}, SYNTHETIC: return {percent(m.total_return)}, maximum drawdown "
            f"{percent(m.max_drawdown)}, Sharpe ratio in excess of T-bills {figure(m.sharpe)}"
        )
        counts = ", ".join(f"{n} {name}" for name, n in result.decisions.items() if n)
        self._tell(f"{result.sessions} decisions, symbol by symbol: {counts}; {len(result.fills)} fills")

    def _audit(self, *runs: str) -> None:
        self._say("Verify that no record was altered", "audit", "verify")
        for run in runs:
            report = app.audit_verify(self._where, run)
            if not report.ok:
                raise CheckFailed(f"{run}: {report.problem}", "Report this")
            self._tell(f"{run}: {report.records} records, chain intact, head {report.head[:16]}")

    def _explain(self, run: str) -> None:
        records = [e for e in app.journaled(self._where, run) if isinstance(e, CycleRecord)]
        for title, moment in (("Explain a trade", traded(records)), ("Explain a refusal", refused(records))):
            if moment is None:
                self._say(f"{title}: there was none", "runs")
                continue
            self._say(title, "explain", "--on", moment.day, "--symbol", moment.symbol, "--run", run)
            (chain,) = app.explain(self._where, moment.day, moment.symbol, run).symbols
            for step in chain.steps:
                if step.name in TOLD:
                    for sentence in step.sentences:
                        self._tell(sentence)

    def _report(self, run: str) -> Path:
        self._say("Write the report", "report", "--hurdles", "--run", run)
        with progress("the same span at five hurdles", logged=False) as report:
            page = app.report(self._where, run, hurdles=True, progress=report)
        self._tell(f"one file, {page.stat().st_size / 1e6:.1f} MB, no network needed")
        return page

    def _farewell(self, page: Path) -> None:
        self._out.print(f"\n[bold]{SYNTHETIC}[/]")
        self._out.print(f"\nOpen  [bold]{escape(str(page))}[/]", soft_wrap=True)
        self._out.print("\nThen try")
        for command in (
            self._command("config", "show"),
            f"{program()} new strategy my_trend",
            f"{program()} ingest --provider files --source your_prices.csv",
        ):
            self._out.print(f"  {escape(command)}", soft_wrap=True)


def program() -> str:
    """What to type for ``plimsoll`` here: its path where it is not on PATH, as after ``make demo``."""
    typed = Path(sys.argv[0])
    if shutil.which("plimsoll") is None and typed.name == "plimsoll":
        near = os.path.relpath(typed)
        return str(typed.absolute()) if near.startswith(os.pardir) else near
    return "plimsoll"


def traded(records: Sequence[CycleRecord]) -> Moment | None:
    """The purchase with the largest change of the portfolio after the first day, if there was one."""
    found = [
        (new - old, record.session, symbol)
        for record in records[1:]
        for symbol, lots, old, new in zip(record.symbols, record.lots, record.held, record.proposed, strict=True)
        if lots > 0
    ]
    return Moment(*max(found)[1:]) if found else None


def refused(records: Sequence[CycleRecord]) -> Moment | None:
    """The largest desired change that a gate, a veto or the market's state stopped, if there was one."""
    found = [
        (wanted - held, record.session, symbol)
        for record in records
        for symbol, outcome, held, wanted in zip(
            record.symbols, record.outcome, record.held, record.desired, strict=True
        )
        if outcome == "REJECT"
    ]
    return Moment(*max(found)[1:]) if found else None

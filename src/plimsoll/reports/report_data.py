"""Inputs of the report's sections: run, result, snapshot and policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.events import Proof
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy
from plimsoll.engine.run_context import RunContext
from plimsoll.measures.cvar import cvar
from plimsoll.measures.performance import Metrics
from plimsoll.reports.charts.drawing import ASSET_COLOURS
from plimsoll.reports.comparison import passive_books
from plimsoll.reports.page import formatting
from plimsoll.reports.rates import risk_free_rates
from plimsoll.reports.recorded import Recorded
from plimsoll.reports.result import BacktestResult

Floats = NDArray[np.float64]
_SHORT = 756
_POINTS = 320  # bounds the cost of a report of a very long run


class Hurdle(msgspec.Struct, frozen=True):
    """The same span at another ``auction.hurdle_sharpe`` (A3)."""

    hurdle: float
    metrics: Metrics
    invested: float


@dataclass(frozen=True, eq=False)
class ReportData:
    """Inputs of every section.

    ``first`` is the run's first row of ``history``; ``policy_known`` says whether ``policy`` is the run's own, by
    its hash; ``proof`` is what its journal was verified to; ``command`` repeats the run;
    ``tries`` counts the different backtests of the home up to it, itself included, for the deflated Sharpe ratio.
    """

    run: Recorded
    result: BacktestResult
    history: History
    policy: Policy
    policy_known: bool
    first: int
    proof: Proof
    command: str
    version: str
    hurdles: tuple[Hurdle, ...] = ()
    tries: int = 1

    @cached_property
    def dates(self) -> list[str]:
        """ISO dates of the run's sessions."""
        return self.run.tally.dates

    @cached_property
    def sample(self) -> str:
        """The span and number of sessions, stated with every figure."""
        return f"{self.dates[0]} to {self.dates[-1]}, {formatting.number(len(self.dates), 'session')}"

    @cached_property
    def last(self) -> int:
        """The run's last row of ``history``."""
        return self.first + len(self.dates) - 1

    @cached_property
    def run_context(self) -> RunContext:
        """The run's limits and instruments, without its strategies: nothing is decided again."""
        return RunContext(self.policy, (), self.history.panel.instruments)

    @cached_property
    def new_risk(self) -> list[str]:
        """Per session how much could be bought: all, half (VIX high, S2), or nothing because of VIX or other rules."""
        forecast = self.policy.forecast
        vix_or_proxy = self.history.array("regime.vix_or_proxy")[self.first : self.last + 1].tolist()
        found = []
        for record, level in zip(self.run.cycles, vix_or_proxy, strict=True):
            if record.bars_new_risk:
                found.append("barred")
            elif not level < forecast.vix_extreme:
                found.append("barred by VIX")
            else:
                found.append("allowed" if level <= forecast.vix_high else "halved")
        return found

    @cached_property
    def grid(self) -> list[int]:
        """Sessions, counted from the run's first, at which expensive figures are computed: the last of each month, of
        each week in a run of up to ``_SHORT`` sessions, and the run's last; in a very long run every few months.
        """
        days = self.run.days
        weeks = [str((d + 3) // 7) for d in days.tolist()]  # day 0 was a Thursday: weeks begin on Mondays
        period = [d[:7] for d in self.dates] if len(days) > _SHORT else weeks
        ends = [t for t in range(len(days)) if t + 1 == len(days) or period[t] != period[t + 1]]
        step = -(-len(ends) // _POINTS)
        return ends[::-1][::step][::-1]

    @cached_property
    def grid_said(self) -> str:
        """What ``grid`` is, in words."""
        step = "month" if len(self.run.days) > _SHORT else "week"
        return f"the last session of each {step}" if len(self.grid) > 1 else "the last session"

    @cached_property
    def books(self) -> dict[str, Floats]:
        """(T,) growth of each benchmark, NaN on sessions without data (E3)."""
        made, _ = passive_books(self.history, self.policy, self.first, self.last, self.run.genesis.capital / 100.0)
        found = {}
        for p in made:
            curve = np.full(len(self.dates), np.nan)
            curve[p.book.first - self.first : p.book.last - self.first + 1] = p.book.nav / p.book.nav[0]
            found[p.label] = curve
        return found

    def span(self, curve: Floats) -> slice:
        """The sessions a curve has, of the run's."""
        known = np.flatnonzero(np.isfinite(curve))
        return slice(int(known[0]), int(known[-1]) + 1)

    def labels(self) -> dict[str, str]:
        """Name of each of ``curves``, with its span where it is not the run's."""
        named = {}
        for name, curve in self.curves.items():
            inside = self.span(curve)
            first, last = self.dates[inside][0], self.dates[inside][-1]
            whole = (first, last) == (self.dates[0], self.dates[-1])
            since = f" from {first}" if first != self.dates[0] else ""
            named[name] = name if whole else f"{name}{since} to {last}"
        return named

    @cached_property
    def curves(self) -> dict[str, Floats]:
        """Growth of the account, then of the benchmarks."""
        return {"Plimsoll": self.run.curve, **self.books}

    @cached_property
    def risk_free(self) -> Floats | None:
        """(T - 1,) the risk-free return of each session after the first; None when unknown."""
        rates = risk_free_rates(self.history, self.policy, self.first, self.last)
        return None if rates is None or not np.isfinite(rates[1:]).all() else rates[1:]

    def excess(self, curve: Floats) -> Floats | None:
        """(T - 1,) returns of a curve over the risk-free rate; None where the risk-free rate is unknown (U6)."""
        return None if self.risk_free is None else curve[1:] / curve[:-1] - 1.0 - self.risk_free

    def cvar(self, returns: Floats) -> float:
        """CVaR of 1 session at 95 %, as the metrics define it."""
        return cvar(-returns, 0.95)

    @cached_property
    def colours(self) -> dict[str, str]:
        """A colour of the style sheet per held symbol."""
        return {s: f"a{i % ASSET_COLOURS + 1}" for i, s in enumerate(self.run.symbols)}

    @cached_property
    def held_at_end(self) -> dict[str, int]:
        """Value of each holding at the last close, cents."""
        record = self.run.cycles[-1]
        return {s: round(w * record.nav) for s, w in zip(record.symbols, record.held, strict=True) if w}

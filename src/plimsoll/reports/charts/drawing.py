"""The figures of a report as data for the browser: series, units and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import LadderPolicy
from plimsoll.core.restraint import LadderState
from plimsoll.reports.charts import figures
from plimsoll.reports.page.formatting import GATES
from plimsoll.reports.recorded import Recorded
from plimsoll.risk.ladder import waiting

if TYPE_CHECKING:
    from plimsoll.reports.charts.tailgrid import TailGrid
    from plimsoll.reports.limit_usage import Strand

Floats = NDArray[np.float64]
ASSET_COLOURS = 16
MODES = ("NORMAL", "CAUTION", "RESTRICTED", "HALTED", "LIQUIDATING", "RECOVERY")


class Series(msgspec.Struct, frozen=True):
    """A line over the chart's sessions. ``values`` are whole multiples of ``unit``; null is absent. ``colour`` is a
    name of the style sheet; ``dots`` draws single points, ``steps`` holds each value until the next; ``apart`` leaves
    a line of a stack out of its sums.
    """

    label: str
    values: list[int | None]
    unit: float
    colour: str
    width: float = 1.5
    fill: bool = False
    dash: bool = False
    dots: bool = False
    steps: bool = False
    shown: bool = True
    apart: bool = False


class Line(msgspec.Struct, frozen=True):
    """A level to compare with."""

    value: float
    label: str
    colour: str


class Row(msgspec.Struct, frozen=True):
    """A ribbon: spans of (first row, last row, index into ``names`` and ``colours``); ``marks`` are rows."""

    label: str
    names: list[str]
    colours: list[str]
    spans: list[tuple[int, int, int]]
    marks: list[int] = []


class Chart(msgspec.Struct, frozen=True):
    """One figure. ``format`` is percent, growth, bps or plain; ``low`` and ``high`` fix the axis, which with ``reach``
    still grows to hold what lies above. ``at`` are the sessions of the series where they are not all of the run's;
    ``bands`` shade between two series.
    """

    id: str
    kind: str  # line, stack, ribbon
    format: str
    height: int
    series: list[Series] = []
    lines: list[Line] = []
    rows: list[Row] = []
    log: bool = False
    margin: int = 0  # pixels beside the plot that hold names: of lines to the right, of ribbons to the left
    at: list[int] | None = None
    bands: list[tuple[int, int]] = []
    low: float | None = None
    high: float | None = None
    reach: bool = False


class ChartData(msgspec.Struct, frozen=True):
    """All figures over the run's sessions; ``days`` since 1970-01-01."""

    days: list[int]
    charts: list[Chart]


def series(label: str, values: Floats, colour: str, *, unit: float = 1e-4, **style: object) -> Series:
    """A line of ``values``, rounded to ``unit``; what is not finite is absent."""
    whole = np.rint(values / unit)
    cells: list[int | None] = [int(v) if v == v and abs(v) < 1e15 else None for v in whole.tolist()]
    return Series(label, cells, unit, colour, **style)  # type: ignore[arg-type]


def equity(run: Recorded, books: Mapping[str, Floats], height: int) -> Chart:
    """Growth of one dollar, logarithmic, beside buy-and-hold benchmarks."""
    lines = [series("Plimsoll", run.curve, "accent", width=2.2)]
    lines += [series(name, nav, colour) for (name, nav), colour in zip(books.items(), ("spy", "mix"), strict=False)]
    return Chart("equity", "line", "growth", height, lines, log=True)


def falls(run: Recorded, books: Mapping[str, Floats], rungs: Sequence[tuple[str, float, bool]], height: int) -> Chart:
    """Drawdown below the all-time peak, then below the peak of the ladder's episode, against its rungs: (name,
    threshold, of the lifetime peak).
    """
    episode, lifetime = run.figure("drawdown_episode"), run.figure("drawdown_lifetime")
    lines = [
        series("All-time drawdown", -lifetime, "accent", fill=True),
        series("of the ladder's episode", -episode, "quiet", dash=True, width=1.2, shown=False),
    ]
    lines += [
        series(name, -figures.drawdown(nav), colour, shown=False)
        for (name, nav), colour in zip(books.items(), ("spy", "mix"), strict=False)
    ]
    deepest = max([t for _, t, _ in rungs], default=0.0)
    reach = max(deepest, float(np.nanmax(lifetime, initial=0.0))) if rungs else None
    tones = ("warn", "warn", "serious", "serious", "grave", "grave")
    levels = [Line(-t, label, tones[min(i, 5)]) for i, (label, t, _) in enumerate(rungs)]
    return Chart(
        "falls", "line", "percent", height, lines, levels, low=None if reach is None else -reach * 1.08, margin=98
    )


def modes(run: Recorded, policy: LadderPolicy, new_risk: Sequence[str]) -> Chart:
    """Mode, ladder level, cooldown and re-entry, permission for new risk, regime. Triangles: re-entries and approvals
    over the mode, rungs that fired over the ladder.
    """
    row = {d: i for i, d in enumerate(run.tally.dates)}
    tally = run.tally
    fired = {i for i, r in enumerate(run.cycles) if any(e.kind == "LADDER_RUNG" for e in r.events)}
    back = {i for i, r in enumerate(run.cycles) if any(e.kind == "RESUMED" for e in r.events)}
    marks = sorted(back | {row[a.session] for a in tally.approvals if a.session in row})
    waits = [_waiting(r.carried.ladder, policy) for r in run.cycles]
    level = [str(min(n, 4)) for n in tally.level]
    stress = ["stress" if r.regime.stress else "no stress" for r in run.cycles]
    rows = [
        _row("Mode", tally.mode, list(MODES), [f"mode-{m.lower()}" for m in MODES], [m.lower() for m in MODES], marks),
        _row(
            "Ladder",
            level,
            ["0", "1", "2", "3", "4"],
            ["mode-normal", "mode-caution", "mode-restricted", "mode-halted", "mode-liquidating"],
            None,
            sorted(fired),
        ),
        _row(
            "Re-entry",
            waits,
            ["none due", "cooldown", "waits for calm", "waits for a signature", "part size"],
            ["mode-normal", "mode-restricted", "mode-caution", "mode-halted", "mode-recovery"],
            None,
        ),
        _row(
            "New risk",
            new_risk,
            ["allowed", "halved", "barred by VIX", "barred"],
            ["mode-normal", "mode-caution", "mode-restricted", "mode-halted"],
            None,
        ),
        _row("Regime", stress, ["no stress", "stress"], ["mode-normal", "mode-restricted"], None),
    ]
    return Chart("modes", "ribbon", "plain", 222, rows=rows)


def _waiting(ladder: LadderState, policy: LadderPolicy) -> str:
    """Condition that a fired rung's re-entry waits for at this close (R5)."""
    if ladder.ramp:
        return "part size"
    if ladder.cooldown:
        return "cooldown"
    if ladder.awaiting == "signed":
        return "waits for a signature"
    return "waits for calm" if waiting(ladder, policy) and not ladder.ended else "none due"


def stages(label: str, values: Sequence[str], order: list[str], colours: list[str]) -> Row:
    """A ribbon of a strategy's stages (G5)."""
    return _row(label, values, order, colours, [s.lower() for s in order])


def exposure(run: Recorded, colours: Mapping[str, str]) -> Chart:
    """Weights of the held symbols, stacked; what is missing to 100 % is cash."""
    lines = [series(s, run.weights[:, i], colours[s], width=0.0) for i, s in enumerate(run.symbols)]
    lines.append(series("Cash", np.maximum(run.cash, 0.0), "shade", width=0.0))
    return Chart("exposure", "stack", "percent", 330, lines, low=0.0, high=1.0, reach=True)


def positions(held: Floats) -> Chart:
    """Number of positions at each close."""
    return Chart(
        "positions", "line", "plain", 220, [series("Positions", held, "accent", unit=1.0, steps=True)], low=0.0
    )


def groups(parts: Mapping[str, Floats]) -> Chart:
    """Gross exposure by class or sector, stacked."""
    lines = [series(n, v, f"a{i % ASSET_COLOURS + 1}", width=0.0) for i, (n, v) in enumerate(parts.items())]
    return Chart("groups", "stack", "percent", 220, lines, low=0.0)


def tail(run: Recorded, horizon: int) -> Chart:
    """CVaR of positions beside budget and hard limit, and the stressed CVaR where it was measured."""
    h = str(horizon)
    lines = [
        series("Held book", run.figure(f"cvar_{h}"), "accent", unit=1e-5, fill=True),
        series("Budget", run.limit(f"cvar_budget_{h}"), "warn", unit=1e-5, steps=True, width=1.4),
        series("Hard limit", run.limit(f"cvar_hard_{h}"), "grave", unit=1e-5, steps=True, width=1.4),
    ]
    return Chart(f"tail{h}", "line", "percent", 260, lines, low=0.0)


def stressed(run: Recorded) -> Chart:
    """Stressed CVaR of proposals as a share of its limit, on the sessions that measured it."""
    parts = []
    for h, colour in ((1, "accent"), (10, "spy")):
        share = run.figure(f"stressed_after_{h}") / run.limit(f"stressed_{h}")
        parts.append(series(GATES[f"stressed_{h}"], share, colour, dots=True))
    return Chart(
        "stressed", "line", "percent", 240, parts, [Line(1.0, "limit", "grave")], low=0.0, high=1.1, reach=True
    )


BANDS = ("under 50 %", "50 to 75 %", "75 to 90 %", "90 to 100 %", "above", "not measured")
_BAND_ENDS = (0.5, 0.75, 0.9)


def band(use: float, passed: bool) -> int:
    """Which of ``BANDS`` a use lies in; what has passed its limit is above, whatever its use."""
    if use != use:
        return 5
    if passed:
        return 4
    return sum(use >= end for end in _BAND_ENDS)


def headroom(limit_usage: Sequence[Strand], grid: Sequence[int]) -> Chart:
    """Use of every limit through time: of each period of the grid the highest, as a band of colour."""
    rows = []
    colours = ["use1", "use2", "use3", "use4", "use5", "none"]
    for strand in limit_usage:
        spans: list[tuple[int, int, int]] = []
        first = 0
        for last in grid:
            part, passed = strand.use[first : last + 1], strand.passed[first : last + 1]
            seen = part[~np.isnan(part)]
            index = band(float(seen.max()), bool(passed.any())) if seen.size else len(BANDS) - 1
            if spans and spans[-1][2] == index:
                spans[-1] = (spans[-1][0], last, index)
            else:
                spans.append((first, last, index))
            first = last + 1
        rows.append(Row(strand.label, list(BANDS), colours, spans))
    return Chart("headroom-plot", "ribbon", "plain", 34 + 19 * len(rows), rows=rows, margin=124)


def interval(grid: TailGrid, horizon: int) -> Chart:
    """CVaR of positions with its bootstrap interval, VaR, budget and hard limit, at the sessions of the grid."""
    of = grid.of[horizon]
    lines = [
        series("Interval to", of.high, "accent", unit=1e-5, width=0.6),
        series("from", of.low, "accent", unit=1e-5, width=0.6),
        series("CVaR", of.cvar, "accent", unit=1e-5, width=2.0),
        series("VaR", of.var, "quiet", unit=1e-5, dash=True, width=1.2),
        series("Budget", of.budget, "warn", unit=1e-5, steps=True, width=1.4),
        series("Hard limit", of.hard, "grave", unit=1e-5, steps=True, width=1.4),
    ]
    return Chart(f"interval{horizon}", "line", "percent", 270, lines, low=0.0, at=list(grid.at), bands=[(1, 2)])


def components(grid: TailGrid, colours: Mapping[str, str]) -> Chart:
    """Each position's part of CVaR at the longest horizon, stacked; hedges are below zero."""
    of = grid.of[max(grid.of)]
    lines = [
        series(s, np.maximum(of.component[:, i], 0.0), colours[s], unit=1e-5, width=0.0)
        for i, s in enumerate(grid.symbols)
        if (of.component[:, i] > 0.0).any()
    ]
    hedges = np.minimum(of.component, 0.0).sum(axis=1)
    lines.append(series("Hedges", hedges, "quiet", unit=1e-5, width=1.0, fill=True, apart=True))
    lines.append(series("CVaR", of.cvar, "ink", unit=1e-5, width=1.6, apart=True))
    return Chart("components", "stack", "percent", 330, lines, at=list(grid.at))


def prices(at: Sequence[int], kinds: Mapping[str, Floats]) -> Chart:
    """Value of a tenth more of each kind of limit to an auction; dots at the auctions it bound."""
    inks = ("accent", "spy", "mix", "a5", "a6", "a8", "a10")
    lines = [series(name, v, ink, unit=1e-7, dots=True) for (name, v), ink in zip(kinds.items(), inks, strict=False)]
    return Chart("prices", "line", "bps", 270, lines, low=0.0, at=list(at))


def beliefs(run: Recorded) -> Chart:
    """Belief in the three regimes, stacked to 1."""
    names = (("normal", "mode-normal"), ("volatile", "mode-caution"), ("crisis", "mode-halted"))
    lines = [series(n, run.beliefs[:, i], c, unit=1e-3, width=0.0) for i, (n, c) in enumerate(names)]
    return Chart("beliefs", "stack", "percent", 220, lines, low=0.0, high=1.0)


def outlook(run: Recorded, on: float, off: float, sessions: int) -> Chart:
    """P(crisis) ahead, at that session and at any up to it, beside the thresholds that switch the stress on and off."""
    lines = [series(f"P(crisis) in {sessions} sessions", run.crisis, "accent", unit=1e-3, fill=True)]
    if np.isfinite(run.passage).any():
        lines.append(series(f"within {sessions} sessions", run.passage, "mix", unit=1e-3, dash=True))
    levels = [Line(on, "stress on", "grave"), Line(off, "off", "warn")]
    return Chart("outlook", "line", "percent", 220, lines, levels, low=0.0, high=1.0)


def vix_or_proxy(run: Recorded, high: float, extreme: float) -> Chart:
    """VIX beside the levels of the rules."""
    levels = [Line(high, "increases halved", "warn"), Line(extreme, "only reductions", "grave")]
    return Chart("vix_or_proxy", "line", "plain", 220, [series("VIX", run.vix, "accent", unit=0.01)], levels, low=0.0)


def betas(lines: Mapping[str, Floats]) -> Chart:
    """Beta to each benchmark over a trailing window."""
    made = [series(f"to {n}", v, c, unit=0.001) for (n, v), c in zip(lines.items(), ("spy", "mix"), strict=False)]
    return Chart("beta", "line", "plain", 200, made, [Line(0.0, "0", "quiet")])


def rollings(parts: Mapping[str, tuple[Floats, Floats]]) -> tuple[Chart, Chart]:
    """Rolling Sharpe and volatility of each portfolio."""
    inks = ("accent", "spy", "mix")
    sharpe = [series(n, p[1], c, unit=0.01) for (n, p), c in zip(parts.items(), inks, strict=False)]
    volatility = [series(n, p[0], c) for (n, p), c in zip(parts.items(), inks, strict=False)]
    return (
        Chart("sharpe", "line", "plain", 250, sharpe, [Line(0.0, "0", "quiet")]),
        Chart("volatility", "line", "percent", 250, volatility, low=0.0),
    )


def _row(
    label: str,
    values: Sequence[str],
    kinds: list[str],
    colours: list[str],
    names: list[str] | None,
    marks: list[int] | None = None,
) -> Row:
    index = {k: i for i, k in enumerate(kinds)}
    spans = [(a, b, index[v]) for a, b, v in figures.spans(values)]
    return Row(label, names or kinds, colours, spans, marks or [])

"""Report section: strategy stages over the run, their changes and the evidence (G5, G6)."""

from __future__ import annotations

from plimsoll.core.lifecycle import STAGES
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import figure, number, percent
from plimsoll.reports.page.markup import Cell, Html, Line, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.strategy_history import StrategyLife

_COLOURS = ["mode-caution", "mode-recovery", "mode-normal", "mode-liquidating"]
_ROW_HEIGHT, _AXIS_HEIGHT = 35, 46  # pixels, as the modes' ribbon has them
_NAMES_MAX = 180  # pixels that names may take beside it


def strategies(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """The lifecycle of each strategy; a sentence when it is off."""
    lives = m.result.lifecycle
    if lives is None:
        told = "Lifecycle tracking was off: each strategy could use what the limits allow."
        return part("strategies", "Lifecycle of the strategies", "off in this run", tag("p", told, class_="note"))
    rows = []
    for s, name in enumerate(lives):
        stages = [life.stage[s] for life in m.run.tally.lives]
        rows.append(charts.stages(name, stages, list(STAGES), _COLOURS))
    height, names = _AXIS_HEIGHT + _ROW_HEIGHT * len(rows), max(map(len, lives), default=0)
    drawn.append(charts.Chart("stages", "ribbon", "plain", height, rows=rows, margin=min(16 + 7 * names, _NAMES_MAX)))
    said = "; ".join(
        f"{name}: {', '.join(f'{stage} from {day}' for day, stage in x.path)}" for name, x in lives.items()
    )
    return part(
        "strategies",
        "Lifecycle of the strategies",
        ", ".join(f"{name} {x.stage.lower()}" for name, x in lives.items()),
        plot("stages", f"Stage of each strategy, each session; {m.sample}", f"Ribbons over time. {said}."),
        _standing(m, lives),
        _moves(lives),
    )


def _standing(m: ReportData, lives: dict[str, StrategyLife]) -> Html:
    rows: list[Line] = [
        (
            name,
            x.stage.lower() + (", suspended" if x.suspended else ""),
            Cell(x.since, "d"),
            n(percent(x.cap)),
            n(figure(x.decay)),
            n(formatting.count(x.age)),
            n(percent(x.error, 2)),
            n(formatting.count(x.stale)),
            n(percent(x.contribution)),
        )
        for name, x in lives.items()
    ]
    return table(
        "State of each at the end; contribution: sum of its parts of the session returns, before interest, net of "
        f"costs; {m.sample}",
        (
            "Strategy",
            "Stage",
            "Since",
            n("May use"),
            n("Decay"),
            n("Sessions since validated"),
            n("Forecast error"),
            n("Sessions since a forecast"),
            n("Contribution"),
        ),
        rows,
    )


def _moves(lives: dict[str, StrategyLife]) -> Html:
    rows: list[Line] = []
    for name, x in lives.items():
        for move in x.moves:
            e = move.evidence
            rows.append(
                (
                    Cell(move.date, "d"),
                    Cell(formatting.reason(move.reason, symbol=name, measured=move.measured, limit=move.limit), "w"),
                    n("" if e is None else formatting.count(e.sessions)),
                    n("" if e is None else figure(e.sharpe)),
                    n("" if e is None else figure(e.psr)),
                    n("" if e is None else f"{e.signals} of {e.trades}"),
                    n("" if e is None else figure(e.profit_factor)),
                    n("" if e is None else percent(e.drawdown)),
                )
            )
    if not rows:
        return tag("p", "No strategy changed its stage.", class_="note")
    rows.sort(key=lambda row: str(row[0].content) if isinstance(row[0], Cell) else "")
    return table(
        f"{number(len(rows), 'change')}, with the evidence since the one before (Sharpe ratio in excess of T-bills, "
        "annual; daily contributions)",
        ("Session", "What", n("Sessions"), n("Sharpe"), n("PSR(0)"), n("Trades profitable"), n("Profit factor"),
         n("Drawdown")),
        rows,
    )  # fmt: skip

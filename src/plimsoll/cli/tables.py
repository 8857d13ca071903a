"""Results as text for a person. Nothing is computed here; widths follow the terminal, colours follow NO_COLOR."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from plimsoll.app import ConfigReport

ABSENT = "unknown"
WIDTH_PIPED = 160


def console() -> Console:
    """Standard output, without highlighting of numbers and paths; wide when it goes to a file or a pipe."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=WIDTH_PIPED if wide else None)


def table(*columns: str, title: str | None = None, right: tuple[int, ...] = ()) -> Table:
    """A plain table; the columns numbered in ``right`` hold figures."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for n, name in enumerate(columns):
        made.add_column(name, justify="right" if n in right else "left", overflow="fold")
    return made


def percent(value: float | None, places: int = 1) -> str:
    """A fraction as per cent; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:.{places}%}"


def figure(value: float | None, places: int = 2) -> str:
    """A plain figure; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:,.{places}f}"


def config(report: ConfigReport) -> None:
    """Each value with unit, rule and origin; then what the ladder is expected to do."""
    out = console()
    out.print(f"profile {report.profile}, policy {report.hash[:16]}\n")
    rows = table("key", "value", "unit", "rule", "origin")
    rows.columns[0].min_width = min(out.width // 2, max(len(s.key) for s in report.settings))
    for s in report.settings:
        rows.add_row(*(escape(c) for c in (s.key, _value(s.value), s.unit, s.rule, s.origin)))
    out.print(rows)
    odds = report.ladder
    rungs = table("rung", "threshold", "a year", "", title="Expected firings of the drawdown ladder", right=(1, 2))
    for r in odds.rungs:
        rungs.add_row(r.rung, percent(r.threshold), figure(r.per_year), r.warning)
    out.print(rungs)
    out.print(
        f"Simulated: {odds.paths} accounts over {odds.years} years at {percent(odds.volatility)} annual volatility, "
        f"the most the CVaR budgets allow, no expected return, Student-t shocks of {odds.degrees_of_freedom:g} "
        "degrees of freedom."
    )


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(_value(v) for v in value) or "none"
        case dict():
            return ", ".join(f"{k}: {_value(v)}" for k, v in value.items()) or "none"
    return str(value)

"""The policy in force and the state of the environment, as text for a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from plimsoll.cli.render.console import console, figure, percent, policy_value, table

if TYPE_CHECKING:
    from plimsoll.app import ConfigReport
    from plimsoll.operate.doctor import Diagnosis


def render_diagnosis(found: Diagnosis) -> None:
    """One line per check, with remedies where needed, and the overall result."""
    out = console(least=0)
    styles = {"ok": "green", "warn": "yellow", "fail": "red"}
    rows = Table.grid(padding=(0, 2))
    for check in found.checks:
        rows.add_row(f"[{styles[check.state]}]{check.state}[/]", check.name, escape(check.found))
        if check.remedy:
            rows.add_row("", "", escape(check.remedy), style="italic")
    out.print(rows)
    counts = Counter(c.state for c in found.checks)
    worst = "fail" if counts["fail"] else "warn" if counts["warn"] else "ok"
    said = ", ".join(f"{counts[s]} {s}" for s in ("ok", "warn", "fail") if counts[s])
    out.print(f"\nhome {escape(found.home)}: [{styles[worst]}]{said}[/]")


def render_config(report: ConfigReport) -> None:
    """Each value with unit, rule and origin; then the ladder's expected firings."""
    out = console()
    out.print(f"profile {report.profile}, policy {report.hash[:16]}\n")
    for said in report.taken_away:
        out.print(f"warning   {escape(said)}")
    rows = table("key", "value", "unit", "rule", "origin")
    for s in report.settings:
        rows.add_row(*(escape(c) for c in (s.key, policy_value(s.value), s.unit, s.rule, s.origin)))
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

"""Runs as text: the list of them, two side by side, one rule off at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.backtest import METRICS
from plimsoll.cli.render.console import SYNTHETIC, console, figure, percent, policy_value, proven, table
from plimsoll.core.runs import going_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.analysis.parity import Parity
    from plimsoll.core.runs import RunSummary
    from plimsoll.reports.versus import Paired, Versus
    from plimsoll.research.ablation import Outcome

_PARITY_ROWS = 20


def render_runs(found: Sequence[RunSummary]) -> None:
    """One line per run."""
    out = console()
    if not found:
        out.print("no runs yet: plimsoll backtest")
        return
    columns = ("run", "tag", "span", "policy", "capital", "return", "Sharpe", "drawdown", "status")
    rows = table(*columns, right=(4, 5, 6, 7))
    if any(r.synthetic for r in found):
        out.print(SYNTHETIC)
    for r in found:
        named = f"{r.policy_name or r.profile} ({r.policy[:8]})".strip() if r.policy else ""
        figures = (percent(r.total_return), figure(r.sharpe), percent(r.max_drawdown)) if r.finished else ("", "", "")
        rows.add_row(
            r.run, escape(r.tag), f"{r.start} to {r.end}" if r.start else "", escape(named),
            f"{r.capital / 100.0:,.0f}" if r.capital else "", *figures, escape(_status(r)),
        )  # fmt: skip
    out.print(rows)
    for r in found:
        for told in _told(r):
            out.print(escape(f"{r.run}: {told}"))


def _status(r: RunSummary) -> str:
    """How a run ended, in words that fit a row: why, and what to do, is said below the table."""
    halted = "" if not r.halted else "halted" if r.halted.startswith("halted") else r.halted
    return ", ".join(s for s in (r.status, halted, "synthetic" if r.synthetic else "") if s)


def _told(r: RunSummary) -> list[str]:
    """Why a run did not end well, and how it goes on."""
    told = [r.reason] if r.reason else []
    if r.status == "interrupted" and r.mode == "paper":
        told = [f"{r.reason or 'interrupted'}; resume with {going_on(r.run, tag=r.tag)}"]
    return told + ([r.halted] if r.halted.startswith("halted: ") else [])


def render_comparison(found: Versus) -> None:
    """Figures of two runs side by side, the differences of their inputs, and their returns paired."""
    out = console()
    a, b = found.a, found.b
    rows = table("", "A", "B", right=(1, 2))
    for label, key in (("run", "run"), ("tag", "tag"), ("from", "start"), ("to", "end"), ("capital", "capital")):
        rows.add_row(label, *(escape(str(getattr(side, key))) for side in (a, b)))
    known = {f.name: f for f in found.figures}
    for label, key, shown in (*METRICS, ("invested", "invested", percent), ("no new risk allowed", "halted", percent)):
        rows.add_row(label, shown(known[key].a), shown(known[key].b))
    rows.add_row("fills", *(figure(v, 0) for v in (known["fills"].a, known["fills"].b)))
    out.print(rows)
    same = {"data": found.same_snapshot, "code": found.same_code, "policy": found.same_policy}
    out.print("same        " + (", ".join(name for name, on in same.items() if on) or "nothing"))
    out.print("different   " + (", ".join(name for name, on in same.items() if not on) or "nothing"))
    if a.strategies != b.strategies:
        out.print(escape(f"strategies  {', '.join(a.strategies)} against {', '.join(b.strategies)}"))
    for change in found.changes or ():
        out.print(f"policy      {escape(f'{change.key}: {policy_value(change.a)} against {policy_value(change.b)}')}")
    if found.changes is None and not found.same_policy:
        out.print("policy      a run's policy was not stored: differences are unknown")
    p = found.paired
    if p.difference is None or p.error is None:
        out.print("paired      the runs share too few sessions")
    else:
        told = "every decision is the same" if found.same_decisions else _significance(p)
        out.print(
            f"paired      {p.start} to {p.end}, {p.sessions} sessions: B less A {percent(p.difference, 2)} a year "
            f"(standard error {percent(p.error, 2)}), correlation {figure(p.correlation)}; {told}"
        )
    for name, side in (("A", a), ("B", b)):
        if side.journal is not None:
            out.print(f"{name}: {proven(side.journal)}")


def _significance(p: Paired) -> str:
    if p.t is None or abs(p.t) < 2.0:
        return "less than two standard errors: not statistically distinguishable"
    return f"{abs(p.t):.1f} standard errors"


def render_ablation(outcomes: Sequence[Outcome]) -> None:
    """One line per variant that was run, the unchanged policy first; the others by the reason why they are the same."""
    out = console()
    columns = ("off", "return", "vol", "Sharpe", "drawdown", "CVaR 1", "turnover", "costs", "invested", "halted", "")
    rows = table("", *columns, right=tuple(range(2, 11)))
    alike: dict[str, list[str]] = {}
    for o in outcomes:
        if o.same:
            alike.setdefault(o.same, []).append(o.name)
            continue
        rows.add_row(
            o.name, o.off, percent(o.annual_return, 2), percent(o.annual_volatility, 2), figure(o.sharpe),
            percent(o.max_drawdown), percent(o.cvar_95_1d, 2), percent(o.turnover_monthly),
            percent(o.cost_drag_annual, 2), percent(o.invested), percent(o.halted),
            "mandate ended" if o.ended else "",
        )  # fmt: skip
    out.print(rows)
    if alike:
        out.print("Not run, since they cannot differ from the base and have its figures:")
    for why, names in alike.items():
        out.print(f"- {escape(why)}: {escape(', '.join(names))}")
    out.print(
        "annual, net of costs; Sharpe ratio in excess of T-bills; drawdown on closes; CVaR 95 % of one session; "
        "turnover per month"
    )


def render_parity(found: Parity) -> None:
    """How many sessions differ, and a row for each of the first."""
    out = console()
    out.print(f"{found.run_a} and {found.run_b}: {found.same} of {found.sessions} sessions the same")
    if not found.gaps:
        return
    shown = table("session", "cause", "NAV of the first", "of the second", "detail", right=(2, 3))
    for gap in found.gaps[:_PARITY_ROWS]:
        navs = ("" if nav is None else f"{nav / 100:,.2f}" for nav in (gap.nav_a, gap.nav_b))
        shown.add_row(gap.session, gap.cause, *navs, gap.detail)
    out.print(shown)
    if len(found.gaps) > _PARITY_ROWS:
        out.print(f"{len(found.gaps) - _PARITY_ROWS} more: give --json")
    out.print("causes: " + ", ".join(f"{cause} {count}" for cause, count in found.causes.items()))

"""Report section: modes, drawdown ladder and approvals, regime and VIX."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import count, figure, number, percent
from plimsoll.reports.page.markup import Cell, Html, Line, join, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import calibration
from plimsoll.reports.strategy_history import MOVES

Floats = NDArray[np.float64]
_MOST_EVENTS = 60
_MODE_MEANING = {
    "NORMAL": "no restraint",
    "CAUTION": "no new crypto, higher confidence required",
    "RESTRICTED": "reductions only",
    "HALTED": "reductions only until a resume",
    "LIQUIDATING": "everything is being sold",
    "RECOVERY": "back at part of its size",
}


def governance(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Modes, ladder and approvals over time."""
    drawn.append(charts.modes(m.run, m.policy.ladder, m.new_risk))
    keys = [
        tag("li", tag("i", class_=f"k-{mode.lower()}"), f"{mode.lower()}: {_MODE_MEANING[mode]}")
        for mode in charts.MODES
    ]
    total = len(m.dates)
    rows: list[Line] = [
        (mode, n(count(found)), n(percent(found / total)), Cell(_MODE_MEANING.get(mode, ""), "w"))
        for mode, found in sorted(m.result.exposure.modes.items(), key=lambda item: -item[1])
    ]
    return part(
        "governance",
        "Modes, ladder, approvals",
        f"new risk barred on {percent(m.result.exposure.halted)} of sessions (VIX rules excluded)",
        plot(
            "modes",
            "Mode, ladder level, re-entry, permission for new risk and crisis regime, each session; triangles are "
            f"re-entries and approvals over the mode, rungs that fired over the ladder; {m.sample}",
            "Ribbons over time. " + "; ".join(f"{r[0]} on {m.result.exposure.modes[str(r[0])]} sessions" for r in rows),
        ),
        tag("ul", *keys, class_="keys"),
        tag("p", _permission(m)),
        table(f"Sessions by mode; {m.sample}", ("Mode", n("Sessions"), n("Share"), "Meaning"), rows),
        _rungs(m),
        _comovement(m),
        _events(m),
        _approvals(m),
    )


def _permission(m: ReportData) -> str:
    """Sessions by how much could be bought, whatever barred the rest."""
    seen = Counter(m.new_risk)
    forecast = m.policy.forecast
    return (
        f"Everything could be bought on {number(seen['allowed'], 'session')}, half of it on {count(seen['halved'])} "
        f"(VIX above {forecast.vix_high:g}), nothing on {count(seen['barred by VIX'])} because VIX was at "
        f"{forecast.vix_extreme:g} or above and on {count(seen['barred'])} because of ladder, data, correlation or a "
        "halt; caps and budgets apply in addition."
    )


def _rungs(m: ReportData) -> Html:
    fired = Counter(e.scope for e in m.result.risk_events if e.kind == "LADDER_RUNG")
    last = {e.scope: e.day for e in m.result.risk_events if e.kind == "LADDER_RUNG"}
    rows: list[Line] = []
    for rung in m.policy.ladder.rungs if m.policy.ladder.enabled else ():
        does = [
            f"cut {percent(rung.cut, 0)}" if 0 < rung.cut < 1 else "",
            "sell everything" if rung.liquidate else "",
            "no new risk" if rung.no_new_risk else "",
            "close crypto" if rung.close_crypto else "no new crypto" if rung.no_new_crypto else "",
            "safe havens only" if rung.havens_only else "",
            f"confidence from {figure(rung.confidence_min)}" if rung.confidence_min else "",
            "end of the mandate" if rung.ends_mandate else "",
        ]
        back = {"automatic": "automatic", "signed": "signed by a person", "never": "never"}.get(
            rung.reentry, "with the episode"
        )
        rows.append(
            (
                rung.name.replace("_", " "),
                n(percent(rung.threshold, 0)),
                rung.basis,
                Cell(", ".join(d for d in does if d), "w"),
                n(count(rung.cooldown)),
                back,
                n(count(fired[rung.name])),
                Cell(last.get(rung.name, "–"), "d"),
            )
        )
    if not rows:
        return tag("p", "The drawdown ladder was switched off.", class_="note")
    head: Line = (
        "Rung",
        n("Drawdown"),
        "of the peak of",
        "Does",
        n("Cooldown, sessions"),
        "Re-entry",
        n("Fired"),
        "Last",
    )
    known = "" if m.policy_known else " (thresholds of the present policy, not of the run's)"
    return join([tag("h4", "Drawdown ladder"), table(f"Rungs and how often each fired{known}; {m.sample}", head, rows)])


def _comovement(m: ReportData) -> Html:
    """Sessions on which the correlation of positions was watched, or barred all increases (R6)."""
    levels = Counter(0 if r.carried.comovement is None else r.carried.comovement.level for r in m.run.cycles)
    begun = Counter(e.kind for e in m.result.risk_events)
    return tag(
        "p",
        f"The correlation of positions was watched on {number(levels[1] + levels[2], 'session')} "
        f"({number(begun['CORRELATION_HIGH'], 'alarm')}); on {count(levels[2])} of them every pair was correlated and "
        "only reductions were allowed.",
        class_="note",
    )


def _events(m: ReportData) -> Html:
    shown = [e for e in m.result.risk_events if e.kind != "MODE_CHANGED"]
    if not shown:
        return tag("p", "There were no risk events.", class_="note")
    rows: list[Line] = [
        (
            Cell(e.day, "d"),
            Cell(_sentence(e.kind, e.scope, e.measured, e.limit), "w"),
            e.severity.lower(),
            n("" if e.measured is None else formatting.small(e.measured, e.kind)),
            n("" if e.limit is None else formatting.small(e.limit, e.kind)),
        )
        for e in shown[-_MOST_EVENTS:]
    ]
    counts = ", ".join(f"{c} × {kind}" for kind, c in Counter(e.kind for e in shown).most_common())
    left = f"; the last {_MOST_EVENTS}" if len(shown) > _MOST_EVENTS else ""
    return tag(
        "details",
        tag("summary", f"{number(len(shown), 'risk event')}"),
        table(
            f"Risk events{left}: {counts}; {m.sample}", ("Session", "What", "Severity", n("Measured"), n("Limit")), rows
        ),
    )


def _sentence(kind: str, scope: str, measured: float | None, limit: float | None) -> str:
    if kind in MOVES:
        return formatting.reason(kind, symbol=scope, measured=measured, limit=limit)
    said = formatting.reason(
        kind, symbol="" if scope == "book" or "_" in scope else scope, measured=measured, limit=limit
    )
    return f"{said}: {scope.replace('_', ' ')}" if "_" in scope else said


def _approvals(m: ReportData) -> Html:
    found = m.run.tally.approvals
    if not found:
        return tag("p", f"No approval was needed or given ({m.result.operator} operator).", class_="note")
    rows: list[Line] = [(Cell(a.session, "d"), a.by, Cell(a.reason, "w")) for a in found]
    return table(f"Approvals of re-entries; {m.sample}", ("Session", "By", "Reason"), rows)


def regime(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Beliefs, the outlook and VIX."""
    p, run = m.policy, m.run
    drawn += [
        charts.beliefs(run),
        charts.outlook(run, p.regime.crisis_on, p.regime.crisis_off, p.regime.outlook),
        charts.vix_or_proxy(run, p.forecast.vix_high, p.forecast.vix_extreme),
    ]
    names = ("normal", "volatile", "crisis")
    likeliest = Counter(names[i] for i in np.argmax(run.beliefs, axis=1).tolist())
    shares = ", ".join(f"{r} on {number(likeliest[r], 'session')}" for r in names)
    stress = sum(r.regime.stress for r in run.cycles)
    episodes = sum(v == "True" for _, _, v in figures.spans([str(r.regime.stress) for r in run.cycles]))
    absent = int(np.count_nonzero(~np.isfinite(run.vix)))
    vix = run.vix[np.isfinite(run.vix)]
    levels = (
        f"lay between {figure(float(vix.min()), 1)} and {figure(float(vix.max()), 1)}" if vix.size else "was absent"
    )
    stood = f"; on {number(absent, 'session')} realised volatility replaced it" if absent else ""
    return part(
        "regime",
        "Regime",
        f"the crisis regime was in force on {number(stress, 'session')} in {number(episodes, 'episode')}",
        tag(
            "p",
            f"The most probable regime was {shares}. The crisis regime was in force on "
            f"{number(stress, 'session')} in {number(episodes, 'episode')}; it multiplies the CVaR budgets of "
            f"proposals by {p.regime.budget_scale:g} and bars new crypto. "
            f"VIX {levels}{stood}. At the last session P(crisis) {number(p.regime.outlook, 'session')} ahead is "
            f"{percent(float(run.crisis[-1]))}, that of one within them {percent(float(run.passage[-1]))}.",
        ),
        tag(
            "div",
            plot(
                "beliefs",
                f"Probability of each regime, stacked; {m.sample}",
                f"Stacked areas. Most probable: {dict(likeliest)}.",
            ),
            plot(
                "outlook",
                f"Probability of a crisis {number(p.regime.outlook, 'session')} ahead, and of one within them, "
                f"beside the thresholds; {m.sample}",
                f"Area chart. The largest is {formatting.largest(run.crisis)}.",
            ),
            class_="pair",
        ),
        plot("vix_or_proxy", f"VIX at each close beside the rules' levels; {m.sample}", f"Line chart. VIX {levels}."),
        _episodes(m),
        calibration.agreement(m),
    )


def _episodes(m: ReportData) -> Html:
    """Each episode of the crisis regime, its effects and market returns meanwhile."""
    run = m.run
    found = [(a, b) for a, b, on in figures.spans([str(r.regime.stress) for r in run.cycles]) if on == "True"]
    if not found:
        return tag("p", "The crisis regime was never in force.", class_="note")
    rows: list[Line] = []
    for a, b in found:
        vix = run.vix[a : b + 1]
        gross = run.weights[a : b + 1].sum(axis=1)
        rows.append(
            (
                Cell(m.dates[a], "d"),
                Cell(m.dates[b], "d"),
                n(count(b - a + 1)),
                n(formatting.largest(run.crisis[a : b + 1])),
                n(figure(float(np.nanmax(vix)), 1) if np.isfinite(vix).any() else formatting.ABSENT),
                n(percent(float(gross.mean()))),
                *(n(percent(float(curve[b] / curve[a] - 1.0))) for curve in m.curves.values()),
            )
        )
    head: Line = (
        "From",
        "To",
        n("Sessions"),
        n("Highest P(crisis)"),
        n("Highest VIX"),
        n("Mean gross"),
        *(n(name) for name in m.curves),
    )
    return join(
        [
            tag("h4", "Episodes of the crisis regime"),
            table(f"Episodes, with returns from the first close to the last; {m.sample}", head, rows),
        ]
    )

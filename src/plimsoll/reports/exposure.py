"""Risk of a report: what was held, modes, tail losses beside their limits, regime and VIX."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from plimsoll.reports import calibration, charts, estimators, figures, words
from plimsoll.reports.lives import MOVES
from plimsoll.reports.material import Material
from plimsoll.reports.page import Cell, Html, Line, join, n, plot, section, table, tag
from plimsoll.reports.words import count, figure, number, percent

Floats = NDArray[np.float64]
_MOST_EVENTS = 60
_MODE_MEANING = {
    "NORMAL": "everything allowed",
    "CAUTION": "no new crypto, more confidence asked",
    "RESTRICTED": "reductions only",
    "HALTED": "reductions only until a resume",
    "LIQUIDATING": "everything is being sold",
    "RECOVERY": "back at part size",
}


def governance(m: Material, drawn: list[charts.Chart]) -> Html:
    """Modes, ladder and approvals over time."""
    drawn.append(charts.modes(m.run))
    keys = [
        tag("li", tag("i", class_=f"k-{mode.lower()}"), f"{mode.lower()}: {_MODE_MEANING[mode]}")
        for mode in charts.MODES
    ]
    total = len(m.dates)
    rows: list[Line] = [
        (mode, n(count(found)), n(percent(found / total)), Cell(_MODE_MEANING.get(mode, ""), "w"))
        for mode, found in sorted(m.result.exposure.modes.items(), key=lambda item: -item[1])
    ]
    return section(
        "governance",
        "Modes, ladder, approvals",
        plot(
            "modes",
            "Mode, ladder level, permission for new risk and crisis regime, each session; triangles are "
            f"approvals; {m.sample}",
            "Ribbons over time. " + "; ".join(f"{r[0]} on {m.result.exposure.modes[str(r[0])]} sessions" for r in rows),
        ),
        tag("ul", *keys, class_="keys"),
        table(f"Sessions by mode; {m.sample}", ("Mode", n("Sessions"), n("Share"), "Meaning"), rows),
        _rungs(m),
        _comovement(m),
        _events(m),
        _approvals(m),
    )


def _rungs(m: Material) -> Html:
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
    known = "" if m.policy_known else " (thresholds of the policy at hand, not of the run)"
    return join([tag("h3", "Drawdown ladder"), table(f"Rungs and how often each fired{known}; {m.sample}", head, rows)])


def _comovement(m: Material) -> Html:
    """On how many sessions the correlation of the holdings was watched, or let nothing grow (R6)."""
    levels = Counter(0 if r.carried.comovement is None else r.carried.comovement.level for r in m.run.cycles)
    begun = Counter(e.kind for e in m.result.risk_events)
    return tag(
        "p",
        f"The holdings' correlation was watched on {number(levels[1] + levels[2], 'session')} "
        f"({number(begun['CORRELATION_HIGH'], 'alarm')}); on {count(levels[2])} of them every pair moved alike and the "
        "book was only reduced.",
        class_="note",
    )


def _events(m: Material) -> Html:
    shown = [e for e in m.result.risk_events if e.kind != "MODE_CHANGED"]
    if not shown:
        return tag("p", "There were no risk events.", class_="note")
    rows: list[Line] = [
        (
            Cell(e.day, "d"),
            Cell(_sentence(e.kind, e.scope, e.measured, e.limit), "w"),
            e.severity.lower(),
            n("" if e.measured is None else words.small(e.measured, e.kind)),
            n("" if e.limit is None else words.small(e.limit, e.kind)),
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
        return words.reason(kind, symbol=scope, measured=measured, limit=limit)
    said = words.reason(kind, symbol="" if scope == "book" or "_" in scope else scope, measured=measured, limit=limit)
    return f"{said}: {scope.replace('_', ' ')}" if "_" in scope else said


def _approvals(m: Material) -> Html:
    found = m.run.tally.approvals
    if not found:
        return tag("p", f"No approval was needed or given ({m.result.operator} operator).", class_="note")
    rows: list[Line] = [(Cell(a.session, "d"), a.by, Cell(a.reason, "w")) for a in found]
    return table(f"Approvals of re-entries; {m.sample}", ("Session", "By", "Reason"), rows)


def holdings(m: Material, drawn: list[charts.Chart]) -> Html:
    """Exposure by asset and cash."""
    drawn.append(charts.exposure(m.run, m.colours))
    run = m.run
    top = ", ".join(f"{s} {percent(float(run.weights[:, i].mean()))}" for i, s in enumerate(run.symbols[:5]))
    now = [(s, w) for s, w in zip(run.cycles[-1].symbols, run.cycles[-1].held, strict=True) if w]
    end = ", ".join(f"{s} {percent(w)}" for s, w in sorted(now, key=lambda x: -x[1])) or "nothing"
    return section(
        "holdings",
        "Exposure",
        plot(
            "exposure",
            f"Weights at each close, fractions of NAV, stacked; the rest is cash; {m.sample}",
            f"Stacked areas. Mean weights: {top or 'nothing held'}; cash {percent(float(run.cash.mean()))}.",
        ),
        tag(
            "p",
            f"Gross exposure was {percent(m.result.exposure.invested)} on average and "
            f"{percent(float(run.weights.sum(axis=1).max(initial=0.0)))} at most; "
            f"cash {percent(float(run.cash.min()))} to {percent(float(run.cash.max()))}. At the end the book "
            f"holds {end}; cash {percent(float(run.cash[-1]))}.",
        ),
    )


def tails(m: Material, drawn: list[charts.Chart]) -> Html:
    """CVaR beside budget and hard limit, with headroom, at both horizons; stressed."""
    drawn += [charts.tail(m.run, 1), charts.tail(m.run, 10), charts.stressed(m.run)]
    rows: list[Line] = []
    for h in (1, 10):
        held = m.run.figure(f"cvar_{h}")
        rows.append(_headroom(f"{number(h, 'session')}, budget", held, m.run.limit(f"cvar_budget_{h}")))
        rows.append(_headroom(f"{number(h, 'session')}, hard limit", held, m.run.limit(f"cvar_hard_{h}")))
    for h in (1, 10):
        after = m.run.figure(f"stressed_after_{h}")
        rows.append(_headroom(f"{number(h, 'session')}, stressed", after, m.run.limit(f"stressed_{h}"), unknown=False))
    head: Line = (
        "CVaR 95 %",
        n("Limit, median"),
        n("Mean"),
        n("Largest"),
        n("Mean headroom"),
        n("Least headroom"),
        n("Sessions above"),
        n("Last headroom"),
    )
    measured = int(np.count_nonzero(np.isfinite(m.run.figure("stressed_after_1"))))
    return section(
        "tails",
        "Tail risk against its limits",
        tag(
            "p",
            "Estimates at the decision, fractions of NAV, from filtered historical scenarios of "
            f"{number(m.policy.cvar.window, 'session')}. Budgets bind proposals and shrink in drawdowns and crises; "
            "hard limits bind what is held. A held book may drift above its budget without a forced sale; above the "
            "hard limit it is scaled down in the same session. Realised CVaR of 1 session: "
            f"{percent(m.result.metrics.cvar_95_1d, 2)}.",
            class_="note",
        ),
        table(f"Estimated CVaR beside its limits; headroom is what is left of a limit; {m.sample}", head, rows),
        tag("div", *(_tail_plot(m, h) for h in (1, 10)), class_="pair"),
        plot(
            "stressed",
            "Stressed CVaR of the book after its orders, share of its limit, at 1 and 10 sessions; on the "
            f"{number(measured, 'session')} that measured it (when something was to be bought), of {m.sample}",
            f"Points over time, {'none' if _within(m) else 'some'} above the limit of 100 %.",
        ),
        estimators.by_estimator(m),
    )


def _tail_plot(m: Material, horizon: int) -> Html:
    return plot(
        f"tail{horizon}",
        f"CVaR 95 % of the held book at {number(horizon, 'session')}; {m.sample}",
        f"Area chart beside budget and hard limit. The largest is {_largest(m.run.figure(f'cvar_{horizon}'))}.",
    )


def _headroom(name: str, measured: Floats, limit: Floats, *, unknown: bool = True) -> Line:
    """A row of the table; with ``unknown`` a session without a figure counts as above its limit (R1)."""
    seen = np.isfinite(measured) & np.isfinite(limit)
    if not seen.any():
        return (name, *(n(words.ABSENT) for _ in range(7)))
    figure_, bound = measured[seen], limit[seen]
    room = 1.0 - figure_ / bound
    above = int(np.count_nonzero(~(figure_ <= bound))) + (int(np.count_nonzero(~seen)) if unknown else 0)
    return (
        name,
        n(percent(float(np.median(bound)), 2)),
        n(percent(float(figure_.mean()), 2)),
        n(percent(float(figure_.max()), 2)),
        n(percent(float(room.mean()), 0)),
        n(percent(float(room.min()), 0)),
        n(count(above)),
        n(percent(float(room[-1]), 0)),
    )


def _largest(values: Floats) -> str:
    seen = values[np.isfinite(values)]
    return percent(float(seen.max()), 2) if seen.size else words.ABSENT


def _within(m: Material) -> bool:
    return all(not np.any(m.run.figure(f"stressed_after_{h}") > m.run.limit(f"stressed_{h}")) for h in (1, 10))


def regime(m: Material, drawn: list[charts.Chart]) -> Html:
    """Beliefs, the outlook and VIX."""
    p, run = m.policy, m.run
    drawn += [
        charts.beliefs(run),
        charts.outlook(run, p.regime.crisis_on, p.regime.crisis_off, p.regime.outlook),
        charts.fear(run, p.forecast.vix_high, p.forecast.vix_extreme),
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
    stood = f"; on {number(absent, 'session')} realised volatility stood in for it" if absent else ""
    return section(
        "regime",
        "Regime",
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
                f"Belief in each regime, stacked; {m.sample}",
                f"Stacked areas. Most probable: {dict(likeliest)}.",
            ),
            plot(
                "outlook",
                f"Probability of a crisis {number(p.regime.outlook, 'session')} ahead, and of one within them, "
                f"beside the thresholds; {m.sample}",
                f"Area chart. The largest is {_largest(run.crisis)}.",
            ),
            class_="pair",
        ),
        plot("fear", f"VIX at each close beside the rules' levels; {m.sample}", f"Line chart. VIX {levels}."),
        calibration.agreement(m),
    )

"""Report section: use of every limit, when each was exceeded, and the consequence."""

from __future__ import annotations

import numpy as np

from plimsoll.analysis.headroom import MEANING, kind_of
from plimsoll.reports import limit_usage
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.limit_usage import Strand
from plimsoll.reports.page.formatting import count, number, percent
from plimsoll.reports.page.markup import Cell, Html, Line, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData

_NEAR = 0.99  # an auction solves to slightly below its limits, so binding ones show here


def headroom(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """The strip of all limits, the table under it, and the limits never measured."""
    found = limit_usage.limit_usage(m)
    drawn.append(charts.headroom(found, m.grid))
    passed = [s for s in found if s.passed.any()]
    of_held = [s for s in passed if MEANING[kind_of(s.name.partition(":")[0])[0]][2] == "held"]
    keys = [tag("li", tag("i", class_=f"k-{c}"), name) for c, name in zip(_KEYS, charts.BANDS, strict=True)]
    absent = [k for k in MEANING if k not in ("gross_freeze", "gross_halt") and not _met(k, found)]
    known = "" if m.policy_known else " Caps that the journal does not contain are those of the present policy."
    return part(
        "headroom",
        "Headroom to every limit",
        f"{count(len(passed))} of {count(len(found))} limits were passed at some time",
        tag(
            "p",
            "Use is the measured figure over the limit in force that day, so 100 % is the limit; for the cash floor "
            "it is the invested share over the allowed share. Budgets and caps limit purchases: positions may drift "
            "above one, and then may not grow until back inside. Hard limits and rungs apply to present positions.",
            class_="note",
        ),
        plot(
            "headroom-plot",
            f"Use of every limit, of each {_period(m)} the highest; a number after a name is its horizon in sessions; "
            f"{m.sample}",
            f"One row a limit, one cell a {_period(m)}, darker the closer. Passed at some time: "
            + (", ".join(s.label for s in passed) or "none")
            + ". The table has the figures.",
        ),
        tag("ul", *keys, class_="keys"),
        tag("p", _said(found, of_held)),
        table(
            f"Use of every limit over the sessions on which it was measured; {m.sample}",
            _HEAD,
            _rows(m, found),
            kind="limits",
        ),
        tag(
            "p",
            "Positions are measured at every close; their stand-alone risk and stressed CVaR at "
            f"{m.grid_said} ({number(len(m.grid), 'session')}), the latter also after the orders of sessions that "
            "bought; limits of orders on sessions that had some. "
            "A figure that could not be measured counts as above. Gross of "
            f"{percent(m.policy.limits.gross_max + m.policy.limits.gross_freeze_over, 0)} freezes new risk, of "
            f"{percent(m.policy.limits.gross_max + m.policy.limits.gross_halt_over, 0)} halts."
            + (f" Not met in this run: {', '.join(MEANING[k][0] for k in absent)}." if absent else "")
            + known,
            class_="note",
        ),
    )


_KEYS = ("use1", "use2", "use3", "use4", "use5", "none")
_HEAD: Line = (
    "Limit",
    n("Last"),
    n("Median"),
    n("95th percentile"),
    n("Most"),
    "On",
    "Closest then",
    n("At 99 % or more"),
    n("Above"),
    n("Measured on"),
    "When passed",
)


def _period(m: ReportData) -> str:
    return "month" if "month" in m.grid_said else "week" if "week" in m.grid_said else "run"


def _met(kind: str, found: list[Strand]) -> bool:
    return any(kind_of(s.name.partition(":")[0])[0] == kind for s in found)


def _said(found: list[Strand], of_held: list[Strand]) -> str:
    """The three limits that bound most often, and whether any limit on present positions was passed."""
    near = {s.label: int(np.count_nonzero(s.use >= _NEAR)) / int(np.count_nonzero(~np.isnan(s.use))) for s in found}
    busiest = sorted((label for label in near if near[label] > 0.0), key=lambda label: -near[label])[:3]
    often = ", ".join(f"{label} on {percent(near[label], 0)} of the sessions that measured it" for label in busiest)
    first = f"At or above 99 % most often: {often}." if often else "No limit was used to 99 %."
    if not of_held:
        return f"{first} No limit on present positions was passed."
    told = ", ".join(f"{s.label} on {number(int(s.passed.sum()), 'session')}" for s in of_held)
    return f"{first} Limits on present positions that were passed: {told}."


def _rows(m: ReportData, found: list[Strand]) -> list[Line]:
    return [_row(m, s) for s in found]


def _row(m: ReportData, s: Strand) -> Line:
    seen = np.flatnonzero(~np.isnan(s.use))
    values = s.use[seen]
    top = int(seen[int(np.argmax(values))])
    scope = s.scope(top)
    last = s.use[-1]
    passed = int(s.passed.sum())
    return (
        s.label,
        n("–" if last != last else _use(float(last))),
        n(_use(float(np.median(values)))),
        n(_use(float(np.sort(values)[min(int(np.ceil(0.95 * values.size)) - 1, values.size - 1)]))),
        n(_use(float(values.max()))),
        Cell(m.dates[top], "d"),
        "" if scope in ("book", "orders") or s.name.startswith("ladder:") else scope.replace("+", " and "),
        n(count(int(np.count_nonzero(values >= _NEAR)))),
        n(count(passed), "us" if passed else ""),
        n(count(values.size)),
        MEANING[kind_of(s.name.partition(":")[0])[0]][3],
    )


def _use(value: float) -> str:
    return "no bound" if value == float("inf") else percent(value, 0)

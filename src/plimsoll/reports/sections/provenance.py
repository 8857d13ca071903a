"""Report section: data and certification, every assumption, and how to reproduce the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence

import numpy as np

from plimsoll.core.panel import Certification
from plimsoll.core.policy import KindCost
from plimsoll.core.text_template import filled
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import bps, count, figure, number, percent, usd
from plimsoll.reports.page.markup import Cell, Html, Line, join, n, part, prose, table, tag
from plimsoll.reports.report_data import ReportData

_COVERAGE: Line = (
    "Symbol",
    "Kind",
    "State",
    "First",
    "Last",
    n("Bars"),
    n("Missing"),
    n("Score"),
    n("Sessions with a bar"),
    n("Held"),
    "Source",
)


def data(m: ReportData) -> Html:
    """Coverage, state and flags per symbol."""
    panel = m.history.panel
    shared = _shared(panel.certifications)
    found = [_findings(c, shared) for c in panel.certifications]
    states = [c.state for c in panel.certifications]
    said = ", ".join(f"{states.count(s)} {s}" for s in sorted(set(states)))
    macro = f"Macro series: {', '.join(panel.macro_names)}." if panel.macro_names else "No macro series."
    common = " ".join(f"{formatting.reason(code)} ({number(times, 'symbol')})." for code, times in shared.items())
    return part(
        "data",
        "Data",
        said,
        tag(
            "p",
            f"{said}. States, bars and scores are of the whole certified snapshot; the last two shares are of "
            f"the run's sessions. {common} {macro}",
        ),
        table(f"Coverage and certification; run {m.sample}", _COVERAGE, _coverage(m)),
        tag("ul", *(tag("li", said) for said in found if said), class_="said"),
    )


def _coverage(m: ReportData) -> Iterator[Line]:
    """A line a symbol: span and state in the snapshot, then its share of the run's sessions with a bar and held."""
    panel = m.history.panel
    close = panel.close[m.first : m.last + 1]
    mine = dict(zip(m.run.symbols, range(len(m.run.symbols)), strict=True))
    for column, (instrument, c) in enumerate(zip(panel.instruments, panel.certifications, strict=True)):
        has = np.isfinite(close[:, column])
        held = float(np.mean(m.run.weights[:, mine[c.symbol]] != 0.0)) if c.symbol in mine else 0.0
        yield (
            Cell(c.symbol, "d"),
            instrument.kind,
            Cell(tag("span", c.state, class_="badge ok" if c.state == "ACTIVE" else "badge no"), "d"),
            Cell(c.first, "d"),
            Cell(c.last, "d"),
            n(count(c.rows)),
            n(percent(c.missing_pct, 2)),
            n(figure(c.score)),
            n(percent(float(has.mean()), 1)),
            n(percent(held, 0) if instrument.tradable else "–"),
            c.provider,
        )


def _shared(certifications: Sequence[Certification]) -> dict[str, int]:
    """Findings of more than half of the symbols, listed once instead of in every row."""
    met = Counter(code for c in certifications for code in {*c.reasons, *(f.reason for f in c.flags)})
    return {code: times for code, times in sorted(met.items()) if times > max(1, len(certifications) // 2)}


def _findings(c: Certification, shared: Container[str]) -> str:
    said = [formatting.reason(r, symbol=c.symbol) for r in c.reasons if r not in shared]
    for f in c.flags:
        if f.reason not in c.reasons and f.reason not in shared:
            span = f.day if f.day == f.last_day else f"{f.day} to {f.last_day}"
            said.append(f"{formatting.reason(f.reason, symbol=c.symbol, measured=f.count)} ({f.severity}, {span})")
    return f"{'; '.join(dict.fromkeys(said))}." if said else ""


def notes(m: ReportData) -> Html:
    """Notes particular to this run."""
    told = [tag("li", f"{note[:1].upper()}{note[1:]}.") for note in m.result.notes]
    said = f"{number(len(told), 'note')} on the data and the run"
    return (
        part("notes", "Notes on the data and the run", said, tag("ul", *told, class_="said"), shown=True)
        if told
        else Html("")
    )


def _commission(cost: KindCost) -> str:
    """An order's cost, in words: the rate, the charge per unit, minimum and maximum, and fees on sales."""
    said = bps(cost.commission, 0)
    if cost.commission_unit:
        said = f"${cost.commission_unit:g} a unit" + (f" and {said}" if cost.commission else "")
    said += f", at least ${cost.commission_min:g}" if cost.commission_min else ""
    said += f", at most {percent(cost.commission_max)}," if cost.commission_max < 1.0 else ""
    fees = [bps(cost.sell_fee, 2)] if cost.sell_fee else []
    fees += [f"${cost.sell_fee_unit:g} a unit up to ${cost.sell_fee_max:g}"] if cost.sell_fee_unit else []
    return said + (f" (sales {' and '.join(fees)} more)" if fees else "")


_AUCTIONS = {
    "month_end": "the last session of each month",
    "week_end": "the last session of each week",
    "daily": "every session",
}


def assumptions(m: ReportData) -> Html:
    """Assumptions behind every figure."""
    p, panel = m.policy, m.history.panel
    costs, shaping = p.costs, p.shaping
    values = {
        "prices": _prices(m),
        "impact": f"{costs.impact_y:g}",
        "adv_sessions": str(costs.adv_sessions),
        "permanent": percent(costs.permanent_share * costs.permanent_paid, 0),
        "slippage_volatile": f"{costs.slippage_volatile:g}",
        "slippage_crisis": f"{costs.slippage_crisis:g}",
        "impact_volatile": f"{costs.impact_volatile:g}",
        "impact_crisis": f"{costs.impact_crisis:g}",
        "min_trade": f"{shaping.min_trade:,.0f}",
        "participation": percent(p.limits.participation_max, 0),
        "trades_max": str(shaping.trades_max),
        "turnover_max": percent(shaping.turnover_max, 0),
        "schedule": _AUCTIONS[p.auction.schedule],
        "cash_series": p.cash.series,
        "cash_spread": percent(p.cash.spread),
        "min_rows": number(p.backtest.min_rows, "bar"),
        "operator": m.result.operator,
    }
    holds = {
        "derived": any("DERIVED_ACTIONS" in (*c.reasons, *(f.reason for f in c.flags)) for c in panel.certifications),
        "interest": p.cash.series in panel.macro_names,
        "survivors": panel.derived_universe,
        "simulated": m.result.operator == "simulated",
    }
    lines = filled(prose("assumptions"), values, {name for name, on in holds.items() if on})
    facts = (line.partition(": ") for line in lines)
    items = [join([tag("dt", name), tag("dd", said)]) for name, _, said in facts]
    foreign = "The present policy is not the run's own; its assumptions above may differ from the run's."
    return part(
        "assumptions",
        "Assumptions",
        "behind every figure above",
        tag("dl", *items, class_="facts"),
        "" if m.policy_known else tag("p", foreign, class_="note"),
    )


def _prices(m: ReportData) -> str:
    """The cost of an order of each kind of instrument before impact."""
    kinds = sorted({i.kind for i in m.history.panel.instruments if i.tradable})
    costs = m.policy.costs.kinds
    return "; ".join(
        f"{k} {_commission(costs[k])} commission and {bps(costs[k].slippage, 0)} slippage (half-spread included)"
        for k in kinds
        if k in costs
    )


def proof(m: ReportData) -> Html:
    """Hashes and commands."""
    g, r = m.run.genesis, m.result
    facts = [
        ("Run", r.run),
        ("Snapshot", g.snapshot),
        ("Policy", f"{g.policy} ({r.profile})" if m.policy_known else g.policy),
        ("Code", g.code),
        ("Decisions", r.decisions_hash),
        (
            "Journal",
            f"{number(m.proof.records, 'record')}, verified to head {m.proof.head}"
            + (
                "" if m.proof.anchored else "; the run has not ended, so no anchor outside the journal confirms its end"
            ),
        ),
        ("Strategies", ", ".join(g.strategies)),
        ("Capital", f"{usd(g.capital)}, {r.operator} operator"),
        ("Version", f"plimsoll {m.version}"),
    ]
    items = [join([tag("dt", name), tag("dd", value, class_="mono")]) for name, value in facts]
    return part(
        "proof",
        "Reproduce",
        f"decisions hash {r.decisions_hash[:12]}",
        tag(
            "p",
            "The same snapshot, policy and code give the same decisions, bit for bit: compare the hash of "
            "the decisions.",
        ),
        tag("code", m.command, class_="cmd"),
        tag("code", f"plimsoll audit verify --run {r.run}", class_="cmd"),
        tag("dl", *items, class_="facts"),
    )

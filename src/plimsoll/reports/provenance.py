"""What a report rests on: data and their states, every assumption, and how to get the same figures again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

import numpy as np

from plimsoll.core.panel import Certification
from plimsoll.core.policy import KindCost
from plimsoll.reports import formatting
from plimsoll.reports.formatting import bps, count, figure, number, percent, usd
from plimsoll.reports.page import Cell, Html, Line, join, n, part, table, tag
from plimsoll.reports.report_data import ReportData


def data(m: ReportData) -> Html:
    """Coverage, state and flags per symbol."""
    panel = m.history.panel
    close = panel.close[m.first : m.last + 1]
    mine = dict(zip(m.run.symbols, range(len(m.run.symbols)), strict=True))
    shared = _shared(panel.certifications)
    rows: list[Line] = []
    for column, (instrument, c) in enumerate(zip(panel.instruments, panel.certifications, strict=True)):
        has = np.isfinite(close[:, column])
        held = float(np.mean(m.run.weights[:, mine[c.symbol]] != 0.0)) if c.symbol in mine else 0.0
        tone = "badge ok" if c.state == "ACTIVE" else "badge no"
        rows.append(
            (
                Cell(c.symbol, "d"),
                instrument.kind,
                Cell(tag("span", c.state, class_=tone), "d"),
                Cell(c.first, "d"),
                Cell(c.last, "d"),
                n(count(c.rows)),
                n(percent(c.missing_pct, 2)),
                n(figure(c.score)),
                n(percent(float(has.mean()), 1)),
                n(percent(held, 0) if instrument.tradable else "–"),
                c.provider,
            )
        )
    head: Line = (
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
        table(f"Coverage and certification; run {m.sample}", head, rows),
        tag("ul", *(tag("li", said) for said in found if said), class_="said"),
    )


def _shared(certifications: Sequence[Certification]) -> dict[str, int]:
    """Findings of more than half of the symbols, said once instead of in every row."""
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
    """What a reader must know before believing a figure, particular to this run."""
    told = [tag("li", f"{note[:1].upper()}{note[1:]}.") for note in m.result.notes]
    said = f"{number(len(told), 'note')} on the data and the run"
    return (
        part("notes", "Before believing a figure", said, tag("ul", *told, class_="said"), shown=True)
        if told
        else Html("")
    )


def _commission(cost: KindCost) -> str:
    """What an order pays, in words: the rate, what it pays a unit, least and most, and a sale's fees."""
    said = bps(cost.commission, 0)
    if cost.commission_unit:
        said = f"${cost.commission_unit:g} a unit" + (f" and {said}" if cost.commission else "")
    said += f", at least ${cost.commission_min:g}" if cost.commission_min else ""
    said += f", at most {percent(cost.commission_max)}," if cost.commission_max < 1.0 else ""
    fees = [bps(cost.sell_fee, 2)] if cost.sell_fee else []
    fees += [f"${cost.sell_fee_unit:g} a unit up to ${cost.sell_fee_max:g}"] if cost.sell_fee_unit else []
    return said + (f" (sales {' and '.join(fees)} more)" if fees else "")


def assumptions(m: ReportData) -> Html:
    """Everything a figure above takes for granted."""
    p, panel = m.policy, m.history.panel
    derived = any("DERIVED_ACTIONS" in (*c.reasons, *(f.reason for f in c.flags)) for c in panel.certifications)
    kinds = sorted({i.kind for i in panel.instruments if i.tradable})
    prices = "; ".join(
        f"{k} {_commission(p.costs.kinds[k])} commission and {bps(p.costs.kinds[k].slippage, 0)} "
        "slippage (half-spread included)"
        for k in kinds
        if k in p.costs.kinds
    )
    dividends = (
        "Booked in cash on the ex-date, from the step of adj_close over close; closes are taken as split-adjusted."
        if derived
        else "Booked in cash on the ex-date as the source states them; splits change the lots held."
    )
    cash = (
        f"Earns {p.cash.series} less {percent(p.cash.spread)} a year, never below zero."
        if p.cash.series in panel.macro_names
        else f"Earns nothing: {p.cash.series} is absent from the snapshot."
    )
    survivors = (
        "The universe was derived from today's sources and has no membership history: what failed before is "
        "not in it, and results are flattered."
        if panel.derived_universe
        else "Symbols are tradable on their membership dates only; those without dates count as members throughout."
    )
    schedule = {
        "month_end": "the last session of each month",
        "week_end": "the last session of each week",
        "daily": "every session",
    }
    facts = [
        (
            "Decisions",
            "Once a session, at 00:00 UTC after it, on bars complete by then; nothing later is visible to a rule.",
        ),
        (
            "Fills",
            "At the open of the instrument's first bar that begins at or after the decision, with slippage "
            "and impact in the price. Every order fills in full within the participation limit; there is no "
            "queue and no rejection by a venue.",
        ),
        (
            "Price range",
            "Stops and the ladder are judged on closes; nothing reacts inside a session, and a gap fills "
            "where it opens.",
        ),
        (
            "Costs",
            f"{prices}. Impact {p.costs.impact_y:g} × daily volatility × √(order / average volume of "
            f"{p.costs.adv_sessions} sessions), plus "
            f"{percent(p.costs.permanent_share * p.costs.permanent_paid, 0)} of it for the permanent part; "
            f"slippage × {p.costs.slippage_volatile:g} and {p.costs.slippage_crisis:g}, impact × "
            f"{p.costs.impact_volatile:g} and {p.costs.impact_crisis:g} in the volatile and the crisis regime.",
        ),
        (
            "Size",
            f"Whole lots; trades below ${p.shaping.min_trade:,.0f} are dropped; at most "
            f"{percent(p.limits.participation_max, 0)} of average volume, {p.shaping.trades_max} trades and "
            f"{percent(p.shaping.turnover_max, 0)} turnover a session.",
        ),
        (
            "Auctions",
            f"On the first session and {schedule[p.auction.schedule]}; between them only stops, gates and the "
            "ladder act.",
        ),
        ("Dividends", dividends),
        ("Cash", cash),
        ("Taxes and fees", "No taxes, no borrowing, no management fee; long only."),
        ("Survivorship", survivors),
        ("Calendar", "Rows are NYSE sessions; bars of other calendars fold into the next session."),
        ("Data revisions", "Prices are as the source states them today. Macro series enter when they were published."),
        (
            "Warm-up",
            f"An asset may trade after {number(p.backtest.min_rows, 'bar')} of its own; younger tails borrow "
            "the market's rank.",
        ),
        (
            "Re-entries",
            f"Signed by the {m.result.operator} operator, at the next session once cooldown and health allow."
            if m.result.operator == "simulated"
            else "Nobody signs: a halt that needs a person lasts.",
        ),
        ("Annual figures", "252 sessions a year; drawdowns on closes; CVaR at 95 % with the fractional tail."),
        (
            "Benchmarks",
            "Bought at the open after the first session, same cost rates, dividends reinvested; 60/40 is SPY "
            "and TLT, back to its weights at each month's last close.",
        ),
    ]
    items = [join([tag("dt", name), tag("dd", said)]) for name, said in facts]
    return part(
        "assumptions",
        "Assumptions",
        "what every figure above takes for granted",
        tag("dl", *items, class_="facts"),
        ""
        if m.policy_known
        else tag(
            "p",
            "The policy at hand is not the run's own; what it says above may differ from what the run assumed.",
            class_="note",
        ),
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
            + ("" if m.proof.anchored else "; the run has not ended, so nothing outside the journal keeps its end"),
        ),
        ("Strategies", ", ".join(g.strategies)),
        ("Capital", f"{usd(g.capital)}, {r.operator} operator"),
        ("Version", f"plimsoll {m.version}"),
    ]
    items = [join([tag("dt", name), tag("dd", value, class_="mono")]) for name, value in facts]
    return part(
        "proof",
        "Getting the same again",
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

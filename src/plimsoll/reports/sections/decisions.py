"""Report section: auctions and shadow prices, refusals and vetoes, the funnel from bid to fill."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from plimsoll.core.decision import BidRecord
from plimsoll.core.reasons import REASONS
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.reports import shadow_prices
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts import figures
from plimsoll.reports.page import formatting
from plimsoll.reports.page.formatting import bps, count, figure, number, percent
from plimsoll.reports.page.markup import Cell, Html, Line, join, n, part, plot, table, tag
from plimsoll.reports.report_data import ReportData

_MOST = 20


def auctions(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Binding limits, their prices, and the last auction in full."""
    held = m.run.auctions
    if not held:
        return part("auctions", "Capital auctions", "none", tag("p", "No auction was held.", class_="note"))
    status = Counter(a.status for _, a in held)
    said = ", ".join(f"{c} {s.replace('_', ' ')}" for s, c in status.most_common())
    horizon = number(m.policy.auction.horizon, "session")
    return part(
        "auctions",
        "Capital auctions",
        f"{number(len(held), 'auction')}, binding limits, and the last one in full",
        tag(
            "p",
            f"{number(len(held), 'auction')} ({said}), each an exact mean-CVaR problem at {horizon}.",
        ),
        _prices(m, drawn),
        _last(m),
    )


def _prices(m: ReportData, drawn: list[charts.Chart]) -> Html:
    """Shadow prices through time, and the most valuable limits."""
    found, total = shadow_prices.shadows(m), len(m.run.auctions)
    if not found:
        return tag("p", "No limit had a price: none was binding.", class_="note")
    at, kinds = shadow_prices.by_kind(m)
    drawn.append(charts.prices(at, kinds))
    horizon = number(m.policy.auction.horizon, "session")
    a_year = SESSIONS_A_YEAR / m.policy.auction.horizon
    left = f" The {len(found) - _MOST} smallest are left out." if len(found) > _MOST else ""
    first = found[0]
    return join(
        [
            tag(
                "p",
                "A shadow price is what slightly more of a limit would have added to the expected return of "
                f"{horizon}, net of cost and of the risk charge: basis points of NAV per one per cent of NAV of "
                "the limit, its mean over the auctions it bound in. A limit on one symbol, its stand-alone risk "
                "included, is priced per one per cent of its weight. Since limits differ in size, 10 % of each is "
                "compared: its mean value over all auctions, and that times the horizons in a year. It depends on the "
                "forecasts, not on outcomes; it is marginal, not the gain of doubling a limit, and the values of "
                "several do not add up.",
            ),
            tag(
                "p",
                f"The most valuable was {_lower(formatting.constraint(first.constraint))}: it bound in "
                f"{number(first.auctions, 'auction')} of {count(total)}, and 10 % more of it was worth "
                f"{bps(first.worth * a_year)} a year in expectation.",
            ),
            plot(
                "prices",
                "What 10 % more of each kind of limit would have added to the expected return of "
                f"{horizon}, at each auction it bound in; {m.sample}",
                "Points over time, by kind of limit, the most valuable first: " + ", ".join(kinds) + ".",
            ),
            table(
                f"Limits with a price, the most valuable first; {m.sample}.{left}", *_priced(m, found[:_MOST], a_year)
            ),
        ]
    )


def _priced(m: ReportData, found: Sequence[shadow_prices.Shadow], a_year: float) -> tuple[Line, list[Line]]:
    """Head and rows of the table of limits with a price; ``a_year`` is how many horizons a year has."""
    total = len(m.run.auctions)
    stopped = {b.constraint: b.bids for b in figures.bindings(a for _, a in m.run.auctions)}
    rows: list[Line] = [
        (
            formatting.constraint(s.constraint), n(count(s.auctions)), n(percent(s.auctions / total, 0)),
            n(count(stopped.get(s.constraint, 0))), n(bps(s.price * 0.01, 2)), n(bps(s.worth, 2)),
            n(bps(s.worth * a_year)),
        )
        for s in found
    ]  # fmt: skip
    names = (
        "Auctions bound",
        "Share",
        "Bids stopped",
        "Price per 1 % of NAV",
        "Value of 10 % more",
        "the same, annual",
    )
    return ("Limit", *map(n, names)), rows


def _lower(said: str) -> str:
    """A name within a sentence; what is an abbreviation stays."""
    return said if said[:2].isupper() or said.startswith("CVaR") else f"{said[0].lower()}{said[1:]}"


def _last(m: ReportData) -> Html:
    session, auction = m.run.auctions[-1]
    ranked = sorted(auction.bids, key=lambda b: (b.rank, b.symbol, b.strategy))
    rows: list[Line] = [
        (
            Cell(join([b.symbol, _small(b.strategy)]), "d"),
            b.decision.lower(),
            n(str(b.rank) if b.rank else "–"),
            n(bps(b.mu)),
            n(bps(b.adjusted)),
            n(bps(b.cost)),
            n(figure(b.confidence)),
            n(percent(b.cap)),
            n(percent(b.weight), "us"),
            n(bps(b.cvar_share, 0)),
            Cell(_why(b), "w"),
        )
        for b in ranked
    ]
    head: Line = (
        "Asset",
        "Decision",
        n("Rank"),
        n("Expected"),
        n("Adjusted"),
        n("Cost"),
        n("Conf."),
        n("Cap"),
        n("Weight"),
        n("CVaR"),
        "Why",
    )
    prices = ", ".join(f"{formatting.constraint(k)} {bps(v * 0.01, 2)}" for k, v in auction.duals.items() if v > 0.0)
    note = f"Shadow prices per percentage point: {prices}." if prices else "No shared limit had a price."
    reasons = " ".join(f"{formatting.reason(r)}." for r in auction.reasons)
    return join(
        [
            tag("h4", f"The last auction, {session}"),
            table(
                f"Every bid on {session}; expected return before and after every penalty, at "
                f"{number(m.policy.auction.horizon, 'session')}; weights of NAV",
                head,
                rows,
            )
            if rows
            else tag("p", "There were no bids.", class_="note"),
            tag("p", f"CVaR of the allocation {percent(auction.cvar, 2)}. {note} {reasons}", class_="note"),
        ]
    )


def _why(bid: BidRecord) -> str:
    said = "; ".join(formatting.reason(r, symbol=bid.symbol) for r in bid.reasons)
    if not bid.binding:
        return said
    price = f" at {bps(bid.price * 0.01, 2)} a point" if bid.price else ""
    return f"{said}. Stopped by: {formatting.constraint(bid.binding)}{price}"


@dataclass
class _Seen:
    """Where a reason was met, with the range of its figures and of their limits."""

    times: int = 0
    first: str = ""
    last: str = ""
    symbols: Counter[str] = field(default_factory=Counter)
    measured: tuple[float, float] | None = None
    limit: tuple[float, float] | None = None
    sets: Counter[str] = field(default_factory=Counter)  # the stressed sets measured on, by name

    def at(
        self, day: str, symbol: str, measured: float | None = None, limit: float | None = None, on: str = ""
    ) -> None:
        self.times += 1
        self.first = self.first or day
        self.last = day
        self.symbols[symbol] += 1
        if on:
            self.sets[on] += 1
        self.measured, self.limit = _wider(self.measured, measured), _wider(self.limit, limit)


def _wider(span: tuple[float, float] | None, value: float | None) -> tuple[float, float] | None:
    """The range with one more figure in it."""
    if value is None:
        return span
    return (value, value) if span is None else (min(span[0], value), max(span[1], value))


def refusals(m: ReportData) -> Html:
    """The funnel, then vetoes, refusals and gate findings by reason in words."""
    refused: dict[str, _Seen] = defaultdict(_Seen)
    waited: dict[str, _Seen] = defaultdict(_Seen)
    gates: dict[str, _Seen] = defaultdict(_Seen)
    vetoed: dict[str, _Seen] = defaultdict(_Seen)
    for record in m.run.cycles:
        for symbol, outcome, reasons in zip(record.symbols, record.outcome, record.reasons, strict=True):
            for code in reasons:
                if outcome == "REJECT":
                    gave = (f for f in (*record.unmet, *record.findings) if f.reason == code)
                    found = next((f for f in gave if f.scope in (symbol, "book")), None)
                    figures_of = (None, None, "") if found is None else (found.measured, found.limit, found.on)
                    refused[code].at(record.session, symbol, *figures_of)
                elif outcome == "HOLD":
                    waited[code].at(record.session, symbol)
        for f in record.findings:
            gates[f"{f.gate}|{f.reason}"].at(record.session, f.scope, f.measured, f.limit, f.on)
        for v in record.vetoes:
            vetoed[v.trigger].at(record.session, v.scope, v.measured, v.limit)
    parts = [
        _funnel(m),
        tag("h4", "Vetoes"),
        _seen_table(f"Vetoes by trigger; {m.sample}", vetoed, m)
        if vetoed
        else tag("p", f"None of the {len(m.policy.vetoes.enabled)} vetoes tripped in {m.sample}.", class_="note"),
        tag("h4", "Refused increases"),
        _seen_table(f"Reasons behind refusals, (session, asset) pairs; {m.sample}", refused, m)
        if refused
        else tag("p", "Nothing was refused.", class_="note"),
        tag("h4", "Findings of the gates"),
        _seen_table(
            f"Findings of the gates before scaling, with the range of their figures; {m.sample}", gates, m, gates=True
        )
        if gates
        else tag("p", "The gates had no findings.", class_="note"),
        tag(
            "details",
            tag("summary", "Reasons for holding"),
            _seen_table(f"Reasons behind HOLD, (session, asset) pairs; {m.sample}", waited, m),
        ),
    ]
    executed, rejected = m.result.decisions.get("EXECUTE", 0), m.result.decisions.get("REJECT", 0)
    vetoes = sum(s.times for s in vetoed.values())
    stopped = "no veto" if not vetoes else f"vetoes tripped {number(vetoes, 'time')}"
    said = f"{number(executed, 'trade')} executed, {number(rejected, 'increase')} refused, {stopped}"
    return part("refusals", "Vetoes and refusals", said, *parts)


def _funnel(m: ReportData) -> Html:
    bids = [b for _, a in m.run.auctions for b in a.bids]
    kinds = Counter(b.decision for b in bids)
    allocated = sum(b.weight > 0.0 for b in bids)
    orders, fills = len(m.run.intents), sum(f.reason == "ORDER" for f in m.run.tally.fills)
    decided = sum(m.result.decisions.values())
    steps = (
        ("Decisions on an asset and session", decided, None),
        ("Bids at auctions", len(bids), None),
        ("Bids that passed screening", len(bids) - kinds["REJECTED"], len(bids)),
        ("Bids with capital", allocated, len(bids) - kinds["REJECTED"]),
        ("Orders on the way to target portfolios", orders, None),
        ("Orders filled", fills, orders),
    )
    short = Counter(e.reason for e in m.run.expired)
    ended = [(f"Orders not filled, or not as a whole: {formatting.reason(why)}", times, orders)
             for why, times in sorted(short.items(), key=lambda item: (-item[1], item[0]))]  # fmt: skip
    rows: list[Line] = [(name, n(count(c)), n(percent(c / of, 0) if of else "")) for name, c, of in (*steps, *ended)]
    outcomes = ", ".join(f"{count(c)} {o}" for o, c in m.result.decisions.items())
    return table(
        f"From bid to fill; decisions: {outcomes}; {m.sample}", ("Step", n("Count"), n("of the step before")), rows
    )


def _seen_table(caption: str, found: dict[str, _Seen], m: ReportData, *, gates: bool = False) -> Html:
    limits = {"VIX_HIGH": m.policy.forecast.vix_high, "VIX_EXTREME": m.policy.forecast.vix_extreme}
    rows: list[Line] = []
    for key, seen in sorted(found.items(), key=lambda item: (-item[1].times, item[0])):
        gate, _, code = key.rpartition("|")
        limit = seen.limit if seen.limit is not None else limits.get(code)
        said = formatting.reason(code, measured=seen.measured, limit=limit)
        if seen.sets:
            said += "(stressed set: " + ", ".join(f"{s} {c}" for s, c in seen.sets.most_common()) + ")"
        whom = ", ".join(f"{s} {c}" for s, c in seen.symbols.most_common(4) if s != "book") or "the book"
        more = len(seen.symbols) - 4
        rule = REASONS[code].rule if code in REASONS else "G2"
        rows.append(
            (
                Cell(
                    join([f"{formatting.constraint(gate)}: {said}" if gates else said, _small(f"{code}, {rule}")]), "w"
                ),
                n(count(seen.times)),
                Cell(seen.first, "d"),
                Cell(seen.last, "d"),
                Cell(whom + (f" and {more} more" if more > 0 else ""), "w"),
            )
        )
    return table(caption, ("Reason", n("Times"), "First", "Last", "Whom"), rows)


def _small(text: str) -> Html:
    return tag("span", text, class_="code")

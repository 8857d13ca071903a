"""The last steps of an explanation: the session's restraints, the order, its gates and vetoes, and the fill (G4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from plimsoll.analysis import wording
from plimsoll.analysis.case import BOOK, Case, Position, Subject
from plimsoll.analysis.wording import figure, known, money, sentence, sessions, share
from plimsoll.core.dates import iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.limits import rebalance_band
from plimsoll.core.order import Fill, Order
from plimsoll.core.verdict import Finding
from plimsoll.costs.model import liquidity


def line_reasons(case: Case, symbol: str, codes: Sequence[str]) -> list[str]:
    """The sentences of a line's reasons, with the figures of their findings, events or policy.

    A limit that was met at several horizons has a sentence for each.
    """
    facts = []
    for code in codes:
        if found := _found(case, symbol, code):
            facts += [failed(case, f) for f in found]
        else:
            facts.append(sentence(code, symbol, *_evidence(case, symbol, code)))
    return list(dict.fromkeys(facts))


def _found(case: Case, symbol: str, code: str) -> list[Finding]:
    """The findings of gates and vetoes behind a reason, one for each gate.

    Of the current positions where they have any, else of the whole desired portfolio, else of the orders.
    """
    record = case.record
    by_gate: dict[str, Finding] = {}
    for found in (*(f for f in record.findings if _of_held(case, f)), *record.unmet, *record.findings):
        if found.reason == code and found.scope in (symbol, BOOK):
            by_gate.setdefault(found.gate, found)
    return [by_gate[gate] for gate in sorted(by_gate)]


def _of_held(case: Case, found: Finding) -> bool:
    """Whether a finding is of the current positions' CVaR (R3)."""
    return found.gate.startswith("cvar_") and found.measured == case.record.figures.get(found.gate)


def _evidence(case: Case, symbol: str, code: str) -> tuple[float | None, float | None]:
    """The figure and the limit behind a reason that no gate gave."""
    record, forecast = case.record, case.policy.forecast
    for found in case.data:
        if found.reason == code and found.scope in (symbol, BOOK):
            return found.measured, found.limit
    for event in record.events:
        if event.kind == code and event.scope in (symbol, BOOK):
            return event.measured, event.limit
    if code == "CORRELATION_ALIKE" and record.carried.comovement is not None:
        return record.carried.comovement.lowest, case.policy.correlation.alike
    if code == "MANDATE_ENDED":  # on the days after the one of its event
        ends = next((r.threshold for r in case.policy.ladder.rungs if r.ends_mandate), None)
        return record.figures.get("drawdown_lifetime"), ends
    bounds = {"VIX_HIGH": forecast.vix_high, "VIX_EXTREME": forecast.vix_extreme}
    return (record.regime.vix, bounds[code]) if code in bounds else (None, None)


def restraints(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    """Restraints of the account's state and the symbol's stop; the account's own lines are in the session's summary."""
    facts = list(book_restraints(case))
    for stop in case.record.carried.stops:
        if stop.symbol == symbol and stop.stage:
            fate = "sold it" if stop.stage == 2 else "reduced it to half"
            capped = f"it may not exceed {share(stop.cap)} of NAV until an auction lifts the cap"
            now = capped if stop.cap < 1.0 else "an auction has lifted the cap since"
            facts.append(f"Its stop {fate} on {iso_day(stop.day)}; {now}.")
    for event in case.record.events:
        if event.scope == symbol:
            facts.append(sentence(event.kind, symbol, event.measured, event.limit))
    for pair in case.record.carried.pairs:
        if symbol in (pair.first, pair.second):
            other = pair.second if symbol == pair.first else pair.first
            facts.append(f"It moves with {other} (correlation {figure(pair.correlation)}), so both share a cap.")
    if abs(at.desired - at.target) > 1e-12:
        facts.append(f"Under them the session's target is {share(at.desired)} of NAV instead of {share(at.target)}.")
    return tuple(facts)


def book_restraints(case: Case) -> tuple[str, ...]:
    """Mode, ladder, regime and budgets in force, with the figures behind them."""
    record, policy = case.record, case.policy
    restraint, ladder = record.restraint, record.carried.ladder
    episode, lifetime = (share(record.figures.get(f"drawdown_{name}")) for name in ("episode", "lifetime"))
    facts = [f"Mode {record.carried.mode}; drawdown {episode} from the episode's peak, {lifetime} from the lifetime's."]
    if record.carried.halted:
        facts.append(f"{sentence('HALTED', BOOK)} {sentence(record.carried.halted, BOOK)}")
    facts += [wording.finding(f) for f in case.data if f.scope == BOOK]
    if ladder.fired:
        facts.append(f"Ladder: level {restraint.level} in force; fired in this episode: {', '.join(ladder.fired)}.")
    facts += [sentence(code, BOOK, *_evidence(case, BOOK, code)) for code in restraint.reasons]
    if restraint.gross_ceiling is not None:
        until = "while the re-entry ramp runs" if record.carried.mode == "RECOVERY" else "until re-entry"
        most = share(restraint.gross_ceiling)
        facts.append(
            f"Total target weight may not exceed {most} of NAV {until}; drift above is not traded inside the band."
        )
    if ladder.cooldown:
        facts.append(f"The ladder's cooldown lasts {sessions(ladder.cooldown)} more.")
    if restraint.size != 1.0:
        facts.append(f"The target portfolio runs at {share(restraint.size)} of its size.")
    facts += _comovement(case)
    facts.append(_regime(case))
    scale = record.limits.get("cvar_budget_1", math.nan) / policy.cvar.budget_1
    if scale < 1.0:
        deep = (record.figures.get("drawdown_lifetime") or 0.0) > policy.cvar.drawdown_base - policy.cvar.drawdown_span
        causes = ["the drawdown"] * deep + ["the crisis regime"] * record.regime.stress
        facts.append(f"CVaR budgets stand at {share(scale)} of their full size because of {' and '.join(causes)}.")
    return tuple(facts)


def _comovement(case: Case) -> tuple[str, ...]:
    """The alarm on the correlation of positions, with its figures and its end condition (R6)."""
    found, rules = case.record.carried.comovement, case.policy.correlation
    if found is None:
        return ()
    figures = f"average correlation {figure(found.average)}, lowest pair {figure(found.lowest)}"
    if found.level > 1:
        return (
            f"All holdings are correlated ({figures}): reductions only until a pair is at "
            f"{rules.alike_leave:g} or below.",
        )
    return (
        f"The holdings' correlation is watched ({figures}) until its average is at {rules.average_leave:g} or below.",
    )


def _regime(case: Case) -> str:
    regime, forecast = case.record.regime, case.policy.forecast
    names = ("normal", "volatile", "crisis")
    best = max(range(3), key=lambda i: regime.belief[i])
    text = f"Regime: {names[best]} ({share(regime.belief[best])}), P(crisis) at the outlook {share(regime.crisis)}"
    if regime.passage is not None:
        text += f", within its {sessions(case.policy.regime.outlook)} {share(regime.passage)}"
    if regime.vix is None:
        return f"{text}; VIX absent, {regime.source} replaces it."
    bounds = (forecast.vix_elevated, forecast.vix_high, forecast.vix_extreme)
    label = ("NORMAL", "ELEVATED", "HIGH_VOL", "EXTREME")[sum(regime.vix >= b for b in bounds)]
    stress = "; the crisis regime is on" if regime.stress else ""
    return f"{text}; VIX {figure(regime.vix)} ({label}){stress}."


def order_reasons(case: Case, symbol: str, at: Position) -> list[str]:
    """Rules that forced an order, or cut it; empty where it simply trades to its target.

    A sale to the target portfolio's weight says so: the forcing rule would have left more.
    """
    codes = [c for c in at.reasons if c not in ("TO_TARGET", "TOWARDS_TARGET")]
    facts = line_reasons(case, symbol, [c for c in codes if c != "TURNOVER"])
    if "TURNOVER" in codes:
        facts.append("The rest of the way waits: the session's changes are more than its turnover allows.")
    if facts and at.lots < 0 and at.desired == at.target:
        facts.append(f"The target portfolio's weight is {share(at.target)}, and the sale goes to it.")
    return facts


def order(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """Position, target, band, the session's order and the orders it competes with."""
    symbol, shaping = subject.instrument.symbol, case.policy.shaping
    if not (at.held or at.desired or at.lots):
        return ("There is no position and no target, so there is no order.",)
    gap = at.desired - at.held
    width = rebalance_band(case.policy.shaping, at.desired)
    facts = [
        f"Held {share(at.held)}, target {share(at.desired)}: a gap of {share(gap)} of NAV "
        f"({money(abs(gap) * case.nav)}); its band is {share(width)}."
    ]
    intent = _intent(case, symbol)
    if intent is None:
        facts += line_reasons(case, symbol, at.reasons)
    else:
        side = "buy" if intent.lots > 0 else "sell"
        only = ", reduce-only" if intent.reduce_only else ""
        value = abs(at.proposed - at.held) * case.nav
        facts.append(
            f"Order: {side} {_units(intent.lots, subject.instrument)} of {symbol}, {money(value)} at the close of "
            f"{figure(intent.reference)}{only}."
        )
        facts += _liquidity(value, subject.now.adv)
        facts += order_reasons(case, symbol, at)
        if "TOWARDS_TARGET" in at.reasons:
            facts.append(f"That is part of the way: {share(at.proposed)} of NAV after it.")
    count = len(case.record.intents)
    turnover = share(case.record.figures.get("turnover"))
    most = share(shaping.turnover_max)
    facts.append(f"The session used {count} of {shaping.trades_max} trades and {turnover} of {most} turnover.")
    return tuple(facts)


def _liquidity(value: float, adv: float | None) -> list[str]:
    """Confidence in the expected cost of an order of ``value`` USD, and its use of liquidity (C1)."""
    if adv is None or not adv > 0.0:
        return ["Its volume is unknown, so its cost is expected at the worst case of its kind."]
    sure, takes = liquidity(np.array([value / adv]))
    return [
        f"It is {share(value / adv)} of a session's average volume: the confidence of its expected cost is "
        f"{figure(float(sure[0]), 3)}, and it takes {share(float(takes[0]))} of the liquidity with it."
    ]


def _intent(case: Case, symbol: str) -> Order | None:
    return next((i for i in case.record.intents if i.symbol == symbol), None)


def _units(lots: int, instrument: Instrument) -> str:
    units = abs(lots) / instrument.lots_per_unit
    return f"{units:,.0f} units" if instrument.lots_per_unit == 1 else f"{units:,.4f} units"


def gates(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """Every gate's figure beside its limit, and the failures before the order."""
    symbol = subject.instrument.symbol
    found = [f for f in case.record.findings if f.scope in (symbol, BOOK)]
    facts = []
    if found:
        facts.append("Above a limit before scaling, so that increases were scaled or refused:")
        facts += [f"- {failed(case, f)}" for f in found]
    facts.append("After the session's orders:")
    facts += [f"- {line}" for line in book_gates(case)]
    facts += [f"- {line}" for line in _own_gates(case, subject, at)]
    return tuple(facts)


def failed(case: Case, found: Finding) -> str:
    """A finding in words; a finding on current positions says so (R3)."""
    horizon = found.gate.rpartition("_")[2]
    shown, limit = wording.both(found.measured, found.limit)
    if not _of_held(case, found):
        if found.reason == "CVAR_ABOVE_HARD" and horizon.isdigit():
            return f"The proposal's CVaR {shown} is above the hard limit {limit} ({sessions(int(horizon))})."
        return wording.finding(found)
    if found.reason == "CVAR_ABOVE_BUDGET":
        fate = f"budget {limit}: nothing may be added, no sale is forced"
    elif found.reason == "CVAR_ABOVE_HARD":
        fate = f"hard limit {limit}: all positions are scaled down to the budget"
    else:
        return wording.finding(found)
    return f"CVaR of the positions is {shown} over {sessions(int(horizon))}, above the {fate}."


def book_gates(case: Case) -> tuple[str, ...]:
    """Figures of the whole portfolio after its orders, each beside its limit and horizon."""
    record = case.record
    figures, limits, shaping = record.figures, record.limits, case.policy.shaping
    horizons = (1, case.policy.auction.horizon)
    facts = [
        f"gross {share(figures.get('gross_after'))} of NAV, limit {share(limits.get('gross'))}; "
        f"cash {share(figures.get('cash_after'))}, minimum {share(limits.get('cash'))}"
    ]
    for h in horizons:
        tail, budget = figures.get(f"cvar_after_{h}"), limits.get(f"cvar_budget_{h}")
        facts.append(
            f"CVaR {share(case.policy.auction.confidence, 0)} over {sessions(h)} {share(tail)}, "
            f"budget {share(budget)}{_over(tail, budget)}, hard limit {share(limits.get(f'cvar_hard_{h}'))}"
        )
    for h in horizons:
        if (stressed := figures.get(f"stressed_after_{h}")) is not None:
            name = wording.stressed(record.stressed_on.get(str(h), ""))
            facts.append(f"{name} over {sessions(h)} {share(stressed)}, limit {share(limits.get(f'stressed_{h}'))}")
    if not any(f"stressed_after_{h}" in figures for h in horizons):
        facts.append("stressed CVaR is measured for increases only, and there was none")
    facts.append(
        f"turnover {share(figures.get('turnover'))}, limit {share(shaping.turnover_max)}; "
        f"trades {len(record.intents)}, limit {shaping.trades_max}"
    )
    return tuple(facts)


def _own_gates(case: Case, subject: Subject, at: Position) -> list[str]:
    """Figures of the symbol itself; those that are measured for increases only are left out without one."""
    symbol, now = subject.instrument.symbol, subject.now
    weight = at.proposed
    if not (at.held or weight or at.desired):
        return []
    facts = [f"{symbol} {share(weight)} of NAV, cap {share(now.weight_max)}{_over(weight, now.weight_max)}"]
    for h, alone in now.alone.items():
        risk, limit = (weight * alone if alone is not None else None), now.standalone_max.get(h)
        facts.append(
            f"{symbol}'s stand-alone CVaR is {share(risk)} over {sessions(h)}, limit {share(limit)}{_over(risk, limit)}"
        )
    if at.lots and now.incremental is not None and at.proposed > at.held:
        horizon = sessions(case.policy.auction.horizon)
        facts.append(
            f"the trade adds {share(now.incremental)} of CVaR over {horizon}, limit {share(now.incremental_max)}"
        )
    if at.lots and now.adv is not None and now.adv > 0.0:
        part = abs(at.proposed - at.held) * case.nav / now.adv
        facts.append(
            f"the trade is {share(part)} of average volume, limit {share(case.policy.limits.participation_max)}"
        )
    return facts


def _over(measured: float | None, limit: float | None) -> str:
    """Consequence of a position that has grown beyond a limit on proposals."""
    over = measured is not None and limit is not None and measured > limit
    return " (above it: nothing may be added, no sale is forced)" if over else ""


def vetoes(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    """Vetoes on the symbol or the portfolio, or why there were none (G2)."""
    mine = [v for v in case.record.vetoes if v.scope in (symbol, BOOK)]
    if mine:
        facts = []
        for v in mine:
            shown, limit = figure(v.measured, 3), figure(v.limit, 3)
            facts.append(
                f"{v.trigger} ({v.severity}) for {'all' if v.scope == BOOK else v.scope}: {shown} against {limit}."
            )
        return tuple(facts)
    if at.lots and at.proposed > at.held:
        return ("None of the ten vetoes applied.",)
    return ("Vetoes judge increases; this is not one." if at.lots else "No order, so nothing for the vetoes to judge.",)


def fill(case: Case, subject: Subject) -> tuple[str, ...]:
    """Executions before and after the decision, with price and cost, beside the open."""
    symbol = subject.instrument.symbol
    facts = []
    for done in case.pre_open:
        if done.symbol == symbol:
            facts.append(f"Before this decision, at the open of {done.session}: {_executed(done, subject.instrument)}")
    intent = _intent(case, symbol)
    if intent is None:
        facts += [f"After it, on {f.session}: {_executed(f, subject.instrument)} ({f.reason})"
                 for f in case.fills if f.symbol == symbol]  # fmt: skip
        return tuple(facts)
    fills = [f for f in case.fills if f.id == intent.id]
    expired = next((e for e in case.expired if e.id == intent.id), None)
    for done in fills:
        opened = f" against an open of {figure(subject.next_open)}" if known(subject.next_open) else ""
        facts.append(f"At the open of {done.session}: {_executed(done, subject.instrument)[:-1]}{opened}.")
    denied = next((e for e in case.denied if e.id == intent.id), None)
    if denied is not None:
        facts.append(f"The governor refused the order on {denied.session}, and no venue saw it:")
        facts += [f"- {sentence(code, symbol)}" for code in denied.reasons]
    elif expired is not None:
        what = f"{_units(expired.lots, subject.instrument)} of it" if fills else "The order"
        facts.append(f"{what} did not fill on {expired.session}. {sentence(expired.reason, symbol)}")
    elif not fills:
        facts.append("The order is open and unfilled.")
    return tuple(facts)


def _executed(done: Fill, instrument: Instrument) -> str:
    verb = "bought" if done.lots > 0 else "sold"
    costs = (
        f"{done.commission / 100:,.2f} commission, {done.slippage / 100:,.2f} slippage, {done.impact / 100:,.2f} impact"
    )
    return (
        f"{verb} {_units(done.lots, instrument)} at {figure(done.price)} for {abs(done.notional) / 100:,.2f} USD "
        f"(costs in USD: {costs})."
    )

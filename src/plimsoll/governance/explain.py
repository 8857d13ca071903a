"""The chain from data to outcome of one symbol in one session, in plain sentences (G4).

Pure: everything comes from the journaled decision, the auction that set the programme in force, the events up to the
next decision, the policy, and a few figures read from the certified panel. What the journal holds is quoted; what is
read again from the panel is the same array the decision read.
"""

from __future__ import annotations

import math

import msgspec

from plimsoll.core.decision import BidRecord, CycleRecord
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Intent
from plimsoll.core.panel import Certification
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import COUNTS
from plimsoll.core.verdict import Finding
from plimsoll.governance import wording
from plimsoll.governance.wording import figure, known, money, sentence, sessions, share

BOOK = "book"


class Figures(msgspec.Struct, frozen=True):
    """What the panel shows of one symbol at one session; absent is not measurable (U6).

    ``close`` is the traded price carried; ``price`` and the averages are of the total-return index, comparable with
    each other only. ``momentum`` maps a name to a fraction, ``volatility`` is annual over 60 sessions, ``z`` is z60
    of S2. ``rank`` counts from the weakest of ``ranked`` eligible symbols by 12-1 momentum, 0 when not ranked.
    ``adv`` is USD a session, ``weight_max`` the cap of the position, ``alone`` the CVaR of one unit of weight by
    horizon, ``standalone_max`` its limit. ``stale`` is the code of D15 that bars new risk, "" when fresh.
    """

    session: str
    last_bar: str
    close: float | None
    rows: int
    eligible: bool
    stale: str
    price: float | None
    averages: dict[int, float | None]
    momentum: dict[str, float | None]
    volatility: float | None
    z: float | None
    rank: int
    ranked: int
    adv: float | None
    weight_max: float | None
    alone: dict[int, float | None]
    standalone_max: dict[int, float | None]
    incremental: float | None = None
    incremental_max: float | None = None


class Subject(msgspec.Struct, frozen=True):
    """One symbol: what it is, how it was certified, its figures now and at the auction in force.

    ``said`` is what each strategy answers for itself at that auction; ``next_session`` and ``next_open`` are where
    its orders fill, absent at the end of the snapshot.
    """

    instrument: Instrument
    certification: Certification
    now: Figures
    then: Figures | None
    said: tuple[tuple[str, str], ...] = ()
    next_session: str = ""
    next_open: float | None = None


class Case(msgspec.Struct, frozen=True):
    """One session of a run: its decision, the record of the auction in force, and what became of the orders."""

    run: str
    record: CycleRecord
    auction: CycleRecord | None
    fills: tuple[Fill, ...]
    morning: tuple[Fill, ...]
    policy: Policy
    synthetic: bool = False

    @property
    def nav(self) -> float:
        """NAV at the decision, USD."""
        return self.record.nav / 100.0


class Step(msgspec.Struct, frozen=True):
    """One link of the chain: a name and its sentences."""

    name: str
    sentences: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """Why a symbol was or was not traded: the outcome, a headline, the reason codes, and the chain."""

    session: str
    symbol: str
    outcome: str
    headline: str
    reasons: tuple[str, ...]
    steps: tuple[Step, ...]


class Position(msgspec.Struct, frozen=True):
    """A symbol's line of a decision: weights before, in the programme, under its restraints and after the orders."""

    held: float
    programme: float
    desired: float
    proposed: float
    lots: int
    outcome: str
    reasons: tuple[str, ...]


def position(record: CycleRecord, symbol: str) -> Position:
    """The symbol's line; one the record does not speak of is neither held nor in the programme (A7)."""
    if symbol not in record.symbols:
        return Position(0.0, 0.0, 0.0, 0.0, 0, "HOLD", ("NOT_IN_PROGRAMME",))
    i = record.symbols.index(symbol)
    return Position(
        record.held[i], record.programme[i], record.desired[i], record.proposed[i], record.lots[i],
        record.outcome[i], tuple(record.reasons[i]),
    )  # fmt: skip


def explain(case: Case, subject: Subject) -> Explanation:
    """The whole chain for one symbol."""
    symbol = subject.instrument.symbol
    at = position(case.record, symbol)
    steps = (
        Step("outcome", _outcome(case, subject, at)),
        Step("data", _data(subject)),
        Step("indicators", _indicators(subject)),
        Step("forecast", _forecast(case, subject)),
        Step("auction", _auction(case, subject)),
        Step("programme", _programme(case, symbol, at)),
        Step("restraints", _restraints(case, symbol, at)),
        Step("order", _order(case, subject, at)),
        Step("gates", _gates(case, subject, at)),
        Step("vetoes", _vetoes(case, symbol, at)),
        Step("fill", _fill(case, subject)),
        Step("what would have changed it", _otherwise(case, subject, at)),
    )
    told = tuple(s for s in steps if s.sentences)
    return Explanation(case.record.session, symbol, at.outcome, headline(case, symbol), at.reasons, told)


def headline(case: Case, symbol: str) -> str:
    """The outcome in one sentence."""
    at = position(case.record, symbol)
    if at.outcome == "EXECUTE":
        verb = "buys" if at.lots > 0 else "sells"
        whole = " (all of it)" if at.proposed == 0.0 else ""
        why = [c for c in at.reasons if c != "TO_TARGET"]
        because = f" {_reasons(case, symbol, why)[0]}" if why else ""
        return f"{verb} {symbol}{whole}: {share(at.held)} of NAV to {share(at.proposed)}.{because}"
    if at.outcome == "REJECT":
        because = " ".join(_reasons(case, symbol, at.reasons))
        more = f"may not add to {symbol}" if at.held else f"may not buy {symbol}"
        return f"{more}, held at {share(at.held)} with a target of {share(at.desired)}. {because}"
    if at.held or at.programme:
        because = " ".join(_reasons(case, symbol, at.reasons))
        return f"leaves {symbol} at {share(at.held)} of NAV (target {share(at.desired)}). {because}"
    return f"holds no {symbol}. {absence(case, symbol)}"


def absence(case: Case, symbol: str) -> str:
    """Why a symbol that is neither held nor targeted is not."""
    bids = _bids(case, symbol)
    if case.auction is None:
        return "No auction has been held yet."
    if not bids:
        return f"No strategy made a bid at the auction of {case.auction.session}."
    return " ".join(dict.fromkeys(_bid_reason(b) for b in bids))


def _bids(case: Case, symbol: str) -> tuple[BidRecord, ...]:
    auction = case.auction.auction if case.auction is not None else None
    return tuple(b for b in auction.bids if b.symbol == symbol) if auction is not None else ()


def _bid_reason(bid: BidRecord) -> str:
    return " ".join(sentence(code, bid.symbol) for code in bid.reasons)


def _reasons(case: Case, symbol: str, codes: tuple[str, ...] | list[str]) -> list[str]:
    """The sentences of a line's reasons, with the figures of the findings, events or policy they rest on."""
    told = []
    for code in codes:
        measured, limit = _evidence(case, symbol, code)
        told.append(sentence(code, symbol, measured, limit))
    return told


def _evidence(case: Case, symbol: str, code: str) -> tuple[float | None, float | None]:
    record, forecast = case.record, case.policy.forecast
    for found in record.findings:
        if found.reason == code and found.scope in (symbol, BOOK):
            return found.measured, found.limit
    for event in record.events:
        if event.kind == code and event.scope in (symbol, BOOK):
            return event.measured, event.limit
    return record.regime.vix, {"VIX_HIGH": forecast.vix_high, "VIX_EXTREME": forecast.vix_extreme}.get(code)


def _outcome(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    told = [f"{at.outcome}: the decision of {case.record.session} {headline(case, subject.instrument.symbol)}"]
    rest = [code for code in at.reasons if wording.remedy(code)]
    told += [f"To mend it: {wording.remedy(code)}." for code in rest]
    return tuple(told)


def _data(subject: Subject) -> tuple[str, ...]:
    now, certified, symbol = subject.now, subject.certification, subject.instrument.symbol
    source = f"from {certified.provider}, " if certified.provider else ""
    told = [
        f"{symbol} is {certified.state} in the snapshot ({source}quality {figure(certified.score)}, "
        f"{share(certified.missing_pct)} of its sessions missing)."
    ]
    if now.rows:
        price = f"its last bar is of {now.last_bar}, close {figure(now.close)}"
        told.append(f"At {now.session} it has {now.rows:,} bars; {price}.")
    else:
        told.append(f"At {now.session} it has no bar yet: its history begins on {certified.first or 'no date'}.")
    if not subject.instrument.tradable:
        told.append(sentence("NOT_TRADABLE", symbol))
    elif not now.eligible:
        told.append("It may not be bid for: it is not ACTIVE, not a member, ended, or has too few bars yet.")
    fresh = sentence(now.stale, symbol, float(now.rows), None) if now.stale else "Its data is fresh."
    told.append(fresh)
    told += [_flag(f.reason, f.severity, f.count, f.day, f.last_day, symbol, now.session)
             for f in certified.flags if f.day <= now.session]  # fmt: skip
    return tuple(told)


def _flag(code: str, severity: str, count: int, first: str, last: str, symbol: str, today: str) -> str:
    """A dated flag; what happened after the session is not told (D10)."""
    span = f"on {first}" if first == last else f"from {first} to {last}" if last <= today else f"from {first} on"
    if code in COUNTS and last <= today:
        return f"{sentence(code, symbol, float(count))[:-1]} ({severity}, {span})."
    text = sentence(code, symbol)
    if wording.UNRECORDED in text or code in COUNTS:
        bars = f", {count} bars" if last <= today else ""
        return f"It carries the flag {code} ({severity}, {span}{bars})."
    return f"{text[:-1]} ({severity})."


def _indicators(subject: Subject) -> tuple[str, ...]:
    f = subject.then or subject.now
    told = []
    momenta = ", ".join(f"{share(v)} {name}" for name, v in f.momentum.items() if known(v))
    if momenta:
        told.append(f"Momentum at {f.session}: {momenta}.")
    if known(f.volatility):
        told.append(f"Volatility over 60 sessions: {share(f.volatility)} a year; z60 (momentum in its own standard "
                    f"deviations): {_signed(f.z)}.")  # fmt: skip
    beside = [
        (n, f.price / a - 1.0) for n, a in f.averages.items() if f.price is not None and a is not None and a > 0.0
    ]
    if beside:
        distances = ", ".join(f"{share(abs(d))} {'above' if d >= 0 else 'below'} {n}" for n, d in beside)
        told.append(f"Price against its averages (total return, by sessions): {distances}.")
    if f.rank:
        told.append(f"Its 12-1 momentum ranks {f.rank} of {f.ranked}, counted from the weakest.")
    if told and f.session != subject.now.session:
        told.insert(0, f"Forecasts act at auctions only, so these are of the auction of {f.session}.")
    return tuple(told) or ("No indicator can be computed yet.",)


def _signed(value: float | None) -> str:
    return f"{value:+.2f}" if value is not None and math.isfinite(value) else wording.UNKNOWN


def _forecast(case: Case, subject: Subject) -> tuple[str, ...]:
    told = [f"{name}: {text}" for name, text in subject.said]
    horizon = sessions(case.policy.auction.horizon)
    for bid in _bids(case, subject.instrument.symbol):
        told.append(
            f"{bid.strategy} expects {share(bid.mu)} over {horizon}, in excess of cash (score {_signed(bid.score)}, "
            f"confidence {figure(bid.confidence)})."
        )
    if case.auction is not None and not _bids(case, subject.instrument.symbol):
        told.append("So no strategy made a forecast for it, and there is no bid.")
    return tuple(told)


def _auction(case: Case, subject: Subject) -> tuple[str, ...]:
    if case.auction is None or case.auction.auction is None:
        return ("No auction has been held, so nothing can be bought.",)
    held = case.auction.session
    record = case.auction.auction
    today = "of this session" if held == case.record.session else f"of {held}, the last before this session"
    told = [f"The auction {today}, ended {record.status.replace('_', ' ')} with {len(record.bids)} bids."]
    told += [sentence(code, BOOK) for code in record.reasons]
    for bid in _bids(case, subject.instrument.symbol):
        told += _bid(case, bid)
    return tuple(told)


def _bid(case: Case, bid: BidRecord) -> list[str]:
    """One bid: its arithmetic, its fate, and what stopped it at what price."""
    assert case.auction is not None
    horizon, policy = case.policy.auction.horizon, case.policy
    told = []
    if bid.rank:
        told.append(f"{bid.strategy}'s bid ranked {bid.rank}. {_adjustment(bid, policy)}")
    told.append(f"{bid.decision}: {_bid_reason(bid)}")
    if bid.weight > 0.0:
        told.append(
            f"It won {share(bid.weight)} of NAV (its own cap: {_cap(bid)}), for {share(bid.return_share)} of expected "
            f"return and {share(bid.cvar_share)} of CVaR over {sessions(horizon)}."
        )
    if bid.binding:
        told.append(_stopped(case, bid))
    return told


def _cap(bid: BidRecord) -> str:
    return share(bid.cap) if math.isfinite(bid.cap) else "none"


def _adjustment(bid: BidRecord, policy: Policy) -> str:
    """A2's arithmetic: forecast, each penalty, cost, what ranks the bid."""
    horizon = sessions(policy.auction.horizon)
    if policy.auction.adjustment == "seed" or not bid.mu > 0.0:
        return f"Adjusted return {share(bid.adjusted)} over {horizon}, cost {share(bid.cost)}."
    net = bid.adjusted + bid.cost
    fade = math.exp(-policy.auction.time_decay * policy.forecast.holding_sessions / 252.0)
    rest = net / bid.mu / (bid.quality * fade) if bid.quality * fade > 0.0 else math.nan
    penalties = [f"quality {figure(bid.quality)}"]
    penalties += [f"time decay {figure(fade, 3)}"] if fade != 1.0 else []
    penalties += [f"model decay and disagreement {figure(rest, 3)}"] if abs(rest - 1.0) > 1e-9 else ["no other penalty"]
    return (
        f"Adjusted return over {horizon}: {share(bid.mu)} x {', '.join(penalties)}, less {share(bid.cost)} cost = "
        f"{share(bid.adjusted)}."
    )


def _stopped(case: Case, bid: BidRecord) -> str:
    assert case.auction is not None
    if bid.price is None:
        return f"What stopped it: {_binding(bid)}, which left no room at all."
    stopped = "What kept it from more" if bid.weight > 0.0 else "What stopped it"
    nav, horizon = case.auction.nav / 100.0, case.policy.auction.horizon
    return f"{stopped}: {_binding(bid)}. {wording.worth(bid.binding, bid.price, nav, horizon)}"


def _binding(bid: BidRecord) -> str:
    if bid.binding in bid.reasons:  # a cap put on it for a reason already told
        return f"the present weight, which it may not exceed ({bid.binding})"
    return wording.limit_name(bid.binding)


def _programme(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    programme = case.record.carried.programme
    if programme is None or case.auction is None:
        return ("There is no programme yet.",)
    since = case.auction.session
    parts = [f"{s.strategy} {share(s.weight)}" for s in programme.shares if s.symbol == symbol]
    if not parts:
        return (f"The programme in force since the auction of {since} holds no {symbol}.",)
    total = f"{share(at.programme)} of NAV in {symbol}"
    split = f" ({', '.join(parts)})" if len(parts) > 1 else f" (for {parts[0].rpartition(' ')[0].rpartition(' ')[0]})"
    return (f"The programme in force since the auction of {since} wants {total}{split}.",)


def _restraints(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    """What the book's state and the symbol's stop impose on it; the book's own lines are in the session's summary."""
    told = list(book_restraints(case))
    for stop in case.record.carried.stops:
        if stop.symbol == symbol and stop.stage:
            fate = "exited" if stop.stage == 2 else "reduced to half"
            held = f"; it is held to {share(stop.cap)} of NAV until an auction lifts it" if stop.cap < 1.0 else ""
            told.append(f"Its stop {fate} it on {_iso(stop.day)}{held}.")
    for event in case.record.events:
        if event.scope == symbol:
            told.append(sentence(event.kind, symbol, event.measured, event.limit))
    for pair in case.record.carried.pairs:
        if symbol in (pair.first, pair.second):
            other = pair.second if symbol == pair.first else pair.first
            told.append(f"It moves with {other} (correlation {figure(pair.correlation)}), so both share a cap.")
    if abs(at.desired - at.programme) > 1e-12:
        told.append(f"Under them the target of the day is {share(at.desired)} of NAV instead of {share(at.programme)}.")
    return tuple(told)


def _iso(day: int) -> str:
    from plimsoll.core.sessions import iso_day

    return iso_day(day)


def book_restraints(case: Case) -> tuple[str, ...]:
    """Mode, ladder, regime and budgets in force, with the figures behind them."""
    record, policy = case.record, case.policy
    restraint, ladder = record.restraint, record.carried.ladder
    episode, lifetime = (share(record.figures.get(f"drawdown_{name}")) for name in ("episode", "lifetime"))
    told = [f"Mode {record.carried.mode}; drawdown {episode} from the episode's peak, {lifetime} from the lifetime's."]
    if record.carried.halted:
        told.append(f"{sentence('HALTED', BOOK)} {sentence(record.carried.halted, BOOK)}")
    if ladder.fired:
        told.append(f"Ladder level {restraint.level}; rungs fired in this episode: {', '.join(ladder.fired)}.")
    told += [sentence(code, BOOK) for code in restraint.reasons]
    if restraint.gross_ceiling is not None:
        told.append(f"Gross exposure may not exceed {share(restraint.gross_ceiling)} of NAV until re-entry.")
    if ladder.cooldown:
        told.append(f"The ladder's cooldown lasts {sessions(ladder.cooldown)} more.")
    if restraint.size != 1.0:
        told.append(f"The programme runs at {share(restraint.size)} of its size.")
    told.append(_regime(case))
    scale = record.limits.get("cvar_budget_1", math.nan) / policy.cvar.budget_1
    if scale < 1.0:
        deep = (record.figures.get("drawdown_lifetime") or 0.0) > policy.cvar.drawdown_base - policy.cvar.drawdown_span
        causes = ["the drawdown"] * deep + ["the crisis regime"] * record.regime.stress
        told.append(f"CVaR budgets stand at {share(scale)} of their full size because of {' and '.join(causes)}.")
    return tuple(told)


def _regime(case: Case) -> str:
    regime, forecast = case.record.regime, case.policy.forecast
    names = ("normal", "volatile", "crisis")
    best = max(range(3), key=lambda i: regime.belief[i])
    text = f"Regime: {names[best]} ({share(regime.belief[best])}), P(crisis) at the outlook {share(regime.crisis)}"
    if regime.vix is None:
        return f"{text}; VIX absent, {regime.source} stands in."
    bounds = (forecast.vix_elevated, forecast.vix_high, forecast.vix_extreme)
    label = ("NORMAL", "ELEVATED", "HIGH_VOL", "EXTREME")[sum(regime.vix >= b for b in bounds)]
    stress = "; the crisis regime is on" if regime.stress else ""
    return f"{text}; VIX {figure(regime.vix)} ({label}){stress}."


def band(desired: float, policy: Policy) -> float:
    """The change below which nothing trades: the smaller of a part of NAV and a part of the target (A7)."""
    return min(policy.shaping.band_nav, policy.shaping.band_target * abs(desired))


def _order(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """Held, target, band, the day's step and the orders it competes with."""
    symbol, shaping = subject.instrument.symbol, case.policy.shaping
    if not (at.held or at.desired or at.lots):
        return ("Nothing is held and nothing is wanted, so there is no order.",)
    gap = at.desired - at.held
    width = band(at.desired, case.policy)
    told = [
        f"Held {share(at.held)}, target {share(at.desired)}: a gap of {share(gap)} of NAV "
        f"({money(abs(gap) * case.nav)}); its band is {share(width)}."
    ]
    intent = _intent(case, symbol)
    if intent is None:
        told += _reasons(case, symbol, at.reasons)
    else:
        side = "buy" if intent.lots > 0 else "sell"
        only = ", reduce-only" if intent.reduce_only else ""
        value = abs(at.proposed - at.held) * case.nav
        told.append(
            f"Order: {side} {_units(intent.lots, subject.instrument)} of {symbol}, {money(value)} at the close of "
            f"{figure(intent.reference)}{only}."
        )
        told += _reasons(case, symbol, [c for c in at.reasons if c != "TO_TARGET"])
        if abs(at.proposed - at.desired) > width and not intent.reduce_only:
            told.append(f"That is part of the way: {share(at.proposed)} of NAV after it.")
    count = len(case.record.intents)
    turnover = share(case.record.figures.get("turnover"))
    told.append(
        f"The session used {count} of {shaping.trades_max} trades and {turnover} of {share(shaping.turnover_max)} turnover."
    )
    return tuple(told)


def _intent(case: Case, symbol: str) -> Intent | None:
    return next((i for i in case.record.intents if i.symbol == symbol), None)


def _units(lots: int, instrument: Instrument) -> str:
    units = abs(lots) / instrument.lots_per_unit
    return f"{units:,.0f} units" if instrument.lots_per_unit == 1 else f"{units:,.4f} units"


def _gates(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """Every gate's figure beside its limit, and what failed on the way to the order."""
    symbol = subject.instrument.symbol
    found = [f for f in case.record.findings if f.scope in (symbol, BOOK)]
    told = []
    if found:
        told.append("Failed on the way, so that increases were scaled or refused:")
        told += [f"- {wording.finding(f)}" for f in found]
    told.append("The book after the session's orders:")
    told += [f"- {line}" for line in book_gates(case)]
    told += [f"- {line}" for line in _own_gates(case, subject, at)]
    return tuple(told)


def book_gates(case: Case) -> tuple[str, ...]:
    """Figures of the whole book after its orders, each beside its limit and horizon."""
    record = case.record
    figures, limits, shaping = record.figures, record.limits, case.policy.shaping
    horizons = (1, case.policy.auction.horizon)
    told = [
        f"gross {share(figures.get('gross_after'))} of NAV, limit {share(limits.get('gross'))}; "
        f"cash {share(figures.get('cash_after'))}, minimum {share(limits.get('cash'))}"
    ]
    for h in horizons:
        tail = figures.get(f"cvar_after_{h}")
        told.append(
            f"CVaR 95 % over {sessions(h)} {share(tail)}, budget {share(limits.get(f'cvar_budget_{h}'))}, "
            f"hard limit {share(limits.get(f'cvar_hard_{h}'))}"
        )
    for h in horizons:
        if (stressed := figures.get(f"stressed_after_{h}")) is not None:
            told.append(
                f"stressed CVaR over {sessions(h)} {share(stressed)}, budget {share(limits.get(f'stressed_{h}'))}"
            )
    if not any(f"stressed_after_{h}" in figures for h in horizons):
        told.append("stressed CVaR is measured for increases only, and there was none")
    told.append(
        f"turnover {share(figures.get('turnover'))}, limit {share(shaping.turnover_max)}; "
        f"trades {len(record.intents)}, limit {shaping.trades_max}"
    )
    return tuple(told)


def _own_gates(case: Case, subject: Subject, at: Position) -> list[str]:
    """Figures of the symbol itself; those that are measured for increases only are left out without one."""
    symbol, now = subject.instrument.symbol, subject.now
    weight = at.proposed
    if not (at.held or weight or at.desired):
        return []
    told = [f"{symbol} {share(weight)} of NAV, cap {share(now.weight_max)}{_over(weight, now.weight_max)}"]
    for h, alone in now.alone.items():
        risk, limit = (weight * alone if alone is not None else None), now.standalone_max.get(h)
        told.append(f"{symbol} alone risks {share(risk)} over {sessions(h)}, limit {share(limit)}{_over(risk, limit)}")
    if at.lots and now.incremental is not None and at.proposed > at.held:
        horizon = sessions(case.policy.auction.horizon)
        told.append(
            f"the trade adds {share(now.incremental)} of CVaR over {horizon}, limit {share(now.incremental_max)}"
        )
    if at.lots and now.adv is not None and now.adv > 0.0:
        part = abs(at.proposed - at.held) * case.nav / now.adv
        told.append(
            f"the trade is {share(part)} of average volume, limit {share(case.policy.limits.participation_max)}"
        )
    return told


def _over(measured: float | None, limit: float | None) -> str:
    """What it means that a holding has grown beyond a limit of proposals."""
    over = measured is not None and limit is not None and measured > limit
    return " (above it: nothing may be added, no sale is forced)" if over else ""


def _vetoes(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    mine = [v for v in case.record.vetoes if v.scope in (symbol, BOOK)]
    if mine:
        told = []
        for v in mine:
            shown, limit = figure(v.measured, 3), figure(v.limit, 3)
            told.append(
                f"{v.trigger} ({v.severity}) for {'the book' if v.scope == BOOK else v.scope}: {shown} against {limit}."
            )
        return tuple(told)
    if at.lots and at.proposed > at.held:
        return ("None of the ten vetoes spoke against it.",)
    return ("Vetoes judge increases; this is none." if at.lots else "No order, so nothing for the vetoes to judge.",)


def _fill(case: Case, subject: Subject) -> tuple[str, ...]:
    symbol = subject.instrument.symbol
    told = []
    for done in case.morning:
        if done.symbol == symbol:
            told.append(f"Before this decision, at the open of {done.session}: {_executed(done, subject.instrument)}")
    intent = _intent(case, symbol)
    if intent is None:
        told += [f"After it, on {f.session}: {_executed(f, subject.instrument)} ({f.reason})"
                 for f in case.fills if f.symbol == symbol]  # fmt: skip
        return tuple(told)
    fills = [f for f in case.fills if f.id == intent.id]
    if not fills:
        if not subject.next_session:
            told.append("The order is open: the snapshot ends with this session.")
        elif not known(subject.next_open):
            told.append(f"The order did not fill: {symbol} has no open on {subject.next_session}. It expired.")
        else:
            told.append(f"The order did not fill on {subject.next_session}: the journal holds no fill of it.")
    for done in fills:
        opened = f" against an open of {figure(subject.next_open)}" if known(subject.next_open) else ""
        told.append(f"At the open of {done.session}: {_executed(done, subject.instrument)[:-1]}{opened}.")
        if abs(done.lots) < abs(intent.lots):
            told.append(f"Of {_units(intent.lots, subject.instrument)} ordered; the rest expired.")
    return tuple(told)


def _executed(done: Fill, instrument: Instrument) -> str:
    verb = "bought" if done.lots > 0 else "sold"
    costs = (
        f"{done.commission / 100:,.2f} commission, {done.slippage / 100:,.2f} slippage, {done.impact / 100:,.2f} impact"
    )
    return (
        f"{verb} {_units(done.lots, instrument)} at {figure(done.price)} for {abs(done.notional) / 100:,.2f} USD "
        f"(costs in USD: {costs})."
    )


def _otherwise(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """What a different outcome would have taken, where that is a simple comparison."""
    told: list[str] = []
    for code in at.reasons:
        hint = _hint(case, subject, at, code)
        if hint:
            told.append(hint)
    if not (at.held or at.programme):
        for bid in _bids(case, subject.instrument.symbol):
            told += _bid_hints(case, bid)
        if case.auction is not None and not _bids(case, subject.instrument.symbol):
            told.append("A forecast: a strategy's rule above would have to turn at the next auction.")
    return tuple(dict.fromkeys(told))


def _hint(case: Case, subject: Subject, at: Position, code: str) -> str:
    policy, now, record = case.policy, subject.now, case.record
    gap, width = abs(at.desired - at.held), band(at.desired, case.policy)
    match code:
        case "IN_BAND":
            return f"A gap of {share(width)} of NAV or more between holding and target; it is {share(gap)}."
        case "BELOW_MIN_TRADE":
            return f"A trade of {money(policy.shaping.min_trade)} or more."
        case "BELOW_ONE_LOT":
            return "A gap of at least one lot, or a larger account."
        case "TRADE_COUNT":
            return (
                f"Fewer than {policy.shaping.trades_max} larger trades in the session; it competes again in the next."
            )
        case "TURNOVER":
            return f"More room in the session's turnover of {share(policy.shaping.turnover_max)}; the rest follows."
        case "VIX_HIGH" if known(record.regime.vix):
            return f"VIX at or below {figure(policy.forecast.vix_high)}; it is {figure(record.regime.vix)}."
        case "VIX_EXTREME" if known(record.regime.vix):
            return f"VIX below {figure(policy.forecast.vix_extreme)}; it is {figure(record.regime.vix)}."
        case "LADDER_NO_NEW_RISK":
            wait = record.carried.ladder.cooldown
            rest = f"{sessions(wait)} of cooldown" if wait else "no cooldown"
            return f"A re-entry: {rest} and the health checks stand before it, then a signature where one is asked for."
        case "LOW_CONFIDENCE":
            least = max(policy.forecast.confidence_min, record.restraint.confidence_min)
            programme = record.carried.programme
            have = programme.confidence.get(subject.instrument.symbol) if programme is not None else None
            return f"A confidence of {figure(least)} or more; it is {figure(have)}."
        case "POSITION_ABOVE_MAX":
            return f"A target within the cap of {share(now.weight_max)}; it is {share(at.desired)}."
        case "STANDALONE_ABOVE_MAX":
            return _standalone_hint(at, now)
        case "STOP_CAP":
            wait = policy.stops.rearm_sessions
            return f"An auction at least {sessions(wait)} after the stop, with the price above its 50-session average."
    return ""


def _standalone_hint(at: Position, now: Figures) -> str:
    """The weight at which the symbol's own risk meets its limit, over the tighter horizon."""
    caps = [(limit / alone, h) for h, alone in now.alone.items()
            if alone is not None and alone > 0.0 and (limit := now.standalone_max.get(h)) is not None]  # fmt: skip
    if not caps:
        return ""
    most, h = min(caps)
    return (
        f"At its present risk at most {share(most)} of NAV may be held in it (CVaR over {sessions(h)}); it is at "
        f"{share(at.held)} and wants {share(at.desired)}."
    )


def _bid_hints(case: Case, bid: BidRecord) -> list[str]:
    match bid.decision, bid.reasons:
        case "REJECTED", ("NON_POSITIVE_MU", *_):
            return [f"A positive expected return; {bid.strategy} expects {share(bid.mu)}."]
        case "OUTBID", ("OUTBID", *_):
            name = wording.limit_name(bid.binding) if bid.binding not in bid.reasons else "its own cap"
            return [f"A higher expected return per unit of {name}, or more of that limit."]
        case "OUTBID", ("NOT_WORTH_ITS_RISK", *_):
            return [
                f"An expected return over {share(bid.mu)} that pays for its cost of {share(bid.cost)} and its tail."
            ]
        case "REJECTED", reasons if "LOW_CONFIDENCE" in reasons:
            assert case.auction is not None
            least = max(case.policy.forecast.confidence_min, case.auction.restraint.confidence_min)
            return [f"A confidence of {figure(least)} or more; {bid.strategy}'s is {figure(bid.confidence)}."]
    return []

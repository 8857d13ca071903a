"""Explanation of one symbol in one session, from data to outcome, in plain sentences (G4).

Pure: everything comes from the journaled decision, the auction that set the target portfolio in force, the events up
to the next decision, the policy, and a few figures read from the certified panel. Journaled figures are quoted; figures
read again from the panel come from the array that the decision read.
"""

from __future__ import annotations

import math

from plimsoll.analysis import wording
from plimsoll.analysis.case import BOOK, Case, Explanation, ExplanationStep, Position, Subject, bids, position
from plimsoll.analysis.explain_change import otherwise
from plimsoll.analysis.explain_day import fill, gates, line_reasons, order, order_reasons, restraints, vetoes
from plimsoll.analysis.explain_life import decay_of, standing
from plimsoll.analysis.wording import figure, known, sentence, sessions, share
from plimsoll.core.decision import BidRecord, TargetRecord
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import COUNTS
from plimsoll.core.sessions import SESSIONS_A_YEAR


def explain(case: Case, subject: Subject) -> Explanation:
    """All steps for one symbol."""
    symbol = subject.instrument.symbol
    at = position(case.record, symbol)
    steps = (
        ExplanationStep("outcome", _outcome(case, subject, at)),
        ExplanationStep("data", _data(case, subject)),
        ExplanationStep("indicators", _indicators(subject)),
        ExplanationStep("forecast", _forecast(case, subject)),
        ExplanationStep("auction", _auction(case, subject)),
        ExplanationStep("programme", _programme(case, symbol, at)),
        ExplanationStep("restraints", restraints(case, symbol, at)),
        ExplanationStep("order", order(case, subject, at)),
        ExplanationStep("gates", gates(case, subject, at)),
        ExplanationStep("vetoes", vetoes(case, symbol, at)),
        ExplanationStep("fill", fill(case, subject)),
        ExplanationStep("what would have changed it", otherwise(case, subject, at)),
    )
    lines = tuple(s for s in steps if s.sentences)
    return Explanation(case.record.session, symbol, at.outcome, headline(case, symbol), at.reasons, lines)


def headline(case: Case, symbol: str) -> str:
    """The outcome in one sentence."""
    at = position(case.record, symbol)
    if at.outcome == "EXECUTE":
        verb = "buys" if at.lots > 0 else "sells"
        whole = " (all of it)" if at.proposed == 0.0 else ""
        return f"{verb} {symbol}{whole}: {share(at.held)} of NAV to {share(at.proposed)}. {_motive(case, symbol, at)}"
    if at.outcome == "REJECT":
        because = " ".join(line_reasons(case, symbol, at.reasons))
        more = f"may not add to {symbol}" if at.held else f"may not buy {symbol}"
        return f"{more}, held at {share(at.held)} with a target of {share(at.desired)}. {because}"
    if at.held or at.target:
        because = " ".join(line_reasons(case, symbol, at.reasons))
        return f"leaves {symbol} at {share(at.held)} of NAV (target {share(at.desired)}). {because}"
    return f"holds no {symbol}. {absence(case, symbol)}"


def _motive(case: Case, symbol: str, at: Position) -> str:
    """The reason of an order: the rule that forced or cut it, else the target portfolio."""
    if lines := order_reasons(case, symbol, at):
        return " ".join(lines)
    if at.target == 0.0:
        return f"The target portfolio no longer wants it. {absence(case, symbol)}"
    since = f" of {case.auction.session}" if case.auction is not None else ""
    return f"The target portfolio{since} wants {share(at.target)}."


def absence(case: Case, symbol: str) -> str:
    """Why a symbol that is neither held nor targeted is not."""
    if case.auction is None:
        return "No auction has been held yet."
    entered = bids(case, symbol)
    if not entered:
        return f"No strategy made a bid at the auction of {case.auction.session}."
    return " ".join(dict.fromkeys(_bid_reason(case, b) for b in entered))


def _bid_reason(case: Case, bid: BidRecord) -> str:
    figures = {f.reason: (f.measured, f.limit) for f in case.auction_data if f.scope == bid.symbol}
    if case.auction is not None:
        figures["DECAYED"] = decay_of(case.auction, bid.strategy), case.policy.auction.decay_min
    return " ".join(sentence(code, bid.symbol, *figures.get(code, (None, None))) for code in bid.reasons)


def _outcome(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    lines = [f"{at.outcome}: the decision of {case.record.session} {headline(case, subject.instrument.symbol)}"]
    rest = [code for code in at.reasons if wording.remedy(code)]
    lines += [f"Remedy: {wording.remedy(code)}." for code in rest]
    return tuple(lines)


def _data(case: Case, subject: Subject) -> tuple[str, ...]:
    now, certified, symbol = subject.now, subject.certification, subject.instrument.symbol
    source = f"from {certified.provider}, " if certified.provider else ""
    known = "certified" if now.sound else "not certified, for a hard flag, missing sessions or its score"
    lines = [
        f"As known at {now.session} {symbol} is {known} ({source}quality {figure(now.quality)}).",
        f"At the end of the snapshot it is {certified.state}, {share(certified.missing_pct)} of its sessions missing.",
    ]
    if now.rows:
        price = f"its last bar is of {now.last_bar}, close {figure(now.close)}"
        lines.append(f"At {now.session} it has {now.rows:,} bars; {price}.")
    else:
        lines.append(f"At {now.session} it has no bar yet: its history begins on {certified.first or 'no date'}.")
    if not subject.instrument.tradable:
        lines.append(sentence("NOT_TRADABLE", symbol))
    elif not now.eligible:
        lines.append("It may not be bid for: it is not certified, not a member, ended, or has too few bars yet.")
    if now.rows:
        late = [wording.finding(f) for f in case.data if f.scope == symbol]
        lines += late or ["Its data is fresh."]
    lines += [_flag(f.reason, f.severity, f.count, f.day, f.last_day, symbol, now.session)
             for f in certified.flags if f.day <= now.session]  # fmt: skip
    return tuple(lines)


def _flag(code: str, severity: str, count: int, first: str, last: str, symbol: str, today: str) -> str:
    """A dated flag; later days are not shown (D10)."""
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
    lines = []
    momenta = ", ".join(f"{share(v)} {name}" for name, v in f.momentum.items() if known(v))
    if momenta:
        lines.append(f"Momentum at {f.session}: {momenta}.")
    if known(f.volatility):
        lines.append(f"Volatility over 60 sessions: {share(f.volatility)} a year; z60 (momentum in its own standard "
                    f"deviations): {_signed(f.z)}.")  # fmt: skip
    beside = [
        (n, f.price / a - 1.0) for n, a in f.averages.items() if f.price is not None and a is not None and a > 0.0
    ]
    if beside:
        distances = ", ".join(f"{share(abs(d))} {'above' if d >= 0 else 'below'} {n}" for n, d in beside)
        lines.append(f"Price against its averages (total return, by sessions): {distances}.")
    if f.rank:
        lines.append(f"Its 12-1 momentum ranks {f.rank} of {f.ranked}, counted from the weakest.")
    if lines and f.session != subject.now.session:
        lines.insert(0, f"Forecasts act at auctions only, so these are of the auction of {f.session}.")
    return tuple(lines) or ("No indicator can be computed yet.",)


def _signed(value: float | None) -> str:
    return f"{value:+.2f}" if value is not None and math.isfinite(value) else wording.UNKNOWN


def _forecast(case: Case, subject: Subject) -> tuple[str, ...]:
    lines = [f"{name}: {text}" for name, text in subject.said]
    horizon = sessions(case.policy.auction.horizon)
    for bid in bids(case, subject.instrument.symbol):
        if (stands := _stands(bid)) or _target(case, bid) is not None:
            lines.append(stands or f"{bid.strategy} wants {_cap(bid)} of NAV in it, as part of a target portfolio.")
            continue
        lines.append(
            f"{bid.strategy} expects {share(bid.mu)} over {horizon}, in excess of cash (score {_signed(bid.score)}, "
            f"confidence {figure(bid.confidence)})."
        )
    if case.auction is not None and not bids(case, subject.instrument.symbol):
        lines.append("So no strategy made a forecast for it, and there is no bid.")
    return tuple(lines)


def _auction(case: Case, subject: Subject) -> tuple[str, ...]:
    if case.auction is None or case.auction.auction is None:
        return ("No auction has been held, so nothing can be bought.",)
    held = case.auction.session
    record = case.auction.auction
    today = "of this session" if held == case.record.session else f"of {held}, the last before this session"
    came = {"optimal": "found the exact optimum", "no_bids": "had no admissible bid"}
    ended = came.get(record.status, f"ended {record.status.replace('_', ' ')}")
    lines = [f"The auction {today}, {ended} ({wording.counted(len(record.bids), 'bid')})."]
    lines += [sentence(code, BOOK) for code in record.reasons]
    for bid in bids(case, subject.instrument.symbol):
        lines += standing(case.auction, bid.strategy, case.policy)
        lines += _bid(case, bid)
    return tuple(lines)


def _bid(case: Case, bid: BidRecord) -> list[str]:
    """One bid: its arithmetic, its outcome, and the limit that stopped it with its price."""
    assert case.auction is not None
    horizon, policy = case.policy.auction.horizon, case.policy
    lines: list[str] = []
    if (target := _target(case, bid)) is not None:
        return _as_part(bid, target)
    if bid.rank:
        decay = decay_of(case.auction, bid.strategy)
        lines.append(f"{bid.strategy}'s bid ranked {bid.rank}. {_adjustment(bid, policy, decay)}")
    lines.append(f"{bid.decision}: {_bid_reason(case, bid)}")
    if bid.decision == "KEPT" and _stands(bid):
        lines.append(
            "Its strategy made no forecast for it, so it is kept: no other bid takes its room, only a limit does."
        )
    elif bid.decision == "KEPT":
        lines.append("A kept position is credited at least with its CVaR charge, so that only a limit sells any of it.")
        if bid.weight < bid.cap * 0.999:
            lines.append(f"Here one did: of {share(bid.cap)} it kept {share(bid.weight)}.")
    if bid.weight > 0.0:
        got = "keeps" if bid.decision == "KEPT" else "won"
        lines.append(
            f"It {got} {share(bid.weight)} of NAV (its own cap: {_cap(bid)}), for {share(bid.return_share)} of "
            f"expected return and {share(bid.cvar_share)} of CVaR over {sessions(horizon)}."
        )
    if bid.binding:
        lines += _stopped(case, bid)
    return lines


def _target(case: Case, bid: BidRecord) -> TargetRecord | None:
    """The target portfolio a bid that took part is a weight of."""
    if case.auction is None or case.auction.auction is None or not bid.rank or bid.decision == "KEPT":
        return None
    return next((t for t in case.auction.auction.targets if t.strategy == bid.strategy), None)


def _as_part(bid: BidRecord, target: TargetRecord) -> list[str]:
    """The outcome of one weight of a target portfolio: it is that of the whole (S1)."""
    wants = f"{bid.strategy} wants {share(bid.cap)} of NAV in {bid.symbol}, and {share(target.asked)} in all."
    lines = [f"{bid.decision}: {wants}"]
    if target.limit:
        lines.append(
            f"{_opened(wording.limit_name(target.limit))} allows the portfolio at {share(target.scale)} of its size, "
            f"and it is scaled as a whole, so that its proportions hold: {share(bid.weight)} of NAV."
        )
    else:
        lines.append(f"The whole portfolio fits within every limit: {share(bid.weight)} of NAV.")
    return lines


_STANDS = {
    "STRATEGY_ERROR": "{strategy} raised an error at this auction: its position in {symbol} is kept.",
    "FORECAST_INVALID": "{strategy} made an invalid forecast for {symbol}: its position is kept.",
    "NOT_DUE": "{strategy} was not called at this auction: its position in {symbol} is kept.",
    "CLOSE_ONLY": "{strategy} made no forecast for {symbol}, whose data are not certified: its position is kept.",
}


def _opened(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _stands(bid: BidRecord) -> str:
    """Why a position without a forecast is kept; "" for a bid that was made."""
    why = next((reason for reason in bid.reasons if reason in _STANDS), "") if bid.decision != "REJECTED" else ""
    return _STANDS[why].format(strategy=bid.strategy, symbol=bid.symbol) if why else ""


def _cap(bid: BidRecord) -> str:
    return share(bid.cap) if math.isfinite(bid.cap) else "none"


def _adjustment(bid: BidRecord, policy: Policy, decay: float | None) -> str:
    """A2's arithmetic: forecast, each penalty, cost, what ranks the bid; ``decay`` None where it was not followed."""
    horizon = sessions(policy.auction.horizon)
    if policy.auction.adjustment == "seed" or not bid.mu > 0.0:
        return f"Adjusted return {share(bid.adjusted)} over {horizon}, cost {share(bid.cost)}."
    net = bid.adjusted + bid.cost
    fade = math.exp(-policy.auction.time_decay * policy.forecast.holding_sessions / SESSIONS_A_YEAR)
    rest = net / bid.mu / (bid.quality * fade) if bid.quality * fade > 0.0 else math.nan
    penalties = [f"quality {figure(bid.quality)}"]
    penalties += [f"time decay {figure(fade, 3)}"] if fade != 1.0 else []
    left = "model decay and disagreement"
    if decay is not None and decay > 0.0:
        penalties += [f"model decay {figure(decay, 3)}"] if decay != 1.0 else []
        rest, left = rest / decay, "disagreement"
    penalties += [f"{left} {figure(rest, 3)}"] if abs(rest - 1.0) > 1e-9 else ["no other penalty"]
    return (
        f"Adjusted return over {horizon}: {share(bid.mu)} x {', '.join(penalties)}, less {share(bid.cost)} cost = "
        f"{share(bid.adjusted)}."
    )


def _stopped(case: Case, bid: BidRecord) -> list[str]:
    """Every limit that kept a bid from more, the first first, each with its shadow price (A5)."""
    assert case.auction is not None
    if bid.price is None:
        return [f"Stopped by: {_binding(bid, bid.binding)}, which left no room at all."]
    nav, horizon = case.auction.nav / 100.0, case.policy.auction.horizon
    all_ = bid.bindings or ((bid.binding, bid.price),)
    stopped = "Limited by" if bid.weight > 0.0 else "Stopped by"
    if len(all_) == 1:
        return [f"{stopped}: {_binding(bid, bid.binding)}. {wording.worth(bid.binding, bid.price, nav, horizon)}"]
    lines = [f"- {_binding(bid, name)}. {wording.worth(name, price, nav, horizon)}" for name, price in all_]
    return [f"{stopped}, {len(all_)} limits at once, so that more of one alone may not help:", *lines]


def _binding(bid: BidRecord, name: str) -> str:
    if name in bid.reasons:  # a cap put on it for a reason already told
        return f"the present weight, which it may not exceed ({name})"
    return wording.limit_name(name)


def _programme(case: Case, symbol: str, at: Position) -> tuple[str, ...]:
    target = case.record.carried.portfolio
    if target is None or case.auction is None:
        return ("There is no target portfolio yet.",)
    since = case.auction.session
    force = f"The target portfolio in force since the auction of {since}"
    shares = [s for s in target.shares if s.symbol == symbol]
    if not shares:
        return (f"{force} holds no {symbol}.",)
    each = ", ".join(f"{s.strategy} {share(s.weight)}" for s in shares)
    whose = each if len(shares) > 1 else f"for {shares[0].strategy}"
    return (f"{force} wants {share(at.target)} of NAV in {symbol} ({whose}).",)

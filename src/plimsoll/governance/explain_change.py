"""What would have had to be otherwise for another outcome, where that is a simple comparison (G4)."""

from __future__ import annotations

from plimsoll.core.decision import BidRecord, CycleRecord
from plimsoll.governance import wording
from plimsoll.governance.case import Case, Figures, Position, Subject, bids
from plimsoll.governance.explain_day import band
from plimsoll.governance.wording import figure, known, money, sessions, share


def otherwise(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """One sentence for each thing that stood in the way; several stood in it together."""
    symbol = subject.instrument.symbol
    if at.held or at.programme:
        return _together([_hint(case, subject, at, code) for code in at.reasons])
    if not subject.instrument.tradable or case.auction is None:
        return ()
    entered = bids(case, symbol)
    if not entered:
        return ("A forecast: at the next auction one of the rules above would have to turn into a bid.",)
    told: list[str] = []
    for bid in entered:
        name = f"For {bid.strategy}'s bid: " if len(entered) > 1 else ""
        told += [f"{name}{text}" for text in _together(_bid_hints(case, bid))]
    return tuple(told)


def _together(hints: list[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(h for h in hints if h))
    return found if len(found) < 2 else ("All of these at once:", *(f"- {h}" for h in found))


def _hint(case: Case, subject: Subject, at: Position, code: str) -> str:
    policy, now, record = case.policy, subject.now, case.record
    gap, width = abs(at.desired - at.held), band(at.desired, case.policy)
    match code:
        case "IN_BAND":
            least = max(width, policy.shaping.min_trade / case.nav) if case.nav > 0.0 else width
            return f"A gap of {share(least)} of NAV or more between holding and target; it is {share(gap)}."
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
        case "CORRELATION_ALIKE" if record.carried.comovement is not None:
            off, lowest = policy.correlation.alike_leave, record.carried.comovement.lowest
            return f"A pair of holdings whose correlation is {figure(off)} or less; the lowest is {figure(lowest)}."
        case "LADDER_NO_NEW_RISK":
            wait = record.carried.ladder.cooldown
            rest = f"{sessions(wait)} of cooldown" if wait else "no cooldown"
            return f"A re-entry: {rest} and the health checks stand before it, then a signature where one is asked for."
        case "LOW_CONFIDENCE":
            programme = record.carried.programme
            have = programme.confidence.get(subject.instrument.symbol) if programme is not None else None
            return _confidence(case, record, have)
        case "POSITION_ABOVE_MAX":
            return f"A target within the cap of {share(now.weight_max)}; it is {share(at.desired)}."
        case "STANDALONE_ABOVE_MAX":
            return _standalone_hint(at, now)
        case "STOP_CAP":
            return _stop(case, subject.instrument.symbol)
        case "LADDER_NO_CRYPTO" | "REGIME_NO_CRYPTO":
            return _crypto(case, record, code)
    return ""


def _stop(case: Case, symbol: str) -> str:
    """What a stop asks for: on its own day the loss it did not allow, afterwards what lifts its cap (R7)."""
    for event in case.record.events:
        if event.kind in ("STOP_REDUCED", "STOP_EXITED") and event.scope == symbol:
            return f"A loss from average cost below {share(event.limit)}; it was {share(event.measured)}."
    wait = sessions(case.policy.stops.rearm_sessions)
    return f"An auction at least {wait} after the stop, with the price above its 50-session average."


def _confidence(case: Case, record: CycleRecord, have: float | None) -> str:
    least = max(case.policy.forecast.confidence_min, record.restraint.confidence_min)
    return f"A confidence of {figure(least)} or more; it is {figure(have)}."


def _crypto(case: Case, record: CycleRecord, code: str) -> str:
    """What bars new crypto: the ladder by drawdown, the regime by its probability (R4, R8)."""
    regime = case.policy.regime
    if code == "REGIME_NO_CRYPTO":
        off, wait = share(regime.crisis_off), sessions(regime.crisis_sessions)
        return (
            f"The end of the crisis regime: P(crisis) below {off}, {wait} or more after it began; it is "
            f"{share(record.regime.crisis)}."
        )
    barring = [r for r in case.policy.ladder.rungs if r.no_new_crypto]
    if record.restraint.level > 1 or not barring:
        return "A re-entry of the drawdown ladder."
    least = min(r.threshold for r in barring)
    return f"A drawdown below {share(least)}; it is {share(record.figures.get('drawdown_episode'))}."


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
    """What one losing bid lacked, a sentence for each of its reasons."""
    assert case.auction is not None
    return [_bid_hint(case, case.auction, bid, code) for code in bid.reasons]


def _bid_hint(case: Case, auction: CycleRecord, bid: BidRecord, code: str) -> str:
    match code:
        case "NON_POSITIVE_MU":
            return f"A positive expected return; {bid.strategy} expects {share(bid.mu)}."
        case "OUTBID":
            name = "its own cap" if bid.binding in bid.reasons else wording.limit_name(bid.binding)
            return f"A higher expected return for what it uses of {name}, or more of that limit."
        case "NOT_WORTH_ITS_RISK":
            return f"An expected return above {share(bid.mu)}, to pay for its cost of {share(bid.cost)} and its tail."
        case "LOW_CONFIDENCE":
            return _confidence(case, auction, bid.confidence)
        case "LADDER_NO_CRYPTO" | "REGIME_NO_CRYPTO":
            return _crypto(case, auction, code)
        case "STOP_CAP":
            return _stop(case, bid.symbol)
    return ""

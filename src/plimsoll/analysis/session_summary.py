"""A whole session on one page: the account's state, trades and refusals with their reasons (G4)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plimsoll.analysis import wording
from plimsoll.analysis.case import BOOK, Case, Explanation, ExplanationStep, position
from plimsoll.analysis.data_changes import sentences
from plimsoll.analysis.explain import absence, headline
from plimsoll.analysis.explain_day import book_gates, book_restraints, failed
from plimsoll.analysis.wording import money, sentence, share
from plimsoll.core.events import OrderDenied, OrderExpired, Proof
from plimsoll.core.protections import taken_away


class SessionExplanation(msgspec.Struct, frozen=True):
    """One session of a run: the summary of the book, and the chain of each symbol asked for.

    ``journal`` is what the journal was verified to before anything was read from it.
    """

    run: str
    session: str
    decided_at: str
    synthetic: bool
    mode: str
    nav: int
    summary: tuple[ExplanationStep, ...]
    symbols: tuple[Explanation, ...]
    journal: Proof | None = None


def summarise(case: Case, universe: Sequence[str], explanations: tuple[Explanation, ...]) -> SessionExplanation:
    """The session's summary over ``universe``, with the chains already made."""
    record = case.record
    steps = (
        ExplanationStep("protections off", tuple(f"{said[:1].upper()}{said[1:]}." for said in taken_away(case.policy))),
        ExplanationStep("book", _book(case)),
        ExplanationStep(
            "data",
            (*_unexplained(case), *(f"{_capital(said)}." for event in case.changes for said in sentences(event))),
        ),
        ExplanationStep("restraints", book_restraints(case)),
        ExplanationStep("auction", _auction(case)),
        ExplanationStep("ordered", _lines(case, universe, "EXECUTE")),
        ExplanationStep("traded", _traded(case)),
        ExplanationStep("not traded", _untraded(case)),
        ExplanationStep("refused", (*_lines(case, universe, "REJECT"), *_lines(case, universe, "ERROR"))),
        ExplanationStep("held", _held(case, universe)),
        ExplanationStep("neither held nor targeted", _absent(case, universe)),
        ExplanationStep("gates", book_gates(case)),
        ExplanationStep("above a limit before scaling", tuple(failed(case, f) for f in record.findings)),
        ExplanationStep("vetoes", tuple(f"{v.trigger} ({v.severity}) for {v.scope}." for v in record.vetoes)),
        ExplanationStep("events", tuple(_event(e.kind, e.scope, e.measured, e.limit) for e in record.events)),
    )
    return SessionExplanation(
        run=case.run,
        session=record.session,
        decided_at=record.decided_at,
        synthetic=case.synthetic,
        mode=record.carried.mode,
        nav=record.nav,
        summary=tuple(s for s in steps if s.sentences),
        symbols=explanations,
    )


def _book(case: Case) -> tuple[str, ...]:
    record = case.record
    gross = share(record.figures.get("gross"))
    facts = [f"NAV {money(case.nav)}, of which {money(record.cash / 100.0)} cash; invested {gross}."]
    if case.pre_open:
        filled = ", ".join(f"{'bought' if f.lots > 0 else 'sold'} {f.symbol}" for f in case.pre_open)
        facts.append(f"Filled at its open, from the session before: {filled}.")
    denied, expired = (sum(isinstance(e, kind) for e in case.pre_ended) for kind in (OrderDenied, OrderExpired))
    if denied:
        facts.append(f"The governor refused {wording.counted(denied, 'order')} of the session before.")
    if expired:
        facts.append(
            f"{_capital(wording.counted(expired, 'order'))} of the session before expired, in whole or in part."
        )
    return tuple(facts)


def _traded(case: Case) -> tuple[str, ...]:
    """What was executed of the session's orders."""
    return tuple(
        f"{'Bought' if f.lots > 0 else 'Sold'} {f.symbol} for {money(abs(f.notional) / 100.0)} on {f.session}."
        for f in case.fills
        if f.reason == "ORDER"
    )


def _untraded(case: Case) -> tuple[str, ...]:
    """What was not executed of the session's orders, and why."""
    symbols = {order.id: order.symbol for order in case.record.intents}
    filled = {f.id for f in case.fills}
    lines = []
    ends: tuple[OrderDenied | OrderExpired, ...] = (*case.denied, *case.expired)
    for end in ends:
        if (symbol := symbols.get(end.id)) is None:
            continue
        if isinstance(end, OrderDenied):
            why = " ".join(sentence(code, symbol) for code in end.reasons)
            lines.append(f"The governor refused the order in {symbol} on {end.session}. {why}")
        else:
            what = f"The rest of the order in {symbol}" if end.id in filled else f"The order in {symbol}"
            lines.append(f"{what} expired on {end.session}. {sentence(end.reason, symbol)}")
    ended = filled | {end.id for end in ends}
    lines += [f"The order in {symbol} is open." for id, symbol in symbols.items() if id not in ended]
    return tuple(lines)


def _unexplained(case: Case) -> tuple[str, ...]:
    """Moves of what is held or wanted that nobody explained: today's moved NAV, earlier ones bar new risk."""
    facts = []
    for symbol, flag in case.unexplained:
        today = flag.day <= case.record.session <= flag.last_day
        said = f"nobody explained a move of {symbol} ({flag.reason}" + (f": {flag.detail})" if flag.detail else ")")
        fate = "it is booked as the file tells it, in NAV and drawdown" if today else "nothing is added in it since"
        facts.append(f"WARNING: {said}: {fate}." if today else f"{_capital(said)}: {fate}.")
    return tuple(facts)


def _auction(case: Case) -> tuple[str, ...]:
    if case.auction is None or case.auction.auction is None:
        return ("No auction has been held yet.",)
    held, record = case.auction.session, case.auction.auction
    when = "An auction was held" if held == case.record.session else f"No auction; the target portfolio is of {held}"
    won = sum(b.weight > 0.0 for b in record.bids)
    facts = [f"{when}: {wording.counted(len(record.bids), 'bid')}, {won} with capital."]
    facts += [sentence(code, BOOK) for code in record.reasons]
    dearest = sorted(record.duals.items(), key=lambda item: (-item[1], item[0]))
    nav, horizon = case.auction.nav / 100.0, case.policy.auction.horizon
    for name, price in dearest[:3]:
        words = wording.limit_name(name)
        facts.append(f"Bound by {words}. {wording.worth(name, price, nav, horizon)}")
    return tuple(facts)


def _lines(case: Case, universe: Sequence[str], outcome: str) -> tuple[str, ...]:
    return tuple(_capital(headline(case, s)) for s in universe if position(case.record, s).outcome == outcome)


def _held(case: Case, universe: Sequence[str]) -> tuple[str, ...]:
    lines = []
    for symbol in universe:
        at = position(case.record, symbol)
        if at.outcome == "HOLD" and (at.held or at.target):
            lines.append(_capital(headline(case, symbol)))
    return tuple(lines)


def _absent(case: Case, universe: Sequence[str]) -> tuple[str, ...]:
    """The rest, those of one reason on one line."""
    grouped: dict[str, list[str]] = {}
    for symbol in universe:
        at = position(case.record, symbol)
        if at.outcome == "HOLD" and not (at.held or at.target):
            why = absence(case, symbol).replace(f"{symbol}'s", "its").replace(symbol, "it")
            grouped.setdefault(f"{why[0].lower()}{why[1:]}", []).append(symbol)
    return tuple(f"{', '.join(names)}: {why}" for why, names in grouped.items())


def _event(kind: str, scope: str, measured: float | None, limit: float | None) -> str:
    if kind == "MODE_CHANGED":
        return f"The account's mode changed: {scope.replace('>', ' to ')}."
    text = sentence(kind, scope, measured, limit)
    return text if scope == BOOK or scope in text else f"{text[:-1]} ({scope})."


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"

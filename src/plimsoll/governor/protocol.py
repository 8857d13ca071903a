"""The governor's line protocol: one JSON object in, one out, for any input (H2).

Amounts and quantities are read from their text as exact decimals, as strings or as JSON numbers; no float is made.
A line that does not parse is answered with ``{"error": …}`` and changes nothing. An intent whose id and symbol can be
read always gets a decision: any other fault is a reason to refuse.

Waiting orders are decided on in turn and made durable by one write before any is answered (H5). A crash in between
leaves orders that are counted but were never answered, never an answer that was not counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Protocol

from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.money import dollars
from plimsoll.core.quantity import CENT, parsed, plain, shown
from plimsoll.core.venue_facts import Correction, Dividend, External, Settlement, Snapshot, Split, Transfer
from plimsoll.governor.clock import DAY, dates_of
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, GovernorLimits
from plimsoll.governor.protocol_clock import MachineClock
from plimsoll.governor.protocol_facts import FACTS, disputed, fact_of, prices_of, venue_of
from plimsoll.governor.protocol_lines import (
    EPOCH,
    Line,
    Unread,
    equity_of,
    id_of,
    instant_of,
    respelt,
    sides_of,
    symbol_of,
    text_of,
    understood,
)
from plimsoll.governor.state import AHEAD_MAX, Doubt

_SEEN_MAX = 60 * SECOND  # oldest quote that still shows its feed is up


class Signed(Protocol):
    """The signed account behind a governor: its limits and its session records."""

    def next_session(self, governor: Governor, day: int, equity: int) -> GovernorLimits:
        """The limits of a session that is about to begin."""
        ...

    def began(self, day: int) -> None:
        """A session began, in days since 1970."""
        ...

    def about(self, day: int, equity: int) -> tuple[str, ...]:
        """Notes on the session of a day that has begun with so many cents."""
        ...

    def acts(self, governor: Governor) -> list[dict[str, Any]]:
        """Apply a person's signed statements on positions and prices; returns the result of each."""
        ...

    def settlement(self, told: Settlement) -> tuple[Settlement, str]:
        """The part of a settlement that may be booked, and notes on it."""
        ...

    def quoted(self, governor: Governor, at: int) -> None:
        """Record that a quote was taken, at this time."""
        ...


class LineProtocol:
    """Answers lines for one governor. ``clock`` counts microseconds and never goes back; ``batch`` is the largest
    number of orders made durable together; ``account`` gives the signed limits at each session (H1, H7). ``machine`` is
    the clock of a live account's governor, checked here for having been set: then no quote is fresh until received
    again (H2). ``tell`` receives messages for a person: on that, and on a session, whose answer has them as ``notes``.
    as ``notes``.
    """

    def __init__(
        self,
        governor: Governor,
        batch: int,
        clock: Callable[[], int],
        account: Signed | None = None,
        machine: MachineClock | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._governor, self._batch, self._clock, self._account = governor, batch, clock, account
        self._machine, self._tell, self._steps = machine, tell, 0
        self._lines = 0  # that were read: an error says which one it is about
        self._answers: dict[str, Callable[[Line], dict[str, Any]]] = {
            "session": self._session,
            "quote": self._quote,
            "fill": self._fill,
            "cancel": self._release,
            "reject": self._release,
            **dict.fromkeys(FACTS, self._fact),
            "status": self._status,
        }

    def answer(self, lines: Sequence[bytes | None], came: Sequence[int] | None = None) -> Iterator[str]:
        """The answers to lines that wait together, in order, each without its newline and durable on return.

        None stands for a line that was too long. Never raises for a line's content. ``came`` has the time of each read,
        by the clock: an order of a live account is timed from then, and may be late (H5). Recorded lines are all there
        before they are read, and are timed from when they are processed.
        """
        orders: list[OrderIntent] = []
        since: list[int] = []
        live = self._machine is not None
        for n, line in enumerate(lines):
            self._lines += 1
            asked = understood(line)
            if isinstance(asked, OrderIntent):
                orders.append(asked)
                if came is not None and live:
                    since.append(came[n])
                if len(orders) < self._batch:
                    continue
            yield from self._decided(orders, since)
            orders, since = [], []
            if not isinstance(asked, OrderIntent):
                yield json.dumps(self._other(asked))
        yield from self._decided(orders, since)

    def _decided(self, orders: Sequence[OrderIntent], since: Sequence[int]) -> Iterator[str]:
        """Answers to orders that waited together, timed together: the first waited as long as the last. ``since`` has
        each arrival time, if known.
        """
        if not orders:
            return
        self._watch()
        begun = self._clock()
        if since:
            orders = [replace(order, waited=begun - at) for order, at in zip(orders, since, strict=True)]
        decisions = self._governor.decide_many(orders)
        ended = self._clock()
        for found, order, at in zip(decisions, orders, since or [begun] * len(orders), strict=True):
            symbol = order.symbol if order.respelt else ""
            yield json.dumps(
                _decision(found.id, found.decision, list(found.reasons), found.headroom, found.marks, symbol)
            )
            self._governor.record_latency(ended - at)

    def _watch(self) -> None:
        """Check whether the machine's clock was set: earlier quotes are then not fresh (H2)."""
        moved = 0 if self._machine is None else self._machine.stepped()
        if moved:
            self._steps += 1
            self._governor.stepped()
            self._tell(
                f"this machine's clock was set {'forward' if moved > 0 else 'back'} by {abs(moved) / SECOND:.1f} s, or "
                "it slept: no new risk until quotes of the symbol and of every holding are received again"
            )

    def _other(self, asked: Line | Unread | PlimsollError) -> dict[str, Any]:
        self._watch()
        if isinstance(asked, Unread):
            return _decision(asked.id, "REFUSE", asked.wrong, self._governor.headroom(asked.symbol))
        if isinstance(asked, PlimsollError):
            return {"error": str(asked), "line": self._lines}
        try:
            return self._answers[str(asked["type"])](asked)
        except PlimsollError as error:
            named = {"id": asked["id"]} if isinstance(asked.get("id"), str) else {}
            return {"error": str(error), "line": self._lines, **named}

    def _session(self, said: Line) -> dict[str, Any]:
        text = text_of(said, "date")
        try:
            day = (date.fromisoformat(text) - EPOCH.date()).days
        except ValueError:
            raise InputError(f"date {text!r} is not a date such as 2026-03-02") from None
        equity, live = equity_of(said), self._governor.live
        if day < 0:
            raise InputError(f"date {text!r} is before 1970", "Send the session's date")
        if live is not None and day != self._governor.account.day and not self._governor.may_begin(day):
            utc, local = (_date(one) for one in dates_of(live))
            raise InputError(
                f"session {text} has not begun: by this machine's clock it is {utc} in UTC, {local} in New York",
                "Send the date of today",
            )
        ahead = day >= self._governor.account.day  # else it is refused and not recorded
        signed = (
            self._account.next_session(self._governor, day, equity) if self._account is not None and ahead else None
        )
        again = day == self._governor.account.day
        begun = self._clock()
        try:
            self._governor.begin(day, equity, signed)
        except InputError as error:
            last = self._governor.account
            raise InputError(f"{error}: it is that of {_date(last.day)}, with {dollars(last.equity)} USD") from None
        self._governor.record_latency(self._clock() - begun)
        if self._account is not None and not again:
            self._account.began(day)
        notes = () if self._account is None or again else self._account.about(day, equity)
        for note in notes:
            self._tell(note)
        return self._done(notes=list(notes)) if notes else self._done()

    def _quote(self, said: Line) -> dict[str, Any]:
        symbol, live = symbol_of(said), self._governor.live
        bid, ask, wrong = sides_of(said)
        try:
            at = instant_of(said)
        except InputError:
            known = self._governor.quotes.get(symbol)
            if not wrong or known is None:
                raise
            at = known.at  # no price and no time: the last price is in doubt
        if live is not None:
            self._timely(symbol, at, live, shown(said["ts"]))
        try:
            doubt = self._governor.quote(symbol, Quote(bid, ask, at))
        except InputError as error:
            last, day = self._governor.quotes.get(symbol), self._governor.account.day
            raise InputError(
                f"{error}: {symbol} {plain(bid)} to {plain(ask)} at {said['ts']}; the session is "
                f"{_date(day) if day >= 0 else 'none'}, the last quote {_time(last.at) if last else 'none'}"
            ) from None
        if not wrong and self._account is not None and (live is None or live - at <= _SEEN_MAX):
            self._account.quoted(self._governor, at if live is None else live)
        told = {"reasons": ["PRICE_UNKNOWN"], "doubt": doubt.why} if doubt is not None else {}
        answer = self._done(**respelt(said, symbol), **told)
        return (
            {"error": f"{wrong}: the price of {symbol} is in doubt", "line": self._lines, **answer, "ok": False}
            if wrong
            else answer
        )

    def _timely(self, symbol: str, at: int, live: int, ts: str) -> None:
        """Refuse a quote from ahead of the machine's clock, and one too old to describe the present (H2)."""
        limit = self._governor.limits.quote_age
        if at > live + AHEAD_MAX:
            raise InputError(
                f"the quote of {symbol} at {ts} is ahead of this machine's clock, {_time(live)}",
                "Correct the feed's clock",
            )
        if live - at > limit:
            raise InputError(
                f"the quote of {symbol} at {ts} is older than {limit // SECOND} s by this machine's clock, "
                f"{_time(live)}",
                "Correct the feed",
            )

    def _done(self, **more: object) -> dict[str, Any]:
        """The answer to a completed request, with working orders to cancel, repeated until the venue closes them."""
        cancel = self._governor.to_cancel
        return {"ok": True, **more, **({"cancel": list(cancel)} if cancel else {})}

    def _fill(self, said: Line) -> dict[str, Any]:
        quantity, at = parsed(said["qty"], "qty", exact=True), self._happened(instant_of(said))
        execution = Execution(
            id_of(said, "id"), id_of(said, "exec"), quantity, *prices_of(said), venue=venue_of(said), at=at
        )
        try:
            reasons = self._governor.fill(execution)
        except InputError as error:
            raise InputError(
                f"{error.problem}: order {execution.id}, execution {execution.execution}", error.remedy
            ) from None
        return self._done(reasons=list(reasons)) if reasons else self._done()

    def _happened(self, at: int) -> int:
        """Latest possible time of an event reported now: the machine's time, else inside the session's times. A later
        one would count after every snapshot to come, and none could contradict it (X6).
        """
        live, day = self._governor.live, self._governor.account.day
        if live is not None:
            return min(at, live)
        return at if day < 0 else min(at, (day + 2) * DAY - 1)

    def _fact(self, said: Line) -> dict[str, Any]:
        fact, note = fact_of(said), ""
        live = self._governor.live
        if live is not None and isinstance(fact, Split | Dividend | Snapshot) and fact.at > live + AHEAD_MAX:
            raise InputError(
                f"{said['type']} {fact.id} is ahead of this machine's clock, {_time(live)}", "Correct its ts"
            )
        if isinstance(fact, Correction | External | Transfer | Settlement):
            fact = replace(fact, at=self._happened(fact.at))
        if isinstance(fact, Settlement) and self._account is not None:
            fact, note = self._account.settlement(fact)
        try:
            reasons = self._governor.tell(fact)
        except InputError as error:
            raise InputError(f"{said['type']} {said['id']}: {error.problem}", error.remedy) from None
        shown: dict[str, object] = {"reasons": list(reasons)} if reasons else {}
        shown |= {"notes": [note]} if note else {}
        if isinstance(fact, Snapshot):
            shown |= self._compared(fact)
        return self._done(**shown)

    def _compared(self, told: Snapshot) -> dict[str, object]:
        """Differences between a snapshot and the account; empty where they agree."""
        book = self._governor.book
        found: dict[str, object] = {
            "disputed": disputed(book),
            "unknown_orders": [] if told.orders is None else sorted(book.orders.keys() - told.orders),
            "foreign_orders": list(book.foreign),
        }
        return {name: value for name, value in found.items() if value}

    def _release(self, said: Line) -> dict[str, Any]:
        instant_of(said)
        order = id_of(said, "id")
        try:
            self._governor.close(order)
        except InputError as error:
            raise InputError(f"{error.problem}: {order}", error.remedy) from None
        return self._done()

    def _status(self, _: Line) -> dict[str, Any]:
        g = self._governor
        g.refresh()
        acts = [] if self._account is None else self._account.acts(g)
        live = g.live
        use, limits = g.use(), g.limits
        begun = g.account.day >= 0
        return {
            "session": _date(g.account.day) if begun else None,
            "equity": dollars(g.account.equity) if begun else None,
            "stage": g.stage,
            "reduce_only": g.reduce_only or limits.foreign,
            "other_policy": limits.foreign,
            "cancel": list(g.to_cancel),
            "health_check": g.account.unchecked,
            **({} if live is None else {"clock": {"now": _time(live), "steps": self._steps}}),
            "latency": {
                "too_slow": g.account.slow > 0,
                "median_us": g.latency.median,
                "slow": g.latency.slow,
            },
            "open": [
                {
                    "id": o.id,
                    "symbol": o.symbol,
                    "side": "buy" if o.sign > 0 else "sell",
                    "qty": plain(o.quantity),
                    "filled": plain(o.filled),
                    "price": plain(o.price),
                }
                for o in sorted(g.orders.values(), key=lambda o: o.number)
            ],
            "positions": {symbol: plain(held) for symbol, held in sorted(g.positions.items())},
            "doubts": {symbol: _doubt(doubt) for symbol, doubt in sorted(g.doubts.items())},
            **({"acts": acts} if acts else {}),
            "disputed": disputed(g.book),
            "foreign_orders": list(g.book.foreign),
            "used": {
                "loss": _spent(use.loss),
                "position": _spent(use.position),
                "gross": _spent(use.gross),
                "turnover": _spent(use.turnover),
            },
            "limits": {
                "loss": dollars(limits.loss),
                "position": dollars(limits.position),
                "gross": dollars(g.gross_cap),
                "turnover": dollars(limits.turnover),
                "trade": dollars(limits.trade),
                **({"positions": {s: dollars(v) for s, v in limits.positions.items()}} if limits.positions else {}),
            },
            "headroom": {name: dollars(left) for name, left in g.headroom().items()},
        }


def refuse_secret(url: str | None) -> None:
    """``UsageError`` for a store address with a password, given where other users of the machine can read it."""
    if url is not None and re.search(r"@|password=|username=", url):
        raise UsageError(
            "the store's address carries credentials, and others can read a command line",
            "Put it into the environment variable PLIMSOLL_GOVERNOR_STORE",
        )


def _decision(
    order_id: str,
    decision: str,
    reasons: list[str],
    headroom: Mapping[str, int],
    marks: Sequence[str] = (),
    symbol: str = "",
) -> dict[str, Any]:
    """The answer to an order; ``symbol`` where its line spelt it differently."""
    left = {name: dollars(cents) for name, cents in headroom.items()}
    marked = {"marks": list(marks)} if marks else {}
    named = {"symbol": symbol} if symbol else {}
    return {"id": order_id, **named, "decision": decision, "reasons": reasons, **marked, "headroom": left}


def _date(day: int) -> str:
    """A day since 1970 as a date."""
    return (EPOCH.date() + timedelta(days=day)).isoformat()


def _time(at: int) -> str:
    """Microseconds since 1970 as an instant."""
    return (EPOCH + timedelta(microseconds=at)).isoformat()


def _doubt(doubt: Doubt) -> dict[str, object]:
    """A symbol's price in doubt; a side that is no price is null."""
    bid, ask = (plain(price) if price else None for price in (doubt.bid, doubt.ask))
    return {"why": doubt.why, "bid": bid, "ask": ask, "since": _time(doubt.since)}


def _spent(value: int) -> str:
    """A use as dollars, rounded up to the cent."""
    return dollars(-(-value // CENT))

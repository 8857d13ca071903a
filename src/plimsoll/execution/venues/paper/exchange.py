"""The paper venue's account and matching: a function of the orders, the quotes and the times it is given (X5).

It has no clock: whoever calls says what time it is, and everything that was due by then happens first, in order of
time. So it does not matter when it is asked, nor how often.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from plimsoll.core.events import OrderExpired, VenueSnapshot
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveQuote
from plimsoll.core.order import Fill, Order, WorkingOrder
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import ONE
from plimsoll.core.state import State
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, VenueEvent, VenueRules
from plimsoll.costs.model import depth
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.matching import venue_name
from plimsoll.execution.order_filters import objection
from plimsoll.execution.venues.book import VenueBook
from plimsoll.execution.venues.paper.hours import FOR_EVER, MICROS, Halts, Hours, always, halted, span_of
from plimsoll.execution.venues.paper.pricing import Liquidity, Touch, part
from plimsoll.execution.venues.paper.rules import RULES, STOCK_TICKS

_MINUTE = 60 * MICROS
_DAY_MINUTES = {"XNYS": 390}  # of other calendars: around the clock
_UNKNOWN = Liquidity(math.nan, math.nan)


@dataclass
class _Wait:
    """An order's times: from when on it may fill, and when it ends for its time in force, or for want of a market."""

    since: int
    due: int
    ends: int
    gives_up: int
    triggered: bool = False
    limited: bool = False  # by this minute's volume, so that the next one may fill more
    why: str = "NO_QUOTE"


class PaperExchange:
    """An account whose orders fill at quotes. ``ledger`` is in lots and cents.

    ``know`` tells it liquidity and regime: without a symbol's liquidity no purchase of it fills (C2), while a sale
    does. ``hours`` by calendar and ``halts`` by symbol say when something trades.
    """

    def __init__(
        self,
        ledger: Ledger,
        instruments: Mapping[str, Instrument],
        policy: Policy,
        session_of: Callable[[int], str],
        *,
        hours: Hours = always,
        halts: Halts | None = None,
        working: dict[str, WorkingOrder] | None = None,
    ) -> None:
        self.book = VenueBook(RULES.name, ledger, working)
        self.instruments, self.policy, self.hours = instruments, policy, hours
        self.halts: Halts = halts or {}
        self.listeners: list[Callable[[VenueEvent], None]] = []
        self._session_of = session_of
        self._liquidity: Mapping[str, Liquidity] = {}
        self._regime = 0
        self._quotes: dict[str, tuple[Touch, int]] = {}  # and when it came
        self._waits: dict[str, _Wait] = {}
        self._taken: dict[str, tuple[int, int]] = {}  # by symbol, a minute and the lots taken in it
        self._at = 0
        ticks = {s: STOCK_TICKS for s, one in instruments.items() if one.kind in ("stock", "fund")}
        self.rules: VenueRules = replace(RULES, ticks=ticks)

    @classmethod
    def restored(
        cls,
        state: State,
        instruments: Mapping[str, Instrument],
        policy: Policy,
        session_of: Callable[[int], str],
        *,
        hours: Hours = always,
        halts: Halts | None = None,
    ) -> PaperExchange:
        """The account rebuilt from the state that a run's journal gives: every submitted order that has not ended rests
        there, and waits once more from the first time that it is told.
        """
        ledger = Ledger({"USD": state.cash}, dict(zip(state.symbols, state.lots.tolist(), strict=True)))
        working = {id: replace(one, status="ACCEPTED") for id, one in state.working.items() if one.status != "NEW"}
        return cls(ledger, instruments, policy, session_of, hours=hours, halts=halts, working=working)

    def know(self, liquidity: Mapping[str, Liquidity], regime: int) -> None:
        """Liquidity by symbol and the most probable regime (0 normal, 1 volatile, 2 crisis) from now on."""
        self._liquidity, self._regime = liquidity, regime

    # the port's half

    def submit(self, order: Order, now: int) -> Accepted | Refused:
        """Rest an order. The same id twice is one order."""
        self.advance(now)
        if not self.book.knows(order.id):
            instrument = self.instruments.get(order.symbol)
            if instrument is None:
                return Refused("UNKNOWN_SYMBOL", order.symbol)
            if (refused := objection(order, self.rules, instrument)) is not None:
                return refused
            self.book.rest(order)
            self._wait(order, now)
        return Accepted(venue_name(order.id))

    def cancel(self, id: str, now: int) -> Accepted | Refused:
        """Cancel a resting order; the event has its remaining quantity."""
        self.advance(now)
        answer = self.book.cancel(id)
        self.tell()
        return answer

    def query(self, id: str, now: int) -> OrderReport | Absent:
        """The present status of an order."""
        self.advance(now)
        return self.book.query(id)

    def snapshot(self, since: int, now: int) -> VenueSnapshot:
        """The whole account, with the executions made ``since``."""
        self.advance(now)
        found = self.book.snapshot()
        return replace(found, executions=tuple(one for one in found.executions if one.at >= since))

    # what happens there

    def quoted(self, quote: LiveQuote, now: int) -> None:
        """A quote came. Only a live one with two sides that do not cross is a market (L25)."""
        self.advance(now)
        if quote.type == "live" and 0 < quote.bid <= quote.ask:
            self._quotes[quote.symbol] = Touch(quote.bid / ONE, quote.ask / ONE), now
        else:
            self._quotes.pop(quote.symbol, None)
        self._match(now)

    def advance(self, now: int) -> None:
        """Let happen what was due by ``now``, in order of time; a time before the last one changes nothing."""
        for id, one in self.book.resting.items():
            if id not in self._waits:  # restored
                self._wait(one.order, now)
        while (at := self.due()) <= now:
            self._match(at)
        self._at = max(self._at, now)
        self.book.session = self._session_of(self._at)

    def due(self) -> int:
        """The next time at which something may happen without a quote; ``FOR_EVER`` where nothing will."""
        return min((self._due(one) for one in self.book.resting.values()), default=FOR_EVER)

    def tell(self) -> None:
        """Everyone who listens hears what was not told yet."""
        for event in self.book.told():
            for listener in tuple(self.listeners):
                listener(event)

    # details

    def _wait(self, order: Order, now: int) -> None:
        calendar, paper = self.instruments[order.symbol].calendar, self.policy.paper
        session = self.hours(calendar, now)
        following = self.hours(calendar, session[1]) if session[1] < FOR_EVER else session
        wait = (paper.limit_wait if order.type in ("limit", "stop_limit") else paper.market_wait) * MICROS
        due, ends = span_of(order, now, wait, session, following)
        at_once = order.type == "market" or order.time_in_force in ("opg", "ioc", "fok")
        gives_up = due + paper.works_most * MICROS if at_once else FOR_EVER
        self._waits[order.id] = _Wait(now, due, ends, gives_up)

    def _due(self, one: WorkingOrder) -> int:
        """The next time after the last at which an order may do something while the market stands."""
        wait, symbol = self._waits.get(one.order.id), one.order.symbol
        if wait is None:
            return FOR_EVER
        times = [wait.due, wait.ends, wait.gives_up]
        if wait.limited:
            times.append((self._at // _MINUTE + 1) * _MINUTE)
        times += [end for _, end in self.halts.get(symbol, ())]
        return min((t for t in times if t > self._at), default=FOR_EVER)

    def _match(self, now: int) -> None:
        self._at = max(self._at, now)
        self.book.session = self._session_of(self._at)
        for id, one in [*self.book.resting.items()]:
            wait = self._waits[id]
            if self._at >= min(wait.ends, wait.gives_up):
                self._expire(one, "TIME_IN_FORCE" if self._at >= wait.ends else wait.why)
            elif self._at >= wait.due:
                self._try(one, wait)
        for id in [*self._waits]:
            if id not in self.book.resting:
                del self._waits[id]
        self.tell()

    def _try(self, one: WorkingOrder, wait: _Wait) -> None:
        """Fill what of an order can be filled now; an order for at once ends with the rest."""
        order, touch = one.order, self._touch(one.order.symbol)
        wait.limited = False
        if touch is None:
            wait.why = "NO_QUOTE"
            return
        if order.type in ("stop", "stop_limit") and not wait.triggered:
            wait.triggered = _triggers(order, touch)
            if not wait.triggered:
                return
        lots, reason = self._room(one, touch)
        at_once = order.time_in_force in ("ioc", "fok")
        priced = self._priced(one, lots, touch) if lots else None
        if priced is not None and order.limit is not None and not _through(order, touch, priced.price):
            lots, reason, priced = 0, "TIME_IN_FORCE", None
        if priced is not None and order.lots > 0:
            priced = self._affordable(one, priced, touch)
            reason = reason if priced is not None and priced.lots == lots else "NO_CASH"
        if order.time_in_force == "fok" and (priced is None or priced.lots != one.remaining):
            priced = None
        if priced is not None:
            self._fill(one, priced)
        wait.why, wait.limited = reason or "PARTICIPATION", reason == "PARTICIPATION"
        rest = self.book.resting.get(order.id)
        if rest is not None and (at_once or reason in ("NO_CASH", "NOTHING_TO_REDUCE", "NO_LIQUIDITY_DATA")):
            self._expire(rest, reason or "TIME_IN_FORCE")

    def _touch(self, symbol: str) -> Touch | None:
        """The market of a symbol while it trades and its quote is fresh."""
        opens, _ = self.hours(self.instruments[symbol].calendar, self._at)
        found = self._quotes.get(symbol)
        if found is None or opens > self._at or halted(self.halts, symbol, self._at):
            return None
        touch, came = found
        return touch if self._at - came <= self.policy.paper.quote_age * MICROS and came >= opens else None

    def _room(self, one: WorkingOrder, touch: Touch) -> tuple[int, str]:
        """Lots of an order that may fill now, signed, and why not all of them; the reason ends its rest where waiting
        cannot help. A sale ends at a position of zero (X5).
        """
        order, left = one.order, one.remaining
        held, instrument = self.book.ledger.held(order.symbol), self.instruments[order.symbol]
        known = self._known(instrument)
        reason = ""
        if held * left < 0:
            most = min(abs(left), abs(held))
            reason = "NOTHING_TO_REDUCE" if most < abs(left) else ""
            if not known.adv > 0.0:
                return (most if left > 0 else -most), reason
        elif order.reduce_only or left < 0:
            return 0, "NOTHING_TO_REDUCE"
        elif not 0.0 < known.adv < math.inf:
            return 0, "NO_LIQUIDITY_DATA"
        else:
            most = left
        room = self._minute_room(instrument, touch, known, least=int(held * left < 0))
        if room < most:
            most, reason = room, "PARTICIPATION"
        return (most if left > 0 else -most), reason

    def _known(self, instrument: Instrument) -> Liquidity:
        """A symbol's liquidity; of fx the depth that the policy gives its pair (C2)."""
        known = self._liquidity.get(instrument.symbol, _UNKNOWN)
        adv = depth((instrument.kind,), np.array([known.adv]), self.policy.costs, (instrument.symbol,))
        return Liquidity(float(adv[0]), known.sigma)

    def _minute_room(self, instrument: Instrument, touch: Touch, known: Liquidity, *, least: int) -> int:
        """Lots that may still be taken of a symbol in this minute; at least ``least`` where none was."""
        paper, minute, symbol = self.policy.paper, self._at // _MINUTE, instrument.symbol
        draw = np.random.default_rng([paper.seed, minute, *symbol.encode()]).uniform(-1.0, 1.0)
        usd = known.adv / _DAY_MINUTES.get(instrument.calendar, 1440) * (1.0 + paper.volume_spread * draw)
        lots = math.floor(min(paper.participation * usd / touch.mid * instrument.lots_per_unit, 1e15))
        of, taken = self._taken.get(symbol, (minute, 0))
        return max(max(lots, least) - (taken if of == minute else 0), 0)

    def _priced(self, one: WorkingOrder, lots: int, touch: Touch) -> Fill:
        order, instrument = one.order, self.instruments[one.order.symbol]
        known = self._liquidity.get(order.symbol, _UNKNOWN)
        session = self.book.session
        return part(order, lots, one.filled, touch, known, self._regime, instrument, self.policy, session)

    def _affordable(self, one: WorkingOrder, done: Fill, touch: Touch) -> Fill | None:
        """The purchase, cut until cash pays for it."""
        cash = self.book.ledger.cash()
        while done.notional + done.commission > cash:
            lots = min(done.lots - 1, max(done.lots * cash // (done.notional + done.commission), 0))
            if lots <= 0:
                return None
            done = self._priced(one, lots, touch)
        return done

    def _fill(self, one: WorkingOrder, done: Fill) -> None:
        name = hashlib.sha256(f"{done.id}|{one.filled}|{done.lots}|{self._at}".encode()).hexdigest()[:32]
        minute = self._at // _MINUTE
        of, taken = self._taken.get(done.symbol, (minute, 0))
        self._taken[done.symbol] = minute, (taken if of == minute else 0) + abs(done.lots)
        self.book.fill(replace(done, execution=name, at=self._at))

    def _expire(self, one: WorkingOrder, reason: str) -> None:
        self.book.tell(OrderExpired(self.book.session, one.order.id, one.remaining, reason))
        self.book.end(one.order.id, "EXPIRED")


def _triggers(order: Order, touch: Touch) -> bool:
    """Whether the market reached an order's stop."""
    stop = order.stop or 0.0
    return touch.ask >= stop if order.lots > 0 else touch.bid <= stop


def _through(order: Order, touch: Touch, price: float) -> bool:
    """Whether the market trades through an order's limit, and the cost model's price is inside it."""
    limit = order.limit or 0.0
    return (touch.ask < limit and price <= limit) if order.lots > 0 else (touch.bid > limit and price >= limit)

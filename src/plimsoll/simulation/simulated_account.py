"""One simulated account: its market, its orders on their way, its governor and its independent ledger (H8).

Whoever trades here calls ``send``; the order goes to a venue through the port of every venue, behind the governor that
is on trial (``execution.governed``). The venue misbehaves, and so do the feed and the machine. At every bar the
governor's figures are held against the ledger's: it may count more than there is, never less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path as File

import numpy as np

from plimsoll.core.events import Event, OrderRejected, VenueSnapshot
from plimsoll.core.order import Order
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE, plain
from plimsoll.core.venue import Absent, Refused, Unknown
from plimsoll.execution.governed import GovernedVenue
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.faulty import FaultyVenue
from plimsoll.execution.venues.quoted import QuotedVenue
from plimsoll.governor.governor import Decision, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits
from plimsoll.governor.protocol_lines import EPOCH
from plimsoll.governor.sizing import LIMITS
from plimsoll.simulation.faults import SessionFaults
from plimsoll.simulation.feed import Feed, instant
from plimsoll.simulation.hearing import Hearing, answered
from plimsoll.simulation.incidents import Incidents
from plimsoll.simulation.independent_ledger import IndependentLedger
from plimsoll.simulation.paths import DAY, OPENED, Path
from plimsoll.simulation.processes import Processes
from plimsoll.simulation.store import Crash, MortalStore
from plimsoll.simulation.tally import Tally
from plimsoll.simulation.venue_messages import price_in

NO_ANSWER = "NO_ANSWER"  # the process died during an order, which was not repeated
_RECONCILED = 3  # bars until the venue is asked about an order whose answer was lost
_ROUNDED = ONE**2 // 10**6  # rounding of split conversions between two ways to count: 1e-6 USD
_REUSED = 40  # orders that may be sent again
_EXCHANGES = ("", "NORTH", "SOUTH")  # of the venue; each numbers its executions by itself


class SimulatedAccount:
    """One account over one session and, where a portfolio takes several days to build, the days before it."""

    def __init__(
        self,
        policy: Policy,
        limits: GovernorLimits,
        store: MortalStore,
        ledger: IndependentLedger,
        paths: Mapping[str, Path],
        draw: np.random.Generator,
        faults: SessionFaults,
    ) -> None:
        self.policy, self.limits, self.ledger = policy, limits, ledger
        self.draw, self.faults, self.paths = draw, faults, paths
        self.symbols = tuple(paths)
        self.tally = Tally()
        self.now = 0  # microseconds since 1970
        self.bar = 0
        self.muted: set[str] = set()
        self.scale = 1.0
        self.frozen = False
        self.on_fill: list[Callable[[str, int, int, int], None]] = []
        self._set = 0  # error of the machine's clock, microseconds
        events = self.tally.events
        self._processes = Processes(policy, limits, store, draw, events, lambda: self.tally.disagree("told", self.bar))
        units = dict.fromkeys(paths, ONE)
        self._market = QuotedVenue(Ledger({}), units, draw.spawn(1)[0], parts=faults.parts, exchanges=_EXCHANGES)
        self._line = FaultyVenue(self._market, faults.venue, draw.spawn(1)[0])
        self._venue = GovernedVenue(self._line, self)
        say = self._processes.say
        self._feed = Feed(self._processes, self._market, ledger, draw, faults, events, self.symbols)
        self._hearing = Hearing(ledger, say, self._market.made, paths, events, self._filled)
        self._incidents = Incidents(self._market, ledger, say, self._snapshot, draw, faults, events, self.symbols)
        self._asking: OrderIntent | None = None  # the order that is being handed over, as it is asked
        self._decision: Decision | None = None
        self._unanswered: dict[str, int] = {}  # orders of which nobody knows whether they arrived, and since when
        self._refused: set[str] = set()  # orders that the venue refused
        self._unsure: set[str] = set()  # reductions sent on a late or absent quote
        self._sent: list[OrderIntent] = []
        self._count = 0
        self._begun = (-1, 0)
        self._session = ""
        self._hazy = False  # the session's starting prices were lost with a process
        self._mispriced: set[str] = set()  # … or that an impossible fill price was checked against, by symbol
        self._nights = 0  # lead of the clock over the paths, microseconds
        self._at: dict[str, int] = {}  # time of an unreported split

    @property
    def governor(self) -> Governor:
        """That of the process that is spoken to."""
        return self._processes.governor

    # sessions

    def begin(self, day: int, equity: int) -> None:
        """Begin a session with an equity in cents."""
        self.ledger.begin(Fraction(equity, 100))
        self._begun, self._session = (day, equity), (EPOCH.date() + timedelta(days=day)).isoformat()
        self._market.begin(self._session)
        self._processes.own()  # whoever begins a session gives it its policy
        self._processes.say(lambda governor: governor.begin(day, equity), here=True)
        held = [symbol for symbol, units in self.ledger.held.items() if units]
        self._hazy = any(self._unheard(symbol) for symbol in held)
        self.tally.events["days"] += 1

    def build(self, days: int, equity: int, fill: Callable[[SimulatedAccount], None]) -> None:
        """Build a portfolio that takes several days to buy: ``fill`` sends a day's orders, and they fill at once."""
        self._line.calm = True
        for day in range(DAY - days, DAY):
            self.begin(day, equity)
            self.bar = -1
            self._at_time((day * 86_400 + OPENED) * SECOND)
            for symbol in self.symbols:
                self._feed.quote(symbol, float(self.paths[symbol].bars.close[0]))
            fill(self)
            self._market.minute(whole=True)
            self._hear()
        self._line.calm = False

    def next_bar(self, bar: int) -> None:
        """The market moves to the end of a bar, and the venue acts as scheduled."""
        self.bar = bar
        first = self.paths[self.symbols[0]]
        row = first.first + bar
        at = int(first.bars.start[row] + first.bars.step) * SECOND + self._nights
        self._at_time(max(at, self.now))
        dies = self.draw.random() < self.faults.crash
        early = self.draw.random() < 0.5
        if dies and early:
            self._processes.die_soon()
        replaced = self._feed.replaced(self.muted)
        for symbol, path in self.paths.items():
            if symbol not in self.muted and symbol != replaced:
                at = path.first if self.frozen else row
                self._feed.quote(symbol, float(path.bars.close[at]) * self.scale)
        self._feed.nonsense(self.muted, replaced)
        self._at_time(self._feed.now)
        for order in self.governor.to_cancel:
            self.cancel(order)
        self._market.minute()
        self._hear()
        self._incidents.bar()
        self._ask_about()
        self._reuse()
        if dies and not early:
            self._processes.die_soon()
        self.compare()

    def sleep(self) -> None:
        """A night passes, and the next session begins with the equity of the last."""
        self._nights += 86_400 * SECOND
        self._at_time(self.now + 86_400 * SECOND)
        day, equity = self._begun
        self.begin(day + 1, equity)

    def gap(self, share: float) -> None:
        """From the next bar on every price is lower by a fraction; the rest of the session is flat."""
        self.frozen = True
        self.scale *= 1.0 - share

    def tick(self, microseconds: int) -> None:
        """Time passes within a bar."""
        self._at_time(self.now + microseconds)

    def split(self, symbol: str, new: int, old: int, *, told: bool) -> None:
        """``old`` units become ``new``, from the next quote on. Nothing trades in it until it is told.

        What of it was on its way is told before, in the units of before.
        """
        self._settle_line()
        self._feed.rescaled(symbol, Fraction(old, new))
        self._feed.untold[symbol] = Fraction(new, old)
        self._at[symbol] = self.now
        self._market.closed.add(symbol)
        if told:
            self.tell_split(symbol)

    def tell_split(self, symbol: str) -> None:
        """Report a split that happened."""
        units = self._feed.untold.pop(symbol)
        self._market.closed.discard(symbol)
        self._incidents.split(symbol, units.numerator, units.denominator, self._at[symbol])

    def dividend(self, symbol: str, bps: int) -> None:
        """A fraction of the price is paid per unit, and the price falls by it."""
        self._settle_line()
        amount = self.ledger.books[symbol][0] * bps // WHOLE
        self._feed.rescaled(symbol, Fraction(WHOLE - bps, WHOLE))
        self._incidents.dividend(symbol, amount)

    def end(self, symbol: str) -> None:
        """A symbol stops trading: its position is settled at the last bid."""
        self._settle_line()
        self.muted.add(symbol)
        self._incidents.end(symbol, self.ledger.books[symbol][0])
        self._hear()

    def finish(self) -> None:
        """The session ends: open orders are closed, wrong reports corrected."""
        self._market.close()
        self._settle_line()
        self.compare()
        held = {symbol: units for symbol, units in self.ledger.held.items() if units}
        if held != self._market.ledger.holdings:
            self.tally.disagree("venue", self.bar)

    def join(self, store: MortalStore, limits: GovernorLimits) -> None:
        """A further process on the account, under limits of its own."""
        self._processes.join(store, limits)

    def _at_time(self, now: int) -> None:
        self.now = self._feed.now = self._hearing.now = self._incidents.now = now
        self._market.clock(now)

    # what a scenario can see and do

    def ask_of(self, symbol: str) -> int:
        """The highest price at which a marketable order counts."""
        return self.quote_of(symbol).ask

    def quote_of(self, symbol: str) -> Quote:
        """The quote the governor has; the market's where it lost that one in a crash, or never received it."""
        known = self.governor.quotes.get(symbol)
        return Quote(*self.ledger.books.get(symbol, (ONE, ONE, 0))) if known is None else known

    def room(self, symbol: str) -> int:
        """The largest quantity that fits into every headroom of the governor."""
        left, ask = self.governor.headroom(symbol), self.ask_of(symbol)
        counted = -(-ask * (WHOLE + self.limits.move_bps) // WHOLE)  # in the turnover, while it is open
        prices = {name: counted if name == "turnover" else ask for name in LIMITS}
        return min(max(left[name], 0) * CENT // price for name, price in prices.items())

    def held(self, symbol: str) -> int:
        """The governor's signed position."""
        return self.governor.positions.get(symbol, 0)

    def value(self) -> Fraction:
        """Signed value of the position at the mids, in dollars, by the ledger."""
        books, held = self.ledger.books, self.ledger.held
        return Fraction(sum(q * sum(books[s][:2]) for s, q in held.items()), 2 * ONE**2)

    def send(
        self,
        symbol: str,
        sign: int,
        quantity: int,
        *,
        limit: int | None = None,
        at: int | None = None,
        name: str = "",
        waited: int = 0,
    ) -> Decision:
        """Ask the governor, and send the order if it is admitted."""
        self._count += 1
        when = self.now + self._set if at is None else at
        return self._asked(OrderIntent(name or f"o{self._count}", symbol, sign, quantity, when, limit, waited))

    def _asked(self, intent: OrderIntent) -> Decision:
        """Hand an order over; what is none, of no quantity, is only asked of the governor."""
        if intent.quantity <= 0:
            return self._judged(intent)
        order = self._order(intent)
        self._asking = replace(intent, limit=None if order.limit is None else price_in(order.limit))
        answer = answered(self._venue.submit(order))
        if isinstance(answer, Unknown):
            self._unanswered[order.id] = self.bar
        elif isinstance(answer, Refused):
            self._refused.add(order.id)
            self.tally.events["orders the venue refused"] += 1
        assert self._decision is not None
        return self._decision

    def _order(self, intent: OrderIntent) -> Order:
        limit = None if intent.limit is None else intent.limit / ONE
        return Order(
            intent.id, self._session, intent.symbol, intent.sign * intent.quantity, reduce_only=False,
            reference=self.ask_of(intent.symbol) / ONE, type="market" if limit is None else "limit", limit=limit,
            time_in_force="gtc",
        )  # fmt: skip

    def admit(self, order: Order) -> tuple[str, ...]:
        """The governor's word on an order, as its gate; an order that it admits has left."""
        assert self._asking is not None and self._asking.id == order.id
        self._decision = found = self._judged(self._asking)
        if found.decision != "ADMIT":
            return found.reasons or (found.decision,)
        self._unsure |= {order.id} if found.marks else set()
        self._leave(self._asking)
        return ()

    def booked(self, event: Event) -> None:
        """The venue tells something, or refuses an order."""
        self._hearing.booked(event)

    def _judged(self, intent: OrderIntent) -> Decision:
        """What the governor says, asked again or given up where its process died over it."""
        self._processes.turn()
        try:
            found = self._decided(intent)
        except Crash:
            self._processes.restart()
            if self.draw.random() < self.faults.give_up:
                self._unanswered[intent.id] = self.bar
                return Decision(intent.id, NO_ANSWER, (), {})
            found = self._processes.live(lambda _: self._decided(intent))
        self._count_decision(found.decision, found.reasons)
        return found

    def _decided(self, intent: OrderIntent) -> Decision:
        """The governor's decision, requested as a protocol line where the symbol is spelt differently."""
        if intent.waited or not self._feed.misspelled():
            return self.governor.decide(intent)
        limit = f',"limit":"{plain(intent.limit)}"' if intent.limit is not None else ""
        said = self._processes.line(
            f'{{"type":"intent","id":"{intent.id}","symbol":"{self._feed.spelling(intent.symbol)}",'
            f'"side":"{"buy" if intent.sign > 0 else "sell"}","qty":"{plain(intent.quantity)}",'
            f'"ts":"{instant(intent.at)}"{limit}}}'
        )
        if "decision" not in said:
            return Decision(intent.id, "REFUSE", (), {})
        return Decision(intent.id, str(said["decision"]), tuple(said["reasons"]), {}, tuple(said.get("marks", ())))  # type: ignore[arg-type]

    def line(self, text: str) -> dict[str, object]:
        """Send a line of the governor's protocol as it is; only lines that cannot be admitted belong here."""
        said = self._processes.line(text)
        if "decision" in said:
            self._count_decision(str(said["decision"]), said["reasons"])  # type: ignore[arg-type]
        else:
            self.tally.events["lines not understood"] += 1
        return said

    def cancel(self, order: str) -> None:
        """Ask the venue to close what is left of an order."""
        answered(self._venue.cancel(order))

    def working(self) -> tuple[str, ...]:
        """Orders of which no end was told."""
        return tuple(self.ledger.working)

    def lose_store(self, *, busy: bool = False) -> None:
        """From now on the store fails, or another process always writes first, until the next restart."""
        self._processes.lose_store(busy=busy)

    def copy_store(self) -> dict[File, bytes]:
        """A copy of the account's files."""
        return self._processes.copy_store()

    def put_back(self, copy: dict[File, bytes]) -> None:
        """Restore an older copy of the account and start on it; if refused, the newest copy is restored."""
        self._processes.put_back(copy)

    def repair(self) -> None:
        """Start the governor again on a store that works."""
        self._processes.restart()

    def go_live(self) -> None:
        """Restart the governor as that of a live account, with the market's time as its machine clock."""
        self._processes.go_live(lambda: self.now + self._set)

    def set_clock(self, wrong: int) -> None:
        """Set a live account's machine clock wrong by so many microseconds, and report the step."""
        self._set = wrong
        self._processes.live(lambda governor: governor.stepped())

    def record_latency(self, microseconds: int) -> None:
        """Report how long a decision took to the governor."""
        self._processes.live(lambda governor: governor.record_latency(microseconds))

    def quote_other(self, symbol: str, mid: float) -> None:
        """A quote of a symbol outside the account."""
        self._feed.quote(symbol, mid, half=1)

    # comparison with the ledger

    def compare(self) -> None:
        """Check the governor's figures against the ledger's: positions must be equal, all else no less.

        While a split is unreported, a quote was lost with its process, or a reduction is open that was sent without
        one, only positions are compared. A loss is not compared where the session's starting prices were lost with a
        process, units were transferred in it, or it was judged by a fill at an impossible price that is not corrected
        not put right yet. One that was told late was judged by a later price, in the turnover too.
        """
        self._processes.live(lambda governor: governor.refresh())
        governor, its = self.governor, self.ledger
        if dict(governor.positions) != {symbol: units for symbol, units in its.held.items() if units}:
            self.tally.disagree("held", self.bar)
        lost = {symbol for symbol in self.symbols if self._anybody_lost(symbol)}
        self._hazy = self._hazy or bool(lost & self._incidents.moved)
        misjudged = self._hearing.misjudged
        self._mispriced = (self._mispriced | lost) & self._hearing.mispriced | misjudged
        self._incidents.moved.clear()
        if self._refused & governor.orders.keys():
            self.tally.disagree("room", self.bar)
        unsure = self._unsure & its.working.keys()
        if self._feed.untold or unsure or any(self._unheard(symbol) for symbol in its.touched()):
            return
        use, rounded = governor.use(), _ROUNDED if self._feed.ratio else 0
        figures = [("gross", use.gross, its.gross)]
        if not misjudged:
            figures.append(("turnover", use.turnover, its.turnover))
        if not self._hazy and not self._mispriced:
            figures.append(("loss", use.loss, its.loss))
        figures += [("position", governor.use(symbol).position, its.exposure(symbol)) for symbol in its.touched()]
        for figure, counted, true in figures:
            if counted + rounded < true * ONE**2:
                self.tally.disagree(figure, self.bar)

    def _unheard(self, symbol: str, governor: Governor | None = None) -> bool:
        """Whether a governor, this one by default, lost the market's last price of a symbol, or never received it.

        A doubted print is that price, or a later one, unless quotes died with the process before it.
        """
        at = governor or self.governor
        known, doubt, book = at.quotes.get(symbol), at.doubts.get(symbol), self.ledger.books.get(symbol)
        if book is None or (doubt is not None and (doubt.at == book[2] or symbol not in at.book.unheard)):
            return False
        return known is None or known.at < book[2]

    def _anybody_lost(self, symbol: str) -> bool:
        return any(self._unheard(symbol, one) for one in self._processes.all)

    # delivery of orders and quotes

    def _leave(self, intent: OrderIntent) -> None:
        self._unanswered.pop(intent.id, None)
        if intent.id in self.ledger.working:
            return  # the repeated answer of an order sent already
        self.tally.accepted += 1
        self._sent = [*self._sent[-_REUSED:], intent]
        adds = self.ledger.left(intent.id, intent.symbol, intent.sign, intent.quantity, intent.limit, self.now)
        if self.ledger.breaches:
            self.tally.fault(self.bar)
        self.tally.events["reductions" if not adds else "orders that may add risk"] += 1

    def _filled(self, symbol: str, sign: int, quantity: int, price: int) -> None:
        for listener in self.on_fill:
            listener(symbol, sign, quantity, price)

    def _hear(self) -> None:
        """Read what the venue has to tell by now; the gate books each event before it is read."""

        async def read() -> None:
            async for _ in self._venue.events():
                pass

        answered(read())

    def _settle_line(self) -> None:
        """The venue tells all that it has to tell, puts right what it told wrong, and answers what it is asked."""
        self._line.calm = True
        self._hear()
        self._ask_about(everything=True)
        self._hear()
        self._line.calm = False

    def _snapshot(self) -> VenueSnapshot | None:
        found = answered(self._venue.snapshot())
        return None if isinstance(found, Unknown) else found

    def _ask_about(self, *, everything: bool = False) -> None:
        """Ask the venue about orders whose answer was lost; what the governor counts and never arrived is released."""
        for order, bar in [*self._unanswered.items()]:
            if not everything and self.bar < bar + _RECONCILED:
                continue
            found = answered(self._venue.query(order))
            if isinstance(found, Unknown):
                continue
            del self._unanswered[order]
            if isinstance(found, Absent) and (order in self.governor.orders or order in self.ledger.working):
                self._hearing.booked(OrderRejected(self._session, order, "NEVER_ARRIVED"))
                self.tally.events["orders counted that never left"] += 1

    def _reuse(self) -> None:
        """Send an earlier order once more, unchanged."""
        if self._sent and self.draw.random() < self.faults.reused:
            self._asked(self._sent[int(self.draw.integers(len(self._sent)))])
            self.tally.events["orders sent again"] += 1

    def _count_decision(self, decision: str, reasons: Iterable[str]) -> None:
        if decision != "ADMIT":
            self.tally.refused.update(reasons)

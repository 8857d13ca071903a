"""One simulated account: its governor, its market, its machine and its independent ledger (H8).

Scenarios call ``send``; the governor decides, and admitted orders go to the venue and to the ledger. The governor's
process may die at any write; then it is rebuilt from its store, and unanswered requests are repeated or dropped. Two
processes may share the account. At every bar the governor's figures are checked against the ledger's: it may count
more than the truth, never less.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from pathlib import Path as File
from typing import TypeVar

import numpy as np

from plimsoll.core.errors import Halted, HomeBusy, InputError, PlimsollError
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE, plain
from plimsoll.governor.governor import Decision, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits
from plimsoll.governor.protocol import LineProtocol
from plimsoll.governor.protocol_lines import EPOCH
from plimsoll.governor.sizing import LIMITS
from plimsoll.simulation.independent_ledger import IndependentLedger
from plimsoll.simulation.paths import DAY, OPENED, Path
from plimsoll.simulation.store import MOMENTS, Crash, MortalStore
from plimsoll.simulation.tally import Tally
from plimsoll.simulation.venue import MisbehavingVenue, VenueFaults

NO_ANSWER = "NO_ANSWER"  # the process died during an order, which was not repeated
_RECONCILED = 3  # bars until an order the venue never saw is released
_ROUNDED = ONE**2 // 10**6  # rounding of split conversions between two ways to count: 1e-6 USD
_STUBBORN = 4  # most starts in a row
_REUSED = 40  # orders that may be sent again
T = TypeVar("T")


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
        faults: VenueFaults,
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
        self._store = store
        self._machine: Callable[[], int] | None = None
        self._set = 0  # error of the machine's clock, microseconds
        self.governor, self._rules = Governor(store, limits), limits
        self._others: list[tuple[MortalStore, Governor, GovernorLimits]] = []  # further processes on the account
        self.on_fill: list[Callable[[str, int, int, int], None]] = []
        self._venue = MisbehavingVenue(ledger, self._say, draw, faults, self.tally.events, self._filled)
        self._unanswered: dict[str, int] = {}
        self._unsure: set[str] = set()  # reductions sent on a late or absent quote
        self._sent: list[OrderIntent] = []
        self._count = 0
        self._half = {s: int(draw.integers(1, 6)) for s in paths}  # half-spread, 1e-4 of the mid
        self._begun = (-1, 0)
        self._hazy = False  # the session's starting prices were lost with a process
        self._mispriced: set[str] = set()  # … or that an impossible fill price was checked against, by symbol
        self._nights = 0  # lead of the clock over the paths, microseconds
        self._ratio: dict[str, Fraction] = {}  # cumulative split factor of a unit's price, by symbol
        self._untold: dict[str, Fraction] = {}  # new units per old one, of an unreported split
        self._at: dict[str, int] = {}  # time of an unreported split
        self._doubtful: set[str] = set()  # symbols whose last print was invalid

    # sessions

    def begin(self, day: int, equity: int) -> None:
        """Begin a session with an equity in cents."""
        self.ledger.begin(Fraction(equity, 100))
        self._begun = day, equity
        while self._rules is not self.limits:  # the process that begins a session sets its policy
            self._turn()
        self._say(lambda governor: governor.begin(day, equity), here=True)
        held = [symbol for symbol, units in self.ledger.held.items() if units]
        self._hazy = any(self._unheard(symbol) for symbol in held)
        self.tally.events["days"] += 1

    def build(self, days: int, equity: int, fill: Callable[[SimulatedAccount], None]) -> None:
        """Build a portfolio that takes several days to buy: ``fill`` sends a day's orders, and they fill at once."""
        for day in range(DAY - days, DAY):
            self.begin(day, equity)
            self.bar = self._venue.bar = -1
            self.now = self._venue.now = (day * 86_400 + OPENED) * SECOND
            for symbol in self.symbols:
                self._quote(symbol, float(self.paths[symbol].bars.close[0]))
            fill(self)
            self._venue.settle_all()

    def next_bar(self, bar: int) -> None:
        """The market moves to the end of a bar, and the venue acts as scheduled."""
        self.bar = self._venue.bar = bar
        first = self.paths[self.symbols[0]]
        row = first.first + bar
        at = int(first.bars.start[row] + first.bars.step) * SECOND + self._nights
        self.now = self._venue.now = max(at, self.now)
        dies = self.draw.random() < self.faults.crash
        early = self.draw.random() < 0.5
        if dies and early:
            self._die_soon()
        for symbol, path in self.paths.items():
            if symbol not in self.muted:
                at = path.first if self.frozen else row
                self._quote(symbol, float(path.bars.close[at]) * self.scale)
        self._nonsense()
        for order in self.governor.to_cancel:
            self.cancel(order)
        self._venue.work()
        self._reconcile()
        self._reuse()
        if dies and not early:
            self._die_soon()
        self.compare()

    def sleep(self) -> None:
        """A night passes, and the next session begins with the equity of the last."""
        self._nights += 86_400 * SECOND
        self.now = self._venue.now = self.now + 86_400 * SECOND
        day, equity = self._begun
        self.begin(day + 1, equity)

    def gap(self, share: float) -> None:
        """From the next bar on every price is lower by a fraction; the rest of the session is flat."""
        self.frozen = True
        self.scale *= 1.0 - share

    def tick(self, microseconds: int) -> None:
        """Time passes within a bar."""
        self.now += microseconds
        self._venue.now = self.now

    def split(self, symbol: str, new: int, old: int, *, told: bool) -> None:
        """``old`` units become ``new``, from the next quote on. The symbol does not trade until this is reported."""
        self._ratio[symbol] = self._ratio.get(symbol, Fraction(1)) * Fraction(old, new)
        self._untold[symbol] = Fraction(new, old)
        self._at[symbol] = self.now
        self._venue.closed_to.add(symbol)
        if told:
            self.tell_split(symbol)

    def tell_split(self, symbol: str) -> None:
        """Report a split that happened."""
        units = self._untold.pop(symbol)
        self._venue.closed_to.discard(symbol)
        self._venue.split(symbol, units.numerator, units.denominator, self._at[symbol])

    def dividend(self, symbol: str, bps: int) -> None:
        """A fraction of the price is paid per unit, and the price falls by it."""
        amount = self.ledger.books[symbol][0] * bps // WHOLE
        self._ratio[symbol] = self._ratio.get(symbol, Fraction(1)) * Fraction(WHOLE - bps, WHOLE)
        self._venue.dividend(symbol, amount)

    def end(self, symbol: str) -> None:
        """A symbol stops trading: its position is settled at the last bid."""
        self.muted.add(symbol)
        self._venue.end(symbol, self.ledger.books[symbol][0])

    def join(self, store: MortalStore, limits: GovernorLimits) -> None:
        """A further process on the account, under limits of its own."""
        self._others.append((store, Governor(store, limits), limits))

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
        self._turn()
        try:
            found = self._decided(intent)
        except Crash:
            self._restart()
            if self.draw.random() < self.faults.give_up:
                self._unanswered[intent.id] = self.bar
                return Decision(intent.id, NO_ANSWER, (), {})
            found = self._live(lambda _: self._decided(intent))
        self._count_decision(found.decision, found.reasons)
        if found.decision == "ADMIT":
            self._unsure |= {intent.id} if found.marks else set()
            self._leave(intent)
        return found

    def _decided(self, intent: OrderIntent) -> Decision:
        """The governor's decision, requested as a protocol line where the symbol is spelt differently."""
        if intent.waited or not self._misspelled():
            return self.governor.decide(intent)
        limit = f',"limit":"{plain(intent.limit)}"' if intent.limit is not None else ""
        said = self._line(
            f'{{"type":"intent","id":"{intent.id}","symbol":"{self._spelling(intent.symbol)}",'
            f'"side":"{"buy" if intent.sign > 0 else "sell"}","qty":"{plain(intent.quantity)}",'
            f'"ts":"{_instant(intent.at)}"{limit}}}'
        )
        if "decision" not in said:
            return Decision(intent.id, "REFUSE", (), {})
        return Decision(intent.id, str(said["decision"]), tuple(said["reasons"]), {}, tuple(said.get("marks", ())))  # type: ignore[arg-type]

    def line(self, text: str) -> dict[str, object]:
        """Send a line of the governor's protocol as it is; only lines that cannot be admitted belong here."""
        said = self._line(text)
        if "decision" in said:
            self._count_decision(str(said["decision"]), said["reasons"])  # type: ignore[arg-type]
        else:
            self.tally.events["lines not understood"] += 1
        return said

    def _line(self, text: str) -> dict[str, object]:
        protocol = LineProtocol(self.governor, self.policy.governor.batch, lambda: 0)
        return dict(json.loads(next(iter(protocol.answer([text.encode()])))))

    def cancel(self, order: str) -> None:
        """Ask the venue to close what is left of an order."""
        self._venue.cancel(order)

    def working(self) -> tuple[str, ...]:
        """Orders the venue has not closed."""
        return self._venue.open()

    def finish(self) -> None:
        """The venue closes what is still open at the end of a session."""
        self._venue.finish()
        self.compare()

    def lose_store(self, *, busy: bool = False) -> None:
        """From now on the store fails, or another process always writes first, until the next restart."""
        self._store.broken, self._store.busy = not busy, busy

    def copy_store(self) -> dict[File, bytes]:
        """A copy of the account's files."""
        return self._store.copy()

    def put_back(self, copy: dict[File, bytes]) -> None:
        """Restore an older copy of the account and start on it; if refused, the newest copy is restored."""
        newest = self._store.copy()
        try:
            self._store.put_back(copy)
            self.tally.events["older stores accepted"] += 1
        except PlimsollError:
            self.tally.events["older stores refused"] += 1
            self._store.put_back(newest)
        self.governor = Governor(self._store, self._rules, self._machine)

    def repair(self) -> None:
        """Start the governor again on a store that works."""
        self._restart()

    def go_live(self) -> None:
        """Restart the governor as that of a live account, with the market's time as its machine clock."""
        self._machine = lambda: self.now + self._set
        self._restart()

    def set_clock(self, wrong: int) -> None:
        """Set a live account's machine clock wrong by so many microseconds, and report the step."""
        self._set = wrong
        self._live(lambda governor: governor.stepped())

    def record_latency(self, microseconds: int) -> None:
        """Report how long a decision took to the governor."""
        self._live(lambda governor: governor.record_latency(microseconds))

    def quote_other(self, symbol: str, mid: float) -> None:
        """A quote of a symbol outside the account."""
        self._half[symbol] = 1
        self._quote(symbol, mid)

    # comparison with the ledger

    def compare(self) -> None:
        """Check the governor's figures against the ledger's: positions must be equal, all else no less.

        While a split is unreported, a quote was lost with its process, or a reduction is open that was sent without
        one, only positions are compared. A loss is not compared where the session's starting prices were lost with a
        process, units were transferred in it, or it was judged by a fill at an impossible price that is not corrected
        yet. not put right yet.
        """
        self._live(lambda governor: governor.refresh())
        governor, its = self.governor, self.ledger
        if dict(governor.positions) != {symbol: units for symbol, units in its.held.items() if units}:
            self.tally.disagree("held", self.bar)
        lost = {symbol for symbol in self.symbols if self._anybody_lost(symbol)}
        self._hazy = self._hazy or bool(lost & self._venue.moved)
        self._mispriced = (self._mispriced | lost) & self._venue.mispriced.keys()
        self._venue.moved.clear()
        unsure = self._unsure & its.working.keys()
        if self._untold or unsure or any(self._unheard(symbol) for symbol in its.touched()):
            return
        use, rounded = governor.use(), _ROUNDED if self._ratio else 0
        figures = [("gross", use.gross, its.gross), ("turnover", use.turnover, its.turnover)]
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
        return any(self._unheard(symbol, one) for one in (self.governor, *(other for _, other, _ in self._others)))

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
        self._venue.take(intent)

    def _filled(self, symbol: str, sign: int, quantity: int, price: int) -> None:
        for listener in self.on_fill:
            listener(symbol, sign, quantity, price)

    def _reuse(self) -> None:
        """Send an earlier order once more, unchanged."""
        if self._sent and self.draw.random() < self.faults.reused:
            self._asked(self._sent[int(self.draw.integers(len(self._sent)))])
            self.tally.events["orders sent again"] += 1

    def _quote(self, symbol: str, mid: float) -> None:
        price = mid * float(self._ratio.get(symbol, 1))
        middle = max(round(price * ONE), 2)
        half = max(middle * self._half[symbol] // 10_000, 1) if middle > 2 else 0
        quote = Quote(middle - half, middle + half, self.now)
        if not self._print(symbol, quote):
            return
        units = self._untold.get(symbol, Fraction(1))  # the ledger counts in old units until the split is reported
        self.ledger.quote(symbol, int(quote.bid * units), int(-(-quote.ask * units // 1)), self.now)
        if symbol in self._untold and self.ledger.held.get(symbol):
            self.ledger.puzzled(symbol)  # the number of units is unknown now
        self._doubtful.discard(symbol)

    def _print(self, symbol: str, quote: Quote) -> bool:
        """Send every process a quote, as a line where the symbol is spelt differently; whether any accepted it."""
        heard = [self._printed(symbol, quote) for _ in range(len(self._others) + 1) if self._next()]
        self.tally.events["quotes refused"] += not any(heard)
        return any(heard)

    def _printed(self, symbol: str, quote: Quote) -> bool:
        if self._misspelled():
            text = (
                f'{{"type":"quote","symbol":"{self._spelling(symbol)}","bid":"{plain(quote.bid)}",'
                f'"ask":"{plain(quote.ask)}","ts":"{_instant(quote.at)}"}}'
            )
            said = self._live(lambda _: self._line(text), here=True)
            return "error" not in said
        try:
            self._live(lambda governor: governor.quote(symbol, quote), here=True)
        except InputError:
            return False
        return True

    def _nonsense(self) -> None:
        """Report an impossible price of one symbol: of another magnitude, crossed, zero or below."""
        draw = self.draw
        if draw.random() >= self.faults.nonsense:
            return
        symbol = self.symbols[int(draw.integers(len(self.symbols)))]
        if symbol in self._doubtful or symbol in self.muted or symbol in self._untold:
            return
        bid, ask, _ = self.ledger.books[symbol]
        few, many = ((1, 10), (10, 1), (1, 2), (2, 1), (3, 1), (1, 100))[int(draw.integers(6))]
        wrong = ((bid * few // many, -(-ask * few // many)), (ask + 1, bid), (0, ask), (-bid, ask))
        kind = int(draw.choice(4, p=(0.7, 0.1, 0.1, 0.1)))
        self._doubtful.add(symbol)
        self.ledger.puzzled(symbol)
        self.tick(1)
        self._print(symbol, Quote(*wrong[kind], self.now))
        self.tally.events["prices that cannot be"] += 1

    def _misspelled(self) -> bool:
        return self.faults.spelled > 0.0 and self.draw.random() < self.faults.spelled

    def _spelling(self, symbol: str) -> str:
        """One of the spellings that venues and vendors use for a symbol."""
        ways = [symbol, symbol.lower()]
        base = symbol.removesuffix("-USD")
        if base != symbol:
            ways += [f"{base}/USD", f"{base}USDT", f"{base}-USDC", f"{base.lower()}_usd"]
        return ways[int(self.draw.integers(len(ways)))]

    # processes

    def _turn(self) -> None:
        """Switch to another process, if there are several."""
        if self._others and self.draw.random() < 0.5:
            self._next()

    def _next(self) -> bool:
        """Switch to the next process, or stay on the only one."""
        self._others.append((self._store, self.governor, self._rules))
        self._store, self.governor, self._rules = self._others.pop(0)
        return True

    def _live(self, act: Callable[[Governor], T], *, here: bool = False) -> T:
        """Run it, ``here`` or in another process, restarting after each death: every act may be done twice."""
        if not here:
            self._turn()
        for _ in range(_STUBBORN):
            try:
                return act(self.governor)
            except Crash:
                self._restart()
            except (Halted, HomeBusy):  # the disk failed, or other processes kept it busy
                self._restart()
        return act(self.governor)

    def _say(self, act: Callable[[Governor], T], *, here: bool = False) -> T | None:
        """Pass a venue's report to the governor: every one must be accepted (H2)."""
        try:
            return self._live(act, here=here)
        except (InputError, Halted, HomeBusy):
            self.tally.disagree("told", self.bar)
            return None

    def _die_soon(self) -> None:
        """Die at one of the next writes: before it, halfway through it, or after it and before the answer."""
        self._store.dies_in = int(self.draw.integers(1, 6))
        self._store.moment = MOMENTS[int(self.draw.integers(3))]

    def _restart(self) -> None:
        self.tally.events["restarts"] += 1
        self._store.reopen()
        self.governor = Governor(self._store, self._rules, self._machine)

    def _reconcile(self) -> None:
        """Release orders that the governor counts but the venue never received, some bars after the crash."""
        for order, bar in [*self._unanswered.items()]:
            if self.bar >= bar + _RECONCILED:
                del self._unanswered[order]
                if order in self.governor.orders and order not in self.ledger.unfilled:
                    self._live(lambda governor, order=order: governor.close(order))  # type: ignore[misc]
                    self.tally.events["orders counted that never left"] += 1

    def _count_decision(self, decision: str, reasons: Iterable[str]) -> None:
        if decision != "ADMIT":
            self.tally.refused.update(reasons)


def _instant(at: int) -> str:
    """An instant in protocol format."""
    return (EPOCH + timedelta(microseconds=at)).isoformat()

"""The hard-limit governor: the last check before a venue, and the smallest trusted code (H1, H2).

Everything is a whole number: quantities in 1e-12 units, prices in 1e-12 USD, so that their product, a value, is in
1e-24 USD and adds up exactly however an order is filled in parts. Limits are in cents; a value is compared with
``limit * CENT``. Time is in microseconds since 1970, UTC.

It counts the worst case: every order not known to be closed counts as filled, at the highest price it was admitted at
or could meet now. A decision is durable before it is answered; quotes are written with it. A crash can leave an order
that is counted but was never sent: over-counted, never under-counted. It can lose quotes: after a start no quote is
fresh until it is received again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace as changed

from plimsoll.core.errors import Halted, HomeBusy, InputError
from plimsoll.core.ports import StateStore
from plimsoll.core.quantity import CENT
from plimsoll.core.venue_facts import Fact, Snapshot
from plimsoll.governor import executions, facts
from plimsoll.governor.book import Book
from plimsoll.governor.change import Change
from plimsoll.governor.checks import Decision, OrderIntent, check_order, reserved_price, worst_price
from plimsoll.governor.clock import dates_of, moment, seen_with
from plimsoll.governor.executions import Execution
from plimsoll.governor.latency import LatencyMonitor
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.quotes import UnsavedQuotes, decisive, prices_of, put_quote
from plimsoll.governor.staged import Staged
from plimsoll.governor.state import MINUTE, Account, AdmittedOrder, Doubt, OpenOrder, Quote, encode, row
from plimsoll.governor.use import (
    Use,
    dust_of,
    gross_cap,
    headroom_of,
    healthy,
    loss_of,
    result_of,
    stage_of,
    use_of,
)

__all__ = ["CENT", "MINUTE", "Account", "Decision", "Execution", "Governor", "OpenOrder", "OrderIntent", "Quote", "Use"]

T = TypeVar("T")
_decode: Callable[[str], Any] = json.loads


class Governor:
    """Decides which orders of an account may be sent. State lives in the store; this object is a copy of it.

    Where the store lets several governors share an account, each reads the others' writes before it writes. Every
    change is applied to the copy first and undone if it cannot be written.

    ``machine`` is the clock of a live account's machine, in microseconds since 1970; None for a recorded account.

    Raises
    ------
    InputError : the account was opened under other dollar caps.
    CorruptionError : the store has content that no governor wrote.
    """

    def __init__(self, store: StateStore, limits: GovernorLimits, machine: Callable[[], int] | None = None) -> None:
        self._store, self._signed, self._machine = store, limits, machine
        self._lost = False
        self._latency = LatencyMonitor(limits.pace)
        self._standing: Mapping[tuple[str, str], str] = {}  # facts found where new ones were expected
        self._staged = Staged()
        self._unsaved = UnsavedQuotes()
        self._limits = limits
        self._enforced: tuple[object, object] = (None, None)  # the caps and the ruling now in the limits
        self._staged.reload(store.load())
        self.book.unheard = set(self.book.quotes)
        self._settle(self._opened)

    def _opened(self) -> None:
        """No restart raises a dollar cap; a lowered one applies at once (H1). None changes a session's policy (U7)."""
        kept = self.book.caps
        found = self._signed if kept is None else self._signed.capped_by(kept)
        if found.caps != kept:
            self._staged.put("caps", "", found.caps)
        if self.account.day >= 0 and self.book.ruling is None:  # begun before sessions recorded their policy
            self._staged.put("policy", "", self._signed.ruling)

    def _enforce(self) -> None:
        """Apply the account's dollar caps and its session's policy to orders, whichever process wrote them."""
        caps, ruling = self.book.caps, self.book.ruling
        if caps is not None and (caps is not self._enforced[0] or ruling is not self._enforced[1]):
            self._limits = self._signed.with_caps(caps).beside(ruling)
            self._enforced = caps, ruling

    @property
    def limits(self) -> GovernorLimits:
        """The limits in force."""
        return self._limits

    @property
    def account(self) -> Account:
        """The session's counters."""
        return self.book.account

    @property
    def orders(self) -> Mapping[str, OpenOrder]:
        """Open orders, by id."""
        return self.book.orders

    @property
    def positions(self) -> Mapping[str, int]:
        """Positions, by symbol."""
        return self.book.positions

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """The last quote of each symbol."""
        return self.book.quotes

    @property
    def doubts(self) -> Mapping[str, Doubt]:
        """Reasons that make a symbol's value unknown, by symbol."""
        return self.book.doubts

    @property
    def live(self) -> int | None:
        """The time of a live account's machine; None where times are recorded."""
        return None if self._machine is None else self._machine()

    @property
    def latency(self) -> LatencyMonitor:
        """Durations of the last decisions."""
        return self._latency

    def begin(self, day: int, equity: int, signed: GovernorLimits | None = None) -> None:
        """Begin a session: the day's counters restart, positions and open orders stay.

        The ``signed`` limits (those of the start, if not given) come into force, the only moment at which a dollar cap
        can rise; caps of the same entry can only fall (H1). After a session that was halted, restricted or too slow,
        only reductions pass until a health check (R4, H5); with an equity of zero or below, only reductions pass too.
        Beginning the same session again changes nothing. ``InputError`` for an earlier day, another equity, or, live, a
        day that is not today: no session date lifts a halt early.
        """
        found = self._settle(lambda: self._begun(day, equity, self._signed if signed is None else signed))
        if found is not None:
            self._limits = self._signed = found

    def _begun(self, day: int, equity: int, found: GovernorLimits) -> GovernorLimits | None:
        a = self.account
        if day < a.day:
            raise InputError("a session cannot begin before the last one")
        if day == a.day:
            if equity != a.equity:
                raise InputError("this session began with another equity")
            return None
        if not self.may_begin(day):
            raise InputError("a live account cannot begin a session of a future day")
        if not found.version > self._limits.version:
            found = found.capped_by(self._limits.caps)
        if found.caps != self.book.caps:
            self._staged.put("caps", "", found.caps)
        begun = Account(
            day=day,
            equity=equity,
            clock=a.clock,
            base=self.book.opening(),
            admitted=a.admitted,
            first=a.admitted + 1,
            slow=2 if a.slow else 0,
            unchecked=a.unchecked or a.halted or bool(a.restricted),
            opened=a.clock,
        )
        for symbol in list(self.book.came):
            self._staged.put("came", symbol, None)
        for symbol in list(self.book.dues):
            if not self.book.quotes[symbol].derived:  # a derived price has still to fall
                self._staged.put("due", symbol, None)
        self._staged.put("account", "", begun)
        if (lost := self.book.lost) is not None and lost.told and day > lost.day:
            self._staged.put("lost", "", None)
        if found.ruling != self.book.ruling:
            self._staged.put("policy", "", found.ruling)
        self._latency.clear()
        return found

    def may_begin(self, day: int) -> bool:
        """Whether a session of this day may begin now: for a live account the day has begun in UTC or in New York.

        A past day may be reported later; no new risk is admitted in it (``TIME_OUTSIDE_SESSION``).
        """
        live = self.live
        return live is None or day <= max(dates_of(live))

    def quote(self, symbol: str, quote: Quote) -> Doubt | None:
        """Take a quote; returns the remaining doubt, None where it is believed (U6).

        A side that is no price is 0 or below. The session is halted for good when a believed price marks the account at
        the halt (R4). Only that, the start and end of a doubt, and a price far from the stored one are durable at once:
        any other quote is written with the next change, and after a crash no quote is fresh until it is received again.
        ``InputError`` when it is out of order, or not of this session.
        """
        self._alive()
        before, last = decisive(self.book, symbol), prices_of(self.book, symbol)
        try:
            left = self._quoted(symbol, quote)
            strays = self._unsaved.strayed(self.book, self._limits, symbol, last)
            waits = decisive(self.book, symbol) == before and not strays
        except InputError:  # the copy may lack other processes' writes, and with them the stored quote
            waits = False
        except BaseException:
            self._staged.undo()
            raise
        if waits:
            self._unsaved.keep(self._staged, symbol, last)
        else:
            self._staged.undo()
            left = self._settle(lambda: self._quoted(symbol, quote))
        if left is None:  # a doubted price does not replace the lost ones
            self.book.unheard.discard(symbol)
        return left

    def _quoted(self, symbol: str, quote: Quote) -> Doubt | None:
        return put_quote(self._staged, self._limits, symbol, quote, self.live)

    def decide(self, intent: OrderIntent) -> Decision:
        """Admit or refuse an order; the answer is durable before it is returned (H2).

        A repeated id with the same order gets the first answer and reserves nothing while the order is open or was
        refused; once it is closed it may not be sent again. A repeated id with another order is refused. With the store
        lost everything is refused.
        """
        return self.decide_many([intent])[0]

    def decide_many(self, intents: Sequence[OrderIntent]) -> list[Decision]:
        """Decide on orders one after the other, and make all of it durable at once before any is answered (H5)."""
        try:
            return self._settle(lambda: [self._decided(intent) for intent in intents])
        except Halted:
            return [Decision(intent.id, "REFUSE", ("STORE_LOST",), {}) for intent in intents]
        except HomeBusy:
            return [Decision(intent.id, "REFUSE", ("STORE_BUSY",), {}) for intent in intents]

    def _decided(self, intent: OrderIntent) -> Decision:
        wanted = [intent.symbol, intent.sign, intent.quantity, intent.limit]
        at = ("intent", intent.id)
        text = self._staged.new.get(at) or self._standing.get(at)  # staged now, or found where it was expected new
        if text is not None:
            known = _decode(text)
            if known[:4] != wanted:
                return Decision(intent.id, "REFUSE", ("DUPLICATE_INTENT",), self.headroom(intent.symbol))
            if known[4] == "ADMIT" and self.fact("closed", intent.id) is not None:  # also one that a bust opened again
                return Decision(intent.id, "REFUSE", ("ORDER_CLOSED",), self.headroom(intent.symbol))
            return Decision(intent.id, known[4], tuple(known[5]), known[6], tuple(known[7]) if len(known) > 7 else ())
        now = moment(self.book, intent.at, self.live)
        reasons, marks = self._checked(intent, now)
        if not reasons:
            self._admit(intent, now)
        answer = Decision(intent.id, "REFUSE" if reasons else "ADMIT", reasons, self.headroom(intent.symbol), marks)
        self._staged.new["intent", intent.id] = encode([*wanted, answer.decision, reasons, answer.headroom, marks])
        return answer

    def _admit(self, intent: OrderIntent, now: int) -> None:
        book, a = self.book, self.account
        number = a.admitted + 1
        for old, _ in book.outdated(now):
            self._staged.put("recent", str(old), None)
        self._staged.put("recent", str(number), AdmittedOrder(now, intent.symbol, intent.sign, intent.quantity))
        price, counted = worst_price(book, intent), reserved_price(book, self._limits, intent)
        order = OpenOrder(intent.id, intent.symbol, intent.sign, intent.quantity, price, number=number, paid=counted)
        self._staged.put("open", intent.id, order)
        unchecked = a.unchecked and not healthy(book, self._limits, now)
        clock = seen_with(book, intent.at, self.live)
        self._staged.put("account", "", changed(a, clock=clock, admitted=number, unchecked=unchecked))

    def fill(self, execution: Execution) -> tuple[str, ...]:
        """Book a fill once, whatever the state of its order: a venue's execution is never ignored.

        A fill beyond the order's quantity, or of a refused order, restricts the rest of the session to reductions and
        is reported by a reason code, as long as no bust or correction removes the excess. ``InputError`` when the order
        is unknown or the execution is known with other content; then the order stays reserved.
        """
        return self._settle(lambda: self._filled(execution))

    def _filled(self, execution: Execution) -> tuple[str, ...]:
        earlier = executions.superseded(self, execution)
        if earlier is not None:
            self._booked(earlier)
        return self._booked(executions.filled(self, execution))

    def tell(self, fact: Fact) -> tuple[str, ...]:
        """Book a venue's or person's report other than fills and ends of orders; returns its reason codes.

        Repeated with the same content it changes nothing. ``InputError`` when its id is known with other content, or it
        names an unknown order.
        """
        return self._settle(lambda: self._told(fact))

    def _told(self, fact: Fact) -> tuple[str, ...]:
        reasons, lost = self._booked(facts.told(self, fact)), self.book.lost
        if lost is not None and isinstance(fact, Snapshot) and fact.at > lost.at:
            self._staged.put("lost", "", None if self.account.day > lost.day else changed(lost, told=True))
        return reasons

    def _booked(self, change: Change | tuple[str, ...]) -> tuple[str, ...]:
        """Stage a message's change, if any; returns the reason codes of its answer.

        A gainless change adds cash only up to the loss on the positions.
        """
        if isinstance(change, tuple):
            return change
        a, before = self.account, self.book.marked
        for kind, key, value in change.puts:
            self._staged.put(kind, key, value)
        self._staged.facts.update(change.facts)
        self._staged.new.update(change.new)
        cash = min(change.cash, (before - self.book.marked) // 2) if change.gainless else change.cash
        restricted = a.restricted if change.restricted is None else change.restricted
        turnover = a.turnover + change.turnover
        self._staged.mark(self._limits, turnover=turnover, cash=a.cash + cash, restricted=restricted)
        return change.reasons

    def knows(self, fact_id: str) -> bool:
        """Whether a fact with this id was booked."""
        return self.fact("fact", fact_id) is not None

    def close(self, order_id: str) -> None:
        """Release the rest of an order that the venue cancelled or rejected; repeated it changes nothing.

        ``InputError`` for an order that was never decided on.
        """
        self._settle(lambda: self._booked(executions.closed(self, order_id)))

    def restate(self, order_id: str, quantity: int) -> None:
        """Take a venue's new quantity of a whole order over a split, which is told before. ``InputError`` as close."""
        self._settle(lambda: self._booked(executions.restated(self, order_id, quantity)))

    def record_latency(self, micros: int) -> None:
        """Record how long a decision, or the start of a session, took with its journal (H5).

        Too slow disables trading, except reductions, until a later session with a decision in time. Never raises: with
        the store lost nothing is admitted anyway.
        """
        self._latency.add(micros)
        in_time, slow = micros <= self._limits.pace.longest, self.account.slow
        if (slow == 2 and in_time) or (not slow and not in_time and self._latency.too_slow):
            try:
                self._settle(lambda: self._staged.put("account", "", changed(self.account, slow=0 if in_time else 1)))
            except (Halted, HomeBusy):
                self._lost = True

    def stepped(self) -> None:
        """The machine's clock was stepped: only quotes received from now on are fresh (H2)."""
        self.book.age()

    def refresh(self) -> None:
        """Read the writes of other governors of the account."""
        self._settle(lambda: None)

    @property
    def stage(self) -> str:
        """The stage of the intraday ladder: normal, caution, reduce_only or halt (R4)."""
        return stage_of(self.book, self._limits, self.loss)

    @property
    def reduce_only(self) -> bool:
        """Whether only reductions pass, for any reason."""
        a, stopped = self.account, self.book.lost is not None or self.stage in ("reduce_only", "halt")
        return bool(a.restricted) or a.unchecked or a.slow > 0 or stopped

    @property
    def to_cancel(self) -> tuple[str, ...]:
        """Working orders to be cancelled: those that could add risk while only reductions pass (H9), oldest first."""
        return tuple(order.id for order in self.book.adding()) if self.reduce_only else ()

    def use(self, symbol: str | None = None) -> Use:
        """The worst case now; ``position`` is the symbol's, or that of the largest one."""
        return use_of(self.book, self.loss, symbol)

    @property
    def result(self) -> int:
        """The session's profit from fills and the last mids, negative for a loss; rounded down."""
        return result_of(self.book)

    @property
    def loss(self) -> int:
        """The loss that orders are checked against: the session's loss at the last mids, unpriced dust counted as lost,
        never negative; rounded up.
        """
        now = moment(self.book, self.account.clock, self.live)
        return loss_of(self.book, dust_of(self.book, self._limits, now))

    @property
    def gross_cap(self) -> int:
        """Most that all positions together may be worth, cents."""
        return gross_cap(self.book, self._limits)

    def headroom(self, symbol: str | None = None) -> dict[str, int]:
        """Cents left in each limit, rounded down; negative where a price carried a position over one.

        Without a symbol the position limit is that of the symbol with the least room.
        """
        return headroom_of(self.book, self._limits, self.loss, symbol)

    def _checked(self, intent: OrderIntent, now: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        reasons, marks = check_order(self.book, self._limits, intent, now, self.live)
        return tuple(reasons), tuple(marks)

    # changes and the store

    def _settle(self, attempt: Callable[[], T]) -> T:
        """The result of ``attempt``, once all its changes are durable; repeated while others write first (H6).

        A failed attempt may have lacked other processes' writes, so it too reads the store.
        """
        self._alive()
        self._standing = {}
        for _ in range(self._limits.tries):
            failed: InputError | None = None
            answer: Any = None
            try:
                answer = attempt()
            except InputError as error:
                failed = error
                self._staged.undo()
            except BaseException:
                self._staged.undo()
                raise
            if self._written():
                if failed is not None:
                    raise failed
                return answer  # type: ignore[no-any-return]
        raise HomeBusy("other processes write this account faster than it can be read", "Send the line again")

    def _written(self) -> bool:
        """Whether the staged changes are durable now; if others wrote first, they are undone and the others' read."""
        staged, unsaved = self._staged, self._unsaved
        state = unsaved.beside(staged)
        try:
            conflict = self._store.write(
                [row(kind, key, value) for (kind, key), value in state.items()],
                [(*at, text) for at, text in staged.facts.items()],
                [(*at, text) for at, text in staged.new.items()],
            )
            if conflict is None:
                if state is not staged.state:
                    unsaved.written()
                staged.forget()
                self._enforce()
                return True
            staged.undo()
            self._standing = {**self._standing, **conflict.standing}
            if conflict.whole:
                staged.reload(conflict.rows)
            else:
                staged.learn(conflict.rows)
            self._enforce()
            unsaved.put_again(staged, self._limits, self.live, staged.heard)
        except Exception as error:
            self._lost = True
            raise Halted(f"the governor's store cannot be written: {error}", "Mend it and start again") from error
        return False

    # the interface that booking uses

    @property
    def book(self) -> Book:
        """The account and its sums, read-only."""
        return self._staged.book

    def stood(self, kind: str, key: str) -> bool:
        """Record that a fact exists where a new one was expected."""
        return (kind, key) in self._standing

    def fact(self, kind: str, key: str) -> str | None:
        """A fact, staged or from the store; None without one."""
        self._alive()
        put = self._staged.facts.get((kind, key), self._staged.new.get((kind, key)))
        if put is not None:
            return put
        try:
            return self._store.get(kind, key)
        except Exception as error:
            self._lost = True
            raise Halted(f"the governor's store cannot be read: {error}") from error

    def _alive(self) -> None:
        if self._lost:
            raise Halted("the governor lost its store", "Mend it and start again")

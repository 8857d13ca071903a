"""One simulated account: its governor, its venue, its market and its accountant (H8).

Whoever trades here calls ``send``; the governor decides, what it admits goes to the venue and to the accountant, and
what the venue does comes back over the next bars: whole or in parts, late, twice, or too much. The governor's process
may die at any write; then it is built again from its store, and whatever was not answered is asked again or given up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

import numpy as np

from plimsoll.core.errors import Halted, HomeBusy
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.operate.govern import LineProtocol
from plimsoll.operate.montecarlo.accountant import Accountant
from plimsoll.operate.montecarlo.paths import DAY, OPENED, Path
from plimsoll.operate.montecarlo.store import MOMENTS, Crash, MortalStore
from plimsoll.risk.governor import Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.risk.governor_limits import SECOND, WHOLE, GovernorLimits
from plimsoll.risk.sizing import LIMITS

NO_ANSWER = "NO_ANSWER"  # the process died over an order, and nobody asked again
_RECONCILED = 3  # bars until an order the venue never saw is released
T = TypeVar("T")


@dataclass(slots=True)
class Manners:
    """How the venue and the machine behave, as probabilities an order, a fill or a bar."""

    parts: float = 0.3  # filled in parts
    cancel: float = 0.1  # the rest cancelled after the first part
    late: float = 0.3  # of the cancelled: filled all the same, after saying so
    twice: float = 0.1  # a fill told twice
    more: float = 0.0  # filled with more than was ordered
    crash: float = 0.01  # a bar in which the process dies at one of its writes
    give_up: float = 0.5  # an order whose answer was lost is not asked about again


@dataclass(slots=True)
class Ticket:
    """An order at the venue: fills still to come as (bar, quantity), and whether its end was told."""

    intent: OrderIntent
    plan: list[tuple[int, int]]
    closes_at: int
    closed: bool = False


@dataclass(slots=True)
class Tally:
    """What happened, counted."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


class Desk:
    """One account over one session and, where a book takes several days to build, the days before it."""

    def __init__(
        self,
        policy: Policy,
        limits: GovernorLimits,
        store: MortalStore,
        accountant: Accountant,
        paths: Mapping[str, Path],
        draw: np.random.Generator,
        manners: Manners,
    ) -> None:
        self.policy, self.limits, self.accountant = policy, limits, accountant
        self.draw, self.manners, self.paths = draw, manners, paths
        self.symbols = tuple(paths)
        self.tally = Tally()
        self.now = 0  # microseconds since 1970
        self.bar = 0
        self.muted: set[str] = set()
        self.scale = 1.0
        self.frozen = False
        self._store = store
        self._machine: Callable[[], int] | None = None
        self.governor = Governor(store, limits)
        self.on_fill: list[Callable[[str, int, int, int], None]] = []
        self._tickets: dict[str, Ticket] = {}
        self._unanswered: dict[str, int] = {}
        self._count = 0
        self._half = {s: int(draw.integers(1, 6)) for s in paths}  # half-spread, 1e-4 of the mid

    # the days

    def begin(self, day: int, equity: int) -> None:
        """Begin a session with an equity in cents."""
        self.accountant.begin(Fraction(equity, 100))
        self._live(lambda: self.governor.begin(day, equity))
        self.tally.events["days"] += 1

    def build(self, days: int, equity: int, fill: Callable[[Desk], None]) -> None:
        """Hold a book that takes several days to buy: ``fill`` sends a day's orders, and they fill at once."""
        for day in range(DAY - days, DAY):
            self.begin(day, equity)
            self.bar = -1
            self.now = (day * 86_400 + OPENED) * SECOND
            for symbol in self.symbols:
                self._quote(symbol, float(self.paths[symbol].bars.close[0]))
            fill(self)
            self.settle()

    def next_bar(self, bar: int) -> None:
        """The market moves to the end of a bar, and the venue does what it had in mind."""
        self.bar = bar
        first = self.paths[self.symbols[0]]
        row = first.first + bar
        self.now = max(int(first.bars.start[row] + first.bars.step) * SECOND, self.now)
        dies = self.draw.random() < self.manners.crash
        early = self.draw.random() < 0.5
        if dies and early:
            self._die_soon()
        for symbol, path in self.paths.items():
            if symbol not in self.muted:
                at = path.first if self.frozen else row
                self._quote(symbol, float(path.bars.close[at]) * self.scale)
        for order in self.governor.to_cancel:
            self.cancel(order)
        self._venue()
        self._reconcile()
        if dies and not early:
            self._die_soon()

    def gap(self, share: float) -> None:
        """From the next bar on every price is lower by a share of itself; the rest of the session stands still."""
        self.frozen = True
        self.scale *= 1.0 - share

    def tick(self, microseconds: int) -> None:
        """Time passes within a bar."""
        self.now += microseconds

    # what a trader can see and do

    def ask_of(self, symbol: str) -> int:
        """The dearest price a marketable order counts at."""
        return self.governor.quotes[symbol].ask

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
        """What is held, signed, at the mids, in dollars, by the accountant's books."""
        books, held = self.accountant.books, self.accountant.held
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
        """Ask the governor, and let the order leave if it is admitted."""
        self._count += 1
        when = self.now if at is None else at
        intent = OrderIntent(name or f"o{self._count}", symbol, sign, quantity, when, limit, waited)
        try:
            found = self.governor.decide(intent)
        except Crash:
            self._restart()
            if self.draw.random() < self.manners.give_up:
                self._unanswered[intent.id] = self.bar
                return Decision(intent.id, NO_ANSWER, (), {})
            found = self._live(lambda: self.governor.decide(intent))
        self._count_decision(found.decision, found.reasons)
        if found.decision == "ADMIT":
            self._leave(intent)
        return found

    def line(self, text: str) -> dict[str, object]:
        """Send a line of the governor's protocol as it is; only lines that cannot be admitted belong here."""
        protocol = LineProtocol(self.governor, self.policy.governor.batch, lambda: 0)
        said = json.loads(next(iter(protocol.answer([text.encode()]))))
        if "decision" in said:
            self._count_decision(said["decision"], said["reasons"])
        else:
            self.tally.events["lines not understood"] += 1
        return dict(said)

    def cancel(self, order: str) -> None:
        """Ask the venue to close what is left of an order."""
        ticket = self._tickets.get(order)
        if ticket is not None and not ticket.closed:
            if self.draw.random() >= self.manners.late:
                ticket.plan.clear()
            self._close(ticket)

    def working(self) -> tuple[str, ...]:
        """Orders the venue has not closed."""
        return tuple(order for order, ticket in self._tickets.items() if not ticket.closed)

    def settle(self) -> None:
        """Everything at the venue fills at once."""
        for ticket in [*self._tickets.values()]:
            while ticket.plan:
                self._fill(ticket, ticket.plan.pop(0)[1])
            self._close(ticket)
        self._tickets.clear()

    def finish(self) -> None:
        """The venue closes what is still open at the end of a session."""
        for ticket in self._tickets.values():
            self._close(ticket)

    def lose_store(self, *, busy: bool = False) -> None:
        """From now on the store fails, or is always written by somebody else first, until the next restart."""
        self._store.broken, self._store.busy = not busy, busy

    def repair(self) -> None:
        """Start the governor again on a store that works."""
        self._restart()

    def go_live(self) -> None:
        """Start the governor again as that of a live account, whose machine has the market's time."""
        self._machine = lambda: self.now
        self._restart()

    def took(self, microseconds: int) -> None:
        """Tell the governor how long a decision took."""
        self._live(lambda: self.governor.took(microseconds))

    def quote_other(self, symbol: str, mid: float) -> None:
        """A quote of a symbol that is none of the account's."""
        self._half[symbol] = 1
        self._quote(symbol, mid)

    # the venue

    def _leave(self, intent: OrderIntent) -> None:
        self._unanswered.pop(intent.id, None)
        if intent.id in self.accountant.unfilled:
            return  # the answer of an order that left already, asked for again
        self.tally.accepted += 1
        adds = self.accountant.left(intent.id, intent.symbol, intent.sign, intent.quantity, intent.limit, self.now)
        self.tally.events["reductions" if not adds else "orders that may add risk"] += 1
        self._tickets[intent.id] = self._ticket(intent)

    def _ticket(self, intent: OrderIntent) -> Ticket:
        draw, manners, q = self.draw, self.manners, intent.quantity
        first = self.bar + int(draw.integers(1, 3))
        if draw.random() < manners.cancel:
            part = q * int(draw.integers(0, 100)) // 100
            plan = [(first, part)] if part else []
            if q > part and draw.random() < manners.late:
                plan.append((first + 3, q - part))
            return Ticket(intent, plan, first + 1)
        if draw.random() < manners.more:
            return Ticket(intent, [(first, q + max(q * int(draw.integers(1, 50)) // 100, 1))], first)
        if draw.random() < manners.parts and q >= 3:
            part = max(q * int(draw.integers(1, 99)) // 100, 1)
            return Ticket(intent, [(first, part), (first + 1, q - part)], first + 1)
        return Ticket(intent, [(first, q)], first)

    def _venue(self) -> None:
        for order, ticket in [*self._tickets.items()]:
            while ticket.plan and ticket.plan[0][0] <= self.bar and self._marketable(ticket.intent):
                late = ticket.closed
                self._fill(ticket, ticket.plan.pop(0)[1])
                self.tally.events["late fills"] += late
            due = any(bar <= ticket.closes_at for bar, _ in ticket.plan)
            if not ticket.closed and self.bar >= ticket.closes_at and not due:
                self._close(ticket)
            if ticket.closed and not ticket.plan:
                del self._tickets[order]

    def _marketable(self, intent: OrderIntent) -> bool:
        if intent.limit is None:
            return True
        bid, ask, _ = self.accountant.books[intent.symbol]
        return ask <= intent.limit if intent.sign > 0 else bid >= intent.limit

    def _fill(self, ticket: Ticket, quantity: int) -> None:
        if quantity <= 0:
            return
        intent = ticket.intent
        bid, ask, _ = self.accountant.books[intent.symbol]
        price = ask if intent.sign > 0 else bid
        self._count += 1
        told = Execution(intent.id, f"x{self._count}", quantity, price, price)
        for listener in self.on_fill:
            listener(intent.symbol, intent.sign, quantity, price)
        self.accountant.filled(intent.id, told.execution, intent.symbol, intent.sign, quantity, price)
        reasons = self._live(lambda: self.governor.fill(told))
        self.tally.events["fills"] += 1
        if reasons:
            self.tally.events["fills above the order"] += 1
        if self.draw.random() < self.manners.twice:
            self._live(lambda: self.governor.fill(told))
            self.tally.events["fills told twice"] += 1

    def _close(self, ticket: Ticket) -> None:
        if ticket.closed:
            return
        ticket.closed = True
        order = ticket.intent.id
        self.accountant.closed(order)
        if order in self.governor.orders:
            self.tally.events["cancels"] += 1
        self._live(lambda: self.governor.close(order))

    # the process

    def _quote(self, symbol: str, mid: float) -> None:
        middle = max(round(mid * ONE), 2)
        half = max(middle * self._half[symbol] // 10_000, 1) if middle > 2 else 0
        quote = Quote(middle - half, middle + half, self.now)
        self.accountant.quote(symbol, quote.bid, quote.ask, self.now)
        self._live(lambda: self.governor.quote(symbol, quote))

    def _live(self, act: Callable[[], T]) -> T:
        """Do it, starting again after each death; every act of the governor may be done twice."""
        while True:
            try:
                return act()
            except Crash:
                self._restart()
            except (Halted, HomeBusy):  # the disk failed under it, or others kept it busy
                self._restart()

    def _die_soon(self) -> None:
        """At one of the next writes: before it, with half of it written, or after it and before the answer."""
        self._store.dies_in = int(self.draw.integers(1, 6))
        self._store.moment = MOMENTS[int(self.draw.integers(3))]

    def _restart(self) -> None:
        self.tally.events["restarts"] += 1
        self._store.reopen()
        self.governor = Governor(self._store, self.limits, self._machine)

    def _reconcile(self) -> None:
        """Orders the governor counts and the venue never saw are released some bars after the crash."""
        for order, bar in [*self._unanswered.items()]:
            if self.bar >= bar + _RECONCILED:
                del self._unanswered[order]
                if order in self.governor.orders:
                    self._live(lambda order=order: self.governor.close(order))  # type: ignore[misc]
                    self.tally.events["orders counted that never left"] += 1

    def _count_decision(self, decision: str, reasons: Iterable[str]) -> None:
        if decision != "ADMIT":
            self.tally.refused.update(reasons)

"""The simulated venue of the Monte Carlo: its true fills, and its faulty reports of them (H8).

The independent ledger receives the true fills. Reports to the governor come late, twice, in parts, wrong and corrected
afterwards, in the wrong order, or only as a snapshot of positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from plimsoll.core.venue_facts import (
    Bust,
    Correction,
    Dividend,
    External,
    Fact,
    Settlement,
    Snapshot,
    Split,
    Transfer,
)
from plimsoll.governor.governor import Execution, Governor, OrderIntent
from plimsoll.simulation.independent_ledger import IndependentLedger

_LATER = 2  # bars until a correction
_VENUES = ("", "NORTH", "SOUTH")
_REMEMBERED = 50  # messages that may be repeated


@dataclass(slots=True)
class VenueFaults:
    """Behaviour of venue, feed and machine, as probabilities per order, fill or bar."""

    parts: float = 0.3  # filled in parts
    cancel: float = 0.1  # the rest cancelled after the first part
    late: float = 0.3  # of the cancelled: still filled, after the report of its end
    twice: float = 0.1  # a fill reported twice
    more: float = 0.0  # filled beyond the order
    crash: float = 0.01  # a bar in which the process dies at one of its writes
    give_up: float = 0.5  # an order whose answer was lost is not asked about again
    again: float = 0.02  # a bar in which an old message is repeated
    wrong: float = 0.0  # a fill reported wrongly, and corrected later
    bust: float = 0.0  # a fill cancelled later
    absurd: float = 0.0  # a fill reported at an impossible price, and corrected later
    elsewhere: float = 0.0  # a bar with an external trade of the account
    hidden: float = 0.5  # of those: shown by a snapshot before the report
    moved: float = 0.0  # a bar in which units come or go without a trade
    listed: float = 0.0  # a bar in which the venue sends a snapshot
    nonsense: float = 0.0  # a bar with an impossible price of one symbol
    spelled: float = 0.0  # a line that spells a symbol differently
    reused: float = 0.0  # a bar in which an earlier order is sent again


@dataclass(slots=True)
class Ticket:
    """An order at the venue: fills still to come as (bar, quantity), and whether its end was reported."""

    intent: OrderIntent
    plan: list[tuple[int, int]]
    closes_at: int
    closed: bool = False


class Teller(Protocol):
    """Passes the venue's reports to the governor."""

    def __call__(self, act: Callable[[Governor], Any]) -> Any:
        """Repeat an action on the governor until it is done."""
        ...


@dataclass(slots=True)
class MisbehavingVenue:
    """Receives orders and produces the reports on them.

    ``heard`` is called with symbol, sign, quantity and price of every fill.
    """

    ledger: IndependentLedger
    tell: Teller
    draw: np.random.Generator
    faults: VenueFaults
    events: Counter[str]
    heard: Callable[[str, int, int, int], None]
    now: int = 0
    bar: int = 0
    tickets: dict[str, Ticket] = field(default_factory=dict)
    closed_to: set[str] = field(default_factory=set)  # symbols in which nothing trades for the moment
    _later: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    _told: list[Callable[[Governor], Any]] = field(default_factory=list)
    _names: Counter[tuple[str, str]] = field(default_factory=Counter)
    mispriced: Counter[str] = field(default_factory=Counter)  # fills at an impossible price, not corrected yet
    moved: set[str] = field(default_factory=set)  # symbols with a transfer in this bar
    _unseen: Counter[str] = field(default_factory=Counter)  # units held but not reported, by symbol

    # orders

    def take(self, intent: OrderIntent) -> None:
        """An order arrives."""
        self.tickets[intent.id] = self._ticket(intent)

    def open(self) -> tuple[str, ...]:
        """Orders the venue has not closed."""
        return tuple(order for order, ticket in self.tickets.items() if not ticket.closed)

    def cancel(self, order: str) -> None:
        """Close the rest of an order; it may still fill."""
        ticket = self.tickets.get(order)
        if ticket is not None and not ticket.closed:
            if self.draw.random() >= self.faults.late:
                ticket.plan.clear()
            self._close(ticket)

    def work(self) -> None:
        """Process one bar."""
        for order, ticket in [*self.tickets.items()]:
            while ticket.plan and ticket.plan[0][0] <= self.bar and self._marketable(ticket.intent):
                late = ticket.closed
                self._fill(ticket, ticket.plan.pop(0)[1])
                self.events["late fills"] += late
            due = any(bar <= ticket.closes_at for bar, _ in ticket.plan)
            if not ticket.closed and self.bar >= ticket.closes_at and not due:
                self._close(ticket)
            if ticket.closed and not ticket.plan:
                del self.tickets[order]
        self._put_right()
        self._incidents()

    def settle_all(self) -> None:
        """Everything fills at once."""
        for ticket in [*self.tickets.values()]:
            while ticket.plan:
                self._fill(ticket, ticket.plan.pop(0)[1])
            self._close(ticket)
        self.tickets.clear()

    def finish(self) -> None:
        """The session ends: open orders are closed, wrong reports corrected."""
        for ticket in self.tickets.values():
            self._close(ticket)
        self._put_right(everything=True)

    # other events

    def split(self, symbol: str, new: int, old: int, at: int) -> None:
        """Units changed at an instant; open orders are cancelled."""
        for ticket in [*self.tickets.values()]:
            if ticket.intent.symbol == symbol:
                ticket.plan.clear()
                self._close(ticket)
        self.ledger.split(symbol, new, old)
        self._unseen[symbol] = self._unseen[symbol] * new // old
        self._names["split", symbol] += 1
        again = self._names["split", symbol] > 1
        self._say(Split(self._name("split"), symbol, new, old, at=at, again=again))

    def dividend(self, symbol: str, amount: int) -> None:
        """Pay an amount per unit."""
        self.ledger.paid(symbol, amount)
        self._names["dividend", symbol] += 1
        again = self._names["dividend", symbol] > 1
        self._say(Dividend(self._name("dividend"), symbol, amount, at=self.now, again=again))

    def end(self, symbol: str, price: int) -> None:
        """Settle the position at a price; the symbol no longer trades."""
        for ticket in [*self.tickets.values()]:
            if ticket.intent.symbol == symbol:
                ticket.plan.clear()
                self._close(ticket)
        self.closed_to.add(symbol)
        self.ledger.settled(symbol, price)
        self._say(Settlement(self._name("settle"), symbol, price, at=self.now))

    def elsewhere(self, symbol: str, sign: int, quantity: int, *, hidden: bool) -> None:
        """An external trade of the account; a hidden one is first shown by a snapshot."""
        bid, ask, _ = self.ledger.books[symbol]
        price = ask if sign > 0 else bid
        fact = External(self._name("external"), symbol, sign, quantity, price, price, at=self.now)

        def tell() -> None:
            self._unseen[symbol] -= sign * quantity
            self.ledger.traded_elsewhere(symbol, sign, quantity, price, fact.at)
            self._say(fact)

        self._unseen[symbol] += sign * quantity
        if hidden:
            self.list()
            self._later.append((self.bar + _LATER, tell))
        else:
            tell()

    def list(self, *, strange: bool = False) -> None:
        """Send a snapshot of all positions and open orders; if ``strange``, one of unknown origin among them."""
        units = Counter(self.ledger.held)
        units.update(self._unseen)
        positions = {symbol: held for symbol, held in units.items() if held}
        self.ledger.told(positions, self.now, strange=strange)
        orders = frozenset(self.ledger.working) | ({"nobody's"} if strange else set())
        self._say(Snapshot(self._name("snapshot"), self.now, positions, orders))

    # details

    def _ticket(self, intent: OrderIntent) -> Ticket:
        draw, faults, q = self.draw, self.faults, intent.quantity
        first = self.bar + int(draw.integers(1, 3))
        if intent.symbol in self.closed_to:
            return Ticket(intent, [], first)
        if draw.random() < faults.cancel:
            part = q * int(draw.integers(0, 100)) // 100
            plan = [(first, part)] if part else []
            if q > part and draw.random() < faults.late:
                plan.append((first + 3, q - part))
            return Ticket(intent, plan, first + 1)
        if draw.random() < faults.more:
            return Ticket(intent, [(first, q + max(q * int(draw.integers(1, 50)) // 100, 1))], first)
        if draw.random() < faults.parts and q >= 3:
            part = max(q * int(draw.integers(1, 99)) // 100, 1)
            return Ticket(intent, [(first, part), (first + 1, q - part)], first + 1)
        return Ticket(intent, [(first, q)], first)

    def _marketable(self, intent: OrderIntent) -> bool:
        if intent.symbol in self.closed_to:
            return False
        if intent.limit is None:
            return True
        bid, ask, _ = self.ledger.books[intent.symbol]
        return ask <= intent.limit if intent.sign > 0 else bid >= intent.limit

    def _fill(self, ticket: Ticket, quantity: int) -> None:
        """Fill, and report it: correctly, or with one of a venue's faults."""
        if quantity <= 0:
            return
        intent, faults = ticket.intent, self.faults
        bid, ask, _ = self.ledger.books[intent.symbol]
        price = ask if intent.sign > 0 else bid
        venue = _VENUES[int(self.draw.integers(len(_VENUES)))]
        self._names[intent.symbol, venue] += 1
        name = f"x{self._names[intent.symbol, venue]}"  # the same id in another symbol, and at another venue
        self.heard(intent.symbol, intent.sign, quantity, price)
        self.events["fills"] += 1
        true = Execution(intent.id, name, quantity, price, price, venue=venue, at=self.now)
        chance = self.draw.random()
        if chance < faults.wrong:
            self._told_wrong(intent, true)
        elif chance < faults.wrong + faults.bust:
            self._busted(intent, true)
        elif chance < faults.wrong + faults.bust + faults.absurd:
            self._absurd(intent, true)
        else:
            self._filled(intent, true)
            if self._execution(true):
                self.events["fills above the order"] += 1
            if self.draw.random() < faults.twice:
                self._execution(true)
                self.events["fills told twice"] += 1

    def _told_wrong(self, intent: OrderIntent, true: Execution) -> None:
        """Report another quantity and price, and the right ones later; or the right ones first."""
        draw, most = self.draw, self.ledger.unfilled[intent.id]
        quantity = min(max(true.quantity * int(draw.integers(50, 130)) // 100, 1), max(most, 1))
        price = true.price_up * int(draw.integers(990, 1011)) // 1000
        wrong = Execution(intent.id, true.execution, quantity, price, price, venue=true.venue, at=self.now)
        right = _corrected(true)
        if draw.random() < 0.25:
            self._filled(intent, true)
            self._say(right)
            self._execution(wrong)
            self.events["corrections told before the fill"] += 1
            return
        self._filled(intent, wrong)
        self._execution(wrong)
        self._unseen[intent.symbol] += intent.sign * (true.quantity - quantity)

        def put_right() -> None:
            self._unseen[intent.symbol] -= intent.sign * (true.quantity - quantity)
            self.ledger.corrected(_key(intent, true), true.quantity, true.price_up)
            self._say(right)
            self.events["fills corrected"] += 1

        self._later.append((self.bar + _LATER, put_right))

    def _busted(self, intent: OrderIntent, true: Execution) -> None:
        """A fill that is busted later, or before its report."""
        bust = Bust(intent.id, true.execution, true.venue)
        self.events["fills busted"] += 1
        if self.draw.random() < 0.25:
            self._say(bust)
            self._execution(true)
            return
        self._filled(intent, true)
        self._execution(true)
        self._unseen[intent.symbol] -= intent.sign * true.quantity

        def cancel() -> None:
            self._unseen[intent.symbol] += intent.sign * true.quantity
            self.ledger.corrected(_key(intent, true), 0, 0)
            self._say(bust)

        self._later.append((self.bar + _LATER, cancel))

    def _absurd(self, intent: OrderIntent, true: Execution) -> None:
        """An impossible price in the account's favour: sold far above, bought far below the market."""
        price = true.price_up * 100 if intent.sign < 0 else max(true.price_up // 100, 1)
        self._filled(intent, true)
        self._execution(Execution(intent.id, true.execution, true.quantity, price, price, true.venue, self.now))
        self.events["fills at a price that cannot be"] += 1
        self.mispriced[intent.symbol] += 1

        def put_right() -> None:
            self.mispriced -= Counter({intent.symbol: 1})
            self._say(_corrected(true))

        self._later.append((self.bar + _LATER, put_right))

    def _filled(self, intent: OrderIntent, execution: Execution) -> None:
        quantity, price, at = execution.quantity, execution.price_up, execution.at
        self.ledger.filled(intent.id, _key(intent, execution), intent.symbol, intent.sign, quantity, price, at)

    def _close(self, ticket: Ticket) -> None:
        if ticket.closed:
            return
        ticket.closed = True
        order = ticket.intent.id
        if order in self.ledger.working:
            self.events["cancels"] += 1
        elif self.draw.random() < 0.5:
            return  # a full fill is report enough
        self.ledger.closed(order)
        self._tell(lambda governor: governor.close(order))

    def _execution(self, execution: Execution) -> Any:
        return self._tell(lambda governor: governor.fill(execution))

    def _say(self, fact: Fact) -> None:
        self.events[f"told: {type(fact).__name__.lower()}"] += 1
        self._tell(lambda governor: governor.tell(fact))

    def _tell(self, message: Callable[[Governor], Any]) -> Any:
        self._told = [*self._told[-_REMEMBERED:], message]
        return self.tell(message)

    def _name(self, kind: str) -> str:
        self._names[kind, ""] += 1
        return f"{kind}-{self._names[kind, '']}"

    def _put_right(self, *, everything: bool = False) -> None:
        due = [act for bar, act in self._later if everything or bar <= self.bar]
        self._later = [] if everything else [(bar, act) for bar, act in self._later if bar > self.bar]
        for act in due:
            act()

    def _incidents(self) -> None:
        """Events of a bar besides orders."""
        draw, faults = self.draw, self.faults
        if self._told and draw.random() < faults.again:
            self.tell(self._told[int(draw.integers(len(self._told)))])
            self.events["told again"] += 1
        if draw.random() < faults.elsewhere:
            symbol, units = self._some(100)
            self.elsewhere(symbol, 1 if draw.random() < 0.5 else -1, units, hidden=draw.random() < faults.hidden)
        if draw.random() < faults.moved:
            symbol, units = self._some(100)
            units = units if draw.random() < 0.5 else -units
            self.ledger.moved(symbol, units, self.now)
            self.moved.add(symbol)
            self._say(Transfer(self._name("transfer"), symbol, units, at=self.now))
        if draw.random() < faults.listed:
            self.list(strange=draw.random() < 0.2)

    def _some(self, part: int) -> tuple[str, int]:
        """A traded symbol, and a small quantity of it: a ``part`` of the position cap."""
        symbols = [symbol for symbol in sorted(self.ledger.books) if symbol not in self.closed_to]
        symbol = symbols[int(self.draw.integers(len(symbols)))]
        cap = self.ledger.caps.positions.get(symbol, self.ledger.caps.position)
        return symbol, max(cap // part // self.ledger.books[symbol][1], 1)


def _key(intent: OrderIntent, execution: Execution) -> str:
    """The identity of an execution."""
    return f"{intent.symbol}|{execution.venue}|{execution.execution}"


def _corrected(true: Execution) -> Correction:
    return Correction(
        true.id,
        true.execution,
        f"{true.execution}.c",
        true.quantity,
        true.price_down,
        true.price_up,
        venue=true.venue,
        at=true.at,
    )

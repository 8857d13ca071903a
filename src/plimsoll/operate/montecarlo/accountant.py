"""The independent ledger of an account, written from the rules and not from the governor (H8).

It hears that an order left, quotes, fills and ends of orders; caps are read from the policy again, as exact fractions
of a dollar. It holds no formula for a worst case: when an order leaves, it books the fills that could follow, one order
after the other, in a copy of its ledger, at the worst price each can meet, and compares the copy with the caps. A
breach is an order that left and made such a future exceed a cap. A price that jumps through a position, or a venue that
fills what it should not, breaches nothing: no order did it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from plimsoll.core.policy import Policy

TRILLION = 10**12  # quantities and prices are told in these parts
LIMITS = ("loss", "position", "gross", "turnover", "trade")


@dataclass(frozen=True, slots=True)
class Caps:
    """An account's caps in dollars, as the policy states them; ``gross`` and ``marks`` are shares."""

    loss: Fraction
    turnover: Fraction
    trade: Fraction
    position: Fraction
    positions: dict[str, Fraction]
    gross: Fraction
    move: Fraction  # what a market order's price may rise before it fills, of the ask
    caution: tuple[Fraction, Fraction, Fraction]  # of the equity, of the loss cap, and what it leaves of a trade
    reduce: tuple[Fraction, Fraction]
    halt: tuple[Fraction, Fraction]


def caps_of(policy: Policy) -> Caps:
    """The caps of H1 and the intraday ladder of R4, read from the policy once more."""
    g, limits = policy.governor, policy.limits
    capital = _exact(policy.account.capital)
    weight = min(limits.weight_stock, limits.weight_fund, limits.weight_crypto, limits.weight_other)
    own = {s: _exact(row.max_weight) * capital for s, row in limits.assets.items()} if g.position is None else {}
    return Caps(
        loss=_exact(g.loss) if g.loss is not None else _exact(g.loss_share) * capital,
        turnover=_exact(g.turnover) if g.turnover is not None else _exact(g.turnover_share) * capital,
        trade=_exact(g.trade) if g.trade is not None else _exact(g.trade_share) * capital,
        position=_exact(g.position) if g.position is not None else _exact(weight) * capital,
        positions=own,
        gross=_exact(limits.gross_max),
        move=_exact(g.market_reserve),
        caution=(_exact(g.caution_equity), _exact(g.caution_loss), _exact(g.caution_size)),
        reduce=(_exact(g.reduce_equity), _exact(g.reduce_loss)),
        halt=(_exact(g.halt_equity), _exact(g.halt_loss)),
    )


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


@dataclass(slots=True)
class Working:
    """An order at the venue, in units and dollars.

    ``price`` is the worst it would have filled at when it left, ``moved`` the worst after a move before it fills.
    """

    symbol: str
    sign: int
    rest: Fraction
    price: Fraction
    moved: Fraction
    session: int


@dataclass(slots=True)
class Ledger:
    """What fills have made of an account: units by symbol, and dollars traded in the session."""

    held: dict[str, Fraction] = field(default_factory=dict)
    traded: Fraction = Fraction(0)

    def book(self, symbol: str, units: Fraction, price: Fraction) -> None:
        """Book a fill of signed ``units``."""
        self.held[symbol] = self.held.get(symbol, Fraction(0)) + units
        self.traded += abs(units) * price

    def after(self, fills: Iterable[tuple[Working, Fraction]]) -> Ledger:
        """A copy in which these orders filled whole, each at its price."""
        future = Ledger(dict(self.held), self.traded)
        for order, price in fills:
            future.book(order.symbol, order.sign * order.rest, price)
        return future


@dataclass(slots=True)
class Accountant:
    """Counts one account over its sessions, in dollars and units; quotes and quantities are told in 1e-12."""

    caps: Caps
    equity: Fraction = Fraction(0)
    ledger: Ledger = field(default_factory=Ledger)
    working: dict[str, Working] = field(default_factory=dict)
    books: dict[str, tuple[int, int]] = field(default_factory=dict)
    executions: set[str] = field(default_factory=set)
    unfilled: dict[str, int] = field(default_factory=dict)  # of every order that ever left
    flow: Fraction = Fraction(0)  # dollars the session's fills brought in
    start: Fraction = Fraction(0)  # what was held at its beginning
    halted: bool = False
    restricted: bool = False
    unhealthy: bool = False  # since a halt, until no order of an earlier session is open
    sessions: int = 0
    use: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(LIMITS, Fraction(0)))
    breaches: Counter[str] = field(default_factory=Counter)
    worst_loss: Fraction = Fraction(0)  # of the loss cap, any session, gaps included

    def begin(self, equity: Fraction) -> None:
        """A session begins: counters of the day start again, what is held and open stays."""
        self.equity, self.flow = equity, Fraction(0)
        self.ledger.traded = Fraction(0)
        self.sessions += 1
        self.unhealthy = self.unhealthy or self.halted or self.restricted
        self.halted = self.restricted = False
        self.start = self._marked()

    def quote(self, symbol: str, bid: int, ask: int) -> None:
        """A top of book; the loss is marked at once."""
        self.books[symbol] = (bid, ask)
        self._mark()

    def left(self, order: str, symbol: str, sign: int, quantity: int, limit: int | None) -> bool:
        """An order leaves for the venue; whether it could add risk. Breaches and the use of each limit are noted."""
        if order in self.unfilled:
            return False  # the same order sent again after a crash is one order at the venue
        self.unfilled[order] = quantity
        ask = self._ask(symbol)
        price = ask if limit is None else max(ask, Fraction(limit, TRILLION))
        moved = price * (1 + self.caps.move) if limit is None else price
        new = Working(symbol, sign, Fraction(quantity, TRILLION), price, moved, self.sessions)
        self.working[order] = new
        adds = self._could_add(new)
        if adds:
            self._judge(new, new.rest * price)
        return adds

    def filled(self, order: str, execution: str, symbol: str, sign: int, quantity: int, price: int) -> None:
        """The venue tells a fill; once for each execution, whatever state it said the order was in."""
        if execution in self.executions:
            return
        self.executions.add(execution)
        units, paid = sign * Fraction(quantity, TRILLION), Fraction(price, TRILLION)
        self.ledger.book(symbol, units, paid)
        self.flow -= units * paid
        self.unfilled[order] -= quantity
        self.restricted = self.restricted or self.unfilled[order] < 0
        open_ = self.working.get(order)
        if open_ is not None:
            open_.rest -= abs(units)
            if open_.rest <= 0:
                del self.working[order]
        self._mark()

    def closed(self, order: str) -> None:
        """The venue says that nothing more of an order will fill."""
        self.working.pop(order, None)

    @property
    def loss(self) -> Fraction:
        """Loss of the session at the mids in dollars, negative for a gain."""
        return self.start - self.flow - self._marked()

    @property
    def turnover(self) -> Fraction:
        """What the session would have traded if everything at the venue filled, dollars."""
        return self.ledger.after((w, self._worst(w)) for w in self.working.values()).traded

    def exposure(self, symbol: str) -> Fraction:
        """The most dollars a symbol can be worth: its buys fill and its sells do not, or the other way round."""
        mine = [w for w in self.working.values() if w.symbol == symbol]
        dearest = max([self._ask(symbol), *(w.price for w in mine)])
        futures = (self.ledger.after((w, w.price) for w in mine if w.sign == side) for side in (1, -1))
        return max(abs(future.held.get(symbol, Fraction(0))) for future in futures) * dearest

    def touched(self) -> set[str]:
        """Symbols that are held or at the venue."""
        return {s for s, q in self.ledger.held.items() if q} | {w.symbol for w in self.working.values()}

    def _ask(self, symbol: str) -> Fraction:
        return Fraction(self.books[symbol][1], TRILLION)

    def _worst(self, order: Working) -> Fraction:
        """The dearest an order may fill at, after the move that is reserved for or where the market is now."""
        return max(order.moved, self._ask(order.symbol))

    def _could_add(self, new: Working) -> bool:
        """Whether its fill, after that of all others of its side, takes the position further from zero or past it."""
        side = [w for w in self.working.values() if (w.symbol, w.sign) == (new.symbol, new.sign)]
        held = self.ledger.held.get(new.symbol, Fraction(0))
        after = self.ledger.after((w, w.price) for w in side).held[new.symbol]
        return not (0 <= after < held or held < after <= 0)

    def _judge(self, new: Working, value: Fraction) -> None:
        caps, equity = self.caps, self.equity
        worst = {
            "trade": (value, caps.trade),
            "position": (self.exposure(new.symbol), caps.positions.get(new.symbol, caps.position)),
            "gross": (sum(map(self.exposure, sorted(self.touched())), Fraction(0)), caps.gross * equity),
            "turnover": (self.turnover, caps.turnover),
        }
        for name, (measured, cap) in worst.items():
            share = measured / cap
            self.use[name] = max(self.use[name], share)
            if share > 1:
                self.breaches[name] += 1
        self.unhealthy = self.unhealthy and any(w.session < self.sessions for w in self.working.values())
        if self.halted or self.restricted or self.unhealthy or self._reached(caps.reduce):
            self.breaches["loss"] += 1
        elif self._reached(caps.caution[:2]) and value > caps.caution[2] * caps.trade:
            self.breaches["trade"] += 1

    def _reached(self, mark: tuple[Fraction, ...]) -> bool:
        """Whether the loss stands at a share of the equity or of the loss cap, whichever is less."""
        return self.loss >= min(mark[0] * self.equity, mark[1] * self.caps.loss)

    def _mark(self) -> None:
        share = self.loss / self.caps.loss
        if share <= 1:
            self.use["loss"] = max(self.use["loss"], share)
        self.worst_loss = max(self.worst_loss, share)
        self.halted = self.halted or (self.equity > 0 and self._reached(self.caps.halt))

    def _marked(self) -> Fraction:
        """What is held at the mids."""
        return sum((q * Fraction(sum(self.books[s]), 2 * TRILLION) for s, q in self.ledger.held.items()), Fraction(0))

"""The independent ledger of an account, written from the rules and not from the governor (H8, H9).

It receives true events: orders sent, their fills and prices, a venue's corrections, market prices. It never sees the
governor's input, which repeats, renames or distorts them. Caps are read from the policy again. It has no formula for a
worst case: when an order is sent, it books the fills that could follow, one after the other, at the worst price each
can meet, and compares the result with the caps.

A **breach** is an order sent whose possible fills exceed a cap; one that could add risk at a loss at which only
reductions may be sent, or while a price or a position was unknown; and one sent again under an id whose order had
ended. A price that jumps through a position, or a venue that fills wrongly, is no breach: no order caused it.

Money is in whole 1e-24 dollars, quantities and prices in whole 1e-12, times in microseconds since 1970.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from plimsoll.core.policy import Policy

GRAIN = 10**24  # of a dollar
LIMITS = ("loss", "position", "gross", "turnover", "trade")
Share = tuple[Fraction, Fraction]  # of the equity, and of the loss cap: the smaller


@dataclass(frozen=True, slots=True)
class Caps:
    """An account's caps as the policy states them: money in 1e-24 dollars, shares as exact fractions."""

    loss: int
    turnover: int
    trade: int
    position: int
    positions: dict[str, int]
    gross: Fraction
    move: Fraction  # reserve for a market order's price rise before its fill, of the ask
    caution: Share
    left: Fraction  # part of a trade allowed under caution
    reduce: Share
    halt: Share
    age: int  # microseconds after which a price is unknown
    dust: int  # a long position worth no more need not be priced


def caps_of(policy: Policy) -> Caps:
    """Dollar caps (H1) and the intraday ladder (R4), read from the policy independently."""
    g, limits = policy.governor, policy.limits
    capital = _exact(policy.account.capital)
    weight = min(limits.weight_stock, limits.weight_fund, limits.weight_crypto, limits.weight_other)
    own = {s: _exact(row.max_weight) * capital for s, row in limits.assets.items()} if g.position is None else {}
    return Caps(
        loss=_money(_exact(g.loss) if g.loss is not None else _exact(g.loss_share) * capital),
        turnover=_money(_exact(g.turnover) if g.turnover is not None else _exact(g.turnover_share) * capital),
        trade=_money(_exact(g.trade) if g.trade is not None else _exact(g.trade_share) * capital),
        position=_money(_exact(g.position) if g.position is not None else _exact(weight) * capital),
        positions={symbol: _money(cap) for symbol, cap in own.items()},
        gross=_exact(limits.gross_max),
        move=_exact(g.market_reserve),
        caution=(_exact(g.caution_equity), _exact(g.caution_loss)),
        left=_exact(g.caution_size),
        reduce=(_exact(g.reduce_equity), _exact(g.reduce_loss)),
        halt=(_exact(g.halt_equity), _exact(g.halt_loss)),
        age=int(g.quote_age * 1_000_000),
        dust=_money(_exact(g.dust)),
    )


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


def _money(dollars: Fraction) -> int:
    return int(dollars * GRAIN)


@dataclass(slots=True)
class Working:
    """An order at the venue. ``price`` is its worst fill price when sent, ``moved`` the worst after a price move before
    the fill, ``session`` the one in which it was sent.
    """

    symbol: str
    sign: int
    rest: int
    price: int
    moved: int
    session: int


@dataclass(slots=True)
class Trade:
    """An execution as the venue last reported it, and its time; ``units`` signed."""

    symbol: str
    order: str
    sign: int
    units: int
    price: int
    session: int
    at: int


@dataclass(slots=True)
class IndependentLedger:
    """Counts one account over its sessions."""

    caps: Caps
    equity: int = 0
    now: int = 0
    held: dict[str, int] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)  # the venue's position, where it differs
    shown_at: int = 0
    strange: bool = False  # an order of unknown origin is open
    working: dict[str, Working] = field(default_factory=dict)
    books: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # bid, ask, when
    puzzling: set[str] = field(default_factory=set)  # symbols whose last reported price is impossible
    trades: dict[str, Trade] = field(default_factory=dict)  # by execution
    unfilled: dict[str, int] = field(default_factory=dict)  # of every order ever sent
    flow: int = 0  # cash from the session's fills
    traded: int = 0
    start: int = 0  # twice the value of positions at its start
    halted: bool = False
    restricted: set[str] = field(default_factory=set)  # orders filled beyond their quantity
    unhealthy: bool = False  # since a halt, until no order of an earlier session is open
    sessions: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    _most: dict[str, tuple[int, int]] = field(default_factory=dict)  # by limit: the highest use, as measure and cap
    _marks: tuple[int, ...] = (0, 0, 0)  # losses at which caution, reductions only and the halt begin
    _worst: int = 0

    # events

    def begin(self, equity: Fraction) -> None:
        """A session begins with so many dollars: the day's counters restart, positions and open orders stay."""
        self.equity, self.flow, self.traded = _money(equity), 0, 0
        self.sessions += 1
        self.unhealthy = self.unhealthy or self.halted or bool(self.restricted)
        self.halted, self.restricted = False, set()
        self.start = self._marked()
        caps = self.caps
        self._marks = tuple(
            ceil(min(of_equity * self.equity, of_loss * caps.loss))
            for of_equity, of_loss in (caps.caution, caps.reduce, caps.halt)
        )

    def quote(self, symbol: str, bid: int, ask: int, at: int) -> None:
        """The market's price at an instant; the loss is marked at once."""
        self.now = max(self.now, at)
        self.books[symbol] = (bid, ask, at)
        self.puzzling.discard(symbol)
        self._mark()

    def puzzled(self, symbol: str) -> None:
        """An impossible price of a symbol was reported: until the next quote it is unknown."""
        self.puzzling.add(symbol)

    def left(self, order: str, symbol: str, sign: int, quantity: int, limit: int | None, at: int) -> bool:
        """An order is sent to the venue; returns whether it could add risk. Records breaches and limit use."""
        if order in self.working:
            return False  # the same order sent again after a crash is one order at the venue
        self.now = max(self.now, at)
        if order in self.unfilled:
            self.breaches["id"] += 1
        self.unfilled[order] = self.unfilled.get(order, 0) + quantity
        ask = self._ask(symbol)
        price = max(ask, limit or 0)
        moved = price if limit is not None else price + price * self.caps.move.numerator // self.caps.move.denominator
        new = Working(symbol, sign, quantity, price, moved, self.sessions)
        adds = self._could_add(new)
        self.working[order] = new
        if adds:
            self._judge(new, quantity * price)
        return adds

    def filled(self, order: str, execution: str, symbol: str, sign: int, quantity: int, price: int, at: int) -> None:
        """The venue fills; once for each execution, whatever the order's state."""
        if execution in self.trades:
            return
        trade = Trade(symbol, order, sign, sign * quantity, price, self.sessions, at)
        self.trades[execution] = trade
        self._book(trade, 1)
        self._take(order, quantity)
        self._mark()

    def corrected(self, execution: str, quantity: int, price: int) -> None:
        """An execution had another quantity and price than reported; for a bust, none."""
        trade = self.trades[execution]
        before = abs(trade.units)
        self._book(trade, -1)
        trade.units, trade.price = trade.sign * quantity, price
        self._book(trade, 1)
        self._take(trade.order, quantity - before)
        self._mark()

    def closed(self, order: str) -> None:
        """The venue reports the end of an order."""
        self.working.pop(order, None)

    def split(self, symbol: str, new: int, old: int) -> None:
        """``old`` units became ``new`` ones, rounded down to 1e-12, against the account. Whether the venue
        changed the open orders is unknown.
        """
        for units in (self.held, self.shown):
            if symbol in units:
                units[symbol] = units[symbol] * new // old
        if symbol in self.books:
            bid, ask, at = self.books[symbol]
            self.books[symbol] = (bid * old // new, -(-ask * old // new), at)
        for name, order in self.working.items():
            if order.symbol == symbol:
                more = max(order.rest, -(-order.rest * new // old))
                self.unfilled[name] += more - order.rest
                order.rest = more
                order.price = max(order.price, order.price * old // new)
                order.moved = max(order.moved, order.moved * old // new)
        for trade in self.trades.values():
            if trade.symbol == symbol:
                trade.units, trade.price = trade.units * new // old, trade.price * old // new

    def paid(self, symbol: str, amount: int) -> None:
        """A cash amount per unit, by which the price falls; a short position pays it."""
        self.flow += self.held.get(symbol, 0) * amount
        bid, ask, at = self.books[symbol]
        self.books[symbol] = (bid - amount, ask - amount, at)

    def traded_elsewhere(self, symbol: str, sign: int, quantity: int, price: int, at: int) -> None:
        """A trade of the account without an order of this governor."""
        self._book(Trade(symbol, "", sign, sign * quantity, price, self.sessions, at), 1)
        self._mark()

    def moved(self, symbol: str, units: int, at: int) -> None:
        """Units arrive (positive) or leave without a trade: neither a gain nor a loss at the present price."""
        bid, ask, _ = self.books[symbol]
        self.start += units * (bid + ask)
        self._move(symbol, units, at)

    def settled(self, symbol: str, price: int) -> None:
        """A position ended without a market, at a price."""
        self.flow += self.held.pop(symbol, 0) * price
        self._agree(symbol)
        self._mark()

    def told(self, positions: dict[str, int], at: int, *, strange: bool = False) -> None:
        """The venue reports all positions, and whether ``strange`` orders of unknown origin are open. A position that
        differs is unknown; with a strange order any may be.
        """
        self.shown_at, self.strange = at, strange
        for symbol in {*self.held, *self.shown, *positions}:
            self.shown[symbol] = positions.get(symbol, 0)
            self._agree(symbol)

    # sums

    @property
    def loss(self) -> Fraction:
        """Loss of the session at the mids in dollars, negative for a gain."""
        return Fraction(self._loss(), GRAIN)

    @property
    def turnover(self) -> Fraction:
        """The session's turnover if every order at the venue filled, dollars."""
        return Fraction(self._turnover(), GRAIN)

    def exposure(self, symbol: str) -> Fraction:
        """Largest value of a symbol, dollars: its buys fill and its sells do not, or the reverse."""
        return Fraction(self._exposure(symbol, self._of(symbol)), GRAIN)

    @property
    def gross(self) -> Fraction:
        """All symbols together, each at its largest value, dollars."""
        return Fraction(self._gross(), GRAIN)

    def touched(self) -> set[str]:
        """Symbols with a position, by either account of it, or an order at the venue."""
        return {s for s, q in self.held.items() if q} | set(self.shown) | {w.symbol for w in self.working.values()}

    @property
    def use(self) -> dict[str, Fraction]:
        """The highest use of each limit so far, as a share of its cap."""
        return {name: Fraction(*self._most.get(name, (0, 1))) for name in LIMITS}

    @property
    def worst_loss(self) -> Fraction:
        """The largest loss of any session, as a share of its cap; gaps included."""
        return Fraction(self._worst, self.caps.loss)

    def _turnover(self) -> int:
        traded = self.traded
        for order in self.working.values():
            traded += order.rest * max(order.moved, self._ask(order.symbol))
        return traded

    def _gross(self) -> int:
        by_symbol: dict[str, list[Working]] = {symbol: [] for symbol in self.touched()}
        for order in self.working.values():
            by_symbol[order.symbol].append(order)
        return sum(self._exposure(symbol, orders) for symbol, orders in by_symbol.items())

    def _of(self, symbol: str) -> list[Working]:
        return [order for order in self.working.values() if order.symbol == symbol]

    def _exposure(self, symbol: str, orders: list[Working]) -> int:
        dearest, furthest = self._ask(symbol), 0
        for begun in self._accounts(symbol):
            for side in (1, -1):
                units = begun
                for order in orders:
                    dearest = max(dearest, order.price)
                    if order.sign == side:
                        units += side * order.rest
                furthest = max(furthest, abs(units))
        return furthest * dearest

    def _accounts(self, symbol: str) -> list[int]:
        """A symbol's position and, where it differs, the venue's."""
        return [self.held.get(symbol, 0), *([self.shown[symbol]] if symbol in self.shown else [])]

    def _ask(self, symbol: str) -> int:
        return self.books[symbol][1] if symbol in self.books else 0

    def _could_add(self, new: Working) -> bool:
        """Whether its fill, after all others of its side, takes the position further from zero or through it."""
        for begun in self._accounts(new.symbol):
            after = begun + new.sign * new.rest
            for order in self.working.values():
                if (order.symbol, order.sign) == (new.symbol, new.sign):
                    after += order.sign * order.rest
            if not (0 <= after < begun or begun < after <= 0):
                return True
        return False

    def _judge(self, new: Working, value: int) -> None:
        caps, symbol = self.caps, new.symbol
        for name, measured, cap in (
            ("trade", value, caps.trade),
            ("position", self._exposure(symbol, self._of(symbol)), caps.positions.get(symbol, caps.position)),
            ("gross", self._gross(), int(caps.gross * self.equity)),
            ("turnover", self._turnover(), caps.turnover),
        ):
            if cap > 0:
                self._reach(name, measured, cap)
            if measured > cap:
                self.breaches[name] += 1
        self.unhealthy = self.unhealthy and any(w.session < self.sessions for w in self.working.values())
        caution, reduce, _ = self._marks
        loss = self._loss()
        if self.halted or self.restricted or self.unhealthy or self.equity <= 0 or loss >= reduce:
            self.breaches["loss"] += 1
        elif loss >= caution and value > caps.left * caps.trade:
            self.breaches["trade"] += 1
        if not all(self._known(one) for one in {symbol, *(s for s, q in self.held.items() if q and not self._dust(s))}):
            self.breaches["price"] += 1
        if symbol in self.shown or self.strange:
            self.breaches["dispute"] += 1

    def _known(self, symbol: str) -> bool:
        """Whether a symbol has a price, fresh enough and not in question since."""
        book = self.books.get(symbol)
        return book is not None and symbol not in self.puzzling and self.now - book[2] <= self.caps.age

    def _dust(self, symbol: str) -> bool:
        return 0 < self.held[symbol] * self._ask(symbol) <= self.caps.dust and symbol not in self.shown

    def _reach(self, name: str, measured: int, cap: int) -> None:
        most, of = self._most.get(name, (0, 1))
        if measured * of > most * cap:
            self._most[name] = (measured, cap)

    def _book(self, trade: Trade, way: int) -> None:
        """Put a trade into the ledger, or take it out. Turnover is of the session it was made in."""
        self._move(trade.symbol, way * trade.units, trade.at)
        self.flow -= way * trade.units * trade.price
        if trade.session == self.sessions:
            self.traded += way * abs(trade.units) * trade.price

    def _move(self, symbol: str, units: int, at: int) -> None:
        """An event after the venue's position report moves that too; an earlier one was included in it."""
        self.held[symbol] = self.held.get(symbol, 0) + units
        if symbol in self.shown and at > self.shown_at:
            self.shown[symbol] += units
        self._agree(symbol)

    def _take(self, order: str, quantity: int) -> None:
        """Change an order's filled quantity; quantity returned by a bust works again while the order does."""
        self.unfilled[order] -= quantity
        if self.unfilled[order] >= 0:
            self.restricted.discard(order)
        elif quantity > 0:
            self.restricted.add(order)
        at_venue = self.working.get(order)
        if at_venue is not None:
            at_venue.rest -= quantity
            if at_venue.rest <= 0:
                del self.working[order]

    def _agree(self, symbol: str) -> None:
        if self.shown.get(symbol) == self.held.get(symbol, 0):
            del self.shown[symbol]

    def _loss(self) -> int:
        return -((2 * self.flow + self._marked() - self.start) // 2)

    def _mark(self) -> None:
        loss = self._loss()
        if 0 < loss <= self.caps.loss:
            self._reach("loss", loss, self.caps.loss)
        self._worst = max(self._worst, loss)
        self.halted = self.halted or (self.equity > 0 and loss >= self._marks[2])

    def _marked(self) -> int:
        """Twice the value of positions, at the mids."""
        twice = 0
        for symbol, units in self.held.items():
            if units:
                bid, ask, _ = self.books[symbol]
                twice += units * (bid + ask)
        return twice

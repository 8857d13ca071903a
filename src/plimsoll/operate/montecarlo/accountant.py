"""An accountant who does not trust the governor: he counts from what left for the venue and what it told (H8).

Nothing here comes from the governor but the fact that an order left. Caps are read from the policy again, as exact
fractions of a dollar; positions, turnover, exposure and loss are added up from his own log. A breach is an order that
left and made a worst case exceed a cap. A price that jumps through a position, or a venue that fills what it should
not, breaches nothing: no order did it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from plimsoll.core.policy import Policy

MILLION = 10**6
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
        caution=(_exact(g.caution_equity), _exact(g.caution_loss), _exact(g.caution_size)),
        reduce=(_exact(g.reduce_equity), _exact(g.reduce_loss)),
        halt=(_exact(g.halt_equity), _exact(g.halt_loss)),
    )


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


@dataclass(slots=True)
class Working:
    """An order at the venue: quantities in 1e-6 units, ``price`` the dearest it left at, 1e-6 USD."""

    symbol: str
    sign: int
    rest: int
    price: int
    session: int


@dataclass(slots=True)
class Accountant:
    """Counts one account over its sessions; turnover, flow and start are whole numbers of 1e-12 USD."""

    caps: Caps
    equity: Fraction = Fraction(0)
    held: dict[str, int] = field(default_factory=dict)
    working: dict[str, Working] = field(default_factory=dict)
    books: dict[str, tuple[int, int]] = field(default_factory=dict)
    executions: set[str] = field(default_factory=set)
    unfilled: dict[str, int] = field(default_factory=dict)  # of every order that ever left
    turnover: int = 0
    flow: int = 0
    start: int = 0
    halted: bool = False
    restricted: bool = False
    unhealthy: bool = False  # since a halt, until no order of an earlier session is open
    sessions: int = 0
    use: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(LIMITS, Fraction(0)))
    breaches: Counter[str] = field(default_factory=Counter)
    worst_loss: Fraction = Fraction(0)  # of the loss cap, any session, gaps included

    def begin(self, equity: Fraction) -> None:
        """A session begins: counters of the day start again, what is held and open stays."""
        self.equity, self.turnover, self.flow = equity, 0, 0
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
        price = max(self.books[symbol][1], limit or 0)
        same = sum(w.rest for w in self.working.values() if (w.symbol, w.sign) == (symbol, sign))
        held = self.held.get(symbol, 0)
        reduces = (held > 0 > sign or held < 0 < sign) and same + quantity <= abs(held)
        self.working[order] = Working(symbol, sign, quantity, price, self.sessions)
        if not reduces:
            self._judge(symbol, quantity * price)
        return not reduces

    def filled(self, order: str, execution: str, symbol: str, sign: int, quantity: int, price: int) -> None:
        """The venue tells a fill; once for each execution, whatever state it said the order was in."""
        if execution in self.executions:
            return
        self.executions.add(execution)
        self.held[symbol] = self.held.get(symbol, 0) + sign * quantity
        self.turnover += quantity * price
        self.flow -= sign * quantity * price
        self.unfilled[order] -= quantity
        self.restricted = self.restricted or self.unfilled[order] < 0
        open_ = self.working.get(order)
        if open_ is not None:
            open_.rest = max(open_.rest - quantity, 0)
            if not open_.rest:
                del self.working[order]
        self._mark()

    def closed(self, order: str) -> None:
        """The venue says that nothing more of an order will fill."""
        self.working.pop(order, None)

    @property
    def loss(self) -> Fraction:
        """Loss of the session at the mids in dollars, negative for a gain."""
        return Fraction(self.start - 2 * self.flow - self._marked(), 2 * MILLION * MILLION)

    def exposure(self, symbol: str) -> int:
        """The most a symbol can be worth, whichever of its open orders fill."""
        mine = [w for w in self.working.values() if w.symbol == symbol]
        held = self.held.get(symbol, 0)
        reach = [held]  # every position that some set of fills leads to
        for w in mine:
            reach = [min(reach), max(reach)]
            reach += [at + w.sign * w.rest for at in reach]
        return max(abs(at) for at in reach) * max([self.books[symbol][1], *(w.price for w in mine)])

    def _judge(self, symbol: str, value: int) -> None:
        caps, equity = self.caps, self.equity
        touched = {s for s, q in self.held.items() if q} | {w.symbol for w in self.working.values()}
        worst = {
            "trade": (value, caps.trade),
            "position": (self.exposure(symbol), caps.positions.get(symbol, caps.position)),
            "gross": (sum(self.exposure(s) for s in sorted(touched)), caps.gross * equity),
            "turnover": (self.turnover + sum(w.rest * w.price for w in self.working.values()), caps.turnover),
        }
        for name, (measured, cap) in worst.items():
            share = Fraction(measured, MILLION * MILLION) / cap
            self.use[name] = max(self.use[name], share)
            if share > 1:
                self.breaches[name] += 1
        self.unhealthy = self.unhealthy and any(w.session < self.sessions for w in self.working.values())
        if self.halted or self.restricted or self.unhealthy or self._reached(caps.reduce):
            self.breaches["loss"] += 1
        elif self._reached(caps.caution[:2]) and Fraction(value, MILLION * MILLION) > caps.caution[2] * caps.trade:
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

    def _marked(self) -> int:
        """Twice what is held at the mids, because a mid is half a sum."""
        return sum(q * sum(self.books[s]) for s, q in self.held.items())

"""The hard-limit governor: the last thing before a venue, and the smallest trusted code (H1, H2).

Everything is a whole number: quantities in 1e-6 units, prices in 1e-6 USD, so that their product, a value, is in
1e-12 USD and adds up exactly however an order is filled in parts. Limits are in cents; a value is compared with
``limit * CENT``. Time is in microseconds since 1970, UTC.

It counts the worst case: every order that is not known to be closed counts as if it filled, at the dearest price it
was admitted at or could meet now. A decision is durable before it is answered. What a crash can leave behind is an
order that is counted and never left: over-counted, never under-counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from plimsoll.core.errors import Halted, InputError
from plimsoll.core.ports import StateStore
from plimsoll.risk.governor_limits import SECOND, WHOLE, GovernorLimits

CENT = 10**10  # a cent as a value
DAY = 86_400 * SECOND
MINUTE = 60 * SECOND
Row = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order somebody wants to send. ``sign`` is 1 to buy, -1 to sell; ``limit`` its worst price, if it has one."""

    id: str
    symbol: str
    sign: int
    quantity: int
    at: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An admitted order. ``price`` is the dearest it was admitted at; what is not ``filled`` stays reserved."""

    id: str
    symbol: str
    sign: int
    quantity: int
    price: int
    filled: int = 0

    @property
    def rest(self) -> int:
        """What may still fill."""
        return max(self.quantity - self.filled, 0)


@dataclass(frozen=True, slots=True)
class Quote:
    """Top of book."""

    bid: int
    ask: int
    at: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as the venue reports it. The two prices differ only where it had more than six decimals."""

    id: str
    execution: str
    quantity: int
    price_down: int
    price_up: int


@dataclass(frozen=True, slots=True)
class Account:
    """Counters of the session. ``day`` counts from 1970 and is -1 before the first session.

    ``cash`` is the signed flow of the session's fills; ``base`` twice the value the positions began the session with
    (twice, because a mid is half a sum).
    """

    day: int = -1
    equity: int = 0
    clock: int = 0
    turnover: int = 0
    cash: int = 0
    base: int = 0
    halted: bool = False
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """ADMIT or REFUSE, why, and what is left of each limit afterwards, in cents rounded down."""

    id: str
    decision: str
    reasons: tuple[str, ...]
    headroom: dict[str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """The worst case of an account as values: gross, turnover and loss, and one symbol's position."""

    position: int
    gross: int
    turnover: int
    loss: int


class Governor:
    """Decides which orders may leave an account. State lives in the store; this object is a copy of it.

    One governor an account: the store must not have another writer.

    Raises
    ------
    InputError : the account was opened under other dollar caps.
    """

    def __init__(self, store: StateStore, limits: GovernorLimits) -> None:
        self._store, self._signed = store, limits
        self._lost = False
        self._limits = self._keep_caps()
        account = store.get("account", "")
        self.account = Account(*json.loads(account)) if account else Account()
        self.positions = {symbol: int(text) for symbol, text in store.load("position")}
        self.quotes = {symbol: Quote(*json.loads(text)) for symbol, text in store.load("quote")}
        self.orders = {key: OpenOrder(*json.loads(text)) for key, text in store.load("open")}
        self._recent = {key: tuple(json.loads(text)) for key, text in store.load("recent")}

    def _keep_caps(self) -> GovernorLimits:
        """The limits in force: no start raises a dollar cap, a lowered one counts at once (H1)."""
        kept = self._store.get("caps", "")
        found = self._signed if kept is None else self._signed.within(json.loads(kept))
        if (row := json.dumps(found.caps, sort_keys=True)) != kept:
            self._store.write([("caps", "", row)])
        return found

    @property
    def limits(self) -> GovernorLimits:
        """The limits in force."""
        return self._limits

    def begin(self, day: int, equity: int, signed: GovernorLimits | None = None) -> None:
        """Begin a session: counters of the day start again, positions and open orders stay.

        The limits that were ``signed`` since (those of the start, if not given) come into force, the only moment at
        which a dollar cap can rise; caps of the same entry can only fall (H1). Beginning the same session again
        changes nothing. ``InputError`` for an earlier day, another equity, or an equity that is not positive.
        """
        a = self.account
        if equity <= 0:
            raise InputError("equity must be positive")
        if day < a.day:
            raise InputError("a session cannot begin before the last one")
        if day == a.day:
            if equity != a.equity:
                raise InputError("this session began with another equity")
            return
        base = sum(q * self._doubled_mid(s) for s, q in self.positions.items())
        found = self._signed if signed is None else signed
        if not found.version > self._limits.version:
            found = found.within(self._limits.caps)
        rows: list[Row] = [] if found == self._limits else [("caps", "", json.dumps(found.caps, sort_keys=True))]
        self._commit(
            replace(a, day=day, equity=equity, turnover=0, cash=0, base=base, halted=False, restricted=False), rows
        )
        self._limits = self._signed = found

    def quote(self, symbol: str, quote: Quote) -> None:
        """Take a quote; the session is halted for good when it marks the account at the halt (R4).

        ``InputError`` when it is crossed, not positive, out of order, or not of this session.
        """
        if not 0 < quote.bid <= quote.ask:
            raise InputError("a quote needs 0 < bid <= ask")
        if not self._in_session(quote.at):
            raise InputError("the time is outside the session, or none has begun")
        before = self.quotes.get(symbol)
        if before is not None and quote.at < before.at:
            raise InputError("the quote is older than the last one of its symbol")
        quotes = {**self.quotes, symbol: quote}
        account = replace(self.account, clock=max(self.account.clock, quote.at))
        account = self._latched(account, self.positions, quotes)
        self._commit(account, [("quote", symbol, json.dumps(astuple(quote)))])
        self.quotes = quotes

    def decide(self, intent: OrderIntent) -> Decision:
        """Admit or refuse an order; the answer is durable before it is returned, and the same ever after (H2).

        An id that comes again with the same order gets the first answer and reserves nothing; with another order it
        is refused. With the store lost everything is refused.
        """
        try:
            return self._decided(intent)
        except Halted:
            return Decision(intent.id, "REFUSE", ("STORE_LOST",), {})

    def _decided(self, intent: OrderIntent) -> Decision:
        wanted = [intent.symbol, intent.sign, intent.quantity, intent.limit]
        known = self._known(intent.id)
        if known is not None:
            if known[:4] != wanted:
                return Decision(intent.id, "REFUSE", ("DUPLICATE_INTENT",), self.headroom(intent.symbol))
            return Decision(intent.id, known[4], tuple(known[5]), known[6])
        reasons = tuple(self._objections(intent))
        admitted = not reasons
        orders = self.orders
        if admitted:
            orders = {**orders, intent.id: self._as_order(intent)}
        decision = "ADMIT" if admitted else "REFUSE"
        answer = Decision(intent.id, decision, reasons, self._headroom(intent.symbol, orders))
        record = json.dumps([*wanted, decision, reasons, answer.headroom])
        rows: list[Row] = [("intent", intent.id, record)]
        recent = self._recent
        account = self.account
        if admitted:
            sent = (intent.at, intent.symbol, intent.sign, intent.quantity)
            recent = {k: v for k, v in recent.items() if v[0] > intent.at - MINUTE} | {intent.id: sent}
            rows += [("recent", k, None) for k in self._recent if k not in recent]
            rows.append(("recent", intent.id, json.dumps(sent)))
            rows.append(("open", intent.id, json.dumps(astuple(orders[intent.id]))))
            account = replace(account, clock=max(account.clock, intent.at))
        self._commit(account, rows)
        self.orders, self._recent = orders, recent
        return answer

    def fill(self, execution: Execution) -> tuple[str, ...]:
        """Book a fill once, whatever the state of its order: what a venue did is never ignored.

        More than the order asked for, or a fill of an order that was refused, restricts the rest of the session to
        reductions and is told by a reason code. ``InputError`` when the order is unknown or the execution is known
        with other content; then the order stays reserved.
        """
        if execution.quantity <= 0 or execution.price_down <= 0:
            raise InputError("a fill needs a positive quantity and price")
        content = [execution.id, execution.quantity, execution.price_up]
        booked = self._get("exec", execution.execution)
        if booked is not None:
            *before, told = json.loads(booked)
            if before != content:
                raise InputError("this execution was booked before with other content")
            return tuple(told)
        order = self._order(execution.id)
        order = replace(order, filled=order.filled + execution.quantity)
        over = order.filled > order.quantity
        reasons = ("OVERFILL",) if over else ()
        a = self.account
        worst = execution.price_up if order.sign > 0 else execution.price_down
        held = self.positions.get(order.symbol, 0) + order.sign * execution.quantity
        positions = {k: v for k, v in self.positions.items() if k != order.symbol} | (
            {order.symbol: held} if held else {}
        )
        account = replace(
            a,
            turnover=a.turnover + execution.quantity * execution.price_up,
            cash=a.cash - order.sign * execution.quantity * worst,
            restricted=a.restricted or over,
        )
        account = self._latched(account, positions, self.quotes)
        rows: list[Row] = [
            ("exec", execution.execution, json.dumps([*content, reasons])),
            ("position", order.symbol, str(held) if held else None),
        ]
        orders = self.orders
        if order.id in orders and order.rest:
            orders = {**orders, order.id: order}
            rows.append(("open", order.id, json.dumps(astuple(order))))
        else:
            orders = {k: v for k, v in orders.items() if k != order.id}
            rows += self._closing(order)
        self._commit(account, rows)
        self.orders, self.positions = orders, positions
        return reasons

    def close(self, order_id: str) -> None:
        """Release what is left of an order that the venue cancelled or rejected; again changes nothing.

        ``InputError`` when no such order was ever decided on.
        """
        order = self.orders.get(order_id)
        if order is None:
            if self._known(order_id) is None:
                raise InputError("no order has this id")
            return
        self._commit(self.account, self._closing(order))
        self.orders = {k: v for k, v in self.orders.items() if k != order_id}

    @property
    def stage(self) -> str:
        """Where the intraday ladder stands: normal, caution, reduce_only or halt."""
        return self._stage(self.account, self.positions, self.quotes)

    def use(self, symbol: str | None = None) -> Use:
        """The worst case now; ``position`` is the symbol's, or that of the largest one."""
        values = self._values(self.orders)
        position = values.get(symbol, 0) if symbol is not None else max(values.values(), default=0)
        return Use(position, sum(values.values()), self._turnover(self.orders), self.loss)

    @property
    def loss(self) -> int:
        """What the session has lost at the last mids, never negative; rounded up."""
        return self._loss(self.account, self.positions, self.quotes)

    def headroom(self, symbol: str | None = None) -> dict[str, int]:
        """Cents left of each limit, rounded down; negative where a price carried a holding over one."""
        return self._headroom(symbol, self.orders)

    # what speaks against an order

    def _objections(self, intent: OrderIntent) -> Iterable[str]:
        """Reason codes against an order, none when it may leave. What cannot be measured is an objection."""
        quote = self.quotes.get(intent.symbol)
        unmeasured = [code for code, found in (
            ("NO_SESSION", self.account.day < 0),
            ("BAD_QUANTITY", intent.quantity <= 0),
            ("TIME_OUTSIDE_SESSION", self.account.day >= 0 and not self._in_session(intent.at)),
            ("CLOCK_BACK", intent.at < self.account.clock),
            ("NO_QUOTE", quote is None),
            ("STALE_QUOTE", quote is not None and not intent.at - quote.at <= self._limits.quote_age),
        ) if found]  # fmt: skip
        if unmeasured or quote is None:
            return unmeasured
        found = [*self._collar(intent, quote), *self._throttles(intent)]
        if not self._reduces(intent):
            found += self._over(intent)
        return found

    def _collar(self, intent: OrderIntent, quote: Quote) -> Iterable[str]:
        """The order's own price, or the side of the book it would meet, against the mid."""
        touch = quote.ask if intent.sign > 0 else quote.bid
        price = touch if intent.limit is None else intent.limit
        mid = quote.bid + quote.ask
        if not abs(2 * price - mid) * WHOLE <= self._limits.collar_bps * mid:
            yield "PRICE_COLLAR"

    def _throttles(self, intent: OrderIntent) -> Iterable[str]:
        sent = list(self._recent.values())
        minute = [s for s in sent if s[0] > intent.at - MINUTE]
        if not sum(s[0] > intent.at - SECOND for s in sent) < self._limits.orders_second:
            yield "ORDERS_PER_SECOND"
        if not len(minute) < self._limits.orders_minute:
            yield "ORDERS_PER_MINUTE"
        same = (intent.symbol, intent.sign, intent.quantity)
        if not sum(s[1:] == same for s in minute) < self._limits.repeats_minute:
            yield "REPEATED_EXECUTION"

    def _reduces(self, intent: OrderIntent) -> bool:
        """Whether it can only bring the position nearer to zero, even if every open order of its side fills (R1)."""
        held = self.positions.get(intent.symbol, 0)
        same_side = sum(o.rest for o in self.orders.values() if o.symbol == intent.symbol and o.sign == intent.sign)
        return held * intent.sign < 0 and same_side + intent.quantity <= abs(held)

    def _over(self, intent: OrderIntent) -> Iterable[str]:
        """What an order that may add risk would exceed, everything open counted as filled."""
        limits, order = self._limits, self._as_order(intent)
        stage = self.stage
        if stage == "halt":
            yield "INTRADAY_HALT"
        if stage == "reduce_only" or self.account.restricted:
            yield "INTRADAY_REDUCE_ONLY"
        if any(not intent.at - self.quotes[s].at <= limits.quote_age for s in self.positions if s != intent.symbol):
            yield "LOSS_UNKNOWN"
        if not self.loss <= limits.loss * CENT:
            yield "LOSS_LIMIT"
        if not order.rest * order.price <= limits.trade * CENT:
            yield "TRADE_LIMIT"
        elif stage == "caution" and not order.rest * order.price <= self._trade_cap(stage) * CENT:
            yield "INTRADAY_CAUTION"
        after = {**self.orders, order.id: order}
        values = self._values(after)
        if not values[order.symbol] <= limits.position_of(order.symbol) * CENT:
            yield "POSITION_LIMIT"
        if not sum(values.values()) <= self.gross_cap * CENT:
            yield "GROSS_LIMIT"
        if not self._turnover(after) <= limits.turnover * CENT:
            yield "TURNOVER_LIMIT"

    def _as_order(self, intent: OrderIntent) -> OpenOrder:
        price = max(self.quotes[intent.symbol].ask, intent.limit or 0)
        return OpenOrder(intent.id, intent.symbol, intent.sign, intent.quantity, price)

    # the worst case

    def _values(self, orders: dict[str, OpenOrder]) -> dict[str, int]:
        """Largest value each symbol can reach if any of its open orders fill: either side, at its dearest price."""
        buys, sells, price = dict.fromkeys(self.positions, 0), dict.fromkeys(self.positions, 0), {}
        for symbol in self.positions:
            price[symbol] = self.quotes[symbol].ask
        for o in orders.values():
            side = buys if o.sign > 0 else sells
            side[o.symbol] = side.get(o.symbol, 0) + o.rest
            price[o.symbol] = max(price.get(o.symbol, 0), o.price, self.quotes[o.symbol].ask)
        held = self.positions
        return {
            s: price[s] * max(abs(held.get(s, 0) + buys.get(s, 0)), abs(held.get(s, 0) - sells.get(s, 0)))
            for s in price
        }

    def _turnover(self, orders: dict[str, OpenOrder]) -> int:
        return self.account.turnover + sum(o.rest * o.price for o in orders.values())

    def _loss(self, account: Account, positions: dict[str, int], quotes: dict[str, Quote]) -> int:
        now = sum(q * (quotes[s].bid + quotes[s].ask) for s, q in positions.items())
        return max(-((2 * account.cash + now - account.base) // 2), 0)

    def _stage(self, account: Account, positions: dict[str, int], quotes: dict[str, Quote]) -> str:
        if account.halted:
            return "halt"
        loss = self._loss(account, positions, quotes) * WHOLE
        reached = "normal"
        for stage in self._limits.stages:
            marks = (stage.equity_bps * account.equity * CENT, stage.loss_bps * self._limits.loss * CENT)
            if loss >= min(marks) and account.day >= 0:
                reached = stage.name
        return reached

    def _latched(self, account: Account, positions: dict[str, int], quotes: dict[str, Quote]) -> Account:
        return replace(account, halted=self._stage(account, positions, quotes) == "halt")

    def _trade_cap(self, stage: str) -> int:
        """What one order that may add risk can be worth at a stage, cents."""
        share = {"normal": WHOLE, "caution": self._limits.caution_bps}.get(stage, 0)
        return self._limits.trade * share // WHOLE

    @property
    def gross_cap(self) -> int:
        """What all positions together may be worth, cents."""
        return self.account.equity * self._limits.gross_bps // WHOLE

    def _headroom(self, symbol: str | None, orders: dict[str, OpenOrder]) -> dict[str, int]:
        """Cents left of each limit; without a symbol the position's is that of the one with the least."""
        values = self._values(orders)
        names = [symbol] if symbol is not None else [*values]
        positions = [self._limits.position_of(s) * CENT - values.get(s, 0) for s in names]
        left = {
            "loss": self._limits.loss * CENT - self.loss,
            "position": min(positions, default=self._limits.position * CENT),
            "gross": self.gross_cap * CENT - sum(values.values()),
            "turnover": self._limits.turnover * CENT - self._turnover(orders),
            "trade": self._trade_cap(self.stage) * CENT,
        }
        return {name: value // CENT for name, value in left.items()}

    def _doubled_mid(self, symbol: str) -> int:
        return self.quotes[symbol].bid + self.quotes[symbol].ask

    def _in_session(self, at: int) -> bool:
        """The day of the session in UTC, or a neighbour of it, wherever its exchange is."""
        return self.account.day >= 0 and abs(at // DAY - self.account.day) <= 1

    # the store

    def _order(self, order_id: str) -> OpenOrder:
        """An order in any state; one that was refused is as good as unfilled."""
        if (order := self.orders.get(order_id)) is not None:
            return order
        closed = self._get("closed", order_id)
        if closed is not None:
            return OpenOrder(*json.loads(closed))
        known = self._known(order_id)
        if known is None:
            raise InputError("no order has this id")
        symbol, sign = known[:2]
        if symbol not in self.quotes:
            raise InputError("the order was refused and its symbol has no quote to value the fill with")
        return OpenOrder(order_id, symbol, sign, 0, 0)

    def _known(self, order_id: str) -> list[Any] | None:
        """What was decided about an id: symbol, sign, quantity, limit, decision, reasons, headroom."""
        text = self._get("intent", order_id)
        return None if text is None else list(json.loads(text))

    def _get(self, kind: str, key: str) -> str | None:
        self._alive()
        try:
            return self._store.get(kind, key)
        except Exception as error:
            self._lost = True
            raise Halted(f"the governor's store cannot be read: {error}") from error

    def _closing(self, order: OpenOrder) -> list[Row]:
        return [("closed", order.id, json.dumps(astuple(order))), ("open", order.id, None)]

    def _commit(self, account: Account, rows: Sequence[Row] = ()) -> None:
        """Make a change durable; a store that fails to is lost, and nothing more is admitted (H6)."""
        self._alive()
        changed: list[Row] = [] if account == self.account else [("account", "", json.dumps(astuple(account)))]
        try:
            self._store.write([*rows, *changed])
        except Exception as error:
            self._lost = True
            raise Halted(f"the governor's store cannot be written: {error}", "Mend it and start again") from error
        self.account = account

    def _alive(self) -> None:
        if self._lost:
            raise Halted("the governor lost its store", "Mend it and start again")

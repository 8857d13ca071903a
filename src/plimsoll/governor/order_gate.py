"""The hard-limit governor in the path of a run's orders, session by session (H1, X1).

A run decides after a close and its orders meet the next open. Before the open the governor begins a session with the
decision's net asset value, receives the prices that valued it and the run's positions, and then decides on each order
in turn. Bookings of the run other than fills (splits, dividends, ended series), corrections, busts and fees reach its
account too. It keeps its own
account throughout: where its position and the run's differ, the symbol is frozen.

Prices here are certified closes, and Stage 1 has judged every jump (D9); so a price in doubt is given twice, which is
the second print that the governor requires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from math import isfinite

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError
from plimsoll.core.events import (
    ActionsRestated,
    CashFlow,
    Event,
    FeeReported,
    FillCorrected,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    Split,
)
from plimsoll.core.executions import ExecutionBook, fee_key, supersedes
from plimsoll.core.fees import lots_taken
from plimsoll.core.order import Fill, Order
from plimsoll.core.ports import StateStore
from plimsoll.core.quantity import ONE, split_ratio
from plimsoll.core.splits import Splits, carried_over, split_of
from plimsoll.core.venue_facts import Bust, Correction, Dividend, External, Fee, Settlement, Snapshot, Transfer
from plimsoll.core.venue_facts import Split as SplitFact
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, GovernorLimits

_DAY = 86_400 * SECOND
_OPENING = 52_200 * SECOND  # 14:30 UTC, inside every session's date in UTC and in New York
_CLOSE = 75_600 * SECOND  # 21:00 UTC likewise


class OrderGate:
    """Admits or refuses the orders of a run. ``lots_per_unit`` is by symbol, for every symbol the run may trade."""

    def __init__(self, store: StateStore, limits: GovernorLimits, lots_per_unit: Mapping[str, int]) -> None:
        self._governor = Governor(store, limits)
        self._unit = {symbol: _unit(symbol, lots) for symbol, lots in lots_per_unit.items()}
        self._apart = -(-SECOND // limits.orders_second)  # spacing of orders inside the governor's rate limit
        self._signed: GovernorLimits | None = None
        self._now = 0
        self._ratios: dict[str, Fraction] = {}
        self._splits: dict[str, Splits] = {}
        self._executions = ExecutionBook()
        self._traded: set[str] = set()
        self._charged: dict[str, int] = {}  # fees by currency, 1e-12
        self._fees: set[tuple[str, str]] = set()
        self._names: dict[tuple[str, str], tuple[str, str]] = {}  # order, and the governor's name, of an execution

    @property
    def governor(self) -> Governor:
        """The governor, read-only."""
        return self._governor

    def granted(self, limits: GovernorLimits) -> None:
        """Caps of a newer entry of the account's record, in force from the next session on (H1)."""
        self._signed = limits

    def restated(self, event: ActionsRestated) -> None:
        """Lots that a split brings which became known after its day come in, or leave, without a profit."""
        unit, now = self._unit[event.symbol], self._tick()
        self._splits[event.symbol] = tuple(split_of(s.session, s.before, s.ratio, s.lots) for s in event.splits)
        moved = event.lots * unit - self._governor.positions.get(event.symbol, 0)
        if moved:
            self._governor.tell(Transfer(f"restated {event.session} {event.symbol}", event.symbol, moved, now))

    def opened(self, session: str, equity: int, positions: Mapping[str, int], prices: Mapping[str, float]) -> None:
        """Begin a session with ``equity`` cents, the run's ``positions`` in lots and the prices that valued it, USD.

        Called before any booking of the session. A price that is not a number is not passed on: a position without one
        makes the loss unknown, and only reductions pass.
        """
        known = {s: round(p * ONE) for s, p in sorted(prices.items()) if isfinite(p) and p > 0.0}
        if self._now:  # the last session's loss ends with its close
            self._now = max(self._now, self._governor.account.day * _DAY + _CLOSE)
            self._priced(known)
        self._now = day_number(session) * _DAY + _OPENING
        self._ratios.clear()
        self._governor.begin(day_number(session), max(equity, 0), self._signed)
        self._priced(known)
        held = {symbol: lots * self._unit[symbol] for symbol, lots in positions.items() if lots}
        self._governor.tell(Snapshot(f"open {session}", self._tick(), held, frozenset()))

    def admit(self, order: Order) -> tuple[str, ...]:
        """The reason codes for which an order is refused, none to admit it. Durable in the store before it returns."""
        ratio = self._ratios.get(order.symbol, Fraction(1))
        lots = max(abs(int(order.lots * ratio)), 1)  # in new units over a split; less than a lot ends at the venue
        limit = None if order.limit is None else round(order.limit * ONE / ratio)
        sign = 1 if order.lots > 0 else -1
        self._now += self._apart
        quantity = lots * self._unit[order.symbol]
        return self._governor.decide(OrderIntent(order.id, order.symbol, sign, quantity, self._now, limit)).reasons

    @property
    def traded(self) -> set[str]:
        """Symbols of which an execution was booked."""
        return self._traded

    def asked(self, id: str) -> bool:
        """Whether an order with this id was decided on."""
        return self._governor.fact("intent", id) is not None

    def booked(self, event: Event) -> None:
        """Book an event of an order or the account; events that do not concern the governor are skipped."""
        match event:
            case Fill():
                if (event.symbol, event.execution) not in self._executions:  # told before, or corrected already
                    self._executions = self._executions.added(event)
                    self._traded.add(event.symbol)
                    self._moved(event.symbol, self._carried(event, event.lots), lambda: self._filled(event))
            case FillCorrected():
                self._corrected(event)
            case FeeReported(currency="USD"):
                self._fee(event)
            case FeeReported() if event.symbol:
                self._fee_in_units(event)
            case OrderExpired() | OrderCancelled() | OrderRejected():
                if self.asked(event.id):  # others ended before they were sent
                    self._governor.close(event.id)
            case OrderRestated():
                if (working := self._governor.orders.get(event.id)) is not None:
                    self._governor.restate(event.id, abs(event.lots) * self._unit[working.symbol])
            case Split(unheld=False):  # the others were told before their session's orders
                self._split(event)
            case CashFlow(kind="dividend"):
                self._dividend(event)
            case _:
                pass

    def _filled(self, fill: Fill) -> None:
        """A fill of an order that was admitted or refused here, or a trade of the account without one."""
        price, quantity = round(fill.price * ONE), abs(fill.lots) * self._unit[fill.symbol]
        at = self._instant(fill)
        if fill.reason == "ORDER" and self.asked(fill.id):
            self._names[fill.symbol, fill.execution] = fill.id, fill.execution
            self._governor.fill(Execution(fill.id, fill.execution, quantity, price, price, at=at))
        else:
            sign = 1 if fill.lots > 0 else -1
            self._governor.tell(External(fill.execution, fill.symbol, sign, quantity, price, price, at))

    def _corrected(self, event: FillCorrected) -> None:
        """A correction or a bust, in the units of the execution's own session."""
        key = (event.symbol, event.execution)
        known = self._executions.told(key)
        if not supersedes(event, known.by if known else None):
            return
        before, self._executions = self._executions, self._executions.corrected(event)
        lots = 0
        for was, now in before.replaced(self._executions, event):
            lots += self._carried(was, -was.lots) if was is not None else 0
            lots += self._carried(now, now.lots) if now is not None else 0
        self._moved(event.symbol, lots, lambda: self._told_correction(event))

    def _told_correction(self, event: FillCorrected) -> None:
        """Tell it to the governor, to which each correction in place is an execution with a name of its own."""
        key, now = (event.symbol, event.execution), event.fill
        order, name = self._names.get(key, (now.id if now is not None else "", event.execution))
        if not self.asked(order):  # no order of its: what moves is told as a transfer
            return
        if now is None:
            self._governor.tell(Bust(order, name))
            return
        new = now.execution if now.execution != event.execution else f"{event.execution} corrected {event.number}"
        price, quantity = round(now.price * ONE), abs(now.lots) * self._unit[event.symbol]
        self._names[event.symbol, now.execution] = order, new
        self._governor.tell(Correction(order, name, new, quantity, price, price, at=self._instant(now)))

    def _carried(self, fill: Fill, lots: int) -> int:
        """Lots of an execution's session in present lots, its symbol's splits worked out again."""
        lots, self._splits[fill.symbol] = carried_over(self._splits.get(fill.symbol, ()), fill.session, lots)
        return lots

    def _moved(self, symbol: str, lots: int, tell: Callable[[], None]) -> None:
        """Have something told that moves a position by ``lots``. What the governor counts otherwise is a fraction of a
        lot that a split paid in cash, or a trade that it has no order for: it leaves, or comes in, at the last price.
        """
        due = self._governor.positions.get(symbol, 0) + lots * self._unit[symbol]
        tell()
        held = self._governor.positions.get(symbol, 0)
        if held != due:
            at = self._tick()
            self._governor.tell(Transfer(f"in whole lots {at}", symbol, due - held, at))

    def _instant(self, fill: Fill) -> int:
        """Now for an execution of the session, else the end of its own: after that session's splits, before later."""
        day = day_number(fill.session)
        return self._tick() if day >= self._governor.account.day else day * _DAY + _CLOSE - 1

    def _fee(self, event: FeeReported) -> None:
        name = f"fee {event.source} {event.of}"
        if event.cents and not self._governor.knows(name):
            self._governor.tell(Fee(name, event.cents * ONE // 100, self._tick()))

    def _fee_in_units(self, event: FeeReported) -> None:
        """Lots that a fee takes out of a position leave it like a transfer."""
        if fee_key(event) in self._fees:
            return
        self._fees.add(fee_key(event))
        charged = self._charged.get(event.currency, 0)
        self._charged[event.currency] = charged + event.amount
        if taken := lots_taken(charged, event.amount, event.lot):
            gone = -taken * self._unit[event.symbol]
            self._governor.tell(Transfer(f"fee {event.source} {event.of}", event.symbol, gone, self._tick()))

    def _priced(self, prices: Mapping[str, int]) -> None:
        """Pass on certified prices, twice where the first leaves a doubt."""
        for symbol, price in prices.items():
            if self._governor.quote(symbol, Quote(price, price, self._tick())) is not None:
                self._governor.quote(symbol, Quote(price, price, self._tick()))

    def _repriced(self, symbol: str) -> int:
        """Pass on a price adjusted by a corporate action as a price of the session; 0 without one."""
        quote = self._governor.quotes.get(symbol)
        if quote is None:
            return 0
        self._priced({symbol: quote.bid})
        return quote.bid

    def _split(self, event: Split) -> None:
        """Convert units; the fraction of a lot paid in cash leaves at the price."""
        ratio = split_ratio(event.ratio)
        if ratio == 1:
            return
        self._ratios[event.symbol] = ratio
        before = self._governor.positions.get(event.symbol, 0) // self._unit[event.symbol]
        split = split_of(event.session, before, event.ratio, event.lots)
        self._splits[event.symbol] = (*self._splits.get(event.symbol, ()), split)
        name = f"split {event.session} {event.symbol}"
        self._governor.tell(SplitFact(name, event.symbol, ratio.numerator, ratio.denominator, self._tick(), again=True))
        price = self._repriced(event.symbol)
        rest = self._governor.positions.get(event.symbol, 0) - event.lots * self._unit[event.symbol]
        if rest:
            self._governor.tell(Settlement(f"in lieu {event.session} {event.symbol}", event.symbol, price, rest))

    def _dividend(self, event: CashFlow) -> None:
        held = abs(self._governor.positions.get(event.symbol, 0))
        if held and event.cents > 0:
            amount = event.cents * ONE * ONE // 100 // held
            name = f"dividend {event.session} {event.symbol}"
            with suppress(InputError):  # too large a part of the price for a dividend: what the price falls is a loss
                self._governor.tell(Dividend(name, event.symbol, amount, self._tick(), again=True))
            self._repriced(event.symbol)

    def _tick(self) -> int:
        self._now += 1
        return self._now


def _unit(symbol: str, lots_per_unit: int) -> int:
    """A lot in 1e-12 units."""
    if lots_per_unit <= 0 or ONE % lots_per_unit:
        raise InputError(
            f"{symbol} has {lots_per_unit} lots a unit, which are not whole in units of 1e-12",
            "Give the instrument a lot of a power of ten",
        )
    return ONE // lots_per_unit

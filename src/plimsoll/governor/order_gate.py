"""The hard-limit governor in the path of a run's orders, session by session (H1, X1).

A run decides after a close and its orders meet the next open. Before the open the governor begins a session with the
decision's net asset value, receives the prices that valued it and the run's positions, and then decides on each order
in turn. Bookings of the run other than fills (splits, dividends, ended series) reach its account too. It keeps its own
account throughout: where its position and the run's differ, the symbol is frozen.

Prices here are certified closes, and Stage 1 has judged every jump (D9); so a price in doubt is given twice, which is
the second print that the governor requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from math import isfinite

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError
from plimsoll.core.events import CashFlow, Event, OrderCancelled, OrderExpired, OrderRejected, OrderRestated, Split
from plimsoll.core.order import Fill, Order
from plimsoll.core.ports import StateStore
from plimsoll.core.quantity import ONE, split_ratio
from plimsoll.core.venue_facts import Dividend, External, Settlement, Snapshot
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
        self._now = 0
        self._ratios: dict[str, Fraction] = {}

    @property
    def governor(self) -> Governor:
        """The governor, read-only."""
        return self._governor

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
        self._governor.begin(day_number(session), max(equity, 0))
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

    def asked(self, id: str) -> bool:
        """Whether an order with this id was decided on."""
        return self._governor.fact("intent", id) is not None

    def booked(self, event: Event) -> None:
        """Book an event of an order or the account; events that do not concern the governor are skipped."""
        match event:
            case Fill(reason="ORDER"):
                price = round(event.price * ONE)
                quantity = abs(event.lots) * self._unit[event.symbol]
                self._governor.fill(Execution(event.id, event.execution, quantity, price, price, at=self._tick()))
            case Fill():
                sign, price = (1 if event.lots > 0 else -1), round(event.price * ONE)
                quantity = abs(event.lots) * self._unit[event.symbol]
                fact = External(event.execution, event.symbol, sign, quantity, price, price, self._tick())
                self._governor.tell(fact)
            case OrderExpired() | OrderCancelled() | OrderRejected():
                if self.asked(event.id):  # others ended before they were sent
                    self._governor.close(event.id)
            case OrderRestated():
                if (working := self._governor.orders.get(event.id)) is not None:
                    self._governor.restate(event.id, abs(event.lots) * self._unit[working.symbol])
            case Split():
                self._split(event)
            case CashFlow(kind="dividend"):
                self._dividend(event)
            case _:
                pass

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

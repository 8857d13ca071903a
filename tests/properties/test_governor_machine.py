"""Whatever is sent in whatever order, with crashes: what may fill stays inside every limit (H1, H2).

The machine keeps its own ledger of admitted orders and fills in exact fractions of a dollar, which knows nothing of
the governor's code, and measures the worst case on it. Prices stand still between two days, so that only orders move
the measures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from plimsoll.core.quantity import CENT
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
LIMITS = replace(
    limits_of(policy_file.load("micro").policy),
    move_bps=0,
    orders_second=10**6,
    orders_minute=10**6,
    repeats_minute=10**6,
)
PRICES = {"A": (9_990_000_000_000, 10_010_000_000_000), "B": (399_980_000_000_001, 400_020_000_000_003)}
EQUITY = 60_000


@dataclass
class AdmittedOrder:
    """An order the governor let go."""

    symbol: str
    sign: int
    rest: int


class Market(RuleBasedStateMachine):
    """Orders, partial fills, cancels, crashes and new days."""

    sent = Bundle("sent")

    @initialize()
    def open(self) -> None:
        self.store = MemoryStateStore()
        self.governor = Governor(self.store, LIMITS)
        self.day, self.count = DAY, 0
        self.turnover = Fraction(0)
        self.held = dict.fromkeys(PRICES, 0)
        self.orders: dict[str, AdmittedOrder] = {}
        self._open_day()

    def _open_day(self) -> None:
        self.governor.begin(self.day, EQUITY)
        for symbol, (bid, ask) in PRICES.items():
            self.governor.quote(symbol, Quote(bid, ask, self.now))

    @property
    def now(self) -> int:
        return (self.day * 86_400 + 43_200) * SECOND

    def _price(self, symbol: str) -> Fraction:
        return Fraction(PRICES[symbol][1], UNIT)

    def _open(self, symbol: str, sign: int) -> int:
        return sum(o.rest for o in self.orders.values() if (o.symbol, o.sign) == (symbol, sign))

    def _reach(self, symbol: str) -> int:
        held = self.held[symbol]
        return max(abs(held + self._open(symbol, 1)), abs(held - self._open(symbol, -1)))

    @rule(
        target=sent,
        symbol=st.sampled_from(sorted(PRICES)),
        sign=st.sampled_from((1, -1)),
        share=st.sampled_from((1, 10, 50, 90, 100, 101)),
        whole=st.booleans(),
    )
    def order(self, symbol: str, sign: int, share: int, whole: bool) -> object:
        size = int(LIMITS.trade * CENT * share // 100 // PRICES[symbol][1])
        if whole and self.held[symbol]:
            size = max(abs(self.held[symbol]) * share // 100, 1)
        name, before = f"o{self.count}", self._reach(symbol)
        self.count += 1
        intent = OrderIntent(name, symbol, sign, max(size, 1), self.now)
        answer = self.governor.decide(intent)
        assert self.governor.decide(intent) == answer
        if answer.decision == "REFUSE":
            return multiple()
        self.orders[name] = AdmittedOrder(symbol, sign, intent.quantity)
        exposure = self._reach(symbol)
        value = intent.quantity * self._price(symbol) / UNIT
        if exposure > before or self.held[symbol] * sign >= 0 or self._open(symbol, sign) > abs(self.held[symbol]):
            assert value <= Fraction(LIMITS.trade, 100)
            assert self._turnover() <= Fraction(LIMITS.turnover, 100)
            assert answer.headroom["turnover"] >= 0
        return name

    def _turnover(self) -> Fraction:
        return self.turnover + sum(o.rest * self._price(o.symbol) / UNIT for o in self.orders.values())

    @rule(name=sent, parts=st.integers(1, 3))
    def fill(self, name: str, parts: int) -> None:
        order = self.orders.get(name)
        if order is None:
            return
        quantity = max(order.rest // parts, 1)
        side = PRICES[order.symbol][1 if order.sign > 0 else 0]
        self.count += 1
        execution = Execution(name, f"x{self.count}", quantity, side, side)
        assert self.governor.fill(execution) == () == self.governor.fill(execution)
        self.turnover += Fraction(quantity * side, UNIT**2)
        self.held[order.symbol] += order.sign * quantity
        order.rest -= quantity
        if not order.rest:
            del self.orders[name]

    @rule(name=sent)
    def cancel(self, name: str) -> None:
        self.governor.close(name)
        self.orders.pop(name, None)

    @rule()
    def crash(self) -> None:
        self.governor = Governor(self.store, LIMITS)

    @rule()
    def next_day(self) -> None:
        self.day += 1
        self.turnover = Fraction(0)
        self._open_day()

    @invariant()
    def no_limit_can_be_exceeded_by_what_is_open(self) -> None:
        reach = {s: self._reach(s) * self._price(s) / UNIT for s in PRICES}
        assert max(reach.values()) <= Fraction(LIMITS.position, 100)
        assert sum(reach.values()) <= Fraction(EQUITY, 100)

    @invariant()
    def the_governor_counts_what_there_is(self) -> None:
        assert self.governor.positions == {s: n for s, n in self.held.items() if n}
        assert {k: o.rest for k, o in self.governor.orders.items()} == {k: o.rest for k, o in self.orders.items()}
        assert Fraction(self.governor.use().turnover, UNIT**2) == self._turnover()


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)

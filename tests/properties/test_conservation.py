"""Cash and positions conserve to the cent over any history of trades, splits, dividends and interest (D12, U8).

The ledger here is independent: exact rationals and Decimal, its own reading of the rules, nothing of ``plimsoll``
but the fold that is being checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.decision import Carried
from plimsoll.core.events import CashFlow, Split
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import Certification, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.sessions import Sessions
from plimsoll.core.state import State, apply
from plimsoll.execution.actions import on_row
from plimsoll.execution.matching import Matcher, book_of

POLICY = Policy()
SYMBOLS = ("SPY", "GLD", "BTC-USD")
UNITS = (1, 1, 10_000)
INSTRUMENTS = (
    Instrument("SPY", "fund", "XNYS"),
    Instrument("GLD", "fund", "XNYS"),
    Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000),
)
ROWS = 12
START = 10_000_000
RATIOS = {1.0: Fraction(1), 2.0: Fraction(2), 1.5: Fraction(3, 2), 0.1: Fraction(1, 10), 1 / 3: Fraction(1, 3)}


@dataclass(frozen=True)
class World:
    """Random prices in whole cents, actions, orders a row, and where each series ends."""

    close: np.ndarray
    split: np.ndarray
    dividend: np.ndarray
    rate: np.ndarray
    orders: list[list[int]]

    def history(self) -> History:
        days = 20_000 + np.cumsum([1, 1, 3] * 4)[:ROWS].astype(np.int64)
        ones = np.ones((ROWS, 3))
        certified = tuple(
            Certification(n.symbol, "ACTIVE", ROWS, ROWS, 0.0, 1.0, (), ended=bool(np.isnan(self.close[-1, k])))
            for k, n in enumerate(INSTRUMENTS)
        )
        panel = Panel(
            Sessions(days, days * 86_400, days * 86_400, int(days[-1]) + 1), INSTRUMENTS, self.close, self.close,
            self.close, self.close, ones, self.dividend, self.split, ones, ones > 0, certified, self.rate[:, None],
            ("DGS3MO",), "snap", True,
        )  # fmt: skip
        return History(
            panel,
            {
                "adv": lambda p: np.full((ROWS, 3), 1e7),
                "sigma": lambda p: np.full((ROWS, 3), 0.02),
                "regime.belief": lambda p: np.tile((0.1, 0.6, 0.3), (ROWS, 1)),
                "mark": lambda p: carried(p.close),
            },
        )


def carried(close: np.ndarray) -> np.ndarray:
    marks = close.copy()
    for row in range(1, ROWS):
        marks[row] = np.where(np.isnan(marks[row]), marks[row - 1], marks[row])
    return marks


@st.composite
def worlds(draw: st.DrawFn) -> World:
    cells = ROWS * 3
    cents = draw(st.lists(st.integers(500, 90_000), min_size=cells, max_size=cells))
    split = draw(st.lists(st.sampled_from([1.0] * 6 + list(RATIOS)), min_size=cells, max_size=cells))
    paid = draw(st.lists(st.sampled_from([0.0] * 4 + [0.575, 0.1234567, 1.0, 2.285]), min_size=cells, max_size=cells))
    close = np.array(cents, dtype=float).reshape(ROWS, 3) / 100.0
    ends = draw(st.integers(4, ROWS - 1))
    close[ends + 1 :, 0] = np.nan
    orders = draw(st.lists(st.lists(st.integers(-400, 400), min_size=3, max_size=3), min_size=ROWS, max_size=ROWS))
    rate = np.array(draw(st.lists(st.sampled_from([np.nan, 0.25, 3.7, 5.1]), min_size=ROWS, max_size=ROWS)))
    ratios, dividends = np.array(split).reshape(ROWS, 3), np.array(paid).reshape(ROWS, 3)
    ratios[np.isnan(close)], dividends[np.isnan(close)] = 1.0, 0.0
    return World(close, ratios, dividends, rate, orders)


def intents(lots: list[int]) -> list[Order]:
    scaled = [n * units // 100 if units > 1 else n for n, units in zip(lots, UNITS, strict=True)]
    return [Order(f"{s}", "", s, n, n < 0, 0.0) for s, n in zip(SYMBOLS, scaled, strict=True) if n]


def whole_cents(amount: Fraction) -> int:
    """Half to even, by Decimal."""
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def written(number: float) -> Fraction:
    """A figure as a person would have written it."""
    return Fraction(str(number))


def open_account() -> State:
    return State(SYMBOLS, np.zeros(3, np.int64), np.full(3, np.nan), START, Carried(ladder=LadderState(START, START)))


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_cash_and_lots_equal_an_independent_ledger(world: World) -> None:
    history = world.history()
    days = history.panel.sessions.days
    matcher = Matcher(history, POLICY)
    state, cash, lots = open_account(), START, [0, 0, 0]
    pending: list[Order] = []
    for row in range(ROWS):
        interest = 0
        if row and cash > 0 and np.isfinite(world.rate[row - 1]):
            rate = max(Fraction(0), written(world.rate[row - 1]) / 100 - written(POLICY.cash.spread))
            interest = whole_cents(cash * rate * int(days[row] - days[row - 1]) / 365)
        for i in range(3):
            ratio = RATIOS[world.split[row, i]]
            after = lots[i] * ratio
            if row and after != int(after):
                previous = written(carried(world.close)[row - 1, i])
                cash += whole_cents((after - int(after)) * previous / ratio * 100 / UNITS[i])
            lots[i] = int(after)
        for i in range(3):
            cash += whole_cents(lots[i] * written(world.dividend[row, i]) * 100 / UNITS[i])
        cash += interest

        for event in on_row(state, history, row, POLICY):
            state = apply(state, event)
            if isinstance(event, Fill):  # the series ended: flat at the last close less cost
                i = SYMBOLS.index(event.symbol)
                assert event.lots == -lots[i] and np.isnan(world.close[row, i])
                assert -event.notional <= whole_cents(lots[i] * written(carried(world.close)[row, i]) * 100 / UNITS[i])
                cash -= event.notional + event.commission
                lots[i] = 0
        told = matcher.opened(pending, row, book_of(state)) if row else []
        for fill in (one for one in told if isinstance(one, Fill)):
            i = SYMBOLS.index(fill.symbol)
            plain = fill.lots * written(world.close[row, i]) * 100 / UNITS[i]
            assert abs(fill.notional - plain - fill.slippage - fill.impact) <= Fraction(1, 2)
            cash -= fill.notional + fill.commission
            lots[i] += fill.lots
            state = apply(state, fill)
        assert state.cash == cash >= 0
        assert state.lots.tolist() == lots and min(lots) >= 0
        pending = intents(world.orders[row])
    if np.isnan(world.close[-2, 0]):  # a decision has known of the end, and the row after it closes what is held
        assert lots[0] == 0


@given(
    held=st.integers(1, 100_000),
    cents=st.integers(1, 1_000_000),
    ratio=st.sampled_from([r for r in RATIOS if r != 1.0]),
    column=st.sampled_from([1, 2]),
)
def test_a_split_leaves_value_unchanged_to_the_cent(held: int, cents: int, ratio: float, column: int) -> None:
    close = np.full((ROWS, 3), cents / 100.0)
    split = np.ones((ROWS, 3))
    split[5, column] = ratio
    world = World(close, split, np.zeros((ROWS, 3)), np.full(ROWS, np.nan), [])
    lots = np.zeros(3, np.int64)
    lots[column] = held
    state = State(SYMBOLS, lots, np.full(3, 1.0), 0, Carried(ladder=LadderState(1, 1)))
    events = on_row(state, world.history(), 5, POLICY)
    assert isinstance(events[0], Split) and len(events) <= 2
    in_lieu = sum(e.cents for e in events if isinstance(e, CashFlow))
    before = Fraction(held * cents, UNITS[column])
    after = events[0].lots * Fraction(cents, UNITS[column]) / RATIOS[ratio] + in_lieu
    assert abs(before - after) <= Fraction(1, 2)
    assert whole_cents(before) - 1 <= whole_cents(after) <= whole_cents(before) + 1

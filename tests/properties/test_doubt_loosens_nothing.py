"""Adding information loosens nothing: quotes in doubt never make more room than there is without them (U6, H2).

A model of a dozen lines says which prints of a sequence are believed. One governor hears the whole sequence, another
only what the model believes, and takes it at its word. Whatever the first admits the second does, and no figure of the
first is better. What is believed at the end is what the model says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.errors import InputError
from plimsoll.governor.checks import check_order
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
PLAIN = replace(limits_of(policy_file.load("micro").policy), quote_age=10**12, orders_second=10**6, dust=0)
CREDULOUS = replace(PLAIN, jumps=replace(PLAIN.jumps, plain=10**9))
SIDES = st.one_of(st.sampled_from((-1, 0, 1, 50, 67, 80, 95, 99, 100, 101, 105, 120, 121, 150, 200, 1000)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), SIDES, SIDES, st.integers(0, 2)),
        st.tuples(st.just("quote"), SIDES, st.none(), st.integers(0, 2)),
        st.tuples(st.just("day"), st.none(), st.none(), st.just(0)),
    ),
    max_size=12,
)


@dataclass
class Model:
    """What is believed of one symbol, in dollars, from the rules alone."""

    held: bool
    last: tuple[int, int] = (100, 100)
    print: tuple[Fraction, int] | None = None  # a jump that another print may confirm, and when it came
    doubt: bool = False
    at: int = NOON  # of the last believed print
    before: int = 200  # twice the mid of the last one of an earlier time, or of the first of all
    crossed: bool = False  # whether a session began since the last believed print

    def hears(self, bid: int, ask: int, at: int) -> bool:
        """Whether a quote is believed."""
        if not 0 < bid <= ask:
            if bid > 0 or ask > 0 or not self.doubt:
                self.print = None
            self.doubt = True
            return False
        mid, last = Fraction(bid + ask, 2), Fraction(sum(self.last), 2)
        bases = (last, Fraction(self.before, 2) if at == self.at else last)
        if not all(Fraction(4, 5) <= mid / base <= Fraction(6, 5) for base in bases):
            split = self.held and self.crossed and self._like_a_split(mid / last)
            confirmed = self.print is not None and at > self.print[1] and abs(mid / self.print[0] - 1) <= Fraction(1, 5)
            if split or not confirmed:
                self.doubt, self.print = True, (mid, at)
                return False
        self.before, self.at = sum(self.last) if at > self.at else self.before, at
        self.last, self.print, self.doubt, self.crossed = (bid, ask), None, False, False
        return True

    @staticmethod
    def _like_a_split(ratio: Fraction) -> bool:
        if max(ratio, 1 / ratio) >= Fraction(19, 10):
            return True
        simple = {Fraction(n, m) for n in range(1, 6) for m in range(1, 6) if n != m}
        return any(abs(ratio / one - 1) <= Fraction(3, 100) for one in simple)


def account(limits, held: int) -> Governor:
    """A tenth of a unit of S held or short at 100 dollars, and some of it open; T is quoted at 50."""
    governor = Governor(MemoryStateStore(), limits)
    governor.begin(DAY, 1_000_000)
    for symbol, price in (("S", 100), ("T", 50)):
        governor.quote(symbol, Quote(price * UNIT, price * UNIT, NOON))
    if held:
        governor.decide(OrderIntent("h", "S", held, UNIT // 2, NOON))
        governor.fill(Execution("h", "x", UNIT // 2, 100 * UNIT, 100 * UNIT, at=NOON))
    governor.decide(OrderIntent("o", "S", 1, UNIT // 10, NOON))
    return governor


def admitted(governor: Governor, at: int) -> set[tuple[str, int, int]]:
    """Which of some orders would leave now."""
    wanted = [(s, sign, size) for s in "ST" for sign in (1, -1) for size in (UNIT // 100, UNIT // 2)]
    return {
        (symbol, sign, size)
        for symbol, sign, size in wanted
        if not check_order(governor.book, governor.limits, OrderIntent("p", symbol, sign, size, at), at)[0]
    }


@settings(max_examples=400, deadline=None)
@given(STEPS, st.sampled_from((1, 0, -1)))
def test_quotes_in_doubt_never_make_more_room_than_there_is_without_them(steps: list, held: int) -> None:
    hears, spared, model = account(PLAIN, held), account(CREDULOUS, held), Model(bool(held))
    at = NOON
    for kind, bid, ask, later in steps:
        if kind == "day":
            if hears.account.day > DAY:
                continue
            for governor in (hears, spared):
                governor.begin(DAY + 1, 1_000_000)
            model.crossed = True
        else:
            at += later * SECOND
            told = Quote(bid * UNIT, (bid if ask is None else ask) * UNIT, at)
            doubt = hears.quote("S", told)
            believed = model.hears(bid, bid if ask is None else ask, at)
            assert (doubt is None) == believed
            if believed:
                spared.quote("S", told)
        assert hears.quotes["S"] == spared.quotes["S"]
        assert hears.quotes["S"].bid == model.last[0] * UNIT
        assert not spared.account.halted or hears.account.halted
        mine, his = hears.headroom("S"), spared.headroom("S")
        assert all(mine[name] <= his[name] for name in his), (mine, his)
        leave = admitted(hears, at)
        adding = {order for order in leave if not hears.book.reduces(*order)}
        assert adding <= admitted(spared, at)
        assert not model.doubt or not {symbol for symbol, _, _ in adding} & ({"S", "T"} if held else {"S"})


def test_a_quote_from_before_the_last_one_says_nothing() -> None:
    governor = account(PLAIN, 1)
    before = governor.headroom("S")
    for bid in (-1, 50, 101):
        with pytest.raises(InputError, match="older than the last"):
            governor.quote("S", Quote(bid * UNIT, bid * UNIT, NOON - 1))
        assert governor.headroom("S") == before and not governor.doubts

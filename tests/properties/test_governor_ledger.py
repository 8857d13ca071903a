"""Any stream of facts, repeated, in any order, with crashes: the account is what an independent ledger says (X3, H2).

The ledger knows the set of messages only. Executions are grouped into trades by the corrections among them; a trade
counts its last execution unless any of it was busted; splits multiply what happened before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.venue_facts import Bust, Correction, External, Fact, Snapshot, Split, Transfer
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)
ORDERS = {"b1": ("S", 1), "b2": ("S", 1), "s1": ("S", -1), "t1": ("T", 1)}
PRICE = UNIT  # every trade at the quote, so that no loss decides anything
Message = Execution | Fact


@dataclass(frozen=True)
class Trade:
    """One trade of an order: executions that take one another's place, each told by its fill or by its correction."""

    order: str
    units: tuple[int, ...]
    seconds: int
    busted: int | None  # the link that was busted


def messages(number: int, trade: Trade) -> list[Message]:
    """What a venue may tell of a trade."""
    names = [f"{number}.{link}" for link in range(len(trade.units))]
    when = NOON + trade.seconds * SECOND
    found: list[Message] = [Execution(trade.order, names[0], trade.units[0] * UNIT, PRICE, PRICE, at=when)]
    for old, new, units in zip(names, names[1:], trade.units[1:], strict=False):
        found.append(Correction(trade.order, old, new, units * UNIT, PRICE, PRICE, at=when))
    if trade.busted is not None:
        found.append(Bust(trade.order, names[trade.busted % len(names)]))
    return found


TRADES = st.builds(
    Trade,
    st.sampled_from(sorted(ORDERS)),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(1, 40),
    st.none() | st.integers(0, 2),
)
OTHERS = st.one_of(
    st.builds(
        lambda n, s, way, units, sec: External(f"e{n}", s, way, units * UNIT, PRICE, PRICE, at=NOON + sec * SECOND),
        st.integers(0, 2), st.sampled_from("ST"), st.sampled_from((1, -1)), st.integers(1, 5), st.integers(1, 40),
    ),
    st.builds(
        lambda n, s, units, sec: Transfer(f"m{n}", s, units * UNIT, NOON + sec * SECOND),
        st.integers(0, 2), st.sampled_from("ST"), st.integers(1, 5), st.integers(1, 40),
    ),
    st.builds(
        lambda n, s, ratio, sec: Split(f"f{n}", s, *ratio, NOON + sec * SECOND, again=True),
        st.integers(0, 1), st.sampled_from("ST"), st.sampled_from(((2, 1), (1, 2), (4, 1))), st.integers(1, 40),
    ),
)  # fmt: skip


def held(trades: Sequence[Trade], others: Sequence[Message]) -> dict[str, Fraction]:
    """Positions in units, from the set alone."""
    splits = [f for f in others if isinstance(f, Split)]

    def now(symbol: str, units: int, seconds: int) -> Fraction:
        found = Fraction(units)
        for split in splits:
            if split.symbol == symbol and split.at > NOON + seconds * SECOND:
                found *= Fraction(split.new, split.old)
        return found

    total = {"S": Fraction(0), "T": Fraction(0)}
    for trade in trades:
        symbol, sign = ORDERS[trade.order]
        if trade.busted is None:
            total[symbol] += sign * now(symbol, trade.units[-1], trade.seconds)
    for fact in others:
        if isinstance(fact, External | Transfer):
            sign = fact.sign if isinstance(fact, External) else 1
            total[fact.symbol] += sign * now(fact.symbol, fact.quantity // UNIT, (fact.at - NOON) // SECOND)
    return {symbol: units for symbol, units in total.items() if units}


def opened(account: MemoryAccount) -> Governor:
    governor = Governor(MemoryStateStore(account), MICRO)
    governor.begin(DAY, 100_000_000)
    for symbol in ("S", "T"):
        governor.quote(symbol, Quote(PRICE, PRICE, NOON))
    for name, (symbol, sign) in ORDERS.items():
        assert governor.decide(OrderIntent(name, symbol, sign, 9 * UNIT, NOON)).decision == "ADMIT"
    return governor


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_the_position_is_the_sum_of_what_was_not_busted(data: st.DataObject) -> None:
    trades = data.draw(st.lists(TRADES, max_size=4))
    others = list({f.id: f for f in data.draw(st.lists(OTHERS, max_size=3))}.values())  # type: ignore[union-attr]
    told = [m for number, trade in enumerate(trades) for m in messages(number, trade)] + others
    stream = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=3)))) if told else []
    crashes = data.draw(st.sets(st.integers(0, 20), max_size=3))
    account = MemoryAccount()
    governor = opened(account)
    for step, message in enumerate(stream):
        if step in crashes:
            governor = Governor(MemoryStateStore(account), MICRO)
        governor.fill(message) if isinstance(message, Execution) else governor.tell(message)
    wanted = {symbol: units * UNIT for symbol, units in held(trades, others).items()}
    assert governor.positions == wanted
    straight = opened(MemoryAccount())
    for message in told:
        straight.fill(message) if isinstance(message, Execution) else straight.tell(message)
    rests = [{order.id: order.rest for order in g.orders.values()} for g in (governor, straight)]
    assert rests[0] == rests[1]
    one, other = governor.account, straight.account
    assert set(one.restricted) == set(other.restricted)
    if not any(isinstance(fact, Split) for fact in others):  # a price is judged by what is known when it is told
        assert (one.cash, one.turnover) == (other.cash, other.turnover)
    # a snapshot of exactly this finds nothing, at any later time
    assert governor.tell(Snapshot("p", NOON + 60 * SECOND, {s: int(n) for s, n in wanted.items()})) == ()

"""The governor's whole state space at small limits, with a crash before and after every write (H2).

Every order of every action of a small market is tried until nothing new is reached. After each action the state is
also rebuilt from what a store had at that moment, and must be the state of a governor that never stopped.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from msgspec.structs import replace as changed

from plimsoll.core.errors import Halted, InputError
from plimsoll.core.venue_facts import Bust, Correction, External, Snapshot, Split
from plimsoll.governor.governor import CENT, Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import GovernorLimits, Jumps, Pace, Stage
from plimsoll.simulation.independent_ledger import Caps, IndependentLedger
from power_cut import Disk, Rows

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * 1_000_000
PRICE = 10 * UNIT
LIMITS = GovernorLimits(
    move_bps=0,
    loss=10_000,
    position=2_000,
    turnover=5_000,
    trade=2_000,
    gross_bps=10_000,
    stages=(Stage("caution", 5000, 5000), Stage("reduce_only", 6000, 6000), Stage("halt", 8000, 8000)),
    caution_bps=5000,
    collar_bps=300,
    quote_age=1800 * 1_000_000,
    orders_second=100,
    orders_minute=100,
    repeats_minute=100,
    clock_slack=0,
    wait_max=0,
    pace=Pace(10_000, 100, 50, 20),
    dust=0,
    jumps=Jumps(2_000, 3_000, 500, 2_000, 300, 19_000, 5),
    tries=5,
)


Action = Callable[[Governor], object]


def _intent(name: str, sign: int, units: int) -> Action:
    return lambda g: g.decide(OrderIntent(name, "S", sign, units * UNIT, NOON))


def _fill(name: str, execution: str, units: int) -> Action:
    return lambda g: g.fill(Execution(name, execution, units * UNIT, PRICE, PRICE))


ACTIONS: dict[str, Action] = {
    "buy 1": _intent("b1", 1, 1),
    "buy 2": _intent("b2", 1, 2),
    "sell 2": _intent("s2", -1, 2),
    "fill b1": _fill("b1", "x1", 1),
    "fill half of b2": _fill("b2", "x2", 1),
    "fill s2": _fill("s2", "x5", 2),
    "cancel b2": lambda g: g.close("b2"),
    "next session": lambda g: g.begin(DAY + 1, 10_000),
}


def _act(governor: Governor, action: Action) -> object:
    try:
        return action(governor)
    except InputError as error:
        return str(error)


def _seen(g: Governor) -> tuple[object, ...]:
    """Everything a governor knows."""
    return (g.account, dict(g.positions), dict(g.quotes), dict(g.orders), g.use("S"), g.headroom("S"), g.stage)


def _heard(disk: Disk) -> Governor:
    """A governor that was started and has heard its quote again: what a crash may lose are quotes, and only those."""
    governor = Governor(disk, LIMITS)
    governor.quote("S", Quote(PRICE, PRICE, NOON))
    return governor


def _begun() -> Disk:
    disk = Disk()
    Governor(disk, LIMITS).begin(DAY, 10_000)
    return disk


def _explored(names: Iterable[str]) -> list[Rows]:
    """Every state that actions of these names reach in any order."""
    start = _begun().rows
    seen, frontier = {frozenset(start.items()): start}, [start]
    while frontier:
        rows = frontier.pop()
        for name in names:
            governor = _heard(disk := Disk(rows))
            _act(governor, ACTIONS[name])
            if (state := frozenset(disk.rows.items())) not in seen:
                seen[state] = disk.rows
                frontier.append(disk.rows)
    return list(seen.values())


FEW = ("buy 1", "buy 2", "sell 2", "fill b1", "fill half of b2", "cancel b2")


def test_a_governor_that_knows_too_little_ends_where_one_that_knows_all_does() -> None:
    """Two governors of one account: whatever one does, the other, which has not heard of it, decides as if it had."""
    states = _explored(FEW)
    behind = 0
    for rows in states:
        for first in FEW:
            disk = Disk(rows)
            other = Disk()
            other.account = disk.account
            quick, slow = _heard(disk), _heard(other)
            _act(quick, ACTIONS[first])
            after = disk.rows
            behind += after != rows
            for second in FEW:
                knowing = _heard(known := Disk(after))
                told = _act(knowing, ACTIONS[second])
                shared = copy.deepcopy(disk)
                shared.seen = other.seen
                late = copy.deepcopy(slow, {id(other): shared})
                assert _act(late, ACTIONS[second]) == told
                assert _seen(late) == _seen(knowing)
                assert shared.rows == known.rows
    assert len(states) > 100 and behind > 150


BATCHES: tuple[tuple[tuple[str, int, int], ...], ...] = (
    (("b1", 1, 1), ("b2", 1, 2)),
    (("b2", 1, 2), ("s2", -1, 2), ("b1", 1, 1)),
    (("b1", 1, 1), ("b1", 1, 1), ("n1", 1, 1)),
    (("b1", 1, 2), ("b1", 1, 1), ("n2", -1, 1), ("n3", -1, 9)),
)


def test_orders_together_are_answered_as_one_by_one_and_all_or_none_are_kept() -> None:
    states = _explored(FEW)
    admitted = refused = 0
    for rows in states:
        for batch in BATCHES:
            intents = [OrderIntent(name, "S", sign, units * UNIT, NOON) for name, sign, units in batch]
            single = _heard(one := Disk(rows))
            told = [single.decide(intent) for intent in intents]
            together = _heard(disk := Disk(rows))
            assert together.decide_many(intents) == told
            assert disk.rows == one.rows and _seen(together) == _seen(single)
            admitted += sum(d.decision == "ADMIT" for d in told)
            refused += sum(d.decision == "REFUSE" for d in told)
            for moment in ("before", "after"):
                broken = Disk(rows)
                governor = _heard(broken)
                heard, broken.cut = {**broken.rows}, moment  # a first quote is written at once
                lost = governor.decide_many(intents)
                assert {d.reasons for d in lost} == {("STORE_LOST",)} or (lost == told and broken.rows == heard)
                assert broken.rows == (heard if moment == "before" else disk.rows)
                broken.cut = ""
                again = _heard(broken).decide_many(intents)
                assert [_final(d) for d in again] == [_final(d) for d in told]
                assert broken.rows == disk.rows
    assert admitted > 400 and refused > 500


def _final(decision: Decision) -> Decision:
    """What never changes of an answer: a used id is answered with what is left now."""
    return (
        replace(decision, headroom={}) if decision.reasons in (("DUPLICATE_INTENT",), ("ORDER_CLOSED",)) else decision
    )


def _independent_worst(rows: Rows) -> tuple[int, int]:
    """Largest position in units and turnover in units, from the decisions and executions alone."""
    orders = {key: json.loads(text) for (kind, key), text in rows.items() if kind == "intent"}
    fills = [json.loads(text) for (kind, _), text in rows.items() if kind == "exec"]
    done = {key: sum(f[1] for f in fills if f[0] == key) for key in orders}
    closed = {key for kind, key in rows if kind == "closed"}
    held = sum(orders[key][1] * n for key, n in done.items())
    rest = {k: o[2] - done[k] for k, o in orders.items() if o[4] == "ADMIT" and k not in closed}
    long = held + sum(n for k, n in rest.items() if orders[k][1] > 0)
    short = held - sum(n for k, n in rest.items() if orders[k][1] < 0)
    turnover = sum(done.values()) + sum(rest.values())
    return max(abs(long), abs(short)) // UNIT, turnover // UNIT


def test_no_order_of_events_and_no_crash_breaks_a_limit() -> None:
    start = _begun().rows
    seen = {frozenset(start.items())}
    frontier = [start]
    admitted = refused = 0
    while frontier:
        rows = frontier.pop()
        for action in ACTIONS.values():
            whole = _heard(disk := Disk(rows))
            heard = {**disk.rows}  # a first quote is written at once
            answer = _act(whole, action)
            decision = getattr(answer, "decision", "")
            admitted, refused = admitted + (decision == "ADMIT"), refused + (decision == "REFUSE")
            if disk.rows == heard:  # an answer from before, or an error: nothing was written that a crash could break
                continue
            for moment in ("before", "after"):
                broken = Disk(rows)
                governor = _heard(broken)
                broken.cut = moment
                try:
                    told = _act(governor, action)
                except Halted:
                    told = None
                # what was told is either final or a refusal because the store is gone
                assert told is None or told == answer or getattr(told, "reasons", ()) == ("STORE_LOST",)
                assert broken.rows == (heard if moment == "before" else disk.rows)
                broken.cut = ""
                again = _heard(broken)
                assert _act(again, action) == answer  # asked again after the crash, it says the same
                assert _seen(again) == _seen(whole)
                assert broken.rows == disk.rows
            assert _seen(_heard(Disk(disk.rows))) == _seen(whole)
            _check(whole, disk.rows, rows, decision)
            state = frozenset(disk.rows.items())
            if state not in seen:
                seen.add(state)
                frontier.append(disk.rows)
    assert len(seen) > 100 and admitted > 100 and refused > 100


def _check(governor: Governor, rows: Rows, before: Rows, decision: str) -> None:
    use = governor.use("S")
    position, turnover = _independent_worst(rows)
    assert use.position == position * 10 * 100 * CENT
    late_fill = any(kind == "exec" for kind, _ in rows) and any(kind == "closed" for kind, _ in rows)
    if governor.account.day == DAY:
        assert use.turnover == turnover * 10 * 100 * CENT
    if decision == "ADMIT" and not governor.account.restricted:
        was = _heard(Disk(before)).use("S")
        assert use.position <= max(LIMITS.position * CENT, was.position)  # a reduction adds nothing
    if not governor.account.restricted and not late_fill:
        assert use.position <= LIMITS.position * CENT


def _quote(price: int) -> Callable[[Governor, int], object]:
    return lambda g, at: g.quote("S", Quote(price * UNIT, price * UNIT, at))


PRICES: dict[str, Callable[[Governor, int], object]] = {
    "10": _quote(10),
    "9": _quote(9),
    "5": _quote(5),
    "none": _quote(-1),
    "buy and fill": lambda g, at: (
        g.decide(OrderIntent(f"b{at}", "S", 1, UNIT, at)).decision == "ADMIT"
        and g.fill(Execution(f"b{at}", f"x{at}", UNIT, PRICE, PRICE))
    ),
    "next session": lambda g, at: g.begin(g.account.day + 1, 10_000),
}


def test_a_crash_loses_no_more_than_quotes_and_none_that_decided_something() -> None:
    """Every sequence of prices, a trade and a session: what is started again knows all but the last quotes, adds no
    risk until they come anew, and is then where one that never stopped is: but for a gain, a dollar a unit here, that
    may have been made before the session, since the price it began with may be lost; it counts as no gain of it.
    """
    lost = raised = 0
    for names in itertools.product(PRICES, repeat=4):
        whole = _heard(disk := _begun())
        believed = {None, whole.quotes["S"]}
        for n, name in enumerate(names, 1):
            _act(whole, lambda g, act=PRICES[name], at=NOON + n: act(g, at))
            believed.add(whole.quotes["S"])
        again = Governor(Disk(disk.rows), LIMITS)
        assert (again.positions, again.orders) == (whole.positions, whole.orders)
        assert changed(again.account, clock=0) == changed(whole.account, clock=0)
        assert {s: d.why for s, d in again.doubts.items()} == {s: d.why for s, d in whole.doubts.items()}
        assert again.quotes.get("S") in believed
        assert {"NO_QUOTE", "STALE_QUOTE"} & {*again.decide(OrderIntent("n", "S", 1, 1, NOON + 9)).reasons}
        lost += again.quotes.get("S") != whole.quotes["S"]
        if not whole.doubts and whole.account.day <= DAY + 1:
            again = Governor(Disk(disk.rows), LIMITS)
            again.quote("S", whole.quotes["S"])
            more = again.account.base - whole.account.base
            assert 0 <= more <= 2 * UNIT * sum(whole.positions.values())
            raised += more > 0
            if not more:
                assert _seen(again) == _seen(whole)
            assert again.loss >= whole.loss and again.use("S").gross >= whole.use("S").gross
    assert lost > 150 and raised < 100


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_store_admits_nothing_more(moment: str) -> None:
    disk = _begun()
    governor = _heard(disk)
    disk.cut = moment
    assert governor.decide(OrderIntent("a", "S", 1, UNIT, NOON)).reasons == ("STORE_LOST",)
    disk.cut = ""
    assert governor.decide(OrderIntent("b", "S", 1, UNIT, NOON)).reasons == ("STORE_LOST",)
    with pytest.raises(Halted):
        governor.quote("S", Quote(PRICE, PRICE, NOON))
    assert ("open", "a") in Governor(disk, LIMITS)._store.rows or moment == "before"


def test_an_account_keeps_the_caps_it_was_opened_with() -> None:
    disk = _begun()
    with pytest.raises(InputError, match="other dollar caps"):
        Governor(disk, replace(LIMITS, trade=LIMITS.trade + 1))
    Governor(disk, replace(LIMITS, collar_bps=100))


# what a venue tells besides, in every order, held against the Monte Carlo's independent ledger


class Both:
    """A governor and a ledger that hear the same; executions told twice, late or wrong are made true for it."""

    def __init__(self) -> None:
        self.disk = _begun()
        self.governor, self.now = _heard(self.disk), NOON
        dollars = 10**24
        share = (Fraction(1), Fraction(1))
        self.its = IndependentLedger(
            Caps(100 * dollars, 50 * dollars, 20 * dollars, 20 * dollars, {}, Fraction(1), Fraction(0),
                 share, Fraction(1, 2), share, share, LIMITS.quote_age, 0)
        )  # fmt: skip
        self.its.begin(Fraction(100))
        self.its.quote("S", PRICE, PRICE, NOON)
        self.told: list[tuple[str, int]] = []
        self.taken: list[tuple[str, int]] = []
        self.chain: set[str] = set()
        self.admitted = 0

    def hear(self, name: str) -> None:
        self.now += 1
        self.told.append((name, self.now))
        getattr(self, f"_{name}")(self.now)

    def again(self) -> None:
        """Every message of the venue that was taken, once more."""
        for name, at in self.taken:
            VENUE[name](self.governor, at)

    def _taken(self, name: str, at: int) -> bool:
        """Tell the governor; whether it took it. Of an order that nobody sent there is nothing to take."""
        try:
            VENUE[name](self.governor, at)
        except InputError:
            return False
        self.taken.append((name, at))
        return True

    def _order(self, name: str, sign: int, units: int, at: int) -> None:
        if self.governor.decide(OrderIntent(name, "S", sign, units * UNIT, at)).decision == "ADMIT":
            self.its.left(name, "S", sign, units * UNIT, None, at)
            self.admitted += 1

    def _buy1(self, at: int) -> None:
        self._order("b1", 1, 1, at)

    def _buy2(self, at: int) -> None:
        self._order("b2", 1, 2, at)

    def _sell2(self, at: int) -> None:
        self._order("s2", -1, 2, at)

    def _fill1(self, at: int) -> None:
        if self._taken("fill1", at):
            self.its.unfilled.setdefault("b1", 0)  # a fill of an order that was refused counts all the same
            self.its.filled("b1", "x1", "S", 1, UNIT, PRICE, at)

    def _chained(self, name: str, at: int) -> None:
        """Of an execution, its correction and its bust, what they come to together."""
        if not self._taken(name, at):
            return
        self.its.unfilled.setdefault("b2", 0)
        self.chain.add(name)
        if "bust" in self.chain or not self.chain & {"fill2", "correct"}:
            units = 0
        else:
            units = 2 if "correct" in self.chain else 1
        if "x2" in self.its.trades:
            self.its.corrected("x2", units * UNIT, PRICE if units else 0)
        elif units:
            self.its.filled("b2", "x2", "S", 1, units * UNIT, PRICE, at)

    def _fill2(self, at: int) -> None:
        self._chained("fill2", at)

    def _correct(self, at: int) -> None:
        self._chained("correct", at)

    def _bust(self, at: int) -> None:
        self._chained("bust", at)

    def _cancel2(self, at: int) -> None:
        if self._taken("cancel2", at):
            self.its.closed("b2")

    def _split(self, at: int) -> None:
        assert self._taken("split", at)
        self.its.split("S", 2, 1)
        self.governor.quote("S", Quote(PRICE // 2, PRICE // 2, at))
        self.its.quote("S", PRICE // 2, PRICE // 2, at)

    def _other(self, at: int) -> None:
        assert self._taken("other", at)
        self.its.traded_elsewhere("S", 1, UNIT, PRICE, at)

    def _list(self, at: int) -> None:
        """The venue lists a unit more than can be known, which it has not told of yet."""
        assert self._taken("list", at)
        self.its.told({"S": UNIT}, at)

    def _jump(self, at: int) -> None:
        self.governor.quote("S", Quote(3 * PRICE, 3 * PRICE, at))
        self.its.puzzled("S")

    def _back(self, at: int) -> None:
        self.governor.quote("S", Quote(PRICE, PRICE, at))
        self.its.quote("S", PRICE, PRICE, at)

    def check(self) -> None:
        use, its = self.governor.use("S"), self.its
        assert not its.breaches, self.told
        assert self.governor.positions == {s: units for s, units in its.held.items() if units}, self.told
        assert use.position >= its.exposure("S") * UNIT**2, self.told
        assert use.turnover >= its.turnover * UNIT**2, self.told
        assert use.loss >= its.loss * UNIT**2, self.told


VENUE: dict[str, Callable[[Governor, int], object]] = {
    "fill1": lambda g, at: g.fill(Execution("b1", "x1", UNIT, PRICE, PRICE, at=at)),
    "fill2": lambda g, at: g.fill(Execution("b2", "x2", UNIT, PRICE, PRICE, at=at)),
    "correct": lambda g, at: g.tell(Correction("b2", "x2", "x2.c", 2 * UNIT, PRICE, PRICE, at=at)),
    "bust": lambda g, at: g.tell(Bust("b2", "x2")),
    "cancel2": lambda g, at: g.close("b2"),
    "split": lambda g, at: g.tell(Split("split", "S", 2, 1, at=at)),
    "other": lambda g, at: g.tell(External("other", "S", 1, UNIT, PRICE, PRICE, at=at)),
    "list": lambda g, at: g.tell(Snapshot("list", at, {"S": UNIT})),
}
GROUPS = {
    "corrections and busts": ("buy2", "fill2", "correct", "bust", "cancel2", "buy2", "sell2"),
    "splits": ("buy1", "fill1", "split", "buy2", "sell2"),
    "trades of others and lists": ("buy1", "fill1", "other", "list", "sell2", "buy2"),
    "prices in doubt": ("buy1", "fill1", "jump", "back", "buy2", "sell2"),
    "ids that come again": ("buy1", "fill1", "buy1", "buy2", "cancel2", "buy2"),
}


@pytest.mark.parametrize("group", GROUPS)
def test_in_every_order_a_venue_may_tell_it_the_governor_counts_what_is_true_or_more(group: str) -> None:
    admitted = 0
    for names in sorted(set(itertools.permutations(GROUPS[group], min(len(GROUPS[group]), 5)))):
        both = Both()
        for name in names:
            both.hear(name)
            both.check()
        admitted += both.admitted
        known = (both.governor.positions, both.governor.orders, both.governor.use("S"))
        both.again()
        assert (both.governor.positions, both.governor.orders, both.governor.use("S")) == known, names
        rows = dict(both.disk.rows)
        started = Governor(Disk(rows), LIMITS)
        assert (started.positions, started.orders) == (both.governor.positions, both.governor.orders)
        assert started.account.turnover == both.governor.account.turnover
    assert admitted > 50

"""What the governor answers, keeps and takes back: store, sessions, fills and headroom, call by call (H1, H2, H6)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from plimsoll.core.errors import Halted, HomeBusy, InputError
from plimsoll.core.ports import Conflict, Row
from plimsoll.governor import executions
from plimsoll.governor import governor as module
from plimsoll.governor.governor import CENT, Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, Pace, limits_of
from plimsoll.governor.state import Account, encode
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)  # each limit by itself, no reserve
ANY = replace(MICRO.jumps, plain=10**9)  # prices move as a test wants them to
WIDE = replace(MICRO, orders_second=10**6, orders_minute=10**6, repeats_minute=10**6, jumps=ANY, dust=0)


class Store(MemoryStateStore):
    """One that can be told to fail, to be busy, or to give the whole account to whoever is behind."""

    def __init__(self, account: MemoryAccount | None = None) -> None:
        super().__init__(account)
        self.fails = self.whole = False
        self.busy = 0

    def write(self, *given: Sequence[Row]) -> Conflict | None:
        if self.fails:
            raise OSError("disk gone")
        self.busy -= 1
        if self.busy >= 0:
            return Conflict()
        conflict = super().write(*given)
        if conflict is not None and self.whole:
            return Conflict(self.load(), whole=True, standing=conflict.standing)
        return conflict

    def get(self, kind: str, key: str) -> str | None:
        if self.fails:
            raise OSError("disk gone")
        return super().get(kind, key)


def opened(limits: object = WIDE, store: MemoryStateStore | None = None, equity: int = 100_000) -> Governor:
    """An account of 1,000 dollars with S quoted at one dollar."""
    governor = Governor(Store() if store is None else store, limits)
    governor.begin(DAY, equity)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    return governor


def intent(name: str, quantity: int = UNIT, sign: int = 1, symbol: str = "S", at: int = NOON) -> OrderIntent:
    return OrderIntent(name, symbol, sign, quantity, at)


def bought(governor: Governor, name: str, quantity: int = UNIT, symbol: str = "S") -> None:
    assert governor.decide(intent(name, quantity, symbol=symbol)).decision == "ADMIT"
    governor.fill(Execution(name, f"x-{name}", quantity, UNIT, UNIT))


# answers


def test_an_answer_is_the_same_however_often_it_is_asked_for() -> None:
    governor = opened()
    first = governor.decide(intent("a"))
    assert (first.id, first.decision, first.reasons) == ("a", "ADMIT", ())
    refused = governor.decide(intent("b", 60 * UNIT))
    assert (refused.id, refused.decision, refused.reasons) == ("b", "REFUSE", ("TRADE_LIMIT",))
    governor.decide(intent("c"))
    assert governor.decide(intent("a")) == first
    assert governor.decide(intent("b", 60 * UNIT)) == refused
    other = governor.decide(intent("a", 2 * UNIT))
    assert other == Decision("a", "REFUSE", ("DUPLICATE_INTENT",), governor.headroom("S"))
    assert governor.account.admitted == 2


def test_the_same_order_twice_in_one_call_is_one_order() -> None:
    governor = opened()
    one, two, other = governor.decide_many([intent("a"), intent("a"), intent("a", 5 * UNIT)])
    assert one == two and other.reasons == ("DUPLICATE_INTENT",)
    assert list(governor.orders) == ["a"] and governor.account.admitted == 1


def test_orders_are_numbered_from_one() -> None:
    governor = opened()
    governor.decide_many([intent("a"), intent("b", 60 * UNIT), intent("c")])
    assert {o.id: o.number for o in governor.orders.values()} == {"a": 1, "c": 2}
    governor.begin(DAY + 1, 100_000)
    assert (governor.account.first, governor.account.admitted) == (3, 2)


def test_a_call_that_breaks_takes_everything_back() -> None:
    store = Store()
    governor = opened(store=store)
    before = dict(store.account.state)
    with pytest.raises(TypeError):
        governor.decide_many([intent("a"), intent("b"), intent("c", None)])  # type: ignore[arg-type]
    assert not governor.orders and governor.account.admitted == 0
    assert store.account.state == before and not store.account.facts
    assert governor.decide(intent("z")).decision == "ADMIT"
    assert list(governor.orders) == ["z"] and governor.orders["z"].number == 1


@pytest.mark.parametrize("error", [InputError("no"), KeyboardInterrupt()])
def test_a_quote_that_breaks_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    store = Store()
    governor = opened(store=store)

    def half(staged, *_args):
        staged.put("quote", "T", Quote(1, 1, NOON))
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(module, "put_quote", half)
        with pytest.raises(type(error)):
            governor.quote("S", Quote(2 * UNIT, 2 * UNIT, NOON))
    assert list(governor.quotes) == ["S"]
    governor.decide(intent("a"))
    assert ("quote", "T") not in store.account.state


def test_a_quote_that_is_taken_at_the_second_try_leaves_nothing_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    governor, real, tries = opened(), module.put_quote, iter((1, 2))

    def late(staged, *args):
        if next(tries) == 1:
            staged.put("quote", "T", Quote(1, 1, NOON))
            raise InputError("others know better")
        return real(staged, *args)

    monkeypatch.setattr(module, "put_quote", late)
    governor.quote("S", Quote(2 * UNIT, 2 * UNIT, NOON))
    assert governor.quotes == {"S": Quote(2 * UNIT, 2 * UNIT, NOON)}


def test_a_fill_that_is_refused_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same execution was told of another order, which gives way first; then the fill itself is refused."""
    store = Store()
    governor = opened(store=store)
    governor.decide_many([intent("a"), intent("b")])
    governor.fill(Execution("a", "x", UNIT, UNIT, UNIT))
    before, entries = dict(store.account.state), len(store.account.record)

    def refused(*_args):
        raise InputError("no")

    with monkeypatch.context() as patch, pytest.raises(InputError):
        patch.setattr(executions, "filled", refused)
        governor.fill(Execution("b", "x", UNIT, UNIT, UNIT))
    assert store.account.state == before and len(store.account.record) == entries
    assert governor.positions == {"S": UNIT} and list(governor.orders) == ["b"]


def test_a_refused_order_stays_refused_once_it_was_filled_all_the_same() -> None:
    governor = opened()
    refused = governor.decide(intent("a", 60 * UNIT))
    assert governor.fill(Execution("a", "x", UNIT, UNIT, UNIT)) == ("OVERFILL",)
    assert governor.decide(intent("a", 60 * UNIT)) == refused


def test_no_session_of_a_day_to_come_begins_on_a_live_machine() -> None:
    governor = Governor(Store(), WIDE, machine=lambda: NOON)
    with pytest.raises(InputError, match="future day"):
        governor.begin(DAY + 1, 100_000)
    governor.begin(DAY, 100_000)
    assert governor.account.day == DAY


def test_an_answer_that_was_kept_without_marks_is_given_without_any() -> None:
    store = Store()
    governor = opened(store=store)
    kept = ["S", 1, UNIT, None, "REFUSE", ["TRADE_LIMIT"], {"trade": 5}]
    store.write((), (), [("intent", "old", encode(kept)), ("intent", "new", encode([*kept, ["NO_QUOTE"]]))])
    assert governor.decide(intent("old")) == Decision("old", "REFUSE", ("TRADE_LIMIT",), {"trade": 5})
    assert governor.decide(intent("new")) == Decision("new", "REFUSE", ("TRADE_LIMIT",), {"trade": 5}, ("NO_QUOTE",))


def test_orders_that_met_another_writer_are_counted_once() -> None:
    store = Store()
    governor = opened(store=store)
    store.busy = 1
    governor.decide_many([intent("a"), intent("b")])
    assert governor.account.admitted == 2
    assert [o.number for o in governor.orders.values()] == [1, 2]
    assert governor.use("S").turnover == 2 * 100 * CENT


# the store


def test_an_account_may_be_opened_while_others_write() -> None:
    store = Store()
    store.busy = 1
    assert Governor(store, WIDE).limits == WIDE


@pytest.mark.parametrize("call", ["decide", "took", "close", "fill"])
def test_a_store_that_failed_once_is_lost_for_good(call: str) -> None:
    store = Store()
    slow = replace(WIDE, pace=Pace(longest=10, window=1, recent=1, slow=1))
    governor = opened(slow, store)
    governor.decide(intent("a"))
    store.fails = True
    if call == "decide":
        assert governor.decide(intent("b")) == Decision("b", "REFUSE", ("STORE_LOST",), {})
    elif call == "took":
        governor.record_latency(11)
    elif call == "close":
        with pytest.raises(Halted, match="cannot be read"):
            governor.close("nobody")
    else:
        with pytest.raises(Halted, match="cannot be read"):
            governor.fill(Execution("nobody", "x", 1, 1, 1))
    store.fails = False
    assert governor.decide(intent("c")) == Decision("c", "REFUSE", ("STORE_LOST",), {})
    with pytest.raises(Halted, match="lost its store"):
        governor.begin(DAY + 1, 100_000)
    with pytest.raises(Halted, match="lost its store"):
        governor.quote("S", Quote(UNIT, UNIT, NOON))
    with pytest.raises(Halted, match="lost its store"):
        governor.knows("a")
    assert "c" not in governor.orders


def test_a_busy_store_is_told_and_not_lost_unless_it_keeps_what_was_slow() -> None:
    store = Store()
    governor = opened(replace(WIDE, pace=Pace(longest=10, window=1, recent=1, slow=1)), store)
    store.busy = WIDE.tries
    assert governor.decide(intent("b")) == Decision("b", "REFUSE", ("STORE_BUSY",), {})
    assert governor.decide(intent("b")).decision == "ADMIT"
    store.busy = WIDE.tries
    governor.record_latency(11)  # that trading is disabled could not be written, so nothing passes at all
    assert governor.decide(intent("c")).reasons == ("STORE_LOST",)


@pytest.mark.parametrize("whole", [False, True])
def test_what_others_wrote_is_learnt_before_anything_of_ones_own(whole: bool) -> None:
    store = Store()
    late = Store(store.account)
    late.whole = whole
    two = Governor(late, WIDE)
    one = opened(store=store)
    bought(one, "a", 2 * UNIT)
    one.decide(intent("b"))
    two.refresh()
    for governor in (one, two):
        assert governor.positions == {"S": 2 * UNIT} and list(governor.orders) == ["b"]
    assert one.account == two.account and one.quotes == two.quotes
    bought(one, "c")
    assert two.decide(intent("d")).headroom == one.decide(intent("e")).headroom | {
        "position": 50_000 - 500, "gross": 100_000 - 500, "turnover": 200_000 - 500,
    }  # fmt: skip


def test_caps_that_another_process_brought_into_force_hold_here_too() -> None:
    store = Store()
    first = replace(WIDE, version=1, seal="a")
    one, two = Governor(store, first), Governor(Store(store.account), first)
    one.begin(DAY, 100_000, replace(first, version=2, seal="b", trade=70, loss=20_000))
    two.refresh()
    assert (two.limits.trade, two.limits.loss, two.limits.version) == (70, 20_000, 2)
    one.begin(DAY + 1, 100_000, replace(first, version=3, seal="c", trade=300))
    late = NOON + 86_400 * SECOND
    two.refresh()
    two.quote("S", Quote(UNIT, UNIT, late))
    assert two.decide(intent("a", 3 * UNIT + 1, at=late)).reasons == ("TRADE_LIMIT",)
    assert two.decide(intent("b", 3 * UNIT, at=late)).reasons == ()


def test_a_decision_is_made_again_under_the_caps_it_was_late_for() -> None:
    store = Store()
    first = replace(WIDE, version=1, seal="a")
    one, two = opened(first, store), Governor(Store(store.account), first)
    late = NOON + 86_400 * SECOND
    one.begin(DAY + 1, 100_000, replace(first, version=2, seal="b", trade=70))
    one.quote("S", Quote(UNIT, UNIT, late))
    assert one.decide(intent("b", at=late)).reasons == ("TRADE_LIMIT",)  # with it goes the quote
    two.quote("S", Quote(UNIT, UNIT, late))
    assert two.decide(intent("a", at=late)).reasons == ("TRADE_LIMIT",)


def test_an_account_before_its_first_session_holds_nothing_against_it() -> None:
    found = Governor(Store(), WIDE).account
    assert (found.day, found.equity, found.clock, found.turnover, found.cash, found.base) == (-1, 0, 0, 0, 0, 0)
    assert (found.admitted, found.first, found.slow) == (0, 1, 0)
    assert not (found.halted or found.restricted or found.unchecked)


def test_however_a_store_gives_its_rows_the_throttles_remember_the_order() -> None:
    """Twelve orders a second apart: the second digit comes after the first nine."""
    governor = opened(WIDE)
    for n in range(12):
        assert governor.decide(intent(f"o{n}", at=NOON + n * SECOND)).decision == "ADMIT"
    kept = governor._store.account
    for seed in range(4):
        rows = list(kept.state.items())
        random.Random(seed).shuffle(rows)
        for n in range(1, 13):
            account = MemoryAccount()
            account.state = {at: text for at, text in rows if at[0] != "policy"}
            again = Governor(MemoryStateStore(account), replace(WIDE, orders_minute=n))
            free = NOON + (12 - n) * SECOND + 60 * SECOND  # a minute after the n-th last
            again.quote("S", Quote(UNIT, UNIT, NOON + 11 * SECOND))
            early = again.decide(intent("early", at=free - 1))
            assert early.reasons == ("ORDERS_PER_MINUTE",)
            assert again.decide(intent("late", at=free)).reasons == ()


def test_orders_out_of_their_minute_are_forgotten_by_the_store_too() -> None:
    store = Store()
    governor = opened(store=store)
    for n in range(5):
        governor.decide(intent(f"o{n}", at=NOON + n * 30 * SECOND))
    kept = {key for kind, key in store.account.state if kind == "recent"}
    assert kept == {"4", "5"}


# sessions


def test_limits_signed_since_come_into_force_whole() -> None:
    governor = opened()
    governor.begin(DAY + 1, 100_000, replace(WIDE, version=1, seal="n", orders_second=1, quote_age=7))
    assert (governor.limits.orders_second, governor.limits.quote_age, governor.limits.version) == (1, 7, 1)


def test_a_session_begins_with_one_cent_and_what_the_last_one_left() -> None:
    governor = opened()
    bought(governor, "a", 5 * UNIT)
    governor.quote("S", Quote(2 * UNIT, 2 * UNIT, NOON + 5))
    assert governor.account.clock == NOON + 5
    governor.begin(DAY + 1, 1)
    assert (governor.account.equity, governor.account.clock, governor.result, governor.loss) == (1, NOON + 5, 0, 0)
    governor.quote("S", Quote(3 * UNIT, 3 * UNIT, NOON + 9))
    assert governor.result == 5 * UNIT * UNIT


def test_the_clock_is_the_latest_time_seen() -> None:
    governor = opened()
    governor.quote("T", Quote(UNIT, UNIT, NOON + 100))
    governor.quote("U", Quote(UNIT, UNIT, NOON + 50))
    assert governor.account.clock == NOON + 100


def test_a_health_check_that_was_not_made_is_still_due_a_session_later() -> None:
    governor = opened()
    governor.decide(intent("a", 2 * UNIT))
    governor.fill(Execution("a", "x", 3 * UNIT, UNIT, UNIT))
    governor.decide(intent("open", UNIT, -1))  # stays open, so nothing is healthy
    for day in (DAY + 1, DAY + 2):
        governor.begin(day, 100_000)
        assert governor.account.unchecked and governor.reduce_only


def test_a_reduction_beside_a_stale_holding_makes_nothing_due() -> None:
    governor = opened()
    governor.quote("T", Quote(UNIT, UNIT, NOON))
    bought(governor, "a")
    bought(governor, "b", symbol="T")
    late = NOON + WIDE.quote_age + 1
    governor.quote("S", Quote(UNIT, UNIT, late))
    assert governor.decide(intent("c", sign=-1, at=late)).decision == "ADMIT"
    assert not governor.account.unchecked


def test_what_makes_an_account_reduce_only() -> None:
    governor = opened()
    bought(governor, "a", 40 * UNIT)
    assert not governor.reduce_only
    governor.quote("S", Quote(UNIT // 2, UNIT // 2, NOON))
    assert not governor.reduce_only
    steep = replace(WIDE, loss=3_000)
    for price, stage in ((UNIT * 55 // 100, "reduce_only"), (UNIT * 40 // 100, "halt")):
        other = opened(steep)
        bought(other, "a", 40 * UNIT)
        other.quote("S", Quote(price, price, NOON))
        assert other.stage == stage and other.reduce_only
    over = opened()
    over.decide(intent("a"))
    over.fill(Execution("a", "x", UNIT + 1, UNIT, UNIT))
    assert over.account.restricted and over.reduce_only and over.stage == "normal"


def test_a_late_governor_stays_disabled_until_it_is_in_time_in_a_later_session() -> None:
    governor = opened(replace(WIDE, pace=Pace(longest=10, window=3, recent=4, slow=2)))
    for spent, slow in ((10, 0), (11, 0), (10, 0), (11, 1), (10, 1), (10, 1), (10, 1), (10, 1)):
        governor.record_latency(spent)
        assert governor.account.slow == slow
    assert governor.reduce_only and governor.decide(intent("a")).reasons == ("TOO_SLOW",)
    governor.begin(DAY + 1, 100_000)
    for spent, slow in ((11, 2), (11, 2), (11, 2), (10, 0), (10, 0)):
        governor.record_latency(spent)
        assert governor.account.slow == slow


# fills


@pytest.mark.parametrize(
    ("quantity", "down", "up"), [(0, UNIT, UNIT), (-1, UNIT, UNIT), (UNIT, 0, UNIT), (UNIT, -1, UNIT)]
)
def test_a_fill_of_nothing_or_for_nothing_is_an_error(quantity: int, down: int, up: int) -> None:
    governor = opened()
    governor.decide(intent("a"))
    with pytest.raises(InputError, match="positive"):
        governor.fill(Execution("a", "x", quantity, down, up))
    assert governor.positions == {} and governor.orders["a"].filled == 0


def test_the_smallest_fill_is_booked() -> None:
    governor = opened()
    governor.decide(intent("a"))
    assert governor.fill(Execution("a", "x", 1, 1, 1)) == ()
    assert governor.positions == {"S": 1} and governor.orders["a"].filled == 1
    assert governor.orders["a"].rest == UNIT - 1 and governor.account.turnover == 1


def test_a_fill_is_remembered_across_a_restart_and_so_is_what_it_told() -> None:
    store = Store()
    governor = opened(store=store)
    governor.decide(intent("a"))
    over = Execution("a", "x", 2 * UNIT, UNIT, UNIT)
    assert governor.fill(over) == ("OVERFILL",)
    again = Governor(Store(store.account), WIDE)
    assert again.fill(over) == ("OVERFILL",)
    assert again.positions == {"S": 2 * UNIT}


def test_one_unit_of_a_refused_order_is_already_too_much() -> None:
    governor = opened()
    assert governor.decide(intent("a", 60 * UNIT)).decision == "REFUSE"
    assert governor.fill(Execution("a", "x", 1, UNIT, UNIT)) == ("OVERFILL",)


def test_a_fill_of_a_symbol_without_a_quote_is_worth_its_own_price_until_it_is_quoted() -> None:
    governor = opened()
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    assert governor.decide(intent("a", symbol="Q")).reasons == ("NO_QUOTE",)
    assert governor.fill(Execution("a", "x", UNIT, 90 * UNIT, 90 * UNIT)) == ("OVERFILL",)
    assert (governor.loss, governor.use("Q").position) == (0, 9_000 * CENT)
    governor.begin(DAY + 1, 100_000)
    tomorrow = NOON + 86_400 * SECOND
    governor.quote("S", Quote(UNIT, UNIT, tomorrow))
    assert governor.decide(intent("b", at=tomorrow)).reasons == ("HEALTH_CHECK", "LOSS_UNKNOWN")
    governor.quote("Q", Quote(89 * UNIT, 91 * UNIT, tomorrow))
    assert governor.decide(intent("c", at=tomorrow)).decision == "ADMIT"


def test_closing_again_changes_nothing_and_closing_the_unknown_is_an_error() -> None:
    governor = opened()
    governor.decide(intent("a"))
    governor.decide(intent("refused", 60 * UNIT))
    for _ in range(2):
        governor.close("a")
    governor.close("refused")
    with pytest.raises(InputError, match="no order"):
        governor.close("nobody")
    assert not governor.orders


# headroom


def test_headroom_is_in_whole_cents_against_the_account() -> None:
    """A fill a trillionth dearer than the mid: every used part of a cent counts as a cent."""
    governor = opened()
    governor.decide(intent("a", 3 * UNIT))
    governor.fill(Execution("a", "x", UNIT + 1, UNIT - 1, UNIT + 1))
    used = (UNIT + 1) * (UNIT + 1) + (2 * UNIT - 1) * UNIT
    assert governor.use("S").turnover == used and 300 * CENT < used < 301 * CENT
    assert governor.result == -(UNIT + 1) and governor.loss == UNIT + 1
    assert governor.headroom("S") == {
        "loss": 10_000 - 1, "position": 50_000 - 300, "gross": 100_000 - 300, "turnover": 200_000 - 301, "trade": 5_000,
    }  # fmt: skip
    governor.quote("S", Quote(UNIT - 1, UNIT + 1, NOON))  # a spread makes both sides a little dearer
    assert governor.headroom("S")["position"] == 50_000 - 301
    assert governor.headroom("S")["gross"] == 100_000 - 301


def test_what_was_won_adds_nothing_to_the_loss_that_is_left() -> None:
    governor = opened()
    bought(governor, "a", 5 * UNIT)
    governor.quote("S", Quote(3 * UNIT, 3 * UNIT, NOON))
    assert governor.result == 10 * UNIT * UNIT
    assert governor.headroom()["loss"] == 10_000
    governor.quote("S", Quote(UNIT // 2, UNIT // 2, NOON))
    assert governor.headroom()["loss"] == 10_000 - 250


def test_without_a_symbol_the_tightest_position_is_told() -> None:
    governor = opened(replace(WIDE, positions={"T": 2_000}))
    assert governor.headroom()["position"] == 50_000
    assert governor.use().position == 0
    governor.quote("T", Quote(UNIT, UNIT, NOON))
    bought(governor, "a", 9 * UNIT)
    assert governor.headroom()["position"] == 50_000 - 900
    bought(governor, "b", 4 * UNIT, "T")
    assert governor.headroom()["position"] == 2_000 - 400
    assert governor.headroom("S")["position"] == 50_000 - 900
    assert (governor.use().position, governor.use("T").position) == (900 * CENT, 400 * CENT)
    assert governor.use().gross == 1_300 * CENT


def test_the_gross_cap_is_of_the_equity_the_session_began_with_rounded_down() -> None:
    for bps, equity, cap in ((10_000, 100_001, 100_001), (9_999, 100_001, 99_990), (1, 9_999, 0), (10_000, -16_000, 0)):
        assert opened(replace(WIDE, gross_bps=bps), equity=equity).gross_cap == cap


def test_a_busy_account_refuses_every_change_but_says_so() -> None:
    store = Store()
    governor = opened(store=store)
    store.busy = 10 * WIDE.tries
    governor.quote("S", Quote(UNIT, UNIT, NOON))  # kept, and written with the next change
    with pytest.raises(HomeBusy):
        governor.begin(DAY + 1, 100_000)


# one policy a session


@pytest.mark.parametrize(
    "change",
    [{"collar_bps": 10_000}, {"quote_age": 86_400 * SECOND}, {"orders_minute": 7}, {"symbols": frozenset({"S"})},
     {"pace": Pace(1, 100, 50, 20)}, {"gross_bps": 1}, {"tries": 9}],
)  # fmt: skip
def test_a_governor_of_another_policy_only_reduces_until_the_next_session(change: dict[str, object]) -> None:
    account = MemoryAccount()
    mine = opened(store=MemoryStateStore(account))
    bought(mine, "a", 5 * UNIT)
    other = Governor(MemoryStateStore(account), replace(WIDE, **change))
    assert other.limits.foreign and not mine.limits.foreign
    other.quote("S", Quote(UNIT, UNIT, NOON))
    assert "OTHER_POLICY" in other.decide(intent("b")).reasons
    assert other.decide(intent("c", sign=-1)).decision == "ADMIT"
    assert mine.decide(intent("d")).decision == "ADMIT" and not mine.to_cancel and not other.to_cancel
    other.begin(DAY + 1, 100_000)
    assert not other.limits.foreign
    mine.refresh()
    assert mine.limits.foreign
    later = NOON + 86_400 * SECOND
    mine.quote("S", Quote(UNIT, UNIT, later))
    assert mine.decide(intent("e", at=later)).reasons == ("OTHER_POLICY",)


def test_dollar_caps_are_no_policy_and_the_same_policy_started_again_goes_on() -> None:
    account = MemoryAccount()
    opened(store=MemoryStateStore(account))
    lower = replace(WIDE, trade=WIDE.trade - 1)
    for n, limits in enumerate((WIDE, lower, lower.at_size(WIDE.position - 1))):
        again = Governor(MemoryStateStore(account), limits)
        again.quote("S", Quote(UNIT, UNIT, NOON))
        assert again.decide(intent(f"o{n}")).decision == "ADMIT"


def test_a_governor_of_another_policy_believes_no_price_that_the_sessions_policy_doubts() -> None:
    account = MemoryAccount()
    strict = replace(WIDE, move_bps=100, jumps=replace(WIDE.jumps, plain=2_000))
    mine = opened(strict, MemoryStateStore(account))
    bought(mine, "a", 5 * UNIT)
    other = Governor(MemoryStateStore(account), replace(WIDE, move_bps=0))
    assert other.quote("S", Quote(UNIT // 10, UNIT // 10, NOON)) is not None
    assert other.decide(intent("b", UNIT, sign=-1)).decision == "ADMIT"
    assert mine.decide(intent("c")).reasons == ("PRICE_UNKNOWN",)
    assert other.orders["b"].paid == UNIT * 101 // 100


def test_the_stricter_ladder_of_both_counts() -> None:
    account = MemoryAccount()
    opened(store=MemoryStateStore(account))
    caution, reduce, halt = WIDE.stages
    for n, (stages, wanted) in enumerate((
        ((caution, reduce, replace(halt, loss_bps=20_000, equity_bps=1)), (halt.loss_bps, 1)),
        ((caution, reduce, replace(halt, loss_bps=1, equity_bps=20_000)), (1, halt.equity_bps)),
    )):  # fmt: skip
        other = Governor(MemoryStateStore(account), replace(WIDE, stages=stages)).limits
        assert (other.stages[2].loss_bps, other.stages[2].equity_bps) == wanted and other.stages[:2] == (
            caution,
            reduce,
        ), n


def test_an_account_of_a_session_without_a_policy_takes_that_of_its_next_governor() -> None:
    account = MemoryAccount()
    opened(store=MemoryStateStore(account))
    MemoryStateStore(account).load()
    store = MemoryStateStore(account)
    store.load()
    store.write([("policy", "", None)])
    assert not Governor(MemoryStateStore(account), replace(WIDE, tries=9)).limits.foreign
    assert Governor(MemoryStateStore(account), WIDE).limits.foreign


@pytest.mark.parametrize(("day", "named"), [(-1, False), (0, True), (1, True)])
def test_only_an_account_that_has_begun_a_session_is_given_a_policy_at_a_start(day: int, named: bool) -> None:
    store = Store()
    store.write([("account", "", encode(Account(day=day)))])
    assert (Governor(store, WIDE).book.ruling is not None) is named
    assert (("policy", "") in store.account.state) is named

"""The governor at each limit: one unit below, at it, one unit above (H1, H2, R1, R4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.core.errors import CorruptionError, Halted, HomeBusy, InputError
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Conflict
from plimsoll.core.reasons import REASONS
from plimsoll.core.venue_facts import Bust
from plimsoll.governor.governor import CENT, Decision, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = replace(limits_of(policy_file.load("micro").policy), move_bps=0)  # each limit by itself, no reserve
ANY = replace(MICRO.jumps, plain=10**9)  # prices move as a test wants them to
WIDE = replace(MICRO, orders_second=10**6, orders_minute=10**6, repeats_minute=10**6, jumps=ANY, dust=0)


class Desk:
    """A governor with orders numbered for it. Prices are in whole dollars, the quote is one dollar a unit."""

    def __init__(self, limits=WIDE, equity=100_000) -> None:
        self.governor = Governor(MemoryStateStore(), limits)
        self.governor.begin(DAY, equity)
        self.count = 0
        self.quote(1)

    def quote(self, dollars: int, symbol: str = "S", at: int = NOON) -> None:
        self.governor.quote(symbol, Quote(dollars * UNIT, dollars * UNIT, at))

    def order(
        self, quantity: int, sign: int = 1, symbol: str = "S", at: int = NOON, limit: int | None = None
    ) -> Decision:
        self.count += 1
        return self.governor.decide(OrderIntent(f"o{self.count}", symbol, sign, quantity, at, limit))

    def fill(self, quantity: int, price: int = UNIT) -> tuple[str, ...]:
        """Fill the last order."""
        return self.governor.fill(Execution(f"o{self.count}", f"x{self.count}", quantity, price, price))

    def hold(self, units: int) -> None:
        """Buy and fill, in orders of at most the single-trade cap."""
        while units:
            part = min(units, 50)
            assert self.order(part * UNIT).decision == "ADMIT"
            self.fill(part * UNIT)
            units -= part


def test_the_profiles_have_the_dollar_caps_of_the_account() -> None:
    for profile in ("micro", "small-live"):
        limits = limits_of(policy_file.load(profile).policy)
        assert (limits.loss, limits.position, limits.turnover, limits.trade) == (10_000, 50_000, 200_000, 5_000)
        assert limits.position_of("GLD") == 50_000
    core = limits_of(Policy())
    assert (core.loss, core.turnover, core.trade) == (300_000, 3_000_000, 1_000_000)
    assert (core.position_of("GLD"), core.position_of("NEW")) == (5_000_000, 1_000_000)


@pytest.mark.parametrize(("more", "reasons"), [(-1, ()), (0, ()), (1, ("TRADE_LIMIT",))])
def test_single_trade_at_its_limit(more: int, reasons: tuple[str, ...]) -> None:
    assert Desk().order(50 * UNIT + more).reasons == reasons
    assert Desk().order(50 * UNIT + more, sign=-1).reasons == reasons


@pytest.mark.parametrize(("more", "reasons"), [(-1, ()), (0, ()), (1, ("POSITION_LIMIT",))])
@pytest.mark.parametrize("filled", [True, False])
def test_position_at_its_limit_counts_open_orders(filled: bool, more: int, reasons: tuple[str, ...]) -> None:
    desk = Desk()
    for _ in range(9):
        assert desk.order(50 * UNIT).decision == "ADMIT"
        if filled:
            desk.fill(50 * UNIT)
    assert desk.order(49 * UNIT).decision == "ADMIT"
    answer = desk.order(UNIT + more)
    assert answer.reasons == reasons
    assert answer.headroom["position"] == (100 if reasons else 0)


@pytest.mark.parametrize(("more", "reasons"), [(-1, ()), (0, ()), (1, ("TURNOVER_LIMIT",))])
def test_turnover_at_its_limit(more: int, reasons: tuple[str, ...]) -> None:
    desk = Desk(replace(WIDE, turnover=15_000))
    desk.hold(50)
    desk.order(50 * UNIT)
    assert desk.order(50 * UNIT + more).reasons == ((*(("TRADE_LIMIT",) if more > 0 else ()), *reasons))


@pytest.mark.parametrize(("more", "reasons"), [(-1, ()), (0, ()), (1, ("GROSS_LIMIT",))])
def test_gross_at_its_limit_over_symbols(more: int, reasons: tuple[str, ...]) -> None:
    desk = Desk(equity=8_000)
    desk.quote(1, "T")
    desk.order(40 * UNIT)
    assert desk.order(40 * UNIT + more, symbol="T").reasons == reasons


@pytest.mark.parametrize(
    ("loss", "stage"),
    [(49, "normal"), (50, "caution"), (59, "caution"), (60, "reduce_only"), (79, "reduce_only"), (80, "halt")],
)
@pytest.mark.parametrize(("equity", "share"), [(10_000_000, 1), (100_000, 1), (50_000, 2)])
def test_the_intraday_ladder_steps_at_the_loss_cap_or_the_equity(
    loss: int, stage: str, equity: int, share: int
) -> None:
    desk = Desk(equity=equity)
    desk.quote(100)
    for _ in range(2):
        desk.order(UNIT // 2)
        desk.fill(UNIT // 2, 100 * UNIT)
    assert desk.governor.positions == {"S": UNIT}
    fallen = 100 * UNIT - loss * UNIT // share
    desk.governor.quote("S", Quote(fallen, fallen, NOON))
    assert desk.governor.stage == stage
    assert desk.governor.loss == loss * 100 * CENT // share
    cap = {"normal": 5_000, "caution": 2_500}.get(stage, 0)
    assert desk.governor.headroom("S")["trade"] == cap


def test_what_each_stage_lets_pass() -> None:
    desk = Desk()
    desk.quote(100)
    for _ in range(2):
        desk.order(UNIT // 2)
        desk.fill(UNIT // 2, 100 * UNIT)
    desk.quote(50)
    assert desk.order(UNIT // 2).reasons == ()
    assert desk.order(UNIT // 2 + 1).reasons == ("INTRADAY_CAUTION",)
    desk.quote(40)
    assert desk.order(1).reasons == ("INTRADAY_REDUCE_ONLY",)
    desk.quote(20)
    assert desk.order(1).reasons == ("INTRADAY_HALT",)
    desk.quote(100)  # recovered, and still halted
    assert desk.order(1).reasons == ("INTRADAY_HALT",)
    assert desk.order(UNIT, sign=-1).reasons == ()  # the whole position in one order: reductions are exempt
    assert desk.order(1, sign=-1).reasons == ("INTRADAY_HALT",)  # one more would cross zero
    desk.governor.begin(DAY + 1, 100_000)
    assert desk.order(1).reasons == ("HEALTH_CHECK",)  # the sale of yesterday may still fill
    for name in list(desk.governor.orders):
        desk.governor.close(name)
    assert desk.order(1).reasons == ()


def test_a_loss_above_the_cap_is_named() -> None:
    desk = Desk(replace(WIDE, stages=tuple(replace(s, equity_bps=10**6, loss_bps=10**6) for s in WIDE.stages)))
    desk.hold(200)
    price = UNIT // 2
    desk.governor.quote("S", Quote(price, price, NOON))
    assert desk.order(1).reasons == ()
    desk.governor.quote("S", Quote(price - 1, price - 1, NOON))
    assert desk.order(1).reasons == ("LOSS_LIMIT",)


def test_reductions_are_exempt_only_while_they_cannot_cross_zero() -> None:
    desk = Desk()
    desk.hold(100)
    assert desk.order(60 * UNIT, sign=-1).reasons == ()
    assert desk.order(40 * UNIT + 1, sign=-1).reasons == ()  # crosses zero by one: an ordinary order, inside the caps
    desk = Desk()
    desk.hold(150)
    assert desk.order(90 * UNIT, sign=-1).reasons == ()
    assert desk.order(60 * UNIT + 1, sign=-1).reasons == ("TRADE_LIMIT",)
    assert desk.order(60 * UNIT, sign=-1).reasons == ()
    assert desk.governor.use("S").turnover == 300 * 100 * CENT  # exempt, and counted


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"orders_second": 2}, "ORDERS_PER_SECOND"),
        ({"orders_minute": 2}, "ORDERS_PER_MINUTE"),
        ({"repeats_minute": 2}, "REPEATED_EXECUTION"),
    ],
)
def test_throttles_count_admitted_orders_and_hold_reductions_too(limits: dict[str, int], code: str) -> None:
    desk = Desk(replace(WIDE, **limits))
    desk.hold(5)
    desk.order(60 * UNIT)  # refused, so not counted
    assert desk.order(5 * UNIT).reasons == ()
    sign, size = (-1, UNIT) if code != "REPEATED_EXECUTION" else (1, 5 * UNIT)
    assert desk.order(size, sign).reasons == (code,)
    later = NOON + (SECOND if code == "ORDERS_PER_SECOND" else 60 * SECOND)
    assert desk.order(size, sign, at=later - 1).reasons == (code,)
    assert desk.order(size, sign, at=later).reasons == ()


def test_collar_and_age_of_the_quote_at_their_limits() -> None:
    desk = Desk()
    for limit, reasons in (
        (1_030_000_000_000, ()),
        (1_030_000_000_001, ("PRICE_COLLAR",)),
        (970_000_000_000, ()),
        (969_999_999_999, ("PRICE_COLLAR",)),
    ):
        assert desk.order(UNIT, limit=limit).reasons == reasons
    desk.governor.quote("W", Quote(970_000_000_000, 1_030_000_000_000, NOON))
    assert desk.order(UNIT, symbol="W").reasons == ()
    desk.governor.quote("W", Quote(969_999_999_999, 1_030_000_000_001, NOON))
    assert desk.order(UNIT, symbol="W").reasons == ("PRICE_COLLAR",)
    assert desk.order(UNIT, at=NOON + 1800 * SECOND).reasons == ()
    assert desk.order(UNIT, at=NOON + 1800 * SECOND + 1).reasons == ("STALE_QUOTE",)
    assert desk.order(UNIT, at=NOON).reasons == ("CLOCK_BACK",)


def test_a_holding_without_a_fresh_quote_makes_the_loss_unknown() -> None:
    desk = Desk()
    desk.hold(1)
    late = NOON + 1801 * SECOND
    desk.quote(1, "T", late)
    assert desk.order(UNIT, symbol="T", at=late).reasons == ("LOSS_UNKNOWN",)
    desk.quote(1, "S", late)
    assert desk.order(UNIT, symbol="T", at=late).reasons == ()


@pytest.mark.parametrize(("more", "reasons"), [(-1, ()), (0, ()), (1, ("LOSS_UNKNOWN",))])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_quote_wider_than_the_collar_hides_no_loss(sign: int, more: int, reasons: tuple[str, ...]) -> None:
    """3 % to either side of a mid of 100; a mid far in the account's favour is not believed from such a quote."""
    desk = Desk()
    assert desk.order(40 * UNIT, sign).reasons == ()
    desk.fill(40 * UNIT)
    desk.quote(1, "T")
    desk.governor.quote("S", Quote(970_000_000_000 - more, 1_030_000_000_000 + more, NOON))
    assert desk.order(UNIT, symbol="T").reasons == reasons
    assert desk.order(UNIT, -sign, limit=UNIT).reasons == ()  # a reduction waits for no measure
    desk.quote(1)
    assert desk.order(UNIT, symbol="T").reasons == ()


def test_a_loss_is_not_undone_by_a_wide_quote() -> None:
    desk = Desk()
    desk.hold(400)
    desk.governor.quote("S", Quote(850_000_000_000, 850_000_000_000, NOON))
    desk.quote(1, "T")
    assert desk.governor.stage == "reduce_only"
    desk.governor.quote("S", Quote(10_000_000_000, 1_990_000_000_000, NOON))
    assert desk.governor.loss == 0  # at the mid
    assert "LOSS_UNKNOWN" in desk.order(UNIT, symbol="T").reasons


def test_fills_count_once_in_any_order_even_of_orders_that_are_closed() -> None:
    desk = Desk()
    desk.order(10 * UNIT)
    assert desk.fill(4 * UNIT) == () == desk.fill(4 * UNIT)
    with pytest.raises(InputError, match="other content"):
        desk.fill(5 * UNIT)
    desk.governor.close("o1")
    assert desk.governor.use("S").turnover == 4 * 100 * CENT and not desk.governor.orders
    late = Execution("o1", "late", 6 * UNIT, UNIT, UNIT)
    assert desk.governor.fill(late) == ()
    assert desk.governor.positions == {"S": 10 * UNIT}
    desk.order(60 * UNIT)
    assert desk.fill(UNIT) == ("OVERFILL",)  # an order that was refused and filled all the same
    assert desk.order(1).reasons == ("INTRADAY_REDUCE_ONLY",)
    with pytest.raises(InputError, match="no order"):
        desk.governor.fill(Execution("nobody", "y", UNIT, UNIT, UNIT))


def test_a_new_session_keeps_positions_and_open_orders() -> None:
    desk = Desk()
    desk.hold(30)
    desk.order(20 * UNIT)
    desk.governor.begin(DAY, 100_000)  # the same again: nothing starts anew
    assert desk.governor.use("S").turnover == 50 * 100 * CENT
    desk.governor.begin(DAY + 1, 100_000)
    assert desk.governor.use("S").turnover == 20 * 100 * CENT
    assert desk.governor.use("S").position == 50 * 100 * CENT
    for day, equity in ((DAY, 100_000), (DAY + 1, 100_001)):
        with pytest.raises(InputError):
            desk.governor.begin(day, equity)


def test_a_price_that_moves_makes_what_is_held_and_open_dearer() -> None:
    desk = Desk()
    desk.order(50 * UNIT)
    desk.quote(9)
    assert desk.governor.use("S").position == 450 * 100 * CENT
    assert desk.order(5 * UNIT + 555_555_555_555).reasons == ()
    assert desk.order(1).reasons == ("POSITION_LIMIT",)


def test_a_store_that_cannot_be_read_refuses_everything() -> None:
    desk = Desk()

    def fails(*_: object) -> str:
        raise OSError("disk gone")

    desk.governor._store.write = fails
    assert desk.order(1).reasons == ("STORE_LOST",)
    with pytest.raises(Halted):
        desk.governor.begin(DAY + 1, 1)
    assert {"STORE_LOST", "LOSS_UNKNOWN", "OVERFILL"} <= set(REASONS)


def test_an_order_counts_at_its_dearest_price() -> None:
    desk = Desk()
    desk.governor.quote("W", Quote(980_000_000_000, 1_000_000_000_000, NOON))
    desk.order(10 * UNIT, symbol="W")
    assert desk.governor.use("W").position == 10 * 100 * CENT  # the ask, not the bid
    desk.order(10 * UNIT, symbol="W", limit=1_010_000_000_000)
    assert desk.governor.use("W").turnover == 2_010 * CENT
    desk.governor.quote("W", Quote(500_000_000_000, 500_000_000_000, NOON))
    assert desk.governor.use("W").position == 2_020 * CENT  # admitted dearer than it would be now


def test_a_price_between_two_trillionths_counts_against_the_account() -> None:
    desk = Desk()
    for sign in (1, -1):
        desk.order(UNIT, sign)
        desk.governor.fill(Execution(f"o{desk.count}", f"x{desk.count}", UNIT, UNIT - 1, UNIT))
    assert desk.governor.loss == UNIT  # bought at the upper, sold at the lower


def test_an_overfilled_order_is_over_and_the_session_stays_restricted() -> None:
    desk = Desk()
    desk.order(2 * UNIT)
    assert desk.fill(3 * UNIT) == ("OVERFILL",)
    assert not desk.governor.orders and desk.governor.positions == {"S": 3 * UNIT}
    assert desk.order(3 * UNIT, sign=-1).decision == "ADMIT"
    assert desk.fill(3 * UNIT) == ()
    assert desk.order(UNIT).reasons == ("INTRADAY_REDUCE_ONLY",)


def test_quotes_of_a_symbol_do_not_go_back_in_time() -> None:
    desk = Desk()
    desk.quote(1, at=NOON + 1)
    desk.quote(1, "T", at=NOON)  # another symbol's may interleave
    with pytest.raises(InputError, match="older"):
        desk.quote(1, at=NOON)


def test_a_raised_cap_waits_for_the_next_session_and_a_lowered_one_does_not() -> None:
    store = MemoryStateStore()
    first = replace(WIDE, version=2, seal="a")
    Governor(store, first).begin(DAY, 100_000)
    second = replace(first, version=3, seal="b", loss=first.loss * 2, trade=first.trade // 2)
    waiting = Governor(store, second)
    assert (waiting.limits.loss, waiting.limits.trade) == (first.loss, first.trade // 2)
    third = replace(second, version=4, seal="c", trade=first.trade)
    again = Governor(store, third)
    assert (again.limits.loss, again.limits.trade) == (first.loss, first.trade // 2)
    again.begin(DAY, 100_000, third)
    assert again.limits.loss == first.loss
    again.begin(DAY + 1, 100_000)
    assert again.limits == third == Governor(store, third).limits


@pytest.mark.parametrize(
    "change",
    [{"loss": 10_001}, {"position": 50_001}, {"positions": {"S": 50_001}}, {"turnover": 200_001}, {"trade": 5_001},
     {"version": 1}, {"seal": "z"}],
)  # fmt: skip
def test_no_cap_rises_without_a_newer_entry(change: dict[str, object]) -> None:
    store = MemoryStateStore()
    limits = replace(WIDE, version=2, seal="a")
    governor = Governor(store, limits)
    other = replace(limits, **change)
    with pytest.raises(InputError, match="other dollar caps"):
        Governor(store, other)
    with pytest.raises(InputError, match="other dollar caps"):
        governor.begin(DAY, 100_000, other)
    assert governor.account.day == -1 and Governor(store, limits).limits == limits
    governor.begin(DAY, 100_000, replace(limits, trade=1, positions={"S": 7}))
    assert (governor.limits.trade, governor.limits.position_of("S"), governor.limits.position) == (1, 7, 50_000)


def test_a_size_is_a_ceiling_on_every_position() -> None:
    limits = replace(WIDE, positions={"A": 400, "B": 90_000}).at_size(1_000)
    assert [limits.position_of(s) for s in ("A", "B", "C")] == [400, 1_000, 1_000]


def test_reductions_keep_the_collar_the_duplicate_check_and_the_throttles_only() -> None:
    desk = Desk(replace(WIDE, symbols=frozenset({"T"}), orders_second=9))
    for symbols in (frozenset(), frozenset({"T"})):
        desk.governor._store.write([("policy", "", None)])  # the next one's is the session's
        desk.governor = Governor(desk.governor._store, replace(WIDE, symbols=symbols, orders_second=9))
        desk.quote(1)
        desk.hold(0 if symbols else 100)
    assert desk.order(UNIT).reasons == ("UNKNOWN_SYMBOL",)
    assert desk.order(60 * UNIT, sign=-1).reasons == ()  # above the single-trade cap, in no listed symbol
    assert desk.order(UNIT, sign=-1, limit=1_030_001).reasons == ("PRICE_COLLAR",)
    again = OrderIntent("o1", "S", -1, UNIT, NOON)
    assert desk.governor.decide(again).reasons == ("DUPLICATE_INTENT",)
    for _ in range(6):
        assert desk.order(UNIT, sign=-1).reasons == ()
    assert desk.order(UNIT, sign=-1).reasons == ("ORDERS_PER_SECOND",)
    desk.quote(1, "T")
    assert desk.order(UNIT, symbol="T").reasons == ("ORDERS_PER_SECOND",)


@pytest.mark.parametrize(("back", "reasons"), [(99_999, ()), (100_000, ()), (100_001, ("CLOCK_BACK",))])
def test_a_little_disorder_of_times_is_forgiven_and_counts_as_the_last_time_seen(
    back: int, reasons: tuple[str, ...]
) -> None:
    desk = Desk(replace(WIDE, orders_second=1))
    later = NOON + 10 * SECOND
    assert desk.order(UNIT, at=later).reasons == ()
    assert desk.order(UNIT, at=later + SECOND).reasons == ()
    assert desk.order(UNIT, at=later + SECOND - back).reasons == reasons or reasons == ()
    found = desk.order(UNIT, at=later + SECOND - back).reasons
    assert found == (reasons or ("ORDERS_PER_SECOND",))  # not counted in the second before
    assert desk.order(UNIT, at=later + 2 * SECOND).reasons == ()
    assert desk.governor.account.clock == later + 2 * SECOND


def test_a_halted_or_overfilled_session_is_followed_by_a_health_check() -> None:
    desk = Desk()
    desk.order(2 * UNIT)
    assert desk.fill(3 * UNIT) == ("OVERFILL",)
    desk.order(2 * UNIT, sign=-1)  # left open over night
    desk.governor.begin(DAY + 1, 100_000)
    assert desk.governor.reduce_only
    late = NOON + 20 * 3600 * SECOND
    desk.quote(1, "T", late)
    assert desk.order(UNIT, symbol="T", at=late).reasons == ("HEALTH_CHECK", "LOSS_UNKNOWN")
    desk.quote(1, at=late)
    assert desk.order(UNIT, symbol="T", at=late).reasons == ("HEALTH_CHECK",)
    again = desk.governor = Governor(desk.governor._store, WIDE)
    assert again.account.unchecked
    again.close("o2")
    for symbol in "ST":
        desk.quote(1, symbol, late)
    assert again.decide(OrderIntent("n", "T", 1, UNIT, late)).reasons == ()
    assert not again.account.unchecked and not again.reduce_only
    again.begin(DAY + 2, 100_000)
    assert not again.account.unchecked


class Busy(MemoryStateStore):
    """A store that another always writes first, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def write(self, *rows: object) -> Conflict | None:
        self.times -= 1
        return Conflict() if self.times >= 0 else super().write(*rows)


@pytest.mark.parametrize(("times", "reasons"), [(WIDE.tries - 1, ()), (WIDE.tries, ("STORE_BUSY",))])
def test_a_decision_is_made_again_only_so_often(times: int, reasons: tuple[str, ...]) -> None:
    desk = Desk()
    busy = Busy(0)
    busy.account = desk.governor._store.account
    governor = Governor(busy, WIDE)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    busy.times = times
    assert governor.decide(OrderIntent("a", "S", 1, UNIT, NOON)).reasons == reasons
    busy.times = 0
    assert governor.decide(OrderIntent("a", "S", 1, UNIT, NOON)).reasons == ()
    assert len(governor.orders) == 1 and governor.use("S").position == 100 * CENT
    busy.times = WIDE.tries
    with pytest.raises(HomeBusy, match="faster"):
        governor.close("a")
    busy.times = WIDE.tries
    assert governor.decide(OrderIntent("b", "S", 1, UNIT, NOON)).reasons == ("STORE_BUSY",)


@pytest.mark.parametrize(
    "row",
    [
        ("open", "a", "[1]"), ("open", "a", '["a","S",1,1.5,1,0,1]'), ("quote", "S", "{"), ("position", "S", "x"),
        ("account", "", "[]x"), ("recent", "x", '[1,"S",1,1]'), ("else", "", "1"), ("recent", "5", None),
    ],
)  # fmt: skip
def test_a_store_that_holds_what_no_governor_wrote_is_lost(row: tuple[str, str, str | None]) -> None:
    desk = Desk()
    desk.order(UNIT)
    other = MemoryStateStore(desk.governor._store.account)
    other.load()
    other.write([row])
    assert desk.order(UNIT).reasons == ("STORE_LOST",)
    if row[2] is not None:
        with pytest.raises(CorruptionError, match="holds"):
            Governor(MemoryStateStore(desk.governor._store.account), WIDE)


@pytest.mark.parametrize("quote", [(0, 1), (-1, 1), (2, 1), (0, 0)])
def test_a_quote_that_cannot_be_is_not_believed_and_a_locked_one_is(quote: tuple[int, int]) -> None:
    desk = Desk()
    assert desk.governor.quote("Q", Quote(*quote, NOON)) == desk.governor.doubts["Q"]
    assert set(desk.governor.quotes) == {"S"}
    assert desk.governor.quote("Q", Quote(1_000_000, 1_000_000, NOON)) is None
    assert set(desk.governor.quotes) == {"S", "Q"} and not desk.governor.doubts


def test_times_lie_within_a_day_of_the_session() -> None:
    desk = Desk()
    first, last = (DAY - 1) * 86_400 * SECOND, (DAY + 2) * 86_400 * SECOND - 1
    desk.governor.quote("E", Quote(UNIT, UNIT, first))
    for outside in (first - 1, last + 1):
        with pytest.raises(InputError, match="outside the session"):
            desk.governor.quote("F", Quote(UNIT, UNIT, outside))
    desk.governor.quote("F", Quote(UNIT, UNIT, last))
    assert desk.order(UNIT, symbol="F", at=last).reasons == ()
    assert desk.order(UNIT, symbol="F", at=last + 1).reasons == ("TIME_OUTSIDE_SESSION",)
    assert desk.order(UNIT, symbol="F", at=first - 1).reasons == ("TIME_OUTSIDE_SESSION", "CLOCK_BACK")


def test_what_is_open_counts_in_the_turnover_at_the_price_now() -> None:
    """1,887 used, 81 open and then at 150.10: 2,008 if they fill, so nothing more leaves (nautilus_trader#2541)."""
    desk = Desk()
    for _ in range(18):  # 1,800 dollars turned over
        desk.hold(50)
        desk.order(50 * UNIT, -1)
        desk.fill(50 * UNIT)
    assert desk.order(40 * UNIT).decision == "ADMIT"
    desk.quote(3)
    assert desk.governor.use().turnover == (1_800 + 120) * 100 * CENT
    desk.quote(5)
    assert desk.order(1 * UNIT, symbol="S").reasons == ("TURNOVER_LIMIT",)
    desk.quote(1)  # an order counts at no less than it was admitted at
    assert desk.governor.use().turnover == (1_800 + 40) * 100 * CENT


@pytest.mark.parametrize(("limit", "quantity"), [(None, 49_504_950_495_049), (UNIT, 50 * UNIT)])
def test_a_market_order_counts_with_a_reserve_in_the_turnover(limit: int | None, quantity: int) -> None:
    """At 1 % above the ask: 49.50495 units are 50 dollars of turnover, one trillionth more is above."""
    for more, decision in ((0, "ADMIT"), (1, "REFUSE")):
        desk = Desk(replace(WIDE, move_bps=100, turnover=5_000, trade=10_000))
        assert desk.order(quantity + more, limit=limit).decision == decision


def test_a_late_or_absent_quote_blocks_no_exit() -> None:
    """1 of 48.96 held, its quote 45 minutes old: it leaves, marked; what could cross zero does not (R1)."""
    desk = Desk()
    desk.hold(48)
    late = NOON + 2_700 * SECOND
    sold = desk.order(UNIT, -1, at=late)
    assert (sold.decision, sold.reasons, sold.marks) == ("ADMIT", (), ("STALE_QUOTE",))
    assert desk.order(48 * UNIT, -1, at=late).reasons == ("STALE_QUOTE",)
    again = desk.governor.decide(OrderIntent(f"o{desk.count - 1}", "S", -1, UNIT, late))
    assert again == sold
    assert desk.order(UNIT, -1, at=late, limit=2 * UNIT).reasons == ("PRICE_COLLAR",)  # of the last known price
    desk.quote(1, at=late)
    assert desk.order(UNIT, -1, at=late).marks == ()


def test_orders_that_add_are_named_for_cancelling_once_only_reductions_pass() -> None:
    desk = Desk()
    desk.hold(400)
    desk.quote(1, "T")
    first = desk.order(30 * UNIT, -1)
    rest = desk.order(400 * UNIT, -1)  # with the first it would cross zero
    buys = desk.order(10 * UNIT, symbol="T")
    assert rest.decision == "REFUSE" and first.decision == buys.decision == "ADMIT"
    assert desk.governor.to_cancel == ()
    desk.governor.quote("S", Quote(850_000_000_000, 850_000_000_000, NOON))  # 60 dollars lost
    assert desk.governor.reduce_only and desk.governor.to_cancel == (buys.id,)
    desk.governor.close(buys.id)
    assert desk.governor.to_cancel == ()


@pytest.mark.parametrize("end", ["filled", "cancelled", "filled and restarted", "yesterday"])
def test_a_closed_order_never_leaves_again_under_its_id(end: str) -> None:
    """A looping sender repeats an id whose order is done: nothing is reserved for it any more (H2)."""
    store = MemoryStateStore()
    governor = Governor(store, WIDE)
    governor.begin(DAY, 100_000)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    order = OrderIntent("a", "S", 1, 40 * UNIT, NOON)
    assert governor.decide(order).decision == "ADMIT" == governor.decide(order).decision
    if end == "cancelled":
        governor.close("a")
    else:
        governor.fill(Execution("a", "x", 40 * UNIT, UNIT, UNIT))
    if end == "filled and restarted":
        governor = Governor(store, WIDE)
    if end == "yesterday":
        governor.begin(DAY + 1, 100_000)
    used = governor.use()
    for _ in range(3):
        again = governor.decide(order)
        assert (again.decision, again.reasons) == ("REFUSE", ("ORDER_CLOSED",))
    assert governor.use() == used and not governor.orders
    assert governor.decide(replace(order, quantity=UNIT)).reasons == ("DUPLICATE_INTENT",)


def test_an_order_that_a_bust_gave_its_rest_back_does_not_leave_again() -> None:
    """Its venue may take the id for another order of the whole quantity, of which only the rest is reserved."""
    desk = Desk()
    desk.order(40 * UNIT)
    desk.fill(30 * UNIT)
    desk.governor.fill(Execution("o1", "last", 10 * UNIT, UNIT, UNIT))
    desk.governor.tell(Bust("o1", "last"))
    assert desk.governor.orders["o1"].rest == 10 * UNIT
    again = desk.governor.decide(OrderIntent("o1", "S", 1, 40 * UNIT, NOON))
    assert (again.decision, again.reasons) == ("REFUSE", ("ORDER_CLOSED",))


def test_a_refused_order_is_refused_again_whatever_has_changed() -> None:
    desk = Desk()
    big = OrderIntent("big", "S", 1, 51 * UNIT, NOON)
    assert desk.governor.decide(big).reasons == ("TRADE_LIMIT",)
    assert desk.governor.decide(big).reasons == ("TRADE_LIMIT",)


@pytest.mark.parametrize("equity", [0, -16_000])
def test_an_account_that_lost_everything_can_still_close_what_it_holds(equity: int) -> None:
    """A squeeze over the weekend: 0.4 short at 100 are bought back at 3,000 with 160 dollars less than nothing left."""
    desk = Desk()
    desk.order(40 * UNIT, -1)
    desk.governor.fill(Execution(f"o{desk.count}", "x", 40 * UNIT, UNIT, UNIT))
    desk.governor.begin(DAY + 1, equity)
    assert desk.governor.stage == "reduce_only"
    assert desk.order(40 * UNIT, at=NOON + 1).decision == "ADMIT"
    assert "INTRADAY_REDUCE_ONLY" in desk.order(1, -1, at=NOON + 2).reasons
    desk.governor.begin(DAY + 2, 100)
    desk.quote(1, at=NOON + 3 + 86_400 * SECOND)
    assert desk.governor.stage == "normal"

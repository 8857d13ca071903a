"""Fills by hand: open 100 on the next row, volume and volatility chosen so that costs are round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.decision import Carried
from plimsoll.core.events import OrderExpired, OrderRestated
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import History, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.sessions import Sessions
from plimsoll.core.state import State, apply
from plimsoll.execution.matching import Matched, Matcher, book_of

POLICY = Policy()
SYMBOLS = ("SPY", "GLD", "BTC-USD")
INSTRUMENTS = (
    Instrument("SPY", "fund", "XNYS"),
    Instrument("GLD", "fund", "XNYS"),
    Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000),
)
ADV = 1e9


def history(
    opens: float | np.ndarray = 100.0,
    *,
    adv: float = ADV,
    sigma: float = 0.0,
    belief: tuple[float, float, float] = (1.0, 0.0, 0.0),
    split: float = 1.0,
    rows: int = 3,
) -> History:
    shape = (rows, 3)
    price = np.broadcast_to(np.asarray(opens, dtype=float), shape).copy()
    ones = np.ones(shape)
    ratios = ones.copy()
    ratios[1, 0] = split
    days = np.arange(20_000, 20_000 + rows, dtype=np.int64)
    panel = Panel(
        Sessions(days, days * 86_400, days * 86_400, 20_000 + rows), INSTRUMENTS, price, price, price, price, ones,
        0.0 * ones, ratios, ones, ones > 0, (), np.empty((rows, 0)), (), "snap", True,
    )  # fmt: skip
    return History(
        panel,
        {
            "adv": lambda p: np.full(shape, adv),
            "sigma": lambda p: np.full(shape, sigma),
            "regime.belief": lambda p: np.tile(belief, (rows, 1)),
            "mark": lambda p: p.close,
        },
    )


def intent(lots: int, symbol: str = "SPY", reduce_only: bool | None = None) -> Order:
    return Order(f"{symbol}{lots}", "2024-10-04", symbol, lots, lots < 0 if reduce_only is None else reduce_only, 99.0)


def account(cash: int = 100_000_000, **lots: int) -> State:
    held = np.array([lots.get(s.split("-")[0], 0) for s in SYMBOLS], dtype=np.int64)
    return State(SYMBOLS, held, np.full(3, 90.0), cash, Carried(ladder=LadderState(cash, cash)))


def opened(orders: Sequence[Order], world: History, state: State | None = None, row: int = 1) -> list[Matched]:
    return Matcher(world, POLICY).opened(orders, row, book_of(account() if state is None else state))


def fills(orders: Sequence[Order], world: History, state: State | None = None, row: int = 1) -> list[Fill]:
    return [told for told in opened(orders, world, state, row) if isinstance(told, Fill)]


def one(order: Order, world: History, state: State | None = None) -> Fill | None:
    found = fills((order,), world, state)
    assert len(found) <= 1
    return found[0] if found else None


def ended(order: Order, world: History, state: State | None = None) -> tuple[int, str] | None:
    """Lots left of an order and why; None where all of it filled."""
    found = [told for told in opened((order,), world, state) if isinstance(told, OrderExpired)]
    assert len(found) <= 1
    return (found[0].lots, found[0].reason) if found else None


def test_a_purchase_fills_at_the_next_open_plus_slippage_with_commission_beside_it() -> None:
    done = one(intent(100), history(np.array([[90.0], [100.0], [110.0]])))
    assert done is not None
    assert (done.session, done.lots, done.reason) == ("2024-10-05", 100, "ORDER")
    assert done.price == pytest.approx(100.05)
    assert (done.notional, done.commission, done.slippage, done.impact) == (1_000_500, 1_000, 500, 0)  # 1000.5 to even


def test_a_sale_receives_less() -> None:
    done = one(intent(-100), history(), account(SPY=100))
    assert done is not None
    assert done.price == pytest.approx(99.95)
    assert (done.notional, done.commission, done.slippage) == (-999_500, 1_000, 500)  # 999.5 to even


def test_impact_is_in_the_price_and_stated_beside_slippage() -> None:
    # 1 % of an ADV of $1m at 1 % daily volatility: 10 bps temporary, 2.5 of permanent paid
    done = one(intent(100), history(adv=1e6, sigma=0.01))
    assert done is not None
    assert done.price == pytest.approx(100.0 * (1 + 0.0005 + 0.00125))
    assert (done.slippage, done.impact, done.notional) == (500, 1_250, 1_001_750)


@pytest.mark.parametrize(
    ("belief", "slippage"), [((0.6, 0.3, 0.1), 500), ((0.3, 0.6, 0.1), 750), ((0.1, 0.3, 0.6), 1_500)]
)
def test_slippage_is_the_most_probable_regimes(belief: tuple[float, float, float], slippage: int) -> None:
    done = one(intent(100), history(belief=belief))
    assert done is not None and done.slippage == slippage and done.commission == round(done.notional * 0.001)


def test_the_regime_is_the_decisions_and_not_the_fills() -> None:
    world = history()
    beliefs = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    world = History(world.panel, world.catalogue | {"regime.belief": lambda p: beliefs})
    done = one(intent(100), world)
    assert done is not None and done.slippage == 500


def test_fractions_of_a_unit_are_whole_lots() -> None:
    done = one(intent(12_345, "BTC-USD"), history(50_000.0))
    assert done is not None
    assert done.notional == round(1.2345 * 50_000 * 1.0015 * 100) and done.slippage == round(1.2345 * 5e6 * 0.0015)


def test_nothing_fills_without_a_bar_or_after_the_last_row() -> None:
    gap = np.array([[100.0], [np.nan], [100.0]])
    assert one(intent(100), history(gap)) is None
    assert one(intent(-100), history(gap), account(SPY=100)) is None
    assert ended(intent(100), history(gap)) == (100, "NO_OPEN")
    assert opened((intent(100),), history(rows=3), row=3) == []


def halted_at(market: History, *rows: int) -> History:
    """The market with bars of SPY on these rows that repeat one price and have no volume."""
    volume = market.panel.volume.copy()
    volume[list(rows), 0] = 0.0
    return History(replace(market.panel, volume=volume), market.catalogue)


def test_nothing_fills_at_a_bar_that_says_nothing_traded_neither_way() -> None:
    market = halted_at(history(rows=4), 1, 2)
    for order in (intent(10), intent(-5)):
        for row in (1, 2):
            (expired,) = opened([order], market, account(SPY=10), row)
            assert expired == OrderExpired(market.panel.sessions.dates[row], order.id, order.lots, "HALTED_SESSION")
        assert len(fills([order], market, account(SPY=10), 3)) == 1  # the first bar that trades
    assert len(fills([intent(-5, "GLD")], market, account(GLD=10))) == 1


def test_a_bar_that_moved_or_never_had_volume_is_a_market() -> None:
    flat = halted_at(history(rows=4), 2)
    moved = History(replace(flat.panel, high=flat.panel.high + 1.0), flat.catalogue)
    assert len(fills([intent(-5)], moved, account(SPY=10), 2)) == 1
    never = halted_at(history(rows=4), 0, 1, 2, 3)
    assert len(fills([intent(-5)], never, account(SPY=10), 2)) == 1


def test_increases_are_held_to_their_share_of_volume_and_reductions_are_not() -> None:
    world = history(adv=1e6)  # 1 % of it is 100 shares
    done = one(intent(250), world)
    assert done is not None and done.lots == 100
    assert ended(intent(250), world) == (150, "PARTICIPATION")
    assert ended(intent(250), history(adv=100.0)) == (250, "PARTICIPATION")
    done = one(intent(-250), world, account(SPY=250))
    assert done is not None and done.lots == -250
    assert ended(intent(-250), world, account(SPY=250)) is None


@pytest.mark.parametrize("adv", [np.nan, 0.0])
def test_without_volume_nothing_is_entered_and_an_exit_pays_the_worst_case(adv: float) -> None:
    assert one(intent(10), history(adv=adv)) is None
    assert ended(intent(10), history(adv=adv)) == (10, "NO_LIQUIDITY_DATA")
    done = one(intent(-10), history(adv=adv), account(SPY=10))
    assert done is not None
    assert done.price == pytest.approx(100 * (1 - 0.02 + 0.001)) and done.commission == 98


def test_a_sale_cannot_cross_zero() -> None:
    done = one(intent(-150), history(), account(SPY=100))
    assert done is not None and done.lots == -100
    assert one(intent(-10), history(), account()) is None
    assert one(intent(10, reduce_only=True), history(), account(SPY=100)) is None
    assert ended(intent(-150), history(), account(SPY=100)) == (-50, "NOTHING_TO_REDUCE")
    assert ended(intent(-10), history(), account()) == (-10, "NOTHING_TO_REDUCE")
    assert ended(intent(10, reduce_only=True), history(), account(SPY=100)) == (10, "NOTHING_TO_REDUCE")


def test_two_sales_of_one_holding_share_it() -> None:
    orders = (intent(-80), msgspec.structs.replace(intent(-80), id="second"))
    assert [f.lots for f in fills(orders, history(), account(SPY=100))] == [-80, -20]


def test_purchases_spend_only_the_cash_there_is_in_the_order_given() -> None:
    told = opened((intent(60), intent(60, "GLD")), history(), account(1_000_000))
    bought = [f for f in told if isinstance(f, Fill)]
    assert [f.lots for f in bought] == [60, 39]  # 60 cost 6009.01 with commission; 39 more 3905.85
    assert sum(f.notional + f.commission for f in bought) <= 1_000_000
    assert told[-1] == OrderExpired("2024-10-05", "GLD60", 21, "NO_CASH")
    assert one(intent(1), history(), account(10_000)) is None  # a share costs 100.15
    assert ended(intent(1), history(), account(10_000)) == (1, "NO_CASH")


def test_sales_before_purchases_pay_for_them() -> None:
    orders = (intent(-100), intent(90, "GLD"))
    assert [f.lots for f in fills(orders, history(), account(0, SPY=100))] == [-100, 90]
    assert [f.lots for f in fills(orders[::-1], history(), account(0, SPY=100))] == [-100]


def test_an_order_waiting_over_a_split_is_restated_in_new_lots() -> None:
    done = one(intent(25), history(split=2.0))
    assert done is not None and done.lots == 50
    done = one(intent(-25), history(split=0.1), account(SPY=2))
    assert done is not None and done.lots == -2
    assert opened((intent(25),), history(split=2.0))[0] == OrderRestated("2024-10-05", "SPY25", 50)
    assert ended(intent(9), history(split=0.1)) == (9, "BELOW_ONE_LOT")


def test_the_same_order_has_the_same_execution_and_another_order_another() -> None:
    first, again = one(intent(100), history()), one(intent(100), history())
    other = one(intent(99), history())
    assert first == again and first is not None and other is not None
    assert first.execution != other.execution and len(first.execution) == 32


@given(
    orders=st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(-300, 300).filter(bool)), max_size=8),
    cash=st.integers(0, 5_000_000),
    spy=st.integers(0, 200),
    sigma=st.floats(0, 0.2),
    adv=st.sampled_from([1e5, 1e6, 1e9]),
    price=st.floats(0.5, 500.0),
)
def test_no_sequence_of_orders_makes_cash_or_a_holding_negative(
    orders: list[tuple[str, int]], cash: int, spy: int, sigma: float, adv: float, price: float
) -> None:
    state = account(cash, SPY=spy)
    intents = [replace_id(intent(lots, symbol), i) for i, (symbol, lots) in enumerate(orders)]
    told = opened(intents, history(price, adv=adv, sigma=sigma), state)
    done_of = [one for one in told if isinstance(one, Fill)]
    wanted = {i.id: i.lots for i in intents}
    left = {one.id: one.lots for one in told if isinstance(one, OrderExpired)}
    assert {id: left.get(id, 0) + sum(f.lots for f in done_of if f.id == id) for id in wanted} == wanted
    for done in done_of:
        assert 0 < abs(done.lots) <= abs(wanted[done.id]) and done.lots * wanted[done.id] > 0
        assert min(done.commission, done.slippage, done.impact) >= 0
        state = apply(state, done)
        assert state.cash >= 0 and (state.lots >= 0).all()
    assert len({f.execution for f in done_of}) == len(done_of)


def replace_id(order: Order, number: int) -> Order:
    return msgspec.structs.replace(order, id=f"order {number}")


def test_the_matcher_keeps_nothing_between_calls() -> None:
    state = account(1_000_000)
    matcher = Matcher(history(), POLICY)
    first, again = (matcher.opened((intent(60),), 1, book_of(state)) for _ in range(2))
    assert first == again and isinstance(first[0], Fill)
    assert not [
        f
        for f in matcher.opened((intent(60),), 1, book_of(msgspec.structs.replace(state, cash=0)))
        if isinstance(f, Fill)
    ]

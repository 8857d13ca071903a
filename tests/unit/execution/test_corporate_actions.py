"""Actions booked by hand before a row's open: split, dividend, interest, ended series, in that order (D9, D12, U4)."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace as replaced

from plimsoll.core.decision import Carried
from plimsoll.core.events import CashFlow, Event, Split
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill
from plimsoll.core.panel import Certification, Certified, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.sessions import Sessions
from plimsoll.core.state import State
from plimsoll.execution.actions import on_row

POLICY = Policy()
DAYS = np.array([20_000, 20_001, 20_004, 20_005], dtype=np.int64)  # a weekend lies between the second and third
DATES = ("2024-10-04", "2024-10-05", "2024-10-08", "2024-10-09")
INSTRUMENTS = (Instrument("SPY", "fund", "XNYS"), Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000))


def world(
    close: float = 100.0,
    *,
    split: dict[tuple[int, int], float] | None = None,
    dividend: dict[tuple[int, int], float] | None = None,
    rate: float | None = None,
    ends: int = 3,
    late: bool = False,
) -> History:
    """Four rows of two symbols; SPY has its last bar on row ``ends``, ended
    or only ``late``; the bill rate is ``rate`` percent."""
    shape = (4, 2)
    price, ones = np.full(shape, close), np.ones(shape)
    price[ends + 1 :, 0] = np.nan
    ratios, paid = ones.copy(), 0.0 * ones
    for at, value in (split or {}).items():
        ratios[at] = value
    for at, value in (dividend or {}).items():
        paid[at] = value
    macro = np.empty((4, 0)) if rate is None else np.array([[np.nan], [rate], [rate + 1.0], [rate]])
    certifications = tuple(
        Certification(i.symbol, "ACTIVE", 4, 4, 0.0, 1.0, (), ended=i.symbol == "SPY" and ends < 3 and not late)
        for i in INSTRUMENTS
    )
    over = np.zeros(shape, dtype=bool)
    over[ends:, 0] = ends < 3 and not late  # known at the decision of the row before
    panel = Panel(
        Sessions(DAYS, DAYS * 86_400, DAYS * 86_400, 20_006), INSTRUMENTS, price, price, price, price, ones, paid,
        ratios, ones, ones > 0, certifications, macro, () if rate is None else ("DGS3MO",), "snap", True,
        dated=Certified(ones > 0, ones, over, over & False),
    )  # fmt: skip
    return History(
        panel,
        {
            "adv": lambda p: np.full(shape, 1e9),
            "sigma": lambda p: np.zeros(shape),
            "regime.belief": lambda p: np.tile((1.0, 0.0, 0.0), (4, 1)),
            "mark": lambda p: np.full(shape, close),
        },
    )


def account(spy: int = 0, btc: int = 0, cash: int = 0) -> State:
    return State(("SPY", "BTC-USD"), np.array([spy, btc]), np.full(2, 90.0), cash, Carried(ladder=LadderState(1, 1)))


def booked(state: State, history: History, row: int) -> list[Event]:
    return on_row(state, history, row, POLICY)


def test_a_day_without_actions_books_nothing() -> None:
    assert [booked(account(10, 10), world(), row) for row in range(4)] == [[], [], [], []]


def test_a_dividend_is_paid_on_its_row_for_what_is_held() -> None:
    history = world(dividend={(1, 0): 1.2345})
    assert booked(account(10, cash=5), history, 1) == [CashFlow(DATES[1], "dividend", "SPY", 1_234)]  # 1234.5 to even
    assert booked(account(0, 10), history, 1) == []
    assert booked(account(10), history, 2) == []


def test_a_dividend_is_exact_in_the_vendors_decimals() -> None:
    # 0.575 is a float a little below 57.5 cents; half to even of the figure as written is 58
    assert booked(account(1), world(dividend={(1, 0): 0.575}), 1) == [CashFlow(DATES[1], "dividend", "SPY", 58)]


def test_a_dividend_of_a_fractional_lot_counts_units() -> None:
    history = world(dividend={(1, 1): 30.0})
    assert booked(account(btc=15_000), history, 1) == [CashFlow(DATES[1], "dividend", "BTC-USD", 4_500)]


def test_half_a_cent_in_lieu_is_half_a_cent_though_the_stored_ratio_lies_beside_a_third() -> None:
    # 100 lots of 1e-4 coins at 50 USD, one for three: a third of a lot is 0.5 cents, and half to even is nothing
    events = booked(account(btc=100), world(50.0, split={(2, 1): 0.33333333}), 2)
    assert [type(e) for e in events] == [Split]


def test_cash_in_lieu_takes_the_price_as_it_was_written() -> None:
    # a unit at 0.355 USD, one for two: 35.5 cents, half to even 36; the number stored for 0.355 lies below it
    assert booked(account(1), world(0.355, split={(2, 0): 0.5}), 2)[1:] == [
        CashFlow(DATES[2], "cash_in_lieu", "SPY", 36)
    ]


@pytest.mark.parametrize(
    ("held", "ratio", "whole", "in_lieu"),
    [
        (10, 2.0, 20, None),
        (11, 1.5, 16, 3_333),  # half a new share at 100/1.5
        (30, 0.1, 3, None),
        (35, 0.1, 3, 50_000),  # half of one at 1000
        (9, 1.0 / 3.0, 3, None),
        (9, 0.3333333, 3, None),
        (10, 0.3333333, 3, 10_000),
        (1, 0.1, 0, 10_000),
    ],
)
def test_a_split_makes_whole_lots_and_pays_the_rest_in_cash(
    held: int, ratio: float, whole: int, in_lieu: int | None
) -> None:
    events = booked(account(held), world(split={(2, 0): ratio}), 2)
    assert events[0] == Split(DATES[2], "SPY", whole, ratio)
    assert events[1:] == ([] if in_lieu is None else [CashFlow(DATES[2], "cash_in_lieu", "SPY", in_lieu)])


def test_a_split_of_something_not_held_books_nothing() -> None:
    assert booked(account(btc=10), world(split={(2, 0): 2.0}), 2) == []


def test_a_dividend_on_the_split_row_is_for_the_new_units() -> None:
    events = booked(account(10), world(split={(1, 0): 2.0}, dividend={(1, 0): 0.25}), 1)
    assert events == [Split(DATES[1], "SPY", 20, 2.0), CashFlow(DATES[1], "dividend", "SPY", 500)]


def test_interest_is_the_known_rate_less_the_spread_for_the_days_since_the_last_session() -> None:
    history = world(rate=4.5)  # known at row 1; row 2 sees 5.5 only after its own interest
    (flow,) = booked(account(cash=10_000_000), history, 2)
    assert flow == CashFlow(DATES[2], "interest", "", round(10_000_000 * 0.04 * 3 / 365))
    (flow,) = booked(account(cash=10_000_000), history, 3)
    assert flow == CashFlow(DATES[3], "interest", "", round(10_000_000 * 0.05 / 365))


@pytest.mark.parametrize(
    ("cash", "rate", "row"), [(10_000_000, 4.5, 0), (10_000_000, 4.5, 1), (10_000_000, 0.4, 2), (-500_000, 4.5, 2),
                              (10_000_000, None, 2), (100, 4.5, 2)],
)  # fmt: skip
def test_no_interest_without_a_previous_row_a_known_rate_above_the_spread_or_cash(
    cash: int, rate: float | None, row: int
) -> None:
    assert booked(account(cash=cash), world(rate=rate), row) == []


def test_interest_is_on_the_balance_held_over_not_on_what_the_row_pays() -> None:
    history = world(rate=4.5, dividend={(2, 0): 10_000.0})
    events = booked(account(1, cash=10_000_000), history, 2)
    assert [e.kind for e in events if isinstance(e, CashFlow)] == ["dividend", "interest"]
    assert events[1] == CashFlow(DATES[2], "interest", "", round(10_000_000 * 0.04 * 3 / 365))


def test_an_ended_series_is_closed_at_its_last_close_with_cost() -> None:
    history = world(ends=1)
    (closed,) = booked(account(100, 7), history, 2)
    assert isinstance(closed, Fill)
    assert (closed.session, closed.symbol, closed.lots, closed.reason) == (DATES[2], "SPY", -100, "SERIES_ENDED")
    assert closed.price == pytest.approx(99.95) and closed.commission == 1_000
    assert booked(account(100), history, 1) == [] and booked(account(100), history, 3) == []
    assert booked(account(0, 7), history, 2) == []


def test_an_ended_series_is_priced_in_the_regime_of_its_last_decision() -> None:
    history = world(ends=1)
    beliefs = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    history = History(history.panel, history.catalogue | {"regime.belief": lambda p: beliefs})
    (closed,) = booked(account(100), history, 2)
    assert isinstance(closed, Fill) and closed.price == pytest.approx(100 * (1 - 0.00075))


def test_a_series_that_reaches_the_end_has_not_ended() -> None:
    assert booked(account(100), world(ends=3), 3) == []


def test_a_bar_that_is_only_late_sells_nothing() -> None:
    assert booked(account(100), world(ends=1, late=True), 2) == []


def test_everything_at_once_comes_in_order() -> None:
    history = world(ends=1, rate=4.5, split={(2, 1): 2.0}, dividend={(2, 1): 1.0})
    events = booked(account(5, 10_000, cash=10_000_000), history, 2)
    assert [type(e).__name__ for e in events] == ["Split", "CashFlow", "CashFlow", "Fill"]
    assert [e.kind for e in events if isinstance(e, CashFlow)] == ["dividend", "interest"]


def test_a_book_of_fewer_symbols_in_another_order_is_matched_by_name() -> None:
    history = world(dividend={(1, 0): 1.0, (1, 1): 20_000.0})
    state = replaced(account(), symbols=("BTC-USD", "SPY"), lots=np.array([1, 3]))
    assert [(e.symbol, e.cents) for e in booked(state, history, 1) if isinstance(e, CashFlow)] == [
        ("SPY", 300),
        ("BTC-USD", 200),
    ]
    alone = replaced(account(), symbols=("BTC-USD",), lots=np.array([1]))
    assert [e.symbol for e in booked(alone, history, 1) if isinstance(e, CashFlow)] == ["BTC-USD"]


def test_unknown_figures_book_nothing() -> None:
    history = world(split={(1, 0): np.nan, (2, 0): 0.0}, dividend={(1, 0): np.nan})
    assert booked(account(10), history, 1) == [] and booked(account(10), history, 2) == []

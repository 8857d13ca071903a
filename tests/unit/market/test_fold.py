"""Bars of any calendar on session rows, and total returns a shareholder would recognise (U1, U5, D12, D18)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.core.sessions import Sessions
from plimsoll.market.actions import forward_index, total_return_ratio, traded_actions
from plimsoll.market.fold import fold, macro_on
from plimsoll.market.quality import assess

POLICY = DataPolicy()
# 1970-01-05 is a Monday (day 4); rows: Mon 4 … Fri 8, Mon 11, Tue 12
DAYS = np.array([4, 5, 6, 7, 8, 11, 12])
SESSIONS = Sessions(DAYS, DAYS * 86400, DAYS * 86400 + 1, 13)
EVERY_DAY = np.arange(4, 13)
COIN = Instrument("BTC-USD", "crypto", "24/7")


def bars_of(day: np.ndarray, close: np.ndarray, **columns: np.ndarray) -> Bars:
    nothing = np.full(day.size, np.nan)
    plain = Bars(day, close - 1.0, close + 2.0, close - 3.0, close, close.copy(), close * 10.0, nothing, nothing.copy())
    return replace(plain, **columns)


def test_weekend_bars_fold_into_monday() -> None:
    close = np.array([100.0, 101, 102, 103, 104, 130, 90, 110, 111])
    found = assess(bars_of(EVERY_DAY, close), COIN, EVERY_DAY, POLICY, 12)
    grid = fold([found], [EVERY_DAY], SESSIONS)
    monday = {name: values[5, 0] for name, values in grid.fields.items()}
    assert monday == {
        "open": 129.0, "high": 132.0, "low": 87.0, "close": 110.0, "volume": 3300.0, "dividend": 0.0, "split": 1.0,
        "index": pytest.approx(1.1),
    }  # fmt: skip
    assert grid.fields["close"][:5, 0].tolist() == close[:5].tolist()
    assert grid.fresh[:, 0].all()


def test_a_bar_after_the_last_session_waits() -> None:
    day = np.array([11, 12, 13, 14])
    found = assess(bars_of(day, np.array([10.0, 11, 12, 13])), COIN, np.arange(4, 15), POLICY, 14)
    grid = fold([found], [np.arange(4, 15)], SESSIONS)
    assert grid.fields["close"][-1, 0] == 11.0


def test_a_row_is_fresh_only_with_the_newest_bar_its_calendar_expected() -> None:
    day = np.array([5, 6, 8, 9, 11, 12])  # 7 is absent; so is Sunday the 10th, but Monday's bar is newer
    found = assess(bars_of(day, np.full(6, 10.0)), COIN, EVERY_DAY, POLICY, 12)
    grid = fold([found], [EVERY_DAY], SESSIONS)
    assert grid.fresh[:, 0].tolist() == [False, True, True, False, True, True, True]
    assert np.isnan(grid.fields["close"][[0, 3], 0]).all()
    sundays_lost = assess(bars_of(day[:-2], np.full(4, 10.0)), COIN, EVERY_DAY, POLICY, 12)
    assert fold([sundays_lost], [EVERY_DAY], SESSIONS).fresh[5:, 0].tolist() == [False, False]


def test_a_symbol_without_bars_is_an_empty_column() -> None:
    empty = assess(bars_of(EVERY_DAY, np.full(9, np.nan)), COIN, EVERY_DAY, POLICY, 12)
    grid = fold([empty], [EVERY_DAY], SESSIONS)
    assert np.isnan(grid.fields["close"]).all()
    assert (grid.fields["split"] == 1.0).all()
    assert not grid.fresh.any()


def test_dividends_and_splits_of_folded_days_add_and_multiply() -> None:
    dividend, split = np.zeros(9), np.ones(9)
    dividend[[6, 7]] = 1.0, 2.0
    split[[5, 7]] = 2.0, 5.0
    close = np.array([100.0, 100, 100, 100, 100, 50, 50, 10, 10])
    bars = bars_of(EVERY_DAY, close, dividend=dividend, split=split, open=close, high=close, low=close)
    grid = fold([assess(bars, COIN, EVERY_DAY, POLICY, 12)], [EVERY_DAY], SESSIONS)
    assert (grid.fields["dividend"][5, 0], grid.fields["split"][5, 0]) == (3.0, 10.0)


def test_dividends_follow_from_the_step_of_the_adjustment() -> None:
    close = np.array([100.0, 102.0, 101.0, 103.0])
    factor = 1.0 - 0.5 / 102.0  # 0.50 paid on the third day
    bars = bars_of(np.arange(4), close, adj_close=close * np.array([factor, factor, 1.0, 1.0]))
    actions = traded_actions(bars, POLICY)
    assert actions.dividend == pytest.approx([0.0, 0.0, 0.5, 0.0])
    assert actions.derived
    assert total_return_ratio(bars, actions)[1] == pytest.approx(101.0 / 101.5)


def test_rounding_of_stored_prices_is_no_dividend() -> None:
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, 500)))
    adjusted = (close * 0.7).astype(np.float32).astype(np.float64)
    assert not traded_actions(bars_of(np.arange(500), close, adj_close=adjusted), POLICY).dividend.any()


@given(
    st.lists(
        st.tuples(st.floats(-0.1, 0.1), st.floats(0.0, 0.05), st.sampled_from([1.0, 1.0, 2.0, 0.1])),
        min_size=2,
        max_size=40,
    )
)
def test_the_index_is_the_wealth_of_one_who_reinvests(moves: list[tuple[float, float, float]]) -> None:
    """Independent accounting: units held, dividends spent on more units at the close."""
    price, wealth, units = 100.0, [100.0], 1.0
    close, opened, dividend, split = [price], [price], [0.0], [1.0]
    for move, paid, ratio in moves:
        price = price / ratio * (1.0 + move)
        cash = paid * price
        opened.append(close[-1] / ratio - cash)  # a market opens lower by what it no longer carries
        units *= ratio
        units += units * cash / price
        wealth.append(units * price)
        close.append(price)
        dividend.append(cash)
        split.append(ratio)
    columns = {"open": opened, "dividend": dividend, "split": split}
    bars = bars_of(np.arange(len(close)), np.array(close), **{name: np.array(one) for name, one in columns.items()})
    actions = traded_actions(bars, POLICY)
    assert forward_index(bars, actions) == pytest.approx(np.array(wealth) / 100.0, rel=1e-9)


def test_a_split_already_in_the_prices_is_not_applied_twice() -> None:
    close = np.array([10.0, 10.1, 10.2, 10.1])
    split = np.array([1.0, 1.0, 4.0, 1.0])
    actions = traded_actions(bars_of(np.arange(4), close, split=split), POLICY)
    assert actions.split.tolist() == [1.0] * 4
    traded = traded_actions(bars_of(np.arange(4), close * np.array([4.0, 4.0, 1.0, 1.0]), split=split), POLICY)
    assert traded.split.tolist() == split.tolist()


def test_a_macro_value_is_seen_from_the_day_it_was_known() -> None:
    series = MacroSeries(np.array([1, 5, 5, 9]), np.array([1.0, 2.0, 2.5, 9.0]), np.array([4, 6, 11, 99]))
    table, names = macro_on({"B": series, "A": series}, SESSIONS)
    assert names == ("A", "B")
    assert table[:, 0].tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 2.5, 2.5]


def test_a_late_revision_of_an_older_day_does_not_hide_the_newest_day() -> None:
    series = MacroSeries(np.array([1, 5, 1]), np.array([1.0, 2.0, 1.5]), np.array([2, 6, 7]))
    assert macro_on({"A": series}, SESSIONS)[0][:, 0].tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_a_macro_series_known_only_later_is_absent() -> None:
    series = MacroSeries(np.array([1]), np.array([1.0]), np.array([6]))
    table, _ = macro_on({"A": series}, SESSIONS)
    assert np.isnan(table[:2, 0]).all()
    assert table[2, 0] == 1.0

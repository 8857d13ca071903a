"""Splits, dividends and prints that contradict each other, each with figures worked out by hand (D10, D12)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plimsoll.core.bars import Bars
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market.actions import forward_index, traded_actions
from plimsoll.market.findings import Finding
from plimsoll.market.precision import half_width, step_slack
from plimsoll.market.quality import Assessment, assess

POLICY = DataPolicy()
STOCK = Instrument("ABC", "stock", "24/7")
SIZE = 600
T = 400  # the day something happens
EX = np.arange(60, SIZE, 63)  # ex-dates


def market(seed: int = 3, size: int = SIZE) -> Bars:
    """A quiet stock on whole cents near 100: it opens at the last close, volume a million, nothing paid."""
    moves = np.random.default_rng(seed).normal(0.0003, 0.009, size)
    close = np.round(100.0 * np.exp(np.cumsum(moves)), 2)
    opened = np.round(np.append(close[0], close[:-1]) * np.exp(0.4 * moves), 2)
    high, low = np.maximum(opened, close) * 1.003, np.minimum(opened, close) * 0.997
    nothing = np.full(size, np.nan)
    return Bars(np.arange(size), opened, high, low, close, close.copy(), np.full(size, 1e6), nothing, nothing.copy())


def scaled(bars: Bars, names: str, rows: slice, factor: float) -> Bars:
    values = {name: getattr(bars, name).copy() for name in names.split()}
    for column in values.values():
        column[rows] *= factor
    return replace(bars, **values)


OHLC = "open high low close"


def paying(share: float = 0.01) -> tuple[Bars, np.ndarray]:
    """The stock paying ``share`` of its price on each of EX: closes fall by it, adj_close has the vendors' factor."""
    bars = market()
    cash, factor = np.zeros(SIZE), np.ones(SIZE)
    for t in EX[::-1].tolist():
        cash[t] = round(share * bars.close[t - 1], 4)
        factor[:t] *= 1.0 - cash[t] / bars.close[t - 1]
    fall = np.ones(SIZE)
    for t in EX.tolist():
        fall[t:] *= 1.0 - cash[t] / bars.close[t - 1]
    # a market whose total return is the one above: prices lose what is paid, and cash follows them down
    names = {name: getattr(bars, name) * fall for name in OHLC.split()}
    cash = np.where(cash > 0.0, cash * np.append(1.0, fall[:-1]), 0.0)
    return replace(bars, **names, adj_close=names["close"] * factor, dividend=cash, split=np.ones(SIZE)), cash


def judged(bars: Bars) -> Assessment:
    return assess(bars, STOCK, bars.day, POLICY, SIZE - 1)


def hard(bars: Bars) -> dict[str, list[int]]:
    return {f.reason: f.days.tolist() for f in judged(bars).findings if f.severity == "hard"}


def one(bars: Bars, reason: str) -> Finding:
    (found,) = [f for f in judged(bars).findings if f.reason == reason]
    return found


def test_nothing_is_found_in_sound_statements() -> None:
    assert hard(market()) == {}
    bars, cash = paying()
    assert hard(bars) == {}
    assert traded_actions(bars, POLICY).dividend == pytest.approx(cash)
    bare = replace(bars, dividend=np.full(SIZE, np.nan), split=np.full(SIZE, np.nan))
    assert hard(bare) == {}
    assert traded_actions(bare, POLICY).dividend == pytest.approx(cash, rel=1e-6)


def test_the_rounding_of_a_column_is_half_its_last_decimal() -> None:
    assert half_width(np.array([10.25, 10.5, 3.75])) == pytest.approx([0.005] * 3)
    assert half_width(np.array([10.1234567])) == pytest.approx(10.1234567 * 2.0**-24)
    # 10.00 and 40.00 each known to half a cent: (1 + .0005)(1 + .000125) / ((1 - .0005)(1 - .000125)), squared, less 1
    cents = np.array([10.0, 10.01, 9.99, 10.0])
    slack = step_slack(cents, np.array([40.0, 40.03, 39.98, 40.0]))
    assert slack[0] == pytest.approx(2 * (0.0005 + 0.000125) * 2, rel=2e-2)


def test_an_adjusted_close_in_cents_pays_nothing_by_its_rounding() -> None:
    bars = market()
    coarse = replace(bars, adj_close=np.round(bars.close * 0.25, 2))
    assert not traded_actions(coarse, POLICY).dividend.any()
    assert hard(coarse) == {}


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 1.25, 4.0, 0.1, 7.0])
def test_an_unrecorded_split_is_found_in_each_form(ratio: float) -> None:
    before = slice(0, T)
    plain = hard(scaled(market(), f"{OHLC} adj_close", before, ratio))
    assert plain["SPLIT_SUSPECTED"] == [T]
    traded = scaled(market(), OHLC, before, ratio)
    assert hard(traded) == {"SPLIT_UNRECORDED": [T]}
    actions = traded_actions(traded, POLICY)
    assert actions.split[T] == pytest.approx(ratio)  # a holder's lots multiply, and his wealth does not jump
    assert forward_index(traded, actions)[-1] == pytest.approx(market().close[-1] / market().close[0])
    assert hard(scaled(market(), "adj_close", before, ratio))["SPLIT_HALF_APPLIED"] == [T]


def test_a_fall_on_news_is_no_split() -> None:
    """The same fall of a third, on six times the volume and a wide bar."""
    bars = scaled(market(), f"{OHLC} adj_close", slice(0, T), 1.5)
    bars.volume[T], bars.high[T] = 6e6, bars.high[T] * 1.08
    assert hard(bars) == {}
    bars = scaled(market(), f"{OHLC} adj_close", slice(0, T), 1.5)
    for name in OHLC.split():
        getattr(bars, name)[T - 1] = bars.close[T - 2]  # it reopens after a session without trading
    bars.adj_close[T - 1], bars.volume[T - 1] = bars.close[T - 1], 0.0
    assert hard(bars) == {}


@pytest.mark.parametrize(("applied", "product"), [(True, 1.0), (False, 1.05)])
def test_a_stock_dividend_counts_only_where_prices_fell_by_it(applied: bool, product: float) -> None:
    split = np.ones(SIZE)
    split[T] = 1.05
    bars = replace(market(), split=split, dividend=np.zeros(SIZE))
    if not applied:
        bars = scaled(bars, OHLC, slice(0, T), 1.05)
    for adjusted in (bars.adj_close, np.full(SIZE, np.nan)):  # adj_close decides, or the opening does
        actions = traded_actions(replace(bars, adj_close=adjusted), POLICY)
        assert actions.split.prod() == product
        assert forward_index(bars, actions)[-1] == pytest.approx(market().close[-1] / market().close[0])


def test_a_spin_off_ratio_beside_adjusted_prices_is_not_applied_although_the_day_fits() -> None:
    """H5: 1.017 listed as a split, prices adjusted for it, and the stock happened to open 1.7 % lower."""
    bars = scaled(market(), f"{OHLC} adj_close", slice(T, None), 1 / 1.017)
    split = np.ones(SIZE)
    split[T] = 1.017
    actions = traded_actions(replace(bars, split=split, dividend=np.zeros(SIZE)), POLICY)
    assert actions.split.prod() == 1.0


@pytest.mark.parametrize("times", [10.0, 100.0, 0.01, 2.0, 0.0])
def test_a_dividend_that_adj_close_does_not_bear_out_is_found_and_not_booked(times: float) -> None:
    bars, cash = paying()
    wrong = cash.copy()
    wrong[EX[5]] *= times
    found = one(replace(bars, dividend=wrong), "RETURN_STATEMENTS_DIFFER")
    assert (found.severity, found.days.tolist()) == ("hard", [EX[5]])
    if times >= 10.0:
        assert traded_actions(replace(bars, dividend=wrong), POLICY).dividend[EX[5]] == pytest.approx(cash[EX[5]])


def test_a_negative_dividend_is_out_of_its_domain_and_left_out() -> None:
    bars, cash = paying()
    wrong = cash.copy()
    wrong[EX[5]] *= -1.0
    assert hard(replace(bars, dividend=wrong))["ACTION_OUT_OF_DOMAIN"] == [EX[5]]
    alone = replace(bars, dividend=wrong, adj_close=np.full(SIZE, np.nan))
    assert traded_actions(alone, POLICY).dividend[EX[5]] == 0.0


def test_a_dividend_of_a_tenth_that_the_opening_does_not_show_is_implausible() -> None:
    bars, cash = paying()
    wrong = cash.copy()
    wrong[EX[5]] *= 10.0
    alone = replace(bars, dividend=wrong, adj_close=np.full(SIZE, np.nan))
    assert one(alone, "DIVIDEND_IMPLAUSIBLE").days.tolist() == [EX[5]]
    bars.adj_close[: EX[5]] *= 1.0 - 0.1  # and where adj_close alone says so
    bare = replace(bars, dividend=np.full(SIZE, np.nan), split=np.full(SIZE, np.nan))
    assert one(bare, "DIVIDEND_IMPLAUSIBLE").days.tolist() == [EX[5]]


def test_adjusted_prices_beside_their_dividends_pay_them_once() -> None:
    """The layout of yfinance's history(): prices that do not fall on their ex-dates."""
    bars, _ = paying(0.02)
    factor = bars.adj_close / bars.close
    adjusted = {name: getattr(bars, name) * factor for name in OHLC.split()}
    read = replace(bars, **adjusted, adj_close=np.full(SIZE, np.nan))
    actions = traded_actions(read, POLICY)
    assert not actions.dividend.any()
    assert forward_index(read, actions)[-1] == pytest.approx(bars.adj_close[-1] / bars.adj_close[0])
    assert one(read, "DIVIDENDS_ON_ADJUSTED_PRICES").severity == "note"
    traded = replace(bars, adj_close=np.full(SIZE, np.nan))
    assert traded_actions(traded, POLICY).dividend.sum() == pytest.approx(bars.dividend.sum())


@pytest.mark.parametrize(("size", "found"), [(0.4, True), (-0.4, True), (0.2, False)])
def test_a_print_that_the_next_session_takes_back_is_a_spike_known_then(size: float, found: bool) -> None:
    bars = scaled(market(), f"{OHLC} adj_close", slice(T, T + 1), 1.0 + size)
    spikes = [f for f in judged(bars).findings if f.reason == "PRICE_SPIKE"]
    assert bool(spikes) is found
    if found:
        assert spikes[0].days.tolist() == [T]
        assert spikes[0].known is not None
        assert spikes[0].known.tolist() == [T + 1]


def test_rows_copied_with_their_volume_are_no_market() -> None:
    bars = market()
    for name in (*OHLC.split(), "adj_close", "volume"):
        getattr(bars, name)[T : T + 3] = getattr(bars, name)[T - 1]
    assert one(bars, "COPIED_ROWS").days.tolist() == [T, T + 1, T + 2]


def test_a_zero_open_is_an_absent_open_and_a_negative_adjustment_breaks_everything() -> None:
    bars = market()
    bars.open[5] = 0.0
    result = judged(bars)
    assert len(result.bars) == SIZE
    assert np.isnan(result.bars.open[5])
    bars.adj_close[7] = -1.0
    assert one(bars, "ADJUSTMENT_INVALID").days.tolist() == [7]


def test_rows_without_adj_close_beside_rows_with_it_are_kept_and_counted() -> None:
    bars, _ = paying()
    bare = replace(bars, dividend=np.full(SIZE, np.nan), split=np.full(SIZE, np.nan))
    bare.adj_close[300:305] = np.nan
    result = judged(bare)
    assert len(result.bars) == SIZE
    assert one(bare, "ADJUSTMENT_ABSENT").severity == "note"
    assert forward_index(result.bars, result.actions)[-1] == pytest.approx(bars.adj_close[-1] / bars.adj_close[0])


def test_later_rows_change_no_earlier_finding() -> None:
    """What is found up to a day is found from the rows up to that day (D11)."""
    bars = scaled(market(), f"{OHLC} adj_close", slice(0, T), 1.5)
    bars = scaled(bars, f"{OHLC} adj_close", slice(T + 60, T + 61), 1.4)
    whole = judged(bars).findings
    for cut in (T, T + 1, T + 61, T + 62):
        part = assess(bars.take(np.arange(cut)), STOCK, bars.day, POLICY, cut - 1).findings

        def known(found: tuple[Finding, ...], last: int) -> set[tuple[str, int]]:
            return {
                (f.reason, day)
                for f in found
                for day, when in zip(f.days.tolist(), (f.days if f.known is None else f.known).tolist(), strict=True)
                if when <= last and f.severity == "hard"
            }

        assert known(part, cut - 1) == known(whole, cut - 1)

"""Indicators against TA-Lib (F3) and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import talib

from plimsoll.indicators import factors

ROWS = 700


def _bars(seed: int, rows: int = ROWS, columns: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(g.normal(3e-4, 0.015, (rows, columns)), axis=0))
    reach = g.uniform(0.0, 0.02, (2, rows, columns))
    return close * (1.0 + reach[0]), close * (1.0 - reach[1]), close


@pytest.mark.parametrize("n", [20, 50, 200])
def test_sma_agrees_with_talib(n: int) -> None:
    _, _, close = _bars(1)
    for ours, column in zip(factors.sma(close, n).T, close.T, strict=True):
        np.testing.assert_allclose(ours, talib.SMA(column, n), rtol=1e-9)


@pytest.mark.parametrize("n", [60, 120])
def test_momentum_agrees_with_talib(n: int) -> None:
    _, _, close = _bars(2)
    for ours, column in zip(factors.momentum(close, n).T, close.T, strict=True):
        np.testing.assert_allclose(ours, talib.ROCP(column, n), rtol=1e-9, atol=1e-15)


def test_rsi_agrees_with_talib() -> None:
    _, _, close = _bars(3)
    for ours, column in zip(factors.rsi(close, close, 14).T, close.T, strict=True):
        np.testing.assert_allclose(ours, talib.RSI(column, 14), rtol=1e-9)


def test_rsi_without_movement_is_zero_as_in_talib() -> None:
    flat = np.full((40, 1), 7.0)
    np.testing.assert_array_equal(factors.rsi(flat, flat, 14)[:, 0], talib.RSI(flat[:, 0], 14))


@pytest.mark.parametrize("n", [14, 20])
def test_atr_agrees_with_talib(n: int) -> None:
    high, low, close = _bars(4)
    ours = factors.atr(high, low, close, np.ones_like(close), n)
    for j in range(close.shape[1]):
        np.testing.assert_allclose(ours[:, j], talib.ATR(high[:, j], low[:, j], close[:, j], n), rtol=1e-9)


@pytest.mark.parametrize("n", [20, 60])
def test_volatility_is_talibs_deviation_annualised_with_one_degree_of_freedom_less(n: int) -> None:
    _, _, close = _bars(5)
    returns = factors.simple_return(close)
    ours = factors.volatility(returns, n)
    for j in range(close.shape[1]):
        theirs = talib.STDDEV(returns[1:, j], n) * np.sqrt(n / (n - 1) * 252.0)
        np.testing.assert_allclose(ours[n:, j], theirs[n - 1 :], rtol=1e-9)
    assert np.isnan(ours[:n]).all()


def test_a_young_assets_indicators_are_those_of_its_own_rows() -> None:
    high, low, close = _bars(6)
    late = [np.vstack([np.full((33, 3), np.nan), x]) for x in (high, low, close)]
    ones = np.ones_like(late[2])
    np.testing.assert_array_equal(factors.rsi(late[2], late[2], 14)[33:], factors.rsi(close, close, 14))
    np.testing.assert_array_equal(factors.atr(*late, ones, 14)[33:], factors.atr(high, low, close, ones[33:], 14))


def test_atr_is_blind_to_a_split_but_speaks_in_traded_units() -> None:
    high, low, close = _bars(7)
    plain = factors.atr(high, low, close, np.ones_like(close), 14)
    split, units = np.ones_like(close), np.ones((ROWS, 1))
    split[300], units[300:] = 4.0, 4.0
    traded = factors.atr(high / units, low / units, close / units, split, 14)
    np.testing.assert_allclose(traded, plain / units, rtol=1e-12)


def test_twelve_one_momentum_compounds_and_skips_the_last_month() -> None:
    price = np.ones((260, 1))
    price[100:] = 1.5  # +50 %
    price[200:] = 0.9  # then -40 %: -10 % compounded, +10 % if returns were summed
    price[240:] = 7.0  # inside the last 21 sessions: not seen
    assert factors.momentum_skip(price, 252, 21)[255, 0] == pytest.approx(-0.10)
    assert np.isnan(factors.momentum_skip(price, 252, 21)[251, 0])
    assert np.isfinite(factors.momentum_skip(price, 252, 21)[252, 0])


def test_average_volume_is_money_in_the_instruments_own_unit() -> None:
    close, volume = np.full((30, 2), 20.0), np.full((30, 2), 1000.0)
    out = factors.average_volume(close, volume, np.array([False, True]), 20)
    assert np.isnan(out[:19]).all()
    assert out[19].tolist() == [20_000.0, 1000.0]


def test_a_missing_bar_traded_nothing_but_a_bar_without_volume_is_unknown() -> None:
    close, volume = np.full((50, 2), 20.0), np.full((50, 2), 1000.0)
    close[25, 0] = volume[25, 0] = np.nan
    volume[25, 1] = np.nan
    out = factors.average_volume(close, volume, np.array([False, False]), 20)
    assert out[25, 0] == pytest.approx(19_000.0)
    assert np.isnan(out[25:45, 1]).all()
    assert out[45, 1] == pytest.approx(20_000.0)


def test_ewma_volatility_starts_at_the_twentieth_return_and_includes_today() -> None:
    returns = np.full((40, 1), 0.01)
    returns[0] = np.nan
    returns[30] = 0.05
    sigma = factors.ewma_volatility(returns, np.ones((40, 1)), 0.94)
    assert np.isnan(sigma[:20]).all()
    assert sigma[20, 0] == pytest.approx(0.01)
    assert sigma[30, 0] == pytest.approx(np.sqrt(0.94 * 0.01**2 + 0.06 * 0.05**2))


def test_a_residual_is_measured_with_the_volatility_of_the_session_before() -> None:
    returns = np.full((40, 1), 0.01)
    returns[30] = 0.05
    close = np.ones((40, 1))
    sigma = factors.ewma_volatility(returns, close, 0.94)
    assert factors.standardised(returns, close, sigma)[30, 0] == pytest.approx(0.05 / 0.01)


def test_a_missing_bar_has_no_residual_and_leaves_volatility_standing() -> None:
    returns = np.full((40, 1), 0.01)
    close = np.ones((40, 1))
    returns[30], close[30] = 0.0, np.nan  # a carried price returns zero
    sigma = factors.ewma_volatility(returns, close, 0.94)
    residual = factors.standardised(returns, close, sigma)
    assert sigma[30, 0] == sigma[29, 0]
    assert np.isnan(residual[30, 0])
    assert np.isfinite(residual[31, 0])


def test_a_residual_without_volatility_is_absent_not_infinite() -> None:
    returns = np.zeros((40, 1))
    returns[30] = 0.05
    close = np.ones((40, 1))
    residual = factors.standardised(returns, close, factors.ewma_volatility(returns, close, 0.94))
    assert np.isnan(residual[30, 0])


def test_the_universe_return_counts_those_with_a_bar_that_day() -> None:
    returns = np.array([[np.nan, np.nan, np.nan], [0.01, 0.03, 0.9], [0.02, 0.0, 0.9], [0.0, 0.0, 0.9]])
    close = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, np.nan, 1.0], [np.nan, np.nan, 1.0]])
    out = factors.equal_weighted(returns, close, np.array([True, True, False]))
    np.testing.assert_allclose(out, [np.nan, 0.02, 0.02, np.nan])


def test_a_carried_mark_is_restated_when_a_split_falls_on_a_missing_bar() -> None:
    close = np.array([[100.0], [np.nan], [np.nan], [26.0], [np.nan]])
    split = np.array([[1.0], [4.0], [1.0], [1.0], [1.0]])
    np.testing.assert_array_equal(factors.carried_mark(close, split)[:, 0], [100.0, 25.0, 25.0, 26.0, 26.0])


def test_a_split_on_its_own_bar_leaves_marks_as_traded() -> None:
    close, split = np.array([[100.0], [25.0], [np.nan]]), np.array([[1.0], [4.0], [1.0]])
    np.testing.assert_array_equal(factors.carried_mark(close, split)[:, 0], [100.0, 25.0, 25.0])


@pytest.mark.real_data
def test_indicators_agree_with_talib_on_recorded_history(shared_data: Path) -> None:
    import polars as pl

    table = pl.read_parquet(shared_data / "etf_daily.parquet").filter(pl.col("symbol") == "SPY").sort("date")
    high, low, close, adjusted = (table[c].to_numpy().astype(np.float64) for c in ("high", "low", "close", "adj_close"))
    price, bars, units = (adjusted / adjusted[0])[:, None], close[:, None], np.ones((len(close), 1))
    returns = factors.simple_return(price)
    pairs = [
        (factors.sma(price, 200), talib.SMA(price[:, 0], 200)),
        (factors.rsi(price, bars, 14), talib.RSI(price[:, 0], 14)),
        (factors.atr(high[:, None], low[:, None], bars, units, 20), talib.ATR(high, low, close, 20)),
        (factors.momentum(price, 120), talib.ROCP(price[:, 0], 120)),
        (factors.volatility(returns, 60)[1:], talib.STDDEV(returns[1:, 0], 60) * np.sqrt(60 / 59 * 252)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-9, atol=1e-14)

"""The 26 numbers: by hand, against pandas and TA-Lib, causal bit for bit (H4, F2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib

from plimsoll.alpha.observation import MARKET, OBSERVATION, SIZE, AccountView, Market, market, observe, rank
from plimsoll.core.intraday import IntradayBars
from plimsoll.core.policy import SizingPolicy

NAMES = [figure.name for figure in OBSERVATION]
SIZING = SizingPolicy(volatility_history=200, volatility_history_min=60)


def walk(sessions: int = 3, bars: int = 120, seed: int = 0) -> IntradayBars:
    """Minute bars of made-up sessions, the last of which closes early."""
    draw = np.random.default_rng(seed)
    n = sessions * bars
    close = 400.0 * np.cumprod(1.0 + 0.001 * draw.standard_normal(n))
    opens = np.concatenate([[400.0], close[:-1]]) * (1.0 + 0.0002 * draw.standard_normal(n))
    day = 20_514 + np.repeat(np.arange(sessions), bars)
    opened = day * 86_400 + 52_200
    return IntradayBars(
        symbol="S",
        step=60,
        start=opened + 60 * np.tile(np.arange(bars), sessions),
        day=day,
        opened=opened,
        closes=opened + np.where(day == day[-1], 12_600, 23_400),
        open=opens,
        high=np.maximum(opens, close) * (1.0 + 0.0003 * draw.random(n)),
        low=np.minimum(opens, close) * (1.0 - 0.0003 * draw.random(n)),
        close=close,
        volume=draw.integers(0, 1_000, n).astype(np.float64),
    )


BARS = walk()
SEEN = market(BARS, SIZING)


def column(name: str, seen: Market = SEEN) -> np.ndarray:
    return seen.figures[:, NAMES.index(name)]


def test_there_are_26_figures_with_names_of_their_own() -> None:
    assert len(set(NAMES)) == SIZE == 26
    assert SEEN.figures.shape == (len(BARS), MARKET)


@pytest.mark.parametrize("row", [0, 1, 59, 60, 119, 120, 250, 359])
def test_no_figure_knows_what_follows(row: int) -> None:
    early = market(BARS.before(row + 1), SIZING)
    assert early.figures[row].tobytes() == SEEN.figures[row].tobytes()
    assert early.atr[row : row + 1].tobytes() == SEEN.atr[row : row + 1].tobytes()


def test_returns_means_and_volatility_are_those_of_pandas() -> None:
    close = pd.Series(BARS.close)
    for n in (1, 5, 15, 30, 60):
        assert np.allclose(column(f"return_{n}"), close.pct_change(n), rtol=1e-9, atol=1e-12, equal_nan=True)
    assert np.allclose(column("volatility"), close.pct_change().rolling(30).std(), rtol=1e-9, equal_nan=True)
    for n in (20, 60):
        assert np.allclose(column(f"sma_{n}"), close / close.rolling(n).mean() - 1, rtol=1e-6, equal_nan=True)
    volume = pd.Series(BARS.volume)
    assert np.allclose(column("volume"), volume / volume.rolling(60).mean(), rtol=1e-9, equal_nan=True)


def test_ranges_and_strength_are_those_of_talib() -> None:
    ours, theirs = SEEN.atr, talib.ATR(BARS.high, BARS.low, BARS.close, 20)
    known = np.isfinite(theirs)
    assert known.sum() > 300 and np.allclose(ours[known], theirs[known], rtol=1e-9)
    strength = talib.RSI(BARS.close, 14) / 100.0
    assert np.allclose(column("rsi_14")[14:], strength[14:], rtol=1e-9)


def test_figures_of_the_session_start_anew_with_it() -> None:
    frame = pd.DataFrame({"day": BARS.day, "h": BARS.high, "l": BARS.low, "c": BARS.close, "v": BARS.volume})
    days = frame.groupby("day")
    place = (frame.c - days.l.cummin()) / (days.h.cummax() - days.l.cummin())
    assert np.allclose(column("session_range"), place)
    typical = frame.v * (frame.h + frame.l + frame.c) / 3.0
    vwap = typical.groupby(frame.day).cumsum() / days.v.cumsum()
    assert np.allclose(column("vwap"), frame.c / vwap - 1.0, equal_nan=True)
    assert np.allclose(column("return_session")[120:240], BARS.close[120:240] / BARS.open[120] - 1.0)
    assert np.isnan(column("gap")[:120]).all()
    assert np.allclose(column("gap")[120:240], BARS.open[120] / BARS.close[119] - 1.0)
    assert column("hours_open")[120] == pytest.approx(1 / 60)
    assert column("hours_left")[[0, 239, 240]] == pytest.approx([6.5 - 1 / 60, 4.5, 3.5 - 1 / 60])  # the half-day


def test_the_weekday_is_the_calendars() -> None:
    days = pd.to_datetime(BARS.day, unit="D")
    assert column("weekday").tolist() == days.day_of_week.tolist()


def test_the_rank_counts_what_lies_below_in_the_trailing_history() -> None:
    values = np.array([np.nan, 3.0, 1.0, 2.0, 5.0, 4.0])
    assert rank(values, 3, 2).tolist()[2:] == pytest.approx([0.0, 1 / 3, 2 / 3, 1 / 3])
    assert np.isnan(rank(values, 3, 2)[:2]).all()
    assert np.isnan(rank(values, 3, 4)).all()
    assert len(rank(np.zeros(0), 3, 2)) == 0


def test_bars_without_movement_or_volume_make_no_false_figure() -> None:
    still = walk(1, 90)
    flat = IntradayBars(
        **{name: getattr(still, name) for name in ("symbol", "step", "start", "day", "opened", "closes")},
        **dict.fromkeys(("open", "high", "low", "close"), np.full(90, 5.0)),
        volume=np.zeros(90),
    )
    seen = market(flat, SIZING)
    assert column("bar_range", seen).tolist() == column("session_range", seen).tolist() == [0.5] * 90
    assert np.isnan(column("volume", seen)).all() and np.isnan(column("vwap", seen)).all()


def test_the_account_stands_behind_the_market() -> None:
    found = observe(SEEN, 200, AccountView(1e-4, -0.5, 0.02, 0.6, 0.25, "reduce_only"))
    assert found.shape == (26,)
    assert found[:20].tolist() == SEEN.figures[200].tolist()
    assert found[20:].tolist() == [1e-4, -0.5, 0.02, 0.6, 0.25, 2.0]
    assert np.isnan(observe(SEEN, 200, AccountView(0, 0, 0, 0, 0, "new stage"))[25])

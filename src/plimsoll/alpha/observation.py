"""The 26 numbers of an intraday model's observation, causal: a figure uses only its bar and earlier ones (H4).

Twenty describe the market and are computed once for all bars, independent of later bars (F2); six describe the account
at the time of the decision. Time is counted in bars: missing bars are skipped, and the night between two sessions is
one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.core.policy import SizingPolicy
from plimsoll.indicators.factors import rsi, true_range
from plimsoll.indicators.rolling import decayed_mean, lag, window_mean, window_std

SIZE = 26
STAGES = ("normal", "caution", "reduce_only", "halt")
_HOUR = 3600.0
_RANK_ROWS = 4096  # rows ranked at a time


class Figure(NamedTuple):
    """One number of the observation: name, unit, range, meaning, and when it is NaN."""

    name: str
    unit: str
    range: str
    meaning: str
    nan: str = ""


_WARM = "until there are enough bars"
OBSERVATION: tuple[Figure, ...] = (
    Figure("return_1", "fraction", "> -1", "close over the close one bar before, less 1", _WARM),
    Figure("return_5", "fraction", "> -1", "the same over 5 bars", _WARM),
    Figure("return_15", "fraction", "> -1", "over 15 bars", _WARM),
    Figure("return_30", "fraction", "> -1", "over 30 bars", _WARM),
    Figure("return_60", "fraction", "> -1", "over 60 bars", _WARM),
    Figure("return_session", "fraction", "> -1", "close over the session's first open, less 1"),
    Figure(
        "gap",
        "fraction",
        "> -1",
        "the session's first open over the last close before it, less 1",
        "in the first session",
    ),
    Figure(
        "volatility", "fraction a bar", ">= 0", "standard deviation of the last `sizing.volatility_bars` returns", _WARM
    ),
    Figure(
        "volatility_rank",
        "fraction",
        "0 to 1",
        "share of its trailing history the volatility exceeds",
        "with less than `sizing.volatility_history_min` bars of it",
    ),
    Figure("atr", "fraction of the close", ">= 0", "Wilder's average true range over `sizing.atr_bars` bars", _WARM),
    Figure("sma_20", "fraction", "> -1", "close over its 20-bar mean, less 1", _WARM),
    Figure("sma_60", "fraction", "> -1", "close over its 60-bar mean, less 1", _WARM),
    Figure("rsi_14", "fraction", "0 to 1", "Wilder's relative strength index of 14 bars, over 100", _WARM),
    Figure(
        "session_range",
        "fraction",
        "0 to 1",
        "where the close lies between the session's low and high; 0.5 when they are equal",
    ),
    Figure(
        "bar_range",
        "fraction",
        "0 to 1",
        "where the close lies between the bar's low and high; 0.5 when they are equal",
    ),
    Figure(
        "volume",
        "multiple",
        ">= 0",
        "volume over the mean of the last 60 bars, which forgets a vendor's change of unit",
        _WARM + ", and where that mean is zero",
    ),
    Figure(
        "vwap",
        "fraction",
        "> -1",
        "close over the session's volume-weighted typical price, less 1",
        "before the session's first volume",
    ),
    Figure("weekday", "days", "0 to 6", "0 is Monday"),
    Figure("hours_open", "hours", ">= 0", "since the session's open"),
    Figure("hours_left", "hours", ">= 0", "until the session's own close, early on half-days"),
    Figure("spread", "fraction of the mid", ">= 0", "ask less bid of the last quote", "without a quote"),
    Figure("position", "fraction of the position cap", "any", "signed value held, at the mid", "without a quote"),
    Figure(
        "position_return",
        "fraction",
        "> -1",
        "mid over the average cost, less 1, signed by the side held; 0 when flat",
        "without a quote",
    ),
    Figure("loss", "fraction of the loss cap", ">= 0", "what the session has lost at the mids"),
    Figure("turnover_left", "fraction of the turnover cap", "<= 1", "what is left of the session's turnover"),
    Figure("stage", "step", "0 to 3", "the intraday ladder: normal, caution, reduce-only, halt"),
)
MARKET = 20  # number of market figures; the account's follow


@dataclass(frozen=True, eq=False, slots=True)
class Market:
    """Market data of n bars: (n, 20) ``figures``, and for sizing (n,) ``atr`` in USD and (n,) volatility ``rank``."""

    figures: Floats
    atr: Floats
    rank: Floats


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account at the time of a decision. Fractions as in ``OBSERVATION``; NaN where unknown."""

    spread: float
    position: float
    position_return: float
    loss: float
    turnover_left: float
    stage: str


def market(bars: IntradayBars, sizing: SizingPolicy) -> Market:
    """The market figures of every bar; NaN where ``OBSERVATION`` says so."""
    n, close = len(bars), bars.close
    first = bars.first_of_session
    returns = close / lag(close, 1) - 1.0
    volatility = window_std(returns, sizing.volatility_bars)
    ranked = rank(volatility, sizing.volatility_history, sizing.volatility_history_min)
    span = sizing.atr_bars
    ranges = true_range(bars.high, bars.low, close)[:, np.newaxis]
    atr = decayed_mean(ranges, span, (span - 1) / span)[:, 0]
    tall = close[:, np.newaxis]
    begun, high, low, vwap = _session(bars, first)
    before = np.where(first, lag(close, 1), np.nan)
    starts = np.maximum.accumulate(np.where(first, np.arange(n), 0)) if n else np.zeros(0, np.int64)
    known = bars.start + bars.step
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = window_mean(bars.volume, 60)
        columns = [
            *(close / lag(close, k) - 1.0 for k in (1, 5, 15, 30, 60)),
            close / begun - 1.0,
            (begun / before[starts] - 1.0),
            volatility,
            ranked,
            atr / close,
            close / window_mean(close, 20) - 1.0,
            close / window_mean(close, 60) - 1.0,
            rsi(tall, tall, 14)[:, 0] / 100.0,
            _place(close, low, high),
            _place(close, bars.low, bars.high),
            np.where(usual > 0.0, bars.volume / usual, np.nan),
            close / vwap - 1.0,
            ((bars.day + 3) % 7).astype(np.float64),
            (known - bars.opened) / _HOUR,
            (bars.closes - known) / _HOUR,
        ]
    return Market(np.column_stack(columns).reshape(n, MARKET), atr, ranked)


def observe(seen: Market, row: int, account: AccountView) -> Floats:
    """The (26,) observation at a bar's end. It may hold figures that are not finite; callers must check (U6)."""
    stage = float(STAGES.index(account.stage)) if account.stage in STAGES else np.nan
    own = (account.spread, account.position, account.position_return, account.loss, account.turnover_left, stage)
    return np.concatenate([seen.figures[row], own])


def rank(values: Floats, history: int, least: int) -> Floats:
    """(n,) share of the finite values of the last ``history`` rows, the present one included, that are below it.

    NaN where fewer than ``least`` are finite, or the present one is not.
    """
    n = len(values)
    out = np.full(n, np.nan)
    if n == 0:
        return out
    padded = np.concatenate([np.full(history - 1, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, history)
    for first in range(0, n, _RANK_ROWS):
        rows = slice(first, first + _RANK_ROWS)
        counted = np.isfinite(windows[rows]).sum(axis=1)
        below = (windows[rows] < values[rows, np.newaxis]).sum(axis=1)
        enough = (counted >= least) & np.isfinite(values[rows])
        out[rows] = np.where(enough, below / np.maximum(counted, 1), np.nan)
    return out


def _place(close: Floats, low: Floats, high: Floats) -> Floats:
    width = high - low
    return np.where(width > 0.0, (close - low) / np.where(width > 0.0, width, 1.0), 0.5)


def _session(bars: IntradayBars, first: np.ndarray) -> tuple[Floats, Floats, Floats, Floats]:
    """(n,) each, of the session so far: first open, high, low, and volume-weighted typical price."""
    begun, high, low, vwap = (np.full(len(bars), np.nan) for _ in range(4))
    edges = [*np.flatnonzero(first).tolist(), len(bars)]
    typical = (bars.high + bars.low + bars.close) / 3.0
    for a, b in pairwise(edges):
        begun[a:b] = bars.open[a]
        high[a:b] = np.maximum.accumulate(bars.high[a:b])
        low[a:b] = np.minimum.accumulate(bars.low[a:b])
        volume = np.cumsum(bars.volume[a:b])
        money = np.cumsum(bars.volume[a:b] * typical[a:b])
        vwap[a:b] = np.where(volume > 0.0, money / np.where(volume > 0.0, volume, 1.0), np.nan)
    return begun, high, low, vwap

"""The indicators as pure functions of arrays (F1-F3, U1).

All arrays are float64 (T, N), rows sessions, columns symbols, NaN = no bar; results have the same shape. Prices
called ``price`` are the total-return index carried over missing bars; OHLC are traded prices. Windows count
rows of the panel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Floats
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.indicators.rolling import decayed_mean, forward_fill, lag, window_mean, window_std, window_sum

EWMA_SEED = 20  # own returns whose mean square starts the exponential volatility


def carried_mark(close: Floats, split: Floats) -> Floats:
    """Last traded close, carried over missing bars and restated for splits since, so that lots x mark is value."""
    marks = forward_fill(close)
    unpriced = np.isnan(close) & np.isfinite(split) & (split != 1.0)
    if not unpriced.any():
        return marks
    scale = split_scale(split)
    at_close = forward_fill(np.where(np.isnan(close), np.nan, scale))
    return marks * (at_close / scale)


def split_scale(split: Floats) -> Floats:
    """Units one first-day unit has become by each row; price x scale is continuous over splits, and causal."""
    return np.asarray(np.cumprod(np.where(np.isfinite(split), split, 1.0), axis=0))


def simple_return(price: Floats) -> Floats:
    """``price[t] / price[t - 1] - 1``, NaN at and before the first bar."""
    return momentum(price, 1)


def bar_count(close: Floats) -> Floats:
    """Bars so far, the row's own included."""
    return np.asarray(np.cumsum(np.isfinite(close), axis=0, dtype=np.float64))


def momentum(price: Floats, n: int) -> Floats:
    """Compounded return over ``n`` sessions, a fraction: ``price[t] / price[t - n] - 1``."""
    out = np.full(price.shape, np.nan)
    if n < len(price):
        later = out[n:]
        np.divide(price[n:], price[: len(price) - n], out=later)
        later -= 1.0
    return out


def momentum_skip(price: Floats, start: int, end: int) -> Floats:
    """``price[t - end] / price[t - start] - 1``: 12-1 momentum with 252 and 21 (Jegadeesh and Titman 1993)."""
    return lag(momentum(price, start - end), end)


def volatility(returns: Floats, n: int) -> Floats:
    """Realised volatility of the last ``n`` returns, annual (x sqrt 252), ddof = 1."""
    out = window_std(returns, n)
    out *= np.sqrt(SESSIONS_A_YEAR)
    return out


def sma(price: Floats, n: int) -> Floats:
    """Mean of the last ``n`` prices."""
    return window_mean(price, n)


def rsi(price: Floats, close: Floats, n: int) -> Floats:
    """Wilder's relative strength index of the total-return price, 0 to 100.

    The averages start as plain means of the first ``n`` changes and stand still over missing bars; 0 when
    there was neither gain nor loss, as TA-Lib has it.
    """
    change = np.where(np.isfinite(close), price - lag(price, 1), np.nan)
    gain = decayed_mean(np.maximum(change, 0.0), n, (n - 1) / n)
    loss = decayed_mean(np.maximum(-change, 0.0), n, (n - 1) / n)
    both = gain + loss
    return np.divide(100.0 * gain, both, out=np.where(np.isnan(both), np.nan, 0.0), where=both > 0.0)


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Largest of high - low and the distances of both from the last close; NaN at the first bar."""
    before = lag(forward_fill(close), 1)
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def atr(high: Floats, low: Floats, close: Floats, split: Floats, n: int) -> Floats:
    """Wilder's average true range in the traded units of each row.

    Ranges are taken on prices times the units a first-day unit has become, which a split leaves continuous, and
    the mean is restated to the row's own units: no later split changes an earlier value.
    """
    scale = split_scale(split)
    ranges = true_range(high * scale, low * scale, close * scale)
    return decayed_mean(ranges, n, (n - 1) / n) / scale


def average_volume(close: Floats, volume: Floats, quote: NDArray[np.bool_], n: int) -> Floats:
    """Average daily volume in USD over the last ``n`` rows.

    ``quote`` (N,) marks columns whose volume already is money; other volumes are units x close. A row without
    a bar traded nothing; a bar without volume is unknown, and the average with it. NaN before ``n`` rows
    from the first bar.
    """
    dollars = np.where(quote, volume, volume * close)
    started = np.isfinite(forward_fill(close))
    dollars[np.isnan(close) & started] = 0.0
    return window_sum(dollars, n) / n


def ewma_volatility(returns: Floats, close: Floats, decay: float) -> Floats:
    """Daily volatility, today's return included: root of the exponential mean square (RiskMetrics 1996).

    Starts with the mean square of a symbol's first 20 returns, absent before (U6). A row without a bar is no
    observation: volatility stands still over it.
    """
    observed = np.where(np.isfinite(close), returns, np.nan)
    return np.sqrt(decayed_mean(observed * observed, EWMA_SEED, decay))


def standardised(returns: Floats, close: Floats, sigma: Floats) -> Floats:
    """Return in units of the volatility known the session before: ``return[t] / sigma[t - 1]``.

    NaN on rows without a bar (unknown is not zero, U6) and where that volatility is absent or zero.
    """
    before = lag(sigma, 1)
    before[~(before > 0.0) | np.isnan(close)] = np.nan
    return returns / before


def equal_weighted(returns: Floats, close: Floats, members: NDArray[np.bool_]) -> Floats:
    """Mean return (T,) over ``members``, (N,) or (T, N), that have a bar and a return that day, NaN when none has."""
    counted = np.ascontiguousarray(np.isfinite(close) & np.isfinite(returns) & members)
    total = np.where(counted, np.ascontiguousarray(returns), 0.0).sum(axis=1)
    count = counted.sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))

"""Splits, dividends and the total return they make of traded prices (U1, D12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.policy import DataPolicy


@dataclass(frozen=True, eq=False, slots=True)
class Actions:
    """Per bar: ``dividend`` in cash per unit held after the day's split (0: none), ``split`` new units per old
    (1: none). ``adjusted`` says the total return follows ``adj_close``; ``derived`` that the dividends do too.
    """

    dividend: Floats
    split: Floats
    adjusted: bool
    derived: bool


def traded_actions(bars: Bars, policy: DataPolicy) -> Actions:
    """What the holder of one unit received, per bar (D12).

    A source with its own columns is believed, except that a split whose price fall is not in ``close`` was already
    applied to it (Yahoo's convention) and counts as none. Without columns ``close`` is taken as split-adjusted and
    dividends follow from the step of f = adj_close / close on an ex-date: D[t] = close[t-1] (1 - f[t-1] / f[t]).
    Steps below ``policy.dividend_noise`` are the rounding of stored prices.
    """
    size = len(bars)
    adjusted = size > 0 and bool(np.isfinite(bars.adj_close).all())
    if np.isfinite(bars.dividend).any() or np.isfinite(bars.split).any():
        dividend = np.where(np.isfinite(bars.dividend), bars.dividend, 0.0)
        split = np.where(np.isfinite(bars.split) & (bars.split > 0.0), bars.split, 1.0)
        return Actions(dividend, _unapplied(bars, split), adjusted=False, derived=False)
    dividend = np.zeros(size)
    if adjusted and size > 1:
        factor = bars.adj_close / bars.close
        step = 1.0 - factor[:-1] / factor[1:]
        dividend[1:] = np.where(step > policy.dividend_noise, bars.close[:-1] * step, 0.0)
    return Actions(dividend, np.ones(size), adjusted, derived=adjusted)


def total_return_ratio(bars: Bars, actions: Actions) -> Floats:
    """(n - 1,) wealth after each bar per unit of wealth after the one before (U1).

    adj_close[t] / adj_close[t-1] where that is the source's adjustment, else (close[t] + D[t]) s[t] / close[t-1].
    """
    if actions.adjusted:
        return np.asarray(bars.adj_close[1:] / bars.adj_close[:-1])
    received = (bars.close[1:] + actions.dividend[1:]) * actions.split[1:]
    return np.asarray(received / bars.close[:-1])


def forward_index(bars: Bars, actions: Actions) -> Floats:
    """(n,) total-return index, 1.0 at the first bar (U1)."""
    index = np.ones(len(bars))
    np.cumprod(total_return_ratio(bars, actions), out=index[1:])
    return index


def _unapplied(bars: Bars, split: Floats) -> Floats:
    """The splits that prices really fell by: all of them or, where ``close`` was adjusted already, none.

    Decided for the whole series, because a vendor adjusts all of a history or none of it: by the closer of the two
    hypotheses to no move at all, in logarithms, over the split days.
    """
    days: NDArray[np.int64] = np.flatnonzero(split[1:] != 1.0) + 1
    if not days.size:
        return split
    move = np.log(bars.close[days] / bars.close[days - 1])
    if np.abs(move + np.log(split[days])).sum() <= np.abs(move).sum():
        return split
    return np.ones(split.size)

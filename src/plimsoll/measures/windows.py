"""Overlapping compounded returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 32  # rows multiplied together: the passes over more do not find them in the cache


def products(factors: Floats, length: int) -> Floats:
    """Products of every ``length`` consecutive factors along the last axis, overlapping.

    Parameters
    ----------
    factors : float64, shape (T,) or (k, T)
        Growth factors, 1 + return.
    length : int
        At least 1.

    Returns
    -------
    float64, shape (max(T - length + 1, 0),) or (k, max(T - length + 1, 0))
        Element t is the product of factors t to t + length - 1; NaN where one of them is. Built by doubling, in
        about log2(length) passes; the order of multiplication depends on ``length`` alone. Never a view of
        ``factors``.
    """
    sessions = factors.shape[-1]
    count = max(sessions - length + 1, 0)
    if not count:
        return np.empty((*factors.shape[:-1], 0))
    if length == 1:
        return factors.copy()
    if factors.ndim == 1 or len(factors) <= _BLOCK:
        return _products(factors, length, count)
    result = np.empty((len(factors), count))
    for first in range(0, len(factors), _BLOCK):
        rows = slice(first, first + _BLOCK)
        result[rows] = _products(factors[rows], length, count)
    return result


def _products(factors: Floats, length: int, count: int) -> Floats:
    """One flat pass for all rows: products that straddle two rows are computed and not shown."""
    power = np.ascontiguousarray(factors).reshape(-1)
    result, done = power, 0
    for bit in range(length.bit_length()):
        span = 1 << bit
        if length & span:
            result = result[: result.size - span] * power[done:] if done else power
            done += span
        if length >> (bit + 1):
            power = power[:-span] * power[span:]
    strides = (8,) if factors.ndim == 1 else (8 * factors.shape[-1], 8)
    return np.ndarray((*factors.shape[:-1], count), np.float64, result, 0, strides)


def overlapping(returns: Floats, length: int) -> Floats:
    """Overlapping compounded simple returns over ``length`` sessions: (T, k) gives (T - length + 1, k).

    Where calendars differ, such sums hold the same news for every column, and their correlation is not understated
    by closes that lie hours apart (R6).
    """
    return products(1.0 + returns.T, length).T - 1.0

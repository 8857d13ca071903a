"""Overlapping compounded returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 32  # rows multiplied together, so that all passes stay in the cache


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
        Element t is the product of factors t to t + length - 1; NaN where any of them is. Computed by doubling, in
        about log2(length) passes; the order of multiplication depends on ``length`` alone. Never a view of
        ``factors``.
    """
    count = max(factors.shape[-1] - length + 1, 0)
    if not count:
        return np.empty((*factors.shape[:-1], 0))
    if length == 1:
        return factors.copy()
    if factors.ndim == 1 or len(factors) <= _BLOCK:
        return _shown(_products(factors, length), factors.shape, count)
    result = np.empty((len(factors), count))
    for first in range(0, len(factors), _BLOCK):
        block = factors[first : first + _BLOCK]
        result[first : first + _BLOCK] = _shown(_products(block, length), block.shape, count)
    return result


def compounded(factors: Floats, length: int) -> Floats:
    """``products`` minus one: simple returns over every overlapping window of ``length`` factors."""
    if length == 1 or factors.ndim == 1 or not 0 < len(factors) <= _BLOCK or factors.shape[-1] < length:
        result = products(factors, length)
        result -= 1.0
        return result
    flat = _products(factors, length)
    flat -= 1.0  # in one pass, before the rows are sliced
    return _shown(flat, factors.shape, factors.shape[-1] - length + 1)


def overlapping(returns: Floats, length: int) -> Floats:
    """Overlapping compounded simple returns over ``length`` sessions: (T, k) gives (T - length + 1, k).

    Correlations of such returns are not understated by markets that close hours apart (R6).
    """
    return compounded(1.0 + returns.T, length).T


def _products(factors: Floats, length: int) -> Floats:
    """Products of ``length`` >= 2 factors over all rows as one flat array, including those that straddle two rows."""
    power = np.ascontiguousarray(factors).reshape(-1)
    result, done = power, 0
    for bit in range(length.bit_length()):
        span = 1 << bit
        if length & span:
            result = result[: result.size - span] * power[done:] if done else power
            done += span
        if length >> (bit + 1):
            power = power[:-span] * power[span:]
    return result


def _shown(flat: Floats, shape: tuple[int, ...], count: int) -> Floats:
    """The first ``count`` products of each row."""
    strides = (8,) if len(shape) == 1 else (8 * shape[-1], 8)
    return np.ndarray((*shape[:-1], count), np.float64, flat, 0, strides)

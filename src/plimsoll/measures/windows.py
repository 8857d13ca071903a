"""Overlapping compounded returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def products(factors: Floats, length: int) -> Floats:
    """Products of every ``length`` consecutive factors along the last axis, overlapping.

    Parameters
    ----------
    factors : float64, shape (..., T)
        Growth factors, 1 + return.
    length : int
        At least 1.

    Returns
    -------
    float64, shape (..., max(T - length + 1, 0))
        Element t is the product of factors t to t + length - 1; NaN where one of them is. Built by doubling, so
        the cost is of order log2(length) passes and the order of multiplication depends on ``length`` alone.
    """
    count = max(factors.shape[-1] - length + 1, 0)
    if not count:
        return factors[..., :0]
    power, done, result = factors, 0, factors[..., :0]
    for bit in range(length.bit_length()):
        span = 1 << bit
        if length & span:
            part = power[..., done : done + count]
            result = part if not done else result * part
            done += span
        if length >> (bit + 1):
            power = power[..., :-span] * power[..., span:]
    return result


def overlapping(returns: Floats, length: int) -> Floats:
    """Overlapping compounded simple returns over ``length`` sessions: (T, k) gives (T - length + 1, k).

    Where calendars differ, such sums hold the same news for every column, and their correlation is not understated
    by closes that lie hours apart (R6).
    """
    return products(1.0 + returns.T, length).T - 1.0

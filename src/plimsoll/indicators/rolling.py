"""Rolling sums and recursions down the rows, prefix identical bit for bit (F2).

Every function takes float64 arrays with time as the first axis, (T,) or (T, N), and returns one of the same shape.
The value at a row is the same tree of operations on the rows up to it, whatever follows and however long the
panel is: no running total is carried from row to row in a window, so nothing drifts either.
"""

from __future__ import annotations

import numpy as np

from plimsoll.core.panel import Floats


def lag(values: Floats, n: int) -> Floats:
    """The value ``n`` rows before, NaN in the first ``n`` rows."""
    out = np.full(values.shape, np.nan)
    if n < len(values):
        out[n:] = values[: len(values) - n]
    return out


def forward_fill(values: Floats) -> Floats:
    """Carry the last value over NaN rows; NaN before the first value. May share memory with ``values``."""
    values = np.asarray(values)
    missing = np.isnan(values)
    gaps = missing[1:] & ~missing[:-1]
    if not gaps.any():
        return values[:]
    columns = np.flatnonzero(gaps.any(axis=0))
    last = np.where(missing[:, columns], 0, np.arange(len(values))[:, np.newaxis])
    np.maximum.accumulate(last, axis=0, out=last)
    out = values.copy()
    out[:, columns] = np.take_along_axis(values[:, columns], last, axis=0)
    return out


def _join(newer: Floats, older: Floats, width: int) -> Floats:
    """``newer`` plus ``older`` as it was ``width`` rows ago."""
    out = np.empty(newer.shape)
    out[:width] = np.nan
    if width < len(out):
        np.add(newer[width:], older[: len(out) - width], out=out[width:])
    return out


def window_sum(values: Floats, n: int) -> Floats:
    """Sum of the last ``n`` rows, NaN in the first ``n - 1`` and wherever the window holds a NaN.

    Sums of 1, 2, 4, 8 … rows are built by doubling and joined by the bits of ``n`` (200 = 128 + 64 + 8), so the
    cost grows with log n and a value leaves the window without a trace.
    """
    if n < 1:
        raise ValueError(f"a window has at least one row, not {n}")
    block, width = values, 1
    while not n & width:
        block, width = _join(block, block, width), 2 * width
    total, covered = block, width
    while covered < n:
        block, width = _join(block, block, width), 2 * width
        if n & width:
            total, covered = _join(total, block, covered), covered + width
    return total


def window_mean(values: Floats, n: int) -> Floats:
    """Mean of the last ``n`` rows; NaN as ``window_sum``."""
    return window_sum(values, n) / n


def window_std(values: Floats, n: int) -> Floats:
    """Sample standard deviation (ddof = 1) of the last ``n`` rows; NaN as ``window_sum``.

    From the sums of values and squares *of the window alone*: meant for returns, whose mean is not large
    beside their deviation.
    """
    total = window_sum(values, n)
    variance = window_sum(values * values, n)
    total *= total
    total /= n
    variance -= total
    variance /= n - 1
    np.maximum(variance, 0.0, out=variance)  # rounding may leave -1e-20; NaN stays
    return np.sqrt(variance, out=variance)


def decayed_mean(values: Floats, n: int, decay: float) -> Floats:
    """Exponential mean of each column's own observations, (T, N).

    The first value is the plain mean of a column's first ``n`` observations; after it
    ``decay * previous + (1 - decay) * value``. NaN rows are no observations: the mean stands still over them.
    NaN before the ``n``-th. It depends on the column's own rows only, not on where the panel starts.
    ``decay = (n - 1) / n`` is Wilder's smoothing (Wilder 1978).
    """
    seen = np.isfinite(values)
    count = np.cumsum(seen, axis=0)
    observed = np.where(seen, values, 0.0)
    first = seen & (count == n)
    inflow = observed * (1.0 - decay)
    inflow[count < n] = 0.0
    inflow[first] = np.cumsum(observed, axis=0)[first] / n
    out = _recur(np.where(seen, decay, 1.0), inflow)
    out[count < n] = np.nan
    return out


def _recur(keep: Floats, inflow: Floats) -> Floats:
    """``out[t] = keep[t] * out[t - 1] + inflow[t]``, zero before the first row."""
    out = np.empty(inflow.shape)
    state = np.zeros(inflow.shape[1:])
    for share, new, row in zip(keep, inflow, out, strict=True):
        np.multiply(state, share, out=row)
        np.add(row, new, out=row)
        state = row
    return out

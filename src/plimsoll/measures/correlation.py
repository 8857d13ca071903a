"""Pairwise correlations, each shrunk by its own sampling error, and their weighted average over time (R6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.linear import gram
from plimsoll.measures.windows import overlapping

Floats = NDArray[np.float64]

__all__ = ["overlapping", "shrunk", "shrunk_each", "sums", "sums_of", "weighted"]

_MOVES = 1e-6  # deviation over mean below which a column is constant, apart from rounding


def shrunk(returns: Floats, overlap: int = 1) -> Floats:
    """Correlation matrix of (T, k) returns, each entry shrunk towards zero by its own sampling error.

    With r the sample correlation and s its standard error, (1 - r^2) / sqrt(n - 1) (Fisher 1915, Biometrika 10(4),
    507-521), the estimate is r * r^2 / (r^2 + s^2): the linear estimate of least mean squared error when r^2 stands for
    the spread of true correlations about zero. n is the number of separate observations: T, or (T + overlap - 1) /
    overlap where each return covers ``overlap`` sessions and the next begins a session later. An entry depends on its
    two columns only.

    Returns
    -------
    float64, shape (k, k)
        Symmetric, unit diagonal, increasing in r. Rows and columns of a series with a NaN, without variance, or with
        fewer than 3 separate observations, are NaN: its correlation is unknown (U6).
    """
    return np.asarray(shrunk_each(returns[np.newaxis], overlap)[0])


def shrunk_each(windows: Floats, overlap: int = 1) -> Floats:
    """``shrunk`` of each of (n, T, k) windows, (n, k, k): vectorised, bit-identical to one at a time."""
    number, rows, size = windows.shape
    count = (rows + overlap - 1) / overlap
    if count < 3.0 or not size:
        return np.full((number, size, size), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.add.reduce(windows, axis=1) / rows
        centred = windows - mean[:, np.newaxis]
        products = np.array([gram(one, one) for one in centred])
        root = np.sqrt(products.diagonal(axis1=1, axis2=2))
        sample = products / (root[:, :, np.newaxis] * root[:, np.newaxis])
        square = np.minimum(sample * sample, 1.0)
        error = (1.0 - square) ** 2 / (count - 1.0)
        found = np.minimum(np.maximum(sample, -1.0), 1.0) * np.where(square > 0.0, square / (square + error), square)
        known = (root > _MOVES * np.abs(mean)) & np.isfinite(root)
    found.reshape(number, -1)[:, :: size + 1] = 1.0
    if np.count_nonzero(known) < known.size:
        found[~(known[:, :, np.newaxis] & known[:, np.newaxis])] = np.nan
    return np.asarray(found)


def weighted(matrix: Floats, weights: Floats) -> float:
    """Average over pairs i != j of a (k, k) correlation, weighted by w_i w_j; NaN where no two have weight."""
    squares = float(np.einsum("i,i->", weights, weights))
    pairs = float(np.add.reduce(weights)) ** 2 - squares
    if not pairs > 0.0:
        return float("nan")
    diagonal = float(np.einsum("i,i->", matrix.diagonal(), weights * weights))
    return (float(np.einsum("i,ij,j->", weights, matrix, weights)) - diagonal) / pairs


def sums(returns: Floats, weights: Floats, window: int, step: int) -> Floats:
    """Sum of w_i w_j r_ij over all i and j, r the sample correlation over ``window`` rows of (T, k) returns.

    One value per window, in order of time, windows ``step`` rows apart and the last ending at the last row; NaN where a
    return of the window is missing or a column is constant in it. Computed without forming pairs, as the variance of
    the sum of w_i times column i standardised in the window.
    """
    return sums_of(returns, weights, window, step, [np.arange(returns.shape[1])])[0]


def sums_of(
    returns: Floats, weights: Floats, window: int, step: int, groups: Sequence[NDArray[np.int64]]
) -> list[Floats]:
    """``sums`` over each of several groups of ascending columns; each column is standardised once for all groups."""
    count = (len(returns) - window) // step + 1 if len(returns) >= window else 0
    first = (len(returns) - window) % step if count else 0
    wholes, centred = [np.zeros((count, window)) for _ in groups], np.empty((count, window))
    for i, (column, weight) in enumerate(zip(np.ascontiguousarray(returns.T), weights.tolist(), strict=True)):
        seen = np.lib.stride_tricks.sliding_window_view(column[first:], window)[::step] if count else centred
        mean = np.add.reduce(seen, axis=1) / window
        np.subtract(seen, mean[:, np.newaxis], out=centred)
        root = np.sqrt(np.einsum("tw,tw->t", centred, centred))
        with np.errstate(invalid="ignore", divide="ignore"):
            centred *= np.where(root > _MOVES * np.abs(mean), weight / root, np.nan)[:, np.newaxis]
        for whole, group in zip(wholes, groups, strict=True):
            if i in group:
                whole += centred
    return [np.asarray(np.einsum("tw,tw->t", whole, whole)) for whole in wholes]

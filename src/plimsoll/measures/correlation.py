"""Shrunk correlation (R6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.linear import gram
from plimsoll.measures.windows import overlapping

Floats = NDArray[np.float64]

__all__ = ["overlapping", "shrunk"]


def shrunk(returns: Floats) -> Floats:
    """Correlation of (T, k) returns, shrunk towards its own average.

    With x the columns standardised (ddof 0), R their sample correlation and C the matrix with the average
    off-diagonal correlation r everywhere, the estimate is d C + (1 - d) R, d = clip((p - q) / (g T), 0, 1):

    - p = sum over i != j of mean_t (x_i x_j - R_ij)^2, the sampling variance of R;
    - q = sum over i != j of r mean_t((x_i^2 - 1)(x_i x_j - R_ij)), what the target's own variance takes back;
    - g = sum over i != j of (C_ij - R_ij)^2, the target's error.

    That is Ledoit and Wolf (2004), "Honey, I shrunk the sample covariance matrix", Journal of Portfolio Management
    30(4), 110-119, appendix B, for variables of unit variance. The average correlation is kept, so shrinking
    never makes a book look better diversified than its sample; two columns keep their sample correlation.

    Returns
    -------
    float64, shape (k, k)
        Symmetric, unit diagonal, positive semidefinite. Rows and columns of a series that has a NaN, does not
        move, or with fewer than 3 rows, are NaN: its correlation is unknown (U6).
    """
    rows, size = returns.shape
    result = np.full((size, size), np.nan)
    if rows < 3:
        return result
    centred = returns - returns.mean(axis=0)
    deviation = np.sqrt((centred * centred).mean(axis=0))
    moves = returns.max(axis=0) > returns.min(axis=0)  # a constant's deviation may be rounding, not zero
    usable = np.flatnonzero(moves & np.isfinite(deviation))
    if usable.size:
        result[np.ix_(usable, usable)] = _towards_average(centred[:, usable] / deviation[usable])
    return result


def _towards_average(x: Floats) -> Floats:
    """The estimate for (T, k) standardised columns without NaN."""
    rows, size = x.shape
    sample = np.clip(gram(x, x) / rows, -1.0, 1.0)
    if size > 2:
        pairs = _off_diagonal(sample)
        average = float(pairs.mean())
        squares = x * x
        error = float(((average - pairs) ** 2).sum())
        noise = float((_off_diagonal(gram(squares, squares)) / rows - pairs * pairs).sum())
        shared = average * float((_off_diagonal(gram(squares * x, x)) / rows - pairs).sum())
        weight = min(max((noise - shared) / (error * rows), 0.0), 1.0) if error > 0.0 else 0.0
        sample = weight * average + (1.0 - weight) * sample
    sample = 0.5 * (sample + sample.T)
    np.fill_diagonal(sample, 1.0)
    return np.asarray(sample)


def _off_diagonal(matrix: Floats) -> Floats:
    """The k (k - 1) entries off the diagonal of (k, k), row by row."""
    size = len(matrix)
    # past its first entry the flat matrix is k - 1 runs of k such entries, each ended by one of the diagonal
    return np.asarray(matrix.reshape(-1)[1:].reshape(size - 1, size + 1)[:, :size].ravel())

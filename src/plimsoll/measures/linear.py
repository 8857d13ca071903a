"""Products of matrices whose bits do not depend on the number of threads (U9).

BLAS splits a product among threads by size, and the order of its additions with it: the same book measured with one
thread and with two differs in the last bit. These sums run in one order everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 32  # columns of a symmetric product worked on together


def combine(returns: Floats, weights: Floats) -> Floats:
    """(T,) returns of a book: (T, k) returns times (k,) weights."""
    return np.asarray(np.einsum("tk,k->t", returns, weights))


def average(weights: Floats, returns: Floats) -> Floats:
    """(k,) weighted sums over rows: (T,) weights times (T, k) returns."""
    return np.asarray(np.einsum("t,tk->k", weights, returns))


def gram(left: Floats, right: Floats) -> Floats:
    """(i, j) sums over rows of (T, i) times (T, j); of a matrix with itself only one triangle is added up."""
    size = left.shape[1]
    if left is not right or size <= _BLOCK:
        return np.asarray(np.einsum("ti,tj->ij", left, right))
    result = np.empty((size, size))
    for first in range(0, size, _BLOCK):
        last = first + _BLOCK
        result[first:last, first:] = np.einsum("ti,tj->ij", left[:, first:last], left[:, first:])
        result[last:, first:last] = result[first:last, last:].T
    return result

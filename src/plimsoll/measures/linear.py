"""Products of matrices whose bits do not depend on the number of threads (U9).

BLAS splits a product among threads by size, and the order of its additions with it: the same book measured with one
thread and with two differs in the last bit. These sums run in one order everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def combine(returns: Floats, weights: Floats) -> Floats:
    """(T,) returns of a book: (T, k) returns times (k,) weights."""
    return np.asarray(np.einsum("tk,k->t", returns, weights))


def average(weights: Floats, returns: Floats) -> Floats:
    """(k,) weighted sums over rows: (T,) weights times (T, k) returns."""
    return np.asarray(np.einsum("t,tk->k", weights, returns))


def gram(left: Floats, right: Floats) -> Floats:
    """(i, j) sums over rows of (T, i) times (T, j)."""
    return np.asarray(np.einsum("ti,tj->ij", left, right))

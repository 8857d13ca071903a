"""Matrix products that are bit-identical for any number of threads (U9).

BLAS divides a product among threads, and the order of its additions changes with their number: the same portfolio
measured with one thread and with two differs in the last bit. These sums always run in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 32  # columns of a symmetric product computed together, and the fewest rows of a block in `combine_each`
_CACHED = 1 << 17  # figures that stay in the processor's cache: 1 MB


def combine(returns: Floats, weights: Floats) -> Floats:
    """(T,) returns of a portfolio: (T, k) returns times (k,) weights."""
    return np.asarray(np.einsum("tk,k->t", returns, weights))


def combine_each(returns: Floats, books: Sequence[Floats]) -> list[Floats]:
    """``combine`` for each of several portfolios, bit-identical, reading (T, k) ``returns`` once.

    Rows are processed in blocks that stay in the processor's cache for all portfolios.
    """
    rows, columns = returns.shape
    blocks = -(-rows * columns // _CACHED)
    if blocks < 2 or len(books) < 2:
        return [combine(returns, weights) for weights in books]
    found = [np.empty(rows) for _ in books]
    blocks = min(blocks, max(rows // _BLOCK, 1))
    edges = [rows * b // blocks for b in range(blocks + 1)]
    for first, last in pairwise(edges):
        for out, weights in zip(found, books, strict=True):
            out[first:last] = combine(returns[first:last], weights)
    return found


def average(weights: Floats, returns: Floats) -> Floats:
    """(k,) weighted sums over rows: (T,) weights times (T, k) returns."""
    return np.asarray(np.einsum("t,tk->k", weights, returns))


def gram(left: Floats, right: Floats) -> Floats:
    """(i, j) sums over rows of (T, i) times (T, j); for a matrix with itself only one triangle is computed."""
    size = left.shape[1]
    if left is not right or size <= _BLOCK:
        return np.asarray(np.einsum("ti,tj->ij", left, right))
    result = np.empty((size, size))
    for first in range(0, size, _BLOCK):
        last = first + _BLOCK
        result[first:last, first:] = np.einsum("ti,tj->ij", left[:, first:last], left[:, first:])
        result[last:, first:last] = result[first:last, last:].T
    return result

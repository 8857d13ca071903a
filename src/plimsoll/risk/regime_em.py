"""The regime's transition matrix by expectation-maximisation, on history up to each re-estimation (R8).

The model is that of the filter (``risk.regime``): a hidden Markov chain observed through the likelihood of each VIX
close. Counting moves between bands treats the band as the state; this weights every path of states by its probability.
Baum, Petrie, Soules and Weiss (1970), Annals of Mathematical Statistics 41(1), 164-171; the scaled
recursions as in Rabiner (1989), Proceedings of the IEEE 77(2), 257-286, section V. A Dirichlet prior centred on the
start matrix keeps estimates from a short history near it: Gelman et al. (2013), "Bayesian Data Analysis", section 13.4.

Elementwise numpy, row by row, with all re-estimations in parallel: no sum depends on the number of threads or of
re-estimations (U9).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Floats

Rows = NDArray[np.int64]

STEPS_MAX = 100  # it converges in about ten; otherwise the last matrix, the best so far, is kept
SETTLED = 1e-6  # convergence: the largest change of a probability in a step


def estimate(likelihood: Floats, ends: Rows, start: Floats, initial: Floats, prior_rows: float) -> Floats:
    """One transition matrix for each of the rows ``ends``, from the rows up to and including it.

    Parameters
    ----------
    likelihood : (T, 3)
        Relative likelihood of each row's observation in each state; a row of ones carries no information.
    ends : (M,)
        Last row of each re-estimation, ascending.
    start : (3, 3)
        Starting matrix and mean of the prior, rows summing to one. A move with probability zero keeps it.
    initial : (3,)
        Distribution of the state before the first row.
    prior_rows : float
        Weight of the prior, in moves out of each state.

    Returns
    -------
    (M, 3, 3)
        Each step raises the posterior density of the matrix, so the last is the best found. The result for a row of
        ``ends`` does not depend on the others, to the bit.
    """
    found = np.repeat(start[np.newaxis], len(ends), axis=0)
    left = np.arange(len(ends))
    for _ in range(STEPS_MAX):
        before = found[left]
        after = step(likelihood, ends[left], before, start, initial, prior_rows)
        found[left] = after
        left = left[np.abs(after - before).max(axis=(1, 2)) > SETTLED]
        if not left.size:
            break
    return found


def step(likelihood: Floats, ends: Rows, matrices: Floats, start: Floats, initial: Floats, prior_rows: float) -> Floats:
    """The matrices (M, 3, 3) after one step: expected moves plus the prior's, normalised by row."""
    moves = expected_moves(likelihood, ends, matrices, initial) + prior_rows * start
    out_of = moves[:, :, 0] + moves[:, :, 1] + moves[:, :, 2]
    # a state that is never left, without a prior, keeps its row
    return np.divide(moves, out_of[:, :, None], out=matrices.copy(), where=out_of[:, :, None] > 0.0)


def expected_moves(likelihood: Floats, ends: Rows, matrices: Floats, initial: Floats) -> Floats:
    """Expected number (M, 3, 3) of moves from state to state given the rows up to each of ``ends``.

    The move into the first row is included, so they sum to the number of rows read.
    """
    size = len(ends)
    matrix = np.ascontiguousarray(np.moveaxis(matrices, 0, -1))  # (3, 3, M): contiguous over re-estimations
    rows = int(ends[-1]) + 1 if size else 0
    weight = likelihood.tolist()
    first = np.searchsorted(ends, np.arange(rows)).tolist()  # re-estimations that end before the row are done
    belief = np.repeat(initial[:, None], size, axis=1)
    told = []
    for row in range(rows):
        active = first[row]
        a, m = belief[:, active - first[row - 1] if row else 0 :], matrix[:, :, active:]
        seen = a[0] * m[0]
        seen += a[1] * m[1]
        seen += a[2] * m[2]
        for state in range(3):
            seen[state] *= weight[row][state]
        total = seen[0] + seen[1]
        total += seen[2]
        told.append((a, total))
        belief = seen / total
    after = np.ones((3, size))
    pairs = np.zeros((3, 3, size))
    product = np.empty((3, 3, size))
    for row in range(rows - 1, -1, -1):
        active = first[row]
        before, total = told.pop()
        ahead, out = after[:, active:], product[:, :, active:]
        for state in range(3):
            ahead[state] *= weight[row][state]
        ahead /= total
        np.multiply(before[:, None, :], ahead[None, :, :], out=out)
        pairs[:, :, active:] += out
        np.multiply(matrix[:, :, active:], ahead[None, :, :], out=out)
        np.add(out[:, 0], out[:, 1], out=ahead)
        ahead += out[:, 2]
    return np.moveaxis(pairs * matrix, -1, 0)

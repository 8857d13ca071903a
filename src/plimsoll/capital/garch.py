"""GARCH(1,1) volatility for the filtered scenarios, its parameters re-estimated each month (R2).

Bollerslev (1986), Journal of Econometrics 31(3), 307-327: ``h[t + 1] = omega + alpha r[t]^2 + beta h[t]``, zero mean,
normal likelihood. The library `arch` finds the parameters; the recursion is here, so that a volatility between two
estimates needs nothing but its own returns. Filtered historical simulation was proposed with GARCH (Barone-Adesi,
Giannopoulos and Vosper 1999). The library is an extra and is imported by the first estimate, never before.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.errors import InputError
from plimsoll.core.policy import Policy

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FITTED, TOO_FEW, UNSOUND = 1.0, 0.0, -1.0
_LATTICE = 10_000  # parameters are whole multiples of its reciprocal; alpha + beta of 1 leave a variance no level
_STRIDES = (100, 25, 5, 1)  # of the search for its minimum
_MOVES_MAX = 500  # with each; a few are enough from where the library stops
_BACKCAST = 75  # squares that start the recursion, the earlier the heavier by 1 / 0.94: the library's own rule
_BACKCAST_DECAY = 0.94


class Parameters(NamedTuple):
    """One estimate, for returns of root mean square 1."""

    omega: float
    alpha: float
    beta: float


def check(policy: Policy) -> None:
    """``InputError`` when the policy wants GARCH and the library is not there."""
    if policy.cvar.volatility == "garch" and find_spec("arch") is None:
        raise InputError(
            "cvar.volatility is garch, which needs the library arch",
            "pip install 'plimsoll[garch]', or set cvar.volatility to ewma",
        )


def volatility(
    returns: Floats, close: Floats, columns: Bools, renewed: Bools, ewma: Floats, window: int, rows_min: int
) -> tuple[Floats, Floats]:
    """Daily volatility at each row, that row's return included, and what each value rests on.

    Parameters
    ----------
    returns, close : (T, N)
        Simple returns; a row without a close is no observation, and volatility stands still over it.
    columns : (N,)
        Symbols to estimate; the others keep ``ewma``.
    renewed : (T,)
        Rows on which the parameters are estimated anew, from the symbol's own last ``window`` returns up to the row.
    ewma : (T, N)
        Volatility used while a symbol has fewer than ``rows_min`` returns, or its last fit failed.

    Returns
    -------
    sigma, source : (T, N)
        ``source`` is FITTED, TOO_FEW or UNSOUND. A row depends on nothing after it: between two estimates the
        recursion runs on, over the estimate's own window and the rows since.
    """
    sigma, source = ewma.copy(), np.full(ewma.shape, TOO_FEW)
    starts = np.flatnonzero(renewed)
    ends = np.append(starts[1:], len(returns))
    for column in np.flatnonzero(columns).tolist():
        seen = np.flatnonzero(np.isfinite(close[:, column]) & np.isfinite(returns[:, column]))
        own = returns[seen, column]
        known = np.searchsorted(seen, starts, side="right").tolist()
        read, scale, found = -1, 0.0, None
        for start, end, count in zip(starts.tolist(), ends.tolist(), known, strict=True):
            if count < rows_min:
                continue
            first = max(count - window, 0)
            if count != read:  # a series that has ended keeps its last estimate
                read, (scale, found) = count, _estimate(own[first:count])
            rows = slice(start, end)
            if found is None:
                source[rows, column] = UNSOUND
                continue
            last = np.searchsorted(seen, np.arange(start, end), side="right") - 1
            ahead = variances(own[first : int(last[-1]) + 1] / scale, found, count - first)
            sigma[rows, column] = scale * np.sqrt(ahead[last - first])
            source[rows, column] = FITTED
    return sigma, source


def variances(returns: Floats, parameters: Parameters, fitted: int) -> Floats:
    """Variance (T,) expected of the return after each of (T,) ``returns``; it starts from the first ``fitted``."""
    omega, alpha, beta = parameters
    expected = omega + (alpha + beta) * backcast(returns[:fitted])
    ahead = []
    for square in (returns * returns).tolist():
        expected = omega + alpha * square + beta * expected
        ahead.append(expected)
    return np.array(ahead)


def backcast(returns: Floats) -> float:
    """The variance before the first return: a mean of the first squares, the earliest the heaviest."""
    squares = np.square(returns[:_BACKCAST])
    weights = _BACKCAST_DECAY ** np.arange(squares.size)
    return float((weights * squares).sum() / weights.sum())


def _estimate(returns: Floats) -> tuple[float, Parameters | None]:
    """Root mean square of the returns, and the parameters for returns in that unit; None where there are none."""
    scale = math.sqrt(float(np.square(returns).mean()))
    return scale, fit(returns / scale) if scale > 0.0 else None


def fit(returns: Floats) -> Parameters | None:
    """Maximum-likelihood parameters of (T,) returns of root mean square 1; None when the fit is not sound.

    Not sound: the optimiser did not converge, a parameter is not finite, omega vanishes, or alpha + beta reach 1.
    What the library finds differs in the eighth digit between numbers of threads, since its optimiser solves through
    BLAS; it is only where the search on the lattice begins, whose likelihood adds in one order everywhere (U9).
    """
    import warnings

    from arch.univariate import GARCH, ZeroMean

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would say is in the flag and the values
        try:
            model = ZeroMean(returns, volatility=GARCH(1, 0, 1), rescale=False)
            found = model.fit(disp="off", show_warning=False, backcast=backcast(returns))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return None
    start = found.params.to_numpy()
    return _on_lattice(returns, start) if found.convergence_flag == 0 and np.isfinite(start).all() else None


_STEPS = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=np.int64)
_HERE = 13  # the step of (0, 0, 0)


def _on_lattice(returns: Floats, start: Floats) -> Parameters | None:
    """The likeliest point of the lattice, downhill through all 26 neighbours, by coarse steps first.

    ``start`` counts by the hundredth it is nearest to: digits that differ between machines' threads do not enter.
    """
    squares, before = np.square(returns), backcast(returns)
    omega, alpha, beta = (np.rint(start * _LATTICE / _STRIDES[0]) * _STRIDES[0]).astype(np.int64).tolist()
    alpha = min(max(alpha, 0), _LATTICE)
    here = np.array([max(omega, 1), alpha, min(max(beta, 0), _LATTICE - alpha)])
    for stride in _STRIDES:
        for _ in range(_MOVES_MAX):
            around = here + stride * _STEPS
            allowed = (around >= (1, 0, 0)).all(axis=1) & (around[:, 1] + around[:, 2] <= _LATTICE)
            loss = np.where(allowed, _unlikelihood(squares, before, np.abs(around) / _LATTICE), np.inf)
            best = int(np.argmin(loss))
            if not loss[best] < loss[_HERE]:
                break
            here = around[best]
    if here[0] <= 1 or here[1] + here[2] >= _LATTICE:
        return None
    omega, alpha, beta = (here / _LATTICE).tolist()
    return Parameters(omega, alpha, beta)


def _unlikelihood(squares: Floats, before: float, points: Floats) -> Floats:
    """Twice the negative log likelihood (P,) less a constant at (P, 3) parameters; ``before`` starts the variance."""
    omega, alpha, beta = points.T
    expected = np.empty((squares.size, len(points)))
    expected[0] = omega + (alpha + beta) * before
    expected[1:] = omega + squares[:-1, None] * alpha
    for last, now in pairwise(expected):
        now += beta * last
    return np.asarray((np.log(expected) + squares[:, None] / expected).sum(axis=0))

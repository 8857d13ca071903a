"""How much the held book moves as one, and what that imposes (R6).

The correlation of a book is that of its holdings over ``correlation.window`` sessions, shrunk; on overlapping returns
of ``correlation.overlap`` sessions where their calendars differ. Its average weighs each pair by the product of its
two weights. An average that is high, and high beside what the whole universe is used to, is an alarm; a book of
several holdings of which every pair moves alike may only be reduced until that is over.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Comovement
from plimsoll.core.panel import Factor, Floats, Panel, View
from plimsoll.core.policy import CorrelationPolicy, Policy
from plimsoll.core.restraint import RiskEvent
from plimsoll.indicators.catalogue import catalogue
from plimsoll.indicators.factors import momentum
from plimsoll.indicators.rolling import window_std, window_sum
from plimsoll.measures.correlation import shrunk
from plimsoll.measures.linear import combine, gram

ASSUMED = 1.0  # every correlation of a book that cannot be measured: unknown is not zero (U6)
WATCHED, ALIKE = 1, 2  # levels
_MOVES = 1e-6  # deviation over mean below which a column stands still: what is left is rounding


@dataclass(frozen=True, eq=False, slots=True)
class ComovementStep:
    """The state after a session, None while nothing is wrong, and what changed."""

    state: Comovement | None
    events: tuple[RiskEvent, ...]

    @property
    def reduce_only(self) -> bool:
        """True while every pair moves alike."""
        return self.state is not None and self.state.level == ALIKE


_QUIET = ComovementStep(None, ())


def factors(policy: Policy) -> dict[str, Factor]:
    """Causal arrays of R6.

    ``comovement.slow`` (T, N) returns over ``correlation.overlap`` sessions; ``comovement.universe`` (T,) average
    correlation of all pairs that may be traded; ``comovement.usual`` (T,) the percentile of that average over the
    trailing ``correlation.history`` sessions, today included, NaN before ``correlation.history_min`` of them.
    """
    rules, known = policy.correlation, catalogue(policy)

    def universe(panel: Panel) -> Floats:
        return universe_average(known["return"](panel), known["eligible"](panel) != 0.0, rules.window)

    return {
        "comovement.slow": lambda panel: momentum(known["price"](panel), rules.overlap),
        "comovement.universe": universe,
        "comovement.usual": lambda panel: trailing_quantile(
            universe(panel), rules.history, rules.average_percentile, rules.history_min
        ),
    }


def step(
    view: View, columns: NDArray[np.int64], weights: Floats, before: Comovement | None, policy: Policy
) -> ComovementStep:
    """One session of the book's correlation levels (R6).

    Parameters
    ----------
    view : View
        Reads ``return`` or ``comovement.slow``, and ``comovement.usual`` when the average is high.
    columns : (k,) int64
        What is held, each column once.
    weights : (N,)
        Held weights, fractions of NAV.
    before : Comovement or None
        The state of the last session: levels once entered are left below their lower thresholds.
    policy : Policy

    Returns
    -------
    ComovementStep
        An event when the alarm begins, when reductions only begins, and when either ends. A book one of whose
        holdings has no usable return in the window counts as perfectly correlated, and an average without enough
        history to compare it with as unusual: missing information never loosens (U6).
    """
    rules = policy.correlation
    watched = before is not None
    if columns.size >= 2:
        held = np.abs(weights[columns])
        bar = rules.average_leave if watched else rules.average
        measured = _measure(view, columns, held, bar, rules)
        if measured is not None:
            return _judged(view, measured, columns.size, float(held.sum()), before, rules)
    return ComovementStep(None, _over(view, None, rules.average_leave)) if watched else _QUIET


def _judged(
    view: View, measured: tuple[float, float], holdings: int, share: float, before: Comovement | None,
    rules: CorrelationPolicy,
) -> ComovementStep:  # fmt: skip
    """The level of a book whose average and lowest pair correlation were measured."""
    average, lowest = measured
    last = 0 if before is None else before.level
    several = holdings >= rules.alike_holdings and not share < rules.alike_weight
    if several and lowest > (rules.alike_leave if last == ALIKE else rules.alike):
        told = RiskEvent(view.date, "CORRELATION_ALIKE", "CRITICAL", lowest, rules.alike)
        return ComovementStep(Comovement(ALIKE, average, lowest), () if last == ALIKE else (told,))
    if last:
        if not average > rules.average_leave:
            return ComovementStep(None, _over(view, average, rules.average_leave))
        ended = _over(view, lowest, rules.alike_leave) if last == ALIKE else ()
        return ComovementStep(Comovement(WATCHED, average, lowest), ended)
    usual = float(view.now("comovement.usual"))
    if not average > rules.average or average <= usual:
        return ComovementStep(None, ())
    bound = rules.average if not usual > rules.average else usual
    told = RiskEvent(view.date, "CORRELATION_HIGH", "WARNING", average, bound)
    return ComovementStep(Comovement(WATCHED, average, lowest), (told,))


def _over(view: View, measured: float | None, limit: float) -> tuple[RiskEvent, ...]:
    return (RiskEvent(view.date, "CORRELATION_CLEAR", "INFO", measured, limit),)


def _measure(
    view: View, columns: NDArray[np.int64], weights: Floats, bar: float, rules: CorrelationPolicy
) -> tuple[float, float] | None:
    """Average and lowest pair correlation, shrunk; None where both are shown to be at most ``bar``.

    Shrinking moves every pair towards their plain average and keeps that, so the shrunk weighted average lies between
    the plain and the weighted one of the sample, and the lowest pair nowhere above it: two sums decide most days.
    """
    returns = _returns(view, columns, rules)
    if returns is None or not np.isfinite(returns).all():
        return ASSUMED, ASSUMED
    sample = _sample(returns)
    size = columns.size
    if (float(np.add.reduce(sample, axis=None)) - size) / (size * (size - 1)) <= bar and _weighted(
        sample, weights
    ) <= bar:
        return None
    matrix = shrunk(returns)
    if not np.isfinite(matrix).all():
        return ASSUMED, ASSUMED
    return _weighted(matrix, weights), float(matrix.min())


def _returns(view: View, columns: NDArray[np.int64], rules: CorrelationPolicy) -> Floats | None:
    """(rows, k) returns of the window, daily or overlapping; None where the window is not there."""
    instruments, rows, name = view.instruments, rules.window, "return"
    if len({instruments[c].calendar for c in columns.tolist()}) > 1:
        rows, name = rules.window - rules.overlap + 1, "comovement.slow"
    if view.row + 1 < rows:
        return None
    return view.indicator(name)[-rows:].take(columns, axis=1)


def _sample(returns: Floats) -> Floats:
    """(k, k) sample correlation; NaN with a column that does not move."""
    mean = np.add.reduce(returns) / len(returns)
    centred = returns - mean
    products = gram(centred, centred)
    root = np.sqrt(products.diagonal())
    if not (root > _MOVES * np.abs(mean)).all():
        return np.full(products.shape, np.nan)
    return np.asarray(products / (root[:, np.newaxis] * root))


def _weighted(matrix: Floats, weights: Floats) -> float:
    """Average over pairs i != j of a (k, k) correlation, each weighed by w_i w_j; ``ASSUMED`` without weights."""
    squares = float(np.einsum("i,i->", weights, weights))
    pairs = float(np.add.reduce(weights)) ** 2 - squares
    return (float(np.einsum("i,ij,j->", weights, matrix, weights)) - squares) / pairs if pairs > 0.0 else ASSUMED


def universe_average(returns: Floats, members: NDArray[np.bool_], window: int) -> Floats:
    """Average pair correlation (T,) of the member columns over the trailing ``window`` rows, NaN below two.

    Without forming pairs: the sum of k columns standardised in the window (ddof 1) has the variance
    k + k (k - 1) x their average correlation. A column counts on a row where it is a member, has every return of
    the window, and moves.
    """
    sigma = window_std(returns, window)
    counted = members & (sigma > _MOVES / window * np.abs(window_sum(returns, window)))
    scale = np.divide(1.0, sigma, out=np.zeros_like(sigma), where=counted)
    known = np.ascontiguousarray(np.where(np.isfinite(returns), returns, 0.0))
    sums = np.zeros((len(returns), window))
    count = counted.sum(axis=1)
    for row in np.flatnonzero(count >= 2).tolist():
        sums[row] = combine(known[row + 1 - window : row + 1], scale[row])
    pairs = count * (count - 1)
    excess = sums.var(axis=1, ddof=1) - count
    return np.asarray(np.divide(excess, pairs, out=np.full(len(returns), np.nan), where=pairs > 0))


def trailing_quantile(values: Floats, window: int, share: float, least: int) -> Floats:
    """(T,) quantile ``share`` of the finite values among the last ``window``, NaN while fewer than ``least``.

    Linear between the two nearest ranks, as ``numpy.quantile`` has it.
    """
    ranked: list[float] = []
    out = np.full(len(values), np.nan)
    listed = values.tolist()
    for row, value in enumerate(listed):
        if row >= window and listed[row - window] == listed[row - window]:
            del ranked[bisect_left(ranked, listed[row - window])]
        if value == value:
            insort(ranked, value)
        if ranked and len(ranked) >= least:
            place = share * (len(ranked) - 1)
            low = int(place)
            high = min(low + 1, len(ranked) - 1)
            out[row] = ranked[low] + (place - low) * (ranked[high] - ranked[low])
    return out

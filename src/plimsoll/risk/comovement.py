"""Average correlation of the positions, and the restraints it causes (R6).

Correlations are shrunk and measured over ``correlation.window`` sessions, on overlapping returns of
``correlation.overlap`` sessions where two calendars differ. The average weights each pair by the product of its two
weights. An average that is high, in itself and against the history of the same weights, raises an alarm; a portfolio of
several holdings of which every pair is highly correlated may only be reduced until that ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Comovement
from plimsoll.core.panel import Factor, Floats, View
from plimsoll.core.policy import CorrelationPolicy, Policy
from plimsoll.core.restraint import RiskEvent
from plimsoll.indicators.catalogue import catalogue
from plimsoll.indicators.factors import momentum
from plimsoll.measures.correlation import sums_of, weighted
from plimsoll.risk.pairs import ASSUMED, Correlations, correlations

WATCHED, ALIKE = 1, 2  # levels
_ROUNDING = 1e-9  # rounding may put an average this far above the largest of its terms
_WEIGHTLESS = 1e-12  # of NAV: the products of smaller weights may vanish, leaving no average


@dataclass(frozen=True, eq=False, slots=True)
class ComovementStep:
    """The state after a session (None at no level) and the events of changes."""

    state: Comovement | None
    events: tuple[RiskEvent, ...]

    @property
    def reduce_only(self) -> bool:
        """True while every pair is highly correlated: only reductions are allowed."""
        return self.state is not None and self.state.level == ALIKE


_QUIET = ComovementStep(None, ())


def factors(policy: Policy) -> dict[str, Factor]:
    """Causal arrays of R6: ``comovement.slow`` (T, N), returns over ``correlation.overlap`` sessions."""
    price = catalogue(policy)["price"]
    return {"comovement.slow": lambda panel: momentum(price(panel), policy.correlation.overlap)}


def step(
    view: View,
    columns: NDArray[np.int64],
    weights: Floats,
    before: Comovement | None,
    policy: Policy,
    known: tuple[NDArray[np.int64], Correlations] | None = None,
) -> ComovementStep:
    """The portfolio's correlation level after one session (R6).

    Parameters
    ----------
    view : View
        Reads ``return`` and, when the average is high, ``comovement.slow`` and a longer history.
    columns : (k,) int64
        The held columns, each once.
    weights : (N,)
        Held weights, fractions of NAV.
    before : Comovement or None
        The state of the last session: a level is left only below its lower threshold.
    policy : Policy
    known : ((m,) int64, Correlations), optional
        Ascending columns that include all of ``columns``, and their correlations, if already computed.

    Returns
    -------
    ComovementStep
        An event when the alarm or the restriction to reductions begins or ends. A portfolio with a holding without
        usable returns in the window counts as perfectly correlated, and an average without enough history to compare
        it with as unusual: missing data never loosens a limit (U6).
    """
    rules = policy.correlation
    watched = before is not None
    if columns.size >= 2:
        bar = rules.average_leave if watched else rules.average
        held = np.abs(weights[columns])
        low = known is not None and not watched and known[1].highest <= bar - _ROUNDING
        if low and np.minimum.reduce(held) > _WEIGHTLESS:
            return _QUIET  # the highest pair is below the threshold, so the average and the lowest are too
        measured = _measure(_own(view, columns, rules, known), held)
        if measured[0] > bar or measured[1] > bar:
            return _judged(view, measured, columns, held, before, rules)
    return ComovementStep(None, _over(view, None, rules.average_leave)) if watched else _QUIET


def _own(
    view: View,
    columns: NDArray[np.int64],
    rules: CorrelationPolicy,
    known: tuple[NDArray[np.int64], Correlations] | None,
) -> Floats:
    """(k, k) correlations of ``columns``, taken from those already computed."""
    if known is None:
        return correlations(view, columns, rules)
    every, measured = known
    if every.size == columns.size:
        return measured.matrix
    at = np.searchsorted(every, columns)
    return measured.matrix[at[:, np.newaxis], at]


def _judged(
    view: View, measured: tuple[float, float], columns: NDArray[np.int64], held: Floats, before: Comovement | None,
    rules: CorrelationPolicy,
) -> ComovementStep:  # fmt: skip
    """The level for a measured average and lowest pair correlation."""
    average, lowest = measured
    last = 0 if before is None else before.level
    several = columns.size >= rules.alike_holdings and not float(held.sum()) < rules.alike_weight
    if several and lowest > (rules.alike_leave if last == ALIKE else rules.alike):
        told = RiskEvent(view.date, "CORRELATION_ALIKE", "CRITICAL", lowest, rules.alike)
        return ComovementStep(Comovement(ALIKE, average, lowest), () if last == ALIKE else (told,))
    if last:
        if not average > rules.average_leave:
            return ComovementStep(None, _over(view, average, rules.average_leave))
        ended = _over(view, lowest, rules.alike_leave) if last == ALIKE else ()
        return ComovementStep(Comovement(WATCHED, average, lowest), ended)
    if not average > rules.average or _usual(view, columns, held, rules):
        return ComovementStep(None, ())
    told = RiskEvent(view.date, "CORRELATION_HIGH", "WARNING", average, rules.average)
    return ComovementStep(Comovement(WATCHED, average, lowest), (told,))


def _over(view: View, measured: float | None, limit: float) -> tuple[RiskEvent, ...]:
    return (RiskEvent(view.date, "CORRELATION_CLEAR", "INFO", measured, limit),)


def _measure(matrix: Floats, weights: Floats) -> tuple[float, float]:
    """Average and lowest pair correlation; both ``ASSUMED`` where a pair cannot be measured."""
    if not np.isfinite(matrix).all():
        return ASSUMED, ASSUMED
    average = weighted(matrix, weights)
    return average if average > -2.0 else ASSUMED, float(matrix.min())  # NaN when no two have weight


def _usual(view: View, columns: NDArray[np.int64], weights: Floats, rules: CorrelationPolicy) -> bool:
    """Whether today's average is at most a percentile of the trailing averages of the same weights.

    Unshrunk sample averages on both sides, one every ``correlation.history_step`` sessions back from today; False where
    they cover less than ``correlation.history_min`` sessions.
    """
    calendars = np.array([view.instruments[c].calendar for c in columns.tolist()])
    own = [np.flatnonzero(calendars == name) for name in sorted(set(calendars.tolist()))]
    days, weeks = rules.window, rules.window - rules.overlap + 1
    total = np.add.reduce(_summed(view, "return", columns, weights, days, rules, own))
    if len(own) > 1:  # pairs of two calendars are measured on overlapping returns
        every = np.arange(columns.size)
        whole, *apart = _summed(view, "comovement.slow", columns, weights, weeks, rules, [every, *own])
        total = total + whole - np.add.reduce(apart)
    known = total[np.isfinite(total)]  # for given weights the sum orders windows as the average does
    if known.size * rules.history_step < rules.history_min or not known.size or not np.isfinite(total[-1]):
        return False
    return bool(total[-1] <= np.quantile(known, rules.average_percentile))


def _summed(
    view: View,
    name: str,
    columns: NDArray[np.int64],
    weights: Floats,
    window: int,
    rules: CorrelationPolicy,
    groups: list[NDArray[np.int64]],
) -> list[Floats]:
    """``sums_of`` the groups over the trailing history, the same number of windows from each kind of returns."""
    rows = min(rules.history, view.row + 2 - rules.window) + window - 1
    returns = view.indicator(name)[max(view.row + 1 - rows, 0) :].take(columns, axis=1)
    return sums_of(returns, weights, window, rules.history_step, groups)

"""Correlated pairs, and the limit on their combined weight (R6)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import HeldPair
from plimsoll.core.limits import Pair
from plimsoll.core.panel import History, View, in_blocks
from plimsoll.core.policy import CorrelationPolicy, Policy
from plimsoll.measures.correlation import overlapping, shrunk_each

Floats = NDArray[np.float64]

_AT_ONCE = 4  # sessions whose correlations are computed together after the columns changed
ASSUMED = 1.0  # correlation of a pair that cannot be measured: unknown is not zero (U6)


def update(
    view: View,
    columns: NDArray[np.int64],
    previous: tuple[HeldPair, ...],
    policy: Policy,
    known: Correlations | None = None,
) -> tuple[HeldPair, ...]:
    """Pairs above their limit among ``columns``, with hysteresis (R6).

    Parameters
    ----------
    view : View
        Reads ``return`` over the last ``correlation.window`` sessions.
    columns : (k,) int64
        Held columns and those with bids.
    previous : tuple of HeldPair
        A pair in it stays until its correlation is below the lower threshold; a pair with a symbol no longer
        in ``columns`` is dropped.
    policy : Policy
    known : Correlations, optional
        Correlations of the ascending ``columns``, if already computed.

    Returns
    -------
    tuple of HeldPair
        In column order. Pairs of two funds have their own thresholds; the stricter ones apply to all other pairs,
        including a stock with a fund. Overlapping returns are used where the two calendars differ. A pair with a return
        missing in the window counts as perfectly correlated. The result for a pair does not depend on other columns.
    """
    rules = policy.correlation
    if known is not None and not previous and known.highest <= min(rules.pair_fund, rules.pair_stock):
        return ()
    if known is None:
        columns = np.unique(columns)
    if columns.size < 2:
        return ()
    correlation = correlations(view, columns, rules) if known is None else known.matrix
    first, second = _upper(columns.size)
    rho = correlation[first, second]
    unknown = ~np.isfinite(rho)
    if unknown.any():
        rho[unknown] = ASSUMED
    fund = view.funds[columns]
    loose = fund[first] & fund[second]
    above = ~(rho <= np.where(loose, rules.pair_fund, rules.pair_stock))
    if previous:
        place = {c: k for k, c in enumerate(columns.tolist())}
        places = [(place.get(view.column.get(p.first, -1)), place.get(view.column.get(p.second, -1))) for p in previous]
        standing = np.zeros_like(correlation, dtype=bool)
        for a, b in places:
            if a is not None and b is not None:
                standing[min(a, b), max(a, b)] = True
        leave = np.where(loose, rules.pair_fund_leave, rules.pair_stock_leave)
        above |= standing[first, second] & ~(rho < leave)
    which = np.flatnonzero(above)
    at = columns[first[which]].tolist(), columns[second[which]].tolist(), rho[which].tolist()
    return tuple(HeldPair(view.symbols[a], view.symbols[b], r) for a, b, r in zip(*at, strict=True))


@lru_cache(maxsize=64)
def _upper(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column indices of the upper triangle of a matrix of ``size``; read-only."""
    found = np.triu_indices(size, 1)
    for one in found:
        one.setflags(write=False)
    return found


def limits(
    pairs: tuple[HeldPair, ...], column: Mapping[str, int], weight_max: Floats, policy: Policy
) -> tuple[Pair, ...]:
    """Limits on pairs: combined weight at most ``pair_multiple`` x the larger of the two effective caps (R6)."""
    multiple = policy.correlation.pair_multiple
    bounds = []
    for pair in pairs:
        a, b = column[pair.first], column[pair.second]
        bounds.append(Pair(a, b, multiple * float(np.maximum(weight_max[a], weight_max[b])), pair.correlation))
    return tuple(bounds)


def concerned(view: View, live: NDArray[np.int64], previous: tuple[HeldPair, ...]) -> NDArray[np.int64]:
    """Columns whose pairs are measured: ``live`` (held or with bids), and previous pairs that may still be bought.

    A previous pair thus ends by its correlation, not for lack of a recent bid.
    """
    if not previous:
        return live
    column, known = view.column, set(live.tolist())
    may = view.now("eligible")
    for pair in previous:
        both = column[pair.first], column[pair.second]
        if all(c in known or may[c] != 0.0 for c in both):
            known.update(both)
    return np.array(sorted(known), dtype=np.int64)


class Correlations(NamedTuple):
    """(k, k) ``correlations``, and the highest off the diagonal, NaN where any is unknown."""

    matrix: Floats
    highest: float


def measured(view: View, columns: NDArray[np.int64], rules: CorrelationPolicy) -> Correlations:
    """``correlations`` of ``columns``, computed for following sessions too and reused while the columns stay."""

    def rows(history: History, first: int, last: int) -> list[Correlations]:
        before = max(first + 1 - rules.window, 0)
        returns = history.array("return")[before:last].take(columns, axis=1)
        found = _each(returns, history.panel.calendars[columns], rules)
        if len(found) < last - first:  # the first rows of a panel lack a full window
            unknown = np.full((last - first - len(found), columns.size, columns.size), np.nan)
            found = np.concatenate([unknown, found])
        apart = found.copy()
        apart.reshape(len(found), -1)[:, :: columns.size + 1] = -np.inf
        highest = np.maximum.reduce(apart, axis=(1, 2), initial=-np.inf).tolist()
        return list(map(Correlations, found, highest))

    return in_blocks(view, "correlations", (columns.tobytes(), rules), rows, at_once=_AT_ONCE)


def correlations(view: View, columns: NDArray[np.int64], rules: CorrelationPolicy) -> Floats:
    """(k, k) shrunk correlation, daily or overlapping by pair; NaN where a return is missing."""
    returns = view.indicator("return")[-rules.window :].take(columns, axis=1)
    if len(returns) < rules.window:
        return np.full((columns.size, columns.size), np.nan)
    return np.asarray(_each(returns, view.calendars[columns], rules)[0])


def _each(returns: Floats, calendar: NDArray[np.int64], rules: CorrelationPolicy) -> Floats:
    """(n, k, k) correlations of every whole window of the (T, k) ``returns``, in order of time."""
    window = rules.window
    if len(returns) < window:
        return np.empty((0, calendar.size, calendar.size))
    found = shrunk_each(_windows(returns, window))
    if calendar.size and np.count_nonzero(calendar != calendar[0]):
        # a column with a return missing in a window lacks an overlapping one too, so it is unknown in both
        slow = shrunk_each(_windows(overlapping(returns, rules.overlap), window - rules.overlap + 1), rules.overlap)
        found = np.where(calendar[:, None] != calendar[None, :], slow, found)
    return found


def _windows(rows: Floats, length: int) -> Floats:
    """(n, length, k) view of every window of ``length`` of the (T, k) rows, read-only."""
    down, across = rows.strides
    shape = len(rows) - length + 1, length, rows.shape[1]
    return np.lib.stride_tricks.as_strided(rows, shape, (down, down, across), writeable=False)

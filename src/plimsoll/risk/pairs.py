"""Pairs that move together, and the limit on their combined weight (R6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import HeldPair
from plimsoll.core.limits import Pair
from plimsoll.core.panel import View
from plimsoll.core.policy import CorrelationPolicy, Policy
from plimsoll.measures.correlation import overlapping, shrunk

Floats = NDArray[np.float64]

ASSUMED = 1.0  # correlation of a pair that cannot be measured: unknown is not zero (U6)


def update(
    view: View, columns: NDArray[np.int64], previous: tuple[HeldPair, ...], policy: Policy
) -> tuple[HeldPair, ...]:
    """Pairs above their limit among ``columns``, with hysteresis (R6).

    Parameters
    ----------
    view : View
        Reads ``return`` over the last ``correlation.window`` sessions.
    columns : (k,) int64
        Whatever is held or bid for.
    previous : tuple of HeldPair
        A pair in it stays until its correlation is below the lower threshold; one whose symbols are no longer
        both in ``columns`` is forgotten.
    policy : Policy

    Returns
    -------
    tuple of HeldPair
        In column order. A pair counts as a pair of funds as soon as one of the two is a fund; otherwise both are
        single names and the stricter thresholds apply. Returns overlap where the two calendars differ. A pair
        with a return missing in the window counts as perfectly correlated.
    """
    rules = policy.correlation
    columns = np.unique(columns)
    if columns.size < 2:
        return ()
    instruments = [view.instruments[i] for i in columns.tolist()]
    correlation = _correlation(view, columns, [i.calendar for i in instruments], rules)
    first, second = np.triu_indices(columns.size, 1)
    rho = correlation[first, second]
    fund = np.array([i.kind == "fund" for i in instruments])
    loose = fund[first] | fund[second]
    above = ~(rho <= np.where(loose, rules.pair_fund, rules.pair_stock))
    if previous:
        column = {i.symbol: k for k, i in enumerate(instruments)}
        standing = np.zeros_like(correlation, dtype=bool)
        for pair in previous:
            if pair.first in column and pair.second in column:
                a, b = column[pair.first], column[pair.second]
                standing[min(a, b), max(a, b)] = True
        leave = np.where(loose, rules.pair_fund_leave, rules.pair_stock_leave)
        above |= standing[first, second] & ~(rho < leave)
    return tuple(
        HeldPair(instruments[first[p]].symbol, instruments[second[p]].symbol, float(rho[p]))
        for p in np.flatnonzero(above).tolist()
    )


def limits(
    pairs: tuple[HeldPair, ...], symbols: tuple[str, ...], weight_max: Floats, policy: Policy
) -> tuple[Pair, ...]:
    """The pairs as limits: combined weight at most ``pair_multiple`` x the larger of the two effective caps (R6)."""
    if not pairs:
        return ()
    multiple, column = policy.correlation.pair_multiple, {s: i for i, s in enumerate(symbols)}
    bounds = []
    for pair in pairs:
        a, b = column[pair.first], column[pair.second]
        bounds.append(Pair(a, b, multiple * float(np.maximum(weight_max[a], weight_max[b])), pair.correlation))
    return tuple(bounds)


def _correlation(view: View, columns: NDArray[np.int64], calendars: list[str], rules: CorrelationPolicy) -> Floats:
    """(k, k) shrunk correlation, daily or overlapping by pair; ``ASSUMED`` where a return is missing."""
    returns = view.indicator("return")[-rules.window :, columns]
    known = np.isfinite(returns).all(axis=0) & (len(returns) == rules.window)
    whole = np.full((columns.size, columns.size), ASSUMED)
    if known.sum() < 2:
        return whole
    inner = np.ix_(known, known)
    whole[inner] = shrunk(returns[:, known])
    calendar = np.array(calendars)
    differ = calendar[:, None] != calendar[None, :]
    if differ[inner].any():
        slow = np.full_like(whole, ASSUMED)
        slow[inner] = shrunk(overlapping(returns[:, known], rules.overlap))
        whole = np.where(differ, slow, whole)
    return whole

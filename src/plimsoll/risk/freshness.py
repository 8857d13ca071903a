"""Whether each symbol's data are fresh enough to trade, precomputed for every row; only new risk is blocked (D15)."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Factor, Panel
from plimsoll.core.policy import Freshness, Policy

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CODES = ("", "STALE_BAR", "TOO_FEW_ROWS", "TOO_MANY_GAPS", "INDICATOR_MISSING", "OUTLIER_UNCONFIRMED", "NOT_TRADING")
FRESH, STALE, SHORT, GAPS, BLIND, OUTLIER, HALTED = (float(code) for code in range(len(CODES)))
_LONGEST_LOOKBACK = 252  # rows behind 12-1 momentum, the longest indicator (F1)
_NORMAL_MAD = 1.4826  # standard deviations per median absolute deviation, normal returns


def factors(policy: Policy) -> dict[str, Factor]:
    """``freshness.reason``: (T, N) codes, 0 where the symbol is fresh; see ``reason_of``."""
    return {"freshness.reason": partial(_codes, rules=policy.freshness)}


def reason_of(code: float) -> str | None:
    """Reason code of a value of ``freshness.reason``; None for 0. An invalid value counts as stale."""
    if code == FRESH:
        return None
    known = code in range(1, len(CODES))
    return CODES[int(code)] if known else "STALE_BAR"


def robust_sigma(panel: Panel, rules: Freshness) -> Floats:
    """(T, N) robust daily volatility known before each row's session.

    1.4826 x the median absolute return about zero of the last ``scale_sessions`` returns up to the session before
    the month began, so that it depends on the calendar and not on where the panel starts (U9). It is estimated once a
    month for speed. NaN before the first month with returns.
    """
    return _sigma(np.abs(_returns(panel.index)), panel, rules)


def _sigma(sizes: Floats, panel: Panel, rules: Freshness) -> Floats:
    by_column = np.ascontiguousarray(sizes.T)
    months = panel.sessions.days.astype("M8[D]").astype("M8[M]")
    starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]])
    ends = np.append(starts[1:], len(months))
    sigma = np.full(sizes.shape, np.nan)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        window = by_column[:, max(0, start - rules.scale_sessions) : start]
        if window.shape[1]:
            sigma[start:end] = _NORMAL_MAD * _medians(window)
    return sigma


def _codes(panel: Panel, rules: Freshness) -> Floats:
    """Later assignments take precedence: a stale bar hides every other reason."""
    present = np.isfinite(panel.close)
    rows = np.cumsum(present, axis=0)
    short = rows < rules.rows_min
    codes = np.zeros(present.shape)
    codes[_outliers(panel, present & ~short & panel.fresh, rules)] = OUTLIER
    codes[~_measurable(panel, present, rows)] = BLIND
    gaps = np.minimum(np.arange(1, len(rows) + 1), rules.rows_min)[:, None] - _trailing(rows, rules.rows_min)
    codes[gaps > rules.nan_max * rules.rows_min] = GAPS
    codes[short] = SHORT
    codes[panel.halted] = HALTED
    codes[~panel.fresh] = STALE
    return codes


def _trailing(counts: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Number of bars in the last ``window`` rows, from cumulative counts."""
    inside = counts.copy()
    inside[window:] -= counts[:-window]
    return inside


def _measurable(panel: Panel, present: Bools, rows: NDArray[np.int64]) -> Bools:
    """Whether every indicator has its inputs: a complete bar, and prices over the longest lookback."""
    whole = np.isfinite(panel.open) & np.isfinite(panel.high) & np.isfinite(panel.low) & np.isfinite(panel.index)
    old_enough = np.zeros_like(present)
    old_enough[_LONGEST_LOOKBACK:] = rows[:-_LONGEST_LOOKBACK] > 0
    return (whole | ~present) & old_enough


def _returns(index: Floats) -> Floats:
    """(T, N) total returns from one bar to the next; 0 on a row without a bar, NaN up to the first bar."""
    known = np.isfinite(index)
    if (known[:-1] & ~known[1:]).any():
        rows = np.where(known, np.arange(len(index))[:, None], 0)
        index = np.take_along_axis(index, np.maximum.accumulate(rows, axis=0), axis=0)
    returns = np.full(index.shape, np.nan)
    returns[1:] = index[1:] / index[:-1] - 1.0
    return returns


def _medians(sizes: Floats) -> Floats:
    """(N,) medians of the known values of (N, W); NaN where none is known."""
    # a full sort is vectorised, a partition about two places is not and takes several times as long
    ordered = np.sort(sizes, axis=1)  # NaN is sorted last
    width = sizes.shape[1]
    if not np.isnan(ordered[:, -1]).any():
        whole: Floats = 0.5 * (ordered[:, (width - 1) // 2] + ordered[:, width // 2])
        return whole
    known = width - np.isnan(ordered).sum(axis=1)
    each = np.arange(len(sizes))
    # where nothing is known both picks are NaN
    medians: Floats = 0.5 * (ordered[each, (known - 1) // 2] + ordered[each, known // 2])
    return medians


def _outliers(panel: Panel, judged: Bools, rules: Freshness) -> Bools:
    """Moves beyond ``outlier_sigmas``, where ``judged``, that neither their asset class nor their own bar confirms.

    A snapshot holds no second source. A class confirms by its *other* members, so one alone in its class has no such
    confirmation. A row without a bar makes no move. A move without a known sigma is unconfirmed.
    """
    sizes = np.abs(_returns(panel.index))
    sigma = _sigma(sizes, panel, rules)
    suspect = ~(sizes <= rules.outlier_sigmas * sigma) & judged
    rows, columns = np.nonzero(suspect)
    if not rows.size:
        return suspect
    kinds = np.array([i.kind for i in panel.instruments])
    days, day_of = np.unique(rows, return_inverse=True)
    measured = np.isfinite(sizes[days]) & np.isfinite(sigma[days])
    moved = (sizes[days] > rules.class_sigmas * sigma[days]) & measured
    for row, column, day in zip(rows.tolist(), columns.tolist(), day_of.tolist(), strict=True):
        others = measured[day] & (kinds == kinds[column])
        others[column] = False
        by_class = others.any() and (moved[day] & others).sum() >= rules.class_share * others.sum()
        suspect[row, column] = not (by_class or _own_bar_confirms(panel, row, column, rules))
    return suspect


def _own_bar_confirms(panel: Panel, row: int, column: int, rules: Freshness) -> bool:
    """Whether the bar has high > low, the close within, and volume above the median of the sessions before."""
    low, close, high = panel.low[row, column], panel.close[row, column], panel.high[row, column]
    volume = panel.volume[max(0, row - rules.volume_sessions) : row, column]
    volume = volume[np.isfinite(volume)]
    if not volume.size:
        return False
    return bool(low <= close <= high and low < high and panel.volume[row, column] > np.median(volume))

"""Precision of stored prices: the rounding implied by their decimals (D10, D12)."""

from __future__ import annotations

import numpy as np

from plimsoll.core.bars import Floats

_FLOAT32 = 2.0**-24  # half a unit in the last place of a 32-bit float, as a fraction of the value
_LEAST = 2  # prices are quoted in cents at least: a run of whole numbers is chance, not rounding
_DECIMALS = 6  # more than so many decimals are no rounding that could be mistaken for a dividend
_STILL = 16.0 * _FLOAT32  # a ratio of exact columns moves less, by what 32 bits lose
_SAME = 4.0 * _FLOAT32  # a decimal stored in 32 bits is read back within this fraction of itself


def half_width(values: Floats) -> Floats:
    """(n,) largest error of each stored value that its rounding explains, in the value's own unit.

    Half a unit of the last decimal, the second at least, that any value up to it shows (so a later row changes no
    earlier width), and never less than what a 32-bit float loses. NaN where the value is absent.
    """
    sizes = np.abs(values)
    needed = np.full(values.size, float(_DECIMALS))
    for decimals in range(_DECIMALS - 1, _LEAST - 1, -1):
        rounded = np.abs(values - np.round(values, decimals)) <= _SAME * sizes
        needed[rounded] = decimals
    needed[~np.isfinite(values)] = _LEAST
    shown = np.maximum.accumulate(needed) if values.size else needed
    decimal = np.where(shown < _DECIMALS, 0.5 * 10.0**-shown, 0.0)
    return np.asarray(np.maximum(decimal, _FLOAT32 * sizes) + 0.0 * values)


def step_slack(numerator: Floats, denominator: Floats) -> Floats:
    """(n - 1,) relative error that rounding leaves in the step of numerator / denominator from one row to the next.

    The step is (a[t] / c[t]) / (a[t-1] / c[t-1]); the bounds of its interval are those of the four values multiplied.
    Traded closes on whole cents are exact, not rounded: where the ratio stands still on most days, as it then does, the
    denominator is known to its 32 bits.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numerator / denominator
        steps = np.abs(ratio[1:] / ratio[:-1] - 1.0)
        above = np.minimum(half_width(numerator) / np.abs(numerator), 0.5)
        below = np.minimum(half_width(denominator) / np.abs(denominator), 0.5)
    steps = steps[np.isfinite(steps)]
    if steps.size and float(np.median(steps)) <= _STILL:
        below = np.full(denominator.size, _FLOAT32)
    one = (1.0 + above) * (1.0 + below) / ((1.0 - above) * (1.0 - below))
    return np.asarray(one[1:] * one[:-1] - 1.0)

"""Estimate the impact coefficient from realised costs, with its standard error (C1, C3).

The cost of an order beyond commission is what the model says it is, plus noise::

    cost = multiple · slippage + Y · unit impact + noise          noise ~ σ of one session

``slippage`` is the model's rate and ``unit impact`` its square-root term at Y = 1, regime multipliers inside both, so Y
is the policy's ``costs.impact_y``. Prices move in proportion to σ while an order is worked, so every order is weighed
by 1/σ², the normalisation of Almgren, Thum, Hauptmann and Li (2005), "Direct Estimation of Equity Market Impact".

The standard errors do not rely on that weight: each is the larger of the heteroskedasticity-robust HC3 error
(MacKinnon and White 1985, Journal of Econometrics 29, 305-325) and the one clustered by day (Liang and Zeger 1986,
Biometrika 73, 13-22), because orders of one day share that day's market move.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.policy import CostPolicy

Floats = NDArray[np.float64]

_COVERAGE = 0.95
_ALONE = 1e-9  # a leverage this close to 1 is 1, apart from rounding


@dataclass(frozen=True, eq=False, slots=True)
class Executions:
    """Orders as columns (n,), each in fractions of notional at the price when the order was released.

    ``day`` numbers the day an order was filled on. ``cost`` is side x (price / arrival - 1): slippage and impact
    together, adverse positive. ``slippage`` and ``unit_impact`` are the model's for the order, the latter at Y = 1.
    ``share`` is Q/ADV and ``sigma`` the volatility of one session; both are positive.
    """

    day: NDArray[np.int64]
    cost: Floats
    slippage: Floats
    unit_impact: Floats
    share: Floats
    sigma: Floats


class Calibration(msgspec.Struct, frozen=True):
    """The fitted coefficient. Without a fit the figures are None, never zero, and ``why_unknown`` says why (U6).

    ``low`` and ``high`` bound Y two-sided at 95 %. ``slippage_multiple`` multiplies the policy's slippage rates: 1
    without an error where they were taken as known. ``r2`` is the share of the weighted variance of cost beyond known
    slippage that the fit explains; negative where a constant would do better.
    """

    impact_y: float | None
    error: float | None
    low: float | None
    high: float | None
    slippage_multiple: float | None
    slippage_error: float | None
    r2: float | None
    orders: int
    days: int
    why_unknown: str = ""


def calibrate(done: Executions, costs: CostPolicy, *, slippage_known: bool = True) -> Calibration:
    """Weighted least squares of cost on the model's terms.

    Parameters
    ----------
    done : Executions
    costs : CostPolicy
        The least data for a fit: ``calibration_orders``, ``calibration_days``, ``calibration_spread``.
    slippage_known : bool
        True keeps the policy's slippage rates; False estimates a multiple of them together with Y.
    """
    orders, days = done.cost.size, np.unique(done.day).size
    why = _unfit(done, costs, days)
    if why:
        return _unknown(orders, days, why)
    weight = 1.0 / done.sigma
    terms = np.column_stack([done.unit_impact] if slippage_known else [done.unit_impact, done.slippage])
    outcome = done.cost - done.slippage if slippage_known else done.cost
    design, target = terms * weight[:, None], outcome * weight
    coefficients, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    if rank < design.shape[1]:
        why = "slippage and impact cannot be separated: every order has the same proportion of the two"
        return _unknown(orders, days, why)
    residual = target - design @ coefficients
    errors = robust_errors(design, residual, done.day)
    if not np.isfinite(errors).all():
        why = "one order alone determines a coefficient, so its standard error cannot be estimated"
        return _unknown(orders, days, why)
    reach = t_quantile(0.5 + 0.5 * _COVERAGE, days - design.shape[1]) * errors[0]
    y = float(coefficients[0])
    return Calibration(
        impact_y=y,
        error=float(errors[0]),
        low=float(y - reach),
        high=float(y + reach),
        slippage_multiple=1.0 if slippage_known else float(coefficients[1]),
        slippage_error=None if slippage_known else float(errors[1]),
        r2=_explained(outcome, residual, weight * weight),
        orders=orders,
        days=days,
    )


def _unknown(orders: int, days: int, why: str) -> Calibration:
    return Calibration(None, None, None, None, None, None, None, orders, days, why)


def _unfit(done: Executions, costs: CostPolicy, days: int) -> str:
    """Why Y cannot be estimated from these orders; "" when it can."""
    if done.cost.size < costs.calibration_orders:
        return f"{done.cost.size} orders with known liquidity; {costs.calibration_orders} are needed"
    if days < costs.calibration_days:
        return f"orders of {days} days; {costs.calibration_days} are needed"
    small, large = np.quantile(done.share, (0.1, 0.9))
    if not large >= costs.calibration_spread * small:
        said = f"the 90th percentile of Q/ADV is {large / small:.2f} times the 10th"
        return f"order sizes are too similar: {said}; {costs.calibration_spread:g} times is needed"
    return ""


def robust_errors(design: Floats, residual: Floats, day: NDArray[np.int64]) -> Floats:
    """(k,) standard errors of least squares: the larger of HC3 and clustered by day, for each coefficient.

    ``design`` (n, k) and ``residual`` (n,) are those of the weighted problem. Clusters are corrected for their number
    G by G/(G - 1) · (n - 1)/(n - k). NaN where a single row determines a coefficient (leverage 1).
    """
    n, k = design.shape
    bread = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    left = np.where(leverage < 1.0 - _ALONE, 1.0 - leverage, np.nan)
    scores = design * (residual / left)[:, None]
    hc3 = np.diag(bread @ (scores.T @ scores) @ bread)
    groups, of = np.unique(day, return_inverse=True)
    sums = np.zeros((groups.size, k))
    np.add.at(sums, of, design * residual[:, None])
    fewer = groups.size / (groups.size - 1) * (n - 1) / (n - k)
    clustered = fewer * np.diag(bread @ (sums.T @ sums) @ bread)
    return np.asarray(np.sqrt(np.maximum(hc3, clustered)))


def _explained(outcome: Floats, residual: Floats, weight: Floats) -> float | None:
    """R² about the weighted mean, 1 - Σe²/Σw(y - ȳ)²; None where the outcome does not vary."""
    mean = float((weight * outcome).sum() / weight.sum())
    total = float((weight * (outcome - mean) ** 2).sum())
    return 1.0 - float((residual**2).sum()) / total if total > 0.0 else None


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t by its expansion about the normal, within 0.1 % from 8 degrees of freedom up.

    Abramowitz and Stegun (1964), "Handbook of Mathematical Functions", 26.7.5.

    >>> round(t_quantile(0.975, 30), 3)
    2.042
    """
    z = NormalDist().inv_cdf(probability)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / degrees + second / degrees**2 + third / degrees**3


class SizeBucket(msgspec.Struct, frozen=True):
    """Means over orders of similar size, in fractions of notional.

    ``cost`` is the cost beyond slippage, ``fitted`` Y times the unit impact and ``residual`` their difference: a trend
    in it over the sizes means that these orders do not follow the square-root law.
    """

    orders: int
    share: float
    cost: float
    fitted: float
    residual: float


def by_size(done: Executions, fit: Calibration, buckets: int = 5) -> tuple[SizeBucket, ...]:
    """The fit by quantile bucket of Q/ADV, smallest first; empty without a fit."""
    if fit.impact_y is None or fit.slippage_multiple is None:
        return ()
    order = np.argsort(done.share, kind="stable")
    beyond = done.cost - fit.slippage_multiple * done.slippage
    fitted = fit.impact_y * done.unit_impact
    return tuple(
        SizeBucket(
            part.size,
            *(float(values[part].mean()) for values in (done.share, beyond, fitted, beyond - fitted)),
        )
        for part in np.array_split(order, buckets)
        if part.size
    )

"""Performance of an equity curve and its trades (U2-U4, T). An unknown figure is None, never zero (U6)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import day_number
from plimsoll.core.events import Split
from plimsoll.core.order import Fill
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.cvar import cvar
from plimsoll.measures.trades import profit_factor, round_trips, won

Floats = NDArray[np.float64]

SESSIONS_A_MONTH = 21
_CONFIDENCE = 0.95  # of ``cvar_95_1d``
_ROWS_A_TAIL = 20  # 1 / (1 - 0.95): fewer returns hold less than one whole tail scenario
_ROUNDING = 1e-12  # a deviation, drawdown or loss up to this is rounding
VOLATILITY_LEAST = 0.001  # annual volatility of excess returns below which an account counts as cash: no ratios (U6)


class Metrics(msgspec.Struct, frozen=True):
    """Performance net of costs; a figure is None when there are too few observations for it.

    Fractions throughout: ``max_drawdown`` is a positive fraction of the peak, on closes; ``cvar_95_1d`` a positive
    loss of one session; ``turnover_monthly`` half the sum of changes of weight in 21 sessions; ``cost_drag_annual``
    commission, slippage and impact a year over mean NAV. ``sharpe`` and ``sortino`` use returns in excess of the
    risk-free rate, ``sharpe_rf0`` plain ones; they and ``calmar`` are None for an account whose excess volatility is
    below ``VOLATILITY_LEAST``, which is cash. ``win_rate`` and ``profit_factor`` count round trips, flat to flat, after
    costs and without dividends (``measures.trades``).
    """

    total_return: float | None = None
    annual_return: float | None = None
    annual_volatility: float | None = None
    sharpe: float | None = None
    sharpe_rf0: float | None = None
    sortino: float | None = None
    max_drawdown: float | None = None
    calmar: float | None = None
    win_rate: float | None = None
    profit_factor: float | None = None
    turnover_monthly: float | None = None
    cost_drag_annual: float | None = None
    cvar_95_1d: float | None = None


def metrics(
    nav: NDArray[np.int64] | Floats,
    days: NDArray[np.int64],
    rf: Floats | None = None,
    fills: Sequence[Fill] = (),
    costs: float | None = None,
    splits: Sequence[Split] = (),
    turned: float | None = None,
) -> Metrics:
    """Metrics of one account.

    Parameters
    ----------
    nav : (T,) on the closes of consecutive sessions, the first one before anything was earned; cents or any unit
        (with fills: cents).
    days : (T,) day number of each session, increasing.
    rf : (T,) the risk-free return over the session that ends at each row, as a fraction; the first is not used.
        With None, or a NaN in it, ``sharpe`` and ``sortino`` are None.
    fills : trades of the account, by time. Those up to the first of ``days`` open the holdings whose trips close later,
        those after the last are not looked at; neither kind counts as turnover or cost.
    costs : in the unit of ``nav``, commission with slippage and impact; None takes what the fills state.
    splits : booked before the fills of their session.
    turned : total turnover, each half the sum of absolute changes of weight; None derives it from the fills.

    Returns
    -------
    Metrics
        Annual figures are None below two returns, the tail below 20, ratios where they would divide by zero, and
        everything where ``nav`` has fewer than two rows or a value that is not positive and finite.
    """
    curve = np.asarray(nav, dtype=np.float64)
    if curve.size < 2 or not (np.isfinite(curve).all() and (curve > 0.0).all()):
        return Metrics()
    returns = curve[1:] / curve[:-1] - 1.0
    excess = None if rf is None else returns - rf[1:]
    years = returns.size / SESSIONS_A_YEAR
    total = float(curve[-1] / curve[0] - 1.0)
    annual = math.expm1(math.log1p(total) / years) if returns.size >= 2 else None
    drawdown = max_drawdown(curve)
    known = [f for f in fills if day_number(f.session) <= days[-1]]
    within = [f for f in known if day_number(f.session) > days[0]]
    trips = [t for t in round_trips(known, splits) if t.exited and day_number(t.exited) > days[0]]
    paid = sum(f.commission + f.slippage + f.impact for f in within) if costs is None else costs
    risky = _risky(returns, excess)
    return Metrics(
        total_return=total,
        annual_return=annual,
        annual_volatility=_annual(float(returns.std(ddof=1))) if returns.size >= 2 else None,
        sharpe=sharpe(excess) if risky else None,
        sharpe_rf0=sharpe(returns) if risky else None,
        sortino=sortino(excess) if risky else None,
        max_drawdown=drawdown,
        calmar=_ratio(annual, drawdown) if risky else None,
        win_rate=won(trips),
        profit_factor=profit_factor(trips),
        turnover_monthly=(_turnover(curve, days, within) if turned is None else turned)
        / returns.size
        * SESSIONS_A_MONTH,
        cost_drag_annual=paid / float(curve.mean()) / years,
        cvar_95_1d=cvar(-returns, _CONFIDENCE) if returns.size >= _ROWS_A_TAIL else None,
    )


def _risky(returns: Floats, excess: Floats | None) -> bool:
    """Whether the account is more than cash: its excess returns have measurable volatility.

    Excess returns are used where known, because plain returns on bills vary with the days between sessions.
    """
    own = returns if excess is None or not np.isfinite(excess).all() else excess
    return own.size >= 2 and float(own.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) >= VOLATILITY_LEAST


def max_drawdown(curve: Floats) -> float:
    """Largest fall from a running peak of a positive (T,) curve, as a positive fraction of that peak."""
    return float(np.max(1.0 - curve / np.maximum.accumulate(curve)))


def sharpe(excess: Floats | None) -> float | None:
    """Annual ratio of the mean to the standard deviation (ddof 1) of (T,) session returns (Sharpe 1994)."""
    if excess is None or excess.size < 2 or not np.isfinite(excess).all():
        return None
    return _annual(_ratio(float(excess.mean()), float(excess.std(ddof=1))))


def sortino(excess: Floats | None) -> float | None:
    """Annual ratio of the mean to the downside deviation, the root mean square of negative (T,) session returns over
    all sessions (Sortino and van der Meer 1991); None where none is negative.
    """
    if excess is None or excess.size < 2 or not np.isfinite(excess).all():
        return None
    return _annual(_ratio(float(excess.mean()), float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2)))))


def _turnover(curve: Floats, days: NDArray[np.int64], fills: Sequence[Fill]) -> float:
    """Half the sum of traded notional over the NAV of the close before it (U2)."""
    if not fills:
        return 0.0
    dates = np.array([day_number(f.session) for f in fills], dtype=np.int64)
    before = np.maximum(np.searchsorted(days, dates, side="left") - 1, 0)
    return 0.5 * float(np.sum(np.abs(np.array([f.notional for f in fills], dtype=np.float64)) / curve[before]))


def _ratio(value: float | None, by: float) -> float | None:
    """``value / by``; None unless ``by`` exceeds rounding."""
    return None if value is None or not by > _ROUNDING else value / by


def _annual(of_a_session: float | None) -> float | None:
    return None if of_a_session is None else of_a_session * math.sqrt(SESSIONS_A_YEAR)

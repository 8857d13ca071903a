"""Splits, dividends and the total return of traded prices (U1, D12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.policy import DataPolicy
from plimsoll.market import returns_check, splits_check
from plimsoll.market.evidence import moves, on
from plimsoll.market.findings import HARD, Finding
from plimsoll.market.precision import step_slack
from plimsoll.market.splits_check import Stated


@dataclass(frozen=True, eq=False, slots=True)
class Actions:
    """Per bar: ``dividend`` in cash per unit held after the day's split (0: none), ``split`` new units per old
    (1: none). ``adjusted`` (n,) says into which bars the total return follows ``adj_close``; ``derived`` that the
    dividends do too. ``findings`` are what the source's own statements contradict.
    """

    dividend: Floats
    split: Floats
    adjusted: NDArray[np.bool_]
    derived: bool
    findings: tuple[Finding, ...] = ()


def traded_actions(bars: Bars, policy: DataPolicy) -> Actions:
    """Cash and units received by the holder of one unit, per bar (D12).

    Every statement of a return in the source is checked against the others. A declared split counts on the days the
    traded price fell by it: adj_close decides, where there is one, else the opening prices of all split days. A
    declared dividend counts unless the price it stands beside was adjusted for it already. Without declared actions
    dividends follow from the step of f = adj_close / close on an ex-date: D[t] = close[t-1] (1 - f[t-1] / f[t]), steps
    within the rounding of the two columns left out.
    """
    declared = bool(np.isfinite(bars.dividend).any() or np.isfinite(bars.split).any())
    amounts = np.nan_to_num(bars.dividend, nan=0.0, posinf=0.0, neginf=0.0)
    ratios = np.where(np.isfinite(bars.split) & (bars.split > 0.0), bars.split, 1.0)
    moved = moves(bars, policy)
    stated = _stated(bars, amounts, policy)
    splits = splits_check.decide(bars, moved, stated, ratios, policy)
    paid = returns_check.dividends(bars, moved, stated, splits, amounts if declared else None, policy)
    follows = stated.told & splits.trusted if not declared else np.zeros(len(bars), dtype=bool)
    findings = (*_out_of_domain(bars), *splits.findings, *paid.findings)
    derived = not declared and bool(np.isfinite(bars.adj_close).any())
    return Actions(paid.cash, splits.fell, follows, derived, findings)


def total_return_ratio(bars: Bars, actions: Actions) -> Floats:
    """(n - 1,) wealth after each bar per unit of wealth after the one before (U1).

    adj_close[t] / adj_close[t-1] where that is the source's adjustment, else (close[t] + D[t]) s[t] / close[t-1].
    """
    received = (bars.close[1:] + actions.dividend[1:]) * actions.split[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        told = bars.adj_close[1:] / bars.adj_close[:-1]
    return np.asarray(np.where(actions.adjusted[1:], told, received / bars.close[:-1]))


def forward_index(bars: Bars, actions: Actions) -> Floats:
    """(n,) total-return index, 1.0 at the first bar (U1)."""
    index = np.ones(len(bars))
    np.cumprod(total_return_ratio(bars, actions), out=index[1:])
    return index


def _stated(bars: Bars, amounts: Floats, policy: DataPolicy) -> Stated:
    """The returns in adj_close, and the part explained by declared dividends."""
    size = len(bars)
    step, back, slack, paid = np.ones(size), np.ones(size), np.zeros(size), np.zeros(size)
    if size > 1 and np.isfinite(bars.adj_close).any():
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(bars.adj_close > 0.0, bars.adj_close / bars.close, np.nan)
            step[1:] = factor[1:] / factor[:-1]
            back[1:] = factor[:-1] / factor[1:]
        slack[1:] = step_slack(bars.adj_close, bars.close)
    else:
        step[1:] = np.nan
    share = np.zeros(size)
    share[1:] = np.clip(amounts[1:] / bars.close[:-1], 0.0, 0.99) if size > 1 else 0.0
    paid[1:] = -np.log1p(-share[1:])
    told = np.isfinite(step) & (slack <= policy.step_slack_max)
    if size:
        told[0] = False
    told_back = np.where(np.isfinite(back), back, 1.0)
    return Stated(np.where(np.isfinite(step), step, 1.0), told_back, np.nan_to_num(slack, nan=1.0), told, paid)


def _out_of_domain(bars: Bars) -> tuple[Finding, ...]:
    """Amounts and ratios that cannot be: a dividend below zero or without end, a split below zero or without end."""
    wrong = (bars.dividend < 0.0) | np.isinf(bars.dividend) | (bars.split < 0.0) | np.isinf(bars.split)
    rows = np.flatnonzero(wrong)
    if not rows.size:
        return ()
    t = int(rows[0])
    detail = f"dividend {bars.dividend[t]:g}, split {bars.split[t]:g} on {on(bars.day[t])}; it was left out"
    return (Finding("ACTION_OUT_OF_DOMAIN", HARD, bars.day[rows], detail),)

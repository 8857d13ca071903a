"""Compare two statements of one return: adj_close / close, and the declared dividends (D10, D12).

On an ex-date adj_close / close steps by 1 / (1 - D / close[t-1]) (the vendors' factor) or by 1 + D / close[t] (the
total-return form); a declared dividend that neither explains within the rounding of both columns contradicts it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.policy import DataPolicy
from plimsoll.market.evidence import Days, Mask, Moves, first_days, on
from plimsoll.market.findings import HARD, NOTE, Finding
from plimsoll.market.precision import half_width
from plimsoll.market.splits_check import Splits, Stated

_GRID = 250  # rows whose closes are looked at for whole cents, about a year
_ENOUGH = 20  # of them at least


@dataclass(frozen=True, eq=False, slots=True)
class Dividends:
    """``cash`` (n,) per unit held after the day's split, as it is to be booked; ``findings`` what contradicts."""

    cash: Floats
    findings: tuple[Finding, ...]


def implied(bars: Bars, stated: Stated, splits: Splits) -> tuple[Floats, Floats]:
    """(n,) dividends that the step of adj_close / close pays, by the vendors' factor and by the total-return form.

    In units held after the row's split; negative where the step falls; 0 on the first row, where adj_close does not
    speak, and where it is not trusted.
    """
    by_factor, by_total = np.zeros(len(bars)), np.zeros(len(bars))
    rows = np.flatnonzero(stated.told & splits.trusted)
    rows = rows[rows > 0]
    step = stated.step[rows] / splits.fell[rows]
    by_factor[rows] = bars.close[rows - 1] / splits.fell[rows] * (1.0 - stated.back[rows] * splits.fell[rows])
    by_total[rows] = bars.close[rows] * (step - 1.0)
    return by_factor, by_total


def dividends(
    bars: Bars, moved: Moves, stated: Stated, splits: Splits, declared: Floats | None, policy: DataPolicy
) -> Dividends:
    """The dividends of a series and whatever its statements contradict.

    Parameters
    ----------
    declared : (n,) cash per unit after the day's split, 0 where none; None when the source declares no action at all:
        then dividends follow from adj_close.
    """
    apart = np.log(splits.fell)  # what the day's split did to the price is no part of what its dividend did
    moved = replace(moved, close=moved.close + apart, gap=moved.gap + apart, low=moved.low + apart)
    by_factor, by_total = implied(bars, stated, splits)
    before = np.append(np.nan, bars.close[:-1]) / splits.fell
    with np.errstate(divide="ignore", invalid="ignore"):
        share = by_factor / before
    real = np.nan_to_num(share) > np.maximum(policy.dividend_noise, stated.slack)
    if declared is None:
        cash = np.where(real, by_factor, 0.0)
        found = _fallen(bars, moved, stated, splits, policy)
        return Dividends(cash, (*found, *_implausible(bars, moved, before, cash, policy)))
    sound = np.where(declared > 0.0, declared, 0.0)
    if stated.told.any() and real.any():
        cash, found = _compared(bars, moved, stated, before, sound, by_factor, by_total, real, policy)
        found = [*found, *_fallen(bars, moved, stated, splits, policy)]
        return Dividends(cash, (*found, *_implausible(bars, moved, before, cash, policy)))
    cash, found = _alone(bars, moved, before, sound, bool(stated.told.any()), policy)
    if cash.any():
        found = [*found, *_implausible(bars, moved, before, cash, policy)]
        found = [*found, *_out_of_scale(bars, moved, before, cash, policy)]
    return Dividends(cash, tuple(found))


def _compared(
    bars: Bars,
    moved: Moves,
    stated: Stated,
    before: Floats,
    declared: Floats,
    by_factor: Floats,
    by_total: Floats,
    real: Mask,
    policy: DataPolicy,
) -> tuple[Floats, list[Finding]]:
    """Both statements: the declared dividend stands where they agree; else the one that the opening price bears out."""
    rounding = before * stated.slack + half_width(declared)
    room = np.nan_to_num(rounding + policy.dividend_tolerance * declared)
    agree = (np.abs(declared - by_factor) <= room) | (np.abs(declared - by_total) <= room)
    concerned = stated.told & ((declared > 0.0) | real) & np.isfinite(before)
    differ = concerned & ~agree
    cash = np.where(stated.told | (declared > 0.0), declared, 0.0)
    rows = np.flatnonzero(differ)
    if not rows.size:
        return cash, []
    for t in rows.tolist():
        gap = float(moved.gap[t])
        paid = max(float(by_factor[t]), 0.0)
        if _misfit(gap, paid / before[t]) < _misfit(gap, declared[t] / before[t]):
            cash[t] = paid
    worst = int(rows[np.argmax(np.abs(declared[rows] - by_factor[rows]) / before[rows])])
    return cash, [
        Finding("RETURN_STATEMENTS_DIFFER", HARD, bars.day[rows],
            f"on {on(bars.day[worst])} the dividend is {declared[worst]:.6g} a unit, adj_close pays "
            f"{by_factor[worst]:.6g} on a close of {before[worst]:.6g} ({first_days(bars.day[rows])})")
    ]  # fmt: skip


def _misfit(gap: float, share: float) -> float:
    """How far an opening is from a fall by this share of the price, in logarithms."""
    return abs(gap - np.log1p(-min(share, 0.99))) if np.isfinite(gap) else 0.0


def _fallen(bars: Bars, moved: Moves, stated: Stated, splits: Splits, policy: DataPolicy) -> list[Finding]:
    """Steps that no dividend makes: adj_close / close falls, or the price did not fall by a step above the largest."""
    judged = stated.told & splits.trusted
    step = np.where(judged, stated.step / splits.fell, 1.0)
    falls = judged & (step < 1.0 - np.maximum(policy.adjustment_fall_max, stated.slack))
    rows = np.flatnonzero(falls)
    if not rows.size:
        return []
    t = int(rows[np.argmin(step[rows])])
    adjusted = float(np.expm1(moved.close[t] + np.log(step[t])))
    return [
        Finding("RETURN_STATEMENTS_DIFFER", HARD, bars.day[rows],
            f"on {on(bars.day[t])} close moved {np.expm1(moved.close[t]):+.2%} and adj_close {adjusted:+.2%}: no "
            f"dividend is negative ({first_days(bars.day[rows])})")
    ]  # fmt: skip


def _implausible(bars: Bars, moved: Moves, before: Floats, cash: Floats, policy: DataPolicy) -> list[Finding]:
    """Dividends that the price did not pay: above ``dividend_judged`` of it, without the fall that goes with them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = cash / before
    rows = []
    for t in np.flatnonzero(share > policy.dividend_judged).tolist():
        fall = float(np.log1p(-share[t])) if share[t] < 1.0 else -np.inf
        excess = float(np.nanmin((moved.gap[t], moved.low[t]))) - fall
        if not excess <= max(policy.split_decisive * moved.scale(t), 0.5 * -fall):
            rows.append(t)
    if not rows:
        return []
    t = max(rows, key=lambda row: share[row])
    return [
        Finding("DIVIDEND_IMPLAUSIBLE", HARD, bars.day[rows],
            f"a dividend of {cash[t]:.6g} on {on(bars.day[t])} is {share[t]:.1%} of the price, which opened at "
            f"{np.expm1(moved.gap[t]):+.1%}")
    ]  # fmt: skip


def _out_of_scale(bars: Bars, moved: Moves, before: Floats, cash: Floats, policy: DataPolicy) -> list[Finding]:
    """A dividend ten or a hundred times, or a hundredth of, the median of those before it, which no price bears out."""
    rows = np.flatnonzero(cash > 0.0)
    odd = []
    for k in range(policy.dividend_history, rows.size):
        t, usual = int(rows[k]), float(np.median(cash[rows[k - policy.dividend_history : k]]))
        times = cash[t] / usual
        shift = np.log10(times)
        power = round(shift)
        if power not in (1, 2, -2) or abs(shift - power) > policy.dividend_power_room:
            continue
        gap, scale = float(moved.gap[t]), moved.scale(t)
        unlike = _misfit(gap, cash[t] / before[t]) - _misfit(gap, usual / before[t])
        if power < 0 or unlike > policy.dividend_unlike * scale:
            odd.append((t, times, usual))
    if not odd:
        return []
    t, times, usual = odd[0]
    return [
        Finding("DIVIDEND_IMPLAUSIBLE", HARD, bars.day[[row for row, _, _ in odd]],
            f"a dividend of {cash[t]:.6g} on {on(bars.day[t])} is {times:.3g} times the {usual:.6g} usual before")
    ]  # fmt: skip


def _alone(
    bars: Bars, moved: Moves, before: Floats, declared: Floats, unadjusted: bool, policy: DataPolicy
) -> tuple[Floats, list[Finding]]:
    """Dividends beside one price only: whether that price falls on its ex-dates, or was adjusted for them already.

    Two witnesses: the openings of all ex-dates, and whole cents, on which traded prices lie and adjusted ones do not
    until the dividends are put back. ``unadjusted`` says that adj_close stands beside the price and pays nothing.
    """
    told = (declared > policy.dividend_noise * before) & (declared < before)
    rows = np.flatnonzero(told & np.isfinite(moved.gap))
    if not rows.size:
        return declared, []
    share, error = _fall_by_dividends(moved, rows, declared[rows] / before[rows])
    known = f"over {rows.size} ex-dates the price fell by {share:.0%} of its dividends (standard error {error:.0%})"
    enough, z = rows.size >= policy.dividend_history, policy.adjusted_decisive
    falls = share > 0.5 and share > z * error
    stands = enough and share < 0.5 and 1.0 - share > z * error
    given, restored = _cents(bars, declared, rows)
    if (restored and not given and not falls) or (stands and not given):
        return np.zeros(len(bars)), [
            Finding("DIVIDENDS_ON_ADJUSTED_PRICES", NOTE, bars.day[rows], f"{known}: adjusted already, not paid twice")
        ]  # fmt: skip
    if unadjusted:
        detail = f"adj_close counts none of the dividends; {known}"
        return declared, [Finding("RETURN_STATEMENTS_DIFFER", HARD, bars.day[rows], detail)]
    slight = float((declared[rows] / before[rows]).sum()) <= policy.cross_source_max
    if slight or (falls and not restored) or (given and not stands):
        return declared, []
    detail = f"{known}: whether it was adjusted for them cannot be determined; they are taken as paid"
    return declared, [Finding("DIVIDENDS_UNDECIDED", HARD, bars.day[rows], detail)]


def _fall_by_dividends(moved: Moves, rows: Days, share: Floats) -> tuple[float, float]:
    """By what part of its dividends a price opens lower on their ex-dates, and its standard error.

    Least squares through the origin of the gap beyond its usual drift on the fall of a whole dividend, each day in its
    own standard deviations; a wild day counts as four of them, a special dividend as four usual ones.
    """
    fall = -np.log1p(-share)
    fall = np.minimum(fall, 4.0 * float(np.median(fall)))
    scale = np.array([moved.scale(t) for t in rows.tolist()])
    drift = np.array([moved.drift(t) for t in rows.tolist()])
    gap = np.clip(moved.gap[rows] - drift, -fall - 4.0 * scale, 4.0 * scale)
    information = float((fall**2 / scale**2).sum())
    return float((-gap * fall / scale**2).sum() / information), float(information**-0.5)


def _cents(bars: Bars, declared: Floats, rows: Days) -> tuple[bool, bool]:
    """Whether the closes before the last ex-date lie on whole cents as they are given, and with the dividends put back.

    Of the last ``_GRID`` rows before it, as an older split takes prices off the grid.
    """
    last = int(rows[-1])
    first = max(0, last - _GRID)
    given = bars.close[first:last]
    factor, restored = 1.0, given.copy()
    for t in rows[rows > first][::-1].tolist():
        whole = bars.close[t - 1] / factor
        factor *= 1.0 - declared[t] / (whole + declared[t]) if whole + declared[t] > 0.0 else 1.0
        restored[: t - first] = given[: t - first] / factor
    return _on_cents(given), _on_cents(restored)


def _on_cents(prices: Floats) -> bool:
    off = np.abs(prices * 100.0 - np.round(prices * 100.0))
    return bool(prices.size >= _ENOUGH and (off <= 1e-4 + 3e-5 * prices).mean() >= 0.9)

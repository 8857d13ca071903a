"""Splits: which are in the prices, which are missing, and which are only in part of a file (D10, D12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.policy import DataPolicy
from plimsoll.market.evidence import Days, Mask, Moves, first_days, on
from plimsoll.market.findings import HARD, NOTE, Finding

RATIOS = tuple(
    sorted(
        {n / d for n, d in ((3, 2), (4, 3), (5, 4), (6, 5), (5, 3), (7, 4), (7, 5), (8, 5), (5, 2))}
        | {10 / 9, 11 / 10, 21 / 20}
        | {float(n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)}
    )
)  # fmt: skip
"""New units for one old of the splits that occur; each occurs the other way round too."""

_SIMPLE = np.array([1.0 / r for r in reversed(RATIOS)] + list(RATIOS))
_CAPPED = 10.0  # standard deviations one day may weigh: a wild open must not outvote every other split day


@dataclass(frozen=True, eq=False, slots=True)
class Splits:
    """What was decided of each row: ``fell`` by how much traded prices were divided there (1: not), and whether
    adj_close may carry the return over it. ``findings`` say what contradicts.
    """

    fell: Floats
    trusted: Mask
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Stated:
    """The step of adj_close at each row, (n,) each.

    ``step`` of adj_close / close into the row, 1 on the first; ``back`` its inverse, divided anew; ``slack`` the
    relative error that rounding leaves in it; ``told`` False where there is no adj_close, or none exact enough to
    speak; ``paid`` the logarithm of the step that the declared dividend of the row explains.
    """

    step: Floats
    back: Floats
    slack: Floats
    told: Mask
    paid: Floats


def nearest(ratio: float) -> float:
    """The simple ratio, or its reverse, nearest to this one in logarithms."""
    return float(_SIMPLE[int(np.argmin(np.abs(np.log(_SIMPLE) - np.log(ratio))))])


def decide(bars: Bars, moved: Moves, stated: Stated, declared: Floats, policy: DataPolicy) -> Splits:
    """Every split of a series, declared or not.

    Parameters
    ----------
    stated : what adj_close says of each row.
    declared : (n,) new units per old as the source says, 1 where it says none.
    """
    size = len(bars)
    fell, trusted = np.ones(size), np.ones(size, dtype=bool)
    found: list[Finding] = []
    days = np.flatnonzero(declared != 1.0)
    days = days[days > 0]
    told = stated.told
    _with_adjustment(bars, moved, stated, declared, days[told[days]], fell, trusted, found, policy)
    _without_adjustment(bars, moved, declared, days[~told[days]], fell, found, policy)
    _undeclared(bars, moved, stated, declared, fell, trusted, found, policy)
    return Splits(fell, trusted, tuple(found))


def _with_adjustment(
    bars: Bars,
    moved: Moves,
    stated: Stated,
    declared: Floats,
    days: Days,
    fell: Floats,
    trusted: Mask,
    found: list[Finding],
    policy: DataPolicy,
) -> None:
    """Declared splits where adj_close speaks: its step holds the ratio when only the traded price fell by it."""
    half, neither = [], []
    for t in days.tolist():
        ratio = float(declared[t])
        size, told = abs(np.log(ratio)), float(np.log(stated.step[t]) - stated.paid[t])
        room = np.log1p(policy.adjustment_step_max)
        in_step = abs(told - np.log(ratio)) < abs(told) if size < room else abs(told - np.log(ratio)) < 0.5 * size
        gap, scale = float(moved.gap[t]), moved.scale(t)
        # of a spin-off's 1.7 % an ordinary day's move says nothing that adj_close does not say better
        decisive = size > policy.split_decisive * scale and size >= np.log(policy.split_least) * (1.0 - 1e-9)
        in_price = abs(gap + np.log(ratio)) < abs(gap) if decisive else in_step
        fell[t] = ratio if in_price else 1.0
        if in_price != in_step:
            trusted[t] = False
            half.append(t)
        elif not in_price and decisive and abs(told) > room:
            neither.append(t)
    if half:
        t = half[0]
        found.append(
            _finding("SPLIT_HALF_APPLIED", HARD, bars.day[half],
                f"split {declared[t]:g} on {on(bars.day[t])}: close moved {_percent(moved.close[t])}, "
                f"adj_close {_percent(moved.close[t] + np.log(stated.step[t]))}")
        )  # fmt: skip
    if neither:
        t = neither[0]
        found.append(
            _finding("RETURN_STATEMENTS_DIFFER", HARD, bars.day[neither],
                f"split {declared[t]:g} on {on(bars.day[t])}, but adj_close over close steps by {stated.step[t]:.6g}")
        )  # fmt: skip


def _without_adjustment(
    bars: Bars, moved: Moves, declared: Floats, days: Days, fell: Floats, found: list[Finding], policy: DataPolicy
) -> None:
    """Declared splits where prices alone must say whether they fell by them: the whole series first, because a vendor
    adjusts all of a history or none of it; a day that plainly says otherwise is flagged.
    """
    if not days.size:
        return
    ratio = np.log(declared[days])
    scale = np.array([moved.scale(t) for t in days.tolist()])
    gap = moved.gap[days]
    weight = np.nan_to_num(np.clip((np.abs(gap) - np.abs(gap + ratio)) / scale, -_CAPPED, _CAPPED))
    total = float(weight.sum())
    if abs(total) <= policy.split_decisive:
        worst = int(np.argmax(np.abs(ratio)))
        found.append(
            _finding("SPLIT_UNDECIDED", HARD, bars.day[days],
                f"prices do not show whether they were adjusted for the split {declared[days[worst]]:.6g} on "
                f"{on(bars.day[days[worst]])}; they are taken as adjusted")
        )  # fmt: skip
        return
    whole = total > 0.0
    alone = np.abs(weight) > policy.split_decisive
    in_price = np.where(alone, weight > 0.0, whole)
    fell[days[in_price]] = declared[days[in_price]]
    odd = days[alone & (in_price != whole)]
    if odd.size:
        t = int(odd[0])
        found.append(
            _finding("SPLIT_HALF_APPLIED", HARD, bars.day[odd],
                f"close moved {_percent(moved.close[t])} on {on(bars.day[t])} with a split of {declared[t]:.6g}, "
                f"unlike on the other split days of the series")
        )  # fmt: skip


def _undeclared(
    bars: Bars,
    moved: Moves,
    stated: Stated,
    declared: Floats,
    fell: Floats,
    trusted: Mask,
    found: list[Finding],
    policy: DataPolicy,
) -> None:
    """Undeclared splits: in the step of adj_close over close, or in a price that moved like one."""
    net = np.where(stated.told, stated.step * np.exp(-stated.paid), 1.0)
    gross = np.where(stated.told, stated.step, 1.0)
    ordinary = _ordinary(net, policy) | _ordinary(gross, policy)  # without and with the dividend the row declares
    recorded, half = [], []
    for t in np.flatnonzero((declared == 1.0) & ~ordinary).tolist():
        ratio = nearest(float(net[t]))
        size = abs(np.log(ratio))
        if abs(np.log(net[t] / ratio)) > policy.split_match + stated.slack[t]:
            continue
        room = max(policy.split_decisive * moved.close_scale(t), 0.5 * size)
        adjusted = abs(float(moved.close[t] + np.log(net[t])))
        if adjusted < abs(moved.close[t]) and adjusted <= room:
            fell[t] = ratio
            recorded.append(t)
        elif abs(moved.close[t]) <= room:
            trusted[t] = False
            half.append(t)
    for reason, rows in (("SPLIT_UNRECORDED", recorded), ("SPLIT_HALF_APPLIED", half)):
        if rows:
            t = rows[0]
            both = f"close moved {_percent(moved.close[t])} on {on(bars.day[t])} and adj_close "
            both += _percent(moved.close[t] + np.log(stated.step[t]))
            told = "that no column records" if rows is recorded else "in one of them only"
            detail = f"{both}: a split of {max(nearest(net[t]), 1.0 / nearest(net[t])):.6g} {told}"
            found.append(_finding(reason, HARD, bars.day[rows], detail))
    explained = np.where(stated.told, np.log(np.where(stated.step > 0.0, stated.step, 1.0)), stated.paid)
    known = (declared != 1.0) | (fell != 1.0) | ~trusted
    _suspected(bars, moved, explained, known, found, policy)


def _ordinary(step: Floats, policy: DataPolicy) -> Mask:
    """Steps that dividends make."""
    return np.asarray((step >= 1.0 - policy.adjustment_fall_max) & (step <= 1.0 + policy.adjustment_step_max))


def _suspected(
    bars: Bars, moved: Moves, explained: Floats, known: Mask, found: list[Finding], policy: DataPolicy
) -> None:
    """Moves of the price itself that look like a split: at a half or the double within ``split_exact``, at a smaller
    simple ratio when the bar is otherwise ordinary: it opens there, its range and volume are not those of news.

    ``explained`` is the logarithm of what adj_close or a dividend accounts for; ``known`` marks splits found already.
    """
    move, gap = moved.close + explained, moved.gap + explained
    with np.errstate(invalid="ignore"):
        candidates = np.flatnonzero((np.abs(move) > 0.8 * np.log(policy.split_least)) & ~known)
    rows = [t for t in candidates.tolist() if _like_a_split(t, move, gap, moved, policy)]
    if rows:
        t = rows[0]
        ratio = nearest(float(np.exp(-move[t])))
        detail = f"close moved {_percent(move[t])} on {on(bars.day[t])}, as a split of {ratio:.6g} would move it "
        found.append(_finding("SPLIT_SUSPECTED", HARD, bars.day[rows], f"{detail}({first_days(bars.day[rows])})"))


def _like_a_split(t: int, move: Floats, gap: Floats, moved: Moves, policy: DataPolicy) -> bool:
    exact = np.log1p(policy.split_exact)
    two = np.log(2.0)
    if min(abs(abs(move[t]) - two), abs(abs(gap[t]) - two)) <= exact and abs(move[t]) > 0.5 * two:
        return True
    if moved.volume[t - 1] == 0.0:  # it reopens after a session without trading: that is news
        return False
    ratio = nearest(float(np.exp(-gap[t]))) if np.isfinite(gap[t]) else 1.0
    if not abs(np.log(ratio)) >= np.log(policy.split_least) * (1.0 - 1e-9):
        return False
    most = 0.25 * abs(np.log(ratio))  # further away another ratio, or none, is as near
    near = abs(gap[t] + np.log(ratio)) <= max(exact, min(most, policy.split_decisive * moved.scale(t)))
    near &= abs(move[t] + np.log(ratio)) <= max(exact, min(most, policy.split_decisive * moved.close_scale(t)))
    volume = moved.relative_volume(t)
    calm = bool(moved.span[t] <= policy.split_range * moved.usual_range(t))
    quiet = bool(volume <= policy.split_volume * max(ratio, 1.0)) if np.isfinite(volume) else abs(np.log(ratio)) > 0.4
    return bool(near and calm and quiet)


def _finding(reason: str, severity: str, days: Days, detail: str) -> Finding:
    assert severity in (HARD, NOTE)
    return Finding(reason, severity, np.asarray(days, dtype=np.int64), detail)


def _percent(logarithm: float) -> str:
    return f"{np.expm1(float(logarithm)):+.1%}"

"""Corporate actions on rows without a bar, carried to the next bar (D12): cash and splits are never lost with a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Floats
from plimsoll.core.dates import iso_day

Days = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Carried:
    """``dividend`` and ``split`` by row with what was carried added; ``moved`` are the days carried from.

    ``lost`` are those after which there is no bar; ``detail`` is one sentence with the first one's figures.
    """

    dividend: Floats
    split: Floats
    moved: Days
    lost: Days
    detail: str = ""


def carry(day: Days, dividend: Floats, split: Floats, dropped: NDArray[np.bool_]) -> Carried:
    """Move the actions of dropped rows to the first kept row of the same or a later day.

    Who holds a unit before the ex-date receives the cash, whatever row it is written on; prices show it in the next
    bar. A dividend is cash for a unit held after its own day's split, so what is carried over later splits is divided
    by them, and splits multiply: with (close + dividend) · split / close before, the holder's wealth is the same. A row
    of a kept day that repeats that day's own actions adds nothing.

    Parameters
    ----------
    day, dividend, split : (n,) rows in any order; NaN is none.
    dropped : (n,) rows that will not be bars.
    """
    cash = np.where(np.isnan(dividend), 0.0, dividend)
    ratio = np.where(np.isnan(split) | (split == 0.0), 1.0, split)
    acts = np.flatnonzero(dropped & ((cash != 0.0) | (ratio != 1.0)))
    none = np.zeros(0, dtype=np.int64)
    if not acts.size:
        return Carried(dividend, split, none, none)
    kept = np.flatnonzero(~dropped)
    kept = kept[np.argsort(day[kept], kind="stable")]
    dividend, split = dividend.copy(), split.copy()
    moved, lost = [], []
    detail = ""
    for row in acts[np.argsort(-day[acts], kind="stable")]:  # newest first: later splits are already in the bar
        at = int(np.searchsorted(day[kept], day[row]))
        if at == kept.size:
            lost.append(int(day[row]))
            continue
        here = kept[at]
        repeated = day[here] == day[row] and cash[row] == cash[here] and ratio[row] == ratio[here]
        if repeated:
            continue
        now = split[here] if not np.isnan(split[here]) and split[here] != 0.0 else 1.0
        if cash[row] != 0.0:
            dividend[here] = (0.0 if np.isnan(dividend[here]) else dividend[here]) + cash[row] / now
        if ratio[row] != 1.0:
            split[here] = now * ratio[row]
        moved.append(int(day[row]))
        detail = f"{_said(cash[row], ratio[row])} of {iso_day(int(day[row]))} counts on {iso_day(int(day[here]))}"
    if lost and not moved:
        row = acts[np.argmax(day[acts])]
        detail = f"{_said(cash[row], ratio[row])} of {iso_day(int(day[row]))} has no later bar"
    return Carried(
        dividend, split, np.sort(np.array(moved, dtype=np.int64)), np.sort(np.array(lost, dtype=np.int64)), detail
    )


def _said(cash: float, ratio: float) -> str:
    parts = [f"the dividend of {cash:g}"] if cash != 0.0 else []
    parts += [f"the split of {ratio:g}"] if ratio != 1.0 else []
    return " and ".join(parts)

"""Erroneous prices: prints that the next session reverses, rows copied from the day before (D10)."""

from __future__ import annotations

import numpy as np

from plimsoll.core.bars import Bars, Floats
from plimsoll.core.policy import DataPolicy
from plimsoll.market.evidence import Mask, first_days, on
from plimsoll.market.findings import HARD, Finding


def spikes(bars: Bars, ratio: Floats, least: float, policy: DataPolicy) -> list[Finding]:
    """Moves of at least ``least`` that the next bar takes back but for ``spike_left`` of them.

    ``ratio`` (n - 1,) is wealth after each bar per unit before it. The finding is of the day of the move and known on
    the day that reverses it.
    """
    if ratio.size < 2:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.log(ratio)
    there, back = move[:-1], move[1:]
    bound = np.where(there > 0.0, np.log1p(least), -np.log1p(-least))
    large = np.abs(there) >= bound
    rows = np.flatnonzero(large & (np.abs(there + back) <= policy.spike_left * np.abs(there))) + 1
    if not rows.size:
        return []
    t = int(rows[0])
    detail = (
        f"close moved {np.expm1(move[t - 1]):+.1%} on {on(bars.day[t])} and {np.expm1(move[t]):+.1%} the session after"
    )
    return [
        Finding(
            "PRICE_SPIKE", HARD, bars.day[rows], f"{detail} ({first_days(bars.day[rows])})", known=bars.day[rows + 1]
        )
    ]


def copied(bars: Bars, policy: DataPolicy) -> list[Finding]:
    """Rows that repeat all four prices and the volume of the row before, at least ``repeated_rows`` in one run.

    The first row of a run is a market, what follows it a copy. Known from the row that makes the run long enough.
    """
    same = _repeats(bars) & (bars.volume > 0.0)
    starts = np.flatnonzero(same & ~np.append(False, same[:-1]))
    rows: list[int] = []
    known: list[int] = []
    for start in starts.tolist():
        end = start
        while end < len(bars) and same[end]:
            end += 1
        if end - start + 1 >= policy.repeated_rows:
            told = start + policy.repeated_rows - 2
            rows += range(start, end)
            known += [max(t, told) for t in range(start, end)]
    if not rows:
        return []
    detail = f"from {on(bars.day[rows[0]])} prices and volume repeat the row before, {len(rows)} rows in all"
    return [Finding("COPIED_ROWS", HARD, bars.day[rows], detail, known=bars.day[known])]


def _repeats(bars: Bars) -> Mask:
    same = np.ones(len(bars), dtype=bool)
    if len(bars):
        same[0] = False
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(bars, name)
        same[1:] &= values[1:] == values[:-1]
    return same

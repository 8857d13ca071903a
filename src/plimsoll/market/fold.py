"""Fold bars of every calendar onto one grid of NYSE sessions (U5), and macro series as known then (D18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import MacroSeries
from plimsoll.core.panel import FIELDS, Floats
from plimsoll.core.sessions import Sessions
from plimsoll.market.actions import forward_index
from plimsoll.market.quality import Assessment

Days = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """The (T, N) arrays of a panel, by field name, and ``fresh`` (T, N)."""

    fields: dict[str, Floats]
    fresh: NDArray[np.bool_]


def fold(found: Sequence[Assessment], calendars: Sequence[Days], sessions: Sessions) -> Grid:
    """Put the usable bars of N symbols on T session rows.

    A bar of a day without a session joins the next session's row: open of the first, high and low over all, close
    and index of the last, volume and dividends summed, splits multiplied. A bar after the last session waits for a
    row that does not exist yet and stays out. NaN (dividend 0, split 1) where a row has no bar.

    Parameters
    ----------
    found : per symbol its assessed bars; calendars : per symbol the expected days of its own calendar.
    """
    shape = (len(sessions), len(found))
    fields = {name: np.full(shape, {"dividend": 0.0, "split": 1.0}.get(name, np.nan)) for name in FIELDS}
    fresh = np.zeros(shape, dtype=bool)
    for column, (one, calendar) in enumerate(zip(found, calendars, strict=True)):
        _fold_symbol(one, sessions.days, fields, column)
        fresh[:, column] = _fresh(one.bars.day, calendar, sessions.days)
    return Grid(fields, fresh)


def macro_on(series: Mapping[str, MacroSeries], sessions: Sessions) -> tuple[Floats, tuple[str, ...]]:
    """(T, S) each series as known at each session's decision, and their names in order; NaN before the first.

    Known at a row are observations with ``known`` on or before its day; of those the newest day's newest vintage
    counts (D18).
    """
    names = tuple(sorted(series))
    table = np.full((len(sessions), len(names)), np.nan)
    for column, name in enumerate(names):
        one = series[name]
        order = np.lexsort((one.day, one.known))
        day, known, value = one.day[order], one.known[order], one.value[order]
        newest = np.maximum.accumulate(np.where(day >= np.maximum.accumulate(day), np.arange(day.size), 0))
        at = np.searchsorted(known, sessions.days, side="right") - 1
        table[at >= 0, column] = value[newest[at[at >= 0]]]
    return table, names


def _fold_symbol(one: Assessment, days: Days, fields: Mapping[str, Floats], column: int) -> None:
    row = np.searchsorted(days, one.bars.day, side="left")
    kept = int(np.searchsorted(row, days.size, side="left"))
    if not kept:
        return
    row = row[:kept]
    first = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    last = np.append(first[1:], kept) - 1
    at = row[first]
    bars, actions = one.bars, one.actions
    index = forward_index(bars, actions)[:kept][last]
    fields["open"][at, column] = bars.open[first]
    fields["high"][at, column] = np.maximum.reduceat(bars.high[:kept], first)
    fields["low"][at, column] = np.minimum.reduceat(bars.low[:kept], first)
    fields["close"][at, column] = bars.close[last]
    fields["volume"][at, column] = np.add.reduceat(bars.volume[:kept], first)
    fields["dividend"][at, column] = np.add.reduceat(actions.dividend[:kept], first)
    fields["split"][at, column] = np.multiply.reduceat(actions.split[:kept], first)
    fields["index"][at, column] = index / index[0]


def _fresh(held: Days, calendar: Days, days: Days) -> NDArray[np.bool_]:
    """Whether the newest bar on or before each session is the newest its calendar expected by then (D15)."""
    if not held.size or not calendar.size:
        return np.zeros(days.size, dtype=bool)
    have = np.searchsorted(held, days, side="right") - 1
    want = np.searchsorted(calendar, days, side="right") - 1
    return np.asarray((have >= 0) & (held[have] >= calendar[want]))

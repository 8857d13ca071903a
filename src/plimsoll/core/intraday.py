"""Intraday bars, as read by intraday models and replayed by the Monte Carlo of the governor (H4, H8)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class IntradayBars:
    """Bars of one symbol inside trading hours, in order of time; every array is (n,).

    Parameters
    ----------
    step : seconds one bar covers.
    start : UTC seconds at which a bar begins; it is known ``step`` later.
    day : days since 1970-01-01 of its session.
    opened, closes : UTC seconds of its session's own open and close, half-days included.
    open, high, low, close : USD, finite and positive. volume : units, not negative.
    """

    symbol: str
    step: int
    start: Ints
    day: Ints
    opened: Ints
    closes: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return int(self.start.size)

    def before(self, row: int) -> Self:
        """The bars before a row."""
        return self._rows(slice(0, row))

    def between(self, first: int | None, last: int | None) -> Self:
        """The bars of the sessions from one day number to another, both included; None is no bound."""
        start = 0 if first is None else int(np.searchsorted(self.day, first))
        end = len(self) if last is None else int(np.searchsorted(self.day, last, side="right"))
        return self._rows(slice(start, end))

    def _rows(self, rows: slice) -> Self:
        arrays = [f.name for f in fields(self) if f.name not in ("symbol", "step")]
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    @property
    def first_of_session(self) -> NDArray[np.bool_]:
        """True at the first bar of each session."""
        return np.concatenate([[True], self.day[1:] != self.day[:-1]]) if len(self) else np.zeros(0, np.bool_)

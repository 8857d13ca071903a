"""Daily bars of one symbol as arrays: what providers hand to certification and the store keeps (D12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Bars:
    """Rows in the order they were read; NaN where a value is absent.

    ``day`` is days since 1970-01-01 in the symbol's own calendar. ``close`` is the traded price (split-adjusted
    where the source has no ``split``), ``adj_close`` dividend- and split-adjusted. ``dividend`` (cash per unit,
    on the ex-date) and ``split`` (new units per old) are NaN throughout where the source carries none.
    """

    day: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adj_close: Floats
    volume: Floats
    dividend: Floats
    split: Floats

    def __len__(self) -> int:
        return int(self.day.size)

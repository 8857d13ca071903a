"""Daily bars and macro observations as arrays, exchanged by providers, certification and the store (D12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Flag

Floats = NDArray[np.float64]
PRICES = ("open", "high", "low", "close", "adj_close")
COLUMNS = (*PRICES, "volume", "dividend", "split")


@dataclass(frozen=True, eq=False, slots=True)
class Bars:
    """Rows of one symbol in the order they were read; NaN where a value is absent.

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

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Bars:
        """The rows at these positions, or where the mask is True."""
        return Bars(self.day[rows], *(getattr(self, name)[rows] for name in COLUMNS))


@dataclass(frozen=True, eq=False, slots=True)
class MacroSeries:
    """Observations of one series: the ``day`` each describes, its ``value``, the day it was ``known`` (D18).

    Days are since 1970-01-01. A value counts at the decision of a session on or after ``known``.
    """

    day: NDArray[np.int64]
    value: Floats
    known: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.day.size)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A named person's statement on the jump of ``symbol`` on ``date`` (ISO), recorded ``at`` an ISO instant (D10).

    ``act`` is confirm or revoke; the last record of a day applies. ``detail`` has the figures that were confirmed.
    """

    act: str
    symbol: str
    date: str
    person: str
    reason: str
    at: str
    detail: str


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A durable page of a provider: its number in the reading, the cursor that follows it, whether it is the last one,
    and the SHA-256 of its archived content (D13).
    """

    number: int
    cursor: str
    last: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of one ingestion run for one symbol (D13).

    ``status`` is OK, FAILED or MACRO; ``flags`` are findings that only the reading could make (order, duplicates);
    ``first`` and ``last`` are the ISO dates of the rows read, empty without any; ``archived`` is the SHA-256 of
    the archived payload. ``days`` has every day number of each flag, in order; ``source`` is the identity of the rows
    when they were read (D10), empty where it was not kept.
    """

    run: str
    symbol: str
    provider: str
    status: str
    rows: int
    reasons: tuple[str, ...] = ()
    message: str = ""
    flags: tuple[Flag, ...] = ()
    first: str = ""
    last: str = ""
    archived: str = ""
    days: tuple[tuple[int, ...], ...] = ()
    source: str = ""

"""What was found in one symbol's bars, day by day (D10): the rows behind every dated flag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import iso_day
from plimsoll.core.panel import Flag

HARD = "hard"
NOTE = "note"


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """One kind of defect with every day it concerns.

    ``days`` are day numbers since 1970-01-01, ascending, at least one. ``severity`` is what the finding weighs on the
    days it is recent: ``hard`` bars new risk, ``note`` does not. ``known`` is the day from which each of ``days`` can
    be known, (n,) like it; absent means at once, at the close of that day. ``detail`` is one sentence with the figures
    of the first or worst day, for a person; never parsed.
    """

    reason: str
    severity: str
    days: NDArray[np.int64]
    detail: str = ""
    known: NDArray[np.int64] | None = None

    def flag(self) -> Flag:
        """The finding as the manifest keeps it: first and last day and how many there are."""
        first, last = iso_day(int(self.days[0])), iso_day(int(self.days[-1]))
        return Flag(self.reason, self.severity, first, last, int(self.days.size), self.detail)

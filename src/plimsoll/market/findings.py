"""Findings on one symbol's bars, day by day (D10): the rows behind every dated flag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.dates import iso_day
from plimsoll.core.panel import Bools, Flag, Floats
from plimsoll.core.policy import DataPolicy

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

    def until(self, day: int) -> Finding | None:
        """The part that was known by ``day``; None when nothing was."""
        kept = (self.days if self.known is None else self.known) <= day
        if kept.all():
            return self
        known = None if self.known is None else self.known[kept]
        return replace(self, days=self.days[kept], known=known) if kept.any() else None


def score_of(
    missing: float | Floats,
    doubled: float | Floats,
    non_positive: bool | Bools,
    jumped: bool | Bools,
    policy: DataPolicy,
) -> Floats:
    """Quality of D10, of one history or session by session: 1 - (0.3 missing share + 0.2 duplicate share + 0.2 [a
    price at or below zero] + 0.3 [an unexplained jump]), never below zero; the weights are the policy's.
    """
    lost: Floats = np.asarray(policy.score_missing * missing + policy.score_duplicate * doubled)
    lost = lost + policy.score_non_positive * np.asarray(non_positive, dtype=np.float64)
    lost = lost + policy.score_jump * np.asarray(jumped, dtype=np.float64)
    return np.maximum(0.0, 1.0 - lost)

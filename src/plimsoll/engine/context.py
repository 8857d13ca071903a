"""Inputs shared by the steps of one cycle."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import HeldPair
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.restraint import Restraint
from plimsoll.core.state import State
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.lifecycle import StrategyEvidence
from plimsoll.engine.outlook import Regime
from plimsoll.engine.run_context import RunContext
from plimsoll.risk.comovement import ComovementStep
from plimsoll.risk.ladder import LadderStep
from plimsoll.risk.stops import StopStep

Floats = NDArray[np.float64]


class CycleContext(msgspec.Struct, frozen=True, eq=False):
    """A cycle's inputs and the results of its first five steps; frozen, and passed to every later step.

    ``following`` is the strategies' evidence before the auction, None when lifecycle tracking is off; ``stale`` (N,)
    freshness codes; ``pairs`` the pairs of held or targeted symbols that move alike. ``limits`` are in force, and
    ``frozen`` the reasons why no position may grow: a later step that adds to either makes a new context.
    """

    view: View
    state: State
    run: RunContext
    book: MarkedBook
    following: StrategyEvidence | None
    regime: Regime
    ladder: LadderStep
    stops: StopStep
    stale: Floats
    comovement: ComovementStep
    pairs: tuple[HeldPair, ...]
    limits: LimitSet
    frozen: tuple[str, ...]

    @property
    def restraint(self) -> Restraint:
        """Restraint that the drawdown ladder imposes on this session (R4)."""
        return self.ladder.restraint

    @property
    def drawdown_lifetime(self) -> float:
        """Drawdown from the highest close of the account's lifetime, a positive fraction of it."""
        return 1.0 - self.book.nav / self.ladder.state.lifetime_peak

    @property
    def drawdown_episode(self) -> float:
        """Drawdown from the highest close since the ladder's last re-entry, a positive fraction of it."""
        return 1.0 - self.book.nav / self.ladder.state.episode_peak

"""Measure the held book and the proposal once; gates and vetoes judge the figures (step 10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.measurements import Measurements
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.measures.cvar import cvar
from plimsoll.measures.linear import combine

Floats = NDArray[np.float64]
Lots = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Tails:
    """A scenario set made ready for measuring any book on its columns."""

    scenarios: ScenarioSet
    confidence: float
    blind: NDArray[np.bool_] | None  # (k,) columns that cannot be measured; None: all can
    filtered: dict[int, Floats]
    stressed: dict[int, Floats]

    def covers(self, columns: NDArray[np.int64]) -> bool:
        """True when every one of ``columns`` has scenarios here, stressed ones included."""
        return bool(self.stressed) and bool(np.isin(columns, self.scenarios.columns).all())

    @classmethod
    def of(cls, scenarios: ScenarioSet, confidence: float) -> Tails:
        """Columns that cannot be measured are zeroed here and remembered, so that 0 x NaN spoils nothing."""
        if not scenarios.unmeasurable:
            return cls(scenarios, confidence, None, scenarios.filtered, scenarios.stressed)
        blind = np.array([int(c) in scenarios.unmeasurable for c in scenarios.columns], dtype=bool)
        clean = {h: np.where(blind, 0.0, r) for h, r in scenarios.filtered.items()}
        stressed = {h: np.where(blind, 0.0, r) for h, r in scenarios.stressed.items()}
        return cls(scenarios, confidence, blind, clean, stressed)

    def of_book(self, weights: Floats, *, stressed: bool = False) -> dict[int, float]:
        """CVaR per horizon of (N,) weights, fraction of NAV; NaN where a holding cannot be measured (U6).

        A holding outside the set's columns cannot be measured either.
        """
        w = weights[self.scenarios.columns]
        if np.count_nonzero(w) != np.count_nonzero(weights):
            return dict.fromkeys(self.scenarios.filtered, float("nan"))
        sets = self.stressed if stressed else self.filtered
        if self.blind is not None and w[self.blind].any():
            return dict.fromkeys(self.scenarios.filtered, float("nan"))
        if not np.count_nonzero(w):
            return dict.fromkeys(self.scenarios.filtered, 0.0)
        return {h: max(0.0, cvar(-combine(returns, w), self.confidence)) for h, returns in sets.items()}

    def alone(self, column: int, horizon: int) -> float:
        """CVaR of one unit of one column, fraction of its value; NaN when it cannot be measured."""
        at = int(np.searchsorted(self.scenarios.columns, column))
        if at == self.scenarios.columns.size or self.scenarios.columns[at] != column:
            return float("nan")
        if self.blind is not None and self.blind[at]:
            return float("nan")
        return cvar(-self.filtered[horizon][:, at], self.confidence)


def resting(
    *,
    nav: int,
    held: Floats,
    cvar_held: dict[int, float],
    drawdown_episode: float,
    drawdown_lifetime: float,
    symbols: tuple[str, ...],
) -> Measurements:
    """The figures of a book that stays as it is: proposed is held, nothing increases."""
    nothing = _nothing(held.size)
    gross = float(np.abs(held).sum())
    return Measurements(
        nav_cents=nav,
        held=held,
        proposed=held,
        increases=_nowhere(held.size),
        gross_held=gross,
        gross_proposed=gross,
        cash_proposed=1.0 - float(held.sum()),
        cvar_held=cvar_held,
        cvar_base=cvar_held,
        cvar_proposed=cvar_held,
        stressed_base={},
        stressed_proposed={},
        standalone={},
        incremental=nothing,
        turnover=0.0,
        trades=0,
        exempt_trades=0,
        exempt_turnover=0.0,
        adv_share=nothing,
        drawdown_episode=drawdown_episode,
        drawdown_lifetime=drawdown_lifetime,
        symbols=symbols,
    )


@lru_cache(maxsize=4)
def _nothing(size: int) -> Floats:
    """Zeros nobody may write to."""
    zeros = np.zeros(size)
    zeros.setflags(write=False)
    return zeros


@lru_cache(maxsize=4)
def _nowhere(size: int) -> NDArray[np.bool_]:
    """No column, read-only."""
    nowhere = np.zeros(size, dtype=bool)
    nowhere.setflags(write=False)
    return nowhere


def measure(
    *,
    nav: int,
    held: Floats,
    order_weights: Floats,
    adv_share: Floats,
    tails: Tails,
    cvar_held: dict[int, float],
    horizon: int,
    drawdown_episode: float,
    drawdown_lifetime: float,
    symbols: tuple[str, ...],
) -> Measurements:
    """Everything the gates ask of a proposal ``held + order_weights``, (N,) fractions of NAV.

    ``horizon`` (sessions) is the auction's. Figures of a book without increases are the held ones: nothing that
    only reduces is judged on them (R1).
    """
    proposed = held + order_weights
    increases = np.asarray(np.abs(proposed) > np.abs(held))
    reductions = np.asarray((order_weights != 0.0) & ~increases)
    n = held.size
    gross_held, gross_proposed = float(np.abs(held).sum()), float(np.abs(proposed).sum())
    standalone = {h: np.zeros(n) for h in cvar_held}
    incremental = np.zeros(n)
    base = after = cvar_held
    stressed_base: dict[int, float] = {}
    stressed_after: dict[int, float] = {}
    if np.count_nonzero(increases):
        base_book = np.where(increases, held, proposed)
        base = tails.of_book(base_book) if reductions.any() else cvar_held
        after = tails.of_book(proposed)
        stressed_base = tails.of_book(base_book, stressed=True)
        stressed_after = tails.of_book(proposed, stressed=True)
        for i in increases.nonzero()[0].tolist():
            for h, values in standalone.items():
                values[i] = abs(proposed[i]) * tails.alone(i, h)
            alone = base_book.copy()
            alone[i] = proposed[i]
            incremental[i] = tails.of_book(alone)[horizon] - base[horizon]
    elif reductions.any():
        base = after = tails.of_book(proposed)
    return Measurements(
        nav_cents=nav,
        held=held,
        proposed=proposed,
        increases=increases,
        gross_held=gross_held,
        gross_proposed=gross_proposed,
        cash_proposed=1.0 - float(proposed.sum()),
        cvar_held=cvar_held,
        cvar_base=base,
        cvar_proposed=after,
        stressed_base=stressed_base,
        stressed_proposed=stressed_after,
        standalone=standalone,
        incremental=incremental,
        turnover=0.5 * float(np.abs(order_weights).sum()),
        trades=int(np.count_nonzero(order_weights)),
        exempt_trades=int(np.count_nonzero(reductions)),
        exempt_turnover=0.5 * float(np.abs(order_weights[reductions]).sum()),
        adv_share=adv_share,
        drawdown_episode=drawdown_episode,
        drawdown_lifetime=drawdown_lifetime,
        symbols=symbols,
    )

"""Measure the current positions and the proposal once, for gates and vetoes (step 11)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.limits import LimitSet
from plimsoll.core.measurements import Measurements
from plimsoll.core.scenarios import ScenarioSet, StressedSet
from plimsoll.measures.cvar import cvar_of, cvar_of_rows
from plimsoll.measures.linear import combine, combine_each

Floats = NDArray[np.float64]
Lots = NDArray[np.int64]

_TOGETHER = 64  # columns laid out together: 1,260 rows of them are 645 KB; so few are measured without bounds
_ROUNDING = 1e-9  # added to a bound, covers rounding of the sum


class Tails(msgspec.Struct, frozen=True, eq=False):
    """A scenario set prepared for measuring any portfolio on its columns; each portfolio is measured once.

    Rounds of a proposal share the portfolio after reductions: ``known`` and ``known_stressed`` cache figures by the
    bytes of the weights.
    """

    scenarios: ScenarioSet
    confidence: float
    blind: NDArray[np.bool_] | None  # (k,) columns that cannot be measured; None: all can
    filtered: dict[int, Floats]
    stressed: tuple[StressedSet, ...]
    known: dict[bytes, dict[int, float]] = msgspec.field(default_factory=dict)
    known_stressed: dict[bytes, tuple[dict[int, float], dict[int, str]]] = msgspec.field(default_factory=dict)

    def covers(self, columns: NDArray[np.int64]) -> bool:
        """True when every one of ``columns`` has scenarios here, stressed ones included."""
        return bool(self.stressed) and self.holds(columns)

    def holds(self, columns: NDArray[np.int64]) -> bool:
        """True when every one of ``columns`` has scenarios here."""
        of_set = self.scenarios.columns
        at = of_set.searchsorted(columns)
        return bool((at < of_set.size).all() and (of_set[at] == columns).all())

    @classmethod
    def of(cls, scenarios: ScenarioSet, confidence: float) -> Tails:
        """Columns that cannot be measured are zeroed and recorded, so that 0 x NaN spoils no sum."""
        if not scenarios.unmeasurable:
            return cls(scenarios, confidence, None, scenarios.filtered, scenarios.stressed)
        blind = np.array([int(c) in scenarios.unmeasurable for c in scenarios.columns], dtype=bool)
        clean = {h: np.where(blind, 0.0, r) for h, r in scenarios.filtered.items()}
        stressed = tuple(
            StressedSet(s.name, {h: np.where(blind, 0.0, r) for h, r in s.returns.items()}, s.confidence)
            for s in scenarios.stressed
        )
        return cls(scenarios, confidence, blind, clean, stressed)

    def of_book(self, weights: Floats) -> dict[int, float]:
        """CVaR per horizon of (N,) weights, fraction of NAV; NaN where a holding cannot be measured (U6).

        A holding outside the set's columns cannot be measured either.
        """
        key = weights.tobytes()
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = self._of_books((weights,), self.filtered, self._confidences)[0]
        return known

    @property
    def _confidences(self) -> dict[int, float]:
        return dict.fromkeys(self.filtered, self.confidence)

    def of_books(self, books: Sequence[Floats]) -> list[dict[int, float]]:
        """``of_book`` of several portfolios, in one pass over the scenarios."""
        keys = [book.tobytes() for book in books]
        new = {key: book for key, book in zip(keys, books, strict=True) if key not in self.known}
        if new:
            found = self._of_books(list(new.values()), self.filtered, self._confidences)
            self.known.update(zip(new, found, strict=True))
        return [self.known[key] for key in keys]

    def stressed_of_book(self, weights: Floats) -> tuple[dict[int, float], dict[int, str]]:
        """Stressed CVaR per horizon of (N,) weights, and the set it comes from: the largest of the sets (R2).

        NaN where a holding cannot be measured on any of them; empty while no set is known.
        """
        return self.stressed_of_books((weights,))[0]

    def stressed_of_books(self, books: Sequence[Floats]) -> list[tuple[dict[int, float], dict[int, str]]]:
        """``stressed_of_book`` of several portfolios."""
        keys = [book.tobytes() for book in books]
        new = {key: book for key, book in zip(keys, books, strict=True) if key not in self.known_stressed}
        if new:
            self.known_stressed.update(zip(new, self._largest(list(new.values())), strict=True))
        return [self.known_stressed[key] for key in keys]

    def _largest(self, books: Sequence[Floats]) -> list[tuple[dict[int, float], dict[int, str]]]:
        largest: list[tuple[dict[int, float], dict[int, str]]] = [({}, {}) for _ in books]
        for one in self.stressed:
            for (most, of), found in zip(largest, self._of_books(books, one.returns, one.confidence), strict=True):
                for h, value in found.items():
                    if h not in most or value > most[h] or value != value:  # unknown on one set is unknown overall
                        most[h], of[h] = value, one.name
        return largest

    def _of_books(
        self, books: Sequence[Floats], sets: dict[int, Floats], confidence: dict[int, float]
    ) -> list[dict[int, float]]:
        found = [dict.fromkeys(self.scenarios.filtered, float("nan")) for _ in books]
        measured = []
        for k, weights in enumerate(books):
            w = self._weights(weights)
            if w is None:
                continue
            if np.count_nonzero(w):
                measured.append((k, w))
            else:
                found[k] = dict.fromkeys(self.scenarios.filtered, 0.0)
        for k, _ in measured:
            found[k] = {}
        for h, returns in sets.items():
            for (k, _), book in zip(measured, combine_each(returns, [w for _, w in measured]), strict=True):
                value = cvar_of(np.negative(book, out=book), confidence[h])
                found[k][h] = 0.0 if value <= 0.0 else value  # not max(): max() would turn NaN into 0
        return found

    def _weights(self, weights: Floats) -> Floats | None:
        """The (N,) weights on the set's columns; None where one that is held cannot be measured."""
        w = weights[self.scenarios.columns]
        if np.count_nonzero(w) != np.count_nonzero(weights) or (self.blind is not None and w[self.blind].any()):
            return None
        return w

    def worst(self, columns: NDArray[np.int64], horizon: int) -> Floats:
        """(m,) largest loss of one unit of each of ``columns``, at least 0; NaN where it cannot be measured.

        An upper bound on the unit's CVaR and on its contribution to a portfolio's CVaR, since CVaR is subadditive. It
        takes a fifth of the time of a CVaR: nothing is copied or sorted.
        """
        found = np.full(columns.size, np.nan)
        seen, at = self._places(columns)
        returns = self.filtered[horizon]
        if len(returns):
            found[seen] = np.maximum(-returns.min(axis=0)[at], 0.0)
        return found

    def _places(self, columns: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of (m,) ``columns`` can be measured, and their position in the set."""
        of_set = self.scenarios.columns
        at = np.minimum(np.searchsorted(of_set, columns), of_set.size - 1) if of_set.size else np.zeros(0, np.intp)
        seen = np.flatnonzero(of_set[at] == columns) if of_set.size else at
        if self.blind is not None:
            seen = seen[~self.blind[at[seen]]]
        return seen, at[seen]

    def alone(self, column: int, horizon: int) -> float:
        """CVaR of one unit of one column, fraction of its value; NaN when it cannot be measured."""
        return float(self.each(np.array([column]), horizon)[0][0])

    def each(
        self, columns: NDArray[np.int64], horizon: int, book: Floats | None = None, added: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """CVaR of one unit of each of (m,) ``columns``, and of (N,) ``book`` with (m,) ``added`` to each alone.

        NaN where it cannot be measured; the second is all NaN without a book. A column's returns are laid out once
        for both, a few columns at a time so that they stay in the processor's cache.
        """
        units, joined = np.full(columns.size, np.nan), np.full(columns.size, np.nan)
        seen, at = self._places(columns)
        if not seen.size:
            return units, joined
        returns = self.filtered[horizon]
        held = None if book is None else self._weights(book)
        whole = None if held is None else -combine(returns, held)
        alone, together = np.empty((2, min(_TOGETHER, seen.size), len(returns)))
        for first in range(0, seen.size, _TOGETHER):
            some, where = seen[first : first + _TOGETHER], at[first : first + _TOGETHER]
            losses = np.negative(returns[:, where].T, out=alone[: some.size])
            if whole is not None and added is not None:
                with_book = np.multiply(losses, added[some, np.newaxis], out=together[: some.size])
                with_book += whole
                joined[some] = np.maximum(cvar_of_rows(with_book, self.confidence), 0.0)
            units[some] = cvar_of_rows(losses, self.confidence)
        return units, joined


def resting(
    *,
    nav: int,
    held: Floats,
    gross: float,
    cvar_held: dict[int, float],
    drawdown_episode: float,
    drawdown_lifetime: float,
    symbols: tuple[str, ...],
) -> Measurements:
    """Figures of unchanged positions of ``gross``: proposed equals current, nothing increases."""
    nothing = _nothing(held.size)
    return Measurements(
        nav_cents=nav,
        held=held,
        proposed=held,
        increases=_nowhere(held.size),
        gross_held=gross,
        gross_proposed=gross,
        cash_proposed=1.0 - float(np.add.reduce(held)),
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
    """Read-only zeros."""
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
    limits: LimitSet | None = None,
) -> Measurements:
    """Every figure the gates need of a proposal ``held + order_weights``, (N,) fractions of NAV.

    ``horizon`` (sessions) is the auction's. Without increases the figures are those of the current positions: a pure
    reduction is not judged on them (R1). An unknown weight counts as an increase.

    With ``limits``, where many positions grow, stand-alone and incremental risk whose upper bound, from the column's
    worst scenario, is inside the limits is given as that bound, which the gates pass. Every figure that a gate could
    refuse is measured; without limits all are.
    """
    proposed = held + order_weights
    increases = np.asarray(~(np.abs(proposed) <= np.abs(held)))  # NaN counts as an increase
    reductions = np.asarray((order_weights != 0.0) & ~increases)
    n = held.size
    gross_held, gross_proposed = float(np.abs(held).sum()), float(np.abs(proposed).sum())
    standalone = {h: np.zeros(n) for h in cvar_held}
    incremental = np.zeros(n)
    base = after = cvar_held
    stressed_base: dict[int, float] = {}
    stressed_after: dict[int, float] = {}
    stressed_on: dict[int, str] = {}
    if np.count_nonzero(increases):
        base_book = np.where(increases, held, proposed)
        if reductions.any():
            base, after = tails.of_books((base_book, proposed))
        else:
            after = tails.of_book(proposed)
        (stressed_base, _), (stressed_after, stressed_on) = tails.stressed_of_books((base_book, proposed))
        grown = increases.nonzero()[0]
        for h, values in standalone.items():
            unsure = grown
            if limits is not None and grown.size > _TOGETHER:
                worst = tails.worst(grown, h) * (1.0 + _ROUNDING)
                values[grown] = np.abs(proposed[grown]) * worst
                shown = values[grown] <= limits.standalone[h][grown]
                if h == horizon:
                    incremental[grown] = order_weights[grown] * worst + _ROUNDING * (1.0 + base[h])
                    shown &= (order_weights[grown] >= 0.0) & (incremental[grown] <= limits.incremental_max[grown])
                unsure = grown[~shown]
            book = base_book if h == horizon else None
            units, joined = tails.each(unsure, h, book, order_weights[unsure])
            values[unsure] = np.abs(proposed[unsure]) * units
            if book is not None:
                incremental[unsure] = joined - base[h]
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
        stressed_on=stressed_on,
    )

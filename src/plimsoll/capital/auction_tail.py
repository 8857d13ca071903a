"""The tail of a scenario set for given positions: its CVaR and which scenarios are in it.

The tail's mass is (1 - confidence)·T scenarios; where that is not whole the last one counts in part
(Rockafellar and Uryasev 2002). Sums here avoid threaded BLAS, whose last bits depend on the thread count (U9).

With very many scenarios most cannot enter the tail at positions near the last ones measured in full: a portfolio return
changes by at most the length of its scenario times the distance between the positions (Cauchy-Schwarz). The scenarios
that can are kept together, and only they are measured again while that bound proves the rest outside the tail.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures.linear import average, combine

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DENSE_COLUMNS: Final = 64  # up to this number, columns are used in place; of more, those ever held are copied
_CACHED: Final = 1 << 17  # figures that stay in the processor's cache: 1 MB
_MANY: Final = 8_000  # number of scenarios from which leaving out those far from the tail saves time
_NEAR: Final = 3  # scenarios kept near the tail, in multiples of its size
_RISE: Final = 0.05  # of the tail's best return: how far it may rise before all must be measured again
_ROUNDING: Final = 1e-9  # relative safety margin on the distance for which the others are proven outside
_TINY: Final = float(np.finfo(np.float64).tiny)
_WHOLE: Final = 1e-9  # relative: 1 - 0.95 is not exactly 0.05, and 63.00000000000006 scenarios are 63


class Members(NamedTuple):
    """The tail: its scenarios ``rows`` in ascending order, and the ``last`` one, which may count in part."""

    rows: Ints
    last: int


class TailState(NamedTuple):
    """Portfolio returns in the scenarios for given positions.

    ``cvar`` is a positive loss; ``threshold`` the tail's best return; ``returns`` (k,) are those of the scenarios
    ``rows`` (ascending, None for all), which include the whole tail.
    """

    cvar: float
    threshold: float
    returns: Floats
    rows: Ints | None

    def scenarios(self, which: Mask) -> Ints:
        """Indices of the scenarios selected by the mask ``which`` (k,) over ``returns``."""
        found = which.nonzero()[0]
        return found if self.rows is None else self.rows[found]


class _Near(NamedTuple):
    """The scenarios (k,) that may be in the tail at positions within ``radius`` of ``book`` with a threshold below
    ``bound``, and a copy (k, m) of them.
    """

    rows: Ints
    sample: Floats
    book: Floats
    radius: float
    bound: float


class ScenarioTail:
    """One scenario set (T, m) of equally likely returns, its confidence and its limit on CVaR.

    The tail is ``count`` scenarios of which the last counts ``part``, in (0, 1]; ``mass`` is their sum.
    ``lengths`` (T,) are the Euclidean lengths of the scenarios. Cached values save time and change no result.
    """

    __slots__ = (
        "_columns", "_held", "_near", "_place", "_slope", "_whole", "cap", "confidence", "count", "lengths", "mass",
        "part", "scenarios",
    )  # fmt: skip

    def __init__(self, scenarios: Floats, confidence: float, cap: float, lengths: Floats) -> None:
        size, assets = scenarios.shape
        mass = (1.0 - confidence) * size
        whole = round(mass)
        self.scenarios = scenarios
        self.confidence = confidence
        self.cap = cap
        self.lengths = lengths
        self.mass = float(whole) if whole and abs(mass - whole) <= _WHOLE * size else mass
        self.count = min(ceil(self.mass), size)
        self.part = self.mass - (self.count - 1)
        self._near: _Near | None = None
        self._whole: tuple[TailState, Members] | None = None  # the last answers of members() and slope()
        self._slope: tuple[Members, Floats] | None = None
        self._held: Ints = np.empty(0, dtype=np.int64)  # columns held by any book so far
        self._columns: Floats = np.empty((0, size))  # and a copy of them, a row each
        self._place: Ints = np.full(assets, -1)  # (m,) where in that copy

    @property
    def many(self) -> bool:
        """Whether there are enough scenarios for leaving out those far from the tail to save time."""
        size = int(self.scenarios.shape[0])
        return size > _MANY and size >= 2 * _NEAR * self.count

    def thinned(self, step: int) -> ScenarioTail:
        """Every ``step``-th scenario, with the same confidence and limit."""
        return ScenarioTail(
            np.ascontiguousarray(self.scenarios[::step]), self.confidence, self.cap, self.lengths[::step]
        )

    def at(self, positions: Floats) -> TailState:
        """The tail at ``positions`` (m,)."""
        near = self._near
        if near is not None:
            away = positions - near.book
            if sqrt(float(np.einsum("i,i->", away, away))) <= near.radius:
                found = self._measured(combine(near.sample, positions), near.rows)
                if found.threshold < near.bound:
                    return found
        found = self._measured(self._returns(positions), None)
        if self.many:
            self._near = self._gather(positions, found)
        return found

    def members(self, place: TailState) -> Members:
        """The scenarios in the tail; ties at its edge go to the earlier ones, independent of any sort."""
        if self._whole is not None and self._whole[0] is place:
            return self._whole[1]
        rows = place.scenarios(place.returns <= place.threshold)
        edge = place.scenarios(place.returns == place.threshold)
        extra = rows.shape[0] - self.count
        if extra > 0:
            rows = np.setdiff1d(rows, edge[-extra:], assume_unique=True)
            edge = edge[:-extra]
        found = Members(rows, int(edge[-1]))
        self._whole = place, found
        return found

    def slope(self, members: Members) -> Floats:
        """Minus the sum of the tail's scenarios over its mass, (m,): the slope of CVaR in the positions."""
        if self._slope is None or self._slope[0] is not members:
            self._slope = members, self.slope_of(members, members.rows)
        return self._slope[1]

    def slope_of(self, members: Members, rows: Ints) -> Floats:
        """The part of the slope that the scenarios ``rows`` of the ``members`` contribute, (m,)."""
        total = self._sum(rows)
        if self.part != 1.0 and (rows is members.rows or members.last in rows):
            total -= (1.0 - self.part) * self.scenarios[members.last]
        total /= -self.mass
        return np.asarray(total)

    def _sum(self, rows: Ints) -> Floats:
        """The sum (m,) of the scenarios ``rows``, some thousand figures at a time."""
        block = max(_CACHED // max(self.scenarios.shape[1], 1), 1)
        if rows.shape[0] <= block:
            return np.asarray(np.add.reduce(self.scenarios.take(rows, axis=0), axis=0))
        total, taken = np.zeros(self.scenarios.shape[1]), np.empty((block, self.scenarios.shape[1]))
        for first in range(0, rows.shape[0], block):
            some = rows[first : first + block]
            total += np.add.reduce(self.scenarios.take(some, axis=0, out=taken[: some.shape[0]], mode="clip"), axis=0)
        return total

    def _measured(self, returns: Floats, rows: Ints | None) -> TailState:
        worst = returns.copy()
        worst.partition(self.count - 1)
        threshold = float(worst[self.count - 1])
        total = float(np.add.reduce(worst[: self.count])) - (1.0 - self.part) * threshold
        return TailState(-total / self.mass, threshold, returns, rows)

    def _returns(self, positions: Floats) -> Floats:
        """Return (T,) of ``positions`` (m,) in each scenario."""
        if positions.shape[0] <= _DENSE_COLUMNS or self.many:
            return combine(self.scenarios, positions)
        held = positions.nonzero()[0]
        new = held[self._place[held] < 0]
        if new.shape[0]:
            self._place[new] = np.arange(new.shape[0]) + self._held.shape[0]
            self._held = np.concatenate((self._held, new))
            self._columns = np.concatenate((self._columns, self.scenarios.take(new, axis=1).T))
        return average(positions[self._held], self._columns)

    def _gather(self, book: Floats, place: TailState) -> _Near:
        """The scenarios that would be the first to reach the tail as positions move away from ``book``."""
        bound = place.threshold + _RISE * abs(place.threshold)
        reach = (place.returns - bound) / np.maximum(
            self.lengths, _TINY
        )  # of the book, before the scenario's return can be at the bound
        kept = _NEAR * self.count
        order = np.argpartition(reach, kept)
        rows = np.sort(order[:kept])
        radius = float(reach[order[kept]]) * (1.0 - _ROUNDING)
        return _Near(rows, self.scenarios.take(rows, axis=0), book.copy(), radius, bound)

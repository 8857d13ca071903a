"""Cutting planes for the mean-CVaR auction: an exact answer from a handful of small re-solves in HiGHS.

The master programme has one column a bid, one for the CVaR in the objective, and one for the selling of each held
asset that costs something. CVaR is convex in the book, and its slope at a book is minus the mean of that book's
tail, so every tail met is a plane below the true CVaR (Künzi-Bay and Mayer 2006). Where a CVaR is only a limit,
planes are cut against the limit itself.

Planes alone crawl where the answer sits at the corner of many tails. From the fourth round on the scenarios that
keep entering and leaving the tail get a column of their own, as in the programme of Rockafellar and Uryasev (2000):
with a level a and excesses z_j >= loss_j - a >= 0 for those j in S, and D the settled rest of the tail,

    a + (sum over D of (loss_j - a) + sum over S of z_j) / mass  <=  CVaR

holds for every D and S once a is the value at risk, so all such rows share one level and stay valid, and with
D + S covering the present tail the row is exact there. Few scenarios ever need a column.

The basis is kept from round to round inside one solve and dropped after it (U9).
"""

from __future__ import annotations

from math import inf
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_frame import Frame, Solved, SolveFailed, frame, power_of_two, prices, quiet_solver, run
from plimsoll.capital.auction_problem import Form
from plimsoll.capital.auction_tail import Members, Tail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32 = NDArray[np.int32]

_PLAIN_ROUNDS: Final = 3  # rounds of planes alone; the first tails are too far off to be worth columns
_ROUNDS_MAX: Final = 1000
_NEW_COLUMNS_MAX: Final = 400  # tails still moving so much are cut by a plane
_VIOLATION: Final = 4e-10  # of rows scaled to coefficients near 1; the solver's own tolerance is 1e-10
_ZERO_PRICE: Final = 1e-9  # reduced costs below it, of an objective scaled to about 1, are ties


class _Set:
    """What the master knows of one scenario set: its rows, and which scenarios have a column."""

    __slots__ = ("aggregates", "columns", "index", "inside", "level", "priced", "scale", "tail")

    def __init__(self, index: int, tail: Tail, scale: float, *, priced: bool) -> None:
        self.index = index
        self.tail = tail
        self.scale = scale
        self.priced = priced  # in the objective, hence cut against its own column and not against its limit
        self.level = -1
        self.aggregates: list[int] = []
        self.columns: dict[int, int] = {}  # scenario -> its excess column
        self.inside: NDArray[np.bool_] | None = None  # the tail at the last cut


class Master:
    """The growing linear programme of one solve."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.solver = quiet_solver()
        self.sets: list[_Set] = []
        self.cuts = 0
        start = self._starting_point()
        first = [tail.measure(start)[1] for tail in form.tails]
        laid = self._lay([tail.gradient(members) for tail, members in zip(form.tails, first, strict=True)])
        laid.pass_to(self.solver, self.scale)
        self.column_count, self.row_count = laid.columns, laid.rows
        self.priced_column = laid.columns - 1 if laid.priced else -1
        self.every_bid = np.arange(form.bids, dtype=np.int32)
        if self.sets:
            self._cut([(known, first[known.index]) for known in self.sets], plain=True)

    def optimise(self) -> None:
        """Cut until no limit is exceeded and the CVaR in the objective is the true one, or raise SolveFailed."""
        for round_ in range(_ROUNDS_MAX):
            run(self.solver)
            weights, column = self._read()
            positions = self.form.positions(weights)
            broken: list[tuple[_Set, Members]] = []
            for known in self.sets:
                cvar, members = known.tail.measure(positions)
                bound = column if known.priced else known.tail.cap
                if (cvar - bound) * known.scale > _VIOLATION:
                    broken.append((known, members))
            if not broken:
                return
            self._cut(broken, plain=round_ < _PLAIN_ROUNDS)
        raise SolveFailed(f"no optimum after {_ROUNDS_MAX} rounds", infeasible=False)

    def solved(self) -> Solved:
        """Weights and prices at the optimum."""
        solution = self.solver.getSolution()
        row_dual = solution.row_dual
        tails = np.zeros(len(self.form.tails))
        for known in self.sets:
            dual = solution.col_dual[self.priced_column] if known.priced else sum(row_dual[r] for r in known.aggregates)
            tails[known.index] = max(0.0, -dual * known.scale / self.scale)
        return prices(self.form, self.solver, self.scale, tails, self.cuts)

    # -- the programme -------------------------------------------------------------------------------------------

    def _starting_point(self) -> Floats:
        """Every bid at its cap, shrunk to the gross: a book in which each asset's tail is seen."""
        gross = self.form.rows[0][2]
        caps = np.minimum(self.form.upper, gross)
        total = float(caps.sum())
        return self.form.positions(caps if total <= gross else caps * (gross / total))

    def _lay(self, slopes: list[Floats]) -> Frame:
        """The frame with the CVaR column in its set's scale, and the sets that need cutting."""
        form, laid = self.form, frame(self.form)
        for k, (tail, slope) in enumerate(zip(form.tails, slopes, strict=True)):
            priced = laid.priced and k == 0
            if tail.cap < inf or priced:
                self.sets.append(_Set(k, tail, power_of_two(float(np.abs(slope).max())), priced=priced))
        if laid.priced:
            unit = self.sets[0].scale
            laid.cost[-1] /= unit
            # No book's CVaR is below the first plane at its lowest: a finite bound the optimum cannot touch.
            laid.lower[-1] = unit * float(np.minimum(slopes[0][form.asset], 0.0) @ form.upper) - 1.0
            laid.upper[-1] *= unit
        self.scale = power_of_two(float(np.abs(laid.cost).max()))
        return laid

    def _read(self) -> tuple[Floats, float]:
        values = self.solver.getSolution().col_value
        weights = np.clip(np.array(values[: self.form.bids]), 0.0, self.form.upper)
        return weights, values[self.priced_column] / self.sets[0].scale if self.priced_column >= 0 else 0.0

    # -- cuts ----------------------------------------------------------------------------------------------------

    def _cut(self, broken: list[tuple[_Set, Members]], *, plain: bool) -> None:
        """Add to the master what it takes to be exact at the books whose tails are given."""
        rows = _Rows()
        fresh: list[tuple[_Set, Ints]] = []
        for known, members in broken:
            inside = np.zeros(known.tail.scenarios.shape[0], dtype=np.bool_)
            inside[members.rows] = True
            if not plain and known.inside is not None:
                moved = np.flatnonzero(inside ^ known.inside)
                fresh.append((known, np.array([j for j in moved.tolist() if j not in known.columns], dtype=np.int64)))
            known.inside = inside
        fresh = [(known, moved) for known, moved in fresh if 0 < moved.shape[0] <= _NEW_COLUMNS_MAX]
        self._add_columns(fresh)
        for known, moved in fresh:
            self._excess_rows(rows, known, moved)
        for known, members in broken:
            known.aggregates.append(self.row_count + len(rows.lower))
            self._aggregate(rows, known, members)
        rows.add_to(self.solver)
        self.row_count += len(rows.lower)
        self.cuts += len(broken)

    def _add_columns(self, fresh: list[tuple[_Set, Ints]]) -> None:
        lower: list[float] = []
        for known, moved in fresh:
            if known.level < 0:
                known.level = self.column_count + len(lower)
                lower.append(-inf)
            for j in moved.tolist():
                known.columns[j] = self.column_count + len(lower)
                lower.append(0.0)
        added = len(lower)
        if added:
            empty = np.empty(0)
            self.solver.addCols(
                added, np.zeros(added), np.array(lower), np.full(added, inf), 0,
                np.zeros(added, dtype=np.int32), empty.astype(np.int32), empty,
            )  # fmt: skip
            self.column_count += added

    def _excess_rows(self, rows: _Rows, known: _Set, moved: Ints) -> None:
        """Rows ``z_j + a + return_j·w >= 0`` for the scenarios ``moved``."""
        count, n = moved.shape[0], self.form.bids
        value = np.empty((count, n + 2))
        np.multiply(self._by_bid(known.tail.scenarios[moved]), known.scale, out=value[:, :n])
        value[:, n:] = 1.0
        index = np.empty((count, n + 2), dtype=np.int32)
        index[:, :n] = self.every_bid
        index[:, n] = known.level
        index[:, n + 1] = [known.columns[j] for j in moved.tolist()]
        rows.put(0.0, inf, index, value)

    def _aggregate(self, rows: _Rows, known: _Set, members: Members) -> None:
        """One row that is the CVaR of the present tail, and below the CVaR of every other."""
        tail, n = known.tail, self.form.bids
        settled = members.rows
        if known.columns:
            settled = settled[[j not in known.columns for j in settled.tolist()]]
        excess = len(known.columns)
        length = n + (1 + excess if excess else 0) + known.priced
        value, index = np.empty((1, length)), np.empty((1, length), dtype=np.int32)
        np.multiply(self._by_bid(tail.partial(settled, members)), known.scale, out=value[0, :n])
        index[0, :n] = self.every_bid
        if excess:
            whole = settled.shape[0] - (1.0 - members.part if (settled == members.last).any() else 0.0)
            value[0, n], index[0, n] = 1.0 - whole / tail.mass, known.level
            value[0, n + 1 : n + 1 + excess] = 1.0 / tail.mass
            index[0, n + 1 : n + 1 + excess] = list(known.columns.values())
        if known.priced:
            value[0, -1], index[0, -1] = -1.0, self.priced_column
        rows.put(-inf, 0.0 if known.priced else tail.cap * known.scale, index, value)

    def _by_bid(self, by_asset: Floats) -> Floats:
        return by_asset if self.form.plain else by_asset[..., self.form.asset]


class _Rows:
    """Rows waiting to be added in one call."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.lengths: list[int] = []
        self.index: list[Int32] = []
        self.value: list[Floats] = []

    def put(self, lower: float, upper: float, index: Int32, value: Floats) -> None:
        """Keep the rows of ``index`` and ``value`` (rows, entries), all with the same bounds."""
        count = index.shape[0]
        self.lower += [lower] * count
        self.upper += [upper] * count
        self.lengths += [index.shape[1]] * count
        self.index.append(index.ravel())
        self.value.append(value.ravel())

    def add_to(self, solver: highspy.Highs) -> None:
        """Hand everything over."""
        starts = np.zeros(len(self.lengths), dtype=np.int32)
        np.cumsum(self.lengths[:-1], out=starts[1:])
        index, value = np.concatenate(self.index), np.concatenate(self.value)
        solver.addRows(
            len(self.lower), np.array(self.lower), np.array(self.upper), index.shape[0], starts, index, value
        )


def solve_by_cuts(form: Form) -> Solved:
    """Solve ``form``, ties settled by least turnover and then by the order of the bids.

    Raises
    ------
    SolveFailed
        HiGHS found no optimum.
    """
    master = Master(form)
    master.optimise()
    return master.solved()

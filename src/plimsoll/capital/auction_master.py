"""The master problem of one auction: a linear program that grows by cuts (scenarios) and columns (bids).

It has one column per bid, one for the CVaR in the objective, and one for the amount sold of each held asset with a
trading cost. CVaR is convex in the positions, and its slope is minus the mean of the tail's scenarios, so every tail
gives a plane below the true CVaR (Künzi-Bay and Mayer 2006). For a CVaR that is only a limit, planes are cut against
the limit itself.

Planes alone converge slowly where the optimum lies at a corner of many tails, so the scenarios that keep entering and
leaving the tail get a column of their own, as in the program of Rockafellar and Uryasev (2000): with a level a and
excesses z_j >= loss_j - a >= 0 for those j in S, and D the fixed rest of the tail,

    a + (sum over D of (loss_j - a) + sum over S of z_j) / mass  <=  CVaR

holds for every D and S once a is the value at risk, so all such rows share one level and stay valid, and with
D + S covering the present tail the row is exact there. Few scenarios ever need a column.

Bids are priced in as well: with many bids only the most promising start with a column, and the others get one when
their reduced cost at the present optimum is negative (Dantzig and Wolfe 1960).

The basis is kept from round to round inside one solve and dropped after it (U9).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from plimsoll.capital.auction_frame import (
    LpModel,
    Solved,
    SolveFailed,
    build_lp_model,
    power_of_two,
    prices,
    quiet_solver,
    run,
)
from plimsoll.capital.auction_problem import CheckedProblem
from plimsoll.capital.auction_tail import Members, ScenarioTail, TailState
from plimsoll.measures.linear import average

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32 = NDArray[np.int32]

ZERO_PRICE: Final = 1e-9  # a reduced cost below it, of an objective scaled to about 1, is a tie
_ALL_BIDS: Final = 64  # up to this number, all bids have a column from the start
_ENTER: Final = 32  # most bids that get a column in one round
_NEW_COLUMNS_MAX: Final = 400  # a tail that changes by more scenarios is cut by a plane
EDGE: Final = 128  # most scenarios on either side of the tail's edge with a column each in an approximation


class Scenarios:
    """The master's state for one scenario set: its rows, and which scenarios have a column."""

    __slots__ = (
        "aggregates", "column", "excess", "index", "inside", "level", "priced", "row", "scale", "stands_for", "tail",
    )  # fmt: skip

    def __init__(self, index: int, tail: ScenarioTail, scale: float, *, priced: bool) -> None:
        size = tail.scenarios.shape[0]
        self.index = index
        self.tail = tail
        self.scale = scale
        self.priced = priced  # in the objective, so cut against the CVaR column instead of the limit
        self.level = -1  # the column of its level
        self.aggregates: list[int] = []  # rows that bound its CVaR
        self.excess: Ints = np.empty(0, dtype=np.int64)  # scenarios that have a column, in order of entry
        self.column: Int32 = np.full(size, -1, dtype=np.int32)  # (T,) that column
        self.row: Ints = self.excess  # their rows, in the same order
        self.stands_for = 1  # scenarios that each of them represents; more than one in an approximation only
        self.inside: NDArray[np.bool_] | None = None  # (T,) the tail at the last cut


class MasterProblem:
    """The master of ``form`` with columns for ``bids``, and the planes of an allocation: ``places``, one per set."""

    def __init__(self, form: CheckedProblem, bids: Ints, places: Sequence[TailState]) -> None:
        self.form = form
        self.bids = bids
        self.solver = quiet_solver(scaling=1)
        members = [capped for _, capped, _ in form.rows]
        self.cap_bids = np.concatenate(members)  # of every cap, one after the other
        self.cap_rows = np.repeat(np.arange(len(members)), [capped.shape[0] for capped in members])
        self.sets: list[Scenarios] = []
        self.cuts = 0
        tails = [tail.members(place) for tail, place in zip(form.tails, places, strict=True)]
        laid = self._lay([tail.slope(members) for tail, members in zip(form.tails, tails, strict=True)])
        laid.pass_to(self.solver, self.scale)
        self.columns = np.arange(bids.shape[0], dtype=np.int32)  # of the bids, in the same order
        self.first_sale = bids.shape[0]
        self.column_count, self.row_count, self.frame_rows = laid.columns, laid.rows, laid.rows
        self.priced_column = laid.columns - 1 if laid.priced else -1
        self.slopes = np.empty((0, form.assets))  # of the rows after those of the LpModel
        if self.sets:
            self.cut([(known, tails[known.index]) for known in self.sets])

    def optimum(self, *, entry: bool = True) -> tuple[Floats, float]:
        """Weights (n,) and CVaR column of the present problem, or raise SolveFailed.

        If it is infeasible without the absent bids, they get columns when ``entry`` allows it.
        """
        try:
            run(self.solver)
        except SolveFailed as failure:
            absent = np.setdiff1d(np.arange(self.form.bids), self.bids)
            if not entry or not failure.infeasible or not absent.shape[0]:
                raise
            self._enter(absent)
            run(self.solver)
        return self.read()

    def minimise(self, cost: Floats) -> None:
        """Replace the objective's coefficients."""
        self.solver.changeColsCost(self.column_count, np.arange(self.column_count, dtype=np.int32), cost)

    def solved(self) -> Solved:
        """Weights and prices at the optimum."""
        solution = self.solver.getSolution()
        row_dual = solution.row_dual
        tails = np.zeros(len(self.form.tails))
        for known in self.sets:
            dual = solution.col_dual[self.priced_column] if known.priced else sum(row_dual[r] for r in known.aggregates)
            tails[known.index] = max(0.0, -dual * known.scale / self.scale)
        reduced = self._reduced()
        reduced[self.bids] = np.array(solution.col_dual)[self.columns]
        return prices(self.form, self.read()[0], reduced, np.array(row_dual), self.scale, tails, self.cuts)

    def unique(self) -> bool:
        """Whether the optimum is shown to be unique.

        All optima agree on columns and rows with a nonzero price, so only columns without one can move, subject to the
        rows with one: with at least as many such rows as columns none can. A scenario's column counts only together
        with its row, and a set's level, which is free between the tail and the rest, only where a scenario partly in
        the tail fixes it.
        """
        solution = self.solver.getSolution()
        free = np.abs(np.array(solution.col_dual)) <= ZERO_PRICE
        tied = np.abs(np.array(solution.row_dual)) > ZERO_PRICE
        free[self.columns] &= self.form.upper[self.bids] > 0.0
        for known in self.sets:
            if known.level < 0:
                continue
            own, held = known.column[known.excess], tied[known.row]
            partly = held & ~free[own]
            free[own[~held]] = False
            if not (partly.any() and tied[known.aggregates].any()):
                free[known.level] = False
        return int(np.count_nonzero(free)) <= int(np.count_nonzero(tied))

    def hold_to_face(self) -> None:
        """Fix columns and rows with a nonzero price: the feasible set is then the set of optimal allocations."""
        solution = self.solver.getSolution()
        priced = np.flatnonzero(np.abs(np.array(solution.col_dual)) > ZERO_PRICE).astype(np.int32)
        value = np.array(solution.col_value)[priced]
        self.solver.changeColsBounds(priced.shape[0], priced, value, value)
        row_value = solution.row_value
        for row in np.flatnonzero(np.abs(np.array(solution.row_dual)) > ZERO_PRICE).tolist():
            self.solver.changeRowBounds(row, row_value[row], row_value[row])

    def sales_columns(self, others: Ints) -> Ints:
        """Add a sales column for each of the assets ``others``; return all sales columns."""
        form, n = self.form, self.first_sale
        first, count = self.column_count, others.shape[0]
        if count:
            self._add_columns(np.zeros(count), form.current[others])
            rows = _Rows(self.row_count)
            for k, a in enumerate(others.tolist()):
                index = np.append(self.columns[form.asset[self.bids] == a], first + k).astype(np.int32)
                rows.put(float(form.current[a]), inf, index[None, :], np.ones((1, index.shape[0])), self.slopes[:0])
            self.row_count = rows.add_to(self.solver)
        return np.concatenate((np.arange(n, n + form.sellers.shape[0]), np.arange(first, first + count)))

    # -- bids ---------------------------------------------------------------------------------------------------

    def _reduced(self) -> Floats:
        """(n,) reduced cost of each bid, in the solver's scale; a negative one would improve the objective."""
        form, y = self.form, np.array(self.solver.getSolution().row_dual)
        used = y[self.frame_rows :].nonzero()[0]
        by_asset = average(y[self.frame_rows + used], self.slopes[used])
        by_asset[form.sellers] += y[len(form.rows) : self.frame_rows]
        reduced = form.cost * self.scale - by_asset[form.asset]
        for (_, bids, _), price in zip(form.rows, y.tolist(), strict=False):
            if price:
                reduced[bids] -= price
        return reduced

    def admit(self) -> bool:
        """Add columns for bids with a negative reduced cost, the best first; return whether there are any."""
        if self.bids.shape[0] == self.form.bids:
            return False
        reduced = self._reduced()
        reduced[self.bids] = inf
        paying = ((reduced <= ZERO_PRICE) & (self.form.upper > 0.0)).nonzero()[0]
        if not paying.shape[0]:
            return False
        new = np.sort(paying[np.argsort(reduced[paying], kind="stable")[:_ENTER]])
        self._enter(new)
        return True

    def _enter(self, new: Ints) -> None:
        """Add a column for each of the bids ``new``, with its coefficients in every row."""
        form, count = self.form, new.shape[0]
        place = np.full(form.bids, -1)
        place[new] = np.arange(count)
        capped = place[self.cap_bids]
        here = capped >= 0
        caps = np.zeros((count, self.row_count))
        caps[capped[here], self.cap_rows[here]] = 1.0
        for k, a in enumerate(form.sellers.tolist()):
            caps[form.asset[new] == a, len(form.rows) + k] = 1.0
        caps[:, self.frame_rows :] = self.slopes[:, form.asset[new]].T
        which, index = caps.nonzero()
        starts = np.searchsorted(which, np.arange(count)).astype(np.int32)
        self.solver.addCols(
            count, form.cost[new] * self.scale, np.zeros(count), form.upper[new], index.shape[0], starts,
            index.astype(np.int32), caps[which, index],
        )  # fmt: skip
        self.bids = np.concatenate((self.bids, new))
        self.columns = np.concatenate((self.columns, np.arange(count, dtype=np.int32) + self.column_count))
        self.column_count += count

    # -- the program -------------------------------------------------------------------------------------------

    def _lay(self, slopes: list[Floats]) -> LpModel:
        """The frame with the CVaR column in its set's scale, and the sets that need cutting."""
        form, laid = self.form, build_lp_model(self.form.only(self.bids))
        for k, (tail, slope) in enumerate(zip(form.tails, slopes, strict=True)):
            priced = laid.priced and k == 0
            if tail.cap < inf or priced:
                self.sets.append(Scenarios(k, tail, power_of_two(float(np.abs(slope).max())), priced=priced))
        if laid.priced:
            unit = self.sets[0].scale
            laid.cost[-1] /= unit
            # No book's CVaR is below the first plane at its lowest: a finite bound the optimum cannot touch.
            laid.lower[-1] = unit * float(np.minimum(slopes[0][form.asset], 0.0) @ form.upper) - 1.0
            laid.upper[-1] *= unit
        self.scale = power_of_two(float(np.abs(laid.cost).max()))
        return laid

    def read(self) -> tuple[Floats, float]:
        """Weights (n,) and the CVaR column of the solution."""
        values = np.array(self.solver.getSolution().col_value)
        weights = np.zeros(self.form.bids)
        weights[self.bids] = values[self.columns]
        np.minimum(np.maximum(weights, 0.0, out=weights), self.form.upper, out=weights)
        return weights, float(values[self.priced_column]) / self.sets[0].scale if self.priced_column >= 0 else 0.0

    def _add_columns(self, lower: Floats, upper: Floats) -> None:
        count, none = lower.shape[0], np.empty(0, dtype=np.int32)
        self.solver.addCols(
            count, np.zeros(count), lower, upper, 0, np.zeros(count, dtype=np.int32), none, np.empty(0)
        )  # fmt: skip
        self.column_count += count

    # -- cuts ----------------------------------------------------------------------------------------------------

    def cut(self, tails: Sequence[tuple[Scenarios, Members]]) -> None:
        """Add cuts that make CVaR exact at the allocations whose tails are given."""
        rows = _Rows(self.row_count)
        for known, members in tails:
            inside = np.zeros(known.column.shape[0], dtype=np.bool_)
            inside[members.rows] = True
            if known.inside is not None:
                moved = ((inside ^ known.inside) & (known.column < 0)).nonzero()[0]
                if 0 < moved.shape[0] <= _NEW_COLUMNS_MAX:
                    self._give_columns(known, moved, rows)
            known.inside = inside
            self._aggregate(known, members, rows)
        self._add(rows)
        self.cuts += len(tails)

    def bend(self, places: Sequence[TailState], reach: Sequence[int]) -> None:
        """Approximate the curvature of CVaR near the allocation of ``places``, one for each scenario set.

        The ``reach`` scenarios on either side of the tail's edge get columns. Of more than ``EDGE`` only a sample does,
        each representing several, with the slope at the allocation kept exact. The result is no longer a bound on CVaR:
        its optimum only serves as the next allocation to measure.
        """
        rows = _Rows(self.row_count)
        for known in self.sets:
            tail, place, half = known.tail, places[known.index], reach[known.index]
            first, last = max(tail.count - half, 0), min(tail.count + half, place.returns.shape[0])
            edge = np.argpartition(place.returns, (first, last - 1))[first:last]
            edge = np.sort(edge if place.rows is None else place.rows[edge])
            members = tail.members(place)
            known.stands_for = -(-edge.shape[0] // (2 * EDGE))
            chosen = edge[:: known.stands_for]
            self._give_columns(known, chosen if known.stands_for == 1 else chosen[chosen != members.last], rows)
            self._aggregate(known, members, rows)
        self._add(rows)

    def stay_near(self, weights: Floats, step: float) -> None:
        """Bound every bid to within ``step`` of its weight in ``weights`` (n,)."""
        here, top = weights[self.bids], self.form.upper[self.bids]
        low, high = np.maximum(here - step, 0.0), np.minimum(here + step, top)
        self.solver.changeColsBounds(self.bids.shape[0], self.columns, low, high)

    def let_go(self) -> None:
        """Remove the bounds of ``stay_near``."""
        self.solver.changeColsBounds(
            self.bids.shape[0], self.columns, np.zeros(self.bids.shape[0]), self.form.upper[self.bids]
        )

    def _add(self, rows: _Rows) -> None:
        if rows.next == self.row_count:
            return  # no scenario set is limited or in the objective
        self.row_count = rows.add_to(self.solver)
        self.slopes = np.concatenate((self.slopes, *rows.slopes))

    def _give_columns(self, known: Scenarios, moved: Ints, rows: _Rows) -> None:
        """Columns for the scenarios ``moved``, and rows ``z_j + a + return_j·w >= 0``."""
        first = known.level < 0
        lower = np.zeros(moved.shape[0] + first)
        if first:
            known.level, lower[0] = self.column_count, -inf
        known.column[moved] = np.arange(moved.shape[0]) + (self.column_count + first)
        known.excess = np.concatenate((known.excess, moved))
        self._add_columns(lower, np.full(lower.shape[0], inf))
        count, n = moved.shape[0], self.bids.shape[0]
        slopes = known.tail.scenarios.take(moved, axis=0) * known.scale
        value, index = np.empty((count, n + 2)), np.empty((count, n + 2), dtype=np.int32)
        value[:, :n] = slopes[:, self.form.asset[self.bids]]
        value[:, n:] = 1.0
        index[:, :n], index[:, n], index[:, n + 1] = self.columns, known.level, known.column[moved]
        known.row = np.concatenate((known.row, np.arange(count) + rows.next))
        rows.put(0.0, inf, index, value, slopes)

    def _aggregate(self, known: Scenarios, members: Members, rows: _Rows) -> None:
        """One row equal to the CVaR at the present tail, and a lower bound on CVaR everywhere."""
        tail, n = known.tail, self.bids.shape[0]
        excess = known.excess.shape[0]
        length = n + (1 + excess if excess else 0) + known.priced
        value, index = np.empty((1, length)), np.empty((1, length), dtype=np.int32)
        index[0, :n] = self.columns
        if excess:
            with_column = known.column[members.rows] >= 0
            if known.stands_for == 1:
                settled = members.rows[~with_column]
                slope = tail.slope_of(members, settled)
                counted = settled.shape[0] - (1.0 - tail.part if members.last in settled else 0.0)
            else:
                standing = members.rows[with_column]
                slope = tail.slope(members) - known.stands_for * tail.slope_of(members, standing)
                counted = tail.mass - known.stands_for * standing.shape[0]
            value[0, n], index[0, n] = 1.0 - counted / tail.mass, known.level
            value[0, n + 1 : n + 1 + excess] = known.stands_for / tail.mass
            index[0, n + 1 : n + 1 + excess] = known.column[known.excess]
        else:
            slope = tail.slope(members)
        slope = slope * known.scale
        value[0, :n] = slope[self.form.asset[self.bids]]
        if known.priced:
            value[0, -1], index[0, -1] = -1.0, self.priced_column
        known.aggregates.append(rows.next)
        rows.put(-inf, 0.0 if known.priced else tail.cap * known.scale, index, value, slope[None, :])


class _Rows:
    """Rows to be added in one call; ``next`` is the index of the next one in the program."""

    def __init__(self, first: int) -> None:
        self.first = self.next = first
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.starts: list[int] = []
        self.index: list[Int32] = []
        self.value: list[Floats] = []
        self.slopes: list[Floats] = []
        self.entries = 0

    def put(self, lower: float, upper: float, index: Int32, value: Floats, slopes: Floats) -> None:
        """Queue rows with columns ``index`` and coefficients ``value`` (rows, entries), all with the same bounds;
        ``slopes`` (rows, m) are their coefficients by asset.
        """
        self.slopes.append(slopes)
        count, length = index.shape
        self.next += count
        self.lower += [lower] * count
        self.upper += [upper] * count
        self.starts += range(self.entries, self.entries + count * length, length)
        self.entries += count * length
        self.index.append(index.ravel())
        self.value.append(value.ravel())

    def add_to(self, solver: highspy.Highs) -> int:
        """Add all rows to ``solver``; return its number of rows."""
        count = len(self.lower)
        solver.addRows(
            count, np.array(self.lower), np.array(self.upper), self.entries, np.array(self.starts, dtype=np.int32),
            np.concatenate(self.index), np.concatenate(self.value),
        )  # fmt: skip
        return self.next


def first_bids(form: CheckedProblem) -> Ints:
    """The bids that start with a column: all of few, and of many those with the highest expected return after cost."""
    if form.bids <= _ALL_BIDS:
        return np.arange(form.bids)
    return np.sort(np.argsort(form.cost, kind="stable")[:_ALL_BIDS])


def best_returns(form: CheckedProblem) -> Floats:
    """Positions (m,) that ignore risk: the best expected returns at their caps until the gross limit is used up."""
    best = np.argsort(form.cost, kind="stable")
    used = np.minimum(np.add.accumulate(form.upper[best]), form.rows[0][2])
    used[1:] -= used[:-1].copy()
    weights = np.empty(form.bids)
    weights[best] = used
    return form.positions(weights)

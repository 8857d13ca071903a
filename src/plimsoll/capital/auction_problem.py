"""The auction's problem, its result, and the validated form that both solvers use (A3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite, isnan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plimsoll.capital.auction_tail import ScenarioTail, TailState
from plimsoll.core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST = 1e9  # larger fractions of NAV or returns must be in a wrong unit, and products could overflow


@dataclass(frozen=True, eq=False, slots=True)
class AuctionProblem:
    """Maximise ``mu·w - risk_aversion·CVaR(w) - trade_cost·|position - current|`` over long-only ``w`` (A3).

    There are n variables, one per bid, and m assets. Without ``asset`` every bid has its own asset (m = n); with it,
    ``asset[i]`` is the asset of bid i, a column of the scenarios, and an asset's position is the sum of its bids.
    All figures are fractions of NAV at the horizon of the scenarios.

    Parameters
    ----------
    mu
        (n,) expected simple return of each bid before cost; may be negative.
    scenarios
        (T, m) equally likely simple returns.
    risk_aversion
        Price of one unit of CVaR in expected return, >= 0; with 0, CVaR is only a limit.
    confidence
        Of the CVaR, in (0, 1); the tail's mass (1 - confidence)·T need not be whole (U3).
    cvar_max
        Largest CVaR, a loss as a positive fraction; ``inf`` for none. Below zero it requires a gain even in the tail.
    gross_max
        Largest sum of weights.
    weight_max
        (n,) largest weight of each bid; ``inf`` only where ``gross_max`` is finite.
    groups
        (indices of bids, cap on their sum).
    current
        (m,) present position of each asset, >= 0.
    trade_cost
        (m,) cost of changing the position by one unit, >= 0, in return units.
    tail_limits
        (scenarios (T', m), confidence, cvar_max): further scenario sets, whose CVaR is only limited.
    pairs
        (i, j, cap): limits on the sum of two assets' positions (R6).
    asset
        (n,) asset of each bid, or None.
    """

    mu: ArrayLike
    scenarios: ArrayLike
    risk_aversion: float
    confidence: float
    cvar_max: float
    gross_max: float
    weight_max: ArrayLike
    groups: Sequence[tuple[Sequence[int] | Ints, float]]
    current: ArrayLike
    trade_cost: ArrayLike
    tail_limits: Sequence[tuple[ArrayLike, float, float]] = ()
    pairs: Sequence[tuple[int, int, float]] = ()
    asset: Sequence[int] | Ints | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Allocation:
    """The result of an auction (A3, A5).

    ``weights`` (n,) per bid; ``objective`` and ``cvar`` are measured on them, not read from the solver;
    ``contributions`` (n,) are Euler contributions that sum to ``cvar``. ``duals`` holds shadow prices, >= 0, the
    objective gained per unit by which a limit is relaxed: ``gross``, ``cvar`` (floats), ``weight_max`` (n,),
    ``groups``, ``tail_limits``, ``pairs`` (one each); empty arrays and zeros when only scaled. ``status``: ``optimal``,
    ``optimal_lp`` (from the plain program), ``scaled`` (no allocation satisfies the limits, or none could be found: the
    present positions scaled towards cash, with the limit that set the scale in ``binding``). ``cuts`` counts the
    cutting planes. ``lacking`` (n,) is the rise of expected return a bid at zero would need to enter; zero for the
    others, and when only scaled.
    """

    weights: Floats
    objective: float
    cvar: float
    contributions: Floats
    duals: dict[str, float | Floats]
    status: str
    lacking: Floats
    binding: str = ""
    cuts: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class CheckedProblem:
    """A validated problem, as arrays.

    ``rows`` are the caps on sums of bids: (name, bids, cap), the gross first, then groups, then pairs. ``tails[0]``
    is the scenario set of the objective; the others are limits. ``sellers`` are the held assets with a trading cost and
    a bid: only they need a variable for the amount sold.
    """

    mu: Floats
    weight_max: Floats
    rows: tuple[tuple[str, Ints, float], ...]
    tails: tuple[ScenarioTail, ...]
    risk_aversion: float
    current: Floats
    trade_cost: Floats
    asset: Ints
    sellers: Ints
    plain: bool
    groups: int
    pairs: int
    upper: Floats = field(init=False)

    def __post_init__(self) -> None:
        # A cap beyond the gross limit never binds: it is a finite bound for the solver, and its price is zero.
        object.__setattr__(self, "upper", np.minimum(self.weight_max, 2.0 * self.rows[0][2] + 1.0))

    @property
    def bids(self) -> int:
        """Number of bids, n."""
        return int(self.mu.shape[0])

    @property
    def cost(self) -> Floats:
        """(n,) cost of buying a unit of each bid before risk: trading cost less expected return."""
        return np.asarray(self.trade_cost[self.asset] - self.mu)

    @property
    def assets(self) -> int:
        """Number of assets, m."""
        return int(self.current.shape[0])

    def only(self, bids: Ints) -> CheckedProblem:
        """The same problem restricted to ``bids``; every cap stays."""
        place = np.full(self.bids, -1)
        place[bids] = np.arange(bids.shape[0])
        kept = [(name, place[members][place[members] >= 0], cap) for name, members, cap in self.rows]
        return replace(
            self,
            mu=self.mu[bids],
            weight_max=self.weight_max[bids],
            asset=self.asset[bids],
            rows=tuple(kept),
            plain=False,
        )

    def positions(self, weights: Floats) -> Floats:
        """Positions (m,): the sums of the bids' weights (n,) by asset."""
        if self.plain:
            return weights
        return np.asarray(np.bincount(self.asset, weights, self.assets), dtype=np.float64)

    def places(self, positions: Floats) -> list[TailState]:
        """The tail at ``positions`` (m,) in each scenario set."""
        return [tail.at(positions) for tail in self.tails]

    def objective(self, weights: Floats, cvar: float) -> float:
        """The objective of ``weights`` (n,) with CVaR ``cvar``, in expected return at the horizon."""
        traded = self.trade_cost @ np.abs(self.positions(weights) - self.current)
        return float(self.mu @ weights - traded) - (self.risk_aversion * cvar if self.risk_aversion else 0.0)


def validated(problem: AuctionProblem) -> CheckedProblem:
    """Check every field of ``problem`` and convert it to arrays.

    Raises
    ------
    InputError
        A field does not meet the description of :class:`AuctionProblem`; the message names field, value and remedy.
    """
    mu = _vector("mu", problem.mu)
    n = mu.shape[0]
    scenarios = _matrix("scenarios", problem.scenarios)
    m = scenarios.shape[1]
    asset = _assets(problem.asset, n, m)
    weight_max = _vector("weight_max", problem.weight_max, n, floor=0.0, allow_inf=True)
    current = _vector("current", problem.current, m, floor=0.0)
    trade_cost = _vector("trade_cost", problem.trade_cost, m, floor=0.0)
    gross = _number("gross_max", problem.gross_max, floor=0.0)
    if gross == inf and n and float(weight_max.max()) == inf:
        raise InputError(
            "gross_max and an entry of weight_max are both infinite, so that bid is unbounded",
            "Give one of them a finite value",
        )
    aversion = _number("risk_aversion", problem.risk_aversion, floor=0.0)
    if aversion == inf:
        raise InputError("risk_aversion is infinite", "Give a finite value; cvar_max is the limit")
    rows = [("gross", np.arange(n), gross)]
    rows += [_group(k, members, cap, n) for k, (members, cap) in enumerate(problem.groups)]
    rows += [_pair(k, i, j, cap, asset, m) for k, (i, j, cap) in enumerate(problem.pairs)]
    tails = [_tail("scenarios", scenarios, problem.confidence, problem.cvar_max, m)]
    for k, (sample, confidence, cap) in enumerate(problem.tail_limits):
        tails.append(_tail(f"tail_limits[{k}]", _matrix(f"tail_limits[{k}]", sample), confidence, cap, m))
    sellers = np.flatnonzero((current > 0.0) & (trade_cost > 0.0))
    if problem.asset is not None:
        sellers = np.intersect1d(sellers, asset)
    return CheckedProblem(
        mu=mu,
        weight_max=weight_max,
        rows=tuple(rows),
        tails=tuple(tails),
        risk_aversion=aversion,
        current=current,
        trade_cost=trade_cost,
        asset=asset,
        sellers=sellers,
        plain=problem.asset is None,
        groups=len(problem.groups),
        pairs=len(problem.pairs),
    )


def _vector(
    name: str, given: ArrayLike, size: int | None = None, *, floor: float = -inf, allow_inf: bool = False
) -> Floats:
    try:
        values = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not hold numbers: {error}", "Give an array of floats") from None
    if values.ndim != 1 or (size is not None and values.shape[0] != size):
        wanted = "one dimension" if size is None else f"shape ({size},)"
        raise InputError(f"{name} has shape {values.shape}; {wanted} is needed", "Give one value for each bid or asset")
    finite = not np.isnan(values).any() if allow_inf else np.isfinite(values).all()
    if not finite:
        where = int(np.flatnonzero(np.isnan(values) if allow_inf else ~np.isfinite(values))[0])
        raise InputError(f"{name}[{where}] is {values[where]}", "Leave out what cannot be measured")
    huge = np.flatnonzero(np.isfinite(values) & (np.abs(values) > _LARGEST))
    if huge.size:
        where = int(huge[0])
        raise InputError(f"{name}[{where}] is {values[where]}", "Give fractions, such as 0.02")
    if values.size and float(values.min()) < floor:
        where = int(np.argmin(values))
        raise InputError(f"{name}[{where}] is {values[where]}, below {floor:g}", "Give a value that is not negative")
    return values


def _matrix(name: str, given: ArrayLike) -> Floats:
    try:
        values = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not hold numbers: {error}", "Give an array of floats") from None
    if values.ndim != 2 or values.shape[0] == 0:
        raise InputError(f"{name} has shape {values.shape}", "Give (scenarios, assets) with at least one scenario")
    return values


def _lengths(name: str, sample: Floats) -> Floats:
    """(T,) Euclidean lengths of the scenarios; the same pass finds returns that are out of range."""
    with np.errstate(invalid="ignore", over="ignore"):
        squares = np.einsum("ij,ij->i", sample, sample)
    # NaN and infinities survive a sum.
    if not float(squares.sum()) <= _LARGEST:
        wrong = np.argwhere(~(np.abs(sample) <= _LARGEST))
        if wrong.shape[0]:
            row, column = (int(k) for k in wrong[0])
            value = sample[row, column]
            remedy = (
                "Give returns as fractions, such as 0.02" if isfinite(value) else "Leave out what cannot be measured"
            )
            raise InputError(f"{name}[{row}, {column}] is {value}", remedy)
    return np.asarray(np.sqrt(squares))


def _number(name: str, given: float, *, floor: float = -inf) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {given!r}", "Give a number") from None
    if isnan(value) or value < floor or value == -inf:
        raise InputError(
            f"{name} is {value}", "Give a number" if floor == -inf else "Give a number that is not negative"
        )
    if _LARGEST < abs(value) < inf:
        raise InputError(f"{name} is {value}", "Give a fraction, such as 0.02")
    return value


def _assets(given: Sequence[int] | Ints | None, n: int, m: int) -> Ints:
    if given is None:
        if m != n:
            raise InputError(f"mu has {n} bids but scenarios have {m} columns", "Give one column a bid, or asset")
        return np.arange(n)
    asset = np.asarray(given)
    if asset.shape != (n,) or (n and asset.dtype.kind not in "iu"):
        raise InputError(f"asset has shape {asset.shape} and type {asset.dtype}", f"Give {n} column numbers")
    if n and (int(asset.min()) < 0 or int(asset.max()) >= m):
        raise InputError(f"asset reaches from {asset.min()} to {asset.max()}", f"Columns are 0 to {m - 1}")
    return asset.astype(np.int64)


def _index(name: str, given: int, size: int) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or not 0 <= given < size:
        raise InputError(f"{name} is {given!r}", f"Give an index from 0 to {size - 1}")
    return int(given)


def _group(k: int, members: Sequence[int] | Ints, cap: float, n: int) -> tuple[str, Ints, float]:
    name = f"groups[{k}]"
    if _indices(members, n):
        bids = np.unique(members).astype(np.int64)
    else:
        bids = np.array(sorted({_index(f"{name} member", i, n) for i in members}), dtype=np.int64)
    return name, bids, _number(f"{name} cap", cap, floor=0.0)


def _indices(given: object, size: int) -> bool:
    """Whether ``given`` is an integer array of indices below ``size``; a shortcut past checking each."""
    if not isinstance(given, np.ndarray) or given.ndim != 1 or given.dtype.kind not in "iu" or not given.shape[0]:
        return False
    return bool(given.min() >= 0 and given.max() < size)


def _pair(k: int, i: int, j: int, cap: float, asset: Ints, m: int) -> tuple[str, Ints, float]:
    name = f"pairs[{k}]"
    first, second = _index(f"{name} first", i, m), _index(f"{name} second", j, m)
    if first == second:
        raise InputError(f"{name} names {first} twice", "Name two different assets")
    return name, np.flatnonzero((asset == first) | (asset == second)), _number(f"{name} cap", cap, floor=0.0)


def _tail(name: str, sample: Floats, confidence: float, cap: float, m: int) -> ScenarioTail:
    if sample.shape[1] != m:
        raise InputError(f"{name} has {sample.shape[1]} columns; {m} are needed", "Give one column an asset")
    level = _number(f"{name} confidence", confidence)
    if not 0.0 < level < 1.0:
        raise InputError(f"{name} confidence is {level}", "Give a probability inside (0, 1), such as 0.95")
    return ScenarioTail(sample, level, _number(f"{name} cvar_max", cap), _lengths(name, sample))

"""The regime filter: probabilities of normal, volatile and crisis from VIX (R8, D19).

A hidden Markov filter (Hamilton 1989) whose states emit lognormal VIX levels:
``belief[t] = normalise((belief[t - 1] . A[t]) * likelihood(vix[t]))``. Everything is a causal function of the
panel: row t uses rows up to t.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Factor, Floats, Panel
from plimsoll.core.policy import Policy, RegimePolicy
from plimsoll.indicators import stand_in
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import regime_em

CRISIS = 2  # of (normal, volatile, crisis)
VIX = -1.0  # code of ``regime.whose`` on rows where VIX itself has a close


def factors(policy: Policy) -> dict[str, Factor]:
    """Regime indicators by name.

    ``regime.belief`` (T, 3) probabilities; ``regime.crisis`` (T,) probability of crisis ``regime.outlook``
    sessions ahead; ``regime.passage`` (T,) probability of a crisis at any session up to then, the present included;
    ``regime.vix`` (T,) the VIX close, NaN on rows without one; ``regime.vix_or_proxy`` (T,) VIX in points, else the
    realised volatility used in its place x 100, ``regime.whose`` (T,) its code for ``source_of`` (D19). On rows without
    VIX the filter predicts without updating.
    """
    regime = policy.regime
    known = catalogue(policy)
    benchmark_volatility, whose = known["benchmark_volatility"], known["benchmark_volatility_whose"]

    def vix(panel: Panel) -> Floats:
        return vix_close(panel, policy.backtest.vix)

    @lru_cache(maxsize=1)
    def filtered(panel: Panel) -> tuple[Floats, Floats]:
        closes = vix(panel)
        matrices = transitions(closes, regime, panel.sessions.first_of_month)
        return matrices, beliefs(closes, matrices, regime)

    def vix_or_proxy(panel: Panel) -> Floats:
        closes = vix(panel)
        known = np.isfinite(closes)
        return closes if known.all() else np.where(known, closes, 100.0 * benchmark_volatility(panel))

    def crisis(panel: Panel) -> Floats:
        matrices, belief = filtered(panel)
        return outlook(belief, matrices, regime.outlook)[:, CRISIS]

    def passage(panel: Panel) -> Floats:
        matrices, belief = filtered(panel)
        return first_passage(belief, matrices, regime.outlook)

    return {
        "regime.belief": lambda panel: filtered(panel)[1],
        "regime.crisis": crisis,
        "regime.passage": passage,
        "regime.vix": vix,
        "regime.vix_or_proxy": vix_or_proxy,
        "regime.whose": lambda panel: np.where(np.isfinite(vix(panel)), VIX, whose(panel)),
    }


def source_of(code: float, policy: Policy) -> str:
    """Name of the input of the VIX rules: ``VIX``, or the source of its proxy (D19)."""
    return "VIX" if code == VIX else stand_in.named(code, policy.backtest.benchmark)


def vix_close(panel: Panel, symbol: str) -> Floats:
    """VIX closes in points (T,), NaN on rows without a positive value."""
    column = panel.column.get(symbol)
    if column is None:
        return np.full(len(panel.sessions), np.nan)
    closes = panel.close[:, column]
    return np.where(np.isfinite(closes) & (closes > 0.0), closes, np.nan)


def base_matrix(regime: RegimePolicy) -> Floats:
    """The transition matrix before any estimate, (3, 3), [from, to] in one session, rows summing to one."""
    matrix = np.array(regime.seed if regime.matrix == "seed" else regime.start)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def stationary(matrix: Floats) -> Floats:
    """Stationary distribution (3,) of a transition matrix: the belief before any VIX."""
    equations = np.vstack([matrix.T - np.eye(len(matrix)), np.ones(len(matrix))])
    wanted = np.append(np.zeros(len(matrix)), 1.0)
    solved = np.clip(np.linalg.lstsq(equations, wanted, rcond=None)[0], 0.0, None)
    return np.asarray(solved / solved.sum())


def transitions(vix: Floats, regime: RegimePolicy, renewed: NDArray[np.bool_]) -> Floats:
    """Transition matrices (T, 3, 3), each estimated on rows up to its own.

    ``counted``: moves of VIX between bands on consecutive rows, added to a prior of ``prior_rows`` moves out of each
    state distributed as in the start matrix. ``em``: the same prior, and expectation-maximisation over the hidden
    states on all VIX up to a row, re-estimated on the rows where ``renewed`` (T,) is true and kept in between.
    ``fixed`` and ``seed``: the same matrix on every row.
    """
    base = base_matrix(regime)
    if regime.matrix == "counted":
        return _counted(vix, regime, base)
    if regime.matrix == "em":
        return _estimated(vix, regime, renewed, base)
    return np.broadcast_to(base, (len(vix), 3, 3))


def _counted(vix: Floats, regime: RegimePolicy, base: Floats) -> Floats:
    band = np.where(np.isfinite(vix), np.searchsorted(regime.bands, vix, side="right"), -1)
    before = np.append(-1, band[:-1])[: len(band)]
    moved = np.zeros((len(vix), 3, 3))
    rows = np.flatnonzero((band >= 0) & (before >= 0))
    moved[rows, before[rows], band[rows]] = 1.0
    counts = np.cumsum(moved, axis=0)  # whole numbers: exact in any order
    out_of = regime.prior_rows + counts.sum(axis=2, keepdims=True)
    counts += regime.prior_rows * base
    # without a prior and without a move out of a state yet, its row is the base's
    return np.asarray(np.divide(counts, out_of, out=np.broadcast_to(base, counts.shape).copy(), where=out_of > 0.0))


def _estimated(vix: Floats, regime: RegimePolicy, renewed: NDArray[np.bool_], base: Floats) -> Floats:
    known = np.isfinite(vix)
    first = int(np.argmax(known)) if known.any() else len(vix)  # rows before any VIX carry no information
    ends = np.flatnonzero(renewed[first:])
    found = regime_em.estimate(likelihoods(vix[first:], regime), ends, base, stationary(base), regime.prior_rows)
    latest = np.searchsorted(ends + first, np.arange(len(vix)), side="right")
    return np.concatenate([base[np.newaxis], found])[latest]


def likelihoods(vix: Floats, regime: RegimePolicy) -> Floats:
    """Relative likelihood (T, 3) of each VIX close under each state, the largest 1; rows without VIX are all 1."""
    known = np.where(np.isfinite(vix), vix, regime.medians[0])
    scores = (np.log(known)[:, np.newaxis] - np.log(regime.medians)) / np.array(regime.sigmas)
    logs = -0.5 * scores * scores - np.log(regime.sigmas)
    relative = np.exp(logs - logs.max(axis=1, keepdims=True))
    relative[~np.isfinite(vix)] = 1.0
    return np.asarray(relative)


def beliefs(vix: Floats, matrices: Floats, regime: RegimePolicy) -> Floats:
    """Filtered probabilities (T, 3). The belief before the first row is stationary under the base matrix."""
    normal, volatile, crisis = stationary(base_matrix(regime)).tolist()
    steps = zip(matrices.reshape(-1, 9).tolist(), likelihoods(vix, regime).tolist(), strict=True)
    path: list[tuple[float, float, float]] = []
    # plain floats: nine products a row cost less than one numpy call on a small array
    for (a, b, c, d, e, f, g, h, i), (p, q, r) in steps:
        x = (normal * a + volatile * d + crisis * g) * p
        y = (normal * b + volatile * e + crisis * h) * q
        z = (normal * c + volatile * f + crisis * i) * r
        total = x + y + z
        normal, volatile, crisis = x / total, y / total, z / total
        path.append((normal, volatile, crisis))
    return np.array(path).reshape(-1, 3)


def outlook(belief: Floats, matrices: Floats, sessions: int) -> Floats:
    """Probabilities (T, 3) ``sessions`` ahead: each row's belief times its matrix to that power."""
    ahead = belief
    for _ in range(sessions):
        ahead = sum((ahead[:, i : i + 1] * matrices[:, i, :] for i in range(3)), start=np.zeros(belief.shape))
    return ahead


def first_passage(belief: Floats, matrices: Floats, sessions: int) -> Floats:
    """Probability (T,) that crisis is the state now or at any of the next ``sessions``.

    First-passage probability with crisis made absorbing: one minus the mass of ``belief`` left in the other states
    after ``sessions`` steps of the matrix without its crisis row and column. Never below ``outlook``'s P(crisis) at
    the same horizon, which is the probability of crisis at its end alone.
    """
    calm = belief[:, :CRISIS]
    for _ in range(sessions):
        calm = sum((calm[:, i : i + 1] * matrices[:, i, :CRISIS] for i in range(CRISIS)), start=np.zeros(calm.shape))
    return np.asarray(np.clip(1.0 - calm.sum(axis=1), 0.0, 1.0))


def reachable(policy: Policy) -> float:
    """The largest P(crisis) at the outlook that any belief can give under the base matrix.

    A threshold above it could never fire, so the policy loader refuses it (R8). Under ``counted`` and ``em`` the base
    is the start matrix, from which estimates depart as history accumulates.
    """
    powered = np.linalg.matrix_power(base_matrix(policy.regime), policy.regime.outlook)
    return float(powered[:, CRISIS].max())

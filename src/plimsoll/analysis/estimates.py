"""Tail risk of one portfolio by every estimator, with intervals and each position's part (R2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital import scenarios
from plimsoll.core.decision import CycleRecord
from plimsoll.core.panel import View
from plimsoll.core.policy import CvarPolicy, Policy
from plimsoll.measures import tails
from plimsoll.measures.cvar import euler
from plimsoll.measures.linear import combine

Floats = NDArray[np.float64]

CONFIDENCE = 0.95  # of every CVaR (U3), and the coverage of its interval


@dataclass(frozen=True, eq=False, slots=True)
class EstimatedBook:
    """Positions at one close: symbols and weights (k,), its session, and returns (T, k) by horizon."""

    session: str
    symbols: tuple[str, ...]
    weights: Floats
    raw: dict[int, Floats]
    filtered: dict[int, Floats]
    rules: CvarPolicy = field(default_factory=CvarPolicy)


@dataclass(frozen=True, slots=True)
class BookEstimate:
    """One estimator at one horizon, fractions of NAV; NaN where it does not apply."""

    name: str
    horizon: int
    rows: int
    var: float
    cvar: float
    interval: tails.Interval


@dataclass(frozen=True, slots=True)
class Part:
    """A position's part of the filtered-historical CVaR at one horizon, fractions of NAV."""

    symbol: str
    weight: float
    component: float
    marginal: float
    incremental: float


def book_of(view: View, record: CycleRecord, policy: Policy, *, raw: bool = True) -> EstimatedBook | None:
    """The positions of a record as its decision saw them, largest weight first; None without any.

    ``raw`` returns are for the historical estimator alone and can be left out.
    """
    held = {s: w for s, w in zip(record.symbols, record.held, strict=True) if w}
    if not held:
        return None
    symbols = tuple(sorted(held, key=lambda s: (-held[s], s)))
    columns = np.array([view.column[s] for s in symbols], dtype=np.int64)
    return EstimatedBook(
        session=record.session,
        symbols=symbols,
        weights=np.array([held[s] for s in symbols]),
        raw=scenarios.historical(view, columns, policy) if raw else {},
        filtered=scenarios.build(view, columns, policy, stressed=False).filtered,
        rules=policy.cvar,
    )


def estimates(book: EstimatedBook) -> list[BookEstimate]:
    """Four estimators at each horizon: one of raw returns, three of the filtered scenarios the gates use."""
    found = []
    pareto = partial(tails.peaks_over_threshold, share=book.rules.tail_share)
    for horizon in book.filtered:
        for name, estimator, returns in (
            ("Historical", tails.historical, book.raw[horizon]),
            ("Filtered historical", tails.historical, book.filtered[horizon]),
            ("Cornish-Fisher", tails.cornish_fisher, book.filtered[horizon]),
            ("Generalised Pareto", pareto, book.filtered[horizon]),
        ):
            losses = -combine(returns, book.weights)
            tail = estimator(losses, CONFIDENCE)
            found.append(
                BookEstimate(
                    name,
                    horizon,
                    losses.size,
                    float(tail.var),
                    float(tail.cvar),
                    interval_of(losses, estimator, horizon, book.rules.interval_draws),
                )
            )
    return found


def interval_of(losses: Floats, estimator: tails.Estimator, horizon: int, draws: int) -> tails.Interval:
    """The bootstrap interval of an estimator's CVaR of (T,) losses over ``horizon`` sessions, seeded by T alone."""
    block, seed = tails.block_length(losses.size, horizon), tails.seed_of(losses.shape)
    if estimator is tails.historical:
        return tails.historical_interval(losses, CONFIDENCE, block=block, seed=seed, draws=draws, coverage=CONFIDENCE)
    return tails.interval(losses, estimator, CONFIDENCE, block=block, seed=seed, draws=draws, coverage=CONFIDENCE)


def parts(book: EstimatedBook, horizon: int) -> list[Part]:
    """Each position's part of the filtered-historical CVaR; the components sum to it."""
    returns, weights = book.filtered[horizon], book.weights
    component = euler(returns, weights, CONFIDENCE)
    marginal = tails.marginal(returns, weights, CONFIDENCE)
    incremental = tails.incremental(returns, weights, CONFIDENCE)
    return [
        Part(s, float(weights[i]), float(component[i]), float(marginal[i]), float(incremental[i]))
        for i, s in enumerate(book.symbols)
    ]

"""Two runs side by side: their inputs, their figures, and whether their returns differ significantly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.events import Proof
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.performance import Metrics
from plimsoll.reports.result import BacktestResult

Floats = NDArray[np.float64]


class ComparedFigure(msgspec.Struct, frozen=True):
    """One figure of both runs and ``b - a``; absent where either is."""

    name: str
    a: float | None
    b: float | None
    difference: float | None


class PolicyDifference(msgspec.Struct, frozen=True):
    """A policy key on which the runs differ, its value as JSON; null where a run has no such key."""

    key: str
    a: Any
    b: Any


class Paired(msgspec.Struct, frozen=True):
    """Daily returns of the sessions both runs have, ``b`` less ``a``.

    ``difference`` is the mean difference a year (252 sessions), ``error`` its standard error after Newey and West
    (1987) and ``t`` their ratio; ``correlation`` is of the returns. Absent where the sessions do not suffice or nothing
    varies.
    """

    start: str
    end: str
    sessions: int
    difference: float | None
    error: float | None
    t: float | None
    correlation: float | None


class Side(msgspec.Struct, frozen=True):
    """Inputs of one of the runs."""

    run: str
    tag: str
    mode: str
    start: str
    end: str
    sessions: int
    profile: str
    policy: str
    snapshot: str
    code: str
    strategies: tuple[str, ...]
    operator: str
    capital: str
    decisions_hash: str
    journal: Proof | None


class Versus(msgspec.Struct, frozen=True):
    """Run ``b`` beside run ``a``.

    ``changes`` is null where a run's policy was not stored. ``same_decisions`` is equality of every decision.
    """

    a: Side
    b: Side
    same_snapshot: bool
    same_code: bool
    same_policy: bool
    same_decisions: bool
    changes: tuple[PolicyDifference, ...] | None
    figures: tuple[ComparedFigure, ...]
    paired: Paired


def versus(
    a: BacktestResult, b: BacktestResult, tags: tuple[str, str], policies: tuple[Policy | None, Policy | None]
) -> Versus:
    """Compare two results; ``policies`` are those the runs were made under, where they are known."""
    one, other = policies
    return Versus(
        a=_side(a, tags[0]),
        b=_side(b, tags[1]),
        same_snapshot=a.snapshot == b.snapshot,
        same_code=a.code == b.code,
        same_policy=a.policy == b.policy,
        same_decisions=a.decisions_hash == b.decisions_hash,
        changes=None if one is None or other is None else tuple(_changes(one, other)),
        figures=tuple(_figures(a, b)),
        paired=paired(a.equity, b.equity),
    )


def _side(r: BacktestResult, tag: str) -> Side:
    return Side(
        run=r.run, tag=tag, mode=r.mode, start=r.start, end=r.end, sessions=r.sessions, profile=r.profile,
        policy=r.policy, snapshot=r.snapshot, code=r.code, strategies=r.strategies, operator=r.operator,
        capital=r.capital, decisions_hash=r.decisions_hash, journal=r.journal,
    )  # fmt: skip


def _figures(a: BacktestResult, b: BacktestResult) -> Iterator[ComparedFigure]:
    pairs = {name: (getattr(a.metrics, name), getattr(b.metrics, name)) for name in Metrics.__struct_fields__}
    pairs |= {name: (getattr(a.exposure, name), getattr(b.exposure, name)) for name in ("invested", "halted")}
    pairs["fills"] = (float(len(a.fills)), float(len(b.fills)))
    for name, (one, other) in pairs.items():
        yield ComparedFigure(name, one, other, None if one is None or other is None else other - one)


def _changes(a: Policy, b: Policy) -> Iterator[PolicyDifference]:
    one, other = (dict(_flat(msgspec.to_builtins(p), "")) for p in (a, b))
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            yield PolicyDifference(key, one.get(key), other.get(key))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys of a policy and their values; entries of a list that have a name are keys too."""
    if isinstance(value, list | tuple) and value and all(isinstance(v, dict) and "name" in v for v in value):
        value = {v["name"]: v for v in value}
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def paired(a: tuple[tuple[str, float], ...], b: tuple[tuple[str, float], ...]) -> Paired:
    """Compare two equity curves, [ISO date, NAV], over the sessions both have."""
    of_a, of_b = dict(a), dict(b)
    dates = [day for day in of_a if day in of_b]
    if not dates:
        return Paired("", "", 0, None, None, None, None)
    curves = (np.array([of[day] for day in dates]) for of in (of_a, of_b))
    returns_a, returns_b = (curve[1:] / curve[:-1] - 1.0 for curve in curves)
    difference = returns_b - returns_a
    n = difference.size
    mean = float(difference.mean()) * SESSIONS_A_YEAR if n else None
    error = _standard_error(difference) if n >= 2 else None
    error = None if error is None else error * SESSIONS_A_YEAR
    return Paired(
        start=dates[0],
        end=dates[-1],
        sessions=len(dates),
        difference=mean,
        error=error,
        t=None if mean is None or not error else mean / error,
        correlation=_correlation(returns_a, returns_b),
    )


def _standard_error(values: Floats) -> float:
    """Of the mean, with Newey and West's (1987) weights on floor(4 (n / 100)^(2/9)) autocovariances."""
    n = values.size
    centred = values - values.mean()
    lags = min(math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0)), n - 1)
    variance = float(centred @ centred) / n
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag]) / n
    return math.sqrt(max(variance, 0.0) / n)


def _correlation(a: Floats, b: Floats) -> float | None:
    if a.size < 3 or not (a.std() > 0.0 and b.std() > 0.0):
        return None
    return float(np.corrcoef(a, b)[0, 1])

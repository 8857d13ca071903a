"""Tail risk of the last held book by every estimator, with intervals and each position's part (R2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.capital import scenarios
from plimsoll.core.panel import View
from plimsoll.measures import tails
from plimsoll.measures.cvar import euler
from plimsoll.measures.linear import combine
from plimsoll.reports.material import Material
from plimsoll.reports.page import Cell, Html, Line, join, n, table, tag
from plimsoll.reports.words import number, percent

Floats = NDArray[np.float64]

CONFIDENCE = 0.95  # of every CVaR (U3), and the coverage of its interval


@dataclass(frozen=True, eq=False, slots=True)
class Book:
    """What was held at one close: symbols and weights (k,), its session, and returns (T, k) by horizon."""

    session: str
    symbols: tuple[str, ...]
    weights: Floats
    raw: dict[int, Floats]
    filtered: dict[int, Floats]


@dataclass(frozen=True, slots=True)
class Estimate:
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


def last_book(m: Material) -> Book | None:
    """The book of the run's last close that held anything, as its decision saw it; None if nothing was ever held."""
    for row, record in zip(range(m.last, m.first - 1, -1), reversed(m.run.cycles), strict=True):
        held = {s: w for s, w in zip(record.symbols, record.held, strict=True) if w}
        if not held:
            continue
        symbols = tuple(sorted(held, key=lambda s: (-held[s], s)))
        columns = np.array([m.history.panel.column[s] for s in symbols], dtype=np.int64)
        view = View(m.history, row)
        return Book(
            session=record.session,
            symbols=symbols,
            weights=np.array([held[s] for s in symbols]),
            raw=scenarios.historical(view, columns, m.policy),
            filtered=scenarios.build(view, columns, m.policy, stressed=False).filtered,
        )
    return None


def estimates(book: Book) -> list[Estimate]:
    """Four estimators at each horizon: one of raw returns, three of the filtered scenarios the gates use."""
    found = []
    for horizon in book.filtered:
        for name, estimator, returns in (
            ("Historical", tails.historical, book.raw[horizon]),
            ("Filtered historical", tails.historical, book.filtered[horizon]),
            ("Cornish-Fisher", tails.cornish_fisher, book.filtered[horizon]),
            ("Generalised Pareto", tails.peaks_over_threshold, book.filtered[horizon]),
        ):
            losses = -combine(returns, book.weights)
            tail = estimator(losses, CONFIDENCE)
            interval = tails.interval(
                losses,
                estimator,
                CONFIDENCE,
                block=tails.block_length(losses.size, horizon),
                seed=tails.seed_of(returns.shape),
                coverage=CONFIDENCE,
            )
            found.append(Estimate(name, horizon, losses.size, float(tail.var), float(tail.cvar), interval))
    return found


def parts(book: Book, horizon: int) -> list[Part]:
    """Each position's part of the filtered-historical CVaR; the components sum to it."""
    returns, weights = book.filtered[horizon], book.weights
    component = euler(returns, weights, CONFIDENCE)
    marginal = tails.marginal(returns, weights, CONFIDENCE)
    incremental = tails.incremental(returns, weights, CONFIDENCE)
    return [
        Part(s, float(weights[i]), float(component[i]), float(marginal[i]), float(incremental[i]))
        for i, s in enumerate(book.symbols)
    ]


def by_estimator(m: Material) -> Html:
    """The tables: estimators side by side, then what each position adds."""
    book = last_book(m)
    title = tag("h3", "Tail risk by estimator")
    if book is None:
        return join([title, tag("p", "Nothing was held on any close, so there is no book to measure.", class_="note")])
    where = f"book held on {book.session}; run {m.sample}"
    rows: list[Line] = [
        (
            e.name,
            n(number(e.horizon, "session")),
            n(f"{e.rows:,}"),
            n(percent(e.var, 2)),
            n(percent(e.cvar, 2)),
            n(percent(e.interval.upper, 2)),
            n(percent(e.interval.low, 2)),
            n(percent(e.interval.high, 2)),
        )
        for e in estimates(book)
    ]
    head: Line = (
        "Estimator",
        n("Horizon"),
        n("Scenarios"),
        n("VaR"),
        n("CVaR"),
        n("Upper bound"),
        n("Interval from"),
        n("to"),
    )
    horizons = tuple(book.filtered)
    sides: list[Line] = []
    by_horizon = [parts(book, h) for h in horizons]
    for same in zip(*by_horizon, strict=True):
        sides.append((same[0].symbol, n(percent(same[0].weight)), *(c for part in same for c in _cells(part))))
    sums = (n(percent(sum(p.component for p in one), 2)) for one in by_horizon)
    sides.append(("Book", n(percent(float(book.weights.sum()))), *(c for s in sums for c in (s, Cell(""), Cell("")))))
    names = [
        n(f"{name}, {number(h, 'session')}") for h in horizons for name in ("Component", "Marginal", "Incremental")
    ]
    return join(
        [
            title,
            tag(
                "p",
                "CVaR and VaR at 95 %, fractions of NAV, of the last book the run held, each with what resampling says "
                "of it: the one-sided 95 % upper bound and the two-sided 95 % interval of 1,000 moving-block samples, "
                "seeded by the sample's shape. Historical takes raw returns of the last "
                f"{number(m.policy.cvar.window, 'session')}; the other three take the filtered scenarios, rescaled to "
                "that day's volatility, that the gates use. Windows of more than a session overlap. Cornish-Fisher "
                "is unknown where its expansion is no distribution, generalised Pareto (the worst tenth) where it "
                "cannot be fitted.",
                class_="note",
            ),
            table(f"Tail risk by estimator; {where}", head, rows),
            tag(
                "p",
                "A component is a position's share of the CVaR: they sum to the book's. Marginal is the rise per unit "
                "of weight added, incremental what selling the position would save; below zero it hedges.",
                class_="note",
            ),
            table(
                f"Filtered historical CVaR by position; {where}", ("Position", n("Weight"), *names), sides, total=True
            ),
        ]
    )


def _cells(part: Part) -> tuple[Cell, Cell, Cell]:
    return n(percent(part.component, 2)), n(percent(part.marginal, 2)), n(percent(part.incremental, 2))

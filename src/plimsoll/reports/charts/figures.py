"""Figures of a report from a curve, a ledger and the auctions: pure functions on arrays (U2-U4).

Fractions throughout; drawdowns and costs are positive. Absent is None, never zero (U6).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import AuctionRecord
from plimsoll.core.events import CashFlow
from plimsoll.core.order import Fill
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.performance import max_drawdown

Floats = NDArray[np.float64]

_EULER = 0.5772156649015329
CRISES = (
    ("Financial crisis", "2008-01-01", "2009-03-31"),
    ("Downgrade of the US", "2011-07-01", "2011-10-31"),
    ("China and oil", "2015-08-01", "2016-02-29"),
    ("Fourth quarter of 2018", "2018-10-01", "2018-12-31"),
    ("COVID", "2020-02-01", "2020-06-30"),
    ("Inflation of 2022", "2022-01-01", "2022-12-31"),
)


class Drawdown(NamedTuple):
    """One fall below a running peak, on closes; ``recovered`` is empty while it lasts. Lengths in sessions."""

    start: str
    trough: str
    recovered: str
    depth: float
    fall: int
    length: int


class Window(NamedTuple):
    """A span of history and one curve's return in it."""

    name: str
    start: str
    end: str
    total: float
    depth: float


class Year(NamedTuple):
    """A calendar year's trading: ``turnover`` is half of traded over NAV; costs in cents; ``mean_nav`` in cents."""

    year: int
    sessions: int
    trades: int
    turnover: float
    commission: int
    slippage: int
    impact: int
    mean_nav: float

    @property
    def total(self) -> int:
        """All costs, cents."""
        return self.commission + self.slippage + self.impact


class SymbolContribution(NamedTuple):
    """Cents one symbol earned over the run: ``price`` after every cost, ``income`` its dividends."""

    symbol: str
    price: int
    income: int
    costs: int
    trades: int

    @property
    def total(self) -> int:
        """Price and income together, cents."""
        return self.price + self.income


class Binding(NamedTuple):
    """A constraint of the auctions: how many it bound in, and its mean shadow price when it did."""

    constraint: str
    auctions: int
    price: float
    bids: int


def drawdown(curve: Floats) -> Floats:
    """(T,) fall from the running peak, a positive fraction; NaN where the curve is unknown."""
    return np.asarray(1.0 - curve / np.fmax.accumulate(curve))


def drawdowns(curve: Floats, dates: Sequence[str], most: int) -> list[Drawdown]:
    """The ``most`` deepest falls, deepest first; each lasts from its peak to the first close at or above it."""
    fall = drawdown(curve)
    under = fall > 0.0
    starts = np.flatnonzero(under & ~np.append(False, under[:-1]))
    found = []
    for start in starts.tolist():
        rest = np.flatnonzero(~under[start:])
        end = start + int(rest[0]) if rest.size else None
        stop = curve.size if end is None else end
        trough = start + int(np.argmax(fall[start:stop]))
        found.append(
            Drawdown(
                start=dates[start - 1],
                trough=dates[trough],
                recovered="" if end is None else dates[end],
                depth=float(fall[trough]),
                fall=trough - start + 1,
                length=(curve.size - 1 if end is None else end) - start + 1,
            )
        )
    return sorted(found, key=lambda d: (-d.depth, d.start))[:most]


def calendar_returns(curve: Floats, dates: Sequence[str], digits: int) -> dict[str, float]:
    """Return of each calendar month (``digits`` 7) or year (4), from the last close before it; the first period
    counts from the first close. A curve that is unknown (NaN) at its ends has no return of a period without a close,
    NaN, and counts to its last close within one.
    """
    found: dict[str, float] = {}
    before = base = math.nan
    period = dates[0][:digits]
    for date, value in zip(dates, curve.tolist(), strict=True):
        if date[:digits] != period:
            base, period = before, date[:digits]
        if not math.isnan(value):
            before, base = value, value if math.isnan(base) else base
            found[period] = value / base - 1.0
        else:
            found.setdefault(period, math.nan)
    return found


def crises(curve: Floats, dates: Sequence[str]) -> list[Window]:
    """Total return and largest fall inside each window of ``CRISES``, as far as the dates cover one.

    The base is the close before the window; a window the run only touches is shown with the dates it covers.
    """
    found = []
    days = np.array(dates)
    for name, start, end in CRISES:
        inside = np.flatnonzero((days >= start) & (days <= end))
        if inside.size < 2:
            continue
        first = max(int(inside[0]) - 1, 0)
        part = curve[first : int(inside[-1]) + 1]
        window = Window(name, dates[inside[0]], dates[inside[-1]], float(part[-1] / part[0] - 1), max_drawdown(part))
        found.append(window)
    return found


def rolling(returns: Floats, excess: Floats | None, window: int) -> tuple[Floats, Floats]:
    """(T + 1,) annual volatility and Sharpe ratio (ddof 1) over the last ``window`` returns, NaN before.

    The ratio is NaN throughout where ``excess`` is None.
    """
    size = returns.size + 1
    volatility, ratio = np.full(size, np.nan), np.full(size, np.nan)
    if returns.size < window:
        return volatility, ratio
    parts = np.lib.stride_tricks.sliding_window_view(returns, window)
    volatility[window:] = parts.std(axis=1, ddof=1) * math.sqrt(SESSIONS_A_YEAR)
    if excess is not None:
        over = np.lib.stride_tricks.sliding_window_view(excess, window)
        deviation = over.std(axis=1, ddof=1)
        known = deviation > 0.0
        ratio[window:][known] = over.mean(axis=1)[known] / deviation[known] * math.sqrt(SESSIONS_A_YEAR)
    return volatility, ratio


def moments(returns: Floats) -> tuple[float, float] | None:
    """Skewness and kurtosis (a normal has 3) of the returns, biased moments; None without dispersion."""
    if returns.size < 4:
        return None
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= 0.0:
        return None
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2


def probable_sharpe(excess: Floats | None, benchmark: float = 0.0) -> tuple[float, float] | None:
    """Standard error of the annual Sharpe ratio and the probability that the true one exceeds ``benchmark``.

    Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier": the error allows for skewness and
    fat tails, not for dependence between sessions. None where the ratio is unknown.
    """
    shape = None if excess is None else moments(excess)
    if excess is None or shape is None:
        return None
    skewness, kurtosis = shape
    ratio = float(excess.mean() / excess.std(ddof=1))
    spread = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if spread <= 0.0:
        return None
    error = math.sqrt(spread / (excess.size - 1))
    score = (ratio - benchmark / math.sqrt(SESSIONS_A_YEAR)) / error
    return error * math.sqrt(SESSIONS_A_YEAR), 0.5 * (1.0 + math.erf(score / math.sqrt(2.0)))


def best_of(excess: Floats | None, tries: int) -> float | None:
    """Probability that the true Sharpe ratio exceeds zero, were it the best of ``tries`` independent, skill-less ones.

    Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio": the benchmark is the expected largest of so many
    ratios of zero mean that spread by the standard error of this one. None where the ratio is unknown.
    """
    alone = probable_sharpe(excess)
    if alone is None or tries < 1:
        return None
    if tries == 1:
        return alone[1]
    normal = statistics.NormalDist()
    largest = (1.0 - _EULER) * normal.inv_cdf(1.0 - 1.0 / tries) + _EULER * normal.inv_cdf(1.0 - 1.0 / (tries * math.e))
    found = probable_sharpe(excess, alone[0] * largest)
    return None if found is None else found[1]


def years(nav: NDArray[np.int64], dates: Sequence[str], fills: Iterable[Fill]) -> list[Year]:
    """Turnover and costs by calendar year; a trade's weight is its notional over the NAV of the close before it."""
    row = {d: i for i, d in enumerate(dates)}
    by_year: dict[int, list[Fill]] = {int(d[:4]): [] for d in dates}
    for fill in fills:
        by_year[int(fill.session[:4])].append(fill)
    marks = np.array([int(d[:4]) for d in dates])
    found = []
    for year, traded in by_year.items():
        inside = nav[marks == year]
        moved = sum(abs(f.notional) / float(nav[max(row[f.session] - 1, 0)]) for f in traded)
        found.append(
            Year(
                year,
                int(inside.size),
                len(traded),
                0.5 * moved,
                sum(f.commission for f in traded),
                sum(f.slippage for f in traded),
                sum(f.impact for f in traded),
                float(inside.mean()),
            )
        )
    return found


def contributions(
    fills: Sequence[Fill], flows: Sequence[CashFlow], last: dict[str, int]
) -> tuple[list[SymbolContribution], int]:
    """Each symbol's profit in cents, largest first, and the interest on cash; ``last`` is what is held at the end.

    Together they are the change of NAV: what was received less what was paid, dividends, and the value still held.
    """
    price = dict(last)
    income: dict[str, int] = {}
    costs: dict[str, int] = {}
    trades: dict[str, int] = {}
    for fill in fills:
        price[fill.symbol] = price.get(fill.symbol, 0) - fill.notional - fill.commission
        costs[fill.symbol] = costs.get(fill.symbol, 0) + fill.commission + fill.slippage + fill.impact
        trades[fill.symbol] = trades.get(fill.symbol, 0) + 1
    interest = 0
    for flow in flows:
        if flow.kind == "interest":
            interest += flow.cents
        else:
            income[flow.symbol] = income.get(flow.symbol, 0) + flow.cents
    made = [
        SymbolContribution(s, price.get(s, 0), income.get(s, 0), costs.get(s, 0), trades.get(s, 0))
        for s in sorted(price.keys() | income.keys())
    ]
    return sorted(made, key=lambda c: (-c.total, c.symbol)), interest


def bindings(auctions: Iterable[AuctionRecord]) -> list[Binding]:
    """Every constraint that had a price or stopped a bid, the most frequent first.

    A shared limit's price is the auction's dual; the cap of a single bid has the price its bid states.
    """
    prices: dict[str, list[float]] = {}
    stopped: dict[str, int] = {}
    for auction in auctions:
        own = {name: price for name, price in auction.duals.items() if price > 0.0}
        for bid in auction.bids:
            if bid.binding:
                stopped[bid.binding] = stopped.get(bid.binding, 0) + 1
                if bid.binding not in auction.duals and bid.price is not None and bid.price > 0.0:
                    own[bid.binding] = max(bid.price, own.get(bid.binding, 0.0))
        for name, price in own.items():
            prices.setdefault(name, []).append(price)
    found = [
        Binding(n, len(prices.get(n, ())), float(np.mean(prices[n])) if n in prices else 0.0, stopped.get(n, 0))
        for n in prices.keys() | stopped.keys()
    ]
    return sorted(found, key=lambda b: (-b.auctions, -b.bids, b.constraint))


def spans(values: Sequence[str]) -> list[tuple[int, int, str]]:
    """Runs of equal values as (first row, last row, value)."""
    found: list[tuple[int, int, str]] = []
    start = 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[start]:
            found.append((start, i - 1, values[start]))
            start = i
    return found

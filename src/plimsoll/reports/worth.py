"""Cost and benefit of the risk limits: the same forecasts without them, and equal weight, at equal volatility (T).

**Ungoverned** is the same strategies, called on the same dates with the ungoverned portfolio as input; their desired
weights are traded without limits: every symbol with a positive forecast gets a weight in proportion to its conviction,
mu / sigma a year (S1), summed over the strategies, until the portfolio is fully invested. Keep forecasts keep the
position, a target portfolio is bought as asked, and a cap in a forecast applies. There is no auction, CVaR budget, cap
of a symbol or sector, ladder, gate, veto, stop, regime, VIX rule, band or limit on trades. Certified data stay a
condition (D11), and costs are those of the one cost model (C3).

**De-levered** is that portfolio combined with cash in one proportion throughout, chosen afterwards so that volatility
over the run equals the governed run's: the remaining difference in return, Sharpe and drawdown is not due to size. It
is never levered up: a less volatile portfolio stays unchanged.
"""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import numpy as np

from plimsoll.core.decision import Share, TargetPortfolio
from plimsoll.core.forecast import Forecast
from plimsoll.core.panel import Floats, History, View
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.engine.answers import Answers
from plimsoll.engine.asking import ask, scheduled
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.tally import RunTally
from plimsoll.measures.performance import VOLATILITY_LEAST, Metrics, metrics
from plimsoll.reports.comparison import equal_weights
from plimsoll.reports.followed import FollowedBook, cash_rates, follow
from plimsoll.reports.rates import risk_free_rates

_SCALED = ("turnover_monthly", "cost_drag_annual")


class Worth(msgspec.Struct, frozen=True):
    """The same forecasts ungoverned, and equal weight, over the run's sessions.

    ``…_delevered`` are those portfolios with cash at the governed volatility, ``…_share`` their part of NAV.
    """

    ungoverned: Metrics
    ungoverned_delevered: Metrics
    ungoverned_share: float
    equal_weight: Metrics
    equal_weight_delevered: Metrics
    equal_weight_share: float


def worth_of(history: History, run_context: RunContext, tally: RunTally, first: int, capital: int) -> Worth | None:
    """The comparison for a run that began at row ``first`` with ``capital`` cents.

    None where the governed run was effectively in cash, or has too few sessions for a volatility.
    """
    last = first + len(tally.nav) - 1
    nav = np.array(tally.nav, dtype=np.float64)
    if nav.size < 3 or not (nav > 0.0).all():
        return None
    deviation = float((nav[1:] / nav[:-1] - 1.0).std(ddof=1))
    if not any(tally.gross) or not deviation * math.sqrt(SESSIONS_A_YEAR) >= VOLATILITY_LEAST:
        return None
    usd = capital / 100.0
    free = follow(history, run_context.policy, first, last, Wishes(history, run_context, first), usd)
    equal = follow(history, run_context.policy, first, last, equal_weights(history, first, last), usd)
    one, other = (_beside_cash(history, run_context.policy, book, deviation) for book in (free, equal))
    return Worth(*one, *other)


class Wishes:
    """The target weights of the ungoverned portfolio, decided where the strategies are due.

    A strategy's part of a holding is its part of the target that bought it, as in the governed run.
    """

    def __init__(self, history: History, run_context: RunContext, first: int) -> None:
        self._history, self._run_context, self._first = history, run_context, first
        self._portfolio: TargetPortfolio | None = None

    def __call__(self, row: int, held: Floats) -> Floats | None:
        """(N,) target weights decided after the close of ``row``; None where no strategy is due."""
        view = View(self._history, row)
        every = frozenset(s.name for s in self._run_context.strategies)
        asked = every if row == self._first else scheduled(view, self._run_context)
        if not asked:
            return None
        answers = ask(view, self._run_context, self._present(held), self._portfolio, asked)
        shares = tuple(self._wanted(view, answers))
        self._portfolio = TargetPortfolio(view.day, shares)
        target = np.zeros(held.size)
        for share in shares:
            target[self._run_context.column[share.symbol]] += share.weight
        return target

    def _present(self, held: Floats) -> tuple[Share, ...]:
        if self._portfolio is None:
            return ()
        whole: dict[str, float] = {}
        for share in self._portfolio.shares:
            whole[share.symbol] = whole.get(share.symbol, 0.0) + share.weight
        return tuple(
            Share(s.strategy, s.symbol, s.weight / whole[s.symbol] * float(held[self._run_context.column[s.symbol]]))
            for s in self._portfolio.shares
            if held[self._run_context.column[s.symbol]] > 0.0
        )

    def _wanted(self, view: View, answers: Answers) -> list[Share]:
        """Kept positions and target portfolios first, then convictions over the remaining weight."""
        eligible = view.now("eligible")
        fixed: list[Share] = []
        bids: list[tuple[str, Forecast, float]] = []
        for name, said in answers.all:
            count = Counter(f.symbol for f in said)
            for f in said:
                if f.symbol not in self._run_context.column or count[f.symbol] > 1:
                    continue  # refused under governance too
                if not f.keep and not eligible[self._run_context.column[f.symbol]] > 0.0:
                    continue
                if f.keep or name in answers.targets:
                    fixed.append(Share(name, f.symbol, f.target_weight or 0.0))
                elif f.mu > 0.0:
                    bids.append((name, f, f.mu / f.sigma * math.sqrt(SESSIONS_A_YEAR / f.horizon)))
        taken = math.fsum(share.weight for share in fixed)
        scale = 1.0 / max(taken, 1.0)
        shares = [Share(s.strategy, s.symbol, s.weight * scale) for s in fixed if s.weight > 0.0]
        room, total = 1.0 - taken * scale, math.fsum(conviction for *_, conviction in bids)
        for name, f, conviction in bids:
            weight = room * conviction / total
            weight = weight if f.target_weight is None else min(weight, f.target_weight)
            if weight > 0.0:
                shares.append(Share(name, f.symbol, weight))
        return shares


def _beside_cash(
    history: History, policy: Policy, book: FollowedBook, deviation: float
) -> tuple[Metrics, Metrics, float]:
    """A portfolio's metrics, those of the part of it that deviates by ``deviation`` a session, and that part."""
    days = history.panel.sessions.days[book.first : book.last + 1]
    risk_free = risk_free_rates(history, policy, book.first, book.last)
    whole = metrics(book.nav, days, risk_free, costs=book.paid, turned=book.turned)
    returns = book.nav[1:] / book.nav[:-1] - 1.0
    cash = cash_rates(history, policy, book.first, book.last)[1:]
    share = share_of(returns, cash, deviation)
    mixed = share * returns + (1.0 - share) * cash
    part = metrics(np.append(1.0, np.cumprod(1.0 + mixed)), days, risk_free, costs=0.0)
    scaled = {name: None if (v := getattr(whole, name)) is None else share * v for name in _SCALED}
    return whole, msgspec.structs.replace(part, **scaled), share


def share_of(returns: Floats, cash: Floats, deviation: float) -> float:
    """The part k of a portfolio with cash for which k x returns + (1 - k) x cash deviates by ``deviation`` (ddof 1).

    The positive root of the variance, a quadratic in k; at most 1.
    """
    excess = returns - cash
    covariance = np.cov(excess, cash)
    a, b, c = float(covariance[0, 0]), 2.0 * float(covariance[0, 1]), float(covariance[1, 1]) - deviation**2
    if not a > 0.0:
        return 1.0
    root = (-b + math.sqrt(max(b * b - 4.0 * a * c, 0.0))) / (2.0 * a)
    return min(max(root, 0.0), 1.0)

"""Portfolios that follow target weights on the account's clock and costs, for comparison (E3, C3).

Such a portfolio decides after a close, trades at the next open and pays the one cost model's price for the size of its
orders, in the liquidity and regime known at the decision. Units are fractional and no limit applies; dividends are
reinvested (the total-return index); uninvested cash earns the account's cash return (U4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Floats, History
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import risk_free_return
from plimsoll.costs.model import estimate, most_probable

_ROUNDS = 4  # what costs leave to invest depends on the costs: each round is closer by the factor of a cost
Target = tuple[int, Floats]
Decide = Callable[[int, Floats], Floats | None]


@dataclass(frozen=True, eq=False)
class FollowedBook:
    """A portfolio followed from row ``first`` to row ``last``, both included.

    ``nav`` is (n,) USD on closes, the first one before anything was bought; ``turned`` the sum of its turnovers,
    half of what each traded over the NAV of the close before (U2); ``paid`` the trading cost, USD.
    """

    first: int
    last: int
    nav: Floats
    turned: float
    paid: float


def follow(
    history: History, policy: Policy, first: int, last: int, targets: Mapping[int, Floats] | Decide, capital: float
) -> FollowedBook:
    """Follow target weights from ``capital`` USD.

    Parameters
    ----------
    targets : (N,) weights of NAV by the row after whose close they were decided, or a function of a row and the
        (N,) weights held then, which gives them or None. They are traded at the open of the next row and sum to at
        most 1. A symbol without a bar then is traded at its next one.

    A series that certification calls ended is closed at its last close, with cost, as the account's is (D9).
    """
    panel = history.panel
    run_context = _Desk(history, policy)
    price = np.nan_to_num(history.array("price")[first : last + 1])
    cash_growth = np.cumprod(1.0 + cash_rates(history, policy, first, last))
    units, cash = np.zeros(len(panel.symbols)), capital
    nav = np.full(last - first + 1, capital)
    turned = paid = 0.0
    done = 0  # nav is known up to here, counted from ``first``
    pending: Target | None = None
    known = range(first, last) if callable(targets) else targets
    ended = {int(r) + 1 for r, c in zip(panel.last_row, panel.certifications, strict=True) if c.ended}
    for row in range(first + 1, last + 1):
        if row - 1 in known:
            if callable(targets):
                at = row - 1 - first
                values = units * price[at]
                whole = float(values.sum()) + cash * float(cash_growth[at] / cash_growth[done])
                wanted = targets(row - 1, values / whole)
            else:
                wanted = targets[row - 1]
            pending = pending if wanted is None else (row - 1, wanted)
        if pending is None and row not in ended:
            continue
        at = row - first
        earned = cash_growth / cash_growth[done]
        nav[done + 1 : at] = price[done + 1 : at] @ units + cash * earned[done + 1 : at]
        cash *= earned[at]
        closing = np.flatnonzero((panel.last_row < row) & (units > 0.0)) if row in ended else ()
        trade = run_context.trade(row, units, price[at], price[at - 1], cash, pending, closing)
        units, cash, pending = trade.units, trade.cash, trade.left
        turned += 0.5 * trade.traded / float(nav[at - 1])
        paid += trade.cost
        nav[at], done = float(price[at] @ units + cash), at
    nav[done + 1 :] = price[done + 1 :] @ units + cash * (cash_growth / cash_growth[done])[done + 1 :]
    return FollowedBook(first, last, nav, turned, paid)


@dataclass(frozen=True, eq=False, slots=True)
class _Traded:
    units: Floats
    cash: float
    traded: float
    cost: float
    left: Target | None


class _Desk:
    """Trades of a portfolio at one open."""

    def __init__(self, history: History, policy: Policy) -> None:
        self._history, self._costs = history, policy.costs
        self._panel = history.panel
        self._kinds = tuple(i.kind for i in history.panel.instruments)

    def trade(
        self,
        row: int,
        units: Floats,
        price: Floats,
        before: Floats,
        cash: float,
        target: Target | None,
        closing: NDArray[np.intp] | tuple[()],
    ) -> _Traded:
        """Bring what has a bar at ``row`` to its target, and close ``closing`` at its last close."""
        panel = self._panel
        with np.errstate(invalid="ignore", divide="ignore"):
            opened = panel.open[row] / panel.close[row] * price
        opened = np.where(opened > 0.0, opened, price)  # an index may be quoted at the close alone
        has = np.isfinite(panel.close[row])
        at = np.where(has, opened, before)
        values = units * at
        moves = np.zeros(units.size, dtype=np.bool_)
        wish = np.zeros(units.size)
        left: Target | None = None
        if target is not None:
            decided, wanted = target
            concerned = (wanted != 0.0) | (units != 0.0)
            concerned &= np.isfinite(wanted)
            moves |= concerned & has
            wish = np.where(moves, np.nan_to_num(wanted), 0.0)
            waits = concerned & ~has & (panel.last_row >= row)
            if waits.any():
                left = (decided, np.where(waits, wanted, np.nan))
        moves[list(closing)] = True
        wish[list(closing)] = 0.0
        columns = np.flatnonzero(moves)
        whole = float(values.sum()) + cash
        trades, cost = self._sized(columns, wish[columns], values[columns], whole, row - 1)
        after = units.copy()
        after[columns] = (values[columns] + trades) / at[columns]
        after[columns[wish[columns] == 0.0]] = 0.0
        return _Traded(after, cash - float(trades.sum()) - cost, float(np.abs(trades).sum()), cost, left)

    def _sized(
        self, columns: NDArray[np.intp], wish: Floats, values: Floats, whole: float, decided: int
    ) -> tuple[Floats, float]:
        """USD traded per column and what that costs, the weights being of what the costs leave."""
        adv, sigma = (self._history.array(name)[decided, columns] for name in ("adv", "sigma"))
        price = self._panel.close[decided, columns]
        regime = most_probable(self._history.array("regime.belief")[decided])
        kinds = tuple(self._kinds[c] for c in columns)
        symbols = tuple(self._panel.symbols[c] for c in columns)
        cost, trades = 0.0, np.zeros(columns.size)
        for _ in range(_ROUNDS):
            trades = wish * (whole - cost) - values
            priced = estimate(
                kinds, np.abs(trades), adv, sigma, regime, self._costs, symbols, price, np.sign(trades)
            ).total
            cost = float(np.nansum(np.abs(trades) * priced))  # an index has no cost: it cannot be traded
        return trades, cost


def cash_rates(history: History, policy: Policy, first: int, last: int) -> Floats:
    """(last - first + 1,) cash return over the days up to each session: the risk-free rate less its spread (U4).

    The first is 0: a portfolio begins at that close. 0 where the risk-free rate is unknown or below the spread.
    """
    panel = history.panel
    rates = np.zeros(last - first + 1)
    if policy.cash.series in panel.macro_names:
        percent = panel.macro[first:last, panel.macro_names.index(policy.cash.series)]
        days = np.diff(panel.sessions.days[first : last + 1])
        rates[1:] = risk_free_return(np.nan_to_num(np.maximum(percent / 100.0 - policy.cash.spread, 0.0)), days)
    return rates

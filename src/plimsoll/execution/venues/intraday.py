"""The venue of recorded intraday bars: market orders fill whole at the open of the session's next bar (C1, X5).

Quantities and prices are whole numbers of 1e-12, money of 1e-24 USD (``core.quantity``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.intraday import IntradayBars
from plimsoll.core.policy import CostPolicy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.costs.model import commission_of, estimate
from plimsoll.execution.ledger import Ledger, LedgerEntry

_CENTS_A_DOLLAR = 100


@dataclass(frozen=True, slots=True)
class BarOrder:
    """A market order: ``sign`` 1 buys and -1 sells, ``quantity`` is positive."""

    id: str
    sign: int
    quantity: int


@dataclass(frozen=True, slots=True)
class BarFill:
    """An execution of a whole order at ``price``; ``fair`` is the bar's open, before slippage and impact, ``held`` the
    signed position before it.
    """

    order: BarOrder
    execution: str
    price: int
    fair: int
    commission: int
    held: int

    @property
    def value(self) -> int:
        """Notional traded, unsigned, without commission."""
        return self.order.quantity * self.price

    @property
    def moved(self) -> int:
        """Cost of slippage and impact."""
        return self.order.quantity * abs(self.price - self.fair)


class BarVenue:
    """Fills the ``sent`` order at the next ``open``, less slippage and impact, and books it in ``ledger``. It also
    makes the quotes, whose half spread is the cost model's slippage.

    Liquidity is that of the sessions before the traded one. ``InputError`` for a kind without costs.
    """

    def __init__(self, bars: IntradayBars, instrument: Instrument, costs: CostPolicy, ledger: Ledger) -> None:
        if instrument.kind not in costs.kinds:
            raise InputError(
                f"{instrument.symbol} is of kind {instrument.kind}, which cannot be traded", "Give another symbol"
            )
        self._bars, self._instrument, self._costs, self._ledger = bars, instrument, costs, ledger
        first = bars.first_of_session
        edges = np.flatnonzero(first)
        self._money = np.add.reduceat(
            bars.volume * (1.0 if instrument.volume_unit == "quote" else bars.close), edges
        )  # USD a session
        self._move = np.abs(bars.close[np.append(edges[1:], len(bars)) - 1] / bars.open[edges] - 1.0)
        self._session = np.cumsum(first) - 1
        self._half_spread = costs.kinds[instrument.kind].slippage  # of a normal regime, a fraction
        self._mid = 0
        self._waiting: list[BarOrder] = []

    @property
    def equity(self) -> int:
        """The account at the mid of the last quote."""
        return self._ledger.cash() + self._ledger.held(self._bars.symbol) * self._mid

    def quote(self, row: int) -> tuple[int, int]:
        """Bid and ask around a bar's close."""
        self._mid = max(round(float(self._bars.close[row]) * ONE), 2)
        half = min(round(self._mid * self._half_spread), self._mid - 1)
        return self._mid - half, self._mid + half

    def away(self, row: int, value: int) -> tuple[float, bool]:
        """Distance from the open at which an order of ``value`` fills, a fraction at least the quote's half spread, and
        whether its liquidity is known (C2).
        """
        now, kind = int(self._session[row]), self._instrument.kind
        past = slice(max(now - self._costs.adv_sessions, 0), now)
        adv = float(self._money[past].mean()) if now else np.nan
        sigma = float(np.sqrt((self._move[past] ** 2).mean())) if now else np.nan
        q, depth, moves = (np.array([v]) for v in (value / (CENT * _CENTS_A_DOLLAR), adv, sigma))
        found = estimate((kind,), q, depth, moves, 0, self._costs, (self._instrument.symbol,))
        return max(float(found.slippage[0]) + float(found.impact[0]), self._half_spread), bool(found.known[0])

    def sent(self, order: BarOrder) -> None:
        """Rest an order until the next open."""
        self._waiting.append(order)

    def open(self, row: int) -> list[BarFill]:
        """Fill the resting order at the open of a bar."""
        waiting, self._waiting = self._waiting, []
        return [self._fill(order, row) for order in waiting]

    def close(self) -> list[BarOrder]:
        """Cancel the resting order: nothing fills after the close."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _fill(self, order: BarOrder, row: int) -> BarFill:
        fair, q = max(round(float(self._bars.open[row]) * ONE), 1), order.quantity
        price = max(fair + order.sign * round(fair * self.away(row, q * fair)[0]), 1)
        usd = q * price / (CENT * _CENTS_A_DOLLAR)
        commission = round(q * price * commission_of(self._instrument.kind, usd, q / ONE, order.sign, self._costs))
        held = self._ledger.held(self._bars.symbol)
        done = BarFill(order, f"{order.id}@{row}", price, fair, commission, held)
        key = ("bars", self._bars.symbol, done.execution)
        self._ledger.fill(LedgerEntry(key, order.id, order.sign * q, order.sign * done.value, commission))
        return done

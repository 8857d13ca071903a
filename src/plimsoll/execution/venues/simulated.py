"""The venue of backtests and recorded paper sessions: own bars, own costs, no luck (C3, E4, X5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy
from plimsoll.core.state import State
from plimsoll.costs.model import depth
from plimsoll.execution.pricing import FilledOrder, FillQuote, fill, fill_quote


@dataclass
class _Account:
    """What the venue knows of the account while one opening is filled, in order."""

    cash: int
    lots: dict[str, int] = field(default_factory=dict)

    def book(self, done: Fill) -> None:
        self.cash -= done.notional + done.commission
        self.lots[done.symbol] = self.lots.get(done.symbol, 0) + done.lots


class SimulatedVenue:
    """Fills the orders of one decision at the next row's open, which is the open of the instrument's first bar that
    begins at or after the decision (U5). A function of its arguments: it keeps nothing between calls.

    An order without a bar there, or whose bar says that nothing traded, expires and is decided again next cycle: it
    fills at the first bar that is a market. Increases take at most
    ``limits.participation_max`` of average daily volume, the remainder expires; where volume is unknown they do not
    fill (``NO_LIQUIDITY_DATA``, C2). Reductions always fill, at the worst case if need be. An order pending over a
    split is restated in new lots.
    """

    def __init__(self, history: History, policy: Policy) -> None:
        self._history = history
        self._policy = policy

    def execute(self, intents: Sequence[Order], row: int, state: State | None = None) -> list[Fill]:
        """Fills of orders decided at ``row``, in the order given; none after the last row.

        With ``state``, the account just before this opening (actions of the row booked), no order crosses zero and
        no purchase exceeds the cash left by those before it: it is cut to the lots that can be paid, commission
        included. Without it the orders are taken as already held against the account.
        """
        at = row + 1
        if at >= len(self._history.panel.sessions):
            return []
        account = None
        if state is not None:
            account = _Account(state.cash, dict(zip(state.symbols, state.lots.tolist(), strict=True)))
        fills = []
        for intent in intents:
            done = self._fill(intent, row, account)
            if done is not None:
                fills.append(done)
                if account is not None:
                    account.book(done)
        return fills

    def _fill(self, intent: Order, row: int, account: _Account | None) -> Fill | None:
        panel, at = self._history.panel, row + 1
        column = panel.column[intent.symbol]
        price = float(panel.open[at, column])
        if not 0.0 < price < math.inf or panel.halted[at, column]:
            return None
        instrument = panel.instruments[column]
        quote = fill_quote(self._history, column, price, row)
        lots = _restated(intent.lots, float(panel.split[at, column]))
        held = account.lots.get(intent.symbol, 0) if account is not None else None
        if _reduces(intent, held):
            lots = lots if held is None else _towards_zero(lots, held)
        elif intent.reduce_only or lots < 0:
            return None  # nothing is held that it could reduce
        else:
            lots = min(lots, self._participating(instrument, quote))
        if lots == 0:
            return None
        order = FilledOrder(intent.id, panel.sessions.dates[at])
        if account is None or lots < 0:
            return fill(order, instrument, lots, quote, self._policy.costs)
        return self._affordable(order, instrument, lots, quote, account.cash)

    def _participating(self, instrument: Instrument, quote: FillQuote) -> int:
        """Most lots an increase may take of the average day; 0 where that is unknown."""
        volume = float(depth((instrument.kind,), np.array([quote.adv]), self._policy.costs, (instrument.symbol,))[0])
        if not 0.0 < volume < math.inf:
            return 0
        return math.floor(self._policy.limits.participation_max * volume / quote.price * instrument.lots_per_unit)

    def _affordable(
        self, order: FilledOrder, instrument: Instrument, lots: int, quote: FillQuote, cash: int
    ) -> Fill | None:
        """The purchase, cut until cash pays for it. Fewer lots have less impact, so the first cut nearly suffices."""
        while lots > 0:
            done = fill(order, instrument, lots, quote, self._policy.costs)
            cost = done.notional + done.commission
            if cost <= cash:
                return done
            lots = min(lots - 1, max(lots * cash // cost, 0))
        return None


def _reduces(intent: Order, held: int | None) -> bool:
    if held is None:
        return intent.reduce_only or intent.lots < 0
    return held * intent.lots < 0


def _towards_zero(lots: int, held: int) -> int:
    """An order against a holding: at most flat."""
    return max(lots, -held) if lots < 0 else min(lots, -held)


def _restated(lots: int, ratio: float) -> int:
    """Lots of an order that waits over a split, towards zero; unchanged where there is none."""
    return lots if ratio == 1.0 or not math.isfinite(ratio) else math.trunc(lots * ratio)

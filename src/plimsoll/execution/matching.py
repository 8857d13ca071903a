"""Deterministic matching of orders at the open of a recorded session, priced by the cost model (C3, E4, X5)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from plimsoll.core.events import OrderExpired, OrderRestated
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order, OrderType, TimeInForce
from plimsoll.core.panel import History
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import split_ratio
from plimsoll.core.state import State
from plimsoll.core.venue import Combination, VenueRules
from plimsoll.costs.model import depth
from plimsoll.execution.pricing import FilledOrder, FillQuote, fill, fill_quote

Matched = Fill | OrderExpired | OrderRestated
TYPES: tuple[OrderType, ...] = ("market",)
TIMES: tuple[TimeInForce, ...] = ("opg", "day")
RULES = VenueRules(
    "simulated",
    frozenset(
        Combination(type, time, kind, fractional)
        for type in TYPES
        for time in TIMES
        for kind in ("fund", "stock", "crypto", "fx")
        for fractional in (False, True)
    ),
)
"""The orders that recorded opens fill."""


def venue_name(id: str) -> str:
    """The simulated venue's id of an order: derived from ours, so that a rebuilt venue gives the same."""
    return hashlib.sha256(f"simulated|{id}".encode()).hexdigest()[:16]


@dataclass
class VenueAccount:
    """Cash in cents and lots by symbol, updated order by order during one open."""

    cash: int
    lots: dict[str, int] = field(default_factory=dict)

    def traded(self, done: Fill) -> None:
        """Book a fill."""
        self.cash -= done.notional + done.commission
        self.lots[done.symbol] = self.lots.get(done.symbol, 0) + done.lots


def book_of(state: State) -> VenueAccount:
    """The account of ``state``, to be filled against."""
    held = state.lots.nonzero()[0].tolist()
    return VenueAccount(state.cash, {state.symbols[c]: int(state.lots[c]) for c in held})


@dataclass(frozen=True, eq=False)
class Matcher:
    """Fills market orders at the open of a row, which is the open of the instrument's first bar that begins at or after
    the decision on the row before (U5). A pure function of its arguments: nothing is kept between calls.
    """

    history: History
    policy: Policy

    def opened(self, orders: Iterable[Order], row: int, account: VenueAccount) -> list[Matched]:
        """Results of orders at the open of ``row``, in the order given; none where the history ends before it.

        Every order ends: in a fill, or in ``OrderExpired`` with the remaining lots and the reason, or in both; the next
        cycle decides again. Without a bar (``NO_OPEN``), or on a bar without trading (``HALTED_SESSION``), nothing
        fills. An order waiting over a split is restated in new lots first. Reductions fill down to a zero position
        (``NOTHING_TO_REDUCE``), at the worst-case price if necessary. Increases take at most
        ``limits.participation_max`` of average daily volume (``PARTICIPATION``; ``NO_LIQUIDITY_DATA`` where unknown,
        C2) and at most what the cash left by earlier orders pays for, commission included (``NO_CASH``). ``account``,
        just before this open with the row's actions booked, is updated.
        """
        told: list[Matched] = []
        if row < len(self.history.panel.sessions):
            for order in orders:
                told += self._order(order, row, account)
        return told

    def _order(self, order: Order, row: int, account: VenueAccount) -> list[Matched]:
        panel = self.history.panel
        column = panel.column[order.symbol]
        session, price = panel.sessions.dates[row], float(panel.open[row, column])
        if not 0.0 < price < math.inf:
            return [OrderExpired(session, order.id, order.lots, "NO_OPEN")]
        if panel.halted[row, column]:
            return [OrderExpired(session, order.id, order.lots, "HALTED_SESSION")]
        lots = _restated(order.lots, float(panel.split[row, column]))
        if not lots:
            return [OrderExpired(session, order.id, order.lots, "BELOW_ONE_LOT")]
        told: list[Matched] = [] if lots == order.lots else [OrderRestated(session, order.id, lots)]
        quote = fill_quote(self.history, column, price, row - 1)
        done, reason = self._filled(order, lots, panel.instruments[column], quote, session, account)
        if done is not None:
            account.traded(done)
            told.append(done)
        left = lots - done.lots if done is not None else lots
        if left:
            told.append(OrderExpired(session, order.id, left, reason))
        return told

    def _filled(
        self, order: Order, lots: int, instrument: Instrument, quote: FillQuote, session: str, account: VenueAccount
    ) -> tuple[Fill | None, str]:
        """The fill, and the reason where it is not for all lots."""
        held, named = account.lots.get(order.symbol, 0), FilledOrder(order.id, session)
        most, reason = lots, "NOTHING_TO_REDUCE"
        if held * lots < 0:
            most = max(lots, -held) if lots < 0 else min(lots, -held)  # at most to zero
        elif order.reduce_only or lots < 0:
            return None, reason
        else:
            room, reason = self._participating(instrument, quote)
            most = min(lots, room)
        if most < 0:
            return fill(named, instrument, most, quote, self.policy.costs), reason
        done = self._affordable(named, instrument, most, quote, account.cash)
        paid = done.lots if done is not None else 0
        return done, reason if paid == most else "NO_CASH"

    def _participating(self, instrument: Instrument, quote: FillQuote) -> tuple[int, str]:
        """Most lots an increase may take of average daily volume, and the reason; 0 where that is unknown."""
        costs = self.policy.costs
        volume = float(depth((instrument.kind,), np.array([quote.adv]), costs, (instrument.symbol,))[0])
        if not 0.0 < volume < math.inf:
            return 0, "NO_LIQUIDITY_DATA"
        share = self.policy.limits.participation_max * volume
        return math.floor(share / quote.price * instrument.lots_per_unit), "PARTICIPATION"

    def _affordable(
        self, order: FilledOrder, instrument: Instrument, lots: int, quote: FillQuote, cash: int
    ) -> Fill | None:
        """The purchase, cut until cash pays for it. Fewer lots have less impact, so the first cut nearly suffices."""
        while lots > 0:
            done = fill(order, instrument, lots, quote, self.policy.costs)
            cost = done.notional + done.commission
            if cost <= cash:
                return done
            lots = min(lots - 1, max(lots * cash // cost, 0))
        return None


def _restated(lots: int, ratio: float) -> int:
    """Lots of an order that waits over a split, rounded towards zero; unchanged without one."""
    return lots if ratio == 1.0 or not math.isfinite(ratio) else math.trunc(lots * split_ratio(ratio))

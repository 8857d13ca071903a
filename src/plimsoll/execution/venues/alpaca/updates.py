"""Events of the trading stream in our words (X3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from plimsoll.core.events import (
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
)
from plimsoll.core.order import Fill
from plimsoll.core.venue import VenueEvent
from plimsoll.execution.venues.alpaca.orders import Executed, Names, Symbols, sign_of
from plimsoll.execution.venues.alpaca.wire import Update, WireOrder, finite, micros

QUIET = frozenset(
    {
        "pending_new", "pending_cancel", "pending_replace", "pending_review", "calculated", "stopped", "suspended",
        "done_for_day", "held", "order_cancel_rejected", "order_replace_rejected", "accepted_for_bidding",
    }
)  # fmt: skip
"""Events that prove the stream and change nothing here."""
KINDS = frozenset(
    {
        "new", "accepted", "fill", "partial_fill", "rejected", "canceled", "replaced", "expired", "restated",
        "trade_bust", "trade_correct",
    }
)  # fmt: skip
"""Events that are told."""
_KEPT = 20_000


class Strange(NamedTuple):
    """What cannot be told of an update; ``lost`` where money may be behind it, so that a snapshot has to show it."""

    text: str
    lost: bool


class Updates:
    """Reads updates. Executions are remembered, so that a snapshot shows each as the stream told it."""

    def __init__(self, symbols: Symbols, names: Names, executed: Executed, session_of: Callable[[int], str]) -> None:
        self._symbols, self._names, self._executed, self._session_of = symbols, names, executed, session_of
        self.by_execution: OrderedDict[str, Fill] = OrderedDict()
        self.by_total: OrderedDict[tuple[str, Decimal], Fill] = OrderedDict()

    def told(self, update: Update, now: int) -> VenueEvent | Strange | None:
        """The event of an update; None where it changes nothing here."""
        if update.event in QUIET:
            self._names.of(update.order)
            return None
        if update.event not in KINDS:
            return Strange(f"an event of an unknown kind {update.event[:30]!r}", False)
        event = self._read(update, now)
        return Strange(event, True) if isinstance(event, str) else event

    def _read(self, update: Update, now: int) -> VenueEvent | str:
        order, at = update.order, micros(update.timestamp)
        id, session = self._names.of(order), self._session_of(now if at is None else at)
        match update.event:
            case "new" | "accepted":
                return OrderAccepted(session, id, order.id)
            case "fill" | "partial_fill":
                return self._fill(update, id, at)
            case "rejected":
                return OrderRejected(session, id, "VENUE_REJECTED", update.reason or "")
            case "canceled":
                rest = self._rest(order)
                return rest if isinstance(rest, str) else OrderCancelled(session, id, rest)
            case "replaced":
                rest = self._rest(order)
                return rest if isinstance(rest, str) else OrderCancelled(session, id, rest, "REPLACED_AT_VENUE")
            case "expired":
                rest = self._rest(order)
                return rest if isinstance(rest, str) else OrderExpired(session, id, rest)
            case "restated":
                lots = self._lots(order, order.qty)
                return lots if isinstance(lots, str) else OrderRestated(session, id, lots)
            case _:
                return self._corrected(update, id, session, at)

    def _fill(self, update: Update, id: str, at: int | None) -> Fill | str:
        fill = self._of(update, id, at)
        if isinstance(fill, Fill):
            self.by_execution[fill.execution] = fill
            total = finite(update.order.filled_qty)
            if total is not None:
                self.by_total[update.order.id, total] = fill
            for kept in (self.by_execution, self.by_total):
                if len(kept) > _KEPT:
                    kept.popitem(last=False)
        return fill

    def _corrected(self, update: Update, id: str, session: str, at: int | None) -> FillCorrected | str:
        execution = update.previous_execution_id or update.execution_id or ""
        symbol = self._symbols.here(update.order.symbol or "")
        if not execution:
            return f"a {update.event} without an execution"
        if update.event == "trade_bust":
            return FillCorrected(session, symbol, execution, None, id=id)
        fill = self._of(update, id, at)
        return fill if isinstance(fill, str) else FillCorrected(session, symbol, execution, fill, id=id)

    def _of(self, update: Update, id: str, at: int | None) -> Fill | str:
        order = update.order
        return self._executed.fill(
            id, update.execution_id or "", order.symbol or "", order.side, update.qty, update.price, at
        )

    def _rest(self, order: WireOrder) -> int | str:
        """The lots of an order that were not executed."""
        whole, done = self._lots(order, order.qty), self._lots(order, order.filled_qty)
        if isinstance(whole, str) or isinstance(done, str):
            return whole if isinstance(whole, str) else done
        return whole - done

    def _lots(self, order: WireOrder, quantity: Decimal | None) -> int | str:
        amount, sign = finite(quantity), sign_of(order.side)
        if amount is None or not sign:
            return f"an order of {order.symbol} without a quantity"
        lots, rest = self._symbols.lots(self._symbols.here(order.symbol or ""), amount)
        return f"{amount} {order.symbol} are not whole lots" if rest else sign * lots

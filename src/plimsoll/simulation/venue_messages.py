"""What a venue's events say to a governor: the one place where orders' events become its messages (X1, X3, H2).

A venue counts in lots and in USD; a governor in 1e-12 units and 1e-12 USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.core.errors import InputError
from plimsoll.core.events import Event, FillCorrected, OrderCancelled, OrderExpired, OrderRejected, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.quantity import ONE, shown
from plimsoll.core.venue_facts import Bust, Correction, External, Fact, Snapshot
from plimsoll.governor.governor import Execution, Governor
from plimsoll.governor.protocol_lines import symbol_in


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more of an order will fill."""

    order: str


Message = Execution | Fact | Ended


def price_in(usd: float) -> int:
    """A price in whole 1e-12 USD, to the nearest."""
    return round(usd * ONE)


def message_of(event: Event, units: Mapping[str, int], at: int) -> Message | None:
    """What an event says, heard ``at`` an instant; None where it is nothing that a governor counts.

    ``units`` are 1e-12 units of a lot, by symbol. A fill that no order made is a trade of others. A bust says nothing
    where its venue did not name the order. ``InputError`` for a symbol that is none of the account's.
    """
    match event:
        case Fill(reason="ORDER"):
            price = price_in(event.price)
            return Execution(
                event.id, event.execution, _quantity(event, units), price, price, event.exchange, event.at or at
            )
        case Fill():
            sign, price, symbol = (1 if event.lots > 0 else -1), price_in(event.price), _known(event.symbol, units)
            return External(event.execution, symbol, sign, _quantity(event, units), price, price, event.at or at)
        case FillCorrected(fill=None):
            return Bust(event.id, event.execution, event.exchange) if event.id else None
        case FillCorrected(fill=Fill() as now):
            price = price_in(now.price)
            return Correction(
                now.id, event.execution, now.execution, _quantity(now, units), price, price, now.exchange, now.at or at
            )
        case OrderExpired() | OrderCancelled() | OrderRejected():
            return Ended(event.id)
        case _:
            return None


def snapshot_of(told: VenueSnapshot, units: Mapping[str, int], id: str, at: int) -> Snapshot:
    """What a venue's account says is held and open, as it was at an instant."""
    held = {_known(symbol, units): lots * units[_known(symbol, units)] for symbol, lots in told.positions.items()}
    return Snapshot(id, at, held, frozenset(told.orders))


def tell(governor: Governor, message: Message) -> tuple[str, ...]:
    """Tell a governor; the reason codes of its answer."""
    match message:
        case Execution():
            return governor.fill(message)
        case Ended(order):
            governor.close(order)
            return ()
        case _:
            return governor.tell(message)


def _quantity(done: Fill, units: Mapping[str, int]) -> int:
    return abs(done.lots) * units[_known(done.symbol, units)]


def _known(symbol: str, units: Mapping[str, int]) -> str:
    """The one name of a symbol, however the venue spelled it."""
    name = symbol if symbol in units else symbol_in(symbol)
    if name not in units:
        raise InputError(f"{shown(symbol)} is no symbol of this account")
    return name

"""What differs between Binance's spot and futures markets, as the venue asks for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from plimsoll.core.events import FeeReported
from plimsoll.core.order import Order
from plimsoll.execution.venues.binance.client import BinanceClient, Failure
from plimsoll.execution.venues.binance.listing import Listing
from plimsoll.execution.venues.binance.wire import OrderRow, Report, Trade


class Paths(msgspec.Struct, frozen=True):
    """Addresses of the REST API."""

    time: str
    info: str
    order: str
    orders: str
    open_orders: str
    trades: str


class Account(msgspec.Struct, frozen=True):
    """Cash in USDT and units held by our symbol; ``rest`` are assets that no symbol of ours is."""

    cash: Decimal
    held: dict[str, Decimal]
    rest: tuple[str, ...] = ()


class Market(Protocol):
    """One of Binance's markets."""

    name: str
    paths: Paths

    def order(self, order: Order, listing: Listing) -> dict[str, str] | str:
        """The parameters of an order, but for its id; or why it is none of this venue's kinds."""
        ...

    async def permits(self, client: BinanceClient) -> Failure | str:
        """Why the account is not one that we trade, "" where it is."""
        ...

    async def account(self, client: BinanceClient, by_symbol: dict[str, Listing]) -> Account | Failure:
        """Cash and positions."""
        ...

    async def average(self, client: BinanceClient, listing: Listing) -> Decimal:
        """The average price that the filters of a price are judged by; 0 where there is none."""
        ...

    async def income(self, client: BinanceClient, since: int) -> list[tuple[int, FeeReported]] | Failure:
        """Payments apart from executions, each with its time, microseconds."""
        ...

    def trades(self, body: bytes) -> list[Trade] | None:
        """Executions in an answer."""
        ...

    def report(self, body: bytes) -> Report | None:
        """An order's event in the stream; None for any other."""
        ...

    def objection(self, order: Order, row: OrderRow) -> str:
        """What the answer to an order shows to be wrong with it; "" where nothing is."""
        ...

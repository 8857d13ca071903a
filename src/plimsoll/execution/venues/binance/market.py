"""What differs between Binance's spot and futures markets, as the venue asks for it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import msgspec

from plimsoll.core.order import Order
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure
from plimsoll.execution.venues.binance.wire import BinanceTrade, OrderRow, Report

if TYPE_CHECKING:
    from plimsoll.execution.venues.binance.listing import Listing


class Paths(msgspec.Struct, frozen=True):
    """Addresses of the REST API."""

    time: str
    info: str
    order: str
    orders: str
    open_orders: str
    trades: str


class BinanceAccount(msgspec.Struct, frozen=True):
    """Cash in USDT and units held by our symbol; ``rest`` are assets that no symbol of ours is."""

    cash: Decimal
    held: dict[str, Decimal]
    rest: tuple[str, ...] = ()


class Income(msgspec.Struct, frozen=True):
    """A payment without an execution: funding, which is paid where ``amount`` is below zero. ``at`` is microseconds."""

    id: str
    kind: str
    market: str
    amount: Decimal
    asset: str
    at: int


class BinanceMarket(Protocol):
    """One of Binance's markets. ``by_days`` is the longest span of executions that one question may be about, 0 for
    any; ``exempts_reductions`` says that a reduction may have any value, and
    ``holds_assets`` that positions are balances of assets, from which a fee may be taken.
    """

    name: str
    paths: Paths
    by_days: int
    exempts_reductions: bool
    holds_assets: bool

    def order(self, order: Order, listing: Listing) -> dict[str, str] | str:
        """The parameters of an order, but for its id; or why it is none of this venue's kinds."""
        ...

    async def permits(self, client: BinanceClient) -> BinanceFailure | str:
        """Why the account is not one that we trade, "" where it is."""
        ...

    async def account(self, client: BinanceClient, by_symbol: dict[str, Listing]) -> BinanceAccount | BinanceFailure:
        """Cash and positions."""
        ...

    async def average(self, client: BinanceClient, listing: Listing) -> Decimal:
        """The average price that the filters of a price are judged by; 0 where there is none."""
        ...

    async def income(self, client: BinanceClient, since: int) -> tuple[Income, ...] | BinanceFailure:
        """Payments apart from executions since a time, microseconds."""
        ...

    def trades(self, body: bytes) -> list[BinanceTrade] | None:
        """Executions in an answer."""
        ...

    def report(self, body: bytes) -> Report | None:
        """An order's event in the stream; None for any other."""
        ...

    def objection(self, order: Order, row: OrderRow) -> str:
        """What the answer to an order shows to be wrong with it, after a code of ours; "" where nothing is."""
        ...

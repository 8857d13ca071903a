"""What Binance says of orders, executions and accounts, spot and futures, in one form (X1, X3).

Numbers are decimal texts there and exact decimals here. Fields that are not used are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

import msgspec

from plimsoll.core.order import Status

STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "NEW": "ACCEPTED",
        "PENDING_NEW": "ACCEPTED",
        "PARTIALLY_FILLED": "PARTIALLY_FILLED",
        "FILLED": "FILLED",
        "CANCELED": "CANCELLED",
        "PENDING_CANCEL": "PENDING_CANCEL",
        "REJECTED": "REJECTED",
        "EXPIRED": "EXPIRED",
        "EXPIRED_IN_MATCH": "EXPIRED",
    }
)
"""Our status of each of the venue's."""


class OrderRow(msgspec.Struct, frozen=True, rename="camel"):
    """An order in an answer: to its placing, a question, a cancellation."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str = ""
    side: str = ""
    type: str = ""
    orig_qty: str = "0"
    executed_qty: str = "0"
    orig_client_order_id: str = ""
    reduce_only: bool = False
    position_side: str = "BOTH"

    @property
    def sign(self) -> int:
        """1 buys, -1 sells."""
        return 1 if self.side == "BUY" else -1


class BinanceTrade(msgspec.Struct, frozen=True):
    """An execution, from the stream or an answer. ``symbol`` is the venue's, ``at`` microseconds."""

    symbol: str
    id: int
    order_id: int
    sign: int
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_asset: str
    at: int


class Report(msgspec.Struct, frozen=True):
    """An order's event in the stream. ``kind`` is what happened, ``status`` what it is now, ``trade`` an execution."""

    symbol: str
    client_id: str
    order_id: int
    kind: str
    status: str
    sign: int
    quantity: Decimal
    executed: Decimal
    at: int
    reason: str = ""
    trade: BinanceTrade | None = None


class _SpotTrade(msgspec.Struct, rename="camel"):
    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    time: int
    is_buyer: bool
    quote_qty: str = ""
    commission: str = "0"
    commission_asset: str | None = None


class _FuturesTrade(msgspec.Struct, rename="camel"):
    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    time: int
    side: str
    commission: str = "0"
    commission_asset: str | None = None


def number(text: str) -> Decimal:
    """A finite decimal; ``ValueError`` for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("no number") from None
    if not value.is_finite() or abs(value) >= 10**18:
        raise ValueError("no number")
    return value


def order_row(body: bytes) -> OrderRow | None:
    """An order in an answer; None where it is unreadable."""
    try:
        return msgspec.json.decode(body, type=OrderRow)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def order_rows(body: bytes) -> list[OrderRow] | None:
    """Orders in an answer; None where they are unreadable."""
    try:
        return msgspec.json.decode(body, type=list[OrderRow])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def spot_trades(body: bytes) -> list[BinanceTrade] | None:
    """Executions of spot; None where they are unreadable."""
    try:
        rows = msgspec.json.decode(body, type=list[_SpotTrade])
        return [_trade(row, 1 if row.is_buyer else -1) for row in rows]
    except (msgspec.DecodeError, ValueError):
        return None


def futures_trades(body: bytes) -> list[BinanceTrade] | None:
    """Executions of futures; None where they are unreadable."""
    try:
        rows = msgspec.json.decode(body, type=list[_FuturesTrade])
        return [_trade(row, 1 if row.side == "BUY" else -1) for row in rows]
    except (msgspec.DecodeError, ValueError):
        return None


def _trade(row: _SpotTrade | _FuturesTrade, sign: int) -> BinanceTrade:
    value = row.quote_qty if isinstance(row, _SpotTrade) else ""  # the stream of futures says none, and both must agree
    return made_trade(
        (row.symbol, row.id, row.order_id, sign), row.qty, row.price, value,
        (row.commission, row.commission_asset), row.time,
    )  # fmt: skip


def made_trade(
    of: tuple[str, int, int, int], quantity: str, price: str, value: str, fee: tuple[str, str | None], at: int
) -> BinanceTrade:
    """An execution from its texts. Its value, where the venue does not say it, is its price times its quantity."""
    many, each = number(quantity), number(price)
    worth = number(value) if value else many * each
    return BinanceTrade(*of, many, each, worth, number(fee[0]), fee[1] or "", at * 1000)

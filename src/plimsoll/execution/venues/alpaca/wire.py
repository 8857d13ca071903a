"""Alpaca's messages as they come. Decimals stay decimals: no quantity or price goes through a float (U8)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from plimsoll.core.quantity import DECIMALS

Number = Decimal | None
_T = TypeVar("_T")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = Decimal(10**27)  # beyond it a figure is an error, and arithmetic with it slow


class ErrorBody(msgspec.Struct):
    """The body of a refusal. What holds a quantity is named with it (L15)."""

    code: int | str | None = None
    message: str = ""
    symbol: str | None = None
    available: str | int | float | None = None
    existing_qty: str | int | float | None = None
    held_for_orders: str | int | float | None = None
    related_orders: list[str] | None = None
    existing_order_id: str | None = None

    @property
    def words(self) -> str:
        """The venue's words, and which orders are in the way."""
        more = [
            f"{name} {value}"
            for name, value in (
                ("available", self.available),
                ("existing_qty", self.existing_qty),
                ("held_for_orders", self.held_for_orders),
                ("related_orders", " ".join(self.related_orders or ()) or None),
                ("existing_order_id", self.existing_order_id),
            )
            if value is not None
        ]
        return f"{self.message} ({', '.join(more)})" if more else self.message


class WireOrder(msgspec.Struct):
    """An order as the venue reports it."""

    id: str
    symbol: str | None
    side: str | None
    status: str
    client_order_id: str | None = None
    qty: Number = None
    notional: Number = None
    filled_qty: Number = None
    submitted_at: str | None = None
    asset_class: str | None = None


class Update(msgspec.Struct):
    """An event of the trading stream."""

    event: str
    order: WireOrder
    timestamp: str | None = None
    execution_id: str | None = None
    previous_execution_id: str | None = None
    price: Number = None
    qty: Number = None
    reason: str | None = None


class Said(msgspec.Struct):
    """A message of the trading stream: which stream it belongs to, and the rest."""

    stream: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Granted(msgspec.Struct):
    """The answer to an authentication, or to the choice of streams."""

    status: str = ""
    streams: list[str] | None = None


class Activity(msgspec.Struct):
    """An entry of the account's record: an execution, or a charge."""

    id: str
    activity_type: str
    transaction_time: str | None = None
    symbol: str | None = None
    side: str | None = None
    order_id: str | None = None
    price: Number = None
    qty: Number = None
    net_amount: Number = None
    date: str | None = None
    status: str | None = None
    description: str | None = None
    previous_id: str | None = None
    cum_qty: Number = None


class AccountRow(msgspec.Struct):
    """The account. Cash is read from ``cash`` alone (L4), which includes what is not settled yet, swept or not."""

    status: str
    cash: Decimal
    currency: str = "USD"
    equity: Number = None
    long_market_value: Number = None
    short_market_value: Number = None
    account_blocked: bool = False
    trading_blocked: bool = False
    trade_suspended_by_user: bool = False
    shorting_enabled: bool = True


class PositionRow(msgspec.Struct):
    """A holding of the account's."""

    symbol: str
    qty: Decimal
    side: str = "long"


class Asset(msgspec.Struct):
    """What the venue says of a symbol."""

    symbol: str
    asset_class: str = msgspec.field(name="class", default="us_equity")
    status: str = "active"
    tradable: bool = False
    shortable: bool = False
    fractionable: bool = False
    min_order_size: Number = None
    min_trade_increment: Number = None
    price_increment: Number = None


class MarketClock(msgspec.Struct):
    """The venue's clock."""

    timestamp: str
    is_open: bool


def decoded(body: bytes, kind: type[_T]) -> _T | None:
    """A message of a kind; None where it is not one."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation):
        return None


def micros(text: str | None) -> int | None:
    """A time in microseconds since 1970, cut to milliseconds: streams and records differ in what follows."""
    found = _TIME.fullmatch(text or "")
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found[1] + ("+00:00" if found[3] == "Z" else found[3]))
    except ValueError:
        return None
    return (whole - _EPOCH) // timedelta(microseconds=1) + int((found[2] or "")[:3].ljust(3, "0")) * 1000


def stamp(at: int) -> str:
    """A time as the venue reads it."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def finite(number: Number) -> Decimal | None:
    """A number that is one, and no larger than any account."""
    return number if number is not None and number.is_finite() and abs(number) < _MOST else None


def as_price(number: Number) -> int:
    """A price in 1e-12 USD, cut below; 0 where it is no number."""
    value = finite(number)
    return 0 if value is None else int(value.scaleb(DECIMALS))

"""An account at the loopback Alpaca: its own arithmetic in ``Decimal``, and its own idea of what Alpaca refuses.

It shares no code with Plimsoll.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
OPEN = {"new", "accepted", "partially_filled", "pending_cancel", "done_for_day"}
ACCOUNT_ID = "e6fe16f3-64a4-4921-8928-cadf02f92f98"
Json = dict[str, Any]


def plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text


class Refusal(Exception):
    def __init__(self, status: int, code: int | None, message: str, **more: Any) -> None:
        self.status = status
        self.body: Json = {**({} if code is None else {"code": code}), "message": message, **more}


@dataclass
class Placed:
    """An order in the server's book."""

    id: str
    client_id: str
    symbol: str
    side: str
    quantity: Decimal | None
    type: str
    tif: str
    limit: str | None
    stop: str | None
    at: datetime
    asset_class: str
    status: str = "accepted"
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    reason: str = ""

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    def json(self) -> Json:
        at = stamp(self.at)
        return {
            "id": self.id, "client_order_id": self.client_id, "created_at": at, "updated_at": at, "submitted_at": at,
            "filled_at": None, "expired_at": None, "canceled_at": None, "failed_at": None, "replaced_at": None,
            "replaced_by": None, "replaces": None, "asset_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, self.symbol)),
            "symbol": self.symbol, "asset_class": self.asset_class, "notional": None,
            "qty": None if self.quantity is None else plain(self.quantity), "filled_qty": plain(self.filled),
            "filled_avg_price": plain(self.paid / self.filled) if self.filled else None, "order_class": "",
            "order_type": self.type, "type": self.type, "side": self.side, "time_in_force": self.tif,
            "limit_price": self.limit, "stop_price": self.stop, "status": self.status, "extended_hours": False,
            "legs": None, "trail_percent": None, "trail_price": None, "hwm": None,
        }  # fmt: skip


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "000Z")  # nanoseconds, as Alpaca's


def asset(symbol: str, **more: Any) -> Json:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol)), "class": "us_equity", "exchange": "NASDAQ", "symbol": symbol,
        "name": symbol, "status": "active", "tradable": True, "marginable": True, "shortable": True,
        "easy_to_borrow": True, "fractionable": True, **more,
    }  # fmt: skip


def pair(symbol: str) -> Json:
    return asset(
        symbol, **{"class": "crypto", "exchange": "CRYPTO", "shortable": False, "min_order_size": "0.0001",
        "min_trade_increment": "0.0001", "price_increment": "0.5"},
    )  # fmt: skip


class LoopbackAccount:
    """Orders, executions, positions and cash. ``told`` hears each event of an order with more of its fields."""

    def __init__(self, now: Callable[[], datetime], told: Callable[..., None]) -> None:
        self._now, self._told = now, told
        self.cash = Decimal(100_000)
        self.held: dict[str, Decimal] = {}
        self.marks: dict[str, Decimal] = {}
        self.book: dict[str, Placed] = {}
        self.activities: list[Json] = []
        self.assets = {one["symbol"]: one for one in (
            asset("AAPL"), asset("BRK.B"), asset("WHOLE", fractionable=False), asset("HALTED", tradable=False),
            pair("BTC/USD"),
        )}  # fmt: skip
        self.more: Json = {}

    # what happens

    def fill(self, id: str, quantity: Decimal, price: Decimal, *, execution: str = "") -> str:
        order = self.book[id]
        execution = execution or str(uuid.uuid4())
        order.filled += quantity
        order.paid += quantity * price
        order.status = "filled" if order.quantity is not None and order.filled >= order.quantity else "partially_filled"
        self._traded(order.symbol, order.sign * quantity, price)
        at, kind = self._now(), "fill" if order.status == "filled" else "partial_fill"
        self.activities.append(
            {
                "activity_type": "FILL", "id": f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{execution}",
                "account_id": ACCOUNT_ID, "transaction_time": stamp(at), "type": kind, "price": plain(price),
                "qty": plain(quantity), "side": order.side, "symbol": order.symbol, "order_id": order.id,
                "leaves_qty": plain((order.quantity or ZERO) - order.filled), "cum_qty": plain(order.filled),
                "order_status": order.status, "status": "executed",
            }
        )  # fmt: skip
        self._told(
            kind, order, execution_id=execution, price=plain(price), qty=plain(quantity), timestamp=stamp(at),
            position_qty=plain(self.held.get(order.symbol, ZERO)),
        )  # fmt: skip
        return execution

    def _traded(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        self.held[symbol] = self.held.get(symbol, ZERO) + quantity
        self.cash -= quantity * price
        self.marks[symbol] = price
        if not self.held[symbol]:
            del self.held[symbol]

    def end(self, id: str, status: str, event: str, **more: Any) -> None:
        self.book[id].status = status
        self._told(event, self.book[id], **more)

    def bust(self, execution: str) -> None:
        row = self._row(execution)
        order = self.book[row["order_id"]]
        quantity, price = Decimal(row["qty"]), Decimal(row["price"])
        self._traded(order.symbol, -order.sign * quantity, price)
        order.filled -= quantity
        order.paid -= quantity * price
        row["status"] = "canceled"
        self._told("trade_bust", order, execution_id=execution, price=plain(price), qty=plain(quantity))

    def correct(self, execution: str, price: Decimal) -> str:
        row = self._row(execution)
        order = self.book[row["order_id"]]
        quantity, before = Decimal(row["qty"]), Decimal(row["price"])
        self.cash += order.sign * quantity * (before - price)
        order.paid += quantity * (price - before)
        new = str(uuid.uuid4())
        time = row["id"].partition("::")[0]
        row.update(id=f"{time}::{new}", previous_id=f"{time}::{execution}", price=plain(price), status="correct")
        self._told(
            "trade_correct", order, execution_id=new, previous_execution_id=execution, price=plain(price),
            qty=plain(quantity), timestamp=row["transaction_time"],
        )  # fmt: skip
        return new

    def charge(self, amount: Decimal, text: str) -> str:
        self.cash -= amount
        at = self._now()
        id = f"{at:%Y%m%d}000000000::{uuid.uuid4()}"
        self.activities.append(
            {"activity_type": "FEE", "id": id, "account_id": ACCOUNT_ID, "date": f"{at:%Y-%m-%d}",
             "net_amount": plain(-amount), "description": text, "status": "executed"}
        )  # fmt: skip
        return id

    def foreign(self, symbol: str, quantity: Decimal) -> str:
        side = "buy" if quantity > 0 else "sell"
        order = self.new(str(uuid.uuid4()), symbol, side, abs(quantity), "market", "day")
        self.book[order.id] = order
        self._told("new", order)
        return order.id

    def find(self, client_id: str) -> Placed:
        return next(one for one in self.book.values() if one.client_id == client_id)

    def _row(self, execution: str) -> Json:
        return next(row for row in self.activities if row["id"].endswith(execution))

    # what is asked

    def summary(self) -> Json:
        long = sum((q * self.marks[s] for s, q in self.held.items() if q > 0), ZERO)
        short = sum((q * self.marks[s] for s, q in self.held.items() if q < 0), ZERO)
        equity = self.cash + long + short
        return {
                "id": ACCOUNT_ID, "account_number": "010203ABCD", "status": "ACTIVE", "currency": "USD",
                "cash": plain(self.cash), "equity": plain(equity), "last_equity": plain(equity),
                "portfolio_value": plain(equity), "long_market_value": plain(long), "short_market_value": plain(short),
                "buying_power": plain(2 * equity), "multiplier": "2", "account_blocked": False,
                "trading_blocked": False, "transfers_blocked": False, "trade_suspended_by_user": False,
                "shorting_enabled": True, "created_at": "2019-06-12T22:47:07.99658Z", **self.more,
        }  # fmt: skip

    def positions(self) -> list[Json]:
        rows = []
        for symbol, quantity in self.held.items():
            price = plain(self.marks[symbol])
            value = plain(quantity * self.marks[symbol])
            crypto = self.assets[symbol]["class"] == "crypto"
            rows.append(
                {
                    "asset_id": self.assets[symbol]["id"], "symbol": symbol.replace("/", ""), "exchange": "NASDAQ",
                    "asset_class": "crypto" if crypto else "us_equity", "avg_entry_price": price,
                    "qty": plain(quantity), "side": "long" if quantity > 0 else "short", "market_value": value,
                    "cost_basis": value, "current_price": price, "qty_available": plain(quantity),
                }
            )  # fmt: skip
        return rows

    def record(self, types: str, query: Mapping[str, str]) -> list[Json]:
        """A page of the activities."""
        rows = [row for row in self.activities if not types or row["activity_type"] in types.split(",")]
        if (after := query.get("after")) is not None:
            start = datetime.fromisoformat(after.replace("Z", "+00:00"))
            rows = [row for row in rows if _when(row) > start]
        rows.sort(key=lambda row: row["id"], reverse=query.get("direction", "desc") == "desc")
        if (token := query.get("page_token")) is not None:
            rows = rows[[row["id"] for row in rows].index(token) + 1 :]
        size = int(query.get("page_size", "100"))
        if not 0 < size <= 100:
            raise Refusal(422, 40010001, "page_size must be between 1 and 100")
        return rows[:size]

    def listed(self, query: Mapping[str, str]) -> list[Json]:
        """A page of the orders."""
        status, rows = query.get("status", "open"), list(self.book.values())
        if status != "all":
            rows = [one for one in rows if (one.status in OPEN) == (status == "open")]
        if (after := query.get("after")) is not None:
            start = datetime.fromisoformat(after.replace("Z", "+00:00"))
            rows = [one for one in rows if one.at > start]
        rows.sort(key=lambda one: one.at, reverse=query.get("direction", "desc") == "desc")
        return [one.json() for one in rows[: int(query.get("limit", "50"))]]

    # what is placed

    def checked(self, body: Json) -> Placed:
        """The order of a request, or what Alpaca says against it."""
        known = self.assets.get(body.get("symbol", ""))
        if known is None:
            raise Refusal(422, 42210000, f'asset "{body.get("symbol")}" not found')
        if ("qty" in body) == ("notional" in body):
            raise Refusal(422, 40010001, "only one of qty or notional is accepted")
        if any(one.client_id == body.get("client_order_id") for one in self.book.values()):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        if not known["tradable"]:
            raise Refusal(422, 42210000, f'asset "{known["symbol"]}" is not tradable')
        quantity, tif, kind = Decimal(str(body["qty"])), body["time_in_force"], body["type"]
        if quantity <= 0:
            raise Refusal(422, 40010001, "qty must be > 0")
        crypto = known["class"] == "crypto"
        if crypto and kind == "stop":
            raise Refusal(422, 42210000, "invalid order type for crypto order")
        if not crypto and "stop" in kind and tif not in ("day", "gtc"):
            raise Refusal(422, 42210000, "stop orders must be day or gtc time_in_force")
        if crypto and tif not in ("gtc", "ioc"):
            raise Refusal(422, 42210000, "invalid crypto time_in_force")
        if not crypto and quantity % 1:
            if not known["fractionable"]:
                raise Refusal(403, 40310000, f'asset "{known["symbol"]}" is not fractionable')
            if tif != "day":
                raise Refusal(422, 42210000, "fractional orders must be DAY orders")
        for name in ("limit_price", "stop_price"):
            price = Decimal(str(body[name])) if body.get(name) is not None else None
            if price is not None and not crypto and price % (Decimal("0.01") if price >= 1 else Decimal("0.0001")):
                raise Refusal(422, 42210000, f"invalid {name} {price}. sub-penny increment does not fulfill minimum")
        order = self.new(
            body.get("client_order_id") or str(uuid.uuid4()), known["symbol"], body["side"], quantity, kind, tif,
            limit=body.get("limit_price"), stop=body.get("stop_price"),
        )  # fmt: skip
        self._afford(order)
        return order

    def _afford(self, order: Placed) -> None:
        assert order.quantity is not None
        price = Decimal(str(order.limit or self.marks.get(order.symbol, 100)))
        equity = self.cash + sum((q * self.marks[s] for s, q in self.held.items()), ZERO)
        if order.side == "buy" and order.quantity * price > 2 * equity:
            raise Refusal(403, 40310000, "insufficient buying power")
        here = self.held.get(order.symbol, ZERO)
        rest = [
            one for one in self.book.values()
            if one.symbol == order.symbol and one.side == "sell" and one.status in OPEN and one.quantity is not None
        ]  # fmt: skip
        reserved = sum((one.quantity - one.filled for one in rest if one.quantity is not None), ZERO)
        if order.side == "sell" and here <= 0 and not self.assets[order.symbol]["shortable"]:
            raise Refusal(403, 40310000, f'asset "{order.symbol}" cannot be sold short')
        if order.side == "sell" and here > 0 and order.quantity > here - reserved:
            raise Refusal(
                403, 40310000, f"insufficient qty available for order (requested: {plain(order.quantity)}, available: "
                f"{plain(here - reserved)})", available=plain(here - reserved), existing_qty=plain(here),
                held_for_orders=plain(reserved), related_orders=[one.id for one in rest], symbol=order.symbol,
            )  # fmt: skip

    def new(
        self, client_id: str, symbol: str, side: str, quantity: Decimal, kind: str, tif: str, *,
        limit: object = None, stop: object = None,
    ) -> Placed:  # fmt: skip
        return Placed(
            str(uuid.uuid4()), client_id, symbol, side, quantity, kind, tif, None if limit is None else str(limit),
            None if stop is None else str(stop), self._now(), self.assets[symbol]["class"],
        )  # fmt: skip


def _when(row: Json) -> datetime:
    text = row.get("transaction_time") or f"{row['date']}T23:59:59+00:00"
    return datetime.fromisoformat(text.replace("000Z", "+00:00"))

"""Our orders in Alpaca's words, and Alpaca's in ours (X2, X3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from plimsoll.core.fees import CENT
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order, Status, reason_of
from plimsoll.core.quantity import DECIMALS, ONE, plain
from plimsoll.core.venue import OrderReport
from plimsoll.execution.venues.alpaca.wire import WireOrder, finite

_OURS = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGITS = 60  # exact for every quantity times every price
STATUSES: Mapping[str, Status] = {
    "new": "ACCEPTED",
    "accepted": "ACCEPTED",
    "pending_new": "ACCEPTED",
    "accepted_for_bidding": "ACCEPTED",
    "stopped": "ACCEPTED",
    "suspended": "ACCEPTED",
    "calculated": "ACCEPTED",
    "held": "ACCEPTED",
    "pending_review": "ACCEPTED",
    "pending_replace": "ACCEPTED",
    "done_for_day": "ACCEPTED",  # it goes on with the next session
    "partially_filled": "PARTIALLY_FILLED",
    "pending_cancel": "PENDING_CANCEL",
    "filled": "FILLED",
    "canceled": "CANCELLED",
    "replaced": "CANCELLED",  # its successor is an order of its own, which is not ours
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}
"""Alpaca's status of an order, in ours. One that is not here is no answer."""


class Symbols:
    """Our symbols and Alpaca's, and quantities in lots (U8)."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.instruments = instruments
        self._there = {s: one.aliases.get("alpaca", _spelt(one)) for s, one in instruments.items()}
        self._here = {there: here for here, there in self._there.items()}
        pairs = {there.replace("/", ""): here for here, there in self._there.items() if "/" in there}
        self._here = {**pairs, **self._here}  # positions and older messages name a pair without its stroke

    def there(self, symbol: str) -> str:
        """Alpaca's name of one of our symbols."""
        return self._there.get(symbol, symbol)

    def here(self, symbol: str) -> str:
        """Our name of one of Alpaca's symbols; its own where it is none of ours."""
        return self._here.get(symbol, symbol)

    def knows(self, symbol: str) -> bool:
        """Whether a symbol of Alpaca's is one of ours."""
        return symbol in self._here

    def per_unit(self, symbol: str) -> int:
        """Lots that make one unit of our symbol; 1 where it is not ours."""
        found = self.instruments.get(symbol)
        return 1 if found is None else found.lots_per_unit

    def lots(self, symbol: str, quantity: Decimal) -> tuple[int, Decimal]:
        """Whole lots in a quantity of our symbol, and the fraction of a lot that remains; both signed like it."""
        with localcontext() as context:
            context.prec = _DIGITS
            exact = quantity * self.per_unit(symbol)
            whole = int(exact)
            return whole, exact - whole

    def units(self, symbol: str, lots: int) -> str:
        """A quantity of lots, unsigned, as a decimal."""
        with localcontext() as context:
            context.prec = _DIGITS
            return format(Decimal(abs(lots)) / self.per_unit(symbol), "f")


def _spelt(instrument: Instrument) -> str:
    """Classes of shares have a point at Alpaca, and pairs of currencies a stroke."""
    return instrument.symbol.replace("-", "/" if instrument.kind == "crypto" else ".")


def exact_price(value: float) -> Decimal:
    """A price as its shortest decimal, which is how it was written."""
    return Decimal(repr(value))


def body_of(order: Order, symbols: Symbols) -> dict[str, str]:
    """An order as the body of a request. Every part of it was decided before; nothing is chosen here."""
    body = {
        "symbol": symbols.there(order.symbol),
        "qty": symbols.units(order.symbol, order.lots),
        "side": "buy" if order.lots > 0 else "sell",
        "type": order.type,
        "time_in_force": order.time_in_force,
        "client_order_id": order.id,
    }
    if order.type in ("limit", "stop_limit") and order.limit is not None:
        body["limit_price"] = format(exact_price(order.limit), "f")
    if order.type in ("stop", "stop_limit") and order.stop is not None:
        body["stop_price"] = format(exact_price(order.stop), "f")
    return body


def echoes(told: WireOrder, order: Order, symbols: Symbols) -> bool:
    """Whether an answer is about this order: id, symbol, side and quantity."""
    quantity = finite(told.qty)
    if quantity is None or told.client_order_id != order.id or symbols.here(told.symbol or "") != order.symbol:
        return False
    lots, rest = symbols.lots(order.symbol, quantity)
    return sign_of(told.side) * lots == order.lots and not rest


class Names:
    """Ids of orders: ours where we gave one, else the venue's own."""

    def __init__(self) -> None:
        self._sent: set[str] = set()
        self._name: dict[str, str] = {}
        self._venue: dict[str, str] = {}

    def sent(self, id: str) -> None:
        """Remember an id as one of ours, whatever it looks like."""
        self._sent.add(id)

    def of(self, order: WireOrder) -> str:
        """The id of an order; remembered with the venue's."""
        given = order.client_order_id or ""
        name = given if given in self._sent or _OURS.fullmatch(given) else order.id
        self._name[order.id] = name
        self._venue[name] = order.id
        return name

    def known(self, venue_id: str) -> str | None:
        """The id of an order that was seen, by the venue's."""
        return self._name.get(venue_id)

    def venue_id(self, id: str) -> str | None:
        """The venue's id of an order that was seen."""
        return self._venue.get(id)


def sign_of(side: str | None) -> int:
    """1 to buy, -1 to sell, 0 for neither."""
    return 1 if side == "buy" else -1 if side in ("sell", "sell_short") else 0


def reported(told: WireOrder, id: str, symbols: Symbols) -> OrderReport | str:
    """An order's report; what is wrong with it where it cannot be read."""
    status, filled = STATUSES.get(told.status), finite(told.filled_qty)
    if status is None:
        return f"status {told.status!r}"
    if filled is None:
        return "filled_qty"
    lots, rest = symbols.lots(symbols.here(told.symbol or ""), filled)
    if rest:
        return f"{filled} filled of {told.symbol} are not whole lots"
    if lots and status == "ACCEPTED":
        status = "PARTIALLY_FILLED"
    return OrderReport(id, status, lots * sign_of(told.side), told.id)


def cents_of(amount: Decimal) -> tuple[int, int]:
    """An amount of USD in whole cents, to the nearest, and what is beyond them in 1e-12 USD."""
    with localcontext() as context:
        context.prec = _DIGITS
        cents = int((amount * 100).to_integral_value(ROUND_HALF_EVEN))
        return cents, int((amount.scaleb(DECIMALS) - cents * CENT).to_integral_value(ROUND_HALF_EVEN))


class Executed:
    """Makes executions of ours from a quantity and a price of Alpaca's."""

    def __init__(self, symbols: Symbols, session_of: Callable[[int], str]) -> None:
        self._symbols, self._session_of = symbols, session_of

    def fill(
        self, id: str, execution: str, symbol: str, side: str | None, quantity: Decimal | None,
        price: Decimal | None, at: int | None,
    ) -> Fill | str:  # fmt: skip
        """The execution, the same from the stream as from the account's record; what is wrong where there is none."""
        here, sign = self._symbols.here(symbol), sign_of(side)
        amount, paid = finite(quantity), finite(price)
        if not execution or not sign or at is None or amount is None or paid is None or amount <= 0 or paid <= 0:
            return f"an execution of {symbol} cannot be read"
        lots, rest = self._symbols.lots(here, amount)
        if rest or not lots:
            return f"an execution of {plain(int(amount * ONE))} {symbol} is not of whole lots"
        with localcontext() as context:
            context.prec = _DIGITS
            cents, beyond = cents_of(sign * amount * paid)
        return Fill(
            id=id, execution=execution, session=self._session_of(at), symbol=here, lots=sign * lots,
            price=float(paid), notional=cents, commission=0, slippage=0, impact=0, reason=reason_of(id),
            at=at, rest=beyond,
        )  # fmt: skip

"""The one place where the figures of a venue are judged, before anything is booked (U6, X3, X6).

A figure is possible where it is of its kind, finite, within what a journal holds, and of a sign that means something.
Nothing is corrected here: what is not possible is named, and kept by nobody.
"""

from __future__ import annotations

from math import isfinite

import msgspec

from plimsoll.core.events import (
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    VenueSnapshot,
)
from plimsoll.core.order import Fill
from plimsoll.core.venue import VenueEvent

MOST = 10**15
"""Lots or cents of one figure, 10 trillion USD: beyond it a venue's figure is an error."""
MOST_HELD = 10**18
"""Lots held and cents of cash: sums stay within 64 bits."""


def impossible(event: VenueEvent) -> str:
    """Which figure of a venue's event cannot be: TEXT, EXECUTION_ID, LOTS, PRICE or MONEY; "" where all can."""
    match event:
        case Fill():
            return _fill(event)
        case FillCorrected():
            if not _texts(event.session, event.symbol) or not is_whole(event.number):
                return "TEXT"
            if not _named(event.execution):
                return "EXECUTION_ID"
            return "" if event.fill is None else _fill(event.fill)
        case FeeReported():
            if not _texts(event.session, event.source, event.currency, event.of, event.symbol) or not event.of:
                return "TEXT"
            exact = is_whole(event.amount, MOST_HELD) and is_whole(event.lot, MOST_HELD)
            return "" if is_whole(event.cents) and exact else "MONEY"
        case OrderAccepted():
            return "" if _texts(event.session, event.id, event.venue_id) else "TEXT"
        case OrderRejected():
            return "" if _texts(event.session, event.id, event.reason, event.text) else "TEXT"
        case OrderCancelled() | OrderExpired():
            return _of_order(event.lots, event.session, event.id, event.reason)
        case OrderRestated():
            return _of_order(event.lots, event.session, event.id) or ("" if event.lots else "LOTS")
        case _:  # an event of ours, which no venue tells
            return "KIND"


def impossible_account(snapshot: VenueSnapshot) -> str:
    """Which figure of a venue's account cannot be, with its place; "" where all can."""
    if not is_whole(snapshot.cash):
        return "cash: MONEY"
    if not _texts(snapshot.session, *snapshot.orders, *snapshot.positions):
        return "orders and positions: TEXT"
    for symbol, lots in snapshot.positions.items():
        if not is_whole(lots):
            return f"{symbol}: LOTS"
    for told in (snapshot.executions, snapshot.corrections, snapshot.fees):
        for one in told:
            if reason := impossible(one):
                return f"{type(one).__name__}: {reason}"
    return ""


def is_whole(figure: object, most: int = MOST) -> bool:
    """Whether a figure is a whole number that an account can hold."""
    return isinstance(figure, int) and not isinstance(figure, bool) and abs(figure) <= most


def is_price(figure: object) -> bool:
    """Whether a figure is a price, USD; one that is not finite is none."""
    return isinstance(figure, int | float) and not isinstance(figure, bool) and 0 < figure <= MOST


def as_told(event: VenueEvent | VenueSnapshot) -> str:
    """An event as canonical JSON, with what JSON or a journal cannot hold as text, so that it is kept as it came."""
    return msgspec.json.encode(_plain(event), order="sorted").decode()


def as_text(value: object) -> str:
    """A text that a journal holds: itself where it can be."""
    return value if isinstance(value, str) and _encodes(value) else ascii(value)


def _fill(fill: Fill) -> str:
    if not _texts(fill.session, fill.symbol, fill.id, fill.reason):
        return "TEXT"
    if not _named(fill.execution):
        return "EXECUTION_ID"
    if not is_whole(fill.lots) or not fill.lots:
        return "LOTS"
    if not is_price(fill.price):
        return "PRICE"
    money = (fill.notional, fill.commission, fill.slippage, fill.impact, fill.rest)
    return "" if all(map(is_whole, money)) and fill.notional * fill.lots >= 0 else "MONEY"


def _of_order(lots: object, *texts: object) -> str:
    if not _texts(*texts):
        return "TEXT"
    return "" if is_whole(lots) else "LOTS"


def _named(text: object) -> bool:
    return _texts(text) and text != ""


def _texts(*values: object) -> bool:
    return all(map(_encodes, values))


def _encodes(value: object) -> bool:
    """Whether a value is a text without half a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(part) for name, part in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {as_text(name): _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, bool) or (isinstance(value, str) and _encodes(value)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return ascii(value)

"""Parsing of the governor's protocol lines: one JSON object of a known type, every field once (H2).

Amounts and quantities are read from their text as exact decimals, as strings or as JSON numbers; no float is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from plimsoll.core.errors import InputError, PlimsollError
from plimsoll.core.quantity import parsed, plain, shown
from plimsoll.core.symbols import held_as
from plimsoll.governor.governor import OrderIntent

LINE_MAX = 64 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = re.compile(r"(\d{1,15})(?:\.(\d{1,18}))?", re.ASCII)
_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.^=/_-]{0,31}", re.ASCII)
_SIDES = {"buy": 1, "sell": -1}
FIELDS: dict[str, set[str]] = {
    "session": {"date", "equity"},
    "quote": {"symbol", "ts"},
    "intent": {"id", "symbol", "side", "qty", "ts"},
    "fill": {"id", "exec", "qty", "price", "ts"},
    "cancel": {"id", "ts"},
    "reject": {"id", "ts"},
    "correct": {"id", "exec", "by", "qty", "price", "ts"},
    "bust": {"id", "exec", "ts"},
    "external": {"id", "symbol", "side", "qty", "price", "ts"},
    "split": {"id", "symbol", "new", "old", "ts"},
    "dividend": {"id", "symbol", "amount", "ts"},
    "settle": {"id", "symbol", "price", "ts"},
    "transfer": {"id", "symbol", "qty", "ts"},
    "snapshot": {"id", "positions", "ts"},
    "status": set(),
}
OPTIONAL: dict[str, set[str]] = {
    "quote": {"bid", "ask"},
    "intent": {"limit"},
    "fill": {"venue"},
    "correct": {"venue"},
    "bust": {"venue"},
    "split": {"again"},
    "dividend": {"again"},
    "settle": {"qty", "act"},
    "snapshot": {"orders"},
}
Line = Mapping[str, object]


class _Number(str):
    """The text of a JSON number, or of NaN or Infinity, distinct from the same text as a JSON string."""


class Unread(NamedTuple):
    """An order that could be read only in part, and the reasons for its refusal."""

    id: str
    symbol: str
    wrong: list[str]


def understood(line: bytes | None) -> OrderIntent | Unread | Line | PlimsollError:
    """A line's request, or its error."""
    try:
        said = read(line)
        return _order(said) if said["type"] == "intent" else said
    except PlimsollError as error:
        return error


def _order(said: Line) -> OrderIntent | Unread:
    """The order in a line; ``InputError`` when its id, symbol or side cannot be read."""
    order_id, symbol, sign = id_of(said, "id"), symbol_of(said), side_of(said)
    quantity = _or_none(lambda: parsed(said["qty"], "qty", exact=True))
    limit = _or_none(lambda: parsed(said["limit"], "limit", exact=False, up=True)) if "limit" in said else None
    at = _or_none(lambda: instant_of(said))
    if quantity is None or at is None or (limit is None and "limit" in said):
        unread = (("BAD_QUANTITY", quantity), ("BAD_TIME", at), ("BAD_PRICE", limit if "limit" in said else 0))
        return Unread(order_id, symbol, [code for code, value in unread if value is None])
    return OrderIntent(order_id, symbol, sign, quantity, at, limit, respelt=bool(respelt(said, symbol)))


def read(line: bytes | None) -> Line:
    """A line as an object of a known type with every field once."""
    if line is None:
        raise InputError(f"the line is longer than {LINE_MAX} bytes")
    try:
        said: Any = json.loads(
            line.decode(), parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_once
        )
    except UnicodeDecodeError as error:
        raise InputError(f"the line is not a JSON object: byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg} at character {error.pos + 1}" if line.strip() else "it is empty"
        raise InputError(f"the line is not a JSON object: {what}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not a JSON object: {error}") from None
    kind = said.get("type") if isinstance(said, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        raise InputError(f"the line is no object with a type among {', '.join(FIELDS)}: {shown(kind)}")
    missing = sorted(FIELDS[kind] - said.keys())
    if missing:
        raise InputError(f"{kind} lacks {', '.join(missing)}")
    strange = sorted(said.keys() - FIELDS[kind] - {"type"} - OPTIONAL.get(kind, set()))
    if strange:
        raise InputError(f"{kind} has unknown fields: {', '.join(strange)!a}")
    return {str(name): value for name, value in said.items()}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    said: dict[str, object] = {}
    for name, value in pairs:
        if name in said:
            raise ValueError(f"{shown(name)} appears twice")
        said[name] = value
    return said


def text_of(said: Line, name: str) -> str:
    """A text field."""
    value = said[name]
    if type(value) is not str:
        raise InputError(f"{name} must be a text, not {shown(value)}")
    return value


def id_of(said: Line, name: str) -> str:
    """An id field: 1 to 128 printable ASCII characters without spaces."""
    return id_in(said[name], name)


def id_in(value: object, name: str) -> str:
    """An id: 1 to 128 printable ASCII characters without spaces."""
    if type(value) is not str:
        raise InputError(f"{name} must be a text, not {shown(value)}")
    if not _ID.fullmatch(value):
        raise InputError(f"{name} must be 1 to 128 printable ASCII characters without spaces, not {shown(value)}")
    return value


def symbol_of(said: Line) -> str:
    """The line's symbol."""
    return symbol_in(text_of(said, "symbol"))


def symbol_in(value: str) -> str:
    """A symbol in its canonical spelling; one unknown to the instrument master is returned as it is (D2)."""
    if not _SYMBOL.fullmatch(value):
        raise InputError(f"symbol must be 1 to 32 letters, digits or . ^ = / _ -, not {shown(value)}")
    return _identity(value)


@lru_cache(maxsize=4096)
def _identity(value: str) -> str:
    try:
        return held_as(value)
    except InputError:
        return value


def respelt(said: Line, symbol: str) -> dict[str, str]:
    """The canonical symbol in an answer to a line that spelt it differently."""
    return {} if said["symbol"] == symbol else {"symbol": symbol}


def side_of(said: Line) -> int:
    """1 to buy, -1 to sell."""
    side = text_of(said, "side")
    if side not in _SIDES:
        raise InputError(f"side is {shown(side)}", "Give buy or sell")
    return _SIDES[side]


def sides_of(said: Line) -> tuple[int, int, str]:
    """Bid and ask of a quote, 0 for one that is no price, and the fault; "" without one."""
    found, wrong = [0, 0], ""
    for n, (name, up) in enumerate((("bid", False), ("ask", True))):
        try:
            if name not in said:
                raise InputError(f"quote lacks {name}")
            found[n] = parsed(said[name], name, exact=False, up=up)
        except InputError as error:
            wrong = wrong or str(error)
    if found[0] > found[1] and not wrong:
        wrong = f"a quote needs bid <= ask, not {plain(found[0])} to {plain(found[1])}"
    return found[0], found[1], wrong


def _or_none(parse: Callable[[], int]) -> int | None:
    try:
        return parse()
    except InputError:
        return None


def equity_of(said: Line) -> int:
    """Cents of a session's equity, rounded down; zero or below after a gap that took everything."""
    text = said["equity"]
    below = isinstance(text, str) and text.startswith("-")
    found = _PLAIN.fullmatch(text.removeprefix("-")) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"equity must be a plain decimal such as 1000.00 or -160.00, not {shown(text)}")
    decimals = found[2] or ""
    whole = int(found[1] + decimals[:2].ljust(2, "0"))
    return -(whole + bool(decimals[2:].strip("0"))) if below else whole


def instant_of(said: Line) -> int:
    """Microseconds since 1970 of an ISO instant with a time zone."""
    text = text_of(said, "ts")
    try:
        when = datetime.fromisoformat(text)
        if when.utcoffset() is None:
            raise InputError(f"ts {shown(text)} has no time zone", "Give it as 2026-03-02T15:00:00Z")
        return (when - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InputError(f"ts {shown(text)} is not an instant such as 2026-03-02T15:00:00Z") from None

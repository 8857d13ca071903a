"""The governor's line protocol: one JSON object in, one out, whatever came in (H2).

Amounts and quantities are read from their text as exact decimals, as strings or as JSON numbers; no float is made.
What does not parse is answered with ``{"error": …}`` and changes nothing. An intent whose id and symbol can be read
is always a decision: what is wrong with the rest of it is a reason to refuse.

Orders that wait together are decided on in turn and made durable by one write before any is answered (H5). A crash in
between leaves orders counted that were never answered, never an answer that was not counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.money import dollars
from plimsoll.risk.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.risk.governor_limits import SECOND, GovernorLimits
from plimsoll.risk.governor_objections import DAY

LINE_MAX = 64 * 1024
SHOWN_MAX = 40  # characters of a wrong value in an answer
AHEAD_MAX = 60 * SECOND  # how far a live account's times may lie ahead of this machine's clock
_MICRO = 6  # decimals of prices and quantities
_PLAIN = re.compile(r"(\d{1,15})(?:\.(\d{1,18}))?", re.ASCII)
_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.^=/_-]{0,31}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES = {"buy": 1, "sell": -1}
_FIELDS = {
    "session": {"date", "equity"},
    "quote": {"symbol", "bid", "ask", "ts"},
    "intent": {"id", "symbol", "side", "qty", "ts"},
    "fill": {"id", "exec", "qty", "price", "ts"},
    "cancel": {"id", "ts"},
    "reject": {"id", "ts"},
    "status": set(),
}
Line = Mapping[str, object]


class _Number(str):
    """The text of a JSON number, which is not the same as a JSON string of it."""


class Signed(Protocol):
    """The account behind a governor: what is signed for it, and what its sessions come to."""

    def next_session(self, governor: Governor, day: int, equity: int) -> GovernorLimits:
        """The limits of a session that is about to begin."""
        ...

    def about(self, equity: int) -> tuple[str, ...]:
        """What is to be told of a session that has begun with so many cents."""
        ...

    def quoted(self, governor: Governor, at: int) -> None:
        """A quote was taken."""
        ...


class LineProtocol:
    """Answers lines for one governor. ``clock`` counts microseconds and never goes back; ``batch`` is how many orders
    are made durable together at most; ``account`` says at each session which limits are signed (H1, H7). ``now`` is
    the time in microseconds since 1970, for an account that trades live: what is dated further ahead of it than
    ``AHEAD_MAX`` is not believed, because later orders, exits too, would lie before the last time seen until then.
    ``tell`` hears what a person has to know of a session, which its answer holds as ``notes``.
    """

    def __init__(
        self,
        governor: Governor,
        batch: int,
        clock: Callable[[], int],
        account: Signed | None = None,
        now: Callable[[], int] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._governor, self._batch, self._clock, self._account = governor, batch, clock, account
        self._now, self._tell = now, tell
        self._answers: dict[str, Callable[[Line], dict[str, Any]]] = {
            "session": self._session,
            "quote": self._quote,
            "fill": self._fill,
            "cancel": self._release,
            "reject": self._release,
            "status": self._status,
        }

    def answer(self, lines: Sequence[bytes | None]) -> Iterator[str]:
        """The answers to lines that wait together, in their order, each without its newline and durable by then.

        None stands for a line that was too long. Never raises for what a line holds.
        """
        orders: list[OrderIntent] = []
        for line in lines:
            asked = _understood(line)
            if isinstance(asked, OrderIntent) and self._ahead(asked.at):
                asked = _Unread(asked.id, asked.symbol, ["TIME_OUTSIDE_SESSION"])
            if isinstance(asked, OrderIntent):
                orders.append(asked)
                if len(orders) < self._batch:
                    continue
            yield from self._decided(orders)
            orders = []
            if not isinstance(asked, OrderIntent):
                yield json.dumps(self._other(asked))
        yield from self._decided(orders)

    def _decided(self, orders: Sequence[OrderIntent]) -> Iterator[str]:
        """Answers to orders that waited together, timed together: the first waited as long as the last."""
        if not orders:
            return
        begun = self._clock()
        decisions = self._governor.decide_many(orders)
        spent = self._clock() - begun
        for found in decisions:
            yield json.dumps(_decision(found.id, found.decision, list(found.reasons), found.headroom, found.marks))
            self._governor.took(spent)

    def _other(self, asked: Line | _Unread | PlimsollError) -> dict[str, Any]:
        if isinstance(asked, _Unread):
            return _decision(asked.id, "REFUSE", asked.wrong, self._governor.headroom(asked.symbol))
        if isinstance(asked, PlimsollError):
            return {"error": str(asked)}
        try:
            return self._answers[str(asked["type"])](asked)
        except PlimsollError as error:
            return {"error": str(error)}

    def _session(self, said: Line) -> dict[str, Any]:
        text = _text(said, "date")
        try:
            day = (date.fromisoformat(text) - _EPOCH.date()).days
        except ValueError:
            raise InputError(f"date {text!r} is not a date such as 2026-03-02") from None
        equity = _equity(said)
        if self._ahead((day - 1) * DAY):  # a day begins earlier in the east
            raise InputError(f"session {text} lies ahead of this machine's clock", "Send the date of today")
        signed = None if self._account is None else self._account.next_session(self._governor, day, equity)
        again = day == self._governor.account.day
        begun = self._clock()
        try:
            self._governor.begin(day, equity, signed)
        except InputError as error:
            last = self._governor.account
            raise InputError(f"{error}: it is that of {_date(last.day)}, with {dollars(last.equity)} USD") from None
        self._governor.took(self._clock() - begun)
        notes = () if self._account is None or again else self._account.about(equity)
        for note in notes:
            self._tell(note)
        return self._done(notes=list(notes)) if notes else self._done()

    def _quote(self, said: Line) -> dict[str, Any]:
        bid, ask = _amount(said, "bid", _MICRO, exact=False), _amount(said, "ask", _MICRO, exact=False, up=True)
        symbol, at = _symbol(said), _instant(said)
        if self._ahead(at):
            raise InputError(
                f"the quote of {symbol} at {said['ts']} lies ahead of this machine's clock", "Mend the feed"
            )
        try:
            self._governor.quote(symbol, Quote(bid, ask, at))
        except InputError as error:
            last, day = self._governor.quotes.get(symbol), self._governor.account.day
            raise InputError(
                f"{error}: {symbol} {_plain(bid)} to {_plain(ask)} at {said['ts']}; the session is "
                f"{_date(day) if day >= 0 else 'none'}, the last quote {_time(last.at) if last else 'none'}"
            ) from None
        if self._account is not None:
            self._account.quoted(self._governor, at)
        return self._done()

    def _done(self, **more: object) -> dict[str, Any]:
        """What was asked is done; with it the working orders to cancel, again until the venue says they are closed."""
        cancel = self._governor.to_cancel
        return {"ok": True, **more, **({"cancel": list(cancel)} if cancel else {})}

    def _fill(self, said: Line) -> dict[str, Any]:
        _instant(said)
        prices = [_amount(said, "price", _MICRO, exact=False, up=up) for up in (False, True)]
        execution = Execution(_id(said, "id"), _id(said, "exec"), _amount(said, "qty", _MICRO, exact=True), *prices)
        try:
            reasons = self._governor.fill(execution)
        except InputError as error:
            raise InputError(f"{error}: order {execution.id}, execution {execution.execution}") from None
        return self._done(reasons=list(reasons)) if reasons else self._done()

    def _release(self, said: Line) -> dict[str, Any]:
        _instant(said)
        order = _id(said, "id")
        try:
            self._governor.close(order)
        except InputError as error:
            raise InputError(f"{error}: {order}") from None
        return self._done()

    def _ahead(self, at: int) -> bool:
        """Whether a time is further ahead than the clock of a live account's machine can be behind."""
        return self._now is not None and at > self._now() + AHEAD_MAX

    def _status(self, _: Line) -> dict[str, Any]:
        g = self._governor
        g.refresh()
        use, limits = g.use(), g.limits
        begun = g.account.day >= 0
        return {
            "session": _date(g.account.day) if begun else None,
            "equity": dollars(g.account.equity) if begun else None,
            "stage": g.stage,
            "reduce_only": g.reduce_only,
            "cancel": list(g.to_cancel),
            "health_check": g.account.unchecked,
            "latency": {
                "too_slow": g.account.slow > 0,
                "median_us": g.pace.median,
                "slow": g.pace.slow,
            },
            "open": [
                {
                    "id": o.id,
                    "symbol": o.symbol,
                    "side": "buy" if o.sign > 0 else "sell",
                    "qty": _plain(o.quantity),
                    "filled": _plain(o.filled),
                    "price": _plain(o.price),
                }
                for o in sorted(g.orders.values(), key=lambda o: o.number)
            ],
            "positions": {symbol: _plain(held) for symbol, held in sorted(g.positions.items())},
            "used": {
                "loss": _spent(use.loss),
                "position": _spent(use.position),
                "gross": _spent(use.gross),
                "turnover": _spent(use.turnover),
            },
            "limits": {
                "loss": dollars(limits.loss),
                "position": dollars(limits.position),
                "gross": dollars(g.gross_cap),
                "turnover": dollars(limits.turnover),
                "trade": dollars(limits.trade),
                **({"positions": {s: dollars(v) for s, v in limits.positions.items()}} if limits.positions else {}),
            },
            "headroom": {name: dollars(left) for name, left in g.headroom().items()},
        }


class _Unread(NamedTuple):
    """An order of which not everything could be read, and why it is refused."""

    id: str
    symbol: str
    wrong: list[str]


def _understood(line: bytes | None) -> OrderIntent | _Unread | Line | PlimsollError:
    """What a line asks, or what is wrong with it."""
    try:
        said = _read(line)
        return _order(said) if said["type"] == "intent" else said
    except PlimsollError as error:
        return error


def _order(said: Line) -> OrderIntent | _Unread:
    """The order a line holds; ``InputError`` when not even its id, symbol and side can be read."""
    order_id, symbol, side = _id(said, "id"), _symbol(said), _text(said, "side")
    if side not in _SIDES:
        raise InputError(f"side is {_shown(side)}", "Give buy or sell")
    quantity = _or_none(lambda: _amount(said, "qty", _MICRO, exact=True))
    limit = _or_none(lambda: _amount(said, "limit", _MICRO, exact=False, up=True)) if "limit" in said else None
    at = _or_none(lambda: _instant(said))
    if quantity is None or at is None or (limit is None and "limit" in said):
        unread = (("BAD_QUANTITY", quantity), ("BAD_TIME", at), ("BAD_PRICE", limit if "limit" in said else 0))
        return _Unread(order_id, symbol, [code for code, value in unread if value is None])
    return OrderIntent(order_id, symbol, _SIDES[side], quantity, at, limit)


def refuse_secret(url: str | None) -> None:
    """``UsageError`` for a store's address with a password, given where other users of the machine can read it."""
    if url is not None and re.search(r"@|password=|username=", url):
        raise UsageError(
            "the store's address carries credentials, and others can read a command line",
            "Put it into the environment variable PLIMSOLL_GOVERNOR_STORE",
        )


def waiting(read: Callable[[int], bytes]) -> Iterator[list[bytes | None]]:
    """Lines as they come, those that came together in one list; None where one is longer than ``LINE_MAX`` bytes.

    ``read`` returns what is there, at most so many bytes, waits when there is nothing, and ends with nothing. What
    follows the last newline is a line too.
    """
    rest, skipping = b"", False
    while chunk := read(LINE_MAX):
        *whole, rest = (rest + chunk).split(b"\n")
        lines: list[bytes | None] = [None if len(line) > LINE_MAX else line for line in whole]
        if skipping and lines:
            lines[0], skipping = None, False
        if len(rest) > LINE_MAX:
            rest, skipping = b"", True
        if lines:
            yield lines
    if rest or skipping:
        yield [None if skipping else rest]


def _decision(
    order_id: str, decision: str, reasons: list[str], headroom: Mapping[str, int], marks: Sequence[str] = ()
) -> dict[str, Any]:
    left = {name: dollars(cents) for name, cents in headroom.items()}
    marked = {"marks": list(marks)} if marks else {}
    return {"id": order_id, "decision": decision, "reasons": reasons, **marked, "headroom": left}


def _read(line: bytes | None) -> Line:
    """A line as an object of a known type with every field of it and no field twice."""
    if line is None:
        raise InputError(f"the line is longer than {LINE_MAX} bytes")
    try:
        said: Any = json.loads(
            line.decode(), parse_float=_Number, parse_int=_Number, parse_constant=_no_constant, object_pairs_hook=_once
        )
    except UnicodeDecodeError as error:
        raise InputError(f"the line is not a JSON object: byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg} at character {error.pos + 1}" if line.strip() else "it is empty"
        raise InputError(f"the line is not a JSON object: {what}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not a JSON object: {error}") from None
    kind = said.get("type") if isinstance(said, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise InputError(f"the line is no object with a type among {', '.join(_FIELDS)}: {_shown(kind)}")
    missing = sorted(_FIELDS[kind] - said.keys())
    if missing:
        raise InputError(f"{kind} lacks {', '.join(missing)}")
    strange = sorted(said.keys() - _FIELDS[kind] - {"type"} - ({"limit"} if kind == "intent" else set()))
    if strange:
        raise InputError(f"{kind} has unknown fields: {', '.join(strange)!a}")
    return {str(name): value for name, value in said.items()}


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    said: dict[str, object] = {}
    for name, value in pairs:
        if name in said:
            raise ValueError(f"{_shown(name)} stands twice")
        said[name] = value
    return said


def _text(said: Line, name: str) -> str:
    value = said[name]
    if type(value) is not str:
        raise InputError(f"{name} must be a text, not {_shown(value)}")
    return value


def _id(said: Line, name: str) -> str:
    value = _text(said, name)
    if not _ID.fullmatch(value):
        raise InputError(f"{name} must be 1 to 128 printable ASCII characters without spaces, not {_shown(value)}")
    return value


def _symbol(said: Line) -> str:
    value = _text(said, "symbol")
    if not _SYMBOL.fullmatch(value):
        raise InputError(f"symbol must be 1 to 32 letters, digits or . ^ = / _ -, not {_shown(value)}")
    return value


def _or_none(parse: Callable[[], int]) -> int | None:
    try:
        return parse()
    except InputError:
        return None


def _amount(said: Line, name: str, places: int, *, exact: bool, up: bool = False) -> int:
    """A positive decimal as a whole number of 10**-places; further decimals are an error, or rounded down or ``up``."""
    value = said[name]
    found = _PLAIN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InputError(f"{name} must be a positive plain decimal such as 400.02, not {_shown(value)}")
    decimals = (found[2] or "").rstrip("0")
    rest = decimals[places:]
    if exact and rest:
        raise InputError(f"{name} has more than {places} decimals: {_shown(value)}")
    scaled = int(found[1] + decimals[:places].ljust(places, "0")) + bool(rest and up)
    if scaled == 0:
        raise InputError(f"{name} must be positive, not {_shown(value)}")
    return scaled


def _equity(said: Line) -> int:
    """Cents of a session's equity, rounded down; zero or below where a gap has taken everything."""
    text = said["equity"]
    below = isinstance(text, str) and text.startswith("-")
    found = _PLAIN.fullmatch(text.removeprefix("-")) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"equity must be a plain decimal such as 1000.00 or -160.00, not {_shown(text)}")
    decimals = found[2] or ""
    whole = int(found[1] + decimals[:2].ljust(2, "0"))
    return -(whole + bool(decimals[2:].strip("0"))) if below else whole


def _instant(said: Line) -> int:
    """Microseconds since 1970 of an ISO instant with a time zone."""
    text = _text(said, "ts")
    try:
        when = datetime.fromisoformat(text)
        if when.utcoffset() is None:
            raise InputError(f"ts {_shown(text)} has no time zone", "Give it as 2026-03-02T15:00:00Z")
        return (when - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InputError(f"ts {_shown(text)} is not an instant such as 2026-03-02T15:00:00Z") from None


def _shown(value: object) -> str:
    """A value as it came, or its beginning, in plain ASCII."""
    text = ascii(str(value) if isinstance(value, _Number) else value)
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"


def _date(day: int) -> str:
    """A day since 1970 as a date."""
    return (_EPOCH.date() + timedelta(days=day)).isoformat()


def _time(at: int) -> str:
    """Microseconds since 1970 as an instant."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def _plain(value: int) -> str:
    """A whole number of millionths as a decimal."""
    sign, value = ("-" if value < 0 else ""), abs(value)
    text = f"{value // 10**_MICRO}.{value % 10**_MICRO:06d}".rstrip("0").rstrip(".")
    return sign + text


def _spent(value: int) -> str:
    """A use as dollars, rounded up to the cent."""
    return dollars(-(-value // CENT))

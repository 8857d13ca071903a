"""Booking of facts with an id: external trades, splits, settlements, transfers, snapshots (X3, X6, H2).

Each is booked once. Repeated with the same content it gets the same answer, with other content it is refused.
Pure functions: whole numbers in, a ``Change`` out, which the governor makes durable as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from math import gcd
from typing import Any

from plimsoll.core.errors import InputError
from plimsoll.core.quantity import ONE, plain
from plimsoll.core.venue_facts import (
    Bust,
    Correction,
    Dividend,
    External,
    Fact,
    Fee,
    Settlement,
    SignedPosition,
    SignedPrice,
    Snapshot,
    Split,
    Transfer,
    act_id,
)
from plimsoll.governor.change import Change, Known, moved, moved_since, scaled, told_at
from plimsoll.governor.clock import DAY, in_session
from plimsoll.governor.executions import busted, converted, corrected, order_of, placed
from plimsoll.governor.limits import WHOLE
from plimsoll.governor.prices import near, paid, unsplit
from plimsoll.governor.state import FAR_FUTURE, SPLIT, Came, Due, Quote, SplitAt, encode

_decode: Callable[[str], Any] = json.loads
_EPOCH = date(1970, 1, 1)
_MOVED_IN = "a transfer"  # in place of an order id in counted moves; no id has a space
_NOON = _AHEAD = DAY // 2  # a session's first message may be a snapshot of any time of its day
_RATIO_MAX = 10_000  # new units per old one, or the reverse


def told(known: Known, fact: Fact) -> Change | tuple[str, ...]:
    """The change for a fact, or its earlier answer. ``InputError`` where it cannot be booked."""
    if isinstance(fact, Correction):
        return corrected(known, fact)
    if isinstance(fact, Bust):
        return busted(known, fact)
    content = _content(fact)
    before = known.fact("fact", fact.id)
    if before is not None:
        same, reasons = _decode(before)
        if same != content:
            raise InputError(f"{fact.id} was reported before with other content", "Give each fact an id of its own")
        return tuple(reasons)
    try:
        change = _BOOK[type(fact)](known, fact)
    except InputError:
        if not fact.id.startswith(act_id(0)[:-1]):
            raise
        change = Change(reasons=("ACT_UNUSED",))  # an approval is for the present state, not a later one
    change.new["fact", fact.id] = encode([content, change.reasons])
    return change


def _content(fact: Fact) -> list[Any]:
    """The content that must not differ when a fact is repeated; its time only where the fact is about a time."""
    said = {f.name: getattr(fact, f.name) for f in fields(fact) if f.name not in ("at", "again")}
    if isinstance(fact, Snapshot):
        said["at"] = fact.at
        said["positions"] = sorted([*pair] for pair in fact.positions.items())
        said["orders"] = None if fact.orders is None else sorted(fact.orders)
    return [type(fact).__name__.lower(), *said.values()]


def _external(known: Known, told: External) -> Change:
    """A trade without an order here is adopted: it counts in every limit (X3)."""
    if told.quantity <= 0 or told.price_down <= 0:
        raise InputError("a trade needs a positive quantity and price")
    prices = told.price_down, told.price_up
    price, counted, why = paid(known.book, known.limits, told.symbol, told.sign, prices, told.at)
    change = Change(
        turnover=told.quantity * counted,
        cash=-told.sign * told.quantity * price,
        reasons=("EXTERNAL", *why),
    )
    units = scaled(told.sign * told.quantity, known.book.splits.get(told.symbol, ()), told.at)
    moved(change, known, told.symbol, units, told.at, told.price_up)
    return change


def _split(known: Known, told: Split) -> Change:
    """Convert units at an instant: earlier events are converted, including those reported later.

    A fraction below 1e-12 is rounded against the account. Units transferred after it but reported first were booked at
    the price before it, and are repriced. Open orders count with the larger rest and the higher price, because it is
    unknown whether the venue adjusts its orders.
    """
    book, symbol = known.book, told.symbol
    new, old = _ratio(told)
    known_splits = book.splits.get(symbol, ())
    for other in known_splits:
        if abs(other.at // DAY - told.at // DAY) <= 1 and not (told.again or other.again):
            raise InputError(
                f"a split of {symbol}, {other.new} for {other.old}, was reported as {other.id} for {_date(other.at)}",
                'If this is another one, send it with "again": true',
            )
    split = SplitAt(told.at, new, old, told.id, told.again)
    change = Change(puts=[("split", symbol, (*known_splits, split))])
    (later, since), held = moved_since(known, symbol, told.at - 1), book.positions.get(symbol, 0)
    now = (held - later) * new // old + later
    change.puts.append(("position", symbol, now or None))
    if symbol in book.told:
        said = book.told[symbol]
        if told_at(known, symbol) < told.at:
            said = said * new // old
        change.puts.append(("told", symbol, None if said == now else said))
    quote, due, entered, dearer = book.quotes.get(symbol), book.dues.get(symbol), since.pop(_MOVED_IN, 0), 0
    if quote is not None and quote.at < told.at:
        bid, ask = max(quote.bid * old // new, 1), -(-quote.ask * old // new)
        dearer = bid + ask - quote.bid - quote.ask
        change.cash = -entered * dearer // 2
        _repriced(change, known, symbol, Quote(bid, ask, quote.at, SPLIT))
    if (came := book.came.get(symbol)) is not None:
        later = min(entered, came.quantity, key=abs)
        units = (came.quantity - later) * new // old + later
        change.puts.append(("came", symbol, Came(units, came.worth + later * dearer)))
    if due is not None:
        change.puts.append(("due", symbol, Due(due.quantity * new // old, due.mark * old // new, due.cash)))
    working = {order.id for order in book.orders.values() if order.symbol == symbol}
    for name in sorted(working | since.keys()):
        order, ended = order_of(known, name)
        placed(change, known, converted(order, split, since.get(name, 0)), ended=ended, splits=len(known_splits) + 1)
    return change


def _repriced(change: Change, known: Known, symbol: str, quote: Quote) -> None:
    """The last price after a corporate action; a doubted price that the action explains is believed (U6)."""
    doubt = known.book.doubts.get(symbol)
    if doubt is not None and doubt.bid and near(quote, doubt, known.limits.jumps.of(symbol)):
        quote = Quote(doubt.bid, doubt.ask, doubt.at)
        change.puts.append(("doubt", symbol, None))
    change.puts.append(("quote", symbol, quote))


def _dividend(known: Known, told: Dividend) -> Change:
    """Pay a cash amount per unit held before its time. The last price falls by it, if that is from before.

    For a long position cash counts only as far as the price falls, so that it is no gain; a short one pays all of it.
    A repeated dividend would explain a fall that is a loss, so one within a day of another is refused, unless it is
    marked as a further one.
    """
    book, symbol = known.book, told.symbol
    if told.amount <= 0:
        raise InputError("a dividend needs a positive amount for each unit")
    held = book.positions.get(symbol, 0) - moved_since(known, symbol, told.at - 1)[0]
    if not held:
        return Change()
    quote, bound = book.quotes.get(symbol), known.limits.jumps.of(symbol)
    if quote is None:
        raise InputError(f"{symbol} was never quoted, so nothing tells whether this can be", f"Quote {symbol} first")
    before = quote.bid + quote.ask
    if 2 * told.amount * WHOLE > bound * before:
        raise InputError(
            f"{plain(told.amount)} for each {symbol} is more than {bound / 100:g} % of its price, which no dividend is",
            "Look at the amount; it is for one unit, in USD",
        )
    _another(known, told)
    change = Change(cash=min(held * told.amount, 0))
    change.facts["dividend", symbol] = encode([told.at, told.id, told.amount])
    if quote.at >= told.at:
        return change
    lower = Quote(max(quote.bid - told.amount, 1), quote.ask - told.amount, quote.at, quote.derived or "dividend")
    _repriced(change, known, symbol, lower)
    if (came := book.came.get(symbol)) is not None:
        change.puts.append(("came", symbol, Came(came.quantity, came.worth - 2 * max(came.quantity, 0) * told.amount)))
    if held > 0:
        due = book.dues.get(symbol, Due(held, before, 0))
        change.puts.append(("due", symbol, Due(held, due.mark, due.cash + held * told.amount)))
    return change


def _another(known: Known, told: Dividend) -> None:
    text = known.fact("dividend", told.symbol)
    if text is None or told.again:
        return
    at, name, amount = _decode(text)
    if abs(at // DAY - told.at // DAY) <= 1:
        raise InputError(
            f"a dividend of {told.symbol}, {plain(amount)}, was reported as {name} for {_date(at)}",
            'If this is another one, send it with "again": true',
        )


def _signed_price(known: Known, told: SignedPrice) -> Change:
    """A person confirms a price: it is believed, and the doubt ends. An error without a doubt."""
    book, symbol = known.book, told.symbol
    doubt, quote = book.doubts.get(symbol), book.quotes.get(symbol)
    if doubt is None:
        raise InputError(f"the price of {symbol} is not in doubt")
    when = max(doubt.at, doubt.at if quote is None else quote.at)
    return Change(puts=[("doubt", symbol, None), ("quote", symbol, Quote(told.bid, told.ask, when))])


def _signed_position(known: Known, told: SignedPosition) -> Change:
    """A person confirms a position, and the dispute ends. A decrease counts as a loss, an increase as turnover, and
    nothing as a gain. An error without a dispute.
    """
    book, symbol = known.book, told.symbol
    if symbol not in book.told:
        raise InputError(f"the position of {symbol} is not disputed")
    difference = told.quantity - book.positions.get(symbol, 0)
    change = Change(turnover=abs(difference) * book.ask(symbol), gainless=difference != 0)
    moved(change, known, symbol, difference, max(book.account.clock, told_at(known, symbol)))
    change.puts.append(("told", symbol, None))
    return change


def _ratio(told: Split) -> tuple[int, int]:
    """New and old units in lowest terms."""
    if told.new <= 0 or told.old <= 0 or told.new == told.old:
        raise InputError("a split needs two different positive numbers, new and old")
    common = gcd(told.new, told.old)
    new, old = told.new // common, told.old // common
    if max(new, old) > _RATIO_MAX * min(new, old):
        raise InputError(f"a split beyond {_RATIO_MAX} to 1 is refused", "Give new and old units, such as 10 and 1")
    return new, old


def _settlement(known: Known, told: Settlement) -> Change:
    """A position ends without a market. It pays at most its last believed value, so that no gain makes room, and any
    shortfall counts as a loss (R9).
    """
    book, symbol = known.book, told.symbol
    held = book.positions.get(symbol, 0)
    if symbol in book.told:
        raise InputError(
            f"{plain(held)} {symbol} were counted and the venue says {plain(book.told[symbol])}",
            "Take another snapshot, or sign which is held: plimsoll approve position",
        )
    if told.price < 0:
        raise InputError("a settlement needs a price, 0 to write off")
    quantity = held if told.quantity is None else told.quantity
    if not quantity or quantity * held < 0 or abs(quantity) > abs(held):
        raise InputError(f"{plain(held)} {symbol} are held: there is no such holding to settle")
    change = Change(cash=quantity * told.price, gainless=True)
    moved(change, known, symbol, -quantity, told.at)
    return change


def _transfer(known: Known, told: Transfer) -> Change:
    """Units arrive or leave without a trade: neither a gain nor a loss, at the higher price where one is in doubt.

    Where that price is not fresh, any value above it at the next believed price is no gain.
    """
    book, symbol = known.book, told.symbol
    if not told.quantity:
        raise InputError("a transfer needs a quantity, negative for what left")
    units = scaled(told.quantity, book.splits.get(symbol, ()), told.at)
    quote, doubt = book.quotes.get(symbol), book.doubts.get(symbol)
    if quote is None and units > 0:
        raise InputError(f"{symbol} was never quoted, so what came in has no price", f"Quote {symbol} first")
    marks = [units * (price.bid + price.ask) for price in (quote, doubt) if price is not None and price.ask]
    worth = max(marks, default=0)
    change = Change(cash=-worth // 2)
    moved(change, known, symbol, units, told.at, order=(_MOVED_IN, units))
    before, last = book.came.get(symbol), max(book.account.clock, told.at)
    if before is not None or (quote is not None and not book.fresh(symbol, last - known.limits.quote_age, FAR_FUTURE)):
        so_far = before or Came(0, 0)
        change.puts.append(("came", symbol, Came(so_far.quantity + units, so_far.worth + worth)))
    return change


def _fee(_: Known, told: Fee) -> Change:
    """A fee is a loss of the session in which it is reported; a rebate is no gain."""
    return Change(cash=-told.amount * ONE, gainless=told.amount < 0)


def _snapshot(known: Known, told: Snapshot) -> Change:
    """Compare the venue's positions with the positions counted at that time (X6).

    A symbol that differs is frozen, and both positions count, until a later fact, another snapshot or a person makes
    them equal. An order open here but not listed stays open: only the venue's report of its end closes it (X3). One
    that is listed but not open here is foreign, unless a later fill closed it. A snapshot older than the last one
    changes nothing, and is answered so. In recorded time none may be dated far ahead of the last time seen: until then
    every correct one would be older.
    """
    book, change = known.book, Change()
    if not in_session(book, told.at):
        raise InputError("the time is outside the session, or none has begun")
    if known.live is None and told.at > max(book.account.clock, book.account.day * DAY + _NOON) + _AHEAD:
        raise InputError(
            "it is dated more than 12 hours after the last quote or order seen in the session",
            "Mend its ts, or send the quotes of before it first",
        )
    if told.at < int(known.fact("snapshot", "") or 0):
        return Change(reasons=("SNAPSHOT_OLD",))
    change.facts["snapshot", ""] = str(told.at)
    later: set[str] = set()  # orders filled after it was taken
    for symbol in sorted({*book.positions, *book.told, *book.moves, *told.positions}):
        said = scaled(told.positions.get(symbol, 0), book.splits.get(symbol, ()), told.at)
        since, orders = moved_since(known, symbol, told.at)
        said, later = said + since, later | orders.keys()
        if said == book.positions.get(symbol, 0):
            if symbol in book.told:
                change.puts.append(("told", symbol, None))
            change.puts += unsplit(book, symbol, told.at)
            continue
        change.reasons = ("POSITION_DISPUTED",)
        change.puts.append(("told", symbol, said))
        change.facts["snapshot", symbol] = str(told.at)
    if told.orders is not None:
        filled = {name for name in later & told.orders if not order_of(known, name)[1]}
        foreign = tuple(sorted(told.orders - book.orders.keys() - filled))
        change.puts.append(("foreign", "", foreign or None))
        change.reasons += ("FOREIGN_ORDER",) if foreign else ()
    return change


_BOOK: dict[type, Callable[[Known, Any], Change]] = {
    External: _external,
    Split: _split,
    Dividend: _dividend,
    SignedPrice: _signed_price,
    SignedPosition: _signed_position,
    Settlement: _settlement,
    Transfer: _transfer,
    Snapshot: _snapshot,
    Fee: _fee,
}


def _date(at: int) -> str:
    return (_EPOCH + timedelta(days=at // DAY)).isoformat()

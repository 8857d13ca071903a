"""How executions are booked, corrected and busted, in whatever order a venue tells of them (X3, H2).

Corrections tie executions into chains: ``.02`` takes the place of ``.01``, ``.03`` that of ``.02``. Of a chain the last
one counts, or none if any of it was busted; what was never told counts nothing. That is a property of the set of
messages and not of their order: each message is booked as the difference between what its chain came to before and
comes to with it.

Pure functions: whole numbers in, a ``Change`` out, which the governor makes durable as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace as changed

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import Bust, Correction
from plimsoll.risk.governor_book import Kept, OpenOrder, SplitAt, encode
from plimsoll.risk.governor_change import Change, Known, moved, moved_since, ordered, scaled
from plimsoll.risk.governor_prices import paid

_decode: Callable[[str], Any] = json.loads


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as the venue reports it. The two prices differ only where it had more than twelve decimals.

    ``execution`` is an id of its venue and symbol; ``at`` is when it happened.
    """

    id: str
    execution: str
    quantity: int
    price_down: int
    price_up: int
    venue: str = ""
    at: int = 0


class Booked(Kept, frozen=True):
    """What is known of one execution. ``quantity`` and ``price`` are 0 until it is told.

    ``cash`` is what it pays while it counts, ``day`` the session it was told in, ``by`` the execution that took its
    place and ``of`` the one whose place it took. ``counted`` is what a unit counts at in the turnover, at least.
    """

    order: str
    quantity: int = 0
    price: int = 0
    reasons: tuple[str, ...] = ()
    cash: int = 0
    at: int = 0
    day: int = -1
    busted: bool = False
    by: str = ""
    of: str = ""
    counted: int = 0


_booked = msgspec.json.Decoder(Booked).decode
Chain = tuple[Booked, ...]  # oldest first
Told = tuple[str, ...]  # the answer to what was told before, which changes nothing


def filled(known: Known, execution: Execution) -> Change | Told:
    """What a fill changes. ``InputError`` where its order is unknown or it was told before with other content."""
    if execution.quantity <= 0 or execution.price_down <= 0:
        raise InputError("a fill needs a positive quantity and price")
    order, ended = order_of(known, execution.id)
    key = _key(order.symbol, execution.execution, execution.venue)
    before = _found(known, key) if known.stood("exec", key) else None
    told = _told(known, order, execution)
    if before is None:
        return _rebooked(known, order, ended, {key: told}, (), (told,), fresh=True)
    _same_order(before, order, execution.execution)
    if before.quantity:
        if (before.quantity, before.price) != (told.quantity, told.price):
            raise InputError("this execution was booked before with other content")
        return _again(before)
    now = changed(told, busted=before.busted, by=before.by, of=before.of)
    chain = _chain(known, order.symbol, execution.venue, before)
    return _rebooked(known, order, ended, {key: now}, (chain,), tuple(now if b is before else b for b in chain))


def corrected(known: Known, told: Correction) -> Change | Told:
    """What a correction changes: the execution it names counts no longer, the one that replaces it does.

    It is as good as the venue's word for the new execution, so it counts before the old one is told. ``InputError``
    where it contradicts what is known of either.
    """
    if told.quantity <= 0 or told.price_down <= 0:
        raise InputError("a correction needs a positive quantity and price: bust an execution that never was")
    if told.execution == told.replaced_by:
        raise InputError("a correction needs an execution id of its own", f"Such as {told.replaced_by}.2")
    order, ended = order_of(known, told.order)
    keys = [_key(order.symbol, name, told.venue) for name in (told.execution, told.replaced_by)]
    old = _found(known, keys[0]) or Booked(order.id)
    new = _found(known, keys[1]) or Booked(order.id)
    for one, name in ((old, told.execution), (new, told.replaced_by)):
        _same_order(one, order, name)
    said = _told(
        known,
        order,
        Execution(
            order.id, told.replaced_by, told.quantity, told.price_down, told.price_up, venue=told.venue, at=told.at
        ),
    )
    if new.quantity and (new.quantity, new.price) != (said.quantity, said.price):
        raise InputError(f"execution {told.replaced_by} was booked before with other content")
    if old.by == told.replaced_by:
        return _again(new)
    if old.by:
        raise InputError(f"execution {told.execution} was corrected by {old.by} before", f"Correct {old.by} instead")
    if new.of:
        raise InputError(f"execution {told.replaced_by} corrects {new.of} already")
    ahead, behind = (_chain(known, order.symbol, told.venue, one) for one in (old, new))
    if len(ahead) > 1 and ahead[0] == new:
        raise InputError(f"execution {told.replaced_by} was corrected to become {told.execution}: corrections go round")
    old_now = changed(old, by=told.replaced_by)
    base = new if new.quantity else changed(said, busted=new.busted, by=new.by)
    new_now = changed(base, of=told.execution)
    after = (*ahead[:-1], old_now, new_now, *behind[1:])
    return _rebooked(known, order, ended, dict(zip(keys, (old_now, new_now), strict=True)), (ahead, behind), after)


def busted(known: Known, told: Bust) -> Change | Told:
    """What a bust changes: its execution counts no longer, nor what it was corrected to or from."""
    order, ended = order_of(known, told.order)
    key = _key(order.symbol, told.execution, told.venue)
    before = _found(known, key) or Booked(order.id)
    _same_order(before, order, told.execution)
    if before.busted:
        return _again(before)
    now = changed(before, busted=True)
    chain = _chain(known, order.symbol, told.venue, before)
    return _rebooked(known, order, ended, {key: now}, (chain,), tuple(now if b is before else b for b in chain))


def order_of(known: Known, order_id: str) -> tuple[OpenOrder, bool]:
    """An order in any state, and whether the venue ended it; one that was refused is as good as unfilled.

    ``InputError`` when no such order was ever decided on.
    """
    order = known.book.orders.get(order_id)
    if order is not None:
        return order, False
    closed = known.fact("closed", order_id)
    if closed is not None:
        *fields, ended, splits = _decode(closed)
        order = OpenOrder(*fields)
        for split in known.book.splits.get(order.symbol, ())[splits:]:
            _, filled = moved_since(known, order.symbol, split.at - 1)
            order = converted(order, split, filled.get(order.id, 0))
        return order, ended
    decided = known.fact("intent", order_id)
    if decided is None:
        raise InputError("no order has this id", "Tell a trade that no order here made as external")
    symbol, sign = _decode(decided)[:2]
    return OpenOrder(order_id, symbol, sign, 0, 0), True


def converted(order: OpenOrder, split: SplitAt, later: int) -> OpenOrder:
    """An order across a split, of which so much filled after it: the larger rest and the dearer price."""
    new, old = split.new, split.old
    filled = order.sign * ordered(order.sign * (order.filled - later), (split,), split.at - 1)
    return changed(
        order,
        filled=filled + later,
        quantity=-ordered(-order.quantity, (split,), split.at - 1),
        price=max(order.price, -(-order.price * old // new)),
        paid=max(order.paid, -(-order.paid * old // new)),
    )


def closed(known: Known, order_id: str) -> Change | Told:
    """What the end of an order at the venue changes. ``InputError`` as ``order_of``."""
    book = known.book
    if order_id in book.foreign:
        left = tuple(name for name in book.foreign if name != order_id)
        return Change(puts=[("foreign", "", left or None)])
    order, ended = order_of(known, order_id)
    return () if ended else placed(Change(), known, order, ended=True)


def placed(change: Change, known: Known, order: OpenOrder, *, ended: bool, splits: int | None = None) -> Change:
    """Keep an order: open while it has a rest that the venue has not ended, else among the closed ones.

    A bust gives an order back the rest it had closed by: nothing else proves that it is no longer working (X3). One
    that no longer filled more than it asked for restricts no longer. ``splits`` is how many of its symbol's it is
    counted across, all that are known where it is None: a closed one is converted when it is looked at next.
    """
    restricted = known.book.account.restricted if change.restricted is None else change.restricted
    if order.id in restricted and order.filled <= order.quantity:
        change.restricted = tuple(name for name in restricted if name != order.id)
    if order.rest and not ended:
        change.puts.append(("open", order.id, order))
        return change
    if order.id in known.book.orders:
        change.puts.append(("open", order.id, None))
    count = len(known.book.splits.get(order.symbol, ())) if splits is None else splits
    change.facts["closed", order.id] = encode([*msgspec.structs.astuple(order), ended, count])
    return change


def _rebooked(
    known: Known,
    order: OpenOrder,
    ended: bool,
    records: Mapping[str, Booked],
    before: Iterable[Chain],
    after: Chain,
    *,
    fresh: bool = False,
) -> Change:
    """The difference between what chains of executions came to and what they come to as one.

    The last of the ``records`` is the one that is told; ``fresh`` where nothing was known of it.
    """
    before, day = [chain for chain in before if chain], known.book.account.day
    was, now = [_counts(chain) for chain in before], _counts(after)
    splits = known.book.splits.get(order.symbol, ())
    pairs = [(order.sign * one.quantity, _at(chain)) for one, chain in ((now, after), *zip(was, before, strict=True))]
    units = [scaled(quantity, splits, at) for quantity, at in pairs]
    parts = [order.sign * ordered(quantity, splits, at) for quantity, at in pairs]
    move, more = units[0] - sum(units[1:]), parts[0] - sum(parts[1:])
    order_now = changed(order, filled=order.filled + more)
    change = Change(
        turnover=turned(after, day) - sum(turned(chain, day) for chain in before),
        cash=now.cash - sum(one.cash for one in was),
        gainless=any(one.quantity and one.day != day for one in was),
    )
    if more > 0 and order_now.filled > order_now.quantity:
        change.reasons += ("OVERFILL",)
        change.restricted = tuple(dict.fromkeys((*known.book.account.restricted, order.id)))
    *others, (key, told) = records.items()
    into = change.new if fresh else change.facts
    kept = changed(told, reasons=tuple(dict.fromkeys((*told.reasons, *change.reasons))))
    into["exec", key] = encode(kept)
    change.facts.update({("exec", other): encode(record) for other, record in others})
    change.reasons = _again(kept)
    if move or more:
        moved(change, known, order.symbol, move, _at(after), after[-1].price, (order.id, more))
        placed(change, known, order_now, ended=ended)
    return change


def turned(chain: Chain, day: int) -> int:
    """What a chain counts in the turnover of a session: its dearest execution, less what earlier sessions counted.

    A bust takes nothing off: the trade had been made, and what counts falls only where a trade was told twice.
    """
    values = [(b.quantity * max(b.price, b.counted), b.day == day) for b in chain]
    return max([v for v, _ in values], default=0) - max([v for v, today in values if not today], default=0)


def _at(chain: Chain) -> int:
    """When a trade happened: the earliest time that any message gave it."""
    return min((b.at for b in chain if b.quantity), default=0)


def _counts(chain: Chain) -> Booked:
    """The execution of a chain that counts; one of nothing where none does."""
    return Booked(chain[-1].order) if any(b.busted for b in chain) else chain[-1]


def _told(known: Known, order: OpenOrder, execution: Execution) -> Booked:
    """An execution as it is told, counted at its worse price (U6)."""
    prices = execution.price_down, execution.price_up
    price, counted, why = paid(known.book, known.limits, order.symbol, order.sign, prices, execution.at)
    return Booked(
        order.id,
        execution.quantity,
        execution.price_up,
        reasons=why,
        cash=-order.sign * execution.quantity * price,
        at=execution.at,
        day=known.book.account.day,
        counted=counted,
    )


def _again(booked: Booked) -> Told:
    """What an execution that is known is answered with, each time it is told."""
    return booked.reasons + _undone(booked)


def _undone(booked: Booked) -> tuple[str, ...]:
    """Why an execution that is known does not count."""
    return (("BUSTED",) if booked.busted else ()) + (("CORRECTED",) if booked.by else ())


def _chain(known: Known, symbol: str, venue: str, booked: Booked) -> Chain:
    """Everything that was corrected to become an execution, and what it was corrected to; none of one not known."""
    chain = [booked]
    while chain[0].of:
        chain.insert(0, _linked(known, _key(symbol, chain[0].of, venue)))
    while chain[-1].by:
        chain.append(_linked(known, _key(symbol, chain[-1].by, venue)))
    return tuple(chain)


def _linked(known: Known, key: str) -> Booked:
    found = _found(known, key)
    if found is None:
        raise InputError(f"the store lacks execution {key}, which another one names", "Restore it from a backup")
    return found


def _found(known: Known, key: str) -> Booked | None:
    text = known.fact("exec", key)
    return None if text is None else _booked(text)


def _same_order(booked: Booked, order: OpenOrder, execution: str) -> None:
    if booked.order != order.id:
        raise InputError(f"execution {execution} was booked before for order {booked.order}")


def _key(symbol: str, execution: str, venue: str) -> str:
    """What an execution is known by; none of the three has a space in it."""
    return f"{symbol} {execution} {venue}" if venue else f"{symbol} {execution}"

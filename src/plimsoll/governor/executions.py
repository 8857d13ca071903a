"""Booking of executions, corrections and busts, in whatever order a venue reports them (X3, H2).

Corrections link executions into chains: ``.02`` replaces ``.01``, ``.03`` replaces ``.02``. In a chain the last one
counts, or none if any of it was busted; an execution never reported counts nothing. The result depends on the set of
messages and not on their order: each message is booked as the difference of its chain's value before and after it.
comes to with it.

Pure functions: whole numbers in, a ``Change`` out, which the governor makes durable as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace as changed

from plimsoll.core.errors import InputError
from plimsoll.core.venue_facts import Bust, Correction
from plimsoll.governor.change import CONTESTED, Change, Known, moved, ordered, scaled, told_at
from plimsoll.governor.prices import paid
from plimsoll.governor.state import OpenOrder, SplitAt, StoredValue, encode

_decode: Callable[[str], Any] = json.loads


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as the venue reports it. The two prices differ only where it had more than twelve decimals.

    ``execution`` is an id unique for its venue and symbol; ``at`` is when it happened.
    """

    id: str
    execution: str
    quantity: int
    price_down: int
    price_up: int
    venue: str = ""
    at: int = 0


class Booked(StoredValue, frozen=True):
    """The record of one execution. ``quantity`` and ``price`` are 0 until it is reported.

    ``cash`` is its cash flow while it counts, ``day`` the session in which it was reported, ``by`` the execution that
    replaced it and ``of`` the one it replaced. ``counted`` is its unit price in the turnover, at least.
    ``contested`` is another order for which the same execution was reported later, which counts instead, and that
    execution.
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
    contested: tuple[str, str] | None = None


Chain = tuple[Booked, ...]  # oldest first


class Claim(NamedTuple):
    """Key and record of an order's execution; ``aside`` is another order's record of the same execution, with its new
    key, and ``rival`` that order's chain where it counts.
    """

    key: str
    booked: Booked | None
    aside: dict[str, Booked]
    rival: Chain = ()


_booked = msgspec.json.Decoder(Booked).decode
Told = tuple[str, ...]  # the answer to a repeated message, which changes nothing


def filled(known: Known, execution: Execution) -> Change | Told:
    """The change for a fill. ``InputError`` where its order is unknown or it was booked with other content.

    One execution belongs to one order: where it counts for another, the change of ``superseded`` is booked first.
    Repeated, it counts again once the other order's is busted.
    """
    if execution.quantity <= 0 or execution.price_down <= 0:
        raise InputError("a fill needs a positive quantity and price")
    order, ended = order_of(known, execution.id)
    told, key = _told(known, order, execution), _key(order.symbol, execution.execution, execution.venue)
    if not known.stood("exec", key):
        return _rebooked(known, order, ended, {key: told}, (), (told,), fresh=True)
    claim = _claimed(known, order, execution.execution, execution.venue)
    before = claim.booked
    if before is None:
        return _first_of_order(known, order, ended, claim, told, execution.venue)
    chain = _chain(known, order.symbol, execution.venue, before)
    if before.quantity:
        if (before.quantity, before.price) != (told.quantity, told.price):
            raise InputError("this execution was booked before with other content")
        if not before.contested or _counted(known, order.symbol, execution.venue, before):
            return _again(before)
        now = changed(before, contested=None)
    else:
        now = changed(told, busted=before.busted, by=before.by, contested=before.contested)
    after = tuple(now if b is before else b for b in chain)
    return _said(_rebooked(known, order, ended, {claim.key: now}, (chain,), after), known, order.symbol)


def superseded(known: Known, execution: Execution) -> Change | None:
    """The change to book before a fill: the same execution, reported earlier for another order, is taken out. None
    without one.

    One of the two reports names the wrong order, and which is unknown. The last one counts, and the position implied by
    the other is kept beside it, until a bust, a snapshot or a person decides.
    """
    if not known.stood("exec", _key(order_of(known, execution.id)[0].symbol, execution.execution, execution.venue)):
        return None
    claim = _claimed(known, order_of(known, execution.id)[0], execution.execution, execution.venue)
    if not claim.rival:
        return None
    (booked,) = claim.aside.values()
    order, ended = order_of(known, booked.order)
    now = changed(booked, contested=(execution.id, execution.execution))
    return _rebooked(
        known, order, ended, {claim.key: now}, (claim.rival,), tuple(now if b == booked else b for b in claim.rival)
    )


def _first_of_order(known: Known, order: OpenOrder, ended: bool, claim: Claim, told: Booked, venue: str) -> Change:
    """A fill of an execution that only another order's messages named, which no longer count."""
    (other,) = claim.aside.values()
    if other.contested is None:
        return _rebooked(known, order, ended, {**claim.aside, claim.key: told}, (), (told,))
    earlier = _chain(known, order.symbol, venue, other)[-1]
    told = changed(told, reasons=(*told.reasons, "POSITION_DISPUTED"))
    change = _rebooked(known, order, ended, {**claim.aside, claim.key: told}, (), (told,))
    symbol = order.symbol
    if symbol not in known.book.told or told_at(known, symbol) == CONTESTED:
        before = known.book.told.get(symbol, known.book.positions.get(symbol, 0))
        _say(change, known, symbol, before + _units(known, earlier))
        change.facts["snapshot", symbol] = str(CONTESTED)
    return change


def _counted(known: Known, symbol: str, venue: str, booked: Booked) -> bool:
    """Whether the execution that replaced this one for another order counts."""
    return bool(_counts(_instead(known, symbol, venue, booked)).quantity)


def _instead(known: Known, symbol: str, venue: str, booked: Booked) -> Chain:
    """The chain that counts in place of an execution, for another order."""
    order, execution = booked.contested or ("", "")
    return _chain(known, symbol, venue, _linked(known, _key(symbol, execution, venue), order))


def corrected(known: Known, told: Correction) -> Change | Told:
    """The change for a correction: the execution it names no longer counts, its replacement does.

    A correction proves the new execution, so that counts before the old one is reported. ``InputError`` where it
    contradicts the record of either.
    """
    if told.quantity <= 0 or told.price_down <= 0:
        raise InputError("a correction needs a positive quantity and price: bust an execution that never was")
    if told.execution == told.replaced_by:
        raise InputError("a correction needs an execution id of its own", f"Such as {told.replaced_by}.2")
    order, ended = order_of(known, told.order)
    claims = [_claimed(known, order, name, told.venue) for name in (told.execution, told.replaced_by)]
    for claim, name in zip(claims, (told.execution, told.replaced_by), strict=True):
        _unrivalled(claim, order, name)
    old, new = (claim.booked or Booked(order.id) for claim in claims)
    said = _told(
        known,
        order,
        Execution(order.id, told.replaced_by, told.quantity, told.price_down, told.price_up, at=told.at),
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
        raise InputError(f"execution {told.replaced_by} was corrected to become {told.execution}: it is a circle")
    old_now = changed(old, by=told.replaced_by)
    base = new if new.quantity else changed(said, busted=new.busted, by=new.by)
    new_now = changed(base, of=told.execution)
    after = (*ahead[:-1], old_now, new_now, *behind[1:])
    aside = {**claims[0].aside, **claims[1].aside}
    records = {**aside, claims[0].key: old_now, claims[1].key: new_now}
    change = _rebooked(known, order, ended, records, (ahead, behind), after)
    if any(b.contested for b in after):
        return _said(change, known, order.symbol, _units(known, after[-1]) - _units(known, ahead[-1]))
    return _said(change, known, order.symbol) if _disputes(after) else change


def busted(known: Known, told: Bust) -> Change | Told:
    """The change for a bust: its execution no longer counts, nor any it was corrected to or from."""
    order, ended = order_of(known, told.order)
    claim = _claimed(known, order, told.execution, told.venue)
    _unrivalled(claim, order, told.execution)
    before = claim.booked or Booked(order.id)
    if before.busted:
        return _again(before)
    now = changed(before, busted=True)
    chain = _chain(known, order.symbol, told.venue, before)
    after = tuple(now if b is before else b for b in chain)
    change = _rebooked(known, order, ended, {**claim.aside, claim.key: now}, (chain,), after)
    for contested in (b for b in chain if b.contested):  # the other order's report was right
        right = _instead(known, order.symbol, told.venue, contested)[-1]
        return _said(change, known, order.symbol, _units(known, right) - _units(known, chain[-1]))
    return _said(change, known, order.symbol) if _disputes(chain) else change


def order_of(known: Known, order_id: str) -> tuple[OpenOrder, bool]:
    """An order in any state, and whether the venue ended it; a refused one counts as unfilled.

    ``InputError`` for an order that was never decided on.
    """
    order = known.book.orders.get(order_id)
    if order is not None:
        return order, False
    closed = known.fact("closed", order_id)
    if closed is not None:
        *fields, ended, splits = _decode(closed)
        order = OpenOrder(*fields)
        for split in known.book.splits.get(order.symbol, ())[splits:]:
            order = converted(order, split, 0)  # one that filled after a split was converted as it was told
        return order, ended
    decided = known.fact("intent", order_id)
    if decided is None:
        raise InputError("no order has this id", "Report a trade without an order here as external")
    symbol, sign = _decode(decided)[:2]
    return OpenOrder(order_id, symbol, sign, 0, 0), True


def converted(order: OpenOrder, split: SplitAt, later: int) -> OpenOrder:
    """An order after a split, with the quantity filled after it: the larger rest and the higher price."""
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
    """The change for the end of an order at the venue. ``InputError`` as ``order_of``."""
    book = known.book
    if order_id in book.foreign:
        left = tuple(name for name in book.foreign if name != order_id)
        return Change(puts=[("foreign", "", left or None)])
    order, ended = order_of(known, order_id)
    return () if ended else placed(Change(), known, order, ended=True)


def restated(known: Known, order_id: str, quantity: int) -> Change:
    """The change for an order that its venue restated over a split, which is booked before: the ``quantity`` of the
    whole order takes the place of the larger one that counted until now. ``InputError`` as ``order_of``.
    """
    order, ended = order_of(known, order_id)
    return placed(Change(), known, changed(order, quantity=quantity), ended=ended)


def placed(change: Change, known: Known, order: OpenOrder, *, ended: bool, splits: int | None = None) -> Change:
    """Store an order: open while it has a rest and the venue has not ended it, else closed.

    A bust restores the order's rest: nothing else proves that it is no longer working (X3). An order that no longer
    filled more than its quantity no longer restricts the session. ``splits`` is the number of its symbol's splits
    already applied, all known ones if None: a closed order is converted when it is next used.
    """
    restricted = known.book.account.restricted if change.restricted is None else change.restricted
    if order.filled <= order.quantity:
        change.restricted = tuple(name for name in restricted if name != order.id)
    if order.rest and not ended:
        change.puts.append(("open", order.id, order))
    else:
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
    before: Sequence[Chain],
    after: Chain,
    *,
    fresh: bool = False,
) -> Change:
    """The difference between the values of chains of executions and of the chain they form together.

    The last of the ``records`` is the one reported now; ``fresh`` where nothing was known of it.
    """
    day = known.book.account.day
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
    """A chain's amount in a session's turnover: its dearest execution, less the amount counted in earlier sessions.

    A bust subtracts nothing: the trade had been made; the amount falls only where a trade was reported twice.
    """
    values = [(b.quantity * max(b.price, b.counted), b.day == day) for b in chain]
    return max(v for v, _ in values) - max([v for v, today in values if not today], default=0)


def _at(chain: Chain) -> int:
    """When a trade happened: the earliest time in any message."""
    return min((b.at for b in chain if b.quantity), default=0)


def _counts(chain: Chain) -> Booked:
    """The execution of a chain that counts; an empty one where none does."""
    return Booked(chain[-1].order) if any(b.busted or b.contested for b in chain) else chain[-1]


def _told(known: Known, order: OpenOrder, execution: Execution) -> Booked:
    """A reported execution, at the worse of its rounded prices (U6)."""
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
    """Reason codes in the answer to a known execution, each time it is reported."""
    return booked.reasons + _undone(booked)


def _undone(booked: Booked) -> tuple[str, ...]:
    """Reason why a known execution does not count."""
    disputed = ("POSITION_DISPUTED",) if booked.contested else ()
    return disputed + (("BUSTED",) if booked.busted else ()) + (("CORRECTED",) if booked.by else ())


def _chain(known: Known, symbol: str, venue: str, booked: Booked) -> Chain:
    """All executions linked to one by corrections, in both directions; empty for an unknown one."""
    chain = [booked]
    while chain[0].of:
        chain.insert(0, _linked(known, _key(symbol, chain[0].of, venue), booked.order))
    while chain[-1].by:
        chain.append(_linked(known, _key(symbol, chain[-1].by, venue), booked.order))
    return tuple(chain)


def _linked(known: Known, key: str, order: str) -> Booked:
    found = _found(known, key)
    if found is not None and found.order != order:
        found = _found(known, _aside(key, order))
    if found is None:
        raise InputError(f"the store lacks execution {key}, which another one names", "Restore it from a backup")
    return found


def _found(known: Known, key: str) -> Booked | None:
    text = known.fact("exec", key)
    return None if text is None else _booked(text)


def _claimed(known: Known, order: OpenOrder, execution: str, venue: str) -> Claim:
    """Key of an order's execution. The last order to report it has the plain key, any other a key of its own."""
    key = _key(order.symbol, execution, venue)
    first = _found(known, key)
    if first is None or first.order == order.id:
        return Claim(key, first, {})
    own = _found(known, _aside(key, order.id))
    if own is not None:
        return Claim(_aside(key, order.id), own, {})
    chain = _chain(known, order.symbol, venue, first)
    return Claim(key, None, {_aside(key, first.order): first}, chain if _counts(chain).quantity else ())


def _unrivalled(claim: Claim, order: OpenOrder, execution: str) -> None:
    """``InputError`` where an execution counts for another order, and was never reported for this one."""
    if claim.rival:
        other = claim.rival[0].order
        raise InputError(
            f"execution {execution} was booked before for order {other}",
            f"If it is of {order.id}, bust it for {other} first",
        )


def _said(change: Change, known: Known, symbol: str, more: int = 0) -> Change:
    """Keep the position of the other reading, except for this amount, where two fills of one execution dispute it."""
    if symbol in known.book.told and told_at(known, symbol) == CONTESTED:
        _say(change, known, symbol, known.book.told[symbol] + more)
    return change


def _disputes(chain: Chain) -> bool:
    """Whether an execution replaced another order's."""
    return any("POSITION_DISPUTED" in b.reasons for b in chain)


def _say(change: Change, known: Known, symbol: str, other: int) -> None:
    """The alternative position of a symbol; empty where it equals the counted one."""
    held = [value or 0 for kind, key, value in change.puts if (kind, key) == ("position", symbol)]
    now = held[-1] if held else known.book.positions.get(symbol, 0)
    change.puts.append(("told", symbol, None if other == now else other))


def _units(known: Known, booked: Booked) -> int:
    """Signed quantity of an execution in present units, whether it counts or not."""
    order = order_of(known, booked.order)[0]
    return scaled(order.sign * booked.quantity, known.book.splits.get(order.symbol, ()), booked.at)


def _aside(key: str, order: str) -> str:
    """The key of an execution that another order reported later; no id contains a space."""
    return f"{key} for {order}"


def _key(symbol: str, execution: str, venue: str) -> str:
    """The key of an execution; none of its three parts contains a space."""
    return f"{symbol} {execution} {venue}" if venue else f"{symbol} {execution}"

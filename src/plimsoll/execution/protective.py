"""Protective orders of a position: what stands at the venue, what should, and the next step (X4, L15, L19-L21).

Pure. ``settled`` gives the commands after each event. Where a venue caps reduce-only orders at the position
(``capped``), the new protection is accepted before the old one is cancelled. Elsewhere two of them could sell twice:
there the sum of protection and exits is never above the position, so the old one ends first. A protection that is
refused becomes an exit at once.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
from msgspec.structs import replace

from plimsoll.core.inputs import Cancel, Submit
from plimsoll.core.order import Order

_MOST = 3  # refusals, so that no loop of refused orders begins
Commands = tuple[Submit | Cancel, ...]


class Protective(msgspec.Struct, frozen=True):
    """A stop at the venue: ``lots`` not filled yet, signed."""

    id: str
    lots: int
    stop: float
    status: Literal["SENT", "ACCEPTED", "CANCELLING"] = "SENT"


class Guard(msgspec.Struct, frozen=True):
    """The protection of one position: ``held`` lots, signed, ``stop`` the price wanted, None for no protection.

    ``leaving`` are lots still to be sold or bought back, signed like an order, and ``exits`` the orders that do it, by
    id. ``made`` numbers the orders, whose ids follow from it. After a refusal everything leaves, and after ``_MOST`` of
    them nothing more is sent for this position: ``uncovered`` says what a person has to look at.
    """

    symbol: str
    session: str
    reference: float
    capped: bool
    held: int = 0
    stop: float | None = None
    live: tuple[Protective, ...] = ()
    leaving: int = 0
    exits: tuple[tuple[str, int], ...] = ()
    made: int = 0
    refusals: int = 0

    @property
    def uncovered(self) -> int:
        """Lots held that no accepted protection and no exit covers."""
        covered = sum(abs(one.lots) for one in self.live if one.status == "ACCEPTED")
        return max(abs(self.held) - covered - sum(abs(lots) for _, lots in self.exits), 0)


def settled(guard: Guard) -> tuple[Guard, Commands]:
    """The commands that bring what stands nearer to what should; none while an answer is awaited that decides."""
    if guard.held == 0:
        return _cancelled(replace(guard, leaving=0, refusals=0), guard.live)
    sent = sum(lots for _, lots in guard.exits)
    left = max(abs(guard.held) - abs(sent), 0)
    leaving = _sign(guard) * (left if guard.refusals else min(abs(guard.leaving), left))
    if guard.refusals >= _MOST:
        return guard, ()
    guard, commands = _protected(replace(guard, leaving=leaving), (0 if guard.capped else leaving + sent))
    room = abs(guard.held) - abs(sent) - (0 if guard.capped else sum(abs(one.lots) for one in guard.live))
    if leaving and room >= abs(leaving):
        guard, exit = _made(guard, leaving, None)
        guard = replace(guard, exits=(*guard.exits, (exit.id, leaving)), leaving=0)
        commands += (Submit(exit),)
    return guard, commands


def filled(guard: Guard, id: str, lots: int) -> Guard:
    """After ``lots`` (signed) of any order of the symbol were executed."""
    live = tuple(replace(one, lots=one.lots - lots) if one.id == id else one for one in guard.live)
    exits = tuple((exit, left - lots if exit == id else left) for exit, left in guard.exits)
    return replace(
        guard,
        held=guard.held + lots,
        live=tuple(one for one in live if one.lots),
        exits=tuple(one for one in exits if one[1]),
    )


def accepted(guard: Guard, id: str) -> Guard:
    """After the venue accepted a protection."""
    stands = tuple(
        replace(one, status="ACCEPTED") if one.id == id and one.status == "SENT" else one for one in guard.live
    )
    return replace(guard, live=stands)


def refused(guard: Guard, id: str) -> Guard:
    """After the venue refused an order: the whole position leaves (L19)."""
    return replace(ended(guard, id), refusals=guard.refusals + 1)


def ended(guard: Guard, id: str) -> Guard:
    """After an order ended, whatever for."""
    return replace(
        guard,
        live=tuple(one for one in guard.live if one.id != id),
        exits=tuple(one for one in guard.exits if one[0] != id),
    )


def _protected(guard: Guard, leaving: int) -> tuple[Guard, Commands]:
    """Protection of what is held beyond the lots that are leaving."""
    good = tuple(one for one in guard.live if one.stop == guard.stop and one.status != "CANCELLING")
    others = tuple(one for one in guard.live if one not in good)
    if guard.stop is None:
        return _cancelled(guard, guard.live)
    need = -(guard.held + leaving) - sum(one.lots for one in good)
    if need * _sign(guard) < 0:  # more than the position: a venue that caps it sells no more than that
        return (guard, ()) if guard.capped else _cancelled(guard, guard.live)
    if guard.refusals and guard.capped:
        return guard, ()  # what stands may stay while the position leaves
    if need == 0:
        stands = all(one.status == "ACCEPTED" for one in good)
        return _cancelled(guard, others) if stands else (guard, ())
    if others and not guard.capped:
        return _cancelled(guard, others)
    if any(one.status == "SENT" for one in guard.live):
        return guard, ()
    guard, order = _made(guard, need, guard.stop)
    live = (*guard.live, Protective(order.id, order.lots, guard.stop or 0.0))
    return replace(guard, live=live), (Submit(order),)


def _cancelled(guard: Guard, which: tuple[Protective, ...]) -> tuple[Guard, Commands]:
    """Ask once for the end of each of these."""
    ask = {one.id for one in which if one.status != "CANCELLING"}
    live = tuple(replace(one, status="CANCELLING") if one.id in ask else one for one in guard.live)
    return replace(guard, live=live), tuple(Cancel(one.id) for one in guard.live if one.id in ask)


def _made(guard: Guard, lots: int, stop: float | None) -> tuple[Guard, Order]:
    """A reduce-only order: a stop, or at the market, which its sender collars (``execution.collar``)."""
    text = f"{guard.symbol}|{guard.session}|protective|{guard.made}"
    id = hashlib.sha256(text.encode()).hexdigest()[:32]
    order = Order(
        id, guard.session, guard.symbol, lots, True, guard.reference, "market" if stop is None else "stop", stop=stop,
        time_in_force="day" if stop is None else "gtc",
    )  # fmt: skip
    return replace(guard, made=guard.made + 1), order


def _sign(guard: Guard) -> int:
    """Sign of an order that reduces the position."""
    return -1 if guard.held > 0 else 1

"""The limit that an order may not pass, by the market of now and the time it has been working (X4, L12, L20)."""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from plimsoll.core.order import Order
from plimsoll.core.policy import ExecutionPolicy
from plimsoll.core.quantity import ONE
from plimsoll.execution.order_filters import tick_at

Ticks = tuple[tuple[int, int], ...]


def collar(reduce_only: bool, waited: float, policy: ExecutionPolicy) -> float | None:
    """Distance from the mid that an order may pay after ``waited`` seconds; None for a market order.

    One that adds keeps its first; one that only reduces widens, and then goes at any price. After a stop's trigger the
    time counts from the trigger.

    >>> [collar(True, t, ExecutionPolicy()) for t in (0, 59, 60, 120, 180)]
    [0.001, 0.001, 0.005, 0.02, None]
    """
    if not reduce_only:
        return policy.entry_collar
    rung = int(waited // policy.exit_seconds)
    return policy.exit_collars[rung] if rung < len(policy.exit_collars) else None


def on_tick(price: float, buys: bool, ticks: Ticks) -> float:
    """A price on its own level's tick, a purchase rounded down and a sale up, so that no rounding passes the collar."""
    scaled = round(price * ONE)
    tick = tick_at(ticks, scaled)
    if not tick:
        return price
    return (scaled // tick if buys else -(-scaled // tick)) * tick / ONE


def collared(order: Order, mid: float, waited: float, policy: ExecutionPolicy, ticks: Ticks = ()) -> Order:
    """The order as it may be sent now: with the limit of its collar, or a market order once that has run out.

    It has its own id still: what replaces an order that was sent is ``replacement``.
    """
    distance = collar(order.reduce_only, waited, policy)
    if distance is None:
        return replace(order, type="market", limit=None, stop=None)
    buys = order.lots > 0
    limit = on_tick(mid * (1.0 + (distance if buys else -distance)), buys, ticks)
    return replace(order, type="limit", limit=limit, stop=None)


def replacement(order: Order, left: int) -> Order:
    """What takes an ended order's place: of the next generation, for the rest that the ledger says (L13)."""
    generation = order.generation + 1
    id = hashlib.sha256(f"{order.id}|generation|{generation}".encode()).hexdigest()[:32]
    return replace(order, id=id, lots=left, generation=generation, parent=order.parent or order.id)

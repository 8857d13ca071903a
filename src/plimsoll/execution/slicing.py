"""Parts of a large order, sent one after another (X4). No part leaves a rest below the smallest order (L18)."""

from __future__ import annotations

import hashlib
from math import ceil, isfinite

from msgspec.structs import replace

from plimsoll.core.order import Order
from plimsoll.core.policy import ExecutionPolicy


def slices(value: float, adv: float, policy: ExecutionPolicy) -> int:
    """How many parts an order of ``value`` USD has in a symbol of so much average daily volume, USD.

    One for each started ``split_value``, or ``split_adv`` of ADV where that is less, at most ``slices_most``. Where ADV
    is unknown the value alone decides.
    """
    each = min(policy.split_value, policy.split_adv * adv) if isfinite(adv) and adv > 0.0 else policy.split_value
    if not isfinite(value) or each <= 0.0:
        return policy.slices_most
    return min(max(ceil(value / each), 1), policy.slices_most)


def next_lots(left: int, parts: int, least: int, step: int = 1) -> int:
    """Lots of the next part, signed like ``left``, where ``parts`` are still to be sent.

    A part is at least ``least`` lots in whole steps, and so is what stays after it, or nothing stays. What cannot be
    divided goes as a whole, also where it is below the least: there is no other way out.
    """
    size, least = abs(left), max(least, 1)
    least = -(-least // step) * step
    part = max(-(-size // max(parts, 1) // step) * step, least)
    if parts <= 1 or size - part < least:
        part = size
    return part if left > 0 else -part


def part_of(order: Order, lots: int, number: int) -> Order:
    """A child of an order: its id follows from its parent's and its number, so that a restart makes the same one."""
    id = hashlib.sha256(f"{order.id}|slice|{number}".encode()).hexdigest()[:32]
    return replace(order, id=id, lots=lots, parent=order.id, part=number)


def sellable(held: int, lots: int, least: int) -> int:
    """Lots of a reduction by ``lots`` (signed) that leaves no position which no order can close (L18).

    Where less than the smallest order would stay, all of it goes. Never beyond zero.
    """
    if held * lots >= 0:
        return 0
    size = min(abs(lots), abs(held))
    if 0 < abs(held) - size < least:
        size = abs(held)
    return size if lots > 0 else -size


def due(began: int, number: int, policy: ExecutionPolicy) -> int:
    """When a part is to be sent, microseconds, the first (0) at once."""
    return began + number * policy.slice_seconds * 1_000_000

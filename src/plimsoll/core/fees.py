"""Fees taken in units of what was executed, and money finer than a cent: exact sums of both (X3, L7, L8)."""

from __future__ import annotations

CENT = 10**10
"""A cent in 1e-12 USD."""


def lots_taken(before: int, amount: int, lot: int) -> int:
    """Whole lots that a fee takes where ``before`` was charged already, all in 1e-12 units.

    What is held is whole lots of what is there after all fees: however small each is, their sum decides, in any order.

    >>> lots_taken(0, 1, 100), lots_taken(1, 98, 100), lots_taken(99, 2, 100)
    (1, 0, 1)
    """
    return -(-(before + amount) // lot) + -before // lot


def whole_cents(rest: int, spent: int) -> tuple[int, int]:
    """Further whole cents that are spent, and the rest below a cent that stays, where ``spent`` is taken from ``rest``.

    >>> whole_cents(0, 1), whole_cents(CENT - 1, -1)
    ((1, 9999999999), (-1, 0))
    """
    carried, left = divmod(rest - spent, CENT)
    return -carried, left

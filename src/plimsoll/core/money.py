"""Exact money and quantities (U8): cents and lots are integers; Decimal parses external input."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError

if TYPE_CHECKING:  # the governor imports this module and needs no numpy
    import numpy as np
    from numpy.typing import NDArray


def cents(text: str | int | float) -> int:
    """Whole cents of an amount in dollars, half to even.

    >>> cents("1250.755")
    125076
    """
    try:
        amount = Decimal(str(text))
        return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    except (InvalidOperation, ValueError, OverflowError):
        raise InputError(f"{text!r} is not an amount of money", "Give dollars, for example 100000.00") from None


def dollars(amount: int) -> str:
    """Text of whole cents.

    >>> dollars(-125076)
    '-1250.76'
    """
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def notional_cents(lots: int, lots_per_unit: int, price: float) -> int:
    """Signed value of a quantity at a price, whole cents, half to even."""
    return round(lots * price * 100.0 / lots_per_unit)


def values_cents(
    lots: NDArray[np.int64], lots_per_unit: NDArray[np.int64], prices: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(n,) values of (n,) quantities at finite prices, whole cents, half to even."""
    return (lots * prices * 100.0 / lots_per_unit).round().astype("int64")

"""Quantities and prices as whole numbers of 1e-12, parsed and printed as exact decimals (U8, H2).

Twelve decimals represent every tick and smallest quantity of the traded venues, crypto included, so that the product of
a quantity and a price, a value, is exact in 1e-24 USD however an order is filled in parts.
"""

from __future__ import annotations

import re
from fractions import Fraction

from plimsoll.core.errors import InputError

DECIMALS = 12
ONE: int = 10**DECIMALS
"""One unit, and one USD of a price."""
CENT: int = ONE * ONE // 100
"""A cent as a value."""
_PLAIN = re.compile(r"(\d{1,15})(?:\.(\d{1,18}))?", re.ASCII)
_ZERO = re.compile(r"0{1,15}(?:\.0{1,18})?", re.ASCII)
_RATIO_DENOMINATOR_MAX = 10_000
_SHOWN_MAX = 40  # characters of a wrong value in an error


def parsed(value: object, name: str, *, exact: bool, up: bool = False) -> int:
    """A positive plain decimal as a whole number of 1e-12.

    Further decimals are an error where it must be ``exact``, else they are rounded down, or ``up``. ``InputError``
    for any other text.

    >>> parsed("0.00001234", "bid", exact=True)
    12340000
    """
    found = _PLAIN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InputError(f"{name} must be a positive plain decimal such as 400.02, not {shown(value)}")
    decimals = (found[2] or "").rstrip("0")
    rest = decimals[DECIMALS:]
    if exact and rest:
        raise InputError(f"{name} has more than {DECIMALS} decimals: {shown(value)}")
    scaled = int(found[1] + decimals[:DECIMALS].ljust(DECIMALS, "0")) + bool(rest and up)
    if scaled == 0:
        raise InputError(f"{name} must be positive, not {shown(value)}")
    return scaled


def signed(value: object, name: str) -> int:
    """An exact decimal that may be negative or zero, as a whole number of 1e-12.

    >>> signed("-0.5", "qty"), signed("0.00", "qty")
    (-500000000000, 0)
    """
    if isinstance(value, str) and value.startswith("-"):
        return -_from_zero(value[1:], name)
    return _from_zero(value, name)


def _from_zero(value: object, name: str) -> int:
    """An exact decimal from zero up."""
    if isinstance(value, str) and _ZERO.fullmatch(value):
        return 0
    return parsed(value, name, exact=True)


def plain(value: int) -> str:
    """A whole number of 1e-12 as a decimal without trailing zeros.

    >>> plain(-1_500_000_000_000)
    '-1.5'
    """
    whole, part = divmod(abs(value), ONE)
    text = f"{whole}.{part:0{DECIMALS}d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


def shown(value: object) -> str:
    """A wrong value for an error message: in ASCII, at most 40 characters."""
    text = ascii(str(value) if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


def split_ratio(stored: float) -> Fraction:
    """New units for each old one, exactly: a split stored as 0.3333333 is one for three, so that lots come out whole.

    >>> 100 * split_ratio(1.15), 3 * split_ratio(0.3333333)
    (Fraction(115, 1), Fraction(1, 1))
    """
    return Fraction(stored).limit_denominator(_RATIO_DENOMINATOR_MAX)

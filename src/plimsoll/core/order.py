"""Orders and what comes back (X2, X3)."""

from __future__ import annotations

import hashlib

import msgspec


class Intent(msgspec.Struct, frozen=True):
    """An order the journal holds before any venue sees it. ``lots`` is signed; negative sells."""

    id: str
    session: str
    symbol: str
    lots: int
    reduce_only: bool
    reference: float  # the decision session's close, traded price


class Fill(msgspec.Struct, frozen=True):
    """An execution. Money in whole cents: ``notional`` is signed like ``lots`` at the fill price, the three costs
    are positive; slippage and impact are already inside the price and are stated for attribution.
    """

    id: str
    execution: str
    session: str
    symbol: str
    lots: int
    price: float
    notional: int
    commission: int
    slippage: int
    impact: int
    reason: str = "ORDER"


def client_id(account: str, session: str, symbol: str, side: str, part: int = 0, generation: int = 0) -> str:
    """The id an order has for ever: a hash of what it is, never random (X2); 32 characters."""
    text = f"{account}|{session}|{symbol}|{side}|{part}|{generation}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]

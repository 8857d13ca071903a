"""An account at a venue: executions, corrections, busts and fees, each booked once, and what they add up to (X3).

Quantities and money are whole numbers: of lots and cents, or of 1e-12 units and 1e-24 USD (``core.quantity``), as who
keeps the ledger says. Nothing is rounded here, however an order is filled in parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

Key = tuple[str, str, str]  # venue, symbol, execution


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An execution: ``quantity`` signed, ``value`` what it cost at its price, signed alike, ``fee`` paid beside it."""

    key: Key
    order: str
    quantity: int
    value: int
    fee: int = 0
    currency: str = "USD"


class Ledger:
    """Cash by currency and quantities by symbol: what it began with and was ``paid``, less the executions that stand
    and the fees told apart from them.
    """

    def __init__(self, cash: Mapping[str, int], held: Mapping[str, int] | None = None) -> None:
        self._cash, self._held = defaultdict(int, cash), defaultdict(int, held or {})
        self._entries: dict[Key, LedgerEntry | None] = {}
        self._fees: set[tuple[str, str]] = set()

    def cash(self, currency: str = "USD") -> int:
        """Money of a currency."""
        return self._cash[currency]

    def held(self, symbol: str) -> int:
        """Quantity of a symbol, signed."""
        return self._held[symbol]

    @property
    def holdings(self) -> dict[str, int]:
        """Every quantity that is not zero."""
        return {symbol: held for symbol, held in self._held.items() if held}

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """The executions that stand, oldest first."""
        return tuple(entry for entry in self._entries.values() if entry is not None)

    def fill(self, entry: LedgerEntry) -> bool:
        """Book an execution; False where it is booked, or was taken back."""
        if entry.key in self._entries:
            return False
        self._entries[entry.key] = entry
        self._book(entry, 1)
        return True

    def correct(self, key: Key, entry: LedgerEntry | None) -> bool:
        """Let ``entry`` stand in the place of an execution, None where it never was; False where that was said already.

        It may be said before the execution is, which is then not booked.
        """
        stands = self._entries.get(key)
        if key in self._entries and (stands is None or stands == entry):
            return False
        if stands is not None:
            self._book(stands, -1)
        self._entries[key] = None
        if entry is not None and self._entries.get(entry.key) is None:
            self._entries[entry.key] = entry
            self._book(entry, 1)
        return True

    def fee(self, of: str, source: str, amount: int, currency: str = "USD") -> bool:
        """Book a fee that ``source`` reports of an execution or order; False where it is booked."""
        if (source, of) in self._fees:
            return False
        self._fees.add((source, of))
        self._cash[currency] -= amount
        return True

    def paid(self, amount: int, currency: str = "USD") -> None:
        """Book income or a payment that is no execution: a dividend, interest, a transfer."""
        self._cash[currency] += amount

    def restated(self, symbol: str, held: int) -> None:
        """Let a quantity be another one that cost nothing: a split."""
        self._held[symbol] = held

    def _book(self, entry: LedgerEntry, sign: int) -> None:
        self._held[entry.key[1]] += sign * entry.quantity
        self._cash[entry.currency] -= sign * (entry.value + entry.fee)

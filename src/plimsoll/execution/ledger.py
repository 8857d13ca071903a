"""An account at a venue: executions, corrections, busts and fees, each booked once, and their sums (X3).

Quantities and money are whole numbers: of lots and cents, or of 1e-12 units and 1e-24 USD (``core.quantity``); the
ledger's owner chooses. Nothing is rounded here, however an order is filled in parts. An execution is in the units of
its day: what is corrected after a split is converted by it, held still or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.core.splits import Splits, carried_over, split_of

Key = tuple[str, str, str]  # venue, symbol, execution


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An execution: ``quantity`` signed, ``value`` its cost at its price with the same sign, ``fee`` in addition."""

    key: Key
    order: str
    quantity: int
    value: int
    fee: int = 0
    currency: str = "USD"


class Ledger:
    """Cash by currency and quantities by symbol: opening balance and payments, less the valid executions and the fees
    reported separately.
    """

    def __init__(self, cash: Mapping[str, int], held: Mapping[str, int] | None = None) -> None:
        self._cash, self._held = defaultdict(int, cash), defaultdict(int, held or {})
        self._entries: dict[Key, LedgerEntry | None] = {}
        self._replaced: set[Key] = set()  # busted, or another execution stands in its place
        self._fees: set[tuple[str, str]] = set()
        self._splits: dict[str, Splits] = {}  # by symbol; the n-th has the "session" n
        self._since: dict[Key, str] = {}  # how many splits of its symbol an execution is later than

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
        """Valid executions, oldest first."""
        return tuple(entry for entry in self._entries.values() if entry is not None)

    def fill(self, entry: LedgerEntry) -> bool:
        """Book an execution; False if it is booked already or was busted."""
        if entry.key in self._entries:
            return False
        self._entries[entry.key] = entry
        self._since[entry.key] = _nth(len(self._splits.get(entry.key[1], ())))
        self._book(entry, 1)
        return True

    def correct(self, key: Key, entry: LedgerEntry | None) -> bool:
        """Replace an execution by ``entry``, None for a bust; False if that is booked already.

        It may arrive before the execution, which is then not booked, and a chain of corrections from its end.
        """
        replaced = entry is None or entry.key != key
        stands = self._entries.get(key)
        if key in self._replaced or (not replaced and stands == entry):
            return False
        if stands is not None:
            self._book(stands, -1)
        self._entries[key] = None
        if replaced:
            self._replaced.add(key)
        if entry is not None and entry.key not in self._replaced and self._entries.get(entry.key) is None:
            self._entries[entry.key] = entry
            self._since.setdefault(entry.key, self._since.get(key, _nth(len(self._splits.get(key[1], ())))))
            self._book(entry, 1)
        return True

    def fee(self, of: str, source: str, amount: int, currency: str = "USD") -> bool:
        """Book a fee that ``source`` reports for an execution or order; False if it is booked already."""
        if (source, of) in self._fees:
            return False
        self._fees.add((source, of))
        self._cash[currency] -= amount
        return True

    def paid(self, amount: int, currency: str = "USD") -> None:
        """Book income or a payment without an execution: a dividend, interest, a transfer."""
        self._cash[currency] += amount

    def restated(self, symbol: str, held: int, ratio: float = 1.0) -> None:
        """Change a quantity without cost: a split by its stored ``ratio``, after which ``held`` are left."""
        if ratio != 1.0:
            known = self._splits.get(symbol, ())
            self._splits[symbol] = (*known, split_of(_nth(len(known) + 1), self._held[symbol], ratio, held))
        self._held[symbol] = held

    def _book(self, entry: LedgerEntry, sign: int) -> None:
        symbol, quantity = entry.key[1], sign * entry.quantity
        if splits := self._splits.get(symbol):
            quantity, self._splits[symbol] = carried_over(splits, self._since[entry.key], quantity)
        self._held[symbol] += quantity
        self._cash[entry.currency] -= sign * (entry.value + entry.fee)


def _nth(count: int) -> str:
    return f"{count:09d}"

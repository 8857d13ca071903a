"""Executions booked on an account: none is booked twice, each can be corrected or busted (X3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from plimsoll.core.events import FeeReported
from plimsoll.core.order import Fill

Key = tuple[str, str]
"""Symbol and execution id, since some venues count executions by symbol; of a fee ``fee_key``."""
Entry = Fill | FeeReported | None


def fee_key(fee: FeeReported) -> Key:
    """A source reports one fee of an execution or order."""
    return f"fee {fee.source}", fee.of


@dataclass(frozen=True, slots=True, eq=False)
class ExecutionBook:
    """Executions by symbol and id; None for one that was busted or replaced.

    An immutable value: adding returns a new one. Both share their common entries (entries are only ever appended, and
    each value sees its own first ``count``), so that a run of any length adds one in constant time.
    """

    count: int = 0
    _entries: dict[Key, tuple[int, Entry]] = field(default_factory=dict)

    def __contains__(self, key: Key) -> bool:
        found = self._entries.get(key)
        return found is not None and found[0] < self.count

    def get(self, key: Key) -> Fill | None:
        """The execution as corrected; None where it was busted or never booked."""
        found = self._entries[key][1] if key in self else None
        return found if isinstance(found, Fill) else None

    def added(self, entry: Fill | FeeReported) -> ExecutionBook:
        """With one more. ``ValueError`` for one that is booked already."""
        key = (entry.symbol, entry.execution) if isinstance(entry, Fill) else fee_key(entry)
        if key in self:
            raise ValueError(f"execution {key[1]} of {key[0]} is booked")
        entries = self._entries if len(self._entries) == self.count else self._own()
        entries[key] = (self.count, entry)
        return ExecutionBook(self.count + 1, entries)

    def corrected(self, key: Key, fill: Fill | None) -> ExecutionBook:
        """With ``fill`` in place of the execution ``key``, None for a bust.

        Also where ``key`` is not booked: a correction may arrive before the execution, which is then not booked.
        """
        entries = self._own()
        for at, stands in ((key, None), ((fill.symbol, fill.execution), fill) if fill is not None else (key, None)):
            entries[at] = (entries[at][0] if at in entries else len(entries), stands)
        return ExecutionBook(len(entries), entries)

    def _own(self) -> dict[Key, tuple[int, Entry]]:
        return {key: entry for key, entry in self._entries.items() if entry[0] < self.count}

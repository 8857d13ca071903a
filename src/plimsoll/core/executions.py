"""Executions that an account has booked: none is booked twice, each can be corrected or busted (X3)."""

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
    """ExecutionBook by symbol and id as they stand; None stands for one that was busted, or gave way to another.

    A value: adding gives another one and leaves this as it was. Both share what they have in common (entries are only
    ever appended, and each value sees its own first ``count``), so that a run of any length adds one in constant time.
    """

    count: int = 0
    _entries: dict[Key, tuple[int, Entry]] = field(default_factory=dict)

    def __contains__(self, key: Key) -> bool:
        found = self._entries.get(key)
        return found is not None and found[0] < self.count

    def get(self, key: Key) -> Fill | None:
        """The execution as it stands; None where it was busted or never booked."""
        found = self._entries[key][1] if key in self else None
        return found if isinstance(found, Fill) else None

    def added(self, entry: Fill | FeeReported) -> ExecutionBook:
        """With one more. ``ValueError`` for one that is there: it would be booked twice."""
        key = (entry.symbol, entry.execution) if isinstance(entry, Fill) else fee_key(entry)
        if key in self:
            raise ValueError(f"execution {key[1]} of {key[0]} is booked")
        entries = self._entries if len(self._entries) == self.count else self._own()
        entries[key] = (self.count, entry)
        return ExecutionBook(self.count + 1, entries)

    def corrected(self, key: Key, fill: Fill | None) -> ExecutionBook:
        """With ``fill`` in the place of the execution ``key``, None where it never was.

        Also where ``key`` is not booked: a correction may come before what it corrects, which is then not booked.
        """
        entries = self._own()
        for at, stands in ((key, None), ((fill.symbol, fill.execution), fill) if fill is not None else (key, None)):
            entries[at] = (entries[at][0] if at in entries else len(entries), stands)
        return ExecutionBook(len(entries), entries)

    def _own(self) -> dict[Key, tuple[int, Entry]]:
        return {key: entry for key, entry in self._entries.items() if entry[0] < self.count}

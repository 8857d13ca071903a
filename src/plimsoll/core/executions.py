"""The executions an account has booked, so that none is booked twice, and each can be corrected or busted (X3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from plimsoll.core.order import Fill

Key = tuple[str, str]  # symbol and execution id: some venues count executions by symbol


@dataclass(frozen=True, slots=True, eq=False)
class ExecutionBook:
    """ExecutionBook by symbol and id as they stand; None stands for one that was busted, or gave way to another.

    A value: adding gives another one and leaves this as it was. Both share what they have in common (entries are only
    ever appended, and each value sees its own first ``count``), so that a run of any length adds one in constant time.
    """

    count: int = 0
    _entries: dict[Key, tuple[int, Fill | None]] = field(default_factory=dict)

    def __contains__(self, key: Key) -> bool:
        found = self._entries.get(key)
        return found is not None and found[0] < self.count

    def get(self, key: Key) -> Fill | None:
        """The execution as it stands; None where it was busted or never booked."""
        return self._entries[key][1] if key in self else None

    def added(self, fill: Fill) -> ExecutionBook:
        """With one more. ``ValueError`` for one that is there: it would be booked twice."""
        key = (fill.symbol, fill.execution)
        if key in self:
            raise ValueError(f"execution {fill.execution} of {fill.symbol} is booked")
        entries = self._entries if len(self._entries) == self.count else self._own()
        entries[key] = (self.count, fill)
        return ExecutionBook(self.count + 1, entries)

    def corrected(self, key: Key, fill: Fill | None) -> ExecutionBook:
        """With ``fill`` in the place of the execution ``key``, None where it never was.

        Also where ``key`` is not booked: a correction may come before what it corrects, which is then not booked.
        """
        entries = self._own()
        for at, stands in ((key, None), ((fill.symbol, fill.execution), fill) if fill is not None else (key, None)):
            entries[at] = (entries[at][0] if at in entries else len(entries), stands)
        return ExecutionBook(len(entries), entries)

    def _own(self) -> dict[Key, tuple[int, Fill | None]]:
        return {key: entry for key, entry in self._entries.items() if entry[0] < self.count}

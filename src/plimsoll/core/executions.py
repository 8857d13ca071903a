"""Executions that an account has booked: none is booked twice, each can be corrected or busted (X3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from plimsoll.core.events import FeeReported, FillCorrected
from plimsoll.core.order import Fill

Key = tuple[str, str]
"""Symbol and execution id, since some venues count executions by symbol; of a fee ``fee_key``."""


class KnownExecution(NamedTuple):
    """What is known of an execution: ``content`` as first told, None before that; ``by`` what corrected it last."""

    content: Fill | FeeReported | None
    by: FillCorrected | None = None


def fee_key(fee: FeeReported) -> Key:
    """A source reports one fee of an execution or order."""
    return f"fee {fee.source}", fee.of


def new_key(event: FillCorrected) -> Key | None:
    """The execution that stands after a correction; None after a bust."""
    return None if event.fill is None else (event.fill.symbol, event.fill.execution)


def supersedes(event: FillCorrected, before: FillCorrected | None) -> bool:
    """Whether a correction counts although its execution was corrected ``before``, in whichever order the two arrive.

    A correction in place (under the same id) gives way to one of a higher ``number``, to a bust and to another
    execution; these two are final.
    """
    key = (event.symbol, event.execution)
    if before is None:
        return True
    return new_key(before) == key and (new_key(event) != key or event.number > before.number)


@dataclass(frozen=True, slots=True, eq=False)
class ExecutionBook:
    """Executions by symbol and id as they stand.

    What stands is a function of what was told, whatever the order: a chain of corrections may arrive from its end.

    A value: adding gives another one and leaves this as it was. Both share what they have in common (entries are only
    ever appended, and each value sees its own first ``count``), so that a run of any length adds one in constant time.
    """

    count: int = 0
    _entries: dict[Key, tuple[int, KnownExecution]] = field(default_factory=dict)

    def __contains__(self, key: Key) -> bool:
        found = self._entries.get(key)
        return found is not None and found[0] < self.count

    def told(self, key: Key) -> KnownExecution | None:
        """What is known of an execution or a fee; None where nothing is."""
        return self._entries[key][1] if key in self else None

    def get(self, key: Key) -> Fill | None:
        """The execution as it stands; None where it was busted, gave way to another or was never booked."""
        found = self.told(key)
        if found is None:
            return None
        if found.by is not None:
            return found.by.fill if new_key(found.by) == key else None
        return found.content if isinstance(found.content, Fill) else None

    def added(self, entry: Fill | FeeReported) -> ExecutionBook:
        """With one more. ``ValueError`` for one that is there: it would be booked twice."""
        key = (entry.symbol, entry.execution) if isinstance(entry, Fill) else fee_key(entry)
        if key in self:
            raise ValueError(f"execution {key[1]} of {key[0]} is booked")
        entries = self._entries if len(self._entries) == self.count else self._own()
        entries[key] = (self.count, KnownExecution(entry))
        return ExecutionBook(self.count + 1, entries)

    def corrected(self, event: FillCorrected) -> ExecutionBook:
        """With a correction, also of an execution that is not booked, which is then not booked when it comes."""
        entries, key, at = self._own(), (event.symbol, event.execution), new_key(event)
        number, found = entries.get(key, (len(entries), KnownExecution(None)))
        entries[key] = (number, found._replace(by=event))
        if at is not None and at != key:
            number, found = entries.get(at, (len(entries), KnownExecution(None)))
            entries[at] = (number, found if found.content is not None else found._replace(content=event.fill))
        return ExecutionBook(len(entries), entries)

    def replaced(self, after: ExecutionBook, event: FillCorrected) -> list[tuple[Fill | None, Fill | None]]:
        """What stood and what stands instead, for each execution whose standing a correction changes."""
        key, at = (event.symbol, event.execution), new_key(event)
        pairs = [(self.get(one), after.get(one)) for one in ((key,) if at in (None, key) else (key, at))]
        return [(before, now) for before, now in pairs if before != now]

    def leads_to(self, key: Key | None, end: Key) -> bool:
        """Whether the corrections that are known lead from one execution to another."""
        while key is not None and key != end:
            found = self.told(key)
            after = None if found is None or found.by is None else new_key(found.by)
            key = None if after == key else after
        return key is not None

    def _own(self) -> dict[Key, tuple[int, KnownExecution]]:
        return {key: entry for key, entry in self._entries.items() if entry[0] < self.count}

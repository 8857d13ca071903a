"""A governor's store in memory whose process ends before or after a write (H2)."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.core.ports import Conflict, Row
from plimsoll.core.ports import Fact as Text
from plimsoll.store.governor_memory import MemoryStateStore

Rows = dict[tuple[str, str], str]
FACTS = ("intent", "exec", "closed", "move", "fact", "snapshot")  # kinds of rows that are looked up, never loaded


class PowerCut(Exception):
    """The process ended here."""


class Disk(MemoryStateStore):
    """A store that can be cut off ``before`` or ``after`` its next write, begun with what another one holds."""

    def __init__(self, rows: Rows | None = None) -> None:
        super().__init__()
        self.cut = ""
        held = [(*at, text) for at, text in (rows or {}).items()]
        self.write([row for row in held if row[0] not in FACTS], [row for row in held if row[0] in FACTS])

    @property
    def rows(self) -> Rows:
        return self.account.state | self.account.facts

    def write(self, state: Sequence[Row], facts: Sequence[Text] = (), new: Sequence[Text] = ()) -> Conflict | None:
        if self.cut == "before" and (state or facts or new):
            raise PowerCut
        found = super().write(state, facts, new)
        if self.cut == "after" and found is None and (state or facts or new):
            raise PowerCut
        return found

"""The governor's account in memory, behind ``core.ports.StateStore``: for simulations, and the model of the shared
store that tests hold the real ones against (H6, H8). Nothing survives the process.
"""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.core.ports import Conflict, Fact, Row


class MemoryAccount:
    """What the stores of one account share: its state, facts and every change of the state, by version."""

    def __init__(self) -> None:
        self.state: dict[tuple[str, str], str] = {}
        self.facts: dict[tuple[str, str], str] = {}
        self.changes: list[tuple[Row, ...]] = []


class MemoryStateStore:
    """One writer's store. Writers that were given the same account share it."""

    def __init__(self, account: MemoryAccount | None = None) -> None:
        self.account = MemoryAccount() if account is None else account
        self.seen = 0

    def load(self) -> list[Row]:
        """The whole state."""
        self.seen = len(self.account.changes)
        return [(kind, key, text) for (kind, key), text in self.account.state.items()]

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none."""
        return self.account.facts.get((kind, key))

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Write everything or nothing; what another writer did since, or facts that are not new, stand against it."""
        shared = self.account
        standing = {(kind, key): shared.facts[kind, key] for kind, key, _ in new if (kind, key) in shared.facts}
        behind = shared.changes[self.seen :]
        if behind or standing:
            self.seen = len(shared.changes)
            return Conflict([row for change in behind for row in change], standing=standing)
        for kind, key, text in state:
            if text is None:
                shared.state.pop((kind, key), None)
            else:
                shared.state[kind, key] = text
        shared.facts.update({(kind, key): text for kind, key, text in (*facts, *new)})
        if state:
            shared.changes.append(tuple(state))
            self.seen = len(shared.changes)
        return None
